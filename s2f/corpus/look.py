"""The colours of a face, measured in its pixels: CIE L*, a*, b* of skin, hair, irises and lips."""

from __future__ import annotations

from functools import cache

import numpy as np

from . import points as at

Lab = tuple[float, float, float]
PARTS = ("skin", "hair", "eye", "lip")
# linear sRGB -> XYZ over the D65 white point
_TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
_TO_XYZ /= np.array([0.95047, 1.0, 1.08883])[:, None]
_BALD = 9.0  # colour difference below which what should be hair is skin
_HIGHLIGHT = 14.0  # L* over the iris's median that a reflection has


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) sRGB in 0-255 -> CIE L*, a*, b*."""
    linear = _linear_table()[rgb] if rgb.dtype == np.uint8 else _linear(rgb / 255.0)
    xyz = linear @ _TO_XYZ.T
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def to_rgb(lab: np.ndarray) -> np.ndarray:
    """CIE L*, a*, b* -> sRGB in 0-255, clipped where no screen shows it."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], -1)
    xyz = np.where(f > 0.2068966, f**3, (f - 16 / 116) / 7.787)
    linear = np.clip(xyz @ np.linalg.inv(_TO_XYZ).T, 0, 1)
    return 255 * np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)


def measure_look(image: np.ndarray, landmarks: np.ndarray) -> dict[str, Lab | None]:
    """{"skin", "hair", "eye", "lip"} -> (L*, a*, b*) of an RGB face; None for the hair of the bald.

    Medians over a few hundred pixels well inside each part, without highlights and shadows.
    """
    unit = float(np.linalg.norm(landmarks[1] - landmarks[0]))
    skin = _middle(_pixels(image, _around(_skin_points(landmarks), 0.05 * unit)))
    hair = _pixels(image, _hair_points(landmarks))
    return {
        "skin": _rounded(skin),
        "hair": _hair(hair, skin),
        "eye": _rounded(_eye(image, landmarks)),
        "lip": _rounded(np.median(_pixels(image, _lip_points(landmarks)), 0)),
    }


def _linear(share: np.ndarray) -> np.ndarray:
    return np.where(share > 0.04045, ((share + 0.055) / 1.055) ** 2.4, share / 12.92)


@cache
def _linear_table() -> np.ndarray:
    return _linear(np.arange(256) / 255.0)


def _rounded(lab: np.ndarray) -> Lab:
    return (round(float(lab[0]), 2), round(float(lab[1]), 2), round(float(lab[2]), 2))


def _pixels(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(n,3) Lab of the pixels nearest to the points; those outside the picture drop out."""
    x, y = np.rint(points).astype(int).T
    height, width = image.shape[:2]
    on = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    if not on.any():
        x, y, on = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1), np.ones_like(on)
    return to_lab(image[y[on], x[on]])


def _around(points: np.ndarray, radius: float) -> np.ndarray:
    steps = np.array([(x, y) for x in (-1, -0.5, 0, 0.5, 1) for y in (-1, -0.5, 0, 0.5, 1)]) * radius
    return (points[:, None] + steps).reshape(-1, 2)


def _middle(lab: np.ndarray) -> np.ndarray:
    """The median without the lightest and darkest quarter: no highlights, stubble, shadows or strands."""
    low, high = np.percentile(lab[:, 0], [25, 75])
    return np.median(lab[(lab[:, 0] >= low) & (lab[:, 0] <= high)], 0)


def _skin_points(lm: np.ndarray) -> np.ndarray:
    """Both cheeks twice, the sides of the nose's bridge and the forehead."""
    pairs = np.array([(165, 158), (168, 161), (165, 159), (168, 162), (164, 159), (167, 162)])
    cheeks = lm[pairs].mean(1)
    brow, top = (lm[[73, 76, 77, 80]], lm[[137, 139, 139, 141]])
    return np.vstack([cheeks, lm[[165, 168]], (0.6 * brow + 0.4 * top)])


def _hair_points(lm: np.ndarray) -> np.ndarray:
    """Between the hairline and the outline of the hair, over the top and down to the temples."""
    inner, outer = lm[[136, 137, 138, 139, 140, 141, 142]], lm[[148, 149, 150, 151, 152, 153, 154]]
    along = np.linspace(0, 6, 19)
    inner, outer = (
        np.stack([np.interp(along, np.arange(7), line[:, k]) for k in (0, 1)], -1) for line in (inner, outer)
    )
    share = np.linspace(0.25, 0.75, 12)[:, None, None]
    return (inner + share * (outer - inner)).reshape(-1, 2)


def _hair(lab: np.ndarray, skin: np.ndarray) -> Lab | None:
    """None where there is only scalp: skin, or skin under a highlight."""
    middle = np.median(lab, 0)
    to_white = np.array([100.0, 0, 0]) - skin
    shine = np.clip((middle - skin) @ to_white / (to_white @ to_white), 0, 1)
    if np.linalg.norm(middle - skin - shine * to_white) < _BALD:
        return None
    return _rounded(middle)


def _eye(image: np.ndarray, lm: np.ndarray) -> np.ndarray:
    """Between pupil and limbus, between the lids, without the reflection of the lamp."""
    found = []
    for side in (0, 1):
        ring = lm[list(at.IRIS[side])]
        centre = ring.mean(0)
        radius = np.linalg.norm(ring - centre, axis=1).mean()
        angle, share = np.meshgrid(np.linspace(0, 2 * np.pi, 40, endpoint=False), np.linspace(0.52, 0.84, 6))
        points = centre + radius * (share * np.array([np.cos(angle), np.sin(angle)])).reshape(2, -1).T
        upper, lower = lm[list(at.UPPER_LID[side])], lm[list(at.LOWER_LID[side])]
        inset = 0.3 * radius  # lashes and their shadow
        top = np.interp(points[:, 0], upper[:, 0], upper[:, 1]) + inset
        bottom = np.interp(points[:, 0], lower[:, 0], lower[:, 1]) - 0.3 * inset
        open_part = (points[:, 1] > top) & (points[:, 1] < bottom)
        found.append(_pixels(image, points[open_part] if open_part.any() else centre[None]))
    lab = np.vstack(found)
    return np.median(lab[lab[:, 0] < np.median(lab[:, 0]) + _HIGHLIGHT], 0)


def _lip_points(lm: np.ndarray) -> np.ndarray:
    """Inside both lips; the lower one, better lit, counts twice."""
    upper = [(88, 94), (89, 95), (90, 96), (91, 97), (92, 98)]
    lower = [(99, 104), (100, 105), (101, 106), (102, 107), (103, 108)]
    pairs = np.array([*upper, *lower])
    share = np.linspace(0.25, 0.75, 7)[:, None, None]
    points = lm[pairs[:, 0]] + share * (lm[pairs[:, 1]] - lm[pairs[:, 0]])
    both = np.concatenate([points, points[:, 5:]], 1)
    sides = np.concatenate([both, 0.5 * (both[:, :-1] + both[:, 1:])], 1)
    return sides.reshape(-1, 2)
