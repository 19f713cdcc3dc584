"""What a restorer may not change: the colours of skin, hair and eyes, held to what they were and measured.

All on framed faces, RGB uint8 or float32 in 0-255: where the frame is fixed, places are parts of the face.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from ..image import EYE_DISTANCE, EYE_LINE
from ..look import delta_e

_EYES = ((0.5 - EYE_DISTANCE / 2, EYE_LINE), (0.5 + EYE_DISTANCE / 2, EYE_LINE))
# (x, y, radius) in shares of the side: cheeks and forehead; crown and temples; irises
PLACES = {
    "skin": ((0.385, 0.6, 0.04), (0.615, 0.6, 0.04), (0.5, 0.33, 0.045)),
    "hair": ((0.5, 0.11, 0.045), (0.36, 0.15, 0.04), (0.64, 0.15, 0.04)),
    "eyes": tuple((x, y, 0.02) for x, y in _EYES),
}
_COARSE = 1 / 40  # of the side: broader than a wrinkle, narrower than a cheek
_FINE = 1 / 120  # of the side: an iris is 1/22
_EYE = 0.035  # of the side: within this about a pupil the fine scale counts


def to_lab(face: np.ndarray) -> np.ndarray:
    """RGB in 0-255 → float32 CIE L*a*b*."""
    return cv2.cvtColor(np.asarray(face, np.float32) / 255, cv2.COLOR_RGB2LAB)


def keep_colours(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """`after` with the colours of `before`, its detail untouched: float32 RGB in 0-255.

    At a coarse scale lightness and colour go back everywhere; at the irises, which a coarse scale would miss,
    at a fine one.
    """
    size = len(before)
    old, new = to_lab(before), to_lab(after)
    away = old - new

    def coarse(x: np.ndarray, scale: float) -> np.ndarray:
        return cv2.GaussianBlur(x, (0, 0), scale * size, borderType=cv2.BORDER_REFLECT)

    drift = coarse(away, _COARSE)
    eyes = coarse(_discs(tuple((x, y, _EYE) for x, y in _EYES), size), _FINE)
    drift += eyes[..., None] * (coarse(away, _FINE) - drift)
    return np.clip(cv2.cvtColor(new + drift, cv2.COLOR_LAB2RGB) * 255, 0, 255)


def moved(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """How far the mean colour of each part is from what it was, in CIE ΔE; below 2 nobody sees it."""
    old, new = to_lab(before), to_lab(after)
    found = {}
    for part, places in PLACES.items():
        inside = _discs(places, len(before)) > 0.5
        found[part] = round(float(delta_e(old[inside].mean(0), new[inside].mean(0))), 3)
    return found


@lru_cache(maxsize=16)
def _discs(places: tuple[tuple[float, float, float], ...], size: int) -> np.ndarray:
    y, x = (np.mgrid[:size, :size].astype(np.float32) + 0.5) / size
    # of a small picture at least the nearest pixel
    away = [np.hypot(x - cx, y - cy) / max(radius, 0.75 / size) for cx, cy, radius in places]
    discs = (np.minimum.reduce(away) <= 1).astype(np.float32)
    discs.flags.writeable = False  # the same for every caller
    return discs
