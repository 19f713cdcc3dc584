"""What is measured of one picture against another, column by column, for drawers and editors alike."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from ..corpus import points as at
from ..corpus.look import measure_look
from ..look import delta_e
from ..metrics import cosine, nearest, psnr, sharpness, ssim
from ..sketch import EXTRACTED, extract_array
from .judges import Seen

INK = 176  # a drawing's pixel is ink below this
NEAR = 1 / 128  # strokes agree that lie within this share of the side
LOOKS = ("skin", "hair", "eye", "lip")
# Features that an expression moves and a hand draws: no hair, neck or ears.
INNER = np.setdiff1d(np.arange(at.COUNT), [*at.HAIR, *at.NECK, *at.EARS])


def pixels(picture: torch.Tensor) -> np.ndarray:
    """uint8 (3, S, S) → (S, S, 3)."""
    return np.ascontiguousarray(picture.permute(1, 2, 0).numpy())


def to_truth(made: torch.Tensor, true: torch.Tensor) -> dict[str, np.ndarray]:
    """Pictures against those that they should be, pixel by pixel; uint8 (N, 3, S, S)."""
    pairs = [(pixels(m), pixels(t)) for m, t in zip(made, true, strict=True)]
    return {
        "ssim": np.array([ssim(m, t) for m, t in pairs]),
        "psnr": np.array([psnr(m, t) for m, t in pairs]),
        "high-frequency energy": np.array([sharpness(m) / max(sharpness(t), 1e-6) for m, t in pairs]),
    }


def expressed(seen: Seen, label: np.ndarray, units: np.ndarray) -> dict[str, np.ndarray]:
    """Wrong where a classifier names another class; how far the units read are from those asked."""
    return {
        "expression error": seen.guess["classifier"] != label,
        "expression error, alexnet": seen.guess["alexnet"] != label,
        "action-unit error": np.abs(seen.units - units).mean(1),
    }


def recognised(
    seen: Seen, person: np.ndarray, gallery: np.ndarray, names: np.ndarray, own: np.ndarray
) -> dict[str, np.ndarray]:
    """How like themselves, and whether nearest to themselves among the gallery of all people."""
    return {
        "identity cosine": cosine(seen.direction, own),
        "identity rank 1": names[nearest(seen.direction, gallery)] == person,
    }


def landmark_error(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(N,) the mean distance of the inner face's landmarks in shares of the wanted eye distance."""
    apart = np.linalg.norm(wanted[:, 0] - wanted[:, 1], axis=-1)
    return np.linalg.norm(found[:, INNER] - wanted[:, INNER], axis=-1).mean(1) / apart


def redrawn(made: torch.Tensor, given: torch.Tensor, styles: Sequence[str]) -> np.ndarray:
    """(N,) how well a drawing taken from the face agrees with the one given; freehand ones as contours."""
    out = []
    for face, page, style in zip(made, given, styles, strict=True):
        again = extract_array(pixels(face), style if style in EXTRACTED else "contour")
        out.append(strokes_agree(page.numpy(), again))
    return np.array(out)


def strokes_agree(one: np.ndarray, two: np.ndarray) -> float:
    """F-score of ink that has ink of the other page near it: 1 the same strokes, 0 none in common."""
    reach = 2 * round(NEAR * len(one)) + 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    first, second = ((page < INK).astype(np.uint8) for page in (one, two))
    if not first.any() or not second.any():
        return float(first.any() == second.any())
    precise = float(cv2.dilate(first, around)[second > 0].mean())
    whole = float(cv2.dilate(second, around)[first > 0].mean())
    return 2 * precise * whole / max(precise + whole, 1e-9)


def looks(made: torch.Tensor, landmarks: np.ndarray, asked: np.ndarray) -> dict[str, np.ndarray]:
    """ΔE between the look asked, (N, parts, 3) L*a*b*, and the one measured; NaN where nothing was asked."""
    away = np.full((len(LOOKS), len(made)), np.nan)
    for n, face in enumerate(made):
        if not np.isfinite(landmarks[n]).all():
            continue
        found = measure_look(pixels(face), landmarks[n])
        for k, part in enumerate(LOOKS):
            measured = found[part] or found["skin"]  # hair that cannot be told from skin is skin
            if measured is not None and np.isfinite(asked[n, k]).all():
                away[k, n] = delta_e(np.array(measured), asked[n, k])
    return {f"look, {part}": column for part, column in zip(LOOKS, away, strict=True)}


def beside_the_head(landmarks: np.ndarray, size: int) -> np.ndarray:
    """(size, size) bool: the backdrop above the chin, well outside the hull of face, hair, ears and neck."""
    head = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(head, cv2.convexHull(np.round(landmarks).astype(np.int32)), 1)
    reach = 2 * round(0.06 * size) + 1
    outside = cv2.dilate(head, np.ones((reach, reach), np.uint8)) == 0
    outside[max(0, round(float(landmarks[at.CHIN, 1]) - 0.06 * size)) :] = False  # shoulders, long hair
    return outside


def backdrop_change(made: torch.Tensor, given: torch.Tensor, landmarks: np.ndarray) -> np.ndarray:
    """(N,) mean change outside the head in levels of 255; NaN where no backdrop is to be seen."""
    out = np.full(len(made), np.nan)
    for n in range(len(made)):
        if np.isfinite(landmarks[n]).all():
            outside = beside_the_head(landmarks[n], made.shape[-1])
            if outside.any():
                change = (made[n].int() - given[n].int()).abs().float().mean(0).numpy()
                out[n] = float(change[outside].mean())
    return out
