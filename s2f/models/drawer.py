"""The drawer: a drawing, how the face is to look, how far to trust the hand → a photograph of a face.

    drawing ─ unshuffle ─▶ U-Net 64² ─▶ parts ⊗ colours + shade 128² ─▶ detail 256² ─▶ detail 512²
                           look, trust (FiLM)  look                    drawing, grain  drawing, grain

No paper's: made for drawings by hand. From pix2pix (Isola et al., arXiv 1611.07004) the paired training and
the skips, from MSG-GAN (Karnewar & Wang, arXiv 1903.06048) a picture at every size, each the coarser one
enlarged and added to. Colour is not in a drawing, so it is asked for; a generator that is not told has to
average over it. The net says which part of the picture each pixel belongs to, the look what colour that part
is, and the net adds the shade: so a look is obeyed from the first steps on. What is left open is taken from
the bank, looks of the people it learned from, near to what is given; the seed picks, so that one drawing has
many faces. Grain is noise that stays where it is: hair and skin have a texture that no drawing tells, and a
net without chance in it can only repeat a pattern. Trust is how far a drawing is obeyed: in training the
photograph's features are moved by that share of the way to where the hand meant them, so that at 1 they are
where they are drawn, right or wrong, and at 0 where faces have them. How skilled a hand is shows in its
drawing, so that is read off first (a line through what the net has seen, fitted when it is trained);
faithfulness leans on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from ..errors import ModelError
from ..hub import HubMixin
from .layers import Detail, UNet, conv, enlarged, planes, sized

if TYPE_CHECKING:
    from collections.abc import Sequence

Window = tuple[int, int, int]  # of a picture: top, left, side, in cells of the grid
GRID = 64  # of the U-Net; a picture of 128² is the coarsest made
DRAWN = 4 * GRID  # pixels of a drawing that the U-Net sees
TILE = 128  # side of the grain
UNREAD = 0.7  # the skill of a hand where none was fitted
SURE = 4  # power of the trust: only very sure hands are sharp enough by themselves
MOST = 0.4  # that a level adds to a pixel, before tanh ...
MOST_FINE = 0.15  # ... and one finer than COLOURED: photographs have less in 199 of 200 pixels
TINTED = 8  # pixels: the colour of what a level adds is no finer ...
LATTICE = 4  # squares of 2 x 2 pixels: a neighbourhood in which they may not all look alike
COLOURED = 256  # ... and a level finer than this adds none: eyes see fine light and coarse colour
NEAR = 24  # of the bank's looks, how many the seed picks from when something is asked for
# of sRGB over D65
WHITE = (0.95047, 1.0, 1.08883)
FROM_XYZ = (
    (3.240479, -1.537150, -0.498535),
    (-0.969256, 1.875992, 0.041556),
    (0.055648, -0.204043, 1.057311),
)
# L*a*b* as the network sees it
MIDDLE, SPREAD = (50.0, 8.0, 10.0), (22.0, 10.0, 12.0)


class Hand(nn.Module):
    """What is told of a drawing → the skill of its hand, from 0 to 1; fitted when the rest is trained."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, told: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(1, told))
        self.register_buffer("bias", torch.full((1,), UNREAD))

    def forward(self, told: torch.Tensor) -> torch.Tensor:
        return functional.linear(told, self.weight, self.bias)[:, 0].clamp(0, 1)


