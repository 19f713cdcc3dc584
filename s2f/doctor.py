"""The input doctor: whatever a visitor draws or photographs → dark strokes on white, the face framed as models expect.

    polarity ▶ shadows ▶ ink ▶ specks ▶ frame ▶ width

Everything is measured on a reduced page; the strokes are then taken once from the page as given.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from PIL import Image

from .errors import ImageError, SketchError
from .framing import Face, find_face
from .image import EYE_DISTANCE, EYE_LINE, load_image
from .strokes import stroke_width, thickened, thinned

__all__ = ["STEPS", "Finding", "Sketch", "prepare"]

STEPS = ("polarity", "shadows", "ink", "specks", "frame", "width")
WORK = 640  # the longer side of the page on which everything is measured
POLAR = 150  # enough to tell strokes from paper
LEAST, LARGEST = 24, 4096  # sides, in pixels, of the smallest page and the largest result
BOLD = 0.92  # how dark a stroke becomes
FAINT = 0.72  # a drawing whose strokes are lighter than this is faint
SURE = 0.5  # from here on the eyes are believed
# Where faces lie in the box of their strokes: pupils' height over box height, their distance over box width and height.
BOX_EYES, BOX_WIDTH, BOX_HEIGHT = 0.465, 0.335, 0.25
# A face off by less than this is left where it is: eye distances, log size, radians.
NEARLY = (0.12, 0.11, 0.06)
TILT = math.radians(25)
THIN, USUAL, THICK = 1.35, 3.0, 6.5  # stroke widths in a picture of 512 pixels: too thin, as redrawn, too thick


@dataclass(frozen=True)
class Finding:
    """What one step saw, whether it changed the drawing, and the numbers behind it."""

    step: str
    message: str
    changed: bool
    values: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Sketch:
    """A drawing made ready: the picture, what was found, and the map from pixels of the page to its pixels."""

    image: Image.Image  # L, square, dark strokes on white
    report: tuple[Finding, ...]
    transform: np.ndarray  # 2x3

    def __str__(self) -> str:
        changes = [str(finding) for finding in self.report if finding.changed]
        return " ".join(changes) or "Nothing had to be changed."


@dataclass
class _Page:
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
    depth: float = 0.0  # how dark the strokes are at their middle

    def read(self) -> None:
        self.ink = self.tone(self.small, self.paper)
        self.depth = _depth(self.ink)

    def erase(self, where: np.ndarray) -> None:
        self.erased = where if self.erased is None else self.erased | where
        self.ink[where] = 0

    def tone(self, rgb: np.ndarray, paper: np.ndarray | None) -> np.ndarray:
        """RGB → ink, 0 to 1. Yellow crayon counts as ink too, hence the darkest channel."""
        red, green, blue = cv2.split(rgb)
        outer = cv2.max if self.inverted else cv2.min
        extreme = outer(outer(red, green), blue)
        grey = cv2.addWeighted(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), 0.6 / 255, extreme, 0.4 / 255, 0, dtype=cv2.CV_32F)
        ink = grey if self.inverted else 1 - grey
        if paper is not None:
            ink = 1 - (1 - ink) / np.maximum(paper, 0.02)
        if self.white or self.gain != 1 or self.power != 1:
            ink = np.clip((ink - self.white) / (1 - self.white) * self.gain, 0, 1) ** self.power
        return np.clip(ink, 0, 1)

    def strokes(self) -> np.ndarray:
        """Where ink is, as bool."""
        return self.ink - float(np.median(self.ink[::3, ::3])) > 0.4 * self.depth


def prepare(drawing: Any, *, size: int = 512, steps: Iterable[str] = STEPS) -> Sketch:
    """Anything `load_image` takes, drawn or photographed → a `Sketch` of `size`.

    `steps` names what may be done, in any order; without "frame" the page is only fitted into the square.
    """
    chosen = _checked(steps, size)
    page = _read(drawing)
    report = []
    # 1. dark strokes on light paper
    if "polarity" in chosen:
        report.append(_polarity(page))
    page.read()
    _require_strokes(page)
    # 2. light, paper and pencil as if drawn on a screen
    if "shadows" in chosen:
        report.append(_shadows(page))
    if "ink" in chosen:
        report.append(_ink(page))
    if "specks" in chosen:
        report.append(_specks(page))
    _require_extent(page)
    # 3. the face where models expect it
    to = _fitted(page, size)
    if "frame" in chosen:
        finding, to = _frame(page, to, size)
        report.append(finding)
    ink = _taken(page, to, size)
    # 4. lines as wide as models know them
    if "width" in chosen:
        finding, ink = _width(ink, size)
        report.append(finding)
    image = Image.fromarray(np.round(255 * (1 - ink)).astype(np.uint8))
    return Sketch(image, tuple(report), to)


def _checked(steps: Iterable[str], size: int) -> set[str]:
    chosen = {steps} if isinstance(steps, str) else set(steps)
    unknown = sorted(str(step) for step in chosen - set(STEPS))
    if unknown:
        raise SketchError(f"got step {unknown[0]!r}, expected some of {', '.join(STEPS)}; leave it out")
    if not isinstance(size, int) or not LEAST <= size <= LARGEST:
        raise SketchError(f"got size {size!r}, expected a whole number from {LEAST} to {LARGEST}; choose one")
    return chosen


def _read(drawing: Any) -> _Page:
    rgb = np.asarray(load_image(drawing))
    if min(rgb.shape[:2]) < LEAST:
        raise SketchError(
            f"got a page of {rgb.shape[1]}x{rgb.shape[0]} pixels, expected at least {LEAST} each way; draw on a larger one"
        )
    if np.ptp(rgb) < 8:  # white strokes on nothing show only on black
        with contextlib.suppress(ImageError):
            behind = np.asarray(load_image(drawing, background="black"))
            rgb = behind if np.ptp(behind) >= 8 else rgb
    scale = min(1.0, WORK / max(rgb.shape[:2]))
    side = [max(1, round(n * scale)) for n in rgb.shape[1::-1]]
    small = cv2.resize(rgb, side, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    return _Page(rgb, scale, small)


def _depth(ink: np.ndarray) -> float:
    """How dark the strokes are at their middle."""
    base = float(np.median(ink[::3, ::3]))
    grain = 1.4826 * float(np.median(np.abs(ink - cv2.GaussianBlur(ink, (0, 0), 1.5))[::3, ::3]))
    ridge = (ink >= cv2.dilate(ink, np.ones((3, 3), np.uint8))) & (ink - base > max(0.05, 5 * grain))
    return float(np.percentile(ink[ridge], 60)) - base if ridge.any() else 0.0


def _require_strokes(page: _Page) -> None:
    ink = page.ink
    soft = cv2.GaussianBlur(ink, (0, 0), 1.5)
    if float(np.ptp(cv2.blur(ink, (3, 3)))) < 0.04 or page.depth < 0.04:
        kind = "black" if float(np.median(ink)) > 0.6 else "blank"
        raise SketchError(f"got a {kind} page, expected a drawn face; draw at least its outline, eyes and mouth")
    # lines keep much of their energy under a blur that takes noise away
    if float(soft.var()) < 0.085 * float(ink.var()) and float((page.strokes()).mean()) > 0.12:
        raise SketchError("got a page of noise, expected a drawn face; draw it on plain paper or in better light")


def _require_extent(page: _Page) -> None:
    mask = page.strokes()
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    extent = max(np.ptp(rows), np.ptp(columns)) if len(rows) else 0
    if extent < 0.04 * max(mask.shape) or int(mask.sum()) < 40:
        raise SketchError(
            "got a nearly blank page, expected a drawn face; draw at least its outline, eyes and mouth, and larger"
        )


def _polarity(page: _Page) -> Finding:
    """Light strokes on dark paper? Paper fills the border and most of the page, and strokes are thin upon it."""
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
    least = 0.35 * max(float(np.percentile(dark_lines, 99.5)), float(np.percentile(light_lines, 99.5)))
    dark, pale = float((dark_lines > least).mean()), float((light_lines > least).mean())
    lines = (dark - pale) / (dark + pale + 1e-6)
    verdict = float(0.6 * (light[border].mean() + light.mean() - 1) + 1.2 * lines)
    page.inverted = verdict < 0
    message = "Turned white-on-black into black-on-white." if page.inverted else "Dark strokes on light paper."
    return Finding("polarity", message, page.inverted, {"dark_on_light": verdict})


def _shadows(page: _Page) -> Finding:
    """Divide by the light that falls on the paper, guessed from where there is paper."""
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
    light, known = np.zeros_like(small), np.zeros_like(small)
    for sigma in (0.8, 3.0, 8.0, 24.0):
        weight = cv2.GaussianBlur(sure, (0, 0), sigma)
        mean = cv2.GaussianBlur(small * sure, (0, 0), sigma) / (weight + 1e-9)
        share = (1 - known) * np.clip(4 * weight, 0, 1)
        light, known = light + share * mean, known + share
    light += (1 - known) * float((small * sure).sum() / (sure.sum() + 1e-9) if sure.any() else small.max())
    return cv2.resize(light, grey.shape[::-1], interpolation=cv2.INTER_CUBIC)


def _ink(page: _Page) -> Finding:
    depth = page.depth
    if depth >= FAINT or depth <= 0:
        return Finding("ink", "The strokes are dark.", False, {"darkness": depth})
    base = float(np.median(page.ink))
    # one curve after the other: ink' = ((ink - white) / (1 - white) * gain) ** power
    page.white += (1 - page.white) * (base + 0.12 * depth)
    page.gain = BOLD / (0.88 * depth) * (1 - page.white)
    page.power = 0.85
    page.read()
    times = BOLD / depth
    return Finding("ink", f"Darkened faint strokes ({times:.1f} times).", True, {"darkness": depth, "times": times})


def _specks(page: _Page) -> Finding:
    """Dust, and a line round the page; pupils, freckles and dotted lines stay."""
    mask = page.strokes()
    _, label, stats, centre = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    length = stats[:, 2:4].max(1)
    border = _round_the_page(label, stats)
    real = (length >= 0.014 * WORK * min(1.0, max(mask.shape) / WORK)) & ~border
    real[0] = border[0] = False
    dust = np.zeros(len(stats), bool)
    if real.any():
        inside = stats[real]
        unit = float(max(np.ptp(np.r_[inside[:, 0], inside[:, 0] + inside[:, 2]]), np.ptp(np.r_[inside[:, 1], inside[:, 1] + inside[:, 3]])))
        away = cv2.distanceTransform((~real[label]).astype(np.uint8), cv2.DIST_L2, 3)
        points = np.concatenate([c.reshape(-1, 2) for c in cv2.findContours(real[label].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]])
        hull = cv2.convexHull(points)
        tiny = np.flatnonzero(~real & ~border & (length < 0.016 * unit))
        tiny = tiny[tiny > 0]
        where = centre[tiny]
        alone = np.array([np.sum(np.hypot(*(where - p).T) < 0.07 * unit) < 3 for p in where], bool) | (len(tiny) > 300)
        for k, p, lonely in zip(tiny, where, alone, strict=True):
            if away[int(round(p[1])), int(round(p[0]))] < 0.03 * unit:
                continue
            outside = cv2.pointPolygonTest(hull, (float(p[0]), float(p[1])), False) < 0
            dust[k] = outside or (lonely and length[k] < 0.008 * unit)
    count, lines = int(dust.sum()), int(border.sum())
    if not count and not lines:
        return Finding("specks", "The page is clean.", False, {"specks": 0, "border": 0})
    around = cv2.dilate((dust | border)[label].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    page.erase(around & ~real[label])
    removed = [f"{count} speck{'s' * (count > 1)}"] * (count > 0) + ["the line round the page"] * (lines > 0)
    return Finding("specks", f"Removed {' and '.join(removed)}.", True, {"specks": count, "border": lines})


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


def _fitted(page: _Page, size: int) -> np.ndarray:
    """The whole page, centred in the square."""
    height, width = page.given.shape[:2]
    zoom = size / max(height, width)
    return np.array([[zoom, 0, (size - width * zoom + zoom - 1) / 2], [0, zoom, (size - height * zoom + zoom - 1) / 2]])


def _frame(page: _Page, plain: np.ndarray, size: int) -> tuple[Finding, np.ndarray]:
    """Level the pupils at their place; by the box of the strokes where no eyes can be told."""
    mask = page.strokes()
    face, by_eyes = _face(page, mask)
    pupils = (face.pupils + 0.5) / page.scale - 0.5
    if by_eyes:
        page.erase(_beside(mask, face))
    to = _similarity(pupils, size, level=by_eyes)
    zoom = math.hypot(*to[:, 0]) / math.hypot(*plain[:, 0])
    tilt = -math.atan2(to[1, 0], to[0, 0])
    middle = plain[:, :2] @ pupils.mean(0) + plain[:, 2]
    away = (middle - _goal(size).mean(0)) / size
    values = {"sure": face.sure, "larger": zoom, "tilt": math.degrees(tilt), "right": away[0], "down": away[1]}
    how = "by its eyes" if by_eyes else "by the box of its strokes, since no eyes were sure"
    off, grow, turn = NEARLY
    if math.hypot(*away) < off * EYE_DISTANCE and abs(math.log(zoom)) < grow and abs(tilt) < turn:
        return Finding("frame", f"The face is in its place, found {how} ({face.sure:.0%} sure).", False, values), plain
    said = [f"moved it from the {_place(away)} to its place" if math.hypot(*away) > 0.03 else "put it in its place"]
    if abs(math.log(zoom)) > 0.05:
        said.append(f"{zoom:.1f} times larger" if zoom > 1 else f"{1 / zoom:.1f} times smaller")
    if abs(tilt) > 0.03:
        said.append(f"levelled by {abs(math.degrees(tilt)):.0f} degrees")
    message = f"Found the face {how} ({face.sure:.0%} sure) and {', '.join(said)}."
    return Finding("frame", message, True, values), to


def _face(page: _Page, mask: np.ndarray) -> tuple[Face, bool]:
    """The face in all strokes or in their main group, whichever is surer; else one guessed from the box."""
    main = _main_group(mask)
    ink = np.clip(page.ink / max(page.depth, 0.05), 0, 1) * cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    whole, box = _box(mask), _box(main)
    found = [find_face(ink, whole)]
    if max(abs(a - b) for a, b in zip(whole, box, strict=True)) > 0.08 * max(whole[2] - whole[0], whole[3] - whole[1]):
        found.append(find_face(ink * main, box))
    best = max(found, key=lambda face: face.sure)
    tilt = math.atan2(*(best.pupils[1] - best.pupils[0])[::-1])
    if best.sure >= SURE and abs(tilt) <= 1.2 * TILT:
        return best, True
    left, top, right, bottom = box
    apart = math.sqrt(BOX_WIDTH * (right - left) * BOX_HEIGHT * (bottom - top))
    middle = np.array([(left + right) / 2, top + BOX_EYES * (bottom - top)])
    return Face(middle + np.array([[-apart / 2, 0], [apart / 2, 0]]), best.sure), False


def _main_group(mask: np.ndarray) -> np.ndarray:
    """The group of neighbouring strokes with the most ink; what lies within its box belongs to it."""
    groups, label, stats = _groups(mask)
    if groups < 3:
        return mask
    size = np.bincount(label[mask], minlength=groups) * np.sqrt(stats[:, 2] * stats[:, 3])
    size[0] = 0
    x, y, w, h, _ = stats[int(size.argmax())]
    inside = np.zeros_like(mask)
    inside[y : y + h, x : x + w] = mask[y : y + h, x : x + w]
    return inside


def _groups(mask: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    left, top, right, bottom = _box(mask)
    reach = max(3, round(0.05 * max(right - left, bottom - top)) | 1)
    joined = cv2.dilate(mask.astype(np.uint8), np.ones((reach, reach), np.uint8))
    count, label, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    return count, label, stats


def _beside(mask: np.ndarray, face: Face) -> np.ndarray:
    """Where small groups of strokes lie apart from the face: signatures, scribbles."""
    count, label, stats = _groups(mask)
    apart = math.hypot(*(face.pupils[1] - face.pupils[0]))
    size = np.bincount(label[mask], minlength=count)
    left, top = stats[:, 0], stats[:, 1]
    middle = face.pupils.mean(0)
    # the part of each box that is nearest to the face
    near_x = np.clip(middle[0], left, left + stats[:, 2]) - middle[0]
    near_y = np.clip(middle[1], top, top + stats[:, 3]) - middle[1]
    outside = (np.abs(near_x) > 1.45 * apart) | (near_y < -1.5 * apart) | (near_y > 2.0 * apart)
    stray = outside & (size < 0.2 * size[1:].max())
    stray[0] = False
    return cv2.dilate((stray[label] & mask).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def _box(mask: np.ndarray) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _goal(size: int) -> np.ndarray:
    half = EYE_DISTANCE / 2
    return np.array([[0.5 - half, EYE_LINE], [0.5 + half, EYE_LINE]]) * size - 0.5


def _similarity(pupils: np.ndarray, size: int, level: bool) -> np.ndarray:
    goal = _goal(size)
    a, b = complex(*(pupils[1] - pupils[0])), complex(*(goal[1] - goal[0]))
    turn = b / a if level else complex(abs(b) / abs(a))
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, goal.mean(0) - linear @ pupils.mean(0)])


def _place(away: np.ndarray) -> str:
    across = "left" if away[0] < -0.05 else "right" if away[0] > 0.05 else ""
    down = "upper" if away[1] < -0.05 else "lower" if away[1] > 0.05 else ""
    if across and down:
        return f"{down} {across}"
    return across or {"upper": "top", "lower": "bottom"}.get(down, "middle")


def _taken(page: _Page, to: np.ndarray, size: int) -> np.ndarray:
    """Ink, (size, size), straight from the page as given; where the square leaves the page there is paper."""
    inverse = cv2.invertAffineTransform(to)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) - 0.5
    seen = corners @ inverse[:, :2].T + inverse[:, 2]
    height, width = page.given.shape[:2]
    left, top = np.clip(np.floor(seen.min(0)).astype(int) - 4, 0, (width - 1, height - 1))
    right, bottom = np.clip(np.ceil(seen.max(0)).astype(int) + 5, (left + 1, top + 1), (width, height))
    crop = page.given[top:bottom, left:right]
    zoom = math.hypot(*to[:, 0])
    side = [max(1, round(n * min(1.0, 1.25 * zoom))) for n in crop.shape[1::-1]]
    near = cv2.resize(crop, side, interpolation=cv2.INTER_AREA) if zoom < 0.8 else crop
    ratio = np.array([crop.shape[1] / near.shape[1], crop.shape[0] / near.shape[0]])
    # pixels of `near` → pixels of the page → pixels of the picture
    shift = (np.array([left, top]) + 0.5 * ratio - 0.5)
    small_to = np.column_stack([to[:, :2] * ratio, to[:, :2] @ shift + to[:, 2]])
    paper = None
    if page.paper is not None:
        rows = ((np.arange(near.shape[0]) * ratio[1] + shift[1] + 0.5) * page.scale - 0.5).astype(np.float32)
        columns = ((np.arange(near.shape[1]) * ratio[0] + shift[0] + 0.5) * page.scale - 0.5).astype(np.float32)
        paper = cv2.remap(page.paper, *np.meshgrid(columns, rows), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    ink = page.tone(near, paper)
    flags = cv2.INTER_CUBIC if zoom > 1.2 else cv2.INTER_LINEAR
    ink = np.clip(cv2.warpAffine(ink, small_to, (size, size), flags=flags), 0, 1)
    if page.erased is not None:
        k = page.scale
        from_work = np.column_stack([to[:, :2] / k, to[:, :2] @ np.full(2, 0.5 / k - 0.5) + to[:, 2]])
        gone = cv2.warpAffine(page.erased.astype(np.float32), from_work, (size, size), flags=cv2.INTER_LINEAR)
        ink[gone > 0.4] = 0
    return ink


def _width(ink: np.ndarray, size: int) -> tuple[Finding, np.ndarray]:
    unit = size / 512
    wide = stroke_width(ink, unit)
    values = {"width": wide / unit}
    if wide < THIN * unit:
        return Finding("width", "Made thin lines bolder.", True, values), thickened(ink, unit)
    if wide > THICK * unit:
        return Finding("width", "Made thick lines finer.", True, values), thinned(ink, wide, USUAL * unit)
    return Finding("width", "The lines are as wide as they should be.", False, values), ink
