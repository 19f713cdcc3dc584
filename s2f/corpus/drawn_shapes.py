"""What all drawn features share: the sitter, the lines of the landmarks, and a few shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from .drawn_sight import Sight
from .strokes import hatch

if TYPE_CHECKING:
    from .glasses import Glasses

UPPER = ([18, 19, 20, 21, 22], [27, 26, 25, 24, 23])  # outer corner to inner
LOWER = ([18, 28, 29, 30, 22], [27, 33, 32, 31, 23])
CREASE = ([34, 35, 36, 37, 38], [43, 42, 41, 40, 39])
BAG = ([44, 45, 46], [49, 48, 47])
RING = ([*range(2, 10)], [*range(10, 18)])
BROW = ([71, 72, 73, 74, 75, 76], [82, 81, 80, 79, 78, 77])  # outer end to inner
BROW_LOW = ([71, 83, 84, 76], [82, 86, 85, 77])
RIDGE = ([50, 51, 52, 53, 54], [56, 57, 58, 59, 60])
WING = ([61, 62, 63, 64, 65, 179], [66, 67, 68, 69, 70, 182])
NOSE_BASE = [63, 64, 65, 179, 180, 55, 181, 182, 70, 69, 68]
LIP_TOP, LIP_BOTTOM = [87, 88, 89, 90, 91, 92, 93], [87, 104, 105, 106, 107, 108, 93]
SLIT_UP, SLIT_LOW = [87, 94, 95, 96, 97, 98, 93], [87, 99, 100, 101, 102, 103, 93]
JAW = [111, 125, 126, 127, 128, 129, 130, 131, 132, 133, 114]
EAR = ([109, 115, 116, 117, 118, 119, 111], [112, 120, 121, 122, 123, 124, 114])


@dataclass
class Sitter:
    """The face as the hand means to draw it: landmarks exaggerated, displaced, out of proportion."""

    lm: np.ndarray
    unit: float  # distance of the eyes
    sight: Sight
    outline: np.ndarray  # the hair's silhouette from ear to ear
    crown: np.ndarray  # silhouette points over each point of the hairline
    locks: list[np.ndarray]
    units: Mapping[str, float]
    bend: float  # how much the mouth curves up (smile, +) by expression alone, in mouth widths
    glasses: Glasses | None = None
    drawn: dict[str, str] = field(default_factory=dict)  # feature -> the way it was drawn

    def pull(self, unit: str) -> float:
        """The strength of an action unit, both sides together."""
        pair = self.units.get(unit + "_L", 0.0) + self.units.get(unit + "_R", 0.0)
        return max(self.units.get(unit, 0.0), pair / 2)


def along(points: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Points at shares t (0-1) of a polyline's index range."""
    at, grid = np.asarray(t) * (len(points) - 1), np.arange(len(points))
    return np.stack([np.interp(at, grid, points[:, 0]), np.interp(at, grid, points[:, 1])], -1)


def covers(area: np.ndarray, point: np.ndarray) -> bool:
    """Whether a point lies inside a closed outline."""
    ring = np.ascontiguousarray(area, np.float32)
    return cv2.pointPolygonTest(ring, (float(point[0]), float(point[1])), False) > 0


def ellipse(centre: np.ndarray, rx: float, ry: float, n: int = 10, start: float = 0.0) -> np.ndarray:
    a = np.linspace(start, start + 2 * np.pi, n, endpoint=False)
    return np.stack([centre[0] + rx * np.cos(a), centre[1] + ry * np.sin(a)], -1)


def zigzag(polygon: np.ndarray, angle: float, gap: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Parallel lines across a polygon, `gap` apart: what a hand hatches or scribbles it with."""
    return list(
        hatch(np.ascontiguousarray(polygon, np.float64), float(angle), max(float(gap), 0.5), rng.random())
    )


def joined(lines: list[np.ndarray], far: float) -> list[np.ndarray]:
    """Hatching lines run together into a scribble, there and back, as long as the way between is short."""
    runs: list[list[np.ndarray]] = []
    for k, line in enumerate(lines):
        line = line[::-1] if k % 2 else line
        if runs and np.hypot(*(runs[-1][-1][-1] - line[0])) < far:
            runs[-1].append(line)
        else:
            runs.append([line])
    return [np.concatenate(r) for r in runs]


def choose(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    """One of the names, by its share; a share below nothing is none."""
    left = rng.random() * sum(max(v, 0.0) for v in shares.values())
    chosen = ""
    for name, share in shares.items():
        if share <= 0:
            continue
        chosen = name
        left -= share
        if left < 0:
            break
    return chosen
