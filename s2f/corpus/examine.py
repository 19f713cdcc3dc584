"""Is a corpus what it says: a description for people, and checks that pass or fail."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .summary import Summary, group_name, opened, split_files, summarise

MOST_LANDMARK_ERROR = 0.35  # pixels at 512, mean
MOST_NEUTRAL_DIFFERENCE = 1.0  # grey levels, mean
MOST_IMBALANCE = 1.34  # the largest class or group to the smallest


@dataclass(frozen=True)
class Check:
    what: str
    good: bool
    found: str


def describe(folder: Path, summary: Summary, manifest: Mapping[str, Any]) -> str:
    lines = [f"{folder}: {summary.rows} rows" + ("" if manifest.get("complete") else ", UNFINISHED")]
    lines.append("arguments  " + ", ".join(f"{k} {v}" for k, v in manifest["arguments"].items()))
    if "morphs" in manifest:
        morphs = manifest["morphs"]
        reasons = "".join(f", {why} {n}" for why, n in morphs["rejected"].items())
        lines.append(f"morphs     {morphs['kept']} kept, {morphs['reject_rate']:.1%} rejected{reasons}")
    for split, counts in summary.splits.items():
        lines.append(
            f"{split:10} {counts['rows']} rows of {counts['invented']} invented and {counts['photographed']} "
            f"photographed people, from {len(summary.sources[split])} source people; "
            f"{counts['bytes'] / 1e6:.1f} MB in {counts['files']} files"
        )
        for tables in (summary.classes, summary.groups, summary.styles, summary.worn):
            if not tables[split]:
                continue
            lines.append("           " + ", ".join(f"{name} {n}" for name, n in tables[split].items()))
    return "\n".join(lines)


def check_folder(folder: str | Path) -> list[Check]:
    folder = Path(folder)
    summary = summarise(folder)
    leaks = summary.leaks()
    checks = [
        Check(
            "source people in one split only",
            not leaks,
            f"{sum(map(len, summary.sources.values()))} people"
            if not leaks
            else f"in several: {', '.join(leaks[:8])}",
        )
    ]
    for split, files in split_files(folder).items():
        rows = _invented(files)
        checks += [
            _balance(f"{split}: classes", Counter(row["expression"] for row in rows), 7),
            _balance(f"{split}: styles", _styles(rows), 1),
        ]
        people = {row["identity"]: group_name(row["gender"], row["ethnicity"]) for row in rows}
        checks.append(_balance(f"{split}: groups of people", Counter(people.values()), 1))
        checks += _worn(split, rows)
    return checks


def _worn(split: str, rows: list[dict[str, Any]]) -> list[Check]:
    """Who wears something wears it in all pictures; corpora of earlier versions do not say."""
    given: dict[str, set[tuple[bool, ...]]] = defaultdict(set)
    for row in rows:
        if row.get("worn"):
            given[row["identity"]].add(tuple(row["worn"].values()))
    changing = sorted(name for name, kinds in given.items() if len(kinds) > 1)
    found = f"{len(given)} people" if not changing else f"not {', '.join(changing[:8])}"
    return [Check(f"{split}: people wear the same in all pictures", not changing, found)] if given else []


def _invented(files: list[Path]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    columns = ["expression", "sketch_style", "identity", "gender", "ethnicity", "real"]
    for path in files:
        with opened(path) as file:
            known = [*columns, *(name for name in ("worn",) if name in file.schema_arrow.names)]
            rows += [row for row in file.read(columns=known).to_pylist() if not row["real"]]
    return rows


def _styles(rows: list[dict[str, Any]]) -> Counter[int]:
    """The first drawing is always freehand; the others take turns."""
    return Counter(style for row in rows for style in row["sketch_style"] if style != row["sketch_style"][0])


def _balance(what: str, counts: Counter[Any], least: int) -> Check:
    """Few rows cannot be even: a difference of one is allowed, and so are too few rows to have them all."""
    most, fewest = max(counts.values(), default=0), min(counts.values(), default=0)
    enough = len(counts) >= least or sum(counts.values()) < least
    even = most <= max(MOST_IMBALANCE * fewest, fewest + 1)
    return Check(f"{what} even", enough and even, f"{len(counts)} kinds, from {fewest} to {most} each")


def check_sources(pack: str | Path, people: int, seed: int = 0) -> list[Check]:
    """The generator on some of the source people, spread over the pack."""
    import numpy as np

    from .checks import landmark_error, neutral_difference
    from .fit import fit
    from .kit import load_kit
    from .portraits import load_portraits

    faces, kit = load_portraits(pack), load_kit(pack)
    chosen = [faces[k] for k in np.linspace(0, len(faces) - 1, min(people, len(faces))).astype(int)]
    fitted = [fit(face, kit) for face in chosen]
    error = landmark_error(fitted, np.random.default_rng(seed))
    differences = [neutral_difference(person) for person in fitted]
    mean, most = float(np.mean([d[0] for d in differences])), max(d[1] for d in differences)
    return [
        Check(
            "landmarks lie where the picture went",
            error.mean <= MOST_LANDMARK_ERROR,
            f"{error.mean:.2f} px on average, {error.p95:.2f} px at the 95th percentile, n = {error.count}",
        ),
        Check(
            "the rendered neutral face is the photograph",
            mean <= MOST_NEUTRAL_DIFFERENCE,
            f"{mean:.2f} grey levels on average, {most} at most, over {len(differences)} people",
        ),
    ]
