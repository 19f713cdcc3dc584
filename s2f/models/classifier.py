"""A small expression classifier: face → logits over the seven classes.

A residual network after He, Zhang, Ren & Sun, "Identity Mappings in Deep Residual Networks", ECCV 2016,
arXiv 1603.05027 (pre-activation blocks); written anew from the paper.

    face 3 ─ inner face ─ conv ─ w ↓ ─ 2w ↓ ─ 4w ↓ ─ 8w ↓ ─ mean ─ dropout ─ linear ─ logits 7

Our deviations:
- GroupNorm instead of BatchNorm: a face's answer never depends on its neighbours in the batch.
- Of a face of any size it sees the inner face, at `size`, so that one network scores all.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ..errors import ModelError
from ..hub import HubMixin
from .inner import inner_face


class Residual(nn.Module):
    """Norm, activation and convolution, twice, around a shortcut; `stride` 2 halves the size."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(min(8, inputs), inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2 = nn.GroupNorm(min(8, outputs), outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.silu(self.norm1(x))
        short = self.shortcut(y)
        y = self.conv1(y)
        return short + self.conv2(functional.silu(self.norm2(y)))


class Classifier(nn.Module, HubMixin):
    """The classifier: face (N, 3, H, W) → logits (N, classes)."""

    def __init__(
        self, width: int = 24, depth: int = 1, size: int = 96, classes: int = 7, dropout: float = 0.2
    ) -> None:
        super().__init__()
        if width < 8 or width % 8 or depth < 1 or size < 32 or classes < 2 or not 0 <= dropout < 1:
            raise ModelError(
                f"got width={width}, depth={depth}, size={size}, classes={classes}, dropout={dropout}, "
                "expected width a multiple of 8, depth ≥ 1, size ≥ 32, classes ≥ 2, dropout < 1; correct them"
            )
        self.size = size
        self.stem = nn.Conv2d(3, width, 5, 2, 2, bias=False)
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        blocks: list[nn.Module] = []
        for inputs, outputs in zip(widths, widths[1:], strict=False):
            blocks.append(Residual(inputs, outputs, 2))
            blocks += [Residual(outputs, outputs, 1) for _ in range(depth - 1)]
        self.trunk = nn.Sequential(*blocks)
        self.norm = nn.GroupNorm(8, widths[-1])
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths[-1], classes)

    def features(self, face: torch.Tensor) -> torch.Tensor:
        x = self.stem(inner_face(face, self.size))  # (N, w, size/2, size/2)
        x = self.trunk(x)  # (N, 8w, size/32, size/32)
        return functional.silu(self.norm(x)).mean((2, 3))  # (N, 8w)

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        return self.head(self.dropout(self.features(face)))  # (N, classes)
