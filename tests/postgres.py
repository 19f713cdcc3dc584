"""A private PostgreSQL server for tests: its own folder, its own port on loopback, gone afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER = "s2f"


def binaries() -> Path | None:
    """The folder with initdb and pg_ctl, of the newest version here."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: [int(n) for n in path.parts if n.isdecimal()]).parent
    named = shutil.which("initdb")
    return Path(named).resolve().parent if named else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server() -> Iterator[str]:
    """The address of an empty database; skips where PostgreSQL is not installed, fails there in CI."""
    programs = binaries()
    if programs is None:
        reason = "PostgreSQL is not installed (Debian: apt install postgresql)"
        if os.environ.get("CI") or os.environ.get("S2F_REQUIRE_POSTGRES"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="s2f-postgres-"))  # a test's own folder is closed to other users
    password, port = secrets.token_hex(16), _free_port()
    (folder / "password").write_text(password)
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    if user:
        for path in (folder, folder / "password"):
            shutil.chown(path, user)

    def call(program: str, *words: str) -> None:
        line = [str(programs / program), *words]
        done = subprocess.run(
            line,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
        log = folder / "log"
        assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")

    try:
        files = ["--pgdata", str(folder / "data")]
        call(
            "initdb",
            *files,
            "--username",
            USER,
            "--pwfile",
            str(folder / "password"),
            "--auth",
            "scram-sha-256",
            "--encoding",
            "UTF8",
            "--no-locale",
            "--no-sync",
        )
        settings = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} "
            "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=40"
        )
        call("pg_ctl", *files, "--log", str(folder / "log"), "-o", settings, "--wait", "start")
        try:
            yield f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", *files, "--mode", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
