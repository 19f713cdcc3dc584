"""Pictures of teeth, laid flat, and how to paint them tooth by tooth.

A picture covers a row of teeth from the biting edge to over the gum line, in centimetres along the arch, so
that one person's teeth fit another's mouth. Its luminance is relative: 1 is the white of a well-lit front
tooth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from .arch import ABOVE, BELOW, HALF_WIDTH

DENSITY = 32  # texels per centimetre
SHAPE = (round((ABOVE + BELOW) * DENSITY), round(2 * HALF_WIDTH * DENSITY))
_IVORY = np.array([1.0, 0.975, 0.925], np.float32)
_YELLOW = np.array([0.03, 0.06, 0.13])
GUM = np.array([0.72, 0.47, 0.45], np.float32)
# half a row, from the middle outwards: width, crown height, how far its edge stands back, how yellow (0-1)
_UPPER = ((0.86, 1.1, 0.0, 0.0), (0.66, 0.95, 0.07, 0.1), (0.76, 1.06, 0.02, 0.6), (0.68, 0.9, 0.1, 0.3))
_UPPER_BACK = (0.66, 0.84, 0.13, 0.3)
_LOWER = ((0.53, 0.86, 0.0, 0.1), (0.57, 0.86, 0.0, 0.1), (0.66, 0.94, 0.0, 0.5), (0.68, 0.82, 0.05, 0.3))
_LOWER_BACK = (0.7, 0.76, 0.08, 0.3)


@dataclass(frozen=True, eq=False)
class Teeth:
    """Two rows as (h, w, 4) float32: relative RGB and how solid; row 0 is just past the biting edge."""

    upper: np.ndarray
    lower: np.ndarray


def texel(places: np.ndarray) -> np.ndarray:
    """Centimetres along and across a row (the kit's `teeth`) -> texture coordinates."""
    return (places + (HALF_WIDTH, BELOW)) * DENSITY - 0.5


def painted_teeth(rng: np.random.Generator) -> Teeth:
    """Teeth that nobody has: every tooth its own shape and shade."""
    shade = rng.uniform(0.96, 1.02) * np.array([1, rng.uniform(0.99, 1.0), rng.uniform(0.95, 1.02)])
    return Teeth(
        _painted_row(_UPPER, _UPPER_BACK, shade, rng), _painted_row(_LOWER, _LOWER_BACK, 0.93 * shade, rng)
    )


def _painted_row(
    front: tuple[tuple[float, ...], ...], back: tuple[float, ...], shade: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    h, w = SHAPE
    v, s = np.mgrid[:h, :w].astype(np.float32)
    s, v = (s + 0.5) / DENSITY - HALF_WIDTH, (v + 0.5) / DENSITY - BELOW
    colour = np.empty((h, w, 3), np.float32)
    solid = np.zeros((h, w), np.float32)
    colour[:] = GUM * (0.92 + 0.08 * np.clip(v, 0, 1))[..., None]
    for side in (-1, 1):
        start = 0.0
        for number in range(7):
            width, crown, edge, yellow = (front[number] if number < len(front) else back) * np.ones(4)
            width, crown = width * rng.normal(1, 0.03), crown * rng.normal(1, 0.03)
            centre, half = start + width / 2, width / 2
            edge = edge + rng.normal(0, 0.015)
            lean = 0.012 * rng.normal()
            tone = _IVORY * shade * (1 - yellow * _YELLOW) * rng.normal(1, 0.015)
            reach = half if number < 6 else 2 * HALF_WIDTH  # the last one takes what is left
            columns = np.flatnonzero(np.abs((side * s[0] - centre) - (reach - half)) <= reach)
            if len(columns):
                first, last = columns[0], columns[-1] + 1
                x = (side * s[0, first:last] - centre) / half
                shape = np.array([crown, edge, lean], np.float32)
                _paint_tooth(
                    colour[:, first:last], solid[:, first:last], x, v[:, 0], shape, tone.astype(np.float32)
                )
            start += width
    return np.dstack([colour, solid])


@njit(cache=True)
def _paint_tooth(
    colour: np.ndarray, solid: np.ndarray, xs: np.ndarray, vs: np.ndarray, shape: np.ndarray, tone: np.ndarray
) -> None:
    """One tooth, in place: `xs` run from -1 to 1 across it, `vs` are heights in centimetres.

    `shape`: the crown's height, how far its edge stands back, and how much that leans.
    """
    for i in range(len(xs)):
        x, near = xs[i], min(abs(xs[i]), np.float32(1))
        low = shape[1] + 0.10 * near**4 + shape[2] * x
        gum = shape[0] * (1 - 0.26 * near**2.4)
        barrel = 1 - 0.16 * near**2.5 - 0.34 * max((near - 0.86) / 0.14, 0.0) ** 2
        for j in range(len(vs)):
            v = vs[j]
            height = min(max((v - low) / max(gum - low, 0.1), 0.0), 1.0)
            glass = 1 - 0.10 * np.exp(-(((height - 0.04) / 0.10) ** 2))  # the edge lets light through
            wet = 0.10 * np.exp(-(((x + 0.25) / 0.22) ** 2) - ((height - 0.55) / 0.28) ** 2)
            on_tooth = min(max((gum - v) * DENSITY / 1.6 + 0.5, 0.0), 1.0)
            rim = 1 - 0.22 * np.exp(-(((v - gum) * DENSITY / 1.5) ** 2))
            for c in range(3):
                tooth = tone[c] * (1 - height * height * _YELLOW[c]) * barrel * glass + wet
                colour[j, i, c] = (tooth * on_tooth + colour[j, i, c] * (1 - on_tooth)) * rim
            solid[j, i] = min(max((v - low) * DENSITY / 1.4 + 0.5, 0.0), 1.0)
