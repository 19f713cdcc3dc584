"""Freehand drawings of known faces, as visitors make them with a mouse or a finger, at every level of skill.

Nobody's drawings are copied here: a `Hand` looks at a face (its landmarks, its hair, its beard), gets the
proportions more or less wrong, exaggerates the expression, chooses from the vocabularies that people have for
eyes, noses, mouths and hair, leaves things out, slips, and may stop half way. All chance comes from the
generator given, so one seed is one drawing, at any size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import CorpusError
from . import drawn_eyes, drawn_features, drawn_glasses, drawn_hair, drawn_marks, drawn_signs
from .drawn_shapes import BROW, BROW_LOW, CREASE, JAW, LOWER, RING, SLIT_LOW, SLIT_UP, UPPER, Sitter
from .drawn_sight import Sight, look
from .glasses import Glasses
from .hand import PAGE, Hand
from .strokes import scale_about_middle

POINTS = 189
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
_SIGN = 0.6  # how often those who cannot draw make a sign of a face, for each part of skill below 0.6
_Act = Callable[[Hand, Sitter], None]
_ACTS: tuple[_Act, ...] = (
    drawn_features.jaw,
    drawn_features.ears,
    drawn_features.neck,
    drawn_hair.hair,
    drawn_eyes.eyes,
    drawn_eyes.brows,
    drawn_features.nose,
    drawn_features.mouth,
    drawn_hair.beard,
    drawn_marks.wrinkles,
    drawn_marks.skin,
    drawn_marks.shading,
)
_SIGN_ACTS: tuple[_Act, ...] = (drawn_signs.smiley, drawn_glasses.glasses, drawn_hair.beard, drawn_marks.skin)


@dataclass(frozen=True)
class View:
    """What the hand looks at. Points are pixel centres in a picture of `size` pixels."""

    landmarks: np.ndarray  # (189, 2)
    outline: np.ndarray  # (k, 2), the hair's silhouette from ear to ear
    rest: np.ndarray | None = None  # the landmarks of the same face and pose without expression
    units: Mapping[str, float] = field(default_factory=dict)
    image: np.ndarray | None = None  # RGB uint8, of any size; without it no beard and no long hair is drawn
    size: int = 512  # what the points are counted in
    locks: tuple[np.ndarray, ...] = ()  # hair that is known to hang over ears, jaw or brows
    bearded: bool = True  # may be: what looks like a beard in the picture is one
    glasses: Glasses | None = None  # drawn as they are worn: a drawing must not contradict its photograph


@dataclass(frozen=True)
class Drawing:
    """A page and what is known of it, all in pixels of the page."""

    image: np.ndarray  # uint8 (size, size), dark on white
    skill: float
    transform: np.ndarray  # 2x3, from the photograph at the page's size to the page; mostly the identity
    landmarks: np.ndarray  # (189, 2), where this hand meant every point to be
    strokes: list[tuple[str, np.ndarray]]  # part of the face and traced line, in the order drawn
    ways: dict[str, str]  # feature -> the way it was drawn, the tool and the stage


def freehand(
    view: View,
    rng: np.random.Generator,
    *,
    size: int = 512,
    skill: float | None = None,
    sight: Sight | None = None,
) -> np.ndarray:
    """A drawing of the face: uint8 (size, size), dark strokes on white."""
    return draw(view, rng, size=size, skill=skill, sight=sight).image


def draw(
    view: View,
    rng: np.random.Generator,
    *,
    size: int = 512,
    skill: float | None = None,
    sight: Sight | None = None,
) -> Drawing:
    """The same with all that is known of it; `sight` saves looking again at a face drawn several times."""
    _check(view)
    skill = float(rng.beta(2.0, 1.4)) if skill is None else float(np.clip(skill, 0, 1))
    hand = Hand.of(rng, skill)
    sitter = _pose(view, sight or see(view), hand)
    sign = hand.bad > 0.4 and bool(rng.random() < _SIGN * (hand.bad - 0.4))
    for act in _SIGN_ACTS if sign else _ACTS:
        act(hand, sitter)
    ways = sitter.drawn
    ways["manner"] = "sign" if sign else "face"
    ways["tool"], ways["stage"] = hand.tool.name, "whole" if sign else _leave_out(hand)
    drawn_marks.strays(hand, sitter)
    place = _placement(rng)
    page, strokes = hand.page(size, place)
    ways["paper"] = "photographed" if rng.random() < 0.05 else "white"
    if ways["paper"] == "photographed":
        page = drawn_marks.photographed(page, rng)
    k = size / PAGE
    shift = place[:, 2] * k + (place[:, :2] - np.eye(2)) @ np.full(2, 0.5 - 0.5 * k) * -1
    transform = np.concatenate([place[:, :2], shift[:, None]], 1)
    meant = (sitter.lm @ place[:, :2].T + place[:, 2] + 0.5) * k - 0.5
    return Drawing(page, skill, transform, meant, strokes, ways)


def see(view: View) -> Sight:
    """Look at the face once, for any number of drawings of it."""
    _check(view)
    landmarks, outline = _to_page(view.landmarks, view.size), _to_page(view.outline, view.size)
    sight = look(landmarks, outline, view.image, loose=not view.locks)
    if view.locks or not view.bearded:  # what lies dark along the jaw is hair of the head then, or shade
        sight = replace(sight, moustache=0.0, chin=0.0, jaw=0.0)
    locks = tuple(_to_page(lock, view.size) for lock in view.locks)
    return replace(sight, locks=locks) if locks else sight


def _check(view: View) -> None:
    shape, rim = np.shape(view.landmarks), np.shape(view.outline)
    if shape != (POINTS, 2) or not np.isfinite(view.landmarks).all():
        raise CorpusError(
            f"got landmarks of shape {shape}, expected ({POINTS}, 2) finite numbers; give all points"
        )
    if len(rim) != 2 or rim[0] < 3 or not np.isfinite(view.outline).all():
        raise CorpusError(
            f"got an outline of shape {rim}, expected three or more finite points; trace the hair"
        )
    if view.image is not None and (view.image.dtype != np.uint8 or view.image.ndim != 3):
        kind = f"{view.image.dtype} {view.image.shape}"
        raise CorpusError(f"got an image of {kind}, expected RGB uint8 (height, width, 3); convert it")


def _to_page(points: np.ndarray, size: int) -> np.ndarray:
    return (np.asarray(points, np.float64) + 0.5) * (PAGE / size) - 0.5


def _bend(lm: np.ndarray) -> float:
    """How far the mouth's middle lies below its corners, in mouth widths: a smile is positive."""
    chord = lm[93] - lm[87]
    width = max(float(np.hypot(*chord)), 1e-6)
    sag = 0.75 * lm[96] + 0.25 * lm[101] - (lm[87] + lm[93]) / 2
    return float((chord[0] * sag[1] - chord[1] * sag[0]) / width**2)


