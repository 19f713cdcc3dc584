"""What results are measured by. Features come in as plain arrays, so that any network may have made them;
every figure goes out with its count and 95 % interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from .errors import S2FError
from .expression import CLASSES

Figure = dict[str, Any]
_RESAMPLES = 1000
_PARTS = 10  # of the jackknife
_T9 = 2.262  # Student's t, 97.5 %, nine degrees of freedom


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a rate (Wilson 1927): honest at 0, at 1 and at small counts."""
    if count == 0:
        return 0.0, 1.0
    rate, spread = hits / count, z * z / count
    middle = rate + spread / 2
    half = z * math.sqrt(rate * (1 - rate) / count + spread / (4 * count))
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def confusion(truth: Sequence[int], guess: Sequence[int], classes: int = len(CLASSES)) -> np.ndarray:
    """Counts, row = truth, column = guess."""
    out = np.zeros((classes, classes), int)
    np.add.at(out, (np.asarray(truth, int), np.asarray(guess, int)), 1)
    return out


def rate(hits: Sequence[bool] | np.ndarray) -> Figure:
    """A share with its count and 95 % interval, ready for a metrics file."""
    hits = np.asarray(hits, bool)
    low, high = wilson(int(hits.sum()), len(hits))
    return {
        "rate": float(hits.mean()) if len(hits) else float("nan"),
        "n": len(hits),
        "interval95": [low, high],
    }


def mean(values: Any, people: Any = None) -> Figure:
    """A mean with its count and 95 % interval: a bootstrap over people, whose pictures are much alike.

    Without `people` every value is its own. Values that are not finite were not measured and do not count.
    """
    values = np.asarray(values, float).reshape(-1)
    who = np.arange(len(values)) if people is None else np.asarray(people).reshape(-1)
    measured = np.isfinite(values)
    values, who = values[measured], who[measured]
    if not len(values):
        return {"mean": float("nan"), "n": 0, "interval95": [float("nan")] * 2}
    _, person = np.unique(who, return_inverse=True)
    sums, counts = np.bincount(person, values), np.bincount(person)
    drawn = np.random.default_rng(0).integers(0, len(sums), (_RESAMPLES, len(sums)))
    again = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.percentile(again, [2.5, 97.5])
    return {"mean": float(values.mean()), "n": len(values), "interval95": [float(low), float(high)]}


def distance(measure: Callable[[np.ndarray, np.ndarray], float], one: np.ndarray, two: np.ndarray) -> Figure:
    """A distance between two sets of features with its count and 95 % interval: a jackknife of ten parts.

    Row n of both is the same person and expression, so that both lose the same tenth.
    """
    whole = measure(one, two)
    count = min(len(one), len(two))
    if count < 2 * _PARTS or len(one) != len(two):
        return {"mean": whole, "n": count, "interval95": [float("nan")] * 2}
    part = np.arange(count) * _PARTS // count
    without = np.array([measure(one[part != k], two[part != k]) for k in range(_PARTS)])
    half = _T9 * math.sqrt((_PARTS - 1) / _PARTS * float(((without - without.mean()) ** 2).sum()))
    return {"mean": whole, "n": count, "interval95": [whole - half, whole + half]}


def ssim(one: np.ndarray, two: np.ndarray) -> float:
    """Structural similarity (Wang, Bovik, Sheikh & Simoncelli 2004) of two uint8 pictures, raw: -1 to 1.

    As published: a Gaussian window of 11 pixels, σ = 1.5; the mean over channels, the rim left out.
    """
    one, two = (x.astype(np.float64) for x in _alike(one, two))

    def blur(x: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(x, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT)

    first, second = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean1, mean2 = blur(one), blur(two)
    var1, var2 = blur(one * one) - mean1**2, blur(two * two) - mean2**2
    together = blur(one * two) - mean1 * mean2
    alike = (2 * mean1 * mean2 + first) * (2 * together + second)
    alike /= (mean1**2 + mean2**2 + first) * (var1 + var2 + second)
    return float(alike[5:-5, 5:-5].mean())


def psnr(one: np.ndarray, two: np.ndarray) -> float:
    """Peak signal to noise of two uint8 pictures, in dB; equal ones are infinitely near and count as 100."""
    one, two = _alike(one, two)
    error = float(((one.astype(np.float64) - two) ** 2).mean())
    return min(100.0, 10 * math.log10(255**2 / error)) if error else 100.0


def sharpness(picture: np.ndarray) -> float:
    """High-frequency energy: the mean squared Laplacian of a uint8 picture's lightness."""
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return float((cv2.Laplacian(grey.astype(np.float32), cv2.CV_32F) ** 2).mean())


def frechet(one: np.ndarray, two: np.ndarray) -> float:
    """|μ₁ - μ₂|² + tr(C₁ + C₂ - 2(C₁C₂)^½) of features (n, d): Heusel et al. 2017, in any features."""
    one, two = (np.asarray(x, np.float64) for x in (one, two))
    if min(len(one), len(two)) < 2:
        return float("nan")
    first, second = np.cov(one, rowvar=False), np.cov(two, rowvar=False)
    root = _root(np.atleast_2d(first))
    inner = np.linalg.eigvalsh(root @ np.atleast_2d(second) @ root)
    apart = ((one.mean(0) - two.mean(0)) ** 2).sum()
    traces = np.trace(np.atleast_2d(first)) + np.trace(np.atleast_2d(second))
    return float(apart + traces - 2 * np.sqrt(np.maximum(inner, 0)).sum())


def kernel(one: np.ndarray, two: np.ndarray) -> float:
    """The kernel distance of features (n, d), Bińkowski et al. 2018: unbiased, so below 0 by chance."""
    one, two = (np.asarray(x, np.float64) for x in (one, two))
    n, m = len(one), len(two)
    if min(n, m) < 2:
        return float("nan")

    def alike(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / x.shape[1] + 1) ** 3

    within1, within2 = alike(one, one), alike(two, two)
    same = (within1.sum() - np.trace(within1)) / (n * (n - 1))
    same += (within2.sum() - np.trace(within2)) / (m * (m - 1))
    return float(same - 2 * alike(one, two).mean())


def nearest(probes: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """For every probe (n, d) the number of the gallery's (m, d) nearest, by the angle between them."""
    return np.argmax(unit(probes) @ unit(gallery).T, 1)


def cosine(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Row by row."""
    return (unit(one) * unit(two)).sum(1)


def unit(features: np.ndarray) -> np.ndarray:
    features = np.asarray(features, np.float64)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _alike(one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if one.shape != two.shape or one.dtype != np.uint8 or two.dtype != np.uint8 or min(one.shape[:2]) < 11:
        raise S2FError(
            f"got pictures of {one.shape} {one.dtype} and {two.shape} {two.dtype}, expected two of one "
            "size, uint8, 11 pixels or more each way; resize one"
        )
    return one, two
