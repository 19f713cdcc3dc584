"""The command line: `s2f` or `python -m s2f`. Files and folders in, files out, one-line errors."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from . import __version__
from .commands import animate, corpus, evaluate, export, gallery, pictures, publish, restore, verify
from .commands.files import Parser
from .errors import S2FError

EXAMPLES = """examples:
  s2f sketch photo.jpg --style pencil --out drawing.png
  s2f prepare drawings/ --out clean/
  s2f draw drawing.png --look "skin=#d9a577, hair=black" --expression happy:0.8 --seed 7
  s2f express face.png --expression surprised
  s2f strip face.png --out seven.png
  s2f animate face.png --expression happy --out face.gif
  s2f restore photo.jpg --strength 0.8 --out clean.png
  s2f verify face.gif
"""


def build_parser() -> Parser:
    """Every command with its options; each module of `s2f.commands` adds its own."""
    parser = Parser(
        prog="s2f",
        description="Draw a face, get a photograph of it, choose its expression.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"s2f {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for module in (pictures, animate, restore, corpus, evaluate, gallery, verify, publish, export):
        module.add_commands(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.WARNING, format="s2f: %(message)s")
    try:
        args = build_parser().parse_args(argv)
        return int(args.run(args) or 0)
    except S2FError as error:
        sys.stderr.write(f"s2f: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("s2f: stopped; what is finished is kept\n")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: not an error
        return 0


if __name__ == "__main__":
    sys.exit(main())
