"""Building a corpus: the plan, the workers, the files, and the same bytes whatever happens on the way."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from corpus_workers import start_badly, start_slowly
from miniature import write_pack

from s2f.corpus import store as storing
from s2f.corpus.build import build
from s2f.corpus.examine import check_folder
from s2f.corpus.features import COLUMNS, LOOK
from s2f.corpus.plan import SPLITS, Part, Place, Plan, Recipe, make_plan, place_of
from s2f.corpus.pool import in_workers
from s2f.corpus.store import Store
from s2f.corpus.summary import read_rows, split_files, summarise
from s2f.errors import CorpusError
from s2f.expression import ACTION_UNITS, CLASSES

RECIPE = Recipe(people=3, renders=2, size=64, sketches=3, seed=5)


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack")
    write_pack(folder, people=9)
    return folder


@pytest.fixture(scope="module")
def corpus(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by two workers: what every other way of building must equal."""
    folder = tmp_path_factory.mktemp("whole") / "corpus"
    report = build(pack, folder, RECIPE, workers=2, progress=False)
    assert report.complete
    assert report.rows == report.rows_made == summarise(folder).rows
    return folder


# ---------------------------------------------------------------- the plan


def test_every_row_has_one_seed_that_says_where_it_is() -> None:
    plan = make_plan(Recipe(people=50, renders=8, seed=77), "x", dict.fromkeys(SPLITS, [2, 1, 2]))
    places = [place for part in plan.parts for places in part.people() for place in places]
    seeds = [place.seed(77) for place in places]
    assert len(set(seeds)) == len(seeds) == plan.rows
    assert [place_of(seed) for seed in seeds] == [(77, place) for place in places]
    assert max(seeds) < 2**63
    assert not {place.seed(78) for place in places} & set(seeds)
    with pytest.raises(CorpusError, match="expected one from a corpus"):
        place_of(-1)


@pytest.mark.parametrize("renders", [2, 7, 8])
def test_classes_and_styles_are_even_over_people(renders: int) -> None:
    places = [Place("train", person, render) for person in range(84) for render in range(renders)]
    classes = Counter(place.expression(renders) for place in places)
    assert set(classes) == set(CLASSES)
    assert max(classes.values()) - min(classes.values()) <= 1
    seconds = Counter(place.styles(2, renders)[1] for place in places)
    assert max(seconds.values()) - min(seconds.values()) <= 1
    assert all(place.styles(2, renders)[0] == "freehand" for place in places)
    if renders >= 7:
        assert {Place("test", 3, k).expression(renders) for k in range(7)} == set(CLASSES)


def test_more_people_keep_the_first_ones_and_larger_corpora_have_more_files() -> None:
    none = dict.fromkeys(SPLITS, [1])
    small, large = (make_plan(Recipe(people=n, size=512), "x", none) for n in (10, 2000))
    seeds = [
        {p.seed(0) for part in plan.parts for ps in part.people() for p in ps} for plan in (small, large)
    ]
    assert seeds[0] < seeds[1]
    assert len(large.files) > len(small.files) == 3
    assert [part for file in large.files for part in file.parts] == list(large.parts)
    assert small.fingerprint != large.fingerprint


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"people": 0}, "people"),
        ({"size": 513}, "size"),
        ({"sketches": 1}, "sketches"),
        ({"seed": -1}, "seed"),
    ],
)
def test_arguments_out_of_range_are_named(wrong: dict[str, int], name: str) -> None:
    with pytest.raises(CorpusError, match=f"got {name} .* expected .* change --{name}"):
        Recipe(**({"people": 1} | wrong))  # type: ignore[arg-type]
    with pytest.raises(CorpusError, match="got image format 'gif', expected one of"):
        Recipe(people=1, image_format="gif")


# ---------------------------------------------------------------- the workers


def some_parts(count: int) -> list[Part]:
    return [Part("train", k, k, k + 1, False, (3,)) for k in range(count)]


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_workers_share_the_parts_and_are_gone_after(tmp_path: Path) -> None:
    news = list(in_workers(some_parts(6), start_slowly, (str(tmp_path),), 2))
    assert sorted(said.part.number for said in news if said.part) == list(range(6))
    assert sum(said.rows for said in news) == 18
    pids = [int(path.name) for path in tmp_path.iterdir()]
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids
    assert not any(map(alive, pids))


