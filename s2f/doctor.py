"""The input doctor: whatever a visitor draws or photographs → dark strokes on white, the face in its frame.

    polarity ▶ shadows ▶ ruling ▶ ink ▶ specks ▶ frame ▶ width

Everything is measured on a reduced page; the strokes are then taken once from the page as given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image

from .errors import SketchError
from .framing import Face, find_face
from .image import EYE_DISTANCE, EYE_LINE
from .page import (
    LEAST,
    Finding,
    Page,
    darken,
    polarity,
    read_page,
    require_extent,
    require_strokes,
    shadows,
    specks,
)
from .ruling import unrule
from .strokes import stroke_width, thickened, thinned

__all__ = ["STEPS", "Finding", "Sketch", "prepare"]

STEPS = ("polarity", "shadows", "ruling", "ink", "specks", "frame", "width")
LARGEST = 4096  # pixels, the side of the largest result
SURE, LEVEL, CERTAIN = 0.5, 0.7, 0.9  # how sure of the eyes: to believe, to level, to look no further
# Where faces lie in the box of their strokes: height of the pupils; their distance over its width and height.
BOX_EYES, BOX_WIDTH, BOX_HEIGHT = 0.465, 0.335, 0.25
NEARLY = (0.12, 0.11, 0.06)  # eye distances, log size, radians: a face off by less is left where it is
TILT = math.radians(25)
THIN, USUAL, THICK = 1.35, 3.0, 7.0  # stroke widths at 512 pixels: too thin, as redrawn, too thick


@dataclass(frozen=True)
class Sketch:
    """A drawing made ready, and what was done to it; as text, one sentence for each change."""

    image: Image.Image  # L, square, dark strokes on white
    report: tuple[Finding, ...]
    transform: np.ndarray  # 2x3, pixels of the page → pixels of the image

    def __str__(self) -> str:
        changes = [str(finding) for finding in self.report if finding.changed]
        return " ".join(changes) or "Nothing had to be changed."


def prepare(drawing: Any, *, size: int = 512, steps: Iterable[str] = STEPS) -> Sketch:
    """Anything `load_image` takes, drawn or photographed → a `Sketch` of `size`.

    `steps` names what may be done, in any order; without "frame" the page is only fitted into the square.
    """
    chosen = _checked(steps, size)
    page = read_page(drawing)
    report = []
    # 1. dark strokes on light paper
    if "polarity" in chosen:
        report.append(polarity(page))
    page.read()
    require_strokes(page)
    # 2. light, paper and pencil as if drawn on a screen
    if "shadows" in chosen:
        report.append(shadows(page))
    if "ruling" in chosen:
        report.append(unrule(page))
    if "ink" in chosen:
        report.append(darken(page))
    if "specks" in chosen:
        report.append(specks(page))
    require_extent(page)
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


def _fitted(page: Page, size: int) -> np.ndarray:
    """The whole page, centred in the square."""
    height, width = page.given.shape[:2]
    zoom = size / max(height, width)
    return np.array(
        [[zoom, 0, (size - width * zoom + zoom - 1) / 2], [0, zoom, (size - height * zoom + zoom - 1) / 2]]
    )


def _frame(page: Page, plain: np.ndarray, size: int) -> tuple[Finding, np.ndarray]:
    """Level the pupils at their place; by the box of the strokes where no eyes can be told."""
    mask = page.strokes()
    face, by_eyes = _face(page, mask)
    pupils = (face.pupils + 0.5) / page.scale - 0.5
    if by_eyes:
        page.erase(_beside(mask, face))
    to = _similarity(pupils, size, level=by_eyes and face.sure >= LEVEL)
    zoom = math.hypot(*to[:, 0]) / math.hypot(*plain[:, 0])
    tilt = -math.atan2(to[1, 0], to[0, 0])
    middle = plain[:, :2] @ pupils.mean(0) + plain[:, 2]
    away = (middle - _goal(size).mean(0)) / size
    values = {
        "sure": face.sure,
        "larger": zoom,
        "tilt": math.degrees(tilt),
        "right": away[0],
        "down": away[1],
    }
    how = "by its eyes" if by_eyes else "by the box of its strokes, since no eyes were sure"
    off, grow, turn = NEARLY
    if math.hypot(*away) < off * EYE_DISTANCE and abs(math.log(zoom)) < grow and abs(tilt) < turn:
        message = f"The face is in its place, found {how} ({face.sure:.0%} sure)."
        return Finding("frame", message, False, values), plain
    place = _place(away)
    said = ["put it in its place" if place == "middle" else f"moved it from the {place} to its place"]
    if abs(math.log(zoom)) > 0.05:
        said.append(f"{zoom:.1f} times larger" if zoom > 1 else f"{1 / zoom:.1f} times smaller")
    if abs(tilt) > 0.03:
        said.append(f"levelled by {abs(math.degrees(tilt)):.0f} degrees")
    message = f"Found the face {how} ({face.sure:.0%} sure) and {', '.join(said)}."
    return Finding("frame", message, True, values), to


def _face(page: Page, mask: np.ndarray) -> tuple[Face, bool]:
    """The surest face in all strokes or in their main group; else one guessed from the box."""
    main = _main_group(mask)
    ink = np.clip(page.mark / np.float32(max(page.depth, 0.05)), 0, 1)
    ink *= cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    whole, box = _box(mask), _box(main)
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    unit = max(width, height) / 480  # as if the strokes filled a page of 512
    wide = stroke_width(ink, unit)
    bold = ink
    if wide > THICK * unit:  # lines as the network knows them
        ink = thinned(ink, wide, USUAL * unit)
    best = find_face(ink, whole)
    spread = max(whole[2] - whole[0], whole[3] - whole[1])
    if best.sure < CERTAIN and np.abs(np.subtract(whole, box)).max() > 0.08 * spread:
        best = max(best, find_face(ink * main, box), key=lambda face: face.sure)
    if best.sure < SURE and ink is not bold:
        best = max(best, find_face(bold, whole), key=lambda face: face.sure)
    if best.sure < SURE and height > 1.5 * width:  # a whole figure: look at its head
        best = max(best, find_face(ink, _box(mask[: round(top + 0.4 * height)])), key=lambda face: face.sure)
    tilt = math.atan2(*(best.pupils[1] - best.pupils[0])[::-1])
    if best.sure >= SURE and abs(tilt) <= 1.2 * TILT:
        return best, True
    apart = max(BOX_WIDTH * width, BOX_HEIGHT * height)
    middle = np.array([(left + right) / 2, top + BOX_EYES * height])
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


def _taken(page: Page, to: np.ndarray, size: int) -> np.ndarray:
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
    shift = np.array([left, top]) + 0.5 * ratio - 0.5
    small_to = np.column_stack([to[:, :2] * ratio, to[:, :2] @ shift + to[:, 2]])
    paper = None
    if page.paper is not None:
        rows = ((np.arange(near.shape[0]) * ratio[1] + shift[1] + 0.5) * page.scale - 0.5).astype(np.float32)
        columns = ((np.arange(near.shape[1]) * ratio[0] + shift[0] + 0.5) * page.scale - 0.5).astype(
            np.float32
        )
        map_x, map_y = np.meshgrid(columns, rows)
        paper = cv2.remap(page.paper, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
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
