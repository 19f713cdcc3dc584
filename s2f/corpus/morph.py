"""New people: a host's hair, ears and outline; the face's shape, features and skin mixed from a few donors.

Shape is mixed region by region, so the landmarks of the result are where its pixels were warped to: exact
without detection. Pixels are mixed in two bands. The skin's tone, with features and hair left out, is mixed
with one set of weights over the whole face, so that no region shows as a patch; features and pores come
from one face each, so that nothing shows twice. Beards and fringes are the host's alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..errors import CorpusError
from ..image import EYE_DISTANCE, EYE_LINE
from .areas import SMALL, Areas, areas_of
from .flaws import flaw
from .geometry import SIZE, sampled
from .mirror import mirrored
from .people import Source, draw_sources
from .portraits import Face

_TRIES = 40
_STABLE = [18, 22, 23, 27, 55, 62, 67, 87, 93, 129]  # what hardly differs with the shape of a face
_REGIONS: dict[str, list[int]] = {
    "eyes": [*range(50), *range(71, 87)],
    "nose": [*range(50, 71), *range(179, 183)],
    "mouth": [*range(87, 109), *range(170, 174)],
    "jaw": [*range(126, 133), *range(174, 179)],
    "cheek": [*range(158, 170)],
}
_TAKEN = {
    "jaw": 0.55,
    "cheek": 0.8,
}  # how much of the donors' shape a region takes: the outline is the host's
_CELL = 4  # pixels between the points where the spline is evaluated
_TONE, _WIDE_TONE = 4.0, 16.0  # blur at SMALL: what is smoother is tone, what is sharper is detail
_TONE_LIMIT = 12.0  # how far a donor's light and shade may lead the host's astray, in grey levels
_SAME_SKIN = 35.0  # difference of luminance up to which eyes look at home in another's skin
_MIDDLE = SIZE * complex(0.5, EYE_LINE) - complex(
    0.5, 0.5
)  # between the pupils; pixel centres are whole numbers
_EDGE = np.array(
    [
        (x, y)
        for x in np.linspace(0, SIZE - 1, 7)
        for y in np.linspace(0, SIZE - 1, 7)
        if {x, y} & {0, SIZE - 1}
    ]
)


@dataclass(frozen=True, eq=False)
class Layer:
    """One face warped to the common shape."""

    pixels: np.ndarray  # (SIZE,SIZE,3) float32
    tone: np.ndarray  # (SMALL,SMALL,3) float32 skin colour, spread under features and hair
    skin: np.ndarray  # (SMALL,SMALL) 0-1: bare skin or a feature of the face, not hair or beard
    mean: np.ndarray  # (3,) skin colour
    fringed: bool
    bearded: bool


def new_identity(faces: Sequence[Face], seed: int | np.random.Generator) -> tuple[Face, list[str]]:
    """A person who does not exist, from people of one split; and why the tries before it were thrown away."""
    root = int(np.random.default_rng(seed).integers(2**62))
    rejected: list[str] = []
    for attempt in range(_TRIES):
        rng = np.random.default_rng((root, attempt))
        drawn = draw_sources(faces, rng)
        host, *donors = (_as_seen(source) for source in (drawn.host, *drawn.donors))
        face = morph(host, donors, rng)
        reason = flaw(face, host)
        if reason is None:
            return face, rejected
        rejected.append(reason)
    raise CorpusError(
        f"got {_TRIES} flawed faces in a row (the last: {rejected[-1]}), expected one that holds; "
        "look at the portraits and their landmarks"
    )


def morph(host: Face, donors: Sequence[Face], rng: np.random.Generator) -> Face:
    """One person of several; weights are drawn for each region around common ones."""
    faces = [host, *donors]
    common = rng.dirichlet([1.2] + [2.2] * len(donors))
    weights = {region: rng.dirichlet(common * 9 + 0.15) for region in _REGIONS}
    shape = _mixed_shape(faces, weights)
    areas = areas_of(shape)
    maps = _backward_maps(shape, [face.landmarks for face in faces])
    warped = (sampled(face.image, where, cv2.INTER_CUBIC) for face, where in zip(faces, maps, strict=True))
    layers = [_layer(pixels, areas) for pixels in warped]
    return Face(
        _mixed_pixels(layers, areas, weights, common),
        shape,
        host.gender,
        host.ethnicity,
        tuple(name for face in faces for name in face.sources),
        host.mirrored,
    )


def _as_seen(source: Source) -> Face:
    return mirrored(source.face) if source.mirrored else source.face


def _mixed_shape(faces: Sequence[Face], weights: dict[str, np.ndarray]) -> np.ndarray:
    host = faces[0].landmarks
    aligned = [host, *(_onto(face.landmarks, host) for face in faces[1:])]
    shape = host.copy()
    for region, ids in _REGIONS.items():
        mixed = np.tensordot(weights[region], np.stack([points[ids] for points in aligned]), 1)
        shape[ids] += _TAKEN.get(region, 1.0) * (mixed - host[ids])
    return _framed(shape)


def _onto(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """`points` moved, turned and scaled so that their stable ones lie on the target's (least squares)."""
    z, here, there = (p @ (1, 1j) for p in (points, points[_STABLE], target[_STABLE]))
    turn = np.vdot(here - here.mean(), there - there.mean()) / np.vdot(here - here.mean(), here - here.mean())
    out = (z - here.mean()) * turn + there.mean()
    return np.stack([out.real, out.imag], 1)


