"""Restoring: what may move and what may not, no memory, threads, faces made worse."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from torch import nn

from s2f.errors import ImageError, ModelError, S2FError
from s2f.models import GFPGAN, Enhancer
from s2f.restore import opening, restore
from s2f.restore.colour import PLACES, keep_colours, moved
from s2f.restore.degrade import degraded, doubled, halved
from tests.grainy import face, pixels


class Tinted(nn.Module):
    """A restorer that makes everything blue and doubles the side, as no restorer should."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = nn.functional.interpolate(x, scale_factor=2.0, mode="bicubic").clamp(-1, 1)
        return (wide + torch.tensor([-0.3, -0.1, 0.4])[:, None, None]).clamp(-1, 1)


# ---------------------------------------------------------------- what may move


def test_colours_are_kept_and_detail_is_not() -> None:
    before = face(128)
    locked, free = restore(before, Tinted()), restore(before, Tinted(), keep_colour=False)
    assert locked.image.size == (256, 256)
    assert max(free.moved.values()) > 20
    assert max(locked.moved.values()) < 1.5
    assert set(locked.moved) == set(PLACES)


def test_brown_eyes_stay_brown() -> None:
    """An iris is smaller than the scale at which skin is held."""
    before = np.full((256, 256, 3), (200, 160, 140), np.uint8)
    y, x = np.mgrid[:256, :256]
    after = before.copy()
    for cx, cy, radius in PLACES["eyes"]:
        iris = np.hypot((x + 0.5) / 256 - cx, (y + 0.5) / 256 - cy) < radius * 1.3
        before[iris], after[iris] = (80, 50, 30), (70, 110, 170)
    assert moved(before, after)["eyes"] > 40
    kept = keep_colours(before, after)
    assert moved(before, kept)["eyes"] < 8
    assert moved(before, kept)["skin"] < 0.5


def test_strength_goes_from_nothing_to_all() -> None:
    before = face(64)
    model = Tinted()
    none, half, whole = (restore(before, model, s, keep_colour=False).image for s in (0.0, 0.5, 1.0))
    wide = pixels(before.resize((128, 128), Image.Resampling.BICUBIC))
    assert np.array_equal(pixels(none), wide)
    assert np.abs(pixels(half) - (pixels(whole) + wide) / 2).max() <= 2
    assert np.abs(pixels(whole) - wide).mean() > 10


def test_a_face_larger_than_the_restorer_keeps_its_size_and_detail() -> None:
    before = face(128)
    same = restore(before, lambda x: nn.functional.interpolate(x, scale_factor=0.5, mode="area"))
    assert same.image.size == (128, 128)
    assert np.abs(pixels(same.image) - pixels(before)).max() <= 12
    assert np.abs(pixels(same.image) - pixels(before)).mean() < 3  # though half of the pixels were gone


def test_identity_is_measured_where_a_judge_is_given() -> None:
    def judge(x: torch.Tensor) -> torch.Tensor:
        return nn.functional.adaptive_avg_pool2d(x, 4).flatten(1)

    assert restore(face(), lambda x: x, judge=judge).moved["identity"] == pytest.approx(1, abs=1e-3)
    assert restore(face(), lambda x: -x, keep_colour=False, judge=judge).moved["identity"] < -0.9


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan"), True, "1"])
def test_a_strength_that_cannot_be_is_said(strength: Any) -> None:
    with pytest.raises(S2FError, match="got strength"):
        restore(face(), Tinted(), strength)


def test_a_picture_that_is_not_framed_is_said() -> None:
    with pytest.raises(ImageError, match="expected a square one"):
        restore(Image.new("RGB", (40, 60)), Tinted())


