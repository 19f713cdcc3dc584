"""train/table.py: every system's flags are its script's, budgets are equal, what is finished is let be."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from s2f.models import load_model
from tests.scripts import script

ROOT = Path(__file__).parents[1]


@pytest.fixture
def table() -> ModuleType:
    return script("table")


def test_every_system_is_told_what_its_script_takes(table: ModuleType, tmp_path: Path) -> None:
    args = table.parse_args(["--corpus", "corpus", "--output_dir", str(tmp_path)])
    trained = set()
    for system in table.SYSTEMS:
        (_, path, *words), steps = table.command(system, args)
        module = script(system.script)
        assert Path(path) == ROOT / "train" / f"{system.script}.py"
        parse = module.parse_args if hasattr(module, "parse_args") else module.flags("").parse_args
        told = parse(words)
        assert told.max_train_steps == steps
        assert steps * told.train_batch_size == args.images
        assert told.output_dir == tmp_path / system.name
        trained.add(system.script)
    named = {system.name for system in table.SYSTEMS}
    assert len(named) == len(table.SYSTEMS)
    assert not named & {"drawer", "editor", "sampler"}  # a folder so called is named after the one it lies in
    assert {p.stem for p in (ROOT / "train").glob("*.py")} - trained == {
        "table",
        *("classifier", "alexnet", "identity", "reader", "framing", "doodles"),  # what scores and what reads
        "enhancer",
        "blend",
    }


def test_a_queue_goes_on_over_what_fails_and_skips_what_is_done(
    table: ModuleType, mini_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = table.System("tiny", "dcgan", "--width 2 --critic_width 2 --reconstruction_steps 1")
    broken = table.System("broken", "multilevel", "--critics 64")
    monkeypatch.setattr(table, "SYSTEMS", (broken, tiny))
    words = ["--corpus", str(mini_corpus), "--output_dir", str(tmp_path), "--images", "17"]
    assert table.main(words) == 1
    assert "train/multilevel.py: got size=64, levels=[64]" in (tmp_path / "broken.log").read_text("utf-8")
    said = json.loads((tmp_path / "tiny" / "training.json").read_text("utf-8"))
    assert said["images_seen"] == 16
    assert load_model(tmp_path / "tiny").latent == 100
    log = (tmp_path / "tiny.log").read_bytes()
    assert table.main([*words, "--only", "tiny"]) == 0
    assert (tmp_path / "tiny.log").read_bytes() == log
