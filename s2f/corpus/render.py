"""A fitted person with any action units, gaze and head pose: the neutral photograph, warped and relit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from ..expression import ACTION_UNITS, SIDES, UNITS, named, vector
from . import points as at
from .eyes import Eye
from .fit import Person
from .folds import fold_weights
from .geometry import curve, push_pull, rolled, rotation, sampled, smoothstep
from .kit import LOWER_TEETH, SKIN, TONGUE, UPPER_TEETH
from .lids import bare_lids, close_lashes, move_lids
from .mouth import paint_mouth
from .teeth import texel

MAX_YAW, MAX_PITCH, MAX_ROLL = 12.0, 10.0, 12.0  # degrees; beyond them the photograph has nothing to show
MAX_GAZE = 0.5  # iris radii

# the kit's weight of a unit at 1
_GAIN = {
    "AU1": 1.2,
    "AU4": 1.35,
    "AU5": 0.95,
    "AU6": 1.15,
    "AU7": 1.1,
    "AU12": 1.12,
    "AU15": 1.35,
    "AU17": 1.15,
    "AU20": 1.2,
    "AU24": 1.35,
}
# what real smiles do beside the kit's: the mouth widens and the lips thin
_COMPANY = {
    "AU4": (("AU1", -0.2),),
    "AU9": (("AU10", -0.3),),  # the kit's wrinkled nose takes too much of the upper lip along
    "AU12": (("AU20", 0.3), ("AU28_upper", 0.16), ("AU28_lower", 0.05)),
}


def _mixture() -> np.ndarray:
    """(units, units): what each unit asks of the kit's shapes."""
    mix = np.diag([_GAIN.get(unit.split("_")[0], 1.0) for unit in ACTION_UNITS]).astype(np.float32)
    for unit, others in _COMPANY.items():
        for side in SIDES:
            for other, share in others:
                target = other + side if UNITS[other][1] else other
                mix[ACTION_UNITS.index(unit + side), ACTION_UNITS.index(target)] += share
    return mix


_MIX = _mixture()
_BLINKS = [ACTION_UNITS.index(unit) for unit in ("AU43_R", "AU43_L")]
_LIGHT = np.array([0, -0.35, 0.94], np.float32)
_BEHIND = np.array(
    [0, -0.3, -0.3, -0.35, -0.35], np.float32
)  # cm: what lies behind the lips never shows through them


