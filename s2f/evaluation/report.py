"""The figures as JSON for programs and as Markdown for people."""

from __future__ import annotations

import json
import math
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..expression import CLASSES
from .summary import summary

FORMAT = "s2f-metrics-1"
SHOWN = {  # what a table shows of each measure: how many decimals, and whether it is a share shown in percent
    "rate": lambda v: f"{100 * v:.1f} %",
    "mean": lambda v: f"{v:.3f}" if abs(v) < 10 else f"{v:.1f}",
}


def provenance() -> dict[str, Any]:
    """The code and the kind of machine; whose machine it is, nobody needs to know."""
    return {"version": __version__, "commit": _commit(), "machine": machine()}


def machine() -> dict[str, Any]:
    kind = platform.processor() or platform.machine()
    about = Path("/proc/cpuinfo")
    if about.exists() and (named := re.search(r"model name\s*: (.+)", about.read_text(errors="replace"))):
        kind = named[1].strip()
    return {"cores": os.cpu_count(), "kind": kind}


def _commit() -> str | None:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def write_json(path: Path, report: Mapping[str, Any]) -> None:
    """Complete or absent; what was not measured is null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(json.dumps(_plain(report), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    aside.replace(path)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def markdown(report: Mapping[str, Any]) -> str:
    """For each kind a line for each system, then all figures of each, then each by its parts."""
    corpus = report["corpus"]
    lines = ["# Scores", ""]
    lines += [
        f"{corpus['people']} people never seen in training, {corpus['faces']} faces, split "
        f"`{corpus['split']}`, at {corpus['size']} pixels. "
        "In brackets 95 % intervals; n is the count of pictures.",
        "",
    ]
    for role in ("drawers", "editors"):
        systems = report.get(role, {})
        if systems:
            lines += [f"## {role.capitalize()}", "", *summary(report, role), ""]
            rows = {name: told["figures"]["all"] for name, told in systems.items()}
            lines += _table(rows, "system") + [""]
    for role in ("drawers", "editors"):
        for name, told in report.get(role, {}).items():
            lines += _parts(name, told)
    lines += _parts("The corpus's own faces", report["truth"])
    for what in ("real smiles read as happy", "real neutral faces read as neutral"):
        said = "; ".join(f"{judge} {cell(figure)}" for judge, figure in report["truth"][what].items())
        lines += [f"Photographs, {what}: {said}.", ""]
    return "\n".join(lines)


def _parts(name: str, told: Mapping[str, Any]) -> list[str]:
    lines = [f"## {name}", ""]
    for part, rows in told["figures"].items():
        if part != "all":
            lines += _table(rows, part.removeprefix("by ")) + [""]
    for asked in ("as asked", "as asked, real people"):
        if asked in told:
            lines += [
                f"### {asked.capitalize()}",
                "",
                *_table(told[asked]["figures"]["by class"], "class"),
                "",
            ]
    for judge, counts in told["confusion"].items():
        lines += [f"What the {judge} named (columns) of what it should be (rows):", ""]
        lines += _grid(
            ["", *CLASSES], ([c, *map(str, row)] for c, row in zip(CLASSES, counts, strict=True))
        ) + [""]
    return lines


def _table(rows: Mapping[str, Mapping[str, Any]], first: str) -> list[str]:
    """Measures down, systems or parts across: there are more measures than a line can hold."""
    measures = list(dict.fromkeys(m for figures in rows.values() for m in figures))
    body = ([m, *(cell(figures.get(m)) for figures in rows.values())] for m in measures)
    return _grid([first, *rows], body)


def cell(figure: Mapping[str, Any] | None) -> str:
    """'4.1 % [3.2, 5.3] n 490'."""
    if figure is None or not figure.get("n"):
        return "–"
    kind = "rate" if "rate" in figure else "mean"
    show = SHOWN[kind]
    low, high = figure["interval95"]
    said = show(figure[kind])
    if math.isfinite(low) and math.isfinite(high):
        said += f" [{show(low).removesuffix(' %')}, {show(high).removesuffix(' %')}]"
    return f"{said} n {figure['n']}"


def _grid(head: list[str], body: Iterable[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in body]
