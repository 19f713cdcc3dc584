"""Sets of many photographs: FER2013, AFAD, FFHQ, CelebA-HQ, and any folder with one subfolder per label."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ...errors import CorpusError, ImageError
from .labels import FER_2013, class_of, is_label
from .samples import Adapter, Layout, Sample, pictures, split_of

_FER_SIDE = 48
_FER_FOLDER = re.compile(
    r"(?:^|/)(train|test|val|valid|validation)/(angry|disgust|fear|happy|neutral|sad|surprise)/[^/]+$", re.I
)
_AFAD = re.compile(r"(?:^|/)(\d{2})/(111|112)/([^/]+)\.jpe?g$", re.I)
_AFAD_GENDER = {"111": "male", "112": "female"}
_ADULT = 18
_FFHQ = re.compile(
    r"(?:^|(?:^|/)(?:\d{2}000|images1024x1024|thumbnails128x128|ffhq[^/]*)/)(\d{5})\.(?:png|jpe?g)$", re.I
)
_FFHQ_TRAINING = 60_000  # "the first 60,000 images" train, the last 10,000 validate
_CELEBA = re.compile(r"(?:^|/)CelebA-HQ-img/(\d+)\.(?:jpe?g|png)$", re.I)
_CELEBA_SPLIT = re.compile(r"(?:^|/)celeba_hq/(train|val|test)/(male|female)/(\d+)\.(?:jpe?g|png)$", re.I)
_CELEBA_TRAIN, _CELEBA_VALIDATION = 162_770, 182_637  # last pictures of CelebA's official parts


def _fer_tables(layout: Layout) -> list[str]:
    return [file for file in layout.files if file.lower().endswith(".csv") and _fer_columns(layout, file)]


def _fer_columns(layout: Layout, file: str) -> bool:
    try:
        with (layout.folder / file).open(encoding="utf-8-sig") as table:
            head = {column.strip().lower() for column in table.readline(1000).split(",")}
    except (OSError, UnicodeDecodeError):
        return False
    return "pixels" in head


def _fer(layout: Layout, passed: Counter[str]) -> Iterator[Sample]:
    for file in _fer_tables(layout):
        yield from _fer_table(layout, file, passed)
    for file in pictures(layout.files):
        if match := _FER_FOLDER.search(file):
            # nobody is named: every picture is a person of its own
            yield Sample(file, layout.picture(file), file, class_of(match[2]), split=split_of(match[1]))


def _fer_table(layout: Layout, file: str, passed: Counter[str]) -> Iterator[Sample]:
    with (layout.folder / file).open(encoding="utf-8-sig", newline="") as table:
        for number, row in enumerate(csv.DictReader(table)):
            cells = {(key or "").strip().lower(): str(value or "").strip() for key, value in row.items()}
            label = cells.get("emotion", "")
            if label and (not label.isdecimal() or int(label) not in FER_2013):
                passed["without a label"] += 1
                continue
            word = FER_2013[int(label)] if label else ""
            name = class_of(word)
            if word and name is None:
                passed[f"{word}: not one of our classes"] += 1
                continue
            subject = f"{file.rsplit('/', 1)[-1].removesuffix('.csv')}-{number:05d}"
            read = partial(_pixels, cells["pixels"])
            yield Sample(f"{file}:{number}", read, subject, name, split=split_of(cells.get("usage", "")))


def _pixels(text: str) -> np.ndarray:
    numbers = text.split()
    if len(numbers) != _FER_SIDE**2 or not all(n.isdecimal() and int(n) < 256 for n in numbers):
        raise ImageError(
            f"got {len(numbers)} entries, expected {_FER_SIDE**2} numbers from 0 to 255; copy the table again"
        )
    gray = np.array(numbers, np.uint8).reshape(_FER_SIDE, _FER_SIDE)
    return np.repeat(gray[..., None], 3, axis=2)


def _afad(layout: Layout, passed: Counter[str]) -> Iterator[Sample]:
    for file in layout.files:
        if match := _AFAD.search(file):
            if int(match[1]) < _ADULT:
                passed["under 18"] += 1
                continue
            # 292943-0.jpg and 292943-1.jpg share a number: taken for one person, so that no split parts them
            subject = match[3].split("-")[0]
            yield Sample(
                file, layout.picture(file), subject, gender=_AFAD_GENDER[match[2]], ethnicity="asian"
            )


def _ffhq(layout: Layout, passed: Counter[str]) -> Iterator[Sample]:
    for file in layout.files:
        if match := _FFHQ.search(file):
            split = "train" if int(match[1]) < _FFHQ_TRAINING else "validation"
            yield Sample(file, layout.picture(file), match[1], split=split)


def _celeba_hq(layout: Layout, passed: Counter[str]) -> Iterator[Sample]:
    says = _celeba_attributes(layout)
    original = _celeba_originals(layout)
    for file in layout.files:
        if match := _CELEBA.search(file):
            about = says.get(f"{int(match[1])}.jpg", {})
            yield Sample(
                file,
                layout.picture(file),
                match[1],
                # a face that does not smile is not for that neutral
                "happy" if about.get("Smiling") == 1 else None,
                gender={1: "male", -1: "female"}.get(about.get("Male", 0), ""),
                split=_celeba_part(original.get(int(match[1]))),
            )
        elif match := _CELEBA_SPLIT.search(file):
            split = split_of(match[1])
            yield Sample(file, layout.picture(file), match[3], gender=match[2].lower(), split=split)


def _celeba_attributes(layout: Layout) -> dict[str, dict[str, int]]:
    """Picture -> attribute -> 1 or -1; the second line names the attributes."""
    file = layout.named("CelebAMask-HQ-attribute-anno.txt")
    lines = layout.text(file).splitlines() if file else []
    names = lines[1].split() if len(lines) > 1 else []
    try:
        rows = [line.split() for line in lines[2:] if line.strip()]
        return {row[0]: dict(zip(names, map(int, row[1:]), strict=True)) for row in rows}
    except ValueError as error:
        raise CorpusError(
            f"got {layout.folder / str(file)} ({error}), expected 1 or -1 for each attribute; copy it again"
        ) from None


def _celeba_originals(layout: Layout) -> dict[int, int]:
    """Number here -> number in CelebA, which is what the official parts go by."""
    file = layout.named("CelebA-HQ-to-CelebA-mapping.txt")
    rows = [line.split() for line in layout.text(file).splitlines()[1:]] if file else []
    return {int(row[0]): int(row[2].split(".")[0]) for row in rows if len(row) >= 3}


def _celeba_part(number: int | None) -> str | None:
    if number is None:
        return None
    return "train" if number <= _CELEBA_TRAIN else "validation" if number <= _CELEBA_VALIDATION else "test"


def _label_of(file: str) -> str:
    parts = file.split("/")
    return parts[-2] if len(parts) > 1 else ""


def _labelled(layout: Layout, passed: Counter[str]) -> Iterator[Sample]:
    for file in pictures(layout.files):
        word, name = _label_of(file), class_of(_label_of(file))
        if name is None:
            passed[
                f"{word.lower()}: not one of our classes" if is_label(word) else "outside a label's folder"
            ] += 1
            continue
        split = next((s for part in file.split("/")[:-2] if (s := split_of(part))), None)
        yield Sample(file, layout.picture(file), file.rsplit(".", 1)[0], name, split=split)


def _any(pattern: re.Pattern[str]) -> Callable[[Layout], bool]:
    return lambda layout: any(map(pattern.search, layout.files))


FER2013 = Adapter(
    "FER2013",
    "fer2013.csv with emotion,pixels,Usage or train/happy/*.jpg",
    lambda layout: bool(_fer_tables(layout)) or any(map(_FER_FOLDER.search, layout.files)),
    _fer,
)
AFAD = Adapter("Asian Face Age Dataset", "AFAD-Full/18/111/*.jpg", _any(_AFAD), _afad)
FFHQ = Adapter("Flickr-Faces-HQ", "00000/00000.png or images1024x1024/00000.png", _any(_FFHQ), _ffhq)
CELEBA_HQ = Adapter(
    "CelebA-HQ",
    "CelebA-HQ-img/0.jpg or celeba_hq/train/female/000004.jpg",
    lambda layout: any(_CELEBA.search(file) or _CELEBA_SPLIT.search(file) for file in layout.files),
    _celeba_hq,
)
LABELLED = Adapter(
    "a folder per label",
    "happy/*.png, sad/*.png, …",
    lambda layout: any(is_label(_label_of(file)) for file in pictures(layout.files)),
    _labelled,
)
