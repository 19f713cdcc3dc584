"""How fast the shipped drawer and editor are, against pix2pix's U-Net and StarGAN's generator, in one run.

    python bench/inference.py [--threads 2] [--rounds 20] [--json FILE]

Ours make 512², theirs the published 256²; batch 1, and for the strip of seven one batch. The systems take
turns, so that a busy machine slows all alike; a ratio is theirs over ours of the medians. Weights that are
bundled are used, others are made at random: they cost the same.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from s2f.expression import CLASSES, Expression
from s2f.models import Drawer, Editor, Pix2Pix, StarGAN
from s2f.shipped import BUNDLED

logger = logging.getLogger("bench")
SIDE, THEIRS = 512, 256
BARS = {"drawer": ("pix2pix", 1.0), "editor": ("stargan", 2.5)}  # times as fast, at four times the pixels
MOST_MS = {"drawer": 150, "editor": 150, "strip of seven": 700}


def main(argv: list[str] | None = None) -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=20)
    p.add_argument("--models", type=Path, default=BUNDLED, help="folder with drawer/ and editor/")
    p.add_argument("--json", type=Path)
    args = p.parse_args(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    work, facts = systems(args.models)
    milliseconds = measured(work, args.rounds)
    report = {
        "machine": {"kind": platform.machine(), "threads": args.threads},
        "precision": "float32",
        "rounds": args.rounds,
        "systems": {name: facts[name] | {"median_ms": ms} for name, ms in milliseconds.items()},
        "ratios": {
            f"{ours} at {SIDE} over {theirs} at {THEIRS}": {
                "times_as_fast": round(milliseconds[theirs] / milliseconds[ours], 3),
                "bar": bar,
            }
            for ours, (theirs, bar) in BARS.items()
        },
    }
    for name, ms in milliseconds.items():
        bar = f", bar {MOST_MS[name]}" if name in MOST_MS else ""
        logger.info("%-15s %8.1f ms%s  %s", name, ms, bar, facts[name])
    for name, told in report["ratios"].items():
        logger.info("%s: %.2f times as fast, bar %.1f", name, told["times_as_fast"], told["bar"])
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def systems(home: Path) -> tuple[dict[str, Callable[[], Any]], dict[str, dict[str, Any]]]:
    """What is timed, by name, and what is known of each."""
    drawer, bundled_drawer = _ours(Drawer, home / "drawer")
    editor, bundled_editor = _ours(Editor, home / "editor")
    unet, stargan = Pix2Pix().eval(), StarGAN().eval()
    drawing, small_drawing = (torch.rand(1, 1, side, side) * 2 - 1 for side in (SIDE, THEIRS))
    face, small_face = (torch.rand(1, 3, side, side) * 2 - 1 for side in (SIDE, THEIRS))
    wanted = [Expression.of(name) for name in CLASSES]
    units = torch.stack([torch.from_numpy(w.vector()) for w in wanted])
    label = torch.from_numpy(wanted[1].labels())[None]

    def strip() -> torch.Tensor:
        return editor.change(face, editor.look(face), units).face

    work: dict[str, Callable[[], Any]] = {
        "drawer": lambda: drawer(drawing),
        "pix2pix": lambda: unet(small_drawing),
        "editor": lambda: editor(face, units[1:2]),
        "stargan": lambda: stargan(small_face, label),
        "strip of seven": strip,
    }
    models = {
        "drawer": drawer,
        "pix2pix": unet,
        "editor": editor,
        "stargan": stargan,
        "strip of seven": editor,
    }
    facts = {
        name: {
            "parameters": sum(q.numel() for q in model.parameters()),
            "side": THEIRS if model in (unet, stargan) else SIDE,
        }
        for name, model in models.items()
    }
    facts["drawer"]["weights"] = "bundled" if bundled_drawer else "random"
    facts["editor"]["weights"] = facts["strip of seven"]["weights"] = (
        "bundled" if bundled_editor else "random"
    )
    return work, facts


def _ours(kind: Any, home: Path) -> tuple[Any, bool]:
    if (home / "config.json").exists():
        return kind.from_pretrained(home), True
    return kind().eval(), False


def measured(work: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each, taking turns; the first two rounds only warm up."""
    spent: dict[str, list[float]] = {name: [] for name in work}
    with torch.inference_mode():
        for turn in range(rounds + 2):
            for name, run in work.items():
                begun = time.perf_counter()
                run()
                if turn >= 2:
                    spent[name].append(1000 * (time.perf_counter() - begun))
    return {name: round(statistics.median(times), 1) for name, times in spent.items()}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
