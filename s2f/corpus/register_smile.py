"""A smiling photograph laid over the neutral one of the same person.

A smile moves everything below the eyes, so only features above the tip of the nose count; a similarity is
what a moved head, not a moved face, does to them.
"""

from __future__ import annotations

import cv2
import numpy as np

_RATIO = 0.8  # of the best match's distance to the second best (Lowe 2004)
_WITHIN = 0.0375  # eye distances; a brow may move by as much
_LEAST = 20
_NOSE = 55


def register(smiling: np.ndarray, neutral: np.ndarray, marks: np.ndarray) -> np.ndarray | None:
    """2x3, the smiling photograph's pixels -> the neutral one's; None where too few features agree.

    Both are RGB; `marks` are the landmarks of the neutral one.
    """
    there, codes_there = _features(neutral)
    here, codes_here = _features(smiling)
    if len(there) < 2 or len(here) < 2:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(codes_here, codes_there, k=2)
    good = [best for best, second in pairs if best.distance < _RATIO * second.distance]
    good = [match for match in good if there[match.trainIdx, 1] < marks[_NOSE, 1]]
    if len(good) < _LEAST:
        return None
    matrix, agree = cv2.estimateAffinePartial2D(
        here[[match.queryIdx for match in good]],
        there[[match.trainIdx for match in good]],
        ransacReprojThreshold=_WITHIN * float(np.hypot(*(marks[1] - marks[0]))),
    )
    if matrix is None or int(agree.sum()) < _LEAST or not _plausible(matrix):
        return None
    return matrix


def _features(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keys, codes = cv2.SIFT.create().detectAndCompute(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), None)
    return np.array([key.pt for key in keys], np.float32).reshape(-1, 2), codes


def _plausible(matrix: np.ndarray) -> bool:
    scale = np.hypot(matrix[0, 0], matrix[1, 0])
    turn = np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
    return bool(0.8 < scale < 1.25 and abs(turn) < 15)
