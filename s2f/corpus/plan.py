"""What a corpus is before a pixel is made: its arguments, the place and seed of every row, parts and files.

Every row has one seed, and the seed is its place: corpus seed, split, person and render packed into one
number. So a row can be made alone, and no worker, shard or restart can change it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import CorpusError
from ..expression import CLASSES
from ..sketch import EXTRACTED
from .features import SPLITS

IMAGE_FORMATS = ("jpeg", "png", "webp")
HELD_OUT_SHARE = 0.1  # validation and test people, each, for every training person ...
HELD_OUT_LEAST = 8  # ... yet enough that both genders of every group are among them
PEOPLE_PER_PART = 2
SITTING = len(CLASSES)  # renders of a person in a row that share pose, light and camera
FILE_BYTES = 400e6
BYTES_PER_PIXEL = 0.65  # of a row, sketches and all; measured, only decides how many files there are
FORMAT = "s2f-corpus-2"

_SEED_BITS, _PERSON_BITS, _RENDER_BITS = 20, 26, 14
MAX_SEED, MAX_PEOPLE, MAX_RENDERS = 2**_SEED_BITS, 2**_PERSON_BITS, 2**_RENDER_BITS - 1
_PERSON_ITSELF = MAX_RENDERS  # the render number that stands for what all renders of a person share


@dataclass(frozen=True)
class Place:
    """Which row this is: the person's number in its split, and the render's number of that person."""

    split: str
    person: int
    render: int
    real: bool = False

    @property
    def identity(self) -> str:
        return f"{self.split}-{'real-' if self.real else ''}{self.person:06d}"

    def seed(self, corpus_seed: int) -> int:
        place = corpus_seed << 2 | SPLITS.index(self.split)
        place = place << 1 | self.real
        return (place << _PERSON_BITS | self.person) << _RENDER_BITS | self.render

    def person_seed(self, corpus_seed: int) -> int:
        return Place(self.split, self.person, _PERSON_ITSELF, self.real).seed(corpus_seed)

    def expression(self, renders: int) -> str:
        """Classes in turn: seven renders of a person hold all seven, fewer or more stay even over people."""
        return CLASSES[(self.person * renders + self.render) % len(CLASSES)]

    def styles(self, count: int, renders: int) -> tuple[str, ...]:
        """Freehand first, then the extracted styles in turn, a different first one for each render."""
        turn = self.person * renders + self.render
        extracted = [EXTRACTED[(turn + k) % len(EXTRACTED)] for k in range(len(EXTRACTED))]
        cycle = ("freehand", *extracted)
        return tuple(cycle[k % len(cycle)] for k in range(count))


def place_of(seed: int) -> tuple[int, Place]:
    """A row's seed → the corpus seed and the place it packs."""
    rest, render = divmod(seed, 2**_RENDER_BITS)
    rest, person = divmod(rest, 2**_PERSON_BITS)
    rest, real = divmod(rest, 2)
    corpus_seed, split = divmod(rest, 4)
    if seed < 0 or corpus_seed >= MAX_SEED or split >= len(SPLITS) or render == _PERSON_ITSELF:
        raise CorpusError(f"got the row seed {seed}, expected one from a corpus's seed column; copy it again")
    return corpus_seed, Place(SPLITS[split], person, render, bool(real))


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a corpus's bytes, but for the sources themselves."""

    people: int
    renders: int = 2 * SITTING
    size: int = 512
    sketches: int = 2
    seed: int = 0
    real: bool = True
    image_format: str = "jpeg"

    def __post_init__(self) -> None:
        for name, least, most in (
            ("people", 1, MAX_PEOPLE),
            ("renders", 1, MAX_RENDERS),
            ("size", 64, 512),
            ("sketches", 2, 16),
            ("seed", 0, MAX_SEED - 1),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise CorpusError(f"got {name} {value}, expected {least} to {most}; change --{name}")
        if self.image_format not in IMAGE_FORMATS:
            raise CorpusError(
                f"got image format {self.image_format!r}, expected one of {', '.join(IMAGE_FORMATS)}; "
                "change --image-format"
            )

    def arguments(self) -> dict[str, Any]:
        return asdict(self)

    def invented(self, split: str) -> int:
        """How many invented people a split holds."""
        held_out = max(HELD_OUT_LEAST, round(self.people * HELD_OUT_SHARE))
        return self.people if split == "train" else min(self.people, held_out)


@dataclass(frozen=True)
class Part:
    """The unit of work and of restart: a few people of one split, invented or real."""

    split: str
    number: int
    first: int
    last: int
    real: bool
    rows_per_person: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.split}-{self.number:06d}"

    @property
    def rows(self) -> int:
        return sum(self.rows_per_person)

    def people(self) -> Iterator[list[Place]]:
        """Each person's places in turn, so that what a person shares is made once."""
        for person, count in zip(range(self.first, self.last), self.rows_per_person, strict=True):
            yield [Place(self.split, person, render, self.real) for render in range(count)]


@dataclass(frozen=True)
class File:
    """One Parquet file of the finished corpus, and the parts that it is joined from."""

    name: str
    split: str
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)


@dataclass(frozen=True)
class Plan:
    recipe: Recipe
    sources: str  # digest of the source pack
    files: tuple[File, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(part for file in self.files for part in file.parts)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def fingerprint(self) -> str:
        """The same for builds whose parts may be joined."""
        what = {
            "format": FORMAT,
            "version": __version__,
            "sources": self.sources,
            **self.recipe.arguments(),
        }
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def make_plan(recipe: Recipe, sources: str, photographs: dict[str, list[int]]) -> Plan:
    """`photographs` says for each split how many photographs (1 or 2) each of its source people has."""
    files: list[File] = []
    for split in SPLITS:
        parts = list(_chunks(split, 0, False, [recipe.renders] * recipe.invented(split), PEOPLE_PER_PART))
        if recipe.real:
            parts += _chunks(split, len(parts), True, photographs[split], 8 * PEOPLE_PER_PART)
        wanted = sum(part.rows for part in parts) * recipe.size**2 * BYTES_PER_PIXEL / FILE_BYTES
        count = max(1, min(round(wanted), len(parts)))
        bounds = [round(k * len(parts) / count) for k in range(count + 1)]
        for k in range(count):
            name = f"{split}-{k:05d}-of-{count:05d}.parquet"
            files.append(File(name, split, tuple(parts[bounds[k] : bounds[k + 1]])))
    return Plan(recipe, sources, tuple(files))


def _chunks(split: str, number: int, real: bool, rows: list[int], people: int) -> Iterator[Part]:
    for first in range(0, len(rows), people):
        some = tuple(rows[first : first + people])
        yield Part(split, number, first, first + len(some), real, some)
        number += 1


def digest(pack: Path) -> str:
    """A short hash of the names and bytes of all that a build reads of the source pack."""
    total = hashlib.sha256()
    paths = [pack / name for name in ("face_kit.npz", "landmarks.npz", "people.csv")]
    try:
        for path in [*paths, *sorted((pack / "portraits").glob("*"))]:
            total.update(path.relative_to(pack).as_posix().encode() + b"\0")
            total.update(hashlib.sha256(path.read_bytes()).digest())
    except OSError as error:
        raise CorpusError(
            f"got {error.filename} ({error.strerror}), expected a readable file of packed sources; check them"
        ) from None
    return total.hexdigest()[:16]
