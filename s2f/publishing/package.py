"""The folder that is pushed: what a run left, contact sheets, a card; checked before anything is sent."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import hf_hub_url

from ..errors import ModelError
from ..image import load_image
from ..modelfile import CONFIG, WEIGHTS
from .model_card import PLACEHOLDER, Dataset, card
from .run import METRICS, TRAINING, Run, runs

CARD, THUMBNAIL = "README.md", "thumbnail.jpg"
SHEETS, SAMPLES = "sheets", "samples"
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
MOST_SHEETS, MOST_BYTES = 40, 20 << 20
WIDE, HIGH = 1200, 630  # of a thumbnail, as previews show it


@dataclass(frozen=True)
class Package:
    """Every file of the commit by its path in the repository: bytes, or where they lie."""

    title: str
    files: Mapping[str, Path | bytes] = field(repr=False)

    def write(self, folder: str | Path) -> Path:
        """The files as they would be pushed; the folder is whole or absent."""
        folder = Path(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ModelError(f"got {folder}, which is not empty, expected a new folder; name another")
        aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
        try:
            for name, source in self.files.items():
                target = aside / name
                target.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(source, bytes):
                    target.write_bytes(source)
                else:
                    shutil.copyfile(source, target)
            if folder.exists():
                folder.rmdir()
            os.replace(aside, folder)
        except OSError as error:
            raise ModelError(
                f"could not write {folder} ({error.strerror or error}), expected room for the files; name "
                "another folder"
            ) from None
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return folder

    def digests(self, name: str) -> tuple[str, str]:
        """What the Hub knows a file by: SHA-256 of large ones, git's blob of the others."""
        source = self.files[name]
        data = source if isinstance(source, bytes) else source.read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False)
        return hashlib.sha256(data).hexdigest(), blob.hexdigest()


def pack(folder: str | Path, repo: str = PLACEHOLDER, *, dataset: Dataset | None = None) -> Package:
    """A run's folder, or a folder of drawer/, editor/ and restorer/, ready to be pushed to `repo`."""
    folder = Path(folder)
    found = runs(folder)
    for run in found:
        _check_loads(run)
    files: dict[str, Path | bytes] = {}
    for run in found:
        for name in (CONFIG, WEIGHTS, TRAINING, METRICS):
            if (run.folder / name).is_file():
                files[f"{run.role}/{name}".lstrip("/")] = run.folder / name
    sheets = _sheets([folder, *(run.folder for run in found if run.role)])
    files |= {f"{SHEETS}/{name}": path for name, path in sheets.items()}
    first = _first(sheets)
    if first is not None:
        files[THUMBNAIL] = _thumbnail(sheets[first])
    text = card(
        folder,
        repo,
        dataset=dataset,
        picture=None if first is None else f"{SHEETS}/{first}",
        thumbnail=None if first is None else hf_hub_url(repo, THUMBNAIL),
    )
    files[CARD] = text.encode()
    return Package("the pipeline" if len(found) > 1 else found[0].name, files)


def _check_loads(run: Run) -> None:
    """What cannot be loaded is not published."""
    from ..models import load_model

    load_model(run.folder)


def _sheets(folders: list[Path]) -> dict[str, Path]:
    """What `s2f evaluate --sheets RUN/sheets` wrote, and the last of the run's own samples."""
    found: dict[str, Path] = {}
    for folder in folders:
        samples = _pictures(folder / SAMPLES)[-1:]
        for path in [*_pictures(folder / SHEETS), *samples]:
            name = f"training-{path.name}" if path in samples else path.name
            name = name if folder == folders[0] else f"{folder.name}-{name}"
            if path.stat().st_size > MOST_BYTES:
                raise ModelError(
                    f"got {path} of {path.stat().st_size:,} bytes, expected contact sheets of {MOST_BYTES:,} "
                    "at most; make it smaller or move it away"
                )
            found[name] = path
    if len(found) > MOST_SHEETS:
        raise ModelError(
            f"got {len(found)} contact sheets in {folders[0]}, expected {MOST_SHEETS} at most; move some away"
        )
    return found


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*") if p.suffix.lower() in PICTURES and p.is_file())


def _first(sheets: Mapping[str, Path]) -> str | None:
    """The sheet that says most at a glance: a sample of what was scored, else of what was trained."""
    order = sorted(sheets, key=lambda name: ("sample" not in name, not name.startswith("training"), name))
    return order[0] if order else None


def _thumbnail(path: Path) -> bytes:
    """The top of a contact sheet, as wide as a preview."""
    picture = load_image(path)
    high = min(picture.height, round(picture.width * HIGH / WIDE))
    shown = picture.crop((0, 0, picture.width, high))
    shown = shown.resize((WIDE, round(high * WIDE / picture.width)), reducing_gap=3)
    stream = io.BytesIO()
    shown.save(stream, "JPEG", quality=88)
    return stream.getvalue()
