"""Where each pixel of a render samples the photograph, and where points of the photograph land."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit

from .geometry import push_pull, sampled, smoothstep

_COARSE = 128  # the field beyond the mesh is smooth: it is spread on a grid of this size
_REACH = 0.24  # and fades out within this share of the picture


def backward_map(
    skin: np.ndarray, seen: np.ndarray, inner: np.ndarray, chin: float, roll: float, hinge: np.ndarray
) -> np.ndarray:
    """(size,size,2) float32: the mesh's own map where there is `skin`, tapering off beyond it.

    The picture rolls by `roll` degrees about `hinge`, ever less below the chin, so that the neck stays put.
    """
    size = len(skin)
    rows = np.arange(size, dtype=np.float32)
    stay = 1 - 0.85 * smoothstep((rows - chin + 0.02 * size) / (size * 1.02 - chin))
    angle = np.radians(-roll * stay)
    turn = np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)
    pivot = hinge.astype(np.float32)
    step = max(1, size // _COARSE)
    cells = -(-size // step)
    moved, weight = np.zeros((cells, cells, 2), np.float32), np.zeros((cells, cells), np.float32)
    _gather(skin, seen, turn, pivot, step, moved, weight)
    beyond = push_pull(moved, weight)
    far = cv2.distanceTransform((weight < 0.5).astype(np.uint8), cv2.DIST_L2, 3) / (_REACH * cells)
    beyond = cv2.GaussianBlur(beyond, (0, 0), 0.0056 * cells) * (1 - smoothstep(far))[..., None]
    beyond = cv2.resize(
        beyond.astype(np.float32), (cells * step, cells * step), interpolation=cv2.INTER_LINEAR
    )
    near = cv2.GaussianBlur(cv2.erode(skin, np.ones((3, 3), np.uint8)) * np.uint8(255), (0, 0), 0.8)
    near *= skin
    if inner.any():  # lips end where they end
        rim = cv2.dilate(inner, np.ones((5, 5), np.uint8)) > 0
        near[rim] = skin[rim] * np.uint8(255)
    out = np.empty((size, size, 2), np.float32)
    _compose(seen, near, beyond, turn, pivot, out)
    return out


@njit(cache=True, fastmath=True)
def _gather(
    skin: np.ndarray,
    seen: np.ndarray,
    turn: np.ndarray,
    pivot: np.ndarray,
    step: int,
    moved: np.ndarray,
    weight: np.ndarray,
) -> None:
    """The mean displacement of the skin in each coarse cell, and the cell's share of skin."""
    for y in range(len(skin)):
        cos, sin = turn[y]
        dy = np.float32(y) - pivot[1]
        for x in range(len(skin)):
            if skin[y, x]:
                dx = np.float32(x) - pivot[0]
                cy, cx = y // step, x // step
                moved[cy, cx, 0] += seen[y, x, 0] - (cos * dx - sin * dy + pivot[0])
                moved[cy, cx, 1] += seen[y, x, 1] - (sin * dx + cos * dy + pivot[1])
                weight[cy, cx] += 1
    for cy in range(len(weight)):
        for cx in range(len(weight)):
            if weight[cy, cx] > 0:
                moved[cy, cx] /= weight[cy, cx]
                weight[cy, cx] /= step * step


@njit(cache=True, fastmath=True)
def _compose(
    seen: np.ndarray,
    near: np.ndarray,
    beyond: np.ndarray,
    turn: np.ndarray,
    pivot: np.ndarray,
    out: np.ndarray,
) -> None:
    for y in range(len(out)):
        cos, sin = turn[y]
        dy = np.float32(y) - pivot[1]
        for x in range(len(out)):
            dx = np.float32(x) - pivot[0]
            share = near[y, x] * np.float32(1 / 255)
            rest = np.float32(1) - share
            gx = cos * dx - sin * dy + pivot[0] + beyond[y, x, 0]
            gy = sin * dx + cos * dy + pivot[1] + beyond[y, x, 1]
            out[y, x, 0] = seen[y, x, 0] * share + gx * rest
            out[y, x, 1] = seen[y, x, 1] * share + gy * rest


def forward(points: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Where points of the photograph land under the backward map, by fixed point."""
    start = points.astype(np.float32)[:, None]
    held = np.clip(start, 0, len(back) - 1)
    for _ in range(6):
        held = np.clip(start - (sampled(back, held) - held), 0, len(back) - 1)
    return (start - (sampled(back, held) - held))[:, 0]
