"""Drawings like the one begun, to be shown faintly under it (after ShadowDraw, Lee, Zitnick & Cohen 2011).

The bank holds freehand drawings of people who do not exist, made by `s2f.corpus.freehand`, on one sheet.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..image import load_image

SHEET = Path(__file__).parent / "shadows.png"
SIDE = 128  # of a drawing on the sheet
GRID = 32  # on which drawings are compared
SHOWN = 3
SHARES = (0.5, 0.3, 0.2)


def shadow(page: bytes, size: int = 512) -> Image.Image:
    """The drawings nearest to what is on the page, one over the other."""
    drawn = _ink(np.asarray(load_image(page).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)))
    places, bank = _bank()
    mine = _places(drawn)
    # How far each of my lines is from one of theirs; a page half done is not blamed for what it lacks.
    away = (places * mine).sum((1, 2)) / max(float(mine.sum()), 1e-6)
    nearest = np.argsort(away, kind="stable")[:SHOWN]
    mixed = sum(share * bank[n] for share, n in zip(SHARES, nearest, strict=True))
    picture = Image.fromarray((255 * (1 - np.clip(mixed, 0, 1))).astype(np.uint8))
    return picture.resize((size, size), Image.Resampling.BICUBIC)


def _ink(grey: np.ndarray) -> np.ndarray:
    return 1 - grey.astype(np.float32) / 255


def _places(ink: np.ndarray) -> np.ndarray:
    return (cv2.resize(ink, (GRID, GRID), interpolation=cv2.INTER_AREA) > 0.08).astype(np.float32)


@cache
def _bank() -> tuple[np.ndarray, np.ndarray]:
    """(n, GRID, GRID) how far each place is from a line, up to a quarter; (n, SIDE, SIDE) ink."""
    sheet = _ink(np.asarray(Image.open(SHEET).convert("L")))
    rows, columns = sheet.shape[0] // SIDE, sheet.shape[1] // SIDE
    bank = sheet.reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE)
    free = [(_places(ink) == 0).astype(np.uint8) for ink in bank]
    far = np.stack([np.minimum(cv2.distanceTransform(one, cv2.DIST_L2, 3), GRID / 4) for one in free])
    return far, bank
