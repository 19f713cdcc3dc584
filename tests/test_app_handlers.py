"""What the page's events call: the handlers, the studio of faces, the files that end."""

from __future__ import annotations

import inspect
import io
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from app import page
from s2f import SketchToFace, provenance
from s2f.errors import S2FError, SketchError
from s2f.expression import CLASSES, Expression
from s2f.shipped import BUNDLED
from s2f.sketch import STEPS
from s2f.space import handlers, parts, studio, words
from s2f.space.endpoints import Endpoints
from s2f.space.keeping import Keeping
from s2f.space.settings import Settings
from s2f.space.shadows import shadow
from tests.conftest import draw_face
from tests.set_copies import DARK, FAIR, drawn_photo
from tests.visitors import ROOT, tiny_face_model


def test_an_enhanced_face_comes_with_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2F_GFPGAN_WEIGHTS", str(tmp_path / "nowhere.pth"))
    pipe = SketchToFace.from_pretrained(tiny_face_model(tmp_path))
    pipe.restorer = lambda face: (face * 0.5).clamp(-1, 1)
    desk = handlers.Handlers(studio.Studio(pipe), Keeping(tmp_path, 60))
    page = studio.data_url(studio.png(draw_face()), "image/png")
    asked = [page, {}, 0.7, 0, ["frame"], parts.AS_DRAWN, 1.0, {}, {}]
    plain, _ = desk.draw(*asked, parts.PLAIN, 1.0)
    assert plain["before"] is None
    assert plain["moved"] == ""
    full, _ = desk.draw(*asked, parts.QUICK, 1.0)
    assert full["before"] == plain["src"] != full["src"]
    assert re.match(r"Moved by enhancing: skin ΔE \d.*, hair .*, eyes .*, identity 0?\.?\d", full["moved"])
    none, _ = desk.draw(*asked, parts.QUICK, 0.0)
    assert "skin ΔE 0.0, hair ΔE 0.0, eyes ΔE 0.0, identity 1.000" in none["moved"]
    gone, _ = desk.draw(*asked, "gfpgan", 1.0)
    assert gone["before"] is None
    assert gone["report"].startswith("Not enhanced: ")
    told = handlers.unenhanced(
        "got 0 of 9 bytes of https://a.example/b/c.pth ([Errno -2] no), expected 9; wait"
    )
    assert told == "Not enhanced: got 0 of 9 bytes of c.pth, expected 9; wait."


def test_handlers_of_one_question_give_one_answer_and_forget_none(tmp_path: Path) -> None:
    desk = handlers.Handlers(studio.Studio(SketchToFace(restorer=lambda face: face)), Keeping(tmp_path, 60))
    page = studio.data_url(studio.png(draw_face()), "image/png")
    controls = (parts.AS_DRAWN, 1.0, {}, {}, parts.PLAIN)
    shown, findings = desk.draw(page, {}, 0.7, 0, ["frame"], *controls)
    assert shown["src"].startswith("data:image/png")
    assert not shown["made"]
    assert "face" in findings
    assert desk.draw("", {}, 0.7, 0, [], *controls)[0] == {"src": None, "report": handlers.BEGIN}
    half = studio.data_url(studio.png(Image.new("L", (512, 512), 255)), "image/png")
    again, _ = desk.draw(half, {}, 0.7, 0, [], *controls)
    assert again["keep"]
    assert again["report"] == "Not a face yet: draw at least its outline, eyes and mouth."
    assert not again.get("wrong")


@pytest.mark.parametrize(
    "address",
    [
        "data:text/html;base64,AAAA",
        "http://elsewhere/x.png",
        "data:image/png;base64,@@",
        "data:image/png;base64," + "A" * 8_000_000,
    ],
    ids=["html", "address", "garbled", "large"],
)
def test_a_page_that_is_no_picture_is_refused(address: str) -> None:
    with pytest.raises(S2FError, match=r"got .*, expected .*; "):
        studio.page_bytes(address)


def test_an_empty_page_is_no_drawing() -> None:
    with pytest.raises(SketchError):
        studio.page_bytes("")


def test_controls_become_an_expression_and_presets_come_back(tmp_path: Path) -> None:
    assert handlers.expression_of(parts.AS_DRAWN, 1.0, {}, {}) is None
    mixed = handlers.expression_of("happy", 0.5, {"sad": 0.3}, {"AU43_L": 1.0})
    assert mixed == Expression({"happy": 0.5, "sad": 0.3}, {"AU43_L": 1.0})
    desk = handlers.Handlers(studio.Studio(SketchToFace(restorer=lambda face: face)), Keeping(tmp_path, 60))
    for controls in (
        ("happy", 0.5, {}, {"AU43_L": 1.0}),
        (parts.AS_DRAWN, 1.0, {"sad": 0.3, "happy": 0.5}, {}),
    ):
        assert desk.load_preset(desk.save_preset(*controls)["text"].encode()) == controls


