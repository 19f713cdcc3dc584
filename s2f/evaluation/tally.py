"""Measures of single pictures → figures with n and 95 % intervals, of all and of every part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..corpus.features import PAGE_STYLES
from ..expression import CLASSES
from ..metrics import Figure, confusion, distance, frechet, kernel, mean, rate

# Measures whose mean is taken of logarithms: twice as sharp and half as sharp balance each other.
RATIOS = frozenset({"high-frequency energy"})


@dataclass(frozen=True, eq=False)
class Tally:
    """One column for each measure, one row for each picture; booleans become rates, numbers means."""

    measures: Mapping[str, np.ndarray]
    parts: Mapping[str, np.ndarray]  # by what the figures are also given: "style", "class", "group"; names
    people: np.ndarray  # (N,)
    made: np.ndarray | None = None  # (N, d) features of what was made
    true: np.ndarray | None = None  # (N, d) features of what it should be

    def figures(self) -> dict[str, Any]:
        """{"all": …, "by style": {"freehand": …}, …}."""
        out: dict[str, Any] = {"all": self._of(np.ones(len(self.people), bool), distances=True)}
        for part, names in self.parts.items():
            known = [name for name in (*CLASSES, *PAGE_STYLES) if name in names]
            order = known or sorted(set(names.tolist()))
            out[f"by {part}"] = {name: self._of(names == name, distances=part == "style") for name in order}
        return out

    def _of(self, chosen: np.ndarray, distances: bool) -> dict[str, Figure]:
        people = self.people[chosen]
        out: dict[str, Figure] = {}
        for name, column in self.measures.items():
            some = column[chosen]
            if column.dtype == bool:
                out[name] = rate(some)
            elif name in RATIOS:
                figure = mean(np.log(np.maximum(some, 1e-6)), people)
                for key in ("mean", "interval95"):
                    figure[key] = np.exp(figure[key]).tolist()
                out[name] = figure
            else:
                out[name] = mean(some, people)
        if distances and self.made is not None and self.true is not None:
            for name, measure in (("fréchet distance", frechet), ("kernel distance", kernel)):
                out[name] = distance(measure, self.true[chosen], self.made[chosen])
        return out


def confusions(truth: np.ndarray, guess: Mapping[str, np.ndarray]) -> dict[str, list[list[int]]]:
    """Of each classifier: counts, row = truth, column = what it named, in the order of CLASSES."""
    return {name: confusion(truth.tolist(), named.tolist()).tolist() for name, named in guess.items()}


def spread(figures: Mapping[str, Any], part: str = "by group") -> dict[str, Any]:
    """Between which parts every measure lies, such as the groups of people."""
    out = {}
    groups = figures.get(part, {})
    for name in figures["all"]:
        told = {g: f[name] for g, f in groups.items() if name in f and f[name]["n"]}
        values = {g: f["rate" if "rate" in f else "mean"] for g, f in told.items()}
        if len(values) > 1:
            low, high = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
            out[name] = {"lowest": [low, values[low]], "highest": [high, values[high]]}
    return out
