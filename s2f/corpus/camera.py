"""Another photograph of the same sitter: light, exposure, colour of the light, crop, blur and noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .points import FACE_RING

_FIELD = 32  # side of the light's field, which is smooth
_MOST_ZOOM, _MOST_SHIFT, _MOST_ROLL = 0.035, 0.018, 1.5  # share of the size, share of the side, degrees
_NOISE_TILE = 128


@dataclass(frozen=True)
class Shot:
    """One setting of lamps and camera."""

    zoom: float
    shift: tuple[float, float]  # shares of the side
    roll: float  # degrees
    key: tuple[float, float, float]  # unit vector towards the lamp: right, up, out of the picture
    strength: float  # of the lamp against the light from everywhere, 0-1
    exposure: float  # stops
    contrast: float
    warmth: float  # stops between red and blue
    tint: float  # stops of green
    blur: float  # pixels at 512
    noise: float  # grey levels


def draw_shot(rng: np.random.Generator) -> Shot:
    angle, height = rng.uniform(-1.25, 1.25), rng.uniform(-0.15, 0.9)
    key = np.array([np.sin(angle), height, np.cos(angle)])
    key /= np.linalg.norm(key)

    def around(middle: float, spread: float, most: float) -> float:
        return middle + float(np.clip(rng.normal(0, spread), -most, most))

    return Shot(
        zoom=1 + around(0, 0.5 * _MOST_ZOOM, _MOST_ZOOM),
        shift=(around(0, 0.4 * _MOST_SHIFT, _MOST_SHIFT), around(0, 0.4 * _MOST_SHIFT, _MOST_SHIFT)),
        roll=around(0, 0.6, _MOST_ROLL),
        key=(float(key[0]), float(key[1]), float(key[2])),
        strength=float(rng.beta(1.3, 2.2) * 0.62),
        exposure=around(0, 0.17, 0.4),
        contrast=around(1, 0.08, 0.18),
        warmth=around(0, 0.11, 0.3),
        tint=around(0, 0.03, 0.08),
        blur=float(rng.uniform(0.4, 1.0)) if rng.random() < 0.3 else 0.0,
        noise=float(rng.gamma(2.0, 0.9)),
    )


def take(
    image: np.ndarray, landmarks: np.ndarray, shot: Shot, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(picture, landmarks) with those settings; `rng` is the sensor's noise."""
    size = image.shape[0]
    matrix = _framing(size, shot)
    image = cv2.warpAffine(
        image, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    landmarks = landmarks @ matrix[:, :2].T + matrix[:, 2]
    if shot.blur:
        image = cv2.GaussianBlur(image, (0, 0), max(shot.blur * size / 512, 0.3))
    light = cv2.LUT(image, _response(shot)).astype(np.float32)
    if shot.strength > 0.02:
        light *= cv2.resize(_lamp(landmarks, size, shot), (size, size), interpolation=cv2.INTER_LINEAR)[
            ..., None
        ]
    _add_noise(light, shot.noise, rng)
    return np.clip(light, 0, 255).astype(np.uint8), landmarks


def photograph(
    image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The same render as another camera in another light might take it, and its landmarks there."""
    return take(image, landmarks, draw_shot(rng), rng)


def _framing(size: int, shot: Shot) -> np.ndarray:
    middle = ((size - 1) / 2, (size - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, shot.roll, shot.zoom)
    matrix[:, 2] += np.array(shot.shift) * size
    return matrix


def _response(shot: Shot) -> np.ndarray:
    """(256,1,3) table: exposure and the light's colour in linear light, then contrast about middle grey."""
    level = np.arange(256) / 255
    linear = np.where(level > 0.04045, ((level + 0.055) / 1.055) ** 2.4, level / 12.92)
    stops = shot.exposure + np.array([shot.warmth / 2, shot.tint, -shot.warmth / 2])
    linear = linear[:, None] * 2.0**stops
    linear = np.where(linear < 0.7, linear, 0.7 + 0.3 * np.tanh((linear - 0.7) / 0.3))  # highlights roll off
    seen = np.where(linear > 0.0031308, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055, 12.92 * linear)
    seen = 0.46 + (seen - 0.46) * shot.contrast
    return np.clip(seen * 255 + 0.5, 0, 255).astype(np.uint8)[:, None]


def _lamp(landmarks: np.ndarray, size: int, shot: Shot) -> np.ndarray:
    """(_FIELD,_FIELD) gain: the head as an ellipsoid under the lamp, the backdrop in its soft falloff."""
    ring = landmarks[list(FACE_RING)]
    centre = (ring.min(0) + ring.max(0)) / 2
    reach = np.ptp(ring, axis=0) / 2 * (1.12, 1.15)
    axis = (np.arange(_FIELD, dtype=np.float32) + 0.5) * (size / _FIELD) - 0.5
    x, y = np.meshgrid((axis - centre[0]) / reach[0], (axis - centre[1]) / reach[1])
    out = np.sqrt(np.maximum(1 - np.minimum(x * x + y * y, 1), 0))
    right, up, front = shot.key
    length = np.sqrt(x * x + y * y + out * out) + 1e-6
    facing = (right * x - up * y + front * out) / length
    wrapped = np.clip((facing + 0.35) / 1.35, 0, 1)  # a lamp of some size reaches round the edge
    on_head = 1 / (1 + np.exp((np.sqrt(x * x + y * y) - 1.1) * 9))
    behind = 0.62 + 0.12 * (right * np.clip(x, -2, 2) - up * np.clip(y, -2, 2)) / 2
    lit = wrapped * on_head + behind * (1 - on_head)
    gain = 1 - shot.strength + shot.strength * lit / 0.72
    return cv2.GaussianBlur(gain.astype(np.float32), (0, 0), 1.3)


def _add_noise(light: np.ndarray, spread: float, rng: np.random.Generator) -> None:
    """Grain of brightness, a little of it coloured; one tile, turned and shifted from place to place."""
    if spread < 0.3:
        return
    size = light.shape[0]
    tile = rng.standard_normal((_NOISE_TILE, _NOISE_TILE, 1), np.float32) * np.float32(0.8 * spread)
    tile = tile + rng.standard_normal((_NOISE_TILE, _NOISE_TILE, 3), np.float32) * np.float32(0.5 * spread)
    for top in range(0, size, _NOISE_TILE):
        for left in range(0, size, _NOISE_TILE):
            patch = tile[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
            box = light[top : top + _NOISE_TILE, left : left + _NOISE_TILE]
            box += patch[: box.shape[0], : box.shape[1]]
    light += np.float32(0.5)
