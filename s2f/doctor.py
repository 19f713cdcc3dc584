"""The input doctor: whatever a visitor draws, scans or photographs → a clean drawing, framed as the models expect.

Each step can be switched off, says what it found, and leaves alone what is already right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image

from .errors import SketchError
from .facefinder import find_eyes
from .image import EYE_DISTANCE, EYE_LINE, load_image

STEPS = ("polarity", "shadows", "ink", "specks", "frame", "width")
WORK = 1600  # pixels of the longer side beyond which nothing is gained
LEAST_INK = 0.0015  # of the page, for a drawing of a face at any size
MOST_INK = 0.6
STROKES = (1.4, 4.5)  # widths in pixels of a 512 page that the models know


@dataclass(frozen=True)
class Finding:
    """What one step saw, and whether it changed the drawing."""

    step: str
    changed: bool
    message: str


@dataclass(frozen=True, eq=False)
class Sketch:
    """A clean, framed drawing; what was done to it; and the 2x3 map from the input's pixels to its own."""

    image: Image.Image
    report: tuple[Finding, ...]
    transform: np.ndarray

    def __str__(self) -> str:
        done = " ".join(f.message for f in self.report if f.changed)
        return done or "The drawing was left as it is."


def prepare(drawing: Any, *, size: int = 512, steps: Iterable[str] = STEPS) -> Sketch:
    """Clean and frame a drawing (anything `load_image` takes): dark strokes on white, `size` pixels square.

    `steps` names those to take, of `STEPS`; the rest are left out. A blank page is a `SketchError`.
    """
    wanted = tuple(steps)
    if unknown := [s for s in wanted if s not in STEPS]:
        raise SketchError(f"got the step {unknown[0]!r}, expected some of {', '.join(STEPS)}; leave it out")
    if not 16 <= size <= 4096:
        raise SketchError(f"got size {size}, expected 16 to 4096 pixels; choose one in between")
    image = load_image(drawing).convert("L")
    full = np.asarray(image)
    shrink = min(1.0, WORK / max(full.shape))
    page = full.astype(np.float32) / 255
    if shrink < 1:
        page = cv2.resize(page, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    to_page = np.diag([page.shape[1] / full.shape[1], page.shape[0] / full.shape[0], 1.0])

    report = []
    cleaners: dict[str, Callable[[np.ndarray], tuple[np.ndarray, Finding]]] = {
        "polarity": _dark_on_white,
        "shadows": _without_shadows,
        "ink": _darkened,
        "specks": _without_specks,
    }
    for step, clean in cleaners.items():
        if step in wanted:
            page, finding = clean(page)
            report.append(finding)
    _check_ink(page)
    placed = _padded(page.shape, size)
    if "frame" in wanted:
        placed, finding = _framed(page, size)
        report.append(finding)
    page = _warped(page, placed, size)
    if "width" in wanted:
        page, finding = _even_width(page)
        report.append(finding)
    done = Image.fromarray(np.clip(page * 255 + 0.5, 0, 255).astype(np.uint8))
    return Sketch(done, tuple(report), (np.vstack([placed, [0, 0, 1]]) @ to_page)[:2])


def _dark_on_white(page: np.ndarray) -> tuple[np.ndarray, Finding]:
    rim = max(1, min(page.shape) // 20)
    border = np.concatenate(
        [page[:rim].ravel(), page[-rim:].ravel(), page[:, :rim].ravel(), page[:, -rim:].ravel()]
    )
    if np.median(border) < 0.45 and np.median(page) < 0.5:
        return 1 - page, Finding("polarity", True, "Turned white on black into black on white.")
    return page, Finding("polarity", False, "The strokes are dark on light.")


def _paper(page: np.ndarray) -> np.ndarray:
    """How bright the empty page is at each pixel: a smooth surface through what is bright around it."""
    small = cv2.resize(page, (64, 64), interpolation=cv2.INTER_AREA)
    bright = cv2.GaussianBlur(cv2.dilate(small, np.ones((5, 5))), (0, 0), 1.5)
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    terms = np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], -1)
    on = np.ones_like(small, bool)
    for _ in range(5):  # what lies well below the surface is ink, or a region filled with it
        surface = terms @ np.linalg.lstsq(terms[on], bright[on], rcond=None)[0]
        on = bright > surface - 0.06
        if on.sum() < 200:
            break
    # A cast shadow is darker than the smooth surface; solid black is far darker and stays ink.
    local = np.clip(np.where(bright > 0.55 * surface, bright, surface), 0.25, 1)
    local = cv2.GaussianBlur(local.astype(np.float32), (0, 0), 2)
    return cv2.resize(local, page.shape[::-1], interpolation=cv2.INTER_CUBIC)


