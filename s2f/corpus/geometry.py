"""Curves, splines, fills and cameras: the small mathematics under the face fitter and the renderer."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numba import njit

SIZE = 512


def rescaled(points: np.ndarray, factor: float) -> np.ndarray:
    """Pixel-centre coordinates in an image `factor` times the size; a third column (depth) scales plainly."""
    out = points * factor
    out[..., :2] += (factor - 1) / 2
    return out


@njit(cache=True)
def _catmull_rom(points: np.ndarray, out: np.ndarray) -> None:
    last, steps = len(points) - 1, len(out) - 1
    for k in range(len(out)):
        t = k * last / steps
        i = min(int(t), last - 1)
        f = t - i
        for axis in range(points.shape[1]):
            a, b = points[max(i - 1, 0), axis], points[i, axis]
            c, d = points[i + 1, axis], points[min(i + 2, last), axis]
            cubic = (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3
            out[k, axis] = 0.5 * (2 * b + (c - a) * f + cubic)


def catmull_rom(points: np.ndarray, count: int) -> np.ndarray:
    """`count` points of the smooth line through a handful of points, ends held."""
    out = np.empty((count, points.shape[1]))
    _catmull_rom(np.ascontiguousarray(points, np.float64), out)
    return out


@njit(cache=True)
def height_at(line: np.ndarray, x: float) -> float:
    """y of a line (n, 2) that runs from left to right, ends held."""
    last = len(line) - 1
    if x <= line[0, 0]:
        return line[0, 1]
    if x >= line[last, 0]:
        return line[last, 1]
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if line[middle, 0] <= x:
            low = middle
        else:
            high = middle
    slope = (line[high, 1] - line[low, 1]) / (line[high, 0] - line[low, 0])
    return slope * (x - line[low, 0]) + line[low, 1]


@njit(cache=True)
def _heights(line: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    for k in range(len(x)):
        out[k] = height_at(line, x[k])


def smooth_line(points: np.ndarray) -> np.ndarray:
    """The smooth line through a handful of points, fine enough to go straight from one to the next."""
    return catmull_rom(points, 8 * len(points))


def curve(points: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Smooth y(x) through points that run from left to right, ends held."""
    out = np.empty(len(x))
    _heights(smooth_line(points), np.ascontiguousarray(x), out)
    return out


