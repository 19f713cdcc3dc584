"""Loading from and pushing to a hub on this machine: one commit, a warm cache, faults in one sentence."""

from __future__ import annotations

import logging
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hub_server import HubServer, hub_here
from huggingface_hub import constants

import s2f.snapshot
from s2f.errors import ModelError
from s2f.hub import Snapshot, snapshot
from s2f.models import Pix2Pix, StarGAN, load_model

REPO = "me/model"


def files_of(model: Pix2Pix | StarGAN, folder: Path) -> dict[str, bytes]:
    model.save_pretrained(folder)
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.fixture(scope="module")
def models() -> list[Pix2Pix]:
    """Two models that cannot be told apart by their shapes, only by their weights and their dropout."""
    torch.manual_seed(0)
    return [Pix2Pix(width=2, depth=2, dropout=dropout).eval() for dropout in (0.1, 0.2)]


@pytest.fixture(scope="module")
def contents(models: list[Pix2Pix], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    return [files_of(model, tmp_path_factory.mktemp("model")) for model in models]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with hub_here(monkeypatch, tmp_path) as server:
        yield server


def same(model: Pix2Pix, other: Pix2Pix) -> bool:
    sketch = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8)
    with torch.no_grad():
        return torch.equal(model(sketch), other(sketch)) and model.config == other.config


def refused(words: str, **options: object) -> str:
    with pytest.raises(ModelError, match=words) as caught:
        Pix2Pix.from_pretrained(REPO, **options)  # type: ignore[arg-type]
    said = str(caught.value)
    assert "expected" in said
    assert "\n" not in said
    assert len(said) < 600
    return said


def leftovers(cache: Path) -> list[Path]:
    half = [p for p in cache.rglob("*") if p.name.endswith((".incomplete", ".part"))]
    return [*half, *cache.rglob("snapshots/**/model.safetensors")]


# ---------------------------------------------------------------- there and back


def test_push_then_load_is_exact(hub: HubServer, models: list[Pix2Pix]) -> None:
    models[0].push_to_hub(REPO)
    first = hub.repo(REPO).refs["main"]
    assert len(hub.repo(REPO).messages) == 2  # the repository's own first commit, and ours
    assert set(hub.repo(REPO).commits[first]) == {
        ".gitattributes",
        "README.md",
        "config.json",
        "model.safetensors",
    }
    assert b'load_model("me/model")' in hub.repo(REPO).commits[first]["README.md"]
    models[1].push_to_hub(REPO, commit_message="better")
    assert hub.repo(REPO).messages[-1] == "better"
    assert same(Pix2Pix.from_pretrained(REPO), models[1])
    assert same(Pix2Pix.from_pretrained(REPO, revision=first), models[0])
    assert same(load_model(REPO, revision=first), models[0])


def test_the_token_goes_to_the_hub_only(hub: HubServer, models: list[Pix2Pix]) -> None:
    hub.token = "hf_secret"
    models[0].push_to_hub(REPO, token="hf_secret")
    assert same(Pix2Pix.from_pretrained(REPO, token="hf_secret"), models[0])
    stored = [r for r in hub.requests if r.path.startswith("/store/") and r.method in ("GET", "PUT")]
    assert len(stored) == 2
    assert {r.authorization for r in stored} == {None}
    assert {r.authorization for r in hub.requests if "/resolve/" in r.path} == {"Bearer hf_secret"}
    assert "hf_secret" not in repr(snapshot(REPO, token="hf_secret"))
    refused("401", token="hf_wrong")


def test_subfolders_and_cache_dir(hub: HubServer, contents: list[dict[str, bytes]], tmp_path: Path) -> None:
    hub.commit(REPO, {f"drawer/{name}": data for name, data in contents[0].items()})
    cache = tmp_path / "elsewhere"
    source = snapshot(REPO, cache_dir=cache)
    assert source.has("drawer/config.json")
    assert not source.has("config.json")
    assert isinstance(load_model(source, subfolder="drawer"), Pix2Pix)
    assert list(cache.glob("models--me--model/snapshots/*/drawer/model.safetensors"))
    assert not Path(constants.HF_HUB_CACHE).exists()


