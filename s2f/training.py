"""What every training script shares: checkpoints that are complete or absent, averages, and a stop on NaN."""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from . import image
from .corpus.store import MANIFEST, read_manifest
from .errors import S2FError

if TYPE_CHECKING:
    from accelerate import Accelerator

logger = logging.getLogger(__name__)
NAME = re.compile(r"checkpoint-(\d+)")


class TrainingError(S2FError):
    """A run that cannot go on."""


class Clock:
    """The minutes that a run has taken over all its resumptions, when it is kept in its checkpoints."""

    def __init__(self) -> None:
        self._before, self._began = 0.0, time.monotonic()

    @property
    def minutes(self) -> float:
        return round(self._before + (time.monotonic() - self._began) / 60, 1)

    def state_dict(self) -> dict[str, float]:
        return {"minutes": self._before + (time.monotonic() - self._began) / 60}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self._before, self._began = state["minutes"], time.monotonic()


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
        whole = weight.full_tensor() if hasattr(weight, "full_tensor") else weight  # FSDP keeps shares
        mean.lerp_(whole.to(mean.dtype), 1 - decay)
    for kept, counted in zip(average.buffers(), model.buffers(), strict=True):
        kept.copy_(counted)


@torch.no_grad()
def settle(average: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Batch norms of averaged weights get statistics of their own: those of the last weights mislead them."""
    norms = [m for m in average.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
        norm.train()
    for batch in batches:
        average(batch)
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum
        norm.eval()


def warm_cosine(
    optimizer: torch.optim.Optimizer, steps: int, warm: int = 100, last: float = 0.05
) -> torch.optim.lr_scheduler.LambdaLR:
    """A short rise, then a cosine's fall to the share `last` of the rate."""

    def share(step: int) -> float:
        gone = min(1.0, step / max(1, steps))
        return min(1.0, (step + 1) / warm) * (last + (1 - last) * 0.5 * (1 + math.cos(math.pi * gone)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, share)


def late_linear(
    optimizer: torch.optim.Optimizer, steps: int, flat: float = 0.5
) -> torch.optim.lr_scheduler.LambdaLR:
    """The rate stays for the share `flat` of the steps and then falls straight to nothing."""

    def share(step: int) -> float:
        return min(1.0, (1 - step / max(1, steps)) / max(1e-9, 1 - flat))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, share(step)))


def common_flags(about: str | None) -> argparse.ArgumentParser:
    """The flags that every script has; each adds its own and sets its paper's defaults."""
    p = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--corpus", required=True, help="folder or repository of a corpus")
    p.add_argument("--output_dir", type=Path, required=True)
    p.add_argument("--resolution", type=int, default=128)
    p.add_argument("--train_batch_size", type=int, default=16, help="over all processes")
    p.add_argument("--max_train_steps", type=int, default=20_000)
    p.add_argument("--learning_rate", type=float, default=1e-4)
    p.add_argument("--ema_decay", type=float, default=0.999, help="of the averaged weights that are saved")
    p.add_argument("--mixed_precision", choices=("no", "bf16", "fp16"), default="no")
    p.add_argument("--checkpointing_steps", type=int, default=500)
    p.add_argument("--checkpoints_total_limit", type=int, default=2)
    p.add_argument("--resume_from_checkpoint", help="latest, or a checkpoint folder")
    p.add_argument("--validation_steps", type=int, default=500, help="a contact sheet every so often")
    p.add_argument("--train_samples", type=int, help="read this many rows only")
    p.add_argument("--report_to", choices=("tensorboard", "wandb", "trackio"))
    p.add_argument("--push_to_hub", metavar="ORG/NAME", help="publish the result there")
    p.add_argument("--seed", type=int, default=0)
    return p


def begin(args: argparse.Namespace, name: str, *handlers: Any) -> Accelerator:
    """The processes and devices as they were launched, seeded, and the run announced to `--report_to`.

    `handlers` are Accelerate's, for a model that needs one.
    """
    from accelerate import Accelerator
    from accelerate.utils import set_seed

    accelerator = Accelerator(
        mixed_precision=args.mixed_precision,
        log_with=args.report_to,
        project_dir=args.output_dir,
        kwargs_handlers=list(handlers),
    )
    if args.train_batch_size % accelerator.num_processes:
        raise TrainingError(
            f"got --train_batch_size {args.train_batch_size} over {accelerator.num_processes} processes, "
            "expected a multiple of their number; change it"
        )
    set_seed(args.seed)
    if args.report_to:
        accelerator.init_trackers(f"s2f-{name}", {k: str(v) for k, v in vars(args).items()})
    return accelerator


def resume(accelerator: Accelerator, args: argparse.Namespace) -> int:
    """The step of the checkpoint that was asked for, its state in place; 0 where there is none."""
    if accelerator.is_main_process:
        write_arguments(args.output_dir, args)
    found = find_checkpoint(args.output_dir, args.resume_from_checkpoint)
    if found is None:
        return 0
    accelerator.load_state(str(found))
    return step_of(found)


def report(
    accelerator: Accelerator, step: int, losses: dict[str, torch.Tensor], last: bool
) -> dict[str, float]:
    """Stop where a loss is no number; every 20 steps, and at the last, log the means over all processes."""
    mine = torch.stack([loss.detach().float() for loss in losses.values()])
    if not bool(mine.isfinite().all()):
        check_finite(step, **dict(zip(losses, mine.tolist(), strict=True)))
    if step % 20 and not last:
        return {}
    everywhere = accelerator.gather(mine[None]).mean(0).tolist()
    values = dict(zip(losses, everywhere, strict=True))
    accelerator.log(values, step)
    return values


def contact_sheet(folder: Path, step: int, pictures: list[torch.Tensor], columns: int) -> None:
    """Pictures (3, S, S) in [-1, 1] → samples/STEP.png."""
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    sheet = image.grid(image.to_pil(torch.stack([p.float().cpu() for p in pictures])), columns=columns)
    sheet.save(folder / "samples" / f"{step:06d}.png")


def finish(accelerator: Accelerator, args: argparse.Namespace, model: Any, **facts: Any) -> None:
    """Weights, arguments and facts of a run into its folder, and to the Hub where that was asked for."""
    if accelerator.is_main_process:
        model.save_pretrained(args.output_dir, dtype=torch.float16)
        seen = args.max_train_steps * args.train_batch_size
        write_arguments(args.output_dir, args, images_seen=seen, **facts)
        if args.push_to_hub:
            model.push_to_hub(args.push_to_hub)
    accelerator.end_training()


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
    corpus = Path(str(getattr(args, "corpus", "")))
    local = {
        k for k, v in vars(args).items() if isinstance(v, Path) or (isinstance(v, str) and Path(v).is_dir())
    }
    said = {k: Path(v).name if k in local else v for k, v in vars(args).items()}
    if corpus.is_dir():
        recipe = read_manifest(corpus)["arguments"] if (corpus / MANIFEST).exists() else {}
        said["corpus"] = {"name": corpus.name, **recipe}
    if (taken_up := Path(str(getattr(args, "init", "") or "")) / "training.json").is_file():
        said["init"] = json.loads(taken_up.read_text(encoding="utf-8"))  # its story is part of this one's
    text = json.dumps(said | facts, indent=2)
    aside = folder / f".training.{os.getpid()}.json"  # several processes may say it at once
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
