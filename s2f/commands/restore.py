"""`s2f restore`: faces in photographs, or framed faces, made clean and sharp."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import provenance
from ..errors import S2FError
from .files import Parser, Task, each, tasks

if TYPE_CHECKING:
    from PIL import Image

    from ..restore import Restored

MODELS = ("enhancer", "gfpgan")


def add_commands(commands: argparse._SubParsersAction[Any]) -> None:
    restore: Parser = commands.add_parser(
        "restore",
        help="photographs, or framed faces → clean and sharp faces",
        description="Finds the faces of each photograph, restores them and puts them back; the rest stays. "
        "The enhancer comes with s2f; GFPGAN's weights are downloaded once with --download.",
    )
    restore.add_argument("input", nargs="*", type=Path, help="pictures, or folders of them")
    restore.add_argument(
        "--out", "-o", type=Path, help="a file for one picture, else a folder (default: s2f-out)"
    )
    restore.add_argument("--json", action="store_true", help="print what was done as JSON")
    restore.add_argument("--model", choices=MODELS, default="enhancer", help="(default: enhancer)")
    restore.add_argument(
        "--download", action="store_true", help="fetch GFPGAN's weights (349 MB) once, before all else"
    )
    restore.add_argument(
        "--weights", type=Path, help="a file of GFPGAN's weights, or a folder of either model"
    )
    restore.add_argument("--version", default="1.4", help="of GFPGAN: 1.4 or 1.3 (default: 1.4)")
    restore.add_argument(
        "--strength", type=_share, default=1.0, metavar="0-1", help="how much of it (default: 1)"
    )
    restore.add_argument(
        "--free-colour", action="store_true", help="let the restorer change skin, hair and eye colour"
    )
    restore.add_argument(
        "--framed",
        action="store_true",
        help="the pictures are faces as s2f draw makes them: restore them whole",
    )
    restore.add_argument(
        "--face", type=_which, default="all", metavar="N", help="0 is the largest; or all (default: all)"
    )
    restore.add_argument(
        "--precision", choices=("float32", "bfloat16"), default="float32", help="(default: float32)"
    )
    restore.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N or mps (default: cpu)")
    restore.set_defaults(run=run_restore)


def run_restore(args: argparse.Namespace) -> int:
    from ..restore import fetch, open_judge, open_restorer, restore, restore_photo

    if args.download:
        folder = fetch(args.version)
        if not args.json or not args.input:
            sys.stdout.write(f"GFPGAN {args.version} is in {folder}\n")
    if not args.input:
        if args.download:
            return 0
        raise S2FError("got no picture, expected one or more to restore; name some, or say --download")
    work = tasks(args.input, args.out)
    model = open_restorer(args.model, args.weights, version=args.version, device=args.device)
    judge = open_judge()
    options: dict[str, Any] = {
        "strength": args.strength,
        "keep_colour": not args.free_colour,
        "judge": judge,
        "precision": args.precision,
    }

    def do(task: Task) -> dict[str, Any]:
        if args.framed:
            one = restore(task.source, model, **options)
            _write(one.image, task.target, model, provenance.SOURCE_TYPES[0])
            return {"report": _sentence([one]), "faces": [one.moved]}
        changed, done = restore_photo(task.source, model, which=args.face, **options)
        _write(changed.image, task.target, model, provenance.SOURCE_TYPES[1])
        rows = [
            {"eyes": [found.left, found.right], "moved": one.moved}
            for found, one in zip((changed.faces[n] for n in changed.changed), done, strict=True)
        ]
        return {"report": _sentence(done), "found": len(changed.faces), "faces": rows}

    return each(work, args, do)


def _write(image: Image.Image, path: Path, model: Any, kind: str) -> None:
    facts = provenance.Facts.of(source_type=kind, restorer=model)
    provenance.save(provenance.mark(image, facts), path, facts)


def _sentence(done: list[Restored]) -> str:
    from ..restore import how_far

    return f"{len(done)} face{'s' * (len(done) != 1)}; moved: {how_far(done)}"


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number from 0 to 1")
    return value


def _which(text: str) -> int | str:
    if text == "all" or text.isdecimal():
        return text if text == "all" else int(text)
    raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number of 0 or more, or all")
