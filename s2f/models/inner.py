"""The inner face: what the networks that judge faces look at, cut from the frame that every face is in."""

from __future__ import annotations

import torch
from torch.nn import functional

from ..errors import ModelError

# Shares of the frame's side: from the middle of the forehead to below the chin, from ear to ear.
LEFT, TOP, SIDE = 0.18, 0.26, 0.64


def inner_face(face: torch.Tensor, size: int) -> torch.Tensor:
    """(N, 3, H, W) of a framed face → (N, 3, size, size) of its middle, antialiased."""
    if face.dim() != 4 or face.shape[1] != 3:
        raise ModelError(
            f"got a face of shape {list(face.shape)}, expected [batch, 3, height, width]; give RGB"
        )
    height, width = face.shape[-2:]
    top, left = round(TOP * height), round(LEFT * width)
    cut = face[:, :, top : top + max(1, round(SIDE * height)), left : left + max(1, round(SIDE * width))]
    if cut.shape[-2:] == (size, size):
        return cut
    return functional.interpolate(cut, (size, size), mode="bilinear", antialias=True, align_corners=False)
