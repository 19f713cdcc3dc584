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
from .geometry import SIZE, smoothstep
from .strands import colour_in, hairs, steepness

_FINE = 2  # strands are drawn at so many times the size
_TEMPLE, _EAR, _JAW = (109, 112), (range(115, 120), range(120, 125)), ((126, 127), (132, 131))
_WOMEN, _MEN, _FRINGE = 0.5, 0.05, 0.3  # how many wear it long, and how many of those a fringe
_BEARD = 0.16  # of men


Hung = tuple[np.ndarray, np.ndarray, float]  # strands, how light each is, the height of the hairline


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
    hair: np.ndarray,
    gender: str,
    rng: np.random.Generator,
) -> Worn:
    """What chance gives this head; `hair` (512,512) 0-1 is what grows there now."""
    colour = _colour(image, hair)
    long = rng.random() < (_WOMEN if gender == "female" else _MEN)
    beard = gender == "male" and rng.random() < _BEARD
    chance = np.random.default_rng(rng.integers(2**63))  # what is worn changes nothing of what follows
    if colour is None:
        return Worn(image, outline)
    if long:
        return _long_hair(image, landmarks, outline, colour, chance)
    if beard:
        return Worn(_full_beard(image, landmarks, colour, chance), outline, what=("beard",))
    return Worn(image, outline)


def _colour(image: np.ndarray, hair: np.ndarray) -> np.ndarray | None:
    """(3, 3): the dark, the middle and the bright of the hair there is; None where there is too little."""
    sure = image[hair > 0.75]
    if len(sure) < 0.012 * image.shape[0] * image.shape[1]:
        return None
    light = sure @ np.array([0.3, 0.59, 0.11])
    order = np.percentile(light, (6, 45, 96))
    return np.stack([sure[np.abs(light - v) < 6].mean(0) for v in order])


def _manner(rng: np.random.Generator) -> Manner:
    waves = rng.beta(1, 2.2) * 0.2
    curly = rng.random() < 0.22
    return Manner(
        length=rng.choice([rng.uniform(0.32, 0.42), rng.uniform(0.42, 0.55), 0.7]),
        volume=rng.uniform(0.12, 0.4) + 0.12 * curly,
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
    colour: np.ndarray,
    rng: np.random.Generator,
) -> Worn:
    manner = _manner(rng)
    unit = float(np.hypot(*(landmarks[1] - landmarks[0])))
    grown = _voluminous(outline, landmarks, manner, unit)
    out, locks = image.astype(np.float32), []
    hung = [_curtain(landmarks, grown, manner, side, unit, len(image), rng) for side in (0, 1)]
    fringe = rng.random() < _FRINGE
    if fringe:
        hung.append(_fringe(landmarks, grown, unit, rng))
    for paths, tones, below in hung:
        ground = _painted(out, paths, tones, colour, landmarks, unit, rng)
        locks += _traced(ground, below)
    return Worn(out, grown, tuple(locks), ("long_hair", "fringe") if fringe else ("long_hair",))


