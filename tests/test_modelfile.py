"""config.json and model.safetensors from a stranger: each lie is an error, soon and at no great expense."""

from __future__ import annotations

import copy
import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from s2f.errors import ModelError
from s2f.hub import HubMixin
from s2f.models import Pix2Pix, StarGAN, load_model


class Everything(nn.Module, HubMixin):
    """One argument of each kind, one buffer of each kind."""

    def __init__(
        self,
        rows: int,
        widths: list[int],
        scale: float = 1.5,
        bias: bool = True,
        name: str = "é",
        limit: float | None = None,
        norm: Literal["batch", "none"] = "batch",
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(rows, width, bias=bias) for width in widths)
        self.norm = nn.BatchNorm1d(rows) if norm == "batch" else nn.Identity()
        self.register_buffer("table", torch.arange(rows) * scale)
        self.register_buffer("count", torch.tensor(7))


def make() -> Everything:
    torch.manual_seed(0)
    return Everything(3, [2, 4], limit=0.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make().save_pretrained(tmp_path)
    return tmp_path


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused(folder: Path, words: str, model: type[HubMixin] = Everything) -> str:
    with pytest.raises(ModelError, match=words) as caught:
        model.from_pretrained(folder)
    said = str(caught.value)
    assert "expected" in said
    assert "\n" not in said
    assert len(said) < 700
    return said


def test_the_whole_configuration_is_recorded(folder: Path) -> None:
    own = {
        "rows": 3,
        "widths": [2, 4],
        "scale": 1.5,
        "bias": True,
        "name": "é",
        "limit": 0.5,
        "norm": "batch",
    }
    assert make().config == own
    written = json.loads((folder / "config.json").read_text())
    assert written.pop("_class_name") == "Everything"
    assert written.pop("_s2f_version")
    assert written == own
    assert Everything.from_pretrained(folder).config == own


def test_buffers_reload(folder: Path) -> None:
    model = make()
    model.table += 1
    model.norm(torch.randn(8, 3))
    model.save_pretrained(folder)
    again = Everything.from_pretrained(folder)
    assert torch.equal(again.table, torch.tensor([1.0, 2.5, 4.0]))
    assert again.count.dtype == torch.int64
    assert again.norm.num_batches_tracked == 1
    assert not any(t.is_meta for t in again.state_dict().values())


def test_a_copy_keeps_its_configuration() -> None:
    model = make()
    assert copy.deepcopy(model).config == pickle.loads(pickle.dumps(model)).config == model.config
    model.config["rows"] = 9
    assert model.config["rows"] == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"widths": (2, 4)}, r"widths=\(2, 4\).*list\[int\]"),
        ({"widths": [2, 4.0]}, "widths"),
        ({"rows": True}, "rows=True.*int"),
        ({"scale": float("nan")}, "scale=nan"),
        ({"norm": "layer"}, "norm='layer'"),
        ({"bias": 1}, "bias=1.*bool"),
    ],
)
def test_arguments_are_checked_when_a_model_is_made(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        Everything(**({"rows": 3, "widths": [2]} | arguments))
    with pytest.raises(TypeError, match="widths"):
        Everything(3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colour": 1}, "unknown 'colour'"),
        ({"_import": "os"}, "unknown '_import'"),
        ({"rows": 3.0}, "rows=3.0.*int"),
        ({"rows": "3"}, "rows='3'"),
        ({"rows": None}, "rows=None"),
        ({"rows": 10**9}, "rows=1000000000"),
        ({"rows": -(10**9)}, "rows=-1000000000"),
        ({"rows": 10**6}, "wrong shape|no layers"),
        ({"rows": -1}, "no model can be built"),
        ({"scale": 1e300}, r"scale=1e\+300"),
        ({"widths": 2}, "widths=2"),
        ({"widths": [[2], [4]]}, "widths"),
        ({"widths": [2] * 2000}, "widths.*1000 items"),
        ({"widths": [2, 5]}, r"layers.1.weight \[4, 3\] instead of \[5, 3\]"),
        ({"widths": [2]}, "alien 'layers.1"),
        ({"widths": [2, 4, 4]}, "with no layers.2"),
        ({"widths": [2, 4] * 500}, "with no layers.2.*more|far more tensors"),
        ({"name": "n" * 2000}, "name="),
        ({"limit": "much"}, "limit='much'"),
        ({"_class_name": "StarGAN"}, "got a StarGAN in .*expected a Everything"),
        ({"_class_name": 3}, "_class_name"),
        ({"_class_name": "Two\nlines"}, "without a proper _class_name"),
    ],
)
def test_a_configuration_that_lies_is_refused(folder: Path, changes: dict[str, Any], words: str) -> None:
    edit(folder, **changes)
    refused(folder, words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not readable JSON"),
        (b"[1]", "JSON list"),
        (b'{"rows": NaN}', "NaN is not a number"),
        (b'{"rows": 3, "rows": 4}', "twice"),
        (b'{"rows": ' + b"9" * 5000 + b"}", "not readable JSON"),
        (b"[" * 100_000, "not readable JSON"),
        (b'{"a":' * 100_000, "not readable JSON"),
        (b"\xff\xfe{}", "not readable JSON"),
        (b" " * (1 << 20) + b"{}", "over 1,048,576 bytes"),
        (b"{}", "without a proper _class_name"),
        (b'{"_class_name": "Everything", "widths": [2, 4]}', "no rows"),
    ],
    ids=range(11),
)
def test_a_configuration_that_is_none_is_refused(folder: Path, text: bytes, words: str) -> None:
    (folder / "config.json").write_bytes(text)
    refused(folder, words)


