"""The scripts that train expression editors: steps, resumes, two processes, and what they leave behind."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from s2f import SketchToFace
from s2f.corpus.features import table
from s2f.expression import ACTION_UNITS, CLASSES, Expression
from s2f.models import MODELS, load_model
from s2f.training import TrainingError, late_linear

ROOT = Path(__file__).parents[1]
SIDE = 32
TINY = {
    "stargan": ("--width", 4, "--blocks", 1, "--critic_width", 4, "--n_critic", 2),
    "stargan_extended": ("--width", 4, "--blocks", 1, "--critic_width", 4, "--n_critic", 2),
    "ganimation": ("--width", 4, "--blocks", 1, "--critic_width", 4, "--n_critic", 2),
    "multilevel": ("--width", 8, "--critic_width", 8, "--critics", 16),
    "exprgan": ("--width", 16, "--latent", 8, "--encode_from", 0.25, "--critic_from", 0.5),
    "double_encoder": ("--width", 8, "--blocks", 1, "--features", 8, "--critic_width", 4),
}
RUNS = {
    **{name: (name,) for name in TINY},
    "stargan of the seed": ("stargan", "--objective", "log", "--grey", "--n_critic", 1)
    + ("--classes", "angry", "happy", "sad", "surprised"),
    "extended with logs": ("stargan_extended", "--objective", "log"),
    "multilevel for poses": ("multilevel", "--asked", "pose"),
}


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"train_{name}", ROOT / "train" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(person: int, pose: int, label: int, rng: np.random.Generator) -> dict:
    """Not a face: a person is a hue, a class a place, a pose a shade."""
    pixels = np.full((SIDE, SIDE, 3), (60 * (person % 4), 120 + 20 * pose, 90 + 10 * person), np.uint8)
    y, x = divmod(label, 3)
    pixels[3 + 9 * y : 9 + 9 * y, 4 + 9 * x : 10 + 9 * x] = rng.integers(200, 255, 3)
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, "PNG")
    return {
        "image": {"bytes": stored.getvalue(), "path": None},
        "expression": label,
        "intensity": 1.0,
        "action_units": dict(zip(ACTION_UNITS, Expression.of(CLASSES[label]).vector().tolist(), strict=True)),
        "pose": {"yaw": 4.0 * pose - 2 + 0.1 * person, "pitch": 1.0, "roll": 0.5},
        "identity": f"person-{person}",
        "ethnicity": "a",
        "look": dict.fromkeys(("skin", "hair", "eye", "lip")),
        "real": False,
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("places"), np.random.default_rng(0)
    (folder / "data").mkdir()
    for split, people in (("train", range(3)), ("validation", range(3, 5))):
        rows = [row(p, pose, k, rng) for p in people for pose in (0, 1) for k in range(len(CLASSES))]
        pq.write_table(table(rows), folder / "data" / f"{split}-00000-of-00001.parquet")
    return folder


@pytest.fixture(autouse=True)
def _beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "train"))


def words(kind: str, corpus: Path, folder: Path, steps: int, *more: object) -> list[str]:
    name, *extra = RUNS[kind]
    every = [
        *("--corpus", corpus, "--output_dir", folder, "--resolution", SIDE, "--train_batch_size", 4),
        *("--max_train_steps", steps, "--checkpointing_steps", max(2, steps // 2)),
        *("--validation_steps", 1000, *TINY[str(name)], *extra, *more),
    ]
    return [str(word) for word in every]


def train(kind: str, corpus: Path, folder: Path, steps: int, *more: object) -> dict:
    script(str(RUNS[kind][0])).main(words(kind, corpus, folder, steps, *more))
    return json.loads((folder / "training.json").read_text("utf-8"))


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """All that was learned, in full precision."""
    files = sorted(checkpoint.glob("model*.safetensors"))
    assert files
    return {f"{file.name}/{k}": v for file in files for k, v in load_file(file).items()}


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[k], other[k]) for k in one)


def killed_after(folder: Path, step: int) -> None:
    """As if nothing after this step had been written."""
    for path in folder.iterdir():
        if path.name not in (f"checkpoint-{step}", "training.json"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize("kind", RUNS)
def test_two_steps_a_resume_and_a_reload(kind: str, corpus: Path, tmp_path: Path) -> None:
    facts = train(kind, corpus, tmp_path / "straight", 4)
    shutil.copytree(tmp_path / "straight", tmp_path / "halves")
    killed_after(tmp_path / "halves", 2)
    torch.manual_seed(99)  # what went on in between is of no account
    train(kind, corpus, tmp_path / "halves", 4, "--resume_from_checkpoint", "latest")
    one, other = (weights(tmp_path / name / "checkpoint-4") for name in ("straight", "halves"))
    assert_equal(one, other)
    assert facts["images_seen"] == 16
    assert facts["people"] == 3
    assert all(np.isfinite(value) for value in facts["losses"].values())
    assert str(tmp_path) not in json.dumps(facts)
    assert [p.name for p in (tmp_path / "straight" / "samples").iterdir()] == ["000004.png"]

    model = load_model(tmp_path / "halves")
    assert type(model) is MODELS[str(RUNS[kind][0])]
    assert model.size == SIDE
    if getattr(model, "condition", "") != "pose":
        pipe = SketchToFace.from_pretrained(editor=tmp_path / "halves", device="cpu")
        assert pipe.express(Image.new("RGB", (64, 64), "tan"), "happy").size == (SIDE, SIDE)