def _traced(ground: np.ndarray, below: float) -> list[np.ndarray]:
    """The largest outline of what hangs lower than that; none where nothing does."""
    hangs = (ground > 0.5).view(np.uint8)
    hangs[: max(0, int(below))] = 0
    rings, _ = cv2.findContours(hangs, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not rings:
        return []
    ring = max(rings, key=len)[:, 0]
    cut = ring[:, 1] <= int(below) + 1  # where it goes on upwards there is no line
    ring = np.roll(ring, -int(np.flatnonzero(cut)[-1]) - 1, 0) if cut.any() else ring
    ring = ring[ring[:, 1] > int(below) + 1].astype(float)
    return [ring[:: max(2, len(ring) // 26)]] if len(ring) > 8 else []


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
) -> Hung:
    """One side: from the parting along the head, then straight down past ear and cheek."""
    way = -1 if side == 0 else 1
    eye_line = landmarks[[0, 1], 1].mean()
    rim = outline if side == 0 else outline[::-1]  # from this side's ear upwards
    top = round((manner.part if side == 0 else 1 - manner.part) * (len(rim) - 1))
    rim = rim[3 : max(top, 8) + 3][::-1]  # from a little beyond the parting down to the ear
    temple, jaw = landmarks[_TEMPLE[side]], landmarks[list(_JAW[side])].mean(0)
    ear = landmarks[list(_EAR[side])]
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
    return paths[top_last], tones[top_last], float(temple[1])


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


def _ground(cover: np.ndarray) -> np.ndarray:
    """Where strands lie close, 0-1 at the picture's size."""
    size = len(cover)
    half = cv2.resize(cover, (size // 2, size // 2), interpolation=cv2.INTER_AREA)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    thick = cv2.dilate((half > 0.08).view(np.uint8) * np.uint8(255), cross)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7) if size > SIZE // 2 else (3, 3))
    close = cv2.erode(cv2.morphologyEx(thick, cv2.MORPH_CLOSE, kernel), kernel)
    soft = cv2.GaussianBlur(close, (0, 0), 1.5 * size / SIZE)
    return cv2.resize(soft, (size, size)).astype(np.float32) * np.float32(1 / 255)


def _painted(
    image: np.ndarray,
    paths: np.ndarray,  # (strands, points, 2), those on top last
    tones: np.ndarray,
    colour: np.ndarray,
    landmarks: np.ndarray,
    unit: float,
    rng: np.random.Generator,
    under: float = 1.0,
) -> np.ndarray:
    """Their shadow on the face, the dark ground, then strand over strand, lit by where and how they lie.

    In place, on the float image; returns the ground.
    """
    shades = np.clip(128 + 200 * tones, 0, 255).astype(np.uint8)
    tone, cover = hairs(paths, shades, len(image), _FINE)
    ground = _ground(cover) * np.float32(under)
    shine = _shine(paths, landmarks, unit, len(image), rng)
    colour_in(image, tone, cover, shine, ground, _shadow(ground, landmarks, unit), colour.astype(np.float32))
    return ground


def _shadow(ground: np.ndarray, landmarks: np.ndarray, unit: float) -> np.ndarray:
    """What hair throws on face and neck; soft, and so made at a quarter of the size."""
    face, small = np.zeros((SIZE // 4, SIZE // 4), np.uint8), (SIZE // 4, SIZE // 4)
    scale = SIZE // 4 / len(ground)
    hull = cv2.convexHull((landmarks[[*at.FACE_RING, *at.NECK]] * scale).astype(np.int32))
    cv2.fillConvexPoly(face, hull, 255)
    thrown = cv2.GaussianBlur(
        cv2.resize(ground, small, interpolation=cv2.INTER_AREA), (0, 0), 0.06 * unit * scale
    )
    on_face = cv2.GaussianBlur(face, (0, 0), 1.25).astype(np.float32) * np.float32(1 / 255)
    return cv2.resize(thrown * on_face, ground.shape, interpolation=cv2.INTER_LINEAR)


def _shine(
    paths: np.ndarray, landmarks: np.ndarray, unit: float, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Light from above: a band of shine where the hair bends over the head, and shade below the chin."""
    step = size / (SIZE // 4)
    steep, seen = steepness(paths[:: max(1, len(paths) // 300)] / step, SIZE // 4)
    share = cv2.GaussianBlur(seen, (0, 0), 2)
    upright = cv2.GaussianBlur(steep, (0, 0), 2) / np.maximum(share, np.float32(1e-3))
    rows = (np.arange(SIZE // 4) + 0.5) * step - 0.5
    height = ((rows - landmarks[[0, 1], 1].mean()) / unit)[:, None].astype(np.float32)
    bent = np.exp(-(((upright - np.float32(0.7)) / np.float32(0.22)) ** 2) - ((height + 0.8) / 0.6) ** 2)
    shine = np.float32(rng.uniform(0.1, 0.5)) * bent - np.float32(0.1) * smoothstep(height - 0.4)
    return cv2.resize(shine.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)


def _fringe(landmarks: np.ndarray, outline: np.ndarray, unit: float, rng: np.random.Generator) -> Hung:
    """From the crown over the forehead to the brows."""
    brows = landmarks[[72, 74, 76, 77, 79, 81]]
    low = brows[:, 1].min() - rng.uniform(-0.05, 0.2) * unit
    left, right = landmarks[109, 0], landmarks[112, 0]
    top = outline[len(outline) // 2]
    locks, each = round(rng.uniform(60, 90)), 10
    place = rng.random(locks)
    u = np.clip(np.repeat(place, each) + rng.normal(0, 0.02, locks * each), 0, 1)
    ends = low + np.repeat(rng.normal(0, 0.07 * unit, locks), each) + 0.25 * unit * (2 * u - 1) ** 2
    ends = ends - np.abs(rng.normal(0, 0.06 * unit, len(u)))
    x = left + (right - left) * (0.04 + 0.92 * u) + np.repeat(rng.normal(0, 0.1 * unit, locks), each)
    foot = np.stack([x, ends], 1)[:, None]
    root = np.stack([top[0] + 0.45 * (x - top[0]), np.full(len(u), top[1] + 0.28 * unit)], 1)[:, None]
    bend = np.concatenate([root[..., :1] + 0.75 * (foot - root)[..., :1], root[..., 1:] + 0.1 * unit], 2)
    t = np.linspace(0, 1, 30)[:, None]
    paths = (1 - t) ** 2 * root + 2 * t * (1 - t) * bend + t**2 * foot
    tones = np.repeat(rng.normal(0, 0.16, locks), each) + rng.normal(0, 0.13, len(u))
    return paths, tones, float(landmarks[[137, 139, 141], 1].mean())


def _full_beard(
    image: np.ndarray, landmarks: np.ndarray, colour: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """From the ears over jaw and chin, a moustache with it; lips and the upper cheek stay free."""
    unit = float(np.hypot(*(landmarks[1] - landmarks[0])))
    length = rng.choice([rng.uniform(0.08, 0.16), rng.uniform(0.16, 0.4)]) * unit
    jaw = landmarks[[110, 111, *range(125, 134), 114, 113]]
    mouth = landmarks[87:109].mean(0)
    high = rng.uniform(0.4, 0.6)  # of the way from the jaw to the corner of the mouth
    corner = landmarks[[87] * 6 + [106] + [93] * 6]
    upper = (
        jaw
        + (corner - jaw)
        * high
        * np.r_[np.linspace(0.1, 1, 5), 1.1, 1.35, 1.1, np.linspace(1, 0.1, 5)][:, None]
    )
    cheeks = np.concatenate([jaw, upper[::-1]])
    lip = landmarks[[88, 90, 92]]
    nose = landmarks[[64, 180, 55, 181, 69]] + (0, rng.uniform(0.08, 0.13) * unit)
    corners = landmarks[[87, 93]] + np.array([(-0.06, 0.2), (0.06, 0.2)]) * unit
    moustache = np.concatenate([corners[:1], nose[[0, 2, 4]], corners[1:], lip[::-1]])
    size = len(image)
    grows = np.zeros((size, size), np.uint8)
    for area in (cheeks, moustache):
        cv2.fillPoly(grows, [np.round(area).astype(np.int32)], 255)
    cv2.fillPoly(grows, [cv2.convexHull(landmarks[87:109].round().astype(np.int32))], 0)
    soft = cv2.GaussianBlur(grows, (0, 0), 0.035 * unit) / 255.0
    ys, xs = np.nonzero(rng.random((size, size)) < soft * (0.11 * (SIZE / size) ** 2))
    roots = np.stack([xs, ys], 1).astype(float)
    rows = np.argsort(ys, kind="stable")[::-1]  # what grows higher lies on top
    roots = roots[rows]
    side = (roots[:, 0] - mouth[0]) / unit
    above = roots[:, 1] < landmarks[[87, 93], 1].mean() + 0.03 * unit
    lean = np.where(
        above & (np.abs(side) < 0.45), 1.4 * np.sign(side) * np.minimum(1, 4 * np.abs(side)), -0.12 * side
    )
    lean = lean + rng.normal(0, 0.35, len(lean))
    low = smoothstep((roots[:, 1] - mouth[1]) / (0.9 * unit))
    reach = length * (0.35 + 0.65 * low) * rng.uniform(0.6, 1.2, len(lean))
    reach = np.where(above, np.minimum(reach, 0.09 * unit), reach)
    t = np.linspace(0, 1, 6)[:, None]
    tip = np.stack([np.sin(lean), np.cos(lean)], 1) * reach[:, None]
    curl = np.stack([rng.normal(0, 0.02, len(lean)), np.zeros(len(lean))], 1)[:, None] * unit
    paths = roots[:, None] + tip[:, None] * t + curl * np.sin(np.pi * t)
    tones, out = rng.normal(-0.05, 0.22, len(paths)), image.astype(np.float32)
    _painted(out, paths, tones, colour, landmarks, unit, rng, under=0.5)
    return out
