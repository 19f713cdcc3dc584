"""A corpus by folder and by Hub name, its card, and its contact sheets."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from hub_server import HubServer
from miniature import write_pack
from PIL import Image

from s2f.corpus.build import build
from s2f.corpus.card import PICTURE, fill, template, text
from s2f.corpus.examine import check_folder, describe
from s2f.corpus.features import COLUMNS, WORN, features
from s2f.corpus.load import load, push
from s2f.corpus.plan import SPLITS, Recipe
from s2f.corpus.sheet import KINDS, sheet, write_sheets
from s2f.corpus.store import read_manifest
from s2f.corpus.summary import read_rows, split_files, summarise
from s2f.errors import CorpusError
from s2f.expression import ACTION_UNITS, CLASSES
from s2f.sketch import STYLES

RECIPE = Recipe(people=2, renders=7, size=64)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pack, folder = tmp_path_factory.mktemp("pack"), tmp_path_factory.mktemp("corpus") / "faces"
    write_pack(pack, people=9)
    build(pack, folder, RECIPE, workers=0, progress=False)
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def test_a_folder_loads_streaming_and_not(corpus: Path) -> None:
    whole, streamed = load(corpus), load(corpus, streaming=True)
    counts = summarise(corpus).splits
    for split in SPLITS:
        assert whole[split].num_rows == counts[split]["rows"]
        assert whole[split].features == streamed[split].features == features()
        assert [row["seed"] for row in streamed[split]] == whole[split]["seed"]
    row, other = whole["train"][8], next(iter(load(str(corpus), "train", streaming=True).skip(8)))
    assert row["identity"] == other["identity"] == "train-000001"
    for one in (row, other):
        assert one["image"].size == (64, 64)
        assert one["image"].mode == "RGB"
        assert [page.mode for page in one["sketch"]] == ["L", "L"]
        assert one["sketch_style"][0] == STYLES.index("freehand")
        assert CLASSES[one["expression"]] == "happy"
        assert list(one["action_units"]) == list(ACTION_UNITS)
    assert np.array_equal(row["image"], other["image"])
    assert load(corpus, "test").with_format("numpy")[0]["landmarks"].shape == (189, 2)


def test_the_client_itself_loads_the_folder(corpus: Path) -> None:
    from datasets import load_dataset

    found = load_dataset(str(corpus))
    assert {split: found[split].num_rows for split in found} == {
        split: counts["rows"] for split, counts in summarise(corpus).splits.items()
    }


@pytest.mark.parametrize(
    ("where", "split", "line"),
    [
        ("nowhere at all", None, "expected a corpus folder that exists or a Hub name like org/name"),
        ("{corpus}", "training", "got split 'training', expected one of train, validation, test"),
        ("{corpus}/data", None, "without data/SPLIT-"),
        ("me/nothing-here", None, "no folder here and not readable on the Hub"),
    ],
)
def test_what_is_no_corpus_is_said_in_one_line(where: str, split: str, line: str, corpus: Path) -> None:
    with pytest.raises(CorpusError, match=line) as caught:
        load(where.format(corpus=corpus), split)
    assert "\n" not in str(caught.value)


def test_an_unfinished_or_damaged_corpus_is_not_loaded(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    shutil.copytree(corpus, folder)
    manifest = json.loads((folder / "corpus.json").read_text())
    (folder / "corpus.json").write_text(json.dumps(manifest | {"complete": False}))
    for use in (load, lambda f: push(f, "me/faces")):
        with pytest.raises(CorpusError, match="unfinished"):
            use(folder)
    (folder / "corpus.json").write_text(json.dumps(manifest))
    path = next((folder / "data").glob("train-*"))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CorpusError, match="unreadable"):
        load(folder)


PUSH_AND_LOAD = """
import json, sys
from s2f.corpus.load import load, push
push(sys.argv[1], "me/faces")
streamed, whole = load("me/faces", streaming=True), load("me/faces")
rows = {split: [row["seed"] for row in streamed[split]] for split in streamed}
first = next(iter(load("me/faces", split="test", streaming=True)))
print(json.dumps({
    "streamed": rows,
    "whole": {split: list(whole[split]["seed"]) for split in whole},
    "size": first["image"].size,
    "pages": len(first["sketch"]),
}))
push(sys.argv[2], "me/faces")
"""


def test_pushed_it_loads_by_name_from_a_hub(corpus: Path, tmp_path: Path) -> None:
    """The unmodified client, in a process of its own since it reads its address once."""
    smaller = tmp_path / "smaller"
    shutil.copytree(corpus, smaller)
    (smaller / "data" / "test-00000-of-00001.parquet").rename(
        smaller / "data" / "test-00000-of-00002.parquet"
    )
    with HubServer() as hub:
        done = subprocess.run(
            [sys.executable, "-c", PUSH_AND_LOAD, str(corpus), str(smaller)],
            env=hub.environment(tmp_path / "home"),
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        seen = json.loads(done.stdout.splitlines()[0])
        repo = hub.repo("me/faces", "datasets")
        commits = list(repo.commits.values())
    files = split_files(corpus)
    stored = {split: [row["seed"] for row in read_rows(files[split], ["seed"])] for split in SPLITS}
    assert seen["streamed"] == seen["whole"] == stored
    assert seen["size"] == [64, 64]
    assert seen["pages"] == 2
    wanted = {"README.md", "corpus.json", PICTURE, *(f"data/{p.name}" for ps in files.values() for p in ps)}
    assert set(commits[-2]) - {".gitattributes"} == wanted  # one commit with all of it
    assert b'load("me/faces"' in commits[-2]["README.md"]
    assert "data/test-00000-of-00001.parquet" not in commits[-1]  # an earlier corpus's files go
    assert "data/test-00000-of-00002.parquet" in commits[-1]


def test_a_name_that_cannot_be_pushed_to_is_refused(corpus: Path) -> None:
    with pytest.raises(CorpusError, match="expected a repository like org/name"):
        push(corpus, "faces")
    with pytest.raises(CorpusError, match="expected the folder of a corpus"):
        push(corpus / "nowhere", "me/faces")


def test_the_card_says_what_the_corpus_holds(corpus: Path) -> None:
    card, summary = (corpus / "README.md").read_text("utf-8"), summarise(corpus)
    front = yaml.safe_load(card.split("---")[1])
    assert front["license"] == "cc-by-4.0"
    assert [column["name"] for column in front["dataset_info"]["features"]] == list(COLUMNS)
    for entry in front["dataset_info"]["splits"]:
        rows = list(read_rows(split_files(corpus)[entry["name"]]))
        assert entry["num_examples"] == len(rows)
        for name in CLASSES:
            count = sum(CLASSES[row["expression"]] == name for row in rows)
            assert summary.classes[entry["name"]][name] == count
    for table in (summary.classes, summary.groups, summary.styles, summary.worn):
        for name in table["train"]:
            line = f"| {name} | " + " | ".join(str(table[split][name]) for split in SPLITS) + " |"
            assert line in card
    for sentence in (
        "used in lab-based and web-based studies in their original",
        "10.6084/m9.figshare.5047666.v5",
        "10.6084/m9.figshare.4220517.v1",
        "CC BY 4.0",
        "MIT",
        "Known limits",
        f"{summary.rows:,} framed faces",
    ):
        assert sentence in card
    assert f"]({PICTURE})" in card
    assert Image.open(corpus / PICTURE).width > 300
    assert not re.search(r"\{\{|\}\}", card)
    assert "data/train-*.parquet" in [entry["path"] for entry in front["configs"][0]["data_files"]]


def test_a_corpus_that_does_not_say_what_is_worn_is_read(corpus: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(corpus, older)
    for path in (older / "data").glob("*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns(["worn"]).replace_schema_metadata(None), path)
    summary, manifest = summarise(older), read_manifest(older)
    assert not any(summary.worn.values())
    assert "Nobody noted it." in text(summary, manifest)
    assert "glasses" not in describe(older, summary, manifest)
    assert all(check.good for check in check_folder(older))
    assert load(older, split="train").num_rows == summary.splits["train"]["rows"]
    known = summarise(corpus)
    assert dict(known.worn["train"]) == {
        name: sum(bool(row["worn"] and row["worn"][name]) for row in read_rows(split_files(corpus)["train"]))
        for name in WORN
    }
    assert "glasses" in describe(corpus, known, manifest)


def test_a_template_and_its_values_must_agree() -> None:
    assert fill("{{ a }}-{{ b }}", {"a": "1", "b": "{{ a }}"}) == "1-{{ a }}"
    with pytest.raises(AssertionError):
        fill("{{ a }}", {"b": "1"})
    with pytest.raises(CorpusError, match="expected that template"):
        template("nothing.md")


@pytest.mark.parametrize("kind", KINDS)
def test_every_sheet_opens_and_has_its_cells(kind: str, corpus: Path) -> None:
    made = sheet(corpus, kind, count=2, cell=48)
    columns = {"expressions": 7, "styles": 3, "random": 8, "splits": 8}[kind]
    lines = 6 if kind == "splits" else 2
    assert abs(made.width / columns - 52) < 2
    assert made.height >= lines * 52
    assert np.asarray(made).std() > 10


def test_sheets_are_written_and_strangers_refused(corpus: Path, tmp_path: Path) -> None:
    paths = write_sheets(corpus, tmp_path / "sheets", count=1, cell=32)
    assert [path.name for path in paths] == [f"{kind}.png" for kind in KINDS]
    for path in paths:
        Image.open(io.BytesIO(path.read_bytes())).verify()
    with pytest.raises(CorpusError, match="expected one of expressions"):
        sheet(corpus, "faces")
    with pytest.raises(CorpusError, match="expected one of train, validation, test"):
        sheet(corpus, "random", split="all")
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusError, match="expected a folder with room"):
        write_sheets(corpus, tmp_path / "file" / "in", count=1)
