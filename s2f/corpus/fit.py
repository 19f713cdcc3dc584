"""A framed portrait and its landmarks -> a fitted head, with all that a renderer can prepare: a Person."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import cv2
import numpy as np
from scipy.spatial import cKDTree

from . import points as at
from .eyes import Eye, cut_eye, resized
from .folds import fold_maps, weathering
from .geometry import SIZE, curve, rescaled, solve_camera, thin_plate
from .kit import LOWER_TEETH, SKIN, TONGUE, UPPER_TEETH, Kit
from .outline import silhouette
from .portraits import Face
from .raster import light_on
from .teeth import Teeth, painted_teeth

# soft outlines (hairline, jaw, cheeks, brows) bind the fit less than eyes, nose and mouth
_LOOSE = (((71, 87), 0.5), ((109, 189), 0.25), ((158, 179), 0.5))
_SOFT = 256  # pixels across the soft mask of the skin


@dataclass(frozen=True, eq=False)
class Person:
    """One fitted identity at one picture size; arrays are in pixels of that size."""

    size: int
    kit: Kit = field(repr=False)
    image: np.ndarray  # (size,size,3) uint8 RGB, the neutral photograph
    landmarks: np.ndarray  # (189,2)
    mesh: np.ndarray  # (n,3) the neutral head: y down, z towards the camera
    light: np.ndarray  # (n,) how much light each vertex takes, 0-1
    source: np.ndarray  # (n,2) where each vertex samples the photograph
    lip_parting: (
        np.ndarray
    )  # (n,) added to source y once the lips part: their rims take lip colour, not the dark seam
    view: np.ndarray  # (3,3) kit centimetres -> pixels
    pivot: np.ndarray  # (3,) what the head turns about
    riders: np.ndarray  # (189,4) the vertices each landmark rides on ...
    rider_weights: np.ndarray  # (189,4) ... and their shares
    eyes: tuple[Eye, Eye]
    closing: tuple[float, float]  # how much of the kit's blink shuts each eye exactly
    folds: np.ndarray  # (groups, size/2, size/2) log-luminance creases
    skin: np.ndarray  # (size,size) uint8: where relighting may act, the face without hair and backdrop
    outline: np.ndarray  # (56,2) hair silhouette from ear to ear
    locks: tuple[np.ndarray, ...]  # closed outlines of hair that hangs over ears or brows
    teeth: Teeth
    white: float  # luminance of the whites of the eyes: the photograph's exposure gauge
    residual: (
        float  # mean distance of landmarks from the fitted head before the spline closed it, in eye distances
    )

    @property
    def centimetre(self) -> float:
        return float(np.linalg.norm(self.view[0]))


def fit(face: Face, kit: Kit, size: int | None = None, teeth: Teeth | None = None) -> Person:
    """Of the picture's own size, or prepared for another.

    `teeth` may come from a smiling photograph; those painted otherwise depend on the landmarks alone.
    """
    scale = face.size / SIZE
    landmarks = np.asarray(face.landmarks, float)
    mesh, view, residual = fit_mesh(rescaled(landmarks, 1 / scale), kit)
    mesh, view = rescaled(mesh, scale), view * scale
    ids, weights = _riders(mesh, landmarks, kit, scale)
    eyes = (cut_eye(face.image, landmarks, 0), cut_eye(face.image, landmarks, 1))
    temple = np.isin(kit.anchored, range(109, 115))
    depth = mesh[kit.anchors[temple], 2].mean() - 1.2 * np.linalg.norm(view[0])
    half, seed = rescaled(landmarks, 0.5), int(landmarks.sum() / scale)
    person = Person(
        size=face.size,
        kit=kit,
        image=np.ascontiguousarray(face.image),
        landmarks=landmarks,
        mesh=mesh,
        light=light_on(mesh, kit.triangles, kit.landmarks68[30]),
        source=mesh[:, :2].copy(),
        lip_parting=_lip_parting(mesh, landmarks, kit, scale),
        view=view,
        pivot=np.array([landmarks[[109, 112], 0].mean(), landmarks[[119, 124], 1].mean(), depth]),
        riders=ids,
        rider_weights=weights,
        eyes=eyes,
        closing=(_closing(landmarks, kit, view, 0), _closing(landmarks, kit, view, 1)),
        folds=fold_maps(half, face.size // 2, weathering(face.image, landmarks), np.random.default_rng(seed)),
        skin=_skin_mask(landmarks, face.size),
        outline=silhouette(face),
        locks=face.locks,
        teeth=teeth or painted_teeth(np.random.default_rng(seed)),
        white=float(np.mean([np.percentile(eye.texture.mean(-1), 75) for eye in eyes])),
        residual=residual,
    )
    return at_size(person, size or face.size)


def at_size(person: Person, size: int) -> Person:
    """The same person prepared for another picture size."""
    if size == person.size:
        return person
    factor = size / person.size
    return replace(
        person,
        size=size,
        image=cv2.resize(person.image, (size, size), interpolation=_filter(factor)),
        landmarks=rescaled(person.landmarks, factor),
        mesh=rescaled(person.mesh, factor),
        source=rescaled(person.source, factor),
        lip_parting=person.lip_parting * factor,
        view=person.view * factor,
        pivot=rescaled(person.pivot, factor),
        eyes=(resized(person.eyes[0], factor), resized(person.eyes[1], factor)),
        folds=np.stack(
            [cv2.resize(m, (size // 2, size // 2), interpolation=_filter(factor)) for m in person.folds]
        ),
        skin=cv2.resize(person.skin, (size, size), interpolation=_filter(factor)),
        outline=rescaled(person.outline, factor),
        locks=tuple(rescaled(lock, factor) for lock in person.locks),
    )


def _filter(factor: float) -> int:
    return int(cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)


def folded(person: Person) -> bool:
    """Whether the head folds over itself, as when landmarks contradict each other: do not use it."""
    kit, lm = person.kit, person.landmarks
    for side in (0, 1):
        upper, lower = (lm[list(ids)][1:-1, 1] for ids in (at.UPPER_LID[side], at.LOWER_LID[side]))
        if (upper >= lower).any():
            return True
    if (lm[94:99, 1] > lm[99:104, 1] + 1).any():
        return True
    skin = _inner_skin(kit)

    def area(xy: np.ndarray) -> np.ndarray:
        a, b, c = (xy[skin[:, k]] for k in range(3))
        return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])

    flat = kit.vertices @ person.view.T
    before, after = area(flat), area(person.mesh)
    flipped = (np.sign(before) != np.sign(after)) & (np.abs(after) > 0.3 * np.abs(before).mean())
    # of the larger triangles 0.0053 turn over at most in 33 real portraits, 0.019 where cheeks are swapped
    return bool(flipped.sum() > 0.007 * len(skin))


@lru_cache(maxsize=1)
def _inner_skin(kit: Kit) -> np.ndarray:
    """Triangles of the face, but for the lips, which lie on each other."""
    front = np.abs(kit.vertices[kit.anchors][:, 0]).max()
    skin = kit.triangles[kit.part == SKIN]
    inner = (np.abs(kit.vertices[skin, 0]).max(1) < 0.8 * front) & ~kit.lips[skin].any(1)
    return np.asarray(skin[inner])


def fit_mesh(landmarks: np.ndarray, kit: Kit) -> tuple[np.ndarray, np.ndarray, float]:
    """(mesh in pixels of a picture of 512, view, residual) of landmarks in such a picture.

    Pose and identity first, then a spline onto the landmarks, then the teeth behind the lips.
    """
    weight = np.ones(len(kit.anchored))
    for (first, end), value in _LOOSE:
        weight[(kit.anchored >= first) & (kit.anchored < end)] = value
    target = landmarks[kit.anchored]
    view, shift, mix = solve_camera(kit.vertices[kit.anchors], kit.identity[:, kit.anchors], target, weight)
    mesh = (kit.vertices + np.tensordot(mix.astype(np.float32), kit.identity, 1)) @ view.T
    mesh[:, :2] += shift
    missing = target - mesh[kit.anchors, :2]
    residual = np.linalg.norm(missing, axis=1).mean() / np.linalg.norm(landmarks[1] - landmarks[0])
    grid = (0, 0.5, 1)
    edge = np.array([(x, y) for x in grid for y in grid if (x, y) != (0.5, 0.5)]) * SIZE
    known = np.vstack([mesh[kit.anchors, :2], edge])
    mesh[:, :2] += thin_plate(known, np.vstack([missing, np.zeros_like(edge)]), mesh[:, :2])
    _seat_teeth(mesh, landmarks, kit, float(np.linalg.norm(view[0])))
    return mesh, view, float(residual)


def _seat_teeth(mesh: np.ndarray, landmarks: np.ndarray, kit: Kit, centimetre: float) -> None:
    """Biting edges just below the lip line, the tongue with the lower ones."""
    line = landmarks[[96, 101], 1].mean() + 0.24 * centimetre
    for part, with_it in ((UPPER_TEETH, None), (LOWER_TEETH, TONGUE)):
        row = kit.parts[part]
        front = row[(np.abs(kit.teeth[row, 0]) < 0.8)]
        edge = np.interp(0, *_by_height(kit.teeth[front, 1], mesh[front, 1]))
        moved = row if with_it is None else np.union1d(row, kit.parts[with_it])
        mesh[moved, 1] += line - edge


def _by_height(height: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean y of a sheet's rows, by their height over the biting edge."""
    rows = np.unique(height)
    return rows, np.array([y[height == h].mean() for h in rows])


