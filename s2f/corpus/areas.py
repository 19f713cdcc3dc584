"""Where on a face of given landmarks what is: small masks 0-1 of the face's box, 128 across a picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from .geometry import SIZE, rescaled
from .points import LOWER_LID, UPPER_LID

SMALL = SIZE // 4
_OUTLINE = [109, 110, 111, *range(125, 134), 114, 113, 112]
_BROWS = (list(range(71, 77)), list(range(77, 83)))


@dataclass(frozen=True, eq=False)
class Areas:
    box: tuple[slice, slice]  # rows and columns of the full picture, in whole pixels of the masks
    inside: np.ndarray  # the whole face up to the hairline
    core: np.ndarray  # cheeks: bare skin for certain
    features: np.ndarray  # brows, eyes, nostrils, lips
    forehead: np.ndarray
    beard: np.ndarray  # upper lip, chin and jaw
    regions: dict[str, np.ndarray]  # they add up to 1; the detail of each comes from one face


def areas_of(landmarks: np.ndarray, size: int = SIZE) -> Areas:
    """Of landmarks in a picture of that size; kept for a while, since faces are measured again."""
    return _areas(np.ascontiguousarray(landmarks, np.float64).tobytes(), size)


@lru_cache(maxsize=2)
def _areas(points: bytes, size: int) -> Areas:
    landmarks = np.frombuffer(points).reshape(-1, 2)
    small, step = rescaled(landmarks, SMALL / size), size // SMALL
    lips = small[87:109]
    eyes = [small[[*upper, *lower]] for upper, lower in zip(UPPER_LID, LOWER_LID, strict=True)]
    brows = [small[ids] for ids in _BROWS]
    middle = small[[76, 77]].mean(0)
    crown = small[[135, 137, 139, 141, 143]]
    low_crown = middle + (crown - middle) * 0.72
    rims = [filled(part, 2) for part in (*eyes, *brows, lips)]
    beard = filled(small[[87, 62, 67, 93, *range(132, 125, -1)]]) * (1 - filled(lips, 1))
    inside = filled(np.vstack([small[_OUTLINE], crown]))
    left, top, width, height = cv2.boundingRect((inside > 0).astype(np.uint8))
    few = np.s_[top : top + height, left : left + width]
    box = np.s_[step * top : step * (top + height), step * left : step * (left + width)]
    masks = {
        "inside": inside,
        "core": np.maximum(
            filled(small[[29, 158, 166, 63, 52]], -1), filled(small[[32, 161, 169, 68, 58]], -1)
        ),
        "features": np.maximum.reduce([*rims, filled(small[[61, 62, 64, 55, 69, 67, 66]])]),
        "forehead": filled(np.vstack([small[[72, 74, 76, 77, 79, 81]] - (0, 4), low_crown])),
        "beard": beard,
    }
    return Areas(
        box=box,
        regions={name: mask[few] for name, mask in _regions(small, eyes, brows).items()},
        **{name: np.ascontiguousarray(mask[few]) for name, mask in masks.items()},
    )


def _regions(small: np.ndarray, eyes: list[np.ndarray], brows: list[np.ndarray]) -> dict[str, np.ndarray]:
    around = [filled(np.vstack([brow, eye]), 3) for brow, eye in zip(brows, eyes, strict=True)]
    hard = {
        "eyes": np.maximum(*around),
        "nose": filled(small[[50, 56, 62, 67, 63, 68, 55]], 1),
        "mouth": filled(small[[*range(87, 109), 171, 173]], 2),
        "jaw": filled(small[[87, 93, *range(127, 132)]]),
    }
    out, left = {}, np.ones((SMALL, SMALL), np.float32)
    for name, mask in hard.items():
        out[name] = np.minimum(cv2.GaussianBlur(mask, (0, 0), 1.2), left)
        left = left - out[name]
    return out | {"cheek": left}


def filled(points: np.ndarray, grow: int = 0, size: int = SMALL) -> np.ndarray:
    """The convex hull of some points, widened or narrowed by `grow` pixels."""
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points).astype(np.int32)), 1)
    if grow:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(grow) + 1,) * 2)
        return (cv2.dilate if grow > 0 else cv2.erode)(mask, disc).astype(np.float32)
    return mask.astype(np.float32)
