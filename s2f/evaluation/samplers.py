"""A sampler makes faces of chance alone: how they are spread, and how near it comes to a given one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from tqdm import tqdm

from ..batches import Faces, to_float
from ..metrics import Figure, distance, frechet, kernel, mean, rate
from . import measures
from .drawers import own_size, sized, to_bytes
from .gallery import People, drawn_rows, neutral_people
from .judges import Judges

BATCH = 32
SOUGHT = 24  # people that are looked for among all that it can make


@dataclass(frozen=True, eq=False)
class Sampled:
    """What a sampler made, for the figures and to be looked at."""

    report: dict[str, Any]
    made: torch.Tensor  # (N, 3, S, S) uint8


def score_sampler(sampler: Any, faces: Faces, judges: Judges, people: People) -> Sampled:
    """As many faces as a drawer makes of the same split, so that distances are between equally many."""
    rows, _ = drawn_rows(faces)
    made = sample(sampler, len(rows), faces.picture.shape[-1])
    seen, true = judges.see(made), people.seen.features[rows.numpy()]
    figures: dict[str, Figure] = {
        "read as a face": mean(seen.confidence),
        "fréchet distance": distance(frechet, true, seen.features),
        "kernel distance": distance(kernel, true, seen.features),
    }
    report = {"figures": {"all": figures}, "reconstruction": sought(sampler, faces, judges, people)}
    return Sampled(report, made)


def sample(sampler: Any, count: int, size: int, seed: int = 0) -> torch.Tensor:
    """uint8 faces (N, 3, size, size)."""
    chance, out = torch.Generator().manual_seed(seed), []
    for start in tqdm(range(0, count, BATCH), desc="sampling", unit="batch", delay=2):
        noise = torch.randn(min(BATCH, count - start), sampler.latent, generator=chance)
        with torch.inference_mode():
            out.append(to_bytes(sampler(noise), size))
    return torch.cat(out)


def sought(sampler: Any, faces: Faces, judges: Judges, people: People) -> dict[str, Figure] | None:
    """People looked for among all faces that it can make, against themselves; None if it cannot look."""
    if not hasattr(sampler, "reconstruct"):
        return None
    size = faces.picture.shape[-1]
    rows = neutral_people(faces, SOUGHT)
    given = sized(to_float(faces.picture[rows]), own_size(sampler, size))
    found, _ = sampler.reconstruct(given, generator=torch.Generator().manual_seed(0))
    made, person = to_bytes(found, size), faces.person.numpy()[rows]
    like = measures.to_truth(made, faces.picture[rows])
    seen = judges.see(made)
    who = measures.recognised(seen, person, people.gallery, people.names, people.seen.direction[rows])
    return {
        "ssim": mean(like["ssim"], person),
        "psnr": mean(like["psnr"], person),
        "identity cosine": mean(who["identity cosine"], person),
        "identity rank 1": rate(who["identity rank 1"]),
    }
