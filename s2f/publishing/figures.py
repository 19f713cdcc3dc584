"""What a metrics file holds, whatever its shape: figures {"rate" or "mean", "n", "interval95"} and numbers.

{"test": {"invented": {figure, "by_group": {"white": figure}}}}       as train/classifier.py writes it
{"scores": {"figures": {"all": {"ssim": figure}, "by group": …}}}      as `s2f evaluate --beside` does
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ModelError

DEEPEST = 12
MOST = 5000
HIDDEN = ("figures", "all", "")  # steps of a path that name nothing
TOLD = ("steps", "images_seen", "minutes", "unread")  # of the run, not of what it made
KIND = "by kind"
ACROSS = 7  # parts that a table can hold beside each other


@dataclass(frozen=True)
class Measured:
    """One value of a metrics file: what it is of, for which part of the data, and how sure it is."""

    of: str
    value: float
    rate: bool = False
    n: int | None = None
    interval: tuple[float, float] | None = None
    by: str | None = None  # "group"
    part: str | None = None  # "white"

    def __str__(self) -> str:
        said = self._show(self.value)
        if self.interval is not None:
            low, high = (self._show(bound).removesuffix(" %") for bound in self.interval)
            said += f" [{low}, {high}]"
        return said

    def _show(self, value: float) -> str:
        if self.rate:
            return f"{100 * value:.1f} %"
        if value == int(value) and abs(value) < 1e6 and self.n is None:
            return str(int(value))
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def split_of(metrics: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """What a card is about: the people never seen, where they were measured; and the split's name."""
    if isinstance(scores := metrics.get("scores"), Mapping):
        corpus = metrics.get("corpus")
        return str(corpus.get("split", "test") if isinstance(corpus, Mapping) else "test"), scores
    for split in ("test", "validation"):
        if isinstance(inside := metrics.get(split), Mapping):
            return split, inside
    return "test", metrics


def measured(metrics: Mapping[str, Any]) -> list[Measured]:
    """Every value of the split shown, in the file's order."""
    _, tree = split_of(metrics)
    found = []
    for one in _walk(tree, (), DEEPEST):
        found.append(one)
        if len(found) > MOST:
            raise ModelError(
                f"got metrics of over {MOST:,} values, expected what a card can hold; write fewer of them"
            )
    return found


def _walk(tree: Mapping[str, Any], path: tuple[str, ...], left: int) -> Iterator[Measured]:
    if left == 0:
        raise ModelError(
            f"got metrics nested more than {DEEPEST} deep, expected those of `s2f evaluate`; write them anew"
        )
    kinds = set() if any(step.startswith("by") for step in path) else _kinds(tree)
    for key, value in tree.items():
        if not path and key in TOLD:
            continue
        here = (*path, KIND, str(key)) if key in kinds else (*path, str(key))
        if (one := _value(value, here)) is not None:
            yield one
        if isinstance(value, Mapping):
            yield from _walk(_without_figure(value), here, left - 1)


def _kinds(tree: Mapping[str, Any]) -> set[str]:
    """Siblings that are measured alike, such as photographs, pencil and contour, are parts of one table."""
    alike = {
        key: {name for name, inner in value.items() if _value(inner, (name,)) is not None}
        for key, value in tree.items()
        if isinstance(value, Mapping) and _value(value, (key,)) is None and not key.startswith("by")
    }
    measures = [names for names in alike.values() if names]
    shared = set.intersection(*measures) if len(measures) > 2 else set()
    return {key for key, names in alike.items() if names} if shared else set()


def _value(value: Any, path: tuple[str, ...]) -> Measured | None:
    kind = ""
    n = interval = None
    if isinstance(value, Mapping):
        kind = next((name for name in ("rate", "mean") if name in value and "n" in value), "")
        if not kind or not value["n"]:
            return None
        n, interval, value = value["n"], value.get("interval95"), value[kind]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    of, by, part = _named(path)
    return Measured(of, value, kind == "rate", _whole(n), _pair(interval), by, part)


def _whole(n: Any) -> int | None:
    return n if isinstance(n, int) else None


def _pair(interval: Any) -> tuple[float, float] | None:
    good = isinstance(interval, Sequence) and len(interval) == 2
    if good and all(isinstance(b, int | float) and math.isfinite(b) for b in interval):
        return float(interval[0]), float(interval[1])
    return None


def _without_figure(value: Mapping[str, Any]) -> Mapping[str, Any]:
    if "n" not in value:
        return value
    return {k: v for k, v in value.items() if k not in ("rate", "mean", "n", "interval95")}


def _named(path: tuple[str, ...]) -> tuple[str, str | None, str | None]:
    """("as asked", "figures", "by class", "happy", "ssim") → "as asked: ssim", "class", "happy"."""
    by = part = None
    for n, step in enumerate(path[:-1]):
        if match := re.fullmatch(r"by[ _](.+)", step):
            by, part = match[1].replace("_", " "), path[n + 1]
            path = (*path[:n], *path[n + 2 :])
            break
    words = [step.replace("_", " ") for step in path if step not in HIDDEN]
    return ": ".join(words), by, part


# ---------------------------------------------------------------- tables


def chosen(values: Sequence[Measured], wanted: Sequence[str]) -> list[Measured]:
    """Those whose name is wanted, in that order; all where none is."""
    order = {name: n for n, name in enumerate(wanted)}
    some = [one for one in values if one.of in order]
    return sorted(some, key=lambda one: order[one.of]) if some else list(values)


def key_table(values: Sequence[Measured]) -> str:
    """Of everything together: one line a measure."""
    rows = [(one.of, str(one), "" if one.n is None else f"{one.n:,}") for one in values if one.by is None]
    return table(("measure", "value [95 % interval]", "n"), rows) if rows else ""


def part_table(values: Sequence[Measured], by: str) -> str:
    """Of each part of the data: measures down and parts across, or the other way where there are many."""
    some = [one for one in values if one.by == by]
    measures = list(dict.fromkeys(one.of for one in some))
    parts = list(dict.fromkeys(str(one.part) for one in some))
    cells = {(one.of, one.part): str(one) + ("" if one.n is None else f", n {one.n:,}") for one in some}
    if not some:
        return ""
    if len(parts) <= ACROSS:
        rows = [[m or "value", *(cells.get((m, p), "–") for p in parts)] for m in measures]
        return table(["measure", *parts], rows)
    rows = [[p, *(cells.get((m, p), "–") for m in measures)] for p in parts]
    return table([by, *(m or "value" for m in measures)], rows)


def parts(values: Sequence[Measured]) -> list[str]:
    """By what the values are also given, such as "group"."""
    return list(dict.fromkeys(one.by for one in values if one.by is not None))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(plain(cell) for cell in line) + " |" for line in lines)


def plain(text: object) -> str:
    """Words from a file, harmless in Markdown: no markup, no cell or line of their own."""
    line = " ".join(str(text).split())[:300]
    return re.sub(r"[<>|`\\]|\]\(", lambda found: _ESCAPED.get(found[0], ""), line)


_ESCAPED = {"<": "&lt;", ">": "&gt;", "|": "&#124;", "](": "] ("}
