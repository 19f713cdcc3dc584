"""Why a new person should not be used: what can go wrong in a mixture, measured.

Each measure was taken of the photographed people and of hundreds of mixtures, and the worst by each measure
looked at; the limits lie beyond all photographed people, where mixtures begin to look wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..look import Lab
from . import points as at
from .areas import SMALL, Areas, areas_of
from .average import smallest_triangle
from .geometry import SIZE
from .look import measure_look
from .portraits import Face

if TYPE_CHECKING:
    from .fit import Person

LIMITS: Mapping[str, float] = {
    "landmarks fold": 2.0,
    "pale irises": 0.0,
    "uneven cheeks": 10.0,
    "odd region": 13.0,
    "crossed landmarks": 0.15,
    "stained": 15.0,
    "blotched skin": 3.1,
    "chalky lips": 12.0,
    "seams": 2.9,
    "ghosted": 0.5,
}
MOST_RESIDUAL = 0.08  # of the fitted head, in eye distances


def reject(face: Face) -> str | None:
    """The first measure beyond its limit, or None."""
    for name, value in measures(face).items():
        if value > LIMITS[name]:
            return name
    return None


def misfit(person: Person) -> str | None:
    """What is wrong with a fitted head, or None."""
    from .fit import folded

    if folded(person):
        return "head folds"
    if person.residual > MOST_RESIDUAL:
        return "head does not fit"
    return None


def measures(face: Face) -> dict[str, float]:
    """Every measure that has a limit; the landmarks first, since the others rely on them."""
    folds = _folds(face.landmarks)
    if folds > LIMITS["landmarks fold"]:
        return {"landmarks fold": folds}
    areas = areas_of(face.landmarks, face.size)
    height, width = areas.inside.shape
    small = cv2.resize(face.image[areas.box], (width, height), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    bare = _bare_skin(lab, areas)
    look = measure_look(face.image, face.landmarks)
    spots = (face.landmarks + 0.5) * (SMALL / face.size)  # in pixels of `lab`
    spots -= np.array([areas.box[1].start, areas.box[0].start]) * (SMALL / face.size)
    return {
        "landmarks fold": folds,
        "crossed landmarks": -smallest_triangle(face.landmarks, face.size),
        "pale irises": _pale_irises(look),
        "chalky lips": _chalky_lips(look),
        "uneven cheeks": _uneven_cheeks(lab, areas),
        "odd region": _odd_region(lab, areas, bare),
        "stained": _stains(lab, spots),
        "blotched skin": _blotches(lab, bare),
        "seams": _seams(lab, bare),
        "ghosted": _ghosts(face, areas, bare),
    }


def _folds(lm: np.ndarray) -> float:
    """How many parts of the face lie in the wrong order."""
    inside = np.isfinite(lm).all() and (np.abs(lm) < 1e4).all()
    if not inside:
        return 1.0
    wrong = 0
    for side in (0, 1):
        upper, lower = lm[list(at.UPPER_LID[side])], lm[list(at.LOWER_LID[side])]
        wrong += int((upper[1:-1, 1] >= lower[1:-1, 1]).sum() + (np.diff(upper[:, 0]) <= 0).sum())
        middle = lm[list(at.IRIS[side])].mean(0)
        wrong += not (upper[0, 0] < middle[0] < upper[-1, 0])
    for (first, last), lid in (((71, 75), at.UPPER_LID[0]), ((78, 82), at.UPPER_LID[1])):
        edge = lm[first : last + 1]
        wrong += int((np.diff(edge[:, 0]) <= 0).sum()) + (edge[:, 1].mean() >= lm[list(lid), 1].min())
    for line in (at.LIP_TOP, at.LIP_SEAM_UPPER, at.LIP_SEAM_LOWER, at.LIP_BOTTOM):
        wrong += int((np.diff(lm[list(line), 0]) <= 0).sum())
    rows = [
        lm[list(line)[1:-1], 1] for line in (at.LIP_TOP, at.LIP_SEAM_UPPER, at.LIP_SEAM_LOWER, at.LIP_BOTTOM)
    ]
    wrong += int((rows[0] >= rows[1]).sum() + (rows[1] > rows[2] + 1).sum() + (rows[2] >= rows[3]).sum())
    wrong += not (lm[[18, 27], 1].max() < lm[55, 1] < lm[90, 1] < lm[106, 1] < lm[at.CHIN, 1])
    ring = lm[list(at.FACE_RING)]
    turn = np.angle(np.exp(1j * np.diff(np.unwrap(np.arctan2(*(ring - lm[55]).T[::-1])))))
    wrong += int((turn >= 0).sum()) if np.median(turn) < 0 else int((turn <= 0).sum())
    return float(wrong)


def _bare_skin(lab: np.ndarray, areas: Areas) -> np.ndarray:
    """Where skin shows and nothing else, by place and by colour."""
    core = (areas.core > 0) & (areas.features < 0.5)
    middle = np.median(lab[core], 0)
    away = np.abs(lab - middle)
    near = (away[..., 0] < 22) & (away[..., 1] + away[..., 2] < 22)
    place = cv2.erode(areas.inside * (1 - areas.features), np.ones((5, 5)), borderValue=0) > 0
    return place & near


def lightest_iris(skin: float) -> float:
    """L* of the lightest irises that people of that skin's L* have."""
    return 19 + 1.9 * float(np.clip(skin - 44, 0, 18))


