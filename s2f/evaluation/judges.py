"""Those who judge and never train: two classifiers of expression, a judge of identity, a reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..batches import to_float
from ..errors import ModelError
from ..models import AlexNet, Classifier, Identity, Reader
from ..shipped import BUNDLED

NAMES = ("classifier", "alexnet", "identity", "reader")
BATCH = 32


@dataclass(frozen=True, eq=False)
class Seen:
    """What the judges say of N pictures."""

    guess: dict[str, np.ndarray]  # of each classifier, (N,) index in CLASSES
    units: np.ndarray  # (N, 42)
    landmarks: np.ndarray  # (N, 189, 2) in pixels of the pictures
    confidence: np.ndarray  # (N,)
    direction: np.ndarray  # (N, d) unit vectors: who it is
    features: np.ndarray  # (N, d)

    def where(self, chosen: np.ndarray) -> Seen:
        return Seen(
            {name: guess[chosen] for name, guess in self.guess.items()},
            *(
                getattr(self, n)[chosen]
                for n in ("units", "landmarks", "confidence", "direction", "features")
            ),
        )


@dataclass(frozen=True, eq=False)
class Judges:
    """The four networks, loaded once."""

    classifier: Classifier
    alexnet: AlexNet
    identity: Identity
    reader: Reader

    @classmethod
    def load(cls, folder: str | Path | None = None, *, map_location: str = "cpu") -> Judges:
        """From a folder with classifier/, alexnet/, identity/, reader/; by default those of s2f."""
        home = Path(folder) if folder is not None else BUNDLED
        missing = [name for name in NAMES if not (home / name / "config.json").exists()]
        if missing:
            where = "the weights that come with s2f" if folder is None else str(folder)
            raise ModelError(
                f"got no {', '.join(missing)} in {where}, expected all of {', '.join(NAMES)}; train what is "
                "missing with train/NAME.py and name the folder that holds them"
            )
        return cls(
            Classifier.from_pretrained(home / "classifier", map_location=map_location),
            AlexNet.from_pretrained(home / "alexnet", map_location=map_location),
            Identity.from_pretrained(home / "identity", map_location=map_location),
            Reader.from_pretrained(home / "reader", map_location=map_location),
        )

    def see(self, pictures: torch.Tensor) -> Seen:
        """uint8 (N, 3, S, S)."""
        guess = {name: _each(_named(getattr(self, name)), pictures) for name in ("classifier", "alexnet")}
        units, landmarks, confidence = self.read(pictures)
        direction = _each(self.identity, pictures)
        return Seen(guess, units, landmarks, confidence, direction, _each(self.identity.features, pictures))

    def read(self, pictures: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Units, landmarks and confidence of uint8 photographs (N, 3, S, S) or drawings (N, 1, S, S)."""
        parts = [self._reading(some) for some in pictures.split(BATCH)]
        units, landmarks, confidence = (np.concatenate(part) for part in zip(*parts, strict=True))
        return units, landmarks, confidence

    @torch.inference_mode()
    def _reading(self, some: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found = self.reader(to_float(some))
        return found.units.numpy(), found.landmarks.numpy(), found.confidence.numpy()


def _named(model: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """The class, seen straight and in a mirror."""
    return lambda x: (model(x) + model(x.flip(-1))).argmax(1)


@torch.inference_mode()
def _each(model: Callable[[torch.Tensor], torch.Tensor], pictures: torch.Tensor) -> np.ndarray:
    return np.concatenate([model(to_float(some)).numpy() for some in pictures.split(BATCH)])