def push_pull(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fill (h, w, c) `values` where `weight` is 0, from ever coarser averages of where it is 1."""
    channels = values.shape[2]
    total = np.empty(values.shape, np.float32)
    share = np.ascontiguousarray(weight, np.float32)
    _weigh(values, share, total)
    levels: list[tuple[np.ndarray, np.ndarray]] = [(total, share)]
    while min(levels[-1][1].shape) > 1:
        share = levels[-1][1]
        w, h = max(1, share.shape[1] // 2), max(1, share.shape[0] // 2)
        smaller = [cv2.resize(level, (w, h), interpolation=cv2.INTER_AREA) for level in levels[-1]]
        levels.append((smaller[0].reshape(h, w, channels), smaller[1].reshape(h, w)))
    out: np.ndarray = levels[-1][0] / np.maximum(levels[-1][1], np.float32(1e-6))[..., None]
    for total, share in levels[-2::-1]:
        h, w = share.shape
        out = cv2.resize(out, (w, h), interpolation=cv2.INTER_LINEAR).reshape(h, w, channels)
        _fill(total, share, out)
    return out


@njit(cache=True)
def _weigh(values: np.ndarray, share: np.ndarray, total: np.ndarray) -> None:
    for y in range(total.shape[0]):
        for x in range(total.shape[1]):
            for c in range(total.shape[2]):
                total[y, x, c] = values[y, x, c] * share[y, x]


@njit(cache=True)
def _fill(total: np.ndarray, share: np.ndarray, out: np.ndarray) -> None:
    """The level's own averages where it has any; `out` is the coarser level, enlarged."""
    for y in range(total.shape[0]):
        for x in range(total.shape[1]):
            if share[y, x] > 0:
                trust = min(share[y, x] * np.float32(1.6), np.float32(1))
                over = trust / max(share[y, x], np.float32(1e-6))
                for c in range(total.shape[2]):
                    out[y, x, c] = total[y, x, c] * over + out[y, x, c] * (np.float32(1) - trust)


_LANES = 128
_52, _FRACTION = np.uint64(52), np.uint64(0x4330000000000000)
_MANTISSA, _ONE = np.uint64(0xFFFFFFFFFFFFF), np.uint64(0x3FF0000000000000)


@njit(cache=True, error_model="numpy")
def _radial_sum(query: np.ndarray, centres: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """Add r² log(r) of every centre times its weights to `out`, many queries side by side.

    A logarithm by its exponent and a short series (to 1e-9) is one that a processor takes of several numbers
    at once; every sum keeps its order, so that all processors agree.
    """
    r2, exponent, mantissa = np.empty(_LANES), np.empty(_LANES, np.uint64), np.empty(_LANES, np.uint64)
    x, y, u, columns = np.empty(_LANES), np.empty(_LANES), np.empty(_LANES), weights.shape[1]
    sums = np.empty((columns, _LANES))
    as_bits, power, rest = r2.view(np.uint64), exponent.view(np.float64), mantissa.view(np.float64)
    for first in range(0, len(query), _LANES):
        count = min(_LANES, len(query) - first)
        for i in range(_LANES):
            x[i], y[i] = query[first + min(i, count - 1), 0], query[first + min(i, count - 1), 1]
        sums[:] = 0.0
        for j in range(len(centres)):
            cx, cy = centres[j, 0], centres[j, 1]
            for i in range(_LANES):
                r2[i] = (x[i] - cx) * (x[i] - cx) + (y[i] - cy) * (y[i] - cy) + 1e-30
            for i in range(_LANES):
                exponent[i] = (as_bits[i] >> _52) | _FRACTION  # 2^52 and the exponent, as a float64
                mantissa[i] = (as_bits[i] & _MANTISSA) | _ONE  # 1 to 2
            for i in range(_LANES):
                s = (rest[i] - 1.4142135623730951) / (rest[i] + 1.4142135623730951)
                s2 = s * s
                series = s * (2 + s2 * (2 / 3 + s2 * (2 / 5 + s2 * (2 / 7 + s2 * (2 / 9)))))
                log = (power[i] - 4503599627371519.0 + 0.5) * 0.6931471805599453 + series
                u[i] = 0.5 * r2[i] * log
            for k in range(columns):
                weight = weights[j, k]
                for i in range(_LANES):
                    sums[k, i] += u[i] * weight
        for i in range(count):
            for k in range(columns):
                out[first + i, k] += sums[k, i]


@njit(cache=True)
def _radial(points: np.ndarray, smooth: float, system: np.ndarray) -> None:
    for i in range(len(points)):
        system[i, i] = smooth
        for j in range(i):
            dx, dy = points[i, 0] - points[j, 0], points[i, 1] - points[j, 1]
            r2 = dx * dx + dy * dy
            system[i, j] = system[j, i] = 0.5 * r2 * np.log(max(r2, 1e-12))


def thin_plate(
    points: np.ndarray, moves: np.ndarray, query: np.ndarray, smooth: float = 0.3, scale: float = 1 / SIZE
) -> np.ndarray:
    """The thin-plate spline through `moves` at `points`, at `query`; `scale` brings pixels to about 1.

    `moves` (n, k) may be several pairs of columns, which cost hardly more than one.
    """
    points, query = points * scale, np.ascontiguousarray(query * scale)
    n = len(points)
    plane = np.hstack([np.ones((n, 1)), points])
    system = np.zeros((n + 3, n + 3))
    _radial(np.ascontiguousarray(points), smooth * 1e-4, system)
    system[:n, n:], system[n:, :n] = plane, plane.T
    weights = np.linalg.solve(system, np.vstack([moves, np.zeros((3, moves.shape[1]))]))
    out = weights[n] + query @ weights[n + 1 :]
    _radial_sum(query, np.ascontiguousarray(points), np.ascontiguousarray(weights[:n]), out)
    return out


def lattice(count: int, size: int) -> np.ndarray:
    """(count², 2): as many points each way, evenly spread over the pixels of a picture."""
    line = (np.arange(count) + 0.5) * (size / count) - 0.5
    return np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)


@cache
def pixel_grid(size: int) -> np.ndarray:
    """(size, size, 2) float32: x and y of every pixel; not to be written to."""
    line = np.arange(size, dtype=np.float32)
    grid = np.stack(np.meshgrid(line, line), -1)
    grid.setflags(write=False)
    return grid


def rolled(xy: np.ndarray, degrees: float | np.ndarray, pivot: np.ndarray) -> np.ndarray:
    """Points turned clockwise (on screen) about `pivot`; every point may have its own angle."""
    angle = np.radians(degrees)
    x, y = xy[..., 0] - pivot[0], xy[..., 1] - pivot[1]
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * x - sin * y + pivot[0], sin * x + cos * y + pivot[1]], -1)


def rotation(yaw: float, pitch: float) -> np.ndarray:
    a, b = np.radians(yaw), np.radians(pitch)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    nod = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    return turn @ nod


def smoothstep(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def solve_camera(
    points: np.ndarray, modes: np.ndarray, target: np.ndarray, weight: np.ndarray, rounds: int = 6
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(3x3 view, 2-D shift, mode weights): scaled orthography and identity by alternating least squares.

    `points` are (n, 3) mean positions, `modes` (k, n, 3) their identity modes, `target` (n, 2) pixels.
    """
    points, modes = points.astype(float), modes.astype(float)
    mix = np.zeros(len(modes))
    doubled = np.repeat(weight, 2)[:, None] ** 2
    ridge = 0.08 * len(points) * np.eye(len(modes))
    for _ in range(rounds):
        shape = points + np.tensordot(mix, modes, 1)
        system = np.hstack([shape, np.ones((len(shape), 1))])
        weighted = (system * weight[:, None] ** 2).T
        affine = np.linalg.solve(weighted @ system, weighted @ target)[:3].T
        scale = (np.linalg.norm(affine[0]) + np.linalg.norm(affine[1])) / 2
        right = affine[0] / np.linalg.norm(affine[0])
        down = affine[1] - right * (affine[1] @ right)
        down /= np.linalg.norm(down)
        view = scale * np.stack([right, down, np.cross(right, down)])
        view[2] *= np.sign(view[2, 2])
        shift = (weight[:, None] * (target - shape @ view[:2].T)).sum(0) / weight.sum()
        seen = (modes.reshape(-1, 3) @ view[:2].T).reshape(len(modes), -1).T
        residual = (target - points @ view[:2].T - shift).ravel()
        mix = np.linalg.solve((seen * doubled).T @ seen + ridge, (seen * doubled).T @ residual)
    return view, shift, mix


def sampled(image: np.ndarray, where: np.ndarray, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
    """`image` at the (h, w, 2) positions `where`, the borders repeated; strided slices are copied first."""
    where = np.ascontiguousarray(where, np.float32)
    return cv2.remap(image, where, None, interpolation, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
