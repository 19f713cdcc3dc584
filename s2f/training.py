"""What every training script shares: checkpoints that are complete or absent, averages, and a stop on NaN."""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .corpus.store import MANIFEST, read_manifest
from .errors import S2FError

if TYPE_CHECKING:
    from accelerate import Accelerator

logger = logging.getLogger(__name__)
NAME = re.compile(r"checkpoint-(\d+)")


class TrainingError(S2FError):
    """A run that cannot go on."""


def checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first; one that was being written has another name."""
    found = [p for p in folder.glob("checkpoint-*") if NAME.fullmatch(p.name)]
    return sorted(found, key=step_of)


def step_of(checkpoint: Path) -> int:
    match = NAME.fullmatch(checkpoint.name)
    if match is None:
        raise TrainingError(
            f"got {checkpoint}, expected a folder named checkpoint-STEP; give latest or such a folder"
        )
    return int(match.group(1))


def save_checkpoint(accelerator: Accelerator, folder: Path, step: int, limit: int | None = None) -> Path:
    """Written aside, renamed when whole; old ones go after that, so that a kill or a full disk loses none."""
    done = folder / f"checkpoint-{step}"
    aside = folder / f".checkpoint-{step}.part"
    if accelerator.is_main_process:
        shutil.rmtree(aside, ignore_errors=True)
    accelerator.wait_for_everyone()
    try:
        accelerator.save_state(str(aside))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            for path in aside.rglob("*"):
                if path.is_file():
                    with path.open("rb") as file:
                        os.fsync(file.fileno())
            shutil.rmtree(done, ignore_errors=True)
            aside.rename(done)
            for old in checkpoints(folder)[: -limit or None] if limit else []:
                shutil.rmtree(old)
    except (OSError, RuntimeError) as error:  # torch's writer raises RuntimeError when the disk is full
        shutil.rmtree(aside, ignore_errors=True)
        kept = checkpoints(folder)
        raise TrainingError(
            f"got no room for checkpoint {step} ({error}), expected some in {folder}; free it, resume from "
            f"{kept[-1].name if kept else 'the start'}"
        ) from error
    accelerator.wait_for_everyone()
    return done


def find_checkpoint(folder: Path, wanted: str | None) -> Path | None:
    """What --resume_from_checkpoint names: `latest`, a folder, or nothing."""
    if wanted is None:
        return None
    if wanted == "latest":
        found = checkpoints(folder)
        if not found:
            logger.warning("no checkpoint in %s yet: starting from the beginning", folder)
        return found[-1] if found else None
    path = Path(wanted) if Path(wanted).is_dir() else folder / wanted
    if not path.is_dir():
        have = ", ".join(p.name for p in checkpoints(folder)) or "none"
        raise TrainingError(
            f"got the checkpoint {wanted}, expected latest or one that is there ({have}); choose one"
        )
    step_of(path)
    return path


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Exponential moving average of the weights; buffers that count are copied."""
    for mean, weight in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(weight.to(mean.dtype), 1 - decay)
    for kept, counted in zip(average.buffers(), model.buffers(), strict=True):
        kept.copy_(counted)


def warm_cosine(
    optimizer: torch.optim.Optimizer, steps: int, warm: int = 100, last: float = 0.05
) -> torch.optim.lr_scheduler.LambdaLR:
    """A short rise, then a cosine's fall to the share `last` of the rate."""

    def share(step: int) -> float:
        gone = min(1.0, step / max(1, steps))
        return min(1.0, (step + 1) / warm) * (last + (1 - last) * 0.5 * (1 + math.cos(math.pi * gone)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, share)


def check_finite(step: int, **losses: float) -> None:
    for name, value in losses.items():
        if not math.isfinite(value):
            raise TrainingError(
                f"got the loss {name} = {value} at step {step}, expected a finite number; resume from "
                "the last checkpoint with a smaller --learning_rate or --mixed_precision no"
            )


def write_arguments(folder: Path, args: argparse.Namespace, **facts: Any) -> None:
    """Beside its weights, every run says how it was made; where its folders lay is nobody's business."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {k: v.name if isinstance(v, Path) else v for k, v in vars(args).items()}
    corpus = Path(str(said.get("corpus")))
    if corpus.is_dir():
        recipe = read_manifest(corpus)["arguments"] if (corpus / MANIFEST).exists() else {}
        said["corpus"] = {"name": corpus.name, **recipe}
    text = json.dumps(said | facts, indent=2)
    aside = folder / ".training.json"
    aside.write_text(text + "\n", encoding="utf-8")
    aside.replace(folder / "training.json")


def epoch_batches(count: int, batch: int, seed: int, start: int = 0) -> Iterator[torch.Tensor]:
    """Endless batches of indices, a new order each epoch, entered at any step: what makes resuming exact."""
    batch = min(batch, count)
    per_epoch = count // batch
    step = start
    while True:
        epoch, first = divmod(step, per_epoch)
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
        for n in range(first, per_epoch):
            yield order[n * batch : (n + 1) * batch]
        step = (epoch + 1) * per_epoch
