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
