"""GFPGAN: a degraded face → a clean one, with the prior of a generator that has seen many.

GFP-GAN: Towards Real-World Blind Face Restoration with Generative Facial Prior, Wang, Li, Zhang & Shan,
CVPR 2021, arXiv 2101.04061. The weights are TencentARC's, versions 1.3 and 1.4 (Apache-2.0); the names of
the parameters are theirs, so that those weights load strictly; the code is written anew from the paper.

    face ─ down … down ─ 4² ─ linear ─ latents w ──────────────┐
              └────skips──┐ └ up … up ─ α, β of each scale ─┐   │
                          └────┘     └ toRGB (training)     ▼   ▼
                             constant 4² ─ StyleGAN2 ─ F·α + β ─ … ─ face

Our deviations from the published form of the network (the one "clean" of compiled operators):
- The noise of StyleGAN2 is the one that is stored with the weights: a face restores to the same face each
  time, and alone as in a batch. A `generator` gives noise anew.
- `forward` gives the face only; `pyramid` gives the small faces beside, by which the U-Net is supervised.
- Nothing is kept between calls, and the decoder is trained like the rest unless the caller freezes it.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from ..errors import ModelError
from ..hub import HubMixin
from .enhancer import fitted

SLOPE = 0.2  # of every leaky rectifier here


def channels(size: int, multiplier: int, narrow: float) -> dict[int, int]:
    """Side of a feature map → its channels."""
    widest = dict.fromkeys((4, 8, 16, 32), 512)
    finer = {2**n: multiplier * 2 ** (14 - n) for n in range(6, 11)}  # 256 at 64² down to 16 at 1024²
    return {side: int(width * narrow) for side, width in (widest | finer).items() if side <= size}


def rescaled(x: torch.Tensor, factor: float) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def linear(inward: int, outward: int, gain: float, bias: float) -> nn.Linear:
    layer = nn.Linear(inward, outward)
    nn.init.normal_(layer.weight, std=gain * inward**-0.5)
    nn.init.constant_(layer.bias, bias)
    return layer


class Resized(nn.Module):
    """A residual block that halves or doubles the side."""

    def __init__(self, inward: int, outward: int, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.conv1 = nn.Conv2d(inward, inward, 3, 1, 1)
        self.conv2 = nn.Conv2d(inward, outward, 3, 1, 1)
        self.skip = nn.Conv2d(inward, outward, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = functional.leaky_relu_(self.conv1(x), SLOPE)
        inner = functional.leaky_relu_(self.conv2(rescaled(inner, self.factor)), SLOPE)
        return inner + self.skip(rescaled(x, self.factor))


class Modulated(nn.Module):
    """A convolution whose weights the style scales (StyleGAN2, arXiv 1912.04958, equations 1 and 3)."""

    def __init__(self, inward: int, outward: int, kernel: int, style: int, demodulate: bool) -> None:
        super().__init__()
        self.demodulate = demodulate
        self.modulation = linear(style, inward, gain=1.0, bias=1.0)
        self.weight = nn.Parameter(
            torch.randn(1, outward, inward, kernel, kernel) / math.sqrt(inward * kernel**2)
        )

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        count, inward, height, width = x.shape
        _, outward, _, kernel, _ = self.weight.shape
        weight = self.weight * self.modulation(style).view(count, 1, inward, 1, 1)  # w' = s · w
        if self.demodulate:
            norm = torch.rsqrt(weight.pow(2).sum([2, 3, 4]) + 1e-8)
            weight = weight * norm.view(count, outward, 1, 1, 1)  # w'' = w' / ‖w'‖
        # each picture has its own weights: the batch is laid out as the groups of one convolution
        weight = weight.view(count * outward, inward, kernel, kernel)
        x = functional.conv2d(
            x.reshape(1, count * inward, height, width), weight, padding=kernel // 2, groups=count
        )
        return x.view(count, outward, height, width)


class Styled(nn.Module):
    """One layer of the decoder: modulated convolution, noise, bias, rectifier."""

    def __init__(self, inward: int, outward: int, style: int, *, doubles: bool) -> None:
        super().__init__()
        self.doubles = doubles
        self.modulated_conv = Modulated(inward, outward, 3, style, demodulate=True)
        self.weight = nn.Parameter(torch.zeros(1))  # how much noise
        self.bias = nn.Parameter(torch.zeros(1, outward, 1, 1))

    def forward(self, x: torch.Tensor, style: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        x = self.modulated_conv(rescaled(x, 2) if self.doubles else x, style) * 2**0.5
        return functional.leaky_relu_(x + self.weight * noise + self.bias, SLOPE)


class Coloured(nn.Module):
    """Features → a picture, laid over the coarser one."""

    def __init__(self, inward: int, style: int) -> None:
        super().__init__()
        self.modulated_conv = Modulated(inward, 3, 1, style, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(
        self, x: torch.Tensor, style: torch.Tensor, coarser: torch.Tensor | None = None
    ) -> torch.Tensor:
        picture = self.modulated_conv(x, style) + self.bias
        return picture if coarser is None else picture + rescaled(coarser, 2)


class Unit(nn.Module):
    """A style at length 1 per channel."""

    def forward(self, style: torch.Tensor) -> torch.Tensor:
        return style * torch.rsqrt(torch.mean(style**2, dim=1, keepdim=True) + 1e-8)


class Constant(nn.Module):
    """What every face grows from."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, width, 4, 4))

    def forward(self, count: int) -> torch.Tensor:
        return self.weight.repeat(count, 1, 1, 1)


