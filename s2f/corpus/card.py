"""The dataset card, filled from the corpus itself: counts, columns, licences, consent, limits, a picture."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from .. import __version__
from ..errors import CorpusError
from ..expression import CLASSES
from ..sketch import EXTRACTED
from .features import COLUMNS, POINTS, features
from .sheet import _people, expressions_sheet, styles_sheet
from .store import aside
from .summary import Summary, read_rows, split_files

PICTURE = "card.jpg"
PLACEHOLDER = "org/name"  # until the corpus is pushed, which gives it a name
CELL = 160
TAGS = ("face", "sketch-to-image", "facial-expression", "action-units", "synthetic", "s2f")


def write_card(folder: Path, summary: Summary, manifest: Mapping[str, Any], name: str = PLACEHOLDER) -> None:
    """README.md and its picture, each whole or absent."""
    with aside(folder / PICTURE) as file:
        picture(folder).save(file, format="JPEG", quality=90)
    with aside(folder / "README.md") as file:
        file.write(text(summary, manifest, name).encode())


def picture(folder: Path) -> Image.Image:
    """Three people in all expressions above three pictures with their drawings."""
    files = split_files(folder)
    paths = files.get("train") or next(iter(files.values()))
    people = _people(paths, 3)
    above = expressions_sheet(people, CELL)
    columns = ["image", "sketch", "sketch_style", "expression", "intensity"]
    shown = list(read_rows(paths, columns, range(3)))
    below = styles_sheet(shown, CELL)
    whole = Image.new("RGB", (max(above.width, below.width), above.height + below.height), "white")
    whole.paste(above, (0, 0))
    whole.paste(below, (0, above.height))
    return whole


def text(summary: Summary, manifest: Mapping[str, Any], name: str = PLACEHOLDER) -> str:
    arguments = manifest["arguments"]
    real = sum(split["real"] for split in summary.splits.values())
    invented = sum(split["invented"] for split in summary.splits.values())
    renders = arguments["renders"]
    morphs = manifest["morphs"]
    values = {
        "front_matter": front_matter(summary),
        "title": "Faces drawn and acted",
        "name": name,
        "version": __version__,
        "rows": f"{summary.rows:,}",
        "invented_people": f"{invented:,}",
        "classes_per_person": f"{len(CLASSES)} expressions"
        if renders >= len(CLASSES)
        else f"{renders} of seven expressions",
        "real_sentence": f", and {real} untouched photographs of real people (`real` is true)"
        if real
        else "",
        "points": str(POINTS),
        "extracted": ", ".join(f"`{style}`" for style in EXTRACTED),
        "arguments": ", ".join(f"{key} {value}" for key, value in arguments.items()),
        "rejected": _rejected(morphs),
        "split_table": _split_table(summary),
        "class_table": _counts("class", summary.classes),
        "group_table": _counts("gender, ethnicity", summary.groups),
        "style_table": _counts("style", summary.styles),
        "worn_table": _counts("worn", summary.worn) if any(summary.worn.values()) else "Nobody noted it.",
        "column_table": _table(("column", "what"), [(f"`{key}`", what) for key, what in COLUMNS.items()]),
        "unknown": "the hair colour of the bald"
        + ("; the smiling photographs' landmarks, action units, pose and intensity." if real else "."),
        "libraries": ", ".join(f"{key} {value}" for key, value in manifest["libraries"].items()),
    }
    return fill(template("corpus.md"), values)


def _rejected(morphs: Mapping[str, Any]) -> str:
    why = ", ".join(f"{reason} {count}" for reason, count in morphs["rejected"].items())
    return f"{sum(morphs['rejected'].values())} morphs were thrown away ({morphs['reject_rate']:.1%})" + (
        f": {why}." if why else "."
    )


def template(file: str) -> str:
    """A card's template: beside the package in a clone, inside it when installed."""
    here = Path(__file__).resolve().parents[1]
    for folder in (here / "model_cards", here.parent / "model_cards"):
        if (folder / file).is_file():
            return (folder / file).read_text("utf-8")
    raise CorpusError(
        f"got an installation without model_cards/{file}, expected that template; install s2f again"
    )


def fill(source: str, values: Mapping[str, str]) -> str:
    """Put every value in its {{ place }}; a place without a value, or a value without one, is our mistake."""
    places = set(re.findall(r"{{ (\w+) }}", source))
    assert places == set(values), places ^ set(values)
    return re.sub(r"{{ (\w+) }}", lambda found: values[found[1]], source)


def front_matter(summary: Summary) -> str:
    """What the Hub and `datasets` read: licence, files, features and sizes."""
    from datasets import DatasetInfo, SplitDict, SplitInfo
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCardData

    splits = SplitDict()
    for split, counts in summary.splits.items():
        splits.add(SplitInfo(name=split, num_bytes=counts["bytes"], num_examples=counts["rows"]))
    size = sum(counts["bytes"] for counts in summary.splits.values())
    info = DatasetInfo(features=features(), splits=splits, download_size=size, dataset_size=size)
    data = DatasetCardData(
        license="cc-by-4.0",
        pretty_name="Faces drawn and acted",
        tags=list(TAGS),
        task_categories=["image-to-image", "image-classification"],
        size_categories=[_size_category(summary.rows)],
        source_datasets=["original"],
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": s, "path": f"data/{s}-*.parquet"} for s in summary.splits],
            }
        ],
    )
    DatasetInfosDict({"default": info}).to_dataset_card_data(data)
    return data.to_yaml().rstrip()


def _size_category(rows: int) -> str:
    bounds = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M")]
    return next((name for most, name in bounds if rows < most), "1M<n<10M")


def _split_table(summary: Summary) -> str:
    lines = [
        (
            split,
            f"{counts['rows']:,}",
            str(counts["invented"]),
            str(len(summary.sources[split])),
            str(counts["real"]),
            f"{counts['bytes'] / 1e6:,.1f}",
        )
        for split, counts in summary.splits.items()
    ]
    return _table(("split", "rows", "invented people", "source people", "real rows", "MB"), lines)


def _counts(what: str, tables: Mapping[str, Counter[str]]) -> str:
    names = list(dict.fromkeys(name for table in tables.values() for name in table))
    return _table((what, *tables), [(name, *(f"{t[name]:,}" for t in tables.values())) for name in names])


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
