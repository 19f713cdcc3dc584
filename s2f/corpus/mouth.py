"""What an open mouth shows: teeth, gums, tongue and throat, shaded by depth and by the lips' shadow."""

from __future__ import annotations

import cv2
import numpy as np

from .fit import Person
from .kit import GUMS, LINING, LOWER_TEETH, UPPER_TEETH

_PAINT = np.zeros((5, 3), np.float32)
_PAINT[[LINING, GUMS, UPPER_TEETH, LOWER_TEETH]] = (
    (48, 22, 22),
    (168, 92, 96),
    (224, 214, 196),
    (206, 196, 176),
)


def paint_mouth(
    image: np.ndarray,
    person: Person,
    part: np.ndarray,
    depth_map: np.ndarray,
    lit: np.ndarray,
    inner: np.ndarray,
    mesh: np.ndarray,
) -> None:
    """Paint the pixels `inner` of the float image in place; maps are per pixel, `mesh` is the posed head."""
    size, kit = person.size, person.kit
    scale = 1.2 * size / 512
    rows, columns = np.flatnonzero(inner.any(1)), np.flatnonzero(inner.any(0))
    pad = max(4, int(10 * scale))
    y0, y1 = max(rows[0] - pad, 0), min(rows[-1] + pad + 1, size)
    x0, x1 = max(columns[0] - pad, 0), min(columns[-1] + pad + 1, size)
    box = np.s_[y0:y1, x0:x1]
    part, shown, lit = part[box], inner[box].astype(np.float32), lit[box]
    front = mesh[kit.vertices_of(UPPER_TEETH), 2].max()
    depth = np.clip((front - depth_map[box]) / person.centimetre - 0.35, 0, 6)
    tooth = (part == UPPER_TEETH) | (part == LOWER_TEETH)
    shade = np.where(tooth, 0.80 + 0.2 * lit, 0.55 + 0.45 * lit) * np.exp(-depth / np.where(tooth, 2.6, 2.4))
    cover = cv2.GaussianBlur(shown, (0, 0), 5 * scale)
    lip = cv2.warpAffine(cover, np.array([[1, 0, 0], [0, 1, 5 * scale]], np.float32), (x1 - x0, y1 - y0))
    shadow = np.clip(
        0.52 + 0.78 * np.minimum(1.25 * cover, 1) * (0.3 + 0.7 * np.minimum(1.3 * lip, 1)), 0, 1.12
    )
    colour = _PAINT[np.maximum(part, 0)] * (shade * shadow * min(person.white / 200, 1.15))[..., None]
    weight = cv2.GaussianBlur(shown, (0, 0), 1.6 * scale)[..., None]
    colour = cv2.GaussianBlur(colour * shown[..., None], (0, 0), 1.6 * scale) / np.maximum(weight, 1e-3)
    alpha = np.clip(cv2.GaussianBlur(shown, (0, 0), max(1.5 * scale, 0.6)) * 1.5 - 0.25, 0, 1)[..., None]
    image[box] = image[box] * (1 - alpha) + colour * alpha
