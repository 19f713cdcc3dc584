"""Drawings: photographs → line drawings in three styles, and a visitor's drawing → what the models know.

`extract` is the very code that draws the corpus. `prepare`, the input doctor, stands in `s2f.doctor`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from PIL import Image

from .doctor import STEPS, Finding, Sketch, prepare
from .errors import SketchError
from .image import load_image

__all__ = ["EXTRACTED", "STEPS", "STYLES", "Finding", "Sketch", "extract", "extract_array", "prepare"]

STYLES = ("freehand", "contour", "pencil", "edge")
EXTRACTED = STYLES[1:]
LEAST = 16  # pixels: below this no line can be told from a dot
BASE = 512  # every radius below is for a face of this size, and scales with the picture


def extract(photo: Any, style: str = "contour", *, rng: np.random.Generator | None = None) -> Image.Image:
    """A photograph (anything `load_image` takes) → a drawing of its size: dark lines on white, one channel.

    Without `rng` the style's middle setting; with it, the hand varies as it does in the corpus.
    """
    return Image.fromarray(extract_array(np.asarray(load_image(photo)), style, rng))


def extract_array(rgb: np.ndarray, style: str, rng: np.random.Generator | None = None) -> np.ndarray:
    """`extract` on uint8 pixels, (H, W, 3) → (H, W)."""
    drawers: dict[str, Callable[[np.ndarray, float, _Dice], np.ndarray]] = {
        "contour": _contour,
        "pencil": _pencil,
        "edge": _edge,
    }
    if style not in drawers:
        raise SketchError(f"got style {style!r}, expected one of {', '.join(drawers)}; choose one")
    side = min(rgb.shape[:2])
    if side < LEAST:
        raise SketchError(
            f"got a picture of {rgb.shape[1]}x{rgb.shape[0]} pixels, expected at least {LEAST} each way; "
            "use a larger one"
        )
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return drawers[style](grey, side / BASE, _Dice(rng))


class _Dice:
    """Settings of a style: the middle of each range, or chance."""

    def __init__(self, rng: np.random.Generator | None) -> None:
        self.rng = rng

    def between(self, low: float, high: float) -> float:
        return (low + high) / 2 if self.rng is None else float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        return share > 0.5 if self.rng is None else bool(self.rng.random() < share)

    def grain(self, shape: tuple[int, int]) -> np.ndarray:
        rng = np.random.default_rng(0) if self.rng is None else self.rng
        return rng.standard_normal(shape, dtype=np.float32)


def _blur(x: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian; a wide one is taken at reduced size, where it looks the same and costs little."""
    step = int(sigma // 3)
    if step < 2:
        return cv2.GaussianBlur(x, (0, 0), max(sigma, 0.3))
    small = cv2.resize(x, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / step)
    return cv2.resize(small, x.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _levelled(grey: np.ndarray, sigma: float, least: float = 0.03) -> np.ndarray:
    """Contrast made locally even, so that dark and fair faces give the same amount of ink.

    Spreads well below `least` are grain and stay faint.
    """
    mean = _blur(grey, sigma)
    spread = np.sqrt(np.maximum(_blur((grey - mean) ** 2, sigma), 1e-6))
    return 0.5 + 0.17 * (grey - mean) / (spread + least)


def _without_specks(ink: np.ndarray, least: float) -> np.ndarray:
    """Ink (uint8, non-zero where it is) without its islands of fewer than `least` pixels."""
    _, label, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= least
    keep[0] = False
    return keep[label]


def _contour(grey: np.ndarray, scale: float, dice: _Dice) -> np.ndarray:
    """XDoG (Winnemöller, Kyprianidis & Olsen 2012); the threshold is set by how much ink there is."""
    calm = cv2.bilateralFilter(grey, max(3, round(7 * scale) | 1), 30, 5 * scale).astype(np.float32) / 255
    level = _levelled(calm, 18 * scale)
    sigma = dice.between(1.2, 2.1) * scale
    difference = _blur(level, sigma) - 0.98 * _blur(level, 1.6 * sigma)
    ink = np.quantile(difference[::3, ::3], dice.between(0.045, 0.10))
    line = 1 + np.tanh(dice.between(60, 160) * np.minimum(difference - ink, 0))
    real = _without_specks((line < 0.75).astype(np.uint8), 26 * scale**2)
    near = cv2.dilate(real.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # with the soft rim of each line
    return np.where(near, np.clip(line, 0, 1) * 255, 255).astype(np.uint8)


def _pencil(grey: np.ndarray, scale: float, dice: _Dice) -> np.ndarray:
    """Colour dodge of the picture by its own blurred negative, a little tone left, on paper with tooth."""
    light = grey.astype(np.float32) / 255
    light = 0.6 * light + 0.4 * np.clip(_levelled(light, 40 * scale, 0.06), 0, 1)
    negative = _blur(1 - light, dice.between(4, 11) * scale)
    dodged = np.clip(light / np.maximum(1 - negative, 0.03), 0, 1) ** dice.between(1.6, 3.2)
    dodged *= 1 - dice.between(0, 0.3) * (1 - _blur(light, 3 * scale)) ** 1.5
    dodged = np.minimum(dodged * 1.05, 1)  # bare paper is white
    tooth = _blur(dice.grain(grey.shape), 0.8)
    return (np.clip(dodged + 0.10 * tooth * (1 - dodged), 0, 1) * 255).astype(np.uint8)


def _edge(grey: np.ndarray, scale: float, dice: _Dice) -> np.ndarray:
    """Canny (1986), its thresholds set by the strongest edges, short crumbs dropped."""
    calm = _blur(grey.astype(np.float32) / 255, dice.between(1.2, 2.2) * scale)
    level = (np.clip(_levelled(calm, 18 * scale), 0, 1) * 255).astype(np.uint8)
    across, down = cv2.Sobel(level, cv2.CV_16S, 1, 0), cv2.Sobel(level, cv2.CV_16S, 0, 1)
    strength = np.hypot(across[::2, ::2].astype(np.float32), down[::2, ::2].astype(np.float32))
    high = float(np.quantile(strength, dice.between(0.90, 0.95)))
    lines = cv2.Canny(across, down, 0.4 * high, high, L2gradient=True)
    ink = _without_specks(lines, 18 * scale).astype(np.uint8) * 255
    if dice.chance(0.6) and scale > 0.7:  # below, one pixel is as wide as the two are at full size
        return 255 - cv2.GaussianBlur(cv2.dilate(ink, np.ones((2, 2), np.uint8)), (0, 0), 0.6)
    return 255 - cv2.GaussianBlur(ink, (0, 0), 0.6)
