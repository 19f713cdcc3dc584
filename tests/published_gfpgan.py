"""The published GFPGAN's class, out of its installed package, past what that package imports."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any
from unittest.mock import patch


def published_class() -> Any:
    """GFPGANv1Clean; its forward takes randomize_noise=False for the stored noise."""
    found = importlib.util.find_spec("gfpgan")
    assert found is not None, "no gfpgan installed, expected tests/requirements-nodeps.txt; run make test"
    assert found.origin is not None
    registry = types.SimpleNamespace(register=lambda: lambda cls: cls)
    stubs = {
        "basicsr": _stub("basicsr"),
        "basicsr.utils": _stub("basicsr.utils"),
        "basicsr.utils.registry": _stub("basicsr.utils.registry", ARCH_REGISTRY=registry),
        "basicsr.archs": _stub("basicsr.archs"),
        "basicsr.archs.arch_util": _stub(
            "basicsr.archs.arch_util", default_init_weights=lambda *_, **__: None
        ),
        "published": _stub("published"),
    }
    with patch.dict(sys.modules, stubs):
        for name in ("stylegan2_clean_arch", "gfpganv1_clean_arch"):
            file = Path(found.origin).parent / "archs" / f"{name}.py"
            spec = importlib.util.spec_from_file_location(f"published.{name}", file)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[f"published.{name}"] = module
            spec.loader.exec_module(module)
    return module.GFPGANv1Clean


def _stub(name: str, **contents: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(contents)
    module.__path__ = []
    return module
