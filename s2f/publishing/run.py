"""What a folder with a trained model says of it: configuration, weights, arguments of the run, metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..modelfile import CONFIG, WEIGHTS, read_header, read_json_object

TRAINING, METRICS = "training.json", "metrics.json"
ROLES = ("drawer", "editor", "restorer")
MOST_BYTES = 8 << 20
RECIPE = ("people", "renders", "size", "sketches", "seed")  # what only `s2f corpus build` writes
# Of the person who ran it, not of what came out.
PRIVATE = {
    "output_dir",
    "corpus",
    "init",
    "resume_from_checkpoint",
    "report_to",
    "push_to_hub",
    "checkpointing_steps",
    "checkpoints_total_limit",
    "validation_steps",
    "images_seen",
    "minutes",
    "made_with",
}


@dataclass(frozen=True)
class Run:
    """One model: the role it has in a folder of several, or "" where it stands alone."""

    folder: Path
    role: str
    name: str  # of its class, or of its folder where it is a part of s2f itself
    config: Mapping[str, Any]
    training: Mapping[str, Any]
    metrics: Mapping[str, Any]
    parameters: int
    kinds: tuple[str, ...]  # of numbers that the weights are stored as

    @property
    def recipe(self) -> dict[str, Any]:
        """How the corpus it learned from was built, where s2f built it."""
        corpus = self.training.get("corpus")
        if not isinstance(corpus, Mapping) or not all(key in corpus for key in RECIPE):
            return {}
        return {key: value for key, value in corpus.items() if key != "name"}

    @property
    def corpus(self) -> str:
        corpus = self.training.get("corpus")
        return str(corpus.get("name", "") if isinstance(corpus, Mapping) else corpus or "")

    @property
    def arguments(self) -> dict[str, Any]:
        return {
            k: v for k, v in self.training.items() if k not in PRIVATE and v is not None and v is not False
        }

    @property
    def parent(self) -> str | None:
        """The repository whose weights it went on from, if it did."""
        init = self.training.get("init")
        return init if isinstance(init, str) and init.count("/") == 1 else None

    def fact(self, key: str) -> Any:
        """One thing about the run, wherever its script or `s2f evaluate` wrote it."""
        homes = (
            self.training,
            self.training.get("made_with"),
            self.metrics.get("training"),
            self.metrics,
        )
        return next((home[key] for home in homes if isinstance(home, Mapping) and home.get(key)), None)


def runs(folder: str | Path) -> list[Run]:
    """The one model in a folder, or those of its drawer/, editor/ and restorer/."""
    folder = Path(folder)
    if (folder / CONFIG).is_file():
        return [read_run(folder)]
    parts = [role for role in ROLES if (folder / role / CONFIG).is_file()]
    if not parts:
        raise ModelError(
            f"got {folder} without {CONFIG}, drawer/, editor/ or restorer/, expected what a training script "
            "or save_pretrained wrote; check the folder"
        )
    return [read_run(folder / role, role) for role in parts]


def read_run(folder: Path, role: str = "") -> Run:
    config = _read(folder / CONFIG)
    weights = folder / WEIGHTS
    try:
        with weights.open("rb") as file:
            entries, _ = read_header(file, weights)
    except OSError as error:
        raise ModelError(
            f"got {weights} ({error.strerror}), expected trained weights; finish the training first"
        ) from None
    shapes = [entry.shape for entry in entries.values()]
    return Run(
        folder,
        role,
        str(config.get("_class_name", folder.resolve().name)),
        config,
        _read(folder / TRAINING, needed=False),
        _read(folder / METRICS, needed=False),
        sum(_product(shape) for shape in shapes),
        tuple(sorted({str(entry.dtype).removeprefix("torch.") for entry in entries.values()})),
    )


def _product(shape: tuple[int, ...]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


def _read(path: Path, needed: bool = True) -> dict[str, Any]:
    if not needed and not path.exists():
        return {}
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ModelError(
            f"got {path} ({error.strerror}), expected a readable file; check the folder"
        ) from None
    if len(text) > MOST_BYTES:
        raise ModelError(f"got {path} of over {MOST_BYTES:,} bytes, expected a few thousand; do not trust it")
    # Metrics may hold NaN, which JSON does not know: what was not measured.
    return read_json_object(text.replace(b"NaN", b"null").replace(b"-Infinity", b"null"), str(path))
