"""Portraits as their publishers ship them -> the packed format.

The Face Research Lab London Set comes as folders `neutral_front/001_03.jpg` + `001_03.tem` and
`smiling_front/ 001_08.jpg`; the Young Adult White Faces as `003f.jpg` + `003f.tem`. A `.tem` file of
webmorph.org holds 189 hand-placed points in pixels of its photograph and the lines that join them. The
information tables name a face by `face_id` or `id`, with `face_age`, `face_gender`, `face_eth` or `age`,
`sex`; what they leave out stays empty.

Packed, a photograph is 640 x 640 with the eyes level at 0.46 of the height and 0.20 of the width apart.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ..errors import CorpusError
from .points import COUNT
from .register_smile import register
from .sources import (
    Progress,
    Summary,
    existing_folder,
    read_arrays,
    read_text,
    write_arrays,
    write_whole,
)

SIDE, EYE_LINE, EYE_DISTANCE = 640, 0.46, 0.20
QUALITY = 92
# of sigma per source pixel over target pixel: enough against aliasing, hardly a loss of sharpness
_ANTIALIAS = 0.35
COLUMNS = ("id", "source", "age", "gender", "ethnicity", "smile")
_UNKNOWN = {"", "na", "n/a", "nan", "none"}


@dataclass(frozen=True)
class _Source:
    neutral: re.Pattern[str]  # the stem of a neutral photograph; group 1 is the face
    smiling: re.Pattern[str] | None
    ethnicity: str = ""  # of everybody in the set, by its title


# The manipulated versions of the Young Adult faces have longer names than these, and stay out.
_SOURCES = {
    "london": _Source(re.compile(r"(\d{3})_03"), re.compile(r"(\d{3})_08")),
    "canada": _Source(re.compile(r"(?:canada_)?(\d{3}[fm])"), None, "white"),
}


@dataclass(frozen=True)
class Template:
    points: np.ndarray  # (189,2) float64 pixels of the photograph
    lines: list[dict[str, Any]]  # "closed" and "points" of each


def import_portraits(
    folder: str | Path, pack: str | Path, *, source: str = "london", progress: Progress | None = None
) -> Summary:
    """Add the portraits of one publisher's folder to `pack`; run again, it replaces what it made before."""
    if source not in _SOURCES:
        raise CorpusError(f"got source {source!r}, expected {' or '.join(_SOURCES)}; name one of them")
    rules, folder, pack = _SOURCES[source], existing_folder(folder, "a folder of portraits"), Path(pack)
    templates = _by_face(folder.rglob("*.tem"), rules.neutral)
    if not templates:
        raise CorpusError(
            f"no landmarks of the {source} portraits in {folder}, expected files such as "
            f"{'neutral_front/001_03.tem' if source == 'london' else '003f.tem'}; unpack the whole set there"
        )
    smiles = _by_face(_photos(folder), rules.smiling) if rules.smiling else {}
    facts = _facts(folder, source)
    rows, notes = [], []
    # read before anything is written: a spoilt table stops the import at once
    people, marks, lines = _people(pack), read_arrays(pack / "landmarks.npz"), _lines(pack)
    for number, (face, path) in enumerate(sorted(templates.items())):
        if progress:
            progress(number, len(templates), face)
        template = read_template(path)
        if lines and template.lines != lines:
            raise CorpusError(
                f"got {path} with other lines between its points than the rest, expected one scheme of "
                f"{COUNT} points for all; import sources of that scheme only"
            )
        lines = template.lines
        name = f"{source}_{face}"
        marks[name], smiled = _pack_person(path, template, smiles.get(face), pack, name)
        if face in smiles and not smiled:
            notes.append(f"{name}: the smiling photograph could not be registered, it was left out")
        rows.append(_row(name, source, face, facts.get(face, {}), rules.ethnicity, smiled))
    people.update({row["id"]: row for row in rows})
    write_arrays(pack / "landmarks.npz", {name: marks[name] for name in sorted(people) if name in marks})
    write_whole(pack / "landmark_lines.json", json.dumps(lines).encode())
    write_whole(pack / "people.csv", _table(people[name] for name in sorted(people)))
    if progress:
        progress(len(templates), len(templates), "")
    if rules.smiling and not smiles:
        notes.append(f"no smiling photographs such as smiling_front/001_08.jpg in {folder}")
    unknown = sorted(face for face in templates if face not in facts)
    if unknown:
        notes.append(f"no age, gender or ethnicity in any table for {len(unknown)}: {', '.join(unknown[:8])}")
    counts = {"people": len(rows), "smiling": sum(row["smile"] == "yes" for row in rows)}
    return Summary(f"{source} portraits", folder, pack, counts, tuple(notes))


