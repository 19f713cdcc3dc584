"""How the doctor frames what visitors draw, what it takes and what it says."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from s2f.errors import SketchError
from s2f.sketch import STEPS, prepare
from tests.drawn_faces import Drawn, finding, ink, off, photographed


@pytest.fixture(scope="module")
def face() -> Drawn:
    return Drawn().face(hair=True)


PLACES = {
    "centred": {},
    "tiny in the corner": {"size": (800, 600), "apart": 45.0, "middle": (650.0, 450.0)},
    "lower left": {"size": (700, 500), "apart": 70.0, "middle": (120.0, 340.0)},
    "too big": {"apart": 190.0, "middle": (256.0, 230.0)},
    "tall page": {"size": (360, 900), "apart": 90.0, "middle": (180.0, 250.0)},
    "wide page": {"size": (1100, 400), "apart": 90.0, "middle": (850.0, 190.0)},
    "large page": {"size": (1600, 1400), "apart": 300.0, "middle": (800.0, 640.0), "pen": 8.0},
}


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("kind", ["plain", "glasses", "shoulders", "no outline", "solid hair"])
def test_faces_are_framed(where: str, kind: str) -> None:
    page = Drawn(**PLACES[where]).face(
        outline=kind != "no outline", glasses=kind == "glasses", hair=kind == "solid hair"
    )
    if kind == "shoulders":
        page.shoulders()
    made = prepare(page.page)
    assert off(made, page.pupils) < 0.15
    assert "by its eyes" in finding(made, "frame").message
    assert made.image.size == (512, 512)


@pytest.mark.parametrize("tilt", [-24, -12, 9, 20])
def test_small_tilts_are_levelled(tilt: float) -> None:
    page = Drawn((700, 700), apart=110, middle=(330, 360), tilt=tilt).face()
    made = prepare(page.page)
    assert off(made, page.pupils) < 0.15
    assert finding(made, "frame").values["tilt"] == pytest.approx(tilt, abs=4)
    assert "levelled by" in str(made)


def test_a_smiley_a_scribble_beside_and_a_signature() -> None:
    smiley = Drawn((600, 500), apart=80, middle=(230, 200), pen=4).oval(0, 0.3, 1.2, 1.2)
    smiley.oval(-0.5, 0, 0.08, 0.08, fill=True).oval(0.5, 0, 0.08, 0.08, fill=True)
    a = np.linspace(0.3, np.pi - 0.3, 30)
    smiley.line(np.stack([0.7 * np.cos(a), 0.4 + 0.6 * np.sin(a)], 1))
    assert off(prepare(smiley.page), smiley.pupils) < 0.15
    cv2.putText(smiley.page, "Anna 24", (490, 480), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 0, 2, cv2.LINE_AA)
    signed = prepare(smiley.page)
    assert off(signed, smiley.pupils) < 0.15
    assert ink(signed.image)[440:].max() < 0.2


def test_the_frame_is_exact_where_strokes_land(face: Drawn) -> None:
    """The map in the sketch is the map that was drawn by: a cross on each pupil lands where it says."""
    page = Drawn((900, 700), apart=90, middle=(300, 300)).face()
    made = prepare(page.page, size=256, steps=("frame",))
    mouth = page.at([(-0.35, 1.05)])[0] @ made.transform[:, :2].T + made.transform[:, 2]
    x, y = np.round(mouth).astype(int)
    assert ink(made.image)[y - 1 : y + 2, x - 1 : x + 2].max() > 0.7


@pytest.mark.parametrize("kind", ["clean", "photo", "inverted", "faint", "marker", "tilted"])
def test_preparing_twice_changes_nothing_more(kind: str) -> None:
    page = Drawn(
        (720, 560),
        apart=85,
        middle=(450, 250),
        tilt=10 if kind == "tilted" else 0,
        pen=11 if kind == "marker" else 3,
    ).face(hair=True)
    given = {
        "photo": lambda: photographed(page.page),
        "inverted": lambda: 255 - page.page,
        "faint": lambda: np.round(255 - 0.2 * (255 - page.page.astype(float))).astype(np.uint8),
    }.get(kind, lambda: page.page)()
    once = prepare(given)
    twice = prepare(once.image)
    assert np.abs(ink(once.image) - ink(twice.image)).mean() < 0.005
    assert not finding(twice, "frame").changed


# ---- prepare: what it takes and what it says


def test_each_step_can_be_switched_off_and_reports_in_order(face: Drawn) -> None:
    page = 255 - photographed(face.page, faint=0.3)
    assert [found.step for found in prepare(page).report] == list(STEPS)
    for step in STEPS:
        rest = tuple(name for name in STEPS if name != step)
        assert [found.step for found in prepare(page, steps=reversed(rest)).report] == list(rest)
    assert prepare(page, steps=()).report == ()
    assert prepare(page, steps="frame").report[0].step == "frame"


def test_the_report_speaks_plainly() -> None:
    page = Drawn((700, 700), apart=60, middle=(130, 520)).face()
    said = str(prepare(255 - page.page))
    assert said.startswith("Turned white-on-black into black-on-white. Found the face by its eyes (")
    assert "moved it from the lower left to its place" in said
    assert "times larger" in said


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (np.full((300, 300), 255, np.uint8), "got a blank page"),
        (np.full((300, 300), 250, np.uint8), "got a blank page"),
        (np.zeros((300, 300), np.uint8), "got a black page|got a blank page"),
        (np.zeros((200, 200, 4), np.uint8), "got a blank page"),
        (np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8), "got a page of noise"),
        (np.random.default_rng(0).integers(0, 256, (900, 1200), np.uint8), "got a page of noise"),
        (np.pad(np.zeros((5, 5), np.uint8), 200, constant_values=255), "got a nearly blank page"),
        (np.zeros((8, 8), np.uint8), "got a page of 8x8 pixels"),
        (np.full((1, 900), 255, np.uint8), "got a page of 900x1 pixels"),
    ],
)
@pytest.mark.parametrize("steps", [STEPS, ()])
def test_pages_without_a_drawing_give_one_sentence(
    page: np.ndarray, says: str, steps: tuple[str, ...]
) -> None:
    with pytest.raises(SketchError, match=says) as caught:
        prepare(page, steps=steps)
    message = str(caught.value)
    assert "expected" in message
    assert ";" in message
    assert "\n" not in message


def test_wrong_steps_and_sizes_are_named(face: Drawn) -> None:
    with pytest.raises(SketchError, match="got step 'polish', expected some of polarity, shadows"):
        prepare(face.page, steps=("frame", "polish"))
    for size in (0, 12, 12.5, 100_000):
        with pytest.raises(SketchError, match="got size"):
            prepare(face.page, size=size)  # type: ignore[arg-type]


@pytest.mark.parametrize("side", [32, 64, 150, 700, 2000, 4000])
def test_pages_of_every_size(side: int) -> None:
    page = Drawn(
        (side, side), apart=0.2 * side, middle=(0.45 * side, 0.5 * side), pen=max(1, 0.006 * side)
    ).face()
    made = prepare(page.page)
    assert made.image.size == (512, 512)
    assert off(made, page.pupils) < (0.15 if side >= 100 else 0.4)


@pytest.mark.parametrize("size", [64, 256, 1024])
def test_results_of_every_size(face: Drawn, size: int) -> None:
    made = prepare(face.page, size=size)
    assert made.image.size == (size, size)
    assert off(made, face.pupils) < 0.15


def test_preparing_is_fast(face: Drawn) -> None:
    """The budget is 60 ms of one core, and 400 ms for 12 megapixels; five times that is a regression."""
    prepare(face.page)
    start = time.process_time()
    for _ in range(3):
        prepare(face.page)
    assert (time.process_time() - start) / 3 < 0.3
