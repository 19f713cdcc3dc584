"""Drawings: what is extracted from photographs, and how the doctor mends and frames what visitors draw."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from s2f.errors import SketchError
from s2f.image import EYE_DISTANCE, EYE_LINE
from s2f.sketch import EXTRACTED, STEPS, STYLES, Sketch, extract, extract_array, prepare
from s2f.strokes import skeleton, stroke_width

GOAL = np.array([[0.5 - EYE_DISTANCE / 2, EYE_LINE], [0.5 + EYE_DISTANCE / 2, EYE_LINE]])


class Drawn:
    """A face in lines whose pupils are known; drawn on any page, of any size, at any tilt."""

    def __init__(
        self,
        size: tuple[int, int] = (512, 512),
        *,
        apart: float = 123.0,
        middle: tuple[float, float] = (255.5, 240.0),
        tilt: float = 0.0,
        pen: float = 3.0,
    ) -> None:
        self.page = np.full(size[::-1], 255, np.uint8)
        self.apart, self.middle, self.pen = apart, np.array(middle), pen
        c, s = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
        self.turn = np.array([[c, -s], [s, c]])
        self.pupils = self.at([(-0.5, 0), (0.5, 0)])

    def at(self, points: list[tuple[float, float]] | np.ndarray) -> np.ndarray:
        """Eye distances from the point between the pupils → pixels."""
        return self.middle + self.apart * np.asarray(points, float) @ self.turn.T

    def line(self, points: list[tuple[float, float]] | np.ndarray, *, fill: bool = False) -> Drawn:
        where = [np.round(16 * self.at(points)).astype(np.int32)]
        if fill:
            cv2.fillPoly(self.page, where, 0, cv2.LINE_AA, 4)
        else:
            cv2.polylines(self.page, where, False, 0, max(1, round(self.pen)), cv2.LINE_AA, 4)
        return self

    def oval(self, x: float, y: float, wide: float, high: float, *, fill: bool = False) -> Drawn:
        a = np.linspace(0, 2 * np.pi, 60)
        return self.line(np.stack([x + wide * np.cos(a), y + high * np.sin(a)], 1), fill=fill)

    def face(self, *, outline: bool = True, glasses: bool = False, hair: bool = False) -> Drawn:
        if outline:
            self.oval(0, 0.15, 1.12, 1.55)
        for x in (-0.5, 0.5):
            self.oval(x, 0, 0.23, 0.11).oval(x, 0, 0.1, 0.1).oval(x, 0, 0.04, 0.04, fill=True)
            self.line([(x - 0.25, -0.27), (x, -0.34), (x + 0.25, -0.27)])
            if glasses:
                self.oval(x, 0.02, 0.38, 0.3)
        self.line([(0.02, 0.1), (-0.14, 0.62), (0.1, 0.66)])
        self.line([(-0.35, 1.05), (-0.1, 1.0), (0.1, 1.0), (0.35, 1.05)])
        self.line([(-0.35, 1.05), (0, 1.17), (0.35, 1.05)])
        if hair:
            self.line(
                [(-1.2, -0.3), (-1, -1.3), (0, -1.7), (1, -1.3), (1.2, -0.3), (0.9, -0.8), (-0.9, -0.8)],
                fill=True,
            )
        return self

    def shoulders(self) -> Drawn:
        for side in (-1, 1):
            self.line([(0.5 * side, 1.5), (0.5 * side, 2.1), (1.9 * side, 2.6)])
        return self


def off(sketch: Sketch, pupils: np.ndarray) -> float:
    """How far the worse pupil lies from its place, in eye distances."""
    size = sketch.image.width
    now = pupils @ sketch.transform[:, :2].T + sketch.transform[:, 2]
    return float(np.hypot(*(now - (GOAL * size - 0.5)).T).max()) / (EYE_DISTANCE * size)


def ink(image: Image.Image | np.ndarray) -> np.ndarray:
    return 1 - np.asarray(image, np.float32) / 255


def finding(sketch: Sketch, step: str):
    return next(found for found in sketch.report if found.step == step)


def photographed(
    page: np.ndarray, *, shadow: float = 0.35, faint: float = 1.0, grain: float = 0.01
) -> np.ndarray:
    """Cream paper under a lamp on one side, a hand's shadow across a corner, the sensor's noise."""
    height, width = page.shape
    ys, xs = np.mgrid[:height, :width] / max(page.shape)
    light = 0.62 + 0.3 * xs - 0.12 * ys
    light *= 1 - shadow / (1 + np.exp(-22 * (xs + ys - 1.25)))
    lines = 1 - faint * (1 - page / 255)
    noise = np.random.default_rng(7).normal(0, grain, (height, width, 1))
    rgb = (lines * light)[..., None] * np.array([1.0, 0.95, 0.84]) + noise
    return np.round(255 * np.clip(rgb, 0, 1)).astype(np.uint8)


@pytest.fixture(scope="module")
def face() -> Drawn:
    return Drawn().face(hair=True)


@pytest.fixture(scope="module")
def photo() -> Callable[..., np.ndarray]:
    def make(width: int = 320, height: int = 320, skin: float = 0.75) -> np.ndarray:
        """A head of soft blobs on a backdrop."""
        ys, xs = np.mgrid[:height, :width].astype(np.float32)
        u, v = (xs - width / 2) / (0.5 * min(width, height)), (ys - height / 2) / (0.5 * min(width, height))

        def soft(x: float, y: float, a: float, b: float) -> np.ndarray:
            steep = 14 * (((u - x) / a) ** 2 + ((v - y) / b) ** 2 - 1)
            return 1 / (1 + np.exp(np.minimum(steep, 60)))

        grey = np.full((height, width), 0.8, np.float32)
        for x, y, a, b, tone in (
            (0, -0.1, 0.62, 0.78, 0.25),
            (0, 0.05, 0.5, 0.65, skin),
            (-0.2, -0.05, 0.09, 0.045, 0.25 * skin),
            (0.2, -0.05, 0.09, 0.045, 0.25 * skin),
            (0, 0.2, 0.07, 0.05, 0.7 * skin),
            (0, 0.4, 0.18, 0.05, 0.5 * skin),
        ):
            here = soft(x, y, a, b)
            grey = grey * (1 - here) + tone * here
        grey = grey + np.random.default_rng(1).normal(0, 0.006, grey.shape)
        return np.round(255 * np.clip(grey[..., None] * np.array([1, 0.9, 0.82]), 0, 1)).astype(np.uint8)

    return make


# ---- extract


@pytest.mark.parametrize("style", EXTRACTED)
@pytest.mark.parametrize("shape", [(320, 320), (300, 420), (512, 384), (64, 64)])
def test_extracted_drawings_are_dark_lines_on_white(photo, style: str, shape: tuple[int, int]) -> None:
    drawing = extract(photo(*shape), style)
    assert drawing.mode == "L"
    assert drawing.size == shape
    amount = ink(drawing)
    assert 0.004 < amount.mean() < 0.2
    assert amount.max() > 0.6
    assert np.median(amount) < 0.05


@pytest.mark.parametrize("style", EXTRACTED)
def test_dark_and_fair_skin_give_the_same_ink(photo, style: str) -> None:
    dark, fair = (ink(extract(photo(skin=skin), style)).mean() for skin in (0.4, 0.85))
    assert 0.6 < dark / fair < 1.6


@pytest.mark.parametrize("style", EXTRACTED)
def test_extraction_is_deterministic_given_a_seed_and_varies_between_seeds(photo, style: str) -> None:
    picture = photo()
    one, same, other = (extract_array(picture, style, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert np.array_equal(extract_array(picture, style), np.asarray(extract(picture, style)))


@pytest.mark.parametrize("style", EXTRACTED)
def test_extracted_lines_scale_with_the_picture(photo, style: str) -> None:
    large = photo(512, 512)
    small = cv2.resize(large, (256, 256), interpolation=cv2.INTER_AREA)
    fine = cv2.resize(extract_array(large, style), (256, 256), interpolation=cv2.INTER_AREA)
    soft = [cv2.GaussianBlur(ink(x), (0, 0), 3).ravel() for x in (fine, extract_array(small, style))]
    assert np.corrcoef(soft)[0, 1] > 0.7


def test_extract_says_what_is_wrong(photo) -> None:
    assert ("freehand", *EXTRACTED) == STYLES
    with pytest.raises(SketchError, match=r"got style 'freehand', expected one of contour, pencil, edge; "):
        extract(photo(), "freehand")
    with pytest.raises(SketchError, match="got a picture of 9x40 pixels"):
        extract(np.zeros((40, 9, 3), np.uint8))


# ---- prepare: each step


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


# ---- prepare: the frame

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
