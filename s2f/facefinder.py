"""Where the eyes are in a drawing of a face, told by the strokes alone.

A schematic face (eyes, brows, nose, mouth, oval) is laid over the softened strokes at every size, tilt and place;
the best agreement, weighed by how faces usually sit in the box of their strokes, gives the eyes, which then snap
to the strokes nearby. Where nothing agrees, the box alone decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

SIDE = 128  # pixels of the longer side at which the search runs
TILTS = (-22, -14, -7, 0, 7, 14, 22)
SURE = 0.30  # agreement from which the layout is believed
BOX_EYES, BOX_WIDTH = 0.46, 0.42  # of a head's strokes: how far down the eyes lie, how far apart


@dataclass(frozen=True, eq=False)
class Eyes:
    """Both pupils (x, y), the one on the left of the page first; how they were found; and how sure that is, 0-1."""

    eyes: np.ndarray
    how: str
    sure: float


def find_eyes(ink: np.ndarray) -> Eyes:
    """`ink` is a float page, 0 where it is empty, towards 1 where it is dark."""
    k = SIDE / max(ink.shape)
    small = cv2.resize(ink, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
    small = np.minimum(small * max(1.0, 0.5 / max(float(np.quantile(small[small > 0], 0.9)), 1e-3)), 1.0)
    small = _main_strokes(small)
    left, top, right, bottom = _box(small)
    guess = _from_box(left, top, right, bottom)
    best, score = _search(small, guess)
    if score < SURE:
        return Eyes((guess + 0.5) / k - 0.5, "outline", 0.3)
    eyes = _snapped(small, best)
    return Eyes((eyes + 0.5) / k - 0.5, "features", min(1.0, score / 0.6))


def _main_strokes(small: np.ndarray) -> np.ndarray:
    """Without a frame round the page, and without what lies apart from the drawing, such as a signature."""
    height, width = small.shape
    mask = (small > 0.08).astype(np.uint8)
    count, label, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    keep = np.ones(count, bool)
    for n in range(1, count):
        x, y, w, h, area = stats[n]
        spans = w > 0.85 * width and h > 0.85 * height
        rim = min(x, y, width - x - w, height - y - h) <= 0.06 * SIDE
        inside = (
            label[round(0.12 * height) : round(0.88 * height), round(0.12 * width) : round(0.88 * width)] == n
        ).sum()
        if spans and rim and inside < 0.1 * area:
            keep[n] = False
    small = small * keep[label]
    near = cv2.dilate((small > 0.08).astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11)))
    count, label, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    if count < 3:
        return small
    extent = stats[1:, cv2.CC_STAT_WIDTH] * stats[1:, cv2.CC_STAT_HEIGHT]
    main = 1 + int(extent.argmax())
    x, y, w, h, _ = stats[main]
    out = np.zeros_like(small)
    for n in range(1, count):  # eyes and mouth may stand free within the outline
        cx, cy = stats[n, 0] + stats[n, 2] / 2, stats[n, 1] + stats[n, 3] / 2
        if n == main or (x - 0.1 * w < cx < x + 1.1 * w and y - 0.1 * h < cy < y + 1.1 * h):
            out[label == n] = small[label == n]
    return out


def _box(small: np.ndarray) -> tuple[float, float, float, float]:
    """The box of the strokes, stray ends left out."""
    total = max(float(small.sum()), 1e-6)
    across, down = np.cumsum(small.sum(0)) / total, np.cumsum(small.sum(1)) / total
    return (
        float(np.searchsorted(across, 0.004)),
        float(np.searchsorted(down, 0.004)),
        float(np.searchsorted(across, 0.996)),
        float(np.searchsorted(down, 0.996)),
    )


def _from_box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Where eyes lie in a head that fills this box; a box taller than a head holds a neck and shoulders too."""
    width, height = right - left, bottom - top
    head = min(height, 1.38 * width)
    broad = min(width, 0.95 * height)
    middle, line, half = (left + right) / 2, top + BOX_EYES * head, BOX_WIDTH * broad / 2
    return np.array([[middle - half, line], [middle + half, line]])


