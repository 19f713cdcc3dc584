"""The gallery's tables, in SQLite or PostgreSQL, and how they are reached."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from ..data_folder import data_folder
from ..errors import GalleryError

SCHEMA_VERSION = 1
SCHEMA_LOCK = 0x52F6A11  # an advisory lock of PostgreSQL: two that start at once make the tables once
BUSY_SECONDS = 20

metadata = MetaData()
schema = Table("s2f_schema", metadata, Column("one", Integer, primary_key=True), Column("version", Integer))
owners = Table(
    "s2f_owners",
    metadata,
    Column("owner", String(200), primary_key=True),
    Column("entries", Integer, nullable=False),  # counted here, so that a limit holds for saves at once, too
)
entries = Table(
    "s2f_entries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", ForeignKey(owners.c.owner, ondelete="CASCADE"), nullable=False, index=True),
    Column("created", Float(53), nullable=False),  # seconds since 1970
    Column("settings", Text, nullable=False),
    Column("thumbnail", LargeBinary, nullable=False),
)
accounts = Table(
    "s2f_accounts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("password", String(200), nullable=False),  # scrypt$n$r$p$salt$hash
    Column("created", Float(53), nullable=False),
)
attempts = Table(
    "s2f_attempts",
    metadata,
    Column("name", String(64), primary_key=True),  # digests: of names that do not exist as of those that do
    Column("failures", Integer, nullable=False),
    Column("latest", Float(53), nullable=False, index=True),
)


class Rows:
    """A database of the gallery's, opened and of the right version; may be shared by threads."""

    def __init__(self, url: str | None = None) -> None:
        self.engine = _engine(url or os.environ.get("S2F_DATABASE_URL") or _default_url())
        with self.transaction() as rows:
            self._prepare(rows)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All of it or none of it; whatever the database complains of is one sentence."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            where = self.engine.url.render_as_string(hide_password=True)
            raise GalleryError(
                f"got {type(cause).__name__} from the gallery's database {where}, expected an answer; see "
                "that it runs and that S2F_DATABASE_URL is right, then try again"
            ) from error

    def insert_new(self, rows: Connection, table: Table, **values: Any) -> None:
        """A row, unless there is one with its key."""
        insert = sqlite.insert if self.engine.dialect.name == "sqlite" else postgresql.insert
        rows.execute(insert(table).values(**values).on_conflict_do_nothing())

    def close(self) -> None:
        self.engine.dispose()

    def _prepare(self, rows: Connection) -> None:
        if self.engine.dialect.name == "postgresql":
            rows.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
        else:
            rows.exec_driver_sql("BEGIN IMMEDIATE")
        metadata.create_all(rows)
        self.insert_new(rows, schema, one=1, version=SCHEMA_VERSION)
        version = rows.scalar(select(schema.c.version))
        if version != SCHEMA_VERSION:
            raise GalleryError(
                f"got a gallery of schema {version}, expected {SCHEMA_VERSION}; use the version of s2f that "
                "made it, or another database"
            )


def _default_url() -> str:
    folder = data_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise GalleryError(
            f"got no folder {folder} ({error.strerror}), expected to make it; set S2F_DATA to another"
        ) from None
    return f"sqlite:///{folder / 'gallery.sqlite3'}"


def _engine(address: str) -> Engine:
    try:
        url = make_url(address)
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() not in ("sqlite", "postgresql"):
            raise ArgumentError("")
        if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
            raise ArgumentError("")  # every connection would have its own
        wait: dict[str, Any] = {"connect_timeout": 10}
        if url.get_backend_name() == "sqlite":
            wait = {"timeout": BUSY_SECONDS, "check_same_thread": False}
        engine = create_engine(url, connect_args=wait, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError):
        kind = address.split(":", 1)[0][:30]
        raise GalleryError(
            f"got a database address that begins with {kind!r}, expected sqlite:///PATH or "
            "postgresql://USER:PASSWORD@HOST/NAME; correct S2F_DATABASE_URL"
        ) from None
    except ImportError as error:
        raise GalleryError(
            f"got an address of a database whose driver is not here ({error.name}), expected it; "
            "pip install 's2f[gallery]'"
        ) from None
    if engine.dialect.name == "sqlite":
        with contextlib.suppress(OSError):  # the database itself will say that it cannot be opened
            Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _sqlite_settings)
    return engine


def _sqlite_settings(connection: Any, _record: Any) -> None:
    for setting in ("journal_mode=WAL", "foreign_keys=ON", "secure_delete=ON"):
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                connection.execute(f"PRAGMA {setting}")
                break
            except sqlite3.OperationalError as error:
                # A new file is switched to WAL by one, and the others are refused at once instead of waiting.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