def _pale_irises(look: Mapping[str, Lab | None]) -> float:
    """L* by which the irises are lighter than any that belong to such skin."""
    skin, eye = look["skin"], look["eye"]
    assert skin is not None
    assert eye is not None
    return eye[0] - lightest_iris(skin[0])


def _chalky_lips(look: Mapping[str, Lab | None]) -> float:
    """L* by which the lips are lighter than the skin."""
    skin, lip = look["skin"], look["lip"]
    assert skin is not None
    assert lip is not None
    return lip[0] - skin[0]


def _uneven_cheeks(lab: np.ndarray, areas: Areas) -> float:
    """Colour difference between the left and the right cheek."""
    core = (areas.core > 0) & (areas.features < 0.5)
    columns = np.arange(core.shape[1])
    middle = np.median(columns[core.any(0)])
    left, right = (np.median(lab[core & side], 0) for side in (columns < middle, columns >= middle))
    return float(np.linalg.norm((left - right) * (0.5, 1, 1)))


def _odd_region(lab: np.ndarray, areas: Areas, bare: np.ndarray) -> float:
    """The largest difference of hue and chroma between a region's skin and the whole face's."""
    whole = np.median(lab[bare], 0) if bare.any() else np.zeros(3)
    worst = 0.0
    for name, mask in {**areas.regions, "forehead": areas.forehead, "beard": areas.beard}.items():
        here = (mask > 0.7) & bare
        if here.sum() > 25 and name != "eyes":
            off = np.median(lab[here], 0) - whole
            worst = max(worst, float(np.hypot(off[1], off[2])))
    return worst


def _stains(lab: np.ndarray, lm: np.ndarray) -> float:
    """How far the hue of forehead, a cheek, the nose, the chin or a side of the jaw lies from the others'."""
    brow, cheeks = (
        lm[[76, 77, 139]].mean(0),
        [*lm[[165, 168]], (lm[165] + lm[158]) / 2, (lm[168] + lm[161]) / 2],
    )
    jaw = [lm[127] * 0.7 + lm[87] * 0.3, lm[131] * 0.7 + lm[93] * 0.3]
    spots = np.array([brow, *cheeks, (lm[54] + lm[60]) / 2, (lm[129] + lm[106]) / 2, *jaw])
    spots = np.clip(spots.astype(int), 2, np.array(lab.shape[1::-1]) - 3)
    hues = np.array([np.median(lab[y - 2 : y + 3, x - 2 : x + 3, 1:].reshape(-1, 2), 0) for x, y in spots])
    return float(np.linalg.norm(hues - np.median(hues, 0), axis=1).max())


def _blotches(lab: np.ndarray, bare: np.ndarray) -> float:
    """Spread of the skin's colour between the size of a freckle and that of a cheek."""
    weight = bare.astype(np.float32)
    fine, coarse = (_within(lab, weight, sigma) for sigma in (1.5, 6.0))
    kept = cv2.erode(weight, np.ones((3, 3))) > 0
    if kept.sum() < 50:
        return 0.0
    band = (fine - coarse)[kept]
    return float(np.sqrt((band[:, 0] ** 2 * 0.5 + band[:, 1] ** 2 + band[:, 2] ** 2).mean()))


def _seams(lab: np.ndarray, bare: np.ndarray) -> float:
    """The steepest slope of colour inside skin: none is steep, but where two faces meet badly."""
    weight = bare.astype(np.float32)
    soft = _within(lab, weight, 1.2)
    kept = cv2.erode(weight, np.ones((5, 5))) > 0
    if kept.sum() < 50:
        return 0.0
    across, down = (np.abs(cv2.Sobel(soft, cv2.CV_32F, *order) / 8) for order in ((1, 0), (0, 1)))
    slope = np.sqrt(((across**2 + down**2) * np.array([0.3, 1, 1], np.float32)).sum(-1))
    return float(np.percentile(slope[kept], 98))


def _ghosts(face: Face, areas: Areas, bare: np.ndarray) -> float:
    """How much less fine detail the face has than its own rim of hair and outline: 1 is none.

    Smaller pictures show less of it: measured, by the root of their size.
    """
    box = areas.box
    grey = cv2.cvtColor(face.image[box], cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.2 * face.size / SIZE))
    height, width = bare.shape
    detail = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    features = areas.features > 0.9
    return float((face.size / SIZE) ** 0.5 / max(detail[features].mean(), 1e-3))


def _within(lab: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """A blur that takes colours only from where `weight` is."""
    share = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    return cv2.GaussianBlur(lab * weight[..., None], (0, 0), sigma) / np.maximum(share, 1e-4)
