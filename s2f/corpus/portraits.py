"""The packed portraits, framed alike: eyes level at a fixed height and distance, the backdrop grown where it ends."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..errors import CorpusError
from .geometry import SIZE, push_pull

EYE_LINE, EYE_DISTANCE = 0.47, 0.24


@dataclass(frozen=True, eq=False)
class Face:
    """A framed neutral photograph, its landmarks, and whose pictures it was made from, the host first."""

    image: np.ndarray  # (512,512,3) uint8 RGB
    landmarks: np.ndarray  # (189,2)
    gender: str = ""
    ethnicity: str = ""
    sources: tuple[str, ...] = ()


def frame(photo: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(512 x 512 RGB, landmarks in it) of an RGB or RGBA photograph; alpha 0 marks where the photograph ends."""
    matrix = frame_matrix(landmarks)
    inside = (photo[..., 3] > 254) if photo.shape[2] == 4 else np.ones(photo.shape[:2], bool)
    image = photo[..., :3]
    out = cv2.warpAffine(image, matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    known = cv2.warpAffine(inside.astype(np.float32), matrix, (SIZE, SIZE))
    known = cv2.erode((known > 0.999).astype(np.float32), np.ones((7, 7)), borderValue=1)
    if (known == 0).any():
        grown = push_pull(out.astype(np.float32), known)
        blend = cv2.GaussianBlur(known, (0, 0), 2)[..., None] * known[..., None]
        out = np.clip(out * blend + grown * (1 - blend), 0, 255).astype(np.uint8)
    return out, landmarks @ matrix[:, :2].T + matrix[:, 2]


def frame_matrix(landmarks: np.ndarray) -> np.ndarray:
    """2x3: the photograph's pixels -> the frame's."""
    across, middle = landmarks[1] - landmarks[0], (landmarks[0] + landmarks[1]) / 2
    scale = EYE_DISTANCE * SIZE / np.hypot(*across)
    matrix = cv2.getRotationMatrix2D(tuple(middle), np.degrees(np.arctan2(across[1], across[0])), scale)
    matrix[:, 2] += (SIZE * 0.5, SIZE * EYE_LINE) - middle
    return matrix


def load_portraits(pack: str | Path) -> list[Face]:
    pack = Path(pack)
    try:
        with (pack / "people.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        with np.load(pack / "landmarks.npz") as marks:
            points = {row["id"]: marks[row["id"]] for row in rows}
    except (OSError, KeyError, ValueError) as error:
        raise CorpusError(f"got {pack} ({error}), expected a folder of packed sources; check it") from None
    faces = []
    for row in rows:
        path = pack / "portraits" / f"{row['id']}_neutral.webp"
        photo = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if photo is None:
            raise CorpusError(f"got {path}, expected a picture; pack the sources again")
        photo = cv2.cvtColor(photo, cv2.COLOR_BGRA2RGBA if photo.shape[2] == 4 else cv2.COLOR_BGR2RGB)
        image, landmarks = frame(photo, points[row["id"]])
        faces.append(Face(image, landmarks, row["gender"], row["ethnicity"], (row["id"],)))
    return faces
