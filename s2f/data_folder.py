"""Where a deployment keeps what must outlive a restart: its signing key, its gallery."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path:
    """`S2F_DATA`, or the user's own place for data; it need not exist yet."""
    chosen = os.environ.get("S2F_DATA")
    if chosen:
        return Path(chosen).expanduser()
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "s2f"
