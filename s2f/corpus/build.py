"""Build a corpus: plan it, make its parts in worker processes, join them, write its card.

The bytes depend on the sources and the `Recipe` alone. Any number of workers, any shards, a kill at any
moment and a second start end with the same files. Shards are joined by the last of them that finishes in one
folder; built in several places, their `parts/` are copied into one folder and the command is run there, not
as a shard.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import CorpusError
from .plan import FORMAT, Part, Plan, Recipe, digest, make_plan
from .pool import Make, in_this_process, in_workers
from .store import MANIFEST, Store, read_manifest, write_error, write_manifest

logger = logging.getLogger(__name__)
LIBRARIES = ("datasets", "numba", "numpy", "opencv-python-headless", "pillow", "pyarrow", "scipy")


@dataclass(frozen=True)
class Report:
    """What a build left behind."""

    folder: Path
    rows: int
    rows_made: int
    complete: bool
    parts_missing: int
    reject_rate: float | None  # of morphs; known once all is joined

    def __str__(self) -> str:
        if not self.complete:
            return (
                f"{self.folder}: {self.rows_made} rows made; {self.parts_missing} parts of other shards are "
                "missing: bring them into parts/ and run the command once more without --shard"
            )
        return (
            f"{self.folder}: {self.rows} rows, {self.rows_made} of them now; "
            f"{self.reject_rate:.1%} of morphs rejected"
        )


def build(
    sources: str | Path,
    out: str | Path,
    recipe: Recipe,
    *,
    workers: int = 1,
    shard: tuple[int, int] = (1, 1),
    progress: bool = True,
) -> Report:
    """Build, or continue, the corpus of `recipe` from the pack `sources` into the folder `out`.

    `shard` (i, n) makes the i-th of n shares, counted from 1. `workers=0` makes the rows in this process.
    """
    number, count = shard
    if not 1 <= number <= count:
        raise CorpusError(f"got shard {number}/{count}, expected 1/n to n/n; count shards from 1")
    pack, folder = Path(sources), Path(out)
    plan = plan_of(pack, recipe)
    store = Store(folder, plan)
    try:
        _begin(store)
        mine = [part for k, part in enumerate(plan.parts) if k % count == number - 1]
        wanted = {part.name for part in mine}
        store.sweep(mine)
        todo = [part for part in store.missing() if part.name in wanted]
        made = sum(part.rows for part in todo)
        if todo:
            _make(store, pack, todo, workers, made_before=sum(p.rows for p in mine) - made, progress=progress)
        joined = [store.join(file) for file in plan.files]  # all of them: each tidies its parts away
        if not all(joined):
            return Report(folder, plan.rows, made, False, len(store.missing()), None)
        manifest = _finish(store)
    except OSError as error:
        raise write_error(error, folder) from error
    return Report(folder, plan.rows, made, True, 0, manifest["morphs"]["reject_rate"])


def plan_of(pack: Path, recipe: Recipe) -> Plan:
    from .rows import photographs

    return make_plan(recipe, digest(pack), photographs(pack))


def _begin(store: Store) -> None:
    folder, plan = store.folder, store.plan
    manifest = {
        "format": FORMAT,
        "version": __version__,
        "arguments": plan.recipe.arguments(),
        "sources": plan.sources,
        "fingerprint": plan.fingerprint,
        "libraries": {name: version(name) for name in LIBRARIES},
        "complete": False,
    }
    if (folder / MANIFEST).exists():
        _same(read_manifest(folder), manifest, folder)
        return
    if folder.exists() and any(path.name != "parts" for path in folder.iterdir()):
        raise CorpusError(
            f"got {folder} with other things in it, expected a new or an empty folder; choose another --out"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest(folder, manifest)


def _same(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Continue only the very corpus that was begun here."""
    for name, value in now["arguments"].items():
        if before["arguments"].get(name) != value:
            raise CorpusError(
                f"got {name} {value} for {folder}, expected {before['arguments'].get(name)} as it was begun; "
                "give the same arguments or another --out"
            )
    for name in ("format", "version", "sources"):
        if before.get(name) != now[name]:
            raise CorpusError(
                f"got {name} {now[name]} for {folder}, expected {before.get(name)} as it was begun; "
                "finish it with that or choose another --out"
            )
    changed = [
        name for name, value in now["libraries"].items() if before.get("libraries", {}).get(name) != value
    ]
    if changed:
        logger.warning(
            "%s was begun with another %s: its bytes may differ from one run's", folder, ", ".join(changed)
        )


def _make(
    store: Store, pack: Path, todo: list[Part], workers: int, *, made_before: int, progress: bool
) -> None:
    from tqdm import tqdm

    files = {part.name: file for file in store.plan.files for part in file.parts}
    arguments = (str(pack), str(store.folder), store.plan)
    if workers:
        news: Iterator[Any] = in_workers(todo, start, arguments, workers)
    else:
        news = in_this_process(todo, start, arguments)
    total = made_before + sum(part.rows for part in todo)
    with tqdm(
        total=total,
        initial=made_before,
        unit="row",
        smoothing=0.05,
        disable=not progress,
        mininterval=0.2 if sys.stderr.isatty() else 10,
    ) as bar:
        for said in news:
            bar.update(said.rows)
            if said.part is not None:
                store.join(files[said.part.name])


def start(pack: str, folder: str, plan: Plan) -> Make:
    """What each worker does once; the answer makes one part."""
    from .rows import open_stock, part_rows

    stock = open_stock(pack, plan.recipe)
    store = Store(Path(folder), plan)

    def make(part: Part, said: Callable[[int], None]) -> None:
        rows, rejected = part_rows(stock, part, said)
        store.write_part(part, rows, rejected)

    return make


def _finish(store: Store) -> dict[str, Any]:
    from .card import write_card
    from .summary import summarise

    folder, plan = store.folder, store.plan
    manifest = read_manifest(folder)
    if manifest["complete"]:
        return manifest
    rejected = store.rejected()
    kept = sum(plan.recipe.invented(split) for split in {file.split for file in plan.files})
    thrown = sum(rejected.values())
    manifest["morphs"] = {
        "kept": kept,
        "rejected": dict(sorted(rejected.items())),
        "reject_rate": round(thrown / (kept + thrown), 4),
    }
    summary = summarise(folder)
    manifest["splits"] = {split: dict(counts) for split, counts in summary.splits.items()}
    write_card(folder, summary, manifest)
    manifest["complete"] = True
    write_manifest(folder, manifest)
    parts = folder / "parts"
    if parts.is_dir() and not os.listdir(parts):
        parts.rmdir()
    return manifest
