"""A drawer on people it has never seen: every drawing of every test face, in every style."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from ..batches import Faces, to_float
from ..corpus.features import PAGE_STYLES
from ..expression import CLASSES
from ..image import to_pil
from ..look import PARTS
from ..metrics import Figure, mean
from ..roles import takes
from . import measures
from .gallery import People, drawn_rows
from .judges import Judges, Seen
from .tally import Tally, confusions, spread

BATCH = 8
SEEDS = 4  # faces of one drawing, where a drawer draws several
VARIED = 32  # drawings of which several faces are made


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a drawer made, for the figures and to be looked at."""

    report: dict[str, Any]
    given: torch.Tensor  # (N, 1, S, S) uint8
    made: torch.Tensor  # (N, 3, S, S) uint8
    true: torch.Tensor  # (N, 3, S, S) uint8
    tally: Tally
    rows: np.ndarray  # (N,) of `true` in the split


def score_drawer(drawer: Any, faces: Faces, judges: Judges, people: People) -> Drawn:
    """The look is given as measured in the photograph; what the drawer does not take is not given."""
    rows, pages = drawn_rows(faces)
    given, asked = faces.drawing[rows, pages][:, None], faces.look[rows][:, : len(PARTS)]
    made = draw(drawer, given, asked, faces.picture.shape[-1])
    true, seen = faces.picture[rows], judges.see(made)
    tally = _tally(faces, rows, pages, given, made, seen, judges, people)
    figures = tally.figures()
    report = {
        "figures": figures,
        "groups": spread(figures),
        "confusion": confusions(faces.label[rows].numpy(), seen.guess),
        "diversity": diversity(drawer, given, made.shape[-1], judges),
    }
    return Drawn(report, given, made, true, tally, rows.numpy())


def _tally(
    faces: Faces,
    rows: torch.Tensor,
    pages: torch.Tensor,
    given: torch.Tensor,
    made: torch.Tensor,
    seen: Seen,
    judges: Judges,
    people: People,
) -> Tally:
    person, marks = faces.person[rows].numpy(), faces.landmarks[rows].numpy()
    style = np.array(PAGE_STYLES)[faces.style[rows, pages].numpy()]
    label = faces.label[rows].numpy()
    _, as_drawn, _ = judges.read(given)
    return Tally(
        {
            **measures.to_truth(made, faces.picture[rows]),
            **measures.expressed(seen, label, faces.units[rows].numpy()),
            "landmarks": measures.landmark_error(seen.landmarks, marks),
            "landmarks, from the photograph as read": measures.landmark_error(
                seen.landmarks, people.seen.landmarks[rows.numpy()]
            ),
            "landmarks, as the hand meant them": measures.landmark_error(
                seen.landmarks, faces.meant[rows, pages].numpy()
            ),
            "landmarks, from the drawing as read": measures.landmark_error(seen.landmarks, as_drawn),
            "sketch fidelity": measures.redrawn(made, given[:, 0], style.tolist()),
            **measures.looks(made, marks, faces.look[rows].numpy()),
            **measures.recognised(
                seen, person, people.gallery, people.names, people.seen.direction[rows.numpy()]
            ),
            "read as a face": seen.confidence,
        },
        {
            "style": style,
            "class": np.array(CLASSES)[label],
            "group": np.array(faces.groups)[faces.group[rows].numpy()],
        },
        person,
        seen.features,
        people.seen.features[rows.numpy()],
    )


def draw(
    drawer: Any, pages: torch.Tensor, looks: torch.Tensor | None, size: int, seed: int = 0
) -> torch.Tensor:
    """uint8 drawings (N, 1, S, S) → uint8 faces (N, 3, size, size); `looks` None leaves all open."""
    side = own_size(drawer, pages.shape[-1])
    out = []
    for start in tqdm(range(0, len(pages), BATCH), desc="drawing", unit="batch", delay=2):
        some = slice(start, start + BATCH)
        x = sized(to_float(pages[some]), side)
        options: dict[str, Any] = {}
        if takes(drawer, "look") and looks is not None:
            options["look"] = looks[some]
        if takes(drawer, "generator"):
            options["generator"] = [
                torch.Generator().manual_seed(1000 * seed + start + n) for n in range(len(x))
            ]
        with torch.inference_mode():
            out.append(to_bytes(drawer(x, **options), size))
    return torch.cat(out)


def own_size(model: Any, otherwise: int) -> int:
    """The side of the pictures that a model was made for; some take any."""
    own = getattr(model, "size", None)
    return own if isinstance(own, int) else otherwise


def sized(x: torch.Tensor, side: int) -> torch.Tensor:
    """Enlarged smoothly and averaged when it shrinks, which takes the least detail away: a smoother way
    down would measure its own softness instead of the model's."""
    if x.shape[-1] == side:
        return x
    if x.shape[-1] % side == 0:
        return functional.avg_pool2d(x, x.shape[-1] // side)
    return functional.interpolate(x, (side, side), mode="bicubic", antialias=True, align_corners=False)


def to_bytes(faces: torch.Tensor, size: int) -> torch.Tensor:
    """[-1, 1] of any side → uint8 of `size`, as they would be saved."""
    whole = np.stack([np.asarray(picture) for picture in to_pil(sized(faces.float(), size).clamp(-1, 1))])
    return torch.from_numpy(whole.transpose(0, 3, 1, 2).copy())


def diversity(drawer: Any, pages: torch.Tensor, size: int, judges: Judges) -> dict[str, Figure] | None:
    """How far apart several faces of one drawing lie, the look open; None for a drawer without chance."""
    if not takes(drawer, "generator"):
        return None
    chosen = pages[np.unique(np.linspace(0, len(pages) - 1, min(VARIED, len(pages))).astype(int))]
    made = torch.stack([draw(drawer, chosen, None, size, seed) for seed in range(1, 1 + SEEDS)])
    seen = judges.see(made.flatten(0, 1))
    direction = seen.direction.reshape(SEEDS, len(chosen), -1)
    first, second = np.triu_indices(SEEDS, 1)
    alike = (direction[first] * direction[second]).sum(-1).mean(0)
    levels = made.float().std(0).mean((1, 2, 3)).numpy()
    return {
        "identity cosine between faces of one drawing": mean(alike),
        "spread, levels of 255": mean(levels),
    }
