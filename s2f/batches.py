"""A split of a corpus in memory, as training wants it: pictures and framed drawings as uint8 tensors."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from .corpus import load
from .corpus.geometry import lattice, pixel_grid, rescaled, sampled, thin_plate
from .corpus.scene import measure_scene
from .expression import ACTION_UNITS
from .look import OWN, PARTS

# What the drawer is told beside the drawing: the parts of a look, and the light, which only chance decides.
ASPECTS = (*PARTS, "light")
# the unit that each is in a mirror
MIRRORED = [
    ACTION_UNITS.index(u[:-1] + {"L": "R", "R": "L"}[u[-1]] if u[-2] == "_" else u) for u in ACTION_UNITS
]
SKIN, HAIR = OWN.index("skin"), OWN.index("hair")
USUAL = 0.95  # of the looks: from these is taken what a visitor leaves open
DARKER = 12.0  # by so much L* hair is told from skin
MOUTH = slice(87, 109)  # of the 189 landmarks
_FACTS = ["expression", "intensity", "action_units", "pose", "identity", "ethnicity", "real"]
_SEEN = ["image", "landmarks", "look"]
_DRAWN = ["sketch", "sketch_style", "sketch_transform", "sketch_skill"]
_MEANT, _WORN = "sketch_landmarks", "worn"  # which corpora of earlier versions do not have
_NODES = 48  # samples across of the spline that moves features
_RIM = 0.12  # of the side: towards the border less and less is moved


@dataclass(frozen=True, eq=False)
class Faces:
    """N pictures of a split with D drawings each; whatever is not known of a photograph is NaN."""

    picture: torch.Tensor  # (N, 3, S, S) uint8
    drawing: torch.Tensor  # (N, D, S, S) uint8, each brought into the picture's frame
    style: torch.Tensor  # (N, D) index in STYLES
    skill: torch.Tensor  # (N, D) of the hand; 1 where the drawing was extracted
    meant: torch.Tensor  # (N, D, 189, 2) where the hand wanted the landmarks, in the picture's frame
    label: torch.Tensor  # (N,) index in CLASSES, -1 where nobody said
    intensity: torch.Tensor  # (N,)
    units: torch.Tensor  # (N, 42)
    pose: torch.Tensor  # (N, 3) yaw, pitch, roll
    landmarks: torch.Tensor  # (N, 189, 2) in pixels of S
    look: torch.Tensor  # (N, 7, 3) L*a*b* of ASPECTS
    person: torch.Tensor  # (N,) a number for each identity
    group: torch.Tensor  # (N,) index in `groups`
    real: torch.Tensor  # (N,) bool: an untouched photograph
    shaven: torch.Tensor  # (N,) bool: bald for certain
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.picture)

    def invented(self) -> Faces:
        """Who is learned from: those who do not exist, or everybody in a set of photographs alone."""
        return self if bool(self.real.all()) else self.where(~self.real)

    def where(self, chosen: torch.Tensor) -> Faces:
        """Some of the rows, by index or mask."""
        parts: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        some: dict[str, Any] = {k: v[chosen] for k, v in parts.items() if isinstance(v, torch.Tensor)}
        return replace(self, **some)


def read(corpus: str, split: str, size: int, *, drawings: bool = True, limit: int | None = None) -> Faces:
    """A few thousand faces at 256² are one gigabyte; with three drawings each, two."""
    rows: Any = load(corpus, split=split)
    drawn = [*_DRAWN, *({_MEANT} & set(rows.column_names))] if drawings else []
    rows = rows.select_columns(_FACTS + _SEEN + drawn + list({_WORN} & set(rows.column_names)))
    if limit is not None and limit < len(rows):
        rows = rows.select(range(limit))
    kept: dict[str, list[Any]] = {name: [] for name in ("picture", "drawing", "look", "landmarks", "meant")}
    for row in tqdm(rows, desc=split, unit="face", delay=2):
        image = np.asarray(row["image"].convert("RGB"))
        marks = np.full((189, 2), np.nan) if row["landmarks"] is None else np.array(row["landmarks"])
        kept["look"].append(_aspects(row["look"], image, marks))
        small = _sized(image, size)
        kept["picture"].append(small.transpose(2, 0, 1))
        kept["landmarks"].append(rescaled(marks, size / len(image)))
        if drawings:
            pages = zip(row["sketch"], row["sketch_transform"], strict=True)
            kept["drawing"].append(
                [_sized(framed(np.asarray(p.convert("L")), np.array(t)), size) for p, t in pages]
            )
            wanted = zip(row.get(_MEANT) or [None] * len(row["sketch"]), row["sketch_transform"], strict=True)
            kept["meant"].append(
                [rescaled(marks if m is None else _brought_back(m, t), size / len(image)) for m, t in wanted]
            )
    facts = rows.remove_columns(
        [c for c in ("image", "sketch", "landmarks", "look", _MEANT) if c in rows.column_names]
    )
    facts = facts.to_dict()
    count, names = len(rows), sorted(set(facts["identity"]))
    groups = tuple(sorted(set(facts["ethnicity"])))
    numbers = {name: n for n, name in enumerate(names)}
    skills = [[1.0 if s is None else s for s in some] for some in facts.get("sketch_skill", [])]
    return Faces(
        picture=torch.from_numpy(np.stack(kept["picture"])),
        drawing=torch.from_numpy(np.array(kept["drawing"], np.uint8)) if drawings else torch.zeros(count, 0),
        style=torch.tensor(facts["sketch_style"]) if drawings else torch.zeros(count, 0),
        skill=torch.tensor(skills) if drawings else torch.zeros(count, 0),
        meant=torch.tensor(np.array(kept["meant"], np.float32)) if drawings else torch.zeros(count, 0),
        label=torch.tensor([-1 if label is None else label for label in facts["expression"]]),
        intensity=torch.tensor([np.nan if i is None else i for i in facts["intensity"]]),
        units=_table(facts["action_units"], ACTION_UNITS),
        pose=_table(facts["pose"], ("yaw", "pitch", "roll")),
        landmarks=torch.tensor(np.array(kept["landmarks"]), dtype=torch.float32),
        look=torch.tensor(np.array(kept["look"]), dtype=torch.float32),
        person=torch.tensor([numbers[name] for name in facts["identity"]]),
        group=torch.tensor([groups.index(g) for g in facts["ethnicity"]]),
        real=torch.tensor(facts["real"]),
        shaven=torch.tensor([bool(worn and worn.get("shaven")) for worn in facts.get(_WORN, [None] * count)]),
        groups=groups,
    )


def _aspects(look: dict[str, Any] | None, image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    colours = [(look or {}).get(part) or (np.nan,) * 3 for part in OWN]
    scene = np.full((3, 3), np.nan) if np.isnan(landmarks).any() else measure_scene(image, landmarks)
    return np.concatenate([np.array(colours, float), scene])


def _table(rows: list[dict[str, float] | None], names: tuple[str, ...]) -> torch.Tensor:
    nothing = dict.fromkeys(names, np.nan)
    return torch.tensor(
        [[nothing[n] if row is None or row[n] is None else row[n] for n in names] for row in rows],
        dtype=torch.float32,
    )


def framed(page: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """A drawing whose face a hand put elsewhere on the page, brought back over its photograph."""
    matrix = transform.reshape(2, 3)
    if np.allclose(matrix, np.eye(2, 3)):
        return page
    way = cv2.INTER_AREA if np.linalg.det(matrix[:, :2]) > 1 else cv2.INTER_LINEAR
    return cv2.warpAffine(page, matrix, page.shape[::-1], flags=way | cv2.WARP_INVERSE_MAP, borderValue=255)


def _brought_back(points: list[list[float]], transform: list[float]) -> np.ndarray:
    """Points of a page over its photograph again, as `framed` brings back the page."""
    matrix = np.array(transform).reshape(2, 3)
    return np.linalg.solve(matrix[:, :2], (np.array(points) - matrix[:, 2]).T).T


def _sized(image: np.ndarray, size: int) -> np.ndarray:
    if len(image) == size:
        return image
    return cv2.resize(
        image, (size, size), interpolation=cv2.INTER_AREA if size < len(image) else cv2.INTER_CUBIC
    )


def to_float(pictures: torch.Tensor) -> torch.Tensor:
    """uint8 → [-1, 1]."""
    return pictures.float() / 127.5 - 1


def nudged(x: torch.Tensor, shift: torch.Tensor, turn: torch.Tensor, zoom: torch.Tensor) -> torch.Tensor:
    """Every picture moved (shares of its half side), turned (radians) and zoomed on its own; edges repeat."""
    cos, sin = torch.cos(turn) / zoom, torch.sin(turn) / zoom
    rows = [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def as_meant(faces: torch.Tensor, landmarks: torch.Tensor, meant: torch.Tensor) -> torch.Tensor:
    """Photographs in [-1, 1] whose features lie where a hand meant them; the picture's rim stays.

    By Lanczos' interpolation: it leaves 94 % of the fine detail, the cubic one 88 %.
    """
    side = faces.shape[-1]
    nodes = lattice(_NODES, side)
    free = (np.minimum(nodes, side - 1 - nodes).min(1) / (_RIM * side)).clip(0, 1)[:, None]
    moved = faces.clone()
    for n, (true, wanted) in enumerate(zip(landmarks.double().numpy(), meant.double().numpy(), strict=True)):
        if np.allclose(true, wanted, atol=0.01):
            continue
        moves = (thin_plate(wanted, true - wanted, nodes, 1.0, 1 / side) * free).astype(np.float32)
        where = pixel_grid(side) + cv2.resize(moves.reshape(_NODES, _NODES, 2), (side, side))
        picture = np.ascontiguousarray(faces[n].permute(1, 2, 0).numpy())
        moved[n] = torch.from_numpy(sampled(picture, where, cv2.INTER_LANCZOS4)).permute(2, 0, 1).clamp(-1, 1)
    return moved


def face_places(landmarks: torch.Tensor) -> torch.Tensor:
    """(N, 3, 2): both pupils and the middle of the mouth, in the landmarks' own pixels."""
    return torch.stack([landmarks[:, 0], landmarks[:, 1], landmarks[:, MOUTH].mean(1)], 1)


