"""What cameras, light and crops differ in, at random: training sees every face in another way each time.

Every function takes `draw(low, high)`, which gives one random number per picture; see `dice`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

Draw = Callable[[float, float], torch.Tensor]


def dice(count: int, generator: torch.Generator) -> Draw:
    """`draw(low, high)`: `count` numbers, evenly spread."""
    return lambda low, high: torch.rand(count, generator=generator) * (high - low) + low


def relit(x: torch.Tensor, draw: Draw, *, grey: float = 0.2) -> torch.Tensor:
    """Exposure, contrast, white balance, a light from the side, and for a share of them no colour at all."""
    side = torch.linspace(-1, 1, x.shape[-1])
    across, down = _planes(draw(-0.25, 0.25)), _planes(draw(-0.18, 0.18))
    x = x * _planes(draw(0.7, 1.3)) + _planes(draw(-0.25, 0.25)) + across * side + down * side[:, None]
    x = x * torch.stack([draw(0.88, 1.12) for _ in range(3)], 1)[..., None, None]
    return torch.where(_planes(draw(0, 1)) < grey, x.mean(1, keepdim=True), x).clamp(-1, 1)


def worn(x: torch.Tensor, draw: Draw, generator: torch.Generator, *, share: float = 0.4) -> torch.Tensor:
    """A share of the pictures softened, as drawn faces are, by one of three widths, another share grainy."""
    lost = draw(0, 1)
    for factor, low, high in ((1.5, 0.0, 0.4), (2.0, 0.4, 0.8), (3.0, 0.8, 1.0)):
        chosen = (lost >= share * low) & (lost < share * high)
        if chosen.any():
            small = functional.interpolate(x[chosen], scale_factor=1 / factor, mode="area")
            x = x.clone()
            x[chosen] = functional.interpolate(small, x.shape[-2:], mode="bilinear", align_corners=False)
    grain = _planes(draw(0, 0.12) * (draw(0, 1) < share))
    return (x + grain * torch.randn(x.shape, generator=generator)).clamp(-1, 1)


def placed(draw: Draw, *, zoom: float, shift: float, turn: float, flip: bool) -> torch.Tensor:
    """(N, 2, 3): where each pixel of the new view looks in the old one, in shares of the half side.

    `zoom` 0.2 is from 0.8 to 1.2 times the old extent; `shift` is in half sides, `turn` in radians.
    """
    angle, scale = draw(-turn, turn), draw(1 - zoom, 1 + zoom)
    mirror = torch.where(draw(0, 1) < 0.5, -1.0, 1.0) if flip else torch.ones_like(angle)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    return torch.stack(
        [
            torch.stack([cos * mirror, -sin, draw(-shift, shift)], 1),
            torch.stack([sin * mirror, cos, draw(-shift, shift)], 1),
        ],
        1,
    )


def viewed(x: torch.Tensor, views: torch.Tensor, size: int, *, padding: str = "reflection") -> torch.Tensor:
    """The pictures as `placed` says, at `size`."""
    grid = functional.affine_grid(views, [len(x), x.shape[1], size, size], align_corners=False)
    return functional.grid_sample(x, grid, padding_mode=padding, align_corners=False)


def _planes(numbers: torch.Tensor) -> torch.Tensor:
    return numbers[:, None, None, None]