class StyleDecoder(nn.Module):
    """StyleGAN2's synthesis network, its features scaled and shifted by conditions (spatial transform)."""

    def __init__(self, widths: dict[int, int], style: int, depth: int, half_modulated: bool) -> None:
        super().__init__()
        self.half_modulated = half_modulated
        layers: list[nn.Module] = [Unit()]
        for _ in range(depth):
            gain = nn.init.calculate_gain("leaky_relu", SLOPE)
            layers += [linear(style, style, gain, bias=0.0), nn.LeakyReLU(SLOPE, inplace=True)]
        self.style_mlp = nn.Sequential(*layers)
        self.constant_input = Constant(widths[4])
        self.style_conv1 = Styled(widths[4], widths[4], style, doubles=False)
        self.to_rgb1 = Coloured(widths[4], style)
        self.style_convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), nn.Module()
        self.noises.register_buffer("noise0", torch.randn(1, 1, 4, 4))
        sides = list(widths)
        for n, (coarse, fine) in enumerate(zip(sides, sides[1:], strict=False)):
            self.style_convs.append(Styled(widths[coarse], widths[fine], style, doubles=True))
            self.style_convs.append(Styled(widths[fine], widths[fine], style, doubles=False))
            self.to_rgbs.append(Coloured(widths[fine], style))
            for twin in (1, 2):
                self.noises.register_buffer(f"noise{2 * n + twin}", torch.randn(1, 1, fine, fine))

    def forward(
        self,
        latents: torch.Tensor,
        conditions: list[tuple[torch.Tensor, torch.Tensor]],
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        noises = [self._noise(stored, len(latents), generator) for stored in self.noises.buffers()]
        x = self.style_conv1(self.constant_input(len(latents)), latents[:, 0], noises[0])  # (N, C, 4, 4)
        picture = self.to_rgb1(x, latents[:, 1])
        pairs = zip(self.style_convs[::2], self.style_convs[1::2], self.to_rgbs, conditions, strict=True)
        for n, (doubling, keeping, to_rgb, (scale, shift)) in enumerate(pairs):
            at = 2 * n + 1
            x = doubling(x, latents[:, at], noises[at])
            x = self._conditioned(x, scale, shift)
            x = keeping(x, latents[:, at + 1], noises[at + 1])
            picture = to_rgb(x, latents[:, at + 2], picture)
        return picture

    def _conditioned(self, x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        """Equation 5: all channels, or the later half of them, which keeps the prior's own in the rest."""
        if not self.half_modulated:
            return x * scale + shift
        kept, moved = x.split(x.shape[1] // 2, 1)
        return torch.cat([kept, moved * scale + shift], 1)

    @staticmethod
    def _noise(stored: torch.Tensor, count: int, generator: torch.Generator | None) -> torch.Tensor:
        if generator is None:
            return stored
        shape = (count, *stored.shape[1:])
        return torch.randn(shape, generator=generator, device=generator.device).to(stored)


class GFPGAN(nn.Module, HubMixin):
    """The restorer: face (N, 3, S, S) → (N, 3, size, size), clean. As it comes: versions 1.3 and 1.4."""

    def __init__(
        self,
        size: int = 512,
        channel_multiplier: int = 2,
        narrow: float = 1.0,
        style: int = 512,
        mlp_depth: int = 8,
        input_is_latent: bool = True,
        different_w: bool = True,
        half_modulated: bool = True,
    ) -> None:
        super().__init__()
        if size not in (2**n for n in range(3, 11)) or channel_multiplier < 1 or mlp_depth < 0 or style < 1:
            raise ModelError(
                f"got size={size}, channel_multiplier={channel_multiplier}, style={style}, "
                f"mlp_depth={mlp_depth}, expected a power of two from 8 to 1024, 1 or more, 1 or more, 0 or "
                "more; correct them"
            )
        decoder, unet = (channels(size, channel_multiplier, n) for n in (narrow, narrow / 2))
        if min(unet.values()) < 1 or any(decoder[side] != 2 * unet[side] for side in unet):
            raise ModelError(
                f"got narrow={narrow}, expected one that leaves even numbers of channels; give 1, 0.5 or 0.25"
            )
        self.size, self.style = size, style
        self.input_is_latent, self.different_w = input_is_latent, different_w
        sides = list(unet)
        self.conv_body_first = nn.Conv2d(3, unet[size], 1)
        self.conv_body_down = nn.ModuleList(
            Resized(unet[fine], unet[coarse], 0.5)
            for coarse, fine in reversed(list(zip(sides, sides[1:], strict=False)))
        )
        self.final_conv = nn.Conv2d(unet[4], unet[4], 3, 1, 1)
        self.conv_body_up = nn.ModuleList(
            Resized(unet[coarse], unet[fine], 2) for coarse, fine in zip(sides, sides[1:], strict=False)
        )
        self.toRGB = nn.ModuleList(nn.Conv2d(unet[side], 3, 1) for side in sides[1:])
        self.latents = 2 * len(sides)
        self.final_linear = nn.Linear(unet[4] * 16, style * (self.latents if different_w else 1))
        self.stylegan_decoder = StyleDecoder(decoder, style, mlp_depth, half_modulated)
        share = 1 if half_modulated else 2
        self.condition_scale = nn.ModuleList(_condition(unet[side], share) for side in sides[1:])
        self.condition_shift = nn.ModuleList(_condition(unet[side], share) for side in sides[1:])

    def forward(self, face: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        latents, features = self._encode(face)
        conditions = [
            (scale(x), shift(x))
            for scale, shift, x in zip(self.condition_scale, self.condition_shift, features, strict=True)
        ]
        return self.stylegan_decoder(latents, conditions, generator)

    def pyramid(self, face: torch.Tensor) -> list[torch.Tensor]:
        """The face at 8², 16² … size², as the U-Net alone restores it."""
        _, features = self._encode(face)
        return [to_rgb(x) for to_rgb, x in zip(self.toRGB, features, strict=True)]

    def _encode(self, face: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Latents (N, latents, style), and the U-Net's features from 8² up."""
        x = functional.leaky_relu_(self.conv_body_first(fitted(face, self.size)), SLOPE)
        skips = []
        for down in self.conv_body_down:
            x = down(x)
            skips.append(x)
        x = functional.leaky_relu_(self.final_conv(x), SLOPE)  # (N, C, 4, 4)
        features = []
        latents = self._latents(self.final_linear(x.flatten(1)))
        for up, skip in zip(self.conv_body_up, reversed(skips), strict=True):
            x = up(x + skip)
            features.append(x)
        return latents, features

    def _latents(self, code: torch.Tensor) -> torch.Tensor:
        if self.different_w:
            code = code.view(len(code), self.latents, self.style)
        if not self.input_is_latent:
            code = self.stylegan_decoder.style_mlp(code)
        return code if self.different_w else code[:, None].expand(-1, self.latents, -1)


def _condition(width: int, share: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, width, 3, 1, 1),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.Conv2d(width, width * share, 3, 1, 1),
    )
