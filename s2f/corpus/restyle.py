"""The same person elsewhere: other backdrop, clothing, hair colour, eye colour and a little other skin.

Done once per person, before it is fitted and rendered, so that all its pictures agree. Changes keep to what
people have: hair and irises from natural ranges, skin moved along the line on which real skins lie.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from .backdrops import random_backdrop
from .geometry import SIZE
from .look import measure_look
from .matte import Matte, cut_out, on_backdrop, unmixed
from .noise import normal
from .outline import outline_of
from .portraits import Face
from .reject import lightest_iris
from .segment import Parts, segment
from .tresses import wear

_KEEP_BACKDROP, _KEEP_HAIR, _KEEP_CLOTHES, _KEEP_SKIN, _KEEP_EYES = 0.33, 0.4, 0.25, 0.3, 0.45
# natural hair: share among people of light and of dark hosts, L*, a*, b* and their spread
_HAIR = (
    ("black", 0.10, 0.46, (10, 0.5, 0), (2.5, 0.5, 0.8)),
    ("dark brown", 0.24, 0.30, (18, 4, 5), (3, 1.2, 1.5)),
    ("brown", 0.24, 0.12, (28, 6.5, 9), (4, 1.5, 2)),
    ("light brown", 0.13, 0.03, (39, 7, 14), (4, 1.5, 2)),
    ("blond", 0.12, 0.01, (56, 5.5, 21), (6, 1.5, 3)),
    ("red", 0.07, 0.01, (34, 19, 24), (5, 3, 3)),
    ("grey", 0.06, 0.04, (45, 0.5, 2), (9, 0.5, 1.5)),
    ("dyed", 0.04, 0.03, (36, 0, 0), (7, 22, 22)),
)
_SHAVEN = 20.0  # colour difference of skin below which hair is stubble on a scalp, or hard to tell from skin
_WARMED = 0.55  # how far such a scalp's hue goes towards the skin's
_LIFT = 24.0  # L* by which hair can be lightened and still has strands to show
_IRISES = (
    ("dark brown", 0.1, 0.72, (14, 4, 4), (2, 1, 1.5)),
    ("brown", 0.24, 0.22, (19, 7, 9), (3, 1.5, 2)),
    ("hazel", 0.17, 0.05, (28, 5, 13), (3, 1.5, 2)),
    ("green", 0.14, 0.005, (32, -2, 10), (4, 1.5, 2)),
    ("blue", 0.25, 0.005, (36, -1, -8), (5, 1, 3)),
    ("grey", 0.1, 0.0, (36, 0, -1), (5, 0.7, 1.5)),
)
# where real skins lie: L* -> a*, b*
_LOCUS = np.array(
    [(20, 6.5, 7), (28, 9, 11), (36, 10.5, 14), (46, 12.5, 17), (56, 13, 17), (65, 12.5, 14), (75, 9.5, 11)]
)


@dataclass(frozen=True, eq=False)
class Study:
    """What a face consists of, seen once for any number of styles."""

    face: Face
    matte: Matte
    parts: Parts
    own: np.ndarray  # (n,n,3) float32, 0-1: the person's colours without the backdrop's
    lab: np.ndarray
    outline: np.ndarray


def study(face: Face) -> Study:
    look = measure_look(face.image, face.landmarks) | ({"hair": None} if face.shaven else {})
    matte = cut_out(face.image, face.landmarks, look["hair"] is None)
    own = unmixed(face.image, matte) * np.float32(1 / 255)
    lab = cv2.cvtColor(own, cv2.COLOR_RGB2LAB)
    parts = segment(lab, face.image, face.landmarks, matte, look)
    return Study(face, matte, parts, own, lab, outline_of(face, matte.alpha))


def restyle(face: Face, rng: np.random.Generator) -> Face:
    """Another style of the same face; landmarks stay."""
    return styled(study(face), rng)


def styled(known: Study, rng: np.random.Generator) -> Face:
    face, matte, parts, own, lab = known.face, known.matte, known.parts, known.own, known.lab.copy()
    # the complexion sets the odds of hair and eyes; yet a quarter of the dark may be anything
    light = parts.skin_lab[0] > 58
    light_eyes = light and (parts.eye_lab[0] > 22 or rng.random() < 0.25)
    light_hair = light and (parts.hair_lab is None or parts.hair_lab[0] > 16 or rng.random() < 0.25)
    _recolour_skin(lab, parts, rng)
    _recolour_hair(lab, parts, light_hair, rng)
    _recolour_clothes(lab, parts, rng)
    _recolour_eyes(lab, parts, light_eyes, rng)
    change = cv2.subtract(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), own)
    image = face.image.astype(np.float32)
    if rng.random() >= _KEEP_BACKDROP and cv2.minMaxLoc(matte.alpha)[0] < 0.5:
        image = on_backdrop(image, matte, _with_grain(random_backdrop(rng, face.size), rng))
    image = cv2.scaleAdd(change, 255, image) + np.float32(0.5)
    worn = wear(image, face.landmarks, known.outline, parts, face.gender, rng, bald=face.shaven)
    image = np.clip(worn.image, 0, 255).astype(np.uint8)
    return replace(face, image=image, outline=worn.outline, locks=worn.locks, worn=face.worn + worn.what)


def _with_grain(backdrop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    own = np.random.default_rng(rng.integers(2**63))  # the picture's size changes nothing of what follows
    grain = normal(backdrop.shape[:2], 1.3 * (len(backdrop) / SIZE) ** 0.5, own)
    return cv2.add(backdrop, cv2.merge([grain, grain, grain]))


def _drawn(table: tuple, light: bool, rng: np.random.Generator) -> np.ndarray:
    odds = np.array([row[1] if light else row[2] for row in table])
    _, _, _, middle, spread = table[rng.choice(len(table), p=odds / odds.sum())]
    return rng.normal(middle, np.array(spread) * 0.8)


def _locus(lightness: float) -> np.ndarray:
    return np.array([np.interp(lightness, _LOCUS[:, 0], _LOCUS[:, k]) for k in (1, 2)])


def _recolour_skin(lab: np.ndarray, parts: Parts, rng: np.random.Generator) -> None:
    """Lighter or darker along the line of real skins, shading kept; brows go with it, irises do not."""
    if rng.random() < _KEEP_SKIN:
        return
    old = float(parts.skin_lab[0])
    new = float(np.clip(old + np.clip(rng.normal(0, 4.5), -10, 10), 18, 78))
    tint = _locus(new) - _locus(old) + rng.normal(0, 1.0, 2)
    share = parts.skin * (1 - parts.iris)
    lightness = lab[..., 0]
    lightness *= 1 + share * np.float32(new / old - 1)
    share *= np.clip(lightness * np.float32(1 / old), 0.3, 1.2)
    for channel, move in zip((1, 2), tint, strict=True):
        lab[..., channel] += share * np.float32(move)


def _recolour_hair(lab: np.ndarray, parts: Parts, light: bool, rng: np.random.Generator) -> None:
    keep = rng.random() < _KEEP_HAIR
    if parts.hair_lab is None:
        return
    if np.linalg.norm(parts.hair_lab - parts.skin_lab) < _SHAVEN:
        if parts.hair_lab[0] < 0.9 * parts.skin_lab[0]:  # and not fair hair on fair skin
            _warm_scalp(lab, parts)
        return
    if keep:
        return
    old, new = parts.hair_lab, _drawn(_HAIR, light, rng)
    lifted = old[0] + _LIFT
    if new[0] > lifted:  # too dark to be bleached: as light as its strands allow, as pale as that is
        new[1:] *= (lifted / new[0]) ** 0.7
        new[0] = lifted
    share = parts.hair
    _towards(lab, share, old, np.maximum(new, (6, -40, -40)), slope=(0.35, 3.0))
    brows = new.copy()
    brows[0] = min(old[0] + 0.55 * (new[0] - old[0]), parts.skin_lab[0] - 16)
    brows[1:] = old[1:] + 0.5 * (np.clip(new[1:], -2, 16) - old[1:])
    shift = np.clip(brows - old, (-12, -8, -8), (14, 8, 8)).astype(np.float32)
    lab += parts.brows[..., None] * shift


def _warm_scalp(lab: np.ndarray, parts: Parts) -> None:
    """A camera shows stubble on a scalp bluer than eyes do: it goes half of the way to the skin's hue."""
    assert parts.hair_lab is not None
    wanted = parts.skin_lab[1:] * min(1.0, parts.hair_lab[0] / parts.skin_lab[0])
    move = _WARMED * (wanted - parts.hair_lab[1:])
    for channel, shift in zip((1, 2), np.maximum(move, 0), strict=True):
        lab[..., channel] += parts.hair * np.float32(shift)


