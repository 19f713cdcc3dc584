"""Lids that open and shut: lashes keep their length, stretched skin gives way to bare skin, the lids meet."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit

from .eyes import Eye
from .fit import Person
from .geometry import curve, height_at, rolled, sampled, smooth_line, smoothstep
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
    x = np.arange(x0, x1, dtype=np.float64)
    stretched = np.zeros((y1 - y0, x1 - x0), np.float32)
    edges = np.stack([curve(up, x), curve(low, x), _opening_at_rest(person, up, side, x)])
    across = np.array([x0, y0, up[:, 0].min(), up[:, 0].max(), width], np.float64)
    _mend(back[y0:y1, x0:x1], edges, across, smooth_line(up0), smooth_line(low0), stretched)
    return cv2.GaussianBlur(stretched, (0, 0), 0.02 * width), x0, y0


@njit(cache=True)
def _smooth(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


@njit(cache=True)
def _mend(
    box: np.ndarray,
    edges: np.ndarray,
    across: np.ndarray,
    old_upper: np.ndarray,
    old_lower: np.ndarray,
    stretched: np.ndarray,
) -> None:
    """`edges` (3, w): the lids' edges and how far they were apart; `across`: x0, y0, corners and width."""
    x0, y0, first, last, width = across[0], across[1], across[2], across[3], across[4]
    height, columns = stretched.shape
    old_top = np.empty((height, columns))
    for x in range(columns):
        top, bottom, opening = edges[0, x], edges[1, x], edges[2, x]
        from_corner = min(x0 + x - first, last - x0 - x) / width
        inner, ends = _smooth(from_corner / 0.1 + 0.8), _smooth(from_corner / 0.06)
        # where lids close, nothing of the photograph's eyeball may be seen between them
        middle = min((top + bottom) / 2, bottom)
        shut = _smooth(1.25 - (bottom - top) / (0.5 * opening)) * ends
        for y in range(height):
            above, came_from = top - (y0 + y), box[y, x, 1]
            upper = height_at(old_upper, box[y, x, 0])
            old_top[y, x] = upper
            if above > -0.055 * width:
                depth = max(upper - came_from, min(above, _LASH * width))
                # seen even where the brow hoods the lid
                roots = 1 - _smooth((above - 0.03 * width) / (0.16 * width))
                came_from += inner * (upper - (depth + roots * (above - depth)) - came_from)
            if shut > 0 and abs(y0 + y - middle) < 0.3 * width:
                if y0 + y < middle:
                    lid = min(came_from, upper + 0.05 * width)
                else:
                    lid = max(came_from, height_at(old_lower, box[y, x, 0]) + 0.02 * width)
                came_from += shut * (lid - came_from)
            box[y, x, 1] = came_from
    for x in range(columns):
        ends = _smooth(min(x0 + x - first, last - x0 - x) / width / 0.06)
        for y in range(height):
            before, after = max(y - 1, 0), min(y + 1, height - 1)
            growth = (box[after, x, 1] - box[before, x, 1]) / max(after - before, 1)
            near = _smooth((0.75 * width - (old_top[y, x] - box[y, x, 1])) / (0.2 * width))
            bare = _smooth((edges[0, x] - (y0 + y) - 0.1 * width) / (0.08 * width))
            stretched[y, x] = _smooth((0.8 - growth) / 0.45) * near * ends * bare


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
    x = np.arange(x0, x1, dtype=np.float64)
    top, bottom = curve(upper, x), curve(lower, x)
    old_top, old_bottom = (curve(rolled(lid, pose.roll, middle) + hop, x) for lid in (eye.upper, eye.lower))
    stir = max(np.abs(old_top - top).max(), np.abs(old_bottom - bottom).max(), np.abs(look).max())
    # lids at rest: the photograph already shows the eye
    stirred = min(stir / (0.03 * width), 1)
    where = np.empty((y1 - y0, x1 - x0, 2), np.float32)
    shade, share = np.empty(where.shape[:2], np.float32), np.empty(where.shape[:2], np.float32)
    angle = np.radians(-pose.roll)
    turned = np.array([np.cos(angle), np.sin(angle), *hop, *middle, *eye.centre, *look, eye.radius])
    across = np.array([x0, y0, upper[0, 0], upper[-1, 0], width], np.float64)
    _look_up(np.stack([top, bottom, old_top]), across, turned, where, shade, share)
    where -= np.array([eye.x0, eye.y0], np.float32)
    ball = sampled(eye.texture, where) * shade[..., None]
    share *= np.float32(stirred)
    box = image[y0:y1, x0:x1]
    box += (ball - box) * share[..., None]


@njit(cache=True)
def _look_up(
    edges: np.ndarray,
    across: np.ndarray,
    turned: np.ndarray,
    where: np.ndarray,
    shade: np.ndarray,
    share: np.ndarray,
) -> None:
    """Per pixel of an eye's box: the place in the photograph it shows, its shade, and how open it is there.

    `edges` (3, w): the lids now, and the upper one at rest; `turned`: the head's roll as cosine and sine, its
    hop, what it rolls about, the iris's centre, its move and its radius.
    """
    x0, y0, first, last, width = across[0], across[1], across[2], across[3], across[4]
    c, s, hop_x, hop_y, mx, my = turned[0], turned[1], turned[2], turned[3], turned[4], turned[5]
    cx, cy, look_x, look_y, radius = turned[6], turned[7], turned[8], turned[9], turned[10]
    inset, soft = 0.045 * width, 0.03 * width + 0.6
    for x in range(where.shape[1]):
        top, bottom = edges[0, x], edges[1, x]
        ends = (min(x0 + x - first, last - x0 - x) - 0.05 * width) / (0.1 * width)
        # nothing shows between closed lids
        open_here = min(max(ends, 0.0), 1.0) * _smooth((bottom - top - 0.04 * width) / (0.06 * width))
        raised = min(max((edges[2, x] - top) / (0.12 * width), 0.0), 1.0)
        for y in range(where.shape[0]):
            row = y0 + y
            below = min(max((row - top - inset) / soft + 0.5, 0.0), 1.0)
            share[y, x] = open_here * below * min(max((bottom - 0.4 * inset - row) / soft + 0.5, 0.0), 1.0)
            # the lid's shade moves up with it
            shade[y, x] = 1 - 0.38 * raised * np.exp(-max(row - top - inset, 0.0) / (0.07 * width))
            dx, dy = x0 + x - hop_x - mx, row - hop_y - my
            at_x, at_y = c * dx - s * dy + mx, s * dx + c * dy + my
            if look_x != 0 or look_y != 0:  # slide the iris, leave the corners
                away_x, away_y = (at_x - cx - look_x) / (1.5 * radius), (at_y - cy - look_y) / (1.5 * radius)
                away = away_x * away_x + away_y * away_y
                fall = np.exp(-away * away)
                at_x, at_y = at_x - look_x * fall, at_y - look_y * fall
            where[y, x, 0], where[y, x, 1] = at_x, at_y
