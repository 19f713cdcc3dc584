"""An AlexNet-style expression classifier, as the systems before this one are scored with: face → logits.

ImageNet Classification with Deep Convolutional Neural Networks, Krizhevsky, Sutskever & Hinton, NIPS 2012.
Original code: code.google.com/p/cuda-convnet (BSD); written anew from the paper.

    face 3 ─ inner face ─ conv11/4 w ─ pool ─ conv5 8w/3 ─ pool ─ conv3 4w ─ conv3 4w ─ conv3 8w/3 ─ pool ─
    dropout ─ linear ─ dropout ─ linear ─ linear ─ logits 7

Our deviations:
- Faces of 112 pixels instead of 224, half the channels (w = 48 where the paper has 96) and 768 hidden units
  instead of 4096, so that its weights are 1.9 M numbers instead of 58 M.
- BatchNorm after every convolution, where the paper normalises twice over neighbouring channels:
  a few thousand faces without pretraining are hardly learned from otherwise. Weights start as He et al.
  (2015) scale them.
- One tower: the paper's two stood on two cards.
- Of a face of any size it sees the inner face, at `size`.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ..errors import ModelError
from ..hub import HubMixin
from .inner import inner_face


class AlexNet(nn.Module, HubMixin):
    """The classifier: face (N, 3, H, W) → logits (N, classes)."""

    def __init__(
        self, width: int = 48, hidden: int = 768, size: int = 112, classes: int = 7, dropout: float = 0.3
    ) -> None:
        super().__init__()
        if width < 3 or width % 3 or hidden < 1 or size < 64 or classes < 2 or not 0 <= dropout < 1:
            raise ModelError(
                f"got width={width}, hidden={hidden}, size={size}, classes={classes}, dropout={dropout}, "
                "expected width a multiple of 3, hidden ≥ 1, size ≥ 64, classes ≥ 2, dropout < 1; correct"
            )
        self.size = size
        wide, widest = 8 * width // 3, 4 * width
        self.conv1 = nn.Conv2d(3, width, 11, 4, 2)
        self.conv2 = nn.Conv2d(width, wide, 5, padding=2)
        self.conv3 = nn.Conv2d(wide, widest, 3, padding=1)
        self.conv4 = nn.Conv2d(widest, widest, 3, padding=1)
        self.conv5 = nn.Conv2d(widest, wide, 3, padding=1)
        widths = (width, wide, widest, widest, wide)
        self.norm1, self.norm2, self.norm3, self.norm4, self.norm5 = (nn.BatchNorm2d(w) for w in widths)
        side = (size - 7) // 4 + 1  # after conv1, then three times pooled by 3 with stride 2
        for _ in range(3):
            side = (side - 3) // 2 + 1
        self.dropout = nn.Dropout(dropout)
        self.linear1 = nn.Linear(wide * side**2, hidden)
        self.linear2 = nn.Linear(hidden, hidden)
        self.head = nn.Linear(hidden, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear) and layer is not self.head:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # every one has a bias

    def features(self, face: torch.Tensor) -> torch.Tensor:
        pool, relu = functional.max_pool2d, functional.relu
        x = pool(
            relu(self.norm1(self.conv1(inner_face(face, self.size)))), 3, 2
        )  # (N, w, 13, 13) of 112 pixels
        x = pool(relu(self.norm2(self.conv2(x))), 3, 2)  # (N, 8w/3, 6, 6)
        x = relu(self.norm3(self.conv3(x)))  # (N, 4w, 6, 6)
        x = relu(self.norm4(self.conv4(x)))
        x = pool(relu(self.norm5(self.conv5(x))), 3, 2).flatten(1)  # (N, 8w/3 · 2 · 2)
        x = relu(self.linear1(self.dropout(x)))
        return relu(self.linear2(self.dropout(x)))  # (N, hidden)

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(face))  # (N, classes)
