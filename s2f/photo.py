"""Any photograph: its faces are found, cut out in our frame, changed by whoever is given, and put back.

    photograph ─find─▶ faces ─frame─▶ 512² each ─change─▶ 512² each ─put back─▶ photograph

What is put back is only what changed: outside, light and colour of the photograph go on, the rim is feathered
inside the frame, and other faces are left as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from .errors import ImageError
from .image import load_image

if TYPE_CHECKING:
    from .corpus.detect import Found

Change = Callable[[list[Image.Image]], Sequence[Image.Image]]

# The oval within which a face may change, in shares of the frame's side: the head with its hair.
_MIDDLE, _RADII = (0.5, 0.5), (0.46, 0.485)
_FEATHER = 0.16  # of the radius: over this much the change fades out
_COARSE = 0.04  # of the side: colour is matched at this scale
_SEEN = 1.5  # levels of 255: a smaller change is none
_OWN = 1.25  # eye distances around a neighbour's eyes that stay the neighbour's


@dataclass(frozen=True)
class Changed:
    """The photograph with its new faces, and the faces that were found: all, the largest first."""

    image: Image.Image
    faces: list[Found]
    changed: list[int]  # which of them


def find_faces(photo: Image.Image) -> list[Found]:
    """Every face that looks at the camera; an ImageError where there is none."""
    from .corpus import detect

    faces = detect.find_faces(np.asarray(photo.convert("RGB")))
    if not faces:
        raise ImageError(
            "got a photograph in which no face was found, expected one that looks at the camera; use "
            "another, or frame the face yourself"
        )
    return faces


def change_faces(
    photo: Image.Image,
    change: Change,
    *,
    which: int | str = "all",
    size: int = 512,
    keep_detail: bool = False,
    faces: list[Found] | None = None,
) -> Changed:
    """The photograph with `which` of its faces ("all", or a number from 0, the largest) through `change`.

    `change` gets them all at once, framed, at `size`. With `keep_detail` what the photograph shows beyond
    the resolution of the frame stays: right for a change that moves nothing, as restoring is.
    """
    photo = load_image(photo)
    faces = find_faces(photo) if faces is None else faces
    chosen = _chosen(which, len(faces))
    rgb = np.asarray(photo)
    cuts = [_cut(rgb, faces[n], size) for n in chosen]
    made = list(change([Image.fromarray(face) for face, _ in cuts]))
    if len(made) != len(cuts):
        raise ImageError(
            f"got {len(made)} faces back for {len(cuts)}, expected one for each; change must keep their order"
        )
    out = rgb.copy()
    for number, (face, matrix), new in zip(chosen, cuts, made, strict=True):
        others = [other for n, other in enumerate(faces) if n != number]
        after = np.asarray(load_image(new).resize((size, size), Image.Resampling.LANCZOS))
        _put_back(out, face, after, matrix, others, keep_detail)
    return Changed(Image.fromarray(out), faces, chosen)


def _chosen(which: int | str, count: int) -> list[int]:
    if which == "all":
        return list(range(count))
    if isinstance(which, int) and not isinstance(which, bool) and 0 <= which < count:
        return [which]
    raise ImageError(
        f"got face {which!r} of {count} found, expected a number from 0 to {count - 1} or 'all'; choose one"
    )


def _cut(rgb: np.ndarray, found: Found, size: int) -> tuple[np.ndarray, np.ndarray]:
    from .corpus import detect

    return detect.frame(rgb, found, size)


def _put_back(
    photo: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    matrix: np.ndarray,
    others: list[Found],
    keep_detail: bool,
) -> None:
    """One face into the photograph, in place: only the rectangle that its frame covers is looked at."""
    size = len(before)
    back = cv2.invertAffineTransform(matrix)
    left, top, right, bottom = _extent(back, size, photo.shape)
    if right <= left or bottom <= top:
        return
    area = photo[top:bottom, left:right].astype(np.float32)
    back[:, 2] -= (left, top)

    matched = match(before, after)
    share = changed_share(before, matched)

    def placed(picture: np.ndarray) -> np.ndarray:
        zoom = float(np.hypot(back[0, 0], back[1, 0]))  # pixels of the photograph for one of the frame
        if zoom < 0.8:
            picture = cv2.GaussianBlur(picture, (0, 0), 0.35 / zoom)
        return cv2.warpAffine(
            picture, back, area.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )

    flat = cv2.warpAffine(share, back, area.shape[1::-1], flags=cv2.INTER_LINEAR)
    for other in others:
        flat *= 1 - _theirs(other, (left, top), flat.shape)
    weight = np.clip(flat, 0, 1)[..., None]
    if keep_detail:
        new = area + weight * placed(matched - before.astype(np.float32))
    else:
        new = area + weight * (placed(matched) - area)
    photo[top:bottom, left:right] = np.clip(np.rint(new), 0, 255).astype(np.uint8)


def _extent(back: np.ndarray, size: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ back[:, :2].T + back[:, 2]
    height, width = shape[:2]
    left, top = np.clip(np.floor(corners.min(0)).astype(int) - 1, 0, (width, height))
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 2, 0, (width, height))
    return int(left), int(top), int(right), int(bottom)


def match(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The new face, float32, in the light of the old one.

    First a gain and an offset for each channel, by what most of the face says: a new mouth is no new light.
    Then, where the oval ends, what is left of a difference at a coarse scale, spread smoothly over the face.
    """
    size = len(before)
    out = after.astype(np.float32)
    shape = (min(size, 64),) * 2
    small, new = (
        cv2.resize(x, shape, interpolation=cv2.INTER_AREA).astype(np.float64) for x in (before, after)
    )
    inside = cv2.resize(oval(size), shape, interpolation=cv2.INTER_AREA) > 0.05
    for channel in range(3):
        gain, offset = _line(new[inside, channel], small[inside, channel])
        out[..., channel] = gain * out[..., channel] + offset
    rim = oval(size) * (1 - oval(size)) * 4
    sigma = _COARSE * size

    def coarse(x: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(x, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)

    drift = coarse((out - before) * rim[..., None]) / (coarse(rim) + 0.05)[..., None]
    return out - drift


def _line(new: np.ndarray, old: np.ndarray) -> tuple[float, float]:
    """(gain, offset) that bring most of `new` to `old`; what is far off, or clipped, counts for nothing."""
    usable = (new > 2) & (new < 253)
    gain, offset = 1.0, float(np.median(old - new))
    for _ in range(10):
        away = old - (gain * new + offset)
        scale = 1.5 * float(np.median(np.abs(away))) + 1.0
        weight = usable / (1 + (away / scale) ** 2) ** 2
        total = weight.sum()
        if total < 1:
            break
        mean_new, mean_old = (weight * new).sum() / total, (weight * old).sum() / total
        spread = (weight * (new - mean_new) ** 2).sum()
        if spread < 25 * total:  # a face of one tone has no gain to be told
            gain, offset = 1.0, float(mean_old - mean_new)
            continue
        gain = float(np.clip((weight * (new - mean_new) * (old - mean_old)).sum() / spread, 0.5, 2.0))
        offset = float(mean_old - gain * mean_new)
    return gain, offset


def changed_share(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(size, size) from 0 to 1: 1 where the face changed, inside the oval only, soft everywhere."""
    size = len(before)
    away = np.abs(after - before.astype(np.float32)).max(2)
    # The neighbourhood of a change goes with it, so that no edge of the old shows beside the new.
    near = cv2.dilate(away, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_odd(size / 32),) * 2))
    near = cv2.GaussianBlur(near, (0, 0), size / 64)
    return oval(size) * np.clip(near / _SEEN - 0.5, 0, 1)


def oval(size: int) -> np.ndarray:
    """1 on the head, 0 from well inside the frame's edge on, and smooth between."""
    y, x = (np.mgrid[:size, :size].astype(np.float32) + 0.5) / size
    radius = np.hypot((x - _MIDDLE[0]) / _RADII[0], (y - _MIDDLE[1]) / _RADII[1])
    rise = np.clip((1 - radius) / _FEATHER, 0, 1)
    return rise * rise * (3 - 2 * rise)


def _theirs(other: Found, corner: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    """1 on another's face, fading to 0 around it, over a rectangle of the photograph."""
    apart = max(1.0, other.eye_distance)
    across = (other.pupils[1] - other.pupils[0]) / apart
    down = np.array([-across[1], across[0]])
    middle = other.pupils.mean(0) + down * apart * 0.4 - corner
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    offset = np.stack([x - middle[0], y - middle[1]], -1) / apart
    radius = np.hypot(offset @ across / _OWN, offset @ down / (1.3 * _OWN))
    fade = np.clip((1.15 - radius) / 0.3, 0, 1)
    return (fade * fade * (3 - 2 * fade)).astype(np.float32)


def _odd(value: float) -> int:
    return max(1, int(value) | 1)
