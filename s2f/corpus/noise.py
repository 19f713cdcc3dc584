"""Grain: random numbers that cost little."""

from __future__ import annotations

from statistics import NormalDist

import cv2
import numpy as np

_STEPS = np.array([NormalDist().inv_cdf((k + 0.5) / 256) for k in range(256)])


def normal(shape: tuple[int, ...], spread: float, rng: np.random.Generator) -> np.ndarray:
    """float32, of 256 steps, which no picture of as many greys tells from finer ones."""
    steps = np.frombuffer(rng.bytes(int(np.prod(shape))), np.uint8).reshape(shape)
    return cv2.LUT(steps, (_STEPS * spread).astype(np.float32))
