"""The reader: a drawing or photograph of a face → where everything is, what moves, which way it looks.

Landmarks are read as in PIPNet (Jin, Liao & Shao, IJCV 2021, arXiv 2003.03771): on a coarse grid every
landmark says in which cell it lies and how far from that cell's middle. Original code:
github.com/jhb86253817/PIPNet (MIT); written anew from the paper, with its own trunk.

    picture 3 ─ resize ─ conv w ↓ ─ 2w ↓ ─ 4w ↓ ─ 8w ↓ ─ 8w ↓ ─ mean ──────┐
                                           │      └─ up ─┐  everywhere ─┤  ├─ linear ─ units, pose, face?
                                           └──────────── + ─────────────┘  │
                                                         └ 5w ─ cell and offset of every landmark

Our deviations:
- A landmark is the mean over all cells, weighed by how likely each is, so that it moves smoothly, instead of
  the likeliest cell's; no neighbours are predicted.
- Action units and pose are told by the landmarks as well as by the features.
- Confidence: one more logit, taught on pictures without an upright face.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from ..errors import ModelError
from ..expression import ACTION_UNITS
from ..hub import HubMixin
from .classifier import Residual

POSE = 15.0  # degrees that one unit of the network stands for


class Reading(NamedTuple):
    """What a picture shows, one row per picture."""

    landmarks: torch.Tensor  # (N, 189, 2) pixels of the picture given; a pixel's centre is a whole number
    units: torch.Tensor  # (N, 42) action units, 0 to 1
    pose: torch.Tensor  # (N, 3) yaw, pitch and roll in degrees
    confidence: torch.Tensor  # (N,) 0 to 1: that it is an upright face


class Cells(NamedTuple):
    """What the losses need besides: the same before it is put into words."""

    places: torch.Tensor  # (N, points, 2) shares of the half side, from the middle
    cells: torch.Tensor  # (N, points, cells) logits
    units: torch.Tensor  # (N, 42) logits
    pose: torch.Tensor  # (N, 3) in units of POSE
    face: torch.Tensor  # (N,) logit


class Reader(nn.Module, HubMixin):
    """picture (N, 3, H, W), or (N, 1, H, W) for drawings → Reading."""

    def __init__(self, width: int = 16, size: int = 128, points: int = 189, hidden: int = 128) -> None:
        super().__init__()
        if width < 8 or width % 8 or size < 32 or size % 32 or points < 2 or hidden < 1:
            raise ModelError(
                f"got width={width}, size={size}, points={points}, hidden={hidden}, expected width a "
                "multiple of 8, size a multiple of 32, points ≥ 2, hidden ≥ 1; correct them"
            )
        self.size, self.points, w = size, points, width
        self.stem = nn.Conv2d(3, w, 5, 2, 2, bias=False)
        self.fine = nn.Sequential(Residual(w, 2 * w, 2), Residual(2 * w, 4 * w, 2), Residual(4 * w, 4 * w, 1))
        self.coarse = nn.Sequential(Residual(4 * w, 8 * w, 2), Residual(8 * w, 8 * w, 1))
        self.whole = nn.Sequential(Residual(8 * w, 8 * w, 2), nn.GroupNorm(4, 8 * w), nn.SiLU())
        self.near, self.far = nn.Conv2d(4 * w, 5 * w, 1), nn.Conv2d(8 * w, 5 * w, 1, bias=False)
        self.everywhere = nn.Linear(8 * w, 5 * w, bias=False)
        self.merged = nn.Sequential(Residual(5 * w, 5 * w, 1), nn.GroupNorm(4, 5 * w), nn.SiLU())
        self.cells = nn.Conv2d(5 * w, 3 * points, 1)
        self.state = nn.Sequential(
            nn.Linear(8 * w + 2 * points, hidden), nn.SiLU(), nn.Linear(hidden, len(ACTION_UNITS) + 4)
        )

    def forward(self, picture: torch.Tensor) -> Reading:
        found = self.read(picture)
        sides = torch.tensor([picture.shape[-1], picture.shape[-2]], device=picture.device)
        landmarks = (found.places + 1) / 2 * sides - 0.5
        return Reading(landmarks, found.units.sigmoid(), found.pose * POSE, found.face.sigmoid())

    def read(self, picture: torch.Tensor) -> Cells:
        """What losses need."""
        return self.told(*self.seen(picture))

    def seen(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the trunk finds in a picture: (N, 4w, 16, 16) and (N, 8w, 8, 8) of 128 pixels."""
        if picture.dim() != 4 or picture.shape[1] not in (1, 3):
            raise ModelError(
                f"got a picture of shape {list(picture.shape)}, expected [batch, 3, height, width], or one "
                "channel; give RGB or a drawing"
            )
        if picture.shape[-2:] != (self.size, self.size):
            sides = (self.size, self.size)
            picture = functional.interpolate(
                picture, sides, mode="bilinear", antialias=True, align_corners=False
            )
        fine = self.fine(self.stem(picture.expand(-1, 3, -1, -1)))
        return fine, self.coarse(fine)

    def told(self, fine: torch.Tensor, coarse: torch.Tensor) -> Cells:
        """What follows from that."""
        whole = self.whole(coarse).mean((2, 3))  # (N, 8w)
        far = functional.interpolate(self.far(coarse), fine.shape[-2:], mode="bilinear", align_corners=False)
        x = self.merged(self.near(fine) + far + self.everywhere(whole)[:, :, None, None])  # (N, 5w, 16, 16)
        cells, offsets = self.cells(x).flatten(2).split([self.points, 2 * self.points], 1)
        offsets = offsets.unflatten(1, (self.points, 2))  # (N, points, 2, cells) in cells
        side = fine.shape[-1]
        middle = (torch.arange(side, device=x.device, dtype=x.dtype) * 2 + 1) / side - 1
        grid = torch.stack([middle.repeat(side), middle.repeat_interleave(side)])  # (2, cells)
        likely = cells.softmax(-1)
        places = (likely[:, :, None] * (grid + offsets * 2 / side)).sum(-1)  # (N, points, 2)
        state = self.state(torch.cat([whole, 2 * places.flatten(1)], 1))
        units, pose, face = state.split([len(ACTION_UNITS), 3, 1], 1)
        return Cells(places, cells, units, pose, face[:, 0])
