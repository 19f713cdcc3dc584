"""Trained models to the Hub: weights, arguments, metrics, contact sheets and card in one commit."""

from __future__ import annotations

from .model_card import PLACEHOLDER, Dataset, card
from .package import Package, pack
from .push import Published, publish, resolve_dataset
from .run import runs

__all__ = [
    "PLACEHOLDER",
    "Dataset",
    "Package",
    "Published",
    "card",
    "pack",
    "publish",
    "resolve_dataset",
    "runs",
]
