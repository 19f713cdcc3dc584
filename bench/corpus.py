"""What a corpus costs: milliseconds per row and stage on one core, rows per second on one and two, memory.

    python bench/corpus.py --sources PACK [--size 256] [--people 6] [--renders 14] [--sketches 2]
        [--workers 2]

A stage's time is the processor's, so that a busy machine does not blur it; throughput is by the clock, from
whole builds without their start.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # read when numpy is imported; a worker of a build has one thread too

PERSON = ("new_identity", "study", "styled", "reject", "fit", "misfit")
ROW = (
    "act",
    "random_pose",
    "render",
    "photograph",
    "at_rest",
    "draw",
    "extract_array",
    "measure_look",
    "encoded_rgb",
    "encoded_page",
)
logger = logging.getLogger("bench")


def timed(
    name: str, function: Callable[..., Any], spent: Counter[str], calls: Counter[str]
) -> Callable[..., Any]:
    def run(*arguments: Any, **options: Any) -> Any:
        begun = time.process_time()
        try:
            return function(*arguments, **options)
        finally:
            spent[name] += time.process_time() - begun
            calls[name] += 1

    return run


def stages(pack: Path, recipe: Any) -> None:
    """Every stage by itself: the functions that rows.py calls, each with a clock around it."""
    import cv2

    from s2f.corpus import rows
    from s2f.corpus.features import table
    from s2f.corpus.plan import Place

    cv2.setNumThreads(1)
    begun = time.perf_counter()
    stock = rows.open_stock(pack, recipe)
    logger.info("start of a worker: %.1f s for the sources", time.perf_counter() - begun)
    warm = rows.make_identity(stock, Place("train", 0, 0))  # compiles, and fills caches
    table([rows.make_row(stock, Place("train", 0, 1).seed(recipe.seed), warm)])
    spent: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for name in PERSON + ROW:
        setattr(rows, name, timed(name, getattr(rows, name), spent, calls))
    make_identity = timed("person", rows.make_identity, spent, calls)
    make_row = timed("row", rows.make_row, spent, calls)
    made = []
    for person in range(recipe.people):
        who = make_identity(stock, Place("train", person, 0))
        made += [
            make_row(stock, Place("train", person, render).seed(recipe.seed), who)
            for render in range(recipe.renders)
        ]
    to_table = timed("to Arrow", table, spent, calls)
    to_table(made)
    people, count = recipe.people, len(made)
    logger.info(
        "\n%d people, %d rows at %d, %d drawings each; ms of one core",
        people,
        count,
        recipe.size,
        recipe.sketches,
    )
    logger.info("per person  %7.1f", spent["person"] / people * 1e3)
    for name in PERSON:
        logger.info("  %-14s %6.1f  (%d calls)", name, spent[name] / people * 1e3, calls[name])
    logger.info("per row     %7.1f", (spent["row"] + spent["to Arrow"]) / count * 1e3)
    for name in (*ROW, "to Arrow"):
        logger.info("  %-14s %6.2f  (%d calls)", name, spent[name] / count * 1e3, calls[name])
    whole = (spent["row"] + spent["to Arrow"] + spent["person"]) / count * 1e3
    logger.info("per row with its share of the person, %d renders each: %.1f ms", recipe.renders, whole)
    size = sum(len(p["bytes"]) for row in made for p in (row["image"], *row["sketch"]))
    logger.info("%.1f kB of pictures per row", size / count / 1e3)


def throughput(pack: Path, recipe: Any, workers: int) -> float:
    """Rows per second between the first and the last row of a whole build."""
    from s2f.corpus.build import plan_of, start
    from s2f.corpus.pool import in_workers

    with tempfile.TemporaryDirectory() as folder:
        plan = plan_of(pack, recipe)
        parts = [part for part in plan.parts if not part.real]
        stamps: list[float] = []
        for said in in_workers(parts, start, (str(pack), folder, plan), workers):
            stamps += [time.perf_counter()] * said.rows
    # The first of each worker's rows waits for its start, and the last parts do not fill all workers.
    first, last = len(stamps) // 5, len(stamps) * 4 // 5
    return (last - first) / (stamps[last] - stamps[first])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sources", type=Path, required=True, metavar="PACK")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--renders", type=int, default=14)
    parser.add_argument("--sketches", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2, help="compare with as many (0: stages only)")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")

    from s2f.corpus.plan import Recipe

    recipe = Recipe(people=args.people, renders=args.renders, size=args.size, sketches=args.sketches)
    if args.workers:
        alone = throughput(args.sources, recipe, 1)
        logger.info("1 worker   %6.1f rows/s", alone)
        together = throughput(args.sources, recipe, args.workers)
        logger.info("%d workers  %6.1f rows/s, %.2f times as many", args.workers, together, together / alone)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        logger.info("largest worker: %.0f MB\n", peak)
    stages(args.sources, recipe)


if __name__ == "__main__":
    main()
