"""Glasses, which one in five of the people wears: rims, bridge and arms, glass, and their shade on the skin.

They sit where the face without its expression has eyes and ears, so that they stay put while it moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .drawn_shapes import covers
from .geometry import smoothstep

WORN = 0.2
_FINE = 4  # lines are drawn at so many times the size
_OUTER, _EARS = ((18, 22), (23, 27)), (115, 120)
# rims: share among people, the colour in RGB and its spread, how thick in eye distances
_RIMS = (
    (0.42, (24, 22, 22), 8, (0.030, 0.065)),  # black
    (0.2, (78, 48, 28), 18, (0.030, 0.060)),  # horn
    (0.2, (140, 138, 136), 25, (0.012, 0.022)),  # steel
    (0.1, (168, 130, 70), 15, (0.012, 0.022)),  # gold
    (0.08, (90, 60, 80), 60, (0.030, 0.055)),  # of any colour
)


@dataclass(frozen=True, eq=False)
class Glasses:
    """One pair; lengths are in eye distances."""

    width: float
    height: float
    square: float  # 2 is an ellipse, larger is squarer
    drop: float  # how much the lower half is drawn in towards the nose
    low: float  # how far below the pupils the middle is
    thick: float
    colour: np.ndarray
    tint: float
    glare: float
    top_only: bool


def choose_glasses(rng: np.random.Generator) -> Glasses | None:
    """A pair for one person, or none."""
    if rng.random() >= WORN:
        return None
    share = np.array([row[0] for row in _RIMS])
    _, colour, spread, thick = _RIMS[rng.choice(len(_RIMS), p=share / share.sum())]
    round_ones = rng.random() < 0.35
    width = rng.uniform(0.68, 0.88)
    return Glasses(
        width=width,
        height=width * (rng.uniform(0.85, 1.0) if round_ones else rng.uniform(0.55, 0.78)),
        square=2.0 if round_ones else rng.uniform(2.6, 4.5),
        drop=0.0 if round_ones else rng.uniform(0, 0.22),
        low=rng.uniform(0.02, 0.1),
        thick=rng.uniform(*thick),
        colour=np.clip(np.array(colour) + rng.normal(0, spread, 3) * (0.4 if spread < 50 else 1), 5, 235),
        tint=rng.uniform(0.0, 0.1),
        glare=rng.uniform(0, 0.16),
        top_only=bool(rng.random() < 0.08),
    )


def put_on(
    image: np.ndarray, rest: np.ndarray, glasses: Glasses, locks: Sequence[np.ndarray] = ()
) -> np.ndarray:
    """The picture, RGB uint8, with the glasses on; `rest` are its landmarks without expression.

    Their arms go under the `locks`, closed outlines of hair.
    """
    middles = np.array([rest[list(lids)].mean(0) for lids in _OUTER])
    across = middles[1] - middles[0]
    unit = float(np.hypot(*across))
    right, down = across / unit, np.array([-across[1], across[0]]) / unit
    size = image.shape[0]
    rims = [_rim(glasses, side) @ np.stack([right, down]) * unit + middles[side] for side in (0, 1)]
    lines = _frame(rims, rest, glasses, right, down, unit, locks)
    thick = max(1, round(glasses.thick * unit * _FINE))
    rim, glass = np.zeros((size * _FINE, size * _FINE), np.uint8), np.zeros((size, size), np.uint8)
    for line, share in lines:
        points = np.round((line + 0.5) * _FINE * 8).astype(np.int32)
        cv2.polylines(rim, [points], False, 255, max(1, round(thick * share)), cv2.LINE_AA, 3)
    solid = cv2.resize(rim, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    for ring in rims:
        cv2.fillPoly(glass, [np.round((ring + 0.5) * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
    inside = glass.astype(np.float32) / 255
    out = image.astype(np.float32)
    shade = np.roll(cv2.GaussianBlur(solid, (0, 0), 0.035 * unit), round(0.05 * unit), 0)
    out *= 1 - 0.35 * shade[..., None]
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    slant = ((xs - middles[0, 0]) * 0.7 + (ys - middles[0, 1])) / unit
    streak = np.exp(-(((slant % 1.15 - 0.42) / 0.13) ** 2)) * glasses.glare * inside
    out += (235 - out) * (streak + 0.03 * inside)[..., None]
    out *= 1 - glasses.tint * inside[..., None]
    # light from above: the upper edge of a rim shines, the lower lies in its own shade
    edge = np.clip(solid - np.roll(solid, 1, 0), 0, 1) - 0.5 * np.clip(solid - np.roll(solid, -1, 0), 0, 1)
    lit = glasses.colour + (40 + 0.5 * glasses.colour) * edge[..., None] * 1.2
    out += solid[..., None] * (lit - out)
    return np.clip(out + 0.5, 0, 255).astype(np.uint8)


def _rim(glasses: Glasses, side: int) -> np.ndarray:
    """(64, 2) round one eye, x away from the nose, in eye distances; both eyes look the same way."""
    angle = np.linspace(0, 2 * np.pi, 64)
    power = 2 / glasses.square
    x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power * glasses.width / 2
    y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power * glasses.height / 2
    x = x * (1 - glasses.drop * smoothstep(y / glasses.height + 0.5))
    way = -1 if side == 0 else 1
    return np.stack([way * (x + 0.02), y + glasses.low], 1)


def _frame(
    rims: list[np.ndarray],
    rest: np.ndarray,
    glasses: Glasses,
    right: np.ndarray,
    down: np.ndarray,
    unit: float,
    locks: Sequence[np.ndarray],
) -> list[tuple[np.ndarray, float]]:
    """Every line and its share of the thickness: rims, the bridge between them, the arms to the ears."""
    lines = []
    for ring in rims:
        shown = ring
        if glasses.top_only:
            upper = ring[(ring - ring.mean(0)) @ down < 0.02 * unit]
            shown = upper[np.argsort(upper @ right)]
        lines.append((shown, 1.0))
    # the middle of a side by its number: on a straight side every point lies as far out as the next, and the
    # last bit of a sum would choose
    inner = [ring[31:33].mean(0) - 0.08 * unit * glasses.height * down for ring in rims]
    arch = (inner[0] + inner[1]) / 2 - 0.06 * unit * down
    t = np.linspace(0, 1, 12)[:, None]
    lines.append(((1 - t) ** 2 * inner[0] + 2 * t * (1 - t) * arch + t**2 * inner[1], 1.1))
    for ring, ear in zip(rims, _EARS, strict=True):
        hinge = ring[0] - 0.16 * unit * glasses.height * down
        arm = hinge + np.linspace(0, 0.65, 14)[:, None] * (rest[ear] - hinge)
        seen = [not any(covers(lock, point) for lock in locks) for point in arm]
        free = seen.index(False) if False in seen else len(arm)
        if free > 1:
            lines.append((arm[:free], 0.8))
    return lines
