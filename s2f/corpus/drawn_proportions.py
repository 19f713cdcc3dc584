"""What a hand gets wrong of a face before it draws a line: proportions, places, slants, the jaw's form.

Beginners spell an expression out, set eyes too high or too far apart, and make an egg of every head; skilled
hands err a little in all of it. A landmark stays what it is wherever it goes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .drawn_shapes import BROW, BROW_LOW, CREASE, JAW, LOWER, RING, SLIT_LOW, SLIT_UP, UPPER
from .hand import Hand
from .strokes import scale_about_middle

Map = Callable[[np.ndarray], np.ndarray]
_MOVED = np.r_[18:109, 125:134, 158:179, 179:183]  # landmarks that an expression moves
_EYE = tuple(np.array([k, *RING[k], *UPPER[k], *LOWER[k][1:4], *CREASE[k]]) for k in (0, 1))
_BROW = tuple(np.array([*BROW[k], *BROW_LOW[k][1:3]]) for k in (0, 1))
_NOSE = np.r_[50:71, 179:183]
_MOUTH = np.r_[87:109]
_LID_PAIRS = ([19, 20, 21, 26, 25, 24], [28, 29, 30, 33, 32, 31])
# what a caricaturist compares with: widths of eye, nose, mouth and jaw in eye distances
_USUAL = {"eye": 0.43, "nose": 0.57, "mouth": 0.8, "jaw": 1.3}
_USUAL_SLOPE, _USUAL_BEND = -0.064, -0.03  # of brows and mouths at rest
_MOST = 0.14  # eye distances that a height is off, so that a mouth stays below its nose


def misjudged(
    lm: np.ndarray, rest: np.ndarray | None, unit: float, hand: Hand
) -> tuple[np.ndarray, Map, float]:
    """Where this hand means every landmark, the map that takes all else along, and how far the mouth bends.

    All on the page; `lm` is changed on the way.
    """
    rng, bad = hand.rng, hand.bad
    pupils = lm[:2].copy()
    rest_bend = _USUAL_BEND if rest is None else _bend(rest)
    bend = _bend(lm) - rest_bend
    _spell_out(lm, rest, bend, rest_bend, hand)
    if rest is not None:
        more = rng.uniform(0.05, 0.3) + bad * rng.uniform(0.15, 0.75)
        shift = (lm[[51, 57]] - rest[[51, 57]]).mean(0)
        push = more * (lm[_MOVED] - rest[_MOVED] - shift)
        lm[_MOVED] += np.clip(push, -0.3 * unit, 0.3 * unit)
    _keep_apart(lm)
    _caricature(lm, unit, hand)
    _misplace(lm, unit, hand)
    _reshape_jaw(lm, hand)
    distort = _distortion(lm, unit, hand)
    back = _onto(distort(lm)[:2], pupils)

    def warp(points: np.ndarray) -> np.ndarray:
        return back(distort(points))

    return warp(lm), warp, bend


def _bend(lm: np.ndarray) -> float:
    """How far the mouth's middle lies below its corners, in mouth widths: a smile is positive."""
    chord = lm[93] - lm[87]
    width = max(float(np.hypot(*chord)), 1e-6)
    sag = 0.75 * lm[96] + 0.25 * lm[101] - (lm[87] + lm[93]) / 2
    return float((chord[0] * sag[1] - chord[1] * sag[0]) / width**2)


def _slope(lm: np.ndarray, k: int) -> float:
    """How steeply a brow falls towards the nose, in radians."""
    a, b, c, d = (lm[i].tolist() for i in (BROW[k][0], BROW_LOW[k][1], BROW[k][-1], BROW_LOW[k][2]))
    run = (c[0] + d[0] - a[0] - b[0]) * (1 if k == 0 else -1)
    return math.atan2(c[1] + d[1] - a[1] - b[1], max(run, 1e-6))