def read_template(path: Path) -> Template:
    """A webmorph `.tem`: the count, the points, the count of lines, and three rows per line."""
    rows = [row.split() for row in read_text(path, "a webmorph template").splitlines() if row.strip()]
    try:
        count = int(rows[0][0])
        points = np.array([[float(x), float(y)] for x, y in rows[1 : 1 + count]])
        lines: list[dict[str, Any]] = []
        start = 2 + count
        for k in range(int(rows[1 + count][0])):
            (closed,), (length,), joined = rows[start + 3 * k : start + 3 * k + 3]
            numbers = [int(n) for n in joined]
            if len(numbers) != int(length) or not all(0 <= n < count for n in numbers):
                raise ValueError("a line names points that are not there")
            lines.append({"closed": closed == "1", "points": numbers})
        if not np.isfinite(points).all():
            raise ValueError("a point is not a number")
    except (ValueError, IndexError) as error:
        raise CorpusError(
            f"got {path} ({error}), expected a whole webmorph template; download it again"
        ) from None
    if count != COUNT:
        raise CorpusError(f"got {path} with {count} points, expected {COUNT}; import the 189-point templates")
    if np.hypot(*(points[1] - points[0])) < 1:
        raise CorpusError(
            f"got {path} with both eyes in one place, expected its pupils apart; download it again"
        )
    return Template(points, lines)


def framing(points: np.ndarray) -> np.ndarray:
    """2x3: the photograph's pixels -> the packed picture's, by the two pupils."""
    across, middle = points[1] - points[0], (points[0] + points[1]) / 2
    scale = EYE_DISTANCE * SIDE / np.hypot(*across)
    matrix = cv2.getRotationMatrix2D(tuple(middle), np.degrees(np.arctan2(across[1], across[0])), scale)
    matrix[:, 2] += (0.5 * SIDE, EYE_LINE * SIDE) - middle
    return matrix


