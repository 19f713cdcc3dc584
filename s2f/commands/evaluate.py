"""`s2f evaluate`: drawers and editors scored on people never seen, in figures, tables and contact sheets."""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import S2FError
from .files import whole

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLES = ("drawer", "editor", "sampler")
MADE_OF = {"drawer": "", "editor": "", "sampler": ", which makes faces of noise"}
TOLD = ("steps", "images_seen", "minutes")  # what a training script left that stays with the scores


def add_commands(commands: argparse._SubParsersAction[Any]) -> None:
    p = commands.add_parser(
        "evaluate", help="score drawers and editors on people never seen", allow_abbrev=False
    )
    p.add_argument("--corpus", required=True, help="folder or repository of a corpus")
    p.add_argument("--split", choices=("train", "validation", "test"), default="test", help="(default: test)")
    for role in ROLES:
        p.add_argument(
            f"--{role}",
            action="append",
            default=[],
            metavar="FOLDER",
            help=f"a trained {role}{MADE_OF[role]}; may be repeated",
        )
    p.add_argument(
        "--models",
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="drawers, editors, or folders that hold drawer/ and editor/ (default: the bundled ones)",
    )
    p.add_argument(
        "--judges",
        type=Path,
        metavar="FOLDER",
        help="with classifier/, alexnet/, identity/, reader/ (default: the bundled ones)",
    )
    p.add_argument(
        "--inception",
        type=Path,
        metavar="FILE",
        help="inception-2015-12-05.pt, for the usual Fréchet distance",
    )
    p.add_argument("--lpips", type=Path, metavar="FILE", help="vgg16.pt, for LPIPS")
    p.add_argument("--json", type=Path, metavar="FILE", help="all figures, for programs")
    p.add_argument("--markdown", type=Path, metavar="FILE", help="tables, for people")
    p.add_argument(
        "--sheets", type=Path, metavar="DIR", help="contact sheets: a sample and the worst of each"
    )
    p.add_argument(
        "--beside", action="store_true", help="also write metrics.json beside each model's weights"
    )
    p.add_argument(
        "--size", type=whole(64), default=256, help="pixels at which faces are compared (default: 256)"
    )
    p.add_argument("--limit", type=whole(2), metavar="N", help="people at most (default: all of the split)")
    p.set_defaults(run=run_evaluate)


def run_evaluate(args: argparse.Namespace) -> int:
    from ..evaluation import Judges, Published, evaluate, markdown, write_json

    homes = _homes(args)
    models = {role: {name: _load(home, role) for name, home in homes[role].items()} for role in ROLES}
    report = evaluate(
        args.corpus,
        drawers=models["drawer"],
        editors=models["editor"],
        samplers=models["sampler"],
        judges=Judges.load(args.judges),
        published=Published.load(args.inception, args.lpips),
        split=args.split,
        size=args.size,
        limit=args.limit,
        sheets=args.sheets,
    )
    for role in ROLES:
        for name, home in homes[role].items():
            report[f"{role}s"][name]["training"] = _training(home)
    if args.json:
        write_json(args.json, report)
    if args.markdown:
        args.markdown.parent.mkdir(parents=True, exist_ok=True)
        args.markdown.write_text(markdown(report) + "\n", encoding="utf-8")
    if args.beside:
        for role in ROLES:
            for name, home in homes[role].items():
                write_json(home / "metrics.json", _beside(report, report[f"{role}s"][name], home))
    if not (args.json or args.markdown or args.beside):
        sys.stdout.write(markdown(report) + "\n")
    return 0


def _homes(args: argparse.Namespace) -> dict[str, dict[str, Path]]:
    """{"drawer": {name: folder}, "editor": …}: what was named, else what comes with s2f."""
    from ..shipped import BUNDLED

    named = {role: [Path(folder) for folder in getattr(args, role)] for role in ROLES}
    bundle = [] if args.models or any(named.values()) else [BUNDLED]
    for folder in [*map(Path, args.models), *bundle]:
        if (folder / "config.json").exists():
            named[_role(folder)].append(folder)
            continue
        parts = [role for role in ROLES if (folder / role / "config.json").exists()]
        if not parts and folder not in bundle:
            raise S2FError(
                f"got {folder} without config.json, drawer/ or editor/, expected a model or a folder of "
                "both; name one that save_pretrained wrote"
            )
        for role in parts:
            named[role].append(folder / role)
    out: dict[str, dict[str, Path]] = {role: {} for role in ROLES}
    for role, folders in named.items():
        for folder in folders:
            name = folder.resolve().parent.name if folder.name in ROLES else folder.resolve().name
            name = "bundled" if folder.parent == BUNDLED else name
            if name in out[role]:
                raise S2FError(
                    f"got two {role}s called {name}, expected names that differ; rename one of their folders"
                )
            out[role][name] = folder
    return out


def _load(home: Path, role: str) -> Any:
    from ..models import load_model

    model = load_model(home)
    if _role_of(model) != role:
        raise S2FError(
            f"got a {type(model).__name__} in {home}, expected {_article(role)}; name another folder"
        )
    return model.eval()


def _role(home: Path) -> str:
    from ..models import load_model

    model = load_model(home)
    role = _role_of(model)
    if role is None:
        raise S2FError(
            f"got a {type(model).__name__} in {home}, expected a drawer or an editor (or what makes faces of "
            "noise); leave it out, or give it as one of --judges"
        )
    return role


def _role_of(model: Any) -> str | None:
    """By what it takes: a drawing, a face and what to make of it, or noise."""
    parameters = list(inspect.signature(model.forward).parameters.values())
    needed = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    if parameters[0].name in ("drawing", "sketch") and len(needed) == 1:
        return "drawer"
    if parameters[0].name == "noise" and len(needed) == 1:
        return "sampler"
    return "editor" if parameters[0].name == "face" and len(needed) == 2 else None


def _article(role: str) -> str:
    return f"an {role}" if role[0] in "aeiou" else f"a {role}"


def _training(home: Path) -> dict[str, Any]:
    """What a training script left beside the weights, with the pictures of the runs it went on from."""
    if not (home / "training.json").exists():
        return {}
    run: Any = json.loads((home / "training.json").read_text("utf-8"))
    told = {"resolution": run.get("resolution"), "images_seen": 0, "minutes": 0.0}
    while isinstance(run, dict):
        for much in ("images_seen", "minutes"):
            told[much] += run.get(much, 0)
        run = run.get("init")
    return told


def _beside(report: Mapping[str, Any], scores: Mapping[str, Any], home: Path) -> dict[str, Any]:
    """The scores of one model; what its training said of itself stays."""
    before: dict[str, Any] = {}
    if (home / "metrics.json").exists():
        before = json.loads((home / "metrics.json").read_text("utf-8"))
    training = before.get("training") or {k: before[k] for k in TOLD if k in before}
    shared = {k: report[k] for k in ("format", "version", "commit", "machine", "corpus")}
    own = {k: v for k, v in scores.items() if k != "training"}  # stands beside the weights already
    return {**shared, "training": training, "scores": own}
