"""`s2f export`: a drawer or an editor for programs that have no torch."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from .files import whole


def add_commands(commands: argparse._SubParsersAction[Any]) -> None:
    p = commands.add_parser("export", help="a drawer or an editor → ONNX or OpenVINO", allow_abbrev=False)
    p.add_argument("model", help="folder or repository")
    p.add_argument("--subfolder", help="where it is in a repository of several, such as drawer")
    p.add_argument("--revision", help="branch, tag or commit of a repository")
    p.add_argument("--format", choices=("onnx", "openvino"), default="onnx", help="(default: onnx)")
    p.add_argument("--out", "-o", type=Path, required=True, metavar="FILE", help="NAME.onnx or NAME.xml")
    p.add_argument("--size", type=whole(64), help="pixels of a side (default: the model's own)")
    p.add_argument("--batch", type=whole(1), default=1, help="pictures at once (default: 1)")
    p.add_argument("--json", action="store_true", help="print what was done as JSON")
    p.set_defaults(run=run_export)


def run_export(args: argparse.Namespace) -> int:
    from ..export import export
    from ..models import load_model

    model = load_model(args.model, args.subfolder, revision=args.revision)
    done = export(model, args.out, args.format, size=args.size, batch=args.batch)
    data = {"file": str(done.path), "inputs": list(done.inputs), "error": done.error}
    sys.stdout.write((json.dumps(data, indent=2) if args.json else str(done)) + "\n")
    return 0
