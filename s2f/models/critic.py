"""The critic of the shipped drawer and editor: patches at several sizes, and close looks at eyes and mouth.

Multi-scale patches after pix2pixHD (Wang et al., arXiv 1711.11585). Pixels are unshuffled, which keeps it
cheap. Faces are judged by eyes and mouth, so each has a critic of its own. What tells a photograph from a
soft picture is faint beside its shading, so it is shown again on its own, amplified: without that, and with
spectral norm, which lets through no more than there is, a critic learned next to nothing in thousands of
steps. What keeps it in bounds is the penalty on its slope (losses.slope).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ..errors import ModelError
from ..hub import HubMixin
from .layers import awake, doubled

FAINT = 8.0  # how far the finest band is amplified
Judged = tuple[list[torch.Tensor], list[torch.Tensor]]


class Patches(nn.Module):
    """One scale: logits for each patch, and the features on the way."""

    def __init__(self, inputs: int, width: int, strides: list[int]) -> None:
        super().__init__()
        widths = [min(width * 2**n, 4 * width) for n in range(len(strides))]
        before = [inputs, *widths]
        self.layers = nn.ModuleList(
            awake(nn.Conv2d(a, b, 3, s, padding=1)) for a, b, s in zip(before, widths, strides, strict=False)
        )
        self.judge = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.judge(x), features


class Critic(nn.Module, HubMixin):
    """Pictures (N, channels, S, S), where eyes and mouth are (N, 3, 2) → logits, features of each judge.

    Without places, as in a piece of a picture, nobody looks close.
    """

    def __init__(self, channels: int = 4, width: int = 64, scales: int = 3, shuffle: int = 4) -> None:
        super().__init__()
        if min(channels, width, scales, shuffle) < 1:
            raise ModelError(
                f"got channels={channels}, width={width}, scales={scales}, shuffle={shuffle}, expected each "
                "≥ 1; correct them"
            )
        self.shuffle = shuffle
        shown = channels + 3
        self.scales = nn.ModuleList(Patches(shown * shuffle**2, width, [2, 2, 1]) for _ in range(scales))
        self.close = nn.ModuleList(Patches(shown * 4, width // 2, [1, 2, 1]) for _ in range(2))

    def forward(self, x: torch.Tensor, places: torch.Tensor | None = None) -> Judged:
        logits, features = [], []
        small = x
        for judge in self.scales:
            answer, seen = judge(functional.pixel_unshuffle(amplified(small), self.shuffle))
            logits.append(answer)
            features += seen
            small = functional.avg_pool2d(small, 2)
        if places is None:
            return logits, features
        eyes, mouth = self.close
        for part, judge in enumerate((eyes, eyes, mouth)):
            answer, seen = judge(functional.pixel_unshuffle(amplified(close_up(x, places[:, part])), 2))
            logits.append(answer)
            features += seen
        return logits, features


def amplified(x: torch.Tensor) -> torch.Tensor:
    """The picture (and a drawing after it), then the picture's finest band."""
    picture = x[:, :3]
    return torch.cat([x, FAINT * (picture - doubled(functional.avg_pool2d(picture, 2)))], 1)


def close_up(x: torch.Tensor, centre: torch.Tensor, share: float = 0.25) -> torch.Tensor:
    """A square of `share` of the side around each centre, which is in half sides from the middle."""
    side = max(8, int(share * x.shape[-1]) // 8 * 8)
    matrix = torch.zeros(len(x), 2, 3, device=x.device, dtype=x.dtype)
    matrix[:, 0, 0] = matrix[:, 1, 1] = side / x.shape[-1]
    matrix[:, :, 2] = centre.to(x)
    grid = functional.affine_grid(matrix, [len(x), x.shape[1], side, side], align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