def test_a_branch_that_moves_between_two_fetches(
    hub: HubServer, models: list[Pix2Pix], contents: list[dict[str, bytes]]
) -> None:
    hub.commit(REPO, contents[0])
    hub.before("model.safetensors", lambda: hub.commit(REPO, contents[1]))
    assert same(Pix2Pix.from_pretrained(REPO), models[0])
    assert hub.repo(REPO).commits[hub.repo(REPO).refs["main"]] == contents[1]
    assert same(Pix2Pix.from_pretrained(REPO), models[1])


def test_branches_and_tags(
    hub: HubServer, models: list[Pix2Pix], contents: list[dict[str, bytes]], tmp_path: Path
) -> None:
    hub.commit(REPO, contents[0])
    hub.commit(REPO, contents[1], revision="refs/pr/1")
    assert same(Pix2Pix.from_pretrained(REPO, revision="refs/pr/1"), models[1])
    assert same(Pix2Pix.from_pretrained(REPO, revision="refs/pr/1", local_files_only=True), models[1])
    refused("404", revision="v9")
    for odd in ("../../../etc", "a//b", "/etc", "a b", "-x"):
        refused("expected a branch, tag or commit", revision=odd)


# ---------------------------------------------------------------- the cache


def test_a_warm_cache_needs_no_request(
    hub: HubServer,
    models: list[Pix2Pix],
    contents: list[dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit = hub.commit(REPO, contents[0])
    Pix2Pix.from_pretrained(REPO)
    hub.clear()
    assert same(Pix2Pix.from_pretrained(REPO, revision=commit), models[0])
    assert same(Pix2Pix.from_pretrained(REPO, local_files_only=True), models[0])
    assert same(Pix2Pix.from_pretrained(REPO, local_files_only=True, revision=commit), models[0])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert same(load_model(REPO), models[0])
    assert hub.requests == []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert same(Pix2Pix.from_pretrained(REPO), models[0])
    assert [str(r) for r in hub.requests] == ["GET /api/models/me/model/revision/main?blobs=true"]
    hub.clear()
    assert same(Pix2Pix.from_pretrained(REPO, force_download=True), models[0])
    assert any(r.path.startswith("/store/") for r in hub.requests)
    refused("force_download .* offline", force_download=True, local_files_only=True)


def test_a_pinned_snapshot_asks_once_what_it_lacks(hub: HubServer, contents: list[dict[str, bytes]]) -> None:
    commit = hub.commit(REPO, contents[0])
    Pix2Pix.from_pretrained(REPO)
    source = snapshot(REPO, revision=commit)
    hub.clear()
    assert not source.has("editor/config.json")
    assert len(hub.requests) == 1
    assert not source.has("editor/config.json")
    assert source.has("config.json")
    assert len(hub.requests) == 1


def test_cold_and_offline(
    hub: HubServer, contents: list[dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = hub.commit(REPO, contents[0])
    refused("no copy of me/model at main.*offline", local_files_only=True)
    refused(f"no copy of me/model at {commit}.*offline", local_files_only=True, revision=commit)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused("no copy of me/model at main.*offline")
    assert hub.requests == []


def test_a_cache_with_half_a_model(hub: HubServer, contents: list[dict[str, bytes]]) -> None:
    hub.commit(REPO, contents[0])
    source = snapshot(REPO)
    source.file("config.json")
    source.remember()
    refused("no model.safetensors in me/model@", local_files_only=True)


def test_an_interrupted_update_leaves_the_old_model(
    hub: HubServer, models: list[Pix2Pix], contents: list[dict[str, bytes]]
) -> None:
    hub.commit(REPO, contents[0])
    Pix2Pix.from_pretrained(REPO)
    hub.commit(REPO, contents[1])
    hub.fail(500, times=100, path="model.safetensors")
    refused("500")
    assert same(Pix2Pix.from_pretrained(REPO, local_files_only=True), models[0])
    hub.clear()
    assert same(Pix2Pix.from_pretrained(REPO), models[1])


@pytest.mark.parametrize("fault", ["down", 200, 429, 500, 503])
def test_an_outage_uses_the_cache_and_says_so_once(
    hub: HubServer,
    models: list[Pix2Pix],
    contents: list[dict[str, bytes]],
    caplog: pytest.LogCaptureFixture,
    fault: str | int,
) -> None:
    commit = hub.commit(REPO, contents[0])
    Pix2Pix.from_pretrained(REPO)
    hub.clear()
    if isinstance(fault, int):
        hub.fail(fault, times=100)
    else:
        hub.stop()
    with caplog.at_level(logging.WARNING, "s2f"):
        assert same(Pix2Pix.from_pretrained(REPO), models[0])
    own = [r for r in caplog.records if r.name.startswith("s2f")]
    assert len(own) == 1
    assert commit[:8] in own[0].getMessage()
    assert len(hub.requests) <= 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_answer_that_says_no_is_not_an_outage(
    hub: HubServer, contents: list[dict[str, bytes]], status: int
) -> None:
    hub.commit(REPO, contents[0])
    Pix2Pix.from_pretrained(REPO)
    hub.fail(status, times=100)
    refused(str(status))


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502])
@pytest.mark.parametrize("path", ["/api/models", "config.json", "model.safetensors", "/store/"])
def test_a_status_is_one_sentence_and_leaves_nothing(
    hub: HubServer, contents: list[dict[str, bytes]], status: int, path: str
) -> None:
    hub.commit(REPO, contents[0])
    hub.fail(status, times=100, path=path)
    assert str(status) in refused("me/model")
    assert leftovers(Path(constants.HF_HUB_CACHE)) == []
    hub.clear()
    Pix2Pix.from_pretrained(REPO)


@pytest.mark.parametrize("path", ["config.json", "/store/"])
def test_a_connection_that_breaks(
    hub: HubServer, models: list[Pix2Pix], contents: list[dict[str, bytes]], path: str
) -> None:
    hub.commit(REPO, contents[0])
    hub.cut(times=100, path=path)
    refused("me/model")
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*.incomplete"))
    hub.clear()
    assert same(Pix2Pix.from_pretrained(REPO), models[0])


def test_a_server_that_is_not_there(hub: HubServer) -> None:
    hub.stop()
    refused(r"no connection")


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_push_that_fails_says_so(hub: HubServer, models: list[Pix2Pix], status: int) -> None:
    models[0].push_to_hub(REPO)
    before = dict(hub.repo(REPO).refs)
    for path in ("/preupload/", "/objects/batch", "/store/", "/commit/"):
        hub.clear()
        hub.store.clear()
        hub.fail(status, times=100, path=path)
        with pytest.raises(ModelError, match=f"{status}.*a push to me/model"):
            models[1].push_to_hub(REPO)
    assert hub.repo(REPO).refs == before


# ---------------------------------------------------------------- what a repository may hold


def test_a_huge_configuration_is_not_even_fetched(hub: HubServer, contents: list[dict[str, bytes]]) -> None:
    hub.commit(REPO, contents[0] | {"config.json": b" " * (2 << 20)})
    refused("config.json of 2,097,152 bytes")
    assert not any("/resolve/" in r.path for r in hub.requests)


def test_a_pickle_is_not_even_fetched(hub: HubServer, contents: list[dict[str, bytes]]) -> None:
    hub.commit(REPO, {"config.json": contents[0]["config.json"], "pytorch_model.bin": b"\x80\x04."})
    refused("only pytorch_model.bin, which s2f never unpickles.*safetensors")
    assert not any("pytorch_model" in r.path for r in hub.requests)


def test_code_and_scripts_beside_a_model_are_not_even_fetched(
    hub: HubServer, models: list[Pix2Pix], contents: list[dict[str, bytes]]
) -> None:
    beside = {
        "README.md": b"---\nlicense: !!python/object/apply:os.abort []\n---\n<script>x()</script>",
        "model.py": b"raise SystemExit('it ran')",
        "pytorch_model.bin": b"\x80\x04.",
    }
    hub.commit(REPO, contents[0] | beside)
    assert same(load_model(REPO), models[0])
    fetched = {r.path.rsplit("/", 1)[1] for r in hub.requests if "/resolve/" in r.path}
    assert fetched == {"config.json", "model.safetensors"}


def test_an_empty_repository(hub: HubServer) -> None:
    hub.commit(REPO, {"README.md": b"#"})
    refused("404.*config.json of me/model@")


def test_two_versions_mixed_by_hand_are_refused(hub: HubServer, tmp_path: Path) -> None:
    wide = files_of(Pix2Pix(width=3, depth=2), tmp_path / "wide")
    narrow = files_of(Pix2Pix(width=2, depth=2), tmp_path / "narrow")
    hub.commit(REPO, {"config.json": wide["config.json"], "model.safetensors": narrow["model.safetensors"]})
    refused("wrong shape of down.0.conv.weight .* do not belong together")


# ---------------------------------------------------------------- names and folders


@pytest.mark.parametrize(
    "name", ["/no/such/folder", "./nowhere", "~/nowhere/at/all", "a/b/c", "a b", "", "x/..", Path("nowhere")]
)
def test_what_is_neither_folder_nor_repository(hub: HubServer, name: str | Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected an existing folder or a repository|expected that file"):
        Pix2Pix.from_pretrained(name)
    assert hub.requests == []


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b", "..\\b", "C:/x", ""])
def test_a_snapshot_gives_its_own_files_only(hub: HubServer, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "model").mkdir()
    hub.commit(REPO, {"config.json": b"{}"})
    for source in (snapshot(tmp_path / "model"), snapshot(REPO)):
        with pytest.raises(ModelError, match="expected one inside the model"):
            source.file(name)
        with pytest.raises(ModelError, match="expected one inside the model"):
            source.has(name)


def test_a_folder_is_used_as_it_is(hub: HubServer, models: list[Pix2Pix], tmp_path: Path) -> None:
    models[0].save_pretrained(tmp_path / "m")
    assert snapshot(str(tmp_path / "m")) == Snapshot(folder=tmp_path / "m")
    assert same(Pix2Pix.from_pretrained(str(tmp_path / "m")), models[0])
    with pytest.raises(ModelError, match="which has none"):
        Pix2Pix.from_pretrained(tmp_path / "m", revision="main")
    with pytest.raises(ModelError, match=r"no nothing/config\.json"):
        load_model(tmp_path / "m", "nothing")
    assert hub.requests == []


def test_a_cache_that_cannot_be_written_still_loads(
    hub: HubServer, models: list[Pix2Pix], contents: list[dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.commit(REPO, contents[0])

    def full(source: object, target: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(s2f.snapshot, "os", types.SimpleNamespace(replace=full, getpid=lambda: 1))
    assert same(Pix2Pix.from_pretrained(REPO), models[0])


def test_a_loaded_model_knows_where_it_comes_from(
    hub: HubServer, models: list[Pix2Pix], contents: list[dict[str, bytes]], tmp_path: Path
) -> None:
    commit = hub.commit(REPO, contents[0])
    assert Pix2Pix.from_pretrained(REPO).origin == (REPO, commit)
    models[0].save_pretrained(tmp_path / "m")
    name, digest = Pix2Pix.from_pretrained(tmp_path / "m").origin
    assert (name, digest[:7]) == ("Pix2Pix", "sha256:")
    models[1].save_pretrained(tmp_path / "n")
    assert Pix2Pix.from_pretrained(tmp_path / "n").origin[1] != digest
    assert not hasattr(models[0], "origin")
