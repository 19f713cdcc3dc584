"""pix2pix: a drawing becomes a face through a U-Net, judged patch by patch.

Image-to-Image Translation with Conditional Adversarial Networks, Isola, Zhu, Zhou & Efros, CVPR 2017,
arXiv 1611.07004. Original code: github.com/phillipi/pix2pix and, in PyTorch,
github.com/junyanz/pytorch-CycleGAN-and-pix2pix (both BSD); written anew from the paper.

                                      256²                                    1²
    sketch 1 → 3 ─ down 64 ─ 128 ─ 256 ─ 512 ─ 512 ─ 512 ─ 512 ─ 512 ─┐
                    │     │     │     │     │     │     │  skips      │
    face 3 ─ tanh ─ up 64 ─ 128 ─ 256 ─ 512 ─ 512 ─ 512 ─ 512 ────────┘

Our deviations:
- A drawing has one channel; it is repeated to three inside, so that the published 54.41 M and 2.77 M hold.
- The original keeps dropout, and the statistics of the batch, at inference, as its only noise; it changes
  little but makes two answers to one drawing differ. Here `eval()` means what it means everywhere: the answer
  is deterministic and does not depend on its neighbours in the batch. `train()` gives the paper's noise back.
- The discriminator returns logits: the loss takes their sigmoid.
"""

from __future__ import annotations

import torch
from torch import nn

from ..errors import ModelError
from ..hub import HubMixin
from .layers import started


def _check_drawing(sketch: torch.Tensor) -> None:
    if sketch.dim() != 4 or sketch.shape[1] != 1:
        raise ModelError(
            f"got a drawing of shape {list(sketch.shape)}, expected [batch, 1, height, width]; give that"
        )


class Down(nn.Sequential):
    """LeakyReLU, a convolution that halves the size, BatchNorm; the first has no activation before it."""

    def __init__(self, inputs: int, outputs: int, *, activate: bool = True, norm: bool = True) -> None:
        super().__init__()
        if activate:
            self.add_module("activation", nn.LeakyReLU(0.2))
        self.add_module("conv", nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False))
        if norm:
            self.add_module("norm", nn.BatchNorm2d(outputs))


class Up(nn.Sequential):
    """ReLU, a transposed convolution that doubles the size, BatchNorm, dropout where the paper has it."""

    def __init__(self, inputs: int, outputs: int, *, dropout: float = 0.0, last: bool = False) -> None:
        super().__init__()
        self.add_module("activation", nn.ReLU())
        self.add_module("conv", nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=last))
        if not last:
            self.add_module("norm", nn.BatchNorm2d(outputs))
        if dropout:
            self.add_module("dropout", nn.Dropout(dropout))


class Pix2Pix(nn.Module, HubMixin):
    """The generator, a drawer: sketch (N, 1, H, W) → face (N, 3, H, W); both sides multiples of 2**depth."""

    def __init__(self, width: int = 64, depth: int = 8, dropout: float = 0.5) -> None:
        super().__init__()
        if width < 1 or not 2 <= depth <= 12 or not 0 <= dropout < 1:
            raise ModelError(
                f"got width={width}, depth={depth}, dropout={dropout}, expected width ≥ 1, depth 2 to 12 and "
                "dropout in [0, 1); correct them"
            )
        self.depth = depth
        widths = [width * min(2**level, 8) for level in range(depth)]  # 64 128 256 512 512 512 512 512
        self.down = nn.ModuleList(
            Down(inputs, outputs, activate=level > 0, norm=0 < level < depth - 1)
            for level, (inputs, outputs) in enumerate(zip([3, *widths], widths, strict=False))
        )
        self.up = nn.ModuleList()
        for level in reversed(range(depth)):  # from the bottleneck outwards
            inputs = widths[level] * (1 if level == depth - 1 else 2)
            outputs = 3 if level == 0 else widths[level - 1]
            # The deepest block has none, nor have those that change the width: three blocks at depth 8.
            drop = dropout if 4 <= level < depth - 1 else 0.0
            self.up.append(Up(inputs, outputs, dropout=drop, last=level == 0))
        self.apply(started)

    def forward(self, sketch: torch.Tensor) -> torch.Tensor:
        _check_drawing(sketch)
        if any(side % 2**self.depth for side in sketch.shape[2:]):
            raise ModelError(
                f"got a drawing of {sketch.shape[3]}×{sketch.shape[2]}, expected sides that are multiples of "
                f"{2**self.depth}; resize it"
            )
        x = sketch.expand(-1, 3, -1, -1)  # (N, 3, H, W)
        skips = []
        for down in self.down:
            x = down(x)  # (N, w·min(2^i, 8), H/2^(i+1), W/2^(i+1))
            skips.append(x)
        x = self.up[0](skips.pop())  # (N, 8w, H/2^(depth-1), W/2^(depth-1))
        for up in self.up[1:]:
            x = up(torch.cat([skips.pop(), x], dim=1))  # twice the size at each
        return torch.tanh(x)  # (N, 3, H, W)


class PatchDiscriminator(nn.Module, HubMixin):
    """Is each patch of this face a photograph that goes with its drawing? Logits (N, 1, h, w).

    With `strided` 3 each logit sees 70 pixels, as published; 4 gives 142, 1 gives 16.
    """

    def __init__(self, width: int = 64, strided: int = 3) -> None:
        super().__init__()
        if width < 1 or not 1 <= strided <= 6:
            raise ModelError(
                f"got width={width}, strided={strided}, expected width ≥ 1 and 1 to 6; correct them"
            )
        widths = [width * min(2**level, 8) for level in range(strided + 1)]  # 64 128 256 | 512
        blocks: list[nn.Module] = [nn.Conv2d(6, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for level in range(1, strided + 1):
            blocks += [
                nn.Conv2d(
                    widths[level - 1], widths[level], 4, 2 if level < strided else 1, padding=1, bias=False
                ),
                nn.BatchNorm2d(widths[level]),
                nn.LeakyReLU(0.2),
            ]
        self.trunk = nn.Sequential(*blocks)
        self.source = nn.Conv2d(widths[-1], 1, 4, stride=1, padding=1)
        self.apply(started)

    def forward(self, sketch: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
        _check_drawing(sketch)
        if face.shape != (sketch.shape[0], 3, *sketch.shape[2:]):
            raise ModelError(
                f"got a face of shape {list(face.shape)} for a drawing of {list(sketch.shape)}, expected "
                "[batch, 3, height, width] of the same batch and size; resize one of them"
            )
        pair = torch.cat([sketch.expand(-1, 3, -1, -1), face], dim=1)  # (N, 6, H, W)
        x = self.trunk(pair)  # (N, 8w, H/8 - 1, W/8 - 1)
        return self.source(x)  # (N, 1, H/8 - 2, W/8 - 2)
