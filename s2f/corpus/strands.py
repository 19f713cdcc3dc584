"""Thousands of hairs on one picture, each over those before it: the kernels under worn hair and beards."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit

_EIGHTH = 8  # points are counted in eighths of a pixel, so that a last bit decides nothing
_SLOPES = 16
_TAPER = 0.3  # of a hair's length, over which it thins out towards its tip


def _tip() -> np.ndarray:
    """(slopes, 32, 3): how much of three pixels side by side a hair covers, in 256ths.

    By how steep it runs, so that a length has as much ink whichever way, and where, in 32nds of a pixel.
    """
    away = np.arange(-1, 2) - (np.arange(32)[:, None] - 15.5) / 32
    slope = (np.arange(_SLOPES)[:, None, None] + 0.5) / _SLOPES
    once = np.sqrt(0.5 + 0.5 * slope**2) * np.exp(-((away / 0.75) ** 2))
    return np.round(256 * once * (2 - once)).astype(np.int32)  # gone over twice


_TIP = _tip()


def hairs(
    paths: np.ndarray,
    shades: np.ndarray,
    lights: np.ndarray,
    which: np.ndarray,
    size: int,
    fine: int,
    rooted: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """(size, size) float32 twice, 0-1: the shade on top, a half where there is no hair, and what hair covers.

    `paths` are (n, points, 2) in pixels of that picture, drawn at `fine` times its size; the last one lies on
    top. Each has one of the `shades` (n,), 0-255, and to it comes light along its way: one of `lights`
    (kinds, points), `which` (n,). They thin out towards their tips, and at their roots over the share
    `rooted` of their length.
    """
    places = np.round((paths + 0.5) * (fine * _EIGHTH) - 0.5 * _EIGHTH).astype(np.int32)
    canvas = np.zeros((size * fine, size * fine, 2), np.uint8)
    canvas[..., 0] = 128
    steps = np.linspace(0, 1, paths.shape[1] - 1)
    thin = np.clip((1 - steps) / _TAPER, 0.25, 1)
    if rooted:
        thin = thin * np.clip(steps / rooted, 0, 1) ** 2
    whole = np.round(256 * thin).astype(np.int32)
    _lay(places, shades.astype(np.int32), lights.astype(np.int32), which, whole, _TIP, canvas)
    small = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    tone, cover = cv2.split(cv2.transpose(small).astype(np.float32) * np.float32(1 / 255))
    return tone, cover


@njit(cache=True)
def _lay(
    paths: np.ndarray,
    shades: np.ndarray,
    lights: np.ndarray,
    which: np.ndarray,
    whole: np.ndarray,
    tip: np.ndarray,
    canvas: np.ndarray,
) -> None:
    """The canvas is (x, y, 2): most hair hangs, and so runs along its memory."""
    size = len(canvas)
    for n in range(len(paths)):
        for k in range(paths.shape[1] - 1):
            x0, y0, x1, y1 = paths[n, k, 0], paths[n, k, 1], paths[n, k + 1, 0], paths[n, k + 1, 1]
            flat = abs(x1 - x0) > abs(y1 - y0)
            if flat:
                x0, y0, x1, y1 = y0, x0, y1, x1
            if y0 == y1:
                continue
            shade = min(max(shades[n] + lights[which[n], k], 0), 255)
            if y1 < y0:
                x0, y0, x1, y1 = x1, y1, x0, y0
            slope = (x1 - x0) / (y1 - y0)
            steep = min(int(abs(slope) * _SLOPES), _SLOPES - 1)
            first, last = (int(y0) + 7) >> 3, (int(y1) + 7) >> 3  # whole pixels from one point to the next
            for y in range(max(first, 0), min(last, size)):
                at = int(np.floor(4 * (x0 + slope * (8 * y - y0)))) + 16  # in 32nds of a pixel
                row, place = (at >> 5) - 1, at & 31
                for side in range(max(0, -row), min(3, size - row)):
                    i, j = (y, row + side) if flat else (row + side, y)
                    weight = (tip[steep, place, side] * whole[k]) >> 8
                    tone, cover = np.int32(canvas[i, j, 0]), np.int32(canvas[i, j, 1])
                    canvas[i, j, 0] = tone + (((shade - tone) * weight) >> 8)
                    canvas[i, j, 1] = cover + (((255 - cover) * weight) >> 8)


@njit(cache=True)
def fan(
    guides: np.ndarray, which: np.ndarray, beside: np.ndarray, reach: np.ndarray, frizz: np.ndarray
) -> np.ndarray:
    """(n, points, 2): hairs that follow their guide (`guides` (m, points, 2), `which` (n,)) in a bundle.

    `beside` (n, 2) is where in the bundle each lies, in pixels, closer together at its root and tip; `reach`
    (n, 2) the shares of the guide's length where it begins and ends; `frizz` (n, 3) by how many pixels it
    swings to the side, how often, and from where.
    """
    last = guides.shape[1] - 1
    out = np.empty((len(which), guides.shape[1], 2), np.float32)
    for n in range(len(which)):
        guide = guides[which[n]]
        for k in range(last + 1):
            t = k / last
            place = (reach[n, 0] + (reach[n, 1] - reach[n, 0]) * t) * last
            low = min(max(int(place), 0), last - 1)
            share = place - low
            close = 0.55 + 1.8 * t * (1 - t)
            swing = frizz[n, 0] * np.sin(6.2832 * (frizz[n, 1] * t + frizz[n, 2])) * (0.2 + t)
            for axis in range(2):
                value = guide[low, axis] + share * (guide[low + 1, axis] - guide[low, axis])
                out[n, k, axis] = value + close * beside[n, axis] + (swing if axis == 0 else 0.0)
    return out


@njit(cache=True)
def steepness(paths: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(size, size) float32 twice: how upright the hair is, 0-1, and 1 where any was seen.

    `paths` (n, points, 2) are in pixels of that picture; a touch is two pixels wide.
    """
    upright, seen = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    for n in range(len(paths)):
        for k in range(paths.shape[1] - 1):
            dx = paths[n, k + 1, 0] - paths[n, k, 0]
            dy = paths[n, k + 1, 1] - paths[n, k, 1]
            steep = abs(dy) / (np.sqrt(dx * dx + dy * dy) + 1e-6)
            for half in range(2):
                x = int(np.floor(paths[n, k, 0] + 0.5 * half * dx))
                y = int(np.floor(paths[n, k, 1] + 0.5 * half * dy))
                for i in range(max(y, 0), min(y + 2, size)):
                    for j in range(max(x, 0), min(x + 2, size)):
                        upright[i, j], seen[i, j] = steep, 1.0
    return upright, seen


@njit(cache=True)
def colour_in(
    image: np.ndarray,
    tone: np.ndarray,
    cover: np.ndarray,
    shine: np.ndarray,
    ground: np.ndarray,
    shadow: np.ndarray,
    shades: np.ndarray,
) -> None:
    """Shadow, ground and hair over the float image, in place; `shades` (3, 3): dark, middle, bright.

    All other maps are (h, w) float32: the hair's shade and cover, how much it shines, the ground under it
    and the shadow that it throws.
    """
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            if cover[y, x] == 0 and ground[y, x] == 0 and shadow[y, x] == 0:
                continue
            level = tone[y, x] * np.float32(1.275) - np.float32(0.64)
            level += shine[y, x] + level * shine[y, x]
            share = min(np.float32(1.6) * cover[y, x], np.float32(1))
            for c in range(3):
                dark, middle, bright = shades[0, c], shades[1, c], shades[2, c]
                value = image[y, x, c] * (1 - np.float32(0.45) * shadow[y, x])
                value += ground[y, x] * (dark + np.float32(0.35) * (middle - dark) - value)
                span = np.float32(1.3) * (bright - middle) if level > 0 else np.float32(2.4) * (middle - dark)
                image[y, x, c] = value + share * (middle + level * span - value)
