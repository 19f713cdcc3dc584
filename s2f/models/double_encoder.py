"""Double-encoder GAN: one encoder for what stays of a face, one for what its label says.

Double Encoder Conditional GAN for Facial Expression Synthesis, Chen, Li, Li, Zhang & He, Chinese Control
Conference 2018. Only the idea is public, no code: one encoder for the latent, one for the features of the
label. All else here is ours.

    face ─┬─ E_z ─ z, a grid of S/8 ─────────────────────────┐
          └─ E_y ─ features of the label it shows ─┬─ FiLM ──┴─ three doublings ─ face
    class ───────── features of the label asked ───┘

Chosen here:
- z is a grid, not a vector, so that the person is kept; there are no skips past it.
- E_y is taught to read from a face what the table `ask` holds for its class, by their squared distance, and
  the decoder is told both: from what to what. With the label that it shows, a face has to come back.
- The discriminator is StarGAN's, with a head for classes; paired faces add an L1 to the true one.
- `size` is what it was trained at: other faces are brought there, and the answer back.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from ..errors import ModelError
from ..expression import CLASSES
from ..hub import HubMixin
from .layers import Residual, conv, doubled, sized
from .stargan import check_square

HALVINGS = 3


class DoubleEncoder(nn.Module, HubMixin):
    """The generator, an editor: face (N, 3, S, S), class weights (N, 7) → face (N, 3, S, S)."""

    condition: ClassVar[str] = "classes"

    def __init__(self, size: int = 128, width: int = 48, blocks: int = 4, features: int = 64) -> None:
        super().__init__()
        if size % 8 or size < 32 or width < 8 or width % 8 or min(blocks, features) < 1:
            raise ModelError(
                f"got size={size}, width={width}, blocks={blocks}, features={features}, expected a size from "
                "32 and a width, both multiples of 8, and the others ≥ 1; correct them"
            )
        self.size = size
        widths = [width * min(2**n, 4) for n in range(HALVINGS + 1)]  # w 2w 4w 4w
        pairs = list(zip(widths, widths[1:], strict=False))
        self.latent = nn.Sequential(
            conv(3, widths[0]), *(nn.Sequential(conv(a, b, stride=2), Residual(b)) for a, b in pairs)
        )
        self.label = nn.Sequential(
            conv(3, widths[0], stride=2),
            *(nn.Sequential(Residual(a), conv(a, b, stride=2)) for a, b in pairs[:2]),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(widths[2] * 16, features),
        )
        self.ask = nn.Linear(len(CLASSES), features, bias=False)
        code = 2 * features
        self.deep = nn.ModuleList(Residual(widths[-1], code) for _ in range(blocks))
        self.up = nn.ModuleList(conv(b, a) for a, b in reversed(pairs))
        self.decoder = nn.ModuleList(Residual(a, code) for a, _ in reversed(pairs))
        self.show = conv(widths[0], 3)

    def forward(self, face: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        check_square(face)
        if labels.shape != (len(face), len(CLASSES)):
            raise ModelError(
                f"got labels of shape {list(labels.shape)}, expected [{len(face)}, {len(CLASSES)}], one "
                "weight per class for each face; give that many"
            )
        small = sized(face, self.size)
        made = self.decode(self.latent(small), self.label(small), self.ask(labels.to(face)))
        return sized(made, face.shape[-1])

    def decode(self, z: torch.Tensor, now: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
        """What stays, the label's features as they are and as they are to be → the face."""
        code = torch.cat([asked, asked - now], 1)  # (N, 2·features)
        x = z  # (N, 4w, S/8, S/8)
        for block in self.deep:
            x = block(x, code)
        for up, block in zip(self.up, self.decoder, strict=True):
            x = block(doubled(up(x)), code)  # (N, 4w, S/4, S/4), (N, 2w, S/2, S/2), (N, w, S, S)
        return torch.tanh(self.show(functional.silu(x)))  # (N, 3, S, S)
