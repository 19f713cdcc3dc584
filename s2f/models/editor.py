"""The editor: a face and the action units it is to show → the same person with that expression.

    face ─ unshuffle ─▶ U-Net 64² ─┬─ bases ⊗ change of units: where from ─▶ the face, warped ──┐
                ▲                  └─ 128² ─ detail ─▶ 256²: colour, attention ─▶ a·colour + (1 − a)·warped
     its own units, read by itself; the units asked for

Motion carries the person: the full-resolution photograph itself is moved, so that skin, hair and eyes stay
what they are, and attention lets new pixels in where motion has none to bring: teeth, folds, closed lids. A
unit moves a face in its own way and in proportion, so the net says how each moves this face, and the flow is
their sum: what is asked for is obeyed from the first steps on.
From GANimation (Pumarola et al., arXiv 1807.09251) the units and the attention, from the first-order motion
model (Siarohin et al., arXiv 2003.00196) the flow.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from ..errors import ModelError
from ..hub import HubMixin
from .layers import Detail, UNet, conv, doubled, planes, sized

GRID = 64
REACH = 0.3  # the farthest a pixel may come from, in half sides


class Edit(NamedTuple):
    """All that an edit is made of; `face` is the answer."""

    face: torch.Tensor  # (N, 3, S, S)
    warped: torch.Tensor  # (N, 3, S, S)
    attention: torch.Tensor  # (N, 1, S, S)
    flow: torch.Tensor  # (N, 2, 64, 64), in half sides
    source: torch.Tensor  # (N, units), as read from the face


class Editor(nn.Module, HubMixin):
    """Face (N, 3, S, S), action units (N, 42) in 0 to 1.2 → face (N, 3, S, S); S a multiple of 64."""

    def __init__(
        self,
        size: int = 512,
        widths: list[int] = [48, 96, 160, 224],  # noqa: B006  # a JSON default, never changed
        detail: int = 24,
        blocks: int = 1,
        condition: int = 128,
        units: int = 42,
    ) -> None:
        super().__init__()
        if min(*widths, detail, condition) % 8 or min(blocks, units) < 1 or size % GRID or size < 2 * GRID:
            raise ModelError(
                f"got size={size}, widths={widths}, detail={detail}, condition={condition}, blocks={blocks}, "
                f"units={units}, expected widths that are multiples of 8, a size that is a multiple of "
                f"{GRID} and the others ≥ 1; correct them"
            )
        self.size, self.units = size, units
        self.body = UNet(48 + 2, widths, condition, blocks)
        self.read = nn.Sequential(
            nn.Linear(widths[-1] * 17, 2 * condition), nn.SiLU(), nn.Linear(2 * condition, units)
        )
        self.ask = nn.Sequential(nn.Linear(2 * units, condition), nn.SiLU(), nn.Linear(condition, condition))
        self.flow = nn.Sequential(nn.SiLU(), conv(widths[0], 2, std=1e-3))
        self.bases = nn.Sequential(nn.SiLU(), conv(widths[0], 2 * units, std=1e-3))
        self.first = nn.Sequential(nn.SiLU(), conv(widths[0], 16, std=1e-2))
        self.detail = Detail(widths[0], 12, detail, 4, condition)

    def forward(self, face: torch.Tensor, action_units: torch.Tensor) -> torch.Tensor:
        return self.edit(face, action_units).face

    def edit(self, face: torch.Tensor, target: torch.Tensor, source: torch.Tensor | None = None) -> Edit:
        """`forward` with all its parts; `source` in place of the units that the editor reads itself."""
        return self.change(face, self.look(face), target, source)

    def look(self, face: torch.Tensor) -> list[torch.Tensor]:
        """What does not depend on the expression asked for, to be shared by all that are."""
        if face.dim() != 4 or face.shape[1] != 3 or face.shape[2] != face.shape[3] or face.shape[2] % GRID:
            raise ModelError(
                f"got a face of shape {list(face.shape)}, expected [batch, 3, side, side] with a side that "
                f"is a multiple of {GRID}; resize it"
            )
        coarse = functional.pixel_unshuffle(sized(face, 4 * GRID), 4)  # (N, 48, 64, 64)
        return self.body.encode(torch.cat([coarse, planes(coarse)], 1))

    def change(
        self,
        face: torch.Tensor,
        looked: list[torch.Tensor],
        target: torch.Tensor,
        source: torch.Tensor | None = None,
    ) -> Edit:
        """One looked-at face, or as many as there are targets, to each target; NaN in `source` is read."""
        if target.dim() != 2 or target.shape[1] != self.units or len(face) not in (1, len(target)):
            raise ModelError(
                f"got action units of shape {list(target.shape)} for {len(face)} faces, expected "
                f"[{len(face)}, {self.units}]; give one row for each face"
            )
        read = self._read(looked[-1])
        now, many = read.detach(), len(target)
        if source is not None:
            now = torch.where(source.isnan(), now, source.to(now))
        looked = [x.expand(many, -1, -1, -1) for x in looked]
        step = target - now.expand(many, -1)
        asked = self.ask(torch.cat([target, step], 1))  # (N, condition)
        x = self.body.decode(looked, asked)  # (N, w0, 64, 64)
        moves = self.bases(x).unflatten(1, (2, self.units))  # (N, 2, units, 64, 64)
        flow = REACH * torch.tanh(self.flow(x) + torch.einsum("ncuhw,nu->nchw", moves, step))
        warped = warp(face.expand(many, -1, -1, -1), flow)  # (N, 3, S, S)
        paint = functional.pixel_shuffle(self.first(x), 2)  # (N, 4, 128, 128)
        seen = functional.pixel_unshuffle(sized(warped, 4 * GRID), 2)
        _, more = self.detail(x, seen, asked)
        paint = (doubled(paint) + more).to(warped)  # (N, 4, 256, 256)
        colour, attention = torch.tanh(paint[:, :3]), torch.sigmoid(paint[:, 3:] - 2)
        if warped.shape[-1] != paint.shape[-1]:
            side = (warped.shape[-1], warped.shape[-1])
            both = torch.cat([colour, attention], 1)
            both = functional.interpolate(both, size=side, mode="bilinear", align_corners=False)
            colour, attention = both[:, :3], both[:, 3:]
        return Edit(torch.lerp(warped, colour, attention), warped, attention, flow, read)

    def _read(self, deep: torch.Tensor) -> torch.Tensor:
        whole, parts = deep.mean((2, 3)), functional.adaptive_avg_pool2d(deep, 4).flatten(1)
        return self.read(torch.cat([whole, parts], 1))  # (N, units)


def warp(face: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Each pixel from where the flow says, in half sides; it is the flow that is enlarged, not the face.

    By cubic interpolation: between two pixels the linear one takes a fifth of the fine detail away.
    """
    side = face.shape[-1]
    across = (torch.arange(side, device=face.device, dtype=face.dtype) + 0.5) * (2 / side) - 1
    here = torch.stack(torch.meshgrid(across, across, indexing="xy"), -1)  # (S, S, 2)
    fine = functional.interpolate(flow, size=(side, side), mode="bilinear", align_corners=False)
    grid = here + fine.permute(0, 2, 3, 1)
    moved = functional.grid_sample(face, grid, mode="bicubic", padding_mode="border", align_corners=False)
    return moved.clamp(-1, 1)
