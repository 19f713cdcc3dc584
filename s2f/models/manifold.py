"""The manifold of known drawings: a latent is drawn to where its nearest neighbours span it.

Locally linear projection as in DeepFaceDrawing (arXiv 2006.00920), after Roweis & Saul, Science 2000: of
the K nearest f_k the weights w that minimise ‖f − Σ w_k f_k‖² with Σ w_k = 1; the projection is Σ w_k f_k.
"""

from __future__ import annotations

import torch

RANK = 1e-6  # of the largest eigenvalue: directions in which neighbours differ less are none


def nearest(f: torch.Tensor, bank: torch.Tensor, count: int) -> torch.Tensor:
    """(N, L), (M, L) → (N, count) places in the bank, the nearest first."""
    exact = "donot_use_mm_for_euclid_dist"  # the other way loses what tells near ones apart
    return torch.cdist(f, bank, compute_mode=exact).topk(count, largest=False).indices


def weights_of(f: torch.Tensor, neighbours: torch.Tensor) -> torch.Tensor:
    """(N, L), (N, K, L) → (N, K), each row's sum one; where many are as good, the most even.

    Seen from the neighbours' centre c the condition falls away: with A the rows f_k − c, the least-norm
    solution u of Aᵀu = f − c sums to nothing since A's rows do, and w = u + 1/K.
    """
    centre = neighbours.mean(1, keepdim=True)  # (N, 1, L)
    away = neighbours - centre  # A, (N, K, L)
    gram = away @ away.mT  # (N, K, K), of rank K − 1 at most
    pull = away @ (f[:, None] - centre).mT  # (N, K, 1)
    u = torch.linalg.pinv(gram, rtol=RANK, hermitian=True) @ pull
    return u[..., 0] + 1 / neighbours.shape[1]


def projected(f: torch.Tensor, bank: torch.Tensor, count: int) -> torch.Tensor:
    """(N, L) → (N, L): each latent on the affine hull of its `count` nearest in the bank (M, L)."""
    neighbours = bank[nearest(f, bank, count)]  # (N, K, L)
    return (weights_of(f, neighbours)[..., None] * neighbours).sum(1)
