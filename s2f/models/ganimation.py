"""GANimation: a face is repainted where its action units ask for it, and let be elsewhere.

GANimation: Anatomically-aware Facial Animation from a Single Image, Pumarola, Agudo, Martinez, Sanfeliu &
Moreno-Noguer, ECCV 2018, arXiv 1807.09251. Original code: github.com/albertpumarola/GANimation, which states
no licence in its README; written anew from the paper.

    face 3 ⊕ unit planes ─ StarGAN's trunk ─┬─ conv7 3, tanh ─── C ─┐
                                            └─ conv7 1, sigmoid ─ A ─┴─ A·face + (1 − A)·C

The paper's 17 units are those of OpenFace; ours are 42, most of them for each side of the face. `to_paper`
takes ours to theirs, and is part of the model, so that it fits wherever an editor does:
- both sides of a unit are averaged: GANimation cannot wink;
- AU23, lips tightened, is our AU24, lips pressed: the nearest that the corpus has;
- AU25, lips parted, is the strongest of our AU26, AU16 and AU10, which part them;
- AU45, blink, is our AU43, eyes closed;
- AU8, AU16, AU18, AU22, AU24, AU28, AU29, AU30 and AU34 have none of their own and are left out.

Our deviations: none of the instance norms keeps statistics, as in our StarGAN; `size` is what it was trained
at, other faces are brought there and only A and C come back, so that what A lets be keeps its sharpness.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from ..errors import ModelError
from ..expression import ACTION_UNITS
from ..hub import HubMixin
from .layers import sized
from .stargan import Block, Residual, StarGANDiscriminator, check_face, check_square

# Each of the paper's units: ours that make it, of which the strongest counts; sides are averaged first.
PAPER_UNITS: dict[str, tuple[str, ...]] = {
    "AU1": ("AU1",),
    "AU2": ("AU2",),
    "AU4": ("AU4",),
    "AU5": ("AU5",),
    "AU6": ("AU6",),
    "AU7": ("AU7",),
    "AU9": ("AU9",),
    "AU10": ("AU10",),
    "AU12": ("AU12",),
    "AU14": ("AU14",),
    "AU15": ("AU15",),
    "AU17": ("AU17",),
    "AU20": ("AU20",),
    "AU23": ("AU24",),
    "AU25": ("AU26", "AU16", "AU10"),
    "AU26": ("AU26",),
    "AU45": ("AU43",),
}
# the same, as columns of ours
_COLUMNS = [
    [[n for n, unit in enumerate(ACTION_UNITS) if unit in (u, u + "_L", u + "_R")] for u in names]
    for names in PAPER_UNITS.values()
]


def to_paper(action_units: torch.Tensor) -> torch.Tensor:
    """(N, 42) of `s2f.expression.ACTION_UNITS` → (N, 17) of PAPER_UNITS."""
    if action_units.dim() != 2 or action_units.shape[1] != len(ACTION_UNITS):
        raise ModelError(
            f"got action units of shape {list(action_units.shape)}, expected [batch, {len(ACTION_UNITS)}]; "
            "give one row for each face"
        )
    strongest = [
        torch.stack([action_units[:, sides].mean(1) for sides in ours], 1).amax(1) for ours in _COLUMNS
    ]
    return torch.stack(strongest, 1)


class Repainted(NamedTuple):
    """All that an answer is made of; `face` is the answer."""

    face: torch.Tensor  # (N, 3, S, S)
    colour: torch.Tensor  # (N, 3, S, S), C
    attention: torch.Tensor  # (N, 1, S, S), A: 1 where the face is let be


class GANimation(nn.Module, HubMixin):
    """The generator, an editor: face (N, 3, S, S), action units (N, 42) → face (N, 3, S, S)."""

    def __init__(self, width: int = 64, blocks: int = 6, size: int | None = None) -> None:
        super().__init__()
        own = 4 if size is None else size
        if min(width, blocks) < 1 or own % 4 or own < 4:
            raise ModelError(
                f"got width={width}, blocks={blocks}, size={size}, expected the first two ≥ 1 and a size "
                "that is a multiple of 4; correct them"
            )
        self.size, w = size, width
        self.trunk = nn.Sequential(
            Block(nn.Conv2d(3 + len(PAPER_UNITS), w, 7, padding=3, bias=False)),
            Block(nn.Conv2d(w, 2 * w, 4, stride=2, padding=1, bias=False)),
            Block(nn.Conv2d(2 * w, 4 * w, 4, stride=2, padding=1, bias=False)),
            *(Residual(4 * w) for _ in range(blocks)),
            Block(nn.ConvTranspose2d(4 * w, 2 * w, 4, stride=2, padding=1, bias=False)),
            Block(nn.ConvTranspose2d(2 * w, w, 4, stride=2, padding=1, bias=False)),
        )
        self.colour = nn.Conv2d(w, 3, 7, padding=3, bias=False)
        self.attention = nn.Conv2d(w, 1, 7, padding=3, bias=False)

    def forward(self, face: torch.Tensor, action_units: torch.Tensor) -> torch.Tensor:
        return self.repaint(face, to_paper(action_units)).face

    def repaint(self, face: torch.Tensor, units: torch.Tensor) -> Repainted:
        """`forward` with all its parts, asked in the paper's units (N, 17)."""
        check_square(face) if self.size else check_face(face, 4)
        if units.shape != (len(face), len(PAPER_UNITS)):
            raise ModelError(
                f"got units of shape {list(units.shape)}, expected [{len(face)}, {len(PAPER_UNITS)}]; give "
                "one row for each face, as to_paper makes it"
            )
        small = sized(face, self.size) if self.size else face
        planes = units.to(face)[:, :, None, None].expand(-1, -1, *small.shape[2:])  # (N, 17, H, W)
        x = self.trunk(torch.cat([small, planes], 1))  # (N, w, H, W)
        both = torch.cat([torch.tanh(self.colour(x)), torch.sigmoid(self.attention(x))], 1)
        both = sized(both, face.shape[-1]) if self.size else both  # (N, 4, S, S)
        colour, attention = both[:, :3], both[:, 3:]
        return Repainted(attention * face + (1 - attention) * colour, colour, attention)


class GANimationDiscriminator(StarGANDiscriminator):
    """Is each patch real, and what do the 17 units read? Logits (N, 1, H/64, W/64) and (N, 17).

    StarGAN's, with units where that has classes.
    """

    def __init__(self, size: int = 128, width: int = 64, depth: int = 6) -> None:
        super().__init__(size, width, len(PAPER_UNITS), depth)
