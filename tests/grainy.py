"""Pictures for code that restores faces and does not look for one."""

from __future__ import annotations

import numpy as np
from PIL import Image


def face(size: int = 64, seed: int = 0) -> Image.Image:
    """Smooth colours with some grain: what a face is to code that does not look for one."""
    chance = np.random.default_rng(seed)
    coarse = Image.fromarray(chance.integers(60, 200, (5, 5, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC)).astype(float)
    return Image.fromarray(np.clip(smooth + chance.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)
