"""Faces in other people's photographs: where they are, where they look from, and into our frame with them.

dlib's frontal detector (histograms of oriented gradients; inside the package, nothing is downloaded) finds
a face that looks roughly at the camera, tilted by up to about 20 degrees. Its box guesses the pupils to an
eighth of their distance; `pupils` finds them from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from ..errors import CorpusError, ImageError
from ..image import EYE_DISTANCE, EYE_LINE
from .pupils import locate_pupils

# The detector's window is 80 pixels, so a face is found from a sixth, a twelfth and a thirtieth of the
# longer side on.
_LONGER_SIDES = (480, 960, 2400)
# Enlarged twice, a face of 40 pixels fills the window; a picture that is all face has fewer, and gets more.
_MAGNIFY, _MAGNIFY_SMALL = 2.0, 4.0
_MARGIN = 0.15  # of the longer side: pictures that are cut at the face miss what the detector looks for
# Left and right pupil as shares of the box from its left top corner, medians over 442 tilted portraits, for
# the detector's five views: frontal, turned one way or the other, tilted one way or the other.
_EYES = np.array(
    [
        [[0.289, 0.252], [0.729, 0.252]],
        [[0.319, 0.336], [0.749, 0.336]],
        [[0.251, 0.336], [0.681, 0.336]],
        [[0.218, 0.345], [0.610, 0.200]],
        [[0.390, 0.200], [0.782, 0.345]],
    ]
)


@dataclass(frozen=True)
class Found:
    """A face, in pixel-centre coordinates of its picture; left and right are the viewer's."""

    box: tuple[float, float, float, float]  # left, top, right, bottom
    left: tuple[float, float]
    right: tuple[float, float]
    confidence: float  # 0.5 at the detector's threshold, towards 1 with its margin

    @property
    def pupils(self) -> np.ndarray:
        return np.array([self.left, self.right])

    @property
    def eye_distance(self) -> float:
        return float(np.hypot(*(self.pupils[1] - self.pupils[0])))

    @property
    def tilt(self) -> float:
        """Degrees, clockwise on screen."""
        across = self.pupils[1] - self.pupils[0]
        return float(np.degrees(np.arctan2(across[1], across[0])))


def find_face(rgb: np.ndarray) -> Found | None:
    """The face a photograph is of: large and central; None where there is none that looks at the camera."""
    faces = find_faces(rgb)
    return faces[0] if faces else None


def find_faces(rgb: np.ndarray) -> list[Found]:
    """Every face, the largest and most central first. Smaller faces are looked for only where no larger "
    "one is."""
    gray = _gray(rgb)
    for scale in _scales(gray.shape):
        found = [_found(gray, *one) for one in _detect(gray, scale)]
        if found:
            return sorted(found, key=lambda face: -_prominence(face, gray.shape))
    return []


def frame(rgb: np.ndarray, found: Found, size: int = 512) -> tuple[np.ndarray, np.ndarray]:
    """(size x size picture in our frame, 2x3 photograph -> frame). Where the photograph ends, its edge runs
    on,
    ever softer. A grey picture stays grey."""
    matrix = frame_matrix(found, size)
    return warp_into(rgb, matrix, size), matrix


def frame_matrix(found: Found, size: int) -> np.ndarray:
    if found.eye_distance < 1:
        raise ImageError(
            f"got a face with its eyes {found.eye_distance:.2f} pixels apart, expected more; use a larger "
            "photograph"
        )
    middle = found.pupils.mean(0)
    scale = EYE_DISTANCE * size / found.eye_distance
    matrix = cv2.getRotationMatrix2D(tuple(map(float, middle)), found.tilt, scale)
    matrix[:, 2] += (0.5 * size, EYE_LINE * size) - middle
    return matrix