class Drawer(nn.Module, HubMixin):
    """Drawing (N, 1, S, S), look (N, aspects, 3) in L*a*b* with NaN for open → face (N, 3, size, size)."""

    bank: torch.Tensor  # (bank, aspects, 3): looks of the people it learned from
    grain: torch.Tensor  # (1, TILE, TILE), repeated over the picture

    def __init__(
        self,
        size: int = 512,
        widths: list[int] = [48, 96, 160, 224],  # noqa: B006  # a JSON default, never changed
        detail: list[int] = [48, 32],  # noqa: B006
        blocks: int = 1,
        condition: int = 96,
        parts: int = 6,
        aspects: int = 7,
        bank: int = 512,
        regained: list[float] = [1.0, 1.0],  # noqa: B006  # by each level, for the surest hand; fitted last
    ) -> None:
        super().__init__()
        sizes = [2 * GRID * 2**n for n in range(len(detail) + 1)]
        small = min(blocks, parts, aspects - parts + 1, bank) < 1 or len(regained) < len(detail)
        if size not in sizes or min(*widths, *detail, condition) % 8 or small:
            raise ModelError(
                f"got size={size}, widths={widths}, detail={detail}, condition={condition}, blocks={blocks}, "
                f"parts={parts}, aspects={aspects}, bank={bank}, regained={regained}, expected a size of "
                f"{sizes}, widths that are multiples of 8, no more parts than aspects, a share regained for "
                "each level, and the others ≥ 1; correct them"
            )
        self.size, self.aspects, self.regained = size, aspects, regained
        self.ask = nn.Sequential(
            nn.Linear(4 * aspects + 1, condition), nn.SiLU(), nn.Linear(condition, condition)
        )
        self.body = UNet(16 + 2, widths, condition, blocks)
        self.first = nn.Sequential(nn.SiLU(), conv(widths[0], 4 * (3 + parts), std=1e-2))
        self.usual = nn.Parameter(torch.zeros(parts, 3))  # the colour of a part of which none is known
        self.hand = Hand(sum(widths))
        inputs = [widths[0], *detail]
        self.detail = nn.ModuleList(
            Detail(a, 8, b, 3, condition) for a, b in zip(inputs, detail, strict=False)
        )
        self.register_buffer("bank", torch.zeros(bank, aspects, 3))
        self.register_buffer("grain", torch.empty(1, TILE, TILE).normal_())

    def forward(
        self,
        drawing: torch.Tensor,
        look: torch.Tensor | None = None,
        faithfulness: float | torch.Tensor = 0.5,
        *,
        generator: Sequence[torch.Generator] | None = None,
    ) -> torch.Tensor:
        return self.as_asked(drawing, self.complete(look, len(drawing), generator), faithfulness)

    def as_asked(
        self, drawing: torch.Tensor, look: torch.Tensor, faithfulness: float | torch.Tensor
    ) -> torch.Tensor:
        """The face of a look in which nothing is open; what a faithfulness of 0.5 is depends on the hand."""
        seen = self.seen(drawing)
        return self._made(drawing, seen, look, leaned(self.skill(seen), faithfulness))[-1]

    def levels(
        self,
        drawing: torch.Tensor,
        look: torch.Tensor,
        trust: float | torch.Tensor,
        size: int | None = None,
        moved: torch.Tensor | None = None,
        window: Window | None = None,
    ) -> list[torch.Tensor]:
        """The face at 128² and every finer level up to `size`; nothing open is filled in here.

        In training the grain is `moved` (N, 2), else a texture would be learned by its place, and of the
        finest level only a `window` may be made: top, left and side, in cells of the U-Net's grid.
        """
        trust = torch.as_tensor(trust).to(drawing)
        return self._made(drawing, self.seen(drawing), look, trust, size, moved, window)

    def seen(self, drawing: torch.Tensor) -> list[torch.Tensor]:
        """What the U-Net's way down makes of a drawing, fine to coarse."""
        if drawing.dim() != 4 or drawing.shape[1] != 1 or drawing.shape[2] != drawing.shape[3]:
            raise ModelError(
                f"got a drawing of shape {list(drawing.shape)}, expected [batch, 1, side, side]; make it "
                "square and grey"
            )
        coarse = functional.pixel_unshuffle(sized(drawing, DRAWN), 4)  # (N, 16, 64, 64)
        return self.body.encode(torch.cat([coarse, planes(coarse)], 1))

    def skill(self, seen: list[torch.Tensor]) -> torch.Tensor:
        """(N,) from 0 to 1: how skilled a hand that drew so is."""
        return self.hand(told_of_hand(seen))

    def _made(
        self,
        drawing: torch.Tensor,
        seen: list[torch.Tensor],
        look: torch.Tensor,
        trust: torch.Tensor,
        size: int | None = None,
        moved: torch.Tensor | None = None,
        window: Window | None = None,
    ) -> list[torch.Tensor]:
        size = size or self.size
        asked = self.ask(_told(look.to(drawing), trust.expand(len(drawing))))  # (N, condition)
        x = self.body.decode(seen, asked)  # (N, w0, 64, 64)
        shade, where = functional.pixel_shuffle(self.first(x), 2).split([3, len(self.usual)], 1)
        flat = torch.einsum("nphw,npc->nchw", torch.softmax(where, 1), self._colours(look.to(drawing)))
        made = [flat + shade]  # (N, 3, 128, 128)
        grain = self.grain.to(drawing).expand(len(drawing), -1, -1, -1)
        if moved is not None:
            grain = torch.stack([g.roll(w, (1, 2)) for g, w in zip(grain, moved.tolist(), strict=True)])
        sure = (trust**SURE).expand(len(drawing))[:, None, None, None]
        for step, regained in zip(self.detail, self.regained, strict=False):
            if made[-1].shape[-1] >= size:
                break
            side = 2 * made[-1].shape[-1]
            tiles = side // TILE
            page = torch.cat([sized(drawing, side), grain.repeat(1, 1, tiles, tiles)], 1)
            before = made[-1]
            if window and side == size:
                x, before, page = (cut(level, window) for level in (x, before, page))
            x, more = step(x, functional.pixel_unshuffle(page, 2), asked)  # of (N, 8, side / 2, side / 2)
            # An unsure hand's face regains just what enlarging loses; how much a sure one's does, is fitted.
            share = 1 - sure * (1 - regained)
            more = tempered(more, coloured=side <= COLOURED)
            made.append(enlarged(before, share) + more)  # (N, 3, 256, 256), then (N, 3, 512, 512)
        return [torch.tanh(m) for m in made]

    def _colours(self, look: torch.Tensor) -> torch.Tensor:
        """(N, parts, 3): the colour of each part, as what tanh makes it of."""
        lab = look[:, : len(self.usual)]
        known = lab.isfinite().all(2, keepdim=True)
        rgb = lab_to_rgb(torch.where(known, lab, lab.new_tensor(MIDDLE)))
        return torch.where(known, torch.atanh(0.97 * rgb), self.usual)

    def complete(
        self, look: torch.Tensor | None, count: int, generator: Sequence[torch.Generator] | None = None
    ) -> torch.Tensor:
        """What is open filled in from the bank: one of the looks nearest to what is given, by each seed."""
        bank = self.bank.float()
        asked = torch.full((count, self.aspects, 3), torch.nan, device=bank.device)
        if look is not None:
            if look.shape[0] != count or look.shape[1] > self.aspects or look.shape[2:] != (3,):
                raise ModelError(
                    f"got a look of shape {list(look.shape)}, expected [{count}, up to {self.aspects}, 3]; "
                    "give L*a*b* for each part, NaN where it is open"
                )
            asked[:, : look.shape[1]] = look.float()
        chosen = torch.empty_like(asked)
        for n in range(count):
            away = (bank - asked[n]).square().nan_to_num(0).sum((1, 2))
            near = torch.argsort(away + away.new_tensor(range(len(away))) * 1e-9)
            near = near[: NEAR if asked[n].isfinite().any() else len(bank)]
            pick = int(torch.randint(len(near), (), generator=generator[n])) if generator else 0
            chosen[n] = torch.where(asked[n].isnan(), bank[near[pick]], asked[n])
        return chosen


