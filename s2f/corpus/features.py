"""The columns of a corpus row, as `datasets` features, and rows → an Arrow table of them.

What a row does not know is null: the smiling photographs have no landmarks, action units or pose.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..expression import ACTION_UNITS, CLASSES
from ..sketch import STYLES

if TYPE_CHECKING:
    import pyarrow
    from datasets import Features

SPLITS = ("train", "validation", "test")
POINTS = 189
ARTIST = "artist"  # drawn by hand; only other people's sets have such pages
PAGE_STYLES = (*STYLES, ARTIST)
LOOK = ("skin", "hair", "eye", "lip")
COLUMNS: Mapping[str, str] = {
    "image": "the framed face, RGB: eyes level at 0.47 of the height and 0.24 of the width apart before the "
    "head turns",
    "sketch": "drawings of it: one channel, dark on white, two or more",
    "sketch_style": f"the style of each drawing, of {', '.join(STYLES)}",
    "expression": f"the class, of {', '.join(CLASSES)}",
    "intensity": "how strongly the class was acted; 1 is its prototype",
    "action_units": f"{len(ACTION_UNITS)} named facial action units, each 0-1; `_L` is the person's own left",
    "pose": "yaw, pitch and roll of the head in degrees; rows of one identity and pose are one sitting, "
    "with the same gaze, light and camera",
    "identity": "the same for all pictures of one (invented or real) person",
    "sources": "the photographed people behind it: host (hair, outline, ears) and donors (inner face)",
    "landmarks": f"{POINTS} points (x, y) in pixels of this image; pixel centres are whole numbers",
    "look": f"measured Lab colours of {', '.join(LOOK)}; hair is null for the bald",
    "gender": "as sampled, from what the source people said of themselves",
    "ethnicity": "as sampled, from what the source people said of themselves",
    "real": "true for the untouched neutral and smiling photographs",
    "seed": "with the arguments of the corpus, all that is needed to make this row again",
}


def features() -> Features:
    from datasets import Array2D, ClassLabel, Features, Image, List, Value

    number, text = Value("float32"), Value("string")
    return Features(
        image=Image(),
        sketch=List(Image()),
        sketch_style=List(ClassLabel(names=list(PAGE_STYLES))),
        expression=ClassLabel(names=list(CLASSES)),
        intensity=number,
        action_units=dict.fromkeys(ACTION_UNITS, number),
        pose={"yaw": number, "pitch": number, "roll": number},
        identity=text,
        sources={"host": text, "donors": List(text)},
        landmarks=Array2D((POINTS, 2), "float32"),
        look={name: List(number, length=3) for name in LOOK},
        gender=text,
        ethnicity=text,
        real=Value("bool"),
        seed=Value("int64"),
    )


def table(rows: Sequence[Mapping[str, Any]], note: Mapping[str, Any] | None = None) -> pyarrow.Table:
    """An Arrow table that `datasets` reads as these features; `note` is kept in its metadata, see `noted`."""
    from datasets import Dataset

    whole = [dict.fromkeys(COLUMNS) | dict(row) for row in rows]
    made = Dataset.from_list(whole, features=features()).data.table
    extra = {b"s2f": json.dumps(note, sort_keys=True).encode()} if note else {}
    return made.replace_schema_metadata({**made.schema.metadata, **extra}).combine_chunks()


def noted(schema: pyarrow.Schema) -> dict[str, Any]:
    """The note that `table` left; empty for any other table."""
    return json.loads((schema.metadata or {}).get(b"s2f", b"{}"))