def _without_shadows(page: np.ndarray) -> tuple[np.ndarray, Finding]:
    paper = _paper(page)
    if paper.min() > 0.93 and np.median(page) > 0.97:
        return page, Finding("shadows", False, "The paper is white.")
    flat = np.clip(page / np.maximum(paper, 0.05), 0, 1)
    noise = np.median(np.abs(flat - np.median(flat)))
    flat = np.clip((flat - 0) / max(0.5, 1 - 4 * noise - 0.02), 0, 1)  # paper grain becomes white
    uneven = np.ptp(np.percentile(paper, (2, 98))) > 0.08
    said = "Took out the shadows on the paper." if uneven else "Whitened the paper."
    return flat, Finding("shadows", True, said)


def _inked(page: np.ndarray) -> np.ndarray:
    return page < max(0.5, min(0.9, 0.5 * (1 + float(np.quantile(page, 0.004)))))


def _darkened(page: np.ndarray) -> tuple[np.ndarray, Finding]:
    low = float(np.quantile(page, 0.004))
    if low < 0.35 or low > 0.97:
        return page, Finding("ink", False, "The strokes are dark enough.")
    ink = page[page < 0.5 * (1 + low)]
    dark = float(np.quantile(ink, 0.35)) if ink.size else low
    page = 1 - np.clip((1 - page) / max(1 - dark, 0.02) * 0.9, 0, 1)
    page = np.where(page > 0.85, 1, page).astype(np.float32)  # what was a tint is paper now
    return page, Finding("ink", True, "Darkened faint strokes.")


