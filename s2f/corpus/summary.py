"""What is in a corpus folder: counts by split, class, group and style, read from its files alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CorpusError
from ..expression import CLASSES
from .features import PAGE_STYLES, SPLITS, WORN

if TYPE_CHECKING:
    import pyarrow

_COLUMNS = ("sketch_style", "expression", "identity", "sources", "gender", "ethnicity", "real")
_LATER = ("worn",)  # which corpora of earlier versions do not have


@dataclass(frozen=True)
class Summary:
    """Every table is {split: {what: rows}}; groups are 'gender, ethnicity'."""

    splits: Mapping[
        str, Mapping[str, int]
    ]  # rows, invented people, photographed people, real rows, files, bytes
    classes: Mapping[str, Counter[str]]
    groups: Mapping[str, Counter[str]]
    styles: Mapping[str, Counter[str]]
    worn: Mapping[str, Counter[str]]  # empty where nobody knows
    sources: Mapping[str, frozenset[str]]  # the photographed people behind a split

    @property
    def rows(self) -> int:
        return sum(split["rows"] for split in self.splits.values())

    def leaks(self) -> list[str]:
        """Source people who are behind more than one split; there must be none."""
        seen = Counter(person for people in self.sources.values() for person in people)
        return sorted(person for person, splits in seen.items() if splits > 1)

    def to_dict(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "splits": {split: dict(counts) for split, counts in self.splits.items()},
            "classes": {split: dict(counts) for split, counts in self.classes.items()},
            "groups": {split: dict(counts) for split, counts in self.groups.items()},
            "styles": {split: dict(counts) for split, counts in self.styles.items()},
            "worn": {split: dict(counts) for split, counts in self.worn.items()},
            "source_people": {split: len(people) for split, people in self.sources.items()},
        }


def split_files(folder: Path) -> dict[str, list[Path]]:
    """The Parquet files of every split that is there."""
    found = {split: sorted((folder / "data").glob(f"{split}-*.parquet")) for split in SPLITS}
    if not any(found.values()):
        raise CorpusError(
            f"got {folder} without data/SPLIT-*.parquet, expected a corpus; check the path or build one"
        )
    return {split: files for split, files in found.items() if files}


def read_rows(
    files: Sequence[Path], columns: Sequence[str] | None = None, wanted: Collection[int] | None = None
) -> Iterator[dict[str, Any]]:
    """Stored rows one by one, pictures as {'bytes', 'path'}; only `wanted` row numbers are read."""
    first = 0
    for path in files:
        with opened(path) as file:
            for group in range(file.num_row_groups):
                last = first + file.metadata.row_group(group).num_rows
                inside = (
                    range(first, last) if wanted is None else [k for k in range(first, last) if k in wanted]
                )
                if inside:
                    stored = file.read_row_group(group, columns=columns)
                    for k in inside:
                        yield stored.slice(k - first, 1).to_pylist()[0]
                first = last


def count_rows(files: Sequence[Path]) -> int:
    total = 0
    for path in files:
        with opened(path) as file:
            total += file.metadata.num_rows
    return total


def opened(path: Path) -> Any:
    import pyarrow.parquet as parquet
    from pyarrow import ArrowInvalid

    try:
        return parquet.ParquetFile(path)
    except (ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CorpusError(
            f"got {path} ({reason}), expected a Parquet file of a corpus; build it again"
        ) from None


def summarise(folder: str | Path) -> Summary:
    folder = Path(folder)
    splits: dict[str, dict[str, int]] = {}
    classes: dict[str, Counter[str]] = {}
    groups: dict[str, Counter[str]] = {}
    styles: dict[str, Counter[str]] = {}
    worn: dict[str, Counter[str]] = {}
    sources: dict[str, frozenset[str]] = {}
    for split, files in split_files(folder).items():
        columns = _columns(files)
        classes[split] = _in_order(CLASSES, (CLASSES[k] for k in columns["expression"] if k is not None))
        drawn = [style for row in columns["sketch_style"] for style in row or ()]
        styles[split] = _in_order(PAGE_STYLES, (PAGE_STYLES[k] for k in drawn))
        known_worn = [row for row in columns["worn"] if row]
        given = (name for row in known_worn for name in WORN if row.get(name))
        worn[split] = _in_order(WORN, given) if known_worn else Counter()
        pairs = zip(columns["gender"], columns["ethnicity"], strict=True)
        groups[split] = Counter(sorted(group_name(gender, ethnicity) for gender, ethnicity in pairs))
        known = [row for row in columns["sources"] if row]
        people = {
            name for row in known for name in (row["host"], *(row["donors"] or ()), row["teeth"]) if name
        }
        sources[split] = frozenset(people)
        who: dict[bool, set[str]] = {False: set(), True: set()}
        for name, real in zip(columns["identity"], columns["real"], strict=True):
            who[bool(real)].add(name)
        splits[split] = {
            "rows": len(columns["expression"]),
            "invented": len(who[False]),
            "photographed": len(who[True]),
            "real": sum(map(bool, columns["real"])),
            "files": len(files),
            "bytes": sum(path.stat().st_size for path in files),
        }
    return Summary(splits, classes, groups, styles, worn, sources)


def group_name(gender: str | None, ethnicity: str | None) -> str:
    """People who gave several ethnicities count with the first."""
    return f"{gender or 'unknown'}, {(ethnicity or 'unknown').split('/')[0]}"


def _columns(files: list[Path]) -> dict[str, list[Any]]:
    out: dict[str, list[Any]] = {name: [] for name in _COLUMNS + _LATER}
    for path in files:
        with opened(path) as file:
            missing = [name for name in _COLUMNS if name not in file.schema_arrow.names]
            if missing:
                raise CorpusError(
                    f"got {path} without {', '.join(missing)}, expected a corpus made by s2f; build it again"
                )
            later = [name for name in _LATER if name in file.schema_arrow.names]
            read: pyarrow.Table = file.read(columns=[*_COLUMNS, *later])
        for name in (*_COLUMNS, *later):
            out[name] += read[name].to_pylist()
    return out


def _in_order(names: tuple[str, ...], found: Iterator[str]) -> Counter[str]:
    """Counts in our order, with the zeros, so that a missing class is seen."""
    counts = Counter(found)
    return Counter({name: counts[name] for name in names} | counts)
