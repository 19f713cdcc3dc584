"""A run's folder goes to the Hub whole or not at all, and never over what somebody else published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hub_server import HubServer, hub_here
from PIL import Image

from s2f import SketchToFace
from s2f.errors import ModelError
from s2f.models import Pix2Pix, StarGAN
from s2f.publishing import pack, publish, resolve_dataset, runs

Cli = Callable[..., tuple[int, str, str]]
REPO = "me/model"
RECIPE = {"people": 4, "renders": 7, "size": 64, "sketches": 2, "seed": 3}
PARTS = {"README.md", "config.json", "model.safetensors", "training.json", "metrics.json", "thumbnail.jpg"}


def figure(value: float) -> dict[str, object]:
    return {"rate": value, "n": 40, "interval95": [value - 0.1, value + 0.1]}


def write_run(folder: Path, model: Pix2Pix | StarGAN) -> Path:
    """What a training script and `s2f evaluate --beside` leave."""
    model.save_pretrained(folder)
    training = {"corpus": {"name": "faces", **RECIPE}, "max_train_steps": 2, "images_seen": 8, "minutes": 0.1}
    (folder / "training.json").write_text(json.dumps(training))
    metrics = {
        "test": {"expression error": figure(0.25), "by_group": {"white": {"expression error": figure(0.2)}}}
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def picture(path: Path, colour: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 96), colour).save(path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    folder = write_run(tmp_path / "run", Pix2Pix(width=2, depth=2))
    picture(folder / "samples" / "000001.png", "red")
    picture(folder / "samples" / "000002.png", "green")
    picture(folder / "sheets" / "drawer-run-sample.jpg", "blue")
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with hub_here(monkeypatch, tmp_path) as server:
        yield server


def files_at(hub: HubServer, revision: str = "main", name: str = REPO) -> dict[str, bytes]:
    repo = hub.repo(name)
    return repo.commits[repo.refs[revision]]


def same(model: Pix2Pix, other: Pix2Pix) -> bool:
    drawing = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8)
    with torch.no_grad():
        return torch.equal(model(drawing), other(drawing))


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# ---------------------------------------------------------------- what is pushed


def test_a_run_goes_in_one_commit_and_comes_back_to_the_bit(hub: HubServer, run: Path) -> None:
    done = publish(run, REPO)
    there = files_at(hub)
    sheets = {"sheets/drawer-run-sample.jpg", "sheets/training-000002.png"}
    assert set(there) == {".gitattributes", *PARTS, *sheets}
    assert len(hub.repo(REPO).messages) == 2  # the repository's own first commit, and ours
    for name in PARTS - {"README.md", "thumbnail.jpg"}:
        assert there[name] == (run / name).read_bytes()
    assert done.commit == hub.repo(REPO).refs["main"]
    assert done.commit in done.url
    assert same(Pix2Pix.from_pretrained(REPO, revision=done.commit), Pix2Pix.from_pretrained(run))
    assert f"{hub.url}/{REPO}/resolve/main/thumbnail.jpg" in there["README.md"].decode()


def test_a_dry_run_writes_what_would_be_pushed(
    hub: HubServer, run: Path, tmp_path: Path, run_cli: Cli
) -> None:
    status, out, _ = run_cli("publish", run, "--repo", REPO, "--dry-run", tmp_path / "dry")
    assert status == 0
    assert "nothing was pushed" in out
    assert hub.requests == []
    publish(run, REPO)
    assert contents(tmp_path / "dry") == {k: v for k, v in files_at(hub).items() if k != ".gitattributes"}
    status, _, err = run_cli("publish", run, "--dry-run", tmp_path / "dry")
    assert status == 1
    assert "not empty, expected a new folder" in err.splitlines()[-1]


def test_a_pipeline_goes_as_one_and_its_parts_drop_into_others(hub: HubServer, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    drawer = write_run(whole / "drawer", Pix2Pix(width=2))
    write_run(whole / "editor", StarGAN(width=4, blocks=1))
    picture(drawer / "sheets" / "sample.png", "blue")
    publish(whole, "me/all")
    assert {"drawer/config.json", "editor/metrics.json", "sheets/drawer-sample.png"} <= set(
        files_at(hub, name="me/all")
    )
    pipe = SketchToFace.from_pretrained("me/all", device="cpu", size=256)
    assert (type(pipe.drawer).__name__, type(pipe.editor).__name__) == ("Pix2Pix", "StarGAN")
    tuned = Pix2Pix(width=2)
    publish(write_run(tmp_path / "tuned", tuned), "me/tuned")
    mixed = SketchToFace.from_pretrained("me/all", drawer="me/tuned", device="cpu", size=256)
    assert torch.equal(
        mixed.drawer.state_dict()["down.0.conv.weight"], tuned.state_dict()["down.0.conv.weight"]
    )
    assert type(mixed.editor).__name__ == "StarGAN"
    editor = StarGAN(width=4, blocks=1)
    publish(write_run(tmp_path / "tuned-editor", editor), "me/tuned-editor")
    mixed = SketchToFace.from_pretrained("me/all", editor="me/tuned-editor", device="cpu", size=256)
    assert torch.equal(next(mixed.editor.parameters()), next(editor.parameters()))
    assert torch.equal(next(mixed.drawer.parameters()), next(pipe.drawer.parameters()))


def test_a_pipeline_is_of_one_commit_and_a_half_fetched_one_is_not_remembered(
    hub: HubServer, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    sides = []
    for name in ("old", "new"):
        write_run(tmp_path / name / "drawer", Pix2Pix(width=2))
        write_run(tmp_path / name / "editor", StarGAN(width=4, blocks=1))
        sides.append({k: v for k, v in contents(tmp_path / name).items() if "/" in k})
    old, new = sides
    hub.commit(REPO, old)

    def weights(offline: bool = False) -> list[torch.Tensor]:
        pipe = SketchToFace.from_pretrained(REPO, device="cpu", size=256, local_files_only=offline)
        return [next(model.parameters()) for model in (pipe.drawer, pipe.editor)]

    hub.before("editor/model.safetensors", lambda: hub.commit(REPO, new))
    first = weights()
    wanted = SketchToFace.from_pretrained(tmp_path / "old", device="cpu", size=256)
    assert torch.equal(first[1], next(wanted.editor.parameters()))
    hub.clear()
    hub.fail(
        500, times=100, path="editor/model.safetensors"
    )  # the drawer of the new commit comes, its editor not
    with pytest.raises(ModelError, match="500"):
        weights()
    assert all(torch.equal(a, b) for a, b in zip(weights(offline=True), first, strict=True))
    hub.clear()
    assert not torch.equal(weights()[1], first[1])
    hub.clear()
    assert not torch.equal(weights(offline=True)[1], first[1])
    assert hub.requests == []


# ---------------------------------------------------------------- where to


def test_private_public_and_names(hub: HubServer, run: Path) -> None:
    publish(run, "me/secret", private=True)
    assert hub.repo("me/secret").private
    publish(run, REPO)
    assert not hub.repo(REPO).private
    with pytest.raises(ModelError, match="exists and is public"):
        publish(run, REPO, private=True)
    for name in ("model", "a/b/c", "a b/c", "", "../x"):
        with pytest.raises(ModelError, match="expected a repository like org/name"):
            publish(run, name)
    with pytest.raises(ModelError, match="expected a branch"):
        publish(run, REPO, revision="../x")
    with pytest.raises(ModelError, match="whole commit of 40"):
        publish(run, REPO, onto="abc")


def test_a_pull_request_leaves_main_alone(hub: HubServer, run: Path, run_cli: Cli) -> None:
    theirs = hub.commit(REPO, {"config.json": b"{}"})
    status, out, _ = run_cli("publish", run, "--repo", REPO, "--pull-request", "--json")
    assert status == 0
    assert json.loads(out)["url"].endswith("/discussions/1")
    assert hub.repo(REPO).refs["main"] == theirs
    assert same(Pix2Pix.from_pretrained(REPO, revision="refs/pr/1"), Pix2Pix.from_pretrained(run))
    with pytest.raises(ModelError, match="expected one to main"):
        publish(run, REPO, pull_request=True, revision="other")


def test_a_branch_of_its_own(hub: HubServer, run: Path) -> None:
    publish(run, REPO)
    main = hub.repo(REPO).refs["main"]
    with pytest.raises(ModelError, match="--onto"):
        publish(write_run(run.parent / "other", Pix2Pix(width=3, depth=2)), REPO, revision="wide")
    publish(run.parent / "other", REPO, revision="wide", onto=main)
    assert hub.repo(REPO).refs["main"] == main
    assert Pix2Pix.from_pretrained(REPO, revision="wide").config["width"] == 3


def test_it_may_publish_again_over_its_own_and_old_sheets_go(hub: HubServer, run: Path) -> None:
    publish(run, REPO)
    (run / "sheets" / "drawer-run-sample.jpg").unlink()
    picture(run / "sheets" / "drawer-run-worst.jpg", "black")
    publish(run, REPO, message="Better sheets")
    names = set(files_at(hub))
    assert "sheets/drawer-run-worst.jpg" in names
    assert "sheets/drawer-run-sample.jpg" not in names
    assert hub.repo(REPO).messages[-1] == "Better sheets"
    commits = len(hub.repo(REPO).commits)
    publish(run, REPO)  # the same again is no commit
    assert len(hub.repo(REPO).commits) == commits


def test_what_others_published_is_not_overwritten_unasked(hub: HubServer, run: Path, run_cli: Cli) -> None:
    publish(run, REPO)
    (run / "training.json").write_text("{}")
    theirs = hub.commit(REPO, {"README.md": b"# by hand"})
    status, _, err = run_cli("publish", run, "--repo", REPO)
    assert status == 1
    assert f"add --onto {theirs}" in err
    assert hub.repo(REPO).refs["main"] == theirs
    newer = hub.commit(REPO, {"README.md": b"# by hand, again"})
    with pytest.raises(ModelError, match=f"{newer}.*expected {theirs}"):
        publish(run, REPO, onto=theirs)
    publish(run, REPO, onto=newer)
    assert files_at(hub)["training.json"] == b"{}"


def test_a_race_is_lost_politely(hub: HubServer, run: Path) -> None:
    publish(run, REPO)
    (run / "training.json").write_text("{}")
    hub.before("/commit/", lambda: hub.commit(REPO, {"README.md": b"# just now"}))
    with pytest.raises(ModelError, match="412 .somebody published meanwhile"):
        publish(run, REPO)
    assert files_at(hub)["README.md"] == b"# just now"


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_fault_is_one_line_and_loses_nothing(hub: HubServer, run: Path, status: int) -> None:
    before = contents(run)
    for path in ("/repos/create", "/revision/", "/preupload/", "/objects/batch", "/store/", "/commit/"):
        hub.clear()
        hub.store.clear()
        hub.fail(status, times=100, path=path)
        with pytest.raises(ModelError, match=str(status)) as caught:
            publish(run, REPO)
        said = str(caught.value)
        assert "run the same again" in said
        assert "\n" not in said
        assert len(said) < 400
        assert contents(run) == before
        if ("models", REPO) in hub.repos:
            assert set(files_at(hub)) == {".gitattributes"}
    hub.clear()
    publish(run, REPO)
    assert set(files_at(hub)) >= PARTS


def test_what_was_uploaded_is_not_sent_twice(hub: HubServer, run: Path) -> None:
    def sent() -> list[str]:
        return [r.path for r in hub.requests if r.method == "PUT"]

    weights = pack(run, REPO).digests("model.safetensors")[0]
    hub.fail(500, times=100, path="/commit/")
    with pytest.raises(ModelError, match="500"):
        publish(run, REPO)
    first = sent()
    assert f"/store/{weights}" in first
    hub.store.pop(first[-1].removeprefix("/store/"))  # one had not arrived
    hub.clear()
    publish(run, REPO)
    assert sent() == first[-1:]


@pytest.mark.parametrize("path", ["/preupload/", "/objects/batch", "/commit/"])
def test_a_connection_that_breaks(hub: HubServer, run: Path, path: str) -> None:
    hub.cut(times=100, path=path)
    with pytest.raises(ModelError, match="push to me/model.*run the same again"):
        publish(run, REPO)
    hub.clear()
    publish(run, REPO)  # where the commit was made and only its answer got lost, that is seen
    assert len(hub.repo(REPO).messages) == 2
    assert set(files_at(hub)) >= PARTS
    picture(run / "sheets" / "more.png", "white")
    publish(run, REPO)
    assert "sheets/more.png" in files_at(hub)


def test_a_hub_that_is_not_there(hub: HubServer, run: Path, run_cli: Cli) -> None:
    hub.stop()
    status, _, err = run_cli("publish", run, "--repo", REPO)
    assert (status, err.count("\n")) == (1, 1)
    assert "no connection" in err


# ---------------------------------------------------------------- what may not be published


def test_what_does_not_load_is_not_published(hub: HubServer, run: Path, run_cli: Cli) -> None:
    whole = (run / "model.safetensors").read_bytes()
    nan = whole[:-4] + b"\x00\x00\xc0\x7f"
    for broken, words in ((whole[:-1], "safetensors"), (nan, "NaN"), (b"", "safetensors")):
        (run / "model.safetensors").write_bytes(broken)
        with pytest.raises(ModelError, match=words):
            publish(run, REPO)
    (run / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="finish the training first"):
        publish(run, REPO)
    with pytest.raises(ModelError, match="expected what a training script"):
        publish(run.parent, REPO)
    (run / "model.safetensors").write_bytes(whole)
    (run / "sheets" / "drawer-run-sample.jpg").write_bytes(b"<script>")
    with pytest.raises(Exception, match="expected a picture|picture") as caught:
        publish(run, REPO)
    assert type(caught.value).__module__ == "s2f.errors"
    assert run_cli("publish", run)[0] == 1
    assert hub.requests == []


def test_the_data_set_of_the_card_is_the_one_it_was_trained_on(hub: HubServer, run: Path) -> None:
    manifest = json.dumps({"arguments": RECIPE}).encode()
    first = hub.commit("me/faces", {"corpus.json": manifest}, kind="datasets")
    hub.commit("me/faces", {"README.md": b"#"}, kind="datasets")
    publish(run, REPO, dataset=f"me/faces@{first}")
    card = files_at(hub)["README.md"].decode()
    assert f"revision: {first}" in card
    assert "datasets:\n- me/faces" in card
    hub.commit("me/faces", {"corpus.json": manifest.replace(b"3", b"4")}, kind="datasets")
    with pytest.raises(ModelError, match="expected the corpus that Pix2Pix was trained on"):
        publish(run, REPO, dataset="me/faces")
    with pytest.raises(ModelError, match="404"):
        resolve_dataset("me/nothing", runs(run))


def test_a_folder_that_cannot_be_written_is_said(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="expected room|expected a new folder"):
        pack(run).write(tmp_path / "file" / "in")
    with pytest.raises(ModelError, match="expected a new folder"):
        pack(run).write(tmp_path / "file")
    shutil.rmtree(run / "sheets")
    pack(run).write(tmp_path / "dry")
    assert not list(tmp_path.glob(".*.part"))
