"""Eyeballs: cut out of the photograph whole, so that the lids can open, close and slide over them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from .geometry import curve, push_pull, rescaled
from .points import IRIS, LOWER_LID, UPPER_LID


@dataclass(frozen=True, eq=False)
class Eye:
    """One eyeball as it would look without lids, and where the lids were."""

    x0: int
    y0: int
    texture: np.ndarray  # (h,w,3) float32 RGB
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
    return Eye(int(x0), int(y0), texture.astype(np.float32), upper, lower, centre, radius)


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
    h, w = eye.texture.shape[:2]
    x0, y0 = int(np.floor(eye.x0 * factor)), int(np.floor(eye.y0 * factor))
    width = int(np.ceil((eye.x0 + w) * factor)) - x0
    height = int(np.ceil((eye.y0 + h) * factor)) - y0
    shift = np.array([(x0 + 0.5) / factor - 0.5 - eye.x0, (y0 + 0.5) / factor - 0.5 - eye.y0])
    soft = cv2.GaussianBlur(eye.texture, (0, 0), 0.4 / factor) if factor < 0.8 else eye.texture
    warp = np.array([[1 / factor, 0, shift[0]], [0, 1 / factor, shift[1]]])
    texture = cv2.warpAffine(
        soft,
        warp,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return replace(
        eye,
        x0=x0,
        y0=y0,
        texture=texture,
        upper=rescaled(eye.upper, factor),
        lower=rescaled(eye.lower, factor),
        centre=rescaled(eye.centre, factor),
        radius=eye.radius * factor,
    )
