"""Training scripts as researchers run them: steps, kills, resumes, full disks, two processes."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from safetensors.torch import load_file

from s2f.corpus.features import table
from s2f.expression import CLASSES
from s2f.losses import soft_cross_entropy
from s2f.metrics import confusion, rate, wilson
from s2f.models.classifier import Classifier
from s2f.training import (
    Clock,
    TrainingError,
    check_finite,
    checkpoints,
    epoch_batches,
    find_checkpoint,
    save_checkpoint,
    update_average,
    write_arguments,
)
from tests.conftest import draw_face
from tests.scripts import script

ROOT = Path(__file__).parents[1]
TINY = ["--width", "8", "--resolution", "32", "--train_batch_size", "8"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not faces: each class is a place where a square sits, so that a few steps can learn it."""
    import io

    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("squares")
    (folder / "data").mkdir()
    rng = np.random.default_rng(0)
    for split, count in (("train", 70), ("validation", 14), ("test", 14)):
        rows = []
        for n in range(count):
            label = n % len(CLASSES)
            pixels = rng.integers(60, 90, (48, 48, 3)).astype(np.uint8)
            y, x = divmod(label, 3)
            pixels[6 + 12 * y : 16 + 12 * y, 16 : 24 + 4 * x] = (230, 40 + 90 * x, 200 - 60 * y)
            stored = io.BytesIO()
            Image.fromarray(pixels).save(stored, "PNG")
            picture = {"bytes": stored.getvalue(), "path": None}
            real = n >= count - 4 and label in (0, 1)
            rows.append(
                {"image": picture, "expression": label, "intensity": 1.0, "ethnicity": "a", "real": real}
            )
        pq.write_table(table(rows), folder / "data" / f"{split}-00000-of-00001.parquet")
    return folder


def train(corpus: Path, out: Path, *more: str) -> dict:
    script("classifier").main(["--corpus", str(corpus), "--output_dir", str(out), *TINY, *more])
    return json.loads((out / "metrics.json").read_text())


def same(a: Path, b: Path) -> bool:
    one, two = load_file(a / "model.safetensors"), load_file(b / "model.safetensors")
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


def test_it_learns_and_says_how_well(corpus: Path, tmp_path: Path) -> None:
    metrics = train(
        corpus, tmp_path, "--max_train_steps", "150", "--learning_rate", "4e-3", "--ema_decay", "0.9"
    )
    assert metrics["test"]["invented"]["rate"] > 0.5  # chance is 0.14
    assert metrics["test"]["invented"]["n"] + sum(r["n"] for r in metrics["test"]["real"].values()) == 14
    assert set(metrics["test"]["invented"]["by_class"]) == set(CLASSES)
    assert json.loads((tmp_path / "training.json").read_text())["learning_rate"] == 4e-3
    loaded = Classifier.from_pretrained(tmp_path)
    assert loaded(torch.zeros(1, 3, 64, 64)).shape == (1, len(CLASSES))


def test_a_resumed_run_equals_a_straight_one_to_the_bit(corpus: Path, tmp_path: Path) -> None:
    steps = ["--max_train_steps", "12", "--checkpointing_steps", "6"]
    train(corpus, tmp_path / "straight", *steps)
    train(corpus, tmp_path / "halves", *steps)
    for done in checkpoints(tmp_path / "halves")[1:]:
        for file in done.iterdir():
            file.unlink()
        done.rmdir()  # as if killed between step 6 and 12
    train(corpus, tmp_path / "halves", *steps, "--resume_from_checkpoint", "latest")
    assert same(tmp_path / "straight", tmp_path / "halves")


