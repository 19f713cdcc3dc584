"""A smooth backdrop as a cubic surface: fitted to what is surely backdrop, and held against the picture."""

from __future__ import annotations

import numpy as np
from numba import njit

_POWERS = np.array([(i, j) for i in range(4) for j in range(4 - i)])  # of x and y


def fitted(picture: np.ndarray, use: np.ndarray, degree: int = 3) -> np.ndarray:
    """(10, 3) coefficients of the surface that is nearest to the (n, n, 3) picture where it is used."""
    terms = np.flatnonzero(_POWERS.sum(1) <= degree)
    square, product = np.zeros((10, 10)), np.zeros((10, 3))
    _sums(picture, use, square, product)
    out = np.zeros((10, 3))
    out[terms] = np.linalg.solve(square[np.ix_(terms, terms)] + 1e-9 * np.eye(len(terms)), product[terms])
    return out


@njit(cache=True)
def _terms(y: int, x: int, size: int, out: np.ndarray) -> None:
    v, u = y / size - 0.5, x / size - 0.5
    k = 0
    for i in range(4):
        for j in range(4 - i):
            out[k] = u**i * v**j
            k += 1


@njit(cache=True)
def _sums(picture: np.ndarray, use: np.ndarray, square: np.ndarray, product: np.ndarray) -> None:
    term = np.empty(10)
    for y in range(len(picture)):
        for x in range(len(picture)):
            if not use[y, x]:
                continue
            _terms(y, x, len(picture), term)
            for a in range(10):
                for b in range(a, 10):
                    square[a, b] += term[a] * term[b]
                for c in range(3):
                    product[a, c] += term[a] * picture[y, x, c]
    for a in range(10):
        for b in range(a):
            square[a, b] = square[b, a]


@njit(cache=True)
def away_from(picture: np.ndarray, surface: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n, n) float32: how far each pixel lies from the surface, its channels weighted."""
    size = len(picture)
    out = np.empty((size, size), np.float32)
    row = np.empty((4, 3))
    for y in range(size):
        v = y / size - 0.5
        for c in range(3):  # for one row the surface is a cubic in x
            k = 0
            for i in range(4):
                row[i, c] = 0.0
                for j in range(4 - i):
                    row[i, c] += surface[k, c] * v**j
                    k += 1
        for x in range(size):
            u = x / size - 0.5
            total = 0.0
            for c in range(3):
                level = row[0, c] + u * (row[1, c] + u * (row[2, c] + u * row[3, c]))
                total += weights[c] * abs(picture[y, x, c] - level)
            out[y, x] = total
    return out
