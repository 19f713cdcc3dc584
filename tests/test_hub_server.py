"""The hub that the tests talk to: an unmodified client pushes to it and loads from it, data sets too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hub_server import HubServer
from huggingface_hub import HfApi, constants

ROOT = Path(__file__).parents[1]


def test_a_data_set_there_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    source = tmp_path / "source"
    (source / "data").mkdir(parents=True)
    (source / "README.md").write_text("# rows")
    (source / "data" / "train-00000.parquet").write_bytes(bytes(range(256)) * 40)
    with HubServer(token="hf_secret") as server:
        api = HfApi(endpoint=server.url, token="hf_secret")
        api.create_repo("me/rows", repo_type="dataset")
        info = api.upload_folder(repo_id="me/rows", repo_type="dataset", folder_path=source)
        assert api.repo_info("me/rows", repo_type="dataset").sha == info.oid
        listed = api.list_repo_tree("me/rows", "data", repo_type="dataset")
        assert [(entry.path, entry.size) for entry in listed] == [("data/train-00000.parquet", 10240)]
        api.create_tag("me/rows", tag="v1", repo_type="dataset")
        api.delete_folder("data", "me/rows", repo_type="dataset")
        assert not api.file_exists("me/rows", "data/train-00000.parquet", repo_type="dataset")
        back = api.snapshot_download(
            "me/rows", repo_type="dataset", revision="v1", cache_dir=tmp_path / "cache"
        )
        for name in ("README.md", "data/train-00000.parquet"):
            assert (Path(back) / name).read_bytes() == (source / name).read_bytes()
        assert len(server.repo("me/rows", "datasets").messages) == 3


CLIENT = """
import torch
from s2f.models import Pix2Pix, load_model
model = Pix2Pix(width=2, depth=2).eval()
model.push_to_hub("me/model")
sketch = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8)
with torch.no_grad():
    assert torch.equal(model(sketch), load_model("me/model")(sketch))
"""
OFFLINE = """
from s2f.snapshot import snapshot
source = snapshot("me/model")
assert source.file("config.json").is_file() and source.file("model.safetensors").is_file()
"""


def test_a_client_of_its_own_process(tmp_path: Path) -> None:
    """The environment variables alone, nothing patched: push and load, then offline from the cache."""
    with HubServer() as server:
        surroundings = server.environment(tmp_path / "home")
        for code, more in ((CLIENT, {}), (OFFLINE, {"HF_HUB_OFFLINE": "1"})):
            server.clear()
            done = subprocess.run(
                [sys.executable, "-c", code],
                env=surroundings | more,
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
                timeout=100,
            )
            assert done.returncode == 0, done.stderr
            assert bool(server.requests) == (code == CLIENT)
