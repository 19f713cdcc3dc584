"""The enhancer's script: steps, a resume, what it learns from, and what it says of the result."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from s2f.models import Classifier, Enhancer, Identity
from tests.scripts import script


@pytest.fixture(scope="module", name="script")
def _enhancer() -> ModuleType:
    return script("enhancer")


def run(script: ModuleType, corpus: Path, folder: Path, steps: int, *more: str | int) -> None:
    words = [
        *("--corpus", corpus, "--output_dir", folder, "--resolution", 64, "--crop", 32, "--widths", 8, 8),
        *("--blocks", 1, "--critic_width", 8, "--train_batch_size", 2, "--max_train_steps", steps),
        *("--critic_from", 0.5, "--checkpointing_steps", 2, "--validation_steps", 2, "--scored", 3, *more),
    ]
    script.main([str(word) for word in words])


def test_steps_a_resume_and_what_is_left(script: ModuleType, mini_corpus: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(script, mini_corpus, whole, 4)
    run(script, mini_corpus, parts, 4)
    for path in (parts / "model.safetensors", parts / "metrics.json"):
        path.unlink()
    for late in (parts / "checkpoint-4").iterdir():
        late.unlink()
    (parts / "checkpoint-4").rmdir()
    torch.manual_seed(99)  # what went on in between is of no account
    run(script, mini_corpus, parts, 4, "--resume_from_checkpoint", "latest")
    one, two = (Enhancer.from_pretrained(folder).state_dict() for folder in (whole, parts))
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert any(value.abs().sum() > 0 for name, value in one.items() if name.startswith("leave"))
    facts = json.loads((whole / "training.json").read_text("utf-8"))
    assert facts["images_seen"] == 8
    assert facts["faces"] > 4
    assert str(tmp_path) not in json.dumps(facts)
    assert sorted(p.name for p in (whole / "samples").iterdir()) == ["000002.png", "000004.png"]
    said = json.loads((whole / "metrics.json").read_text("utf-8"))
    assert said["judge"] is None
    assert set(said["test"]) == {"doubled", "cleaned"}
    assert set(said["test"]["doubled"]) == {"bicubic", "unsharp", "enhancer"}
    assert said["test"]["cleaned"]["enhancer"]["psnr"]["n"] == 3


def test_a_lesson_is_of_the_step_and_worse_than_the_truth(script: ModuleType) -> None:
    faces = np.random.default_rng(0).integers(0, 255, (5, 48, 48, 3), np.uint8)
    chosen = torch.tensor([0, 3, 3, 1])
    first, again, other = (script.lesson(faces, chosen, 32, np.random.default_rng(s)) for s in (7, 7, 8))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[1], other[1])
    worse, true = first
    assert worse.shape == true.shape == (4, 3, 32, 32)
    assert true.min() >= -1
    assert true.max() <= 1
    assert (worse - true).abs().mean() > 0.02


class Sharpens(nn.Module):
    """What a perfect enhancer would be, for it has seen the answers."""

    def __init__(self, answers: np.ndarray, script: ModuleType) -> None:
        super().__init__()
        self.answers = script.to_float(answers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.interpolate(x, self.answers.shape[2:])
        nearest = ((self.answers - x) ** 2).mean((1, 2, 3)).argmin()
        return self.answers[nearest][None]


def smooth(count: int, size: int) -> np.ndarray:
    chance = np.random.default_rng(3)
    small = torch.from_numpy(chance.uniform(-1, 1, (count, 3, 9, 9))).float()
    large = nn.functional.interpolate(small, (size, size), mode="bicubic").clamp(-1, 1).numpy()
    grain = chance.normal(0, 0.06, large.shape)
    return np.clip((large + grain + 1) * 127.5, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1).copy()


def test_patches_are_of_the_middle(script: ModuleType) -> None:
    faces = np.arange(2 * 10 * 10 * 3).reshape(2, 10, 10, 3)
    cut = script.patches(faces, 4)
    assert cut.shape == (8, 4, 4, 3)
    assert np.array_equal(cut[1], faces[0, 1:5, 5:9])
    assert np.array_equal(cut[6], faces[1, 5:9, 1:5])


@pytest.mark.parametrize("kind", [None, Classifier, Identity])
def test_scores_tell_better_from_worse(script: ModuleType, kind: Any) -> None:
    torch.manual_seed(0)
    judge = None if kind is None else kind(width=8, size=32).eval()
    faces = smooth(4, 64)
    found = script.score(Sharpens(faces, script), faces, list("aabb"), torch.device("cpu"), judge)
    for task in ("doubled", "cleaned"):
        by = found[task]
        assert by["enhancer"]["psnr"]["mean"] == 100
        assert by["enhancer"]["ssim"]["mean"] == pytest.approx(1)
        assert 15 < by["bicubic"]["psnr"]["mean"] < 60
        gain = by["enhancer"]["psnr over bicubic"]["mean"]
        assert gain == pytest.approx(100 - by["bicubic"]["psnr"]["mean"])
        assert by["unsharp"]["sharpness"]["mean"] > by["bicubic"]["sharpness"]["mean"]
        if judge is not None:
            for name in ("frechet", "frechet of patches"):
                assert by["enhancer"][name]["mean"] < 1e-6 < by["bicubic"][name]["mean"]
        assert ("rank1" in by["enhancer"]) == (kind is Identity)
        if kind is Identity:
            assert by["enhancer"]["identity"]["mean"] == pytest.approx(1, abs=1e-5)
