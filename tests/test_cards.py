"""Cards say what the files say: those in the repository, those made for any model, and their snippets run."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from torch import nn

from s2f import MODELS, SketchToFace
from s2f.errors import ModelError
from s2f.publishing import card, pack
from s2f.publishing.figures import key_table, measured, parts
from s2f.publishing.model_card import check, read_words
from tests.conftest import draw_face

ROOT = Path(__file__).parents[1]
BUNDLED = sorted(p.parent for p in (ROOT / "s2f" / "weights").glob("*/metrics.json"))
CARDS = ROOT / "model_cards" / "bundled"
TEXTS = sorted(p.stem for p in (ROOT / "model_cards" / "texts").glob("*.md") if p.stem != "data")
Cli = Callable[..., tuple[int, str, str]]

TINY: dict[str, Callable[[], nn.Module]] = {
    "alexnet": lambda: MODELS["alexnet"](width=3, hidden=8, size=64),
    "classifier": lambda: MODELS["classifier"](width=8, size=32),
    "dcgan": lambda: MODELS["dcgan"](width=3, latent=6),
    "diffusion": lambda: MODELS["diffusion"](size=32, widths=[8, 16], layers=1, steps=2),
    "deepfacedrawing": lambda: MODELS["deepfacedrawing"](64, [8, 8], 8, 8, 8, 2, 1, 3, bank=5, page=64),
    "doubleencoder": lambda: MODELS["double_encoder"](size=32, width=8, blocks=1, features=8),
    "drawer": lambda: MODELS["drawer"](size=128, widths=[8, 16], detail=[], condition=16, bank=4),
    "editor": lambda: MODELS["editor"](size=128, widths=[8, 16], detail=8, condition=16),
    "enhancer": lambda: MODELS["enhancer"](size=64, widths=[8, 8], blocks=1),
    "exprgan": lambda: MODELS["exprgan"](size=32, width=16, latent=8),
    "extendedstargan": lambda: MODELS["stargan_extended"](width=4, blocks=1),
    "ganimation": lambda: MODELS["ganimation"](width=4, blocks=1, size=16),
    "identity": lambda: MODELS["identity"](width=8, size=32, embedding=6),
    "multilevel": lambda: MODELS["multilevel"](size=64, width=8, levels=[16, 32], code=16),
    "pix2pix": lambda: MODELS["pix2pix"](width=3),
    "reader": lambda: MODELS["reader"](width=8, size=32, points=5, hidden=8),
    "stargan": lambda: MODELS["stargan"](width=4, blocks=1),
}


def front(text: str) -> dict[str, Any]:
    block = re.match(r"---\n(.*?)\n---\n", text, re.S)
    assert block is not None
    return yaml.safe_load(block[1])


def write_model(
    folder: Path, model: nn.Module, metrics: dict[str, Any] | None = None, **training: Any
) -> Path:
    model.save_pretrained(folder)  # type: ignore[operator]
    (folder / "training.json").write_text(json.dumps(training))
    if metrics is not None:
        (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


# ---------------------------------------------------------------- those in the repository


def figures_of(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every figure of a metrics file, found without the code that is tested."""
    if isinstance(tree, dict):
        if "interval95" in tree:
            yield path, tree
        for key, value in tree.items():
            yield from figures_of(value, (*path, key))


