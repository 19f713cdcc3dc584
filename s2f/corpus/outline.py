"""The hair silhouette: where, in each direction from the eyes, the head gives way to the backdrop."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from .geometry import rescaled
from .portraits import Face
from .surface import away_from, fitted

WORK = 256
_UNLIKE = np.array([1.0, 2.0, 2.0])
RAYS = np.radians(np.linspace(-205, 25, 56))


def hair_outline(image: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """(56, 2) points in the picture, from ear over the hair to ear; `eyes` is the point between the eyes."""
    factor = WORK / image.shape[0]
    small = cv2.resize(image, (WORK, WORK), interpolation=cv2.INTER_AREA)
    other = _not_backdrop(small)
    centre = rescaled(np.asarray(eyes, float), factor)
    reach = np.arange(0.14 * WORK, 0.72 * WORK)
    clear = max(3, round(0.027 * WORK))
    radii = []
    for angle in RAYS:
        x, y = centre[0] + reach * np.cos(angle), centre[1] + reach * np.sin(angle)
        on = (x >= 1) & (x < WORK - 1) & (y >= 1) & (y < WORK - 1)
        empty = ~other[y[on].astype(int), x[on].astype(int)]
        gone = np.flatnonzero(np.convolve(empty, np.ones(clear), "valid") == clear)
        radii.append(reach[on][gone[0] if len(gone) else -1])
    smooth = gaussian_filter1d(median_filter(np.array(radii), 5, mode="nearest"), 1.0, mode="nearest")
    points = centre + smooth[:, None] * np.stack([np.cos(RAYS), np.sin(RAYS)], 1)
    return rescaled(points, 1 / factor)


def silhouette(face: Face) -> np.ndarray:
    """The outline of a face's hair, kept from before its backdrop was changed where it was."""
    if face.outline is not None:
        return face.outline
    return hair_outline(face.image, (face.landmarks[18] + face.landmarks[27]) / 2)


def _not_backdrop(image: np.ndarray) -> np.ndarray:
    """Where a smooth backdrop, fitted from the sides inwards, does not explain the picture."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    known = np.zeros((WORK, WORK), bool)
    side, down = round(0.07 * WORK), round(0.5 * WORK)
    known[:down, :side] = known[:down, -side:] = True
    sparse = np.zeros_like(known)
    sparse[::3, ::3] = True
    difference = np.zeros((WORK, WORK), np.float32)
    for _ in range(4):
        use = known & sparse
        if use.sum() < 30:
            break
        difference = away_from(lab, fitted(lab, use), _UNLIKE)
        known = difference < 14
        known[round(0.78 * WORK) :] = False
    other = (difference > 22).astype(np.uint8)
    return cv2.morphologyEx(other, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
