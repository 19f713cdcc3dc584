"""Saved faces: of each owner, for that owner alone.

A save writes files first and the row last, a deletion takes the row first and the files last: what a crash
leaves in between are files that no row names. Nobody sees them, and `sweep` removes them.
"""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import re
import secrets
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image
from sqlalchemy import Connection, delete, insert, select, update

from .. import provenance
from ..errors import GalleryError
from ..image import load_image
from .pictures import Pictures
from .rows import Rows, entries, owners

MAX_ENTRIES = 100
MAX_PICTURE_BYTES = 8 * 2**20
MAX_PICTURE_PIXELS = 4096 * 4096
MAX_SETTINGS = 20_000
THUMBNAIL = 192
ORPHAN_SECONDS = 3600.0
ID = re.compile(r"[\w-]{22}", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """One saved face as a list shows it; `thumbnail` is a small WebP."""

    id: str
    created: datetime.datetime
    settings: Mapping[str, Any]
    thumbnail: bytes


@dataclass(frozen=True)
class Saved:
    """One saved face with its files, each a PNG."""

    entry: Entry
    drawing_file: bytes
    face_file: bytes

    @property
    def drawing(self) -> Image.Image:
        return Image.open(io.BytesIO(self.drawing_file))

    @property
    def face(self) -> Image.Image:
        return Image.open(io.BytesIO(self.face_file))


class Gallery:
    """`S2F_DATABASE_URL` or SQLite in the data folder; `S2F_STORAGE_URL` or a folder there. An owner is
    whatever tells one signed-in person from all others: "account:ada", "huggingface:1234"."""

    def __init__(
        self,
        database_url: str | None = None,
        storage_url: str | None = None,
        *,
        max_entries: int = MAX_ENTRIES,
        max_picture_bytes: int = MAX_PICTURE_BYTES,
    ) -> None:
        self.max_entries, self.max_picture_bytes = max_entries, max_picture_bytes
        self.rows = Rows(database_url)
        self.pictures = Pictures(storage_url)

    def save(
        self,
        owner: str,
        drawing: Image.Image,
        face: Image.Image | bytes,
        settings: Mapping[str, Any],
        *,
        facts: provenance.Facts | None = None,
    ) -> Entry:
        """Keep a face. Bytes are a PNG kept as it is, an image is signed with `facts`; neither is marked."""
        _check_owner(owner)
        if isinstance(face, Image.Image):
            face = provenance.encode(_small_enough(face), ".png", facts or provenance.Facts())
        files = {"drawing.png": _png(_small_enough(drawing)), "face.png": face}
        for name, data in files.items():
            self._check_picture(name, data)
        entry = Entry(
            secrets.token_urlsafe(16),
            datetime.datetime.now(datetime.UTC),
            json.loads(_written(settings)),
            _thumbnail(face),
        )
        try:
            for name, data in files.items():
                self.pictures.write(owner, entry.id, name, data)
            with self.rows.transaction() as rows:
                self._take_place(rows, owner)
                rows.execute(
                    insert(entries).values(
                        id=entry.id,
                        owner=owner,
                        created=entry.created.timestamp(),
                        settings=_written(settings),
                        thumbnail=entry.thumbnail,
                    )
                )
        except GalleryError:
            with contextlib.suppress(GalleryError):  # else they are orphans, and swept
                self.pictures.remove(owner, entry.id)
            raise
        return entry

    def list(self, owner: str) -> list[Entry]:
        """The owner's faces, the newest first."""
        _check_owner(owner)
        newest = select(entries).where(entries.c.owner == owner).order_by(entries.c.created.desc())
        with self.rows.transaction() as rows:
            return [_entry(row) for row in rows.execute(newest)]

    def open(self, owner: str, id: str) -> Saved:
        """One of the owner's faces with its pictures."""
        entry = self._one(owner, id)
        drawing, face = (self.pictures.read(owner, id, name) for name in ("drawing.png", "face.png"))
        return Saved(entry, drawing, face)

    def zip(self, owner: str, ids: Sequence[str] | None = None) -> bytes:
        """The owner's faces, all or those named, in one archive: a folder each."""
        chosen = self.list(owner) if ids is None else [self._one(owner, id) for id in dict.fromkeys(ids)]
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:  # PNGs are small already
            for n, entry in enumerate(chosen, 1):
                saved = self.open(owner, entry.id)
                folder = f"face-{n:03}-{entry.created:%Y-%m-%d}"
                file.writestr(f"{folder}/drawing.png", saved.drawing_file)
                file.writestr(f"{folder}/face.png", saved.face_file)
                file.writestr(f"{folder}/settings.json", json.dumps(entry.settings, indent=2) + "\n")
        return archive.getvalue()

    def delete(self, owner: str, id: str) -> None:
        """One of the owner's faces, row and files, for good."""
        self._one(owner, id)
        with self.rows.transaction() as rows:
            gone = rows.execute(delete(entries).where(entries.c.id == id, entries.c.owner == owner)).rowcount
            if gone:
                less = {"entries": owners.c.entries - 1}
                rows.execute(update(owners).where(owners.c.owner == owner).values(less))
        self.pictures.remove(owner, id)

    def forget(self, owner: str) -> None:
        """All that is kept of an owner, for good."""
        _check_owner(owner)
        with self.rows.transaction() as rows:
            rows.execute(delete(entries).where(entries.c.owner == owner))
            rows.execute(delete(owners).where(owners.c.owner == owner))
        self.pictures.remove(owner)

    def sweep(self, older_than: float = ORPHAN_SECONDS) -> int:
        """Remove the files that a crash left without a row; how many entries they were of."""
        started = time.time()
        with self.rows.transaction() as rows:
            known = set(rows.scalars(select(entries.c.id)))
        # Whatever was written since the rows were read may have got its row since.
        return self.pictures.remove_orphans(known, max(older_than, time.time() - started))

    def close(self) -> None:
        self.rows.close()

    def _one(self, owner: str, id: str) -> Entry:
        """Another's face is as missing as one that never was."""
        _check_owner(owner)
        if isinstance(id, str) and ID.fullmatch(id):
            one = select(entries).where(entries.c.id == id, entries.c.owner == owner)
            with self.rows.transaction() as rows:
                row = rows.execute(one).one_or_none()
            if row is not None:
                return _entry(row)
        raise GalleryError("got no such face in your gallery, expected one of those listed; reload the list")

    def _take_place(self, rows: Connection, owner: str) -> None:
        self.rows.insert_new(rows, owners, owner=owner, entries=0)
        place = update(owners).where(owners.c.owner == owner, owners.c.entries < self.max_entries)
        if rows.execute(place.values(entries=owners.c.entries + 1)).rowcount == 0:
            raise GalleryError(
                f"got a gallery with {self.max_entries} faces, expected room for one more; delete some first"
            )

    def _check_picture(self, name: str, data: bytes) -> None:
        if not data.startswith(b"\x89PNG"):
            raise GalleryError(f"got a {name} that is no PNG, expected one; encode it as PNG")
        if len(data) > self.max_picture_bytes:
            raise GalleryError(
                f"got a {name} of {len(data):,} bytes, expected at most {self.max_picture_bytes:,}; shrink it"
            )


def _check_owner(owner: str) -> None:
    if not isinstance(owner, str) or not 0 < len(owner) <= 200 or not owner.isprintable():
        raise GalleryError("got nobody signed in, expected a person whose gallery this is; sign in first")


def _small_enough(image: Image.Image) -> Image.Image:
    if image.width * image.height > MAX_PICTURE_PIXELS:
        raise GalleryError(
            f"got a picture of {image.width} x {image.height}, expected at most {MAX_PICTURE_PIXELS:,} "
            "pixels; shrink it"
        )
    return image


def _png(image: Image.Image) -> bytes:
    bare = image.copy()
    bare.info = {}
    file = io.BytesIO()
    bare.save(file, "PNG")
    return file.getvalue()


def _thumbnail(face: bytes) -> bytes:
    image = load_image(face)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    record = provenance.read(face)
    return provenance.encode(image, ".webp", record.facts if record else provenance.Facts())


def _written(settings: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(dict(settings), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise GalleryError(f"got settings that are not JSON ({error}), expected plain values") from None
    if len(text) > MAX_SETTINGS:
        raise GalleryError(
            f"got settings of {len(text):,} characters, expected at most {MAX_SETTINGS:,}; keep fewer"
        )
    return text


def _entry(row: Any) -> Entry:
    created = datetime.datetime.fromtimestamp(row.created, datetime.UTC)
    return Entry(row.id, created, json.loads(row.settings), bytes(row.thumbnail))
