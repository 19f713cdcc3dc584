"""The people of a split as they are: what every made face is compared to, and what the judges say of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..batches import Faces
from ..corpus.features import PAGE_STYLES
from ..expression import CLASSES
from ..metrics import frechet, kernel, mean, rate
from . import measures
from .judges import Judges, Seen
from .tally import Tally, confusions, spread

HAPPY = CLASSES.index("happy")


@dataclass(frozen=True, eq=False)
class People:
    """What the judges see in every picture of the split, and one neutral picture of each person."""

    seen: Seen
    gallery: np.ndarray  # (people, d) directions
    names: np.ndarray  # (people,) their numbers

    @classmethod
    def of(cls, faces: Faces, judges: Judges) -> People:
        seen = judges.see(faces.picture)
        person, neutral = faces.person.numpy(), (faces.label == 0).numpy()
        names, first = np.unique(person[neutral], return_index=True)
        shown = np.flatnonzero(neutral)[first]
        return cls(seen, seen.direction[shown], names)

    def own(self, person: np.ndarray) -> np.ndarray:
        """The gallery's direction of each of these people; NaN for who is not in it."""
        at = np.searchsorted(self.names, person).clip(max=len(self.names) - 1)
        return np.where((self.names[at] == person)[:, None], self.gallery[at], np.nan)


def neutral_people(faces: Faces, count: int) -> np.ndarray:
    """One neutral picture of so many people, evenly taken."""
    neutral = np.flatnonzero((faces.label == 0).numpy() & ~faces.real.numpy())
    _, first = np.unique(faces.person.numpy()[neutral], return_index=True)
    return neutral[first[np.linspace(0, len(first) - 1, min(count, len(first))).astype(int)]]


def drawn_rows(faces: Faces) -> tuple[torch.Tensor, torch.Tensor]:
    """Row and drawing of all that is drawn: every drawing of every face whose landmarks are known."""
    known = torch.isfinite(faces.landmarks).all(-1).all(-1)
    rows, pages = torch.nonzero(known[:, None].expand_as(faces.style), as_tuple=True)
    return rows, pages


def score_truth(faces: Faces, people: People) -> dict[str, Any]:
    """The corpus's own faces by the same measures: what a perfect system would score with these judges."""
    seen, label, person = people.seen, faces.label.numpy(), faces.person.numpy()
    made = (~faces.real).numpy()
    tally = Tally(
        {
            **{k: v[made] for k, v in measures.expressed(seen, label, faces.units.numpy()).items()},
            "landmarks": measures.landmark_error(seen.landmarks, faces.landmarks.numpy())[made],
            "read as a face": seen.confidence[made],
        },
        {
            "class": np.array(CLASSES)[label[made]],
            "group": np.array(faces.groups)[faces.group.numpy()[made]],
        },
        person[made],
    )
    figures = tally.figures()
    probes = made & (label != 0) & np.isin(person, people.names)
    found = measures.recognised(
        seen.where(probes), person[probes], people.gallery, people.names, people.own(person[probes])
    )
    figures["all"]["identity rank 1"] = rate(found["identity rank 1"])
    figures["all"]["identity cosine"] = mean(found["identity cosine"], person[probes])
    rows, pages = drawn_rows(faces)
    names = np.array(PAGE_STYLES)[faces.style[rows, pages].numpy()].tolist()
    again = measures.redrawn(faces.picture[rows], faces.drawing[rows, pages], names)
    figures["all"]["sketch fidelity"] = mean(again, person[rows.numpy()])
    halves = [seen.features[made & (person % 2 == k)] for k in (0, 1)]
    smiles = (faces.real & (faces.label == HAPPY)).numpy()
    return {
        "figures": figures,
        "groups": spread(figures),
        "confusion": confusions(label[made], seen.where(made).guess),
        "real smiles read as happy": {n: rate(g[smiles] == HAPPY) for n, g in seen.guess.items()},
        "real neutral faces read as neutral": {
            n: rate(g[(faces.real & (faces.label == 0)).numpy()] == 0) for n, g in seen.guess.items()
        },
        "between two halves of the people": {
            "fréchet distance": frechet(*halves),
            "kernel distance": kernel(*halves),
        },
    }
