"""An editor on people never seen: neutral → seven, any → neutral, the classes as asked, real people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from ..batches import Faces, to_float
from ..expression import CLASSES, Expression
from . import measures
from .drawers import own_size, sized, to_bytes
from .gallery import People
from .judges import Judges
from .tally import Tally, confusions, spread

BATCH = 8


@dataclass(frozen=True, eq=False)
class Edits:
    """Faces to be edited: the row each starts from, what is asked, and the row it should be, if one is."""

    source: np.ndarray  # (N,) rows
    label: np.ndarray  # (N,) index in CLASSES
    units: np.ndarray  # (N, 42)
    labels: np.ndarray  # (N, 7) for editors that are told by class
    target: np.ndarray | None = None  # (N,) rows

    def of(self, classes: Sequence[str] | None) -> Edits:
        """Those that ask for one of these classes, of an editor that knows no others."""
        kept = np.isin(self.label, [CLASSES.index(name) for name in classes or CLASSES])
        target = None if self.target is None else self.target[kept]
        return Edits(self.source[kept], self.label[kept], self.units[kept], self.labels[kept], target)


@dataclass(frozen=True, eq=False)
class Edited:
    """What an editor made, for the figures and to be looked at; the pairs of `paired` only."""

    report: dict[str, Any]
    given: torch.Tensor
    made: torch.Tensor
    true: torch.Tensor
    tally: Tally
    rows: np.ndarray  # (N,) of `true` in the split


def sittings(faces: Faces) -> Iterator[np.ndarray]:
    """Rows of one person in one pose, light and camera; real photographs are none."""
    keys = np.column_stack([faces.person.numpy(), faces.pose.nan_to_num(999).numpy().round(3)])
    _, member = np.unique(keys, axis=0, return_inverse=True)
    for k in range(member.max() + 1):
        rows = np.flatnonzero((member.reshape(-1) == k) & ~faces.real.numpy())
        if len(rows) > 1 and (faces.label[rows] == 0).any():
            yield rows


def paired(faces: Faces) -> Edits:
    """From each sitting's neutral picture to all of its pictures, and from one other to the neutral."""
    pairs = []
    for number, rows in enumerate(sittings(faces)):
        label = faces.label[rows].numpy()
        neutral, others = rows[label == 0][0], rows[label != 0]
        pairs += [(neutral, row) for row in rows]
        if len(others):
            pairs.append((others[number % len(others)], neutral))
    source, target = np.array(pairs).reshape(-1, 2).T
    label = faces.label[target].numpy()
    strength = faces.intensity[target].nan_to_num(0).numpy()
    labels = [
        Expression({CLASSES[c]: min(float(s), 1.2)} if c else {}).labels()
        for c, s in zip(label, strength, strict=True)
    ]
    return Edits(source, label, faces.units[target].numpy(), np.stack(labels), target)


def as_asked(rows: np.ndarray) -> Edits:
    """Every class at full intensity, as a visitor asks for it, of each of these pictures."""
    wanted = [Expression.of(name) for name in CLASSES]
    count = len(rows)
    return Edits(
        np.repeat(rows, len(CLASSES)),
        np.tile(np.arange(len(CLASSES)), count),
        np.tile(np.stack([w.vector() for w in wanted]), (count, 1)),
        np.tile(np.stack([w.labels() for w in wanted]), (count, 1)),
    )


def edit(editor: Any, faces: Faces, edits: Edits) -> torch.Tensor:
    """uint8 faces (N, 3, S, S) of what is to be edited."""
    told = edits.labels if told_by_class(editor) else edits.units
    return _edited(editor, faces.picture[edits.source], told, faces.picture.shape[-1])


def change(editor: Any, pictures: torch.Tensor, wanted: Sequence[Expression], size: int) -> torch.Tensor:
    """uint8 pictures (N, 3, S, S), each as it is wanted → uint8 (N, 3, size, size)."""
    by_class = told_by_class(editor)
    told = np.stack([w.labels() if by_class else w.vector() for w in wanted])
    return _edited(editor, pictures, told, size)


def told_by_class(editor: Any) -> bool:
    return getattr(editor, "condition", "action_units") == "classes"


def _edited(editor: Any, pictures: torch.Tensor, told: np.ndarray, size: int) -> torch.Tensor:
    """Each at the editor's own size in between."""
    side, wanted = own_size(editor, pictures.shape[-1]), torch.from_numpy(told).float()
    out = []
    for start in tqdm(range(0, len(pictures), BATCH), desc="editing", unit="batch", delay=2):
        some = slice(start, start + BATCH)
        x = sized(to_float(pictures[some]), side)
        with torch.inference_mode():
            out.append(to_bytes(editor(x, wanted[some]), size))
    return torch.cat(out)


class Unchanged:
    """The editor that gives every face back: what a system scores that does nothing."""

    def __call__(self, face: torch.Tensor, action_units: torch.Tensor) -> torch.Tensor:
        return face


def score_editor(editor: Any, faces: Faces, judges: Judges, people: People) -> Edited:
    known = getattr(editor, "classes", None)
    pairs = paired(faces).of(known)
    assert pairs.target is not None
    made = edit(editor, faces, pairs)
    tally, guess = _tally(faces, pairs, made, judges, people)
    figures = tally.figures()
    report: dict[str, Any] = {
        "figures": figures,
        "groups": spread(figures),
        "confusion": confusions(pairs.label, guess),
    }
    neutral = np.flatnonzero((faces.label == 0).numpy())
    real = faces.real[neutral].numpy()
    for name, rows in (("as asked", neutral[~real]), ("as asked, real people", neutral[real])):
        if len(rows):
            asked = as_asked(rows).of(known)
            some, guess = _tally(faces, asked, edit(editor, faces, asked), judges, people)
            report[name] = {"figures": some.figures(), "confusion": confusions(asked.label, guess)}
    true = faces.picture[pairs.target]
    return Edited(report, faces.picture[pairs.source], made, true, tally, pairs.target)


def _tally(
    faces: Faces, edits: Edits, made: torch.Tensor, judges: Judges, people: People
) -> tuple[Tally, dict[str, np.ndarray]]:
    seen, person = judges.see(made), faces.person[edits.source].numpy()
    given = faces.picture[edits.source]
    columns = {
        **measures.expressed(seen, edits.label, edits.units),
        **measures.recognised(
            seen, person, people.gallery, people.names, people.seen.direction[edits.source]
        ),
        "backdrop change, levels of 255": measures.backdrop_change(
            made, given, faces.landmarks[edits.source].numpy()
        ),
        "read as a face": seen.confidence,
    }
    true = None
    if edits.target is not None:
        true = people.seen.features[edits.target]
        columns = {
            **measures.to_truth(made, faces.picture[edits.target]),
            **columns,
            "landmarks": measures.landmark_error(seen.landmarks, faces.landmarks[edits.target].numpy()),
            "landmarks, from the photograph as read": measures.landmark_error(
                seen.landmarks, people.seen.landmarks[edits.target]
            ),
        }
    parts = {
        "class": np.array(CLASSES)[edits.label],
        "group": np.array(faces.groups)[faces.group[edits.source].numpy()],
    }
    return Tally(columns, parts, person, seen.features, true), seen.guess
