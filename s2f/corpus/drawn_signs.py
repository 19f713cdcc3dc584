"""A face as a sign: a round head, two dots and a curve, as all have drawn before they learned to look."""

from __future__ import annotations

import numpy as np

from .drawn_hair import hair
from .drawn_shapes import BROW, SLIT_LOW, SLIT_UP, UPPER, Sitter, along, choose, ellipse
from .drawn_sight import HAIRLINE
from .hand import Hand


def smiley(hand: Hand, sitter: Sitter) -> None:
    """Where the sitter's head, eyes and mouth are, with the expression and hardly anything else."""
    sitter.drawn["eyes"], sitter.drawn["mouth"] = "smiley", "sign smiley"
    _head(hand, sitter)
    _hair(hand, sitter)
    _eyes(hand, sitter)
    _brows(hand, sitter)
    _nose(hand, sitter)
    _mouth(hand, sitter)


def _head(hand: Hand, sitter: Sitter) -> None:
    rng, lm = hand.rng, sitter.lm
    hand.part = "jaw"
    top = sitter.crown[6] * 0.6 + lm[HAIRLINE[6]] * 0.4
    tall = 0.5 * float(lm[129, 1] - top[1])
    wide = 0.5 * float(np.hypot(*(lm[113] - lm[110])))
    centre = np.array([(lm[110, 0] + lm[113, 0]) / 2, top[1] + tall])
    wide += rng.choice([0.0, 1.0, rng.random()]) * min(tall - wide, 0.25 * wide)  # or nearly a circle
    head = ellipse(centre, wide, tall, 14, rng.uniform(0, 6))
    hand.line(head, closed=True, care=0.3, passes=1 + int(rng.random() < 0.2))
    sitter.drawn["jaw"] = "round"


def _hair(hand: Hand, sitter: Sitter) -> None:
    rng, unit = hand.rng, sitter.unit
    if sitter.sight.bald:
        sitter.drawn["hair"] = "bald"
        return
    kind = choose(rng, {"drawn": 0.45 + 0.4 * bool(sitter.locks), "none": 0.15, "tuft": 0.2, "curl": 0.1})
    if kind == "drawn":
        hair(hand, sitter)
        return
    hand.part = "hair"
    sitter.drawn["hair"] = kind
    top = sitter.crown[6] * 0.6 + sitter.lm[HAIRLINE[6]] * 0.4
    if kind == "tuft":
        for lean in np.linspace(-0.35, 0.35, int(rng.integers(3, 7))):
            tip = top + unit * np.array([1.6 * lean, -rng.uniform(0.25, 0.5)])
            hand.line(
                np.array([top + (0.8 * lean * unit, 0.02 * unit), (top + tip) / 2 + (3 * lean, 0), tip])
            )
    elif kind == "curl":
        a = np.linspace(0, 2 * np.pi * rng.uniform(1.2, 2.2), 14)
        reach = np.linspace(0.25, 0.06, 14)[:, None] * unit
        hand.line(top - (0, 0.2 * unit) + np.stack([np.sin(a), np.cos(a)], -1) * reach)


def _eyes(hand: Hand, sitter: Sitter) -> None:
    rng, lm, unit = hand.rng, sitter.lm, sitter.unit
    happy = sitter.pull("AU12") > 0.4 and sitter.bend > 0
    wide = sitter.pull("AU5")
    kind = choose(
        rng, {"dot": 0.5, "tick": 0.2, "ring": 0.12 + 0.5 * wide, "arch": 0.25 * happy, "spiral": 0.03}
    )
    size = unit * rng.uniform(0.06, 0.12) * (1 + 0.5 * wide)
    for k in (0, 1):
        hand.part = f"eye{k}"
        at = lm[UPPER[k]].mean(0) * 0.5 + lm[k] * 0.5
        shut = sitter.units.get(("AU43_R", "AU43_L")[k], 0) > 0.6
        if shut or kind == "arch":
            rise = -1.2 if kind == "arch" else 0.5
            hand.line(at + size * np.array([(-2.0, 0), (0, rise), (2.0, 0)]), width=1.1, care=0.4)
        elif kind == "dot":
            hand.dot(at, size)
        elif kind == "tick":
            hand.line(at + size * np.array([(0, -1.8), (0, 0), (0, 1.8)]), width=1.3, care=0.5)
        elif kind == "ring":
            hand.line(ellipse(at, 1.9 * size, 2.1 * size, 9), closed=True, care=0.4)
            hand.dot(at + rng.normal(0, 0.2 * size, 2), 0.6 * size)
        else:
            a = np.linspace(0, 4 * np.pi, 16)
            hand.line(at + np.stack([np.cos(a), np.sin(a)], -1) * np.linspace(0.2, 1.8, 16)[:, None] * size)