def finer(size: int) -> int:
    """Which of the finer levels makes faces of that size; the coarsest face, made by none, has -1."""
    return (size // (4 * GRID)).bit_length() - 1


def cut(level: torch.Tensor, window: Window) -> torch.Tensor:
    """The window's part of a square map of any size."""
    top, left, side = (cells * level.shape[-1] // GRID for cells in window)
    return level[:, :, top : top + side, left : left + side]


def tempered(more: torch.Tensor, coloured: bool = True) -> torch.Tensor:
    """What a finer level may add: little, and light rather than colour.

    A critic is fooled by sparks as well as by highlights; in dark hair they would be green or gold.
    """
    most = MOST if coloured else MOST_FINE
    more = most * torch.tanh(more / most)
    light = unlatticed(more.mean(1, keepdim=True))
    if not coloured:
        return light
    tint = functional.interpolate(
        functional.avg_pool2d(more - light, TINTED), more.shape[2:], mode="bilinear", align_corners=False
    )
    return light + tint


def unlatticed(light: torch.Tensor) -> torch.Tensor:
    """Without what alternates from pixel to pixel in the same way all over a neighbourhood: the pixels of a
    shuffled square come from channels of their own, and where these differ, a grid lies over the face."""
    shuffled = functional.pixel_unshuffle(light, 2)
    uneven = functional.avg_pool2d(shuffled - shuffled.mean(1, keepdim=True), LATTICE)
    grid = functional.interpolate(uneven, size=shuffled.shape[2:], mode="bilinear", align_corners=False)
    return light - functional.pixel_shuffle(grid, 2)


def leaned(skill: torch.Tensor, faithfulness: float | torch.Tensor) -> torch.Tensor:
    """The trust: 0 and 1 are absolute, 0.5 lies half way from the hand's skill to 1, between them straight
    lines. Wrong proportions in clean lines are meant so, and features half way off their lines smear."""
    asked, usual = torch.as_tensor(faithfulness).to(skill), (1 + skill) / 2
    return torch.where(asked < 0.5, 2 * asked * usual, usual + (2 * asked - 1) * (1 - usual))


def told_of_hand(seen: list[torch.Tensor]) -> torch.Tensor:
    """(N, sum of widths): the means of all that is seen in a drawing."""
    return torch.cat([level.mean((2, 3)) for level in seen], 1)


def lab_to_rgb(lab: torch.Tensor) -> torch.Tensor:
    """(..., 3) CIE L*a*b* over D65 → sRGB in [-1, 1]."""
    y = (lab[..., 0] + 16) / 116
    f = torch.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], -1)
    xyz = torch.where(f > 0.2068966, f**3, (f - 16 / 116) / 7.787) * lab.new_tensor(WHITE)
    linear = (xyz @ lab.new_tensor(FROM_XYZ).T).clamp(1e-6, 1.0)
    return 2 * torch.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear) - 1


def _told(look: torch.Tensor, trust: torch.Tensor) -> torch.Tensor:
    """(N, aspects, 3), (N,) → (N, 4·aspects + 1): numbers near 1, a flag for each known, the trust."""
    known = look.isfinite().all(2, keepdim=True)
    even = (look - look.new_tensor(MIDDLE)) / look.new_tensor(SPREAD)
    told = torch.cat([torch.where(known, even, torch.zeros_like(even)), known.to(look)], 2)
    return torch.cat([told.flatten(1), 2 * trust[:, None] - 1], 1)