def _framed(points: np.ndarray) -> np.ndarray:
    """Pupils to their places in the frame."""
    z = points @ (1, 1j)
    out = (z - (z[0] + z[1]) / 2) * (EYE_DISTANCE * SIZE / (z[1] - z[0])) + _MIDDLE
    return np.stack([out.real, out.imag], 1)


def _backward_maps(shape: np.ndarray, sources: Sequence[np.ndarray]) -> list[np.ndarray]:
    """For each source the (SIZE,SIZE,2) positions its pixels come from: one thin-plate spline for all."""
    known = np.vstack([shape, _EDGE]) / SIZE
    moves = np.hstack([np.vstack([points - shape, 0 * _EDGE]) for points in sources])
    count = len(known)
    near = ((known[:, None] - known[None]) ** 2).sum(-1)
    plane = np.hstack([np.ones((count, 1)), known])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = near * np.log(np.maximum(near, 1e-12)) + 1e-4 * np.eye(count)
    system[:count, count:], system[count:, :count] = plane, plane.T
    bends = np.linalg.solve(system, np.vstack([moves, np.zeros((3, moves.shape[1]))])).astype(np.float32)
    cells = SIZE // _CELL
    axis = ((np.arange(cells, dtype=np.float32) + 0.5) * _CELL - 0.5) / SIZE
    x, y = (a.reshape(-1, 1) for a in np.meshgrid(axis, axis))
    centres = known.astype(np.float32)
    near = (x - centres[:, 0]) ** 2 + (y - centres[:, 1]) ** 2
    near *= np.log(np.maximum(near, 1e-12))
    coarse = (near @ bends[:count] + bends[count] + np.hstack([x, y]) @ bends[count + 1 :]).reshape(
        cells, cells, -1
    )
    here = np.dstack(np.meshgrid(np.arange(SIZE, dtype=np.float32), np.arange(SIZE, dtype=np.float32)))
    moved = [np.ascontiguousarray(coarse[..., 2 * k : 2 * k + 2]) for k in range(len(sources))]
    return [cv2.resize(m, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) + here for m in moved]


def _layer(pixels: np.ndarray, areas: Areas) -> Layer:
    small = cv2.resize(pixels, (SMALL, SMALL), interpolation=cv2.INTER_AREA)
    skin = skin_likeness(small, areas)
    bare = skin * areas.inside * (1 - areas.features)
    mean = np.average(small.reshape(-1, 3), axis=0, weights=bare.ravel() + 1e-6)
    return Layer(
        pixels=pixels.astype(np.float32),
        tone=_spread(small.astype(np.float32), bare, mean.astype(np.float32)),
        skin=cv2.GaussianBlur(np.maximum(cv2.erode(skin, np.ones((3, 3))), areas.features), (0, 0), 1.5),
        mean=mean,
        fringed=_share(skin, areas.forehead) < 0.6,
        bearded=_share(skin, areas.beard) < 0.6,
    )


