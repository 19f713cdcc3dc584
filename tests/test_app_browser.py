"""The page as a visitor meets it, in a real browser. Every state leaves its picture."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from s2f import provenance
from tests import conftest
from tests.visitors import (
    FLAGS,
    ROOT,
    draw_face,
    face_of,
    leave,
    need_browser,
    served,
    settled,
    source,
    stroke,
    tiny_face_model,
    visit,
)

SEVEN = ("neutral", "happy", "sad", "surprised", "angry", "disgusted", "fearful")
PASSWORD = "a long enough word"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's app keeps its things, with one account."""
    folder = tmp_path_factory.mktemp("space")
    for name in ("ada", "bob"):
        subprocess.run(
            [sys.executable, "-m", "s2f", "gallery", "user", "add", name, "--password-stdin"],
            env=os.environ | {"S2F_DATA": str(folder / "data")},
            input=PASSWORD + "\n",
            text=True,
            check=True,
            cwd=ROOT,
            capture_output=True,
        )
    return folder


@pytest.fixture(scope="module")
def app(home: Path) -> Iterator[str]:
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


def sign_in(page: Page, name: str) -> None:
    page.get_by_role("button", name="Sign in to keep faces").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("tab", name="My gallery")).to_be_visible()


def radio(page: Page, name: str) -> None:
    page.get_by_role("radiogroup", name="Expression").get_by_role("radio", name=name, exact=True).click()


def test_a_visitor_draws_sees_a_face_and_chooses_its_expression(
    browser: Browser, app: str, shots: Path
) -> None:
    page = visit(browser, app)
    page.screenshot(path=shots / "empty.png", full_page=True)
    expect(page.get_by_text("The face appears here")).to_be_visible()
    draw_face(page)
    face = face_of(page)
    expect(face).to_be_visible()
    expect(page.get_by_text("AI-generated", exact=True)).to_be_visible()
    canvas, right = (one.bounding_box() for one in (page.get_by_label("Drawing canvas"), face))
    assert canvas
    assert right
    assert canvas["x"] + canvas["width"] < right["x"]  # side by side on a desktop
    # the seven of this very person, and one of them chosen: dropdown, strip and face agree
    strip = page.get_by_role("radiogroup", name="Expression").get_by_role("radio")
    expect(strip).to_have_text(list(SEVEN))
    before = source(face)
    radio(page, "happy")
    expect(face).not_to_have_attribute("src", before)
    expect(face).to_have_accessible_name(re.compile("happy"))
    expect(page.get_by_role("combobox", name="Expression")).to_have_value("happy")
    page.screenshot(path=shots / "happy.png", full_page=True)
    leave(page)


