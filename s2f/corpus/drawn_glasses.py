"""Glasses as hands draw them: where they are worn, of many forms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .drawn_shapes import EAR, LOWER, UPPER, Sitter, choose, covers, zigzag
from .glasses import Glasses
from .hand import Hand

# a form by how square it is (2 an ellipse, more is squarer), height over width, how much narrower it is below
# and how far its outer upper corner is drawn up, both in halves of the rim
_FORMS = {
    "round": (2.0, 1.0, 0.0, 0.0),
    "oval": (2.0, 0.68, 0.0, 0.0),
    "rectangle": (5.0, 0.62, 0.05, 0.0),
    "square": (6.0, 0.9, 0.0, 0.0),
    "soft": (3.0, 0.78, 0.15, 0.0),
    "aviator": (2.6, 0.95, 0.35, 0.0),
    "cat": (2.8, 0.72, 0.2, 0.35),
}
_MOST_ALIKE = 0.35  # of the forms that come to mind are round: most hands draw two circles
_UNSEEN = 0.5  # how often those who cannot draw take the form that comes to mind
_THICK, _DARK = 0.028, 0.06  # from here on rims and tints of glasses that are worn are drawn as such


@dataclass(frozen=True)
class _Pair:
    form: str
    shape: tuple[float, float, float, float]  # as in _FORMS
    rim: str  # "line", "twice", "thick", "upper", "lower"
    lens: str  # "clear", "streaks", "tint"
    bridge: str  # "arch", "straight", "double"
    arm: float  # of the way to the ear; 0 is none
    wide: float  # half the width, in eye distances
    low: float


def glasses(hand: Hand, sitter: Sitter) -> None:
    """Drawn where they are worn."""
    if sitter.glasses is None:
        return
    hand.part, pair = "glasses", _chosen(hand, sitter.glasses)
    sitter.drawn["glasses"] = pair.form
    middles = [_middle(sitter, k) + (0, pair.low * sitter.unit) for k in (0, 1)]
    rims = [_rim(pair, middle, sitter.unit, k) for k, middle in enumerate(middles)]
    for k, rim in enumerate(rims):
        _draw_rim(hand, pair, rim, middles[k], sitter.unit)
        _arm(hand, pair, rim, sitter, k)
    _bridge(hand, pair, rims, sitter.unit)


def _chosen(hand: Hand, worn: Glasses) -> _Pair:
    """What this hand makes of the glasses that are worn."""
    rng, skill, bad = hand.rng, hand.skill, hand.bad
    form, wide = "as worn", worn.width / 2 * float(np.exp(rng.normal(0, 0.03 + 0.1 * bad)))
    tall = worn.height / worn.width * float(np.exp(rng.normal(0, 0.03 + 0.12 * bad)))
    shape = (worn.square, tall, worn.drop, 0.0)
    if rng.random() < _UNSEEN * bad:
        others = (1 - _MOST_ALIKE) / (len(_FORMS) - 1)
        form = choose(rng, {name: _MOST_ALIKE if name == "round" else others for name in _FORMS})
        shape, wide = _FORMS[form], rng.uniform(0.3, 0.41)
    arm = choose(rng, {"whole": 0.6, "short": 0.25, "none": 0.15 * bad})
    thick, dark = worn.thick > _THICK, worn.tint > _DARK
    rims = {"line": 0.5, "twice": 0.05 + 0.2 * skill, "thick": 0.05 + 0.4 * thick, "lower": 0.02}
    rims["upper"] = 2.0 if worn.top_only else 0.02
    return _Pair(
        form=form,
        shape=shape,
        rim=choose(rng, rims),
        lens=choose(rng, {"clear": 0.72, "streaks": 0.06 + 0.14 * skill, "tint": 0.02 + 0.3 * dark}),
        bridge=choose(rng, {"arch": 0.5, "straight": 0.35, "double": 0.08}),
        arm={"whole": rng.uniform(0.8, 1.05), "short": rng.uniform(0.25, 0.6), "none": 0.0}[arm],
        wide=wide,
        low=worn.low + rng.normal(0, 0.01 + 0.03 * bad),
    )


def _middle(sitter: Sitter, k: int) -> np.ndarray:
    return np.asarray(sitter.lm[UPPER[k] + LOWER[k]].mean(0))


def _rim(pair: _Pair, middle: np.ndarray, unit: float, k: int) -> np.ndarray:
    """(20, 2) from the outer middle over the top."""
    power, tall, narrow, raised = pair.shape
    angle = np.pi + np.linspace(0, 2 * np.pi, 20, endpoint=False)
    x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / power)  # -1 is outside
    y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / power)
    y = y - raised * np.clip(-x, 0, 1) * np.clip(-y, 0, 1)
    x = x * (1 - narrow * np.clip(0.5 + 0.5 * y, 0, 1))
    side = 1 if k == 0 else -1
    return middle + np.stack([side * x, tall * y], 1) * pair.wide * unit


def _draw_rim(hand: Hand, pair: _Pair, rim: np.ndarray, middle: np.ndarray, unit: float) -> None:
    rng, hand.part = hand.rng, "glasses"
    if pair.lens == "tint":
        hand.fill(rim, tone=rng.uniform(0.12, 0.3))
    elif pair.lens == "streaks":
        lines = zigzag(middle + 0.7 * (rim - middle), -0.9, 0.16 * unit, rng)
        hand.lines(lines[: 1 + int(rng.integers(1, 4))], 0.7, 0.6, 0.3)
    if pair.rim in ("upper", "lower"):
        half = rim[:11] if pair.rim == "upper" else rim[[*range(10, 20), 0]]
        hand.line(half, width=rng.uniform(0.9, 1.8), care=0.4)
        if pair.rim == "upper" and rng.random() < 0.5:
            hand.line(rim[10:], width=0.6, tone=0.6, care=0.4)
        return
    hand.line(rim, closed=True, width=rng.uniform(1.8, 2.8) if pair.rim == "thick" else 1.0, care=0.4)
    if pair.rim == "twice":
        hand.line(middle + (rim - middle) * rng.uniform(1.1, 1.22), closed=True, care=0.4)


def _arm(hand: Hand, pair: _Pair, rim: np.ndarray, sitter: Sitter, k: int) -> None:
    if not pair.arm:
        return
    hinge, ear = rim[2], sitter.lm[EAR[k][1]]
    hidden = any(covers(lock, ear) for lock in sitter.locks)
    end = hinge + (ear - hinge) * (min(pair.arm, 0.5) if hidden else pair.arm)
    hand.line(np.array([hinge, end]), care=0.3)
    if pair.rim == "twice" and not hidden:
        hand.line(np.array([hinge, end]) + (0, 0.05 * sitter.unit), care=0.3)


def _bridge(hand: Hand, pair: _Pair, rims: list[np.ndarray], unit: float) -> None:
    left, right = rims[0][9], rims[1][9]
    if pair.bridge == "straight":
        hand.line(np.array([left, right]), care=0.4)
        return
    arch = (left + right) / 2 - (0, 0.08 * unit)
    hand.line(np.array([left, arch, right]), care=0.4)
    if pair.bridge == "double":
        hand.line(np.array([rims[0][7], rims[1][7]]), care=0.4)
