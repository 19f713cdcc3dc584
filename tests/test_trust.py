"""How far the drawer trusts a hand: what it reads off a drawing, and what faithfulness makes of that."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from s2f.batches import Faces, usual_looks
from s2f.fitting import fit_hand
from s2f.models import Drawer
from s2f.models.drawer import leaned
from tests.scripts import script


@pytest.fixture
def drawer() -> Drawer:
    torch.manual_seed(0)
    return Drawer(128, [8, 8, 8, 8], [], condition=8, bank=8).eval()


def hands(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sure hands rule one line across the page, unsure ones leave dots all over it."""
    chance = torch.Generator().manual_seed(seed)
    pages = torch.full((count, 1, 64, 64), 255, dtype=torch.uint8)
    pages[1::2][torch.rand(pages[1::2].shape, generator=chance) < 0.2] = 0
    for n in range(0, count, 2):
        pages[n, :, int(torch.randint(8, 56, (), generator=chance))] = 0
    return pages, torch.tensor([1.0, 0.2]).repeat(count // 2)


def faces_of(pages: torch.Tensor, skill: torch.Tensor) -> Faces:
    known: dict[str, Any] = {"drawing": pages, "skill": skill[:, None]}
    return Faces(**dict.fromkeys(Faces.__dataclass_fields__, torch.zeros(len(pages))) | known)


def test_a_hand_that_was_never_fitted_is_trusted_as_most(drawer: Drawer) -> None:
    pages, _ = hands(2, 0)
    assert drawer.skill(drawer.seen(pages / 127.5 - 1)).tolist() == pytest.approx([0.7, 0.7])


def test_skill_is_read_off_drawings_never_seen(drawer: Drawer) -> None:
    fit_hand(drawer, faces_of(*hands(60, 1)), torch.device("cpu"))
    pages, skill = hands(20, 2)
    assert (drawer.skill(drawer.seen(pages / 127.5 - 1)) - skill).abs().max() < 0.2


def test_faithfulness_leans_on_the_skill() -> None:
    skill = torch.tensor([0.2, 0.9])
    for asked, trust in ((0.0, [0.0, 0.0]), (0.25, [0.3, 0.475]), (0.5, [0.6, 0.95]), (1.0, [1.0, 1.0])):
        torch.testing.assert_close(leaned(skill, asked), torch.tensor(trust))


def test_in_the_middle_the_hand_has_a_say(drawer: Drawer) -> None:
    torch.nn.init.normal_(drawer.bank, 40.0, 10.0)
    for weight in drawer.parameters():  # an untrained drawer does not listen yet
        torch.nn.init.normal_(weight, std=0.1)
    fit_hand(drawer, faces_of(*hands(60, 1)), torch.device("cpu"))
    pages, look = hands(2, 3)[0] / 127.5 - 1, drawer.bank[:2]
    with torch.no_grad():
        skill = drawer.skill(drawer.seen(pages))
        torch.testing.assert_close(drawer(pages, look), drawer.levels(pages, look, (1 + skill) / 2)[-1])
        assert not torch.equal(drawer(pages, look, 0.0), drawer(pages, look, 1.0))


def test_of_eyes_that_are_not_trusted_the_critic_says_nothing() -> None:
    fake = torch.rand(2, 4, 16, 16, requires_grad=True)
    weight = torch.ones(2, 1, 16, 16)
    weight[:, :, 4:8] = 5.0  # the eyes
    judged = script("drawer").eased(fake, {"weight": weight, "trust": torch.tensor([0.0, 1.0])})
    judged.sum().backward()
    torch.testing.assert_close(judged, fake)  # it sees what there is
    assert fake.grad is not None
    assert fake.grad[0, :, 5:7].abs().max() == 0
    assert fake.grad[0, :, 9:].min() == 1
    assert fake.grad[1].min() == 1


def test_what_a_visitor_leaves_open_is_no_odd_look() -> None:
    looks = torch.full((100, 7, 3), 20.0) + torch.randn(100, 7, 3, generator=torch.Generator().manual_seed(0))
    looks[7, 1, 1] = -25.0  # hair, green
    looks[9, 4, 1] = -25.0  # a green backdrop is nobody's concern
    kept = usual_looks(looks)
    assert 90 < len(kept) < 100
    assert kept[:, 1, 1].min() > 10
    assert kept[:, 4, 1].min() == -25


def test_hair_left_open_is_told_from_skin() -> None:
    looks = torch.full((40, 7, 3), 20.0) + torch.randn(40, 7, 3, generator=torch.Generator().manual_seed(0))
    looks[:, 0, 0], looks[:, 1, 0] = torch.linspace(28, 60, 40), torch.linspace(8, 24, 40)
    looks[3:12:2, 1] = looks[3:12:2, 0]  # a scalp shines through
    dealt = usual_looks(looks)
    assert len(dealt) >= 38  # nobody is left out for it
    assert (dealt[:, 0, 0] - dealt[:, 1, 0]).min() >= 12
    had = {tuple(look[1].tolist()) for look in looks}
    assert all(tuple(look[1].tolist()) in had for look in dealt)
    for look in dealt:
        if (true := looks[(looks[:, 0] == look[0]).all(1)][0])[1, 0] < true[0, 0] - 12:
            assert torch.equal(look, true)
        else:
            assert abs(look[0, 0] - looks[(looks[:, 1] == look[1]).all(1)][0, 0, 0]) < 2
            assert torch.equal(look[2:], true[2:])