def skin_likeness(small: np.ndarray, areas: Areas) -> np.ndarray:
    """0-1 how well each pixel goes with the skin of the cheeks, under a slowly changing light."""
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    axis = np.linspace(-1, 1, SMALL, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    terms = np.stack([np.ones_like(x), x, y, x * x], -1)
    where = (areas.inside > 0) & (areas.features < 0.5)
    core = (areas.core > 0) & where
    middle = np.median(lab[core], 0)
    distance = _colour_distance(lab - middle)
    for _ in range(2):
        use = where & (distance < 13)
        if use.sum() < 50:
            break
        fitted = np.linalg.lstsq(terms[use], lab[use], rcond=None)[0]
        distance = _colour_distance(lab - terms @ fitted)
    return np.clip((24 - cv2.GaussianBlur(distance, (0, 0), 0.8)) / 10, 0, 1)


def _colour_distance(lab: np.ndarray) -> np.ndarray:
    """Hair is darker than skin, or yellower; light on skin is only brighter."""
    return np.sqrt(
        np.where(lab[..., 0] < 0, 1, 0.4) * lab[..., 0] ** 2 + 2 * lab[..., 1] ** 2 + 2 * lab[..., 2] ** 2
    )


def _share(mask: np.ndarray, area: np.ndarray) -> float:
    return float((mask * area).sum() / max(area.sum(), 1e-6))


def _spread(colours: np.ndarray, weight: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The colours where `weight` is, blurred, and reaching on where it is not."""
    total, share = mean * np.float32(1e-4), np.float32(1e-4)
    for sigma, trust in ((_WIDE_TONE, 0.01), (_TONE, 1.0)):
        total = total + trust * cv2.GaussianBlur(colours * weight[..., None], (0, 0), sigma)
        share = share + trust * cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    return total / share


def _mixed_pixels(
    layers: Sequence[Layer], areas: Areas, weights: dict[str, np.ndarray], common: np.ndarray
) -> np.ndarray:
    host = layers[0]
    seen = [areas.face * host.skin * layer.skin for layer in layers]
    tone = host.tone.copy()
    for layer, share, where in zip(layers[1:], common[1:], seen[1:], strict=True):
        astray = (layer.tone - layer.mean) - (host.tone - host.mean)
        tone += (share * where)[..., None] * _TONE_LIMIT * np.tanh(astray / _TONE_LIMIT)
    leaders = _leaders(layers, weights)
    shares = [
        where * sum(mask for region, mask in areas.regions.items() if leaders[region] == k)
        for k, where in enumerate(seen)
    ]
    out, left = host.pixels.copy(), None
    for layer, share in zip(layers, [1 - sum(shares[1:]), *shares[1:]], strict=True):
        if left is None:
            out = _lit(layer, tone, areas) * _full(share)[..., None]
            left = share
        elif share.any():
            out += _lit(layer, tone, areas) * _full(share)[..., None]
    return np.clip(out + 0.5, 0, 255).astype(np.uint8)


def _lit(layer: Layer, tone: np.ndarray, areas: Areas) -> np.ndarray:
    """A layer's detail on another skin tone; eyes keep most of their own colours."""
    gain = np.clip((tone + 8) / (layer.tone + 8), 0.5, 2) ** 0.5
    shift = tone - layer.tone * gain
    eyes = areas.eyeballs[..., None]
    changed = layer.pixels * _full(gain) + _full(shift)
    return changed + (layer.pixels + 0.25 * (changed - layer.pixels) - changed) * eyes


def _full(small: np.ndarray) -> np.ndarray:
    return cv2.resize(small.astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)


def _leaders(layers: Sequence[Layer], weights: dict[str, np.ndarray]) -> dict[str, int]:
    """Whose detail each region shows: the heaviest face that has what the host's surroundings ask for."""
    host, out = layers[0], {}
    for region, share in weights.items():
        fit = np.ones(len(layers))
        for k, layer in enumerate(layers[1:], 1):
            if region in ("mouth", "jaw"):
                fit[k] = not (layer.bearded or host.bearded)
            if region == "eyes":
                strange = abs(layer.mean.mean() - host.mean.mean()) > _SAME_SKIN
                fit[k] = not (layer.fringed or host.fringed or strange)
        out[region] = int(np.argmax(share * fit))
    return out
