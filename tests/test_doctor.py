"""How the doctor mends what visitors draw, step by step."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from s2f.page import polarity, read_page
from s2f.sketch import prepare
from s2f.strokes import skeleton, stroke_width
from tests.drawn_faces import Drawn, finding, ink, off, photographed


@pytest.fixture(scope="module")
def face() -> Drawn:
    return Drawn().face(hair=True)


def test_polarity_white_on_black_equals_black_on_white(face: Drawn) -> None:
    plain, turned = prepare(face.page), prepare(255 - face.page)
    assert np.array_equal(np.asarray(plain.image), np.asarray(turned.image))
    assert "white-on-black" in str(turned)
    assert "white-on-black" not in str(plain)
    left = prepare(255 - face.page, steps=("frame",))
    assert ink(left.image).mean() > 0.5


@pytest.mark.parametrize("shadow", [0.0, 0.35, 0.5])
def test_polarity_is_not_fooled_by_shadows(face: Drawn, shadow: float) -> None:
    assert not finding(prepare(photographed(face.page, shadow=shadow)), "polarity").changed


def test_polarity_is_not_fooled_by_a_pencils_grain() -> None:
    """Hair shaded with the side of a pencil is full of light specks, and a face has few lines beside it."""
    page = np.full((512, 512), 255, np.uint8)
    cv2.ellipse(page, (256, 270), (150, 190), 0, 150, 390, 105, 50)
    specks = np.random.default_rng(0).random(page.shape) < 0.03
    grain = cv2.dilate(specks.astype(np.uint8), np.ones((3, 3), np.uint8))
    page[(page == 105) & (grain > 0)] = 160
    cv2.ellipse(page, (256, 290), (110, 150), 0, 0, 360, 60, 2)
    for x in (205, 307):
        cv2.circle(page, (x, 270), 14, 60, 2)
    assert not polarity(read_page(Image.fromarray(page))).changed


@pytest.mark.parametrize("stroke", [0, 255])
def test_transparent_drawings_show_their_strokes(face: Drawn, stroke: int) -> None:
    layers = np.full((*face.page.shape, 4), stroke, np.uint8)
    layers[..., 3] = 255 - face.page
    on_paper = prepare(face.page)
    difference = np.abs(ink(prepare(Image.fromarray(layers)).image) - ink(on_paper.image))
    assert difference.mean() < 0.01


def test_yellow_and_red_crayon_count_as_ink(face: Drawn) -> None:
    strength = ink(face.page)[..., None]
    for crayon in ((255, 230, 0), (230, 30, 30)):
        page = np.round(255 * (1 - strength) + strength * crayon).astype(np.uint8)
        assert off(prepare(page), face.pupils) < 0.15


@pytest.mark.parametrize("shadow", [0.0, 0.35, 0.5])
def test_shadows_and_paper_become_white_and_strokes_stay(face: Drawn, shadow: float) -> None:
    want = ink(prepare(face.page, steps=()).image) > 0.5
    made = prepare(photographed(face.page, shadow=shadow), steps=("polarity", "shadows", "ink"))
    got = ink(made.image)
    assert got[~cv2.dilate(want.astype(np.uint8), np.ones((7, 7))).astype(bool)].mean() < 0.01
    assert got[want].mean() > 0.75
    assert got[100:150, 240:270].mean() > 0.6, "filled hair is not paper in the shade"
    assert finding(made, "shadows").changed
    kept = prepare(photographed(face.page, shadow=shadow), steps=())
    assert np.median(ink(kept.image)) > 0.15


@pytest.mark.parametrize("strength", [0.08, 0.15, 0.3])
def test_faint_pencil_becomes_dark(strength: float) -> None:
    bold = Drawn().face()
    faint = np.round(255 - strength * (255 - bold.page.astype(float))).astype(np.uint8)
    made = prepare(faint)
    assert np.percentile(ink(made.image)[ink(made.image) > 0.1], 80) > 0.75
    assert finding(made, "ink").values["times"] == pytest.approx(0.92 / strength, rel=0.15)
    assert off(made, bold.pupils) < 0.15
    assert ink(prepare(faint, steps=("frame",)).image).max() < strength + 0.05


def test_clean_digital_drawings_are_left_alone(face: Drawn) -> None:
    made = prepare(face.page)
    assert np.abs(np.asarray(made.image).astype(int) - face.page).mean() < 0.5
    assert str(made) == "Nothing had to be changed."


@pytest.mark.parametrize(("side", "pen"), [(1024, 1), (512, 2), (512, 16), (1024, 40)])
def test_width_is_brought_to_what_models_know(side: int, pen: int) -> None:
    page = Drawn((side, side), apart=0.23 * side, middle=(side / 2, 0.47 * side), pen=pen)
    page.oval(0, 0.15, 1.1, 1.5).line([(-0.4, 1.0), (0.4, 1.0)]).line([(0, 0), (0, 0.6)])
    made, left = (prepare(page.page, steps=steps) for steps in (("width",), ()))
    assert 1.3 < stroke_width(ink(made.image), 1.0) < 4.5
    assert finding(made, "width").changed == (pen != 2)
    width = pen * 512 / side
    assert width < stroke_width(ink(left.image), 1.0) < 1.15 * width + 1.5


def test_thinning_keeps_filled_hair_dots_and_every_line() -> None:
    page = Drawn(apart=120, pen=16).oval(0, 0.15, 1.1, 1.5)
    hair = [(-1.1, -0.5), (-0.9, -1.4), (0, -1.6), (0.9, -1.4), (1.1, -0.5)]
    page.line(hair, fill=True).oval(-0.5, 0, 0.1, 0.1, fill=True).oval(0.5, 0, 0.1, 0.1, fill=True)
    made = ink(prepare(page.page, steps=("width",)).image)
    x, y = np.round(page.at([(0, -1.0)])[0]).astype(int)
    assert made[y - 15 : y + 15, x - 40 : x + 40].min() > 0.9
    for x, y in np.round(page.pupils).astype(int):
        assert 0.2 < made[y - 8 : y + 9, x - 8 : x + 9].mean() <= 1.0
    chin = np.round(page.at([(0, 1.65)])[0]).astype(int)
    assert made[chin[1] - 9 : chin[1] + 9, chin[0]].max() > 0.6


def test_a_skeleton_is_thin_and_stays_connected() -> None:
    mask = np.zeros((120, 120), np.uint8)
    cv2.circle(mask, (60, 60), 40, 1, 11)
    cv2.line(mask, (20, 60), (100, 60), 1, 9)
    thin = skeleton(mask, 20)
    assert cv2.connectedComponents(thin)[0] == cv2.connectedComponents(mask)[0] == 2
    assert cv2.connectedComponents(1 - thin, connectivity=4)[0] == 4
    assert cv2.erode(thin, np.ones((2, 2), np.uint8)).sum() < 12


def test_dust_goes_but_pupils_freckles_and_faces_of_dots_stay() -> None:
    page = Drawn(apart=110, middle=(256, 250)).oval(0, 0.15, 1.15, 1.5)
    for x in (-0.5, 0.5):
        page.oval(x, 0, 0.03, 0.03, fill=True)
    page.line([(-0.4, 0.9), (0.4, 0.9)])
    freckles = page.at([(-0.6, 0.4), (-0.55, 0.44), (-0.52, 0.38), (-0.48, 0.43)])
    dust = np.array([(30, 40), (480, 60), (40, 480), (470, 470), (25, 260)])
    for x, y in np.concatenate([freckles, dust]).round().astype(int):
        cv2.circle(page.page, (int(x), int(y)), 1, 0, -1)
    made = prepare(page.page, steps=("specks",))
    got = ink(made.image)
    spot = lambda x, y: got[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4].max()  # noqa: E731
    assert finding(made, "specks").values["specks"] == 5
    assert max(spot(*p) for p in dust) < 0.1
    assert min(spot(*p) for p in freckles) > 0.5
    assert min(spot(*p) for p in page.pupils) > 0.5
    untouched = ink(prepare(page.page, steps=()).image)
    assert untouched[37:44, 27:34].max() > 0.5


def test_the_line_round_the_page_goes_and_a_face_that_touches_stays() -> None:
    page = Drawn().face()
    cv2.rectangle(page.page, (12, 12), (499, 499), 0, 4)
    made = prepare(page.page)
    assert "line round the page" in str(made)
    assert ink(made.image)[:30].max() < 0.1
    assert off(made, page.pupils) < 0.15
    big = Drawn(apart=165, middle=(256, 250)).face()
    assert finding(prepare(big.page), "specks").values["border"] == 0