def test_stopping_in_the_middle_leaves_no_worker(tmp_path: Path) -> None:
    running = in_workers(some_parts(40), start_slowly, (str(tmp_path),), 2)
    next(running)
    running.close()  # what Ctrl-C does to it
    assert not any(alive(int(path.name)) for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("how", "error", "line"),
    [
        ("raise", CorpusError, "got row 7, expected a picture"),
        ("bug", CorpusError, r"got ZeroDivisionError \(division by zero\) in a worker"),
        ("die", CorpusError, r"exit code 3\) in part train-000001.*fewer --workers"),
        ("full", OSError, "No space left"),
    ],
)
def test_a_workers_trouble_is_the_parents(
    how: str, error: type[Exception], line: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=line):
        list(in_workers(some_parts(4), start_badly, (str(tmp_path), how), 1))


# ---------------------------------------------------------------- the bytes


def test_shards_in_two_places_end_as_the_same_bytes(
    corpus: Path, pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, number in ((here, 1), (there, 2)):
        report = build(pack, folder, RECIPE, workers=0, shard=(number, 2))
        bar = capsys.readouterr().err
        assert f"{report.rows_made}/{report.rows_made}" in bar
        assert "row/s" in bar or "s/row" in bar
        assert not report.complete
        assert report.parts_missing > 0
        assert "without --shard" in str(report)
    for part in (there / "parts").iterdir():
        shutil.copy(part, here / "parts")
    report = build(pack, here, RECIPE, workers=0)
    assert report.complete
    assert report.rows_made == 0
    assert "of morphs rejected" in str(report)
    assert files_of(here) == files_of(corpus)
    assert not (here / "parts").exists()


BUILD = """
import sys
from s2f.corpus.build import build
from s2f.corpus.plan import Recipe
if __name__ == "__main__":
    build(sys.argv[1], sys.argv[2], Recipe(people=3, renders=2, size=64, sketches=3, seed=5), workers=2)
"""


def test_killed_and_started_again_it_ends_as_the_same_bytes(corpus: Path, pack: Path, tmp_path: Path) -> None:
    folder, script = tmp_path / "corpus", tmp_path / "run.py"
    script.write_text(BUILD)
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    running = subprocess.Popen(
        [sys.executable, str(script), str(pack), str(folder)],
        env=os.environ | {"PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not list(folder.glob("parts/*.parquet")):
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.02)
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    workers = [int(pid) for pid in children.read_text().split()] if children.exists() else []
    running.send_signal(signal.SIGKILL)
    running.wait()
    while any(map(alive, workers)):  # their pipe has closed: each ends by itself
        assert time.monotonic() < deadline
        time.sleep(0.02)
    done = {path.name: path.read_bytes() for path in folder.glob("parts/*.parquet")}
    assert done
    assert len(done) < len(list(read_rows(split_files(corpus)["train"])))
    (folder / "parts" / ".train-000001.parquet.123").write_bytes(b"half a part")
    damaged = folder / "parts" / sorted(done)[0]
    damaged.write_bytes(damaged.read_bytes()[:-100])  # as after a copy that was cut
    report = build(pack, folder, RECIPE, workers=0, progress=False)
    assert report.complete
    assert 0 < report.rows_made < report.rows or len(done) == 1
    assert files_of(folder) == files_of(corpus)


def test_a_full_disk_is_one_line_and_keeps_what_is_complete(
    corpus: Path, pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, flush, left = tmp_path / "corpus", os.fsync, [8]

    def full(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(handle)

    monkeypatch.setattr(storing.os, "fsync", full)
    with pytest.raises(CorpusError, match="got no space left.*expected a disk with more room") as caught:
        build(pack, folder, RECIPE, workers=0, progress=False)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    kept = list((folder / "parts").iterdir())
    assert kept
    assert all(path.suffix == ".parquet" for path in kept), "a half-written file was left"
    for path in kept:
        with parquet.ParquetFile(path) as file:
            assert list(COLUMNS) == file.schema_arrow.names
            assert file.read().num_rows > 0
    assert build(pack, folder, RECIPE, workers=0, progress=False).complete
    assert files_of(folder) == files_of(corpus)


def test_a_row_is_made_again_alone(corpus: Path, pack: Path) -> None:
    from s2f.corpus.features import table
    from s2f.corpus.rows import make_row, open_stock

    stock = open_stock(pack, RECIPE)
    for split, number in (("test", 2), ("train", 4), ("validation", 3)):
        stored = list(read_rows(split_files(corpus)[split]))[number]
        assert table([make_row(stock, stored["seed"])]).to_pylist() == [stored]
    with pytest.raises(CorpusError, match="a corpus of seed 6, expected one of seed 5"):
        make_row(stock, Place("train", 0, 0).seed(6))


# ---------------------------------------------------------------- what is in it


def test_no_person_of_one_split_is_in_another(corpus: Path) -> None:
    summary = summarise(corpus)
    assert summary.leaks() == []
    assert set(summary.splits) == set(SPLITS)
    assert all(len(people) >= 2 for people in summary.sources.values())
    rows = [row for split in SPLITS for row in read_rows(split_files(corpus)[split])]
    assert all(row["sources"]["host"] not in row["sources"]["donors"] for row in rows)
    assert all(row["real"] or row["sources"]["donors"] for row in rows)


def test_a_leak_is_found(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    shutil.copytree(corpus, folder)
    shutil.copy(next((folder / "data").glob("test-*")), folder / "data" / "train-00001-of-00002.parquet")
    assert summarise(folder).leaks()
    checks = {check.what: check for check in check_folder(folder)}
    assert not checks["source people in one split only"].good


def test_classes_styles_and_groups_are_even(corpus: Path) -> None:
    checks = check_folder(corpus)
    assert [check.what for check in checks if not check.good] == []
    for split in SPLITS:
        assert any(check.what == f"{split}: classes even" for check in checks)


def test_labels_are_in_their_ranges(corpus: Path) -> None:
    for split in SPLITS:
        for row in read_rows(split_files(corpus)[split]):
            assert set(row) == set(COLUMNS)
            assert len(row["sketch"]) == len(row["sketch_style"]) >= 2
            assert list(row["look"]) == list(LOOK)
            assert all(len(colour) == 3 for colour in row["look"].values() if colour)
            assert (row["worn"] is None) == row["real"]
            assert row["gender"]
            assert row["ethnicity"]
            if row["action_units"] is None:
                assert row["real"]
                continue
            assert list(row["action_units"]) == list(ACTION_UNITS)
            assert all(0 <= value <= 1 for value in row["action_units"].values())
            assert all(abs(value) <= 12 for value in row["pose"].values())
            assert len(row["landmarks"]) == 189
            if row["real"]:
                assert not any(row["action_units"].values())


def test_other_arguments_or_sources_do_not_mix(corpus: Path, pack: Path, tmp_path: Path) -> None:
    before = files_of(corpus)
    with pytest.raises(CorpusError, match="got renders 4 .* expected 2 as it was begun"):
        build(pack, corpus, Recipe(people=3, renders=4, size=64, sketches=3, seed=5), workers=0)
    other = tmp_path / "pack"
    shutil.copytree(pack, other)
    with (other / "people.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(CorpusError, match="got sources .* as it was begun"):
        build(other, corpus, RECIPE, workers=0)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(CorpusError, match="with other things in it"):
        build(pack, tmp_path / "full", RECIPE, workers=0)
    assert files_of(corpus) == before


def test_a_part_of_another_corpus_is_refused(pack: Path, corpus: Path, tmp_path: Path) -> None:
    from s2f.corpus.features import table

    plan = Plan(RECIPE, "elsewhere", make_plan(RECIPE, "elsewhere", dict.fromkeys(SPLITS, [1])).files)
    part = plan.parts[0]
    rows = list(read_rows(split_files(corpus)["train"]))[: part.rows]
    folder = tmp_path / "corpus"
    Store(folder, plan).write_part(part, rows, {})
    assert table(rows).num_rows == part.rows
    with pytest.raises(CorpusError, match="from a corpus of other arguments, sources or version"):
        build(pack, folder, RECIPE, workers=0, progress=False)


def test_unreadable_sources_are_one_line(pack: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="expected a readable file of packed sources"):
        build(tmp_path / "nowhere", tmp_path / "out", RECIPE)
    other = tmp_path / "pack"
    shutil.copytree(pack, other)
    next((other / "portraits").glob("*_neutral.webp")).write_bytes(b"not a picture")
    with pytest.raises(CorpusError) as caught:
        build(other, tmp_path / "out", RECIPE, workers=0, progress=False)
    assert "portraits" in str(caught.value)
    assert "\n" not in str(caught.value)
