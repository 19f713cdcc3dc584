"""Contact sheets of a corpus: all expressions of some people, styles side by side, a random draw, splits."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import CorpusError
from ..expression import CLASSES
from ..image import grid
from .features import PAGE_STYLES
from .summary import count_rows, read_rows, split_files

KINDS = ("expressions", "styles", "random", "splits")


def sheet(
    folder: str | Path, kind: str, *, split: str = "train", count: int = 8, cell: int = 192, seed: int = 0
) -> Image.Image:
    """One sheet; `count` is its number of lines (people, pictures or lines of eight)."""
    if kind not in KINDS:
        raise CorpusError(f"got the sheet {kind!r}, expected one of {', '.join(KINDS)}; choose one")
    if count < 1 or cell < 32:
        raise CorpusError(f"got {count} lines of {cell} pixels, expected at least 1 of 32; choose more")
    files = split_files(Path(folder))
    if kind != "splits" and split not in files:
        raise CorpusError(f"got split {split}, expected one of {', '.join(files)}; choose one")
    if kind == "splits":
        return splits_sheet(files, count, cell, seed)
    if kind == "random":
        rows = _chosen(files[split], 8 * count, seed)
        return grid([_picture(r["image"], cell) for r in rows], 8, captions=[_caption(r) for r in rows])
    if kind == "styles":
        return styles_sheet(_chosen(files[split], count, seed), cell)
    return expressions_sheet(_people(files[split], count), cell)


def expressions_sheet(people: Sequence[Mapping[str, Mapping[str, Any]]], cell: int) -> Image.Image:
    """A line per person, a column per class; a class that the person lacks stays white."""
    tiles: list[Image.Image] = []
    captions: list[str] = []
    for person in people:
        for name in CLASSES:
            row = person.get(name)
            tiles.append(
                Image.new("RGB", (cell, cell), "white") if row is None else _picture(row["image"], cell)
            )
            captions.append(name if row is None else _caption(row))
    return grid(tiles, len(CLASSES), captions=captions)


def styles_sheet(rows: Sequence[Mapping[str, Any]], cell: int) -> Image.Image:
    """A line per row: its picture, then its drawings."""
    most = max(len(row["sketch"]) for row in rows)
    tiles: list[Image.Image] = []
    captions: list[str] = []
    for row in rows:
        drawn = [_picture(sketch, cell) for sketch in row["sketch"]]
        names = [PAGE_STYLES[k] for k in row["sketch_style"]]
        gap = most - len(drawn)
        tiles += [_picture(row["image"], cell), *drawn, *[Image.new("RGB", (cell, cell), "white")] * gap]
        captions += [_caption(row), *names, *[""] * gap]
    return grid(tiles, most + 1, captions=captions)


def splits_sheet(files: Mapping[str, Sequence[Path]], count: int, cell: int, seed: int) -> Image.Image:
    """`count` lines of eight for each split."""
    tiles: list[Image.Image] = []
    captions: list[str] = []
    for split, paths in files.items():
        rows = _chosen(paths, 8 * count, seed)
        tiles += [_picture(row["image"], cell) for row in rows]
        captions += [f"{split}: {_caption(row)}" for row in rows]
        blank = -len(rows) % 8
        tiles += [Image.new("RGB", (cell, cell), "white")] * blank
        captions += [""] * blank
    return grid(tiles, 8, captions=captions)


def write_sheets(
    folder: str | Path,
    out: str | Path,
    kinds: Sequence[str] = KINDS,
    *,
    split: str = "train",
    count: int = 8,
    cell: int = 192,
    seed: int = 0,
) -> list[Path]:
    """The sheets as PNG files in the folder `out`."""
    out = Path(out)
    written: list[Path] = []
    for kind in kinds:
        made = sheet(folder, kind, split=split, count=count, cell=cell, seed=seed)
        path = out / f"{kind}.png"
        try:
            out.mkdir(parents=True, exist_ok=True)
            made.save(path)
        except OSError as error:
            raise CorpusError(
                f"got {path} to write ({error.strerror or error}), expected a folder with room; "
                "choose another --out"
            ) from None
        written.append(path)
    return written


def _people(files: Sequence[Path], count: int) -> list[dict[str, dict[str, Any]]]:
    """The first picture of each class of the first people: invented ones, or else photographed ones."""
    names = list(dict.fromkeys(r["identity"] for r in read_rows(files, ["identity"])))
    invented = [name for name in names if "-real-" not in name]
    wanted = (invented or names)[:count]
    people: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in wanted}
    for row in read_rows(files, ["identity", "image", "expression", "intensity"]):
        if row["identity"] in people and row["expression"] is not None:
            people[row["identity"]].setdefault(CLASSES[row["expression"]], row)
        elif all(people.values()):
            break  # a person's rows lie together: the wanted ones have been read
    return list(people.values())


def _chosen(files: Sequence[Path], count: int, seed: int) -> list[dict[str, Any]]:
    wanted = set(np.random.default_rng(seed).permutation(count_rows(files))[:count].tolist())
    return list(read_rows(files, ["image", "sketch", "sketch_style", "expression", "intensity"], wanted))


def _caption(row: Mapping[str, Any]) -> str:
    name = "unlabelled" if row["expression"] is None else CLASSES[row["expression"]]
    return name if row["intensity"] is None else f"{name} {row['intensity']:.2f}"


def _picture(stored: Mapping[str, Any], cell: int) -> Image.Image:
    image = Image.open(io.BytesIO(stored["bytes"])).convert("RGB")
    return image.resize((cell, cell), Image.Resampling.LANCZOS)
