"""Restorers by name, with their weights wherever they are; what is missing is an error that says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelError
from ..shipped import BUNDLED
from . import weights as published

if TYPE_CHECKING:
    import torch

    from .face import Judge, Restorer

MODELS = ("enhancer", "gfpgan")
PRECISIONS = ("float32", "bfloat16")


def open_restorer(
    name: str = "enhancer",
    weights: str | Path | None = None,
    *,
    version: str = published.NEWEST,
    device: str | torch.device = "cpu",
) -> Restorer:
    """The bundled enhancer, or GFPGAN: from `weights`, else S2F_GFPGAN_WEIGHTS, else what was downloaded."""
    if name == "gfpgan":
        return published.load(weights, version).to(device)
    if name != "enhancer":
        raise ModelError(f"got the restorer {name!r}, expected one of {', '.join(MODELS)}; choose one")
    from ..models import Enhancer

    return Enhancer.from_pretrained(weights or BUNDLED / "restorer", map_location=device)


def open_judge() -> Judge | None:
    """The bundled judge of identity, where this version has one."""
    from ..models import Identity

    folder = BUNDLED / "identity"
    return Identity.from_pretrained(folder) if (folder / "config.json").exists() else None


def check_precision(precision: str) -> None:
    """bfloat16 is offered where the processor multiplies it faster than float32."""
    if precision not in PRECISIONS:
        raise ModelError(f"got precision {precision!r}, expected one of {', '.join(PRECISIONS)}; choose one")
    if precision == "bfloat16" and not has_fast_bfloat16():
        raise ModelError(
            "got precision 'bfloat16' on a processor without it, expected 'float32' here; choose that"
        )


def has_fast_bfloat16() -> bool:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(bool(able.get(name)) for name in ("avx512_bf16", "amx_bf16", "amx_tile", "bf16"))
