"""A drawn page: how its strokes are read, and what makes photographed paper clean dark strokes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from .errors import ImageError, SketchError
from .image import load_image

WORK = 640  # the longer side of the page on which everything is measured
POLAR = 150  # enough to tell strokes from paper
LEAST = 24  # pixels, the side of the smallest page
SPOTLESS = 0.02  # ink below this is paper that nobody photographed
BOLD = 0.92  # how dark a stroke becomes
FAINT = 0.72  # a drawing whose strokes are lighter than this is faint


@dataclass(frozen=True)
class Finding:
    """What one step saw, whether it changed the drawing, and the numbers behind it."""

    step: str
    message: str
    changed: bool
    values: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


@dataclass
class Page:
    """A page in the making: what was given, and how its strokes are read."""

    given: np.ndarray  # RGB uint8, as large as it came
    scale: float  # work pixels per given pixel
    small: np.ndarray  # RGB uint8, reduced
    inverted: bool = False
    paper: np.ndarray | None = None  # float32, how bright the paper is, at work size; None where it is white
    white: float = 0.0  # ink below this is paper
    gain: float = 1.0
    power: float = 1.0
    erased: np.ndarray | None = None  # bool, at work size
    ink: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    mark: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))  # ink against its paper
    depth: float = 0.0  # how dark the strokes are at their middle

    def read(self) -> None:
        self.ink = self.tone(self.small, self.paper)
        base = float(np.median(self.ink[::3, ::3]))
        # white strokes on black, if polarity was left as it came, are strokes too
        self.mark = np.clip(self.ink - base if base < 0.5 else base - self.ink, 0, 1)
        if self.erased is not None:
            self.ink[self.erased] = self.mark[self.erased] = 0
        self.depth = _depth(self.mark)

    def erase(self, where: np.ndarray) -> None:
        self.erased = where if self.erased is None else self.erased | where
        self.ink[where] = 0
        self.mark[where] = 0

    def tone(self, rgb: np.ndarray, paper: np.ndarray | None) -> np.ndarray:
        """RGB → ink, 0 to 1. Yellow crayon counts as ink too, hence the darkest channel."""
        red, green, blue = cv2.split(rgb)
        outer = cv2.max if self.inverted else cv2.min
        extreme = outer(outer(red, green), blue)
        luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        grey = cv2.addWeighted(luma, 0.6 / 255, extreme, 0.4 / 255, 0, dtype=cv2.CV_32F)
        ink = grey if self.inverted else 1 - grey
        if paper is not None:
            ink = 1 - (1 - ink) / np.maximum(paper, 0.02)
        if self.white or self.gain != 1 or self.power != 1:
            ink = np.clip((ink - self.white) / (1 - self.white) * self.gain, 0, 1) ** self.power
        return np.clip(ink, 0, 1)

    def strokes(self) -> np.ndarray:
        """Where ink is, as bool."""
        return self.mark > 0.4 * self.depth


def read_page(drawing: Any) -> Page:
    rgb = np.asarray(load_image(drawing))
    if min(rgb.shape[:2]) < LEAST:
        raise SketchError(
            f"got a page of {rgb.shape[1]}x{rgb.shape[0]} pixels, expected at least {LEAST} each way; "
            "draw on a larger one"
        )
    if np.ptp(rgb) < 8:  # white strokes on nothing show only on black
        with contextlib.suppress(ImageError):
            behind = np.asarray(load_image(drawing, background="black"))
            rgb = behind if np.ptp(behind) >= 8 else rgb
    scale = min(1.0, WORK / max(rgb.shape[:2]))
    side = [max(1, round(n * scale)) for n in rgb.shape[1::-1]]
    small = cv2.resize(rgb, side, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    return Page(rgb, scale, small)


def _depth(mark: np.ndarray) -> float:
    """How dark the strokes are at their middle."""
    grain = 1.4826 * float(np.median(np.abs(mark - cv2.GaussianBlur(mark, (0, 0), 1.5))[::3, ::3]))
    ridge = (mark >= cv2.dilate(mark, np.ones((3, 3), np.uint8))) & (mark > max(0.05, 5 * grain))
    return float(np.percentile(mark[ridge], 60)) if ridge.any() else 0.0


def require_strokes(page: Page) -> None:
    ink = page.ink
    # lines keep much of their energy under a blur that takes noise away
    soft = cv2.GaussianBlur(ink, (0, 0), 1.5)
    if float(ink.std()) > 0.06 and float(soft.var()) < 0.085 * float(ink.var()):
        raise SketchError(
            "got a page of noise, expected a drawn face; draw it on plain paper or in better light"
        )
    if float(np.ptp(cv2.blur(ink, (3, 3)))) < 0.04 or page.depth < 0.04:
        kind = "black" if float(np.median(ink)) > 0.6 else "blank"
        raise SketchError(
            f"got a {kind} page, expected a drawn face; draw at least its outline, eyes and mouth"
        )


def require_extent(page: Page) -> None:
    mask = page.strokes()
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    extent = max(np.ptp(rows), np.ptp(columns)) if len(rows) else 0
    if extent < 0.04 * max(mask.shape) or int(mask.sum()) < 40:
        raise SketchError(
            "got a nearly blank page, expected a drawn face; draw its outline, eyes and mouth, larger"
        )


def polarity(page: Page) -> Finding:
    """Light strokes on dark paper? Paper fills the border and most of the page, and strokes are thin.

    A page that is light all over leaves little for strokes to say: in hair shaded with a pencil, light grain
    counts as lines. One that is dark may be a light one in bad light.
    """
    grey = cv2.cvtColor(page.small, cv2.COLOR_RGB2GRAY)
    if max(grey.shape) > 2 * POLAR:
        grey = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    level, _ = cv2.threshold(grey, 0, 1, cv2.THRESH_OTSU)
    light = grey > level
    rim = max(2, round(0.03 * min(grey.shape)))
    border = np.ones(grey.shape, bool)
    border[rim:-rim, rim:-rim] = False
    wide = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1,) * 2)
    soft = cv2.GaussianBlur(grey, (0, 0), 0.8)
    dark_lines = cv2.morphologyEx(soft, cv2.MORPH_BLACKHAT, wide).astype(np.float32)
    light_lines = cv2.morphologyEx(soft, cv2.MORPH_TOPHAT, wide).astype(np.float32)
    least = 0.35 * max(float(dark_lines.max()), float(light_lines.max()))
    dark, pale = float((dark_lines > least).mean()), float((light_lines > least).mean())
    lines = (dark - pale) / (dark + pale + 1e-6)
    paper = float(light[border].mean() + light.mean() - 1)
    verdict = 0.6 * paper + 1.2 * (1 - max(paper, 0.0)) * lines
    page.inverted = verdict < 0
    message = (
        "Turned white-on-black into black-on-white." if page.inverted else "Dark strokes on light paper."
    )
    return Finding("polarity", message, page.inverted, {"dark_on_light": verdict})


def shadows(page: Page) -> Finding:
    """Divide by the light that falls on the paper, guessed from where there is paper."""
    pale = page.ink[page.ink < 0.5]
    if pale.size and float((pale < SPOTLESS).mean()) > 0.9:  # else a black head of hair passes for a shadow
        return Finding("shadows", "The paper is white.", False, {"darkest": 1.0, "brightest": 1.0})
    paper = _paper_light(1 - page.ink)
    low, high = (float(v) for v in np.percentile(paper, (2, 98)))
    values = {"darkest": low, "brightest": high}
    if low > 0.97:
        return Finding("shadows", "The paper is white.", False, values)
    page.paper = paper
    page.read()
    ground = page.ink[page.ink < 0.2]
    grain = 1.4826 * float(np.median(np.abs(ground - np.median(ground)))) if ground.size else 0.0
    page.white = min(0.25, 0.02 + 3 * grain)
    page.read()
    what = "Evened out shadows on the paper." if high - low > 0.08 else "Turned the tinted paper white."
    return Finding("shadows", what, True, values | {"grain": grain})


def _paper_light(grey: np.ndarray) -> np.ndarray:
    """The page as if nothing were drawn on it. Ink, thin or filled, is filled in from the paper around."""
    side = [max(8, round(n * 96 / max(grey.shape))) for n in grey.shape[::-1]]
    reach = max(3, round(max(grey.shape) / 96) | 1)
    bright = cv2.dilate(cv2.blur(grey, (3, 3)), np.ones((reach + 2, reach + 2), np.uint8))
    small = cv2.resize(bright, side, interpolation=cv2.INTER_AREA)
    around = cv2.GaussianBlur(cv2.dilate(small, np.ones((31, 31), np.uint8)), (0, 0), 8)
    small = cv2.morphologyEx(small, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    sure = cv2.erode((small > 0.45 * around).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    light: np.ndarray = np.zeros_like(small)
    known: np.ndarray = np.zeros_like(small)
    for sigma in (0.8, 3.0, 8.0, 24.0):
        weight = cv2.GaussianBlur(sure, (0, 0), sigma)
        mean = cv2.GaussianBlur(small * sure, (0, 0), sigma) / (weight + 1e-9)
        share = (1 - known) * np.clip(4 * weight, 0, 1)
        light, known = light + share * mean, known + share
    light = light + (1 - known) * float(
        (small * sure).sum() / (sure.sum() + 1e-9) if sure.any() else small.max()
    )
    return cv2.resize(light, grey.shape[::-1], interpolation=cv2.INTER_CUBIC)


def darken(page: Page) -> Finding:
    depth = page.depth
    if depth >= FAINT or depth <= 0:
        return Finding("ink", "The strokes are dark.", False, {"darkness": depth})
    base = float(np.median(page.ink))
    # one curve after the other: ink' = ((ink - white) / (1 - white) * gain) ** power
    page.white = page.white + (1 - page.white) * (base + 0.12 * depth)
    page.gain = BOLD / (0.88 * depth) * (1 - page.white)
    page.power = 0.85
    page.read()
    times = BOLD / depth
    return Finding(
        "ink", f"Darkened faint strokes ({times:.1f} times).", True, {"darkness": depth, "times": times}
    )


def specks(page: Page) -> Finding:
    """Dust, and a line round the page; pupils, freckles and dotted lines stay."""
    mask = page.strokes()
    _, label, stats, centre = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    length = stats[:, 2:4].max(1)
    border = _round_the_page(label, stats)
    real = (length >= 0.014 * max(mask.shape)) & ~border
    real[0] = border[0] = False
    dust = _dust(label, stats, centre, real, border)
    count, lines = int(dust.sum()), int(border.sum())
    if not count and not lines:
        return Finding("specks", "The page is clean.", False, {"specks": 0, "border": 0})
    around = cv2.dilate((dust | border)[label].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    page.erase(around & ~real[label])
    removed = [f"{count} speck{'s' * (count > 1)}"] * (count > 0)
    removed += ["the line round the page"] * (lines > 0)
    return Finding("specks", f"Removed {' and '.join(removed)}.", True, {"specks": count, "border": lines})


def _dust(
    label: np.ndarray, stats: np.ndarray, centre: np.ndarray, real: np.ndarray, border: np.ndarray
) -> np.ndarray:
    """Which components are dust: tiny, far from real strokes, and outside the face or all by themselves."""
    dust = np.zeros(len(stats), bool)
    if not real.any():
        return dust
    strokes = real[label].astype(np.uint8)
    _, _, *extent = cv2.boundingRect(strokes)
    unit, length = max(extent), stats[:, 2:4].max(1)
    tiny = np.flatnonzero(~real & ~border & (length < 0.016 * unit))
    away = cv2.distanceTransform(1 - strokes, cv2.DIST_L2, 3)
    outlines, _ = cv2.findContours(strokes, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(np.concatenate(outlines))
    for k in tiny:
        x, y = centre[k]
        if away[round(y), round(x)] < 0.03 * unit:
            continue
        outside = cv2.pointPolygonTest(hull, (float(x), float(y)), False) < 0
        # freckles come in company, grain in multitudes
        neighbours = np.sum(np.hypot(*(centre[tiny] - centre[k]).T) < 0.07 * unit)
        lonely = neighbours < 3 or len(tiny) > 300
        dust[k] = outside or (lonely and length[k] < 0.008 * unit)
    return dust


def _round_the_page(label: np.ndarray, stats: np.ndarray) -> np.ndarray:
    """Which components run along the edges of the page and nowhere else."""
    height, width = label.shape
    edge = np.ones(label.shape, bool)
    y, x = round(0.09 * height), round(0.09 * width)
    edge[y : height - y, x : width - x] = False
    share = np.bincount(label[edge], minlength=len(stats)) / np.maximum(stats[:, cv2.CC_STAT_AREA], 1)
    long = (stats[:, 2] > 0.7 * width) | (stats[:, 3] > 0.7 * height)
    found = long & (share > 0.93)
    found[0] = False
    return found
