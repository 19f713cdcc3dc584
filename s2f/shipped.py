"""Where the weights that come with s2f lie, a folder for each."""

from __future__ import annotations

from pathlib import Path

BUNDLED = Path(__file__).parent / "weights"
