"""People who do not exist: a host's hair, ears and outline, and an inner face mixed with two or three donors.

All portraits share one frame, so the pupils of every mixture lie where the frame wants them. The mixture's
landmarks are the targets that each picture is warped to, so they need no detection. Each part of the face
takes its shape from all, but its texture nearly from one: averaged skin is wax, and two brows or beards are a
ghost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from ..errors import CorpusError
from . import points as at
from .average import smallest_triangle, unfolded
from .geometry import SIZE, push_pull, sampled, thin_plate
from .look import measure_look
from .mirror import mirror
from .people import Sources, draw_sources
from .portraits import Face
from .reject import reject

__all__ = ["new_identity", "reject", "synthesise"]

_REGIONS: dict[str, list[int]] = {
    "eyes": [*range(50), *range(71, 87)],
    "nose": [*range(50, 71), *range(179, 183)],
    "mouth": [*range(87, 109), *range(170, 174)],
    "jaw": [*range(126, 133), *range(174, 179)],
    "cheek": [*range(158, 170)],
    "outline": [*range(109, 126), *range(133, 158), *range(185, 189)],
}
_SHARE = {"jaw": 0.55, "cheek": 0.8, "outline": 0.35}  # how far the host's outline follows the donors
_LARGEST_MOVE = 12.0  # pixels of it, for hair is of all lengths
_OTHER_SKIN = 17.0  # L* from the host's skin, beyond which a donor gives no eyes or mouth
_HOST = 0.05  # what the host adds to its share of every texture: somebody must have one
_THIN = 0.12  # of its average area, below which a triangle of landmarks is about to fold
_TRIES = 40
_LIGHT = (0.8, 1.25)  # how far a donor's light and shade may be bent towards the host's
_GRID = 8  # pixels between the spline's samples
_QUARTER = SIZE // 4
_LINE = np.linspace(0, SIZE - 1, 7)
_EDGE = np.array([(x, y) for x in _LINE for y in _LINE if x in (0, SIZE - 1) or y in (0, SIZE - 1)])


def new_identity(
    faces: Sequence[Face], rng: np.random.Generator, number: int | None = None
) -> tuple[Face, Counter[str]]:
    """A person mixed from the faces of one split, and why others before it were thrown away.

    The same generator gives the same person. With a `number`, consecutive people take genders and groups in
    turn.
    """
    rejected: Counter[str] = Counter()
    for child in rng.spawn(_TRIES):
        face = synthesise(draw_sources(faces, child, number), child)
        reason = reject(face)
        if reason is None:
            return face, rejected
        rejected[reason] += 1
    raise CorpusError(
        f"got {_TRIES} flawed mixtures in a row (most often: {rejected.most_common(1)[0][0]}), expected "
        "one that holds; look at the portraits and their landmarks"
    )


def synthesise(sources: Sources, rng: np.random.Generator) -> Face:
    who = (sources.host, *sources.donors)
    faces = [mirror(_sound(s.face)) if s.mirrored else _sound(s.face) for s in who]
    traits = [_traits(s.face) for s in who]
    host = faces[0]
    landmarks, shares = _mixed_shape(faces, rng)
    shares = _textures(shares, traits, rng)
    y0, y1, x0, x1 = _box(landmarks)
    whole = _warped(host, landmarks, (0, SIZE, 0, SIZE))
    crops = [whole[y0:y1, x0:x1], *(_warped(face, landmarks, (y0, y1, x0, x1)) for face in faces[1:])]
    masks = _masks(landmarks)
    layers = [crops[0].astype(np.float32), *_recoloured(crops, masks, (y0, y1, x0, x1))]
    inner = _blended(layers, masks, shares, crops, landmarks, (y0, y1, x0, x1))
    image = whole.copy()
    image[y0:y1, x0:x1] = np.clip(inner + 0.5, 0, 255).astype(np.uint8)
    ids = tuple(s.face.sources[0] for s in who)
    return Face(image, landmarks, host.gender, host.group, ids, host.mirrored)


@lru_cache(maxsize=1024)
def _sound(face: Face) -> Face:
    return replace(face, landmarks=unfolded(face.landmarks))


@dataclass(frozen=True)
class _Traits:
    skin: float  # L*
    iris: float  # L*
    brow: float  # L*
    beard: float  # how much darker, bluer and rougher the lower face is than the cheeks


@lru_cache(maxsize=1024)
def _traits(face: Face) -> _Traits:
    look, lm = measure_look(face.image, face.landmarks), face.landmarks
    assert look["skin"] is not None
    assert look["eye"] is not None
    lab = cv2.cvtColor(face.image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)

    def patch(where: np.ndarray, radius: int = 7) -> np.ndarray:
        x, y = np.clip(np.rint(where).astype(int), radius, SIZE - radius - 1)
        return lab[y - radius : y + radius + 1, x - radius : x + radius + 1].reshape(-1, 3)

    brows = np.vstack([patch((lm[a] + lm[b]) / 2, 2) for a, b in ((73, 83), (74, 84), (79, 85), (80, 86))])
    cheeks = np.vstack([patch(lm[165] + (4, 14)), patch(lm[168] + (-4, 14))])
    chin = (lm[129] + lm[106]) / 2
    jaw = [(lm[a] * 0.72 + lm[93 if a > 129 else 87] * 0.28) for a in (127, 128, 130, 131)]
    lower = np.vstack(
        [
            patch(chin),
            *(patch(p) for p in jaw),
            *(patch((lm[a] + lm[b]) / 2, 4) for a, b in ((171, 89), (173, 91))),
        ]
    )
    darker = np.median(cheeks[:, 0]) - np.median(lower[:, 0])
    greyer = np.median(cheeks[:, 1:].sum(1)) - np.median(lower[:, 1:].sum(1))
    rough = lower[:, 0].std() - cheeks[:, 0].std()
    beard = float(max(darker, 0) + 0.5 * max(greyer, 0) + max(rough, 0))
    return _Traits(look["skin"][0], look["eye"][0], float(np.percentile(brows[:, 0], 30)), beard)


def _mixed_shape(faces: list[Face], rng: np.random.Generator) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(landmarks, region -> share of each face)."""
    count = len(faces)
    base = rng.dirichlet([1.2] + [2.2] * (count - 1))
    every = np.stack([face.landmarks for face in faces])
    shares = {region: rng.dirichlet(base * 9 + 0.15) for region in _REGIONS}
    for apart in (1.0, 0.6, 0.3, 0.0):  # parts of one person may not fit another's: bring them together
        shape = every[0].copy()
        for region, ids in _REGIONS.items():
            share = apart * shares[region] + (1 - apart) * base
            mixed = np.tensordot(share, every[:, ids], 1)
            move = _SHARE.get(region, 1.0) * (mixed - shape[ids])
            if region == "outline":  # hair cut off by the frame stays there
                inside = np.minimum(shape[ids], SIZE - 1 - shape[ids]).min(1, keepdims=True)
                move = np.clip(move, -_LARGEST_MOVE, _LARGEST_MOVE) * np.clip(inside / 60, 0, 1)
            shape[ids] += move
        if smallest_triangle(shape) >= _THIN:
            break
    return unfolded(shape), shares


