"""Which pixels of a framed neutral portrait are skin, hair, clothing, iris and brow, as soft masks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from . import points as at
from .geometry import SIZE, smoothstep
from .look import measure_look
from .matte import Matte

_HALF = SIZE // 2
_SPREAD = 8.5  # of each part's colour about its shading line, in weighted L*a*b*
_ALIKE = 14.0  # weighted difference below which hair and skin cannot be told apart
_WEIGHTS = np.array([0.55, 1.5, 1.5], np.float32)  # shading changes L* most


@dataclass(frozen=True, eq=False)
class Parts:
    """Soft masks, (512,512) float32, and the Lab colour of each; None where there is no such part."""

    skin: np.ndarray
    hair: np.ndarray
    clothing: np.ndarray
    iris: np.ndarray
    brows: np.ndarray
    skin_lab: np.ndarray
    hair_lab: np.ndarray | None
    clothing_lab: np.ndarray | None
    eye_lab: np.ndarray


def segment(lab: np.ndarray, image: np.ndarray, landmarks: np.ndarray, matte: Matte) -> Parts:
    """`lab` is the float32 Lab of the image."""
    look = measure_look(image, landmarks)
    skin_lab, eye_lab = np.array(look["skin"]), np.array(look["eye"])
    hair_lab = None if look["hair"] is None else np.array(look["hair"])
    small = cv2.resize(lab, (_HALF, _HALF), interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(matte.alpha, (_HALF, _HALF), interpolation=cv2.INTER_AREA)
    hangs = _hanging(alpha, landmarks)
    priors = _priors(landmarks, hangs)
    clothing_lab = _clothing(small, alpha, priors["clothing"], skin_lab, hair_lab if any(hangs) else None)
    scores = [_score(small, skin_lab, 0.45, 1.3) + np.log(priors["skin"])]
    blank = np.full((_HALF, _HALF), -30.0, np.float32)
    scores.append(blank if hair_lab is None else _score(small, hair_lab, 0.25, 1.9) + np.log(priors["hair"]))
    scores.append(
        blank
        if clothing_lab is None
        else _score(small, clothing_lab, 0.35, 1.35) + np.log(priors["clothing"])
    )
    scores[2] = np.where(priors["clothing"] > 2e-4, scores[2], -30)  # never on the head
    stack = np.stack(scores)
    stack = np.exp(stack - stack.max(0))
    stack /= stack.sum(0)
    guide = small[..., 0] / 100
    full_guide = lab[..., 0] / 100
    stack[1] = smoothstep((stack[1] - 0.2) / 0.6)  # a little hair colour all over skin is a tint
    soft = [_guided(guide, share.astype(np.float32), full_guide) * matte.alpha for share in stack]
    soft[1] *= _not_skin(lab, skin_lab, hair_lab, landmarks)
    return Parts(
        soft[0],
        soft[1],
        soft[2],
        _iris_mask(landmarks),
        _brow_mask(lab, landmarks, skin_lab),
        skin_lab,
        hair_lab,
        clothing_lab,
        eye_lab,
    )


def _priors(lm: np.ndarray, hangs: tuple[bool, bool]) -> dict[str, np.ndarray]:
    """Where each part may be, at half the size."""
    half = (lm + 0.5) / 2 - 0.5
    ring = half[list(at.FACE_RING)]
    inner = ring.mean(0) + (ring - ring.mean(0)) * 0.97
    face = _fill(inner, 3)
    ears = np.maximum(
        _fill(half[[109, *range(115, 120), 111]], 2), _fill(half[[112, *range(120, 125), 114]], 2)
    )
    rows = np.arange(_HALF, dtype=np.float32)[:, None]
    chin, brows = half[at.CHIN, 1], half[[73, 80], 1].mean()
    neck = _fill(np.vstack([half[[126, 132]], (half[131, 0], _HALF + 9), (half[127, 0], _HALF + 9)]), 3)
    below = smoothstep((rows - (chin - 0.1 * _HALF)) / (0.12 * _HALF)) + np.zeros((1, _HALF), np.float32)
    low = smoothstep((rows - half[[119, 124], 1].mean()) / (0.06 * _HALF))
    fringe = 0.35 * np.clip((brows - rows) / 8, 0, 1)
    skin = np.maximum(np.maximum(face, 0.8 * ears), np.maximum(0.8 * neck, 0.4 * below))
    hair = 1 - np.maximum(np.maximum(face * (0.985 - fringe), 0.85 * ears), 0.85 * neck * low)
    for columns, hanging, lobe in zip(_sides(half), hangs, half[[119, 124], 1], strict=True):
        under_ear = smoothstep((rows - lobe) / (0.03 * _HALF))
        hair[:, columns] *= 1 - (0.5 * below[:, columns] if hanging else 0.97 * under_ear)
    clothing = (0.3 * low + 0.7 * below) * (1 - face) * (1 - 0.7 * neck)
    return {name: np.clip(m, 1e-4, 1) for name, m in (("skin", skin), ("hair", hair), ("clothing", clothing))}


def _sides(half: np.ndarray) -> tuple[slice, slice]:
    """The columns left and right of the chin."""
    middle = int(np.clip(half[at.CHIN, 0], 1, _HALF - 1))
    return slice(0, middle), slice(middle, _HALF)


def _hanging(alpha: np.ndarray, lm: np.ndarray) -> tuple[bool, bool]:
    """Whether hair falls past the lobe of the ear, left and right: something beside the jaw there."""
    half = (lm + 0.5) / 2 - 0.5
    found = []
    for lobe, jaw, way in ((119, [111, 125, 126], -1), (124, [114, 133, 132], 1)):
        rows = np.arange(int(half[lobe, 1]) + 4, max(int(half[jaw[-1], 1]), int(half[lobe, 1]) + 10))
        rows = rows[(rows >= 0) & (rows < _HALF)]
        edge = np.interp(rows, half[jaw, 1], half[jaw, 0]) + 6 * way
        beside = way * (np.arange(_HALF) - edge[:, None]) > 0
        found.append(bool(len(rows)) and float(((alpha[rows] > 0.7) & beside).sum(1).mean()) > 4)
    return found[0], found[1]


def _fill(shape: np.ndarray, blur: float) -> np.ndarray:
    mask = np.zeros((_HALF, _HALF), np.float32)
    cv2.fillPoly(mask, [np.round(shape * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(mask, (0, 0), blur)


def _score(lab: np.ndarray, colour: np.ndarray, darkest: float, lightest: float) -> np.ndarray:
    """Log-likelihood of a colour that may lie in shade or light."""
    ray = (colour * _WEIGHTS).astype(np.float32)
    point = lab * _WEIGHTS
    share = np.clip(point @ ray / max(float(ray @ ray), 1e-3), darkest, lightest)
    away = ((point - share[..., None] * ray) ** 2).sum(-1)
    return -np.minimum(away / (2 * _SPREAD**2), 12).astype(np.float32)


def _not_skin(
    lab: np.ndarray, skin: np.ndarray, hair: np.ndarray | None, lm: np.ndarray
) -> np.ndarray | float:
    """Over the face hair ends sharply where its colour does, or skin along the hairline would be tinted."""
    if hair is None:
        return 1.0
    way = ((skin - hair) * _WEIGHTS).astype(np.float32)
    if float(way @ way) < _ALIKE**2:
        return 1.0
    share = ((lab - hair.astype(np.float32)) * _WEIGHTS) @ (way / float(way @ way))
    ring = (lm[list(at.FACE_RING)] + 0.5) / 2 - 0.5
    face = _fill(ring.mean(0) + (ring - ring.mean(0)) * 1.06, 2)
    face = cv2.resize(face, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    return 1 - face * smoothstep((cv2.blur(share, (3, 3)) - 0.35) / 0.4)


def _clothing(
    lab: np.ndarray,
    alpha: np.ndarray,
    prior: np.ndarray,
    skin: np.ndarray,
    hair: np.ndarray | None,
) -> np.ndarray | None:
    """The commonest colour low in the picture that is neither skin nor hair."""
    low = slice(_HALF - 16, _HALF)
    seeds = (alpha[low] > 0.9) & (prior[low] > 0.5)
    other = _score(lab[low], skin, 0.45, 1.3) < -2.5
    if hair is not None:
        other &= _score(lab[low], hair, 0.3, 1.9) < -3
    if (seeds & other).sum() < 50:
        return None
    return np.median(lab[low][seeds & other], 0).astype(float)


def _guided(
    guide: np.ndarray, mask: np.ndarray, full: np.ndarray, radius: int = 4, eps: float = 4e-4
) -> np.ndarray:
    """The mask at full size, its edges on those of the picture (He, Sun and Tang, 2013)."""
    window = (2 * radius + 1, 2 * radius + 1)
    mean, target = cv2.blur(guide, window), cv2.blur(mask, window)
    slope = (cv2.blur(guide * mask, window) - mean * target) / (
        cv2.blur(guide * guide, window) - mean**2 + eps
    )
    offset = target - slope * mean
    size = (full.shape[1], full.shape[0])
    slope, offset = (
        cv2.resize(cv2.blur(m, window), size, interpolation=cv2.INTER_LINEAR) for m in (slope, offset)
    )
    return np.clip(slope * full + offset, 0, 1)


def _iris_mask(lm: np.ndarray) -> np.ndarray:
    """Between pupil and limbus, between the lids."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    for side in (0, 1):
        ring = lm[list(at.IRIS[side])]
        centre, lids = (
            ring.mean(0),
            np.vstack([lm[list(at.UPPER_LID[side])], lm[list(at.LOWER_LID[side])][::-1]]),
        )
        radius = np.linalg.norm(ring - centre, axis=1).mean()
        x0, y0 = np.floor(centre - radius - 3).astype(int)
        x1, y1 = np.ceil(centre + radius + 4).astype(int)
        ys, xs = np.mgrid[y0:y1, x0:x1].astype(np.float32)
        distance = np.hypot(xs - centre[0], ys - centre[1]) / radius
        open_part = np.zeros(xs.shape, np.float32)
        cv2.fillPoly(open_part, [np.round((lids - (x0, y0)) * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
        open_part = cv2.GaussianBlur(cv2.erode(open_part, np.ones((2, 2))), (0, 0), 0.8)
        share = smoothstep((distance - 0.32) / 0.16) * smoothstep((1.04 - distance) / 0.18)
        mask[y0:y1, x0:x1] = np.maximum(mask[y0:y1, x0:x1], share * open_part)
    return mask


def _brow_mask(lab: np.ndarray, lm: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """The hairs of brows and beard: what is darker than skin where they grow."""
    half = (lm + 0.5) / 2 - 0.5
    shape = np.zeros((_HALF, _HALF), np.float32)
    for ids in ([71, 72, 73, 74, 75, 76, 84, 83], [77, 78, 79, 80, 81, 82, 86, 85]):
        cv2.fillConvexPoly(shape, cv2.convexHull(half[ids].round().astype(np.int32)), 1.0)
    soft = cv2.GaussianBlur(cv2.dilate(shape, np.ones((3, 3))), (0, 0), 1.5)
    whole = cv2.resize(soft, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    dark = np.clip((0.92 * skin[0] - lab[..., 0]) / (0.35 * skin[0]), 0, 1).astype(np.float32)
    return np.maximum(whole, _bearded(lab, dark, half, skin)) * dark


def _bearded(lab: np.ndarray, dark: np.ndarray, half: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Where a beard grows dense: dark and greyer than skin, for shaded skin has more colour for its light."""
    place, lips = (np.zeros((_HALF, _HALF), np.float32) for _ in range(2))
    jaw = half[[87, 170, 172, 93, *range(132, 125, -1)]]
    cv2.fillConvexPoly(place, cv2.convexHull(jaw.round().astype(np.int32)), 1.0)
    cv2.fillConvexPoly(lips, cv2.convexHull(half[87:109].round().astype(np.int32)), 1.0)
    mouth = cv2.GaussianBlur(cv2.dilate(lips, np.ones((3, 3))), (0, 0), 1.2)
    allowed = cv2.GaussianBlur(place, (0, 0), 3) * (1 - mouth)
    vivid = np.hypot(skin[1], skin[2]) / skin[0]
    chroma = np.hypot(lab[..., 1], lab[..., 2]) / np.maximum(lab[..., 0], 1)
    grey = dark * np.clip((0.97 - chroma / max(vivid, 0.05)) / 0.25, 0, 1)
    dense = cv2.GaussianBlur(cv2.resize(grey, (_HALF, _HALF), interpolation=cv2.INTER_AREA), (0, 0), 5)
    beard = allowed * smoothstep((dense - 0.1) / 0.18)
    return cv2.resize(beard, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