def _spell_out(lm: np.ndarray, rest: np.ndarray | None, bend: float, rest_bend: float, hand: Hand) -> None:
    """Slant brows and bend the mouth more by expression, less by person: most with least skill."""
    rng, bad = hand.rng, hand.bad
    plain = 0.8 * bad * rng.random()
    loud = bad * rng.uniform(0.4, 3.0) + hand.skill * rng.uniform(0, 0.6)
    for k, side in ((0, 1), (1, -1)):
        slope = _slope(lm, k)
        usual = (slope + _USUAL_SLOPE) / 2 if rest is None else _slope(rest, k)
        turn = plain * (0.4 * _USUAL_SLOPE - usual) + loud * (slope - usual)
        _scale(lm, _BROW[k], 1.0, np.zeros(2), side * float(np.clip(turn, -0.35, 0.35)))
    chord = lm[93] - lm[87]
    length = max(float(chord @ chord), 1e-6)
    t = np.clip((lm[_MOUTH] - lm[87]) @ chord / length, 0, 1)
    more = float(np.clip(0.6 * loud * bend - plain * rest_bend, -0.14, 0.14))
    normal = np.array([-chord[1], chord[0]])
    lm[_MOUTH] += (4 * t * (1 - t) - 0.6)[:, None] * more * normal


def _keep_apart(lm: np.ndarray) -> None:
    """Exaggeration must not turn a lid or a lip inside out."""
    for up, low in (_LID_PAIRS, (SLIT_UP[1:-1], SLIT_LOW[1:-1])):
        middle = (lm[up, 1] + lm[low, 1]) / 2
        crossed = lm[up, 1] > lm[low, 1]
        lm[up, 1] = np.where(crossed, middle, lm[up, 1])
        lm[low, 1] = np.where(crossed, middle, lm[low, 1])


def _scale(lm: np.ndarray, ids: np.ndarray, by: float, shift: np.ndarray, turn: float = 0.0) -> None:
    scale_about_middle(lm, ids, by * math.cos(turn), by * math.sin(turn), float(shift[0]), float(shift[1]))


def _caricature(lm: np.ndarray, unit: float, hand: Hand) -> None:
    """Make what is large larger and what is small smaller, and add the errors that beginners make."""
    rng, bad = hand.rng, hand.bad
    width = lambda a, b: float(np.hypot(*(lm[a] - lm[b]))) / unit  # noqa: E731
    seen = {"eye": width(18, 22), "nose": width(63, 68), "mouth": width(87, 93), "jaw": width(127, 131)}
    much = rng.uniform(0, 0.5) * (rng.random() < 0.35)
    spread = 0.03 + 0.09 * bad + 0.06 * bad**3
    factor = {
        name: float(
            np.clip((max(seen[name], 0.05) / usual) ** much * np.exp(rng.normal(0, spread)), 0.65, 1.6)
        )
        for name, usual in _USUAL.items()
    }
    factor["eye"] *= rng.uniform(1.2, 1.7) if rng.random() < 0.07 else 1 + 0.3 * bad * rng.random()
    apart = np.clip(rng.normal(0.02 + 0.06 * bad, 0.02 + 0.14 * bad), -0.15, 0.4)  # more often than too close
    still, outwards = np.zeros(2), (lm[0] - lm[1]) * (0.5 * apart)
    for k, shift in ((0, outwards), (1, -outwards)):
        _scale(lm, _EYE[k], factor["eye"], shift)
        lm[_BROW[k]] += shift
        lm[_BROW[k], 1] -= 0.12 * unit * (factor["eye"] - 1)  # brows make room for larger eyes
    _scale(lm, _NOSE, factor["nose"], still)
    _scale(lm, _MOUTH, factor["mouth"], still)
    middle = lm[55, 0]
    lm[JAW, 0] = middle + (lm[JAW, 0] - middle) * (1 + 0.5 * (factor["jaw"] - 1))