def test_keeping_sweeps_what_is_old_and_only_that(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path, 60)
    old, new = keeping.put(b"1", ".jpg"), keeping.put(b"2", ".jpg")
    os.utime(old, (time.time() - 100,) * 2)
    assert keeping.sweep() == 1
    assert not old.exists()
    assert new.read_bytes() == b"2"
    assert old.parent.name != new.parent.name


def test_shadows_look_like_the_drawing_begun() -> None:
    page = Image.new("L", (512, 512), 255)
    page.paste(draw_face().crop((0, 0, 512, 260)))  # the upper half alone
    under = np.asarray(shadow(studio.png(page)))
    assert under.shape == (512, 512)
    assert 0.01 < (under < 200).mean() < 0.5
    assert (ROOT / "s2f" / "space" / "shadows.png").stat().st_size < 300_000


def test_a_studio_remembers_a_few_faces_and_computes_each_once() -> None:
    made: list[int] = []

    class Counting(studio.Studio):
        def _draw(self, wish: studio.Wish) -> Any:
            made.append(wish.seed)
            return super()._draw(wish)

    few, page = Counting(SketchToFace(restorer=lambda face: face)), studio.png(draw_face())
    threads = [threading.Thread(target=few.face, args=[studio.Wish(page, seed=n)]) for n in (1, 2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert few.face(studio.Wish(page, seed=1)) is few.face(studio.Wish(page, seed=1))
    assert sorted(made) == [1, 2]


def test_an_upload_swept_while_it_waited_is_a_sentence(tmp_path: Path) -> None:
    calls = Endpoints(studio.Studio(SketchToFace(restorer=lambda face: face)), Keeping(tmp_path, 60))
    with pytest.raises(gr.Error, match="upload it again"):
        calls.draw(str(tmp_path / "gone.png"))


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2F_QUEUE", "0")
    with pytest.raises(S2FError, match="got S2F_QUEUE='0', expected a number from 1 to 1000"):
        Settings.from_environment()


def test_answers_that_come_bit_by_bit_arrive_as_such(tmp_path: Path) -> None:
    @handlers.said
    def counting(most: int) -> Iterator[int]:
        yield from range(most)
        raise SketchError("got nothing more, expected no end; count less")

    answers = counting(2)
    assert [next(answers), next(answers)] == [0, 1]
    with pytest.raises(gr.Error, match="Got nothing more"):
        next(answers)
    assert inspect.isgeneratorfunction(handlers.Handlers.variations)


def test_a_photo_without_a_face_is_said_plainly(tmp_path: Path) -> None:
    model = SketchToFace.from_pretrained(tiny_face_model(tmp_path))
    desk = handlers.Handlers(studio.Studio(model), Keeping(tmp_path, 60))
    for pieces, said in (
        ([], "no face was found"),
        ([(80, FAIR)], "Found one face."),
        ([(20, FAIR), (320, DARK), (620, FAIR)], "Found 3 faces and changed all."),
    ):
        page = np.full((420, 920, 3), 150, np.uint8)
        for left, skin in pieces:
            page[80:336, left : left + 256] = drawn_photo(256, skin, 0)
        Image.fromarray(page).save(tmp_path / "photo.png")
        shown = desk.photo(str(tmp_path / "photo.png"), "happy", 1.0, "all", parts.PLAIN, 1.0)
        assert said in shown["report"]
        assert (shown["src"] is None) == (not pieces) == bool(shown.get("wrong"))
    largest = desk.photo(str(tmp_path / "photo.png"), "happy", 1.0, "largest", parts.PLAIN, 1.0)
    assert "changed the largest" in largest["report"]


def test_a_photo_is_enhanced_where_its_faces_are_and_comes_with_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S2F_GFPGAN_WEIGHTS", str(tmp_path / "nowhere.pth"))
    model = SketchToFace.from_pretrained(tiny_face_model(tmp_path))
    model.restorer = lambda face: (face * 0.5).clamp(-1, 1)
    desk = handlers.Handlers(studio.Studio(model), Keeping(tmp_path, 60))
    page = np.full((420, 620, 3), 150, np.uint8)
    page[80:336, 182:438] = drawn_photo(256, FAIR, 0)
    Image.fromarray(page).save(tmp_path / "photo.png")

    def asked(*controls: Any) -> dict[str, Any]:
        return desk.photo(str(tmp_path / "photo.png"), *controls)

    done = asked(parts.AS_IT_IS, 1.0, "all", parts.QUICK, 1.0)
    assert done["moved"].startswith("Moved by enhancing: skin ΔE ")
    after, before = (
        np.asarray(Image.open(io.BytesIO(studio.page_bytes(done[name]))).convert("RGB")).astype(int)
        for name in ("src", "before")
    )
    assert after.shape == before.shape == page.shape
    changed = np.abs(after - before).max(2)
    assert changed[120:300, 230:390].mean() > 3 * changed[:, :100].mean()
    record = provenance.read(studio.page_bytes(done["src"]))
    assert record is not None
    assert set(record.facts.models) == {"restorer"}
    assert record.facts.source_type == "compositeWithTrainedAlgorithmicMedia"
    none = asked(parts.AS_IT_IS, 1.0, "all", "gfpgan", 1.0)
    assert none["src"] is None
    assert none["report"].startswith("Not enhanced: ")
    both = asked("happy", 1.0, "all", "gfpgan", 1.0)  # the expression is there, and why it is not enhanced
    assert both["src"]
    assert "Not enhanced: " in both["report"]
    assert "Choose an expression" in asked(parts.AS_IT_IS, 1.0, "all", parts.PLAIN, 1.0)["report"]
    assert desk.photo(None, "happy", 1.0, "all", parts.PLAIN, 1.0) == {"src": None, "report": ""}


def test_the_strip_says_whose_it_is_and_stays_while_somebody_draws(tmp_path: Path) -> None:
    model = SketchToFace.from_pretrained(tiny_face_model(tmp_path))
    desk = handlers.Handlers(studio.Studio(model), Keeping(tmp_path, 60))
    mine = [studio.data_url(studio.png(draw_face()), "image/png"), {}, 0.7, 0, ["frame"]]
    shown, _ = desk.draw(*mine, parts.AS_DRAWN, 1.0, {}, {}, parts.PLAIN)
    seven = desk.strip(*mine, 1.0)
    assert tuple(seven["value"]) == CLASSES
    assert seven["of"] == shown["key"]
    assert desk.strip(*mine[:3], 1, ["frame"], 1.0)["of"] != shown["key"]
    blank = studio.data_url(studio.png(Image.new("L", (512, 512), 255)), "image/png")
    assert "value" not in desk.strip(blank, *mine[1:], 1.0)
    gone = desk.strip("", *mine[1:], 1.0)
    assert (gone["value"], gone["of"]) == (None, "")


def test_no_component_has_a_function_that_goes_past_the_queue(tmp_path: Path) -> None:
    demo = page(studio.Studio(SketchToFace(restorer=lambda face: face)), Keeping(tmp_path, 60))
    open_ = {
        f"{type(block).__name__}.{name}"
        for block in demo.blocks.values()
        for name in dir(type(block))
        if getattr(getattr(type(block), name), "_is_server_fn", False)
    }
    assert not open_, "such as ImageEditor.accept_blobs, whose index and size the browser chooses"
    events = [fn for fn in demo.fns.values() if fn.concurrency_id == "model"]
    assert len(events) >= 12, "all that asks a model stands in one line"
    assert {fn.concurrency_limit for fn in events} == {1}


def test_the_page_says_which_models_and_offers_only_what_is_there(tmp_path: Path) -> None:
    model = SketchToFace.from_pretrained(tiny_face_model(tmp_path))
    own = studio.Studio(model)
    named = own.facts("drawer", "editor").models
    said = words.notes(60, named)
    assert all(f"{one.name}@{one.commit[:19]}" in said for one in named.values())
    assert "Made by" not in words.notes(60, {})
    assert sorted(step for _, step in words.MENDED) == sorted(STEPS)
    assert parts.QUICK not in dict(map(reversed, parts.enhancers(False)))
    assert own.quick == (BUNDLED / "restorer").is_dir()


def test_bundled_models_serve_as_soon_as_they_lie_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    for folder in (tmp_path / "none", tiny_face_model(tmp_path)):
        monkeypatch.setattr("s2f.pipeline.BUNDLED", folder)
        pipe = SketchToFace.from_pretrained(Settings().model)
        config = str(page(studio.Studio(pipe), Keeping(tmp_path, 60)).get_config_file())
        shown.append((pipe.drawer is not None, "no trained drawer" in config, "Made by" in config))
    assert shown == [(False, True, False), (True, False, True)]
