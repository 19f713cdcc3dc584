"""Hair let down: what grows on the head stays as it is, and longer hair comes out of it and hangs.

It hangs behind ears and neck, or before the ears as well; and a fringe may fall over the forehead.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from . import points as at
from .geometry import SIZE, smoothstep
from .painted_hair import Tress, both_sides
from .segment import Parts
from .strands import fan

_POINTS, _KINDS = 40, 8
_SMALL = SIZE // 4
_BEHIND = 0.4  # how often it hangs down the back and not over the shoulders


@dataclass(frozen=True, eq=False)
class Head:
    """What hair hangs from, seen from one side."""

    landmarks: np.ndarray
    unit: float  # the eyes' distance
    size: int
    way: int  # outwards
    edge: float  # how far out the hair reaches beside the ear's upper end
    neck: float

    @property
    def side(self) -> int:
        return 0 if self.way < 0 else 1

    @property
    def ear(self) -> np.ndarray:
        return self.landmarks[list(at.EAR[self.side])]


@dataclass(frozen=True, eq=False)
class Fall:
    """How all of it hangs."""

    foot: float
    spread: float  # eye distances by which it stands off the head below
    waves: float  # eye distances that a lock swings to either side
    often: float
    phase: float


def let_down(
    landmarks: np.ndarray, outline: np.ndarray, parts: Parts, before: bool, rng: np.random.Generator
) -> list[Tress]:
    """What hangs behind the ears and, with `before`, over it what hangs before them."""
    size, unit = len(parts.skin), at.eye_distance(landmarks)
    foot = rng.choice([rng.uniform(0.93, 1.04), rng.uniform(1.1, 1.4)], p=[0.25, 0.75]) * size
    fall = Fall(foot, rng.uniform(0.0, 0.4), rng.beta(1, 2) * 0.14, rng.uniform(0.5, 1.4), rng.random())
    front = _in_front(landmarks, parts, bool(rng.random() < _BEHIND))
    hair = parts.hair * _above(landmarks, unit, size)  # what grows there lies over it
    over = rng.uniform(-0.08, 0.1)
    behind, beside = [], []
    for way in (-1, 1):
        rim = (outline if way < 0 else outline[::-1])[4:14]  # of the head, from the ear upwards
        order = np.argsort(rim[:, 1])
        top = landmarks[list(at.EAR[0 if way < 0 else 1]), 1].min()
        edge = float(np.interp(top, rim[order, 1], rim[order, 0]))
        head = Head(landmarks, unit, size, way, edge, float(landmarks[at.NECK[0 if way < 0 else 1], 0]))
        behind.append(_behind(head, fall, front, hair, rng))
        if before:
            beside.append(_before(head, fall, over, rng))
    return [both_sides(*pair) for pair in (behind, beside) if pair]


def _above(landmarks: np.ndarray, unit: float, size: int) -> np.ndarray:
    """1 above the ears' middle."""
    rows = np.arange(size, dtype=np.float32)[:, None]
    return smoothstep((landmarks[[117, 122], 1].mean() + 0.12 * unit - rows) / (0.2 * unit))


