"""Where a person ends and the backdrop begins: the studio's smooth one, and how much pixels show of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from . import points as at
from .geometry import SIZE, push_pull, rescaled, smoothstep
from .look import measure_look
from .surface import away_from, fitted

_SMALL = SIZE // 4  # pixels across the small maps, and across the larger ones, whatever the picture's size
_WORK = SIZE // 2
_RIM = 14.0  # pixels at 512 from the outline within which hair may have gaps
_SAME = 45  # grey levels in all from the backdrop, within which a patch deep in the hair is backdrop too
_SOLID = 0.97  # opacity from which a pixel shows the person alone
_LEAST_KNOWN = 0.03  # share of the picture that must surely be backdrop
_FLOOR, _CEILING = 0.07, 0.92  # shares of foreground below and above which a pixel is wholly the one or other


@dataclass(frozen=True, eq=False)
class Matte:
    backdrop: np.ndarray  # (n,n,3) float32: what stands behind the person, smooth
    alpha: np.ndarray  # (n,n) float32: 1 person, 0 backdrop


def cut_out(image: np.ndarray, landmarks: np.ndarray, bald: bool | None = None) -> Matte:
    """The person before any smooth backdrop; all is person where no backdrop can be told.

    Whether someone is `bald` is measured where it is not known.
    """
    size = len(image)
    small = cv2.resize(image, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    lm = rescaled(landmarks, SIZE / size)
    known = _known_backdrop(small, lm)
    backdrop = _smooth_backdrop(small.astype(np.float32), known)
    whole = cv2.resize(backdrop, (size, size), interpolation=cv2.INTER_LINEAR)
    if known.mean() < _LEAST_KNOWN:
        whole[:] = np.percentile(small[: _SMALL // 4].reshape(-1, 3), 90, axis=0)
        return Matte(whole, np.ones((size, size), np.float32))
    alpha, distance = _alpha(image, whole, small - backdrop, lm)
    alpha = _closed(alpha, distance, lm)
    if bald is None:
        bald = measure_look(image, landmarks)["hair"] is None
    sure = np.maximum(_crown(lm, 3 if bald else 15), _ears(lm))
    return Matte(whole, np.maximum(alpha, cv2.resize(sure, (size, size), interpolation=cv2.INTER_LINEAR)))


def on_backdrop(image: np.ndarray, matte: Matte, backdrop: np.ndarray) -> np.ndarray:
    """The person before another (n,n,3) backdrop, as float32; grain, strands and all."""
    # the bright seam that sharpening leaves around dark hair goes with the backdrop
    out = np.empty(image.shape, np.float32)
    _before(image, matte.alpha, matte.backdrop, backdrop, out)
    return out


@njit(cache=True)
def _before(image: np.ndarray, alpha: np.ndarray, old: np.ndarray, new: np.ndarray, out: np.ndarray) -> None:
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            gone = np.float32(1) - alpha[y, x]
            for c in range(3):
                level = np.float32(image[y, x, c])
                out[y, x, c] = level + gone * (new[y, x, c] - max(old[y, x, c], level))


def unmixed(image: np.ndarray, matte: Matte) -> np.ndarray:
    """The person's own colours, as float32: strands that show the backdrop have that of hair nearby."""
    small = cv2.resize(image, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA).astype(np.float32)
    solid = cv2.resize(
        (matte.alpha > _SOLID).astype(np.float32), (_SMALL, _SMALL), interpolation=cv2.INTER_AREA
    )
    solid = (solid > 0.9).astype(np.float32)
    share = cv2.GaussianBlur(solid, (0, 0), 2)
    near = cv2.GaussianBlur(small * solid[..., None], (0, 0), 2) / np.maximum(share, 1e-4)[..., None]
    near = push_pull(near, (share > 0.02).astype(np.float32)).astype(np.float32)
    whole = cv2.resize(near, matte.alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
    _with_own(image, matte.alpha, whole)
    return whole


@njit(cache=True)
def _with_own(image: np.ndarray, alpha: np.ndarray, whole: np.ndarray) -> None:
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            own = min(max((alpha[y, x] - np.float32(0.6)) / np.float32(_SOLID - 0.6), 0), 1)
            for c in range(3):
                whole[y, x, c] += own * (np.float32(image[y, x, c]) - whole[y, x, c])


def _known_backdrop(small: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Surely backdrop, at a quarter of the size: what a surface explains, grown from the upper corners."""
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    ys, xs = np.mgrid[:_SMALL, :_SMALL].astype(np.float32) / _SMALL - 0.5
    head = np.zeros((_SMALL, _SMALL), np.uint8)
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
    sides = labels[: round(0.8 * _SMALL), [0, -1]]
    edge = np.unique(np.concatenate([sides.ravel(), labels[0]]))
    known = np.isin(labels, edge[edge > 0])
    exact = small.astype(np.float32)
    for _ in range(4):  # into shadows, which no surface explains
        near = cv2.dilate(known.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        off = _sum(cv2.absdiff(exact, _smooth_backdrop(exact, known)))
        grown = free & near & (off < 12) & ~known
        if not grown.any():
            break
        known = known | grown
    return known


def _smooth_backdrop(small: np.ndarray, known: np.ndarray) -> np.ndarray:
    near = cv2.erode(known.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1).astype(np.float32)
    least = (_SMALL // 2, _SMALL // 2)
    coarse = cv2.resize(small * near[..., None], least, interpolation=cv2.INTER_AREA)
    within = cv2.resize(near, least, interpolation=cv2.INTER_AREA)
    share = cv2.GaussianBlur(within, (0, 0), 1.5)
    soft = cv2.GaussianBlur(coarse, (0, 0), 1.5) / np.maximum(share, 1e-4)[..., None]
    filled = cv2.GaussianBlur(push_pull(soft, (share > 0.08).astype(np.float32)), (0, 0), 1)
    return cv2.resize(filled.astype(np.float32), (_SMALL, _SMALL), interpolation=cv2.INTER_LINEAR)


def _alpha(
    image: np.ndarray, backdrop: np.ndarray, small: np.ndarray, lm: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(opacity, distance from the backdrop): between its colour and that of solid parts nearby.

    `small` is the small picture less the backdrop.
    """
    sure = (_sum(np.abs(small)) > 90).astype(np.float32)
    core = cv2.erode(sure, np.ones((3, 3), np.uint8), borderValue=1)  # thin strands are mixtures themselves
    share = cv2.GaussianBlur(core, (0, 0), 2)
    person = cv2.GaussianBlur(small * core[..., None], (0, 0), 2) / np.maximum(share, 1e-4)[..., None]
    person = push_pull(person, (share > 0.05).astype(np.float32)).astype(np.float32)
    solid = cv2.resize(person, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    alpha, lighter, distance = (np.empty(image.shape[:2], np.float32) for _ in range(3))
    _opacity(image, backdrop, solid, alpha, lighter, distance)
    _add_clothes(alpha, lighter, lm)
    return alpha, distance


@njit(cache=True)
def _opacity(
    image: np.ndarray,
    backdrop: np.ndarray,
    solid: np.ndarray,
    alpha: np.ndarray,
    lighter: np.ndarray,
    distance: np.ndarray,
) -> None:
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            strength, along, total, apart = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for c in range(3):
                away = np.float32(image[y, x, c]) - backdrop[y, x, c]
                total += away
                apart += abs(away)
                along += away * solid[y, x, c]
                strength += solid[y, x, c] * solid[y, x, c]
            raw = along / max(strength, np.float32(1600))
            alpha[y, x] = min(max((raw - np.float32(_FLOOR)) / np.float32(_CEILING - _FLOOR), 0), 1)
            lighter[y, x], distance[y, x] = total, apart


def _sum(layers: np.ndarray) -> np.ndarray:
    """Of the colours of each pixel; ten times as fast as a sum over the last axis."""
    return cv2.transform(layers, np.ones((1, 3), np.float32))


def _add_clothes(alpha: np.ndarray, lighter: np.ndarray, lm: np.ndarray) -> None:
    """White shirts are hardly lighter than the backdrop, and under a shoulder there is no backdrop at all."""
    size, scale = len(alpha), len(alpha) / SIZE
    chin = int(lm[at.CHIN, 1] * scale)
    if chin > size - 24 * scale:
        return
    shirt = cv2.morphologyEx(lighter[chin:], cv2.MORPH_OPEN, _square(2, scale))
    shirt = shirt * np.clip(np.arange(size - chin, dtype=np.float32) / (30 * scale), 0, 1)[:, None]
    alpha[chin:] = np.maximum(alpha[chin:], np.clip((shirt - 14) / 20, 0, 1))
    last = max(1, round(4 * scale))
    clothed = cv2.erode((alpha[-last:].min(0) > 0.5).astype(np.uint8), _square(4, scale)[:, :1])[:, 0]
    below = slice(min(chin + round(30 * scale), size - round(12 * scale)), size)
    body = cv2.morphologyEx((alpha[below] > 0.6).astype(np.uint8), cv2.MORPH_OPEN, _square(4, scale))
    body = np.maximum.accumulate(body, 0) * clothed
    soft = cv2.GaussianBlur(body.astype(np.float32), (0, 0), 1.5 * scale) * body
    alpha[below] = np.maximum(alpha[below], soft)


def _square(radius: int, scale: float) -> np.ndarray:
    across = 2 * max(1, round(radius * scale)) + 1
    return np.ones((across, across), np.uint8)


def _crown(landmarks: np.ndarray, margin: int) -> np.ndarray:
    """Small: inside the landmarks around the hair, above the brows, though bald heads shine like paper."""
    mask = np.zeros((_SMALL, _SMALL), np.uint8)
    around = rescaled(landmarks[list(at.HAIR)], _SMALL / SIZE)
    cv2.fillPoly(mask, [around.round().astype(np.int32)], 1)
    mask[int(landmarks[[73, 80], 1].min() - 0.05 * SIZE) // 4 :] = 0
    inside = cv2.erode(mask, np.ones((margin, margin), np.uint8), borderValue=1)
    return cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1)


def _ears(landmarks: np.ndarray) -> np.ndarray:
    """Small: well inside both ears, whose rims shine through against a bright backdrop."""
    mask = np.zeros((_SMALL, _SMALL), np.uint8)
    for ids in at.EAR_RING:
        ear = rescaled(landmarks[list(ids)], _SMALL / SIZE)
        inner = ear.mean(0) + 0.6 * (ear - ear.mean(0))
        cv2.fillPoly(mask, [np.round(inner * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 0.7)


def _closed(alpha: np.ndarray, distance: np.ndarray, lm: np.ndarray) -> np.ndarray:
    """No holes deep inside, where highlights only look like the backdrop; near the rim, gaps in hair stay."""
    half, work = rescaled(lm, _WORK / SIZE), (_WORK, _WORK)
    firm = (cv2.resize(alpha, work, interpolation=cv2.INTER_AREA) > 0.6).astype(np.uint8)
    apart = cv2.resize(distance, work, interpolation=cv2.INTER_AREA)
    framed = cv2.copyMakeBorder(1 - firm, 1, 0, 1, 1, cv2.BORDER_CONSTANT, value=1)
    cv2.floodFill(framed, None, (0, 0), 2)
    enclosed = (framed[1:, 1:-1] != 2).astype(np.uint8)
    deep = cv2.copyMakeBorder(enclosed, 0, 1, 0, 0, cv2.BORDER_CONSTANT, value=1)
    depth = cv2.distanceTransform(deep, cv2.DIST_L2, 5)[:-1]
    rim = np.full(work, _RIM / 2, np.float32)
    face = cv2.convexHull(half[list(at.FACE_RING)].astype(np.int32))
    cv2.fillConvexPoly(rim, face, 1.5)
    rim[int(half[list(at.NECK), 1].min()) :] = 1.5
    gaps = cv2.morphologyEx((apart < _SAME).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    cv2.fillConvexPoly(gaps, face, 0)
    gaps = cv2.GaussianBlur(cv2.dilate(gaps, np.ones((3, 3), np.uint8)).astype(np.float32), (0, 0), 1)
    inside = (smoothstep((depth - rim) / 2 + 0.5) * (1 - gaps)).astype(np.float32)
    return np.maximum(alpha, cv2.resize(inside, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR))
