"""DeepFaceDrawing's two stages: a resume equals a straight run over their border, and what is left draws."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from s2f import SketchToFace
from s2f.batches import MOUTH, read
from s2f.image import EYE_DISTANCE, EYE_LINE
from s2f.models import DeepFaceDrawing, load_model
from s2f.models.deepfacedrawing import BOXES, UNITS
from s2f.training import TrainingError
from tests.scripts import script

SMALL = ("--widths", 8, 8, "--latent", 8, "--width", 8, "--blocks", 1, "--critic_width", 4, "--bank", 6)


def train(corpus: Path, folder: Path, steps: int, *more: object) -> dict:
    words = ["--corpus", corpus, "--output_dir", folder, "--resolution", 64, "--train_batch_size", 2]
    words += ["--max_train_steps", steps, "--checkpointing_steps", 1, "--checkpoints_total_limit", 9]
    script("deepfacedrawing").main([str(word) for word in (*words, "--validation_steps", 2, *SMALL, *more)])
    return json.loads((folder / "training.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def straight(mini_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps of each stage."""
    folder = tmp_path_factory.mktemp("deepfacedrawing") / "straight"
    train(mini_corpus, folder, 4, "--first_share", 0.5)
    return folder


def test_what_both_stages_leave_behind(straight: Path, tmp_path: Path) -> None:
    facts = json.loads((straight / "training.json").read_text("utf-8"))
    assert facts["images_seen"] == 8
    assert all(np.isfinite(value) for value in facts["losses"].values())
    assert set(facts["losses"]) == {"critic", "fooled", "features", "l1"}
    assert str(straight.parent) not in json.dumps(facts)
    assert sorted(p.name for p in (straight / "samples").iterdir()) == ["000002.png", "000004.png"]
    assert type(load_model(straight)) is DeepFaceDrawing
    pipe = SketchToFace.from_pretrained(drawer=straight, device="cpu", size=64)
    page = Image.new("L", (64, 64), 255)
    page.paste(0, (20, 20, 24, 40))
    faces = [pipe(page, prepare_steps=(), faithfulness=f).face for f in (0.0, 1.0)]
    assert faces[0].size == (64, 64)
    assert np.any(np.asarray(faces[0]) != np.asarray(faces[1]))


@pytest.mark.parametrize("step", [1, 2, 3], ids=["in stage 1", "at the border", "in stage 2"])
def test_a_resume_equals_a_straight_run(step: int, straight: Path, mini_corpus: Path, tmp_path: Path) -> None:
    shutil.copytree(straight / f"checkpoint-{step}", tmp_path / f"checkpoint-{step}")
    torch.manual_seed(99)  # what went on in between is of no account
    train(mini_corpus, tmp_path, 4, "--first_share", 0.5, "--resume_from_checkpoint", "latest")
    one, other = (load_file(folder / "model.safetensors") for folder in (straight, tmp_path))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[k], other[k]) for k in one)


def test_stages_one_by_one(mini_corpus: Path, tmp_path: Path) -> None:
    train(mini_corpus, tmp_path / "1", 1, "--stage", 1)
    facts = train(mini_corpus, tmp_path / "2", 1, "--stage", 2, "--init", tmp_path / "1")
    before, after = (load_file(tmp_path / stage / "model.safetensors") for stage in "12")
    changed = {k.split(".")[0] for k in before if not torch.equal(before[k], after[k])}
    assert changed == {"painter"}
    assert facts["init"]["stage"] == "1"

    model = DeepFaceDrawing.from_pretrained(tmp_path / "1")
    drawings = read(str(mini_corpus), "train", 64).drawing.flatten(0, 1)
    known = {page.numpy().tobytes() for page in drawings}
    assert all(page.numpy().tobytes() in known for page in model.pages)
    page = model.pages[:, None].float() / 127.5 - 1
    torch.testing.assert_close(model.encode(page).transpose(0, 1), model.bank, rtol=0.01, atol=2e-3)  # halves
    with pytest.raises(TrainingError, match="--stage 2 with --init None"):
        train(mini_corpus, tmp_path / "3", 1, "--stage", 2)
    with pytest.raises(TrainingError, match="--first_share 1.5"):
        train(mini_corpus, tmp_path / "3", 1, "--first_share", 1.5)


def test_the_boxes_lie_where_landmarks_are(mini_corpus: Path) -> None:
    faces = read(str(mini_corpus), "train", 64, drawings=False)
    marks = (faces.landmarks[~faces.real] + 0.5) / 64 * UNITS
    at = {
        "left_eye": marks[:, :1],
        "right_eye": marks[:, 1:2],
        "nose": marks[:, 54:55],
        "mouth": marks[:, MOUTH],
    }
    for name, points in at.items():
        x, y, side = BOXES[name]
        inside = (points >= torch.tensor([x, y])) & (points <= torch.tensor([x + side, y + side]))
        assert inside.all(), name
    for name, sign in (("left_eye", -1), ("right_eye", 1)):  # in the middle, where the frame has the pupils
        x, y, side = BOXES[name]
        assert x + side / 2 == pytest.approx(UNITS * (0.5 + sign * EYE_DISTANCE / 2), abs=0.5)
        assert y + side / 2 == pytest.approx(UNITS * EYE_LINE, abs=0.5)
