"""Pages to look at, which no figure replaces: drawings in several looks, people in seven expressions.

drawer-NAME-looks-1.jpg        freehand drawings of all skills, each in four looks
editor-NAME-seven-1.jpg        people, each in seven expressions
editor-NAME-intensity-1.jpg    an expression from nothing to more than all of it
drawer-NAME-seven-1.jpg        the whole way: a drawing, its face, that face in seven expressions
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..batches import Faces
from ..corpus.features import PAGE_STYLES
from ..expression import CLASSES, Expression
from ..image import grid
from ..look import PARTS, Look
from .drawers import draw, own_size
from .editors import change
from .gallery import neutral_people
from .sheets import picture

DRAWINGS, ON_A_PAGE = 64, 16
PEOPLE, WHOLE_WAY, SWEPT = 32, 16, 4
INTENSITIES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2)
LOOKS = {
    "fair, blond": Look.parse("skin=fair, hair=blond, eye=blue"),
    "dark, black": Look.parse("skin=dark, hair=black, eye=brown"),
}
SEVEN = [Expression.of(name) for name in CLASSES]
Cell = tuple[torch.Tensor, str]  # (1 or 3, S, S) uint8, and what stands below it


def show(folder: Path, faces: Faces, drawers: dict[str, Any], editors: dict[str, Any]) -> list[Path]:
    """All pages of these systems, save editors that lack a class; the whole way goes by the first."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    editors = {name: model for name, model in editors.items() if _knows_all(model)}
    by_hand = freehand(faces, DRAWINGS)
    editor = next(iter(editors.values()), None)
    for name, drawer in drawers.items():
        if len(by_hand):
            cells = looks(drawer, faces, by_hand)
            written += _pages(folder, f"drawer-{name}-looks", cells, 10, ON_A_PAGE * 5)
        if len(by_hand) and editor is not None:
            some = by_hand[np.linspace(0, len(by_hand) - 1, min(WHOLE_WAY, len(by_hand))).astype(int)]
            cells = whole_way(drawer, editor, faces, some)
            written += _pages(folder, f"drawer-{name}-seven", cells, 9, 72)
    for name, model in editors.items():
        rows = neutral_people(faces, PEOPLE)
        cells = sevens(model, faces.picture[rows])
        written += _pages(folder, f"editor-{name}-seven", cells, 8, 32)
        cells = intensities(model, faces.picture[rows[:: max(1, len(rows) // SWEPT)][:SWEPT]])
        written += _pages(folder, f"editor-{name}-intensity", cells, 7, 84)
    return written


def _knows_all(editor: Any) -> bool:
    """Some have learned a few classes only, and these pages ask for seven."""
    return len(getattr(editor, "classes", None) or CLASSES) == len(CLASSES)


def freehand(faces: Faces, count: int) -> np.ndarray:
    """(N, 2) row and drawing, from the roughest hand to the surest, of as many people as there are."""
    rows, pages = np.nonzero(
        (faces.style == PAGE_STYLES.index("freehand")).numpy() & ~faces.real.numpy()[:, None]
    )
    person = faces.person.numpy()[rows]
    turn = np.array([np.count_nonzero(person[:n] == p) for n, p in enumerate(person)])
    first = np.argsort(turn, kind="stable")[:count]
    order = np.argsort(faces.skill.numpy()[rows[first], pages[first]], kind="stable")
    return np.stack([rows[first], pages[first]], 1)[order]


def looks(drawer: Any, faces: Faces, by_hand: np.ndarray) -> Iterator[Cell]:
    """Each drawing; its face in the look of the photograph, in two that are asked for, in one of chance."""
    rows, pages = torch.from_numpy(by_hand).T
    given, size = faces.drawing[rows, pages][:, None], faces.picture.shape[-1]
    asked = [faces.look[rows][:, : len(PARTS)]]
    asked += [torch.from_numpy(look.vector())[None].repeat(len(rows), 1, 1) for look in LOOKS.values()]
    made = [draw(drawer, given, look, size) for look in (*asked, None)]
    for n in range(len(rows)):
        yield given[n], f"skill {faces.skill[rows[n], pages[n]]:.2f}"
        for face, name in zip(made, ("its own", *LOOKS, "open"), strict=True):
            yield face[n], name


def sevens(editor: Any, pictures: torch.Tensor) -> Iterator[Cell]:
    """Each picture and its seven expressions, at the size that the editor makes."""
    size = own_size(editor, pictures.shape[-1])
    made = _asked(editor, pictures, SEVEN, size)
    for given, row in zip(pictures, made, strict=True):
        yield given, "given"
        yield from zip(row, CLASSES, strict=True)


def intensities(editor: Any, pictures: torch.Tensor) -> Iterator[Cell]:
    for name in CLASSES[1:]:
        wanted = [Expression({name: strength} if strength else {}) for strength in INTENSITIES]
        for row in _asked(editor, pictures, wanted, pictures.shape[-1]):
            for face, strength in zip(row, INTENSITIES, strict=True):
                yield face, f"{name} {strength:.1f}"


def whole_way(drawer: Any, editor: Any, faces: Faces, by_hand: np.ndarray) -> Iterator[Cell]:
    rows, pages = torch.from_numpy(by_hand).T
    given, size = faces.drawing[rows, pages][:, None], faces.picture.shape[-1]
    drawn = draw(drawer, given, None, own_size(drawer, size))
    seven = _asked(editor, drawn, SEVEN, size)
    for n in range(len(rows)):
        yield given[n], f"skill {faces.skill[rows[n], pages[n]]:.2f}"
        yield drawn[n], "drawn"
        yield from zip(seven[n], CLASSES, strict=True)


def _asked(editor: Any, pictures: torch.Tensor, wanted: Sequence[Expression], size: int) -> torch.Tensor:
    """(pictures, wanted, 3, size, size) uint8."""
    many = pictures.repeat_interleave(len(wanted), 0)
    made = change(editor, many, list(wanted) * len(pictures), size)
    return made.unflatten(0, (len(pictures), len(wanted)))


def _pages(folder: Path, name: str, cells: Iterator[Cell], columns: int, each: int) -> list[Path]:
    """Contact sheets of `each` cells; the cells of one sheet share a size."""
    every, written = list(cells), []
    for number, start in enumerate(range(0, len(every), each), 1):
        some = every[start : start + each]
        side = max(cell.shape[-1] for cell, _ in some)
        pictures = [picture(cell, side) for cell, _ in some]
        written.append(folder / f"{name}-{number}.jpg")
        grid(pictures, columns, captions=[said for _, said in some]).save(written[-1], quality=90)
    return written