def _in_front(landmarks: np.ndarray, parts: Parts, back: bool) -> np.ndarray:
    """(size, size) 0-1: face, ears and neck, and where it hangs down the `back` the clothes."""
    size = len(parts.skin)
    head = np.zeros((size, size), np.uint8)
    for ids in (at.FACE_RING, *at.EAR_RING):
        cv2.fillPoly(head, [np.round(landmarks[list(ids)] * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    face = cv2.GaussianBlur(head, (0, 0), 0.004 * size).astype(np.float32) * np.float32(1 / 255)
    skin = cv2.GaussianBlur(parts.skin, (0, 0), 0.003 * size) * 1.3
    out = np.maximum(face, skin)
    if back:
        out = np.maximum(out, parts.clothing)
    return np.clip(out, 0, 1).astype(np.float32)


def _behind(head: Head, fall: Fall, front: np.ndarray, hair: np.ndarray, rng: np.random.Generator) -> Tress:
    unit, way = head.unit, head.way
    locks = round(rng.uniform(26, 40))
    u = _across(locks, rng)
    top, lobe = float(head.ear[:, 1].min()), float(head.ear[:, 1].max())
    start = np.stack(
        [
            head.edge - way * unit * (0.62 - 0.44 * u),
            top + unit * (0.25 - 0.5 * u**2) * rng.uniform(0.9, 1.1),
        ],
        1,
    )
    inner, outer = head.neck - way * 0.15 * unit, head.edge + way * (0.05 + fall.spread) * unit
    goal = inner + (outer - inner) * u + rng.normal(0, 0.06 * unit, locks)
    paths, tones, which = _hang(head, fall, start, goal, lobe + 0.6 * unit, u, 0.0, rng)
    return Tress(
        paths,
        tones,
        _lights(rng),
        which % _KINDS,
        below=top - 0.2 * unit,
        shade=_depth(head),
        seen=1 - np.maximum(front, hair),
        traced=1 - front,
    )


def _before(head: Head, fall: Fall, over: float, rng: np.random.Generator) -> Tress:
    """From the temple on, out of the hair that is drawn back there, down past ear and cheek."""
    unit, way, lm = head.unit, head.way, head.landmarks
    locks = round(rng.uniform(20, 30))
    u = _across(locks, rng)
    temple, jaw = lm[at.TEMPLE[head.side]], lm[list(at.JAW[head.side])].mean(0)
    hairline = lm[[134, 135] if head.side == 0 else [144, 143]].mean(0)
    high = float(hairline[1]) - unit * rng.uniform(0.25, 0.5)
    first = hairline[0] + way * 0.05 * unit
    start = np.stack([first + (head.edge - way * 0.12 * unit - first) * u, high + unit * 0.3 * u], 1)
    inner = 0.6 * temple[0] + 0.4 * jaw[0] - way * over * unit
    outer = head.edge + way * (0.03 + 0.8 * fall.spread) * unit
    goal = inner + (outer - inner) * u + rng.normal(0, 0.04 * unit, locks)
    paths, tones, which = _hang(head, fall, start, goal, float(jaw[1]), u, 0.45, rng)
    return Tress(paths, tones + 0.03, _lights(rng), which % _KINDS, float(hairline[1]), rooted=0.4)


def _across(locks: int, rng: np.random.Generator) -> np.ndarray:
    """Where each lock hangs: 0 at the face, 1 outside."""
    return np.sort(np.abs((np.arange(locks) + rng.normal(0, 1.2, locks)) / (locks - 1)))


def _hang(
    head: Head,
    fall: Fall,
    start: np.ndarray,
    goal: np.ndarray,
    least: float,
    u: np.ndarray,
    along: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(paths, tones, lock of each): from `start` (locks, 2) to the columns `goal`, down to `least` or lower.

    They hug the head for some eye distances `along`, then hang, and at their ends turn in a little.
    """
    unit, way, locks = head.unit, head.way, len(u)
    foot = fall.foot - np.abs(rng.normal(0, 0.32 * unit, locks)) - 0.35 * unit * (u - 0.6) ** 2
    y = start[:, 1, None] + (np.maximum(foot, least) - start[:, 1])[:, None] * np.linspace(0, 1, _POINTS)
    drop = (y - start[:, 1, None]) / unit
    x = start[:, :1] + (goal - start[:, 0])[:, None] * smoothstep((drop - along) / 1.5)
    x = x - way * rng.uniform(0, 0.12) * unit * smoothstep((drop - 1.2) / 1.5) * u[:, None]
    phase = fall.phase + rng.normal(0, 0.12, locks)[:, None]
    swings = np.sin(2 * np.pi * (drop * fall.often / 1.6 + phase))
    x = x + fall.waves * unit * smoothstep(drop / 0.8) * swings
    which = np.repeat(np.arange(locks), round(40 * (head.size / SIZE) ** 0.7))
    return _bundled(np.stack([x, y], 2), which, u, unit, rng)


def _bundled(
    guides: np.ndarray, which: np.ndarray, u: np.ndarray, unit: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every hair of each lock, those on top last: mostly the ones that hang further inwards."""
    locks, count = len(guides), len(which)
    loose = np.where(rng.random(count) < 0.015, 2.5, 1.0)  # single hairs that fly
    within = 1.4 * np.tanh(0.9 * rng.normal(0, 1, (count, 2)))  # none lies far from its lock all the way
    beside = within * np.array([0.055, 0.02]) * unit
    reach = np.stack([np.zeros(count), 1 - 0.35 * rng.random(count) ** 2], 1)
    frizz = np.stack(
        [rng.normal(0, 0.014 * unit, count) * loose, rng.uniform(0.6, 2.2, count), rng.random(count)], 1
    )
    tones = 0.03 + rng.normal(0, 0.08, locks)[which] + rng.normal(0, 0.09, count)
    order = np.argsort(rng.random(locks)[which] + 0.5 * u[which], kind="stable")
    paths = fan(guides.astype(np.float32), which[order], beside[order], reach[order], frizz[order])
    return paths, tones[order], which[order]


def fringe(landmarks: np.ndarray, outline: np.ndarray, size: int, rng: np.random.Generator) -> Tress:
    """Out of the hair over the forehead, down to the brows, to one side or straight."""
    unit = at.eye_distance(landmarks)
    brows = landmarks[[72, 74, 76, 77, 79, 81], 1].min()
    locks = round(rng.uniform(28, 40))
    u = _across(locks, rng)
    line = landmarks[134:145]  # the hairline, from temple to temple
    root = np.stack([np.interp(0.08 + 0.84 * u, np.linspace(0, 1, 11), line[:, k]) for k in (0, 1)], 1)
    middle = landmarks[[0, 1], 0].mean()
    top = outline[len(outline) // 2]
    root = root + (top + (0, 0.1 * unit) - root) * rng.uniform(0.25, 0.45)
    lean = rng.choice([0.0, rng.uniform(-0.5, 0.5)])
    low = brows - rng.uniform(-0.06, 0.22) * unit + rng.normal(0, 0.05 * unit, locks)
    low = low + 0.3 * unit * (u - 0.5 + 0.6 * lean) ** 2
    x = middle + (landmarks[112, 0] - landmarks[109, 0]) * 0.47 * (2 * u - 1)
    foot = np.stack([x + lean * 0.35 * unit + rng.normal(0, 0.04 * unit, locks), low], 1)
    bend = np.stack([root[:, 0] + 0.8 * (foot - root)[:, 0], root[:, 1] + 0.25 * (foot - root)[:, 1]], 1)
    t = np.linspace(0, 1, _POINTS)[:, None]
    guides = (1 - t) ** 2 * root[:, None] + 2 * t * (1 - t) * bend[:, None] + t**2 * foot[:, None]
    which = np.repeat(np.arange(locks), round(26 * (size / SIZE) ** 0.7))
    paths, tones, which = _bundled(guides, which, u, 0.8 * unit, rng)
    below = float(landmarks[[137, 139, 141], 1].mean())
    return Tress(paths, tones, _lights(rng), which % _KINDS, below, rooted=0.35)


def _lights(rng: np.random.Generator) -> np.ndarray:
    """(kinds, points): where along their way locks catch light, lighter towards their ends."""
    noise = cv2.GaussianBlur(rng.normal(0, 1, (_KINDS, _POINTS)), (0, 0), sigmaX=3.5, sigmaY=1e-3)
    return 0.14 * noise / noise.std() + 0.06 * np.linspace(0, 1, _POINTS) ** 2


def _depth(head: Head) -> np.ndarray:
    """A small map: dark behind neck and jaw, where no light comes, and under the ears."""
    xs = (np.arange(_SMALL, dtype=np.float32) + 0.5) * (head.size / _SMALL) - 0.5
    jaw = head.landmarks[at.CHIN, 1] - 0.4 * head.unit
    near = 1 - smoothstep((head.way * (xs - head.neck) / head.unit - 0.05) / 0.75)
    high = 1 - smoothstep((xs[:, None] - jaw) / (1.6 * head.unit))
    return (-0.75 * near * (0.4 + 0.6 * high)).astype(np.float32)