@pytest.mark.parametrize("folder", BUNDLED, ids=lambda p: p.name)
def test_the_card_of_bundled_weights_says_what_their_files_say(folder: Path) -> None:
    path = CARDS / f"{folder.name}.md"
    remedy = f"run: s2f card s2f/weights/{folder.name} --out model_cards/bundled/{folder.name}.md"
    assert path.exists(), remedy
    text = path.read_text("utf-8")
    assert text == card(folder), remedy

    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    shown = metrics.get("scores") or metrics["test"]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    cells = [cell for row in rows for cell in row[1:]]
    told = {
        (m["value"], (m.get("args") or {}).get("n"))
        for result in front(text)["model-index"][0]["results"]
        for m in result["metrics"]
    }
    true = {(round(f.get("rate", f.get("mean")) or 0, 6), f["n"]) for _, f in figures_of(shown)}
    assert {one for one in told if one[1] is not None} <= true  # nothing is told that was not measured
    of_groups = [path_ for path_, _ in figures_of(shown) if "group" in " ".join(path_)]
    left_out = {path_[-1] for path_ in of_groups if f"| {path_[-1]} |" not in text}
    assert len(left_out) <= len({path_[-1] for path_ in of_groups}) / 2  # a role's card shows what matters
    for path_, figure in figures_of(shown):
        if path_ in of_groups and path_[-1] not in left_out and figure["n"]:
            value = figure.get("rate", figure.get("mean"))
            said = f"{100 * value:.1f} %" if "rate" in figure else f"{value:.{3 if abs(value) < 10 else 1}f}"
            wanted = re.compile(rf"{re.escape(said[:5])}.*n {figure['n']:,}")
            assert any(wanted.match(cell) for cell in cells) or len(path_) > 4, path_
    training = json.loads((folder / "training.json").read_text("utf-8"))
    for key in ("seed", "people", "renders"):
        assert f"{key} {training['corpus'][key]}" in text
    config = json.loads((folder / "config.json").read_text("utf-8"))
    for key, value in config.items():
        if isinstance(value, int):
            assert f"{key} {value}" in text


def test_every_bundled_card_has_its_weights() -> None:
    assert BUNDLED
    assert {p.stem for p in CARDS.glob("*.md")} - {"corpus"} == {folder.name for folder in BUNDLED}


def test_the_corpus_card_agrees_with_itself_and_with_the_models() -> None:
    text = (CARDS / "corpus.md").read_text("utf-8")
    head = front(text)
    assert head["license"] == "cc-by-4.0"
    splits = {one["name"]: one for one in head["dataset_info"]["splits"]}
    for name, one in splits.items():
        assert re.search(rf"^\| {name} \| {one['num_examples']:,} \|", text, re.M)
    assert f"{sum(one['num_examples'] for one in splits.values()):,} framed faces" in text
    said = dict(re.findall(r"(\w+) (\S+?)(?:[,.] |$)", re.search(r"^Arguments: (.*)", text, re.M)[1]))
    recipes = [json.loads((f / "training.json").read_text("utf-8"))["corpus"] for f in BUNDLED]
    assert any(all(str(recipe[k]) == said[k] for k in ("people", "renders", "seed")) for recipe in recipes)
    assert "used in lab-based and web-based studies in their original" in text


# ---------------------------------------------------------------- those of any model


def test_every_model_that_may_be_published_has_words() -> None:
    makers = {maker.__name__.lower() for name, maker in MODELS.items() if name not in ("critic", "gfpgan")}
    own = {name for name in makers if (ROOT / "model_cards" / "texts" / f"{name}.md").exists()}
    assert makers == own, "write model_cards/texts/NAME.md"
    assert set(TINY) <= set(TEXTS)
    for name in TEXTS:
        words = read_words(name)
        for section in ("Summary", "Snippet", "Citation"):
            assert words[section], (name, section)
        if name != "pipeline":
            assert words["What it cannot do"].startswith("- ")
            assert words["Intended use"]
        for entry in re.findall(r"@\w+\{([^,]+),(.*?)\n\}", words["Citation"], re.S):
            assert {"title", "author", "year"} <= set(re.findall(r"^\s+(\w+) = ", entry[1], re.M)), entry[0]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    draw_face().save(folder / "drawing.png")
    Image.radial_gradient("L").convert("RGB").save(folder / "face.png")
    return folder