def _textures(
    shares: dict[str, np.ndarray], traits: list[_Traits], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Sharpen the shares, and leave out who does not go with the host's skin, brows, irises or beard."""
    host = traits[0]
    apart = np.array([abs(t.skin - host.skin) for t in traits])
    alike = np.exp(-((apart / 20) ** 2))
    close = alike**2 * (apart < _OTHER_SKIN)
    beards = np.array([abs(t.beard - host.beard) < 6 + 0.3 * min(host.beard, t.beard) for t in traits])
    eyes = np.array(
        [
            (t.iris < host.iris + 10 or t.skin > host.skin - 4 and host.skin > 58) and t.brow < host.brow + 14
            for t in traits
        ]
    )
    out = {}
    shares = {region: share + _HOST * (np.arange(len(share)) == 0) for region, share in shares.items()}
    for region, share in shares.items():
        share = share**2 * (close if region in ("eyes", "mouth") else alike)
        if region in ("mouth", "jaw"):
            share = share * beards
        if region == "eyes":
            one = np.argmax(share * eyes)  # irises and brows of one person, never of two
            share = np.eye(len(share))[one]
        out[region] = share / share.sum() if share.sum() > 0 else np.eye(len(share))[0]
    beardless = shares["cheek"] ** 2 * alike * beards
    out["low cheek"] = beardless / beardless.sum() if beardless.sum() > 0 else np.eye(len(beardless))[0]
    return out


def _box(lm: np.ndarray) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of the inner face, in whole steps of the spline's grid."""
    ring = lm[list(at.FACE_RING)]
    low, high = np.floor(ring.min(0) / _GRID) * _GRID, np.ceil(ring.max(0) / _GRID) * _GRID
    x0, y0 = np.clip(low.astype(int) - _GRID, 0, SIZE)
    x1, y1 = np.clip(high.astype(int) + _GRID, 0, SIZE)
    return int(y0), int(y1), int(x0), int(x1)


def _warped(face: Face, target: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The part `box` of the picture warped so that its landmarks come to lie at `target`."""
    y0, y1, x0, x1 = box
    xs, ys = np.arange(x0, x1 + 1, _GRID), np.arange(y0, y1 + 1, _GRID)
    nodes = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2).astype(float)
    moves = thin_plate(
        np.vstack([target, _EDGE]), np.vstack([face.landmarks - target, np.zeros_like(_EDGE)]), nodes, 0.1
    )
    field = moves.reshape(len(ys), len(xs), 2).astype(np.float32)
    gx, gy = np.meshgrid(
        np.arange(x1 - x0, dtype=np.float32) / _GRID, np.arange(y1 - y0, dtype=np.float32) / _GRID
    )
    where = cv2.remap(field, gx, gy, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    where = where + np.dstack([gx * _GRID + x0, gy * _GRID + y0])
    return sampled(face.image, where, cv2.INTER_CUBIC)


def _hull_mask(points: np.ndarray, blur: float, grow: float = 0) -> np.ndarray:
    """A soft convex shape, drawn at a quarter of the size; `blur` and `grow` in whole pixels."""
    mask: np.ndarray = np.zeros((_QUARTER, _QUARTER), np.float32)
    hull = cv2.convexHull(((points + 0.5) / 4 * 16 - 8).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1.0, cv2.LINE_AA, 4)
    if grow:
        reach = 2 * round(abs(grow) / 4) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        mask = (cv2.dilate if grow > 0 else cv2.erode)(mask, kernel)
    return cv2.GaussianBlur(mask, (0, 0), blur / 4)


def _face_hull(lm: np.ndarray, forehead: float) -> np.ndarray:
    brow, top = (lm[76] + lm[77]) / 2, lm[[137, 139, 140, 141]]
    side = lm[[110, 111, 125, 126, 127, 128, 129, 130, 131, 132, 133, 113, 114, 71, 82]]
    middle = lm[[55, 51, 57]].mean(0)
    return np.vstack([middle + (side - middle) * 0.94, brow + (top - brow) * forehead * 0.9])


def _masks(lm: np.ndarray) -> dict[str, np.ndarray]:
    """Soft masks at a quarter of the size: regions, the inner face, eyeballs, and plain skin."""
    lids = [[*at.UPPER_LID[side], *at.LOWER_LID[side]] for side in (0, 1)]
    nostrils = [62, 63, 64, 180, 55, 181, 69, 68, 67]
    features = [lm[[*lids[0], *range(71, 77)]], lm[[*lids[1], *range(77, 83)]], lm[87:109], lm[nostrils]]
    inner = _hull_mask(_face_hull(lm, 0.72), 4, -9)
    skin = _hull_mask(_face_hull(lm, 0.66), 4)
    for part in features:
        skin = skin * (1 - _hull_mask(part, 4, 6))
    return {
        "eyes": np.maximum(
            _hull_mask(lm[[71, 73, 75, 76, 18, 22, 44, 46]], 7, 4),
            _hull_mask(lm[[77, 78, 80, 82, 23, 27, 47, 49]], 7, 4),
        ),
        "nose": _hull_mask(lm[[50, 56, 62, 67, 63, 68, 55]], 7, 2),
        "mouth": _hull_mask(lm[[*range(87, 109), 171, 173]], 7, 4),
        "jaw": _hull_mask(lm[[*range(126, 133), 176, 178, 87, 93]], 9),
        "inner": cv2.GaussianBlur(inner, (0, 0), 2) * np.clip(_hull_mask(_face_hull(lm, 0.78), 3), 0, 1),
        "balls": np.maximum(*(_hull_mask(lm[ids], 3, 2) for ids in lids)),
        "lips": _hull_mask(lm[87:109], 3, 2),
        "skin": skin,
    }


def _recoloured(
    crops: list[np.ndarray], masks: dict[str, np.ndarray], box: tuple[int, int, int, int]
) -> list[np.ndarray]:
    """The donors in the host's tone and, as far as their own light allows, its light; eyeballs spared."""
    quarter = _quarter(box)
    valid = [masks["skin"][quarter] * _skin_like(crop, masks["skin"][quarter]) for crop in crops]
    soft = [_soft(crop, weight) for crop, weight in zip(crops, valid, strict=True)]
    means = [
        np.average(low, axis=(0, 1), weights=weight + 1e-6) for low, weight in zip(soft, valid, strict=True)
    ]
    spared = 1 - 0.75 * masks["balls"][quarter][..., None]
    lips = 1 - 0.7 * masks["lips"][quarter][..., None]  # what is grey on cheeks would be purple on them
    out = []
    for crop, low, mean in zip(crops[1:], soft[1:], means[1:], strict=True):
        host_light, own_light = soft[0] / means[0], low / mean
        light = np.clip(host_light / own_light, *_LIGHT)
        wanted = own_light * light * means[0]
        # features and pores of a much darker or lighter skin would come out too strong as plain ratios
        gain = np.clip((wanted + 8) / (low + 8), 0.4, 2.2) ** 0.5
        shift = wanted - low * gain
        gain, shift = (
            field.mean(-1, keepdims=True) + lips * (field - field.mean(-1, keepdims=True))
            for field in (gain - 1, shift)
        )
        gain, shift = (_enlarged(field * spared, crop) for field in (gain, shift))
        out.append(crop + crop * gain + shift)
    return out


def _enlarged(field: np.ndarray, like: np.ndarray) -> np.ndarray:
    size = (like.shape[1], like.shape[0])
    return cv2.resize(field.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)


def _quarter(box: tuple[int, int, int, int]) -> tuple[slice, slice]:
    y0, y1, x0, x1 = (edge // 4 for edge in box)
    return slice(y0, y1), slice(x0, x1)


def _small(crop: np.ndarray) -> np.ndarray:
    size = (crop.shape[1] // 4, crop.shape[0] // 4)
    return cv2.resize(crop, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def _skin_like(crop: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """0-1 at a quarter of the size: how much each place looks like this face's own skin and not like hair."""
    small = _small(crop)
    luma = small @ np.array([0.3, 0.59, 0.11], np.float32)
    sure = skin > 0.8
    middle, spread = (
        np.median(luma[sure]),
        max(1.48 * np.median(np.abs(luma[sure] - np.median(luma[sure]))), 7),
    )
    return np.clip(2.6 - np.abs(luma - middle) / spread, 0, 1)


def _soft(crop: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The skin's colour without its features, everywhere: a wide average of the places of `weight`."""
    small = _small(crop) * weight[..., None]
    total, share = cv2.GaussianBlur(small, (0, 0), 5), cv2.GaussianBlur(weight, (0, 0), 5)
    trusted = np.clip(share / 0.15, 0, 1)
    return cv2.GaussianBlur(
        push_pull(total / np.maximum(share, 1e-4)[..., None], (trusted > 0.5).astype(np.float32)), (0, 0), 2
    )


def _blended(
    layers: list[np.ndarray],
    masks: dict[str, np.ndarray],
    shares: dict[str, np.ndarray],
    crops: list[np.ndarray],
    lm: np.ndarray,
    box: tuple[int, int, int, int],
) -> np.ndarray:
    """Tone from everybody by share, fine detail from whoever dominates."""
    tone = _tone_weights(masks, shares, crops, lm, box)
    sharp = tone**5
    sharp /= np.maximum(sharp.sum(0), 1e-6)
    size = (layers[0].shape[1], layers[0].shape[0])
    out = np.zeros_like(layers[0])
    half = (size[0] // 2, size[1] // 2)
    for layer, share, detail in zip(layers, tone, sharp, strict=True):
        low = cv2.resize(layer, half, interpolation=cv2.INTER_AREA)
        low = cv2.resize(cv2.GaussianBlur(low, (0, 0), 2.5), size, interpolation=cv2.INTER_LINEAR)
        share, detail = (
            cv2.resize(w, size, interpolation=cv2.INTER_LINEAR)[..., None] for w in (share, detail)
        )
        out += detail * layer + (share - detail) * low
    return out


def _tone_weights(
    masks: dict[str, np.ndarray],
    shares: dict[str, np.ndarray],
    crops: list[np.ndarray],
    lm: np.ndarray,
    box: tuple[int, int, int, int],
) -> np.ndarray:
    """(faces, h/4, w/4) weights that sum to one: the host's outside the inner face and under its own hair."""
    quarter = _quarter(box)
    parts = {name: mask[quarter] for name, mask in masks.items()}
    rows = (np.arange(box[0] // 4, box[1] // 4) * 4 + 1.5)[:, None]
    lower = np.clip((rows - (lm[55, 1] - 22)) / 36, 0, 1).astype(np.float32)
    total = parts["eyes"] + parts["nose"] + parts["mouth"] + parts["jaw"]
    rest = np.clip(1 - total, 0, 1)
    clear = [_clear_of_hair(crop, parts, lm, rows) for crop in crops]
    weights = np.stack(
        [
            sum(parts[name] * shares[name][k] for name in ("eyes", "nose", "mouth", "jaw"))
            / np.maximum(total, 1)
            + rest * (shares["cheek"][k] * (1 - lower) + shares["low cheek"][k] * lower)
            for k in range(len(crops))
        ]
    ).astype(np.float32)
    weights[1:] *= np.stack(clear[1:]) * (clear[0] * parts["inner"])
    weights[0] = 1 - weights[1:].sum(0)
    return np.maximum(weights, 0)


def _clear_of_hair(
    crop: np.ndarray, parts: dict[str, np.ndarray], lm: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """0 where hair lies over this face's forehead or temples, 1 elsewhere."""
    above = np.clip((lm[[73, 80], 1].mean() + 4 - rows) / 8, 0, 1).astype(np.float32)
    hair = (1 - _skin_like(crop, parts["skin"])) * above * (1 - parts["eyes"])
    hair = cv2.GaussianBlur(cv2.dilate((hair > 0.5).astype(np.float32), np.ones((3, 3))), (0, 0), 1.5)
    return 1 - np.clip(1.3 * hair, 0, 1)
