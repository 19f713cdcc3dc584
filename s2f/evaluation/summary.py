"""One line for each system: what of all the figures is compared first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# Head, measure, decimals; a rate is shown in percent. From pixels to people.
SHARED = (
    ("SSIM", "ssim", 3),
    ("PSNR", "psnr", 1),
    ("sharpness", "high-frequency energy", 2),
    ("Fréchet", "fréchet distance", 4),
    ("kernel", "kernel distance", 4),
    ("expression error", "expression error", 1),
    ("action units", "action-unit error", 3),
    ("identity", "identity cosine", 3),
    ("rank 1", "identity rank 1", 1),
)
COLUMNS = {
    "drawers": (*SHARED, ("sketch", "sketch fidelity", 3)),
    "editors": (*SHARED, ("backdrop", "backdrop change, levels of 255", 1)),
    "samplers": SHARED,
}


def summary(report: Mapping[str, Any], kind: str) -> list[str]:
    """The table of a kind: a system in every line, in the order of the report; what is exact comes first."""
    lines = [_line(["the faces themselves", "", "", "", *_cells(report["truth"], kind)])]
    if kind == "editors" and "unchanged" in report:
        lines.append(_line(["faces left as they are", "", "", "", *_cells(report["unchanged"], kind)]))
    for name, told in report[kind].items():
        lines.append(_line([f"**{name}**", *_about(told), *_cells(told, kind)]))
    if kind == "drawers":
        for name, told in report.get("samplers", {}).items():
            lines.append(_line([f"**{name}**, from noise", *_about(told), *_cells(told, kind)]))
            if told["reconstruction"]:
                found = {"figures": {"all": told["reconstruction"]}}
                lines.append(_line([f"{name}, people looked for", "", "", "", *_cells(found, kind)]))
    head = ["system", "million", "pixels", "seen", *(title for title, _, _ in COLUMNS[kind]), _last(kind)]
    return [_line(head), "|---" + "|---:" * (len(head) - 1) + "|", *lines]


def _last(kind: str) -> str:
    return "as asked" if kind == "editors" else "variety"


def _cells(told: Mapping[str, Any], kind: str) -> list[str]:
    figures = told["figures"]["all"]
    cells = [_cell(figures.get(measure), decimals) for _, measure, decimals in COLUMNS[kind]]
    if kind == "editors":
        asked = told.get("as asked", {}).get("figures", {}).get("all", {})
        return [*cells, _cell(asked.get("expression error"), 1)]
    return [*cells, _cell((told.get("diversity") or {}).get("spread, levels of 255"), 1)]


def _about(told: Mapping[str, Any]) -> list[str]:
    """Parameters in millions, side of its pictures, thousands of pictures seen."""
    count, seen = told["model"]["parameters"], told.get("training", {}).get("images_seen")
    side = told.get("training", {}).get("resolution") or told["model"].get("size")
    return [
        f"{count / 1e6:.2f}" if count else "–",
        f"{side}²" if side else "–",
        f"{seen / 1000:.0f} k" if seen else "–",
    ]


def _cell(figure: Mapping[str, Any] | None, decimals: int) -> str:
    if figure is None or not figure.get("n"):
        return "–"
    if "rate" in figure:
        return f"{100 * figure['rate']:.{decimals}f} %"
    return f"{figure['mean']:.{decimals}f}" if math.isfinite(figure["mean"]) else "–"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
