"""The gallery: one suite on SQLite and on a real PostgreSQL server, on a folder and on an object store."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import os
import secrets
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import create_engine, func, select, text, update

from s2f import provenance
from s2f.errors import GalleryError, S2FError
from s2f.gallery import Accounts, Gallery
from s2f.gallery import rows as tables
from s2f.gallery.accounts import LONGEST_WAIT, wait_after
from tests import postgres

ADA, BEN = "account:ada", "huggingface:7"
SETTINGS = {"expression": "happy:0.8", "seed": 7, "look": {"hair": "#112233"}, "note": "Grüße \0 😀"}
FACTS = provenance.Facts({"drawer": provenance.Model("org/drawer", "abc")})


def face(level: int = 90) -> Image.Image:
    pixels = np.random.default_rng(level).integers(0, 60, (64, 48, 3)) + level
    return Image.fromarray(pixels.astype(np.uint8))


def drawing() -> Image.Image:
    return Image.new("L", (64, 64), 255)


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    with postgres.server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'rows.sqlite3'}"
    address = request.getfixturevalue("postgres_address")
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return str(address)


@pytest.fixture(params=["folder", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "pictures")
    return f"memory://{secrets.token_hex(4)}/faces"


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


def test_two_galleries_on_one_database_are_one(database: str, storage: str) -> None:
    with ThreadPoolExecutor(6) as pool:  # several processes of one page start at once
        galleries = [*pool.map(lambda _: Gallery(database, storage), range(6))]
    entry = galleries[0].save(ADA, drawing(), face(), {})
    assert galleries[5].list(ADA) == [entry]
    for gallery in galleries:
        gallery.close()


def test_a_newer_schema_is_left_alone(database: str, tmp_path: Path) -> None:
    gallery = Gallery(database, str(tmp_path / "p"))
    with gallery.rows.transaction() as rows:
        rows.execute(update(tables.schema).values(version=99))
    gallery.close()
    with pytest.raises(GalleryError, match="schema 99, expected 1"):
        Gallery(database, str(tmp_path / "p"))


def test_defaults_lie_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2F_DATA", str(tmp_path / "deep" / "data"))
    gallery = Gallery()
    gallery.save(ADA, drawing(), face(), {})
    assert (tmp_path / "deep" / "data" / "gallery.sqlite3").exists()
    assert len([*(tmp_path / "deep" / "data" / "gallery").rglob("*.png")]) == 2
    assert (tmp_path / "deep" / "data" / "gallery").stat().st_mode & 0o077 == 0
    assert not [path for path in (tmp_path / "deep").rglob("*") if "ada" in path.name]
    gallery.close()


def test_addresses_come_from_the_environment(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S2F_DATABASE_URL", database.replace("postgresql+psycopg", "postgres"))
    monkeypatch.setenv("S2F_STORAGE_URL", f"memory://{tmp_path.name}")
    gallery = Gallery()
    gallery.save(ADA, drawing(), face(), {})
    assert len(fsspec.filesystem("memory").find(f"/{tmp_path.name}")) == 2
    gallery.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://root:secret@host/x", "begins with 'mysql'"),
        ("nonsense", "begins with 'nonsense'"),
        ("sqlite://", "expected sqlite:///PATH"),
        ("postgresql://me:secret@127.0.0.1:9/x", "see that it runs"),
        ("sqlite:////dev/null/x.sqlite3", "S2F_DATABASE_URL"),
    ],
)
def test_a_bad_database_is_one_sentence_without_its_password(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match=said) as error:
        Gallery(url, str(tmp_path))
    assert "secret" not in str(error.value)


def test_a_bad_storage_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for url, said in (
        ("nonsense://x", "begins with 'nonsense'"),
        (str(tmp_path / "file" / "x"), "S2F_STORAGE_URL"),
    ):
        with pytest.raises(GalleryError, match=said):
            Gallery(f"sqlite:///{tmp_path / 'rows.sqlite3'}", url)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(database: str, clock: Clock) -> Iterator[Accounts]:
    made = Accounts(database, scrypt_n=2**4, clock=clock)
    yield made
    made.close()


def test_who_has_an_account_may_enter(accounts: Accounts) -> None:
    accounts.add("Ada.L", "correct horse battery")
    accounts.add("ben", "Zwölf Boxkämpfer")
    assert accounts.list() == ["ada.l", "ben"]
    assert accounts.check("ada.l", "correct horse battery")
    assert accounts.check(" ADA.L ", "correct horse battery")
    assert accounts.check("ben", "Zwo\u0308lf Boxka\u0308mpfer")  # as another keyboard writes it
    for name, password in (
        ("ada.l", "correct horse"),
        ("ada.l", ""),
        ("carl", "x" * 12),
        ("", ""),
        ("\0", ""),
    ):
        assert not accounts.check(name, password)
    accounts.remove("ben")
    assert not accounts.check("ben", "Zwölf Boxkämpfer")
    assert Accounts.owner("Ada.L") == "account:ada.l"


def test_passwords_are_salted_and_not_kept(accounts: Accounts) -> None:
    accounts.add("ada", "the same password")
    accounts.add("ben", "the same password")
    with accounts.rows.transaction() as rows:
        kept = [*rows.scalars(select(tables.accounts.c.password))]
    assert len(set(kept)) == 2
    assert all(stored.startswith("scrypt$16$8$3$") and "same" not in stored for stored in kept)


def test_accounts_that_cannot_be_are_said(accounts: Accounts) -> None:
    accounts.add("ada", "correct horse battery")
    for name, password, said in (
        ("ada", "correct horse battery", "expected one that is free"),
        ("ADA", "correct horse battery", "expected one that is free"),
        ("a b", "correct horse battery", "expected 1 to 64 of a-z"),
        ("", "correct horse battery", "expected 1 to 64 of a-z"),
        ("ben", "short", "of 5 characters, expected 10"),
    ):
        with pytest.raises(GalleryError, match=said):
            accounts.add(name, password)
    with pytest.raises(GalleryError, match="expected an account's"):
        accounts.remove("ben")


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_who_guesses_must_wait_whether_the_name_exists_or_not(
    accounts: Accounts, clock: Clock, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.add("ada", "correct horse battery")
    hashed = 0
    scrypt = accounts_module()._scrypt

    def counted(*args: object) -> bytes:
        nonlocal hashed
        hashed += 1
        return bytes(scrypt(*args))

    monkeypatch.setattr(accounts_module(), "_scrypt", counted)
    for _ in range(20):
        assert not accounts.check(name, "a wrong password")
    assert hashed == 5  # the rest was turned away unread
    assert not accounts.check("ada", "correct horse battery") or name == "nobody"
    clock.now += 2
    assert accounts.check("ada", "correct horse battery")
    hashed = 0
    for _ in range(80):
        clock.now += 60
        accounts.check(name, "a wrong password")
    assert 80 / 5 <= hashed < 80 / 5 + 12  # once in five minutes, as soon as the waits have grown
    clock.now += LONGEST_WAIT
    assert accounts.check("ada", "correct horse battery")


def accounts_module():  # noqa: ANN201
    import s2f.gallery.accounts as module

    return module


def test_waits_grow_and_end() -> None:
    assert [wait_after(n) for n in range(9)] == [0, 0, 0, 0, 0, 2, 4, 8, 16]
    assert wait_after(10_000) == LONGEST_WAIT


def test_guesses_at_once_are_counted_each(accounts: Accounts) -> None:
    accounts.add("ada", "correct horse battery")
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(lambda n: accounts.check("ada", f"wrong {n}"), range(24)))
    with accounts.rows.transaction() as rows:
        assert rows.scalar(select(tables.attempts.c.failures)) == 5


def test_a_wrong_name_costs_what_a_wrong_password_costs(tmp_path: Path) -> None:
    accounts = Accounts(f"sqlite:///{tmp_path / 'rows.sqlite3'}", scrypt_n=2**12)
    accounts.add("ada", "correct horse battery")

    def cost(name: str) -> float:
        start = time.process_time()
        accounts.check(name, "a wrong password")
        return time.process_time() - start

    known, unknown = (min(cost(name) for _ in range(4)) for name in ("ada", "nobody"))
    assert 0.6 < known / unknown < 1.6
    accounts.close()


def test_the_usual_cost_is_not_cheap() -> None:
    from s2f.gallery.accounts import SCRYPT_N, SCRYPT_P, SCRYPT_R

    assert SCRYPT_N * SCRYPT_R * SCRYPT_P >= 2**15 * 8 * 3


def test_accounts_on_the_command_line(run_cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2F_DATA", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse battery\n"))
    assert run_cli("gallery", "user", "add", "Ada", "--password-stdin") == (0, "Ada may enter\n", "")
    assert run_cli("gallery", "user", "list") == (0, "ada\n", "")
    assert Accounts().check("ada", "correct horse battery")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    status, _, err = run_cli("gallery", "user", "add", "ben")
    assert status == 1
    assert "--password-stdin" in err
    gallery = Gallery()
    gallery.save(Accounts.owner("ada"), drawing(), face(), {})
    assert run_cli("gallery", "user", "remove", "ADA") == (0, "ADA is removed\n", "")
    assert (gallery.list(Accounts.owner("ada")), files_of(gallery)) == ([], [])
    assert run_cli("gallery", "user", "list") == (0, "", "")
    status, _, err = run_cli("gallery", "user", "remove", "ada")
    assert status == 1
    assert "expected an account's" in err
    assert run_cli("gallery", "sweep") == (0, "0 removed\n", "")


def test_the_password_is_asked_for_twice(run_cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2F_DATA", str(tmp_path))
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    for answers, status, said in (
        (["correct horse battery", "correct horse batterie"], 1, "two passwords that differ"),
        (["correct horse battery"] * 2, 0, ""),
    ):
        asked = iter(answers)
        monkeypatch.setattr("getpass.getpass", lambda _, asked=asked: next(asked))
        got, _, err = run_cli("gallery", "user", "add", "ada")
        assert got == status
        assert said in err


def test_without_the_extra_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from s2f.__main__ import main; sys.exit(main(['gallery', 'user', 'list']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "s2f: got no sqlalchemy here, expected it for the gallery; pip install 's2f[gallery]'\n"
    )


def test_postgres_is_not_left_out_where_it_must_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "binaries", lambda: None)
    for name in ("CI", "S2F_REQUIRE_POSTGRES"):
        monkeypatch.delenv("CI", raising=False)
        monkeypatch.delenv("S2F_REQUIRE_POSTGRES", raising=False)
        with pytest.raises(pytest.skip.Exception, match="apt install postgresql"), postgres.server():
            pass
        monkeypatch.setitem(os.environ, name, "1")
        with pytest.raises(pytest.fail.Exception, match="apt install postgresql"), postgres.server():
            pass
