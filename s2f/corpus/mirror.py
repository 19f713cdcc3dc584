"""A face seen in a mirror: its picture and, place by place, its landmarks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from . import points as at
from .portraits import Face

# landmarks that trade places
_PAIRS = (
    "0-1 2-10 3-17 4-16 5-15 6-14 7-13 8-12 9-11 18-27 19-26 20-25 21-24 22-23 28-33 29-32 30-31 34-43 "
    "35-42 36-41 37-40 38-39 44-49 45-48 46-47 50-56 51-57 52-58 53-59 54-60 61-66 62-67 63-68 64-69 "
    "65-70 71-82 72-81 73-80 74-79 75-78 76-77 83-86 84-85 87-93 88-92 89-91 94-98 95-97 99-103 100-102 "
    "104-108 105-107 109-112 110-113 111-114 115-120 116-121 117-122 118-123 119-124 125-133 126-132 "
    "127-131 128-130 134-144 135-143 136-142 137-141 138-140 145-157 146-156 147-155 148-154 149-153 "
    "150-152 158-161 159-162 160-163 164-167 165-168 166-169 170-172 171-173 176-178 179-182 180-181 "
    "183-184 185-187 186-188 "
)


def _partners() -> np.ndarray:
    partner = np.arange(at.COUNT)
    for pair in _PAIRS.split():
        a, b = (int(number) for number in pair.split("-"))
        partner[[a, b]] = b, a
    return partner


PARTNER = _partners()


def mirrored_points(points: np.ndarray, width: int) -> np.ndarray:
    out = points[PARTNER].copy()
    out[:, 0] = width - 1 - out[:, 0]
    return out


def mirror(face: Face) -> Face:
    image = np.ascontiguousarray(face.image[:, ::-1])
    landmarks = mirrored_points(face.landmarks, image.shape[1])
    return replace(face, image=image, landmarks=landmarks, mirrored=not face.mirrored)