def test_a_missing_default_is_filled_in(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    del config["scale"], config["_s2f_version"]
    (folder / "config.json").write_text(json.dumps(config))
    assert Everything.from_pretrained(folder).config["scale"] == 1.5


def test_a_device_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(ModelError, match="device 'cuda:99'.*map_location='cpu'"):
        Everything.from_pretrained(folder, map_location="cuda:99")


def test_another_class_is_named(tmp_path: Path) -> None:
    StarGAN(width=2, domains=2, blocks=1).save_pretrained(tmp_path)
    refused(tmp_path, "got a StarGAN in .*, expected a Pix2Pix; load it with StarGAN", Pix2Pix)


# ---------------------------------------------------------------- weights


def raw(header: dict[str, Any] | bytes, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def taken_apart(folder: Path) -> tuple[dict[str, Any], bytes]:
    whole = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    return json.loads(whole[8 : 8 + length]), whole[8 + length :]


def overlap(header: dict[str, Any]) -> None:
    header["layers.0.weight"]["data_offsets"] = header["norm.weight"]["data_offsets"]
    header["layers.0.weight"]["shape"] = header["norm.weight"]["shape"]


def outside(header: dict[str, Any]) -> None:
    header["table"]["data_offsets"] = [10**9, 10**9 + 12]


def claim(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda header: header["table"].update({key: value})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (overlap, "overlaps|hole"),
        (outside, "hole|holds"),
        (claim("shape", [4]), "does not fill its bytes"),
        (claim("shape", [-3]), "not whole numbers"),
        (claim("shape", [3.0]), "not whole numbers"),
        (claim("shape", [True, 3]), "not whole numbers"),
        (claim("shape", [1] * 9 + [3]), "too many dimensions"),
        (claim("shape", [1 << 40, 1 << 40]), "does not fill its bytes"),
        (claim("shape", "3"), "not whole numbers"),
        (claim("data_offsets", [12, 0]), "does not fill its bytes"),
        (claim("data_offsets", [0]), "too many dimensions or offsets"),
        (claim("dtype", "F8_E4M3"), "type 'F8_E4M3'"),
        (claim("dtype", ["F32"]), "type"),
        (claim("dtype", "I32"), "wrong type of table"),
        (claim("code", "import os"), "not described by"),
        (lambda header: header.update(table=[1]), "not described by"),
        (lambda header: header.pop("table"), "hole|holds"),
        (lambda header: header.update({"ghost": header.pop("table")}), "with no table"),
        (lambda h: h.update(ghost={"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}), "alien 'ghost'"),
    ],
    ids=range(19),
)
def test_a_header_that_lies_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    header, data = taken_apart(folder)
    change(header)
    (folder / "model.safetensors").write_bytes(raw(header, data))
    refused(folder, words)


@pytest.mark.parametrize(
    "whole",
    [
        raw(b"{", b""),
        raw(b"[]", b""),
        raw(b'{"a": 1, "a": 1}', b""),
        raw(b'{"a":' * 50_000, b""),
        struct.pack("<Q", 1 << 63) + b"{}",
        struct.pack("<Q", 100) + b"{}",
        raw(b"{" + b" " * (1 << 20) + b"}", b""),
        b"PK\x03\x04" + b"\0" * 64,
        pickle.dumps({"table": [1.0]}),
    ],
    ids=range(9),
)
def test_a_file_that_is_no_safetensors_is_refused(folder: Path, whole: bytes) -> None:
    (folder / "model.safetensors").write_bytes(whole)
    refused(folder, "expected a whole safetensors file")


def test_a_cut_or_grown_file_is_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    offsets = {*range(0, len(whole), len(whole) // 100), 7, 8, 9, len(whole) - 1}
    assert len(offsets) >= 100
    for kept in sorted(offsets):
        path.write_bytes(whole[:kept])
        refused(folder, "expected a whole safetensors file")
    path.write_bytes(whole + b"\0")
    refused(folder, "expected a whole safetensors file")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite_are_refused(folder: Path, bad: float) -> None:
    state = load_file(folder / "model.safetensors")
    state["norm.weight"][1] = bad
    save_file(state, folder / "model.safetensors")
    refused(folder, "NaN or infinity in norm.weight")
    model = make()
    model.norm.weight.data[0] = bad
    with pytest.raises(ModelError, match=r"NaN or infinity in norm\.weight"):
        model.save_pretrained(folder)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_comes_back_as_float32(folder: Path, dtype: torch.dtype) -> None:
    model = make()
    model.save_pretrained(folder, dtype=dtype)
    stored = load_file(folder / "model.safetensors")
    assert {k: t.dtype for k, t in stored.items() if t.is_floating_point()} == {
        k: dtype for k, t in stored.items() if k not in ("count", "norm.num_batches_tracked")
    }
    again = Everything.from_pretrained(folder)
    for name, tensor in model.state_dict().items():
        wanted = tensor.to(dtype).float() if tensor.is_floating_point() else tensor
        assert torch.equal(again.state_dict()[name], wanted)
        assert again.state_dict()[name].dtype == tensor.dtype


def test_weights_too_large_for_half_precision_are_refused(folder: Path) -> None:
    model = make()
    model.table.fill_(1e6)
    with pytest.raises(ModelError, match="NaN or infinity in table"):
        model.save_pretrained(folder, dtype=torch.float16)


def test_pickles_are_never_read(folder: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(folder / "exploded"),)

    (folder / "model.safetensors").unlink()
    with (folder / "pytorch_model.bin").open("wb") as file:
        pickle.dump(Bomb(), file)
    refused(folder, "only pytorch_model.bin, which s2f never unpickles.*safetensors")
    with pytest.raises(ModelError, match="from_pretrained"):
        Everything._load_as_pickle(make(), str(folder / "pytorch_model.bin"), "cpu", True)
    assert not (folder / "exploded").exists()


def test_what_cannot_reload_cannot_be_saved(tmp_path: Path) -> None:
    hidden = make()
    hidden.register_buffer("hidden", torch.zeros(1), persistent=False)
    with pytest.raises(ModelError, match=r"buffers hidden .*persistent=True"):
        hidden.save_pretrained(tmp_path)
    tied = make()
    tied.layers[0].bias = tied.norm.bias
    with pytest.raises(ModelError, match="sharing their memory"):
        tied.save_pretrained(tmp_path)
    precise = make().double()
    with pytest.raises(ModelError, match="float64"):
        precise.save_pretrained(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_saving_whole_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    calls: list[int] = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:  # the second file, when the first stands aside complete
            raise OSError(28, "No space left on device")

    other = Everything(3, [2, 4], scale=9.0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ModelError, match="No space left on device.*untouched"):
            other.save_pretrained(folder)
    assert len(calls) == 2
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    (folder / "file").write_text("")
    with pytest.raises(ModelError, match="could not save into"):
        other.save_pretrained(folder / "file")
    other.save_pretrained(folder)
    assert Everything.from_pretrained(folder).config["scale"] == 9.0


def test_saving_is_deterministic_and_other_layouts_are_fine(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Pix2Pix(width=2, depth=3)
    for name in ("a", "b"):
        model.save_pretrained(tmp_path / name)
        model = model.to(memory_format=torch.channels_last)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b")]
    assert weights[0] == weights[1]
    assert isinstance(load_model(tmp_path / "b"), Pix2Pix)