def _lip_parting(mesh: np.ndarray, landmarks: np.ndarray, kit: Kit, scale: float) -> np.ndarray:
    left, right = landmarks[87, 0], landmarks[93, 0]
    ids = np.flatnonzero(kit.lips & (mesh[:, 0] > left) & (mesh[:, 0] < right))
    x, y = mesh[ids, 0], mesh[ids, 1]
    gap = 2.6 * scale * np.clip(np.minimum(x - left, right - x) / (0.18 * (right - left)), 0, 1)
    above = curve(landmarks[list(at.LIP_SEAM_UPPER)], x) - gap
    below = curve(landmarks[list(at.LIP_SEAM_LOWER)], x) + gap
    out = np.zeros(len(mesh))
    out[ids] = np.where(kit.lower[ids] < 0.5, np.minimum(above - y, 0), np.maximum(below - y, 0))
    return out


def _riders(mesh: np.ndarray, landmarks: np.ndarray, kit: Kit, scale: float) -> tuple[np.ndarray, np.ndarray]:
    skin = kit.parts[SKIN]
    tree = cKDTree(mesh[skin, :2], compact_nodes=False, balanced_tree=False)
    ids = skin[tree.query(landmarks, 4)[1]]
    pinned = np.isin(kit.anchored, at.PINNED)
    ids[kit.anchored[pinned]] = kit.anchors[pinned][:, None]
    weights = 1 / (scale**2 + ((mesh[ids, :2] - landmarks[:, None]) ** 2).sum(-1))
    return ids, weights / weights.sum(1, keepdims=True)