def _brows(hand: Hand, sitter: Sitter) -> None:
    """Rarely, but where they carry the expression."""
    moved = max(sitter.pull(unit) for unit in ("AU1", "AU2", "AU4", "AU9"))
    if hand.rng.random() > 0.15 + 0.8 * (moved > 0.3):
        return
    for k in (0, 1):
        hand.part = f"brow{k}"
        line = sitter.lm[BROW[k]]
        hand.line(line[[0, 3, -1]] if hand.rng.random() < 0.4 else line[[0, -1]], width=1.2, care=0.4)


def _nose(hand: Hand, sitter: Sitter) -> None:
    rng, lm, unit = hand.rng, sitter.lm, sitter.unit
    hand.part = "nose"
    kind = choose(rng, {"none": 0.55, "dot": 0.15, "line": 0.12, "hook": 0.1, "ball": 0.08})
    sitter.drawn["nose"] = kind
    tip, root = lm[55], lm[[52, 58]].mean(0)
    if kind == "dot":
        hand.dot(tip, 0.04 * unit)
    elif kind == "line":
        hand.line(np.array([root, (root + tip) / 2, tip]))
    elif kind == "hook":
        side = rng.choice([-1, 1]) * 0.16 * unit
        hand.line(np.array([root, tip + (side, 0), tip]))
    elif kind == "ball":
        hand.line(ellipse(tip, 0.14 * unit, 0.12 * unit, 9), closed=True)


def _mouth(hand: Hand, sitter: Sitter) -> None:
    """One curve that bends as the sitter's mouth does, only more; a ring or a bowl where it is open."""
    rng, lm = hand.rng, sitter.lm
    hand.part = "mouth"
    left, right = lm[87], lm[93]
    width = float(np.hypot(*(right - left)))
    up, low = along(lm[SLIT_UP], np.array([0.5]))[0], along(lm[SLIT_LOW], np.array([0.5]))[0]
    gap = float(low[1] - up[1]) / width
    bow = np.clip(2.2 * sitter.bend, -0.35, 0.35) * width
    middle = (left + right) / 2 + (0, bow)
    if gap > 0.22 and bow < 0.15 * width:
        centre = (up + low) / 2
        ring = ellipse(centre, 0.5 * width * min(1.0, 0.8 / (gap + 0.4)), 0.5 * gap * width, 10)
        hand.line(ring, closed=True, care=0.3)
        if rng.random() < 0.3:
            hand.fill(ring)
        return
    if gap > 0.1 and bow > 0 and rng.random() < 0.85:
        bowl = np.array([left, middle + (0, 0.25 * bow), right, (left + right) / 2 + (0, 0.1 * bow)])
        hand.line(bowl[[0, 1, 2]], care=0.3)
        hand.line(np.stack([left, right]), care=0.3)
        if rng.random() < 0.3:
            hand.fill(bowl)
        return
    hand.line(
        np.array(
            [
                left,
                (left + middle) / 2 + (0, 0.25 * bow),
                middle,
                (right + middle) / 2 + (0, 0.25 * bow),
                right,
            ]
        ),
        care=0.2,
    )
