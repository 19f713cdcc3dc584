"""`s2f corpus …` as people type it: files in, files out, one-line errors, JSON for programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from miniature import write_pack
from PIL import Image

from s2f.corpus.build import build
from s2f.corpus.load import load
from s2f.corpus.plan import Recipe
from s2f.expression import CLASSES

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack")
    write_pack(folder, people=9)
    return folder


@pytest.fixture(scope="module")
def corpus(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "faces"
    build(pack, folder, Recipe(people=2, renders=7, size=64), workers=0, progress=False)
    return folder


def test_build_again_says_that_all_is_there(pack: Path, corpus: Path, run_cli: Run) -> None:
    words = ("corpus", "build", "--sources", pack, "--out", corpus, "--people", 2, "--renders", 7)
    words += ("--size", 64, "--json")
    status, out, err = run_cli(*words)
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert told["complete"]
    assert told["rows_made"] == 0
    assert told["rows"] > 28
    assert 0 <= told["reject_rate"] < 1


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        (["--people", "0"], 2, "got '0', expected a whole number of 1 or more"),
        (["--people", "1", "--shard", "3/2"], 2, "expected i/n with i from 1 to n"),
        (["--people", "1", "--shard", "half"], 2, "expected i/n"),
        (["--people", "1", "--image-format", "gif"], 2, "invalid choice: 'gif'"),
        (["--people", "1", "--sizes", "64"], 2, "--sizes"),
        (["--people", "1", "--size", "4096"], 1, "got size 4096, expected 64 to 512; change --size"),
        (["--people", "1", "--sketches", "1"], 1, "got sketches 1, expected 2 to"),
        (["--people", "1"], 1, "expected a readable file of packed sources"),
    ],
)
def test_wrong_words_are_one_line(
    words: list[str], status: int, line: str, tmp_path: Path, run_cli: Run
) -> None:
    out = tmp_path / "out"
    got, _, err = run_cli("corpus", "build", "--sources", tmp_path / "none", "--out", out, *words)
    assert got == status
    assert line in err
    assert err.count("\n") == 1
    assert not out.exists()


def test_info_counts(corpus: Path, run_cli: Run) -> None:
    status, out, _ = run_cli("corpus", "info", corpus)
    assert status == 0
    for word in ("train", "validation", "test", "happy", "freehand", "people 2", "rejected", "MB"):
        assert word in out
    data = json.loads(run_cli("corpus", "info", corpus, "--json")[1])
    assert data["arguments"]["renders"] == 7
    assert sum(data["classes"]["train"].values()) == data["splits"]["train"]["rows"]
    status, _, err = run_cli("corpus", "info", corpus / "data")
    assert status == 1
    assert "expected a corpus made by s2f" in err
    assert err.count("\n") == 1


def test_check_passes_and_fails(corpus: Path, tmp_path: Path, run_cli: Run) -> None:
    status, out, _ = run_cli("corpus", "check", corpus)
    assert status == 0
    assert "source people in one split only" in out
    assert "WRONG" not in out
    leaky = tmp_path / "leaky"
    shutil.copytree(corpus, leaky)
    shutil.copy(next((leaky / "data").glob("train-*")), leaky / "data" / "test-00001-of-00002.parquet")
    status, out, _ = run_cli("corpus", "check", leaky, "--json")
    assert status == 1
    assert any("split" in check["what"] and not check["good"] for check in json.loads(out)["checks"])
    status, _, err = run_cli("corpus", "check")
    assert status == 1
    assert "expected a corpus folder or --sources" in err


def test_check_of_the_sources_measures_the_generator(pack: Path, run_cli: Run) -> None:
    _, out, err = run_cli("corpus", "check", "--sources", pack, "--people", 1, "--json")
    assert err == ""
    checks = {check["what"]: check for check in json.loads(out)["checks"]}
    assert set(checks) == {
        "landmarks lie where the picture went",
        "the rendered neutral face is the photograph",
    }
    assert "px on average" in checks["landmarks lie where the picture went"]["found"]
    assert checks["the rendered neutral face is the photograph"]["good"]


def test_sheets(corpus: Path, tmp_path: Path, run_cli: Run) -> None:
    out = tmp_path / "sheets"
    words = ("--out", out, "--kind", "expressions", "--kind", "styles", "--count", 2, "--cell", 40)
    status, told, _ = run_cli("corpus", "sheet", corpus, *words)
    assert status == 0
    assert told.split() == [str(out / "expressions.png"), str(out / "styles.png")]
    assert Image.open(out / "expressions.png").width > 7 * 40


def test_push_refuses_an_odd_name(corpus: Path, run_cli: Run) -> None:
    status, _, err = run_cli("corpus", "push", corpus, "faces")
    assert status == 1
    assert "expected a repository like org/name" in err
    assert err.count("\n") == 1


def test_another_set_becomes_a_corpus_that_is_not_passed_on(
    pack: Path, tmp_path: Path, run_cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    photos, out = sorted((pack / "portraits").glob("*_neutral.webp")), tmp_path / "rows"
    for number, name in enumerate(("happy", "sad", "happy", "fearful")):
        (tmp_path / "set" / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(photos[number], tmp_path / "set" / name)
    Image.new("RGB", (200, 200), "grey").save(tmp_path / "set" / "sad" / "wall.png")
    words = ("--size", 64, "--styles", "pencil,edge", "--json")
    status, told, _ = run_cli("corpus", "adapt", tmp_path / "set", "--out", out, *words)
    assert status == 0
    made = json.loads(told)
    assert made["set"] == "labelled"
    assert sum(made["rows"].values()) == 4
    assert made["passed_over"] == {"no face": 1}
    rows = [row for split in made["rows"] for row in load(out, split)]
    assert sorted(CLASSES[row["expression"]] for row in rows) == ["fearful", "happy", "happy", "sad"]
    assert all(row["image"].size == (64, 64) and len(row["sketch"]) == 2 for row in rows)
    assert all(row["landmarks"] is None and row["real"] for row in rows)
    assert run_cli("corpus", "info", out)[0] == 0
    split = next(iter(made["rows"]))
    assert (
        run_cli("corpus", "sheet", out, "--out", tmp_path / "sheets", "--split", split, "--cell", 32)[0] == 0
    )
    status, _, err = run_cli("corpus", "push", out, "me/faces")
    assert status == 1
    assert "its owner has not let us pass on" in err
    status, _, err = run_cli("corpus", "adapt", tmp_path / "set", "--out", out)
    assert status == 1
    assert "expected a new or an empty folder" in err


@pytest.mark.parametrize("command", ["import-portraits", "import-face-kit"])
def test_imports_refuse_what_is_not_there(command: str, tmp_path: Path, run_cli: Run) -> None:
    status, _, err = run_cli("corpus", command, tmp_path / "none", "--out", tmp_path / "pack")
    assert status == 1
    assert "expected" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "pack").exists()


def test_every_command_explains_itself(run_cli: Run) -> None:
    status, out, _ = run_cli("corpus", "--help")
    assert status == 0
    for name in (
        "build",
        "import-portraits",
        "import-face-kit",
        "adapt",
        "push",
        "info",
        "sheet",
        "check",
    ):
        assert name in out
        status, text, _ = run_cli("corpus", name, "--help")
        assert status == 0
        assert "--json" in text
