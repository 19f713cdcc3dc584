"""The posed mesh on the pixel grid: depth, part, and what each vertex carries, in one compiled loop."""

from __future__ import annotations

import numpy as np
from numba import njit

LIGHT = np.array([0, -0.35, 0.94], np.float32)


@njit(cache=True, fastmath=True)
def _normals(points: np.ndarray, triangles: np.ndarray, out: np.ndarray) -> None:
    out[:] = 0
    for k in range(len(triangles)):
        a, b, c = triangles[k]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        wx, wy, wz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        x, y, z = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
        for i in (a, b, c):
            out[i, 0] += x
            out[i, 1] += y
            out[i, 2] += z
    for i in range(len(out)):
        length = np.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + np.float32(1e-9)
        for k in range(3):
            out[i, k] /= length


def light_on(points: np.ndarray, triangles: np.ndarray, facing: int) -> np.ndarray:
    """How much light each vertex takes, 0-1; the vertex `facing` is known to look at the camera."""
    points = np.ascontiguousarray(points, np.float32)
    normals = np.empty_like(points)
    _normals(points, triangles, normals)
    return np.clip(np.sign(normals[facing, 2]) * (normals @ LIGHT), 0, 1)


@njit(cache=True, fastmath=True)
def rasterise(
    points: np.ndarray,
    triangles: np.ndarray,
    part: np.ndarray,
    values: np.ndarray,
    behind: np.ndarray,
    depth: np.ndarray,
    label: np.ndarray,
    out: np.ndarray,
) -> None:
    """Front faces only; the `values` (n,3) of vertices are interpolated. All are float32."""
    size = len(depth)
    eps = np.float32(-1e-4)
    one = np.float32(1)
    for k in range(len(triangles)):
        a, b, c = triangles[k]
        x0, y0, x1, y1, x2, y2 = (
            points[a, 0],
            points[a, 1],
            points[b, 0],
            points[b, 1],
            points[c, 0],
            points[c, 1],
        )
        area = (y1 - y2) * (x0 - x2) + (x2 - x1) * (y0 - y2)
        if area > np.float32(-1e-9):
            continue
        left = max(0, int(np.ceil(min(x0, x1, x2) + eps)))
        right = min(size - 1, int(np.floor(max(x0, x1, x2) - eps)))
        top = max(0, int(np.ceil(min(y0, y1, y2) + eps)))
        bottom = min(size - 1, int(np.floor(max(y0, y1, y2) - eps)))
        if left > right or top > bottom:
            continue
        over = one / area
        step0, step1 = (y1 - y2) * over, (y2 - y0) * over
        z0, z1, z2 = points[a, 2], points[b, 2], points[c, 2]
        p = part[k]
        push = behind[p]
        dx = np.float32(left) - x2
        for y in range(top, bottom + 1):
            dy = np.float32(y) - y2
            w0 = step0 * dx + (x2 - x1) * over * dy
            w1 = step1 * dx + (x0 - x2) * over * dy
            for x in range(left, right + 1):
                w2 = one - w0 - w1
                if w0 >= eps and w1 >= eps and w2 >= eps:
                    d = w0 * z0 + w1 * z1 + w2 * z2 + push
                    if d > depth[y, x]:
                        depth[y, x] = d
                        label[y, x] = p
                        for q in range(3):
                            out[y, x, q] = w0 * values[a, q] + w1 * values[b, q] + w2 * values[c, q]
                w0 += step0
                w1 += step1
