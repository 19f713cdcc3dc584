"""Named accounts with hashed passwords, for those who host the page themselves.

    gr.Blocks.launch(auth=Accounts().check)

Passwords are kept as scrypt hashes (Percival 2009, RFC 7914), each with its own salt. A wrong name costs what
a wrong password costs. After some failures in a row a name must wait, longer each time: whoever guesses gets
a few hundred guesses a day, and whoever mistyped waits some seconds. Names that do not exist wait alike.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ..errors import GalleryError
from .rows import Rows, accounts, attempts

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
LEAST_PASSWORD, MOST_PASSWORD = 10, 1000
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**15, 8, 3  # 32 MiB, about a third of a second
FREE_FAILURES = 5
LONGEST_WAIT = 300.0
FORGET_FAILURES_AFTER = 24 * 3600.0


class Accounts:
    """`S2F_DATABASE_URL`, or SQLite in the data folder: the gallery's own database."""

    def __init__(
        self,
        database_url: str | None = None,
        *,
        scrypt_n: int = SCRYPT_N,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.rows = Rows(database_url)
        self._n, self._clock = scrypt_n, clock
        self._hashing = threading.Semaphore(2)  # a crowd at the door must not fill the memory
        # What a name that does not exist is checked against: no password gives it.
        self._nobody = _stored(scrypt_n, secrets.token_bytes(16), secrets.token_bytes(32))

    @staticmethod
    def owner(name: str) -> str:
        """Whose gallery an account's is: no name of another sign-in can be the same."""
        return f"account:{_name(name)}"

    def add(self, name: str, password: str) -> None:
        """A new account, or GalleryError."""
        own = _name(name)
        if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
            raise GalleryError(
                f"got a password of {len(password)} characters, expected {LEAST_PASSWORD} to "
                f"{MOST_PASSWORD:,}; choose a longer one that is used nowhere else"
            )
        row = {"name": own, "password": _hashed(password, self._n), "created": self._clock()}
        with self.rows.transaction() as rows:
            try:
                rows.execute(insert(accounts).values(**row))
            except IntegrityError:
                raise GalleryError(
                    f"got the name {own!r}, expected one that is free; choose another"
                ) from None

    def list(self) -> list[str]:
        """All names."""
        with self.rows.transaction() as rows:
            return [*rows.scalars(select(accounts.c.name).order_by(accounts.c.name))]

    def remove(self, name: str) -> None:
        """Nobody enters by this name any more; what they saved is the gallery's to forget."""
        with self.rows.transaction() as rows:
            if not rows.execute(delete(accounts).where(accounts.c.name == _name(name))).rowcount:
                raise GalleryError(f"got the name {name!r}, expected an account's; list them")
            rows.execute(delete(attempts).where(attempts.c.name == _digest(_name(name))))

    def check(self, name: str, password: str) -> bool:
        """Whether they may enter. Never says which of the two was wrong, nor that it is time to wait."""
        try:
            own = _name(name)
        except GalleryError:
            own = ""  # nobody's
        if len(password) > MOST_PASSWORD or not self._may_try(own):
            return False
        with self.rows.transaction() as rows:
            stored = rows.scalar(select(accounts.c.password).where(accounts.c.name == own))
        with self._hashing:
            right = _matches(password, stored or self._nobody) and stored is not None
        if right:
            with self.rows.transaction() as rows:
                rows.execute(delete(attempts).where(attempts.c.name == _digest(own)))
        return right

    def _may_try(self, name: str) -> bool:
        """Counts the try as a failure before it is made, so that tries at once are not free."""
        now, key = self._clock(), _digest(name)
        with self.rows.transaction() as rows:
            rows.execute(delete(attempts).where(attempts.c.latest < now - FORGET_FAILURES_AFTER))
            self.rows.insert_new(rows, attempts, name=key, failures=0, latest=now)
            # One statement finds the count and raises it: on this row, others wait for its transaction.
            mine = attempts.c.name == key
            rows.execute(update(attempts).where(mine).values(failures=attempts.c.failures + 1))
            failures, latest = rows.execute(select(attempts.c.failures, attempts.c.latest).where(mine)).one()
            if now < latest + wait_after(failures - 1):
                rows.execute(update(attempts).where(mine).values(failures=failures - 1))
                return False
            rows.execute(update(attempts).where(mine).values(latest=now))
        return True

    def close(self) -> None:
        self.rows.close()


def wait_after(failures: int) -> float:
    """Seconds until the next try counts, after so many failures in a row."""
    if failures < FREE_FAILURES:
        return 0.0
    return min(2.0 ** min(failures - FREE_FAILURES + 1, 20), LONGEST_WAIT)


def _name(name: str) -> str:
    own = unicodedata.normalize("NFKC", str(name)).strip().lower()
    if not NAME.fullmatch(own):
        raise GalleryError(
            f"got the name {str(name)[:70]!r}, expected 1 to 64 of a-z, 0-9, '.', '_' and '-', a letter or "
            "digit first; choose another"
        )
    return own


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _hashed(password: str, n: int) -> str:
    salt = secrets.token_bytes(16)
    return _stored(n, salt, _scrypt(password, salt, n, SCRYPT_R, SCRYPT_P))


def _stored(n: int, salt: bytes, digest: bytes) -> str:
    return f"scrypt${n}${SCRYPT_R}${SCRYPT_P}${salt.hex()}${digest.hex()}"


def _matches(password: str, stored: str) -> bool:
    _, n, r, p, salt, digest = stored.split("$")
    tried = _scrypt(password, bytes.fromhex(salt), int(n), int(r), int(p))
    return hmac.compare_digest(tried, bytes.fromhex(digest))


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    text = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)
