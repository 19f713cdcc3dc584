"""A drawer or an editor as an ONNX or OpenVINO file, its configuration inside, checked to equal torch.

The inputs keep their names and meaning: drawings and faces in [-1, 1], action units or class weights, and for
a drawer that takes one the look, NaN where it is open, and the faithfulness. What is open is filled in as the
drawer does without chance.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import logging
import os
import secrets
import shutil
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from . import __version__
from .errors import ModelError
from .expression import ACTION_UNITS, CLASSES

OPSET = 18  # GridSample came with 16; 18 is what the exporter is made for
TOLERANCE = 2e-3  # of [-1, 1]: a quarter of one step of 255
FORMATS = {"onnx": ".onnx", "openvino": ".xml"}
INPUTS = {  # what a role's arguments are called, and what they hold
    "drawing": "(N, 1, side, side) float32, dark strokes on white in [-1, 1]",
    "sketch": "(N, 1, side, side) float32, dark strokes on white in [-1, 1]",
    "face": "(N, 3, side, side) float32 in [-1, 1]",
    "action_units": f"(N, {len(ACTION_UNITS)}) float32, 0 to 1.2: {', '.join(ACTION_UNITS)}",
    "labels": f"(N, classes) float32, the weight of each of {', '.join(CLASSES)}",
    "look": "(N, aspects, 3) float32, L*a*b* of each part, NaN where it is open",
    "faithfulness": "(N,) float32, 0 to 1",
}


@dataclass(frozen=True)
class Exported:
    """The file, what goes in, and how far its answer is from torch's."""

    path: Path
    inputs: tuple[str, ...]
    error: float

    def __str__(self) -> str:
        return f"{self.path} ({', '.join(self.inputs)} → face), at most {self.error:.1e} from torch"


class _Drawn(nn.Module):
    """A drawer that is told everything, what is open taken from the nearest look of its bank."""

    def __init__(self, drawer: Any) -> None:
        super().__init__()
        self.drawer = drawer

    def forward(self, drawing: torch.Tensor, look: torch.Tensor, faithfulness: torch.Tensor) -> torch.Tensor:
        bank = self.drawer.bank
        away = bank[None] - look[:, None]  # (N, bank, aspects, 3)
        away = torch.where(torch.isnan(away), torch.zeros_like(away), away).square().sum((2, 3))
        nearest = bank[away.argmin(1)]
        told = torch.where(torch.isnan(look), nearest, look)
        return self.drawer.as_asked(drawing, told, faithfulness)


def export(
    model: Any, path: str | Path, kind: str = "onnx", *, size: int | None = None, batch: int = 1
) -> Exported:
    """Write `model` for pictures of `size` and so many at once; complete and checked, or absent."""
    path = Path(path)
    if kind not in FORMATS:
        raise ModelError(f"got the format {kind!r}, expected one of {', '.join(FORMATS)}; choose one")
    if path.suffix != FORMATS[kind]:
        raise ModelError(f"got {path} for {kind}, expected a name that ends in {FORMATS[kind]}; rename it")
    side = size or getattr(model, "size", None) or 256
    graph, inputs = _graph(model.eval(), side, batch)
    aside = path.parent / f".{path.stem}.{secrets.token_hex(4)}.part"
    try:
        aside.mkdir(parents=True)
        with torch.inference_mode():
            wanted = graph(*inputs.values()).numpy()
        written = _write(graph, inputs, _about(model, side, batch, inputs), kind, aside / path.name)
        found = _run(written, kind, {name: x.numpy() for name, x in inputs.items()})
        error = float(np.abs(found - wanted).max()) if found.shape == wanted.shape else float("inf")
        if not error <= TOLERANCE:
            raise ModelError(
                f"got an answer {error:.1e} away from torch's by {kind}, expected {TOLERANCE:.0e} at most; "
                "nothing was written, use the other format"
            )
        for file in sorted(aside.iterdir(), reverse=True):  # weights before what names them
            os.replace(file, path.parent / file.name)
    except OSError as error_:
        raise ModelError(
            f"could not write {path} ({error_.strerror or error_}), expected a writable folder with room; "
            "name another"
        ) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Exported(path, tuple(inputs), error)


