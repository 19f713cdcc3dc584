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
from numba import njit

from ..errors import CorpusError
from . import points as at
from .average import smallest_triangle, unfolded
from .geometry import SIZE, lattice, pixel_grid, push_pull, sampled, thin_plate
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
_LARGEST_MOVE = 12.0  # pixels at 512 of it, for hair is of all lengths
_OTHER_SKIN = 17.0  # L* from the host's skin, beyond which a donor gives no eyes or mouth
_HOST = 0.05  # what the host adds to its share of every texture: somebody must have one
_THIN = 0.12  # of its average area, below which a triangle of landmarks is about to fold
_TRIES = 40
_UNSEEN = 0.004  # of the picture, a share that rounding hides
_LIGHT = (0.8, 1.25)  # how far a donor's light and shade may be bent towards the host's
_NODES = 64  # samples of the spline across the picture
_SMALL = SIZE // 4  # pixels across the small maps, whatever the picture's size
_LINE = np.linspace(0, 1, 7)
_EDGE = np.array([(x, y) for x in _LINE for y in _LINE if x in (0, 1) or y in (0, 1)])


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
    size, box = host.size, _box(landmarks, host.size)
    moves = _moves(faces, landmarks)
    image = _warped(host, moves[0], np.s_[:, :])
    crops = [image[box], *(_warped(face, move, box) for face, move in zip(faces[1:], moves[1:], strict=True))]
    masks = _masks((landmarks + 0.5) * (_SMALL / size) - 0.5)
    few = _shrunk(box, size)
    clear = [_skin_like(crop, masks["skin"][few]) for crop in crops]
    tone = _tone_weights(masks, shares, clear, landmarks * (SIZE / size), few)
    image[box] = _blended(_recoloured(crops, clear, masks, few), tone)
    ids = tuple(s.face.sources[0] for s in who)
    return Face(image, landmarks, host.gender, host.group, ids, host.mirrored)


@lru_cache(maxsize=1024)
def _sound(face: Face) -> Face:
    return replace(face, landmarks=unfolded(face.landmarks, face.size))


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
    scale = face.size / SIZE

    def patch(where: np.ndarray, radius: int = 7) -> np.ndarray:
        radius = max(1, round(radius * scale))
        x, y = np.clip(np.rint(where).astype(int), radius, face.size - radius - 1)
        part = face.image[y - radius : y + radius + 1, x - radius : x + radius + 1]
        return cv2.cvtColor(part.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)

    brows = np.vstack([patch((lm[a] + lm[b]) / 2, 2) for a, b in ((73, 83), (74, 84), (79, 85), (80, 86))])
    cheeks = np.vstack([patch(lm[165] + (4 * scale, 14 * scale)), patch(lm[168] + (-4 * scale, 14 * scale))])
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
    count, size = len(faces), faces[0].size
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
                inside = np.minimum(shape[ids], size - 1 - shape[ids]).min(1, keepdims=True) / size
                most = _LARGEST_MOVE * size / SIZE
                move = np.clip(move, -most, most) * np.clip(inside * SIZE / 60, 0, 1)
            shape[ids] += move
        if smallest_triangle(shape, size) >= _THIN:
            break
    return unfolded(shape, size), shares


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


def _box(lm: np.ndarray, size: int) -> tuple[slice, slice]:
    """Rows and columns of the inner face, in whole steps of the spline's samples."""
    ring, step = lm[list(at.FACE_RING)], size // _NODES
    low, high = np.floor(ring.min(0) / step) * step, np.ceil(ring.max(0) / step) * step
    x0, y0 = np.clip(low.astype(int) - step, 0, size)
    x1, y1 = np.clip(high.astype(int) + step, 0, size)
    return np.s_[int(y0) : int(y1), int(x0) : int(x1)]


