"""Contact sheets: a sample, and the worst twentieth by each measure, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..image import grid
from .measures import pixels
from .tally import Tally

WORST = 0.05
ROWS = 24  # at most, of the worst
SAMPLE = 32
# Which end of a measure is the worse one; a classifier's errors weigh the same and are shown as they come.
WORSE_IF_LOW = ("ssim", "identity cosine", "sketch fidelity", "read as a face", "high-frequency energy")
WORSE_IF_HIGH = (
    "action-unit error",
    "landmarks",
    "backdrop change, levels of 255",
    "look, skin",
    "look, hair",
)


def write_sheets(
    folder: Path, name: str, given: torch.Tensor, made: torch.Tensor, true: torch.Tensor, tally: Tally
) -> list[Path]:
    """What was given, what was made of it, what it should be, side by side; the files' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    count = len(made)
    chosen = {"sample": np.unique(np.linspace(0, count - 1, min(SAMPLE, count)).astype(int))}
    few = min(ROWS, max(1, round(WORST * count)))
    for measure, column in tally.measures.items():
        if measure in WORSE_IF_LOW + WORSE_IF_HIGH and np.isfinite(column).any():
            sign = 1 if measure in WORSE_IF_LOW else -1
            worst = np.argsort(np.where(np.isfinite(column), sign * column, np.inf))[:few]
            chosen[f"worst {measure}"] = worst[np.isfinite(column[worst])]
    wrong = np.flatnonzero(tally.measures["expression error"])
    if len(wrong):
        chosen["wrong expression"] = wrong[np.linspace(0, len(wrong) - 1, min(ROWS, len(wrong))).astype(int)]
    written = []
    for what, rows in chosen.items():
        path = folder / f"{name}-{''.join(c if c.isalnum() else '-' for c in what)}.jpg"
        _sheet(rows, given, made, true, _captions(what, rows, tally)).save(path, quality=90)
        written.append(path)
    return written


def _captions(what: str, rows: np.ndarray, tally: Tally) -> list[str]:
    measure = what.removeprefix("worst ")
    out = []
    for row in rows:
        said = f"{tally.parts['class'][row]}"
        if measure in tally.measures:
            said += f" {tally.measures[measure][row]:.3f}"
        out += [str(tally.parts.get("style", tally.parts["group"])[row]), said, ""]
    return out


def _sheet(
    rows: np.ndarray, given: torch.Tensor, made: torch.Tensor, true: torch.Tensor, captions: Sequence[str]
) -> Image.Image:
    pictures = [picture(some[row]) for row in rows for some in (given, made, true)]
    columns = 3 * max(1, min(4, len(rows)))
    return grid(pictures, columns, captions=captions)


def picture(x: torch.Tensor, side: int | None = None) -> Image.Image:
    """uint8 (1 or 3, S, S) in colour, brought to `side`."""
    plain = Image.fromarray(pixels(x.expand(3, -1, -1)))
    if side is None or plain.width == side:
        return plain
    way = Image.Resampling.BICUBIC if plain.width < side else Image.Resampling.LANCZOS
    return plain.resize((side, side), way)
