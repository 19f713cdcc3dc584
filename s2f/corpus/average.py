"""The average of the portraits' 189 landmarks in the frame of 512, and the triangles between them."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.spatial import Delaunay

from .geometry import SIZE, rescaled, thin_plate

_POINTS = (
    "194,240 317,240 194,232 184,235 182,241 185,248 194,251 203,248 206,241 203,235 317,232 308,235 "
    "305,241 308,248 317,251 326,248 329,241 327,235 170,244 180,236 194,232 208,236 223,248 288,248 "
    "303,236 317,232 331,236 341,244 179,250 194,252 208,250 303,250 317,252 332,250 162,237 175,228 "
    "192,225 208,227 221,236 290,236 303,227 319,225 336,228 349,237 187,284 208,275 225,260 286,260 "
    "303,275 324,284 242,230 247,247 247,265 245,283 241,302 256,330 269,230 264,247 264,265 266,283 "
    "270,302 225,300 220,310 221,322 230,329 231,320 286,300 291,310 290,322 281,329 280,320 141,225 "
    "152,205 172,195 197,196 227,206 228,219 283,219 284,206 314,196 339,195 359,205 370,225 167,212 "
    "194,212 317,212 344,212 207,377 225,366 241,359 256,362 270,359 286,366 304,377 225,375 240,374 "
    "256,375 271,374 286,375 225,375 240,374 256,375 271,374 286,375 220,388 236,394 255,396 275,394 "
    "291,388 118,250 119,295 127,344 393,250 392,295 384,344 93,238 87,264 93,295 101,323 115,343 418,238 "
    "424,264 418,295 410,323 396,343 134,374 147,404 176,438 213,461 256,469 298,461 335,438 364,404 "
    "377,374 125,204 136,164 148,126 175,102 213,92 255,93 298,92 336,102 363,126 375,164 386,204 148,473 "
    "88,374 69,244 88,168 121,95 175,46 255,25 336,46 390,95 423,168 442,244 423,374 363,473 209,329 "
    "196,345 188,366 302,329 315,345 323,366 136,285 157,300 183,307 375,285 354,300 328,307 245,335 "
    "243,352 266,335 268,352 256,430 256,447 232,416 256,410 279,416 245,322 249,328 262,328 266,322 "
    "212,516 299,516 118,273 123,317 393,273 388,317 "
)
AVERAGE = np.array([[float(number) for number in pair.split(",")] for pair in _POINTS.split()])
# hair, hairline, ears, neck, pupils and cheekbones lie free of the others; the rims of closed lips lie on
# each other
_FREE = frozenset(
    (*range(18), *range(95, 98), *range(115, 125), *range(134, 158), 164, 167, *range(183, 189))
)
_SLIM = 0.25  # doubled area over the square of the longest side: slimmer triangles say nothing


@cache
def triangles() -> np.ndarray:
    """(n,3) landmark numbers; all turn the same way in any sound face."""
    ids = np.array([k for k in range(len(AVERAGE)) if k not in _FREE])
    corners = ids[Delaunay(AVERAGE[ids]).simplices]
    turned = areas(AVERAGE, corners) < 0
    corners[turned] = corners[turned][:, [0, 2, 1]]
    longest = longest_side(AVERAGE, corners)
    return corners[areas(AVERAGE, corners) > _SLIM * longest**2]


def longest_side(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    sides = points[corners] - points[np.roll(corners, 1, 1)]
    return np.linalg.norm(sides, axis=2).max(1)


def areas(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Signed, doubled."""
    a, b, c = (points[corners[:, k]] for k in range(3))
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


def smallest_triangle(points: np.ndarray, size: int = SIZE) -> float:
    """The least share of its average area that any triangle keeps; below 0 the face is folded.

    `size` is that of the points' picture.
    """
    return float((areas(points, triangles()) / areas(AVERAGE, triangles())).min()) * (SIZE / size) ** 2


# creases, corners of the face and undersides of brows: no pixel-sharp edge says where they are
_SOFT = np.array([*range(34, 50), *range(83, 87), *range(158, 183)])


def unfolded(points: np.ndarray, size: int = SIZE, least: float = 0.1) -> np.ndarray:
    """Where hand-placed creases cross what they should lie beside, lay them as the average face does."""
    if size != SIZE:
        return rescaled(unfolded(rescaled(points, SIZE / size), SIZE, least), size / SIZE)
    out = points
    for _ in range(3):
        share = areas(out, triangles()) / areas(AVERAGE, triangles())
        wrong = np.intersect1d(triangles()[share < least], _SOFT)
        if not len(wrong):
            return out
        sound = np.setdiff1d(np.unique(triangles()), wrong)
        moves = thin_plate(AVERAGE[sound], out[sound] - AVERAGE[sound], AVERAGE[wrong])
        out = out.copy()
        out[wrong] = AVERAGE[wrong] + moves
    return out
