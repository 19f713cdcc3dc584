"""What results are measured by: every rate comes with its count and interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .expression import CLASSES


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


def rate(hits: Sequence[bool] | np.ndarray) -> dict[str, float | int | list[float]]:
    """A share with its count and 95 % interval, ready for a metrics file."""
    hits = np.asarray(hits, bool)
    low, high = wilson(int(hits.sum()), len(hits))
    return {
        "rate": float(hits.mean()) if len(hits) else float("nan"),
        "n": len(hits),
        "interval95": [low, high],
    }