@lru_cache(maxsize=512)
def _schema(distance: float, tilt: int) -> tuple[np.ndarray, tuple[float, float]]:
    """A softened schematic face with pupils this far apart, and where their middle lies in it."""
    unit = 64.0
    page = np.zeros((round(4.6 * unit), round(3.6 * unit)), np.float32)
    middle = np.array([1.8 * unit, 1.9 * unit])

    def spot(x: float, y: float) -> tuple[int, int]:
        place = middle + unit * np.array([x, y])
        return round(place[0]), round(place[1])

    def oval(
        x: float, y: float, rx: float, ry: float, ink: float, thick: int, span: tuple[int, int] = (0, 360)
    ) -> None:
        layer = np.zeros_like(page)
        axes = (round(rx * unit), round(ry * unit))
        cv2.ellipse(layer, spot(x, y), axes, 0, *span, ink, thick, cv2.LINE_AA)
        np.maximum(page, layer, out=page)

    for side in (-0.5, 0.5):
        oval(side, 0, 0.24, 0.13, 1.0, -1)
        oval(side, -0.16, 0.34, 0.26, 0.6, 9, (205, 335))  # brow
    oval(0, 0.66, 0.26, 0.13, 0.55, 9, (10, 170))  # nose
    oval(0, 1.12, 0.40, 0.10, 0.8, 13)  # mouth
    oval(0, 0.28, 1.16, 1.58, 0.55, 13, (-25, 205))  # jaw and cheeks
    shrink = distance / unit
    turn = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), -tilt, shrink)
    width, height = max(8, round(page.shape[1] * shrink)), max(8, round(page.shape[0] * shrink))
    turn[:, 2] += middle * shrink - middle
    soft = cv2.GaussianBlur(page, (0, 0), 0.085 * unit)
    return cv2.warpAffine(soft, turn, (width, height), flags=cv2.INTER_AREA), tuple(middle * shrink)


def _search(small: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, float]:
    """The eyes of the best placed schema and its agreement, 0-1, weighed by the box's guess."""
    expected = float(guess[1, 0] - guess[0, 0])
    centre = guess.mean(0)
    best, top = guess, -1.0
    for ratio in np.geomspace(0.45, 1.55, 17):
        distance = expected * float(ratio)
        if distance < 5:
            continue
        soft = cv2.GaussianBlur(small, (0, 0), max(0.6, 0.085 * distance))
        margin = int(2.9 * distance)
        wide = cv2.copyMakeBorder(soft, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
        for tilt in TILTS:
            schema, (mx, my) = _schema(round(distance * 2) / 2, tilt)
            if schema.shape[0] > wide.shape[0] or schema.shape[1] > wide.shape[1]:
                continue
            agree = cv2.matchTemplate(wide, schema, cv2.TM_CCOEFF_NORMED)
            ys, xs = np.ogrid[: agree.shape[0], : agree.shape[1]]
            dx = (xs + mx - margin - centre[0]) / expected
            dy = (ys + my - margin - centre[1]) / expected
            usual = np.exp(
                -((dx / 0.75) ** 2 + (dy / 0.85) ** 2 + (np.log(ratio) / 0.6) ** 2 + (tilt / 30) ** 2) / 2
            )
            weighed = agree * usual
            place = int(weighed.argmax())
            y, x = divmod(place, agree.shape[1])
            if weighed[y, x] > top:
                top = float(weighed[y, x])
                score = float(agree[y, x])
                angle = np.radians(tilt)
                half = distance / 2 * np.array([np.cos(angle), np.sin(angle)])
                middle = np.array([x + mx - margin, y + my - margin])
                best = np.array([middle - half, middle + half])
    return best, score if top > 0 else 0.0


def _snapped(small: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """Each eye moves to the middle of the strokes around it, brows left out, if both agree about it."""
    distance = float(np.linalg.norm(eyes[1] - eyes[0]))
    ys, xs = np.mgrid[: small.shape[0], : small.shape[1]]
    moved = eyes.copy()
    for n, eye in enumerate(eyes):
        for _ in range(4):
            far = ((xs - moved[n, 0]) / (0.26 * distance)) ** 2 + (
                (ys - moved[n, 1]) / (0.15 * distance)
            ) ** 2
            weight = small * np.exp(-far / 2)
            if weight.sum() < 0.5:
                break
            centre = np.array([(weight * xs).sum(), (weight * ys).sum()]) / weight.sum()
            moved[n] = np.clip(centre, eye - 0.22 * distance, eye + 0.22 * distance)
    return moved