def warp_into(picture: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """A picture through `frame`'s matrix, antialiased; an artist's drawing goes the same way as its "
    "photograph."""
    from .geometry import push_pull

    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    picture, matrix = _cut(picture, matrix, size)
    if scale < 0.8:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.35 / scale)
    out = cv2.warpAffine(
        picture, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    inside = np.ones(picture.shape[:2], np.float32)
    known = cv2.warpAffine(inside, matrix, (size, size))
    known = cv2.erode((known > 0.999).astype(np.float32), np.ones((3, 3)), borderValue=1)
    if known.all() or not known.any():
        return out
    grown = push_pull(np.atleast_3d(out).astype(np.float32), known).reshape(out.shape)
    blend = (cv2.GaussianBlur(known, (0, 0), size / 256) * known).reshape(known.shape + (1,) * (out.ndim - 2))
    return np.clip(out * blend + grown * (1 - blend), 0, 255).astype(np.uint8)


def _cut(picture: np.ndarray, matrix: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Only the part that the frame shows, and the matrix from there: photographs are large."""
    back = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ back[:, :2].T + back[:, 2]
    room = 4 / float(np.hypot(matrix[0, 0], matrix[1, 0])) + 4
    height, width = picture.shape[:2]
    left, top = np.clip((corners.min(0) - room).astype(int), 0, (width - 1, height - 1))
    right, bottom = np.clip((corners.max(0) + room).astype(int), (left + 1, top + 1), (width, height))
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ (left, top)
    return np.ascontiguousarray(picture[top:bottom, left:right]), moved


def _gray(rgb: np.ndarray) -> np.ndarray:
    if (
        rgb.dtype != np.uint8
        or rgb.ndim not in (2, 3)
        or (rgb.ndim == 3 and rgb.shape[2] != 3)
        or not rgb.size
    ):
        raise ImageError(
            f"got an array of {rgb.dtype} {rgb.shape}, expected RGB or grey uint8; convert the picture first"
        )
    return rgb if rgb.ndim == 2 else cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def _scales(shape: tuple[int, ...]) -> Iterator[float]:
    """From coarse to fine; a small picture is enlarged rather than looked at twice."""
    longer, before = max(shape), 0.0
    most = max(_MAGNIFY, min(_MAGNIFY_SMALL, _LONGER_SIDES[0] / longer))
    for side in _LONGER_SIDES:
        scale = min(side / longer, most)
        if scale > 1.2 * before:
            before = scale
            yield scale


def _detect(gray: np.ndarray, scale: float) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """(box corners, guessed pupils, margin of the detector) of each face, in pixels of the picture."""
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = [max(1, round(side * scale)) for side in gray.shape[::-1]]
    small = cv2.resize(gray, size, interpolation=how)
    border = int(_MARGIN * max(size))
    padded = cv2.copyMakeBorder(small, border, border, border, border, cv2.BORDER_REPLICATE)
    rectangles, margins, views = _detector().run(padded, 0, 0.0)
    ratio = np.array(size) / gray.shape[::-1]
    for rectangle, margin, view in zip(rectangles, margins, views, strict=True):
        corner = np.array([rectangle.left(), rectangle.top()], float)
        extent = np.array([rectangle.right(), rectangle.bottom()], float) - corner
        points = corner - border + np.vstack([[[0, 0], [1, 1]], _EYES[int(view)]]) * extent
        points = (points + 0.5) / ratio - 0.5
        yield points[:2], points[2:], float(margin)


def _found(gray: np.ndarray, box: np.ndarray, guess: np.ndarray, margin: float) -> Found:
    left, right = locate_pupils(gray, guess).tolist()
    edges = (float(box[0, 0]), float(box[0, 1]), float(box[1, 0]), float(box[1, 1]))
    return Found(edges, (left[0], left[1]), (right[0], right[1]), float(1 / (1 + np.exp(-2 * margin))))


def _prominence(face: Found, shape: tuple[int, ...]) -> float:
    """The face's width, up to halved towards the corners of the picture."""
    left, top, right, bottom = face.box
    centre, half = np.array([left + right, top + bottom]) / 2, np.array(shape[1::-1]) / 2
    aside = min(1.0, float(np.hypot(*((centre - half) / half))) / np.sqrt(2))
    return (right - left) * (1 - 0.5 * aside)


@lru_cache(1)
def _detector() -> Any:
    try:
        import dlib
    except ImportError:
        raise CorpusError(
            "dlib is not installed, expected it for finding faces; run pip install 's2f[corpus]'"
        ) from None
    return dlib.get_frontal_face_detector()
