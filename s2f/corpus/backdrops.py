"""Backdrops for portraits: studio paper and canvas, lit unevenly, and rooms and gardens far out of focus."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from ..look import to_rgb
from .geometry import SIZE

_SMALL = SIZE // 4


def random_backdrop(rng: np.random.Generator, size: int = SIZE) -> np.ndarray:
    """(size,size,3) float32 RGB, without grain."""
    kinds: list[tuple[float, Callable[[np.random.Generator], np.ndarray]]] = [
        (0.45, _paper),
        (0.2, _canvas),
        (0.2, _room),
        (0.15, _outdoors),
    ]
    pick = rng.choice(len(kinds), p=[share for share, _ in kinds])
    small = kinds[pick][1](rng).astype(np.float32)
    return cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)


def _lab(rng: np.random.Generator, low: float, high: float, chroma: float) -> np.ndarray:
    angle, strength = rng.uniform(0, 2 * np.pi), chroma * rng.random() ** 1.5
    return np.array([rng.uniform(low, high), strength * np.cos(angle), strength * np.sin(angle)])


def _grid() -> tuple[np.ndarray, np.ndarray]:
    ys, xs = np.mgrid[:_SMALL, :_SMALL].astype(np.float32) / _SMALL - 0.5
    return xs, ys


def _lit(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One colour under a lamp: a soft pool of light, a slope and darker corners."""
    xs, ys = (part[::2, ::2] for part in _grid())
    cx, cy, reach = rng.normal(0, 0.3), rng.normal(-0.1, 0.25), rng.uniform(0.4, 1.2)
    pool = np.exp(-((xs - cx) ** 2 + (ys - cy) ** 2) / (2 * reach**2))
    slope = xs * rng.normal(0, 0.12) + ys * rng.normal(0.06, 0.12)
    light = 1 + rng.uniform(0, 0.5) * (pool - 0.75) + slope - rng.uniform(0, 0.35) * (xs**2 + ys**2)
    lab = np.empty((*xs.shape, 3), np.float32)
    lab[...] = colour
    lab *= np.clip(light, 0.3, 1.35)[..., None]
    lab[..., 0] = np.minimum(lab[..., 0], 97)
    return cv2.resize(to_rgb(lab).astype(np.float32), (_SMALL, _SMALL), interpolation=cv2.INTER_LINEAR)


def _paper(rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.5:
        return _lit(_lab(rng, 25, 95, 6), rng)
    return _lit(_lab(rng, 25, 85, 34), rng)


def _cloud(rng: np.random.Generator, scales: tuple[int, ...]) -> np.ndarray:
    out = np.zeros((_SMALL, _SMALL), np.float32)
    for scale in scales:
        coarse = rng.normal(0, 1, (scale, scale)).astype(np.float32)
        out += cv2.resize(coarse, (_SMALL, _SMALL), interpolation=cv2.INTER_CUBIC) / scale**0.5
    return out / out.std()


def _canvas(rng: np.random.Generator) -> np.ndarray:
    """Hand-painted studio cloth."""
    base = _lit(_lab(rng, 22, 72, 18), rng)
    return base * (1 + rng.uniform(0.04, 0.12) * np.clip(_cloud(rng, (4, 8, 14)), -2.5, 2.5))[..., None]


def _blurred(image: np.ndarray, rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    return cv2.GaussianBlur(np.clip(image, 0, 255).astype(np.float32), (0, 0), rng.uniform(low, high))


def _room(rng: np.random.Generator) -> np.ndarray:
    """A wall, things on and before it, perhaps a bright window or a lamp."""
    wall = _lab(rng, 45, 90, 14)
    image = _lit(wall, rng).astype(np.float32)
    for _ in range(rng.integers(2, 7)):  # frames, shelves, doors
        x, y = rng.integers(-20, _SMALL, 2)
        w, h = (int(v) for v in rng.integers(10, 70, 2))
        colour = to_rgb(_lab(rng, 15, 85, 30))
        cv2.rectangle(image, (int(x), int(y)), (int(x) + w, int(y) + h), colour.tolist(), -1)
    if rng.random() < 0.5:
        x = int(rng.integers(-10, _SMALL - 20))
        light = to_rgb(np.array([rng.uniform(90, 98), rng.normal(0, 2), rng.normal(0, 6)]))
        cv2.rectangle(
            image, (x, int(rng.integers(-20, 30))), (x + int(rng.integers(18, 45)), 90), light.tolist(), -1
        )
    return _discs(_blurred(image, rng, 5, 10), rng, int(rng.integers(0, 6)), (92, 20))


def _outdoors(rng: np.random.Generator) -> np.ndarray:
    """Sky or street above, leaves or ground below, light through the leaves."""
    _, ys = _grid()
    sky = to_rgb(np.array([rng.uniform(70, 95), rng.normal(-1, 2), rng.normal(-6, 7)]))
    ground = to_rgb(np.array([rng.uniform(25, 60), rng.normal(-8, 9), rng.normal(14, 10)]))
    mix = np.clip((ys - rng.uniform(-0.35, 0.2)) / rng.uniform(0.1, 0.5) + 0.5, 0, 1)[..., None]
    image = sky * (1 - mix) + ground * mix
    leaves = to_rgb(np.array([rng.uniform(20, 55), rng.normal(-12, 8), rng.normal(20, 8)]))
    cover = np.clip(_cloud(rng, (3, 6, 12, 24)) * 0.8 + rng.normal(0, 0.6), 0, 1)[..., None]
    image = image * (1 - cover) + leaves * (0.75 + 0.5 * rng.random((_SMALL, _SMALL, 1))) * cover
    return _discs(_blurred(image, rng, 3.5, 7), rng, int(rng.integers(0, 16)), (88, 22))


def _discs(image: np.ndarray, rng: np.random.Generator, count: int, look: tuple[float, float]) -> np.ndarray:
    """Points of light out of focus."""
    radius = rng.uniform(2.5, 7)
    for _ in range(count):
        layer = np.zeros((_SMALL, _SMALL), np.float32)
        x, y = rng.uniform(0, _SMALL, 2)
        size = radius * rng.uniform(0.85, 1.15)
        cv2.circle(layer, (int(x * 16), int(y * 16)), int(size * 16), 1.0, -1, cv2.LINE_AA, 4)
        colour = to_rgb(np.array([look[0], rng.normal(2, 6), rng.normal(8, look[1] / 2)]))
        share = cv2.GaussianBlur(layer, (0, 0), 0.7) * rng.uniform(0.1, 0.55)
        image = image + (colour - image) * share[..., None]
    return image
