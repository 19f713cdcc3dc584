"""The command line: `s2f` or `python -m s2f`. Files and folders in, files out, one-line errors."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import __version__
from .errors import S2FError
from .expression import CLASSES, Expression

if TYPE_CHECKING:
    from PIL import Image

    from .pipeline import SketchToFace

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif"}
EXAMPLES = """examples:
  s2f sketch photo.jpg --style pencil --out drawing.png
  s2f prepare drawings/ --out clean/
  s2f draw drawing.png --model ORG/NAME --expression happy:0.8 --seed 7
  s2f express face.png --model ORG/NAME --expression surprised
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, with the nearest option that exists."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"allow_abbrev": False} | options))

    def error(self, message: str) -> NoReturn:
        known = [flag for action in self._actions for flag in action.option_strings]
        for word in message.split():
            near = difflib.get_close_matches(word.partition("=")[0], known, 1) if word.startswith("-") else []
            if near and "unrecognized" in message:
                message += f" (did you mean {near[0]}?)"
                break
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help lists what it takes\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        # A sub-command answers for its own unknown options, so that the hint names the right help.
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest


@dataclass(frozen=True)
class Task:
    """One picture to read and where its answer goes."""

    source: Path
    target: Path


def tasks(inputs: Sequence[Path], out: Path | None, suffix: str = ".png") -> list[Task]:
    """Files and folders → what to read and where to write; a folder keeps its inner layout."""
    found: list[tuple[Path, Path]] = []
    for path in inputs:
        if path.is_dir():
            inside = sorted(f for f in path.rglob("*") if f.suffix.lower() in PICTURES and f.is_file())
            if not inside:
                raise S2FError(f"got the folder {path} with no pictures, expected some; name another folder")
            found += [(f, f.relative_to(path)) for f in inside]
        else:
            found.append((path, Path(path.name)))
    single = len(found) == 1 and out is not None and out.suffix.lower() in PICTURES and not out.is_dir()
    if single:
        assert out is not None
        done = [Task(found[0][0], out)]
    else:
        folder = out or Path("s2f-out")
        if folder.suffix.lower() in PICTURES and not folder.is_dir():
            raise S2FError(
                f"got the file {folder} for {len(found)} pictures, expected a folder; give --out FOLDER"
            )
        done = [Task(source, folder / name.with_suffix(suffix)) for source, name in found]
    seen: dict[Path, Path] = {}
    for task in done:
        if task.target in seen:
            raise S2FError(
                f"got {seen[task.target]} and {task.source}, expected names that differ since both would be "
                f"{task.target}; rename one"
            )
        if task.target.exists() and task.source.exists() and task.target.samefile(task.source):
            raise S2FError(f"got {task.target} as input and output, expected two places; give another --out")
        seen[task.target] = task.source
    return done


