"""A corpus of painted people in seven expressions, with every column that scoring and training read."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
from miniature import MEAN
from painted import Look, paint
from PIL import Image

from s2f.corpus.features import WORN, table
from s2f.corpus.look import measure_look
from s2f.expression import CLASSES, action_units, named
from s2f.sketch import extract_array

SIZE = 128
LOOKS = (
    Look((226, 184, 160), (58, 40, 28), (90, 110, 130)),
    Look((150, 104, 76), (24, 20, 18), (60, 40, 28)),
    Look((204, 160, 128), (150, 110, 62), (86, 96, 66)),
)
MOUTH = [*range(87, 109)]
BROWS = [*range(71, 87)]


def write_painted_corpus(
    folder: Path, people: dict[str, int] | None = None, classes: int = len(CLASSES)
) -> Path:
    """`people` of each split, each in so many classes, and one of each split photographed twice."""
    (folder / "data").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split, count in (people or {"train": 4, "validation": 2, "test": 4}).items():
        rows = []
        for person in range(count):
            shape = MEAN * 1.25 + rng.normal(0, 1.5, MEAN.shape).cumsum(0) * 0.05
            look = LOOKS[person % len(LOOKS)]
            for label in range(classes):
                rows.append(_row(f"{split}-{person}", shape, look, label, person, rng, real=False))
            if person == 0:
                for label in (0, 1):
                    rows.append(_row(f"{split}-real", shape, look, label, person, rng, real=True))
        pq.write_table(table(rows), folder / "data" / f"{split}-00000-of-00001.parquet")
    return folder


def _row(
    who: str, shape: np.ndarray, look: Look, label: int, person: int, rng: np.random.Generator, *, real: bool
) -> dict[str, Any]:
    points = shape.copy()
    points[MOUTH, 1] += 4.0 * label * np.sin(np.linspace(0, np.pi, len(MOUTH)))
    points[BROWS, 1] -= 3.0 * label
    large = paint(points, look, rng, smiling=label == 1)
    image = cv2.resize(large, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    marks = ((points + 0.5) * SIZE / 640 - 0.5).astype(np.float32)
    pages = [extract_array(image, style) for style in ("contour", "edge")]
    moved = np.array([[1, 0, 4], [0, 1, -3]], np.float32)
    pages.append(cv2.warpAffine(pages[0], moved, (SIZE, SIZE), borderValue=255))
    unknown = real and label == 1
    units = action_units(CLASSES[label]) if label else np.zeros(42)
    return {
        "image": _stored(image),
        "sketch": [_stored(page) for page in pages],
        "sketch_style": ["contour", "edge", "freehand"],
        "sketch_transform": [[1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 1, 0], moved.ravel()],
        "sketch_skill": [None, None, 0.8],
        "sketch_landmarks": [None, None, (marks + moved[:, 2]).tolist()],
        "sketch_stage": [None, None, "whole"],
        "expression": label,
        "intensity": None if unknown else 1.0,
        "action_units": None if unknown else named(units),
        "pose": None if unknown else {"yaw": 0.0, "pitch": 0.0, "roll": 0.0},
        "identity": who,
        "sources": {"host": who, "donors": [], "teeth": None},
        "landmarks": None if unknown else marks,
        "look": measure_look(image, marks),
        "worn": None if real else dict.fromkeys(WORN, False),
        "gender": "woman",
        "ethnicity": ("east_asian", "white")[person % 2],
        "real": real,
        "seed": 0,
    }


def _stored(pixels: np.ndarray) -> dict[str, Any]:
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, "PNG")
    return {"bytes": stored.getvalue(), "path": None}