def _graph(model: Any, side: int, batch: int) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """What is exported, and one input of each kind to trace and to compare it with."""
    chance = torch.Generator().manual_seed(0)
    names = list(inspect.signature(model.forward).parameters)
    shapes: dict[str, tuple[int, ...]] = {
        "drawing": (batch, 1, side, side),
        "sketch": (batch, 1, side, side),
        "face": (batch, 3, side, side),
        "action_units": (batch, len(ACTION_UNITS)),
        "labels": (batch, _classes(model)),
    }
    if names[0] in ("drawing", "sketch"):
        taken = names[:1]
        graph: nn.Module = model
        if "look" in names:
            graph = _Drawn(model)
            shapes["look"], shapes["faithfulness"] = (batch, model.aspects, 3), (batch,)
            taken = [names[0], "look", "faithfulness"]
    elif names[0] == "face" and len(names) > 1 and names[1] in shapes:
        graph, taken = model, names[:2]
    else:
        raise ModelError(
            f"got a {type(model).__name__}, expected a drawer or an editor to export; name another model"
        )
    inputs = {name: torch.rand(shapes[name], generator=chance) for name in taken}
    for name in ("drawing", "sketch", "face"):
        if name in inputs:
            inputs[name] = 2 * inputs[name] - 1
    if "look" in inputs:
        inputs["look"] = 60 * inputs["look"]
        inputs["look"][:, 1::2] = torch.nan
    return graph, inputs


def _classes(model: Any) -> int:
    domains = model.config.get("domains") if hasattr(model, "config") else None
    return domains if isinstance(domains, int) else len(CLASSES)


def _about(model: Any, side: int, batch: int, inputs: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """What goes into the file: all that is needed to use it, and the model's whole configuration."""
    config = {"_class_name": type(model).__name__, "_s2f_version": __version__, **model.config}
    origin = ": ".join(getattr(model, "origin", ()))
    return {
        "s2f_config": json.dumps(config),
        "s2f_size": str(side),
        "s2f_batch": str(batch),
        "s2f_inputs": json.dumps({name: INPUTS[name] for name in inputs}),
        "s2f_output": "(N, 3, size, size) float32 in [-1, 1], RGB",
        "s2f_frame": "eyes level at 0.47 of the height, 0.24 of the width apart, centred",
        "s2f_origin": origin,
    }


def _write(
    graph: nn.Module, inputs: Mapping[str, torch.Tensor], about: Mapping[str, str], kind: str, path: Path
) -> Path:
    whole = _onnx(graph, inputs, about)
    if kind == "onnx":
        path.write_bytes(whole)
        return path
    openvino = _import("openvino")
    read = openvino.Core().read_model(whole)
    for name, value in about.items():
        read.set_rt_info(value, ["s2f", name.removeprefix("s2f_")])
    openvino.save_model(read, path, compress_to_fp16=False)
    return path


def _onnx(graph: nn.Module, inputs: Mapping[str, torch.Tensor], about: Mapping[str, str]) -> bytes:
    _import("onnx"), _import("onnxscript")
    try:
        with torch.no_grad(), _quiet():
            program = torch.onnx.export(
                graph,
                tuple(inputs.values()),
                dynamo=True,
                input_names=list(inputs),
                output_names=["made"],
                opset_version=OPSET,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise ModelError(
            f"got {' '.join(str(error).split())[:200]} while exporting, expected a model that ONNX can hold; "
            "use it with torch"
        ) from error
    assert program is not None
    program.model.metadata_props.update(about)
    whole: bytes = program.model_proto.SerializeToString()
    return whole


def _run(path: Path, kind: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    if kind == "onnx":
        runtime = _import("onnxruntime")
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return session.run(None, dict(inputs))[0]
    core = _import("openvino").Core()
    exact = {"INFERENCE_PRECISION_HINT": "f32"}  # some processors compute in less unless told
    return core.compile_model(path, "CPU", exact)(dict(inputs))[0]


def _import(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise ModelError(
            f"got no {name} installed, expected it for exporting; run pip install 's2f[export]'"
        ) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter speaks of itself on every channel."""
    loud = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "torch.export")]
    levels = [log.level for log in loud]
    for log in loud:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(loud, levels, strict=True):
            log.setLevel(level)
