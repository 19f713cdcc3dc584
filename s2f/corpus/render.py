"""A fitted person with any action units, gaze and head pose: the neutral photograph, warped and relit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from ..expression import ACTION_UNITS, SIDES, UNITS, named, vector
from . import points as at
from .fit import Person
from .folds import fold_weights
from .geometry import rolled, rotation, sampled, smoothstep
from .kit import LOWER_TEETH, SKIN, TONGUE, UPPER_TEETH
from .lids import bare_lids, close_lashes, lay_eye, move_lids
from .mouth import paint_mouth, soften_corners
from .pose import FRONTAL, MAX_GAZE, MAX_PITCH, MAX_ROLL, MAX_YAW, Pose
from .raster import light_on, rasterise
from .teeth import texel
from .warp import backward_map, forward

__all__ = ["MAX_GAZE", "MAX_PITCH", "MAX_ROLL", "MAX_YAW", "Pose", "Render", "render"]

# the kit's weight of a unit at 1
_GAIN = {
    "AU1": 1.2,
    "AU4": 1.5,
    "AU5": 1.15,
    "AU6": 1.15,
    "AU7": 1.1,
    "AU9": 1.35,
    "AU12": 0.92,
    "AU15": 1.2,
    "AU17": 1.15,
    "AU20": 1.2,
    "AU24": 1.35,
}
# what real smiles do beside the kit's: the mouth widens and the lips thin
_COMPANY = {
    "AU4": (("AU1", -0.25),),
    "AU9": (("AU10", -0.55),),  # the kit's wrinkled nose takes too much of the upper lip along
    "AU12": (("AU20", 0.25), ("AU28_upper", 0.26), ("AU28_lower", 0.05)),
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
# cm by which each part is set back, so that what lies behind the lips never shows through them
_BEHIND = np.array([0, -0.3, -0.3, -0.35, -0.35], np.float32)


@dataclass(frozen=True, eq=False)
class Render:
    image: np.ndarray  # (size,size,3) uint8 RGB
    landmarks: np.ndarray  # (189,2)
    units: dict[str, float]
    pose: Pose
    outline: np.ndarray  # (56,2) hair silhouette
    locks: tuple[np.ndarray, ...]  # closed outlines of hair that hangs over ears or brows
    skin: np.ndarray  # (size,size) uint8: the face without hair and backdrop


def render(person: Person, units: Mapping[str, float], pose: Pose = FRONTAL) -> Render:
    """The person with these units, 0-1, by their full names or for both sides at once; the pose is capped."""
    pose, values, size = pose.capped(), vector(units), person.size
    weights = named(values)
    # the mesh in its new shape and place
    hinge = np.array([person.pivot[0], person.landmarks[at.CHIN, 1]])  # roll turns about the chin
    turn = rotation(pose.yaw, pose.pitch)
    posed = _posed(person, values, turn)
    if pose.roll:
        posed[:, :2] = rolled(posed[:, :2], pose.roll, hinge)
    depth, part, seen = _rasterised(person, posed)
    skin, inner = (part == SKIN).view(np.uint8), _inner_mouth(person, posed, part)
    # the photograph, moved
    back = backward_map(skin, seen, inner, float(person.landmarks[at.CHIN, 1]), pose.roll, hinge)
    landmarks, outline, locks = _move_points(person, posed, back)
    lids = [move_lids(back, person, landmarks, side) for side in (0, 1)]
    photo = sampled(person.image, back, cv2.INTER_LANCZOS4)  # linear, half of what is fine is lost
    skin_mask = sampled(person.skin, back)
    # the face, in floating point: lids, light, eyes, mouth
    box = _face_box(skin_mask, size)
    image = np.empty((size, size, 3), np.float32)
    image[box] = photo[box]
    for eye, (stretched, x0, y0) in zip(person.eyes, lids, strict=True):
        bare_lids(image, back, eye, stretched, (x0, y0))
    _relight(image, person, weights, skin, seen, skin_mask, back, box)
    for side, eye in enumerate(person.eyes):
        lay_eye(image, person, eye, landmarks, side, pose, hinge, turn)
        close_lashes(image, person, landmarks, side)
    if inner.any():
        paint_mouth(image, person, part, depth, seen, inner, landmarks, posed)
        soften_corners(image, person, landmarks)
    photo[box] = np.clip(image[box] + 0.5, 0, 255)
    return Render(photo, landmarks, weights, pose, outline, locks, skin_mask)


def _posed(person: Person, values: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """(n,3) float32: every vertex moved by the units and turned about the pivot."""
    amounts = values @ _MIX
    for side, unit in enumerate(_BLINKS):
        amounts[unit] *= person.closing[side]
    active = np.flatnonzero(amounts)
    out = (person.mesh @ turn.T + (person.pivot - person.pivot @ turn.T)).astype(np.float32)
    if len(active):
        moves = np.tensordot(amounts[active].astype(np.float32), person.kit.moves[active], 1)
        out += moves @ (turn @ person.view).T.astype(np.float32)
    return out


def _rasterised(person: Person, posed: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per pixel: depth, part or -1, and three values.

    They are photo x, photo y and the change of light for skin; texture coordinates or centimetres and the
    light itself for what is in the mouth.
    """
    kit, size = person.kit, person.size
    lit = light_on(posed, kit.triangles, kit.landmarks68[30])
    upper, lower = person.riders[96, 0], person.riders[101, 0]
    parted = (posed[lower, 1] - posed[upper, 1]) - (person.mesh[lower, 1] - person.mesh[upper, 1])
    values = np.empty_like(posed)
    values[:, 0] = person.source[:, 0]
    values[:, 1] = (
        person.source[:, 1] + np.clip(parted / (0.3 * person.centimetre), 0, 1) * person.lip_parting
    )
    values[:, 2] = (1 + lit) / (1 + person.light)
    for row in (UPPER_TEETH, LOWER_TEETH):
        values[kit.parts[row], :2] = texel(kit.teeth[kit.parts[row]])
    values[kit.parts[TONGUE], :2] = kit.vertices[kit.parts[TONGUE]][:, [0, 2]]
    values[kit.inside, 2] = lit[kit.inside]
    depth = np.full((size, size), -1e9, np.float32)
    part = np.full((size, size), -1, np.int8)
    seen = np.zeros((size, size, 3), np.float32)
    behind = (_BEHIND * person.centimetre).astype(np.float32)
    rasterise(posed, kit.triangles, kit.part, values, behind, depth, part, seen)
    return depth, part, seen


