"""The photographer: once per person another style, per picture the lamp, the camera and the file.

restyle(face, rng)                     before the fit: backdrop, clothing, hair, eyes, skin
photograph(image, landmarks, rng)      after the render: light, white balance, exposure, crop, noise, JPEG
"""

from __future__ import annotations

import cv2
import numpy as np

from . import points as at
from .noise import normal
from .restyle import restyle

__all__ = ["photograph", "restyle"]

# how often each thing happens, and how much of it at most or by standard deviation
_LAMP, _LAMP_STRENGTH = 0.6, 0.42
_WARMTH, _TINT = 0.04, 0.015
_EXPOSURE, _CONTRAST = 0.09, 0.07
_ZOOM, _SHIFT, _TURN = 0.015, 0.008, 0.8  # fractions of the size, degrees
_NOISY, _NOISE = 0.7, 5.0
_BLURRED, _BLUR = 0.25, 0.9  # pixels at 512
_COMPRESSED, _QUALITY = 0.6, (55, 96)
_LIGHT_MAP = 32


def photograph(
    image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(image, landmarks) as another camera would have taken them; the frame holds but for a little jitter."""
    size = image.shape[0]
    matrix = _jitter(size, rng)
    blur = rng.uniform(0.3, _BLUR) * size / 512 if rng.random() < _BLURRED else 0.0
    out = cv2.warpAffine(
        image, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    moved = landmarks @ matrix[:, :2].T + matrix[:, 2]
    if blur > 0.15:
        out = cv2.GaussianBlur(out, (0, 0), blur)
    out = cv2.LUT(out, _tones(rng))
    gain = _lamp(moved, size, rng) if rng.random() < _LAMP else None
    grain = _grain(size, rng) if rng.random() < _NOISY else None
    if gain is not None:
        out = cv2.multiply(out, gain, dtype=cv2.CV_8U if grain is None else cv2.CV_32F)
    if grain is not None:
        out = cv2.add(out, grain, dtype=cv2.CV_8U)
    if rng.random() < _COMPRESSED:
        quality = int(rng.integers(*_QUALITY))
        flipped = cv2.cvtColor(out, cv2.COLOR_RGB2BGR)
        data = cv2.imencode(".jpg", flipped, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert decoded is not None
        out = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    return out, moved


def _jitter(size: int, rng: np.random.Generator) -> np.ndarray:
    """2x3 about the middle of the frame."""
    zoom = 1 + np.clip(rng.normal(0, _ZOOM / 2), -_ZOOM, _ZOOM)
    turn = np.clip(rng.normal(0, _TURN / 2), -_TURN, _TURN)
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), float(turn), float(zoom))
    shift = np.clip(rng.normal(0, _SHIFT / 2, 2), -_SHIFT, _SHIFT) * size
    return np.asarray(matrix) + np.pad(shift[:, None], ((0, 0), (2, 0)))


def _tones(rng: np.random.Generator) -> np.ndarray:
    """(1,256,3) table: white balance and exposure in linear light, a little contrast."""
    level = np.arange(256) / 255
    linear = np.where(level > 0.04045, ((level + 0.055) / 1.055) ** 2.4, level / 12.92)
    warm, tint = rng.normal(0, _WARMTH), rng.normal(0, _TINT)
    gain = np.exp(np.array([warm, tint, -warm]) + np.clip(rng.normal(0, _EXPOSURE), -0.25, 0.2) * 2.2)
    shown = linear[:, None] * gain
    # highlights roll off as film's and sensors' curves make them
    shown = np.where(shown > 0.8, 0.8 + 0.2 * np.tanh((shown - 0.8) / 0.2), shown)
    shown = np.where(shown > 0.0031308, 1.055 * shown ** (1 / 2.4) - 0.055, 12.92 * shown)
    shown = shown + rng.normal(0, _CONTRAST) * np.sin(2 * np.pi * shown) * -0.16
    return np.clip(shown * 255 + 0.5, 0, 255).astype(np.uint8)[None]


def _lamp(landmarks: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """(size,size,3) gain of a lamp that moved: a soft shade over the roundness of the head."""
    ring = landmarks[list(at.FACE_RING)] * (_LIGHT_MAP / size)
    low, high = ring.min(0), ring.max(0)
    middle, reach = (low + high) / 2, (high - low) / 2 * rng.uniform(1.05, 1.5)
    ys, xs = np.mgrid[:_LIGHT_MAP, :_LIGHT_MAP].astype(np.float32)
    x, y = (xs - middle[0]) / reach[0], (ys - middle[1]) / reach[1]
    away = np.sqrt(x * x + y * y)
    bend = np.tanh(away) / np.maximum(away, 1e-3)  # the normals of a round head, level beyond it
    angle, strength = rng.uniform(0, 2 * np.pi), _LAMP_STRENGTH * rng.beta(1.6, 3)
    shade = strength * (x * bend * np.cos(angle) + 0.8 * y * bend * np.sin(angle))
    gain = np.exp(shade - shade[_LIGHT_MAP // 3 : -_LIGHT_MAP // 3].mean() * 0.5)
    colour = np.exp(shade[..., None] * np.array([0.06, 0, -0.06]) * rng.normal(0, 1))  # its own warmth
    field = (gain[..., None] * colour).astype(np.float32)
    return cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC)


def _grain(size: int, rng: np.random.Generator) -> np.ndarray:
    """Sensor noise: mostly of lightness, coarser in colour."""
    amount = float(_NOISE * rng.beta(1.2, 4) * (size / 512) ** 0.5)
    fine = normal((size, size), amount, rng)
    coarse = normal((size // 2, size // 2, 3), 0.6 * amount, rng)
    colour = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR)
    return cv2.add(colour, cv2.merge([fine, fine, fine]))
