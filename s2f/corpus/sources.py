"""What the importers share: a summary of what they did, and files that are either whole or not there."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import CorpusError

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Summary:
    """What an import wrote, and in `notes` what it left out and why, one sentence each."""

    what: str
    folder: Path
    pack: Path
    counts: dict[str, int]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        made = ", ".join(f"{number} {name}" for name, number in self.counts.items())
        return "\n".join([f"{self.what}: {made} -> {self.pack}", *self.notes])


def write_whole(path: Path, data: bytes) -> None:
    """The file appears complete or keeps what it held before; a stopped import leaves no half a picture."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(aside, 0o644)
            os.replace(aside, path)
        except BaseException:
            os.unlink(aside)
            raise
    except OSError as error:
        raise CorpusError(
            f"{path} cannot be written ({error.strerror}), expected a folder with room; choose another"
        ) from None


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_whole(path, buffer.getvalue())


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of a packed file; none when there is no such file."""
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except Exception as error:
        raise CorpusError(
            f"got {path} ({error}), expected arrays of an earlier import; delete it and import again"
        ) from None


def read_text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise CorpusError(f"got {path} ({reason}), expected {what}; download it again") from None


def existing_folder(folder: str | Path, what: str) -> Path:
    folder = Path(folder)
    if not folder.is_dir():
        kind = "a file" if folder.is_file() else "nothing there"
        raise CorpusError(f"got {folder} ({kind}), expected {what}; give the folder it was unpacked into")
    return folder
