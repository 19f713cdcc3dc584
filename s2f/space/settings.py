"""Limits and places of a deployment, from its environment."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..errors import S2FError

CANVAS = 512
MAX_UPLOAD_BYTES = 20 * 2**20
MAX_UPLOAD_PIXELS = 40_000_000
MAX_PAGE_BYTES = 4 * 2**20  # a drawing of 512 pixels has some tens of kB
QUEUE = 32  # visitors in line; the next is told to come again
VARIATIONS = 4
FRAMES = 24


@dataclass(frozen=True)
class Settings:
    """`S2F_MODEL` a folder or repository with drawer/ and editor/, `PORT`, `S2F_KEEP_SECONDS` how long
    files of visitors may lie, `S2F_QUEUE` how many may wait."""

    model: str | None = None
    port: int = 7860
    host: str = "127.0.0.1"
    keep_seconds: int = 600
    queue: int = QUEUE
    on_space: bool = False

    @classmethod
    def from_environment(cls) -> Settings:
        get = os.environ.get
        return cls(
            model=get("S2F_MODEL") or None,
            port=_whole("PORT", get("PORT", "7860"), 1, 65535),
            host=get("GRADIO_SERVER_NAME", "127.0.0.1"),
            keep_seconds=_whole("S2F_KEEP_SECONDS", get("S2F_KEEP_SECONDS", "600"), 1, 86400),
            queue=_whole("S2F_QUEUE", get("S2F_QUEUE", str(QUEUE)), 1, 1000),
            on_space=get("SPACE_ID") is not None,
        )


def _whole(name: str, text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise S2FError(f"got {name}={text!r}, expected a number from {least} to {most}; set another")
    return int(text)
