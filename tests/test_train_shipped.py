"""The scripts that train what ships: two steps, resume, reload, and what their lessons are made of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from PIL import Image

from s2f.batches import ASPECTS, MIRRORED, face_weight, framed, nudged, read
from s2f.corpus.scene import measure_scene
from s2f.expression import ACTION_UNITS
from s2f.look import to_lab
from s2f.models import Critic, Drawer, Editor
from s2f.training import TrainingError
from tests.scripts import script


def run(name: str, corpus: Path, folder: Path, steps: int, *more: str) -> None:
    words = [
        *("--corpus", corpus, "--output_dir", folder, "--resolution", "128", "--size", "128"),
        *("--widths", 8, 16, "--critic_width", 8, "--train_batch_size", 2, "--max_train_steps", steps),
        *("--critic_from", 0.5, "--checkpointing_steps", 2, "--validation_steps", 2, *more),
    ]
    script(name).main([str(word) for word in words])


@pytest.mark.parametrize(("name", "kind"), [("drawer", Drawer), ("editor", Editor)])
def test_two_steps_a_resume_and_a_reload(name: str, kind: type, mini_corpus: Path, tmp_path: Path) -> None:
    run(name, mini_corpus, tmp_path / "whole", 4)
    run(name, mini_corpus, tmp_path / "parts", 2)
    torch.manual_seed(99)  # what went on in between is of no account
    run(name, mini_corpus, tmp_path / "parts", 4, "--resume_from_checkpoint", "latest")
    model = kind.from_pretrained(tmp_path / "whole")
    assert model.size == 128
    facts = json.loads((tmp_path / "whole" / "training.json").read_text("utf-8"))
    assert facts["images_seen"] == 8
    assert facts["people"] == 2
    assert str(tmp_path) not in json.dumps(facts)
    assert sorted(p.name for p in (tmp_path / "whole" / "samples").iterdir()) == ["000002.png", "000004.png"]
    again = kind.from_pretrained(tmp_path / "parts")
    assert all(torch.isfinite(v).all() for v in again.state_dict().values())


def test_the_finest_level_alone(mini_corpus: Path, tmp_path: Path) -> None:
    run("drawer", mini_corpus, tmp_path / "coarse", 1, "--size", "256")
    finer = ("--size", "256", "--resolution", "256", "--init", str(tmp_path / "coarse"), "--finest_only")
    run("drawer", mini_corpus, tmp_path / "fine", 2, *finer)
    coarse, fine = (Drawer.from_pretrained(tmp_path / name) for name in ("coarse", "fine"))
    assert coarse.regained[0] == 1.0
    assert fine.regained[0] != 1.0  # fitted, and kept in its configuration
    one, other = coarse.state_dict(), fine.state_dict()
    changed = {name for name in one if not torch.equal(one[name], other[name])}
    assert changed
    assert all(name.startswith("detail.0.") for name in changed)
    run("drawer", mini_corpus, tmp_path / "piece", 2, *finer, "--window", "128", "--critic_from", 0)
    piece = Drawer.from_pretrained(tmp_path / "piece").state_dict()
    assert {name for name in one if not torch.equal(one[name], piece[name])} == changed
    assert any(not torch.equal(other[name], piece[name]) for name in changed)
    for amiss in ("130", "512", "0"):
        with pytest.raises(SystemExit):
            run("drawer", mini_corpus, tmp_path / "none", 1, *finer, "--window", amiss)
    with pytest.raises(SystemExit):
        run("drawer", mini_corpus, tmp_path / "none", 1, "--finest_only")


def test_a_finest_level_learns_anew_what_was_fitted_before(tmp_path: Path) -> None:
    trainer = script("drawer")
    Drawer(512, [8, 8], [8, 8], condition=8, bank=4, regained=[0.9, 1.7]).save_pretrained(tmp_path / "fine")
    flags = ["--corpus", "none", "--output_dir", str(tmp_path), "--init", str(tmp_path / "fine")]
    for resolution, wanted in (("256", [1.0, 1.7]), ("512", [0.9, 1.0])):
        alone = trainer.parse_args([*flags, "--resolution", resolution, "--finest_only"])
        assert trainer.begun(alone).regained == wanted
        whole = trainer.parse_args([*flags, "--resolution", resolution])
        assert trainer.begun(whole).regained == [0.9, 1.7]


def test_a_new_critic_learns_alone_first(mini_corpus: Path, tmp_path: Path) -> None:
    run("drawer", mini_corpus, tmp_path / "first", 1)
    on = ("--init", str(tmp_path / "first"), "--critic_from", "0", "--critic_ahead", "2")
    for name, steps, rate in (("waits", 2, "1e-3"), ("goes", 4, "1e-3"), ("other", 4, "1e-2")):
        run("drawer", mini_corpus, tmp_path / name, steps, *on, "--critic_learning_rate", rate)
    names = ("first", "waits", "goes", "other")
    first, waits, goes, other = (Drawer.from_pretrained(tmp_path / name).body.state_dict() for name in names)
    assert all(torch.equal(first[name], waits[name]) for name in first)  # it learned, the drawer did not
    assert any(not torch.equal(first[name], goes[name]) for name in first)
    assert any(not torch.equal(goes[name], other[name]) for name in goes)  # and what it learned is heard


def test_a_run_brings_its_critic_to_the_next(mini_corpus: Path, tmp_path: Path) -> None:
    still = ("--critic_from", "0", "--critic_learning_rate", "0")
    run("drawer", mini_corpus, tmp_path / "first", 2)
    run("drawer", mini_corpus, tmp_path / "on", 1, "--init", str(tmp_path / "first"), *still)
    run("drawer", mini_corpus, tmp_path / "anew", 1, *still)
    first, on, anew = (
        Critic.from_pretrained(tmp_path / name / "critic-128").state_dict()
        for name in ("first", "on", "anew")
    )
    assert all(torch.equal(first[name], on[name]) for name in first)
    assert any(not torch.equal(first[name], anew[name]) for name in first)


def test_critics_of_other_resolutions_are_handed_on(mini_corpus: Path, tmp_path: Path) -> None:
    run("drawer", mini_corpus, tmp_path / "coarse", 1, "--size", "256")
    finer = ("--size", "256", "--resolution", "256", "--init", str(tmp_path / "coarse"), "--finest_only")
    run("drawer", mini_corpus, tmp_path / "fine", 1, *finer)
    assert {p.name for p in (tmp_path / "fine").glob("critic-*")} == {"critic-128", "critic-256"}
    kept, given = (Critic.from_pretrained(tmp_path / name / "critic-128") for name in ("fine", "coarse"))
    assert all(torch.equal(v, given.state_dict()[k]) for k, v in kept.state_dict().items())


@pytest.mark.parametrize(("name", "kind"), [("drawer", Drawer), ("editor", Editor)])
def test_half_a_precision_trains(name: str, kind: type, mini_corpus: Path, tmp_path: Path) -> None:
    AcceleratorState._reset_state(reset_partial_state=True)  # a process keeps to one precision
    run(name, mini_corpus, tmp_path / "half", 2, "--mixed_precision", "bf16", "--critic_from", 0)
    AcceleratorState._reset_state(reset_partial_state=True)
    run(name, mini_corpus, tmp_path / "whole", 2, "--critic_from", 0)
    half, whole = (kind.from_pretrained(tmp_path / which).body.state_dict() for which in ("half", "whole"))
    assert any(not torch.equal(half[key], whole[key]) for key in half)
    for key, value in half.items():
        assert value.dtype == torch.float32
        assert torch.allclose(value, whole[key], atol=0.02), key


def test_a_corpus_in_memory(mini_corpus: Path) -> None:
    faces = read(str(mini_corpus), "train", 96)
    count = len(faces)
    assert faces.picture.shape == (count, 3, 96, 96)
    assert faces.drawing.shape == (count, 2, 96, 96)
    assert faces.look.shape == (count, len(ASPECTS), 3)
    made = faces.where(~faces.real)
    assert made.units.isfinite().all()
    assert made.landmarks.min() > -10
    assert made.landmarks.max() < 106
    assert ((faces.style == 0) | (faces.skill == 1)).all()
    assert len(read(str(mini_corpus), "train", 64, drawings=False, limit=5)) == 5
    pairs = script("editor").sittings(made)
    assert (made.person[pairs] == made.person[:, None]).all()
    assert (made.pose[pairs] - made.pose[:, None]).abs().max() < 0.01
    assert (pairs[:, 0] == torch.arange(len(made))).all()


def test_without_pairs_the_editor_says_so(mini_corpus: Path) -> None:
    faces = read(str(mini_corpus), "train", 64, drawings=False)
    alone = faces.where(torch.nonzero(~faces.real)[::7, 0])
    with pytest.raises(TrainingError, match="without two expressions of one sitting, expected seven"):
        script("editor").sittings(alone)


def test_a_drawing_comes_back_over_its_photograph() -> None:
    page = np.full((64, 64), 255, np.uint8)
    page[40:44, 50:54] = 0  # where the hand put what the photograph has at 20, 16
    back = framed(page, np.array([2.0, 0, 12, 0, 2, 10]))
    dark = np.argwhere(back < 128)
    assert abs(dark.mean(0) - [15.5, 19.5]).max() < 0.8
    assert framed(page, np.array([1.0, 0, 0, 0, 1, 0])) is page


def test_nudged_moves_each_picture_on_its_own() -> None:
    x = torch.zeros(2, 1, 32, 32)
    x[:, :, 16, 16] = 1
    moved = nudged(x, torch.tensor([[0.0, 0.0], [0.25, 0.0]]), torch.zeros(2), torch.ones(2))
    assert moved[0, 0].argmax() == 16 * 32 + 16
    assert moved[1, 0].argmax() == 16 * 32 + 12


def test_a_mirror_swaps_the_sides_of_units_only() -> None:
    for n, unit in enumerate(ACTION_UNITS):
        other = ACTION_UNITS[MIRRORED[n]]
        assert MIRRORED[MIRRORED[n]] == n
        assert other[:-1] == unit[:-1]
        assert (other == unit) == (unit[-2:] not in ("_L", "_R"))


def test_eyes_and_mouth_weigh_most() -> None:
    marks = torch.full((1, 189, 2), 127.5)
    marks[0, 0], marks[0, 1], marks[0, 87:109] = torch.tensor([[97.0, 120], [158, 120], [128, 190]])
    weight = face_weight(marks, 256)
    assert weight.shape == (1, 1, 64, 64)
    assert weight[0, 0, 30, 24] > 4
    assert weight[0, 0, 47, 32] > 4
    assert weight[0, 0, 2, 2] < 1.01


def test_the_scene_is_measured() -> None:
    picture = Image.new("RGB", (128, 128), "#305080")
    picture.paste("#a02020", (0, 118, 128, 128))
    picture.paste("#e0b090", (30, 20, 98, 118))
    picture.paste("#906040", (64, 20, 98, 118))
    marks = np.zeros((189, 2))
    marks[[165, 158]], marks[[168, 161]] = (45, 75), (82, 75)
    marks[[73, 76, 77, 80]], marks[[137, 139, 139, 141]] = (50, 50), (50, 30)
    backdrop, clothes, light = measure_scene(np.asarray(picture), marks)
    assert abs(backdrop - to_lab(np.array([0x30, 0x50, 0x80], np.uint8))).max() < 0.1
    assert abs(clothes - to_lab(np.array([0xA0, 0x20, 0x20], np.uint8))).max() < 0.1
    bright, dark = (to_lab(np.array(c, np.uint8))[0] for c in ((0xE0, 0xB0, 0x90), (0x90, 0x60, 0x40)))
    assert light == pytest.approx([bright - dark, (bright - dark) / 2, 0], abs=0.1)
