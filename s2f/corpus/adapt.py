"""Somebody else's picture set, read by its adapter, → a folder that `load` reads like a corpus of ours."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .. import __version__
from ..errors import CorpusError
from .features import SPLITS, table
from .plan import FORMAT
from .store import ROW_GROUP, aside, parquet_options, write_error, write_manifest


@dataclass(frozen=True)
class Adapted:
    """What was written, and how many pictures were passed over and why."""

    folder: Path
    name: str
    rows: dict[str, int]  # of each split
    passed_over: dict[str, int]

    def __str__(self) -> str:
        made = ", ".join(f"{split} {count}" for split, count in self.rows.items())
        why = "".join(f", {count} {reason}" for reason, count in self.passed_over.items())
        return f"{self.folder}: {self.name}, {made} rows{why}"


def adapt(
    folder: str | Path,
    out: str | Path,
    *,
    name: str | None = None,
    size: int = 512,
    sketches: Sequence[str] = ("contour", "pencil"),
    seed: int = 0,
    progress: bool = True,
) -> Adapted:
    """Frame and draw the set in `folder` into the new folder `out`, for its holder alone, not for a Hub."""
    from tqdm import tqdm

    from .adapters import detect_layout, iter_rows

    out = Path(out)
    if out.exists() and any(out.iterdir()):
        raise CorpusError(
            f"got {out} with things in it, expected a new or an empty folder; choose another --out"
        )
    known = name or detect_layout(folder)
    counts: Counter[str] = Counter()
    rows = iter_rows(folder, name=known, size=size, sketches=sketches, seed=seed, counts=counts)
    try:
        with contextlib.ExitStack() as files:
            writers = {split: files.enter_context(_Split(out, split)) for split in SPLITS}
            for row in tqdm(rows, unit="row", disable=not progress):
                writers[row.pop("split")].add(row)
        made = {split: writer.rows for split, writer in writers.items() if writer.rows}
        if not made:
            raise CorpusError(
                f"got no usable picture from {folder} ({dict(counts)}), expected faces that look at the "
                "camera; check the folder"
            )
        arguments = {"size": size, "sketches": list(sketches), "seed": seed}
        manifest = {"format": FORMAT, "version": __version__, "adapted": known, "arguments": arguments}
        write_manifest(out, manifest | {"passed_over": _passed(counts), "complete": True})
    except OSError as error:
        raise write_error(error, out) from error
    return Adapted(out, known, made, _passed(counts))


def _passed(counts: Counter[str]) -> dict[str, int]:
    return {reason: count for reason, count in sorted(counts.items()) if reason != "rows"}


class _Split:
    """One split's file, written a row group at a time; a split without rows has no file."""

    def __init__(self, out: Path, split: str) -> None:
        self.path = out / "data" / f"{split}-00000-of-00001.parquet"
        self.rows = 0
        self.waiting: list[dict[str, Any]] = []
        self.opened = contextlib.ExitStack()
        self.writer: Any = None

    def __enter__(self) -> _Split:
        self.opened.__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool | None:
        try:
            if kind is None and self.waiting:
                self._write()
        except BaseException as problem:
            self.opened.__exit__(type(problem), problem, problem.__traceback__)
            raise
        return self.opened.__exit__(kind, error, trace)

    def add(self, row: dict[str, Any]) -> None:
        from .encode import encoded_page, encoded_rgb

        pictures = {
            "image": encoded_rgb(row["image"]),
            "sketch": [encoded_page(page) for page in row["sketch"]],
        }
        self.waiting.append(row | pictures)
        self.rows += 1
        if len(self.waiting) == ROW_GROUP:
            self._write()

    def _write(self) -> None:
        import pyarrow.parquet as parquet

        made = table(self.waiting)
        if self.writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file: IO[bytes] = self.opened.enter_context(aside(self.path))
            options = parquet_options(made.schema)
            self.writer = self.opened.enter_context(parquet.ParquetWriter(file, made.schema, **options))
        self.writer.write_table(made)
        self.waiting = []
