"""The hair silhouette: where, in each direction from the eyes, the head gives way to the backdrop."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from scipy.ndimage import gaussian_filter1d, median_filter

from .geometry import rescaled
from .portraits import Face
from .surface import away_from, fitted

WORK = 256
_UNLIKE = np.array([1.0, 2.0, 2.0])
RAYS = np.radians(np.linspace(-205, 25, 56))
_DIRECTIONS = np.stack([np.cos(RAYS), np.sin(RAYS)], 1)
_CLEAR = round(0.027 * WORK)  # pixels of backdrop in a row that end the hair
_SEEN = 0.4  # opacity from which a place is hair


def hair_outline(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(56, 2) points in the picture, from ear over the hair to ear."""
    small = cv2.resize(image, (WORK, WORK), interpolation=cv2.INTER_AREA)
    return _outline(_not_backdrop(small), landmarks, WORK / len(image))


def outline_of(face: Face, alpha: np.ndarray) -> np.ndarray:
    """The outline of a face's hair where it is known what of its picture is person, if not all is."""
    if face.outline is not None or alpha.min() > 0.5:
        return silhouette(face)
    small = cv2.resize(alpha, (WORK, WORK), interpolation=cv2.INTER_AREA)
    solid = cv2.morphologyEx((small > _SEEN).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return _outline(solid > 0, face.landmarks, WORK / len(alpha))


def silhouette(face: Face) -> np.ndarray:
    """The outline of a face's hair, kept from before its backdrop was changed where it was."""
    if face.outline is not None:
        return face.outline
    return hair_outline(face.image, face.landmarks)


def _outline(other: np.ndarray, landmarks: np.ndarray, factor: float) -> np.ndarray:
    """`other` (WORK, WORK) is all that is not backdrop; `factor` that map's size over the picture's."""
    centre = rescaled((landmarks[18] + landmarks[27]) / 2, factor)  # between the eyes
    radii = _reached(other, centre, _DIRECTIONS)
    smooth = gaussian_filter1d(median_filter(radii, 5, mode="nearest"), 1.0, mode="nearest")
    return rescaled(centre + smooth[:, None] * _DIRECTIONS, 1 / factor)


@njit(cache=True)
def _reached(other: np.ndarray, centre: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """How far it is in each direction to where some pixels in a row are backdrop, or to the picture's end."""
    size = len(other)
    out = np.empty(len(directions))
    for k in range(len(directions)):
        radius = last = 0.14 * size
        empty = 0
        while empty < _CLEAR and radius < 0.72 * size:
            x, y = centre[0] + radius * directions[k, 0], centre[1] + radius * directions[k, 1]
            if not (1 <= x < size - 1 and 1 <= y < size - 1):
                break
            empty = 0 if other[int(y), int(x)] else empty + 1
            last = radius
            radius += 1.0
        out[k] = last - (_CLEAR - 1) if empty == _CLEAR else last
    return out


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
