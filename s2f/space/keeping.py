"""Files that a visitor's browser fetches, and their end: nothing of a visitor outlives the time limit."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from pathlib import Path


class Keeping:
    """A folder in which everything is deleted once it is older than `seconds`, whoever put it there."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds

    def put(self, data: bytes, suffix: str, name: str = "s2f") -> Path:
        """A file that nobody can guess the place of."""
        path = self.folder / "made" / secrets.token_urlsafe(16) / f"{name}{suffix}"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        return path

    def sweep(self) -> int:
        """Delete what is too old; how many files it was."""
        oldest, gone = time.time() - self.seconds, 0
        for path in sorted(self.folder.rglob("*"), reverse=True):  # what lies in a folder before the folder
            with contextlib.suppress(OSError):
                if path.is_dir():
                    if path.stat().st_mtime < oldest:
                        path.rmdir()  # only if it is empty
                elif path.stat().st_mtime < oldest:
                    path.unlink()
                    gone += 1
        return gone

    def start(self) -> None:
        """Sweep for as long as the process lives."""
        threading.Thread(target=self._run, daemon=True, name="s2f sweep").start()

    def _run(self) -> None:
        while True:
            time.sleep(min(self.seconds / 2, 60))
            self.sweep()
