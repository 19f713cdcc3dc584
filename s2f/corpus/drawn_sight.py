"""What a person who draws a face sees in it: hair dark, curly, short or long, and where a beard grows.

All of it is read from a copy of 128 x 128 pixels, since a drawer looks at masses and not at pixels. Points
are given and returned in the coordinates of a 512-pixel page.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numba import njit

LOW = 128
HAIRLINE = [109, *range(134, 145), 112]
_CHEEK = [165, 166, 168, 169]


@dataclass(frozen=True)
class Sight:
    """The masses of one face; the defaults are what is assumed where there is no picture to look at."""

    hair_dark: float = 0.5  # 0 white … 1 black
    curly: float = 0.2  # 0 straight … 1 a frizz
    depth: float = 0.5  # hair between hairline and crown, in eye distances
    bald: bool = False
    locks: tuple[np.ndarray, ...] = ()  # outlines of hair that hangs beside the neck
    moustache: float = 0.0  # 0 shaved, 0.5 stubble, 1 and more a beard
    chin: float = 0.0
    jaw: float = 0.0
    lit_left: float = 0.0  # how much brighter the left cheek of the picture is
    crown: np.ndarray = field(
        default_factory=lambda: np.zeros((0, 2))
    )  # outline points over each of HAIRLINE


def crown_over(landmarks: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """For each point of the hairline, the point of the hair's outline that lies behind it."""
    centre = landmarks[[18, 27]].mean(0)
    toward, around = landmarks[HAIRLINE] - centre, outline - centre
    angle = lambda v: np.unwrap(np.arctan2(v[:, 1], v[:, 0]) % (2 * np.pi))  # noqa: E731
    at, given = angle(toward), angle(around)
    order = np.argsort(given)
    radius = np.interp(at, given[order], np.hypot(*around[order].T))
    reach = np.hypot(*toward.T)
    radius = np.maximum(radius, reach * 1.02)
    return centre + toward * (radius / np.maximum(reach, 1e-6))[:, None]