def _pose(view: View, sight: Sight, hand: Hand) -> Sitter:
    """The face as this hand means to draw it."""
    rng, bad = hand.rng, hand.bad
    lm = _to_page(view.landmarks, view.size)
    pupils = lm[:2].copy()
    unit = max(float(np.hypot(*(lm[0] - lm[1]))), 8.0)
    rest = None if view.rest is None else _to_page(view.rest, view.size)
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
    warp = lambda points: back(distort(points))  # noqa: E731
    return Sitter(
        lm=warp(lm),
        unit=unit,
        sight=sight,
        outline=warp(_to_page(view.outline, view.size)),
        crown=warp(sight.crown),
        locks=[warp(lock) for lock in sight.locks],
        units=view.units,
        bend=bend,
        glasses=view.glasses,
    )


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


def _distortion(lm: np.ndarray, unit: float, hand: Hand) -> Callable[[np.ndarray], np.ndarray]:
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


def _onto(drawn: np.ndarray, true: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
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


def _leave_out(hand: Hand) -> str:
    """Parts that were forgotten, or not reached yet; says which of the two."""
    rng, bad = hand.rng, hand.bad
    if rng.random() < 0.12:
        order = [
            ["jaw"],
            ["eye0"],
            ["eye1"],
            ["nose"],
            ["mouth"],
            ["brow0"],
            ["brow1"],
            ["ear0"],
            ["ear1"],
            ["hair"],
            ["neck"],
        ]
        if rng.random() < 0.35:  # from the middle outwards
            order = order[1:7] + order[:1] + order[7:]
        elif rng.random() < 0.4:  # the outline first
            order = [order[0], order[9], order[10], order[7], order[8], *order[1:7]]
        reached = int(rng.integers(4, len(order)))
        hand.forget({name for step in order[reached:] for name in step} | {"folds", "skin", "shade", "beard"})
        return "unfinished"
    chances = {
        "ear0": 0.03,
        "ear1": 0.03,
        "brow0": 0.012,
        "brow1": 0.012,
        "nose": 0.02,
        "hair": 0.03,
        "jaw": 0.02,
        "eye1": 0.004,
    }
    gone = {name for name, p in chances.items() if rng.random() < p * (0.5 + bad)}
    hand.forget(gone)
    half = rng.random() < 0.015
    if half:  # one half only, the other still to come
        side = rng.choice([-1, 1])
        hand.strokes = [s for s in hand.strokes if side * (s.points[:, 0].mean() - PAGE / 2) > -0.04 * PAGE]
        hand.patches = [
            p for p in hand.patches if side * (p.contours[0][:, 0].mean() - PAGE / 2) > -0.04 * PAGE
        ]
    return "half" if half else "parts missing" if gone else "whole"


def _placement(rng: np.random.Generator) -> np.ndarray:
    """Mostly exact; sometimes a little too big, small or aside, rarely much."""
    draw = rng.random()
    if draw < 0.62:
        return np.eye(2, 3)
    if draw > 0.975:  # much smaller than the page, and somewhere on it
        size, turn = float(rng.uniform(0.5, 0.8)), np.radians(rng.normal(0, 4))
        shift = rng.uniform(-0.9, 0.9, 2) * (1 - size) * 0.4 * PAGE
        return _placed(size, turn, shift)
    tail = draw > 0.93
    size = float(np.clip(np.exp(rng.normal(0, 0.14 if tail else 0.04)), 0.6, 1.3))
    shift = np.clip(rng.normal(0, (0.05 if tail else 0.018) * PAGE, 2), -0.15 * PAGE, 0.15 * PAGE)
    turn = np.radians(rng.normal(0, 4 if tail else 1.2))
    return _placed(size, float(turn), shift)


def _placed(size: float, turn: float, shift: np.ndarray) -> np.ndarray:
    c, s = size * np.cos(turn), size * np.sin(turn)
    linear = np.array([(c, -s), (s, c)])
    centre = np.full(2, PAGE / 2 - 0.5)
    return np.concatenate([linear, (centre - linear @ centre + shift)[:, None]], 1)
