"""`s2f animate`: a face from rest through an expression and back, as GIF or MP4."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..animation import FPS, KINDS, MOST_FRAMES, frames, save
from ..errors import S2FError
from ..expression import CLASSES
from .files import whole
from .pictures import add_model_options, expression_of, pipeline_of

if TYPE_CHECKING:
    from PIL import Image

    from ..expression import Expression


def add_commands(commands: argparse._SubParsersAction[Any]) -> None:
    animate = commands.add_parser("animate", help="a framed face → its expression coming and going")
    animate.add_argument("face", type=Path, metavar="FACE", help="a framed photograph of a face at rest")
    animate.add_argument(
        "--expression",
        "-e",
        type=expression_of,
        metavar="NAME[:0-1.2]",
        required=True,
        help=f"one of {', '.join(CLASSES)}; with intensity and blends as happy:0.6+surprised:0.4",
    )
    animate.add_argument("--out", "-o", type=Path, required=True, metavar="FILE", help=" or ".join(KINDS))
    animate.add_argument(
        "--frames", type=whole(4), default=2 * FPS, help=f"4 to {MOST_FRAMES} (default: {2 * FPS})"
    )
    animate.add_argument("--fps", type=whole(1), default=FPS, help=f"pictures a second (default: {FPS})")
    add_model_options(animate)
    animate.set_defaults(run=run_animate)


def run_animate(args: argparse.Namespace) -> int:
    from ..image import load_image, resize
    from ..provenance import Facts

    if args.out.suffix.lower() not in KINDS:
        raise S2FError(f"got {args.out} to write, expected a name in {' or '.join(KINDS)}; change its ending")
    pipe = pipeline_of(args)
    face = resize(load_image(args.face), pipe.size)

    def express(wanted: list[Expression]) -> list[Image.Image]:
        return list(pipe.strip(face, {str(n): each for n, each in enumerate(wanted)}).values())

    pictures = frames(face, express, args.expression, count=args.frames)
    save(pictures, args.out, Facts.of(editor=pipe.editor), fps=args.fps)
    sys.stdout.write(f"{args.face} -> {args.out}\n")
    return 0
