"""Where a gallery keeps things: databases and stores by address, what is bad about one, what is missing."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from sqlalchemy import update

from s2f.errors import GalleryError
from s2f.gallery import Gallery
from s2f.gallery import rows as tables
from tests import postgres
from tests.test_gallery import ADA, drawing, face


def test_two_galleries_on_one_database_are_one(database: str, storage: str) -> None:
    with ThreadPoolExecutor(6) as pool:  # several processes of one page start at once
        galleries = [*pool.map(lambda _: Gallery(database, storage), range(6))]
    entry = galleries[0].save(ADA, drawing(), face(), {})
    assert galleries[5].list(ADA) == [entry]
    for gallery in galleries:
        gallery.close()


def test_who_comes_while_another_makes_the_file_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite refuses the second that switches a new file to WAL at once, whatever its patience."""

    class Refusing:
        def __init__(self, *errors: str) -> None:
            self.errors, self.done = list(errors), []

        def execute(self, words: str) -> None:
            if self.errors:
                raise sqlite3.OperationalError(self.errors.pop(0))
            self.done.append(words.split()[1].split("=")[0])

    busy = Refusing("database is locked", "database is locked")
    tables._sqlite_settings(busy, None)
    assert busy.done == ["journal_mode", "foreign_keys", "secure_delete"]
    with pytest.raises(sqlite3.OperationalError, match="malformed"):
        tables._sqlite_settings(Refusing("malformed"), None)
    monkeypatch.setattr(tables, "BUSY_SECONDS", -1)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        tables._sqlite_settings(Refusing("database is locked"), None)


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
