"""Hair that the photographed people do not have: long and loose beside the face, a fringe, a full beard.

People draw long hair more often than any other, and sit for a portrait with theirs bound back. So some are
given it, strand by strand, in the colour of their own: a dark ground, and over it locks of a few strands each
that hang, wave and shine together. Done once per person, so that all pictures of one agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from . import points as at
from .beards import full_beard
from .geometry import smoothstep
from .loose import fringe, let_down
from .painted_hair import Tress, paint
from .segment import Parts

_WOMEN, _MEN, _FRINGE = 0.5, 0.05, 0.3  # how many wear it long, and how many of those a fringe
# of those: drawn back over the head and let down behind the ears, or before them too; parted anew
_KINDS = (0.48, 0.4, 0.12)
_PILED = 0.8  # eye distances over the hairline from which hair is put up, and nothing is parted over it
_BEARD = 0.16  # of men
_ENOUGH, _BROWS = 0.012, 0.0008  # of the picture, hair or brows from which a colour is taken


@dataclass(frozen=True, eq=False)
class Manner:
    """How all the hair of one head hangs."""

    length: float  # of the picture, from the eyes down
    volume: float  # eye distances by which it stands off the head
    over: float  # eye distances by which it covers the side of the face
    waves: float  # eye distances that a lock swings to either side
    stretch: float  # eye distances from wave to wave
    part: float  # of the way from ear to ear over the head, where it is parted
    curly: bool


@dataclass(frozen=True, eq=False)
class Worn:
    image: np.ndarray  # (512,512,3), as float32 or as it came
    outline: np.ndarray  # the hair's silhouette
    locks: tuple[np.ndarray, ...] = ()  # closed outlines of what hangs below the hairline
    what: tuple[str, ...] = ()  # of "long_hair", "fringe" and "beard"


def wear(
    image: np.ndarray,
    landmarks: np.ndarray,
    outline: np.ndarray,
    parts: Parts,
    gender: str,
    rng: np.random.Generator,
    bald: bool = False,
) -> Worn:
    """What chance gives this head, whose `parts` are as they were before."""
    long = rng.random() < (_WOMEN if gender == "female" else _MEN) and not bald
    beard = gender == "male" and rng.random() < _BEARD
    chance = np.random.default_rng(rng.integers(2**63))  # what is worn changes nothing of what follows
    colour = None
    if long or beard:
        colour = _colour(image, parts.brows, _BROWS) if bald else _colour(image, parts.hair, _ENOUGH)
    if colour is None:
        return Worn(image, outline)
    if long:
        return _long_hair(image, landmarks, outline, parts, colour, chance)
    return Worn(full_beard(image, landmarks, colour, chance), outline, what=("beard",))


def _colour(image: np.ndarray, hair: np.ndarray, least: float) -> np.ndarray | None:
    """(3, 3): the dark, the middle and the bright of the hair there is; None where there is too little."""
    sure = image[hair > 0.75]
    if len(sure) < least * image.shape[0] * image.shape[1]:
        return None
    light = sure @ np.array([0.3, 0.59, 0.11])
    order = np.percentile(light, (6, 50, 96))
    return np.stack([sure[np.abs(light - v) < 6].mean(0) for v in order])


def _manner(rng: np.random.Generator) -> Manner:
    waves = rng.beta(1, 2.2) * 0.2
    curly = rng.random() < 0.22
    return Manner(
        length=rng.choice([rng.uniform(0.32, 0.42), rng.uniform(0.42, 0.55), 0.7]),
        volume=rng.uniform(0.03, 0.2) + 0.1 * curly,
        over=rng.uniform(-0.03, 0.12),
        waves=0.16 + 0.5 * waves if curly else waves,
        stretch=rng.uniform(0.35, 0.6) if curly else rng.uniform(0.8, 2.0),
        part=float(np.clip(rng.normal(0.5, 0.13), 0.25, 0.75)),
        curly=curly,
    )


def _long_hair(
    image: np.ndarray,
    landmarks: np.ndarray,
    outline: np.ndarray,
    parts: Parts,
    colour: np.ndarray,
    rng: np.random.Generator,
) -> Worn:
    kind, unit = rng.choice(len(_KINDS), p=_KINDS), at.eye_distance(landmarks)
    piled = landmarks[139, 1] - outline[:, 1].min() > _PILED * unit
    if kind < 2 or piled:
        hung, grown = let_down(landmarks, outline, parts, kind == 1, rng), outline
    else:
        manner = _manner(rng)
        grown = _voluminous(outline, landmarks, manner, unit)
        hung = [_curtain(landmarks, grown, manner, side, unit, len(image), rng) for side in (0, 1)]
    fringed = rng.random() < _FRINGE
    if fringed:
        hung.append(fringe(landmarks, grown, len(image), rng))
    return _laid(image, hung, colour, landmarks, grown, rng, ("long_hair", "fringe")[: 1 + fringed])


def _laid(
    image: np.ndarray,
    hung: list[Tress],
    colour: np.ndarray,
    landmarks: np.ndarray,
    outline: np.ndarray,
    rng: np.random.Generator,
    what: tuple[str, ...],
) -> Worn:
    out, locks = image.astype(np.float32), []
    for tress in hung:
        ground = paint(out, tress, colour, landmarks, rng)
        locks += _traced(ground if tress.traced is None else ground * tress.traced, tress.below)
    return Worn(out, outline, tuple(locks), what)


def _traced(ground: np.ndarray, below: float) -> list[np.ndarray]:
    """The largest outlines of what hangs lower than that, two at most; none where nothing does."""
    hangs = (ground > 0.5).view(np.uint8)
    hangs[: max(0, int(below))] = 0
    rings, _ = cv2.findContours(hangs, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = sorted((ring[:, 0] for ring in rings), key=len, reverse=True)[:2]
    return [_open(ring, int(below) + 1) for ring in largest if len(ring) > max(0.3 * len(largest[0]), 16)]


def _open(ring: np.ndarray, top: int) -> np.ndarray:
    """Without its upper edge: where hair goes on upwards there is no line."""
    cut = ring[:, 1] <= top
    ring = np.roll(ring, -int(np.flatnonzero(cut)[-1]) - 1, 0) if cut.any() else ring
    ring = ring[ring[:, 1] > top].astype(float)
    return ring[:: max(2, len(ring) // 26)]


def _voluminous(outline: np.ndarray, landmarks: np.ndarray, manner: Manner, unit: float) -> np.ndarray:
    """The silhouette with the volume of loose hair: none over the crown, all of it beside the ears."""
    eyes = landmarks[[18, 27]].mean(0)
    away = outline - eyes
    reach = np.hypot(*away.T)
    level = smoothstep((away[:, 1] / unit + 1.5) / 1.6)
    return eyes + away * (1 + (0.05 + 0.9 * level) * manner.volume * unit / reach)[:, None]


def _curtain(
    landmarks: np.ndarray,
    outline: np.ndarray,
    manner: Manner,
    side: int,
    unit: float,
    size: int,
    rng: np.random.Generator,
) -> Tress:
    """One side: from the parting along the head, then straight down past ear and cheek."""
    way = -1 if side == 0 else 1
    eye_line = landmarks[[0, 1], 1].mean()
    rim = outline if side == 0 else outline[::-1]  # from this side's ear upwards
    top = round((manner.part if side == 0 else 1 - manner.part) * (len(rim) - 1))
    rim = rim[3 : max(top, 8) + 3][::-1]  # from a little beyond the parting down to the ear
    temple, jaw = landmarks[at.TEMPLE[side]], landmarks[list(at.JAW[side])].mean(0)
    ear = landmarks[list(at.EAR[side])]
    outer_x = way * max(way * rim[-1, 0], (way * ear[:, 0]).max() + 0.05 * unit)
    foot = min(eye_line + size * manner.length, size + 0.4 * unit)
    inner_x = temple[0] * 0.55 + jaw[0] * 0.45 - way * manner.over * unit

    locks, each = round(rng.uniform(70, 110)), 16
    hangs = np.repeat(rng.random(locks) ** 0.9, each)  # 0 at the face, 1 outside
    u = np.clip(hangs + rng.normal(0, 0.035, len(hangs)), 0, 1.03)
    lift, swing = (np.repeat(x, each) for x in (rng.normal(0, 1, locks), rng.uniform(0, 2.8, locks)))
    swing = swing + rng.normal(0, 0.5 if manner.curly else 0.15, len(u))
    ends = foot - np.repeat(np.abs(rng.normal(0, 0.16 * unit, locks)), each) * (1.5 - 0.5 * u)
    ends = ends - np.abs(rng.normal(0, 0.1 * unit, len(u)))
    tones = np.repeat(np.clip(rng.normal(0, 0.16, locks), -0.4, 0.4), each) + rng.normal(0, 0.13, len(u))

    steps = np.linspace(0, 1, 40)
    line = landmarks[[109, *range(134, 145), 112]]
    line = line if side == 0 else line[::-1]  # from this side's temple
    hairline = _along(_along(line, np.linspace(0, max(0.1, top / len(outline) + 0.04), 30))[::-1], steps)
    v = np.clip(u, 0, 1)[:, None, None] ** 0.8
    bulge = np.sin(np.pi * steps)[:, None] * 0.06 * unit * np.array([way, -0.6])
    free = rng.uniform(-0.6, 1.6, locks).repeat(each)[:, None, None]  # no hairline is drawn with a ruler
    over = v * _along(rim, steps) + (1 - v) * (hairline + free * bulge)  # (strands, 40, 2)
    begin = rng.uniform(-0.03, 0.05, locks).repeat(each) + rng.normal(0, 0.012, len(u))  # no sharp parting
    over = _begun(over, begin)
    x0, y0 = over[:, -1, 0, None], over[:, -1, 1, None]
    y = y0 + (np.maximum(ends[:, None], y0 + 0.3 * unit) - y0) * steps[1:]
    drop = (y - y0) / unit
    x = x0 + ((inner_x + (outer_x - inner_x) * u)[:, None] - x0) * smoothstep(drop / 0.8)
    swings = np.sin(2 * np.pi * drop / manner.stretch + swing[:, None])
    bent = np.tanh(lift)[:, None]
    x = x + manner.waves * unit * smoothstep(drop / 0.7) * (0.8 + 0.3 * bent) * swings
    x = x + way * 0.1 * unit * bent * smoothstep((drop - 0.9) / 1.2)
    paths = np.concatenate([over, np.stack([x, y], 2)], 1) + rng.normal(0, 0.008 * unit, (len(u), 1, 2))
    paths = gaussian_filter1d(paths, 2.5, axis=1, mode="nearest")
    top_last = np.argsort(np.repeat(rng.random(locks), each) + 0.35 * (1 - u), kind="stable")
    return Tress(paths[top_last], tones[top_last], below=float(temple[1]))


def _begun(paths: np.ndarray, begin: np.ndarray) -> np.ndarray:
    """Every path from that share of its length on, or from as far before its beginning."""
    last = paths.shape[1] - 1
    at = (begin[:, None] + (1 - begin[:, None]) * np.linspace(0, 1, last + 1)) * last
    low = np.clip(at.astype(int), 0, last - 1)
    ends = [np.take_along_axis(paths, (low + k)[..., None], 1) for k in (0, 1)]
    return ends[0] + (ends[1] - ends[0]) * (at - low)[..., None]


def _along(line: np.ndarray, t: np.ndarray) -> np.ndarray:
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    return np.stack([np.interp(t * length[-1], length, line[:, k]) for k in (0, 1)], 1)
