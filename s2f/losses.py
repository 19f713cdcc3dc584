"""Losses: plain functions of tensors that return a scalar. Their weights stand in the training scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.nn import functional


def soft_cross_entropy(logits: torch.Tensor, labels: torch.Tensor, certainty: torch.Tensor) -> torch.Tensor:
    """−Σ q log p, where q gives the label its `certainty` and spreads the rest evenly.

    A faint expression is a soft label: at intensity 0.65 nobody is sure, at 1 everybody is.
    """
    classes = logits.shape[1]
    rest = ((1 - certainty) / (classes - 1))[:, None]
    target = rest.expand_as(logits).scatter(1, labels[:, None], certainty[:, None])
    return -(target * functional.log_softmax(logits, 1)).sum(1).mean()


def weighted_l1(made: torch.Tensor, true: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
    """Mean |made − true|; the weight (N, 1, H, W) is brought to the pictures' size."""
    away = (made - true).abs()
    if weight is None:
        return away.mean()
    if weight.shape[-1] != made.shape[-1]:
        weight = functional.interpolate(weight, size=made.shape[-2:], mode="bilinear", align_corners=False)
    return (away * weight).mean()


def laplacian_l1(
    made: torch.Tensor, true: torch.Tensor, weight: torch.Tensor | None = None, levels: int = 4
) -> torch.Tensor:
    """Σ over a Laplacian pyramid of the mean |difference| in each band: fine detail counts like shading.

    Burt & Adelson 1983; as a loss for generators: Bojanowski et al., arXiv 1707.05776, equation 4.
    """
    away, total = made - true, made.new_zeros(())
    for _ in range(levels):
        low = functional.avg_pool2d(away, 2)
        back = functional.interpolate(low, scale_factor=2.0, mode="bilinear", align_corners=False)
        total = total + weighted_l1(away, back, weight)
        away = low
    return total / levels


def structure(made: torch.Tensor, true: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
    """1 − SSIM of the lightness of pictures in [-1, 1] (Wang et al. 2004: window of 11 pixels, σ = 1.5)."""

    def window(side: int) -> torch.Tensor:  # as a matrix: a processor is slow at filters of one channel
        at = torch.arange(side, device=made.device, dtype=made.dtype)
        near = torch.exp(-(at[:, None] - at).square() / (2 * 1.5**2)).tril(5).triu(-5)[5:-5]
        return near / near.sum(1, keepdim=True)

    down, across = window(made.shape[-2]), window(made.shape[-1]).T

    def blur(x: torch.Tensor) -> torch.Tensor:
        return down @ x @ across

    x, y = (
        ((p + 1) / 2 * p.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
        for p in (made, true)
    )
    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    together = blur(x * y) - mean_x * mean_y
    alike = (2 * mean_x * mean_y + 0.01**2) * (2 * together + 0.03**2)
    alike = alike / ((mean_x**2 + mean_y**2 + 0.01**2) * (var_x + var_y + 0.03**2))
    return weighted_l1(alike, torch.ones_like(alike), weight)


def hinge_critic(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """E[max(0, 1 − D(x))] + E[max(0, 1 + D(G))] (Lim & Ye, arXiv 1705.02894)."""
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def hinge_generator(fake: torch.Tensor) -> torch.Tensor:
    """−E[D(G)]."""
    return -fake.mean()


def log_critic(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """−E[log D(x)] − E[log(1 − D(G))] of logits (Goodfellow et al., arXiv 1406.2661, equation 1)."""
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def log_generator(fake: torch.Tensor) -> torch.Tensor:
    """−E[log D(G)] of logits: the form that does not saturate (the same paper, section 3)."""
    return functional.softplus(-fake).mean()


def wasserstein_critic(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """E[D(G)] − E[D(x)] (Arjovsky et al., arXiv 1701.07875, equation 2)."""
    return fake.mean() - real.mean()


def wasserstein_generator(fake: torch.Tensor) -> torch.Tensor:
    """−E[D(G)]."""
    return -fake.mean()


def gradient_penalty(
    critic: Callable[[torch.Tensor], torch.Tensor], real: torch.Tensor, fake: torch.Tensor, mix: torch.Tensor
) -> torch.Tensor:
    """E[(‖∇D(x̂)‖₂ − 1)²] at x̂ = mix·x + (1 − mix)·G (Gulrajani et al., arXiv 1704.00028, equation 3).

    `mix` is one number per picture, drawn by the caller: two processes then draw what one would.
    """
    between = torch.lerp(fake.detach(), real, mix.to(real).view(-1, 1, 1, 1)).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def slope(logits: list[torch.Tensor], real: torch.Tensor) -> torch.Tensor:
    """E[‖∇D(x)‖²] where x is real, which keeps a critic calm (R1: Mescheder et al., arXiv 1801.04406)."""
    total = torch.stack([answer.mean((1, 2, 3)).sum() for answer in logits]).sum()
    (way,) = torch.autograd.grad(total, real, create_graph=True)
    return way.square().sum((1, 2, 3)).mean()


def feature_matching(
    real: Sequence[torch.Tensor], fake: Sequence[torch.Tensor], relative: bool = False
) -> torch.Tensor:
    """Mean |D_i(x) − D_i(G)| over the critic's layers (pix2pixHD, arXiv 1711.11585, equation 4).

    A critic without spectral norm has features of any size: there they count as shares of what is real.
    """
    away = []
    for r, f in zip(real, fake, strict=True):
        mean = (r.detach() - f).abs().mean()
        away.append(mean / r.detach().abs().mean().clamp(min=1e-6) if relative else mean)
    return torch.stack(away).mean()


def total_variation(x: torch.Tensor) -> torch.Tensor:
    """Mean |∂x| over both directions."""
    return x.diff(dim=-1).abs().mean() + x.diff(dim=-2).abs().mean()


def contextual_kl(made: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """KL(true ‖ made) of grey pictures in [-1, 1] taken as distributions over their pixels.

    The "contextual" half of Facial Image Synthesis from Sketches based on Deep Learning Techniques (Pinvasee
    & Srisomboonchote).
    """
    grey = made.new_tensor([0.299, 0.587, 0.114])[:, None, None]
    p, q = ((((x + 1) / 2 * grey).sum(1).flatten(1) + 1e-3) for x in (true, made))
    p, q = p / p.sum(1, keepdim=True), q / q.sum(1, keepdim=True)
    return (p * (p / q).log()).sum(1).mean()
