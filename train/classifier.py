"""Train the small expression classifier on a corpus.

    accelerate launch train/classifier.py --corpus corpus --output_dir runs/classifier --max_train_steps 3000

It learns from the invented people and, --real times an epoch, from the photographs of the real ones of the
training split; with --real 0 the real photographs measure how far the invented ones carry over.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from tqdm import tqdm

from s2f.corpus import load
from s2f.errors import S2FError
from s2f.expression import CLASSES
from s2f.jitter import dice, placed, relit, viewed, worn
from s2f.losses import soft_cross_entropy
from s2f.metrics import confusion, rate
from s2f.models.classifier import Classifier
from s2f.training import (
    Clock,
    check_finite,
    epoch_batches,
    find_checkpoint,
    save_checkpoint,
    step_of,
    update_average,
    write_arguments,
)

logger = logging.getLogger("s2f.train.classifier")
SEEN = 1.5  # the side of the faces in memory over the network's: the inner face is two thirds of it


def parser(about: str) -> argparse.ArgumentParser:
    """The flags that every classifier's script has."""
    p = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--corpus", required=True, help="folder or repository of a corpus")
    p.add_argument("--output_dir", type=Path, required=True)
    p.add_argument("--width", type=int, default=24)
    p.add_argument("--resolution", type=int, default=96)
    p.add_argument("--train_batch_size", type=int, default=32, help="over all processes")
    p.add_argument("--max_train_steps", type=int, default=3000)
    p.add_argument("--learning_rate", type=float, default=1e-3)
    p.add_argument("--ema_decay", type=float, default=0.998)
    p.add_argument("--mixed_precision", choices=("no", "bf16", "fp16"), default="no")
    p.add_argument("--checkpointing_steps", type=int, default=500)
    p.add_argument("--checkpoints_total_limit", type=int, default=2)
    p.add_argument("--resume_from_checkpoint", help="latest, or a checkpoint folder")
    p.add_argument("--real", type=int, default=4, help="times an epoch that a real photograph is shown")
    p.add_argument("--report_to", default=None, help="tensorboard or wandb")
    p.add_argument("--seed", type=int, default=0)
    return p


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = parser(__doc__)
    p.add_argument("--depth", type=int, default=1)
    p.add_argument("--dropout", type=float, default=0.2)
    return p.parse_args(argv)


def read(corpus: str, split: str, size: int) -> dict[str, Any]:
    """A split in memory, as uint8: a few thousand faces at this size are some hundred megabytes."""
    rows = load(corpus, split=split).select_columns(["image", "expression", "intensity", "ethnicity", "real"])
    side = round(size * SEEN)
    pictures = np.empty((len(rows), 3, side, side), np.uint8)
    for n, row in enumerate(tqdm(rows, desc=split, unit="face", delay=2)):
        picture = row["image"].convert("RGB").resize((side, side), reducing_gap=2)
        pictures[n] = np.asarray(picture).transpose(2, 0, 1)
    rest = rows.remove_columns("image")
    return {
        "image": torch.from_numpy(pictures),
        "label": torch.tensor(rest["expression"]),
        "certainty": torch.tensor(
            [0.95 if i is None else min(0.98, 0.6 + 0.38 * i) for i in rest["intensity"]]
        ),
        "real": torch.tensor(rest["real"]),
        "group": list(rest["ethnicity"]),
    }


