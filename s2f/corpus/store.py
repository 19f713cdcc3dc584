"""A corpus on disk while it is built: parts come and go, files and the manifest stay.

    DIR/corpus.json                         the arguments, then what was made
    DIR/parts/train-000007.parquet          complete or absent; gone once its file is joined
    DIR/data/train-00000-of-00002.parquet   complete or absent

Everything is written aside, flushed to the disk and renamed, so a kill or a full disk harms nothing.
"""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import CorpusError
from .features import noted
from .plan import File, Part, Plan

if TYPE_CHECKING:
    import pyarrow

MANIFEST = "corpus.json"
ROW_GROUP = 128  # rows: small enough to stream, large enough to scan


@contextmanager
def aside(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes `path`'s place when the block ends well, and vanishes when it does not."""
    hidden = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with hidden.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(path)
        _flush_folder(path.parent)
    finally:
        hidden.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_error(error: OSError, folder: Path) -> CorpusError:
    """One line for a disk that is full, read-only or gone."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return CorpusError(
        f"got {'no space left' if full else error.strerror or str(error)} while writing to {folder}, "
        f"expected a {'disk with more room' if full else 'folder that can be written'}; "
        "what is complete is kept: "
        f"{'free some space' if full else 'mend it'} and run the same command again"
    )


@dataclass(frozen=True)
class Store:
    """Where one plan's parts and files lie."""

    folder: Path
    plan: Plan

    def part_path(self, part: Part) -> Path:
        return self.folder / "parts" / f"{part.name}.parquet"

    def file_path(self, file: File) -> Path:
        return self.folder / "data" / file.name

    def missing(self) -> list[Part]:
        """The parts still to make: neither there themselves nor within a joined file."""
        return [
            part
            for file in self.plan.files
            if not self._complete(self.file_path(file), file.rows)
            for part in file.parts
            if not self._complete(self.part_path(part), part.rows)
        ]

    def _complete(self, path: Path, rows: int) -> bool:
        """There, readable to its end, and of this very plan."""
        import pyarrow.parquet as parquet
        from pyarrow import ArrowInvalid

        if not path.exists():
            return False
        try:
            found = parquet.ParquetFile(path)
        except (ArrowInvalid, OSError):
            return False  # damaged on its way here (a copy that was cut): made again
        with found:
            note = noted(found.schema_arrow)
            if note.get("recipe") != self.plan.fingerprint:
                raise CorpusError(
                    f"got {path} from a corpus of other arguments, sources or version, expected this one's "
                    f"({self.plan.fingerprint}); move it away"
                )
            return found.metadata.num_rows == rows

    def write_part(self, part: Part, rows: list[dict[str, Any]], rejected: Mapping[str, int]) -> None:
        import pyarrow.parquet as parquet

        from .features import table

        note = {"recipe": self.plan.fingerprint, "rejected": dict(sorted(rejected.items()))}
        made = table(rows, note)
        path = self.part_path(part)
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside(path) as file:
            parquet.write_table(made, file, **parquet_options(made.schema))

    def join(self, file: File) -> bool:
        """Make one file of the corpus from its parts and drop them; False while some are missing."""
        target = self.file_path(file)
        if not self._complete(target, file.rows):
            if not all(self.part_path(part).exists() for part in file.parts):
                return self._complete(target, file.rows)  # unless another shard has just joined it
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._write_file(file, target)
            except FileNotFoundError:
                if not self._complete(target, file.rows):
                    raise
        for part in file.parts:
            self.part_path(part).unlink(missing_ok=True)
        return True

    def _write_file(self, file: File, target: Path) -> None:
        import datasets  # noqa: F401  registers its array type: read without it, other bytes are written
        import pyarrow
        import pyarrow.parquet as parquet

        rejected: Counter[str] = Counter()
        for part in file.parts:
            with parquet.ParquetFile(self.part_path(part)) as opened:
                rejected.update(noted(opened.schema_arrow)["rejected"])
                schema = opened.schema_arrow
        note = {"recipe": self.plan.fingerprint, "rejected": dict(sorted(rejected.items()))}
        schema = schema.with_metadata({**schema.metadata, b"s2f": json.dumps(note, sort_keys=True).encode()})
        with aside(target) as out, parquet.ParquetWriter(out, schema, **parquet_options(schema)) as writer:
            waiting: list[pyarrow.Table] = []
            for part in file.parts:
                # Read by name alone: the dataset reader would treat a folder called `parts` as partitioned.
                with parquet.ParquetFile(self.part_path(part)) as opened:
                    waiting.append(opened.read().replace_schema_metadata(schema.metadata))
                if sum(table.num_rows for table in waiting) >= ROW_GROUP:
                    writer.write_table(pyarrow.concat_tables(waiting).combine_chunks(), row_group_size=2**20)
                    waiting = []
            if waiting:
                writer.write_table(pyarrow.concat_tables(waiting).combine_chunks(), row_group_size=2**20)

    def rejected(self) -> Counter[str]:
        """Why morphs were thrown away, over the whole finished corpus."""
        import pyarrow.parquet as parquet

        total: Counter[str] = Counter()
        for file in self.plan.files:
            total.update(noted(parquet.read_schema(self.file_path(file)))["rejected"])
        return total

    def sweep(self, parts: list[Part]) -> None:
        """Remove what a killed run left half-written of these parts."""
        for part in parts:
            for path in self.part_path(part).parent.glob(f".{part.name}.parquet.*"):
                path.unlink(missing_ok=True)


def parquet_options(schema: pyarrow.Schema) -> dict[str, Any]:
    """Pictures are compressed already; only short texts gain from a dictionary."""
    return {
        "compression": "snappy",
        "use_dictionary": [name for name in ("identity", "gender", "ethnicity") if name in schema.names],
        "write_statistics": ["seed", "real"],
    }


def read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except OSError as error:
        raise CorpusError(
            f"got {folder} ({MANIFEST}: {error.strerror}), expected a corpus made by s2f; check the folder"
        ) from None
    except ValueError:
        raise CorpusError(
            f"got {path} that is not JSON, expected the manifest of a corpus; build it again"
        ) from None
    if not isinstance(manifest, dict) or "arguments" not in manifest:
        raise CorpusError(f"got {path} without arguments, expected the manifest of a corpus; build it again")
    return manifest


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    with aside(folder / MANIFEST) as file:
        file.write(json.dumps(manifest, indent=2).encode() + b"\n")
