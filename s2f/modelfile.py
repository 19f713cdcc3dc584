"""A model's two files, config.json and model.safetensors: checked before they are believed, written whole.

Both may come from a stranger. So the configuration is checked against the class's `__init__`, the module is
built without memory, the header of the weights is compared with it tensor by tensor, and only then is
anything allocated. Nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import math
import os
import reprlib
import secrets
import struct
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import torch
from safetensors.torch import save
from torch import nn
from torch.overrides import TorchFunctionMode

from .errors import ModelError

CONFIG, WEIGHTS = "config.json", "model.safetensors"
MAX_CONFIG_BYTES = 1 << 20
MAX_HEADER_BYTES = 1 << 20
MAX_NUMBER = 1 << 20
MAX_LENGTH = 1000
DTYPES = {
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
Module = TypeVar("Module", bound=nn.Module)


# ---------------------------------------------------------------- configuration


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")


def read_json_object(text: bytes, what: str) -> dict[str, Any]:
    try:
        data = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"got {what} that is not readable JSON ({reprlib.repr(str(error))}), "
            "expected one JSON object; download or save it again"
        ) from None
    if not isinstance(data, dict):
        raise ModelError(
            f"got a JSON {type(data).__name__} as {what}, expected one object; download or save it again"
        )
    return data


def read_config(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise ModelError(
            f"got {path} ({error.strerror}), expected a readable {CONFIG}; check the folder"
        ) from None
    if len(text) > MAX_CONFIG_BYTES:
        raise ModelError(
            f"got a {CONFIG} of over {MAX_CONFIG_BYTES:,} bytes, expected a few hundred; do not trust it"
        )
    return read_json_object(text, str(path))


@functools.cache
def arguments_of(model: type) -> Mapping[str, tuple[Any, Any]]:
    """Each argument of `__init__` with its type and its default (`inspect.Parameter.empty` if none)."""
    # of `__init__`, not of the class: some Pythons answer for an inherited one with the mixin's `__new__`
    init: Any = model.__init__  # type: ignore[misc]
    hints = typing.get_type_hints(init)
    found = {}
    for name, parameter in list(inspect.signature(init).parameters.items())[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or name not in hints:
            raise TypeError(f"{model.__name__}.__init__: {parameter} must be one named, typed argument")
        found[name] = (hints[name], parameter.default)
    return found


def _fits(value: Any, kind: Any) -> bool:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, k) for k in inner)
    if origin is typing.Literal:
        return any(type(value) is type(k) and value == k for k in inner)
    if origin is list:
        return isinstance(value, list) and len(value) <= MAX_LENGTH and all(_fits(v, inner[0]) for v in value)
    if kind in (None, type(None)):
        return value is None
    if kind is bool:
        return isinstance(value, bool)
    if kind is int:
        return type(value) is int and abs(value) <= MAX_NUMBER
    if kind is float:  # the comparison is false for NaN, and true infinity is beyond it
        return type(value) in (int, float) and abs(value) <= MAX_NUMBER
    if kind is str:
        return isinstance(value, str) and len(value) <= MAX_LENGTH
    raise TypeError(f"{kind} is no JSON type; use int, float, bool, str, list[...], Literal or None")


def _name_of(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind)


def check_arguments(model: type, values: Mapping[str, Any], where: str) -> None:
    """Every value is one that `__init__` takes, of its type and a sane size; none without a default lacks."""
    known = arguments_of(model)
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ModelError(
            f"got the unknown {', '.join(map(reprlib.repr, unknown[:5]))} in {where}, expected only "
            f"{', '.join(known)}; update s2f or check the model"
        )
    lacking = [
        n for n, (_, default) in known.items() if default is inspect.Parameter.empty and n not in values
    ]
    if lacking:
        raise ModelError(
            f"got no {', '.join(lacking)} in {where}, expected a value for each; save the model again"
        )
    for name, value in values.items():
        if not _fits(value, known[name][0]):
            raise ModelError(
                f"got {name}={reprlib.repr(value)} in {where}, expected {_name_of(known[name][0])} (numbers "
                f"finite and up to {MAX_NUMBER:,}, at most {MAX_LENGTH} items or letters); correct it"
            )


# ---------------------------------------------------------------- weights: the header


@dataclass(frozen=True)
class Entry:
    """Where one tensor lies in the file, and what it claims to be."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


