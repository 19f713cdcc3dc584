"""What lies folded away on the page, and what a visitor sees who waits, in a real browser."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from s2f import provenance
from s2f.space.parts import FIRST_SEED
from tests.set_copies import FAIR, drawn_photo
from tests.visitors import FLAGS, face_of, leave, need_browser, served, source, tiny_face_model, visit


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("space")
    with served(home, S2F_MODEL=str(tiny_face_model(home))) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=need_browser(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chosen = os.environ.get("S2F_SHOTS")  # a folder to look at them in
    return Path(chosen) if chosen else tmp_path_factory.mktemp("shots")


@pytest.fixture
def page(browser: Browser, app: str) -> Iterator[Page]:
    """A visitor with a face, who has opened what is folded away."""
    page = visit(browser, app)
    page.get_by_role("button", name=re.compile("Example drawing")).first.click()
    expect(face_of(page)).to_be_visible()
    page.get_by_role("button", name="Advanced").click()
    yield page
    leave(page)


def expression(page: Page, name: str) -> None:
    page.get_by_role("radiogroup", name="Expression").get_by_role("radio", name=name, exact=True).click()
    expect(face_of(page)).to_have_accessible_name(re.compile(name))


def fetched(page: Page, address: str | None) -> bytes:
    assert address
    return page.request.get(address).body()


def test_an_animation_as_film_and_as_gif(page: Page, shots: Path) -> None:
    page.get_by_role("tab", name="Animation").click()
    make = page.get_by_role("button", name="Make an animation")
    make.click()
    expect(page.get_by_text("An animation moves to an expression")).to_be_visible()
    expression(page, "happy")
    make.click()
    film = page.locator("video").first
    expect(film).to_have_attribute("src", re.compile(r"\.mp4"))
    found = provenance.read(fetched(page, film.get_attribute("src")))
    assert found is not None
    assert set(found.facts.models) == {"drawer", "editor"}
    page.screenshot(path=shots / "film.png", full_page=True)
    page.get_by_role("radio", name="GIF").check()
    make.click()
    moving = page.locator("img[src*='.gif']")
    expect(moving).to_be_visible()
    expect(film).to_have_count(0)
    data = fetched(page, moving.get_attribute("src"))
    assert Image.open(io.BytesIO(data)).n_frames >= 12
    assert provenance.read(data) is not None
    page.screenshot(path=shots / "gif.png", full_page=True)


def test_a_preset_is_saved_and_comes_back(page: Page, tmp_path: Path, shots: Path) -> None:
    expression(page, "sad")
    blend = page.get_by_role("group", name="Blend of expressions")
    blend.get_by_role("slider", name="angry").fill("0.6")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as preset").click()
    kept = tmp_path / "preset.json"
    download.value.save_as(kept)
    assert json.loads(kept.read_text())["classes"] == {"sad": 1.0, "angry": 0.6}
    page.screenshot(path=shots / "preset.png", full_page=True)
    expression(page, "happy")
    blend.get_by_role("slider", name="angry").fill("0")
    load = page.locator("input[type=file][accept*=json]")
    load.set_input_files(kept)
    expect(blend.get_by_role("slider", name="angry")).to_have_value("0.6")
    expect(blend.get_by_role("slider", name="sad")).to_have_value("1")
    expect(page.get_by_role("combobox", name="Expression")).to_have_value("as drawn")
    strip = page.get_by_role("radiogroup", name="Expression")
    expect(strip.get_by_role("radio", checked=True)).to_have_count(0)
    page.get_by_role("combobox", name="Expression").click()
    page.get_by_role("option", name="fearful").click()
    expect(strip.get_by_role("radio", name="fearful")).to_be_checked()
    wrong = tmp_path / "wrong.json"
    wrong.write_text(kept.read_text().replace("sad", "joyous"))
    load.set_input_files(wrong)
    expect(page.get_by_text(re.compile("joyous"))).to_be_visible()


def test_enhancing_shows_how_much_before_and_after_and_how_far(page: Page, shots: Path) -> None:
    plain = source(face_of(page))
    assert plain
    compare = page.get_by_role("button", name="Compare")
    expect(compare).to_have_count(0)
    strength = page.get_by_role("slider", name=re.compile("How much it is enhanced"))
    expect(strength).to_have_count(0)
    page.get_by_role("radio", name="Quick").check()
    expect(page.get_by_text(re.compile(r"Moved by enhancing: skin ΔE .*, identity"))).to_be_visible()
    full = source(face_of(page))
    assert full != plain
    compare.click()
    before = page.get_by_role("img", name="As it was before")
    expect(before).to_have_attribute("src", plain)
    line = page.get_by_role("slider", name="Before and after")
    expect(line).to_have_value("50")
    box = line.bounding_box()
    assert box
    line.click(position={"x": 0.25 * box["width"], "y": 0.5 * box["height"]})
    assert 20 < int(line.input_value()) < 30
    page.keyboard.press("ArrowRight")
    page.screenshot(path=shots / "compare.png", full_page=True)
    strength.fill("0.5")
    expect(face_of(page)).not_to_have_attribute("src", full)
    page.get_by_role("radio", name="Off").check()
    expect(face_of(page)).to_have_attribute("src", plain)
    expect(strength).to_have_count(0)
    expect(compare).to_have_count(0)


def test_other_faces_of_one_drawing_and_one_of_them_taken(page: Page, shots: Path) -> None:
    first = source(face_of(page))
    page.get_by_role("tab", name="Variations").click()
    page.get_by_role("button", name="Show more faces").click()
    others = page.get_by_role("radiogroup", name="Variations").get_by_role("radio")
    expect(others).to_have_text([f"seed {FIRST_SEED + n}" for n in (1, 2, 3, 4)])
    page.screenshot(path=shots / "variations.png", full_page=True)
    others.nth(2).click()
    expect(page.get_by_role("spinbutton", name="Seed")).to_have_value(str(FIRST_SEED + 3))
    expect(face_of(page)).not_to_have_attribute("src", first)


def test_left_and_right_of_a_muscle_move_together_until_they_are_set_apart(page: Page) -> None:
    muscles = page.get_by_role("group", name="Muscles of the face")
    both = muscles.get_by_role("slider", name="dimple", exact=True)
    expect(both).to_have_count(1)
    plain = source(face_of(page))
    both.fill("0.8")
    expect(face_of(page)).not_to_have_attribute("src", plain)
    muscles.get_by_role("checkbox", name="Left and right apart").check()
    left, right = (muscles.get_by_role("slider", name=f"dimple, {side}") for side in ("left", "right"))
    expect(left).to_have_value("0.8")
    left.fill("0")
    expect(right).to_have_value("0.8")
    muscles.get_by_role("checkbox", name="Left and right apart").uncheck()
    expect(both).to_have_value("0.8")


def test_a_photograph_is_changed_in_place_and_compared(
    browser: Browser, app: str, tmp_path: Path, shots: Path
) -> None:
    photo = np.full((420, 620, 3), 150, np.uint8)
    photo[80:336, 182:438] = drawn_photo(256, FAIR, 0)
    Image.fromarray(photo).save(tmp_path / "one.png")
    Image.new("RGB", (300, 200), "teal").save(tmp_path / "none.png")
    page = visit(browser, app)
    page.get_by_role("tab", name="Photo").click()
    page.screenshot(path=shots / "photo-empty.png", full_page=True)
    page.get_by_label("File upload").set_input_files(tmp_path / "one.png")
    expect(page.get_by_text("Found one face.")).to_be_visible()
    expect(page.get_by_role("img", name="The photograph, its faces happy")).to_be_visible()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("img", name="As it was before")).to_be_visible()
    page.screenshot(path=shots / "photo.png", full_page=True)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    assert download.value.suggested_filename == "s2f-photo-happy.jpg"
    found = provenance.read(Path(download.value.path()).read_bytes())
    assert found is not None
    assert set(found.facts.models) == {"editor"}
    page.get_by_role("button", name="Remove Image").click()
    expect(page.get_by_text("The photograph appears here")).to_be_visible()
    page.get_by_label("File upload").set_input_files(tmp_path / "none.png")
    expect(page.get_by_text("no face was found")).to_be_visible()
    page.screenshot(path=shots / "photo-none.png", full_page=True)
    leave(page)


def test_stop_in_the_middle_and_the_page_goes_on(page: Page) -> None:
    page.get_by_role("tab", name="Animation").click()
    expression(page, "surprised")
    before = source(face_of(page))
    page.get_by_role("button", name="Make an animation").click()
    page.get_by_role("button", name="Stop").click()  # whether it is done by then is the machine's affair
    expression(page, "fearful")
    expect(face_of(page)).not_to_have_attribute("src", before)
    page.get_by_role("button", name="Make an animation").click()
    expect(page.locator("video").first).to_have_attribute("src", re.compile(r"\.mp4"))


def test_who_finds_the_queue_full_gets_a_face_all_the_same(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, S2F_MODEL=str(tiny_face_model(tmp_path)), S2F_QUEUE="1") as address:
        pages = [visit(browser, address) for _ in range(3)]
        for n, page in enumerate(pages):
            page.get_by_role("button", name=re.compile("Example drawing")).nth(n).click()
        for page in pages:
            expect(face_of(page)).to_be_visible()  # the page asks again by itself
            leave(page)
