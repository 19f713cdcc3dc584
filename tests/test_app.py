"""The page as a visitor meets it: a real server, a real browser, a real client."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import draw_face

expect.set_options(timeout=30_000)
ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def serve(folder: Path, **env: str) -> Iterator[str]:
    port = free_port()
    log = folder / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, ROOT / "app.py"],
            env=os.environ | {"PORT": str(port), "GRADIO_TEMP_DIR": str(folder / "cache")} | env,
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 90
            while True:
                try:
                    urlopen(address, timeout=5).close()
                    break
                except OSError:
                    assert server.poll() is None, log.read_text()
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.2)
            assert address in log.read_text()  # the address is printed
            yield address
        finally:
            server.terminate()
            server.wait(20)


@pytest.fixture(scope="module")
def bare_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from serve(tmp_path_factory.mktemp("bare"), S2F_MODEL="")


@pytest.fixture(scope="module")
def model_app(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[str]:
    yield from serve(tmp_path_factory.mktemp("model"), S2F_MODEL=str(tiny_model))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        message = "got no Chromium, expected Debian's; install the package chromium"
        assert not os.environ.get("S2F_REQUIRE_BROWSER"), message
        pytest.skip(message)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def visit(browser: Browser, address: str, width: int = 1280, height: int = 900) -> Page:
    """A new visitor, whose page may not complain nor ask anyone but the app."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(30_000)
    strangers: list[str] = []
    page.on(
        "request",
        lambda r: strangers.append(r.url) if not r.url.startswith((address, "data:", "blob:")) else None,
    )
    page.goto(address)
    expect(page.get_by_role("tab", name="Draw", exact=True)).to_be_visible()
    page.strangers = strangers  # type: ignore[attr-defined]
    return page


def scribble(page: Page) -> None:
    """An outline, two eyes and a mouth, with few points: a software renderer is slow per move."""
    page.get_by_role("button", name="Brush").first.click()
    canvas = page.locator("canvas").first
    box = canvas.bounding_box()
    assert box

    def stroke(*points: tuple[float, float]) -> None:
        for n, (x, y) in enumerate(points):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if n == 0:
                page.mouse.down()
        page.mouse.up()

    stroke(
        (0.5, 0.15),
        (0.25, 0.3),
        (0.23, 0.55),
        (0.35, 0.8),
        (0.5, 0.88),
        (0.65, 0.8),
        (0.77, 0.55),
        (0.75, 0.3),
        (0.5, 0.15),
    )
    stroke((0.34, 0.45), (0.42, 0.45), (0.38, 0.47))
    stroke((0.58, 0.45), (0.66, 0.45), (0.62, 0.47))
    stroke((0.4, 0.68), (0.5, 0.72), (0.6, 0.68))


def picture(page: Page, name: str):
    return page.locator(f"#{name} img").first


def test_a_visitor_draws_and_sees_the_clean_drawing(browser: Browser, bare_app: str, tmp_path: Path) -> None:
    page = visit(browser, bare_app)
    expect(page.get_by_text("no trained drawer")).to_be_visible()
    scribble(page)
    expect(picture(page, "result")).to_be_visible()
    expect(page.locator("#report")).not_to_contain_text("to begin")
    expect(page.get_by_text("Error", exact=True)).to_have_count(0)
    left, right = (page.locator(f).first.bounding_box() for f in ("canvas", "#result"))
    assert left
    assert right
    assert left["x"] + left["width"] < right["x"]  # side by side on a desktop
    page.screenshot(path=tmp_path / "draw.png")
    assert page.strangers == []
    page.close()


def test_a_photo_becomes_a_drawing_and_a_bad_file_is_one_sentence(
    browser: Browser, bare_app: str, tmp_path: Path
) -> None:
    good, bad = tmp_path / "photo.png", tmp_path / "bad.png"
    Image.radial_gradient("L").convert("RGB").save(good)
    bad.write_bytes(b"<html>no picture</html>")
    page = visit(browser, bare_app)
    page.get_by_role("tab", name="Photo to drawing").click()
    chooser = page.locator("input[type=file]").last
    chooser.set_input_files(good)
    expect(picture(page, "drawn")).to_be_visible()
    first = picture(page, "drawn").get_attribute("src")
    page.get_by_label("pencil").check()
    expect(picture(page, "drawn")).not_to_have_attribute("src", str(first))
    page.close()


def test_a_phone_shows_it_without_scrolling_sideways(browser: Browser, bare_app: str, tmp_path: Path) -> None:
    page = visit(browser, bare_app, width=360, height=740)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360
    page.screenshot(path=tmp_path / "phone.png")
    page.close()


def test_with_a_model_the_face_follows_and_takes_an_expression(
    browser: Browser, model_app: str, tmp_path: Path
) -> None:
    page = visit(browser, model_app)
    scribble(page)
    expect(picture(page, "result")).to_be_visible()
    first = picture(page, "result").get_attribute("src")
    page.get_by_label("Expression").click()
    page.get_by_role("option", name="happy").click()
    expect(picture(page, "result")).not_to_have_attribute("src", str(first))
    page.screenshot(path=tmp_path / "face.png")
    assert page.strangers == []
    page.close()


def test_the_endpoints_answer_and_survive_bad_input(bare_app: str, tmp_path: Path) -> None:
    client = Client(bare_app, verbose=False, download_files=str(tmp_path))
    photo, bad = tmp_path / "photo.png", tmp_path / "bad.png"
    Image.radial_gradient("L").convert("RGB").save(photo)
    draw_face().save(tmp_path / "drawing.png")
    bad.write_bytes(b"not a picture")
    page = {"background": None, "layers": [], "composite": handle_file(tmp_path / "drawing.png")}
    for _ in range(2):
        done = client.predict(handle_file(photo), "contour", api_name="/sketch")
        assert Image.open(done).size == (256, 256)
        with pytest.raises(AppError):
            client.predict(handle_file(bad), "contour", api_name="/sketch")
        image, report = client.predict(page, ["polarity", "frame"], api_name="/prepare")
        assert Image.open(image).size == (512, 512)
        assert report
        nothing = {"background": None, "layers": [], "composite": None}
        assert client.predict(nothing, [], api_name="/prepare") == (None, "Draw a face to begin.")


@pytest.mark.parametrize("port", ["abc", "0", "70000"])
def test_a_wrong_port_is_one_line(port: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "app.py"],
        env=os.environ | {"PORT": port},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"app: got PORT=.*\n", done.stderr)


def test_a_taken_port_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, ROOT / "app.py"],
            env=os.environ | {"PORT": port},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(f"app: got port {port}")