def warp(photo: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(640,640,4) RGBA; alpha is 0 where the photograph ends."""
    scale = np.hypot(matrix[0, 0], matrix[1, 0])
    smooth = cv2.GaussianBlur(photo, (0, 0), _ANTIALIAS / scale) if scale < 1 else photo
    colour = cv2.warpAffine(smooth, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC)
    inside = np.full(photo.shape[:2], 255, np.uint8)
    covered = cv2.warpAffine(inside, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
    return np.dstack([colour, np.where(covered == 255, 255, 0).astype(np.uint8)])


def _pack_person(
    template_path: Path, template: Template, smile: Path | None, pack: Path, name: str
) -> tuple[np.ndarray, bool]:
    """(landmarks in the packed picture, whether a smiling picture was written beside it)."""
    photo = _read(_photo_beside(template_path))
    matrix = framing(template.points)
    marks = template.points @ matrix[:, :2].T + matrix[:, 2]
    _write_picture(pack / "portraits" / f"{name}_neutral.webp", warp(photo, matrix))
    smiling = pack / "portraits" / f"{name}_smile.webp"
    step = None
    if smile:
        happy = _read(smile)
        step = register(happy, photo, template.points)
        if step is not None:
            whole = (np.vstack([matrix, [0, 0, 1]]) @ np.vstack([step, [0, 0, 1]]))[:2]
            _write_picture(smiling, warp(happy, whole))
    if step is None:
        smiling.unlink(missing_ok=True)
    return marks.astype(np.float32), step is not None


def _write_picture(path: Path, rgba: np.ndarray) -> None:
    opaque = bool((rgba[..., 3] == 255).all())
    buffer = io.BytesIO()
    Image.fromarray(rgba[..., :3] if opaque else rgba).save(buffer, "WEBP", quality=QUALITY, method=4)
    write_whole(path, buffer.getvalue())


def _photos(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))


def _by_face(paths: Iterable[Path], pattern: re.Pattern[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(paths):
        if (match := pattern.fullmatch(path.stem)) and not path.name.startswith("."):
            first = found.setdefault(match[1], path)
            if first is not path and first.suffix == path.suffix:
                raise CorpusError(
                    f"got both {first} and {path}, expected one of each face; leave one copy in the folder"
                )
    return found


def _photo_beside(template: Path) -> Path:
    for suffix in (".jpg", ".JPG", ".jpeg", ".png"):
        if (photo := template.with_suffix(suffix)).is_file():
            return photo
    raise CorpusError(f"no photograph beside {template}, expected {template.stem}.jpg; unpack the whole set")


def _read(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except Exception as error:
        raise CorpusError(f"got {path} ({error}), expected a photograph; download it again") from None


def _facts(folder: Path, source: str) -> dict[str, dict[str, str]]:
    """Face -> age, gender, ethnicity, from every table in or beside the folder that names faces."""
    tables = sorted(folder.rglob("*.csv")) or sorted(folder.parent.glob(f"*{source}*info*.csv"))
    facts: dict[str, dict[str, str]] = {}
    for path in tables:
        for row in csv.DictReader(io.StringIO(read_text(path, "a table of the faces"))):
            cells = {(key or "").strip().lower().removeprefix("face_"): value for key, value in row.items()}
            # X001 in the London table's first version
            if face := str(cells.get("id") or "").strip().removeprefix(f"{source}_").lstrip("Xx"):
                known = {
                    "age": cells.get("age"),
                    "gender": cells.get("gender") or cells.get("sex"),
                    "ethnicity": cells.get("eth") or cells.get("ethnicity"),
                }
                clean = {key: str(value or "").strip().removesuffix(".0") for key, value in known.items()}
                facts.setdefault(face, {}).update(
                    {key: value for key, value in clean.items() if value.lower() not in _UNKNOWN}
                )
    return {face: known for face, known in facts.items() if known}


def _row(
    name: str, source: str, face: str, facts: dict[str, str], ethnicity: str, smiled: bool
) -> dict[str, str]:
    by_letter = {"f": "female", "m": "male"}.get(face[-1], "")
    return {
        "id": name,
        "source": source,
        "age": facts.get("age", ""),
        "gender": facts.get("gender", by_letter).lower(),
        "ethnicity": facts.get("ethnicity", ethnicity),
        "smile": "yes" if smiled else "no",
    }


def _people(pack: Path) -> dict[str, dict[str, str]]:
    if not (pack / "people.csv").exists():
        return {}
    reader = csv.DictReader(io.StringIO(read_text(pack / "people.csv", "the table of an earlier import")))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise CorpusError(
            f"got {pack / 'people.csv'} with columns {', '.join(reader.fieldnames or ())}, expected "
            f"{', '.join(COLUMNS)}; import into an empty folder"
        )
    return {row["id"]: row for row in reader}


def _lines(pack: Path) -> list[dict[str, Any]]:
    path = pack / "landmark_lines.json"
    try:
        return list(json.loads(read_text(path, "the lines of an earlier import"))) if path.exists() else []
    except ValueError as error:
        raise CorpusError(
            f"got {path} ({error}), expected the lines of an import; delete it, import again"
        ) from None


def _table(rows: Iterable[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
