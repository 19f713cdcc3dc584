"""What every adapter gives: pictures of somebody else's set, one by one, with what the set says of them."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ...errors import CorpusError
from ...image import load_image

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".ppm", ".webp", ".gif")
SPLITS = ("train", "validation", "test")
SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "publictest": "validation",
    "test": "test",
    "testing": "test",
    "privatetest": "test",
}


@dataclass(frozen=True)
class Sample:
    name: str  # where it is in the set: path or table row
    read: Callable[[], np.ndarray]  # RGB uint8
    subject: str  # the person, as the set numbers people; pictures of nobody known are a person each
    expression: str | None = None  # one of our classes
    intensity: float | None = None
    gender: str = ""
    ethnicity: str = ""
    split: str | None = None  # the set's own, where it has an official one
    drawing: Callable[[], np.ndarray] | None = None  # an artist's, of this picture


@dataclass(frozen=True)
class Layout:
    """A folder and the files in it, as sorted relative paths with forward slashes."""

    folder: Path
    files: tuple[str, ...]

    def picture(self, file: str) -> Callable[[], np.ndarray]:
        return partial(_read, self.folder / file)

    def text(self, file: str) -> str:
        try:
            return (self.folder / file).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise CorpusError(
                f"got {self.folder / file} ({error}), expected a text file; copy it again"
            ) from None

    def named(self, name: str) -> str | None:
        """The path of the first file of that name, upper or lower case."""
        return next((file for file in self.files if file.rsplit("/", 1)[-1].lower() == name.lower()), None)


@dataclass(frozen=True)
class Adapter:
    title: str
    expects: str  # its layout, in a few words, for the error of an unknown one
    recognise: Callable[[Layout], bool]
    samples: Callable[[Layout, Counter[str]], Iterator[Sample]]  # counts what it passes over


def list_files(folder: Path) -> Layout:
    if not folder.is_dir():
        kind = "a file" if folder.is_file() else "nothing there"
        raise CorpusError(f"got {folder} ({kind}), expected the folder of a picture set; check the path")
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        at = Path(root).relative_to(folder)
        found += [(at / name).as_posix() for name in files if not name.startswith(".")]
    return Layout(folder, tuple(sorted(found)))


def pictures(files: Sequence[str]) -> list[str]:
    return [file for file in files if file.lower().endswith(PICTURES)]


def split_of(text: str) -> str | None:
    """'Training', 'val' or 'PrivateTest' -> ours."""
    return SPLIT_WORDS.get(text.strip().lower())


def split_by_person(name: str, subject: str) -> str:
    """8 : 1 : 1, always the same for one person of one set, whatever else the copy holds."""
    digest = hashlib.sha256(f"{name}/{subject}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return "train" if share < 0.8 else "validation" if share < 0.9 else "test"


def _read(path: Path) -> np.ndarray:
    return np.asarray(load_image(path))
