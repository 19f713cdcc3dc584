"""Who it is: a face → a direction that is the same for one person over expressions, poses and light.

Trained as in CosFace: Large Margin Cosine Loss for Deep Face Recognition, Wang, Wang, Zhou, Ji, Gong, Zhou,
Li & Liu, CVPR 2018, arXiv 1801.09414; written anew from the paper, over a residual network of our own.

    face 3 ─ inner face ─ oval ─ conv w ↓ ─ w ↓ ─ 2w ↓ ─ 4w ↓ ─ 8w ↓ ─ linear ─ centre ─ direction 128
                                                  └ mean    └ mean   └ mean ─ features 14w

Our deviations:
- An oval hides hair, backdrop and clothes, by which one sitting would be told from another.
- `features` looks at the whole frame and takes three depths together, of which the first still sees grain and
  sharpness: what Fréchet and kernel distances between sets of faces are measured in.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ..errors import ModelError
from ..hub import HubMixin
from .classifier import Residual
from .inner import inner_face


class Identity(nn.Module, HubMixin):
    """The judge of identity: face (N, 3, H, W) → unit vectors (N, embedding)."""

    def __init__(self, width: int = 24, size: int = 96, embedding: int = 128) -> None:
        super().__init__()
        if width < 8 or width % 8 or size < 32 or size % 16 or embedding < 2:
            raise ModelError(
                f"got width={width}, size={size}, embedding={embedding}, expected width a multiple of 8, "
                "size a multiple of 16 from 32, embedding ≥ 2; correct them"
            )
        self.size, w = size, width
        self.stem = nn.Conv2d(3, w, 5, 2, 2, bias=False)
        self.shallow = nn.Sequential(Residual(w, w, 2), Residual(w, 2 * w, 2), Residual(2 * w, 2 * w, 1))
        self.middle = nn.Sequential(Residual(2 * w, 4 * w, 2), Residual(4 * w, 4 * w, 1))
        self.deep = nn.Sequential(Residual(4 * w, 8 * w, 2), nn.GroupNorm(8, 8 * w), nn.SiLU())
        side = size
        for _ in range(5):
            side = (side + 1) // 2
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(8 * w * side**2, embedding)
        self.centre = nn.BatchNorm1d(embedding, affine=False)  # what all faces have in common is nobody's

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        x = inner_face(face, self.size)
        x = x * oval(self.size).to(x)
        x = self.deep(self.middle(self.shallow(self.stem(x))))  # (N, 8w, 3, 3) of 96 pixels
        return functional.normalize(self.centre(self.head(self.dropout(x.flatten(1)))))  # (N, embedding)

    def features(self, face: torch.Tensor) -> torch.Tensor:
        """(N, 14w) of the whole frame."""
        sides = (self.size, self.size)
        if face.shape[-2:] != sides:
            face = functional.interpolate(face, sides, mode="bilinear", antialias=True, align_corners=False)
        shallow = self.shallow(self.stem(face))  # (N, 2w, 12, 12)
        middle = self.middle(shallow)  # (N, 4w, 6, 6)
        return torch.cat([x.mean((2, 3)) for x in (shallow, middle, self.deep(middle))], 1)


def oval(size: int) -> torch.Tensor:
    """(size, size): 1 on the inner face, 0 about it, a soft rim between."""
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, size)] * 2, indexing="ij")
    return ((1 - ((x / 0.78) ** 2 + ((y - 0.02) / 0.95) ** 2).sqrt()) * 8 + 0.5).clamp(0, 1)
