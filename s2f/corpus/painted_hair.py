"""Hair laid on a picture: its shadow, the dark ground between its locks, then hair over hair."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from . import points as at
from .geometry import SIZE, smoothstep
from .strands import colour_in, hairs, steepness

_FINE = 2  # hairs are drawn at so many times the size


@dataclass(frozen=True, eq=False)
class Tress:
    """Hairs that hang together, those on top last."""

    paths: np.ndarray  # (n, points, 2)
    tones: np.ndarray  # (n,) how light each is: 0 is the middle of its colour
    lights: np.ndarray | None = None  # (kinds, points) what comes to that along the way ...
    which: np.ndarray | None = None  # (n,) ... of each
    below: float = 0.0  # height of the hairline: lower, it hangs
    shade: np.ndarray | None = None  # a small map of what comes to it by place
    seen: np.ndarray | None = None  # (size, size) 0-1: where it does not hang behind something ...
    traced: np.ndarray | None = None  # ... or only behind other hair
    thin: float = 1.0  # how much of a pixel a single hair covers, as a share of what hair of the head does
    rooted: float = 0.0  # share of their length over which hairs come out of those that grow there


def both_sides(left: Tress, right: Tress) -> Tress:
    """As one, which costs less than one after the other."""
    assert left.lights is not None
    assert right.lights is not None
    assert left.which is not None
    assert right.which is not None
    shade = None
    if left.shade is not None and right.shade is not None:
        middle = left.shade.shape[1] // 2
        shade = np.hstack([left.shade[:, :middle], right.shade[:, middle:]])
    return replace(
        left,
        paths=np.concatenate([left.paths, right.paths]),
        tones=np.concatenate([left.tones, right.tones]),
        lights=np.concatenate([left.lights, right.lights]),
        which=np.concatenate([left.which, right.which + len(left.lights)]),
        below=max(left.below, right.below),
        shade=shade,
    )


def paint(
    image: np.ndarray,
    tress: Tress,
    colour: np.ndarray,
    landmarks: np.ndarray,
    rng: np.random.Generator,
    under: float = 1.0,
) -> np.ndarray:
    """In place, on the float image; returns where it hangs, hidden or not.

    `colour` (3, 3): dark, middle and bright.
    """
    unit = at.eye_distance(landmarks)
    count, points = tress.paths.shape[:2]
    lights = np.zeros((1, points)) if tress.lights is None else tress.lights
    which = np.zeros(count, np.int64) if tress.which is None else tress.which
    shades = np.clip(128 + 200 * tress.tones, 0, 255)
    tone, cover = hairs(tress.paths, shades, 200 * lights, which, len(image), _FINE, tress.rooted)
    ground = _ground(cover) * np.float32(under)
    cover *= np.float32(tress.thin)
    shine = _shine(tress.paths, landmarks, unit, len(image), rng, tress.shade)
    shown = ground
    if tress.seen is not None:
        shown = ground * tress.seen
        cover *= tress.seen
    colour_in(image, tone, cover, shine, shown, _shadow(shown, landmarks, unit), colour.astype(np.float32))
    return ground


def _ground(cover: np.ndarray) -> np.ndarray:
    """Where strands lie close, 0-1 at the picture's size."""
    size = len(cover)
    half = cv2.resize(cover, (size // 2, size // 2), interpolation=cv2.INTER_AREA)
    thick = (half > 0.3).view(np.uint8) * np.uint8(255)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7) if size > SIZE // 2 else (3, 3))
    close = cv2.erode(cv2.morphologyEx(thick, cv2.MORPH_CLOSE, kernel), kernel)
    soft = cv2.GaussianBlur(close, (0, 0), 2.5 * size / SIZE)
    return cv2.resize(soft, (size, size)).astype(np.float32) * np.float32(1 / 255)


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
    paths: np.ndarray,
    landmarks: np.ndarray,
    unit: float,
    size: int,
    rng: np.random.Generator,
    shade: np.ndarray | None,
) -> np.ndarray:
    """Light from above: a band of shine where the hair bends over the head, and shade below the chin."""
    step = size / (SIZE // 4)
    steep, seen = steepness(paths[:: max(1, len(paths) // 300)] / step, SIZE // 4)
    share = cv2.GaussianBlur(seen, (0, 0), 2)
    upright = cv2.GaussianBlur(steep, (0, 0), 2) / np.maximum(share, np.float32(1e-3))
    rows = (np.arange(SIZE // 4) + 0.5) * step - 0.5
    height = ((rows - landmarks[[0, 1], 1].mean()) / unit)[:, None].astype(np.float32)
    bent = np.exp(-(((upright - np.float32(0.7)) / np.float32(0.22)) ** 2) - ((height + 0.8) / 0.6) ** 2)
    shine = np.float32(rng.uniform(0.05, 0.3)) * bent - np.float32(0.1) * smoothstep(height - 0.4)
    if shade is not None:
        shine = shine + shade
    return cv2.resize(shine.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
