"""The two pupils of a face, near where the face's box says they are.

An iris is a dark disc: the gradients on its rim point away from one centre (Timm & Barth 2011, *Accurate
eye centre localisation by means of gradients*). Here the rims vote by convolution, at the size that an iris
has between two eyes of known distance; darkness votes too, a brow above speaks for an eye, and the pair is
chosen together, level and at the right distance. The patch is turned and scaled so that all lengths are
shares of the eye distance.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

_UNIT = 40.0  # pixels between the eyes in the patch
_WIDTH, _HEIGHT = 104, 88
_IRIS = (0.08, 0.10)  # an iris is 12 mm across, pupils are 63 mm apart
_RIM = 0.02
_VOTE, _DARK, _BROW = 6.0, 3.0, 2.0  # weights of the three kinds of evidence
_SPREAD = 0.2  # how far, in eye distances, the box's guess may be off
_REACH = (0.34, 0.40)
_LEVEL, _APART = 8.0, 0.1  # degrees of tilt against the guess, and share of the distance
_CANDIDATES = 8
_ABOVE = (0.2, 0.55)  # where the brow is, over the eye


def locate_pupils(gray: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(2,2) x and y of the left and right pupil in the picture, from a guess of the same form."""
    patch, matrix = _patch(gray, guess)
    evidence, brow = _evidence(patch)
    best, found = -np.inf, None
    lefts, rights = (list(_peaks(evidence, brow, side)) for side in (-0.5, 0.5))
    for left, left_score in lefts:
        for right, right_score in rights:
            across = right - left
            apart = np.hypot(*across) / _UNIT - 1
            tilt = np.degrees(np.arctan2(across[1], across[0]))
            score = left_score + right_score - 0.5 * ((apart / _APART) ** 2 + (tilt / _LEVEL) ** 2)
            if score > best:
                best, found = score, (left, right)
    if found is None:
        return guess
    exact = np.array([_between_pixels(evidence, point) for point in found])
    back = cv2.invertAffineTransform(matrix)
    return exact @ back[:, :2].T + back[:, 2]


def _patch(gray: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(float32 patch with the guessed eyes level in its middle, 2x3 picture -> patch)."""
    across, middle = guess[1] - guess[0], guess.mean(0)
    distance = max(float(np.hypot(*across)), 1.0)
    scale = _UNIT / distance
    # only the neighbourhood is smoothed: photographs are large
    reach = int(2.2 * distance) + 4
    x, y = np.maximum(middle.astype(int) - reach, 0)
    near = gray[y : y + 2 * reach, x : x + 2 * reach]
    if near.size == 0:
        near, x, y = gray, 0, 0
    if scale < 0.8:
        near = cv2.GaussianBlur(near, (0, 0), 0.35 / scale)
    turn = np.degrees(np.arctan2(across[1], across[0]))
    matrix = cv2.getRotationMatrix2D(tuple(map(float, middle)), turn, scale)
    matrix[:, 2] += np.array([_WIDTH - 1, _HEIGHT - 1]) / 2 - middle
    inner = matrix.copy()
    inner[:, 2] += matrix[:, :2] @ (x, y)
    patch = cv2.warpAffine(near, inner, (_WIDTH, _HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    return patch.astype(np.float32), matrix


def _evidence(patch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(how much each pixel looks like an iris, how much more a brow is above than below it)."""
    smooth = cv2.GaussianBlur(patch, (0, 0), 1.0)
    gx, gy = (cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3) / 8 for order in ((1, 0), (0, 1)))
    strength = np.hypot(gx, gy)
    # edges above a level count alike, so that a catchlight or a lamp does not outvote the rim
    level = max(float(strength.mean() + 0.3 * strength.std()), 1e-3)
    gain = np.minimum(strength / level, 1) / np.maximum(strength, 1e-3)
    gx, gy = gx * gain, gy * gain
    votes = np.max(
        [cv2.filter2D(gx, -1, kx) + cv2.filter2D(gy, -1, ky) for kx, ky in map(_rim, _IRIS)], axis=0
    )
    around = cv2.GaussianBlur(smooth, (0, 0), 0.25 * _UNIT)
    contrast = np.sqrt(cv2.GaussianBlur((smooth - around) ** 2, (0, 0), 0.3 * _UNIT)) + 3
    dark = np.clip((around - cv2.GaussianBlur(smooth, (0, 0), 0.05 * _UNIT)) / contrast, -1, 3)
    bar = cv2.blur(dark, (15, 3))
    shifts = range(int(_ABOVE[0] * _UNIT), int(_ABOVE[1] * _UNIT))
    above = np.max([np.roll(bar, shift, 0) for shift in shifts], axis=0)
    below = np.max([np.roll(bar, -shift, 0) for shift in shifts], axis=0)
    return _VOTE * votes + _DARK * dark, _BROW * np.clip(above - below, -2, 2)


def _rim(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Kernels that sum, over a ring, the gradient's share along the way out."""
    radius, width = radius * _UNIT, _RIM * _UNIT
    reach = int(np.ceil(radius + 2.5 * width))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    distance = np.hypot(x, y)
    ring = np.exp(-0.5 * ((distance - radius) / width) ** 2)
    ring /= ring.sum()
    distance[reach, reach] = 1
    return ring * x / distance, ring * y / distance


def _peaks(evidence: np.ndarray, brow: np.ndarray, side: float) -> Iterator[tuple[np.ndarray, float]]:
    """The likeliest places of one eye, each with its score."""
    y, x = np.mgrid[: evidence.shape[0], : evidence.shape[1]]
    dx = (x - (_WIDTH - 1) / 2) / _UNIT - side
    dy = (y - (_HEIGHT - 1) / 2) / _UNIT
    score = evidence + brow - 0.5 * (dx**2 + dy**2) / _SPREAD**2
    peak = cv2.dilate(evidence, np.ones((5, 5), np.uint8)) == evidence
    rows, columns = np.nonzero(peak & (abs(dx) <= _REACH[0]) & (abs(dy) <= _REACH[1]))
    order = np.argsort(-score[rows, columns], kind="stable")[:_CANDIDATES]
    for k in order:
        yield np.array([columns[k], rows[k]], float), float(score[rows[k], columns[k]])


def _between_pixels(evidence: np.ndarray, point: np.ndarray) -> np.ndarray:
    """A peak's place to a fraction of a pixel, by the parabola through its neighbours."""
    x, y = int(point[0]), int(point[1])
    if not (0 < x < evidence.shape[1] - 1 and 0 < y < evidence.shape[0] - 1):
        return point
    out = point.copy()
    for axis, (before, after) in enumerate(
        ((evidence[y, x - 1], evidence[y, x + 1]), (evidence[y - 1, x], evidence[y + 1, x]))
    ):
        curve = 2 * evidence[y, x] - before - after
        if curve > 1e-6:
            out[axis] += np.clip(0.5 * (after - before) / curve, -0.5, 0.5)
    return out
