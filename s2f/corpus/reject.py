"""Why a new person should not be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .portraits import Face

if TYPE_CHECKING:
    from .fit import Person


def reject(face: Face, person: Person | None = None) -> str | None:
    return None
