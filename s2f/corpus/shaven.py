"""Bald heads: hardly anybody photographed has one, and a face without hair is the first that many draw.

The skin of the forehead goes on over the skull, darker where it turns away, lighter where it faces the lamp;
what stood off the skull is backdrop. Done to the photograph, so that all that is measured, styled, drawn and
rendered from then on is of a bald person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from . import points as at
from .geometry import SIZE, smoothstep
from .noise import normal
from .portraits import SHAVEN, Face
from .restyle import Study

_MEN, _WOMEN = 0.3, 0.12  # how many are shaven, of those who can be
_HEIGHT = 1.49  # eye distances from the pupils to the top of a skull, as measured on those who are bald
_SQUARE = 2.4  # of the dome: 2 is an ellipse, more has fuller corners
_OVER_HAIRLINE = 0.2  # eye distances at least from the hairline to the top
_TAKEN = np.linspace(0.62, 0.9, 9)[:, None]  # of the way from the eyes to the hairline: bare forehead
_ANGLES = np.radians(np.linspace(-200, 20, 111))  # over the head, as image angles run
_FULL = 0.03  # share of hair over the forehead that a fringe has
_HIDDEN = 0.2  # share of an ear that hair may cover
_BESIDE = 0.02  # share of the rows between ear and chin that may be hair
_BLEND = (-0.5, -0.02)  # eye distances from the hairline over which the forehead becomes the scalp


@dataclass(frozen=True, eq=False)
class _Around:
    """A line over the head as its distance from between the eyes, by angle."""

    angle: np.ndarray  # rising
    far: np.ndarray

    @classmethod
    def of(cls, ring: np.ndarray, centre: np.ndarray) -> _Around:
        angle, far = _polar(ring - centre)
        order = np.argsort(angle)
        return cls(angle[order], far[order])

    def __call__(self, angle: np.ndarray) -> np.ndarray:
        return np.interp(angle, self.angle, self.far)


def shave(known: Study, rng: np.random.Generator) -> Face | None:
    """What chance makes of this head: a bald one, or None where the hair stays.

    It stays where it covers the forehead or an ear or hangs past them: what lies under it nobody knows.
    """
    wanted = rng.random() < (_MEN if known.face.gender == "male" else _WOMEN)
    return _bald(known, rng) if wanted and _can_be(known) else None


def _can_be(known: Study) -> bool:
    lm, hair = known.face.landmarks, known.parts.hair
    forehead = cv2.convexHull(lm[[*range(134, 145), *range(71, 83)]].astype(np.float32))[:, 0]
    ears = [lm[list(ring)] for ring in at.EAR_RING]
    low, high = int(lm[[119, 124], 1].mean()), int(lm[at.CHIN, 1])
    return (
        known.matte.alpha.min() < 0.5  # somebody before a backdrop
        and float((hair[low:high] > 0.5).mean()) < _BESIDE
        and _within(hair, forehead) < _FULL
        and max(_within(hair * known.matte.alpha, ear) for ear in ears) < _HIDDEN
    )


def _within(values: np.ndarray, ring: np.ndarray) -> float:
    inside = np.zeros(values.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(ring).astype(np.int32)], 1)
    return float(values[inside > 0].mean()) if inside.any() else 0.0


def _bald(known: Study, rng: np.random.Generator) -> Face:
    face, lm = known.face, known.face.landmarks
    size, unit, centre = face.size, at.eye_distance(lm), lm[[0, 1]].mean(0)
    rim = _skull(lm, centre, unit, rng)
    skull = _filled([rim, lm[list(at.FACE_RING)]], size, 0.4 * unit)
    ears = _filled([lm[list(ring)] for ring in at.EAR_RING], size)
    rows = np.arange(size, dtype=np.float32)[:, None]
    lobes = lm[[119, 124], 1].mean()
    above = 1 - smoothstep((rows - lobes) / (0.25 * unit) + 1)  # neck and clothes stay as they are
    hair = np.clip(3 * cv2.blur(known.parts.hair, (2 * round(3 * size / SIZE) + 1,) * 2), 0, 1)
    gone = np.maximum(above, hair) * (1 - np.maximum(skull, ears))
    scalp, share = _scalp(known, centre, rim, unit, rng)
    share = np.maximum(share, hair * above) * skull * (1 - known.parts.brows) * (1 - ears * (1 - hair))
    skin, behind = 255 * cv2.cvtColor(scalp, cv2.COLOR_LAB2RGB), known.matte.backdrop
    image = face.image + share[..., None] * (skin - face.image)
    image += gone[..., None] * (behind + normal((size, size), 1.0, rng)[..., None] - image)
    image = np.clip(image + 0.5, 0, 255).astype(np.uint8)
    return replace(face, image=image, landmarks=_on_skull(lm, centre, rim), worn=(SHAVEN,))


def _filled(rings: Iterable[np.ndarray], size: int, closed: float = 0.0) -> np.ndarray:
    """Inside any of the rings, 0-1; dents as narrow as `closed` pixels are filled."""
    mask = np.zeros((size, size), np.uint8)
    for ring in rings:
        cv2.fillPoly(mask, [np.round(ring * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(closed / 2) + 1,) * 2)
    whole = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)
    return cv2.GaussianBlur(whole, (0, 0), 1.2 * size / SIZE).astype(np.float32) * np.float32(1 / 255)


def _skull(lm: np.ndarray, centre: np.ndarray, unit: float, rng: np.random.Generator) -> np.ndarray:
    """A dome from temple to temple."""
    least = centre[1] - lm[139, 1] + _OVER_HAIRLINE * unit
    tall = max(_HEIGHT * rng.uniform(0.97, 1.06) * unit, least)
    left, right = lm[list(at.TEMPLE), 0] + np.array([-0.02, 0.02]) * unit
    a = np.linspace(np.pi, 0, 81)
    x, y = (np.sign(v) * np.abs(v) ** (2 / _SQUARE) for v in (np.cos(a), np.sin(a)))
    return np.stack([(left + right) / 2 + (right - left) / 2 * x, centre[1] - tall * y], 1)


def _scalp(
    known: Study, centre: np.ndarray, rim: np.ndarray, unit: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(Lab, share): the skin over the skull, and how much of it is seen by place, hair or not."""
    size = known.face.size
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    angle, far = _polar(np.stack([xs, ys], 2) - centre)
    line = known.face.landmarks[[109, *range(134, 145), 112]]
    hairline, edge = (_Around.of(ring, centre) for ring in (line, rim))
    start, end = hairline(angle), edge(angle)
    skin = _forehead(known, hairline, centre)
    lab: np.ndarray = np.stack([np.interp(angle, _ANGLES, skin[:, c]) for c in range(3)], 2)
    lab = cv2.GaussianBlur(lab.astype(np.float32), (0, 0), 0.08 * unit)
    turned = smoothstep((far / np.maximum(end, 1) - 0.72) / 0.3)
    grows = rng.uniform(0, 0.3) * (rng.random() < 0.6)  # stubble, if any
    stubble = grows * smoothstep((far - start) / np.maximum(end - start, 1) / 0.5)
    pores = np.float32(2.2) * cv2.GaussianBlur(normal((size, size), 1.0, rng), (0, 0), 0.7 * size / SIZE)
    blotches = cv2.GaussianBlur(normal((size, size), 1.0, rng), (0, 0), 0.09 * unit)
    rough = 1 + 0.012 * blotches / max(float(blotches.std()), 1e-6) + (0.012 + 0.05 * stubble) * pores
    lab[..., 0] *= (1 - rng.uniform(0.16, 0.34) * turned) * (1 - 0.55 * stubble) * rough
    lamp, wide = centre + unit * rng.uniform((-0.35, -1.3), (0.35, -1.05)), unit * rng.uniform(0.8, 1.3)
    shine = np.exp(-(((xs - lamp[0]) / (0.42 * wide)) ** 2) - ((ys - lamp[1]) / (0.26 * wide)) ** 2)
    lab[..., 0] += rng.uniform(2, 20) * shine * (100 - lab[..., 0]) / 50
    lab[..., 1:] *= ((1 - 0.6 * stubble) * (1 - 0.35 * shine))[..., None]
    low, high = _BLEND
    share = smoothstep(((far - start) / unit - low) / (high - low)) * smoothstep(0.2 - np.sin(angle) / 0.5)
    return lab.astype(np.float32), share.astype(np.float32)