def _closing(landmarks: np.ndarray, kit: Kit, view: np.ndarray, side: int) -> float:
    """The kit's blink was made for its own eye: how much of it brings these lids together."""
    from ..expression import ACTION_UNITS

    unit = ACTION_UNITS.index("AU43" + ("_R", "_L")[side])
    vertex = dict(zip(kit.anchored.tolist(), kit.anchors.tolist(), strict=True))
    upper, lower = at.UPPER_LID[side][1:-1], at.LOWER_LID[side][1:-1]
    drop = kit.moves[unit] @ view[1]
    travel = np.mean([drop[vertex[i]] for i in upper]) - np.mean([drop[vertex[i]] for i in lower])
    opening = landmarks[list(lower), 1].mean() - landmarks[list(upper), 1].mean()
    return float(np.clip(opening / max(travel, 1e-6), 0.5, 2.0))


def _skin_mask(landmarks: np.ndarray, size: int) -> np.ndarray:
    mask, work = np.zeros((_SOFT, _SOFT), np.uint8), rescaled(landmarks, _SOFT / size)
    ring = np.round(work[list(at.FACE_RING)] * 16).astype(np.int32)
    cv2.fillPoly(mask, [ring], 255, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(cv2.erode(mask, np.ones((5, 5), np.uint8)), (0, 0), 2.4)
    return cv2.resize(soft, (size, size), interpolation=cv2.INTER_LINEAR)
