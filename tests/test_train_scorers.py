"""The scripts that train the reader and the judges: two steps, resumed to the bit, reloaded, measured."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from painted_corpus import SIZE, write_painted_corpus
from test_training import same

from s2f.batches import Faces, read
from s2f.corpus.mirror import PARTNER
from s2f.expression import ACTION_UNITS
from s2f.jitter import dice, placed, relit, viewed, worn
from s2f.models import AlexNet, Identity, Reader
from s2f.models.reader import POSE
from s2f.training import checkpoints
from tests.scripts import script

TINY = {
    "alexnet": ["--width", "3", "--hidden", "8", "--resolution", "64"],
    "identity": ["--width", "8", "--resolution", "32"],
    "reader": ["--width", "8", "--resolution", "32"],
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_painted_corpus(tmp_path_factory.mktemp("painted") / "corpus")


@pytest.fixture
def lessons() -> ModuleType:
    return script("reader")


@pytest.fixture(scope="module")
def faces(corpus: Path) -> Faces:
    some = read(str(corpus), "train", SIZE)
    return some.where(~some.real)


@pytest.mark.parametrize(("name", "kind"), [("alexnet", AlexNet), ("identity", Identity), ("reader", Reader)])
def test_every_script_runs_resumes_to_the_bit_and_reloads(
    name: str, kind: type, corpus: Path, tmp_path: Path
) -> None:
    words = ["--corpus", str(corpus), *TINY[name], "--train_batch_size", "8"]
    words += ["--max_train_steps", "4", "--checkpointing_steps", "2"]
    straight, halves = tmp_path / "straight", tmp_path / "halves"
    script(name).main([*words, "--output_dir", str(straight)])
    shutil.copytree(straight, halves)
    shutil.rmtree(checkpoints(halves)[-1])  # as if killed between step 2 and 4
    (halves / "model.safetensors").unlink()
    script(name).main([*words, "--output_dir", str(halves), "--resume_from_checkpoint", "latest"])
    assert same(straight, halves)
    assert isinstance(kind.from_pretrained(straight), kind)  # type: ignore[attr-defined]
    metrics = json.loads((straight / "metrics.json").read_text())
    assert metrics["images_seen"] == 32
    assert set(metrics) >= {"steps", "minutes", "validation", "test"}
    said = (straight / "training.json").read_text() + (straight / "metrics.json").read_text()
    assert str(tmp_path) not in said


def test_identity_learns_who_it_is(corpus: Path, tmp_path: Path) -> None:
    words = ["--corpus", str(corpus), "--output_dir", str(tmp_path), *TINY["identity"], "--ema_decay", "0.9"]
    script("identity").main([*words, "--train_batch_size", "14", "--max_train_steps", "40"])
    test = json.loads((tmp_path / "metrics.json").read_text())["test"]
    assert test["people"] == 5
    assert test["rank 1, invented"]["n"] == 4 * 6
    assert test["cosine, one person"]["mean"] > test["cosine, strangers"]["mean"] + 0.1
    assert test["frechet"]["to the same softened threefold"] > 0


def test_reader_learns_where_things_are(lessons: ModuleType, corpus: Path, tmp_path: Path) -> None:
    words = ["--corpus", str(corpus), "--output_dir", str(tmp_path), *TINY["reader"], "--ema_decay", "0.9"]
    lessons.main([*words, "--train_batch_size", "16", "--max_train_steps", "60", "--learning_rate", "4e-3"])
    test = json.loads((tmp_path / "metrics.json").read_text())["test"]
    assert set(test) == {"photograph, invented", "photograph, real", "freehand", "contour", "edge"}
    photograph = test["photograph, invented"]
    assert photograph["landmarks, inner face"]["mean"] < 0.3
    assert photograph["landmarks, inner face"]["n"] == 28
    assert test["photograph, real"]["landmarks, inner face"]["n"] == 1  # the smile has none


def test_labels_move_with_the_picture(lessons: ModuleType, faces: Faces) -> None:
    """A white dot at each place is where the label says after moving, turning and mirroring."""
    generator = torch.Generator().manual_seed(4)
    views = placed(dice(len(faces), generator), zoom=0.2, shift=0.1, turn=0.3, flip=True)
    told = lessons.moved(faces, views, SIZE)
    mirrored = torch.linalg.det(views[:, :, :2]) < 0
    assert mirrored.any()
    assert not mirrored.all()
    for n in range(len(faces)):
        for point in (0, 71, 98):  # all well inside the picture
            x, y = faces.landmarks[n, point].round().int().tolist()
            dot = torch.zeros(1, 1, SIZE, SIZE)
            dot[0, 0, y, x] = 1
            seen = viewed(dot, views[n : n + 1], SIZE, padding="zeros")[0, 0]
            row, column = divmod(int(seen.argmax()), SIZE)
            label = int(PARTNER[point]) if mirrored[n] else point
            place = (told["places"][n, label] + 1) / 2 * SIZE - 0.5
            assert (place - torch.tensor([column, row])).norm() < 2


def test_a_turned_head_has_rolled_and_a_mirrored_smile_changes_sides(
    lessons: ModuleType, faces: Faces
) -> None:
    generator = torch.Generator().manual_seed(4)
    views = placed(dice(len(faces), generator), zoom=0.2, shift=0.1, turn=0.3, flip=True)
    told = lessons.moved(faces, views, SIZE)
    across = told["places"][:, 1] - told["places"][:, 0]
    tilt = torch.rad2deg(torch.atan2(across[:, 1], across[:, 0]))
    before = faces.landmarks[:, 1] - faces.landmarks[:, 0]
    own = torch.rad2deg(torch.atan2(before[:, 1], before[:, 0])).abs().max()
    assert (told["pose"][:, 2] - tilt).abs().max() < own + 0.1
    assert POSE > 0
    left, right = (ACTION_UNITS.index(f"AU12_{side}") for side in "LR")
    faces.units[0, left], faces.units[0, right] = 0.9, 0.2
    flip = torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]])
    units = lessons.moved(faces.where(torch.tensor([0])), flip, SIZE)["units"][0]
    assert (units[left], units[right]) == (pytest.approx(0.2), pytest.approx(0.9))
    alone = [ACTION_UNITS.index(name) for name in ("AU8", "AU26", "AU28_upper", "AU28_lower")]
    assert [lessons.OTHER_SIDE[n] for n in alone] == alone


def test_what_is_no_face_looks_like_none(lessons: ModuleType, faces: Faces) -> None:
    pictures = faces.picture.float() / 127.5 - 1
    spoiled = lessons.spoiled(pictures, torch.Generator().manual_seed(0))
    assert spoiled.shape == pictures.shape
    assert spoiled.abs().max() <= 1
    changed = (spoiled - pictures).abs().flatten(1).mean(1)
    assert (changed > 0.02).all()
    again = lessons.spoiled(pictures, torch.Generator().manual_seed(0))
    assert torch.equal(spoiled, again)


def test_jitter_changes_every_picture_in_its_own_way() -> None:
    picture = torch.rand(1, 3, 48, 48).expand(6, -1, -1, -1) * 1.6 - 0.8
    generator = torch.Generator().manual_seed(0)
    draw = dice(6, generator)
    for seen in (relit(picture, draw, grey=0.5), worn(picture, draw, generator, share=1.0)):
        assert seen.shape == picture.shape
        assert seen.abs().max() <= 1
        assert len({round(float(one.std()), 5) for one in seen}) == 6
    grey = relit(picture, dice(6, generator), grey=1.0)
    assert torch.equal(grey[:, 0], grey[:, 2])
    unmoved = placed(dice(6, generator), zoom=0, shift=0, turn=0, flip=False)
    np.testing.assert_allclose(viewed(picture, unmoved, 48).numpy(), picture.numpy(), atol=1e-5)
