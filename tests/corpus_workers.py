"""Work for the worker processes of the corpus tests, apart from them since each worker imports it."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from s2f.corpus.plan import Part
from s2f.corpus.pool import Make
from s2f.errors import CorpusError


def start_slowly(folder: str) -> Make:
    def make(part: Part, said: Callable[[int], None]) -> None:
        Path(folder, str(os.getpid())).touch()
        for row in range(part.rows):
            said(1)
            time.sleep(0.02 if row else 0)

    return make


def start_badly(folder: str, how: str) -> Make:
    def make(part: Part, said: Callable[[int], None]) -> None:
        if part.number == 1 and how == "die":
            os._exit(3)
        if part.number == 1 and how == "full":
            raise OSError(errno.ENOSPC, "No space left on device", folder)
        if part.number == 1 and how == "bug":
            raise ZeroDivisionError("division\nby zero")
        if part.number == 1:
            raise CorpusError("got row 7, expected a picture; report it")

    return make