def _shrunk(box: tuple[slice, slice], size: int, across: int = _SMALL) -> tuple[slice, slice]:
    """The same part of a map that is `across` pixels wide."""
    step = size // across
    rows, columns = (slice(part.start // step, part.stop // step) for part in box)
    return rows, columns


def _moves(faces: list[Face], target: np.ndarray) -> list[np.ndarray]:
    """For each face where its picture is to be sampled, less the pixel's own place: (nodes, nodes, 2)."""
    size = faces[0].size
    nodes = lattice(_NODES, size)
    moves = np.vstack(
        [np.hstack([face.landmarks - target for face in faces]), np.zeros((len(_EDGE), 2 * len(faces)))]
    )
    known = np.vstack([target, _EDGE * (size - 1)])
    field = thin_plate(known, moves, nodes, 0.1, 1 / size).astype(np.float32)
    return [field[:, k : k + 2].reshape(_NODES, _NODES, 2) for k in range(0, field.shape[1], 2)]


def _warped(face: Face, move: np.ndarray, box: tuple[slice, slice]) -> np.ndarray:
    """The part `box` of the picture, each pixel from where the spline sends it."""
    places = pixel_grid(face.size)[box]
    whole = box[0].start is None
    few = move if whole else move[_shrunk(box, face.size, _NODES)]
    where = cv2.resize(few, places.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return sampled(face.image, cv2.add(where, places), cv2.INTER_CUBIC)


def _hull_mask(points: np.ndarray, blur: float, grow: float = 0) -> np.ndarray:
    """A soft convex shape on a small map; `blur` and `grow` in pixels at 512."""
    mask: np.ndarray = np.zeros((_SMALL, _SMALL), np.float32)
    hull = cv2.convexHull((points * 16).astype(np.int32))
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
    """Soft small maps, `lm` in their pixels: regions, the inner face, eyeballs, and plain skin."""
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
    crops: list[np.ndarray], clear: list[np.ndarray], masks: dict[str, np.ndarray], few: tuple[slice, slice]
) -> list[np.ndarray]:
    """All faces as float32, the donors in the host's tone and, as far as their own light allows, its light.

    Eyeballs are spared.
    """
    valid = [masks["skin"][few] * alike for alike in clear]
    soft = [_soft(crop, weight) for crop, weight in zip(crops, valid, strict=True)]
    means = [
        np.average(low, axis=(0, 1), weights=weight + 1e-6).astype(np.float32)
        for low, weight in zip(soft, valid, strict=True)
    ]
    spared = 1 - 0.75 * masks["balls"][few][..., None]
    lips = 1 - 0.7 * masks["lips"][few][..., None]  # what is grey on cheeks would be purple on them
    size = crops[0].shape[1::-1]
    out: list[np.ndarray] = [crops[0].astype(np.float32)]
    for crop, low, mean in zip(crops[1:], soft[1:], means[1:], strict=True):
        host_light, own_light = soft[0] / means[0], low / mean
        light = np.clip(host_light / own_light, *_LIGHT)
        wanted = own_light * light * means[0]
        # features and pores of a much darker or lighter skin would come out too strong as plain ratios
        gain = np.clip((wanted + 8) / (low + 8), 0.4, 2.2) ** 0.5
        shift = wanted - low * gain
        gain, shift = (
            (grey + lips * (field - grey)) * spared
            for field in (gain - 1, shift)
            for grey in (field.mean(-1, keepdims=True),)
        )
        gain, shift = (cv2.resize(field, size, interpolation=cv2.INTER_LINEAR) for field in (gain + 1, shift))
        out.append(cv2.add(cv2.multiply(crop, gain, dtype=cv2.CV_32F), shift))
    return out


def _small(crop: np.ndarray, like: np.ndarray) -> np.ndarray:
    return cv2.resize(crop, like.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.float32)


def _skin_like(crop: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """0-1 on a small map: how much each place looks like this face's own skin and not like hair."""
    luma = cv2.transform(_small(crop, skin), np.array([[0.3, 0.59, 0.11]], np.float32))
    sure = luma[skin > 0.8]
    middle = np.median(sure)
    spread = max(1.48 * np.median(np.abs(sure - middle)), 7)
    return np.clip(2.6 - np.abs(luma - middle) / np.float32(spread), 0, 1)


def _soft(crop: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The skin's colour without its features, everywhere: a wide average of the places of `weight`."""
    small = _small(crop, weight) * weight[..., None]
    total, share = cv2.GaussianBlur(small, (0, 0), 5), cv2.GaussianBlur(weight, (0, 0), 5)
    trusted = np.clip(share / 0.15, 0, 1)
    filled = push_pull(total / np.maximum(share, 1e-4)[..., None], (trusted > 0.5).astype(np.float32))
    return cv2.GaussianBlur(filled, (0, 0), 2)


def _blended(layers: list[np.ndarray], tone: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8: tone from everybody by share, fine detail from whoever dominates."""
    sharp = tone**5
    sharp /= np.maximum(sharp.sum(0), 1e-6)
    size = (layers[0].shape[1], layers[0].shape[0])
    half = (tone.shape[2] * 2, tone.shape[1] * 2)  # so many pixels of the face, whatever the picture's size
    out = np.full_like(layers[0], 0.5)
    for layer, share, detail in zip(layers, tone, sharp, strict=True):
        if share.max() < _UNSEEN:
            continue
        low = cv2.resize(layer, half, interpolation=cv2.INTER_AREA)
        low = cv2.resize(cv2.GaussianBlur(low, (0, 0), 2.5), size, interpolation=cv2.INTER_LINEAR)
        weights = cv2.resize(cv2.merge([share, detail]), size, interpolation=cv2.INTER_LINEAR)
        _add(out, layer, low, weights)
    return np.clip(out, 0, 255).astype(np.uint8)


@njit(cache=True)
def _add(out: np.ndarray, layer: np.ndarray, low: np.ndarray, weights: np.ndarray) -> None:
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            detail = weights[y, x, 1]
            rest = weights[y, x, 0] - detail
            for c in range(3):
                out[y, x, c] += detail * layer[y, x, c] + rest * low[y, x, c]


def _tone_weights(
    masks: dict[str, np.ndarray],
    shares: dict[str, np.ndarray],
    clear: list[np.ndarray],
    lm: np.ndarray,
    few: tuple[slice, slice],
) -> np.ndarray:
    """(faces, h, w) weights that sum to one: the host's outside the inner face and under its own hair.

    `clear` says where each face looks like its own skin; `lm` as at 512.
    """
    parts = {name: mask[few] for name, mask in masks.items()}
    rows = (np.arange(few[0].start, few[0].stop) * 4 + 1.5)[:, None]
    lower = np.clip((rows - (lm[55, 1] - 22)) / 36, 0, 1).astype(np.float32)
    total = parts["eyes"] + parts["nose"] + parts["mouth"] + parts["jaw"]
    rest = np.clip(1 - total, 0, 1)
    bare = [_clear_of_hair(alike, parts, lm, rows) for alike in clear]
    weights = np.stack(
        [
            sum(parts[name] * shares[name][k] for name in ("eyes", "nose", "mouth", "jaw"))
            / np.maximum(total, 1)
            + rest * (shares["cheek"][k] * (1 - lower) + shares["low cheek"][k] * lower)
            for k in range(len(clear))
        ]
    ).astype(np.float32)
    weights[1:] *= np.stack(bare[1:]) * (bare[0] * parts["inner"])
    weights[0] = 1 - weights[1:].sum(0)
    return np.maximum(weights, 0)


def _clear_of_hair(
    alike: np.ndarray, parts: dict[str, np.ndarray], lm: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """0 where hair lies over this face's forehead or temples, 1 elsewhere."""
    above = np.clip((lm[[73, 80], 1].mean() + 4 - rows) / 8, 0, 1).astype(np.float32)
    hair = (1 - alike) * above * (1 - parts["eyes"])
    hair = cv2.GaussianBlur(cv2.dilate((hair > 0.5).astype(np.float32), np.ones((3, 3))), (0, 0), 1.5)
    return 1 - np.clip(1.3 * hair, 0, 1)
