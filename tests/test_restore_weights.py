"""GFPGAN's weights: none, alien and hostile ones, and downloads that go wrong."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from s2f.errors import ModelError
from s2f.models import GFPGAN
from s2f.restore import Fetched, attempt, open_restorer, weights
from tests.grainy import face, pixels

TINY = {"size": 16, "narrow": 0.03125, "style": 8, "mlp_depth": 2}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees what this machine has in its cache."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home" / "huggingface"))
    monkeypatch.delenv(weights.VARIABLE, raising=False)
    monkeypatch.setattr(weights, "PAUSE", 0.0)
    return tmp_path / "home" / "s2f"


@pytest.fixture
def tiny() -> GFPGAN:
    torch.manual_seed(3)
    return GFPGAN(**TINY).eval()


@pytest.fixture
def pth(tiny: GFPGAN, tmp_path: Path) -> Path:
    torch.save({"params_ema": tiny.state_dict()}, tmp_path / "GFPGANv1.4.pth")
    return tmp_path / "GFPGANv1.4.pth"


def test_without_weights_the_picture_stays_and_says_so(
    tmp_path: Path, run_cli: Callable[..., tuple[int, str, str]]
) -> None:
    before = face()
    result = attempt(before, lambda: open_restorer("gfpgan"))
    assert not result.restored
    assert np.array_equal(pixels(result.image), pixels(before))
    assert result.moved == {}
    assert "run s2f restore --download once" in result.note
    assert "S2F_GFPGAN_WEIGHTS" in result.note
    before.save(tmp_path / "face.png")
    status, out, err = run_cli(
        "restore", tmp_path / "face.png", "--model", "gfpgan", "-o", tmp_path / "x.png"
    )
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert "s2f restore --download" in err
    assert not (tmp_path / "x.png").exists()


def test_a_local_file_of_either_kind(
    tiny: GFPGAN, pth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.save_pretrained(tmp_path / "saved")
    for source in (pth, tmp_path / "saved" / "model.safetensors", tmp_path / "saved"):
        model: Any = open_restorer("gfpgan", source)
        assert model.config | TINY == model.config
        assert all(torch.equal(value, tiny.state_dict()[name]) for name, value in model.state_dict().items())
        assert model.origin[1].startswith("sha256:")
    monkeypatch.setenv(weights.VARIABLE, str(pth))
    assert attempt(face(16), lambda: open_restorer("gfpgan")).restored


@pytest.mark.parametrize(
    "variant", [{"half_modulated": False}, {"different_w": False}, {"size": 64, "channel_multiplier": 1}]
)
def test_arguments_are_read_from_the_shapes(variant: dict[str, Any], tmp_path: Path) -> None:
    model = GFPGAN(**(TINY | {"narrow": 0.0625} | variant))
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert model.config | weights.arguments_of(shapes, tmp_path) == model.config


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("owned"),))


def test_nothing_but_tensors_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"params_ema": Hostile()}, tmp_path / "bad.pth")
    with pytest.raises(ModelError, match="no file of tensors only"):
        open_restorer("gfpgan", tmp_path / "bad.pth")
    assert not (tmp_path / "owned").exists()


def test_alien_and_broken_files_are_said(tiny: GFPGAN, pth: Path, tmp_path: Path) -> None:
    state = tiny.state_dict()
    lacking = {name: value for name, value in state.items() if name != "final_conv.bias"}
    spoilt = state | {"final_conv.bias": state["final_conv.bias"] * float("nan")}
    cases: dict[str, tuple[Any, str]] = {
        "lacking": ({"params_ema": lacking}, "differs from GFPGAN at final_conv.bias"),
        "spoilt": ({"params_ema": spoilt}, "at a number that is not finite"),
        "other": ({"params_ema": {"a": torch.zeros(3)}}, "holds another network"),
        "list": ([torch.zeros(3)], "without a table of tensors"),
    }
    for name, (data, says) in cases.items():
        torch.save(data, tmp_path / f"{name}.pth")
        with pytest.raises(ModelError, match=says):
            open_restorer("gfpgan", tmp_path / f"{name}.pth")
    (tmp_path / "cut.pth").write_bytes(pth.read_bytes()[:5000])
    with pytest.raises(ModelError, match="no file of tensors only"):
        open_restorer("gfpgan", tmp_path / "cut.pth")
    with pytest.raises(ModelError, match="got no file"):
        open_restorer("gfpgan", tmp_path / "absent.pth")
    with pytest.raises(ModelError, match="got GFPGAN version '2'"):
        open_restorer("gfpgan", version="2")
    with pytest.raises(ModelError, match="got the restorer 'magic'"):
        open_restorer("magic")


# ---------------------------------------------------------------- weights: the download


class Source:
    """A server of one file that may cut, lie, or know nothing of ranges."""

    def __init__(self) -> None:
        self.data, self.cut, self.ranges, self.status, self.asked = b"", 0, True, 0, []  # type: ignore[var-annotated]
        self.open = threading.Event()
        self.open.set()
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range", "")
                source.asked.append(asked)
                source.open.wait(20)
                if source.status:
                    self.send_error(source.status)
                    return
                start = int(asked[6:-1]) if asked and source.ranges else 0
                body = source.data[start:]
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(source.data) - 1}/*")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: source.cut or None])
                self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def source(pth: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(weights.constants, "HF_HUB_OFFLINE", False)
    one = Source()
    one.data = pth.read_bytes()
    digest = hashlib.sha256(one.data).hexdigest()
    monkeypatch.setattr(weights, "VERSIONS", {"1.4": weights.Weights(pth.name, len(one.data), digest)})
    thread = threading.Thread(target=one.server.serve_forever, daemon=True)
    thread.start()
    yield one
    one.server.shutdown()
    one.server.server_close()


def test_a_download_is_verified_converted_and_kept(source: Source, home: Path, tiny: GFPGAN) -> None:
    folder = weights.fetch(base=source.base)
    assert folder == home / "gfpgan-1.4"
    assert {p.name for p in folder.iterdir()} == {"config.json", "model.safetensors"}
    assert not list(home.glob("*.part"))
    model: Any = open_restorer("gfpgan")
    assert all(torch.equal(value, tiny.state_dict()[name]) for name, value in model.state_dict().items())
    assert weights.fetch(base=source.base) == folder
    assert len(source.asked) == 1


def test_a_cut_download_goes_on_where_it_stopped(source: Source) -> None:
    source.cut = len(source.data) // 3
    weights.fetch(base=source.base, progress=False)
    starts = [int(asked[6:-1]) if asked else 0 for asked in source.asked]
    assert starts == [0, source.cut, 2 * source.cut, 3 * source.cut][: len(starts)]
    assert len(starts) >= 3
    assert open_restorer("gfpgan")


def test_a_download_goes_on_in_the_next_run(source: Source, home: Path) -> None:
    home.mkdir(parents=True)
    (home / "GFPGANv1.4.pth.part").write_bytes(source.data[:777])
    weights.fetch(base=source.base, progress=False)
    assert source.asked == ["bytes=777-"]


def test_a_server_without_ranges_begins_anew(source: Source, home: Path) -> None:
    home.mkdir(parents=True)
    (home / "GFPGANv1.4.pth.part").write_bytes(b"of another time")
    source.ranges = False
    weights.fetch(base=source.base, progress=False)
    assert open_restorer("gfpgan")


def test_a_wrong_file_is_thrown_away(source: Source, home: Path) -> None:
    whole = source.data
    source.data = whole[:-1] + bytes([whole[-1] ^ 1])
    with pytest.raises(ModelError, match="with SHA-256"):
        weights.fetch(base=source.base, progress=False)
    source.data = whole + b"more"
    with pytest.raises(ModelError, match="got more than"):
        weights.fetch(base=source.base, progress=False)
    assert [p.name for p in home.iterdir() if not p.name.endswith(".lock")] == []
    source.data = whole
    assert weights.fetch(base=source.base, progress=False)


def test_no_network_is_said_and_loses_nothing(source: Source, home: Path) -> None:
    source.cut, kept = 1000, source.data
    source.server.RequestHandlerClass.protocol_version = "HTTP/1.0"
    home.mkdir(parents=True)
    (home / "GFPGANv1.4.pth.part").write_bytes(kept[:500])
    for status, says in ((404, "got status 404"), (503, "got 500 of .* it goes on from there")):
        source.status = status
        with pytest.raises(ModelError, match=says):
            weights.fetch(base=source.base, progress=False)
    with pytest.raises(ModelError, match="check the network and run it again"):
        weights.fetch(base="http://127.0.0.1:9/", progress=False)
    assert (home / "GFPGANv1.4.pth.part").read_bytes() == kept[:500]


def test_a_machine_that_may_not_reach_out_asks_nobody(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="got HF_HUB_OFFLINE set"):
        weights.fetch(base=source.base)
    assert source.asked == []


def test_a_page_fetches_behind_its_visitors(source: Source, tiny: GFPGAN) -> None:
    """Both who ask are told at once how far it is, their pictures stay, and later it works for all."""
    source.open.clear()
    opened = Fetched(base=source.base, patience=0.05)
    before = face(32)
    for _ in range(2):
        early = attempt(before, opened)
        assert not early.restored
        assert np.array_equal(pixels(early.image), pixels(before))
        assert re.match(r"got 0 of \d+ MB .* try again in a minute$", early.note)
    source.open.set()
    opened.patience = 20
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(lambda _: opened(), range(4)))
    assert all(model is models[0] for model in models)
    assert all(torch.equal(v, tiny.state_dict()[name]) for name, v in models[0].state_dict().items())
    assert attempt(before, opened).restored
    assert len(source.asked) == 1


def test_a_page_without_a_network_says_so_once_and_tries_again(source: Source) -> None:
    source.status = 503
    opened = Fetched(base=source.base, patience=20)
    for _ in range(2):
        assert re.search("status 503.*check the network", attempt(face(32), opened).note)
    assert len(source.asked) == 2 * weights.AT_FIRST
    source.status = 0
    assert attempt(face(32), opened).restored


def test_a_full_disk_is_said_before_anything_is_fetched(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights.shutil, "disk_usage", lambda _: type("Disk", (), {"free": 1 << 20}))
    with pytest.raises(ModelError, match="got 1 MiB free"):
        weights.fetch(base=source.base)
    assert source.asked == []


def test_the_published_place_is_one_constant() -> None:
    text = Path(weights.__file__).read_text("utf-8")
    assert text.count("https://") == 1
    assert all(re.fullmatch(r"[0-9a-f]{64}", one.sha256) for one in weights.VERSIONS.values())


def test_download_by_command(
    source: Source,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_cli: Callable[..., tuple[int, str, str]],
) -> None:
    monkeypatch.setattr(
        weights.fetch, "__kwdefaults__", {**weights.fetch.__kwdefaults__, "base": source.base}
    )
    status, out, _ = run_cli("restore", "--download")
    assert status == 0
    assert "GFPGAN 1.4 is in" in out
    face(32).save(tmp_path / "face.png")
    words = (
        "restore",
        tmp_path / "face.png",
        "--model",
        "gfpgan",
        "-o",
        tmp_path / "out.png",
        "--framed",
        "--json",
    )
    status, out, err = run_cli(*words)
    assert status == 0, err
    (row,) = json.loads(out)["done"]
    assert set(row["faces"][0]) >= {"skin", "hair", "eyes"}
    assert Image.open(tmp_path / "out.png").size == (32, 32)
