"""Train the AlexNet-style expression classifier on a corpus.

    accelerate launch train/alexnet.py --corpus corpus --output_dir runs/alexnet

The loop is that of train/classifier.py, on the same faces, so that both judge from the same knowledge.
"""

from __future__ import annotations

import argparse
import logging

from accelerate.utils import set_seed
from classifier import parser, train

from s2f.errors import S2FError
from s2f.models.alexnet import AlexNet


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = parser(__doc__)
    p.set_defaults(width=48, resolution=112, max_train_steps=2000, learning_rate=5e-4)
    p.add_argument("--hidden", type=int, default=768)
    return p.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    set_seed(args.seed)
    train(args, AlexNet(args.width, args.hidden, args.resolution))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/alexnet.py: {error}") from None
