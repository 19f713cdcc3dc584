"""Blend a model that was trained on with the one it began from: weights between the two.

    python train/blend.py --model runs/drawer --kept runs/drawer-before --share 0.3 --corpus faces \\
        --output_dir runs/blend

Weights trained on from the same start can be averaged number by number (Wortsman et al., arXiv 2109.01903).
Of drawers, what is sharper in the later and likelier in the earlier meets in the middle: which share of the
earlier is best, only an evaluation on the validation split tells. Two things are not learned, what reads a
hand's skill and the bank of looks: with --corpus the one is fitted to the blend and the other dealt anew,
without it both stay the later model's.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path
from typing import Any

import torch

from s2f.batches import read
from s2f.errors import S2FError
from s2f.fitting import deal, fit_hand, whole_looks
from s2f.models import Drawer, load_model
from s2f.models.drawer import DRAWN
from s2f.training import TrainingError, update_average

logger = logging.getLogger(__name__)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=Path, required=True, help="folder of the later run, whose story stays")
    p.add_argument("--kept", type=Path, required=True, help="folder of the earlier one")
    p.add_argument("--share", type=float, required=True, help="of the earlier one's weights, from 0 to 1")
    p.add_argument("--corpus", help="of a drawer: folder or repository to fit to and to deal from")
    p.add_argument("--output_dir", type=Path, required=True)
    args = p.parse_args(argv)
    if not 0 <= args.share <= 1:
        p.error(f"argument --share: got {args.share}, expected a number from 0 to 1; correct it")
    return args


def blended(later: Any, earlier: Any, share: float) -> Any:
    """The later model with its learned weights moved towards the earlier's; what is not learned stays."""
    mine, theirs = ({k: v.shape for k, v in m.state_dict().items()} for m in (later, earlier))
    if mine != theirs:
        raise TrainingError(
            f"got a {type(later).__name__} and a {type(earlier).__name__} of other sizes, expected two of "
            "one size; give a run and the one that it went on from"
        )
    update_average(earlier, later, share)
    later.load_state_dict(earlier.state_dict())
    return later


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    model = blended(load_model(args.model), load_model(args.kept), args.share)
    if args.corpus:
        if not isinstance(model, Drawer):
            raise TrainingError(
                f"got --corpus with {type(model).__name__}, expected a Drawer, who reads hands; drop it"
            )
        faces = read(args.corpus, "train", DRAWN).invented()
        fit_hand(model.eval(), faces, torch.device("cpu"))
        deal(model, whole_looks(faces))
    model.save_pretrained(args.output_dir, dtype=torch.float16)
    if (story := args.model / "training.json").is_file():
        told = json.loads(story.read_text("utf-8")) | {"kept": args.kept.name, "kept_share": args.share}
        (args.output_dir / "training.json").write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    logger.info("%s: %d %% of it is %s", args.output_dir, round(100 * args.share), args.kept)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/blend.py: {error}") from None