def test_a_kill_leaves_a_checkpoint_to_resume_from(corpus: Path, tmp_path: Path) -> None:
    words = [
        sys.executable,
        ROOT / "train" / "classifier.py",
        "--corpus",
        corpus,
        "--output_dir",
        tmp_path,
        *TINY,
    ]
    words += [
        "--max_train_steps",
        "100000",
        "--checkpointing_steps",
        "3",
        "--resume_from_checkpoint",
        "latest",
    ]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(list(map(str, words)), env=env, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while len(checkpoints(tmp_path)) < 2 and time.monotonic() < deadline:
        assert run.poll() is None
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    last = checkpoints(tmp_path)[-1]
    step = int(last.name.split("-")[1])
    more = [
        "--max_train_steps",
        "100000",
        "--checkpointing_steps",
        "100000",
        "--resume_from_checkpoint",
        last.name,
    ]
    args = script("classifier").parse_args(
        ["--corpus", str(corpus), "--output_dir", str(tmp_path), *TINY, *more]
    )
    assert find_checkpoint(args.output_dir, args.resume_from_checkpoint) == last
    accelerator = Accelerator(cpu=True)
    model = Classifier(8, 1, 32)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    average = Classifier(8, 1, 32)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=100001)
    model, optimizer = accelerator.prepare(model, optimizer)
    accelerator.register_for_checkpointing(average, schedule, Clock())
    accelerator.load_state(str(last))
    assert schedule.last_epoch == step