def _entry(name: str, claim: Any) -> Entry:
    if not isinstance(claim, dict) or set(claim) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = claim["dtype"], claim["shape"], claim["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"{name} is of type {reprlib.repr(dtype)}, not one of {', '.join(DTYPES)}")
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or not all(type(n) is int and 0 <= n < 1 << 48 for n in numbers):
            raise ValueError(f"{name} has a shape or offsets that are not whole numbers")
    if len(shape) > 8 or len(offsets) != 2:
        raise ValueError(f"{name} has too many dimensions or offsets")
    if math.prod(shape) * DTYPES[dtype].itemsize != offsets[1] - offsets[0]:
        raise ValueError(f"{name} claims a shape that does not fill its bytes")
    return Entry(DTYPES[dtype], tuple(shape), *offsets)


def _header_claims(text: bytes) -> dict[str, Any]:
    try:
        return read_json_object(text, "a header")
    except ModelError:
        raise ValueError("its header is not one JSON object") from None


def read_header(file: BinaryIO, path: Path) -> tuple[dict[str, Entry], int]:
    """Every tensor's entry and where the data begins; the entries tile the rest of the file exactly."""
    size = os.fstat(file.fileno()).st_size
    try:
        if size < 8:
            raise ValueError(f"it has only {size} bytes")
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(size - 8, MAX_HEADER_BYTES):
            raise ValueError(f"its header claims {length:,} bytes")
        claims = _header_claims(file.read(length))
        claims.pop("__metadata__", None)
        entries = {name: _entry(reprlib.repr(name), claim) for name, claim in claims.items()}
        end = 0
        for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
            if entry.begin != end:
                raise ValueError(f"{reprlib.repr(name)} overlaps another tensor or leaves a hole")
            end = entry.end
        if end != size - 8 - length:
            raise ValueError(f"it holds {size - 8 - length:,} bytes of data where its header claims {end:,}")
    except ValueError as error:
        raise ModelError(
            f"got {path} ({error}), expected a whole safetensors file; download or save it again"
        ) from None
    return entries, 8 + length


def _compare(expected: Mapping[str, torch.Tensor], entries: Mapping[str, Entry], path: Path) -> None:
    def refuse(problem: str, names: Iterable[str]) -> None:
        listed = list(names)
        if listed:
            more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
            raise ModelError(
                f"got {path} with {problem} {', '.join(listed[:3])}{more}, expected the tensors of its "
                f"{CONFIG} exactly; the two files do not belong together"
            )

    refuse("no", (name for name in expected if name not in entries))
    refuse("the alien", (reprlib.repr(name) for name in entries if name not in expected))
    refuse(
        "the wrong shape of",
        (
            f"{name} {list(entries[name].shape)} instead of {list(tensor.shape)}"
            for name, tensor in expected.items()
            if entries[name].shape != tuple(tensor.shape)
        ),
    )
    refuse(
        "the wrong type of",
        (
            f"{name} ({entries[name].dtype} instead of {tensor.dtype})"
            for name, tensor in expected.items()
            if entries[name].dtype != tensor.dtype
            and not (entries[name].dtype.is_floating_point and tensor.dtype == torch.float32)
        ),
    )


# ---------------------------------------------------------------- weights: loading


class _Budget(TorchFunctionMode):
    """Stops a construction that calls torch far more often than so many tensors could need.

    Initialisers are passed over: on paper there is nothing to fill, and a normal fill there makes torch
    import its compiler, which takes two seconds.
    """

    def __init__(self, tensors: int) -> None:
        super().__init__()
        self.left = 30 * tensors + 3000  # real models make five to seven calls per tensor

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ModelError(
                f"got a {CONFIG} that builds far more tensors than its weights hold, expected the two files "
                "of one model; do not trust it"
            )
        if func is torch.Tensor.normal_ or getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def _skeleton(build: Callable[[], Module], tensors: int, path: Path) -> Module:
    try:
        with _Budget(tensors), torch.device("meta"):
            return build()
    except ModelError:
        raise
    except Exception as error:  # whatever a stranger's arguments lead to, it is their fault
        raise ModelError(
            f"got a {CONFIG} beside {path} that no model can be built from "
            f"({type(error).__name__}: {reprlib.repr(str(error))}), expected sizes that fit; correct it"
        ) from None


def _read_tensor(file: BinaryIO, start: int, entry: Entry, dtype: torch.dtype) -> torch.Tensor:
    raw = torch.empty(entry.end - entry.begin, dtype=torch.uint8)
    file.seek(start + entry.begin)
    if file.readinto(raw.numpy()) != len(raw):  # type: ignore[attr-defined]
        raise ModelError("the file ended early")
    return raw.view(entry.dtype).reshape(entry.shape).to(dtype)


def load_module(path: Path, build: Callable[[], Module]) -> Module:
    """The module that `build` makes, with every tensor of the file and no other, in eval mode on the CPU."""
    try:
        with path.open("rb") as file:
            entries, start = read_header(file, path)
            module = _skeleton(build, len(entries), path)
            expected = module.state_dict()
            _compare(expected, entries, path)
            state = {
                name: _read_tensor(file, start, entry, expected[name].dtype)
                for name, entry in entries.items()
            }
    except OSError as error:
        raise ModelError(
            f"got {path} ({error.strerror}), expected readable {WEIGHTS}; check the file"
        ) from None
    _refuse_not_finite(state, str(path))
    module.load_state_dict(state, strict=True, assign=True)
    _refuse_unsaved_buffers(module)
    return module.eval()


def _refuse_not_finite(state: Mapping[str, torch.Tensor], where: str) -> None:
    for name, tensor in state.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelError(
                f"got NaN or infinity in {name} of {where}, expected finite weights; train or get it again"
            )


def _refuse_unsaved_buffers(module: nn.Module) -> None:
    unsaved = sorted({name for name, _ in module.named_buffers()} - set(module.state_dict()))
    if unsaved:
        raise ModelError(
            f"got the buffers {', '.join(unsaved[:3])} outside the state dict of {type(module).__name__}, "
            "expected every buffer to be saved; register them with persistent=True"
        )


# ---------------------------------------------------------------- writing


def weights_of(module: nn.Module, dtype: torch.dtype | None = None) -> bytes:
    """The module's state as one safetensors file; floating tensors become `dtype` if it is given."""
    _refuse_unsaved_buffers(module)
    state: dict[str, torch.Tensor] = {}
    places: dict[int, str] = {}
    for name, tensor in module.state_dict().items():
        twin = places.setdefault(tensor.data_ptr(), name) if tensor.numel() else name
        if twin != name:
            raise ModelError(
                f"got {name} and {twin} sharing their memory, expected each tensor to be its own; untie them"
            )
        tensor = tensor.detach().cpu()
        if dtype is not None and tensor.is_floating_point():
            tensor = tensor.to(dtype)
        if tensor.dtype not in DTYPES.values():
            raise ModelError(
                f"got {name} of type {tensor.dtype}, expected one of {', '.join(DTYPES)}; convert it"
            )
        state[name] = tensor.contiguous()
    _refuse_not_finite(state, type(module).__name__)
    return save(state, metadata={"format": "pt"})


def write_whole(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Every file complete or none changed: all are written aside and flushed before the first is renamed."""
    aside: dict[Path, Path] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in contents.items():
            part = folder / f".{name}.{secrets.token_hex(4)}.part"
            aside[part] = folder / name
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for part, final in aside.items():
            os.replace(part, final)
    except OSError as error:
        raise ModelError(
            f"could not save into {folder} ({error.strerror or error}), expected a writable folder with room "
            "enough; what stood there is untouched"
        ) from None
    finally:
        for part in aside:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
