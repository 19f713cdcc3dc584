"""Where a person ends and the backdrop begins: the studio's smooth one, and how much pixels show of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from . import points as at
from .geometry import SIZE, push_pull, rescaled, smoothstep
from .look import measure_look
from .surface import away_from, fitted

_QUARTER = SIZE // 4
_RIM = 14.0  # pixels from the outline within which hair may have gaps
_SAME = 45  # grey levels in all from the backdrop, within which a patch deep in the hair is backdrop too
_SOLID = 0.97  # opacity from which a pixel shows the person alone
_LEAST_KNOWN = 0.03  # share of the picture that must surely be backdrop
_FLOOR, _CEILING = 0.07, 0.92  # shares of foreground below and above which a pixel is wholly the one or other


@dataclass(frozen=True, eq=False)
class Matte:
    backdrop: np.ndarray  # (512,512,3) float32: what stands behind the person, smooth
    alpha: np.ndarray  # (512,512) float32: 1 person, 0 backdrop


def cut_out(image: np.ndarray, landmarks: np.ndarray) -> Matte:
    """The person before any smooth backdrop; all is person where no backdrop can be told."""
    small = cv2.resize(image, (_QUARTER, _QUARTER), interpolation=cv2.INTER_AREA)
    known = _known_backdrop(small, landmarks)
    backdrop = _smooth_backdrop(small.astype(np.float32), known)
    whole = cv2.resize(backdrop, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    if known.mean() < _LEAST_KNOWN:
        whole[:] = np.percentile(small[: _QUARTER // 4].reshape(-1, 3), 90, axis=0)
        return Matte(whole, np.ones((SIZE, SIZE), np.float32))
    away = image - whole
    alpha = _closed(_alpha(away, landmarks), _sum(np.abs(away)), landmarks)
    bald = measure_look(image, landmarks)["hair"] is None
    sure = np.maximum(_crown(landmarks, 3 if bald else 15), _ears(landmarks))
    return Matte(whole, np.maximum(alpha, sure))


def on_backdrop(image: np.ndarray, matte: Matte, backdrop: np.ndarray) -> np.ndarray:
    """The person before another (512,512,3) backdrop, as float32; grain, strands and all."""
    # the bright seam that sharpening leaves around dark hair goes with the backdrop
    gone = np.maximum(matte.backdrop, image)
    return image + (1 - matte.alpha[..., None]) * (backdrop - gone)


def unmixed(image: np.ndarray, matte: Matte) -> np.ndarray:
    """The person's own colours, as float32: strands that show the backdrop have that of hair nearby."""
    small = cv2.resize(image, (_QUARTER, _QUARTER), interpolation=cv2.INTER_AREA).astype(np.float32)
    solid = cv2.resize(
        (matte.alpha > _SOLID).astype(np.float32), (_QUARTER, _QUARTER), interpolation=cv2.INTER_AREA
    )
    solid = np.where(solid > 0.9, 1, 0).astype(np.float32)
    share = cv2.GaussianBlur(solid, (0, 0), 2)
    near = cv2.GaussianBlur(small * solid[..., None], (0, 0), 2) / np.maximum(share, 1e-4)[..., None]
    near = push_pull(near, (share > 0.02).astype(np.float32)).astype(np.float32)
    whole = cv2.resize(near, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    own = np.clip((matte.alpha - 0.6) / (_SOLID - 0.6), 0, 1)[..., None]
    return whole + own * (image - whole)


def _known_backdrop(small: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Surely backdrop, at a quarter of the size: what a surface explains, grown from the upper corners."""
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    ys, xs = np.mgrid[:_QUARTER, :_QUARTER].astype(np.float32) / _QUARTER - 0.5
    head = np.zeros((_QUARTER, _QUARTER), np.uint8)
    ring = np.vstack([landmarks[list(at.FACE_RING)], landmarks[list(at.NECK)] + (0, 60)])
    cv2.fillConvexPoly(head, cv2.convexHull((ring / 4).astype(np.int32)), 1)
    free = head == 0
    known = free & ((np.abs(xs) > 0.42) & (ys < 0.05) | (ys < -0.46) & (np.abs(xs) > 0.25))
    for _ in range(2):  # hair in the corners: keep what is like most of them
        middle = np.median(lab[known], 0)
        known = known & (np.abs(lab - middle) @ np.array([0.5, 2, 2], np.float32) < 16)
        if known.sum() < 60:
            known = free & (np.abs(lab - middle) @ np.array([0.5, 2, 2], np.float32) < 16)
    sparse = np.zeros_like(known)
    sparse[::2, ::2] = True
    for degree in (1, 2, 3, 3):
        off = away_from(lab, fitted(lab, known & sparse, degree), np.array([1, 1.5, 1.5]))
        known = free & (off < 5)
        known = cv2.morphologyEx(known.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    _, labels = cv2.connectedComponents(known.astype(np.uint8))
    sides = labels[: round(0.8 * _QUARTER), [0, -1]]
    edge = np.unique(np.concatenate([sides.ravel(), labels[0]]))
    known = np.isin(labels, edge[edge > 0])
    for _ in range(4):  # into shadows, which no surface explains
        near = cv2.dilate(known.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        off = np.abs(small - _smooth_backdrop(small.astype(np.float32), known)).sum(-1)
        known = known | free & near & (off < 12)
    return known


def _smooth_backdrop(small: np.ndarray, known: np.ndarray) -> np.ndarray:
    near = cv2.erode(known.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1).astype(np.float32)
    share = cv2.GaussianBlur(near, (0, 0), 3)
    soft = cv2.GaussianBlur(small * near[..., None], (0, 0), 3) / np.maximum(share, 1e-4)[..., None]
    return cv2.GaussianBlur(push_pull(soft, (share > 0.08).astype(np.float32)), (0, 0), 2)


def _alpha(away: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Between the backdrop's colour and that of solid parts nearby; `away` is picture less backdrop."""
    distance = _sum(np.abs(away))
    small = cv2.resize(away, (_QUARTER, _QUARTER), interpolation=cv2.INTER_AREA)
    sure = (cv2.resize(distance, (_QUARTER, _QUARTER), interpolation=cv2.INTER_AREA) > 90).astype(np.float32)
    core = cv2.erode(sure, np.ones((3, 3), np.uint8), borderValue=1)  # thin strands are mixtures themselves
    share = cv2.GaussianBlur(core, (0, 0), 2)
    person = cv2.GaussianBlur(small * core[..., None], (0, 0), 2) / np.maximum(share, 1e-4)[..., None]
    person = push_pull(person, (share > 0.05).astype(np.float32))
    solid = cv2.resize(person, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    strength = _sum(solid * solid)
    raw = _sum(away * solid) / np.maximum(strength, 40.0**2)
    alpha = np.clip((raw - _FLOOR) / (_CEILING - _FLOOR), 0, 1).astype(np.float32)
    _add_clothes(alpha, _sum(away), int(landmarks[at.CHIN, 1]))
    return alpha


def _sum(layers: np.ndarray) -> np.ndarray:
    """Of the colours of each pixel; ten times as fast as a sum over the last axis."""
    return cv2.transform(layers, np.ones((1, 3), np.float32))


def _add_clothes(alpha: np.ndarray, lighter: np.ndarray, chin: int) -> None:
    """White shirts are hardly lighter than the backdrop, and under a shoulder there is no backdrop at all."""
    if chin > SIZE - 24:
        return
    shirt = cv2.morphologyEx(lighter[chin:], cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    shirt = shirt * np.clip(np.arange(SIZE - chin) / 30, 0, 1)[:, None]
    alpha[chin:] = np.maximum(alpha[chin:], np.clip((shirt - 14) / 20, 0, 1))
    clothed = cv2.erode((alpha[-4:].min(0) > 0.5).astype(np.uint8), np.ones((9, 1), np.uint8))[:, 0]
    below = slice(min(chin + 30, SIZE - 12), SIZE)
    body = cv2.morphologyEx((alpha[below] > 0.6).astype(np.uint8), cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    body = np.maximum.accumulate(body, 0) * clothed
    soft = cv2.GaussianBlur(body.astype(np.float32), (0, 0), 1.5) * body
    alpha[below] = np.maximum(alpha[below], soft)


def _crown(landmarks: np.ndarray, margin: int) -> np.ndarray:
    """Inside the landmarks around the hair, above the brows: person, though bald heads shine like paper."""
    mask = np.zeros((_QUARTER, _QUARTER), np.uint8)
    around = rescaled(landmarks[list(at.HAIR)], _QUARTER / SIZE)
    cv2.fillPoly(mask, [around.round().astype(np.int32)], 1)
    mask[int(landmarks[[73, 80], 1].min() - 0.05 * SIZE) // 4 :] = 0
    inside = cv2.erode(mask, np.ones((margin, margin), np.uint8), borderValue=1)
    return cv2.resize(cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1), (SIZE, SIZE))


def _ears(landmarks: np.ndarray) -> np.ndarray:
    """Well inside both ears, whose rims shine through against a bright backdrop."""
    mask = np.zeros((_QUARTER, _QUARTER), np.uint8)
    for ids in ([109, *range(115, 120), 111], [112, *range(120, 125), 114]):
        ear = rescaled(landmarks[ids], _QUARTER / SIZE)
        inner = ear.mean(0) + 0.6 * (ear - ear.mean(0))
        cv2.fillPoly(mask, [np.round(inner * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 0.7)
    return cv2.resize(soft, (SIZE, SIZE))


def _closed(alpha: np.ndarray, distance: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """No holes deep inside, where highlights only look like the backdrop; near the rim, gaps in hair stay."""
    firm = (alpha > 0.6).astype(np.uint8)
    solid = cv2.morphologyEx(firm, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    framed = cv2.copyMakeBorder(1 - solid, 1, 0, 1, 1, cv2.BORDER_CONSTANT, value=1)
    cv2.floodFill(framed, None, (0, 0), 2)
    enclosed = (framed[1:, 1:-1] != 2).astype(np.uint8)
    deep = cv2.copyMakeBorder(enclosed, 0, 1, 0, 0, cv2.BORDER_CONSTANT, value=1)
    depth = cv2.distanceTransform(deep, cv2.DIST_L2, 5)[:-1]
    rim = np.full((SIZE, SIZE), _RIM, np.float32)
    face = cv2.convexHull(landmarks[list(at.FACE_RING)].astype(np.int32))
    cv2.fillConvexPoly(rim, face, 3.0)
    rim[int(landmarks[list(at.NECK), 1].min()) :] = 3.0
    gaps = cv2.morphologyEx((distance < _SAME).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    cv2.fillConvexPoly(gaps, face, 0)
    gaps = cv2.GaussianBlur(cv2.dilate(gaps, np.ones((7, 7), np.uint8)).astype(np.float32), (0, 0), 1.5)
    inside = smoothstep((depth - rim) / 4 + 0.5) * (1 - gaps)
    return np.maximum(alpha, inside.astype(np.float32))