def look(landmarks: np.ndarray, outline: np.ndarray, image: np.ndarray | None, loose: bool = True) -> Sight:
    """Read a face; landmarks and outline in 512-page coordinates, whatever the size of the image.

    Locks that may hang `loose` are looked for; none need be where they are known.
    """
    crown = crown_over(landmarks, outline)
    unit = max(float(np.hypot(*(landmarks[0] - landmarks[1]))), 1.0)
    depth = float(np.median(np.hypot(*(crown - landmarks[HAIRLINE])[3:10].T)) / unit)
    if image is None:
        return Sight(depth=depth, bald=depth < 0.1, crown=crown)
    mid = image
    while mid.shape[0] >= 512:  # by halves, which is fast
        mid = cv2.resize(mid, (mid.shape[1] // 2, mid.shape[0] // 2), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(cv2.resize(mid, (LOW, LOW), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    lab = lab.astype(np.float32) * np.array([100 / 255, 1, 1], np.float32)
    gray = cv2.cvtColor(mid, cv2.COLOR_RGB2GRAY)
    detail = cv2.absdiff(gray, cv2.GaussianBlur(gray, (7, 7), 1.2))
    rough = cv2.resize(detail, (LOW, LOW), interpolation=cv2.INTER_AREA).astype(np.float32)
    soft = cv2.blur(np.dstack([lab, rough]), (3, 3))
    cheeks = _patches(soft, landmarks[_CHEEK])
    skin = cheeks.mean(0)[:3]
    between = [landmarks[HAIRLINE][2:11] * (1 - t) + crown[2:11] * t for t in (0.3, 0.5, 0.7)]
    over = np.concatenate(between)
    on_page = over[(over > 2).all(1) & (over < 509).all(1)]
    if len(on_page) < 6:
        on_page = np.clip(over, 4, 507)
    hair = np.median(_patches(soft, on_page), 0)[:3]
    contrast = float(np.hypot(*((hair - skin) * (1, 1.5, 1.5))[[0, 2]]))
    bald = depth < 0.1 or (contrast < 11 and hair[0] > 0.75 * skin[0])
    moustache, chin, jaw = _beard(soft, landmarks)
    return Sight(
        hair_dark=float(np.clip((62 - hair[0]) / 45, 0, 1)),
        curly=_curliness(gray, on_page),
        depth=depth,
        bald=bool(bald),
        locks=() if bald or contrast < 24 or not loose else _locks(lab, landmarks, outline, hair, skin, unit),
        moustache=moustache,
        chin=chin,
        jaw=jaw,
        lit_left=float((cheeks[:2, 0].mean() - cheeks[2:, 0].mean()) / 25),
        crown=crown,
    )


@njit(cache=True)
def _patches(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The values at each point, of an array in low resolution."""
    out = np.empty((len(points), values.shape[2]))
    for k in range(len(points)):
        x, y = np.round((points[k, 0] + 0.5) / 4 - 0.5), np.round((points[k, 1] + 0.5) / 4 - 0.5)
        out[k] = values[int(min(max(y, 1.0), LOW - 2.0)), int(min(max(x, 1.0), LOW - 2.0))]
    return out


def _curliness(gray: np.ndarray, points: np.ndarray) -> float:
    """How much the direction of the hair changes from place to place (structure-tensor incoherence)."""
    k = gray.shape[0] / 512
    x0, y0 = np.maximum((points.min(0) * k).astype(int) - 4, 0)
    x1, y1 = (points.max(0) * k).astype(int) + 5
    part = np.ascontiguousarray(gray[y0:y1, x0:x1])
    if min(part.shape) < 12:
        return 0.2
    gx, gy = cv2.spatialGradient(part)
    gx, gy = gx.astype(np.float32), gy.astype(np.float32)
    both = cv2.boxFilter(cv2.merge([gx * gx, gy * gy, gx * gy]), -1, (11, 11))
    x, y = np.clip((points * k).astype(int) - (x0, y0), 0, np.array(part.shape)[::-1] - 1).T
    xx, yy, xy = both[y, x].T
    coherence = np.hypot(xx - yy, 2 * xy) / (xx + yy + 1e-3)
    energy = np.sqrt((xx + yy).mean()) / (gray.mean() + 1)
    return float(np.clip((0.62 - coherence.mean()) * 2.2, 0, 1) * np.clip(energy * 2, 0, 1))


def _beard(soft: np.ndarray, lm: np.ndarray) -> tuple[float, float, float]:
    """Moustache, chin and jaw: darker, greyer, rougher than the cheek, each against what is usual there."""
    light, _, yellow, cheek_rough = _patches(soft, lm[_CHEEK]).mean(0).tolist()

    def seen(points: np.ndarray) -> tuple[float, float, float]:
        here, _, hue, rough = _patches(soft, points).mean(0).tolist()
        ratio = here / max(light, 1)
        grey = max(0.0, ratio * (yellow - 128) - (hue - 128))  # less yellow than shade makes it
        return ratio, grey, math.log2(max(rough / (cheek_rough + 0.15), 0.1))

    lip, lip_grey, lip_rough = seen((lm[[170, 172]] + lm[[171, 173]]) / 2)
    side, _, _ = seen((lm[[88, 92, 88, 92]] + lm[[159, 162, 170, 172]]) / 2)
    chin, chin_grey, chin_rough = seen(lm[[174, 175, 176, 178]])
    jaw, jaw_grey, jaw_rough = seen(0.72 * lm[[127, 131, 126, 132]] + 0.28 * lm[[159, 162, 165, 168]])
    moustache = 4 * (0.92 - min(lip, side)) + 0.1 * (lip_grey - 1) + 0.8 * (lip_rough - 0.7)
    beard = 3 * (0.92 - chin) + 0.08 * (chin_grey - 1) + 0.6 * (chin_rough - 0.4)
    sides = 3 * (0.74 - jaw) + 0.06 * (jaw_grey - 2) + 0.9 * (jaw_rough - 0.1)
    ranked = sorted((moustache, beard, sides))
    if ranked[1] < 0.29 and moustache < 0.62:  # one dark place alone is a shadow
        return 0.0, 0.0, 0.0
    moustache, beard, sides = (min(v, 1.5) if v > 0.29 else 0.0 for v in (moustache, beard, sides))
    return moustache, beard, sides


def _locks(
    lab: np.ndarray, lm: np.ndarray, outline: np.ndarray, hair: np.ndarray, skin: np.ndarray, unit: float
) -> tuple[np.ndarray, ...]:
    """Hair that is seen to hang down from the side of the head, as closed outlines."""
    centre = lm[[18, 27]].mean(0)
    beyond = np.clip(centre + (outline[::4] - centre) * 1.16, 6, 505)
    back = np.median(_patches(lab, beyond), 0)
    mask = _hair_like(lab, hair, 0.8 * skin + 0.2 * hair, back)
    chin, jaw = lm[129], lm[[125, 126, 127, 128, 129, 130, 131, 132, 133]]
    half_neck = 0.42 * abs(lm[131, 0] - lm[127, 0])
    neck = [chin + (x * half_neck, y * unit) for x, y in ((-1, -0.5), (1, -0.5), (1.1, 3), (-1.1, 3))]
    face = np.concatenate([lm[[109]], lm[[111]], jaw, lm[[114]], lm[[112]]])
    for area in (
        face,
        lm[[109, 115, 116, 117, 118, 119, 111]],
        lm[[112, 120, 121, 122, 123, 124, 114]],
        np.array(neck),
    ):
        eighths = np.round((area + 0.5) * 2 - 4).astype(np.int32)
        cv2.fillPoly(mask, [eighths], 0, cv2.LINE_8, 3)
    top, level = int((lm[[0, 1], 1].mean() + 0.5) / 4), (0.6 * lm[[87, 93], 1].mean() + 0.4 * lm[129, 1]) / 4
    mask[: max(top, 0)] = 0
    count, label, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    found = []
    for k in range(1, count):
        x, y, w, h, area = stats[k]
        hangs = y < level and (y + h) * 4 > lm[[111, 114], 1].mean() + 0.35 * unit
        if (
            not hangs
            or area < 0.025 * (unit / 4) ** 2
            or w > min(0.9 * unit / 4, h)
            or area / h < 0.085 * unit / 4
        ):
            continue
        contours, _ = cv2.findContours(
            (label == k).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        ring = max(contours, key=len)[:, 0].astype(float) * 4 + 1.5
        found.append(ring[:: max(2, len(ring) // 22)])
    return tuple(found)


@njit(cache=True, fastmath=True)
def _hair_like(lab: np.ndarray, hair: np.ndarray, skin: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Pixels nearer to the hair's colour than to skin and backdrop."""
    mask = np.zeros(lab.shape[:2], np.uint8)
    for y in range(lab.shape[0]):
        for x in range(lab.shape[1]):
            h, s, b = 0.0, 0.0, 0.0
            for c in range(3):
                w = 1.0 if c == 0 else 1.6
                v = lab[y, x, c]
                h += (w * (v - hair[c])) ** 2
                s += (w * (v - skin[c])) ** 2
                b += (w * (v - back[c])) ** 2
            if h < 0.72 * min(s, b) and h < 700:
                mask[y, x] = 1
    return mask
