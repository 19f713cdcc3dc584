"""GFPGAN for a page: its weights are fetched behind it at first need; no visitor waits for all of them."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelError
from . import weights

if TYPE_CHECKING:
    from ..models import GFPGAN


class Fetched:
    """Call it for GFPGAN. While the weights are on their way an error says how far; a failure is said once.

    After a failure the next call fetches again, from where the last one stopped.
    """

    def __init__(
        self,
        version: str = weights.NEWEST,
        *,
        cache: Path | None = None,
        base: str = weights.PUBLISHED,
        patience: float = 5.0,
    ) -> None:
        self.version, self.cache, self.base = version, cache, base
        self.patience = patience  # seconds, in which a network that is not there shows
        self._lock = threading.Lock()
        self._model: GFPGAN | None = None
        self._coming: Future[Path] | None = None

    def __call__(self) -> GFPGAN:
        with self._lock:
            if self._model is None and self._is_here():
                self._model = weights.load(version=self.version, cache=self.cache)
            if self._model is not None:
                return self._model
            coming = self._coming = self._coming or self._begin()
        try:
            coming.result(self.patience)
        except TimeoutError:
            have, whole = weights.arrived(self.version, self.cache), weights.VERSIONS[self.version].size
            raise ModelError(
                f"got {have / 1e6:.0f} of {whole / 1e6:.0f} MB of GFPGAN's weights so far, expected all; "
                "they are on their way: try again in a minute"
            ) from None
        finally:
            with self._lock:
                if coming.done() and self._coming is coming:
                    self._coming = None
        return self()

    def _is_here(self) -> bool:
        folder = weights.place(self.version, self.cache)
        return bool(os.environ.get(weights.VARIABLE)) or (folder / "config.json").is_file()

    def _begin(self) -> Future[Path]:
        coming: Future[Path] = Future()

        def work() -> None:
            try:
                coming.set_result(
                    weights.fetch(self.version, cache=self.cache, base=self.base, progress=False)
                )
            except Exception as error:
                coming.set_exception(error)

        threading.Thread(target=work, name="s2f-gfpgan", daemon=True).start()
        return coming
