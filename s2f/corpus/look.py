"""The colours of a face, measured in its pixels: CIE L*, a*, b* of skin, hair, irises and lips."""

from __future__ import annotations

import numpy as np

from ..look import Lab, to_lab
from . import points as at

PARTS = ("skin", "hair", "eye", "lip")
_BALD = 9.0  # colour difference below which what should be hair is skin
# how far from a point on skin, in shares of a radius; along the hairline, and from it to the hair's outline;
# about the pupil, in radii of the iris
_STEPS = np.linspace(-1, 1, 5)
_PATCH = np.stack(np.meshgrid(_STEPS, _STEPS), -1).reshape(-1, 2)
_ALONG = np.array([np.clip(1 - np.abs(np.arange(7) - t), 0, 1) for t in np.linspace(0, 6, 19)])
_SHARE = np.linspace(0.25, 0.75, 12)[:, None, None]
_TURN = np.linspace(0, 2 * np.pi, 40, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], -1)
_RINGS = (np.linspace(0.52, 0.84, 6)[:, None, None] * _CIRCLE).reshape(-1, 2)
# inner and outer edges of the upper and, twice, of the lower lip
_LIP_EDGES = np.array([*((k, k + 6) for k in range(88, 93)), *2 * [(k, k + 5) for k in range(99, 104)]])
_LIP_SHARE = np.linspace(0.25, 0.75, 9)[:, None, None]
_HIGHLIGHT = 14.0  # L* over the iris's median that a reflection has


def measure_look(image: np.ndarray, landmarks: np.ndarray) -> dict[str, Lab | None]:
    """{"skin", "hair", "eye", "lip"} -> (L*, a*, b*) of an RGB face; None for the hair of the bald.

    Medians over a few hundred pixels well inside each part, without highlights and shadows.
    """
    unit = float(np.linalg.norm(landmarks[1] - landmarks[0]))
    places = [
        _around(_skin_points(landmarks), 0.05 * unit),
        _hair_points(landmarks),
        _iris_points(landmarks),
        _lip_points(landmarks),
    ]
    skin, hair, eye, lip = _pixels(image, places)
    plain = _middle(skin)
    return {
        "skin": _rounded(plain),
        "hair": _hair(hair, plain),
        "eye": _rounded(_median(eye[eye[:, 0] < _median(eye)[0] + _HIGHLIGHT])),
        "lip": _rounded(_median(lip)),
    }


def _rounded(lab: np.ndarray) -> Lab:
    return (round(float(lab[0]), 2), round(float(lab[1]), 2), round(float(lab[2]), 2))


def _pixels(image: np.ndarray, places: list[np.ndarray]) -> list[np.ndarray]:
    """For each list of points the (n,3) Lab of the nearest pixels; those outside the picture drop out."""
    high = np.array(image.shape[1::-1]) - 1
    kept = []
    for points in places:
        at_pixels = np.rint(points).astype(int)
        on = ((at_pixels >= 0) & (at_pixels <= high)).all(1)
        kept.append(at_pixels[on] if on.any() else np.clip(at_pixels, 0, high))
    every = np.concatenate(kept)
    lab = to_lab(image[every[:, 1], every[:, 0]])
    return np.split(lab, np.cumsum([len(points) for points in kept[:-1]]))


def _around(points: np.ndarray, radius: float) -> np.ndarray:
    return (points[:, None] + radius * _PATCH).reshape(-1, 2)


def _median(lab: np.ndarray) -> np.ndarray:
    """Of each column; numpy's own takes four times as long for so few."""
    ordered = np.sort(lab, axis=0)
    return 0.5 * (ordered[(len(lab) - 1) // 2] + ordered[len(lab) // 2])


def _middle(lab: np.ndarray) -> np.ndarray:
    """The median without the lightest and darkest quarter: no highlights, stubble, shadows or strands."""
    order = np.argsort(lab[:, 0])
    return _median(lab[order[len(lab) // 4 : -(len(lab) // 4)]])


def _skin_points(lm: np.ndarray) -> np.ndarray:
    """Both cheeks twice, the sides of the nose's bridge and the forehead."""
    pairs = np.array([(165, 158), (168, 161), (165, 159), (168, 162), (164, 159), (167, 162)])
    cheeks = lm[pairs].mean(1)
    brow, top = (lm[[73, 76, 77, 80]], lm[[137, 139, 139, 141]])
    return np.vstack([cheeks, lm[[165, 168]], (0.6 * brow + 0.4 * top)])


def _hair_points(lm: np.ndarray) -> np.ndarray:
    """Between the hairline and the outline of the hair, over the top and down to the temples."""
    inner, outer = (_ALONG @ lm[first : first + 7] for first in (136, 148))
    return (inner + _SHARE * (outer - inner)).reshape(-1, 2)


def _hair(lab: np.ndarray, skin: np.ndarray) -> Lab | None:
    """None where there is only scalp: skin, or skin under a highlight."""
    middle = _median(lab)
    to_white = np.array([100.0, 0, 0]) - skin
    shine = np.clip((middle - skin) @ to_white / (to_white @ to_white), 0, 1)
    if np.linalg.norm(middle - skin - shine * to_white) < _BALD:
        return None
    return _rounded(middle)


def _iris_points(lm: np.ndarray) -> np.ndarray:
    """Between pupil and limbus, between the lids."""
    found = []
    for side in (0, 1):
        ring = lm[list(at.IRIS[side])]
        centre = ring.mean(0)
        radius = np.sqrt(((ring - centre) ** 2).sum(1)).mean()
        points = centre + radius * _RINGS
        upper, lower = lm[list(at.UPPER_LID[side])], lm[list(at.LOWER_LID[side])]
        inset = 0.3 * radius  # lashes and their shadow
        top = np.interp(points[:, 0], upper[:, 0], upper[:, 1]) + inset
        bottom = np.interp(points[:, 0], lower[:, 0], lower[:, 1]) - 0.3 * inset
        open_part = (points[:, 1] > top) & (points[:, 1] < bottom)
        found.append(points[open_part] if open_part.any() else centre[None])
    return np.concatenate(found)


def _lip_points(lm: np.ndarray) -> np.ndarray:
    """Inside both lips; the lower one, better lit, counts twice."""
    edges = lm[_LIP_EDGES]
    points = edges[:, 0] + _LIP_SHARE * (edges[:, 1] - edges[:, 0])
    return points.reshape(-1, 2)