def _inner_mouth(person: Person, posed: np.ndarray, part: np.ndarray) -> np.ndarray:
    """(size,size) uint8: what shows of the mouth, which is only between the lips."""
    lips = np.zeros(part.shape, np.uint8)
    hull = cv2.convexHull(posed[person.riders[87:109, 0], :2].round().astype(np.int32))
    cv2.fillConvexPoly(lips, hull, 1)
    return lips & (part > SKIN).view(np.uint8)


def _move_points(
    person: Person, posed: np.ndarray, back: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """(landmarks, outline, locks): on-mesh landmarks ride their vertices, all else follows the backdrop."""
    ids = person.riders
    moved = posed[ids, :2] - person.mesh[ids, :2]
    out = person.landmarks + (person.rider_weights[..., None] * moved).sum(1)
    off = list(at.HAIR + at.NECK + at.EARS)
    lines = [person.landmarks[off], person.outline, *person.locks]
    ends = np.cumsum([len(line) for line in lines])[:-1]
    out[off], outline, *locks = np.split(forward(np.concatenate(lines), back), ends)
    return out, outline, tuple(locks)


def _face_box(skin_mask: np.ndarray, size: int) -> tuple[slice, slice]:
    x, y, w, h = cv2.boundingRect(skin_mask)
    pad = size // 32
    return np.s_[max(y - pad, 0) : min(y + h + pad, size), max(x - pad, 0) : min(x + w + pad, size)]


def _relight(
    image: np.ndarray,
    person: Person,
    weights: Mapping[str, float],
    skin: np.ndarray,
    seen: np.ndarray,
    skin_mask: np.ndarray,
    back: np.ndarray,
    box: tuple[slice, slice],
) -> None:
    """Turned skin takes another share of the light, and folds deepen; luminance only."""
    change = np.where(skin[box], seen[box][..., 2] - 1, np.float32(0))
    height, width = change.shape
    small = cv2.resize(change, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    small = np.clip(0.65 * cv2.GaussianBlur(small, (0, 0), 0.0035 * person.size), -0.2, 0.1)
    deepened = np.zeros_like(small)
    right, left = fold_weights(weights, "_R"), fold_weights(weights, "_L")
    if right.any() or left.any():
        middle = 0.25 * person.landmarks[[51, 57], 0].sum()
        columns = np.arange(person.folds.shape[2], dtype=np.float32)
        lean = smoothstep((columns - middle) / (0.056 * person.size) + 0.5)
        depth = np.tensordot(right, person.folds, 1) * (1 - lean) + np.tensordot(left, person.folds, 1) * lean
        where = cv2.resize(back[box], small.shape[::-1], interpolation=cv2.INTER_AREA)
        deepened = sampled(depth.astype(np.float32), where * np.float32(0.5) - np.float32(0.25))
    turned, folded = cv2.split(cv2.resize(cv2.merge([small, deepened]), (width, height)))
    gain = cv2.exp(turned * (skin_mask[box] * np.float32(1 / 255)) + folded)
    image[box] = cv2.multiply(image[box], cv2.merge([gain, gain, gain]))
