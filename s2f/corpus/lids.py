"""Lids that open and shut: lashes keep their length, stretched skin gives way to bare skin, the lids meet."""

from __future__ import annotations

import cv2
import numpy as np

from .eyes import Eye
from .fit import Person
from .geometry import curve, rolled, sampled, smoothstep
from .points import IRIS, LOWER_LID, UPPER_LID
from .pose import Pose

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
    x0, x1 = np.clip(
        [int(up[:, 0].min() - 0.1 * width), int(up[:, 0].max() + 0.1 * width) + 1], 0, person.size
    )
    y0, y1 = np.clip([int(up[:, 1].min() - 0.9 * width), int(low[:, 1].max()) + 4], 0, person.size)
    ys, xs = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    box = back[y0:y1, x0:x1]
    top, bottom = curve(up, xs[0]), curve(low, xs[0])
    above, across = top - ys, box[..., 0].ravel()
    old_top = curve(up0, across).reshape(ys.shape)
    old_bottom = curve(low0, across).reshape(ys.shape)
    from_corner = np.minimum(xs - up[:, 0].min(), up[:, 0].max() - xs) / width
    ends, inner = smoothstep(from_corner / 0.06), smoothstep(from_corner / 0.1 + 0.8)
    depth = np.maximum(old_top - box[..., 1], np.minimum(above, _LASH * width))
    roots = 1 - smoothstep((above - 0.03 * width) / (0.16 * width))  # seen even where the brow hoods the lid
    carried = old_top - (depth + roots * (above - depth))
    box[..., 1] += inner * (above > -0.055 * width) * (carried - box[..., 1])
    # where lids close, nothing of the photograph's eyeball may be seen between them
    opening = _opening_at_rest(person, up, side, xs[0])
    shut = smoothstep(1.25 - (bottom - top) / (0.5 * opening)) * ends
    middle = np.minimum((top + bottom) / 2, bottom)
    lids = np.where(
        ys < middle,
        np.minimum(box[..., 1], old_top + 0.05 * width),
        np.maximum(box[..., 1], old_bottom + 0.02 * width),
    )
    box[..., 1] += shut * (np.abs(ys - middle) < 0.3 * width) * (lids - box[..., 1])
    growth = np.gradient(box[..., 1], axis=0)
    near = smoothstep((0.75 * width - (old_top - box[..., 1])) / (0.2 * width))
    stretched = (
        smoothstep((0.8 - growth) / 0.45) * near * ends * smoothstep((above - 0.1 * width) / (0.08 * width))
    )
    return cv2.GaussianBlur(stretched.astype(np.float32), (0, 0), 0.02 * width), x0, y0


def _opening_at_rest(person: Person, upper: np.ndarray, side: int, x: np.ndarray) -> np.ndarray:
    """How far the photograph's lids are apart, where the moved upper lid has columns `x`; never 0."""
    up0, low0 = person.landmarks[list(UPPER_LID[side])], person.landmarks[list(LOWER_LID[side])]
    old_x = np.interp(x, upper[[0, -1], 0], up0[[0, -1], 0])
    return np.maximum(curve(low0, old_x) - curve(up0, old_x), 0.02 * np.ptp(up0[:, 0]))


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
    width = np.ptp(up[:, 0])
    x0, x1 = np.clip([int(up[:, 0].min()), int(up[:, 0].max()) + 1], 0, person.size)
    x = np.arange(x0, x1, dtype=np.float32)
    top, bottom = curve(up, x), curve(low, x)
    rest = _opening_at_rest(person, up, side, x)
    shut = smoothstep(1.4 - (bottom - top) / (0.25 * rest)) * (rest > 0.03 * width)
    if shut.max() < 0.02:
        return
    line = np.minimum(top, bottom) + 0.01 * width
    y0, y1 = np.clip([int(line.min() - 0.15 * width), int(line.max() + 0.15 * width) + 1], 0, person.size)
    y = np.arange(y0, y1, dtype=np.float32)[:, None]
    ends = smoothstep(np.minimum(x - x0, x1 - x) / (0.15 * width))
    thick = 0.018 * width + 0.35
    ink = np.exp(-(((y - line) / thick) ** 2)) + 0.28 * np.exp(-(((y - line) / (2.6 * thick)) ** 2))
    box = image[y0:y1, x0:x1]
    box *= (1 - (0.54 * np.minimum(ink, 1) * shut * ends))[..., None]


def lay_eye(
    image: np.ndarray,
    person: Person,
    eye: Eye,
    landmarks: np.ndarray,
    side: int,
    pose: Pose,
    hinge: np.ndarray,
    turn: np.ndarray,
) -> None:
    """The eyeball stays in its socket, looks where it should, and shows between the lids' new edges."""
    middle = (eye.upper[0] + eye.upper[-1]) / 2
    corner = person.mesh[person.riders[UPPER_LID[side][0], 0], 2]
    centre = turn @ (np.array([*middle, corner]) - person.pivot) + person.pivot
    look = np.array(pose.gaze) * eye.radius
    hop = rolled(centre[:2], pose.roll, hinge) - middle
    ring = [side, *IRIS[side]]
    landmarks[ring] = rolled(person.landmarks[ring] + look, pose.roll, middle) + hop
    upper, lower = landmarks[list(UPPER_LID[side])], landmarks[list(LOWER_LID[side])]
    lids = np.vstack([upper, lower])
    width = np.ptp(lids[:, 0])
    x0, y0 = np.maximum(np.floor(lids.min(0)).astype(int) - 3, 0)
    x1, y1 = np.minimum(np.ceil(lids.max(0)).astype(int) + 4, person.size)
    ys, xs = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    top, bottom = curve(upper, xs[0]), curve(lower, xs[0])
    inset, soft = 0.045 * width, 0.03 * width + 0.6
    open_part = np.clip((ys - top - inset) / soft + 0.5, 0, 1) * np.clip(
        (bottom - 0.4 * inset - ys) / soft + 0.5, 0, 1
    )
    ends = np.minimum(xs - upper[0, 0], upper[-1, 0] - xs) - 0.05 * width
    open_part *= np.clip(ends / (0.1 * width), 0, 1)
    open_part *= smoothstep(
        (bottom - top - 0.04 * width) / (0.06 * width)
    )  # nothing shows between closed lids
    at_rest = rolled(np.stack([xs, ys], -1) - hop, -pose.roll, middle)
    bx, by = at_rest[..., 0] - eye.x0, at_rest[..., 1] - eye.y0
    if any(pose.gaze):  # slide the iris, leave the corners
        away = ((at_rest - eye.centre - look) / (1.5 * eye.radius)) ** 2
        fall = np.exp(-(away.sum(-1) ** 2))
        bx, by = bx - look[0] * fall, by - look[1] * fall
    ball = cv2.remap(
        eye.texture,
        bx.astype(np.float32),
        by.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    old_top, old_bottom = (
        curve(rolled(lid, pose.roll, middle) + hop, xs[0]) for lid in (eye.upper, eye.lower)
    )
    raised = np.clip((old_top - top) / (0.12 * width), 0, 1)  # the lid's shade moves up with it
    ball *= (1 - 0.38 * raised * np.exp(-np.maximum(ys - top - inset, 0) / (0.07 * width)))[..., None]
    stir = max(np.abs(old_top - top).max(), np.abs(old_bottom - bottom).max(), np.abs(look).max())
    open_part *= min(stir / (0.03 * width), 1)  # lids at rest: the photograph already shows the eye
    box = image[y0:y1, x0:x1]
    box += (ball - box) * open_part[..., None]
