"""What can go wrong in a made face, measured: so that nobody has to look at all of them."""

from __future__ import annotations

from .portraits import Face


def flaw(face: Face, host: Face) -> str | None:
    """Why a made face should not be used; None where it holds."""
    return None
