"""Good faces made bad at random, as photographs and generated faces are bad: what a restorer learns from.

A camera and its file: blur, too few pixels, noise, JPEG. A network: detail smoothed away, ringing at edges,
a checkerboard from its upsampling. The order follows Real-ESRGAN (Wang et al., arXiv 2107.10833), once.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch

from ..models.enhancer import fitted

ENLARGE = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
REDUCE = (cv2.INTER_AREA, cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)


def halved(face: np.ndarray, way: int = cv2.INTER_AREA) -> np.ndarray:
    height, width = face.shape[:2]
    return cv2.resize(face, (width // 2, height // 2), interpolation=way)


def doubled(face: np.ndarray) -> np.ndarray:
    """Enlarged as the restorer does it: what it cleans of a 256² picture."""
    given = torch.from_numpy(face.transpose(2, 0, 1)[None] / np.float32(127.5) - 1)
    return _bytes((fitted(given, 2 * len(face))[0].numpy().transpose(1, 2, 0) + 1) * 127.5)


def degraded(face: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """RGB uint8 (S, S, 3), S even → the same, worse; one in twelve stays as it is, so that good faces do."""
    lot = chance.random()
    if lot < 1 / 12:
        return face
    if lot < 0.4:
        small = halved(face, int(chance.choice(REDUCE)))
        return doubled(
            small if chance.random() < 0.5 else _compressed(_grained(small, chance, 0.5), chance, 60)
        )
    if lot < 0.75:
        return _photographed(face, chance)
    way: Callable[[np.ndarray, np.random.Generator], np.ndarray] = (_smoothed, _ringing, _checkered)[
        int(chance.integers(3))
    ]
    worse = way(face, chance)
    return doubled(halved(worse)) if chance.random() < 0.3 else worse


def _photographed(face: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    height, width = face.shape[:2]
    worse = cv2.GaussianBlur(face, (0, 0), chance.uniform(0.2, 2.4))
    factor = chance.uniform(1, 3.5)
    size = (max(8, round(width / factor)), max(8, round(height / factor)))
    worse = cv2.resize(worse, size, interpolation=int(chance.choice(REDUCE)))
    worse = _grained(worse, chance, 1.0)
    if chance.random() < 0.7:
        worse = _compressed(worse, chance, 35)
    return cv2.resize(worse, (width, height), interpolation=int(chance.choice(ENLARGE)))


def _grained(face: np.ndarray, chance: np.random.Generator, most: float) -> np.ndarray:
    """A sensor's noise: more of it where there is light, part of it the same in all three channels."""
    strength = most * chance.exponential(3.5)
    shape = face.shape[:2] + ((1,) if chance.random() < 0.4 else (3,))
    noise = chance.standard_normal(shape, np.float32) * np.sqrt(0.3 + face / 255.0)
    return _bytes(face + strength * noise)


def _compressed(face: np.ndarray, chance: np.random.Generator, least: int) -> np.ndarray:
    quality = int(chance.integers(least, 96))
    done, data = cv2.imencode(".jpg", face[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    back = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return np.ascontiguousarray(back[:, :, ::-1])


def _smoothed(face: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Edges stay, pores and hairs go, as where a network learned a mean."""
    wide = cv2.bilateralFilter(face, 7, chance.uniform(20, 60), chance.uniform(2, 4))
    return cv2.GaussianBlur(wide, (0, 0), chance.uniform(0.5, 1.6))


def _ringing(face: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Blurred, then sharpened past the mark: halos along every edge."""
    soft = cv2.GaussianBlur(face, (0, 0), chance.uniform(0.8, 1.8)).astype(np.float32)
    wide = cv2.GaussianBlur(soft, (0, 0), chance.uniform(1.5, 3.5))
    return _bytes(soft + chance.uniform(0.5, 1.8) * (soft - wide))


def _checkered(face: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Every 2² or 4² pixels get gains of their own, as transposed convolutions leave them."""
    period = int(chance.choice((2, 4)))
    height, width = face.shape[:2]
    gains = chance.normal(0, chance.uniform(0.005, 0.03), (period, period, 3)).astype(np.float32)
    gains -= gains.mean((0, 1))
    tiles = np.tile(gains, (height // period + 1, width // period + 1, 1))[:height, :width]
    soft = cv2.GaussianBlur(face, (0, 0), chance.uniform(0.6, 1.4)).astype(np.float32)
    return _bytes(soft * (1 + tiles))


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
