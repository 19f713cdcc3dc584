"""Losses: plain functions of tensors that return a scalar. Their weights stand in the training scripts."""

from __future__ import annotations

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
    """Σ over a Laplacian pyramid of the mean |difference| in each band: fine detail counts as much as shading.

    Burt & Adelson 1983; as a loss for generators: Bojanowski et al., arXiv 1707.05776, equation 4.
    """
    away, total = made - true, made.new_zeros(())
    for _ in range(levels):
        low = functional.avg_pool2d(away, 2)
        back = functional.interpolate(low, scale_factor=2.0, mode="bilinear", align_corners=False)
        total = total + weighted_l1(away, back, weight)
        away = low
    return total / levels


def hinge_critic(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """E[max(0, 1 − D(x))] + E[max(0, 1 + D(G))] (Lim & Ye, arXiv 1705.02894)."""
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def hinge_generator(fake: torch.Tensor) -> torch.Tensor:
    """−E[D(G)]."""
    return -fake.mean()


def feature_matching(real: list[torch.Tensor], fake: list[torch.Tensor]) -> torch.Tensor:
    """Mean |D_i(x) − D_i(G)| over the critic's layers (Wang et al., pix2pixHD, arXiv 1711.11585, equation 4)."""
    pairs = zip(real, fake, strict=True)
    return torch.stack([(r.detach() - f).abs().mean() for r, f in pairs]).mean()


def total_variation(x: torch.Tensor) -> torch.Tensor:
    """Mean |∂x| over both directions."""
    return x.diff(dim=-1).abs().mean() + x.diff(dim=-2).abs().mean()
