"""`s2f corpus …`: build, import, adapt, look at, check, publish. Thin over the functions it names."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CorpusError
from .files import Parser, whole

if TYPE_CHECKING:
    from ..corpus.sources import Summary as Imported

_KINDS = ("expressions", "styles", "random", "splits")


def add_commands(families: argparse._SubParsersAction[Any]) -> None:
    parser = families.add_parser("corpus", help="the training corpus: import, build, look, check, publish")
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    _add_build(commands)
    _add_import(commands)
    _add_adapt(commands)
    _add_push(commands)
    _add_looks(commands)


def _parser(
    commands: argparse._SubParsersAction[Any],
    name: str,
    what: str,
    run: Callable[[argparse.Namespace], int | None],
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=what, description=what, allow_abbrev=False
    )
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    parser.set_defaults(run=run)
    return parser


def _shard(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not slash or not number.isdecimal() or not count.isdecimal() or not 1 <= int(number) <= int(count):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected i/n with i from 1 to n, such as 1/4")
    return int(number), int(count)


def _add_build(commands: argparse._SubParsersAction[Any]) -> None:
    parser = _parser(
        commands, "build", "make a corpus from packed sources; run again, it continues", run_build
    )
    parser.add_argument(
        "--sources", type=Path, required=True, metavar="PACK", help="folder of packed sources"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the corpus")
    parser.add_argument(
        "--people",
        type=whole(1),
        required=True,
        metavar="N",
        help="invented people of the training split; validation and test get a tenth each, at least 8",
    )
    parser.add_argument(
        "--renders",
        type=whole(1),
        default=14,
        metavar="K",
        help="pictures per person; seven share a pose and a light (default: 14)",
    )
    parser.add_argument(
        "--size", type=whole(1), default=512, help="pixels of a side, 64 to 512 (default: 512)"
    )
    parser.add_argument(
        "--sketches", type=whole(1), default=2, help="drawings per picture, 2 or more (default: 2)"
    )
    parser.add_argument(
        "--workers",
        type=whole(1),
        default=os.cpu_count() or 1,
        metavar="W",
        help="processes (default: one per core)",
    )
    parser.add_argument(
        "--seed", type=whole(0), default=0, metavar="S", help="another seed, other people (default: 0)"
    )
    parser.add_argument(
        "--shard",
        type=_shard,
        default=(1, 1),
        metavar="I/N",
        help="make the I-th of N shares only; the last share finished in one folder joins them, or the "
        "command without --shard where all parts/ have been copied together",
    )
    parser.add_argument("--no-real", action="store_true", help="leave the untouched photographs out")
    parser.add_argument(
        "--image-format",
        choices=("jpeg", "png", "webp"),
        default="jpeg",
        help="of the pictures (default: jpeg)",
    )


def run_build(args: argparse.Namespace) -> int:
    from ..corpus.build import build
    from ..corpus.plan import Recipe

    recipe = Recipe(
        people=args.people,
        renders=args.renders,
        size=args.size,
        sketches=args.sketches,
        seed=args.seed,
        real=not args.no_real,
        image_format=args.image_format,
    )
    report = build(args.sources, args.out, recipe, workers=args.workers, shard=args.shard)
    return _say(
        args,
        str(report),
        {
            "folder": str(report.folder),
            "rows": report.rows,
            "rows_made": report.rows_made,
            "complete": report.complete,
            "parts_missing": report.parts_missing,
            "reject_rate": report.reject_rate,
        },
    )


def _add_import(commands: argparse._SubParsersAction[Any]) -> None:
    portraits = _parser(
        commands, "import-portraits", "portraits as published → packed sources", run_portraits
    )
    portraits.add_argument("folder", type=Path, help="the folder that the download was unpacked into")
    portraits.add_argument(
        "--out", type=Path, required=True, metavar="PACK", help="folder of packed sources to write or add to"
    )
    portraits.add_argument(
        "--set",
        choices=("london", "canada"),
        default="london",
        help="Face Research Lab London Set, or Young Adult White Faces (default: london)",
    )

    kit = _parser(commands, "import-face-kit", "ICT-FaceKit's meshes → packed sources", run_face_kit)
    kit.add_argument("folder", type=Path, help="its folder FaceXModel")
    kit.add_argument(
        "--out", type=Path, required=True, metavar="PACK", help="folder of packed sources to write or add to"
    )


def run_portraits(args: argparse.Namespace) -> int:
    from ..corpus.import_portraits import import_portraits

    return _import(args, lambda told: import_portraits(args.folder, args.out, source=args.set, progress=told))


def run_face_kit(args: argparse.Namespace) -> int:
    from ..corpus.import_face_kit import import_face_kit

    return _import(args, lambda told: import_face_kit(args.folder, args.out, progress=told))


def _import(args: argparse.Namespace, work: Callable[[Callable[[int, int, str], None]], Imported]) -> int:
    from tqdm import tqdm

    with tqdm(unit="file", leave=False, delay=1) as bar:

        def told(done: int, of: int, name: str) -> None:
            bar.total, bar.n = of, done
            bar.set_postfix_str(name)

        made = work(told)
    data = {"pack": str(made.pack), "counts": made.counts, "notes": list(made.notes)}
    return _say(args, str(made), data)


def _add_adapt(commands: argparse._SubParsersAction[Any]) -> None:
    parser = _parser(
        commands, "adapt", "your copy of another picture set → rows like the corpus's", run_adapt
    )
    parser.add_argument("folder", type=Path, help="the set as its publisher ships it")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder for the rows")
    parser.add_argument(
        "--set", help="its name, where its layout does not tell (kdef, rafd, fer2013, labelled …)"
    )
    parser.add_argument("--size", type=whole(16), default=512, help="pixels of a side (default: 512)")
    parser.add_argument(
        "--styles", default="contour,pencil", metavar="A,B", help="drawings to make (default: contour,pencil)"
    )
    parser.add_argument("--seed", type=whole(0), default=0, help="of the drawings (default: 0)")


def run_adapt(args: argparse.Namespace) -> int:
    from ..corpus.adapt import adapt

    styles = tuple(style.strip() for style in args.styles.split(",") if style.strip())
    made = adapt(args.folder, args.out, name=args.set, size=args.size, sketches=styles, seed=args.seed)
    data = {"folder": str(made.folder), "set": made.name, "rows": made.rows, "passed_over": made.passed_over}
    return _say(args, str(made), data)


def _add_push(commands: argparse._SubParsersAction[Any]) -> None:
    parser = _parser(commands, "push", "upload a corpus with its card", run_push)
    parser.add_argument("folder", type=Path, help="a complete corpus")
    parser.add_argument("name", metavar="ORG/NAME", help="the dataset repository; made if it does not exist")
    parser.add_argument("--private", action="store_true", help="make the repository private if it is made")
    parser.add_argument("--revision", help="branch to upload to; made if it does not exist")
    parser.add_argument("--message", help="of the commit")


def run_push(args: argparse.Namespace) -> int:
    from ..corpus.load import push

    where = push(args.folder, args.name, private=args.private, revision=args.revision, message=args.message)
    return _say(args, f"{args.folder} -> {where}", {"folder": str(args.folder), "commit": where})


def _add_looks(commands: argparse._SubParsersAction[Any]) -> None:
    info = _parser(commands, "info", "counts by split, class, group and style", run_info)
    info.add_argument("folder", type=Path, help="a corpus")

    sheet = _parser(commands, "sheet", "contact sheets as PNG files", run_sheet)
    sheet.add_argument("folder", type=Path, help="a corpus")
    sheet.add_argument("--out", "-o", type=Path, default=Path("s2f-out"), help="folder (default: s2f-out)")
    sheet.add_argument(
        "--kind", choices=_KINDS, action="append", help="which; more than once for more (default: all)"
    )
    sheet.add_argument(
        "--split", choices=("train", "validation", "test"), default="train", help="(default: train)"
    )
    sheet.add_argument("--count", type=whole(1), default=8, help="lines of a sheet (default: 8)")
    sheet.add_argument("--cell", type=whole(32), default=192, help="pixels of a picture (default: 192)")
    sheet.add_argument(
        "--seed", type=whole(0), default=0, help="which rows a random sheet shows (default: 0)"
    )

    check = _parser(
        commands, "check", "does a corpus, or the generator on its sources, hold what it says", run_check
    )
    check.add_argument(
        "folder", type=Path, nargs="?", help="a corpus: no source person in two splits, balance"
    )
    check.add_argument(
        "--sources",
        type=Path,
        metavar="PACK",
        help="packed sources: landmark error and equality of the neutral face",
    )
    check.add_argument("--people", type=whole(1), default=6, help="of the sources to try (default: 6)")


def run_info(args: argparse.Namespace) -> int:
    from ..corpus.examine import describe
    from ..corpus.store import read_manifest
    from ..corpus.summary import summarise

    manifest, summary = read_manifest(args.folder), summarise(args.folder)
    return _say(args, describe(args.folder, summary, manifest), {**manifest, **summary.to_dict()})


def run_sheet(args: argparse.Namespace) -> int:
    from ..corpus.sheet import write_sheets

    paths = write_sheets(
        args.folder,
        args.out,
        args.kind or _KINDS,
        split=args.split,
        count=args.count,
        cell=args.cell,
        seed=args.seed,
    )
    return _say(args, "\n".join(map(str, paths)), {"sheets": [str(path) for path in paths]})


def run_check(args: argparse.Namespace) -> int:
    from ..corpus.examine import check_folder, check_sources

    if args.folder is None and args.sources is None:
        raise CorpusError("got nothing to check, expected a corpus folder or --sources PACK; name one")
    found = check_folder(args.folder) if args.folder else []
    found += check_sources(args.sources, args.people) if args.sources else []
    lines = [f"{'ok' if one.good else 'WRONG':5} {one.what}: {one.found}" for one in found]
    _say(args, "\n".join(lines), {"checks": [vars(one) for one in found]})
    return 0 if all(one.good for one in found) else 1


def _say(args: argparse.Namespace, text: str, data: dict[str, Any]) -> int:
    sys.stdout.write((json.dumps(data, indent=2) if args.json else text) + "\n")
    return 0
