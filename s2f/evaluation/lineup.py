"""All systems on the same faces, one row for each: what no table shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..expression import CLASSES
from ..image import grid
from .sheets import picture
from .tally import Tally

COLUMNS = 8
SHOWN = 112  # pixels of a picture; small ones are enlarged to it


def columns(tally: Tally, allowed: np.ndarray) -> np.ndarray:
    """Some of the rows that may be shown: the classes in turn, other people and other styles each time."""
    classes, people = tally.parts["class"], tally.people
    styles = tally.parts.get("style", classes)
    turns = sorted(set(styles[allowed].tolist())) if "style" in tally.parts else []
    chosen: list[int] = []
    for turn in range(COLUMNS):
        fits = allowed & (classes == CLASSES[(turn + 1) % len(CLASSES)])
        if turns:
            fits &= styles == turns[turn % len(turns)]
        fresh = np.flatnonzero(
            fits & ~np.isin(people, people[chosen]) & ~np.isin(np.arange(len(fits)), chosen)
        )
        if len(fresh):
            chosen.append(int(fresh[len(fresh) * turn // COLUMNS]))
    return np.array(chosen, int)


def add_line(lines: dict[str, torch.Tensor], name: str, done: Any, allowed: np.ndarray) -> None:
    """What a system made between what was given and the photographs; not of one that was given others."""
    some = columns(done.tally, allowed)
    given = lines.setdefault("given", done.given[some])
    if torch.equal(given, done.given[some]):
        lines[name] = done.made[some]
        lines["photograph"] = lines.pop("photograph", done.true[some])  # stays the last


def line_up(path: Path, rows: Mapping[str, torch.Tensor]) -> Path:
    """uint8 pictures (N, 1 or 3, S, S) of each row, under the first of which stands the row's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [
        (picture(x, SHOWN), name if not n else "") for name, row in rows.items() for n, x in enumerate(row)
    ]
    across = max(len(row) for row in rows.values())
    sheet = grid([cell for cell, _ in cells], across, captions=[said for _, said in cells])
    sheet.save(path, quality=88)
    return path
