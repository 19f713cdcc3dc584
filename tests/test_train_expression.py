"""The scripts that train expression editors: steps, resumes, two processes, and what they leave behind."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

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
from tests.scripts import script

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


def test_forty_steps_are_twenty_and_twenty(corpus: Path, tmp_path: Path) -> None:
    kind = "stargan"
    train(kind, corpus, tmp_path / "straight", 40)
    shutil.copytree(tmp_path / "straight", tmp_path / "halves")
    killed_after(tmp_path / "halves", 20)
    train(kind, corpus, tmp_path / "halves", 40, "--resume_from_checkpoint", "latest")
    assert_equal(*(weights(tmp_path / name / "checkpoint-40") for name in ("straight", "halves")))
    assert_equal(*(load_file(tmp_path / name / "model.safetensors") for name in ("straight", "halves")))
    before, after = (weights(tmp_path / "straight" / f"checkpoint-{n}") for n in (20, 40))
    assert all(not torch.equal(before[k], after[k]) for k in before if k.endswith("conv.weight"))


# Several scripts in one launch: what ends the first must not end the processes' talk.
LAUNCHED = """
import importlib.util, json, pathlib, sys
from accelerate import Accelerator
root = pathlib.Path(sys.argv[1])
sys.path[:0] = [str(root), str(root / "train")]
Accelerator.end_training = lambda self: None
assert Accelerator().num_processes == 2
for name, words in json.loads(sys.argv[2]):
    spec = importlib.util.spec_from_file_location("script", root / "train" / (name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(words)
"""


def machine(rank: int, *command: object) -> subprocess.Popen[str]:
    """One of two machines, both of them here, as the configuration in the tree launches them."""
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    start = [sys.executable, "-m", "accelerate.commands.launch"]
    start += [
        "--config_file",
        str(ROOT / "train" / "configs" / "multi_node.yaml"),
        "--machine_rank",
        str(rank),
    ]
    start += ["--main_process_port", str(29600 + os.getpid() % 300)]
    words = [*start, *map(str, command)]
    return subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def assert_like(one: Path, other: Path) -> None:
    """Within float error: the losses of the last step, and all weights."""
    facts = [json.loads((folder / "training.json").read_text("utf-8")) for folder in (one, other)]
    assert facts[0]["losses"] == pytest.approx(facts[1]["losses"], rel=2e-3, abs=2e-4)
    learned, too = weights(one / "checkpoint-4"), weights(other / "checkpoint-4")
    assert learned.keys() == too.keys()
    # where a gradient is all but nothing, Adam takes a whole step its way or the other
    assert max(float((learned[k] - too[k]).abs().max()) for k in learned) < 2e-3
    near = [float((learned[k] - too[k]).abs().mean()) for k in learned]
    assert max(near) < 2e-4


def test_two_machines_learn_what_one_learns(corpus: Path, tmp_path: Path) -> None:
    """Over gloo, on the same global batch, whatever the objective: gradient penalty, cycles, two critics."""
    kinds = [k for k in RUNS if k not in ("multilevel for poses", "extended with logs")]
    jobs = [[RUNS[k][0], words(k, corpus, tmp_path / "two" / k.replace(" ", "_"), 4)] for k in kinds]
    (tmp_path / "launched.py").write_text(LAUNCHED)
    two = [machine(rank, tmp_path / "launched.py", ROOT, json.dumps(jobs)) for rank in (0, 1)]
    try:
        for kind in kinds:
            train(kind, corpus, tmp_path / "one" / kind.replace(" ", "_"), 4)
        said = [process.communicate(timeout=400)[0] for process in two]
    finally:
        for process in two:
            process.kill()
    assert all(process.returncode == 0 for process in two), "\n".join(said)[-4000:]
    for kind in kinds:
        assert_like(*(tmp_path / count / kind.replace(" ", "_") for count in ("one", "two")))


def test_every_configuration_is_one_that_accelerate_reads() -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    configs = {
        path.stem: load_config_from_file(str(path)) for path in (ROOT / "train/configs").glob("*.yaml")
    }
    assert set(configs) == {"fsdp", "multi_node"}
    assert configs["multi_node"].num_machines == 2
    assert configs["fsdp"].fsdp_config["fsdp_version"] == 2


@pytest.mark.parametrize("kind", ["ganimation", "stargan of the seed"])
def test_a_loss_that_is_no_number_stops_with_its_step(kind: str, corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"at step [1-9], expected a finite number"):
        train(kind, corpus, tmp_path, 9, "--learning_rate", "1e30")
    assert not (tmp_path / "model.safetensors").exists()


def test_what_is_lacking_is_said(corpus: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [row(p, 0, k, rng) for p in (0, 1) for k in (1, 2)]
    (tmp_path / "poor" / "data").mkdir(parents=True)
    for split in ("train", "validation"):
        bare = [r | {"action_units": None, "pose": None} for r in rows]
        pq.write_table(table(bare), tmp_path / "poor" / "data" / f"{split}-00000-of-00001.parquet")
    with pytest.raises(TrainingError, match="without action units, expected a corpus built by s2f"):
        train("ganimation", tmp_path / "poor", tmp_path / "out", 2)
    with pytest.raises(TrainingError, match="one pose of each person"):
        train("multilevel for poses", tmp_path / "poor", tmp_path / "out", 2)
    with pytest.raises(TrainingError, match="got no angry in the train split"):
        train("stargan", tmp_path / "poor", tmp_path / "out", 2, "--classes", "angry")


def test_stargan_in_its_seed_setting_from_fer2013(tmp_path: Path) -> None:
    """A copy of the set as it is published, adapted, and 48 grey pixels of four classes learned from."""
    from s2f.corpus.adapt import adapt
    from tests.set_copies import drawn_photo

    lines = ["emotion,pixels,Usage"]
    for number, (emotion, usage) in enumerate(
        (e, u) for u in ("Training", "PublicTest") for e in (0, 3, 4, 5, 6)
    ):
        grey = np.asarray(Image.fromarray(drawn_photo(96)).convert("L").resize((48, 48)), int)
        pixels = np.clip(grey + 3 * number, 0, 255)
        lines.append(f"{emotion},{' '.join(map(str, pixels.ravel()))},{usage}")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "fer2013.csv").write_text("\n".join(lines))
    made = adapt(tmp_path / "set", tmp_path / "fer2013", size=48, progress=False)
    assert made.rows == {"train": 5, "validation": 5}
    kind = "stargan of the seed"
    train(kind, tmp_path / "fer2013", tmp_path / "out", 2, "--resolution", 48)
    model = load_model(tmp_path / "out")
    assert (model.channels, model.size, model.classes) == (1, 48, ["angry", "happy", "sad", "surprised"])
    sheet = Image.open(tmp_path / "out" / "samples" / "000002.png")
    assert sheet.width > 4 * 48
    assert sheet.height > 5 * 48


def test_the_rate_stays_and_then_falls_to_nothing() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    schedule = late_linear(optimizer, 12, flat=2 / 3)
    rates = []
    for _ in range(13):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx([1.0] * 9 + [0.75, 0.5, 0.25, 0.0])
