"""`s2f sketch`, `prepare`, `draw`, `express`, `strip`: pictures in, pictures out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import provenance
from ..errors import S2FError
from ..expression import CLASSES, MAX_INTENSITY, Expression
from ..look import PARTS, Look
from ..pipeline import FAITHFULNESS
from .files import Parser, Task, each, tasks, whole, write

if TYPE_CHECKING:
    from PIL import Image

    from ..pipeline import SketchToFace


def add_commands(commands: argparse._SubParsersAction[Any]) -> None:
    from ..sketch import EXTRACTED, STEPS

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
    add_model_options(model)
    named = (
        f"one of {', '.join(CLASSES)}; with intensity and blends as happy:0.6+surprised:0.4; or a preset.json"
    )

    sketch = commands.add_parser("sketch", parents=[files], help="photographs → line drawings")
    sketch.add_argument("--style", choices=EXTRACTED, default="contour", help="(default: contour)")
    sketch.add_argument(
        "--seed", type=whole(0), help="vary the hand of the style (default: its middle setting)"
    )
    sketch.set_defaults(run=run_sketch)

    clean = commands.add_parser("prepare", parents=[files, doctor], help="drawings → clean, framed drawings")
    clean.add_argument("--size", type=whole(64), default=512, help="pixels of the result (default: 512)")
    clean.set_defaults(run=run_prepare)

    draw = commands.add_parser("draw", parents=[files, doctor, model], help="drawings → faces")
    draw.add_argument("--drawer", help="folder or repository of a drawer")
    draw.add_argument("--restorer", help="folder or repository of a restorer")
    draw.add_argument("--expression", "-e", type=expression_of, metavar="NAME[:0-1.2]", help=named)
    draw.add_argument(
        "--look",
        type=_look,
        metavar="PART=COLOUR,...",
        help=f"of {', '.join(PARTS)}: #rrggbb, a name such as black or fair, or open (default: all open)",
    )
    draw.add_argument(
        "--faithfulness",
        type=_share,
        default=FAITHFULNESS,
        metavar="0-1",
        help=f"1 obeys every line, 0 makes a plausible face of any (default: {FAITHFULNESS}, as drawn)",
    )
    draw.add_argument("--restore", action="store_true", help="run the restorer at the end")
    draw.add_argument("--seed", type=whole(0), help="of the first picture; the next ones count up")
    draw.set_defaults(run=run_draw)

    express = commands.add_parser("express", parents=[files, model], help="framed faces → another expression")
    express.add_argument(
        "--expression", "-e", type=expression_of, metavar="NAME[:0-1.2]", required=True, help=named
    )
    express.set_defaults(run=run_express)

    strip = commands.add_parser("strip", parents=[files, model], help="framed faces → all seven expressions")
    strip.add_argument(
        "--intensity", type=_intensity, default=1.0, metavar="0-1.2", help="of each (default: 1)"
    )
    strip.set_defaults(run=run_strip)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Those that `pipeline_of` reads."""
    parser.add_argument("--model", help="folder or repository with drawer/, editor/, restorer/")
    parser.add_argument("--editor", help="folder or repository of an editor")
    parser.add_argument("--revision", help="branch, tag or commit of the repository")
    parser.add_argument("--device", help="cpu, cuda, cuda:N or mps (default: the best one here)")
    parser.add_argument("--size", type=whole(64), help="pixels of the face (default: the model's own)")


def run_sketch(args: argparse.Namespace) -> int:
    import numpy as np

    from ..sketch import extract

    def do(task: Task) -> dict[str, Any]:
        rng = None if args.seed is None else np.random.default_rng(args.seed)
        write(extract(task.source, args.style, rng=rng), task.target)
        return {"style": args.style}

    return each(tasks(args.input, args.out), args, do)


def run_prepare(args: argparse.Namespace) -> int:
    from ..sketch import prepare

    def do(task: Task) -> dict[str, Any]:
        clean = prepare(task.source, size=args.size, steps=args.steps)
        write(clean.image, task.target)
        return {"report": str(clean), "transform": clean.transform.tolist()}

    return each(tasks(args.input, args.out), args, do)


def run_draw(args: argparse.Namespace) -> int:
    work = tasks(args.input, args.out)
    pipe = pipeline_of(args)
    seeds = _seeds(args.seed)

    def do(task: Task) -> dict[str, Any]:
        result = pipe(
            task.source,
            expression=args.expression,
            restore=args.restore,
            look=args.look,
            faithfulness=args.faithfulness,
            seed=next(seeds),
            prepare_steps=args.steps,
        )
        later = {"editor": result.edited, "restorer": result.restored}
        _hand_over(result.image, task.target, pipe, "drawer", *(role for role in later if later[role]))
        chosen = {"seed": result.seed, "look": result.look.colours()}
        return {"report": result.report, **chosen, "timings": result.timings}

    return each(work, args, do)


def run_express(args: argparse.Namespace) -> int:
    work = tasks(args.input, args.out)
    pipe = pipeline_of(args)

    def do(task: Task) -> dict[str, Any]:
        _hand_over(pipe.express(task.source, args.expression), task.target, pipe, "editor")
        return {"expression": dict(args.expression.weights())}

    return each(work, args, do)


def run_strip(args: argparse.Namespace) -> int:
    from ..image import grid

    work = tasks(args.input, args.out)
    pipe = pipeline_of(args)

    def do(task: Task) -> dict[str, Any]:
        faces = pipe.strip(task.source, intensity=args.intensity)
        sheet = grid(list(faces.values()), columns=len(faces), captions=list(faces))
        _hand_over(sheet, task.target, pipe, "editor")
        return {"expressions": list(faces)}

    return each(work, args, do)


def _hand_over(image: Image.Image, path: Path, pipe: SketchToFace, *roles: str) -> None:
    """A generated picture, with the watermark and the signed record of the models that made it."""
    facts = provenance.Facts.of(**{role: getattr(pipe, role) for role in roles})
    provenance.save(provenance.mark(image, facts), path, facts)


def pipeline_of(args: argparse.Namespace) -> SketchToFace:
    from ..pipeline import SketchToFace

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


def expression_of(text: str) -> Expression:
    """A preset file's path, or 'happy:0.8' and the like."""
    try:
        return Expression.load(text) if text.endswith(".json") else Expression.parse(text)
    except S2FError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _look(text: str) -> Look:
    try:
        return Look.parse(text)
    except S2FError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _between(low: float, high: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"got {text!r}, expected a number from {low:g} to {high:g}")
        return value

    return number


_share, _intensity = _between(0, 1), _between(0, MAX_INTENSITY)


def _steps(text: str) -> tuple[str, ...]:
    from ..sketch import STEPS

    names = tuple(n.strip() for n in text.split(",") if n.strip() and n.strip() != "none")
    wrong = [n for n in names if n not in STEPS]
    if wrong:
        raise argparse.ArgumentTypeError(f"got {wrong[0]!r}, expected some of {','.join(STEPS)}, or none")
    return names