@dataclass(frozen=True)
class Pose:
    """Degrees: yaw > 0 turns to image right, pitch > 0 down, roll > 0 clockwise; gaze in iris radii."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)

    def capped(self) -> Pose:
        return Pose(
            float(np.clip(self.yaw, -MAX_YAW, MAX_YAW)),
            float(np.clip(self.pitch, -MAX_PITCH, MAX_PITCH)),
            float(np.clip(self.roll, -MAX_ROLL, MAX_ROLL)),
            (
                float(np.clip(self.gaze[0], -MAX_GAZE, MAX_GAZE)),
                float(np.clip(self.gaze[1], -MAX_GAZE, MAX_GAZE)),
            ),
        )


@dataclass(frozen=True, eq=False)
class Render:
    image: np.ndarray  # (size,size,3) uint8 RGB
    landmarks: np.ndarray  # (189,2)
    units: dict[str, float]
    pose: Pose
    outline: np.ndarray  # (56,2) hair silhouette
    skin: np.ndarray  # (size,size) uint8: the face without hair and backdrop


def render(person: Person, units: Mapping[str, float], pose: Pose = Pose()) -> Render:
    pose, values, size = pose.capped(), vector(units), person.size
    weights = named(values)
    scale = 1.2 * size / 512
    rest = (person.mesh + _displacement(person, values)).astype(np.float32)
    hinge = np.array([person.pivot[0], person.landmarks[at.CHIN, 1]])  # roll turns about the chin
    turn = rotation(pose.yaw, pose.pitch)
    posed = (rest - person.pivot) @ turn.T + person.pivot
    if pose.roll:
        posed[:, :2] = rolled(posed[:, :2], pose.roll, hinge)
    posed = np.ascontiguousarray(posed, np.float32)
    depth, part, seen = _rasterise(person, posed, scale)
    skin = part == SKIN
    lips = np.zeros((size, size), np.uint8)  # the mouth may only show between the lips
    hull = cv2.convexHull(posed[person.riders[87:109, 0], :2].round().astype(np.int32))
    cv2.fillConvexPoly(lips, hull, 1)
    inner = (part > SKIN) & (lips > 0)
    back = _backward_map(person, skin, seen, inner, pose, hinge, scale)
    landmarks = _move_landmarks(person, posed, back)
    lids = [move_lids(back, person, landmarks, side) for side in (0, 1)]
    flags = cv2.INTER_CUBIC if size > 256 else cv2.INTER_LINEAR
    image = sampled(person.image, back, flags).astype(np.float32)
    skin_mask = sampled(person.skin, back)
    for eye, (stretched, x0, y0) in zip(person.eyes, lids, strict=True):
        bare_lids(image, back, eye, stretched, (x0, y0))
    _relight(image, person, weights, skin, seen[..., 2], skin_mask, back, scale)
    for side, eye in enumerate(person.eyes):
        _lay_eye(image, person, eye, landmarks, side, pose, hinge, turn)
        close_lashes(image, person, landmarks, side)
    if inner.any():
        paint_mouth(image, person, part, depth, seen, inner, landmarks, posed)
    finished = np.clip(image + 0.5, 0, 255).astype(np.uint8)
    return Render(finished, landmarks, weights, pose, _forward(person.outline, back), skin_mask)


def _displacement(person: Person, values: np.ndarray) -> np.ndarray:
    amounts = values @ _MIX
    for side, unit in enumerate(_BLINKS):
        amounts[unit] *= person.closing[side]
    active = np.flatnonzero(amounts)
    if not len(active):
        return np.zeros_like(person.mesh)
    return np.tensordot(amounts[active], person.kit.moves[active], 1) @ person.view.T


@njit(cache=True, fastmath=True)
def _normals(points: np.ndarray, triangles: np.ndarray, out: np.ndarray) -> None:
    out[:] = 0
    for k in range(len(triangles)):
        a, b, c = triangles[k]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        wx, wy, wz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        x, y, z = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
        for i in (a, b, c):
            out[i, 0] += x
            out[i, 1] += y
            out[i, 2] += z
    for i in range(len(out)):
        out[i] /= np.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + 1e-9


@njit(cache=True, fastmath=True)
def _raster(
    points: np.ndarray,
    triangles: np.ndarray,
    part: np.ndarray,
    values: np.ndarray,
    behind: np.ndarray,
    depth: np.ndarray,
    label: np.ndarray,
    out: np.ndarray,
) -> None:
    """Front faces only; `values` (n,3) are interpolated: photo x, photo y, shade."""
    size = len(depth)
    for k in range(len(triangles)):
        a, b, c = triangles[k]
        x0, y0, x1, y1, x2, y2 = (
            points[a, 0],
            points[a, 1],
            points[b, 0],
            points[b, 1],
            points[c, 0],
            points[c, 1],
        )
        area = (y1 - y2) * (x0 - x2) + (x2 - x1) * (y0 - y2)
        if area > -1e-9:
            continue
        xa = max(0, int(np.ceil(min(x0, x1, x2) - 1e-4)))
        xb = min(size - 1, int(np.floor(max(x0, x1, x2) + 1e-4)))
        ya = max(0, int(np.ceil(min(y0, y1, y2) - 1e-4)))
        yb = min(size - 1, int(np.floor(max(y0, y1, y2) + 1e-4)))
        p = part[k]
        for y in range(ya, yb + 1):
            for x in range(xa, xb + 1):
                w0 = ((y1 - y2) * (x - x2) + (x2 - x1) * (y - y2)) / area
                w1 = ((y2 - y0) * (x - x2) + (x0 - x2) * (y - y2)) / area
                w2 = 1 - w0 - w1
                if w0 < -1e-4 or w1 < -1e-4 or w2 < -1e-4:
                    continue
                d = w0 * points[a, 2] + w1 * points[b, 2] + w2 * points[c, 2] + behind[p]
                if d > depth[y, x]:
                    depth[y, x] = d
                    label[y, x] = p
                    for q in range(3):
                        out[y, x, q] = w0 * values[a, q] + w1 * values[b, q] + w2 * values[c, q]


def _rasterise(person: Person, posed: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(depth, part or -1, photo x, photo y and shade) per pixel."""
    kit, size = person.kit, person.size
    before, after = np.empty_like(posed), np.empty_like(posed)
    _normals(person.mesh.astype(np.float32), kit.triangles, before)
    _normals(posed, kit.triangles, after)
    nose = kit.landmarks68[30]
    before *= np.sign(before[nose, 2])
    after *= np.sign(after[nose, 2])
    lit = np.clip(after @ _LIGHT, 0, 1)
    shade = (1 + lit) / (1 + np.clip(before @ _LIGHT, 0, 1))
    inside = kit.triangles[kit.part != SKIN].ravel()
    shade[inside] = lit[inside]
    upper, lower = person.riders[96, 0], person.riders[101, 0]
    parted = (posed[lower, 1] - posed[upper, 1]) - (person.mesh[lower, 1] - person.mesh[upper, 1])
    values = np.empty_like(posed)
    values[:, 0] = person.source[:, 0]
    values[:, 1] = person.source[:, 1] + np.clip(parted / (5 * scale), 0, 1) * person.lip_parting
    values[:, 2] = shade
    for row in (UPPER_TEETH, LOWER_TEETH):
        values[kit.parts[row], :2] = texel(kit.teeth[kit.parts[row]])
    values[kit.parts[TONGUE], :2] = kit.vertices[kit.parts[TONGUE]][:, [0, 2]]
    depth = np.full((size, size), -1e9, np.float32)
    part = np.full((size, size), -1, np.int8)
    seen = np.zeros((size, size, 3), np.float32)
    behind = (_BEHIND * person.centimetre).astype(np.float32)
    _raster(posed, kit.triangles, kit.part, values, behind, depth, part, seen)
    return depth, part, seen