def test_a_stroke_changes_the_face_and_undo_brings_it_back(browser: Browser, app: str) -> None:
    page = visit(browser, app)
    draw_face(page)
    face = face_of(page)
    expect(face).to_be_visible()
    first = settled(face)
    stroke(page, (0.3, 0.35), (0.45, 0.3))
    expect(face).not_to_have_attribute("src", first)
    page.get_by_role("button", name="Undo").click()
    expect(face).to_have_attribute("src", first)  # the same question, the same answer
    page.get_by_role("button", name="Redo").click()
    expect(face).not_to_have_attribute("src", first)
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("The face appears here")).to_be_visible()
    expect(page.get_by_text("Draw a face to begin.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(face).to_be_visible()
    leave(page)


def test_quick_strokes_strokes_over_the_edge_and_undo_from_anywhere(browser: Browser, app: str) -> None:
    page = visit(browser, app)
    for n in range(9):  # each sooner than a face can be there; the last one wins
        stroke(page, (0.2 + 0.06 * n, 0.15), (0.25 + 0.06 * n, 0.8))
    stroke(page, (0.3, 0.5), (-0.4, 0.6), (1.3, 1.2), (0.7, 0.5))  # out on one side, back in on the other
    draw_face(page)
    face = face_of(page)
    expect(face).to_be_visible()
    whole = settled(face)
    stroke(page, (0.2, 0.9), (0.8, 0.93))
    expect(face).not_to_have_attribute("src", whole)
    page.get_by_role("slider", name="Line width").focus()
    page.keyboard.press("Control+z")
    expect(face).to_have_attribute("src", whole)
    page.get_by_role("radio", name="any skin").focus()
    page.keyboard.press("Control+y")
    expect(face).not_to_have_attribute("src", whole)
    page.reload()  # keeps nothing
    expect(page.get_by_text("The face appears here")).to_be_visible()
    leave(page)


def test_a_finger_draws_and_a_second_one_does_not(browser: Browser, app: str) -> None:
    page = visit(browser, app, width=360, height=740)
    canvas = page.get_by_label("Drawing canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    hand = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": n}
            for n, (x, y) in enumerate(places)
        ]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    before = page.evaluate("scrollY")
    touch("touchStart", (0.5, 0.2))
    touch("touchMove", (0.3, 0.5))
    touch("touchStart", (0.3, 0.5), (0.8, 0.8))
    touch("touchMove", (0.5, 0.8), (0.9, 0.9))
    touch("touchEnd")
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    assert page.evaluate("scrollY") == before, "the page stays while a finger draws"
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()  # there was one line
    leave(page)


def test_the_look_is_asked_for_and_left_open_again(browser: Browser, app: str) -> None:
    page = visit(browser, app)
    page.get_by_role("button", name=re.compile("Example drawing")).first.click()
    face = face_of(page)
    expect(face).to_be_visible()
    open_ = source(face)
    skin = page.get_by_role("radiogroup", name="Skin")
    expect(skin.get_by_role("radio", name="any skin")).to_be_checked()
    skin.get_by_role("radio", name="deep").click()
    expect(face).not_to_have_attribute("src", open_)
    skin.get_by_role("radio", name="any skin").click()
    expect(face).to_have_attribute("src", open_)
    leave(page)


def test_every_example_becomes_a_face_and_guides_show(browser: Browser, app: str, shots: Path) -> None:
    page = visit(browser, app)
    examples = page.get_by_role("button", name=re.compile("Example drawing"))
    assert examples.count() >= 6
    seen = set()
    for n in range(examples.count()):
        before = source(face_of(page)) if n else ""
        examples.nth(n).click()
        expect(face_of(page)).not_to_have_attribute("src", before)
        seen.add(source(face_of(page)))
    assert len(seen) == examples.count()
    for name in ("Face guide", "Shadow drawings"):
        toggle = page.get_by_role("button", name=name)
        toggle.click()
        expect(toggle).to_have_attribute("aria-pressed", "true")
    page.screenshot(path=shots / "guides.png", full_page=True)
    leave(page)


def test_files_become_drawings_and_a_bad_file_is_a_sentence(
    browser: Browser, app: str, tmp_path: Path
) -> None:
    drawing, photo, bad = (tmp_path / name for name in ("drawing.png", "photo.jpg", "bad.png"))
    conftest.draw_face().save(drawing)
    Image.radial_gradient("L").convert("RGB").save(photo)
    bad.write_bytes(b"<html>no picture</html>")
    page = visit(browser, app)
    page.get_by_label("Upload a drawing").last.set_input_files(bad)
    expect(page.get_by_text("not a picture this browser can read")).to_be_visible()
    page.get_by_label("Upload a drawing").last.set_input_files(drawing)
    expect(face_of(page)).to_be_visible()
    expect(page.get_by_text("not a picture this browser can read")).to_have_count(0)
    page.get_by_label("Upload a photo").set_input_files(photo)
    expect(page.get_by_text("Turning the photo")).to_have_count(0)
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    leave(page)


def test_the_download_is_signed_and_says_what_it_is(browser: Browser, app: str, home: Path) -> None:
    page = visit(browser, app)
    page.get_by_role("button", name=re.compile("Example drawing")).first.click()
    expect(face_of(page)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    key = (home / "data" / "signing.key").read_bytes().strip()
    found = provenance.read(Path(download.value.path()).read_bytes(), key=key)
    assert found is not None
    assert found.status == "signed"
    assert set(found.facts.models) == {"drawer", "editor"}
    data = base64.b64decode(source(face_of(page)).partition(",")[2])
    assert data == Path(download.value.path()).read_bytes()
    leave(page)


def test_by_keyboard_alone(browser: Browser, app: str) -> None:
    page = visit(browser, app)
    canvas = page.get_by_label("Drawing canvas")
    for _ in range(60):
        page.keyboard.press("Tab")
        if canvas.evaluate("one => one === document.activeElement"):
            break
    expect(canvas).to_be_focused()

    def line(*moves: str) -> None:
        page.keyboard.press("Space")
        for move in moves:
            page.keyboard.press(move)
        page.keyboard.press("Space")

    up, down, left, right = ("Shift+Arrow" + way for way in ("Up", "Down", "Left", "Right"))
    for move in (up, up, up, up, left, left, left):
        page.keyboard.press(move)
    line(*[down] * 8, *[right] * 6, *[up] * 8, *[left] * 6)  # the outline
    for move in (right, down, down, down):
        page.keyboard.press(move)
    line("ArrowRight", "ArrowRight", "ArrowDown", "ArrowRight")
    for move in (right, right):
        page.keyboard.press(move)
    line("ArrowRight", "ArrowRight", "ArrowDown", "ArrowRight")
    expect(face_of(page)).to_be_visible()
    strip = page.get_by_role("radiogroup", name="Expression").get_by_role("radio")
    strip.first.focus()
    page.keyboard.press("ArrowRight")
    expect(strip.nth(1)).to_be_checked()
    expect(face_of(page)).to_have_accessible_name(re.compile("happy"))
    leave(page)


def test_two_visitors_at_once_never_see_each_other(browser: Browser, app: str) -> None:
    one, other = visit(browser, app), visit(browser, app)
    names = [re.compile("Example drawing: woman with a braid"), re.compile("Example drawing: man with neat")]
    for page, name in zip((one, other), names, strict=True):
        page.get_by_role("button", name=name).click()
    for page in (one, other):
        expect(face_of(page)).to_be_visible()
    mine, theirs = source(face_of(one)), source(face_of(other))
    assert mine != theirs
    radio(one, "sad")
    expect(face_of(one)).not_to_have_attribute("src", mine)
    assert source(face_of(other)) == theirs
    leave(one)
    leave(other)


def test_saved_faces_are_their_owners_alone(browser: Browser, app: str, shots: Path) -> None:
    ada, bob, guest = (visit(browser, app) for _ in range(3))
    for page, name in ((ada, "ada"), (bob, "bob")):
        sign_in(page, name)
    expect(guest.get_by_role("tab", name="My gallery")).to_have_count(0)
    expect(guest.get_by_role("button", name="Save to my gallery")).to_have_count(0)
    ada.get_by_role("button", name=re.compile("Example drawing")).first.click()
    expect(face_of(ada)).to_be_visible()
    radio(ada, "angry")
    expect(face_of(ada)).to_have_accessible_name(re.compile("angry"))
    kept = source(face_of(ada))
    ada.get_by_role("button", name="Save to my gallery").click()
    for page in (ada, bob):
        page.get_by_role("tab", name="My gallery").click()
    saved = ada.get_by_role("radiogroup", name="Saved faces").get_by_role("radio")
    expect(saved).to_have_count(1)
    expect(bob.get_by_role("radiogroup", name="Saved faces").get_by_role("radio")).to_have_count(0)
    ada.screenshot(path=shots / "gallery.png", full_page=True)
    # reopened as it was
    ada.get_by_role("tab", name="Draw", exact=True).click()
    radio(ada, "happy")
    expect(face_of(ada)).not_to_have_attribute("src", kept)
    ada.get_by_role("tab", name="My gallery").click()
    saved.first.click()
    ada.get_by_role("button", name="Reopen").click()  # which goes back to the page that it reopens
    expect(face_of(ada)).to_be_visible()
    expect(face_of(ada)).to_have_accessible_name(re.compile("angry"))
    # and deleted for good, once she is sure
    ada.get_by_role("tab", name="My gallery").click()
    saved.first.click()
    ada.once("dialog", lambda dialog: dialog.dismiss())
    with ada.expect_response(re.compile("queue/(join|data)")):
        ada.get_by_role("button", name="Delete for good").click()
    ada.get_by_role("button", name="Download all").click()
    expect(ada.get_by_text("s2f-gallery")).to_be_visible()
    expect(saved).to_have_count(1)
    ada.once("dialog", lambda dialog: dialog.accept())
    ada.get_by_role("button", name="Delete for good").click()
    expect(saved).to_have_count(0)
    expect(ada.get_by_text("Nothing is kept yet")).to_be_visible()
    # what she fetched is gone from the page before somebody else signs in on it
    ada.get_by_role("button", name="Sign out").click()
    expect(ada.get_by_role("tab", name="My gallery")).to_have_count(0)
    sign_in(ada, "bob")
    ada.get_by_role("tab", name="My gallery").click()
    expect(ada.get_by_text("Nothing is kept yet")).to_be_visible()
    expect(ada.get_by_text("s2f-gallery")).to_have_count(0)
    for page in (ada, bob, guest):
        leave(page)


def test_a_wrong_password_is_a_sentence(browser: Browser, app: str) -> None:
    page = visit(browser, app)
    page.get_by_role("button", name="Sign in").first.click()
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("not the word at all")
    page.get_by_role("button", name="Sign in").last.click()
    expect(page.get_by_text("name and password do not fit")).to_be_visible()
    expect(page.get_by_role("tab", name="My gallery")).to_have_count(0)
    leave(page)


def test_a_phone_needs_no_sideways_scroll(browser: Browser, app: str, shots: Path) -> None:
    page = visit(browser, app, width=360, height=740)
    page.get_by_role("button", name=re.compile("Example drawing")).first.click()
    expect(face_of(page)).to_be_visible()
    page.get_by_role("button", name="Advanced").click()
    expect(page.get_by_role("tab", name="Animation")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.screenshot(path=shots / "phone.png", full_page=True)
    leave(page)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_to_mend(browser: Browser, app: str, shots: Path, dark: bool) -> None:
    page = visit(browser, app, dark=dark)
    page.get_by_role("button", name=re.compile("Example drawing")).first.click()
    expect(face_of(page)).to_be_visible()
    page.get_by_role("button", name="Advanced").click()
    page.wait_for_timeout(500)
    page.screenshot(path=shots / f"{'dark' if dark else 'light'}.png", full_page=True)
    tags = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
    found = Axe().run(page, options=tags).response["violations"]
    words = [f"{v['id']}: {v['help']}: {[n['html'][:160] for n in v['nodes']][:3]}" for v in found]
    assert not words, "\n".join(words)
    leave(page)
