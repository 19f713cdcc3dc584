"""Who stands behind whom: the split of the photographed people, and the drawing of hosts and donors from it.

No photographed person serves two splits, so no test face shares a pixel with training. Within every gender and
group, people are ordered by a hash of their id and the seed: the first ones are tested on, the next validate,
the rest train. The order of others never changes when people are added; only as many change sides as the
growing quotas ask for.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import CorpusError
from .portraits import Face

SPLITS = ("train", "validation", "test")
SHARES = {"validation": 0.08, "test": 0.12}
_OWN_GROUP = 0.75  # of donors, where the split has others of the host's group
_LEAST = 3  # people of a kind or group from whom one is spared for a held-out split
Kind = tuple[str, str]  # gender, group


@dataclass(frozen=True, eq=False)
class Source:
    """A photographed person in the making of another one, perhaps seen in a mirror."""

    face: Face
    mirrored: bool


@dataclass(frozen=True, eq=False)
class Sources:
    host: Source
    donors: tuple[Source, ...]


def split_people(faces: Sequence[Face], seed: int = 0) -> dict[str, list[Face]]:
    """{"train", "validation", "test"} -> their faces, in the order given."""
    cells: dict[Kind, list[Face]] = defaultdict(list)
    for face in faces:
        cells[kind_of(face)].append(face)
    for cell in cells.values():
        cell.sort(key=lambda face: hashlib.sha256(f"{seed}:{face.sources[0]}".encode()).digest())
    quotas = _quotas({kind: len(cell) for kind, cell in cells.items()})
    split_of = {}
    for kind, cell in cells.items():
        tests, validates = quotas[kind]
        for rank, face in enumerate(cell):
            split_of[face.sources[0]] = (
                "test" if rank < tests else "validation" if rank < tests + validates else "train"
            )
    return {split: [f for f in faces if split_of[f.sources[0]] == split] for split in SPLITS}


def _quotas(sizes: Mapping[Kind, int]) -> dict[Kind, tuple[int, int]]:
    """(test, validation) people of each kind: their shares, yet one of every kind tests and one of every
    group validates where three or more leave enough to train on."""
    tests = {k: max(round(n * SHARES["test"]), int(n >= _LEAST)) for k, n in sizes.items()}
    validates = {k: round(n * SHARES["validation"]) for k, n in sizes.items()}
    for group in {group for _, group in sizes}:
        own = sorted((k for k in sizes if k[1] == group), key=lambda k: (-sizes[k], k))
        total = sum(sizes[k] for k in own)
        if total >= _LEAST and not any(validates[k] for k in own):
            validates[own[0]] = 1
            if tests[own[0]] + 1 >= sizes[own[0]] and len(own) > 1 and sizes[own[1]] > tests[own[1]] + 1:
                validates[own[0]], validates[own[1]] = 0, 1
        if total >= _LEAST and not any(tests[k] for k in own):
            tests[own[-1] if len(own) > 1 else own[0]] = 1
    return {k: (tests[k], validates[k]) for k in sizes}


def kind_of(face: Face) -> Kind:
    return face.gender, face.group


def kinds(faces: Sequence[Face]) -> list[Kind]:
    """The genders and groups that can be hosts here, in a fixed order."""
    return sorted({kind_of(face) for face in faces})


def draw_sources(faces: Sequence[Face], rng: np.random.Generator, number: int | None = None) -> Sources:
    """A host, its gender and group uniform over those present, and two or three donors of its gender.

    With a `number`, consecutive numbers take all kinds in turn, so that any run of people is even.
    """
    present = kinds(faces)
    kind = present[(int(rng.integers(len(present))) if number is None else number) % len(present)]
    own = [face for face in faces if kind_of(face) == kind]
    host = own[rng.integers(len(own))]
    others = [face for face in faces if face.gender == host.gender and face is not host]
    if len(others) < 2:
        raise CorpusError(
            f"got {len(others) + 1} {host.gender or 'people'} in a split, expected at least 3 to mix new people "
            "from; add portraits to the pack"
        )
    kin = [face for face in others if face.group == host.group]
    donors: list[Face] = []
    count = min(int(rng.integers(2, 4)), len(others))
    while len(donors) < count:
        pool = [f for f in (kin if rng.random() < _OWN_GROUP else others) if all(f is not d for d in donors)]
        if pool:
            donors.append(pool[rng.integers(len(pool))])
    flips = rng.random(count + 1) < 0.5
    sources = [Source(face, bool(flip)) for face, flip in zip([host, *donors], flips, strict=True)]
    return Sources(sources[0], tuple(sources[1:]))
