"""Everything else that lands on the page: wrinkles and folds, freckles, shading, slips, guides, the paper."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .drawn_shapes import (
    BROW,
    JAW,
    RIDGE,
    UPPER,
    Sitter,
    along,
    choose,
    ellipse,
    joined,
    zigzag,
)
from .drawn_sight import HAIRLINE
from .hand import PAGE, Hand

FOLD = ([158, 159, 160], [161, 162, 163])


def wrinkles(hand: Hand, sitter: Sitter) -> None:
    """The lines an expression makes, more often the stronger it is; some faces get them at rest too."""
    rng, lm, unit = hand.rng, sitter.lm, sitter.unit
    hand.part = "folds"
    lively = 0.35 + 0.4 * hand.skill
    cheek = max(sitter.pull(u) for u in ("AU12", "AU9", "AU10", "AU20"))
    if rng.random() < 0.05 + lively * cheek:
        start = int(rng.integers(0, 2))
        for k in (0, 1):
            line = np.concatenate([lm[[(62, 67)[k]]], lm[FOLD[k]]])[start:]
            hand.line(line, width=0.8, care=0.2)
    if rng.random() < lively * max(sitter.pull("AU4"), 0.7 * sitter.pull("AU9")):
        middle = lm[[76, 77]].mean(0)
        for side, end in ((-1, 76), (1, 77)):
            x = lm[end] * 0.55 + middle * 0.45
            hand.line(
                x + np.array([(side * 0.5, 0.07), (0, -0.02), (side * 0.02 * unit, -0.13)]) * (1, unit),
                width=0.8,
                care=0.3,
            )
    if rng.random() < 0.02 + lively * 0.8 * max(sitter.pull("AU2"), 0.5 * sitter.pull("AU1")):
        for t in np.sort(rng.uniform(0.25, 0.65, int(rng.integers(1, 4)))):
            hand.line(lm[[73, 76, 77, 80]] * (1 - t) + lm[[137, 139, 139, 141]] * t, width=0.7, care=0.2)
    if rng.random() < lively * 0.7 * sitter.pull("AU9"):
        for t in (0.1, 0.25):
            a, b = (along(lm[RIDGE[k]], np.array([t]))[0] for k in (0, 1))
            hand.line(np.array([a, (a + b) / 2 - (0, 3), b]), width=0.7, care=0.2)
    if rng.random() < lively * 0.6 * sitter.pull("AU6"):
        for k, side in ((0, -1), (1, 1)):
            eye = lm[UPPER[k][0]]
            for dy in (-0.05, 0.02, 0.09)[: int(rng.integers(1, 4))]:
                hand.line(
                    eye + unit * np.array([(side * 0.08, dy * 0.6), (side * 0.22, dy * 1.5)]), width=0.7
                )
    if rng.random() < 0.03 + 0.25 * sitter.pull("AU14"):
        for corner, side in ((87, -1), (93, 1)):
            hand.line(
                lm[corner] + unit * np.array([(side * 0.06, -0.06), (side * 0.09, 0), (side * 0.06, 0.06)]),
                width=0.8,
            )


def skin(hand: Hand, sitter: Sitter) -> None:
    """Cheek lines, freckles, moles, a blush."""
    rng, lm, unit = hand.rng, sitter.lm, sitter.unit
    hand.part = "skin"
    kind = choose(rng, {"nothing": 0.76, "cheek": 0.07, "freckles": 0.05, "mole": 0.05, "blush": 0.07})
    sitter.drawn["skin"] = kind
    if kind == "cheek":
        for k, side in ((165, 1), (168, -1)):
            bow = (
                np.array([(-0.12 * side, -0.05), (0.02 * side, 0.1), (0.14 * side, 0.3)])
                * unit
                * rng.uniform(0.6, 1.1)
            )
            hand.line(lm[k] + bow, width=0.8)
    elif kind == "freckles":
        for k in (166, 169):
            for at in lm[k] + rng.normal(0, 0.11, (int(rng.integers(3, 9)), 2)) * unit:
                hand.dot(at, 0.4)
    elif kind == "mole":
        hand.dot(lm[int(rng.choice([159, 162, 165, 168, 174]))] + rng.normal(0, 5, 2), rng.uniform(0.8, 2))
    elif kind == "blush":
        for k in (165, 168):
            lean = rng.uniform(0.1, 0.2) * unit
            for x in np.linspace(-0.13, 0.13, int(rng.integers(3, 6))) * unit:
                hand.line(
                    lm[k] + np.array([(x + 0.3 * lean, -0.4 * lean), (x - 0.3 * lean, 0.4 * lean)]), width=0.8
                )
            if rng.random() < 0.2:
                hand.line(ellipse(lm[k], 0.14 * unit, 0.11 * unit), closed=True, width=0.8)


def shading(hand: Hand, sitter: Sitter) -> None:
    """Hatching, flat grey or a smudge, on the side away from the light."""
    rng, lm, unit = hand.rng, sitter.lm, sitter.unit
    hand.part = "shade"
    graphite = hand.tool.name in ("pencil", "stylus")
    if rng.random() > (0.45 if graphite else 0.13) * (0.4 + 0.8 * hand.skill):
        sitter.drawn["shade"] = "none"
        return
    kind = choose(rng, {"hatch": 0.5, "smudge": 0.5 if graphite else 0.15, "flat": 0.15})
    sitter.drawn["shade"] = kind
    dark_left = sitter.sight.lit_left < 0 if rng.random() < 0.8 else rng.random() < 0.5
    side = lm[[109, 110, 111, 125, 126]] if dark_left else lm[[112, 113, 114, 133, 132]]
    inner = side * 0.72 + lm[55] * 0.28  # not lower: that would be a beard
    ridge, k = lm[RIDGE[0 if dark_left else 1]], 0 if dark_left else 1
    inward = 0.14 * unit * (-1 if dark_left else 1)
    places = {
        "cheek": np.concatenate([side, inner[::-1]]),
        "under chin": np.concatenate(
            [lm[[127, 128, 129, 130, 131]], (lm[[127, 129, 131]] + (0, 0.28 * unit))[::-1]]
        ),
        "nose": np.concatenate([ridge, (ridge + (inward, 0.02 * unit))[::-1]]),
        "socket": np.concatenate([lm[BROW[k]], lm[UPPER[k]][::-1]]),
        "whole face": np.concatenate([lm[JAW], lm[HAIRLINE][::-1]]),
    }
    for name in rng.choice(list(places), int(rng.integers(1, 4)), replace=False):
        if name == "whole face" and kind == "hatch":
            continue
        area = places[str(name)]
        if kind == "hatch":
            lines = zigzag(
                area, rng.choice([0.8, 0.6, -0.8, 1.57]) + rng.normal(0, 0.1), rng.uniform(4.5, 10), rng
            )
            for run in joined(lines, 16) if rng.random() < 0.4 else lines:
                hand.line(run, width=0.7, tone=rng.uniform(0.6, 1), passes=1, care=0.2)
        else:
            weight = rng.uniform(0.06, 0.3) * (0.4 if name == "whole face" else 1)
            hand.fill(area, tone=weight, blur=rng.uniform(4, 12) if kind == "smudge" else 0.0)


def strays(hand: Hand, sitter: Sitter) -> None:
    """What is not meant, or not part of the face: slips, dots, scribbles, a signature, guides, a frame."""
    rng, lm, unit = hand.rng, sitter.lm, sitter.unit
    hand.part = "stray"
    centre = lm[[55]].mean(0)
    chances: tuple[tuple[float, Callable[[], None]], ...] = (
        (0.03 + 0.04 * hand.bad, lambda: hand.line(_slip(rng, centre, unit), width=0.9)),
        (0.06, lambda: _dots(hand, int(rng.integers(1, 4)))),
        (0.03, lambda: _outside_scribble(hand, unit)),
        (0.03, lambda: _signature(hand)),
        (0.05 * hand.skill + 0.01, lambda: _guides(hand, sitter)),
        (0.02, lambda: hand.line(_frame(rng), closed=True)),
    )
    for chance, act in chances:
        if rng.random() < chance:
            act()
    if rng.random() < 0.07:
        start = centre + rng.normal(0, 0.8, 2) * unit
        hand.rub(
            start + np.cumsum(rng.normal(0, 0.16, (5, 2)), 0) * unit, rng.uniform(6, 22), rng.uniform(0.6, 1)
        )


def _slip(rng: np.random.Generator, centre: np.ndarray, unit: float) -> np.ndarray:
    start = centre + rng.normal(0, 0.8, 2) * unit
    way = rng.normal(0, 0.5, 2) * unit
    return start + np.array([(0, 0), way * 0.5 + rng.normal(0, 5, 2), way])


def _dots(hand: Hand, count: int) -> None:
    for at in hand.rng.uniform(0.08, 0.92, (count, 2)) * PAGE:
        hand.dot(at, hand.rng.uniform(0.4, 2.5))


def _corner(rng: np.random.Generator) -> np.ndarray:
    return np.array([rng.choice([0.1, 0.9]), rng.choice([0.08, 0.55, 0.93])]) * PAGE + rng.normal(0, 9, 2)


def _outside_scribble(hand: Hand, unit: float) -> None:
    rng = hand.rng
    area = ellipse(_corner(rng), rng.uniform(0.12, 0.3) * unit, rng.uniform(0.08, 0.3) * unit)
    for run in joined(zigzag(area, rng.uniform(0, 3), rng.uniform(3, 8), rng), 30):
        hand.line(run, passes=1)


def _signature(hand: Hand) -> None:
    rng = hand.rng
    t = np.linspace(0, 1, int(rng.integers(10, 20)))
    x = np.array([0.78, 0.93]) * PAGE + rng.normal(0, 6, 2)
    wave = np.stack([t * rng.uniform(35, 75), 7 * np.sin(t * rng.uniform(18, 40)) * (1 - 0.5 * t)], -1)
    hand.line(x + wave, width=0.7, care=0.4)


def _guides(hand: Hand, sitter: Sitter) -> None:
    """The cross and the oval under the face, faint, as drawing books teach."""
    rng, lm, unit = hand.rng, sitter.lm, sitter.unit
    tone = rng.uniform(0.25, 0.6)
    level = lm[[0, 1]].mean(0)
    hand.line(np.array([level - (1.3 * unit, 0), level, level + (1.3 * unit, 0)]), width=0.6, tone=tone)
    hand.line(np.array([sitter.crown[6], level, lm[129]]), width=0.6, tone=tone)
    if rng.random() < 0.5:
        middle, tall = (sitter.crown[6] + lm[129]) / 2, 0.5 * float(lm[129, 1] - sitter.crown[6, 1])
        hand.line(ellipse(middle, 0.78 * tall, tall, 16), closed=True, width=0.6, tone=tone, passes=2)


def _frame(rng: np.random.Generator) -> np.ndarray:
    a, b = rng.uniform(0.01, 0.06) * PAGE, rng.uniform(0.94, 0.99) * PAGE
    corners = np.array([(a, a), (b, a), (b, b), (a, b)])
    return np.concatenate(
        [
            along(np.stack([p, q]), np.linspace(0, 0.98, 5))
            for p, q in zip(corners, np.roll(corners, -1, 0), strict=True)
        ]
    )


def photographed(page: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The drawing as a photograph of paper: not quite white, lit from one side, a little soft and noisy."""
    size = page.shape[0]
    corners = rng.uniform(0.84, 1.0, (2, 2)).astype(np.float32)
    light = cv2.resize(corners, (size, size), interpolation=cv2.INTER_CUBIC)
    sheet = cv2.GaussianBlur(page, (0, 0), rng.uniform(0.3, 0.8) * size / PAGE + 0.2).astype(np.float32)
    noise = rng.standard_normal((size, size), np.float32) * np.float32(rng.uniform(0.8, 3))
    return np.clip(sheet * light * rng.uniform(0.93, 1.0) + noise, 0, 255).astype(np.uint8)
