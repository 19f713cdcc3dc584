"""Photographs with an artist's drawing of each: CUFS (CUHK student, AR and XM2VTS parts) and CUFSF
(FERET)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from .samples import Adapter, Layout, Sample, pictures, split_of

# f-005-01.jpg is drawn in F2-005-01-sz1.jpg, f1-001-01.jpg in f1-001-01-sz1.jpg
_CUHK = re.compile(r"^([fm])(\d?)-(\d{3})-\d{2}(?:-sz\d)?$", re.I)
_TAIL = re.compile(r"(?:[-_](?:sz\d|sketch|photo))+$", re.I)
# FERET: person, pose (fa and fb are frontal), conditions, date; grey and colour releases order them
# differently
_FERET = re.compile(
    r"(?:^|/)(\d{5})(?:(f[ab])\w*_(\d{6})|_(\d{6})_(f[ab]))(?:_[a-z])?\.(?:tif|ppm|png|jpg)$", re.I
)
_FERET_SKETCH = re.compile(r"(?:^|/)(\d{5})\.(?:jpg|png|tif)$", re.I)
_USED = "names_of_photos_used_for_drawing_sketches.txt"
_GENDER = {"f": "female", "m": "male"}


def _kind(file: str) -> str | None:
    """'photo' or 'sketch' by the nearest folder that says so."""
    for part in reversed(file.lower().split("/")[:-1]):
        for kind in ("sketch", "photo"):
            if kind in part:
                return kind
    return None


def _pair(file: str) -> tuple[str, str]:
    """(what a photograph and its drawing have in common, gender)."""
    stem = file.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if match := _CUHK.match(stem):
        letter = match[1].lower()
        return f"{letter}{match[2] or '2'}-{match[3]}", _GENDER[letter]
    return _TAIL.sub("", stem).lower(), ""


def _cufs_pairs(layout: Layout) -> tuple[dict[str, str], dict[str, str]]:
    found: dict[str, dict[str, str]] = {"photo": {}, "sketch": {}}
    for file in pictures(layout.files):
        if kind := _kind(file):
            found[kind].setdefault(_pair(file)[0], file)
    return found["photo"], found["sketch"]


def _cufs(layout: Layout, passed: Counter[str]) -> Iterator[Sample]:
    photos, drawings = _cufs_pairs(layout)
    _count_unpaired(photos, drawings, passed)
    for subject in sorted(photos.keys() & drawings.keys()):
        file = photos[subject]
        yield Sample(
            file,
            layout.picture(file),
            subject,
            "neutral",  # "a frontal pose, under normal lighting condition, and with a neutral expression"
            0.0,
            gender=_pair(file)[1],
            split=_folder_split(file),
            drawing=layout.picture(drawings[subject]),
        )


def _count_unpaired(photos: dict[str, str], drawings: dict[str, str], passed: Counter[str]) -> None:
    if alone := len(photos.keys() - drawings.keys()):
        passed["without a drawing"] += alone
    if alone := len(drawings.keys() - photos.keys()):
        passed["drawing without a photograph"] += alone


def _folder_split(file: str) -> str | None:
    """CUHK_training_photo/… and …/testing/…: the set's own 88 and 100 people."""
    for part in file.lower().split("/")[:-1]:
        for word in re.split(r"[^a-z]+", part):
            if split := split_of(word):
                return split
    return None


def _cufsf(layout: Layout, passed: Counter[str]) -> Iterator[Sample]:
    drawings = {match[1]: file for file in layout.files if (match := _FERET_SKETCH.search(file))}
    used = _used_photos(layout)
    photos: dict[str, str] = {}
    for file in layout.files:
        if match := _FERET.search(file):
            pose, date = (match[2] or match[5]).lower(), match[3] or match[4]
            wanted = used.get(match[1])
            if wanted is None or wanted == (pose, date):
                photos.setdefault(match[1], file)
    if compressed := sum(file.endswith(".bz2") for file in layout.files):
        passed["compressed: unpack the .bz2 files"] += compressed
    _count_unpaired(photos, drawings, passed)
    for subject in sorted(photos.keys() & drawings.keys()):
        # fa is "regular", fb an expression of the sitter's choice: neither has a label
        yield Sample(
            photos[subject],
            layout.picture(photos[subject]),
            subject,
            drawing=layout.picture(drawings[subject]),
        )


def _used_photos(layout: Layout) -> dict[str, tuple[str, str]]:
    """Person -> pose and date of the photograph that was drawn, from the list that comes with the "
    "drawings."""
    file = layout.named(_USED)
    lines = layout.text(file).splitlines() if file else []
    matches = [_FERET.search(f"{line.strip().rsplit('.', 1)[0]}.tif") for line in lines if line.strip()]
    return {m[1]: ((m[2] or m[5]).lower(), m[3] or m[4]) for m in matches if m}


CUFS = Adapter(
    "CUHK Face Sketch Database",
    "photos/f-005-01.jpg with sketches/F2-005-01-sz1.jpg",
    lambda layout: bool(set.intersection(*map(set, _cufs_pairs(layout)))),
    _cufs,
)
CUFSF = Adapter(
    "CUHK Face Sketch FERET Database",
    "photo/00001fb010_930831.tif with sketch/00001.jpg",
    lambda layout: any(map(_FERET.search, layout.files)) and any(map(_FERET_SKETCH.search, layout.files)),
    _cufsf,
)
