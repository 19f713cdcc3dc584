"""The bundled restorer: a soft, noisy or small face → the same face, sharp, in a tenth of a second.

A plain residual network of our own. What it is built from: pixels (un)shuffled (Shi et al., CVPR 2016, arXiv
1609.05158), so that the work is done on a quarter of the grid; residual blocks without norms (EDSR, Lim et
al., CVPR workshops 2017, arXiv 1707.02921), since norms would let the backdrop decide how skin is cleaned;
a U-Net (Ronneberger et al., MICCAI 2015, arXiv 1505.04597), so that it sees what it cleans.

    face 512² ─ unshuffle 4 ─ 128² ─ 64² ─ 32² ─ 64² ─ 128² ─ shuffle 4 ─┐
         └────────────────────────────────────────────────────────────── + ─ face 512²

It starts out changing nothing, and all that it ever does is add detail to the pixels it was given: what it
adds is nothing on the average of 16² pixels, so that light and colours stay.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from ..errors import ModelError
from ..hub import HubMixin
from .layers import awake

SHUFFLE = 4
COARSE = 16  # pixels: what is larger than that stays as it is
REGAINED = 0.5  # of what a smooth enlargement loses
RETURNED = 0.8  # of the way back to the pixels given, where they were clean
QUIET, NOISY = 0.3 / 127.5, 0.45 / 127.5  # how far cleaning moves the pixels of clean and of noisy pictures
SLOPE = 0.2


def conv(inward: int, outward: int, stride: int = 1) -> nn.Conv2d:
    return awake(nn.Conv2d(inward, outward, 3, stride, padding=1), SLOPE)


class Block(nn.Module):
    """conv ─ rectifier ─ conv, added to the input; quiet at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(width, width), conv(width, width)
        nn.init.normal_(self.conv2.weight, std=0.2 * (9 * width) ** -0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv2(functional.leaky_relu_(self.conv1(x), SLOPE))


class Enhancer(nn.Module, HubMixin):
    """The restorer: face (N, 3, S, S), whatever S → (N, 3, size, size), clean."""

    def __init__(self, size: int = 512, widths: list[int] = [32, 64, 96], blocks: int = 2) -> None:  # noqa: B006
        super().__init__()
        step = SHUFFLE * 2 ** (len(widths) - 1)
        if not widths or min(widths) < 1 or blocks < 1 or size < step or size % step:
            raise ModelError(
                f"got size={size}, widths={widths}, blocks={blocks}, expected one width or more, each ≥ 1, "
                f"blocks ≥ 1, and a size that {step} divides; correct them"
            )
        self.size, self.step = size, step
        pairs = list(zip(widths, widths[1:], strict=False))
        self.enter = conv(3 * SHUFFLE**2, widths[0])
        self.fine = nn.ModuleList(_blocks(w, blocks) for w in widths)
        self.down = nn.ModuleList(conv(a, b, stride=2) for a, b in pairs)
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairs)
        self.merged = nn.ModuleList(_blocks(w, blocks) for w in widths[:-1])
        self.leave = conv(widths[0], 3 * SHUFFLE**2)
        nn.init.zeros_(self.leave.weight)

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        return returned(self.clean(fitted(face, self.size)), face).clamp(-1, 1)

    def clean(self, x: torch.Tensor) -> torch.Tensor:
        """Any part of a face at the scale of `size`: (N, 3, H, W), H and W multiples of `step`."""
        y = self.enter(functional.pixel_unshuffle(x, SHUFFLE))  # (N, widths[0], H/4, W/4)
        skips = []
        for fine, down in zip(self.fine, self.down, strict=False):
            y = fine(y)
            skips.append(y)
            y = functional.leaky_relu_(down(y), SLOPE)  # half the side
        y = self.fine[-1](y)
        for level in reversed(range(len(skips))):
            wider = functional.interpolate(
                self.up[level](y), scale_factor=2.0, mode="bilinear", align_corners=False
            )
            y = self.merged[level](skips[level] + wider)
        return x + detail(functional.pixel_shuffle(self.leave(y), SHUFFLE))


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width) for _ in range(count)))


def detail(x: torch.Tensor) -> torch.Tensor:
    """Without all that is seen from afar."""
    side = math.gcd(COARSE, *x.shape[2:])
    afar = functional.avg_pool2d(x, side)
    return x - functional.interpolate(afar, x.shape[2:], mode="bilinear", align_corners=False)


def fitted(face: torch.Tensor, size: int) -> torch.Tensor:
    """A square face at `size`: made smaller without steps, or enlarged with less lost than smoothly.

    Made small again, an enlarged face should be what was given. All the way there is too sharp for what was
    reduced sharply; half way is nearer to the truth for most.
    """
    if face.ndim != 4 or face.shape[1] != 3 or face.shape[2] != face.shape[3]:
        raise ModelError(f"got a face of {tuple(face.shape)}, expected (N, 3, S, S); frame it first")
    if face.shape[-1] == size:
        return face
    x = _smoothly(face, size)
    return (x + REGAINED * _smoothly(_lost(x, face), size) if _fits(face, size) else x).clamp(-1, 1)


def returned(made: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """Nearer to the pixels given, the less there was to clean: a clean face that was doubled shrinks back."""
    if not _fits(given, made.shape[-1]):
        return made
    lost = _lost(made, given)
    moved = lost.abs().flatten(1).median(1).values
    share = RETURNED * ((NOISY - moved) / (NOISY - QUIET)).clamp(0, 1)
    return made + share[:, None, None, None] * _smoothly(lost, made.shape[-1])


def _fits(small: torch.Tensor, size: int) -> bool:
    """Whether whole blocks of pixels were averaged; in between nobody knows how a picture was reduced."""
    return small.shape[-1] < size and size % small.shape[-1] == 0


def _lost(large: torch.Tensor, small: torch.Tensor) -> torch.Tensor:
    return small - functional.avg_pool2d(large, large.shape[-1] // small.shape[-1])


def _smoothly(x: torch.Tensor, size: int) -> torch.Tensor:
    return functional.interpolate(x, (size, size), mode="bicubic", antialias=True, align_corners=False)