def _without_specks(page: np.ndarray) -> tuple[np.ndarray, Finding]:
    scale = max(page.shape) / 512
    ink = _inked(page).astype(np.uint8)
    count, label, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA]
    tiny = (area < max(3.0, 14 * scale**2)) & (np.arange(count) > 0)
    large = (~tiny) & (np.arange(count) > 0)
    if not tiny.any() or not large.any():
        return page, Finding("specks", False, "There is no dust.")
    far = cv2.distanceTransform((~large[label]).astype(np.uint8), cv2.DIST_L2, 3) > 14 * scale
    hull = np.zeros_like(ink)
    outline = np.column_stack(np.nonzero(large[label])[::-1]).astype(np.int32)
    cv2.fillConvexPoly(hull, cv2.convexHull(outline[:: max(1, len(outline) // 4000)]), 1)
    dust = tiny[label] & far & (hull == 0)  # a dot within the drawing may be a freckle
    removed = len(np.unique(label[dust]))
    if not removed:
        return page, Finding("specks", False, "There is no dust.")
    grown = cv2.dilate(dust.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    specks = "a speck" if removed == 1 else f"{removed} specks"
    return np.where(grown, 1, page).astype(np.float32), Finding("specks", True, f"Removed {specks} of dust.")


def _check_ink(page: np.ndarray) -> None:
    share = float(_inked(page).mean()) if np.ptp(page) > 0.08 else 0.0
    if share < LEAST_INK:
        raise SketchError(
            f"got a page with {share:.2%} of ink, expected a drawn face; draw its outline, eyes and mouth"
        )
    if share > MOST_INK:
        raise SketchError(
            f"got a page with {share:.0%} of ink, expected lines on empty paper; draw lines, or extract them "
            "from a photograph"
        )


def _padded(shape: tuple[int, int], size: int) -> np.ndarray:
    """The whole page, centred on a square one."""
    k = size / max(shape)
    return np.array(
        [[k, 0, (size - shape[1] * k) / 2 + (k - 1) / 2], [0, k, (size - shape[0] * k) / 2 + (k - 1) / 2]]
    )


def _framed(page: np.ndarray, size: int) -> tuple[np.ndarray, Finding]:
    ink = np.where(_inked(page), 1 - page, 0).astype(np.float32)
    found = find_eyes(ink)
    plain = _padded(page.shape, size)
    wanted = np.array([[0.5 - EYE_DISTANCE / 2, EYE_LINE], [0.5 + EYE_DISTANCE / 2, EYE_LINE]]) * size - 0.5
    now = found.eyes @ plain[:, :2].T + plain[:, 2]
    unit = EYE_DISTANCE * size
    off = np.abs(now - wanted).max() / unit
    if off < 0.14:
        return plain, Finding("frame", False, f"The face is where it belongs ({found.how}).")
    (ax, ay), (bx, by) = found.eyes
    across = complex(wanted[1][0] - wanted[0][0], wanted[1][1] - wanted[0][1]) / complex(bx - ax, by - ay)
    turn = np.array([[across.real, -across.imag], [across.imag, across.real]])
    matrix = np.column_stack([turn, wanted.mean(0) - turn @ found.eyes.mean(0)])
    grown = abs(across) / plain[0, 0]
    said = []
    if not 0.93 < grown < 1.08:
        said.append(f"made {grown:.1f} times larger" if grown > 1 else f"made {1 / grown:.1f} times smaller")
    if np.abs(now.mean(0) - wanted.mean(0)).max() > 0.1 * unit:
        said.append("moved to the middle")
    if abs(tilt := np.degrees(np.angle(across))) > 2:
        said.append(f"turned by {abs(tilt):.0f} degrees")
    what = ", ".join(said) or "moved a little"
    return matrix, Finding("frame", True, f"The face, found by its {found.how}, was {what}.")


def _warped(page: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """One antialiased resampling; beyond the page is paper."""
    k = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if k < 0.8:
        page = cv2.GaussianBlur(page, (0, 0), 0.42 / k)
    return cv2.warpAffine(
        page, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=1.0
    )


def _even_width(page: np.ndarray) -> tuple[np.ndarray, Finding]:
    scale = len(page) / 512
    ink = _inked(page)
    reach = cv2.distanceTransform(ink.astype(np.uint8), cv2.DIST_L2, 5)
    ridge = ink & (reach >= cv2.dilate(reach, np.ones((3, 3))) - 0.01)
    if not ridge.any():
        return page, Finding("width", False, "There are no strokes to measure.")
    width = 2 * float(np.median(reach[ridge])) / scale
    low, high = STROKES
    if width > 1.5 * high:
        cut = (width - 0.8 * high) / 2 * scale
        core = cv2.dilate(
            (ridge & (reach > 0.35 * np.median(reach[ridge]))).astype(np.uint8), _disc(0.36 * high * scale)
        )
        kept = cv2.GaussianBlur(np.maximum((reach > cut).astype(np.float32), core), (0, 0), 0.6)
        thin = np.maximum(1 - kept * (1 - float(page[ink].mean())), page)
        return thin, Finding("width", True, f"Thinned strokes of {width:.0f} pixels.")
    if width < low or (width < 1.6 * low and float(np.median(page[ridge])) > 0.4):
        soft = cv2.GaussianBlur(1 - page, (0, 0), 0.7 * max(scale, 0.75))
        thick = 1 - np.clip(soft * 2.4, 0, 1)
        return np.minimum(thick, page), Finding("width", True, "Thickened hairlines.")
    return page, Finding("width", False, f"The strokes are {width:.1f} pixels wide.")


def _disc(radius: float) -> np.ndarray:
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
