"""Which pixels of a framed neutral portrait are skin, hair, clothing, iris and brow, as soft masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from ..look import Lab
from . import points as at
from .geometry import SIZE, rescaled, smoothstep
from .look import measure_look
from .matte import Matte

_SPREAD = 8.5  # of each part's colour about its shading line, in weighted L*a*b*
_ALIKE = 14.0  # weighted difference below which hair and skin cannot be told apart
_WEIGHTS = np.array([0.55, 1.5, 1.5], np.float32)  # shading changes L* most
# how dark and how light each part may be by its own colour: skin, hair, clothing
_SHADE = np.array([(0.45, 1.3), (0.25, 1.9), (0.35, 1.35)], np.float32)


@dataclass(frozen=True, eq=False)
class Parts:
    """Soft masks, (n,n) float32, and the Lab colour of each; None where there is no such part."""

    skin: np.ndarray
    hair: np.ndarray
    clothing: np.ndarray
    iris: np.ndarray
    brows: np.ndarray
    skin_lab: np.ndarray
    hair_lab: np.ndarray | None
    clothing_lab: np.ndarray | None
    eye_lab: np.ndarray


def segment(
    lab: np.ndarray,
    image: np.ndarray,
    landmarks: np.ndarray,
    matte: Matte,
    look: Mapping[str, Lab | None] | None = None,
) -> Parts:
    """`lab` is the float32 Lab of the image; its `look` is measured where it is not known.

    Masks are made at half the size, all lengths below in pixels of a picture of 512 at half its size.
    """
    look = look or measure_look(image, landmarks)
    skin_lab, eye_lab = np.array(look["skin"]), np.array(look["eye"])
    hair_lab = None if look["hair"] is None else np.array(look["hair"])
    size, scale = len(image), len(image) / SIZE
    work, half = (size // 2, size // 2), rescaled(landmarks, 0.5)
    small = cv2.resize(lab, work, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(matte.alpha, work, interpolation=cv2.INTER_AREA)
    hangs = _hanging(alpha, half, scale)
    priors = _priors(half, hangs, scale)
    clothing_lab = _clothing(small, alpha, priors[2], skin_lab, hair_lab if any(hangs) else None)
    shares = _shares(small, priors, skin_lab, hair_lab, clothing_lab)
    shares[1] = smoothstep((shares[1] - 0.2) / 0.6)  # a little hair colour all over skin is a tint
    radius = max(1, round(4 * scale))
    skin, hair, clothing = _guided(small[..., 0] / 100, shares, lab[..., 0] / 100, matte.alpha, radius)
    _drop_skin(hair, lab, skin_lab, hair_lab, half, scale)
    return Parts(
        skin,
        hair,
        clothing,
        _iris_mask(landmarks, size),
        _brow_mask(lab, small, half, skin_lab, scale),
        skin_lab,
        hair_lab,
        clothing_lab,
        eye_lab,
    )


def _priors(half: np.ndarray, hangs: tuple[bool, bool], scale: float) -> np.ndarray:
    """(skin, hair, clothing): where each part may be."""
    work = round(SIZE // 2 * scale)
    ring = half[list(at.FACE_RING)]
    inner = ring.mean(0) + (ring - ring.mean(0)) * 0.97
    face = _fill(inner, 3, scale)
    ears = _fill([half[list(ids)] for ids in at.EAR_RING], 2, scale)
    rows = np.arange(work, dtype=np.float32)[:, None]
    chin, brows = half[at.CHIN, 1], half[[73, 80], 1].mean()
    low_end = work + 9
    neck = _fill(np.vstack([half[[126, 132]], (half[131, 0], low_end), (half[127, 0], low_end)]), 3, scale)
    below = smoothstep((rows - (chin - 0.1 * work)) / (0.12 * work)) + np.zeros((1, work), np.float32)
    low = smoothstep((rows - half[[119, 124], 1].mean()) / (0.06 * work))
    fringe = 0.35 * np.clip((brows - rows) / (8 * scale), 0, 1)
    skin = np.maximum(np.maximum(face, 0.8 * ears), np.maximum(0.8 * neck, 0.4 * below))
    hair = 1 - np.maximum(np.maximum(face * (0.985 - fringe), 0.85 * ears), 0.85 * neck * low)
    for columns, hanging, lobe in zip(_sides(half, work), hangs, half[[119, 124], 1], strict=True):
        under_ear = smoothstep((rows - lobe) / (0.03 * work))
        hair[:, columns] *= 1 - (0.5 * below[:, columns] if hanging else 0.97 * under_ear)
    clothing = (0.3 * low + 0.7 * below) * (1 - face) * (1 - 0.7 * neck)
    return np.clip(np.stack([skin, hair, clothing]), 1e-4, 1).astype(np.float32)


def _sides(half: np.ndarray, work: int) -> tuple[slice, slice]:
    """The columns left and right of the chin."""
    middle = int(np.clip(half[at.CHIN, 0], 1, work - 1))
    return slice(0, middle), slice(middle, work)


def _hanging(alpha: np.ndarray, half: np.ndarray, scale: float) -> tuple[bool, bool]:
    """Whether hair falls past the lobe of the ear, left and right: something beside the jaw there."""
    found, work = [], len(alpha)
    for lobe, jaw, way in ((119, [111, 125, 126], -1), (124, [114, 133, 132], 1)):
        first = int(half[lobe, 1] + 4 * scale)
        rows = np.arange(first, max(int(half[jaw[-1], 1]), first + round(6 * scale)))
        rows = rows[(rows >= 0) & (rows < work)]
        edge = np.interp(rows, half[jaw, 1], half[jaw, 0]) + 6 * scale * way
        beside = way * (np.arange(work) - edge[:, None]) > 0
        found.append(bool(len(rows)) and float(((alpha[rows] > 0.7) & beside).sum(1).mean()) > 4 * scale)
    return found[0], found[1]


def _fill(shapes: np.ndarray | list[np.ndarray], blur: float, scale: float) -> np.ndarray:
    work = round(SIZE // 2 * scale)
    mask = np.zeros((work, work), np.float32)
    for shape in shapes if isinstance(shapes, list) else [shapes]:
        cv2.fillPoly(mask, [np.round(shape * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(mask, (0, 0), blur * scale)


def _shares(
    lab: np.ndarray,
    priors: np.ndarray,
    skin: np.ndarray,
    hair: np.ndarray | None,
    clothing: np.ndarray | None,
) -> np.ndarray:
    """(3, h, w) that add up to 1: by place, and by colour, which may lie in shade or light."""
    colours = np.array([np.zeros(3) if colour is None else colour for colour in (skin, hair, clothing)])
    present = np.array([True, hair is not None, clothing is not None])
    out = np.empty_like(priors)
    _weigh(lab, priors, colours.astype(np.float32), present, out)
    return out


@njit(cache=True)
def _likeness(pixel: np.ndarray, colour: np.ndarray, darkest: float, lightest: float) -> float:
    """Log-likelihood of a colour that may lie in shade or light."""
    along, strength = np.float32(0), np.float32(0)
    for c in range(3):
        along += pixel[c] * colour[c] * _WEIGHTS[c] ** 2
        strength += (colour[c] * _WEIGHTS[c]) ** 2
    share = min(max(along / max(strength, np.float32(1e-3)), darkest), lightest)
    away = np.float32(0)
    for c in range(3):
        away += ((pixel[c] - share * colour[c]) * _WEIGHTS[c]) ** 2
    return -min(float(away) / (2 * _SPREAD**2), 12.0)


@njit(cache=True)
def _weigh(
    lab: np.ndarray, priors: np.ndarray, colours: np.ndarray, present: np.ndarray, out: np.ndarray
) -> None:
    for y in range(lab.shape[0]):
        for x in range(lab.shape[1]):
            total = np.float32(1e-12)
            for k in range(3):
                here = np.float32(0)
                if present[k] and (k < 2 or priors[k, y, x] > 2e-4):  # clothing never on the head
                    likeness = _likeness(lab[y, x], colours[k], _SHADE[k, 0], _SHADE[k, 1])
                    here = priors[k, y, x] * np.exp(likeness)
                out[k, y, x] = here
                total += here
            for k in range(3):
                out[k, y, x] /= total


def _drop_skin(
    mask: np.ndarray,
    lab: np.ndarray,
    skin: np.ndarray,
    hair: np.ndarray | None,
    half: np.ndarray,
    scale: float,
) -> None:
    """Over the face hair ends sharply where its colour does, or skin along the hairline would be tinted."""
    if hair is None:
        return
    way = (skin - hair) * _WEIGHTS
    if float(way @ way) < _ALIKE**2:
        return
    line = way / float(way @ way) * _WEIGHTS
    share = cv2.transform(lab, np.array([[*line, -(line @ hair)]], np.float32))
    ring = half[list(at.FACE_RING)]
    face = _fill(ring.mean(0) + (ring - ring.mean(0)) * 1.06, 2, scale)
    face = cv2.resize(face, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
    mask *= 1 - face * smoothstep((cv2.blur(share, (3, 3)) - np.float32(0.35)) / np.float32(0.4))


def _clothing(
    lab: np.ndarray,
    alpha: np.ndarray,
    prior: np.ndarray,
    skin: np.ndarray,
    hair: np.ndarray | None,
) -> np.ndarray | None:
    """The commonest colour low in the picture that is neither skin nor hair."""
    low = slice(len(lab) - len(lab) // 16, len(lab))
    seeds = lab[low][(alpha[low] > 0.9) & (prior[low] > 0.5)]
    other = np.array([_likeness(pixel, skin, 0.45, 1.3) < -2.5 for pixel in seeds], bool)
    if hair is not None:
        other &= np.array([_likeness(pixel, hair, 0.3, 1.9) < -3 for pixel in seeds], bool)
    if other.sum() < 50 * (len(lab) / 256) ** 2:
        return None
    return np.median(seeds[other], 0).astype(float)


def _guided(
    guide: np.ndarray,
    masks: np.ndarray,
    full: np.ndarray,
    alpha: np.ndarray,
    radius: int,
    eps: float = 4e-4,
) -> list[np.ndarray]:
    """The masks at full size, their edges on those of the picture (He, Sun and Tang, 2013), under `alpha`."""
    window = (2 * radius + 1, 2 * radius + 1)
    size = (full.shape[1], full.shape[0])
    mean = cv2.blur(guide, window)
    spread = cv2.blur(guide * guide, window) - mean**2 + eps
    out = []
    for mask in masks:
        target = cv2.blur(mask, window)
        slope = (cv2.blur(guide * mask, window) - mean * target) / spread
        offset = target - slope * mean
        both = cv2.resize(cv2.blur(cv2.merge([slope, offset]), window), size, interpolation=cv2.INTER_LINEAR)
        out.append(_laid(both, full, alpha))
    return out


@njit(cache=True)
def _laid(line: np.ndarray, guide: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    out = np.empty(guide.shape, np.float32)
    for y in range(guide.shape[0]):
        for x in range(guide.shape[1]):
            value = line[y, x, 0] * guide[y, x] + line[y, x, 1]
            out[y, x] = min(max(value, np.float32(0)), np.float32(1)) * alpha[y, x]
    return out


def _iris_mask(lm: np.ndarray, size: int) -> np.ndarray:
    """Between pupil and limbus, between the lids."""
    mask, scale = np.zeros((size, size), np.float32), size / SIZE
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
        if scale > 0.7:  # below, that is less than half a pixel
            open_part = cv2.erode(open_part, np.ones((2, 2)))
        open_part = cv2.GaussianBlur(open_part, (0, 0), 0.8 * scale)
        share = smoothstep((distance - 0.32) / 0.16) * smoothstep((1.04 - distance) / 0.18)
        mask[y0:y1, x0:x1] = np.maximum(mask[y0:y1, x0:x1], share * open_part)
    return mask


def _brow_mask(
    lab: np.ndarray, small: np.ndarray, half: np.ndarray, skin: np.ndarray, scale: float
) -> np.ndarray:
    """The hairs of brows and beard: what is darker than skin where they grow."""
    shape = np.zeros(small.shape[:2], np.float32)
    for ids in ([71, 72, 73, 74, 75, 76, 84, 83], [77, 78, 79, 80, 81, 82, 86, 85]):
        cv2.fillConvexPoly(shape, cv2.convexHull(half[ids].round().astype(np.int32)), 1.0)
    soft = cv2.GaussianBlur(cv2.dilate(shape, np.ones((3, 3))), (0, 0), 1.5 * scale)
    soft = np.maximum(soft, _bearded(small, half, skin, scale))
    whole = cv2.resize(soft, lab.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return whole * _darker(lab, skin)


def _darker(lab: np.ndarray, skin: np.ndarray) -> np.ndarray:
    return np.clip((np.float32(0.92 * skin[0]) - lab[..., 0]) * np.float32(1 / (0.35 * skin[0])), 0, 1)


def _bearded(lab: np.ndarray, half: np.ndarray, skin: np.ndarray, scale: float) -> np.ndarray:
    """Where a beard grows dense: dark and greyer than skin, for shaded skin has more colour for its light."""
    place, lips = (np.zeros(lab.shape[:2], np.float32) for _ in range(2))
    jaw = half[[87, 170, 172, 93, *range(132, 125, -1)]]
    cv2.fillConvexPoly(place, cv2.convexHull(jaw.round().astype(np.int32)), 1.0)
    cv2.fillConvexPoly(lips, cv2.convexHull(half[87:109].round().astype(np.int32)), 1.0)
    mouth = cv2.GaussianBlur(cv2.dilate(lips, np.ones((3, 3))), (0, 0), 1.2 * scale)
    allowed = cv2.GaussianBlur(place, (0, 0), 3 * scale) * (1 - mouth)
    vivid = np.hypot(skin[1], skin[2]) / skin[0]
    chroma = np.hypot(lab[..., 1], lab[..., 2]) / np.maximum(lab[..., 0], 1)
    grey = _darker(lab, skin) * np.clip((0.97 - chroma / max(vivid, 0.05)) / 0.25, 0, 1)
    dense = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 5 * scale)
    return (allowed * smoothstep((dense - 0.1) / 0.18)).astype(np.float32)