def _backward_map(
    person: Person,
    skin: np.ndarray,
    seen: np.ndarray,
    inner: np.ndarray,
    pose: Pose,
    hinge: np.ndarray,
    scale: float,
) -> np.ndarray:
    """(size,size,2) where each pixel samples the photograph: the mesh's own map, tapering off beyond it."""
    size = person.size
    grid = np.dstack(np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32)))
    chin = person.landmarks[at.CHIN, 1]
    if pose.roll:  # roll fades out down the neck
        stay = 1 - 0.85 * smoothstep((grid[..., 1] - chin + 0.02 * size) / (size * 1.02 - chin))
        grid = rolled(grid, -pose.roll * stay, hinge).astype(np.float32)
    moved = np.where(skin[..., None], seen[..., :2] - grid, 0)
    half = size // 2
    weight = cv2.resize(skin.astype(np.float32), (half, half), interpolation=cv2.INTER_AREA)
    small = (
        cv2.resize(moved, (half, half), interpolation=cv2.INTER_AREA) / np.maximum(weight, 1e-6)[..., None]
    )
    beyond = push_pull(small, weight)
    far = cv2.distanceTransform((weight < 0.5).astype(np.uint8), cv2.DIST_L2, 3) / (0.24 * half)
    beyond = cv2.GaussianBlur(beyond, (0, 0), 2.4 * scale) * (1 - smoothstep(far))[..., None]
    beyond = cv2.resize(beyond.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    near = cv2.GaussianBlur(cv2.erode(skin.astype(np.float32), np.ones((3, 3))), (0, 0), 0.8) * skin
    near = np.where(cv2.dilate(inner.astype(np.uint8), np.ones((5, 5))) > 0, skin, near)[..., None]
    return np.ascontiguousarray(grid + moved * near + beyond * (1 - near), np.float32)


def _forward(points: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Where photo points land under the backward map (fixed point)."""
    size = len(back)
    start = points.astype(np.float32)[:, None]
    drift = back - np.dstack(
        np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    )
    out = start
    for _ in range(6):
        out = start - sampled(drift, out)
    return out[:, 0]


def _move_landmarks(person: Person, posed: np.ndarray, back: np.ndarray) -> np.ndarray:
    """On-mesh landmarks ride their vertices; hair, ears and neck follow the backdrop."""
    ids = person.riders
    moved = posed[ids, :2] - person.mesh[ids, :2]
    out = person.landmarks + (person.rider_weights[..., None] * moved).sum(1)
    off = list(at.HAIR + at.NECK + at.EARS)
    out[off] = _forward(person.landmarks[off], back)
    return out


def _relight(
    image: np.ndarray,
    person: Person,
    weights: Mapping[str, float],
    skin: np.ndarray,
    shade: np.ndarray,
    skin_mask: np.ndarray,
    back: np.ndarray,
    scale: float,
) -> None:
    """Turned skin takes another share of the light, and folds deepen; luminance only."""
    size = person.size
    change = cv2.GaussianBlur((shade - 1) * skin, (0, 0), 3 * scale)
    log = np.clip(0.75 * change, -0.2, 0.14) * (skin_mask * np.float32(1 / 255))
    right, left = fold_weights(weights, "_R"), fold_weights(weights, "_L")
    if right.any() or left.any():
        half = size // 2
        middle = 0.5 * person.landmarks[[51, 57], 0].mean()
        lean = smoothstep((np.arange(half, dtype=np.float32) - middle) / (24 * scale) + 0.5)
        depth = np.tensordot(right, person.folds, 1) * (1 - lean) + np.tensordot(left, person.folds, 1) * lean
        log += sampled(cv2.resize(depth, (size, size)), back)
    image *= np.exp(log)[..., None]


def _lay_eye(
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
    corner = person.mesh[person.riders[at.UPPER_LID[side][0], 0], 2]
    centre = turn @ (np.array([*middle, corner]) - person.pivot) + person.pivot
    look = np.array(pose.gaze) * eye.radius
    hop = rolled(centre[:2], pose.roll, hinge) - middle
    ring = [side, *at.IRIS[side]]
    landmarks[ring] = rolled(person.landmarks[ring] + look, pose.roll, middle) + hop
    upper, lower = landmarks[list(at.UPPER_LID[side])], landmarks[list(at.LOWER_LID[side])]
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
    old_top, old_bottom = curve(eye.upper + hop, xs[0]), curve(eye.lower + hop, xs[0])
    raised = np.clip((old_top - top) / (0.12 * width), 0, 1)  # the lid's shade moves up with it
    ball *= (1 - 0.38 * raised * np.exp(-np.maximum(ys - top - inset, 0) / (0.07 * width)))[..., None]
    stir = max(np.abs(old_top - top).max(), np.abs(old_bottom - bottom).max(), np.abs(look).max())
    open_part *= min(stir / (0.03 * width), 1)  # lids at rest: the photograph already shows the eye
    box = image[y0:y1, x0:x1]
    box += (ball - box) * open_part[..., None]
