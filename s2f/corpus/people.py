"""Who stands behind whom: the split of the photographed people, and the drawing of hosts and donors from it.

No photographed person serves two splits, so no test face shares a pixel with training. Within every gender
and group, people are ordered by a hash of their id and the seed: the first ones are tested on, the next
validate, the rest train. People who are added never change the order of the others; only as many change
sides as the growing quotas ask for.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
    """(test, validation) people of each kind: their shares, yet one of every kind tests, one of every group
    validates, and three people make a split, where enough remain to train on."""
    tests = {k: max(round(n * SHARES["test"]), int(n >= _LEAST)) for k, n in sizes.items()}
    validates = {k: round(n * SHARES["validation"]) for k, n in sizes.items()}

    def most_spared(kinds: Iterable[Kind], held_out: Mapping[Kind, int]) -> Kind:
        def order(kind: Kind) -> tuple[int, int, Kind]:
            alike = sum(count for other, count in held_out.items() if other[0] == kind[0])
            return sizes[kind] - tests[kind] - validates[kind], -alike, kind

        return max(kinds, key=order)

    for group in sorted({group for _, group in sizes}):
        own = [k for k in sizes if k[1] == group]
        for held_out in (validates, tests):
            if sum(sizes[k] for k in own) >= _LEAST and not any(held_out[k] for k in own):
                held_out[most_spared(own, held_out)] += 1
    for held_out in (tests, validates):
        while sum(held_out.values()) < _LEAST <= sum(sizes.values()) // len(SPLITS):
            held_out[most_spared(sizes, held_out)] += 1
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
    _enough(faces)
    present = kinds(faces)
    kind = present[(int(rng.integers(len(present))) if number is None else number) % len(present)]
    own = [face for face in faces if kind_of(face) == kind]
    host = own[rng.integers(len(own))]
    others = [face for face in faces if face is not host]
    alike = [face for face in others if face.gender == host.gender]
    others = alike if len(alike) >= 2 else others
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


def _enough(faces: Sequence[Face]) -> None:
    if len(faces) < _LEAST:
        raise CorpusError(
            f"got {len(faces)} people in a split, expected at least {_LEAST} to mix new ones from; "
            "add portraits to the pack"
        )
