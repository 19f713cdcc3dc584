"""DCGAN: faces from noise alone, the baseline that is told nothing.

Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks, Radford, Metz &
Chintala, ICLR 2016, arXiv 1511.06434; written anew from the paper.

    noise 100 ─ 4² 512 ─ 8² 256 ─ 16² 128 ─ 32² 64 ─ 64² 3, tanh

`reconstruct` is the experiment of Sketch to Realistic Face Generation with Facial Expression Synthesis (Reddy
& Sai Prasanna Kumar): a given face is looked for among those that the generator can make. What comes back is
the nearest of these, not the face that was given, which is why a drawing has to be an input.

Our deviations: the discriminator returns logits, the loss takes their sigmoid; and where the paper does not
say how a face is looked for, it is gradient descent on the noise by Adam, with a pull towards where noise is
likely.
"""

from __future__ import annotations

import torch
from torch import nn

from ..errors import ModelError
from ..hub import HubMixin
from .layers import started

SIDE = 64
STEPS = 4  # doublings from 4² to 64²


class DCGAN(nn.Module, HubMixin):
    """The generator: noise (N, latent) → face (N, 3, 64, 64)."""

    def __init__(self, width: int = 64, latent: int = 100) -> None:
        super().__init__()
        if min(width, latent) < 1:
            raise ModelError(f"got width={width}, latent={latent}, expected both ≥ 1; correct them")
        self.latent, self.size = latent, SIDE
        wide = [width * 2**n for n in reversed(range(STEPS))]  # 512, 256, 128, 64
        layers: list[nn.Module] = [nn.ConvTranspose2d(latent, wide[0], 4, bias=False)]
        for a, b in zip(wide, [*wide[1:], 3], strict=True):
            layers += [nn.BatchNorm2d(a), nn.ReLU()]
            layers += [nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False)]
        self.net = nn.Sequential(*layers, nn.Tanh())
        self.apply(started)

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        if noise.dim() != 2 or noise.shape[1] != self.latent:
            raise ModelError(
                f"got noise of shape {list(noise.shape)}, expected [batch, {self.latent}]; give that"
            )
        return self.net(noise[:, :, None, None])

    def reconstruct(
        self,
        face: torch.Tensor,
        *,
        steps: int = 200,
        rate: float = 0.05,
        likely: float = 1e-3,
        generator: torch.Generator | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The face nearest to each one given that this generator can make, and the noise it is made from."""
        if face.dim() != 4 or face.shape[1:] != (3, SIDE, SIDE):
            raise ModelError(
                f"got a face of shape {list(face.shape)}, expected [batch, 3, {SIDE}, {SIDE}]; resize it"
            )
        noise = torch.randn(len(face), self.latent, generator=generator).to(face).requires_grad_()
        optimizer = torch.optim.Adam([noise], rate)
        with torch.enable_grad():
            for _ in range(steps):
                away = (self(noise) - face).square().mean((1, 2, 3)) + likely * noise.square().mean(1)
                (noise.grad,) = torch.autograd.grad(away.sum(), [noise])
                optimizer.step()
        found = noise.detach()
        with torch.no_grad():
            return self(found), found


class DCGANDiscriminator(nn.Module, HubMixin):
    """The critic, the generator mirrored: face (N, 3, 64, 64) → logit (N,) that it is a photograph."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        if width < 1:
            raise ModelError(f"got width={width}, expected width ≥ 1; correct it")
        wide = [width * 2**n for n in range(STEPS)]
        layers: list[nn.Module] = [nn.Conv2d(3, wide[0], 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for a, b in zip(wide, wide[1:], strict=False):
            layers += [nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(b)]
            layers += [nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(*layers, nn.Conv2d(wide[-1], 1, 4))
        self.apply(started)

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        return self.net(face).flatten()
