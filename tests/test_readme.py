"""The README keeps its word: its front matter is a Space's, and its snippets run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from s2f.__main__ import build_parser
from tests.conftest import draw_face
from tests.miniature import write_pack

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
# Emptied of HF_* so that a snippet which reaches out is refused by the client itself.
ENV = {k: v for k, v in os.environ.items() if not k.startswith("HF_")} | {"HF_HUB_OFFLINE": "1"}
AS_DRAWN, DETAIL = "landmarks, from the drawing as read", "high-frequency energy"
# What the README tells of the metrics files: name, role, where it stands, the aim.
FIGURES = (
    ("likeness to the photograph (SSIM), contour", "drawer", "figures/by style/contour/ssim", "≥ 0.80"),
    ("the same, pencil", "drawer", "figures/by style/pencil/ssim", "≥ 0.80"),
    ("the same, edge", "drawer", "figures/by style/edge/ssim", "≥ 0.74"),
    ("the same, by hand", "drawer", "figures/by style/freehand/ssim", "≥ 0.64"),
    ("landmarks off the true ones, in eye distances", "drawer", "figures/by style/contour/landmarks", "–"),
    ("off those drawn, both read, contour", "drawer", f"figures/by style/contour/{AS_DRAWN}", "≤ 0.03"),
    ("the same, by hand", "drawer", f"figures/by style/freehand/{AS_DRAWN}", "≤ 0.06"),
    ("drawn expression lost, contour", "drawer", "figures/by style/contour/expression error", "≤ 10 %"),
    ("the same, by hand", "drawer", "figures/by style/freehand/expression error", "≤ 25 %"),
    ("skin away from what was asked (ΔE)", "drawer", "figures/all/look, skin", "≤ 5"),
    ("hair, the same", "drawer", "figures/all/look, hair", "≤ 10"),
    ("fine detail, of the photograph's", "drawer", f"figures/by style/contour/{DETAIL}", "0.85 to 1.15"),
    ("the same, by hand", "drawer", f"figures/by style/freehand/{DETAIL}", "0.85 to 1.15"),
    ("chosen expression not shown", "editor", "as asked/figures/all/expression error", "≤ 2.9 %"),
    ("the same, by the other judge", "editor", "as asked/figures/all/expression error, alexnet", "≤ 2.9 %"),
    ("another person's expression not taken on", "editor", "figures/all/expression error", "≤ 2.9 %"),
    ("action units off, of 0 to 1", "editor", "figures/all/action-unit error", "≤ 0.10"),
    ("told from all others after an edit", "editor", "figures/all/identity rank 1", "≥ 99 %"),
    ("backdrop changed, levels of 255", "editor", "figures/all/backdrop change, levels of 255", "≤ 2"),
)
# What it tells of docs/systems.md: the heading there, and the columns.
SIDE_BY_SIDE = {
    "Sketch → face": ["million", "SSIM", "sharpness", "Fréchet", "identity", "expression error"],
    "Face → expression": ["million", "Fréchet", "identity", "rank 1", "backdrop", "as asked"],
}


def front_matter() -> dict[str, str]:
    block = re.match(r"---\n(.*?)\n---\n", TEXT, re.S)
    assert block, "the README does not begin with front matter"
    return dict(re.findall(r"^(\w+): ?(.*)$", block.group(1), re.M))


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


def test_front_matter_is_what_a_space_needs() -> None:
    head = front_matter()
    needed = (
        "title emoji sdk sdk_version app_file python_version license models datasets tags short_description"
    )
    assert set(needed.split()) <= set(head)
    pin = re.search(r"^gradio==(.+)$", (ROOT / "requirements.txt").read_text("utf-8"), re.M)
    assert pin
    assert head["sdk_version"] == pin.group(1)
    assert (ROOT / head["app_file"]).exists()
    assert len(head["short_description"]) <= 60
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'license = "{head["license"]}"'.lower() in project.lower()
    assert f'requires-python = ">={head["python_version"].strip(chr(34))}"' in project


def test_make_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for line in snippets("sh")[0].splitlines():
        target = line.split("#")[0].split()[1]
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_links_lead_somewhere() -> None:
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.S)
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", prose):
        assert (ROOT / target).exists(), target


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the snippets name: a photo, a drawing, packed sources."""
    folder = tmp_path_factory.mktemp("desk")
    Image.radial_gradient("L").convert("RGB").save(folder / "photo.jpg")
    draw_face().save(folder / "drawing.png")
    write_pack(folder / "pack", people=9)
    return folder


