"""The pages of docs/ keep their word: their commands run on tiny data, their tags are those of the cards."""

from __future__ import annotations

import json
import os
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import s2f.pipeline
from s2f import MODELS
from s2f.publishing.model_card import read_words
from tests.conftest import draw_face
from tests.hub_server import hub_here
from tests.miniature import write_pack
from tests.set_copies import drawn_photo, write
from tests.test_readme import lines

ROOT = Path(__file__).parents[1]
Cli = Callable[..., tuple[int, str, str]]
# What a page says, and what a test has the patience for.
SMALLER = {("--max_train_steps", "4000"): "2"}
ADDED = {
    "train/drawer.py": "--size 128 --widths 8 16 --critic_width 8 --train_batch_size 4",
    "train/pix2pix.py": "--width 4 --depth 6 --critic_width 4 --train_batch_size 4",
    "evaluate": "--judges judges --size 64 --limit 2",
}


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text("utf-8")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the pages take for granted: a drawing, a photograph, and bundled models, here tiny ones."""
    draw_face().save(tmp_path / "drawing.png")
    write(tmp_path, "photo.jpg", photo=drawn_photo(512))
    torch.manual_seed(0)
    own = {"size": 128, "widths": [8, 16], "condition": 16}
    MODELS["drawer"](**own, detail=[], bank=4).save_pretrained(tmp_path / "weights" / "drawer")
    MODELS["editor"](**own, detail=8).save_pretrained(tmp_path / "weights" / "editor")
    monkeypatch.setattr(s2f.pipeline, "BUNDLED", tmp_path / "weights")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_visitors_commands_run(desk: Path, run_cli: Cli) -> None:
    said = lines(page("visitor"))
    assert len(said) >= 8
    for words in said:
        status, out, err = run_cli(*words[1:])
        assert status == 0, (words, err)
        if words[1] == "verify":
            assert "signed" in out
    for name in ("face.png", "happy.png", "amazed.png", "seven.png", "smile.gif", "sketch.png"):
        assert (desk / name).stat().st_size > 1000
    assert (desk / "face.png").read_bytes() != (desk / "again.png").read_bytes()


def test_the_developers_snippets_run(desk: Path, run_cli: Cli) -> None:
    text = page("developer")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(blocks) == 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "developer.md", "exec"), names)
    for name in ("happy", "neutral", "fearful", "wink", "plain"):
        assert (desk / f"{name}.png").exists()
    said = lines(text)
    assert len(said) == 2
    for words in said:
        status, _, err = run_cli(*words[1:])
        assert status == 0, (words, err)
    assert (desk / "drawer.onnx").exists()
    assert (desk / "editor.bin").exists()


def launch(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`accelerate launch train/NAME.py ...` on one processor: the script as the launcher starts it."""
    assert words[:2] == ["accelerate", "launch"]
    script, *given = words[2:]
    given = [SMALLER.get(pair, pair[1]) for pair in zip([script, *given], given, strict=False)]
    monkeypatch.setattr(sys, "argv", [script, *given, *ADDED[script].split()])
    runpy.run_path(str(ROOT / script), run_name="__main__")


def test_the_researchers_way_can_be_gone(desk: Path, monkeypatch: pytest.MonkeyPatch, run_cli: Cli) -> None:
    """Own pictures and own corpus, training, figures, and a commit on a server that speaks the Hub's HTTP."""
    write_pack(desk / "pack", people=9)
    for label in ("happy", "sad"):
        write(
            desk / "photos", *(f"{label}/{who}-{label}.png" for who in "abcdefghij"), photo=drawn_photo(256)
        )
    small = {"classifier": (8, 1, 32), "alexnet": (3, 8, 64), "identity": (8, 32, 16), "reader": (8, 32)}
    for name, arguments in small.items():
        MODELS[name](*arguments).save_pretrained(desk / "judges" / name)
    said = lines(page("researcher"))
    assert {words[1] for words in said if words[0] == "s2f"} == {"corpus", "evaluate", "publish"}
    with hub_here(monkeypatch, desk / "hub") as hub:
        for words in said:
            if words[0] == "accelerate":
                launch(words, monkeypatch)
            else:
                status, _, err = run_cli(*words[1:], *ADDED.get(words[1], "").split())
                assert status == 0, (words, err)
        repo = hub.repo("org/name")
    pushed = repo.commits[repo.refs["main"]]
    assert {"README.md", "config.json", "model.safetensors", "training.json", "metrics.json"} <= set(pushed)
    assert pushed["model.safetensors"] == (desk / "runs" / "drawer" / "model.safetensors").read_bytes()
    assert json.loads(pushed["metrics.json"])["scores"]
    assert (desk / "to-publish" / "README.md").read_text("utf-8").startswith("---\n")
    assert (desk / "runs" / "pix2pix" / "model.safetensors").exists()
    assert "| " in (desk / "figures.md").read_text("utf-8")
    assert list((desk / "sheets").rglob("*.*"))


def test_the_scripts_that_the_researcher_is_told_of_exist() -> None:
    listed = re.search(r"Sketch → face: (.*?)Contact sheets", page("researcher"), re.S)
    assert listed
    named = set(re.findall(r"`(\w+)`", listed[1]))
    assert named <= {script.stem for script in (ROOT / "train").glob("*.py")}
    assert len(named) >= 15


def test_the_registration_names_the_tags_that_cards_carry() -> None:
    text = page("library")
    for role, tag in (("drawer", "sketch-to-face"), ("editor", "facial-expression")):
        assert f'includes("{tag}")' in text
        assert tag in read_words(role).tags


@pytest.mark.parametrize("name", sorted(p.stem for p in (ROOT / "docs").glob("*.md")))
def test_links_lead_somewhere(name: str) -> None:
    prose = re.sub(r"```.*?```", "", page(name), flags=re.S)
    for target in re.findall(r"\]\((?!http)([^)#]+)", prose):
        assert os.path.exists(ROOT / "docs" / target), target
