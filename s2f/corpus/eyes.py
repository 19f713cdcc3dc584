"""Eyeballs: cut out of the photograph whole, so that the lids can open, close and slide over them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .geometry import curve, push_pull, rescaled, smoothstep
from .points import IRIS, LOWER_LID, UPPER_LID


@dataclass(frozen=True, eq=False)
class Eye:
    """One eyeball as it would look without lids, and where the lids were."""

    x0: int
    y0: int
    texture: np.ndarray  # (h,w,3) float32 RGB
    lid_x0: int
    lid_y0: int
    lid: np.ndarray  # (h,w,3) float32 RGB: the upper lid's skin without lashes and creases
    upper: np.ndarray  # (5,2) neutral lid points
    lower: np.ndarray  # (5,2)
    centre: np.ndarray  # (2,) of the iris
    radius: float  # of the iris


def cut_eye(image: np.ndarray, landmarks: np.ndarray, side: int) -> Eye:
    """Keep what the lids leave open; rebuild white and iris underneath them."""
    upper, lower = landmarks[list(UPPER_LID[side])], landmarks[list(LOWER_LID[side])]
    lids = np.vstack([upper, lower])
    width = np.ptp(lids[:, 0])
    x0, y0 = np.maximum(np.floor(lids.min(0) - (0.25 * width, 0.45 * width)).astype(int), 0)
    x1, y1 = np.ceil(lids.max(0) + (0.25 * width, 0.4 * width)).astype(int)
    roi = image[y0:y1, x0:x1].astype(np.float32)
    y1, x1 = y0 + roi.shape[0], x0 + roi.shape[1]
    ys, xs = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    ring = landmarks[list(IRIS[side])]
    centre = ring.mean(0)
    radius = float(np.linalg.norm(ring - centre, axis=1).mean())
    top, bottom = curve(upper, xs[0]), curve(lower, xs[0])
    inside = (ys > top + 0.075 * width) & (ys < bottom - 0.03 * width)
    inside &= (xs > upper[0, 0] + 0.07 * width) & (xs < upper[-1, 0] - 0.07 * width)
    distance = np.hypot(xs - centre[0], ys - centre[1])
    white = _white(roi, inside, distance > 1.2 * radius, xs, ys, upper, top, width)
    iris = _iris(roi, inside & (distance < 1.1 * radius), float(centre[1] - y0))
    blend = np.clip((radius * 1.04 - distance) / (0.12 * radius) + 0.5, 0, 1)[..., None]
    texture = white * (1 - blend) + iris * blend
    open_part = inside.astype(np.float32)
    keep = cv2.GaussianBlur(open_part, (0, 0), 0.02 * width) * cv2.dilate(open_part, np.ones((3, 3)))
    texture = texture * (1 - keep[..., None]) + roi * keep[..., None]
    return Eye(
        int(x0),
        int(y0),
        texture.astype(np.float32),
        *_bare_lid(image, upper, lower, float(width)),
        upper,
        lower,
        centre,
        radius,
    )


def _bare_lid(
    image: np.ndarray, upper: np.ndarray, lower: np.ndarray, width: float
) -> tuple[int, int, np.ndarray]:
    """(x0, y0, skin): the brighter half of the lid's skin, spread over lashes, creases and the eye itself."""
    x0, y0 = np.maximum(np.floor(upper.min(0) - (0.3 * width, 0.9 * width)).astype(int), 0)
    x1, y1 = np.ceil([upper[:, 0].max() + 0.3 * width, lower[:, 1].max() + 0.1 * width]).astype(int)
    roi = image[y0:y1, x0:x1].astype(np.float32)
    ys, xs = np.mgrid[y0 : y0 + roi.shape[0], x0 : x0 + roi.shape[1]].astype(np.float32)
    above = curve(upper, xs[0]) - ys
    skin = (above > 0.07 * width) & (above < 0.42 * width)
    luminance = roi.mean(-1)
    skin &= luminance > np.quantile(luminance[skin], 0.35)
    soft = cv2.GaussianBlur(skin.astype(np.float32), (0, 0), 0.03 * width) * skin
    spread = push_pull(roi, soft)
    round_lid = 0.97 - 0.10 * smoothstep((above - 0.12 * width) / (0.4 * width))
    return int(x0), int(y0), cv2.GaussianBlur(spread, (0, 0), 0.05 * width) * round_lid[..., None]


def _white(
    roi: np.ndarray,
    inside: np.ndarray,
    off_iris: np.ndarray,
    xs: np.ndarray,
    ys: np.ndarray,
    upper: np.ndarray,
    top: np.ndarray,
    width: float,
) -> np.ndarray:
    """The white of the eye, spread under the lids and the iris, darker towards the corners."""
    luminance = roi.mean(-1)
    white = inside & off_iris
    bright = white & (luminance > np.percentile(luminance[white], 35)) if white.sum() > 8 else inside
    tone = np.percentile(roi[bright], 60, axis=0) if bright.any() else np.array([200.0, 195.0, 190.0])
    corner = (np.abs(xs - upper[0, 0]) < 0.25 * width) | (np.abs(xs - upper[-1, 0]) < 0.25 * width)
    weak = np.where(corner | (ys < top - 0.3 * width), 0.05, 0)
    seed = np.where(bright[..., None], roi, tone).astype(np.float32)
    return push_pull(seed, np.where(bright, 1.0, weak).astype(np.float32))


def _iris(roi: np.ndarray, seen: np.ndarray, centre_y: float) -> np.ndarray:
    """The iris; what the upper lid hides is mirrored from below, a little darker."""
    h, w = seen.shape
    ys, xs = np.mgrid[:h, :w].astype(np.float32)
    mirror = (xs, np.float32(2 * centre_y) - ys)
    flipped = cv2.remap(roi, *mirror, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    known = seen.astype(np.float32)
    known_flipped = cv2.remap(known, *mirror, cv2.INTER_NEAREST)
    iris = np.where(seen[..., None], roi, flipped * 0.85)
    return push_pull(iris, np.maximum(known, known_flipped))


def resized(eye: Eye, factor: float) -> Eye:
    """The eyeball in a picture `factor` times the size."""
    x0, y0, texture = _resized(eye.x0, eye.y0, eye.texture, factor)
    lid_x0, lid_y0, lid = _resized(eye.lid_x0, eye.lid_y0, eye.lid, factor)
    return Eye(
        x0,
        y0,
        texture,
        lid_x0,
        lid_y0,
        lid,
        rescaled(eye.upper, factor),
        rescaled(eye.lower, factor),
        rescaled(eye.centre, factor),
        eye.radius * factor,
    )


def _resized(x0: int, y0: int, patch: np.ndarray, factor: float) -> tuple[int, int, np.ndarray]:
    """A patch cut at (x0, y0), in a picture `factor` times the size: its new corner and itself."""
    h, w = patch.shape[:2]
    left, top = int(np.floor(x0 * factor)), int(np.floor(y0 * factor))
    width, height = int(np.ceil((x0 + w) * factor)) - left, int(np.ceil((y0 + h) * factor)) - top
    shift_x, shift_y = (left + 0.5) / factor - 0.5 - x0, (top + 0.5) / factor - 0.5 - y0
    soft = cv2.GaussianBlur(patch, (0, 0), 0.4 / factor) if factor < 0.8 else patch
    warp = np.array([[1 / factor, 0, shift_x], [0, 1 / factor, shift_y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(soft, warp, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return left, top, out
