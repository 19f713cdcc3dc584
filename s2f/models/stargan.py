"""StarGAN: one generator for every expression, told by label planes which one to give a face.

StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image Translation, Choi, Choi, Kim,
Ha, Kim & Choo, CVPR 2018, arXiv 1711.09020. Original code: github.com/yunjey/stargan (MIT); written anew from
the paper.

    face 3 ⊕ label planes ─ conv7 64 ─ 128 ↓ ─ 256 ↓ ─ six residual blocks ─ 128 ↑ ─ 64 ↑ ─ conv7 3, tanh

Our deviations:
- Seven classes in the order of `s2f.expression.CLASSES` by default, where the paper's five are hair, sex and
  age: 8.43 M parameters with five, 8.44 M with seven.
- A label may be a blend: any weights, not only one-hot, are spread over the planes.
- The original's instance norms collect running statistics, which its own inference, left in training mode,
  never uses; here each image is normalised by itself at all times.

Padding is zero throughout, as published: reflection makes the label planes blind at the border.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from ..errors import ModelError
from ..hub import HubMixin


def _check_face(face: torch.Tensor, multiple: int) -> None:
    sides = face.shape[2:]
    if face.dim() != 4 or face.shape[1] != 3 or any(s % multiple or s < 2 * multiple for s in sides):
        raise ModelError(
            f"got a face of shape {list(face.shape)}, expected [batch, 3, height, width] with sides that are "
            f"multiples of {multiple} and at least {2 * multiple}; resize it"
        )


class Block(nn.Sequential):
    """A convolution without bias, affine instance norm, ReLU."""

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d) -> None:
        super().__init__()
        self.add_module("conv", conv)
        self.add_module("norm", nn.InstanceNorm2d(conv.out_channels, affine=True))
        self.add_module("activation", nn.ReLU())


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Block(nn.Conv2d(width, width, 3, padding=1, bias=False))
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.InstanceNorm2d(width, affine=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.norm(self.conv(self.first(x)))


class StarGAN(nn.Module, HubMixin):
    """The generator, an editor: face (N, 3, H, W), labels (N, domains) → face (N, 3, H, W).

    Its condition is class weights, as `Expression.labels()` gives them, not action units.
    """

    condition: ClassVar[str] = "classes"

    def __init__(self, width: int = 64, domains: int = 7, blocks: int = 6) -> None:
        super().__init__()
        if min(width, domains, blocks) < 1:
            raise ModelError(
                f"got width={width}, domains={domains}, blocks={blocks}, expected each ≥ 1; correct them"
            )
        self.domains = domains
        w = width
        self.stem = Block(nn.Conv2d(3 + domains, w, 7, padding=3, bias=False))
        self.down = nn.Sequential(
            Block(nn.Conv2d(w, 2 * w, 4, stride=2, padding=1, bias=False)),
            Block(nn.Conv2d(2 * w, 4 * w, 4, stride=2, padding=1, bias=False)),
        )
        self.residual = nn.Sequential(*(Residual(4 * w) for _ in range(blocks)))
        self.up = nn.Sequential(
            Block(nn.ConvTranspose2d(4 * w, 2 * w, 4, stride=2, padding=1, bias=False)),
            Block(nn.ConvTranspose2d(2 * w, w, 4, stride=2, padding=1, bias=False)),
        )
        self.head = nn.Conv2d(w, 3, 7, padding=3, bias=False)

    def forward(self, face: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        _check_face(face, 4)
        if labels.shape != (len(face), self.domains):
            raise ModelError(
                f"got labels of shape {list(labels.shape)}, expected [{len(face)}, {self.domains}], one "
                "weight per class for each face; give that many"
            )
        planes = labels.to(face)[:, :, None, None].expand(-1, -1, *face.shape[2:])  # (N, domains, H, W)
        x = self.stem(torch.cat([face, planes], dim=1))  # (N, w, H, W)
        x = self.down(x)  # (N, 4w, H/4, W/4)
        x = self.residual(x)  # (N, 4w, H/4, W/4)
        x = self.up(x)  # (N, w, H, W)
        return torch.tanh(self.head(x))  # (N, 3, H, W)


class StarGANDiscriminator(nn.Module, HubMixin):
    """Is each patch real, and which class does the face show? Logits (N, 1, H/64, W/64) and (N, domains)."""

    def __init__(self, size: int = 128, width: int = 64, domains: int = 7, depth: int = 6) -> None:
        super().__init__()
        if min(width, domains) < 1 or not 1 <= depth <= 10 or size < 1 or size % 2**depth:
            raise ModelError(
                f"got size={size}, width={width}, domains={domains}, depth={depth}, expected depth 1 to 10, "
                "a size that is a multiple of 2**depth, and the others ≥ 1; correct them"
            )
        self.size = size
        widths = [width * 2**level for level in range(depth)]  # 64 128 256 512 1024 2048
        layers: list[nn.Module] = []
        for inputs, outputs in zip([3, *widths], widths, strict=False):
            layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(0.01)]
        self.trunk = nn.Sequential(*layers)
        self.source = nn.Conv2d(widths[-1], 1, 3, padding=1, bias=False)
        self.classes = nn.Conv2d(widths[-1], domains, size // 2**depth, bias=False)

    def forward(self, face: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if face.shape[1:] != (3, self.size, self.size):
            raise ModelError(
                f"got a face of shape {list(face.shape)}, expected [batch, 3, {self.size}, {self.size}]; "
                "resize it"
            )
        x = self.trunk(face)  # (N, 32w, S/64, S/64)
        return self.source(x), self.classes(x).flatten(1)  # (N, 1, S/64, S/64) and (N, domains)
