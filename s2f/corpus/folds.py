"""Skin folds: log-luminance maps of six wrinkle groups on the neutral photograph, and how units deepen them.

A fold is not a line: it is a soft valley with a lit bulge on one side and a shaded slope on the other, it
fades at both ends, and it breaks up along its way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
from numba import njit

from .geometry import SIZE, catmull_rom

GROUPS = ("brow", "forehead", "nose", "nasolabial", "crow", "frown")


class Crease(NamedTuple):
    group: int
    points: list[np.ndarray]
    depth: float
    width: float  # in eye distances
    bulge: int  # +1: the lit side is to the right of the running direction on screen, -1: to its left


@njit(cache=True)
def _carve(
    layer: np.ndarray, line: np.ndarray, strength: np.ndarray, width: float, bulge: float, grain: np.ndarray
) -> None:
    """Add one fold to `layer`: nearest point on the line per pixel, then the profile across it."""
    h, w = layer.shape
    reach = 4.5 * width
    x_low = max(0, int(line[:, 0].min() - reach))
    x_high = min(w - 1, int(line[:, 0].max() + reach) + 1)
    y_low = max(0, int(line[:, 1].min() - reach))
    y_high = min(h - 1, int(line[:, 1].max() + reach) + 1)
    for y in range(y_low, y_high + 1):
        for x in range(x_low, x_high + 1):
            best = 1e9
            side = 0.0
            level = 0.0
            for k in range(len(line) - 1):
                ax, ay = line[k, 0], line[k, 1]
                bx, by = line[k + 1, 0] - ax, line[k + 1, 1] - ay
                px, py = x - ax, y - ay
                length2 = bx * bx + by * by + 1e-9
                t = min(max((px * bx + py * by) / length2, 0.0), 1.0)
                dx, dy = px - t * bx, py - t * by
                d2 = dx * dx + dy * dy
                if d2 < best:
                    best = d2
                    side = 1.0 if bx * py - by * px > 0 else -1.0
                    level = strength[k] * (1 - t) + strength[k + 1] * t
            if best < reach * reach and level > 0:
                s = side * bulge * np.sqrt(best) / width
                valley = np.exp(-((s / 0.75) ** 2))
                lit = np.exp(-(((s - 1.5) / 1.1) ** 2))
                slope = np.exp(-(((s + 1.3) / 1.5) ** 2))
                layer[y, x] += level * grain[y, x] * (-0.72 * valley + 0.2 * lit - 0.26 * slope)


def _plan(landmarks: np.ndarray) -> list[Crease]:
    """Where a face folds, from its landmarks."""
    lm, unit = landmarks, np.linalg.norm(landmarks[0] - landmarks[1])
    root, brow, top = (lm[50] + lm[56]) / 2, (lm[76] + lm[77]) / 2, (lm[138] + lm[140]) / 2
    up = top - brow
    out: list[Crease] = []

    def add(group: str, points: list, depth: float, width: float, bulge: int) -> None:
        out.append(Crease(GROUPS.index(group), [np.asarray(p, float) for p in points], depth, width, bulge))

    for side, inner in ((-1, lm[76]), (1, lm[77])):
        x = (inner[0] - brow[0]) * 0.55
        add(
            "brow",
            [
                (brow[0] + x * 0.85, root[1] + 0.02 * unit),
                (brow[0] + x, brow[1] - 0.02 * unit),
                (brow[0] + x * 1.25, brow[1] - 0.16 * unit),
            ],
            0.3,
            0.026,
            side,
        )
    half = np.linalg.norm(lm[82] - lm[71]) * 0.36
    for height in (0.30, 0.47, 0.63):
        sag = 1 if height < 0.5 else 0.4
        add(
            "forehead",
            [
                brow + up * height + np.array([x * half, 0.03 * unit * x * x * sag])
                for x in (-1, -0.5, 0, 0.5, 1)
            ],
            0.17,
            0.024,
            1,
        )
    for a, b in ((lm[51], lm[57]), ((lm[51] + lm[52]) / 2, (lm[57] + lm[58]) / 2)):
        add("nose", [a, (a + b) / 2 - (0, 0.02 * unit), b], 0.16, 0.022, 1)
    sides = (
        (-1, lm[62], lm[87], lm[46], lm[18], lm[[28, 29, 30]]),
        (1, lm[67], lm[93], lm[47], lm[27], lm[[33, 32, 31]]),
    )
    for side, wing, corner, under, eye, lid in sides:
        beside = corner + np.array([side * 0.13 * unit, -0.10 * unit])
        add(
            "nasolabial",
            [
                wing + (side * 0.04 * unit, -0.03 * unit),
                (wing + beside) / 2 + (side * 0.03 * unit, -0.03 * unit),
                beside,
                corner + np.array([side * 0.17 * unit, 0.07 * unit]),
            ],
            0.18,
            0.055,
            -side,
        )
        add(
            "nose",
            [under + (-side * 0.02 * unit, 0), (under + wing) / 2 + (side * 0.02 * unit, 0)],
            0.14,
            0.03,
            -side,
        )
        add(
            "frown",
            [corner + (side * 0.03 * unit, 0.03 * unit), corner + (side * 0.09 * unit, 0.15 * unit)],
            0.2,
            0.036,
            -side,
        )
        for drop in (-0.06, 0.02, 0.10):
            add(
                "crow",
                [
                    eye + (side * 0.09 * unit, drop * unit * 0.6),
                    eye + (side * 0.25 * unit, drop * unit * 1.5),
                ],
                0.17,
                0.017,
                side,
            )
        add("crow", [p + (0, 0.12 * unit) for p in lid], 0.15, 0.024, side)
    return out


def fold_maps(landmarks: np.ndarray, size: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """(groups, size, size) float32; `landmarks` in pixels of that size, `strength` 1 for an average adult."""
    out = np.zeros((len(GROUPS), size, size), np.float32)
    unit = float(np.linalg.norm(landmarks[0] - landmarks[1]))
    coarse = rng.normal(1, 0.35, (size // 8 + 1, size // 8 + 1)).astype(np.float32)
    grain = np.clip(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), 0.25, 1.5)
    for crease in _plan(landmarks):
        points = np.array(crease.points) + rng.normal(0, 0.008 * unit, (len(crease.points), 2))
        line = catmull_rom(points, 24)
        taper = np.sin(np.linspace(0, np.pi, 24)) ** 0.8
        breaks = np.interp(np.linspace(0, 5, 24), np.arange(6), rng.uniform(0.65, 1.1, 6))
        _carve(
            out[crease.group],
            line,
            (taper * breaks * crease.depth * strength).astype(np.float32),
            crease.width * unit,
            float(crease.bulge),
            grain,
        )
    return out


def weathering(image: np.ndarray, landmarks: np.ndarray) -> float:
    """How deeply this skin folds, about 1: rough skin does more than smooth, and roughness goes with age."""
    lm, scale = landmarks, len(image) / SIZE
    reach, rim = round(20 * scale), round(8 * scale)
    brow, top = (lm[76] + lm[77]) / 2, (lm[138] + lm[140]) / 2
    places = [brow + 0.35 * (top - brow), (lm[158] + lm[46]) / 2, (lm[161] + lm[47]) / 2]
    places += [lm[18] + (-20 * scale, 8 * scale), lm[27] + (20 * scale, 8 * scale)]
    roughness = []
    for x, y in np.array(places).astype(int):
        patch = image[max(y - reach, 0) : y + reach, max(x - reach, 0) : x + reach]
        log = np.log(np.maximum(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY), 8).astype(np.float32))
        band = cv2.GaussianBlur(log, (0, 0), 1.2 * scale) - cv2.GaussianBlur(log, (0, 0), 4 * scale)
        roughness.append(band[rim:-rim, rim:-rim].std())
    return float(np.clip(0.55 + 20 * np.median(roughness), 0.7, 1.25))


def fold_weights(units: Mapping[str, float], side: str) -> np.ndarray:
    """How deep each group is on one side of the face ('_L' or '_R'), for full unit names."""

    def of(name: str) -> float:
        return units.get(name + side, units.get(name, 0.0))

    weights = {
        "brow": of("AU4") + 0.35 * of("AU1") * of("AU4"),
        "forehead": 0.55 * of("AU1") + 0.6 * of("AU2"),
        "nose": of("AU9"),
        "nasolabial": 0.75 * of("AU12")
        + 0.7 * of("AU9")
        + 0.45 * of("AU10")
        + 0.25 * of("AU15")
        + 0.3 * of("AU20"),
        "crow": 0.8 * of("AU6") + 0.3 * of("AU12") * of("AU6"),
        "frown": of("AU15") + 0.4 * of("AU17") + 0.3 * of("AU20"),
    }
    return np.array([weights[group] for group in GROUPS], np.float32)
