"""Freehand drawings of known faces, as visitors make them with a mouse or a finger, at every level of skill.

Nobody's drawings are copied here: a `Hand` looks at a face (its landmarks, its hair, its beard), gets the
proportions more or less wrong, exaggerates the expression, chooses from the vocabularies that people have for
eyes, noses, mouths and hair, leaves things out, slips, and may stop half way. All chance comes from the
generator given, so one seed is one drawing, at any size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import CorpusError
from . import drawn_eyes, drawn_features, drawn_glasses, drawn_hair, drawn_marks, drawn_signs
from .drawn_proportions import misjudged
from .drawn_shapes import Sitter
from .drawn_sight import Sight, look
from .glasses import Glasses
from .hand import PAGE, Hand

POINTS = 189
_HIGH = 0.45  # eye distances from the hairline to the top of a head, from which there is hair on it
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
    shaven: bool = False  # bald for certain
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
    sight = look(landmarks, outline, view.image, loose=not view.locks and not view.shaven)
    # dark hair on dark skin looks bare; hair that hangs, or that stands high, is hair
    sight = replace(sight, bald=view.shaven or sight.bald and not view.locks and sight.depth < _HIGH)
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


def _pose(view: View, sight: Sight, hand: Hand) -> Sitter:
    """The face as this hand means to draw it."""
    lm = _to_page(view.landmarks, view.size)
    unit = max(float(np.hypot(*(lm[0] - lm[1]))), 8.0)
    rest = None if view.rest is None else _to_page(view.rest, view.size)
    meant, warp, bend = misjudged(lm, rest, unit, hand)
    return Sitter(
        lm=meant,
        unit=unit,
        sight=sight,
        outline=warp(_to_page(view.outline, view.size)),
        crown=warp(sight.crown),
        locks=[warp(lock) for lock in sight.locks],
        units=view.units,
        bend=bend,
        glasses=view.glasses,
    )


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
