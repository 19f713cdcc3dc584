"""The page as programs meet it: a real server, a real client, and what it leaves behind."""

from __future__ import annotations

import inspect
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import gradio as gr
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from app import page
from s2f import SketchToFace, provenance
from s2f.errors import S2FError, SketchError
from s2f.expression import CLASSES, Expression
from s2f.shipped import BUNDLED
from s2f.space import handlers, parts, studio, words
from s2f.space.endpoints import Endpoints
from s2f.space.keeping import Keeping
from s2f.space.settings import Settings
from s2f.space.shadows import shadow
from tests.conftest import draw_face
from tests.set_copies import DARK, FAIR, drawn_photo
from tests.visitors import ROOT, free_port, served, tiny_face_model

ENDPOINTS = {"/draw", "/express", "/strip", "/animate", "/restore", "/sketch"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("space")


@pytest.fixture(scope="module")
def app(home: Path) -> Iterator[str]:
    with served(home, S2F_MODEL=str(tiny_face_model(home)), S2F_KEEP_SECONDS="20", S2F_QUEUE="3") as address:
        yield address


@pytest.fixture(scope="module")
def client(app: str, home: Path) -> Client:
    return Client(app, verbose=False, download_files=str(home / "client"))


@pytest.fixture(scope="module")
def drawing(home: Path) -> Path:
    draw_face().save(home / "drawing.png")
    return home / "drawing.png"


@pytest.fixture(scope="module")
def face(client: Client, drawing: Path) -> str:
    picture, _ = client.predict(handle_file(drawing), api_name="/draw")
    return str(picture)


def test_every_endpoint_is_named_typed_and_documented(client: Client) -> None:
    known = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(known) == ENDPOINTS
    for name, facts in known.items():
        assert all(one["label"] and one["type"] for one in facts["parameters"]), name
        assert facts["description"], name


def test_draw_express_strip_and_sketch(client: Client, face: str, home: Path) -> None:
    key = (home / "data" / "signing.key").read_bytes().strip()
    record = provenance.read(face, key=key)
    assert record is not None
    assert record.status == "signed"
    assert Image.open(face).size == (512, 512)
    happy = client.predict(handle_file(face), "happy:0.8", api_name="/express")
    assert np.asarray(Image.open(happy)).tolist() != np.asarray(Image.open(face)).tolist()
    seven = client.predict(handle_file(face), 1.0, api_name="/strip")
    assert tuple(one["caption"] for one in seven) == CLASSES
    assert all(provenance.read(one["image"], key=key) for one in seven)
    sketch = client.predict(handle_file(face), "contour", api_name="/sketch")
    assert Image.open(sketch).size == (512, 512)


def test_animate_gives_a_signed_gif(client: Client, face: str) -> None:
    moving = client.predict(handle_file(face), "happy", ".gif", 4, api_name="/animate")
    assert Image.open(moving).n_frames >= 3
    assert provenance.read(moving) is not None


def test_restoring_is_blended_back_and_says_how_far_the_face_moved(client: Client, face: str) -> None:
    made, moved = client.predict(handle_file(face), "enhancer", 1.0, False, api_name="/restore")
    assert set(moved) == {"skin", "hair", "eyes", "identity"}
    record = provenance.read(made)
    assert record is not None
    assert set(record.facts.models) == {"restorer"}
    _, stayed = client.predict(handle_file(face), strength=0.0, api_name="/restore")
    assert stayed == {"skin": 0, "hair": 0, "eyes": 0, "identity": pytest.approx(1, abs=1e-4)}
    _, half = client.predict(handle_file(face), strength=0.5, keep_colour=False, api_name="/restore")
    assert 0 < half["skin"] < moved["skin"]
    with pytest.raises(AppError, match="1"):
        client.predict(handle_file(face), strength=2.0, api_name="/restore")


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


def test_a_restorer_that_is_missing_is_one_sentence(client: Client, face: str) -> None:
    with pytest.raises(AppError, match="GFPGAN"):
        client.predict(handle_file(face), "gfpgan", api_name="/restore")


def test_bad_input_is_a_sentence_and_the_next_call_works(
    client: Client, drawing: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"<html>not a picture</html>")
    for arguments, wrong in (
        ((handle_file(bad),), "picture|image"),
        ((handle_file(drawing), "joyous"), "joyous"),
        ((handle_file(drawing), "", "skin=puce"), "puce"),
        ((handle_file(drawing), "", "nose=red"), "nose"),
    ):
        with pytest.raises(AppError, match=wrong):
            client.predict(*arguments, api_name="/draw")
    picture, _ = client.predict(handle_file(drawing), api_name="/draw")
    assert Image.open(picture).size == (512, 512)


def test_a_small_file_of_a_huge_picture_is_refused(client: Client, tmp_path: Path) -> None:
    Image.new("1", (13_000, 13_000)).save(tmp_path / "bomb.png")
    with pytest.raises(AppError):
        client.predict(handle_file(tmp_path / "bomb.png"), api_name="/draw")


def test_a_full_queue_says_so_and_nobody_hangs(app: str, client: Client, drawing: Path) -> None:
    jobs = [client.submit(handle_file(drawing), "", "", 0.7, n, api_name="/draw") for n in range(12)]
    said = []
    for job in jobs:
        try:
            job.result(timeout=200)
        except Exception as error:
            said.append(str(error))
    assert said
    assert all("full" in one.lower() for one in said), said
    assert len(said) < len(jobs)


def test_what_belongs_to_the_page_is_no_endpoint(client: Client) -> None:
    for name in ("/save", "/reopen", "/sign_in", "/delete", "/draw_1"):
        with pytest.raises(ValueError, match="api_name"):
            client.predict(api_name=name)


def test_nothing_of_a_visitor_outlives_the_time_limit(client: Client, drawing: Path, home: Path) -> None:
    client.predict(handle_file(drawing), api_name="/draw")
    assert _pictures(home / "cache")
    deadline = time.monotonic() + 90
    while _pictures(home / "cache"):
        assert time.monotonic() < deadline, _pictures(home / "cache")
        time.sleep(1)
    log = (home / "server.log").read_text()
    assert "base64" not in log
    assert "drawing.png" not in log


def _pictures(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_page_sends_nobody_elsewhere(app: str) -> None:
    html = urlopen(app, timeout=60).read().decode()
    links = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"'](https?://[^\"']+)", html)
    assert not [link for link in links if not link.startswith(app)], links


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
    assert again["report"].startswith("Not a face yet: ")


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


def _start(port: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PORT": port, "S2F_MODEL": ""}
    return subprocess.run(
        [sys.executable, ROOT / "app.py"], env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("port", ["abc", "70000"])
def test_a_wrong_port_is_one_line(port: str) -> None:
    done = _start(port)
    assert done.returncode == 1
    assert re.fullmatch(r"app: got PORT=.*\n", done.stderr)


def test_a_taken_port_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = _start(port)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(f"app: got port {port}")


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
        file, word = desk.photo(str(tmp_path / "photo.png"), "happy", 1.0, "all")
        assert said in word
        assert (file is None) == (not pieces)
    assert "changed the largest" in desk.photo(str(tmp_path / "photo.png"), "happy", 1.0, "largest")[1]


def test_a_crash_in_one_request_leaves_the_next_one_well(tmp_path: Path, drawing: Path) -> None:
    class Stumbling(studio.Studio):
        fell = False

        def _draw(self, wish: studio.Wish) -> Any:
            if not self.fell:
                self.fell = True
                raise RuntimeError("a secret of the server")
            return super()._draw(wish)

    demo = page(Stumbling(SketchToFace(restorer=lambda face: face)), Keeping(tmp_path, 60))
    _, address, _ = demo.queue().launch(server_port=free_port(), prevent_thread_lock=True, quiet=True)
    try:
        client = Client(address, verbose=False, download_files=str(tmp_path / "client"))
        with pytest.raises(AppError) as told:
            client.predict(handle_file(drawing), api_name="/draw")
        assert "secret" not in str(told.value)
        picture, _ = client.predict(handle_file(drawing), api_name="/draw")
        assert Image.open(picture).size == (512, 512)
    finally:
        demo.close()


def test_the_page_says_which_models_and_offers_only_what_is_there(tmp_path: Path) -> None:
    model = SketchToFace.from_pretrained(tiny_face_model(tmp_path))
    own = studio.Studio(model)
    named = own.facts("drawer", "editor").models
    said = words.notes(60, named)
    assert all(f"{one.name}@{one.commit[:19]}" in said for one in named.values())
    assert "Made by" not in words.notes(60, {})
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


def test_the_readme_snippet_for_programs_runs(app: str, client: Client, drawing: Path) -> None:
    (snippet,) = re.findall(r"```py\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    code = snippet.replace("http://127.0.0.1:7860", app).replace('"drawing.png"', repr(str(drawing)))
    assert code.count(app) == 1
    found: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), found)
    assert Image.open(found["face"]).size == (512, 512)
    assert Image.open(found["moving"]).n_frames >= 3
