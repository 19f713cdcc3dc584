"""A trained drawer with wider finer levels, which draws what it drew (Net2Net: Chen et al., ICLR 2016,
arXiv 1511.05641).

Each channel becomes several, side by side and so within their group, whose mean and variance stay as they
were. What made it makes them all alike; what took it in takes a part of each, by chance, since nothing would
ever tell equal parts apart.
"""

from __future__ import annotations

import torch

from ..errors import ModelError
from .drawer import Drawer

UNEVEN = 0.5  # how far a part may be from an equal one, as a share of it


def widened(trained: Drawer, seed: int = 0, **config: list[int] | list[float]) -> Drawer:
    """The same drawer with what `config` says otherwise: its finer levels as wide as `detail`, multiples of
    those it has, or `regained`, of which no weight depends."""
    drawer = Drawer(**{**trained.config, **config})
    had, wanted = trained.config["detail"], drawer.config["detail"]
    if len(wanted) != len(had) or any(new % old for new, old in zip(wanted, had, strict=True)):
        raise ModelError(
            f"got finer levels of {wanted} for a drawer with levels of {had}, expected multiples of these; "
            "correct them"
        )
    learned, chance = trained.state_dict(), torch.Generator().manual_seed(seed)
    drawer.load_state_dict({k: _grown(learned[k], v.shape, chance) for k, v in drawer.state_dict().items()})
    return drawer


def _grown(old: torch.Tensor, shape: torch.Size, chance: torch.Generator) -> torch.Tensor:
    if old.shape[:1] != shape[:1]:
        old = old.repeat_interleave(shape[0] // old.shape[0], 0)
    if old.shape[:2] == shape[:2]:
        return old
    parts = 1 + UNEVEN * (2 * torch.rand(shape[1] // old.shape[1], *old.shape, generator=chance) - 1)
    return (old * parts / parts.sum(0)).movedim(0, 2).flatten(1, 2)