def look_again(faces: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The faces as other cameras, lights and crops would show them."""
    draw = dice(len(faces), generator)
    views = placed(draw, zoom=0.12, shift=0.08, turn=0.17, flip=True)
    views[:, :, :2] *= 0.95  # more often nearer than farther
    views[:, :, 0] *= draw(0.92, 1.08)[:, None]  # faces narrower and broader than any it has met
    x = viewed(faces.float() / 127.5 - 1, views, faces.shape[-1])
    return worn(relit(x, draw), draw, generator)


@torch.no_grad()
def answers(model: nn.Module, faces: torch.Tensor) -> torch.Tensor:
    """The class named for each face, looking straight and mirrored."""
    device = next(model.parameters()).device
    out = []
    for some in faces.split(64):
        x = some.to(device).float() / 127.5 - 1
        out.append((model(x) + model(x.flip(-1))).argmax(1).cpu())
    return torch.cat(out) if out else torch.zeros(0, dtype=torch.long)


def score(model: nn.Module, data: dict[str, Any]) -> dict[str, Any]:
    """Accuracy with n and 95 % interval: invented people by class and group, real photographs by class."""
    guess, truth, real = answers(model, data["image"]), data["label"], data["real"]
    hit = (guess == truth).numpy()
    made, group = ~real.numpy(), np.array(data["group"])
    return {
        "invented": rate(hit[made])
        | {
            "by_class": {c: rate(hit[made & (truth == k).numpy()]) for k, c in enumerate(CLASSES)},
            "by_group": {g: rate(hit[made & (group == g)]) for g in sorted(set(group[made]))},
            "confusion": confusion(truth[~real].tolist(), guess[~real].tolist()).tolist(),
        },
        "real": {
            c: rate(hit[~made & (truth == k).numpy()])
            | {"named": np.bincount(guess[real & (truth == k)], minlength=len(CLASSES)).tolist()}
            for k, c in enumerate(CLASSES)
            if (real & (truth == k)).any()
        },
    }


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    set_seed(args.seed)
    train(args, Classifier(args.width, args.depth, args.resolution, dropout=args.dropout))


def train(args: argparse.Namespace, model: Any) -> None:
    """Any classifier of faces, whatever it is made of."""
    accelerator = Accelerator(
        mixed_precision=args.mixed_precision, log_with=args.report_to, project_dir=args.output_dir
    )
    write_arguments(args.output_dir, args)
    if args.report_to:
        accelerator.init_trackers(
            f"s2f-{type(model).__name__.lower()}", {k: str(v) for k, v in vars(args).items()}
        )

    data = read(args.corpus, "train", args.resolution)
    learn = torch.repeat_interleave(torch.where(data["real"], args.real, 1))
    average = copy.deepcopy(model).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(model.parameters(), args.learning_rate, weight_decay=0.03)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, args.learning_rate, total_steps=args.max_train_steps + 1, pct_start=0.1
    )
    model, optimizer = accelerator.prepare(model, optimizer)
    average = average.to(accelerator.device)
    clock = Clock()
    accelerator.register_for_checkpointing(average, schedule, clock)

    start = 0
    if found := find_checkpoint(args.output_dir, args.resume_from_checkpoint):
        accelerator.load_state(str(found))
        start = step_of(found)
    share = accelerator.num_processes
    bar = tqdm(total=args.max_train_steps, initial=start, disable=not accelerator.is_main_process, delay=2)
    batches = epoch_batches(len(learn), args.train_batch_size, args.seed, start)
    for step, batch in zip(range(start + 1, args.max_train_steps + 1), batches, strict=False):
        generator = torch.Generator().manual_seed(
            args.seed * 7_368_787 + step
        )  # the step decides what is seen
        chosen = learn[batch]
        faces = look_again(data["image"][chosen], generator)
        mine = slice(accelerator.process_index, None, share)
        with accelerator.autocast():
            logits = model(faces[mine].to(accelerator.device))
        loss = soft_cross_entropy(
            logits.float(),
            data["label"][chosen][mine].to(accelerator.device),
            data["certainty"][chosen][mine].to(accelerator.device),
        )
        optimizer.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        update_average(average, accelerator.unwrap_model(model), min(args.ema_decay, step / (step + 10)))
        if step % 20 == 0 or step == args.max_train_steps:
            value = accelerator.gather(loss.detach()[None]).mean().item()
            check_finite(step, cross_entropy=value)
            accelerator.log({"loss": value, "learning_rate": schedule.get_last_lr()[0]}, step)
            bar.set_postfix(loss=f"{value:.3f}")
        if step % args.checkpointing_steps == 0:
            save_checkpoint(accelerator, args.output_dir, step, args.checkpoints_total_limit)
        bar.update()
    bar.close()

    if accelerator.is_main_process:
        average.save_pretrained(args.output_dir)
        metrics = {
            "steps": args.max_train_steps,
            "images_seen": args.max_train_steps * args.train_batch_size,
            "minutes": clock.minutes,
            "validation": score(average, read(args.corpus, "validation", args.resolution)),
            "test": score(average, read(args.corpus, "test", args.resolution)),
        }
        (args.output_dir / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        for split in ("validation", "test"):
            made, real = metrics[split]["invented"], metrics[split]["real"]
            logger.warning("%s: invented %.3f (n %d)", split, made["rate"], made["n"])
            for name, one in real.items():
                logger.warning("%s: real %s %.3f (n %d)", split, name, one["rate"], one["n"])
    accelerator.end_training()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/classifier.py: {error}") from None