def _towards(
    lab: np.ndarray,
    share: np.ndarray,
    old: np.ndarray,
    new: np.ndarray,
    slope: tuple[float, float],
) -> None:
    """Move a part's colour from `old` to `new`; its light and dark stay, as strong as the new one has it."""
    rows, columns = (np.flatnonzero(cv2.reduce(share, axis, cv2.REDUCE_MAX) > 0.004) for axis in (1, 0))
    if not len(rows):
        return
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part, share = lab[box], share[box]
    before, after = (float(np.clip(colour[0], 4, 96)) / 100 for colour in (old, new))
    power = np.clip(np.log(after) / np.log(before), *slope)  # black and white stay where they are
    curve = 100 * (np.arange(1024) / 1023) ** power + (new[0] - 100 * before**power)
    light = part[..., 0]
    lightness = curve.astype(np.float32)[np.clip(light * 10.23, 0, 1023).astype(np.int16)]
    np.maximum(lightness, 0.2 * light, out=lightness)
    depth = np.clip(lightness * np.float32(1 / max(new[0], 1)), 0.25, 1.5)
    for channel in (1, 2):
        colour = part[..., channel]
        colour += share * (np.float32(new[channel]) * depth - 0.7 * colour - np.float32(0.3 * old[channel]))
    light += share * (lightness - light)


def _recolour_clothes(lab: np.ndarray, parts: Parts, rng: np.random.Generator) -> None:
    if rng.random() < _KEEP_CLOTHES or parts.clothing_lab is None:
        return
    angle, strength = rng.uniform(0, 2 * np.pi), 45 * rng.random() ** 2
    new = np.array([rng.uniform(12, 88), strength * np.cos(angle), strength * np.sin(angle)])
    _towards(lab, parts.clothing, parts.clothing_lab, new, slope=(0.1, 8.0))


def _recolour_eyes(lab: np.ndarray, parts: Parts, light: bool, rng: np.random.Generator) -> None:
    """Irises keep their streaks, reflections and the shade of the lid."""
    if rng.random() < _KEEP_EYES:
        return
    old, new = parts.eye_lab, _drawn(_IRISES, light, rng)
    new[0] = np.clip(new[0], 8, min(old[0] + 18, lightest_iris(parts.skin_lab[0] - 4) - 2))
    glint = np.clip((lab[..., 0] - old[0] - 22) / 14, 0, 1)
    _towards(lab, parts.iris * (1 - glint), old, new, slope=(0.4, 2.5))