Done = subprocess.CompletedProcess[str]


def run(words: list[str], folder: Path) -> Done:
    env = ENV | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def lines(text: str) -> list[list[str]]:
    """The commands of a page's shell snippets, word by word."""
    found = re.findall(r"```sh\n(.*?)```", text, re.S)
    return [
        words for block in found for line in block.splitlines() if (words := shlex.split(line, comments=True))
    ]


@pytest.fixture(scope="module")
def commands(desk: Path) -> list[tuple[list[str], Done]]:
    """Every command of the README in its order, but `make` and the imports, whose sources are downloads."""
    done = []
    for words in lines(TEXT):
        if words[0] == "s2f" and not words[2].startswith("import-"):
            done.append((words, run(["-m", *words], desk)))
        elif words[0] == "accelerate":
            here = [str(ROOT / w) if w.startswith("train/") else w for w in words[2:]]
            done.append((words, run(["-m", "accelerate.commands.launch", "--cpu", *here], desk)))
    return done


def test_command_line_snippets_run(commands) -> None:
    assert len(commands) >= 6
    for words, done in commands:
        assert done.returncode == 0, (words, done.stderr)


def test_commands_whose_sources_are_downloads_are_at_least_commands() -> None:
    parser = build_parser()
    pages = [TEXT, *(page.read_text("utf-8") for page in sorted((ROOT / "docs").glob("*.md")))]
    found = [words for page in pages for words in lines(page) if words[0] == "s2f"]
    assert len(found) >= 9
    for words in found:
        assert callable(parser.parse_args(words[1:]).run), words


def test_python_snippets_run(desk: Path, commands) -> None:
    codes = snippets("python")
    assert len(codes) >= 3
    done = run(["-c", "\n".join(codes)], desk)
    assert done.returncode == 0, done.stderr
    assert (desk / "face.png").exists()
    assert (desk / "wink.png").exists()


def reached() -> str:
    """The README's table of what the bundled models reach, from the files beside their weights."""
    scores = {
        role: json.loads((ROOT / "s2f" / "weights" / role / "metrics.json").read_text("utf-8"))["scores"]
        for role in ("drawer", "editor")
    }
    rows = ["| measured on people never seen | value [95 %] | n | aim |", "|---|---|---|---|"]
    for name, role, path, aim in FIGURES:
        figure: Any = scores[role]
        for step in path.split("/"):
            figure = figure[step]
        low, high = figure["interval95"]
        if "rate" in figure:
            value = f"{100 * figure['rate']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
        else:
            value = f"{figure['mean']:.3g} [{low:.3g}, {high:.3g}]"
        rows.append(f"| {name} | {value} | {figure['n']} | {aim} |")
    return "\n".join(rows)


def test_the_figures_are_those_beside_the_weights() -> None:
    assert reached() in TEXT, "paste this into the README:\n" + reached()


def side_by_side(title: str) -> str:
    """Some columns of a table of docs/systems.md, a line for each system."""
    columns = SIDE_BY_SIDE[title]
    page = (ROOT / "docs" / "systems.md").read_text("utf-8")
    block = page.split(f"## {title}\n")[1].split("\n## ")[0]
    cells = [[c.strip() for c in line.split("|")[1:-1]] for line in block.splitlines() if line[:1] == "|"]
    head, body = cells[0], [row for row in cells[2:] if row[0].startswith("**")]
    at = [0, *(head.index(name) for name in columns)]
    rows = [[title, *columns], ["---", *["---:"] * len(columns)], *([row[n] for n in at] for row in body)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


@pytest.mark.parametrize("title", SIDE_BY_SIDE)
def test_the_systems_stand_side_by_side_as_they_do_in_full(title: str) -> None:
    table = side_by_side(title)
    assert table.count("\n") > 5
    assert table in TEXT, "paste this into the README:\n" + table