def write(image: Image.Image, path: Path) -> None:
    """Complete or absent: written aside, then renamed."""
    from PIL import Image as Pillow

    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = Pillow.registered_extensions().get(path.suffix.lower())
        if kind is None:
            raise S2FError(f"got {path} to write, expected a picture's name such as .png; change its ending")
        with aside.open("wb") as file:
            image.save(file, format=kind)
        aside.replace(path)
    except OSError as error:
        raise S2FError(
            f"got {path} to write ({error.strerror or error}), expected room to write; choose another --out"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def each(work: Sequence[Task], args: argparse.Namespace, do: Callable[[Task], dict[str, Any]]) -> int:
    """Run one task after the other; a bad one is one line on stderr, and the others go on."""
    from tqdm import tqdm

    done, failed = [], []
    for task in tqdm(work, unit="picture", delay=2, disable=None if len(work) > 1 else True, leave=False):
        try:
            row = {"input": str(task.source), "output": str(task.target)} | do(task)
        except S2FError as error:
            failed.append({"input": str(task.source), "error": str(error)})
            tqdm.write(f"s2f: {task.source}: {error}", file=sys.stderr)
            continue
        done.append(row)
        if not args.json:
            note = f" ({row['report']})" if row.get("report") else ""
            tqdm.write(f"{task.source} -> {task.target}{note}", file=sys.stdout)
    if args.json:
        json.dump({"done": done, "failed": failed}, sys.stdout, indent=2)
        sys.stdout.write("\n")
    return 1 if failed else 0


def run_sketch(args: argparse.Namespace) -> int:
    import numpy as np

    from .sketch import extract

    def do(task: Task) -> dict[str, Any]:
        rng = None if args.seed is None else np.random.default_rng(args.seed)
        write(extract(task.source, args.style, rng=rng), task.target)
        return {"style": args.style}

    return each(tasks(args.input, args.out), args, do)


def run_prepare(args: argparse.Namespace) -> int:
    from .sketch import prepare

    def do(task: Task) -> dict[str, Any]:
        clean = prepare(task.source, size=args.size, steps=args.steps)
        write(clean.image, task.target)
        return {"report": str(clean), "transform": clean.transform.tolist()}

    return each(tasks(args.input, args.out), args, do)


def run_draw(args: argparse.Namespace) -> int:
    work = tasks(args.input, args.out)
    pipe = _pipeline(args)
    seeds = _seeds(args.seed)

    def do(task: Task) -> dict[str, Any]:
        result = pipe(
            task.source,
            expression=args.expression,
            restore=args.restore,
            seed=next(seeds),
            prepare_steps=args.steps,
        )
        write(result.image, task.target)
        return {"report": result.report, "seed": result.seed, "timings": result.timings}

    return each(work, args, do)


def run_express(args: argparse.Namespace) -> int:
    work = tasks(args.input, args.out)
    pipe = _pipeline(args)

    def do(task: Task) -> dict[str, Any]:
        write(pipe.express(task.source, args.expression), task.target)
        return {"expression": dict(args.expression.weights())}

    return each(work, args, do)


def _pipeline(args: argparse.Namespace) -> SketchToFace:
    from .pipeline import SketchToFace

    return SketchToFace.from_pretrained(
        args.model,
        drawer=getattr(args, "drawer", None),
        editor=args.editor,
        restorer=getattr(args, "restorer", None),
        revision=args.revision,
        device=args.device,
        size=args.size,
    )


def _seeds(first: int | None) -> Iterator[int | None]:
    while True:
        yield first
        first = None if first is None else first + 1


def _expression(text: str) -> Expression:
    """A preset file's path, or 'happy:0.8' and the like."""
    try:
        return Expression.load(text) if text.endswith(".json") else Expression.parse(text)
    except S2FError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _whole(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number of {least} or more")
        return int(text)

    return number


def _steps(text: str) -> tuple[str, ...]:
    from .sketch import STEPS

    names = tuple(n.strip() for n in text.split(",") if n.strip() and n.strip() != "none")
    wrong = [n for n in names if n not in STEPS]
    if wrong:
        raise argparse.ArgumentTypeError(f"got {wrong[0]!r}, expected some of {','.join(STEPS)}, or none")
    return names


def build_parser() -> Parser:
    """Every command with its options."""
    from .sketch import EXTRACTED, STEPS

    parser = Parser(
        prog="s2f",
        description="Draw a face, get a photograph of it, choose its expression.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"s2f {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)

    files = Parser(add_help=False)
    files.add_argument("input", nargs="+", type=Path, help="pictures, or folders of them")
    files.add_argument(
        "--out", "-o", type=Path, help="a file for one picture, else a folder (default: s2f-out)"
    )
    files.add_argument("--json", action="store_true", help="print what was done as JSON")
    doctor = Parser(add_help=False)
    doctor.add_argument(
        "--steps",
        type=_steps,
        default=STEPS,
        metavar="A,B",
        help=f"of {','.join(STEPS)}, or none (default: all)",
    )
    model = Parser(add_help=False)
    model.add_argument("--model", help="folder or repository with drawer/, editor/, restorer/")
    model.add_argument("--editor", help="folder or repository of an editor")
    model.add_argument("--revision", help="branch, tag or commit of the repository")
    model.add_argument("--device", help="cpu, cuda, cuda:N or mps (default: the best one here)")
    model.add_argument("--size", type=_whole(64), help="pixels of the face (default: the model's own)")
    named = (
        f"one of {', '.join(CLASSES)}; with intensity and blends as happy:0.6+surprised:0.4; or a preset.json"
    )

    sketch = commands.add_parser("sketch", parents=[files], help="photographs → line drawings")
    sketch.add_argument("--style", choices=EXTRACTED, default="contour", help="(default: contour)")
    sketch.add_argument(
        "--seed", type=_whole(0), help="vary the hand of the style (default: its middle setting)"
    )
    sketch.set_defaults(run=run_sketch)

    clean = commands.add_parser("prepare", parents=[files, doctor], help="drawings → clean, framed drawings")
    clean.add_argument("--size", type=_whole(64), default=512, help="pixels of the result (default: 512)")
    clean.set_defaults(run=run_prepare)

    draw = commands.add_parser("draw", parents=[files, doctor, model], help="drawings → faces")
    draw.add_argument("--drawer", help="folder or repository of a drawer")
    draw.add_argument("--restorer", help="folder or repository of a restorer")
    draw.add_argument("--expression", "-e", type=_expression, metavar="NAME[:0-1.2]", help=named)
    draw.add_argument("--restore", action="store_true", help="run the restorer at the end")
    draw.add_argument("--seed", type=_whole(0), help="of the first picture; the next ones count up")
    draw.set_defaults(run=run_draw)

    express = commands.add_parser("express", parents=[files, model], help="framed faces → another expression")
    express.add_argument(
        "--expression", "-e", type=_expression, metavar="NAME[:0-1.2]", required=True, help=named
    )
    express.set_defaults(run=run_express)

    from .corpus.cli import add_commands

    corpus = commands.add_parser("corpus", help="the training corpus: import, build, look, check, publish")
    add_commands(corpus.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser))
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