def test_bfloat16_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "has_fast_bfloat16", lambda: False)
    with pytest.raises(ModelError, match="got precision 'bfloat16' on a processor without it"):
        restore(face(), Tinted(), precision="bfloat16")
    monkeypatch.setattr(opening, "has_fast_bfloat16", lambda: True)
    torch.manual_seed(0)
    model = Enhancer(size=64, widths=[8], blocks=1).eval()
    nn.init.normal_(model.leave.weight, std=0.02)
    exact, fast = (pixels(restore(face(), model, precision=p).image) for p in ("float32", "bfloat16"))
    assert 0 < np.abs(exact - fast).max() <= 8
    with pytest.raises(ModelError, match="got precision 'int8'"):
        restore(face(), model, precision="int8")


@pytest.mark.parametrize(
    "trouble", [torch.OutOfMemoryError("CUDA"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_no_memory_is_said_with_a_remedy(trouble: Exception) -> None:
    def full(x: torch.Tensor) -> torch.Tensor:
        raise trouble

    with pytest.raises(ModelError, match="got no memory to restore a face of 64² on cpu"):
        restore(face(), full)


def test_a_fault_of_the_model_is_not_called_memory() -> None:
    def broken(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        restore(face(), broken)


# ---------------------------------------------------------------- threads


def tiny_enhancer() -> nn.Module:
    model = Enhancer(size=64, widths=[4], blocks=1).eval()
    nn.init.normal_(model.leave.weight, std=0.05)
    return model


def tiny_gfpgan() -> nn.Module:
    return GFPGAN(size=8, narrow=0.03125, style=8, mlp_depth=1).eval()


@pytest.mark.parametrize("make", [tiny_enhancer, tiny_gfpgan])
def test_thirty_two_threads_swap_and_leak_nothing(make: Callable[[], nn.Module]) -> None:
    """Each face has a colour of its own; what comes back is that face's, to the bit, and memory stays."""
    torch.manual_seed(0)
    model = make()
    colours = [tuple(int(c) for c in np.random.default_rng(n).integers(20, 235, 3)) for n in range(640)]
    assert len(set(colours)) == 640

    def one(colour: tuple[int, ...]) -> bytes:
        return restore(Image.new("RGB", (64, 64), colour), model).image.tobytes()

    lone = [one(colour) for colour in colours]
    assert len(set(lone)) == 640
    state = {name: value.clone() for name, value in model.state_dict().items()}
    resident: list[int] = []
    together = threading.Barrier(32, lambda: resident.append(psutil.Process().memory_info().rss))

    def work(thread: int) -> list[int]:
        """Which of a thread's twenty faces came back as another."""
        wrong = []
        for count in range(20):
            if count in (0, 10):  # at ten the threads have the memory that they need for themselves
                together.wait()
            number = 20 * thread + count
            wrong += [number] * (one(colours[number]) != lone[number])
        together.wait()
        return wrong

    with ThreadPoolExecutor(32) as pool:
        assert not any(pool.map(work, range(32)))
    grown = (resident[2] - resident[1]) >> 20
    assert grown < 8, f"{grown} MiB more for 320 faces of 48 KiB each"
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_command_without_a_picture_is_said(run_cli: Callable[..., tuple[int, str, str]]) -> None:
    status, _, err = run_cli("restore")
    assert status == 1
    assert "got no picture" in err


# ---------------------------------------------------------------- faces made worse


def test_degrading_is_by_chance_alone() -> None:
    given = np.asarray(face(96))
    made = [degraded(given, np.random.default_rng(n)) for n in range(60)]
    again = [degraded(given, np.random.default_rng(n)) for n in range(60)]
    assert all(np.array_equal(a, b) for a, b in zip(made, again, strict=True))
    assert all(m.shape == given.shape and m.dtype == np.uint8 for m in made)
    untouched = sum(np.array_equal(m, given) for m in made)
    assert 0 < untouched < 15
    away = [np.abs(m.astype(int) - given).mean() for m in made]
    assert 1 < float(np.median(away)) < 12
    assert np.abs(doubled(halved(given)).astype(int) - given).mean() > 1


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        restore(face(), Tinted())
    assert not caplog.records
