"""What the shipped drawer and editor share: a U-Net on a coarse grid, told by FiLM what to make.

    x @64 ─ 32 ─ 16 ─ 8 ─┐     encode: sees the input only, so that seven answers share one look at it
    skips │    │    │    │
    y @64 ─ 32 ─ 16 ─ 8 ─┘     decode: every block is scaled and shifted by the condition (FiLM, Perez
                               et al., AAAI 2018, arXiv 1709.07871)

Pixels go in by unshuffling and come out by shuffling (Shi et al., CVPR 2016, arXiv 1609.05158): most of the
work is done where it is cheap, which is what makes 512² faces affordable on two processor cores.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

# A filter (its middle, then either side) that undoes [1, 6, 1] / 8, what doubling smoothly and averaging
# again make of a row: √2 (√8 - 3)^n.
UNDOING = [2**0.5 * (8**0.5 - 3) ** n for n in range(9)]


def conv(inputs: int, outputs: int, stride: int = 1, std: float | None = None) -> nn.Conv2d:
    """3×3; with `std` it starts out as quiet as that, without a bias."""
    layer = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
    if std is not None:
        assert layer.bias is not None
        nn.init.normal_(layer.weight, std=std)
        nn.init.zeros_(layer.bias)
    return layer


class Residual(nn.Module):
    """norm ─ (scale, shift) ─ conv ─ norm ─ conv, added to the input."""

    def __init__(self, width: int, condition: int = 0) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, width), nn.GroupNorm(8, width)
        self.conv1, self.conv2 = conv(width, width), conv(width, width, std=0)
        self.film = nn.Linear(condition, 2 * width) if condition else None

    def forward(self, x: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        y = self.conv1(functional.silu(self.norm1(x)))
        y = self.norm2(y)
        if self.film is not None:
            assert condition is not None
            scale, shift = self.film(condition)[:, :, None, None].chunk(2, 1)
            y = y * (1 + scale) + shift
        return x + self.conv2(functional.silu(y))


class UNet(nn.Module):
    """Features in and out on one grid; `widths` from that grid down, halving it each time."""

    def __init__(self, inputs: int, widths: list[int], condition: int, blocks: int = 1) -> None:
        super().__init__()
        self.stem = conv(inputs, widths[0])
        self.encoder = nn.ModuleList(nn.ModuleList(Residual(w) for _ in range(blocks)) for w in widths)
        self.down = nn.ModuleList(conv(a, b, stride=2) for a, b in zip(widths, widths[1:], strict=False))
        # one look at the whole picture, so that what is far apart agrees
        self.whole = nn.Sequential(
            nn.Linear(widths[-1], condition), nn.SiLU(), nn.Linear(condition, condition)
        )
        self.decoder = nn.ModuleList(
            nn.ModuleList(Residual(w, condition) for _ in range(blocks)) for w in widths
        )
        self.up = nn.ModuleList(conv(b, a) for a, b in zip(widths, widths[1:], strict=False))
        self.merge = nn.ModuleList(nn.Conv2d(2 * a, a, 1) for a in widths[:-1])

    def encode(self, x: torch.Tensor) -> list[torch.Tensor]:
        x, skips = self.stem(x), []
        for level, blocks in enumerate(self.encoder):
            x = self.down[level - 1](x) if level else x
            for block in blocks:  # type: ignore[attr-defined]  # a ModuleList
                x = block(x)
            skips.append(x)
        return skips

    def decode(self, skips: list[torch.Tensor], condition: torch.Tensor) -> torch.Tensor:
        condition = condition + self.whole(skips[-1].mean((2, 3)))
        x = skips[-1]
        for level in reversed(range(len(skips))):
            if level < len(skips) - 1:
                x = self.merge[level](torch.cat([doubled(self.up[level](x)), skips[level]], 1))
            for block in self.decoder[level]:  # type: ignore[attr-defined]
                x = block(x, condition)
        return x


def planes(x: torch.Tensor) -> torch.Tensor:
    """(N, 2, H, W): where each pixel is, from -1 to 1; the frame is fixed, so place is meaning."""
    down = torch.linspace(-1, 1, x.shape[2], device=x.device, dtype=x.dtype)
    across = torch.linspace(-1, 1, x.shape[3], device=x.device, dtype=x.dtype)
    grid = torch.stack(torch.meshgrid(down, across, indexing="ij"))
    return grid.expand(len(x), -1, -1, -1)


def doubled(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def enlarged(x: torch.Tensor, regained: float | torch.Tensor = 1.0) -> torch.Tensor:
    """Doubled so that it averages back to what it was: a smooth enlargement alone loses the finest detail.

    With less than 1 of what was lost `regained` it averages back to something softer. What will be lost is
    added before doubling; put back after it, pixel by pixel, it makes staircases of edges.
    """
    sharp = x
    for axis in (2, 3):
        sharp = _undoing(sharp, axis)
    return doubled(x + regained * (sharp - x))


def _undoing(x: torch.Tensor, axis: int) -> torch.Tensor:
    """Along an axis, what doubling and averaging will make x of. As sums of shifts: these keep the precision
    given, where a convolution under autocast does not."""
    reach, count = len(UNDOING) - 1, x.shape[axis]
    at = torch.arange(-reach, count + reach, device=x.device) % (2 * count)
    wide = x.index_select(axis, torch.minimum(at, 2 * count - 1 - at))  # mirrored at both ends
    sharp = UNDOING[0] * x
    for n, share in enumerate(UNDOING[1:], 1):
        sharp = sharp + share * (wide.narrow(axis, reach - n, count) + wide.narrow(axis, reach + n, count))
    return sharp


def sized(x: torch.Tensor, size: int) -> torch.Tensor:
    """To `size` each way: averaged when it shrinks, smooth when it grows."""
    if x.shape[-1] == size:
        return x
    if x.shape[-1] % size == 0:
        return functional.avg_pool2d(x, x.shape[-1] // size)
    return functional.interpolate(x, size=(size, size), mode="bilinear", antialias=True, align_corners=False)


class Detail(nn.Module):
    """One finer level: features doubled, what the input shows there seen again, and the RGB that it adds."""

    def __init__(self, inputs: int, seen: int, width: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.enter = conv(inputs, width)
        self.look = conv(seen, width)
        self.block = Residual(width, condition)
        self.leave = conv(width, 4 * outputs, std=1e-3)

    def forward(
        self, x: torch.Tensor, seen: torch.Tensor, condition: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (N, inputs, G, G) → features (N, width, 2G, 2G), pixels (N, outputs, 4G, 4G)."""
        x = doubled(self.enter(x)) + self.look(seen)
        x = self.block(x, condition)
        return x, functional.pixel_shuffle(self.leave(functional.silu(x)), 2)


def started(module: nn.Module) -> None:
    """DCGAN's N(0, 0.02), and N(1, 0.02) for the scales of the normalisation, which pix2pix took over."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def awake(layer: nn.Conv2d, slope: float = 0.2) -> nn.Conv2d:
    """He's start before a leaky rectifier (arXiv 1502.01852): signals pass as strong as they came."""
    nn.init.kaiming_normal_(layer.weight, a=slope)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
