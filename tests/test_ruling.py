"""Drawings on ruled and squared paper: its lines go, strokes stay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from s2f.sketch import prepare
from tests.drawn_faces import Drawn, finding, ink, off, photographed

STEPS = ("polarity", "shadows", "ruling", "ink")


@pytest.fixture(scope="module")
def face() -> Drawn:
    return Drawn().face(hair=True)


def on_paper(
    page: np.ndarray, gap: int, grey: int, *, thick: int = 1, squared: bool = False, tilt: float = 0.0
) -> np.ndarray:
    large = np.full((800, 800), 255, np.uint8)
    for k in range(0, 800, gap):
        cv2.line(large, (0, k), (800, k), grey, thick, cv2.LINE_AA)
        if squared:
            cv2.line(large, (k, 0), (k, 800), grey, thick, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((400, 400), tilt, 1)
    lines = cv2.warpAffine(large, turn, (800, 800), borderValue=255)[144:656, 144:656]
    return np.minimum(page, lines)


@pytest.mark.parametrize(
    ("gap", "grey", "more"),
    [
        (32, 170, {}),
        (24, 200, {"tilt": 2.0}),
        (30, 150, {"thick": 2, "tilt": -3.0}),
        (20, 195, {"squared": True}),
    ],
)
def test_lines_of_the_paper_go_and_strokes_stay(face: Drawn, gap: int, grey: int, more: dict) -> None:
    want = ink(prepare(face.page, steps=STEPS).image) > 0.5
    made = prepare(on_paper(face.page, gap, grey, **more), steps=STEPS)
    got = ink(made.image)
    near = cv2.dilate(want.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert got[~near].mean() < 0.004
    assert (got[want] > 0.5).mean() > 0.93
    kind = "squared" if more.get("squared") else "ruled"
    assert f"off the {kind} paper" in str(made)
    assert finding(made, "ruling").values["lines"] == pytest.approx(
        (1 + bool(more.get("squared"))) * 512 / gap, abs=4
    )
    assert off(prepare(on_paper(face.page, gap, grey, **more)), face.pupils) < 0.15


def test_photographed_ruled_paper_becomes_white(face: Drawn) -> None:
    made = prepare(photographed(on_paper(face.page, 28, 150, thick=2), shadow=0.3))
    got = ink(made.image)
    assert got[:40].mean() < 0.02
    assert off(made, face.pupils) < 0.2


def test_what_was_not_asked_for_stays(face: Drawn) -> None:
    page = on_paper(face.page, 32, 120, thick=2)
    kept = ink(prepare(page, steps=("polarity", "shadows", "ink")).image)
    gone = ink(prepare(page, steps=STEPS).image)
    assert kept[:, :40].mean() > 5 * gone[:, :40].mean()


def test_plain_drawings_have_no_ruling(face: Drawn) -> None:
    hatched = Drawn().face(hair=True)
    for y in range(60, 460, 9):  # all over the face, but not across the page
        cv2.line(hatched.page, (150, y), (362, y), 0, 2)
    few = face.page.copy()
    for y in (20, 490):
        cv2.line(few, (0, y), (511, y), 90, 2)
    for page in (face.page, hatched.page, few):
        assert finding(prepare(page), "ruling").values["lines"] == 0
    assert not finding(prepare(face.page), "ruling").changed
