"""What an open mouth shows: teeth, tongue and throat, shaded by depth and the lips' shadow."""

from __future__ import annotations

import cv2
import numpy as np

from .fit import Person
from .geometry import curve, sampled, smoothstep
from .kit import LOWER_TEETH, TONGUE, UPPER_TEETH
from .points import LIP_SEAM_LOWER, LIP_SEAM_UPPER

_THROAT, _CHEEK = np.array([60, 24, 22], np.float32), np.array([140, 68, 62], np.float32)
_TONGUE = np.array([188, 106, 102], np.float32)


def paint_mouth(
    image: np.ndarray,
    person: Person,
    part: np.ndarray,
    depth: np.ndarray,
    seen: np.ndarray,
    inner: np.ndarray,
    landmarks: np.ndarray,
    posed: np.ndarray,
) -> None:
    """Paint the pixels `inner` of the float image in place; the maps are per pixel, `posed` is the mesh."""
    size, cm = person.size, person.centimetre
    rows, columns = np.flatnonzero(inner.any(1)), np.flatnonzero(inner.any(0))
    pad = max(3, int(0.35 * cm))
    y0, y1 = max(rows[0] - pad, 0), min(rows[-1] + pad + 1, size)
    x0, x1 = max(columns[0] - pad, 0), min(columns[-1] + pad + 1, size)
    box = np.s_[y0:y1, x0:x1]
    part, seen, shown = part[box], seen[box], inner[box].astype(np.float32)
    front = posed[person.kit.parts[UPPER_TEETH], 2].max()
    behind = np.clip((front - depth[box]) / cm - 0.35, 0, 6)
    top, bottom, side = _clearances(shown, cm)
    colour = _inside(part, seen, behind)
    for row, picture in ((UPPER_TEETH, person.teeth.upper), (LOWER_TEETH, person.teeth.lower)):
        here = part == row
        if here.any():
            _lay_teeth(
                colour, here, sampled(picture, seen[..., :2]), seen[..., 2], behind, row == LOWER_TEETH
            )
    shade = 0.62 + 0.38 * smoothstep(top / 0.4)
    shade *= 0.80 + 0.20 * smoothstep(bottom / 0.2)
    shade *= 0.40 + 0.60 * smoothstep(side / 0.8)
    colour *= (shade * float(np.clip(person.white / 190, 0.86, 1.1)))[..., None]
    soft = 0.045 * cm
    weight = cv2.GaussianBlur(shown, (0, 0), soft)
    spread = cv2.GaussianBlur(colour * shown[..., None], (0, 0), soft) / np.maximum(weight, 1e-3)[..., None]
    colour = np.where(shown[..., None] > 0, colour, spread)
    alpha = np.clip(cv2.GaussianBlur(shown, (0, 0), max(0.06 * cm, 0.6)) * 1.5 - 0.25, 0, 1)[..., None]
    parted = _parted(person, landmarks, np.arange(x0, x1))  # closed lips keep the photograph's own seam
    image[box] += (colour - image[box]) * alpha * smoothstep(parted / (0.12 * cm) - 0.4)[None, :, None]


def soften_corners(image: np.ndarray, person: Person, landmarks: np.ndarray) -> None:
    """Where parted lips meet, the seam's few pixels are spread thin: soften and shade them."""
    cm, size = person.centimetre, person.size
    opening = landmarks[[95, 96, 97], 1] - landmarks[[100, 101, 102], 1]
    opening -= person.landmarks[[95, 96, 97], 1] - person.landmarks[[100, 101, 102], 1]
    strength = float(smoothstep(-opening.mean() / (0.4 * cm)))
    if strength < 0.02:
        return
    reach = int(0.9 * cm) + 1
    for corner, inwards in ((87, 1), (93, -1)):
        x, y = landmarks[corner] + (0.12 * cm * inwards, 0)
        x0, y0 = max(int(x) - reach, 0), max(int(y) - reach, 0)
        box = image[y0 : min(y0 + 2 * reach, size), x0 : min(x0 + 2 * reach, size)]
        ys, xs = np.ogrid[y0 : y0 + box.shape[0], x0 : x0 + box.shape[1]]
        weight = np.exp(-(((xs - x) / (0.42 * cm)) ** 2) - ((ys - y) / (0.26 * cm)) ** 2) * strength
        soft = cv2.GaussianBlur(np.ascontiguousarray(box), (0, 0), 0.13 * cm) * (1 - 0.16 * weight)[..., None]
        box += (soft - box) * np.minimum(1.6 * weight, 1)[..., None].astype(np.float32)


def _parted(person: Person, landmarks: np.ndarray, x: np.ndarray) -> np.ndarray:
    """How much further apart than in the photograph the lips are, in pixels, per column."""

    def gap(points: np.ndarray) -> np.ndarray:
        upper, lower = (curve(points[list(ids)], x) for ids in (LIP_SEAM_UPPER, LIP_SEAM_LOWER))
        return lower - upper

    return gap(landmarks) - gap(person.landmarks)


def _clearances(shown: np.ndarray, cm: float) -> list[np.ndarray]:
    """How far, in cm, each pixel lies under the upper lip, over the lower lip, from the nearer corner."""

    def run(mask: np.ndarray) -> np.ndarray:
        return np.cumsum(mask, axis=0) * mask

    top, bottom = run(shown), run(shown[::-1])[::-1]
    side = np.minimum(run(shown.T).T, run(shown[:, ::-1].T).T[:, ::-1])
    distances = (np.ascontiguousarray(d, np.float32) for d in (top, bottom, side))
    return [cv2.GaussianBlur(d, (0, 0), 0.08 * cm) / cm for d in distances]


def _inside(part: np.ndarray, seen: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """Cheeks that fall off to a dark throat, and the tongue with its groove and its wet light."""
    tooth = (part == UPPER_TEETH) | (part == LOWER_TEETH)  # what shows past their edges lies further back
    near = np.exp(-np.where(tooth, 2.5, behind) / 1.6)[..., None]
    colour = _THROAT + (_CHEEK - _THROAT) * near
    tongue = part == TONGUE
    if tongue.any():
        across, lit = seen[..., 0], seen[..., 2]
        groove = 1 - 0.18 * np.exp(-((across / 0.16) ** 2))
        wet = 70 * np.exp(-(((np.abs(across) - 0.55) / 0.35) ** 2)) * np.clip(lit - 0.55, 0, 1) ** 2
        shade = (0.45 + 0.6 * lit) * groove * np.exp(-np.maximum(behind - 0.6, 0) / 2.6)
        colour = np.where(tongue[..., None], _TONGUE * shade[..., None] + wet[..., None], colour)
    return colour.astype(np.float32)


def _lay_teeth(
    colour: np.ndarray,
    here: np.ndarray,
    picture: np.ndarray,
    lit: np.ndarray,
    behind: np.ndarray,
    lower: bool,
) -> None:
    """Teeth turned away and further back take less light; the lower ones stand in the upper ones' shade."""
    shade = (0.86 + 0.2 * lit) * np.exp(-np.maximum(behind - 0.1, 0) / 4.5) * (0.9 if lower else 1.0)
    alpha = (picture[..., 3] * here)[..., None]
    colour += (picture[..., :3] * (248 * shade)[..., None] - colour) * alpha
