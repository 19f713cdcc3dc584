"""Scores by the networks that others publish theirs by, where somebody has these at hand.

They are TorchScript archives with the calls of StyleGAN's metrics (Karras et al., arXiv 2006.06676):
inception-2015-12-05.pt for the Fréchet inception distance (Heusel et al., arXiv 1706.08500), vgg16.pt for
LPIPS (Zhang et al., arXiv 1801.03924). Both are large and carry their own terms, so s2f neither brings nor
fetches them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import ModelError
from ..metrics import Figure, distance, frechet, mean

BATCH = 16


@dataclass(frozen=True, eq=False)
class Published:
    """Each is None where it was not given."""

    inception: Any = None
    lpips: Any = None

    @classmethod
    def load(cls, inception: str | Path | None = None, lpips: str | Path | None = None) -> Published:
        return cls(*(None if file is None else _archive(Path(file)) for file in (inception, lpips)))

    def figures(self, made: torch.Tensor, true: torch.Tensor, people: np.ndarray) -> dict[str, Figure]:
        """Of uint8 pictures (N, 3, S, S) and what each should be."""
        out: dict[str, Figure] = {}
        if self.inception is not None:
            seen = [_each(lambda x: self.inception(x, return_features=True), some) for some in (true, made)]
            out["inception fréchet distance"] = distance(frechet, *seen)
        if self.lpips is not None:
            seen = [_each(self._embedded, some) for some in (true, made)]
            out["lpips"] = mean(((seen[0] - seen[1]) ** 2).sum(1), people)
        return out

    def _embedded(self, x: torch.Tensor) -> torch.Tensor:
        """So that the squared distance of two is their LPIPS."""
        return self.lpips(x.float(), resize_images=False, return_lpips=True)


def _archive(file: Path) -> Any:
    try:
        return torch.jit.load(str(file), map_location="cpu").eval()
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"got {file}, which is no TorchScript archive ({str(error).splitlines()[0]}), expected one as "
            "StyleGAN's metrics use; download it again, or leave the option out"
        ) from None


@torch.inference_mode()
def _each(look: Callable[[torch.Tensor], torch.Tensor], pictures: torch.Tensor) -> np.ndarray:
    try:
        return np.concatenate([look(some).flatten(1).numpy() for some in pictures.split(BATCH)])
    except RuntimeError as error:
        raise ModelError(
            f"got an archive that does not take pictures ({str(error).strip().splitlines()[-1]}), expected "
            "one as StyleGAN's metrics use; give that"
        ) from None
