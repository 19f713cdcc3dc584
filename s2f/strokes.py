"""How wide the strokes of a drawing are, and how to make them finer or bolder."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np


def stroke_width(ink: np.ndarray, unit: float) -> float:
    """The usual width of ink (0 to 1) in pixels: the median of twice its area over its outline."""
    across = np.diff(ink, axis=1, append=0)
    down = np.diff(ink, axis=0, append=0)
    outline = np.sqrt(across**2 + down**2)
    window = max(8, round(44 * unit))
    stride = max(1, window // 4)
    area = cv2.blur(ink, (window, window))[::stride, ::stride]
    rim = cv2.blur(outline, (window, window))[::stride, ::stride]
    drawn = rim > 0.25 / window
    if not drawn.any():
        return 2 * unit
    local, weight = 2 * area[drawn] / rim[drawn], rim[drawn]
    order = np.argsort(local)
    total = np.cumsum(weight[order])
    return float(local[order][np.searchsorted(total, total[-1] / 2)])


def thickened(ink: np.ndarray, unit: float) -> np.ndarray:
    """Hairlines about twice as wide and fully dark."""
    return np.clip(2.4 * cv2.GaussianBlur(ink, (0, 0), 0.85 * unit), 0, 1)


def thinned(ink: np.ndarray, wide: float, to: float) -> np.ndarray:
    """Strokes of `wide` pixels drawn anew along their middle, `to` wide; filled areas and dots stay."""
    mask = (ink > 0.45).astype(np.uint8)
    middle = skeleton(mask, rounds=int(0.75 * wide) + 3)
    away = cv2.distanceTransform(1 - middle, cv2.DIST_L2, 5)
    lines = np.clip((to + 1) / 2 - cv2.GaussianBlur(away, (0, 0), 0.8), 0, 1)
    return np.maximum(lines, np.maximum(ink * _filled(mask, wide), _dots(mask, wide, to)))


def _filled(mask: np.ndarray, wide: float) -> np.ndarray:
    """Areas too broad to be strokes."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (int(1.7 * wide) | 1,) * 2)
    core = cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc)
    return cv2.dilate(core, np.ones((3, 3), np.uint8))


def _dots(mask: np.ndarray, wide: float, to: float) -> np.ndarray:
    """Round spots hardly larger than the pen: a skeleton would leave next to nothing of them."""
    out = np.zeros(mask.shape, np.float32)
    _, _, stats, centre = cv2.connectedComponentsWithStats(mask, connectivity=8)
    for (_, _, w, h, area), (x, y) in zip(stats[1:], centre[1:], strict=True):
        if max(w, h) < 2.4 * wide and max(w, h) < 1.7 * min(w, h) and area > 0.6 * w * h:
            radius = max(to, 0.32 * max(w, h))
            cv2.circle(out, (round(16 * x), round(16 * y)), round(16 * radius), 1.0, -1, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(out, (0, 0), 0.6) if out.any() else out


def skeleton(mask: np.ndarray, rounds: int) -> np.ndarray:
    """Middle lines of a mask of 0 and 1, at most `rounds` pixels off each side (Zhang & Suen 1984)."""
    bits = np.array([[1, 2, 4], [128, 0, 8], [64, 32, 16]], np.float32)
    out = np.pad(mask, 1)
    for _ in range(rounds):
        before = out
        for table in _removable():
            around = cv2.filter2D(out, -1, bits, borderType=cv2.BORDER_CONSTANT)
            out = out & ~(out & cv2.LUT(around, table))
        if np.array_equal(before, out):
            break
    return out[1:-1, 1:-1]


@cache
def _removable() -> tuple[np.ndarray, np.ndarray]:
    """For each pattern of the eight neighbours, clockwise from the upper left: may the middle go?"""
    tables = np.zeros((2, 256), np.uint8)
    for code in range(256):
        ring = [code >> bit & 1 for bit in range(8)]
        top, right, bottom, left = ring[1], ring[3], ring[5], ring[7]
        steps = sum(not a and b for a, b in zip(ring, ring[1:] + ring[:1], strict=True))
        if 2 <= sum(ring) <= 6 and steps == 1:
            tables[0, code] = not (top and right and bottom) and not (right and bottom and left)
            tables[1, code] = not (top and right and left) and not (top and bottom and left)
    return tables[0], tables[1]
