"""The key with which a deployment signs what it makes."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from functools import lru_cache
from pathlib import Path

from .data_folder import data_folder
from .errors import ProvenanceError

KEY_FILE = "signing.key"
LEAST_KEY = 32


def signing_key() -> bytes:
    """`S2F_SIGNING_KEY`, or the key in the data folder, which is made at first need."""
    given = os.environ.get("S2F_SIGNING_KEY")
    if given is None:
        return _kept_key(data_folder() / KEY_FILE)
    if len(given) < LEAST_KEY:
        raise ProvenanceError(
            f"got S2F_SIGNING_KEY of {len(given)} characters, expected {LEAST_KEY} or more by chance; "
            "make one with: openssl rand -hex 32"
        )
    return given.encode()


def known_key() -> bytes | None:
    """The same key, or None where none was ever made: to check is no reason to make one."""
    here = os.environ.get("S2F_SIGNING_KEY") is not None or (data_folder() / KEY_FILE).exists()
    return signing_key() if here else None


def fingerprint(key: bytes) -> str:
    """What names a key without giving it away."""
    return hmac.new(key, b"s2f key fingerprint", hashlib.sha256).hexdigest()[:16]


def hmac_of(text: str, key: bytes) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=4)
def _kept_key(path: Path) -> bytes:
    """Read, or made and linked into place, so that of two processes that start at once one key stays."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(LEAST_KEY))
            with contextlib.suppress(FileExistsError):
                os.link(aside, path)
            aside.unlink()
        key = path.read_bytes().strip()
    except OSError as error:
        raise ProvenanceError(
            f"got no signing key at {path} ({error.strerror}), expected to read or make one there; set "
            "S2F_SIGNING_KEY or S2F_DATA"
        ) from None
    if len(key) < LEAST_KEY:
        raise ProvenanceError(
            f"got a signing key of {len(key)} characters at {path}, expected {LEAST_KEY} or more; delete it, "
            "and another is made"
        )
    return key
