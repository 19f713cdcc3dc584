"""Restoration: a face made clean and sharp, its colours kept, and a word on how far it moved."""

from .background import Fetched
from .face import Restored, Restorer, attempt, how_far, restore, restore_photo
from .opening import MODELS, open_judge, open_restorer
from .weights import fetch

__all__ = [
    "MODELS",
    "Fetched",
    "Restored",
    "Restorer",
    "attempt",
    "fetch",
    "how_far",
    "open_judge",
    "open_restorer",
    "restore",
    "restore_photo",
]