@pytest.mark.parametrize("name", TEXTS)
def test_its_snippet_runs(name: str, desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbatim from the card, where the repository is a folder of that name."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    home = tmp_path / "org" / "name"
    if name == "pipeline":
        SketchToFace(TINY["pix2pix"](), TINY["stargan"](), device="cpu", size=256).save_pretrained(home)
    elif name in TINY:
        write_model(home, TINY[name]())
    text = card(ROOT / "s2f" / "weights" / name if name == "framing" else home, "org/name")
    code = re.search(r"```python\n(.*?)```", text, re.S)
    assert code is not None
    given = [p for p in desk.glob("*.png") if f'save("{p.name}")' not in code[1]]
    for picture in given:
        (tmp_path / picture.name).write_bytes(picture.read_bytes())
    exec(compile(code[1], f"{name}'s card", "exec"), {})
    made = {p.name for p in tmp_path.glob("*.png")} - {p.name for p in given}
    assert made or read_words(name).pipeline_tag != "image-to-image"


def test_a_fine_tuned_model_names_its_parent_and_how_it_was_made(tmp_path: Path) -> None:
    recipe = {"name": "faces", "people": 4, "renders": 7, "size": 64, "sketches": 2, "seed": 3}
    folder = write_model(
        tmp_path / "m",
        TINY["drawer"](),
        corpus=recipe,
        init="org/drawer",
        output_dir="secret",
        learning_rate=1e-4,
        seed=0,
        images_seen=48000,
        minutes=12.5,
        made_with={"version": "0.1.0", "commit": "c" * 40, "machine": {"kind": "A processor", "cores": 2}},
    )
    text = card(folder, "me/tuned")
    head = front(text)
    assert head["base_model"] == "org/drawer"
    assert head["base_model_relation"] == "finetune"
    assert (head["library_name"], head["pipeline_tag"], head["license"]) == (
        "s2f",
        "image-to-image",
        "cc-by-4.0",
    )
    for said in (
        "learning_rate 0.0001",
        "seed 0",
        "| images seen | 48,000 |",
        "| minutes | 12.5 |",
        "c" * 40,
    ):
        assert said in text
    assert "A processor, 2 cores" in text
    assert "secret" not in text
    assert 'drawer="me/tuned"' in text
    assert "Nothing has been measured yet" in text
    assert "used in lab-based and web-based studies" in text
    assert not re.search(r"\{\{|\}\}", text.split("## Citation")[0])


def test_a_corpus_that_s2f_did_not_build_is_not_vouched_for(tmp_path: Path) -> None:
    text = card(write_model(tmp_path / "m", TINY["stargan"](), corpus={"name": "mine", "size": 64}))
    assert "cannot vouch for" in text
    assert "consented" not in text.split("## Licence")[0]
    text = card(write_model(tmp_path / "n", TINY["stargan"](), corpus="org/faces"))
    assert front(text)["datasets"] == ["org/faces"]


FIGURE = {"mean": 0.51, "n": 70, "interval95": [0.5, 0.52]}
NAN = {"mean": float("nan"), "n": 0, "interval95": [float("nan"), float("nan")]}


def test_the_figures_of_an_evaluation_are_all_there(tmp_path: Path) -> None:
    groups = {
        g: {"ssim": FIGURE | {"mean": 0.4 + k / 100, "n": 10 + k}} for k, g in enumerate(("black", "white"))
    }
    metrics = {
        "format": "s2f-metrics-1",
        "corpus": {"name": "faces", "split": "validation"},
        "training": {"images_seen": 8},
        "scores": {
            "model": {"class": "Drawer", "parameters": 5},
            "figures": {"all": {"ssim": FIGURE, "look, hair": NAN}, "by group": groups},
            "groups": {"ssim": {"lowest": ["black", 0.4], "highest": ["white", 0.41]}},
            "confusion": {"classifier": [[1, 0], [0, 1]]},
            "diversity": {"spread, levels of 255": FIGURE | {"mean": 12.3}},
            "as asked": {"figures": {"all": {"expression error": FIGURE}, "by class": {}}},
        },
    }
    folder = write_model(tmp_path / "m", TINY["drawer"](), metrics)
    text = card(folder)
    assert "Split `validation`" in text
    assert "| ssim | 0.510 [0.500, 0.520] | 70 |" in text
    assert "| measure | black | white |" in text
    assert "| ssim | 0.400 [0.500, 0.520], n 10 | 0.410 [0.500, 0.520], n 11 |" in text
    assert "look, hair" not in text  # was not measured
    found = {one.of for one in measured(metrics)}
    assert {"ssim", "diversity: spread, levels of 255", "as asked: expression error"} <= found
    result = front(text)["model-index"][0]["results"][0]
    assert result["dataset"]["split"] == "validation"
    assert {m["name"]: m["value"] for m in result["metrics"]}["ssim"] == 0.51
    assert result["metrics"][0]["args"] == {"n": 70, "interval95": [0.5, 0.52]}


def test_siblings_measured_alike_become_one_table() -> None:
    kinds = {kind: {"error": FIGURE, "other": FIGURE} for kind in ("photograph", "pencil", "edge")}
    values = measured({"test": kinds | {"people": 3}})
    assert parts(values) == ["kind"]
    assert (
        key_table(values) == "| measure | value [95 % interval] | n |\n| --- | --- | --- |\n| people | 3 |  |"
    )


def test_a_card_with_scripts_is_refused_and_a_file_cannot_bring_any(tmp_path: Path) -> None:
    for bad in (
        "<script>alert(1)</script>",
        "< SCRIPT src=x>",
        "<iframe src='x'>",
        "<img src=x onerror='alert(1)'>",
        "[x](javascript:alert(1))",
        "<svg onload=1>",
        "data:text/html,x",
    ):
        with pytest.raises(ModelError, match="expected words and figures"):
            check(f"# A card\n\n{bad}\n")
    nasty = "<script>x()</script> | a](http://x/y) `x`\n---\nlicense: mit\n---\n![p](http://x/y.png)"
    metrics = {
        "test": {nasty: FIGURE, f"by_{nasty}": {nasty: {nasty: FIGURE}}, "by_group": {nasty: {"e": FIGURE}}}
    }
    folder = write_model(
        tmp_path / "m", TINY["classifier"](), metrics, corpus={"name": nasty}, **{nasty: nasty}
    )
    text = card(folder)
    assert front(text)["license"] == "cc-by-4.0"
    assert text.count("\n---\n") == card(write_model(tmp_path / "n", TINY["classifier"]())).count("\n---\n")
    assert "<script" not in text
    assert "](http://x" not in text.split("---\n", 2)[2]
    for line in text.splitlines():
        if line.startswith("| ") and "x()" in line:
            assert line.count("|") in (3, 4)
    folder = write_model(tmp_path / "o", TINY["classifier"](), corpus={"name": "](javascript:alert(1))"})
    with pytest.raises(ModelError, match="what a browser runs"):
        card(folder)


def test_metrics_without_end_are_refused(tmp_path: Path) -> None:
    deep: dict[str, Any] = {"error": FIGURE}
    for _ in range(40):
        deep = {"in": deep}
    many = {f"m{k}": FIGURE for k in range(6000)}
    for tree, words in ((deep, "deep"), (many, "over 5,000")):
        with pytest.raises(ModelError, match=words):
            card(write_model(tmp_path / words.split()[-1], TINY["classifier"](), {"test": tree}))
    folder = write_model(tmp_path / "odd", TINY["classifier"](), {"test": [1]})  # type: ignore[dict-item]
    assert "Nothing has been measured" in card(folder)
    (folder / "metrics.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match="not readable JSON"):
        card(folder)
    (folder / "metrics.json").write_text(" " * (9 << 20))
    with pytest.raises(ModelError, match="do not trust it"):
        card(folder)
    assert math.isnan(NAN["mean"])


def test_a_model_without_words_is_said(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", TINY["classifier"]())
    config = json.loads((folder / "config.json").read_text())
    for name in ("Nothing", "../../../README", "A b"):
        (folder / "config.json").write_text(json.dumps(config | {"_class_name": name}))
        with pytest.raises(ModelError, match="without words|expected the name of one"):
            card(folder)


def test_the_command_writes_and_prints(tmp_path: Path, run_cli: Cli) -> None:
    folder = write_model(tmp_path / "m", TINY["classifier"]())
    status, out, _ = run_cli("card", folder, "--repo", "me/judge")
    assert status == 0
    assert run_cli("card", folder, "--repo", "me/judge", "--out", tmp_path / "a" / "card.md")[0] == 0
    assert (tmp_path / "a" / "card.md").read_text("utf-8") == out
    assert pack(folder, "me/judge").files["README.md"] == out.encode()
    assert run_cli("card", tmp_path)[0] == 1
