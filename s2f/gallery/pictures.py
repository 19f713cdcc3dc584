"""The gallery's files, wherever fsspec reaches: a folder, S3, a bucket of the Hub.

    ROOT / digest of the owner / id of the entry / name of the file

A row makes them visible, so a file that is only half there is never seen.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
from fsspec.core import url_to_fs

from ..data_folder import data_folder
from ..errors import GalleryError


class Pictures:
    """The files under one address."""

    def __init__(self, url: str | None = None) -> None:
        address = url or os.environ.get("S2F_STORAGE_URL") or str(data_folder() / "gallery")
        try:
            self.files: fsspec.AbstractFileSystem
            self.files, self.root = url_to_fs(address)
        except ImportError as error:
            raise GalleryError(
                f"got a storage address of a kind that needs {error.name or error}, expected it to be here; "
                "pip install s3fs for s3://"
            ) from None
        except ValueError:
            kind = address.split(":", 1)[0][:30]
            raise GalleryError(
                f"got a storage address that begins with {kind!r}, expected a folder or for example "
                "s3://BUCKET/FOLDER; correct S2F_STORAGE_URL"
            ) from None
        self.is_local = "file" in _protocols(self.files)
        if self.is_local:
            with self._said("made room for"):
                Path(self.root).mkdir(parents=True, exist_ok=True, mode=0o700)

    def write(self, owner: str, entry: str, name: str, data: bytes) -> None:
        folder = self._folder(owner, entry)
        with self._said("written"):
            if not self.is_local:  # object stores need no folders and take a whole object or none
                self.files.pipe_file(f"{folder}/{name}", data)
                return
            self.files.makedirs(folder, exist_ok=True)
            aside = f"{folder}/.{name}.part"
            self.files.pipe_file(aside, data)
            os.replace(aside, f"{folder}/{name}")

    def read(self, owner: str, entry: str, name: str) -> bytes:
        with self._said("read"):
            return bytes(self.files.cat_file(f"{self._folder(owner, entry)}/{name}"))

    def remove(self, owner: str, entry: str | None = None) -> None:
        """One entry's files, or all of an owner's."""
        self._remove(self._folder(owner, entry) if entry else self._home(owner))

    def remove_orphans(self, known: set[str], older_than: float) -> int:
        """Entries' folders that no row knows and nobody has written to for some seconds; how many."""
        with self._said("listed"):
            self.files.invalidate_cache()
            found = self.files.find(self.root)
            newest: dict[str, float] = {}
            for path in found:
                folder = path.rpartition("/")[0]
                newest[folder] = max(newest.get(folder, 0.0), _seconds(self.files.modified(path)))
        orphans = [
            folder
            for folder, at in newest.items()
            if folder.rpartition("/")[2] not in known and at <= time.time() - older_than
        ]
        for folder in orphans:
            self._remove(folder)
        return len(orphans)

    def _home(self, owner: str) -> str:
        return f"{self.root}/{hashlib.sha256(owner.encode()).hexdigest()[:32]}"

    def _folder(self, owner: str, entry: str) -> str:
        return f"{self._home(owner)}/{entry}"

    def _remove(self, folder: str) -> None:
        with self._said("deleted"), contextlib.suppress(FileNotFoundError):
            self.files.rm(folder, recursive=True)

    @contextlib.contextmanager
    def _said(self, what: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise GalleryError(
                "got no picture in the gallery's storage, expected it there; delete this entry"
            ) from None
        except Exception as error:  # every store has errors of its own
            raise GalleryError(
                f"got {type(error).__name__} from the gallery's storage, expected pictures to be {what}; see "
                "that it runs and that S2F_STORAGE_URL is right, then try again"
            ) from error


def _protocols(files: fsspec.AbstractFileSystem) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)


def _seconds(moment: datetime.datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
