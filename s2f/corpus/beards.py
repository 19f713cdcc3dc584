"""A full beard, hair by hair, for men who shaved."""

from __future__ import annotations

import cv2
import numpy as np

from .geometry import SIZE, smoothstep
from .painted_hair import Tress, paint
from .points import eye_distance

_DENSE = 0.2  # hairs in a pixel at 512
_STUBBLE = 0.42  # how much the skin between them takes their colour


def full_beard(
    image: np.ndarray, landmarks: np.ndarray, colour: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """From the ears over jaw and chin, a moustache with it; lips and the upper cheek stay free."""
    unit = eye_distance(landmarks)
    length = rng.choice([rng.uniform(0.08, 0.16), rng.uniform(0.16, 0.4)]) * unit
    jaw = landmarks[[110, 111, *range(125, 134), 114, 113]]
    mouth = landmarks[87:109].mean(0)
    high = rng.uniform(0.4, 0.6)  # of the way from the jaw to the corner of the mouth
    corner = landmarks[[87] * 6 + [106] + [93] * 6]
    upper = (
        jaw
        + (corner - jaw)
        * high
        * np.r_[np.linspace(0.1, 1, 5), 1.1, 1.35, 1.1, np.linspace(1, 0.1, 5)][:, None]
    )
    cheeks = np.concatenate([jaw, upper[::-1]])
    lip = landmarks[[88, 90, 92]]
    nose = landmarks[[64, 180, 55, 181, 69]] + (0, rng.uniform(0.08, 0.13) * unit)
    corners = landmarks[[87, 93]] + np.array([(-0.06, 0.2), (0.06, 0.2)]) * unit
    moustache = np.concatenate([corners[:1], nose[[0, 2, 4]], corners[1:], lip[::-1]])
    size = len(image)
    grows = np.zeros((size, size), np.uint8)
    for area in (cheeks, moustache):
        cv2.fillPoly(grows, [np.round(area).astype(np.int32)], 255)
    cv2.fillPoly(grows, [cv2.convexHull(landmarks[87:109].round().astype(np.int32))], 0)
    soft = cv2.GaussianBlur(grows, (0, 0), 0.05 * unit).astype(np.float32) * np.float32(1 / 255)
    ys, xs = np.nonzero(rng.random((size, size)) < soft**1.6 * (_DENSE * (SIZE / size) ** 1.6))
    roots = np.stack([xs, ys], 1).astype(float)
    rows = np.argsort(ys, kind="stable")[::-1]  # what grows higher lies on top
    roots = roots[rows]
    side = (roots[:, 0] - mouth[0]) / unit
    above = roots[:, 1] < landmarks[[87, 93], 1].mean() + 0.03 * unit
    lean = np.where(
        above & (np.abs(side) < 0.45), 1.4 * np.sign(side) * np.minimum(1, 4 * np.abs(side)), -0.12 * side
    )
    lean = lean + rng.normal(0, 0.35, len(lean))
    low = smoothstep((roots[:, 1] - mouth[1]) / (0.9 * unit))
    reach = length * (0.35 + 0.65 * low) * rng.uniform(0.6, 1.2, len(lean))
    reach = np.where(above, np.minimum(reach, 0.09 * unit), reach)
    reach *= 0.35 + 0.65 * soft[ys, xs][rows]  # short where it ends
    t = np.linspace(0, 1, 6)[:, None]
    tip = np.stack([np.sin(lean), np.cos(lean)], 1) * reach[:, None]
    curl = np.stack([rng.normal(0, 0.013, len(lean)), np.zeros(len(lean))], 1)[:, None] * unit
    paths = roots[:, None] + tip[:, None] * t + curl * np.sin(np.pi * t)
    out = image.astype(np.float32)
    out += (_STUBBLE * soft)[..., None] * (colour[:2].mean(0).astype(np.float32) - out)
    grown = Tress(paths, rng.normal(-0.02, 0.18, len(paths)), thin=0.5)
    paint(out, grown, colour, landmarks, rng, under=0.5)
    return out
