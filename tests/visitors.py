"""A served page and those who come to it: what the page's test files share."""

from __future__ import annotations

import contextlib
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
from playwright.sync_api import Browser, Locator, Page, expect

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
PATIENCE = 60_000  # milliseconds, on a machine that has much else to do
expect.set_options(timeout=PATIENCE)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextlib.contextmanager
def served(folder: Path, **env: str) -> Iterator[str]:
    """`app.py` as its own process, with all that it keeps in `folder`."""
    port, log = free_port(), folder / "server.log"
    places = {"PORT": str(port), "GRADIO_TEMP_DIR": str(folder / "cache"), "S2F_DATA": str(folder / "data")}
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, ROOT / "app.py"],
            env=os.environ | places | env,
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 240
            while True:
                try:
                    urlopen(address, timeout=5).close()
                    break
                except OSError:
                    assert server.poll() is None, log.read_text()
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.2)
            yield address
        finally:
            server.terminate()
            server.wait(30)


def tiny_face_model(folder: Path) -> Path:
    """Drawer and editor as they ship, untrained and narrow."""
    import torch

    from s2f import SketchToFace
    from s2f.models import MODELS

    torch.manual_seed(0)
    drawer = MODELS["drawer"](widths=[8, 8, 8, 8], detail=[8, 8], condition=8, bank=8)
    torch.nn.init.normal_(drawer.bank, 40.0, 10.0)
    editor = MODELS["editor"](widths=[8, 8, 8, 8], detail=8, condition=8)
    SketchToFace(drawer, editor, device="cpu").save_pretrained(folder / "model")
    return folder / "model"


def visit(
    browser: Browser, address: str, *, width: int = 1280, height: int = 900, dark: bool = False
) -> Page:
    """A new visitor, whose page may not complain nor ask anyone but the app."""
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.set_default_timeout(PATIENCE)
    strangers: list[str] = []
    page.on(
        "request",
        lambda r: strangers.append(r.url) if not r.url.startswith((address, "data:", "blob:")) else None,
    )
    page.on("pageerror", lambda error: strangers.append(str(error)))
    page.strangers = strangers  # type: ignore[attr-defined]
    page.goto(f"{address}/?__theme={'dark' if dark else 'light'}")
    expect(page.get_by_role("button", name="Brush")).to_be_visible()
    return page


def leave(page: Page) -> None:
    assert page.strangers == []  # type: ignore[attr-defined]
    page.context.close()


def stroke(page: Page, *points: tuple[float, float]) -> None:
    """With the mouse, in shares of the canvas."""
    box = page.get_by_label("Drawing canvas").bounding_box()
    assert box
    for n, (x, y) in enumerate(points):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if n == 0:
            page.mouse.down()
    page.mouse.up()


def draw_face(page: Page) -> None:
    """An outline, two eyes and a mouth."""
    page.get_by_label("Drawing canvas").scroll_into_view_if_needed()
    stroke(page, (0.5, 0.15), (0.25, 0.3), (0.23, 0.55), (0.35, 0.8), (0.5, 0.88), (0.65, 0.8), (0.77, 0.55))
    stroke(page, (0.77, 0.55), (0.75, 0.3), (0.5, 0.15))
    stroke(page, (0.34, 0.45), (0.42, 0.45), (0.38, 0.47))
    stroke(page, (0.58, 0.45), (0.66, 0.45), (0.62, 0.47))
    stroke(page, (0.4, 0.68), (0.5, 0.72), (0.6, 0.68))


def face_of(page: Page) -> Locator:
    return page.get_by_role("img", name=re.compile("generated photograph|cleaned and framed"))


def source(picture: Locator) -> str:
    return str(picture.get_attribute("src"))


def settled(picture: Locator) -> str:
    """The picture that stays: that of the last stroke, however many came before."""
    last, since = source(picture), time.monotonic()
    while time.monotonic() - since < 3:
        picture.page.wait_for_timeout(200)
        if (now := source(picture)) != last:
            last, since = now, time.monotonic()
    return last


def need_browser() -> str:
    if CHROMIUM is None:
        message = "got no Chromium, expected Debian's; install the package chromium"
        if os.environ.get("CI") or os.environ.get("S2F_REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    return CHROMIUM
