"""Wider finer levels: the drawer draws what it drew, and its copies can learn to differ."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from s2f.errors import ModelError
from s2f.models import Drawer
from s2f.models.widening import widened
from tests.test_train_shipped import run


@pytest.fixture
def drawer() -> Drawer:
    torch.manual_seed(0)
    drawer = Drawer(512, [8, 16], [16, 8], condition=16, bank=4, regained=[1.0, 0.5]).eval()
    with torch.no_grad():
        for parameter in drawer.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return drawer


def test_it_draws_what_it_drew(drawer: Drawer) -> None:
    page, look, trust = torch.rand(2, 1, 256, 256), torch.rand(2, 7, 3) * 60, torch.tensor([0.4, 0.9])
    wide = widened(drawer, detail=[48, 16]).eval()
    assert [level.leave.in_channels for level in wide.detail] == [48, 16]
    with torch.no_grad():
        for before, after in zip(*(d.levels(page, look, trust) for d in (drawer, wide)), strict=True):
            torch.testing.assert_close(after, before, atol=1e-5, rtol=0)
        assert (before - before.mean((2, 3), keepdim=True)).abs().mean() > 0.05  # not of an even picture
    wide.levels(page, look, trust)[-1].square().mean().backward()
    for level in wide.detail:
        learned = level.look.weight.grad
        assert learned is not None
        assert torch.equal(*level.look.weight[:2])  # copies of one channel
        assert (learned[0] - learned[1]).abs().max() > 0.01 * learned[0].abs().max()


def test_what_is_regained_may_be_said_anew(drawer: Drawer) -> None:
    other = widened(drawer, regained=[0.2, 0.2])
    assert other.regained == [0.2, 0.2]
    assert all(torch.equal(v, drawer.state_dict()[k]) for k, v in other.state_dict().items())


@pytest.mark.parametrize("detail", [[24, 8], [16], [8, 8], [16, 8, 8]])
def test_what_is_no_multiple_is_refused(drawer: Drawer, detail: list[int]) -> None:
    with pytest.raises(ModelError, match=r"got .*\[.*expected.*; (correct|give)"):
        widened(drawer, detail=detail)


def test_a_run_goes_on_wider(mini_corpus: Path, tmp_path: Path) -> None:
    run("drawer", mini_corpus, tmp_path / "narrow", 1, "--size", "256", "--detail", "8", "8")
    on = ("--size", "256", "--init", str(tmp_path / "narrow"), "--detail", "16", "8")
    run("drawer", mini_corpus, tmp_path / "wide", 1, *on)
    assert Drawer.from_pretrained(tmp_path / "narrow").config["detail"] == [8, 8]
    assert Drawer.from_pretrained(tmp_path / "wide").config["detail"] == [16, 8]
