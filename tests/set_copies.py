"""Photographs drawn by code, in the layouts of other people's sets, and the rows that come of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("numba")

from s2f.corpus.adapters import iter_rows
from s2f.corpus.detect import Found
from s2f.expression import CLASSES

FAIR, DARK = (205, 160, 135), (120, 80, 60)


def drawn_photo(size: int = 256, skin: tuple[int, ...] = FAIR, tilt: float = 0) -> np.ndarray:
    """A softly shaded head and shoulders, RGB; `true_pupils` knows where it looks from."""
    big = 4 * size
    unit = big / 256
    page = np.full((big, big, 3), (150, 160, 170), np.uint8)

    def oval(
        x: float,
        y: float,
        a: float,
        b: float,
        colour: Iterable[float],
        arc: tuple[int, int, int] = (0, 360, 0),
    ) -> None:
        line = int(arc[2] * unit) or -1
        centre, axes = (int(x * unit), int(y * unit)), (int(a * unit), int(b * unit))
        cv2.ellipse(page, centre, axes, 0, arc[0], arc[1], tuple(colour), line, cv2.LINE_AA)

    shade, light = [0.8 * c for c in skin], [min(255, 1.12 * c) for c in skin]
    oval(128, 112, 78, 98, (45, 32, 28))
    oval(128, 215, 40, 60, shade)
    oval(128, 250, 100, 45, (70, 80, 110))
    oval(128, 128, 64, 84, skin)
    oval(128, 112, 46, 50, light)
    for side in (-1, 1):
        x = 128 + side * 31
        oval(x, 104, 22, 13, shade)
        oval(x, 107.5, 14, 7, (235, 232, 228))
        oval(x, 107.5, 6.6, 6.6, (70, 50, 40))
        oval(x, 107.5, 3, 3, (10, 10, 10))
        oval(x, 106, 15, 8, (40, 28, 25), (190, 350, 3))
        oval(x, 94, 20, 8, (50, 36, 30), (200, 340, 6))
        oval(128 + side * 50, 150, 14, 26, shade)
    oval(128, 128, 6, 30, light)
    oval(128, 151, 15, 9, shade)
    for side in (-1, 1):
        oval(128 + side * 7, 154, 4, 2.6, [0.55 * c for c in skin])
    oval(128, 178, 26, 7, (170, 85, 85))
    oval(128, 177, 26, 3, (90, 40, 42))
    page = cv2.resize(cv2.GaussianBlur(page, (0, 0), 2.2 * unit), (size, size), interpolation=cv2.INTER_AREA)
    return cv2.warpAffine(page, turn(size, tilt), (size, size), borderMode=cv2.BORDER_REPLICATE)


def turn(size: int, tilt: float) -> np.ndarray:
    return cv2.getRotationMatrix2D((size / 2 - 0.5, size * 0.42 - 0.5), -tilt, 1)


def true_pupils(size: int = 256, tilt: float = 0) -> np.ndarray:
    flat = np.array([[97, 107.5], [159, 107.5]]) / 256 * size - 0.5
    matrix = turn(size, tilt)
    return flat @ matrix[:, :2].T + matrix[:, 2]


def off(found: Found | None, pupils: np.ndarray) -> float:
    """Mean error of the two pupils, in eye distances."""
    assert found is not None
    return float(np.linalg.norm(found.pupils - pupils, axis=1).mean() / np.hypot(*(pupils[1] - pupils[0])))


PHOTO = drawn_photo(64)


def write(folder: Path, *files: str, photo: np.ndarray = PHOTO) -> None:
    for number, file in enumerate(files):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".txt", ".xml", ".csv"):
            path.write_text("", encoding="utf-8")
        else:
            shade = np.roll(photo, number, 1)  # so that no two pictures are the same
            suffix = {".jpg": ".jpg", ".JPG": ".jpg"}.get(path.suffix, path.suffix)
            path.write_bytes(cv2.imencode(suffix, cv2.cvtColor(shade, cv2.COLOR_RGB2BGR))[1].tobytes())


def told(photo: np.ndarray) -> Found:
    """Where a framed-as-drawn face of any size looks from: adapters are tested apart from the detector."""
    height, width = photo.shape[:2]
    left, right = (true_pupils() / 256 * (width, height)).tolist()
    return Found((0, 0, width, height), tuple(left), tuple(right), 1)


def rows_of(
    folder: Path, find: Callable[[np.ndarray], Found | None] = told, **options: Any
) -> tuple[list[dict[str, Any]], Counter[str]]:
    counts: Counter[str] = Counter()
    options = {"size": 32, "sketches": ()} | options
    rows = list(iter_rows(folder, counts=counts, find=find, **options))
    assert counts["rows"] == len(rows)
    return rows, Counter({reason: number for reason, number in counts.items() if reason != "rows"})


def labels(rows: list[dict[str, Any]]) -> list[str | None]:
    return [None if row["expression"] is None else CLASSES[row["expression"]] for row in rows]
