"""s2f: draw a face, get a photograph of it, choose its expression.

Importing this package loads nothing heavy: each public name is fetched from its module at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOMES = {
    "ACTION_UNITS": "expression",
    "CLASSES": "expression",
    "Expression": "expression",
    "Look": "look",
    "MODELS": "models",
    "Result": "pipeline",
    "S2FError": "errors",
    "Sketch": "sketch",
    "SketchToFace": "pipeline",
    "extract": "sketch",
    "load_image": "image",
    "prepare": "sketch",
}

__all__ = [
    "ACTION_UNITS",
    "CLASSES",
    "MODELS",
    "Expression",
    "Look",
    "Result",
    "S2FError",
    "Sketch",
    "SketchToFace",
    "__version__",
    "extract",
    "load_image",
    "prepare",
]

if TYPE_CHECKING:
    from .errors import S2FError
    from .expression import ACTION_UNITS, CLASSES, Expression
    from .image import load_image
    from .look import Look
    from .models import MODELS
    from .pipeline import Result, SketchToFace
    from .sketch import Sketch, extract, prepare


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 's2f' has no attribute {name!r}; it offers {', '.join(__all__)}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
