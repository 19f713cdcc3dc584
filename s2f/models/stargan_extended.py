"""Extended StarGAN: a second discriminator keeps the person, by judging the way back.

Sketch to Realistic Face Generation with Facial Expression Synthesis, Reddy & Sai Prasanna Kumar, guided by
Dubey & Mukherjee: a project's report, without an arXiv number or a licence for its code; written anew from
what it says. The generator, the first discriminator and all that they learn by are StarGAN's, see there.

    x ─ G(·, c) ─ G(·, c′) ─ x̂       real: x      fake: x̂ = G(G(x, c), c′)

Open, and chosen here:
- The second discriminator has StarGAN's trunk without the head for classes, and looks at one picture: x and x̂
  are judged by themselves, and it is the L1 of the cycle that says which person x̂ has to be.
- Its objective is that of the first, log or Wasserstein with gradient penalty; its weight stands in
  train/stargan_extended.py.
"""

from __future__ import annotations

import torch
from torch import nn

from ..errors import ModelError
from ..hub import HubMixin
from .layers import awake
from .stargan import StarGAN


class ExtendedStarGAN(StarGAN):
    """The generator, an editor: StarGAN's own, under the name of what it learned from."""


class ReconstructionDiscriminator(nn.Module, HubMixin):
    """Is this an untouched photograph, or one changed and changed back? Logits (N, 1, H/64, W/64)."""

    def __init__(self, width: int = 64, depth: int = 6, channels: int = 3) -> None:
        super().__init__()
        if min(width, channels) < 1 or not 1 <= depth <= 10:
            raise ModelError(
                f"got width={width}, depth={depth}, channels={channels}, expected depth 1 to 10 and the "
                "others ≥ 1; correct them"
            )
        self.channels = channels
        widths = [width * 2**level for level in range(depth)]  # 64 128 256 512 1024 2048
        layers: list[nn.Module] = []
        for inputs, outputs in zip([channels, *widths], widths, strict=False):
            layers += [
                awake(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), 0.01),
                nn.LeakyReLU(0.01),
            ]
        self.trunk = nn.Sequential(*layers)
        self.source = nn.Conv2d(widths[-1], 1, 3, padding=1, bias=False)

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        if face.dim() != 4 or face.shape[1] != 3:
            raise ModelError(
                f"got a face of shape {list(face.shape)}, expected [batch, 3, height, width]; give that"
            )
        x = face if self.channels == 3 else face.mean(1, keepdim=True)
        return self.source(self.trunk(x))  # (N, 1, S/64, S/64)
