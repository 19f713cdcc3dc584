"""The page as programs meet it: a real server, a real client, and what it leaves behind."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from app import page
from s2f import SketchToFace, provenance
from s2f.expression import CLASSES
from s2f.space import studio
from s2f.space.keeping import Keeping
from tests.conftest import draw_face
from tests.visitors import ROOT, free_port, served, tiny_face_model

GALLERY = {"gallery.sqlite3", "gallery.sqlite3-shm", "gallery.sqlite3-wal"}  # which is empty
ENDPOINTS = {"/draw", "/express", "/strip", "/animate", "/restore", "/sketch"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("space")


WATCH = """
import os, sys
own = ("127.0.0.1", "::1", "localhost", "0.0.0.0", None, "")
log = open(os.environ["WATCHED"], "a", buffering=1)
print("begun", file=log)
def asked(event, values):
    if event in ("socket.connect", "socket.getaddrinfo"):
        place = values if event == "socket.getaddrinfo" else values[1]
        host = place[0] if isinstance(place, tuple) else None  # a socket in the file system has a path
        if (host.decode() if isinstance(host, bytes) else host) not in own:
            print(host, file=log)
sys.addaudithook(asked)
"""


@pytest.fixture(scope="module")
def app(home: Path) -> Iterator[str]:
    """A server of which is known whom it asks, and all that it writes."""
    (home / "watch").mkdir()
    (home / "tmp").mkdir()
    (home / "watch" / "sitecustomize.py").write_text(WATCH)
    places = {
        "S2F_MODEL": str(tiny_face_model(home)),
        "TMPDIR": str(home / "tmp"),
        "PYTHONPATH": str(home / "watch"),
        "WATCHED": str(home / "asked"),
    }
    with served(home, S2F_KEEP_SECONDS="20", S2F_QUEUE="3", **places) as address:
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


def change(before: str, after: str) -> float:
    """Grey levels between two pictures of one size, on average."""
    one, other = (np.asarray(Image.open(path).convert("RGB"), float) for path in (before, after))
    return float(np.abs(one - other).mean())


@pytest.fixture
def grainy(face: str, tmp_path: Path) -> str:
    """The face with a sensor's noise: where there is nothing to restore, nothing moves."""
    pixels = np.asarray(Image.open(face).convert("RGB"), float)
    noise = np.random.default_rng(0).normal(0, 14, pixels.shape)
    path = tmp_path / "grainy.png"
    Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(path)
    return str(path)


def test_restoring_is_blended_back_and_says_how_far_the_face_moved(client: Client, grainy: str) -> None:
    made, moved = client.predict(handle_file(grainy), "enhancer", 1.0, False, api_name="/restore")
    assert set(moved) == {"skin", "hair", "eyes", "identity"}
    record = provenance.read(made)
    assert record is not None
    assert set(record.facts.models) == {"restorer"}
    _, stayed = client.predict(handle_file(grainy), strength=0.0, api_name="/restore")
    assert stayed == {"skin": 0, "hair": 0, "eyes": 0, "identity": pytest.approx(1, abs=1e-4)}
    halfway, half = client.predict(handle_file(grainy), strength=0.5, keep_colour=False, api_name="/restore")
    assert 0 < half["skin"] < moved["skin"]
    assert moved["identity"] <= half["identity"] <= 1
    assert 0 < change(grainy, halfway) < change(grainy, made)
    with pytest.raises(AppError, match="1"):
        client.predict(handle_file(grainy), strength=2.0, api_name="/restore")


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


def test_the_readme_snippet_for_programs_runs(app: str, client: Client, drawing: Path) -> None:
    (snippet,) = re.findall(r"```py\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    code = snippet.replace("http://127.0.0.1:7860", app).replace('"drawing.png"', repr(str(drawing)))
    assert code.count(app) == 1
    found: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), found)
    assert Image.open(found["face"]).size == (512, 512)
    assert Image.open(found["moving"]).n_frames >= 3


def test_nothing_of_a_visitor_outlives_the_time_limit(client: Client, drawing: Path, home: Path) -> None:
    """Neither in the cache, nor in the system's folder for passing files, nor in a log."""
    face, _ = client.predict(handle_file(drawing), api_name="/draw")
    client.predict(handle_file(face), "contour", api_name="/sketch")
    client.predict(handle_file(face), "happy", ".mp4", 4, api_name="/animate")
    assert len(_files(home / "cache")) >= 4
    deadline = time.monotonic() + 120
    while left := [*_files(home / "cache"), *_files(home / "tmp")]:
        assert time.monotonic() < deadline, left
        time.sleep(1)
    assert {path.name for path in _files(home / "data")} <= {"signing.key"} | GALLERY
    log = (home / "server.log").read_text()
    assert "drawing.png" not in log
    assert not re.search(r"[A-Za-z0-9+/]{120}", log), "nor as text"


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_page_sends_nobody_elsewhere(app: str, face: str, home: Path) -> None:
    assert (home / "asked").read_text().splitlines() == ["begun"], "the server asked somebody"
    html = urlopen(app, timeout=60).read().decode()
    links = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"'](https?://[^\"']+)", html)
    assert not [link for link in links if not link.startswith(app)], links


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
