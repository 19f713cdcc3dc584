"""A local copy of somebody else's picture set -> the same rows as our corpus, faces found, framed and drawn.

Nothing is downloaded, and nothing of these sets is passed on: whoever holds a copy under its owner's terms
can train on it. What a set does not say stays empty; a picture without a usable face or label is passed
over and counted.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...errors import CorpusError, ImageError
from ...expression import CLASSES
from ..detect import Found, find_face, frame_matrix, warp_into
from ..features import ARTIST
from .emotion_sets import CFEE, CK, KDEF, MMI, MUG, RAFD
from .photo_sets import AFAD, CELEBA_HQ, FER2013, FFHQ, LABELLED
from .samples import Adapter, Layout, Sample, list_files, split_by_person
from .sketch_sets import CUFS, CUFSF

log = logging.getLogger(__name__)

# In the order in which a layout is tried: a folder per label fits many, so it comes last.
adapters: dict[str, Adapter] = {
    "kdef": KDEF,
    "ckplus": CK,
    "rafd": RAFD,
    "mug": MUG,
    "cfee": CFEE,
    "mmi": MMI,
    "cufsf": CUFSF,
    "cufs": CUFS,
    "afad": AFAD,
    "celebahq": CELEBA_HQ,
    "ffhq": FFHQ,
    "fer2013": FER2013,
    "labelled": LABELLED,
}
Finder = Callable[[np.ndarray], Found | None]


def detect_layout(folder: str | Path) -> str:
    """The name of the adapter whose set lies in `folder`."""
    return _recognised(list_files(Path(folder)))


def iter_rows(
    folder: str | Path,
    *,
    name: str | None = None,
    size: int = 512,
    sketches: Sequence[str] = ("contour", "pencil"),
    seed: int = 0,
    counts: Counter[str] | None = None,
    find: Finder = find_face,
) -> Iterator[dict[str, Any]]:
    """One row per usable picture, as `corpus.features` names them, and its `split`.

    `image` is RGB (size, size, 3) uint8, `sketch` a list of grey ones; an artist's drawing comes before those
    made here, with the style "artist". `counts`, where given, fills up with `rows` and with why pictures were
    passed over.
    """
    styles = _styles(sketches)
    layout = list_files(Path(folder))
    if name is not None and name not in adapters:
        raise CorpusError(f"got the set {name!r}, expected one of {', '.join(adapters)}; check its spelling")
    known = name or _recognised(layout)
    if not adapters[known].recognise(layout):
        raise CorpusError(
            f"got {_description(layout)}, expected {adapters[known].title} as {adapters[known].expects}; "
            "check the "
            "folder or leave the set's name out"
        )
    if size < 16:
        raise CorpusError(f"got size {size}, expected 16 or more; choose a larger picture")
    return _rows(layout, known, size, styles, seed, Counter() if counts is None else counts, find)


def _rows(
    layout: Layout,
    name: str,
    size: int,
    styles: tuple[str, ...],
    seed: int,
    counts: Counter[str],
    find: Finder,
) -> Iterator[dict[str, Any]]:
    for sample in adapters[name].samples(layout, counts):
        try:
            row = _row(sample, name, size, styles, seed, find)
        except ImageError as error:
            log.info("%s: %s", sample.name, error)
            counts["unreadable"] += 1
            continue
        if isinstance(row, str):
            counts[row] += 1
            continue
        counts["rows"] += 1
        yield row
    for reason, number in sorted(counts.items()):
        log.info("%s: %d %s", adapters[name].title, number, reason)


def _row(
    sample: Sample, name: str, size: int, styles: tuple[str, ...], seed: int, find: Finder
) -> dict[str, Any] | str:
    """The row, or why there is none."""
    photo = sample.read()
    found = find(photo)
    if found is None:
        return "no face"
    matrix = frame_matrix(found, size)
    image = warp_into(photo, matrix, size)
    drawn, drawn_styles = [], []
    if sample.drawing is not None:
        page = _artists(sample.drawing(), photo.shape, matrix, size, find)
        if page is None:
            return "no face in the drawing"
        drawn, drawn_styles = [page], [ARTIST]
    row_seed = int.from_bytes(hashlib.sha256(f"{seed}/{name}/{sample.name}".encode()).digest()[:7], "big")
    for k, style in enumerate(styles):
        drawn.append(_draw(image, style, np.random.default_rng((row_seed, k))))
        drawn_styles.append(style)
    return {
        "image": image,
        "sketch": drawn,
        "sketch_style": drawn_styles,
        "sketch_transform": [[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]] * len(drawn),
        "sketch_skill": [None] * len(drawn),
        "sketch_landmarks": [None] * len(drawn),
        "sketch_stage": [None] * len(drawn),
        "expression": None if sample.expression is None else CLASSES.index(sample.expression),
        "intensity": sample.intensity,
        "action_units": None,
        "pose": None,
        "identity": f"{name}-{sample.subject}",
        "sources": {"host": f"{name}:{sample.subject}", "donors": [], "teeth": None},
        "landmarks": None,
        "look": None,
        "worn": None,
        "gender": sample.gender,
        "ethnicity": sample.ethnicity,
        "real": True,
        "seed": row_seed,
        "split": sample.split or split_by_person(name, sample.subject),
    }


def _artists(
    drawing: np.ndarray, photo_shape: tuple[int, ...], matrix: np.ndarray, size: int, find: Finder
) -> np.ndarray | None:
    """The artist's page in the photograph's frame. A page of the photograph's size was cropped with it and
    shares its
    pixels; any other has its own face found."""
    if drawing.shape[:2] != photo_shape[:2]:
        found = find(drawing)
        if found is None:
            return None
        matrix = frame_matrix(found, size)
    return warp_into(cv2.cvtColor(drawing, cv2.COLOR_RGB2GRAY), matrix, size)


def _draw(image: np.ndarray, style: str, rng: np.random.Generator) -> np.ndarray:
    from ...sketch import extract_array

    return extract_array(image, style, rng)


def _styles(sketches: Sequence[str]) -> tuple[str, ...]:
    from ...sketch import EXTRACTED

    # freehand strokes follow landmarks, which other people's pictures do not have
    for style in sketches:
        if style not in EXTRACTED:
            raise CorpusError(f"got the style {style!r}, expected {', '.join(EXTRACTED)}; choose among these")
    return tuple(sketches)


def _recognised(layout: Layout) -> str:
    for name, adapter in adapters.items():
        if adapter.recognise(layout):
            return name
    known = "; ".join(f"{name}: {adapter.expects}" for name, adapter in adapters.items())
    raise CorpusError(
        f"got {_description(layout)}, expected one of these layouts ({known}); check the folder"
    )


def _description(layout: Layout) -> str:
    """What lies in a folder, for somebody who has to see what is wrong with it."""
    if not layout.files:
        return f"{layout.folder} without any file"
    folders = list(dict.fromkeys(file.split("/")[0] for file in layout.files if "/" in file))
    endings = Counter(Path(file).suffix.lower() or "no ending" for file in layout.files).most_common(4)
    kinds = ", ".join(f"{number} {ending}" for ending, number in endings)
    top = f"folders {', '.join(folders[:6])}{' …' if len(folders) > 6 else ''}" if folders else "no folder"
    return f"{layout.folder} with {top}, {kinds}, first {', '.join(layout.files[:3])}"
