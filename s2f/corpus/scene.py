"""What a photograph shows besides the face: backdrop, clothes and light, measured in its pixels."""

from __future__ import annotations

import numpy as np

from ..look import to_lab

# points of the webmorph template well inside either cheek, the viewer's left one first, and on the forehead
_CHEEKS = ((165, 158), (168, 161))
_BROWS, _HAIRLINE = (73, 76, 77, 80), (137, 139, 139, 141)


def measure_scene(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(3, 3): L*a*b* of the backdrop; of the clothes; and of the light, from where and how steeply it falls.

    The light is three numbers of L*: left cheek less right, forehead less cheeks, and the spread over them.
    """
    height, width = image.shape[:2]
    side, top = width // 12, height // 2
    flanks = np.concatenate([image[:top, :side], image[:top, -side:]], 1)
    backdrop = np.median(to_lab(flanks[::4, ::4].reshape(-1, 3)), axis=0)
    bust = image[int(0.955 * height) :: 2, int(0.3 * width) : int(0.7 * width) : 4]
    clothes = np.median(to_lab(bust.reshape(-1, 3)), axis=0)
    left, right = (_lightness(image, landmarks[list(pair)].mean(0)) for pair in _CHEEKS)
    brow, hairline = landmarks[list(_BROWS)].mean(0), landmarks[list(_HAIRLINE)].mean(0)
    forehead = _lightness(image, 0.65 * brow + 0.35 * hairline)
    light = [left[0] - right[0], forehead[0] - (left[0] + right[0]) / 2, (left[1] + right[1]) / 2]
    return np.array([backdrop, clothes, light], np.float32)


def _lightness(image: np.ndarray, centre: np.ndarray) -> tuple[float, float]:
    """Median and spread of L* in a patch."""
    reach = max(2, image.shape[1] // 32)
    x, y = (int(np.clip(c, reach, image.shape[k] - reach - 1)) for c, k in zip(centre, (1, 0), strict=True))
    patch = to_lab(image[y - reach : y + reach : 2, x - reach : x + reach : 2].reshape(-1, 3))[:, 0]
    return float(np.median(patch)), float(patch.std())
