"""`s2f publish` and `s2f card`: a trained model to the Hub, and what its card says."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..errors import ModelError


def add_commands(commands: argparse._SubParsersAction[Any]) -> None:
    p = commands.add_parser(
        "publish", help="a trained model → the Hub, with its card, in one commit", allow_abbrev=False
    )
    p.add_argument(
        "run_dir",
        type=Path,
        metavar="RUN_DIR",
        help="what a training script wrote, or a folder of drawer/ and editor/",
    )
    p.add_argument("--repo", metavar="ORG/NAME", help="the repository; made if it does not exist")
    p.add_argument("--private", action="store_true", help="make the repository private if it is made")
    p.add_argument("--pull-request", action="store_true", help="propose it, and leave main as it is")
    p.add_argument("--revision", metavar="BRANCH", help="(default: main); made if it does not exist")
    p.add_argument(
        "--onto", metavar="COMMIT", help="the last commit there, where others made it: publish on top of it"
    )
    p.add_argument(
        "--dataset",
        metavar="ORG/NAME[@REVISION]",
        help="the corpus it was trained on, for the card; checked to be that one",
    )
    p.add_argument("--message", help="of the commit")
    p.add_argument(
        "--dry-run", type=Path, metavar="DIR", help="write the folder that would be pushed, and push nothing"
    )
    p.add_argument("--json", action="store_true", help="print what was done as JSON")
    p.set_defaults(run=run_publish)

    p = commands.add_parser("card", help="the card of a trained model", allow_abbrev=False)
    p.add_argument(
        "run_dir", type=Path, metavar="RUN_DIR", help="folder of a model, or of drawer/ and editor/"
    )
    p.add_argument("--repo", metavar="ORG/NAME", help="the name by which it is to be loaded")
    p.add_argument("--out", "-o", type=Path, metavar="FILE", help="(default: print it)")
    p.set_defaults(run=run_card)


def run_publish(args: argparse.Namespace) -> int:
    from ..publishing import PLACEHOLDER, pack, publish, resolve_dataset, runs

    if args.repo is None and args.dry_run is None:
        raise ModelError("got no --repo, expected org/name to publish to; name one, or give --dry-run DIR")
    if args.dry_run is not None:
        dataset = resolve_dataset(args.dataset, runs(args.run_dir)) if args.dataset else None
        package = pack(args.run_dir, args.repo or PLACEHOLDER, dataset=dataset)
        where = package.write(args.dry_run)
        done: dict[str, Any] = {"folder": str(where), "files": sorted(package.files)}
        lines = [f"{args.run_dir} -> {where}, and nothing was pushed", *sorted(package.files)]
    else:
        made = publish(
            args.run_dir,
            args.repo,
            private=args.private,
            pull_request=args.pull_request,
            revision=args.revision,
            onto=args.onto,
            dataset=args.dataset,
            message=args.message,
        )
        done = {"repo": made.repo, "commit": made.commit, "url": str(made), "files": sorted(made.files)}
        lines = [f"{args.run_dir} -> {made}"]
    sys.stdout.write((json.dumps(done, indent=2) if args.json else "\n".join(lines)) + "\n")
    return 0


def run_card(args: argparse.Namespace) -> int:
    from ..publishing import PLACEHOLDER, card

    text = card(args.run_dir, args.repo or PLACEHOLDER)
    if args.out is None:
        sys.stdout.write(text)
        return 0
    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ModelError(
            f"got {args.out} to write ({error.strerror}), expected room to write; choose another --out"
        ) from None
    return 0
