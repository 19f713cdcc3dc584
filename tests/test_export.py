"""Exported files answer as torch does, carry their configuration, and are whole or absent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from s2f import export as exporting
from s2f.errors import ModelError
from s2f.export import export
from s2f.models import Classifier, Drawer, Editor, Pix2Pix, StarGAN

Cli = Callable[..., tuple[int, str, str]]


def stirred(model: Any) -> Any:
    """Weights and looks as after training: none is nought, so that every part of the graph counts."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
        for name, buffer in model.named_buffers():
            if name == "bank":
                buffer.copy_(torch.rand_like(buffer) * 60)
    return model.eval()


def drawn(names: list[str], shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Other inputs than those the export was traced and compared with."""
    rng = np.random.default_rng(7)
    return {name: rng.random(shapes[name], dtype=np.float32) for name in names}


def test_a_drawer_with_a_look_as_onnx(tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    model = stirred(Drawer(size=256, widths=[8, 16], detail=[8], condition=16, bank=4))
    done = export(model, tmp_path / "drawer.onnx", batch=2)
    assert done.inputs == ("drawing", "look", "faithfulness")
    shapes = {"drawing": (2, 1, 256, 256), "look": (2, 7, 3), "faithfulness": (2,)}
    inputs = drawn(list(done.inputs), shapes)
    inputs["look"] *= 60
    inputs["look"][0], inputs["look"][1, 3:] = np.nan, np.nan  # one all open, one in part
    session = onnxruntime.InferenceSession(str(done.path), providers=["CPUExecutionProvider"])
    found = session.run(None, inputs)[0]
    with torch.no_grad():
        wanted = model(*(torch.from_numpy(inputs[name]) for name in done.inputs)).numpy()
    assert np.abs(found - wanted).max() < 1e-3
    assert wanted.std() > 0.01
    about = {p.key: p.value for p in onnx.load(done.path).metadata_props}
    config = json.loads(about["s2f_config"])
    assert config.pop("_class_name") == "Drawer"
    assert config.pop("_s2f_version")
    assert Drawer(**config).config == model.config
    assert list(json.loads(about["s2f_inputs"])) == list(done.inputs)
    assert about["s2f_size"] == "256"


def test_an_editor_as_openvino(tmp_path: Path) -> None:
    import openvino

    model = stirred(Editor(size=128, widths=[8, 16], detail=8, condition=16))
    done = export(model, tmp_path / "editor.xml", "openvino")
    assert {p.name for p in tmp_path.iterdir()} == {"editor.xml", "editor.bin"}
    inputs = drawn(["face", "action_units"], {"face": (1, 3, 128, 128), "action_units": (1, 42)})
    core = openvino.Core()
    run = core.compile_model(done.path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = run(inputs)[0]
    with torch.no_grad():
        edit = model.edit(torch.from_numpy(inputs["face"]), torch.from_numpy(inputs["action_units"]))
    assert np.abs(found - edit.face.numpy()).max() < 1e-3
    assert edit.flow.abs().max() > 1e-3  # the face was moved, and the file moves it alike
    told = core.read_model(done.path).get_rt_info(["s2f", "config"])
    assert json.loads(str(getattr(told, "value", told)))["_class_name"] == "Editor"


def test_an_editor_by_classes_by_the_command(tmp_path: Path, run_cli: Cli) -> None:
    import onnxruntime

    model = stirred(StarGAN(width=4, blocks=1))
    model.save_pretrained(tmp_path / "m" / "editor")
    out = tmp_path / "new" / "editor.onnx"
    status, said, _ = run_cli(
        "export", tmp_path / "m", "--subfolder", "editor", "--size", 64, "--out", out, "--json"
    )
    assert status == 0
    assert json.loads(said)["inputs"] == ["face", "labels"]
    inputs = drawn(["face", "labels"], {"face": (1, 3, 64, 64), "labels": (1, 7)})
    found = onnxruntime.InferenceSession(str(out)).run(None, inputs)[0]
    with torch.no_grad():
        wanted = model(*map(torch.from_numpy, inputs.values())).numpy()
    assert np.abs(found - wanted).max() < 1e-3


def test_what_cannot_be_exported_is_said(
    tmp_path: Path, run_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Pix2Pix(width=2, depth=6)
    for path, kind, words in (
        ("a.onnx", "tflite", "expected one of onnx, openvino"),
        ("a.pt", "onnx", "ends in .onnx"),
        ("a.onnx", "openvino", "ends in .xml"),
    ):
        with pytest.raises(ModelError, match=words):
            export(model, tmp_path / path, kind)
    with pytest.raises(ModelError, match="expected a drawer or an editor"):
        export(Classifier(width=8, size=32), tmp_path / "a.onnx")
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="expected a writable folder"):
        export(model, tmp_path / "file" / "a.onnx", size=64)
    assert run_cli("export", tmp_path / "nothing", "--out", tmp_path / "a.onnx")[0] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_file_that_answers_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Pix2Pix(width=2, depth=6).eval()
    monkeypatch.setattr(exporting, "_write", lambda graph, inputs, about, kind, path: path)
    monkeypatch.setattr(exporting, "_run", lambda path, kind, inputs: np.ones((1, 3, 64, 64), np.float32))
    with pytest.raises(ModelError, match="away from torch's by onnx"):
        export(model, tmp_path / "a.onnx", size=64)
    monkeypatch.setattr(exporting, "_run", lambda path, kind, inputs: np.full((1, 3, 64, 64), np.nan))
    with pytest.raises(ModelError, match="away from torch's"):
        export(model, tmp_path / "a.onnx", size=64)
    assert list(tmp_path.iterdir()) == []
