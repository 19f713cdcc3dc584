"""Lids that open and shut: lashes keep their length, stretched skin gives way to bare skin, the lids meet."""

from __future__ import annotations

import cv2
import numpy as np

from .eyes import Eye
from .fit import Person
from .geometry import curve, sampled, smoothstep
from .points import LOWER_LID, UPPER_LID

_LASH = 0.17  # height of the lash strip, in widths of the eye


def move_lids(
    back: np.ndarray, person: Person, landmarks: np.ndarray, side: int
) -> tuple[np.ndarray, int, int]:
    """Mend the map around one eye, in place; returns where the skin is stretched, and that map's corner.

    Upper lashes travel with the lid's edge unstretched; the skin above takes up the difference.
    """
    up0, up = person.landmarks[list(UPPER_LID[side])], landmarks[list(UPPER_LID[side])]
    low0, low = person.landmarks[list(LOWER_LID[side])], landmarks[list(LOWER_LID[side])]
    width = np.ptp(up0[:, 0])
    x0, x1 = np.clip([int(up[:, 0].min()) - 2, int(up[:, 0].max()) + 3], 0, person.size)
    y0, y1 = np.clip([int(up[:, 1].min() - 0.9 * width), int(low[:, 1].max()) + 4], 0, person.size)
    ys, xs = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    box = back[y0:y1, x0:x1]
    top, bottom = curve(up, xs[0]), curve(low, xs[0])
    above, across = top - ys, box[..., 0].ravel()
    old_top = curve(up0, across).reshape(ys.shape)
    old_bottom = curve(low0, across).reshape(ys.shape)
    ends = smoothstep(np.minimum(xs - up[:, 0].min(), up[:, 0].max() - xs) / (0.12 * width))
    carried = old_top - np.maximum(old_top - box[..., 1], np.minimum(above, _LASH * width))
    box[..., 1] += ends * (above > -0.04 * width) * (carried - box[..., 1])
    # where lids close, nothing of the eyeball that the photograph shows between them may be seen
    opening = np.maximum(curve(low0, xs[0]) - curve(up0, xs[0]), 0.02 * width)
    shut = smoothstep(1.25 - (bottom - top) / (0.5 * opening)) * ends
    middle = np.minimum((top + bottom) / 2, bottom)
    lids = np.where(
        ys < middle, np.minimum(box[..., 1], old_top), np.maximum(box[..., 1], old_bottom + 0.02 * width)
    )
    box[..., 1] += shut * (np.abs(ys - middle) < 0.3 * width) * (lids - box[..., 1])
    growth = np.gradient(box[..., 1], axis=0)
    near = smoothstep((0.75 * width - (old_top - box[..., 1])) / (0.2 * width))
    stretched = (
        smoothstep((0.8 - growth) / 0.45) * near * ends * smoothstep((above - 0.1 * width) / (0.08 * width))
    )
    return cv2.GaussianBlur(stretched.astype(np.float32), (0, 0), 0.02 * width), x0, y0


def bare_lids(
    image: np.ndarray, back: np.ndarray, eye: Eye, stretched: np.ndarray, corner: tuple[int, int]
) -> None:
    """Lay bare skin where the lid's own is stretched; in place, on the float image."""
    if stretched.max() < 0.02:
        return
    (x0, y0), (h, w) = corner, stretched.shape
    box = image[y0 : y0 + h, x0 : x0 + w]
    where = back[y0 : y0 + h, x0 : x0 + w] - np.array([eye.lid_x0, eye.lid_y0], np.float32)
    box += (sampled(eye.lid, where) - box) * stretched[..., None]


def close_lashes(image: np.ndarray, person: Person, landmarks: np.ndarray, side: int) -> None:
    """The dark line where two lids meet; in place, on the float image."""
    up, low = landmarks[list(UPPER_LID[side])], landmarks[list(LOWER_LID[side])]
    up0, low0 = person.landmarks[list(UPPER_LID[side])], person.landmarks[list(LOWER_LID[side])]
    width = np.ptp(up[:, 0])
    x0, x1 = np.clip([int(up[:, 0].min()), int(up[:, 0].max()) + 1], 0, person.size)
    x = np.arange(x0, x1, dtype=np.float32)
    top, bottom = curve(up, x), curve(low, x)
    rest = np.maximum(curve(low0, x) - curve(up0, x), 0.02 * width)
    shut = smoothstep(1.4 - (bottom - top) / (0.25 * rest)) * (rest > 0.03 * width)
    if shut.max() < 0.02:
        return
    line = np.minimum(top, bottom) + 0.01 * width
    y0, y1 = np.clip([int(line.min() - 0.15 * width), int(line.max() + 0.15 * width) + 1], 0, person.size)
    y = np.arange(y0, y1, dtype=np.float32)[:, None]
    ends = smoothstep(np.minimum(x - x0, x1 - x) / (0.15 * width))
    thick = 0.022 * width + 0.35
    ink = np.exp(-(((y - line) / thick) ** 2)) + 0.28 * np.exp(-(((y - line) / (2.6 * thick)) ** 2))
    box = image[y0:y1, x0:x1]
    box *= (1 - (0.62 * np.minimum(ink, 1) * shut * ends))[..., None]