def test_two_processes_learn_what_one_learns(corpus: Path, tmp_path: Path) -> None:
    """Same global batch over gloo: the weights agree within float error."""
    for processes in (1, 2):
        # --cpu would start one process only, whatever their number
        several = "--multi_gpu" if processes > 1 else "--cpu"
        words = [sys.executable, "-m", "accelerate.commands.launch", several, "--num_processes", processes]
        words += [
            "--num_machines",
            1,
            "--mixed_precision",
            "no",
            "--dynamo_backend",
            "no",
            "--num_cpu_threads_per_process",
            1,
        ]
        words += ["--main_process_port", 29500 + os.getpid() % 500, ROOT / "train" / "classifier.py"]
        words += [
            "--corpus",
            corpus,
            "--output_dir",
            tmp_path / str(processes),
            *TINY,
            "--max_train_steps",
            6,
            "--dropout",  # each process drops others
            0,
        ]
        env = os.environ | {"PYTHONPATH": str(ROOT), "ACCELERATE_USE_CPU": "true"}
        done = subprocess.run(list(map(str, words)), env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    one, two = (load_file(tmp_path / str(n) / "model.safetensors") for n in (1, 2))
    assert max((one[k] - two[k]).abs().max().item() for k in one) < 2e-3
    assert json.loads((tmp_path / "2" / "metrics.json").read_text())["images_seen"] == 48


def test_framing_learns_from_drawings_and_writes_what_the_doctor_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    import pyarrow.parquet as pq

    from s2f import framing

    (tmp_path / "corpus" / "data").mkdir(parents=True)
    landmarks = np.tile([64.0, 64.0], (189, 1))
    landmarks[:2] = [(0.38 * 128, 0.47 * 128), (0.62 * 128, 0.47 * 128)]
    stored = io.BytesIO()
    draw_face(128, width=2).save(stored, "PNG")
    drawing = {"bytes": stored.getvalue(), "path": None}
    row = {
        "sketch": [drawing, drawing],
        "sketch_style": ["freehand", "contour"],
        "sketch_transform": [[1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 1, 0]],
        "landmarks": landmarks.astype(np.float32),
    }
    for split in ("train", "validation", "test"):
        pq.write_table(table([row] * 3), tmp_path / "corpus" / "data" / f"{split}-00000-of-00001.parquet")
    monkeypatch.setattr(framing, "WEIGHTS", framing.WEIGHTS)
    words = [
        "--corpus",
        str(tmp_path / "corpus"),
        "--output_dir",
        str(tmp_path / "out"),
        "--hidden",
        "8",
        "4",
    ]
    words += ["--pages", "40", "--rounds", "2", "--epochs", "1", "--scored", "4"]
    try:
        script("framing").main(words)
        assert framing._weights()[0].shape[1] == 8
    finally:
        framing._weights.cache_clear()
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert set(metrics["test"]["by_style"]) == {"freehand", "contour"}
    said = json.loads((tmp_path / "out" / "training.json").read_text())
    assert said["corpus"] == {"name": "corpus"}
    assert str(tmp_path) not in json.dumps(said)


def test_a_full_disk_leaves_the_previous_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accelerator = Accelerator(cpu=True)
    accelerator.prepare(torch.nn.Linear(2, 2))
    save_checkpoint(accelerator, tmp_path, 1)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(accelerator, "save_state", full)
    with pytest.raises(TrainingError, match="resume from checkpoint-1"):
        save_checkpoint(accelerator, tmp_path, 2)
    assert [p.name for p in checkpoints(tmp_path)] == ["checkpoint-1"]
    assert not list(tmp_path.glob(".*"))


def test_only_so_many_checkpoints_are_kept(tmp_path: Path) -> None:
    accelerator = Accelerator(cpu=True)
    accelerator.prepare(torch.nn.Linear(2, 2))
    for step in (5, 20, 100):
        save_checkpoint(accelerator, tmp_path, step, limit=2)
    (tmp_path / ".checkpoint-200.part").mkdir()
    assert [p.name for p in checkpoints(tmp_path)] == ["checkpoint-20", "checkpoint-100"]
    assert find_checkpoint(tmp_path, "latest") == tmp_path / "checkpoint-100"
    assert find_checkpoint(tmp_path, "checkpoint-20") == tmp_path / "checkpoint-20"
    assert find_checkpoint(tmp_path / "empty", "latest") is None
    with pytest.raises(TrainingError, match="checkpoint-20, checkpoint-100"):
        find_checkpoint(tmp_path, "checkpoint-7")


def test_a_loss_that_is_no_number_stops_with_its_step() -> None:
    check_finite(1, loss=0.5)
    with pytest.raises(TrainingError, match="at step 7"):
        check_finite(7, good=1.0, bad=float("nan"))


def test_a_run_counts_its_minutes_over_all_its_resumptions(tmp_path: Path) -> None:
    first = Clock()
    first.load_state_dict({"minutes": 12.0})
    assert first.minutes == pytest.approx(12, abs=0.2)
    one = Accelerator(cpu=True)
    one.register_for_checkpointing(first)
    save_checkpoint(one, tmp_path, 3)
    two, second = Accelerator(cpu=True), Clock()
    two.register_for_checkpointing(second)
    two.load_state(str(tmp_path / "checkpoint-3"))
    assert second.minutes == pytest.approx(12, abs=0.2)


def test_a_run_tells_the_story_of_the_one_it_went_on_from(tmp_path: Path) -> None:
    write_arguments(tmp_path / "one", Namespace(corpus="org/faces", max_train_steps=30), minutes=4.0)
    write_arguments(tmp_path / "two", Namespace(corpus="org/faces", init=str(tmp_path / "one")))
    told = json.loads((tmp_path / "two" / "training.json").read_text())
    assert told["init"] == {"corpus": "org/faces", "max_train_steps": 30, "minutes": 4.0}
    assert str(tmp_path) not in json.dumps(told)


def test_batches_are_the_same_from_any_start() -> None:
    stream = epoch_batches(10, 4, seed=1)
    all_ = [next(stream).tolist() for _ in range(7)]
    late = epoch_batches(10, 4, seed=1, start=3)
    assert [next(late).tolist() for _ in range(4)] == all_[3:]
    assert all_[0] != all_[2]
    assert len(set(all_[0] + all_[1])) == 8


def test_the_average_follows_the_weights() -> None:
    average, model = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    before = average.weight.clone()
    update_average(average, model, 0.75)
    torch.testing.assert_close(average.weight, 0.75 * before + 0.25 * model.weight)


def test_a_soft_label_is_cross_entropy_when_certain() -> None:
    logits, labels = torch.randn(5, 7), torch.tensor([0, 1, 2, 3, 6])
    torch.testing.assert_close(
        soft_cross_entropy(logits, labels, torch.ones(5)), torch.nn.functional.cross_entropy(logits, labels)
    )
    even = soft_cross_entropy(torch.zeros(5, 7), labels, torch.full((5,), 0.4))
    assert even.item() == pytest.approx(np.log(7), rel=1e-5)


def test_rates_come_with_honest_intervals() -> None:
    assert wilson(0, 0) == (0, 1)
    low, high = wilson(10, 10)
    assert (round(low, 3), high) == (0.722, 1.0)
    one = rate([True, True, False, True])
    assert (one["rate"], one["n"]) == (0.75, 4)
    assert confusion([0, 1, 1], [0, 2, 1], 3).tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