def face_weight(landmarks: torch.Tensor, size: int, grid: int = 64) -> torch.Tensor:
    """(N, 1, grid, grid): how much a place matters to who looks at a face: 1, up to 5 at eyes and mouth."""
    at = (face_places(landmarks) + 0.5) / size  # shares of the side
    line = (torch.arange(grid) + 0.5) / grid
    across, down = line[None, None, None, :], line[None, None, :, None]
    reach = torch.tensor([0.07, 0.07, 0.11])[None, :, None, None]
    away = ((across - at[..., 0, None, None]) / reach) ** 2 + (
        (down - at[..., 1, None, None]) / (0.7 * reach)
    ) ** 2
    return 1 + 4 * torch.exp(-0.5 * away).amax(1, keepdim=True)


def dressed(faces: Faces, chosen: torch.Tensor) -> torch.Tensor:
    """Their looks; the shaven have the hair colour of whoever comes before them in the batch.

    What a visitor leaves open is taken from somebody, who mostly has hair; whether there is any, only the
    drawing says.
    """
    look = faces.look[chosen].clone()
    look[:, HAIR] = torch.where(faces.shaven[chosen, None], look.roll(1, 0)[:, HAIR], look[:, HAIR])
    return look


def usual_looks(looks: torch.Tensor) -> torch.Tensor:
    """Without those farthest from the usual in skin, hair, eyes or lips: dyed green, or measured amiss.

    Hair hardly darker than the skin, as cropped hair on dark skin is measured, would be a veil where somebody
    drew it long: such a look gets the hair of whoever is most alike in skin.
    """
    own = looks[:, : len(OWN)]
    away = (own - own.median(0).values).abs()
    odd = (away / away.median(0).values.clamp(min=1)).flatten(1).amax(1)
    usual = looks[odd <= odd.quantile(USUAL)].clone()
    plain = usual[:, HAIR, 0] < usual[:, SKIN, 0] - DARKER
    if plain.any():
        alike = torch.cdist(usual[~plain, SKIN], usual[plain, SKIN]).argmin(1)
        usual[~plain, HAIR] = usual[plain, HAIR][alike]
    return usual
