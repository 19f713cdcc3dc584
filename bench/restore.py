"""How fast faces are restored: our GFPGAN against the published architecture's, and the bundled enhancer.

    python bench/restore.py [--threads 2] [--rounds 5] [--json FILE]

Batch 1. Both GFPGANs have the same random weights, at full size, and take turns, so that a busy machine
slows both alike; the ratio is ours over theirs of the least processor time. bfloat16 is timed where the
processor multiplies it fast. The enhancer is timed alone, and as `s2f restore --framed` runs it, with colours
kept and measured.
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
from PIL import Image

from s2f.models import GFPGAN, Enhancer
from s2f.restore import restore
from s2f.restore.opening import has_fast_bfloat16
from s2f.shipped import BUNDLED
from tests.published_gfpgan import published_class

logger = logging.getLogger("bench")
SIDE = 512
SLOWER = 1.10  # at most, of ours against the published, in float32
MOST_MS = 200  # of the enhancer, on two cores
Work = dict[str, Callable[[], Any]]


def main(argv: list[str] | None = None) -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=5, help="of GFPGAN; of the enhancer four times as many")
    p.add_argument("--json", type=Path)
    args = p.parse_args(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    quick = timed(enhancing(), 4 * args.rounds)
    large = timed(restoring(), args.rounds)
    ratio = large["GFPGAN, ours"]["processor_ms"] / large["GFPGAN, published"]["processor_ms"]
    report = {
        "machine": {
            "kind": platform.machine(),
            "threads": args.threads,
            "fast bfloat16": has_fast_bfloat16(),
        },
        "systems": quick | large,
        "ours over published, float32": {"ratio": round(ratio, 3), "bar": SLOWER},
    }
    for name, told in (quick | large).items():
        bar = f", bar {MOST_MS}" if name in quick else ""
        logger.info(
            "%-24s median %8.1f ms, fastest %8.1f, of the processor %8.1f%s", name, *told.values(), bar
        )
    logger.info("ours over published, float32: %.3f, bar %.2f", ratio, SLOWER)
    if not has_fast_bfloat16():
        logger.info("bfloat16: not offered, this processor does not multiply it fast")
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def enhancing() -> Work:
    home = BUNDLED / "restorer"
    model = Enhancer.from_pretrained(home) if home.is_dir() else Enhancer().eval()
    half, whole = (torch.rand(1, 3, side, side) * 2 - 1 for side in (SIDE // 2, SIDE))
    picture = Image.effect_noise((SIDE, SIDE), 40).convert("RGB")
    return {
        "enhancer, 256 to 512": lambda: model(half),
        "enhancer, 512 to 512": lambda: model(whole),
        "enhancer, colours kept": lambda: restore(picture, model),
    }


def restoring() -> Work:
    ours = GFPGAN().eval()
    config = {"channel_multiplier": 2, "input_is_latent": True, "different_w": True, "sft_half": True}
    theirs = published_class()(SIDE, decoder_load_path=None, fix_decoder=False, **config).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    face = torch.rand(1, 3, SIDE, SIDE) * 2 - 1

    def fast() -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return ours(face)

    work: Work = {
        "GFPGAN, ours": lambda: ours(face),
        "GFPGAN, published": lambda: theirs(face, return_rgb=False, randomize_noise=False),
    }
    return work | ({"GFPGAN, ours, bfloat16": fast} if has_fast_bfloat16() else {})


def timed(work: Work, rounds: int) -> dict[str, dict[str, float]]:
    """Median and fastest of each, and the least time of all threads together; in turns, after a warm-up."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    with torch.inference_mode():
        for turn in range(rounds + 1):
            for name, run in work.items():
                begun, worked = time.perf_counter(), time.process_time()
                run()
                if turn:
                    took = (time.perf_counter() - begun, time.process_time() - worked)
                    spent[name].append(took)
    found = {}
    for name, times in spent.items():
        walls, processor = zip(*times, strict=True)
        told = {
            "median_ms": statistics.median(walls),
            "fastest_ms": min(walls),
            "processor_ms": min(processor),
        }
        found[name] = {key: round(1000 * value, 1) for key, value in told.items()}
    return found


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
