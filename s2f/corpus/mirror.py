"""A face in the mirror: pixels, landmarks and who was used mirrored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .points import COUNT
from .portraits import Face

# landmarks that change places, as first-last runs of one side and of the other, counted up or down
_RUNS = (
    ((0, 0), (1, 1)),
    ((2, 2), (10, 10)),
    ((3, 9), (17, 11)),
    ((18, 22), (27, 23)),
    ((28, 30), (33, 31)),
    ((34, 38), (43, 39)),
    ((44, 46), (49, 47)),
    ((50, 54), (56, 60)),
    ((61, 65), (66, 70)),
    ((71, 76), (82, 77)),
    ((83, 84), (86, 85)),
    ((87, 89), (93, 91)),
    ((94, 95), (98, 97)),
    ((99, 100), (103, 102)),
    ((104, 105), (108, 107)),
    ((109, 111), (112, 114)),
    ((115, 119), (120, 124)),
    ((125, 125), (133, 133)),
    ((126, 128), (132, 130)),
    ((134, 138), (144, 140)),
    ((145, 150), (157, 152)),
    ((158, 160), (161, 163)),
    ((164, 166), (167, 169)),
    ((170, 171), (172, 173)),
    ((176, 176), (178, 178)),
    ((179, 180), (182, 181)),
    ((183, 183), (184, 184)),
    ((185, 186), (187, 188)),
)


def _opposite() -> np.ndarray:
    out = np.arange(COUNT)
    for run in _RUNS:
        one, other = (
            np.arange(first, last + (1 if last >= first else -1), 1 if last >= first else -1)
            for first, last in run
        )
        out[one], out[other] = other, one
    return out


OPPOSITE = _opposite()  # the landmark that each landmark becomes


def mirrored(face: Face) -> Face:
    landmarks = face.landmarks[OPPOSITE]
    landmarks[:, 0] = face.image.shape[1] - 1 - landmarks[:, 0]
    image = np.ascontiguousarray(face.image[:, ::-1])
    return replace(face, image=image, landmarks=landmarks, mirrored=not face.mirrored)
