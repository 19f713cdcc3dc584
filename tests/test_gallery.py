"""The gallery: one suite on SQLite and on a real PostgreSQL server, on a folder and on an object store."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select

from s2f import provenance
from s2f.errors import GalleryError, S2FError
from s2f.gallery import Gallery
from s2f.gallery import rows as tables

ADA, BEN = "account:ada", "huggingface:7"
SETTINGS = {"expression": "happy:0.8", "seed": 7, "look": {"hair": "#112233"}, "note": "Grüße \0 😀"}
FACTS = provenance.Facts({"drawer": provenance.Model("org/drawer", "abc")})


def face(level: int = 90) -> Image.Image:
    pixels = np.random.default_rng(level).integers(0, 60, (64, 48, 3)) + level
    return Image.fromarray(pixels.astype(np.uint8))


def drawing() -> Image.Image:
    return Image.new("L", (64, 64), 255)


@pytest.fixture
def gallery(database: str, storage: str) -> Iterator[Gallery]:
    made = Gallery(database, storage, max_entries=5)
    yield made
    made.close()


@pytest.fixture
def on_folder(database: str, tmp_path: Path) -> Iterator[Gallery]:
    made = Gallery(database, str(tmp_path / "pictures"), max_entries=5)
    yield made
    made.close()


def files_of(gallery: Gallery) -> list[str]:
    return sorted(gallery.pictures.files.find(gallery.pictures.root))


def count(gallery: Gallery, table: str) -> int:
    with gallery.rows.transaction() as rows:
        return int(rows.scalar(select(func.count()).select_from(tables.metadata.tables[table])) or 0)


def test_a_saved_face_comes_back_as_it_was(gallery: Gallery) -> None:
    before = datetime.datetime.now(datetime.UTC)
    entry = gallery.save(ADA, drawing(), face(), SETTINGS, facts=FACTS)
    assert before <= entry.created <= datetime.datetime.now(datetime.UTC)
    saved = gallery.open(ADA, entry.id)
    assert saved.entry == entry
    assert dict(saved.entry.settings) == SETTINGS
    assert np.array_equal(np.asarray(saved.drawing), np.asarray(drawing()))
    assert np.array_equal(np.asarray(saved.face), np.asarray(face()))
    for data in (saved.face_file, entry.thumbnail):
        record = provenance.read(data)
        assert record is not None
        assert (record.status, record.facts) == ("signed", FACTS)
    with Image.open(io.BytesIO(entry.thumbnail)) as small:
        assert max(small.size) <= 192


def test_a_signed_file_is_kept_to_the_byte(gallery: Gallery) -> None:
    data = provenance.encode(face(), ".png", FACTS)
    entry = gallery.save(ADA, drawing(), data, {})
    assert gallery.open(ADA, entry.id).face_file == data
    record = provenance.read(entry.thumbnail)
    assert record is not None
    assert record.facts == FACTS


def test_the_newest_stands_first(gallery: Gallery) -> None:
    made = [gallery.save(ADA, drawing(), face(n), {"n": n}) for n in range(3)]
    assert [entry.settings["n"] for entry in gallery.list(ADA)] == [2, 1, 0]
    assert gallery.list(ADA) == made[::-1]
    assert gallery.list(BEN) == []


def test_ids_cannot_be_guessed(gallery: Gallery) -> None:
    ids = {gallery.save(ADA, drawing(), face(), {}).id for _ in range(5)}
    assert len(ids) == 5
    assert all(len(id) == 22 for id in ids)  # 128 bits


def test_anothers_face_is_as_missing_as_none(gallery: Gallery) -> None:
    entry = gallery.save(ADA, drawing(), face(), {})
    other = gallery.save(BEN, drawing(), face(), {})
    stranger = "A" * 22

    def said(call: Callable[[], object]) -> str:
        with pytest.raises(GalleryError) as error:
            call()
        return str(error.value)

    for do in (gallery.open, gallery.delete, lambda owner, id: gallery.zip(owner, [id])):
        errors = {
            said(lambda do=do, id=id: do(BEN, id)) for id in (entry.id, stranger, "", "../x", "%", 7, None)
        }
        assert errors == {"got no such face in your gallery, expected one of those listed; reload the list"}
    assert [e.id for e in gallery.list(BEN)] == [other.id]
    assert gallery.open(ADA, entry.id).entry == entry  # nothing of hers was touched
    assert len(zipfile.ZipFile(io.BytesIO(gallery.zip(BEN))).namelist()) == 3


@pytest.mark.parametrize("owner", ["", None, "a\nb", "x" * 201, "nul\0"])
def test_nobody_has_no_gallery(on_folder: Gallery, owner: str) -> None:
    for do in (on_folder.list, on_folder.forget, on_folder.zip):
        with pytest.raises(GalleryError, match="sign in first"):
            do(owner)
    with pytest.raises(GalleryError, match="sign in first"):
        on_folder.save(owner, drawing(), face(), {})
    assert files_of(on_folder) == []


def test_owners_that_look_alike_are_not_one(gallery: Gallery) -> None:
    for n, owner in enumerate(("a", "A", "a ", "a/../b", "b", "%", "_", "ä", "a\u0308")):
        gallery.save(owner, drawing(), face(), {"n": n})
        assert [entry.settings["n"] for entry in gallery.list(owner)] == [n]


def test_deleted_is_gone_for_good(gallery: Gallery) -> None:
    entry, kept = (gallery.save(ADA, drawing(), face(n), {}) for n in (1, 2))
    gallery.delete(ADA, entry.id)
    assert gallery.list(ADA) == [kept]
    assert count(gallery, "s2f_entries") == 1
    assert len(files_of(gallery)) == 2
    assert not any(entry.id in path for path in files_of(gallery))
    with pytest.raises(GalleryError, match="no such face"):
        gallery.delete(ADA, entry.id)


def test_forgotten_leaves_nothing(gallery: Gallery) -> None:
    for n in range(3):
        gallery.save(ADA, drawing(), face(n), {})
    hers = gallery.save(BEN, drawing(), face(), {})
    gallery.forget(ADA)
    gallery.forget(ADA)
    assert gallery.list(ADA) == []
    assert gallery.list(BEN) == [hers]
    assert len(files_of(gallery)) == 2
    assert (count(gallery, "s2f_entries"), count(gallery, "s2f_owners")) == (1, 1)
    gallery.forget(BEN)
    assert (count(gallery, "s2f_entries"), count(gallery, "s2f_owners"), files_of(gallery)) == (0, 0, [])


def test_sqlite_keeps_no_trace_of_what_was_deleted(tmp_path: Path) -> None:
    gallery = Gallery(f"sqlite:///{tmp_path / 'rows.sqlite3'}", str(tmp_path / "pictures"))
    entry = gallery.save(ADA, drawing(), face(), {"note": "a very private remark"})
    gallery.delete(ADA, entry.id)
    gallery.close()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"a very private remark" not in path.read_bytes()


def test_all_together_in_one_archive(gallery: Gallery) -> None:
    first, second = (gallery.save(ADA, drawing(), face(n), {"n": n}) for n in range(2))
    with zipfile.ZipFile(io.BytesIO(gallery.zip(ADA))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        folders = {name.split("/")[0] for name in names}
        assert folders == {f"face-00{n}-{second.created:%Y-%m-%d}" for n in (1, 2)}
        newest = min(folders)
        assert json.loads(archive.read(f"{newest}/settings.json")) == {"n": 1}
        record = provenance.read(archive.read(f"{newest}/face.png"))
        assert record is not None
        assert record.status == "signed"
    with zipfile.ZipFile(io.BytesIO(gallery.zip(ADA, [first.id, first.id]))) as archive:
        assert len(archive.namelist()) == 3
    assert zipfile.ZipFile(io.BytesIO(gallery.zip(BEN))).namelist() == []


def test_a_full_gallery_says_so_and_room_comes_back(gallery: Gallery) -> None:
    made = [gallery.save(ADA, drawing(), face(), {}) for _ in range(5)]
    with pytest.raises(GalleryError, match="with 5 faces, expected room for one more"):
        gallery.save(ADA, drawing(), face(), {})
    assert len(files_of(gallery)) == 10
    gallery.save(BEN, drawing(), face(), {})
    gallery.delete(ADA, made[0].id)
    gallery.save(ADA, drawing(), face(), {})


def test_saves_at_once_keep_to_the_limit(gallery: Gallery) -> None:
    def attempt(n: int) -> str:
        try:
            gallery.save(ADA, drawing(), face(n), {"n": n})
        except GalleryError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(8) as pool:
        said = [*pool.map(attempt, range(16))]
    assert said.count("") == 5
    assert sum("expected room" in words for words in said) == 11
    assert len(gallery.list(ADA)) == 5
    assert len(files_of(gallery)) == 10


def test_threads_do_not_meet(gallery: Gallery) -> None:
    def live(n: int) -> None:
        owner = f"person {n}"
        made = [gallery.save(owner, drawing(), face(n), {"n": n}) for _ in range(2)]
        assert {entry.id for entry in gallery.list(owner)} == {entry.id for entry in made}
        assert np.array_equal(np.asarray(gallery.open(owner, made[0].id).face), np.asarray(face(n)))
        gallery.delete(owner, made[0].id)
        assert gallery.list(owner) == [made[1]]

    with ThreadPoolExecutor(6) as pool:
        [*pool.map(live, range(12))]
    assert count(gallery, "s2f_entries") == 12


def test_one_face_deleted_by_two_at_once_is_counted_once(on_folder: Gallery) -> None:
    entries = [on_folder.save(ADA, drawing(), face(), {}) for _ in range(5)]
    start = threading.Barrier(4)

    def remove() -> None:
        start.wait()
        for entry in entries:
            with contextlib.suppress(GalleryError):
                on_folder.delete(ADA, entry.id)

    with ThreadPoolExecutor(4) as pool:
        [future.result() for future in [pool.submit(remove) for _ in range(4)]]
    assert on_folder.list(ADA) == []
    with on_folder.rows.transaction() as rows:
        assert rows.scalar(select(tables.owners.c.entries)) == 0


def test_a_crash_between_files_and_row_is_never_seen(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(BaseException):
        pass

    def crash(*_: object) -> None:
        raise Crash

    kept = gallery.save(ADA, drawing(), face(), {})
    gone = gallery.save(ADA, drawing(), face(), {})
    monkeypatch.setattr(gallery, "_take_place", crash)
    with pytest.raises(Crash):
        gallery.save(ADA, drawing(), face(), {})
    monkeypatch.setattr(gallery.pictures, "remove", crash)
    with pytest.raises(Crash):
        gallery.delete(ADA, gone.id)
    assert gallery.list(ADA) == [kept]
    assert len(files_of(gallery)) == 6
    assert gallery.sweep() == 0  # somebody may be about to write their row
    assert gallery.sweep(older_than=-60) == 2
    assert len(files_of(gallery)) == 2
    gallery.open(ADA, kept.id)


def test_a_store_that_fails_leaves_no_row(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    write = gallery.pictures.files.pipe_file

    def full(path: str, data: bytes) -> None:
        if "face" in path.rpartition("/")[2]:
            raise OSError(28, "No space left on device")
        write(path, data)

    monkeypatch.setattr(gallery.pictures.files, "pipe_file", full)
    with pytest.raises(GalleryError, match=r"got OSError from the gallery's storage.*S2F_STORAGE_URL"):
        gallery.save(ADA, drawing(), face(), {})
    assert (gallery.list(ADA), files_of(gallery)) == ([], [])


def test_a_picture_lost_from_the_store_is_said_and_can_be_deleted(gallery: Gallery) -> None:
    entry = gallery.save(ADA, drawing(), face(), {})
    gallery.pictures.remove(ADA, entry.id)
    with pytest.raises(GalleryError, match="delete this entry"):
        gallery.open(ADA, entry.id)
    gallery.delete(ADA, entry.id)
    assert gallery.list(ADA) == []


def test_what_is_too_much_is_said(on_folder: Gallery) -> None:
    on_folder.max_picture_bytes = 2000
    with pytest.raises(GalleryError, match="expected at most 2,000; shrink it"):
        on_folder.save(ADA, drawing(), face(), {})
    with pytest.raises(GalleryError, match="that is no PNG"):
        on_folder.save(ADA, drawing(), b"GIF89a", {})
    with pytest.raises(GalleryError, match="20,000; keep fewer"):
        on_folder.save(ADA, drawing(), Image.new("L", (9, 9)), {"note": "x" * 20_000})
    with pytest.raises(GalleryError, match="not JSON"):
        on_folder.save(ADA, drawing(), Image.new("L", (9, 9)), {"image": object()})
    with pytest.raises(GalleryError, match="not JSON"):
        on_folder.save(ADA, drawing(), Image.new("L", (9, 9)), {"weight": float("nan")})
    with pytest.raises(S2FError):
        on_folder.save(ADA, drawing(), b"\x89PNG\r\n\x1a\nand no more", {})
    with pytest.raises(GalleryError, match="5000 x 4000"):
        on_folder.save(ADA, Image.new("1", (5000, 4000)), face(), {})
    assert (on_folder.list(ADA), files_of(on_folder)) == ([], [])
