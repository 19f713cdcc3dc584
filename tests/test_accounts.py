"""Named accounts: who may enter, what is kept of a password, how guessing is slowed."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from s2f.errors import GalleryError
from s2f.gallery import Accounts, Gallery
from s2f.gallery import rows as tables
from s2f.gallery.accounts import LONGEST_WAIT, wait_after
from tests.test_gallery import drawing, face, files_of


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
