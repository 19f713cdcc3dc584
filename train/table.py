"""Train every system on one corpus, each on as many pictures: the runs that docs/systems.md compares.

    python train/table.py --corpus corpus --output_dir runs/table
    s2f evaluate --corpus corpus --size 64 --models runs/table/*/ --markdown table.md --json table.json

One after the other, at 64² and at widths that one processor core can train (our own drawer and editor make
nothing smaller than 128²); DIR/NAME is a run, DIR/NAME.log what it said. Started again, it skips what is
finished and goes on where the rest stopped; with more --images a finished run is gone on with. Every system
sees equally many pictures, --images. So few call for many small steps: batches of 8 or 4, rates above the
papers', and one or two steps of a critic to one of its generator where the paper has five.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

logger = logging.getLogger(__name__)
HERE = Path(__file__).parent
SAVED = 16  # checkpoints and contact sheets of a run


class System(NamedTuple):
    """A run: its script, and the flags in which it differs from the others'."""

    name: str
    script: str
    flags: str


NARROW = "--width 16 --critic_width 16 --train_batch_size 4 --learning_rate 4e-4"
STAR = "--width 16 --blocks 4 --critic_width 16 --learning_rate 4e-4"
OWN = "--resolution 128 --size 128 --widths 24 48 80 112 --critic_width 16"
LEVELS = "--width 16 --critic_width 16 --learning_rate 8e-4 --critics"
# Those that others are measured against come first.
SYSTEMS = (
    System("pix2pix", "pix2pix", f"--depth 6 {NARROW}"),
    System("pix2pix-contextual", "pix2pix", f"--objective contextual --depth 5 {NARROW}"),
    System("dcgan", "dcgan", "--width 32 --critic_width 32 --train_batch_size 16"),
    System("stargan", "stargan", f"--objective log {STAR}"),
    System("own-drawer", "drawer", OWN),
    System("own-editor", "editor", OWN),
    System("multilevel", "multilevel", f"{LEVELS} 16 32"),
    System("ganimation", "ganimation", f"{STAR} --n_critic 2 --train_batch_size 4"),
    System(
        "stargan-wgan-gp",
        "stargan",
        f"--objective wgan-gp --n_critic 1 --class_weight 10 --cycle_weight 100 {STAR}",
    ),
    System(
        "deepfacedrawing",
        "deepfacedrawing",
        "--latent 128 --width 16 --blocks 4 --critic_width 16 --bank 1000 --train_batch_size 4",
    ),
    System("diffusion", "diffusion", "--widths 32 48 64 --layers 1 --learning_rate 5e-4"),
    System("double-encoder", "double_encoder", "--width 16 --critic_width 16"),
    System(
        "exprgan",
        "exprgan",
        "--width 32 --encode_from 0.01 --critic_from 0.55 --code_weight 0.05 --feature_weight 0.1 "
        "--train_batch_size 4",
    ),
    System("stargan-extended", "stargan_extended", f"--objective log {STAR}"),
    System(
        "stargan-48",
        "stargan",
        f"--objective log {STAR} --resolution 48 --grey --classes angry happy sad surprised",
    ),
    System("multilevel-16", "multilevel", f"{LEVELS} 16"),
    System("multilevel-32", "multilevel", f"{LEVELS} 32"),
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--corpus", required=True, help="folder or repository of a corpus")
    p.add_argument("--output_dir", type=Path, required=True)
    p.add_argument("--images", type=int, default=16_000, help="that every system sees")
    p.add_argument("--only", nargs="+", choices=[s.name for s in SYSTEMS], help="train these, in this order")
    p.add_argument("--mixed_precision", choices=["no", "fp16", "bf16"], default="no", help="of every run")
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args(argv)


def finished(folder: Path, steps: int) -> bool:
    """Whether so long a run has ended; a shorter one is gone on with."""
    said = json.loads(path.read_text("utf-8")) if (path := folder / "training.json").exists() else {}
    return "images_seen" in said and said["max_train_steps"] >= steps


def command(system: System, args: argparse.Namespace) -> tuple[list[str], int]:
    """What trains a system, and in how many steps; the last of two equal flags counts: its own."""
    words = [
        *("--corpus", args.corpus, "--output_dir", str(args.output_dir / system.name)),
        *("--resolution", "64", "--train_batch_size", "8", "--seed", str(args.seed)),
        *("--mixed_precision", args.mixed_precision),
        *("--resume_from_checkpoint", "latest"),
        *system.flags.split(),
    ]
    steps = args.images // int(words[len(words) - words[::-1].index("--train_batch_size")])
    often = str(max(1, steps // SAVED))
    words += ["--max_train_steps", str(steps), "--checkpointing_steps", often, "--validation_steps", often]
    return [sys.executable, str(HERE / f"{system.script}.py"), *words], steps


def main(argv: list[str] | None = None) -> int:
    """0 where every run ended well; one that fails does not keep the others back."""
    args = parse_args(argv)
    named = {system.name: system for system in SYSTEMS}
    failed = []
    for system in tqdm([named[name] for name in args.only or named], unit="system"):
        words, steps = command(system, args)
        if finished(args.output_dir / system.name, steps):
            continue
        args.output_dir.mkdir(parents=True, exist_ok=True)
        log = args.output_dir / f"{system.name}.log"
        with log.open("ab") as file:
            done = subprocess.run(words, stdout=file, stderr=file, check=False)
        if done.returncode:
            failed.append(system.name)
            logger.error("%s ended with %d: see %s", system.name, done.returncode, log)
    return 1 if failed else 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    raise SystemExit(main())