def _forehead(known: Study, hairline: _Around, centre: np.ndarray) -> np.ndarray:
    """(angles, 3): Lab of the bare forehead in each direction; at the temples, what it is on the whole."""
    reach = hairline(_ANGLES)
    way = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], 1)
    spots = centre + way * np.minimum(reach, 1.05 * np.median(reach))[:, None] * _TAKEN[..., None]
    x, y = np.clip(np.round(spots).astype(int), 0, known.face.size - 1).transpose(2, 0, 1)
    bare = known.parts.skin[y, x] * (1 - known.parts.brows[y, x]) + 1e-3
    middle = (known.lab[y, x] * bare[..., None]).sum(0) / bare.sum(0)[:, None]
    up = np.sin(-_ANGLES)
    sure = bare.max(0) * np.clip(up, 0.02, 1)
    plain = (middle * sure[:, None]).sum(0) / sure.sum()
    each = plain + np.clip((up - 0.25) / 0.3, 0, 1)[:, None] * (middle - plain)
    return cv2.GaussianBlur(each, (1, 0), sigmaX=0.01, sigmaY=6)


def _on_skull(lm: np.ndarray, centre: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """The landmarks round the hair lie on the skull, each in its direction."""
    out, ids = lm.copy(), list(at.HAIR)
    angle, far = _polar(lm[ids] - centre)
    over = (angle < 0) & (angle > -np.pi)
    nearer = np.where(over, _Around.of(rim, centre)(angle) / np.maximum(far, 1), 1.0)
    out[ids] = centre + (lm[ids] - centre) * nearer[:, None]
    return out


def _polar(off: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(angle, distance); angles run on over the head, from below the left ear to below the right one."""
    angle = np.arctan2(off[..., 1], off[..., 0])
    return np.where(angle > np.pi / 2, angle - 2 * np.pi, angle), np.hypot(off[..., 0], off[..., 1])
