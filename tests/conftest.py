"""What several test files share: a drawn face, and a folder with a tiny pipeline in it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read once, when the client is imported: no test may reach out


def draw_face(size: int = 512, ink: int = 0, width: int = 4) -> Image.Image:
    """A face as a visitor draws it, pupils at (.38, .47) and (.62, .47) of the page."""
    page = Image.new("L", (size, size), 255)
    pen = ImageDraw.Draw(page)
    unit = size / 512

    def oval(x: float, y: float, rx: float, ry: float, fill: int | None = None) -> None:
        box = [(x - rx) * unit, (y - ry) * unit, (x + rx) * unit, (y + ry) * unit]
        pen.ellipse(box, outline=ink, fill=fill, width=width)

    oval(256, 262, 140, 190)
    for x in (194.6, 317.4):
        oval(x, 240.6, 34, 15)
        oval(x, 240.6, 7, 7, ink)
        pen.arc([(x - 40) * unit, 190 * unit, (x + 40) * unit, 230 * unit], 200, 340, fill=ink, width=width)
    pen.line(
        [(256 * unit, 250 * unit), (242 * unit, 310 * unit), (266 * unit, 312 * unit)], fill=ink, width=width
    )
    pen.arc([196 * unit, 320 * unit, 316 * unit, 390 * unit], 20, 160, fill=ink, width=width)
    return page


@pytest.fixture(autouse=True)
def data_of_tests(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keys and galleries of tests never lie where a person keeps theirs."""
    monkeypatch.setenv("S2F_DATA", str(tmp_path_factory.getbasetemp() / "data"))


@pytest.fixture
def face_drawing() -> Image.Image:
    return draw_face()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `SketchToFace.from_pretrained` reads: untrained and narrow, but whole."""
    import torch

    from s2f import SketchToFace
    from s2f.models import MODELS

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("tiny") / "model"
    SketchToFace(MODELS["pix2pix"](width=4), MODELS["stargan"](width=4, blocks=1), size=256).save_pretrained(
        folder
    )
    return folder


@pytest.fixture
def run_cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process: (exit status, stdout, stderr)."""
    from s2f.__main__ import main

    def run(*words: object) -> tuple[int, str, str]:
        try:
            status = main([str(w) for w in words])
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = capfd.readouterr()
        return status, out, err

    return run


@pytest.fixture(scope="session")
def mini_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole corpus of people with painted faces at 64 pixels, in sittings of seven: for whatever trains."""
    from s2f.corpus.build import build
    from s2f.corpus.plan import Recipe
    from tests.miniature import write_pack

    folder = tmp_path_factory.mktemp("mini")
    write_pack(folder / "pack", people=9)
    build(
        folder / "pack",
        folder / "corpus",
        Recipe(people=2, renders=7, size=64, sketches=2, seed=3),
        workers=1,
    )
    return folder / "corpus"


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    from tests import postgres

    with postgres.server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    from sqlalchemy import create_engine, text

    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'rows.sqlite3'}"
    address = request.getfixturevalue("postgres_address")
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return str(address)


@pytest.fixture(params=["folder", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "pictures")
    return f"memory://{secrets.token_hex(4)}/faces"
