"""ExprGAN: a face becomes fifty numbers, an expression thirty, and how strong it is can be chosen.

ExprGAN: Facial Expression Editing with Controllable Expression Intensity, Ding, Sricharan & Chellappa, AAAI
2018, arXiv 1709.03842. Original code: github.com/HuiDingUMD/ExprGAN, which states no licence; written anew
from the paper.

    face ─ E: five halvings ─ z 50 ─────────┐                       D_z: is z evenly spread?
                                            ├─ G: five doublings ─ face ─ D_img: real? with Q: which code?
    class, u ─ controller ─ code 6 × 5 ─────┘

The controller: for the class that is asked for the code's block is |u|, for all others −|u|, u being evenly
spread in [−1, 1]⁵ when it learns and a strength of our choice when it answers.

Our deviations, and what was open:
- Six blocks, one for each expression, as published; the corpus has a seventh class, neutral, which is every
  strength at 0, and its code is nought. Of a blend w the blocks are (2·wᵢ − Σw)·|u|: the published ones where
  one class has all the weight.
- D_img's batch norms are group norms: what one process learns must not depend on which pictures lie beside
  it in another. Its label does not join every layer, where Q would see it, but picks one of seven answers
  that its deepest features give, added to one for all (Miyato & Koyama's projection, arXiv 1802.05637).
- The code joins the decoder at its start and at each level once, not repeated to equal the width of z.
- The person is kept by features of a network for faces (the paper: VGG-Face, whose terms forbid most uses);
  here by those of D_img, which the original code matches too, or of a network of our own: see
  train/exprgan.py.
- The start is He's, and grey: with the usual one signals reach z at a fiftieth of their strength, and in the
  first stage all answers become white, from where no gradient leads back. z starts near its middle: at the
  ends of its tanh it is the same for everybody, and learns no more.
- Any face is brought to `size`, and the answer back.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from ..errors import ModelError
from ..expression import CLASSES
from ..hub import HubMixin
from .layers import awake, sized
from .stargan import check_square

BLOCKS, DEPTH = len(CLASSES) - 1, 5
HALVINGS = 5


def _check(size: int, width: int) -> None:
    if size % 2**HALVINGS or size < 2**HALVINGS or width < 16 or width % 16:
        raise ModelError(
            f"got size={size}, width={width}, expected a size that is a multiple of {2**HALVINGS} and a "
            "width that is one of 16; correct them"
        )


def controller(labels: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """F_ctrl: class weights (N, 7), u (N, 5) → code (N, 30); neutral is no strength at all."""
    if labels.shape[1:] != (len(CLASSES),) or strength.shape != (len(labels), DEPTH):
        raise ModelError(
            f"got labels of shape {list(labels.shape)} and strengths of {list(strength.shape)}, expected "
            f"[batch, {len(CLASSES)}] and [batch, {DEPTH}]; give one row of each for each face"
        )
    shown = labels[:, 1:]
    signed = 2 * shown - shown.sum(1, keepdim=True)  # (N, 6): 1 for the class, −1 for all others
    return (signed[:, :, None] * strength.abs()[:, None]).flatten(1)


class ExprGAN(nn.Module, HubMixin):
    """Encoder and decoder, an editor: face (N, 3, S, S), class weights (N, 7) → face (N, 3, S, S)."""

    condition: ClassVar[str] = "classes"

    def __init__(self, size: int = 128, width: int = 64, latent: int = 50) -> None:
        super().__init__()
        _check(size, width)
        self.size, self.latent, self.side, w = size, latent, size // 2**HALVINGS, width
        widths = [w, 2 * w, 4 * w, 8 * w, 16 * w]
        layers: list[nn.Module] = []
        for inputs, outputs in zip([3, *widths], widths, strict=False):
            layers += [awake(nn.Conv2d(inputs, outputs, 5, stride=2, padding=2), 0.0), nn.ReLU()]
        self.encoder = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(widths[-1] * self.side**2, latent), nn.Tanh()
        )
        with torch.no_grad():
            self.encoder[-2].weight.mul_(0.2)  # type: ignore[operator]
        code, narrowing = BLOCKS * DEPTH, [16 * w, 8 * w, 4 * w, 2 * w, w, w // 2]
        self.start = nn.Linear(latent + code, narrowing[0] * self.side**2)
        self.up = nn.ModuleList(
            awake(nn.Conv2d(a + code, b, 5, padding=2), 0.0)
            for a, b in zip(narrowing, narrowing[1:], strict=False)
        )
        self.last = awake(nn.Conv2d(narrowing[-1] + code, w // 4, 5, padding=2), 0.0)
        self.show = nn.Conv2d(w // 4 + code, 3, 5, padding=2)
        nn.init.normal_(self.show.weight, std=1e-2)  # grey at first: white and black would stay so

    def forward(self, face: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        check_square(face)
        full = torch.ones(len(labels), DEPTH, device=face.device)
        made = self.decode(self.encode(sized(face, self.size)), controller(labels.to(face), full.to(face)))
        return sized(made, face.shape[-1])

    def encode(self, face: torch.Tensor) -> torch.Tensor:
        return self.encoder(face)  # (N, latent)

    def decode(self, z: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.start(torch.cat([z, code], 1)))
        x = x.view(len(z), -1, self.side, self.side)  # (N, 16w, S/32, S/32)
        for up in self.up:
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = functional.relu(up(_with(x, code)))  # (N, 8w, S/16, S/16) … (N, w/2, S, S)
        x = functional.relu(self.last(_with(x, code)))  # (N, w/4, S, S)
        return torch.tanh(self.show(_with(x, code)))  # (N, 3, S, S)


class ExprGANDiscriminator(nn.Module, HubMixin):
    """D_img with Q: face, class weights → logit (N, 1), the code that Q reads (N, 30), features (N, 16w)."""

    def __init__(self, size: int = 128, width: int = 64) -> None:
        super().__init__()
        _check(size, width)
        w, layers = width // 4, []  # 16 32 64 128, as published
        for inputs, outputs in zip([3, w, 2 * w, 4 * w], [w, 2 * w, 4 * w, 8 * w], strict=True):
            conv = nn.Conv2d(inputs, outputs, 5, stride=2, padding=2, bias=False)
            layers += [conv, nn.GroupNorm(4, outputs), nn.ReLU()]
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8 * w * (size // 16) ** 2, 16 * width))
        self.source, self.match = nn.Linear(16 * width, 1), nn.Linear(16 * width, len(CLASSES))
        self.read = nn.Sequential(nn.Linear(16 * width, 64), nn.ReLU(), nn.Linear(64, BLOCKS * DEPTH))

    def forward(
        self, face: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        features = functional.leaky_relu(self.trunk(face), 0.2)
        logit = self.source(features) + (self.match(features) * labels.to(features)).sum(1, keepdim=True)
        return logit, torch.tanh(self.read(features)), features


class LatentDiscriminator(nn.Module, HubMixin):
    """D_z: z (N, latent) → is it evenly spread in [−1, 1]? Logit (N, 1)."""

    def __init__(self, latent: int = 50) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in zip([latent, 64, 32], [64, 32, 16], strict=True):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(16, 1))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.layers(z)


def _with(x: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
    return torch.cat([x, code[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)