def _misplace(lm: np.ndarray, unit: float, hand: Hand) -> None:
    """Every feature a little off, each on its own; brows turn least, for they carry the expression."""
    rng, bad = hand.rng, hand.bad
    off = lambda s: rng.normal(0, s * unit * (0.004 + 0.03 * bad), 2)  # noqa: E731
    for k in (0, 1):
        _scale(
            lm,
            _EYE[k],
            float(np.exp(rng.normal(0, 0.01 + 0.06 * bad))),
            off(0.8),
            rng.normal(0, 0.01 + 0.04 * bad),
        )
        _scale(lm, _BROW[k], 1.0, off(0.7) * (1, 0.7), rng.normal(0, 0.008 + 0.02 * bad))
    _scale(lm, _NOSE, 1.0, off(1.2), rng.normal(0, 0.01 + 0.04 * bad))
    _scale(lm, _MOUTH, 1.0, off(1.0), rng.normal(0, 0.01 + 0.03 * bad))
    lm[JAW] += off(0.8)


def _reshape_jaw(lm: np.ndarray, hand: Hand) -> None:
    """Beginners draw an egg for every face; others a wedge, or a box."""
    kind = hand.rng.random() - 1.1 * max(0.0, hand.bad - 0.25)
    if kind > 0.1:
        return
    bulge = 0.9 if kind < 0 else float(hand.rng.choice([0.4, 0.5, 1.3, 1.7]))
    ends, chin = lm[[111, 114]], lm[129]
    middle = ends.mean(0)
    a = np.linspace(np.pi, 0, len(JAW))
    half, drop = (ends[1] - ends[0]) / 2, chin - middle
    egg = middle + np.cos(a)[:, None] * half + np.sin(a)[:, None] ** bulge * drop
    share = hand.rng.uniform(0.2, 0.85)
    lm[JAW] = lm[JAW] * (1 - share) + egg * share


def _distortion(lm: np.ndarray, unit: float, hand: Hand) -> Map:
    """Wrong heights of brow, eyes, nose, mouth and chin, a wrong width, a lean: one map for all points."""
    rng, bad = hand.rng, hand.bad
    heights = np.array([lm[i, 1].mean() for i in ([139], [75, 78], [0, 1], [55], [96, 101], [129])])
    level = np.maximum.accumulate(heights + np.arange(6) * 1e-3)
    spread = unit * (0.008 + 0.05 * bad + 0.05 * bad**3)
    fault = np.clip(rng.normal(0, spread, 6), -_MOST * unit, _MOST * unit) * (0.7, 0.8, 1, 1, 1, 1)
    fault[1:3] -= unit * 0.12 * bad * rng.random()  # eyes too high, the forehead too low
    fault[1] = 0.4 * fault[1] + 0.6 * fault[2]
    wide, lean = rng.normal(1, 0.01 + 0.08 * bad), rng.normal(0, 0.006 + 0.03 * bad)
    centre = lm[[18, 27, 129]].mean(0)

    def warp(points: np.ndarray) -> np.ndarray:
        out = np.array(points, np.float64)
        out[:, 1] += np.interp(out[:, 1], level, fault, left=0.5 * fault[0])
        out[:, 0] = centre[0] + (out[:, 0] - centre[0]) * wide + (out[:, 1] - centre[1]) * lean
        return out

    return warp


def _onto(drawn: np.ndarray, true: np.ndarray) -> Map:
    """The map that lays the drawn pupils over the true ones: drawings are framed by their pupils, so that of
    eyes too far apart only a face too small is seen."""
    (a, b), (c, d) = drawn @ (1, 1j), true @ (1, 1j)
    if abs(b - a) < 1e-3 or abs(d - c) < 1e-3:
        return lambda points: points
    turn = (d - c) / (b - a)

    def back(points: np.ndarray) -> np.ndarray:
        z = (points @ (1, 1j) - a) * turn + c
        return np.stack([z.real, z.imag], -1)

    return back
