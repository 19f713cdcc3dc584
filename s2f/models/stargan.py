"""StarGAN: one generator for every expression, told by label planes which one to give a face.

StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image Translation, Choi, Choi, Kim,
Ha, Kim & Choo, CVPR 2018, arXiv 1711.09020. Original code: github.com/yunjey/stargan (MIT); written anew from
the paper.

    face 3 ⊕ label planes ─ conv7 64 ─ 128 ↓ ─ 256 ↓ ─ six residual blocks ─ 128 ↑ ─ 64 ↑ ─ conv7 3, tanh

Our deviations:
- Seven classes in the order of `s2f.expression.CLASSES` by default, where the paper's five are hair, sex and
  age: 8.43 M parameters with five, 8.44 M with seven.
- A label may be a blend: any weights, not only one-hot, are spread over the planes.
- It may know only some of the classes (`classes`), as the seed's on FER2013 does: angry, happy, sad and
  surprised, on 48² grey faces (`channels=1`, four halvings in D). Asked for another class, it says so.
- `size` is what it was trained at: other faces are brought there, and the answer back, since its look at a
  face is as wide as its convolutions.
- The original's instance norms collect running statistics, which its own inference, left in training mode,
  never uses; here each image is normalised by itself at all times.
- The critic's trunk starts as He et al. (arXiv 1502.01852) for its activation; with the usual start, six
  layers without a norm shrink every face to the same answer, and after 560 steps it named classes by chance.

Padding is zero throughout, as published: reflection makes the label planes blind at the border.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from ..errors import ModelError
from ..expression import CLASSES
from ..hub import HubMixin
from .layers import awake, sized


def check_face(face: torch.Tensor, multiple: int) -> None:
    """A picture whose sides can be halved as often as the model does."""
    sides = face.shape[2:]
    if face.dim() != 4 or face.shape[1] != 3 or any(s % multiple or s < 2 * multiple for s in sides):
        raise ModelError(
            f"got a face of shape {list(face.shape)}, expected [batch, 3, height, width] with sides that are "
            f"multiples of {multiple} and at least {2 * multiple}; resize it"
        )


def check_square(face: torch.Tensor) -> None:
    """A picture that may be brought to another size."""
    if face.dim() != 4 or face.shape[1] != 3 or face.shape[2] != face.shape[3]:
        raise ModelError(f"got a face of shape {list(face.shape)}, expected [batch, 3, side, side]; crop it")


class Block(nn.Sequential):
    """A convolution without bias, affine instance norm, ReLU."""

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d) -> None:
        super().__init__()
        self.add_module("conv", conv)
        self.add_module("norm", nn.InstanceNorm2d(conv.out_channels, affine=True))
        self.add_module("activation", nn.ReLU())


class Residual(nn.Module):
    """conv ─ norm ─ ReLU ─ conv ─ norm, added to the input."""

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

    def __init__(
        self,
        width: int = 64,
        domains: int = 7,
        blocks: int = 6,
        channels: int = 3,
        classes: list[str] | None = None,
        size: int | None = None,
    ) -> None:
        super().__init__()
        own = 4 if size is None else size
        if min(width, domains, blocks) < 1 or channels not in (1, 3) or own % 4 or own < 4:
            raise ModelError(
                f"got width={width}, domains={domains}, blocks={blocks}, channels={channels}, size={size}, "
                "expected the first three ≥ 1, 1 or 3 channels, a size that is a multiple of 4; correct them"
            )
        if classes is not None and (len(set(classes)) != domains or not set(classes) <= set(CLASSES)):
            raise ModelError(
                f"got classes={classes}, expected {domains} of {', '.join(CLASSES)}; give one for each domain"
            )
        self.domains, self.channels, self.size, self.classes = domains, channels, size, classes
        w = width
        self.stem = Block(nn.Conv2d(channels + domains, w, 7, padding=3, bias=False))
        self.down = nn.Sequential(
            Block(nn.Conv2d(w, 2 * w, 4, stride=2, padding=1, bias=False)),
            Block(nn.Conv2d(2 * w, 4 * w, 4, stride=2, padding=1, bias=False)),
        )
        self.residual = nn.Sequential(*(Residual(4 * w) for _ in range(blocks)))
        self.up = nn.Sequential(
            Block(nn.ConvTranspose2d(4 * w, 2 * w, 4, stride=2, padding=1, bias=False)),
            Block(nn.ConvTranspose2d(2 * w, w, 4, stride=2, padding=1, bias=False)),
        )
        self.head = nn.Conv2d(w, channels, 7, padding=3, bias=False)

    def forward(self, face: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        check_square(face) if self.size else check_face(face, 4)
        labels = self._known(labels, len(face)).to(face)
        x = face if self.channels == 3 else face.mean(1, keepdim=True)
        x = sized(x, self.size) if self.size else x  # (N, channels, H, W)
        planes = labels[:, :, None, None].expand(-1, -1, *x.shape[2:])  # (N, domains, H, W)
        x = self.stem(torch.cat([x, planes], dim=1))  # (N, w, H, W)
        x = self.down(x)  # (N, 4w, H/4, W/4)
        x = self.residual(x)  # (N, 4w, H/4, W/4)
        x = self.up(x)  # (N, w, H, W)
        x = torch.tanh(self.head(x)).expand(-1, 3, -1, -1)  # (N, 3, H, W)
        return sized(x, face.shape[-1]) if self.size else x

    def _known(self, labels: torch.Tensor, count: int) -> torch.Tensor:
        """The weights of the classes that this model knows; labels of all seven are cut down to them."""
        if self.classes and labels.shape == (count, len(CLASSES)) and self.domains < len(CLASSES):
            known = labels[:, [CLASSES.index(name) for name in self.classes]]
            if bool((known.sum(1) <= 0).any()):
                raise ModelError(
                    f"got a class that was never learned here, expected one of {', '.join(self.classes)}; "
                    "ask for one of them"
                )
            return known
        if labels.shape != (count, self.domains):
            raise ModelError(
                f"got labels of shape {list(labels.shape)}, expected [{count}, {self.domains}], one "
                "weight per class for each face; give that many"
            )
        return labels


class StarGANDiscriminator(nn.Module, HubMixin):
    """Is each patch real, and which class does the face show? Logits (N, 1, H/64, W/64) and (N, domains)."""

    def __init__(
        self, size: int = 128, width: int = 64, domains: int = 7, depth: int = 6, channels: int = 3
    ) -> None:
        super().__init__()
        if min(width, domains, channels) < 1 or not 1 <= depth <= 10 or size < 1 or size % 2**depth:
            raise ModelError(
                f"got size={size}, width={width}, domains={domains}, depth={depth}, expected depth 1 to 10, "
                "a size that is a multiple of 2**depth, and the others ≥ 1; correct them"
            )
        self.size, self.channels = size, channels
        widths = [width * 2**level for level in range(depth)]  # 64 128 256 512 1024 2048
        layers: list[nn.Module] = []
        for inputs, outputs in zip([channels, *widths], widths, strict=False):
            layers += [
                awake(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), 0.01),
                nn.LeakyReLU(0.01),
            ]
        self.trunk = nn.Sequential(*layers)
        self.source = nn.Conv2d(widths[-1], 1, 3, padding=1, bias=False)
        self.classes = nn.Conv2d(widths[-1], domains, size // 2**depth, bias=False)

    def forward(self, face: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if face.shape[1:] != (3, self.size, self.size):
            raise ModelError(
                f"got a face of shape {list(face.shape)}, expected [batch, 3, {self.size}, {self.size}]; "
                "resize it"
            )
        x = face if self.channels == 3 else face.mean(1, keepdim=True)
        x = self.trunk(x)  # (N, 32w, S/64, S/64)
        return self.source(x), self.classes(x).flatten(1)  # (N, 1, S/64, S/64) and (N, domains)
