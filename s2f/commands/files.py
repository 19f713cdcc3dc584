"""What the commands share: one-line errors, files and folders in, files out."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import S2FError

if TYPE_CHECKING:
    from PIL import Image

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif"}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, with the nearest option that exists."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"allow_abbrev": False} | options))

    def error(self, message: str) -> NoReturn:
        known = [flag for action in self._actions for flag in action.option_strings]
        for word in message.split():
            near = difflib.get_close_matches(word.partition("=")[0], known, 1) if word.startswith("-") else []
            if near and "unrecognized" in message:
                message += f" (did you mean {near[0]}?)"
                break
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help lists what it takes\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        # A sub-command answers for its own unknown options, so that the hint names the right help.
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest


@dataclass(frozen=True)
class Task:
    """One picture to read and where its answer goes."""

    source: Path
    target: Path


def tasks(inputs: Sequence[Path], out: Path | None, suffix: str = ".png") -> list[Task]:
    """Files and folders → what to read and where to write; a folder keeps its inner layout."""
    found: list[tuple[Path, Path]] = []
    for path in inputs:
        if path.is_dir():
            inside = sorted(f for f in path.rglob("*") if f.suffix.lower() in PICTURES and f.is_file())
            if not inside:
                raise S2FError(f"got the folder {path} with no pictures, expected some; name another folder")
            found += [(f, f.relative_to(path)) for f in inside]
        else:
            found.append((path, Path(path.name)))
    single = len(found) == 1 and out is not None and out.suffix.lower() in PICTURES and not out.is_dir()
    if single:
        assert out is not None
        done = [Task(found[0][0], out)]
    else:
        folder = out or Path("s2f-out")
        if folder.suffix.lower() in PICTURES and not folder.is_dir():
            raise S2FError(
                f"got the file {folder} for {len(found)} pictures, expected a folder; give --out FOLDER"
            )
        done = [Task(source, folder / name.with_suffix(suffix)) for source, name in found]
    seen: dict[Path, Path] = {}
    for task in done:
        if task.target in seen:
            raise S2FError(
                f"got {seen[task.target]} and {task.source}, expected names that differ since both would be "
                f"{task.target}; rename one"
            )
        if task.target.exists() and task.source.exists() and task.target.samefile(task.source):
            raise S2FError(f"got {task.target} as input and output, expected two places; give another --out")
        seen[task.target] = task.source
    return done


def write(image: Image.Image, path: Path) -> None:
    """Complete or absent: written aside, then renamed."""
    from PIL import Image as Pillow

    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = Pillow.registered_extensions().get(path.suffix.lower())
        if kind is None:
            raise S2FError(f"got {path} to write, expected a picture's name such as .png; change its ending")
        with aside.open("wb") as file:
            image.save(file, format=kind)
        aside.replace(path)
    except OSError as error:
        raise S2FError(
            f"got {path} to write ({error.strerror or error}), expected room to write; choose another --out"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def each(work: Sequence[Task], args: argparse.Namespace, do: Callable[[Task], dict[str, Any]]) -> int:
    """Run one task after the other; a bad one is one line on stderr, and the others go on."""
    from tqdm import tqdm

    done, failed = [], []
    for task in tqdm(work, unit="picture", delay=2, disable=None if len(work) > 1 else True, leave=False):
        try:
            row = {"input": str(task.source), "output": str(task.target)} | do(task)
        except S2FError as error:
            failed.append({"input": str(task.source), "error": str(error)})
            tqdm.write(f"s2f: {task.source}: {error}", file=sys.stderr)
            continue
        done.append(row)
        if not args.json:
            note = f" ({row['report']})" if row.get("report") else ""
            tqdm.write(f"{task.source} -> {task.target}{note}", file=sys.stdout)
    if args.json:
        json.dump({"done": done, "failed": failed}, sys.stdout, indent=2)
        sys.stdout.write("\n")
    return 1 if failed else 0


def whole(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number of {least} or more")
        return int(text)

    return number
