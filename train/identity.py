"""Train the judge of identity, whose features also measure how far sets of faces lie apart.

    accelerate launch train/identity.py --corpus corpus --output_dir runs/identity

Every invented person of the training split is a class, in seven expressions; CosFace draws a person's
pictures together. All of a person's pictures are of one sitting, so light, colour, grain, sharpness and place
change at random, and the network sees an oval of the face only.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from s2f.batches import Faces, read, to_float
from s2f.errors import S2FError
from s2f.jitter import dice, placed, relit, viewed, worn
from s2f.metrics import frechet, kernel, mean, nearest, rate
from s2f.models.identity import Identity
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

logger = logging.getLogger("s2f.train.identity")
SEEN = 1.5  # the side of the faces in memory over the network's: the inner face is two thirds of it


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--corpus", required=True, help="folder or repository of a corpus")
    p.add_argument("--output_dir", type=Path, required=True)
    p.add_argument("--width", type=int, default=24)
    p.add_argument("--resolution", type=int, default=96)
    p.add_argument("--margin", type=float, default=0.2, help="CosFace's m")
    p.add_argument("--scale", type=float, default=20.0, help="CosFace's s")
    p.add_argument("--train_batch_size", type=int, default=32, help="over all processes")
    p.add_argument("--max_train_steps", type=int, default=2000)
    p.add_argument("--learning_rate", type=float, default=2e-3)
    p.add_argument("--ema_decay", type=float, default=0.998)
    p.add_argument("--mixed_precision", choices=("no", "bf16", "fp16"), default="no")
    p.add_argument("--checkpointing_steps", type=int, default=500)
    p.add_argument("--checkpoints_total_limit", type=int, default=2)
    p.add_argument("--resume_from_checkpoint", help="latest, or a checkpoint folder")
    p.add_argument("--report_to", default=None, help="tensorboard or wandb")
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args(argv)


class Crowd(nn.Module):
    """What is trained: the judge, and a direction for each person that it learns from."""

    def __init__(self, judge: Identity, people: int, embedding: int = 128) -> None:
        super().__init__()
        self.judge = judge
        self.directions = nn.Parameter(torch.randn(people, embedding) * 0.05)

    def forward(self, faces: torch.Tensor, who: torch.Tensor, margin: float, scale: float) -> torch.Tensor:
        """s·(cos θ - m at the person's own direction): equation 4."""
        cosines = self.judge(faces) @ functional.normalize(self.directions).T
        own = functional.one_hot(who, cosines.shape[1])
        return scale * (cosines - margin * own)


def look_again(faces: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The same people on another day: every change that is not who they are; some only stand elsewhere."""
    draw = dice(len(faces), generator)
    views = placed(draw, zoom=0.12, shift=0.06, turn=0.2, flip=True)
    x = viewed(to_float(faces), views, faces.shape[-1])
    changed = worn(relit(x, draw, grey=0.3), draw, generator)
    return torch.where(draw(0, 1)[:, None, None, None] < 0.7, changed, x)


@torch.no_grad()
def told(model: Identity, faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Directions and features of uint8 faces."""
    directions = torch.cat([model(to_float(some)) for some in faces.split(64)])
    return directions, torch.cat([model.features(to_float(some)) for some in faces.split(64)])


def score(model: Identity, faces: Faces) -> dict[str, Any]:
    """Who is found among all by their neutral picture; how alike one person and strangers are; distances."""
    directions, features = told(model, faces.picture)
    other_day, _ = told(
        model, torch.round((look_again(faces.picture, torch.Generator().manual_seed(0)) + 1) * 127.5)
    )
    shown = torch.nonzero((faces.label == 0) & ~(torch.bincount(faces.person)[faces.person] < 2))[:, 0]
    people = faces.person[shown]
    probes = faces.label != 0
    alike = directions @ directions[shown].T
    own = faces.person[:, None] == people
    strangers = alike[probes][~own[probes]]
    bar = float(strangers.quantile(0.99))
    same = alike[probes].masked_fill(~own[probes], -2).amax(1)

    def found(mask: torch.Tensor, seen: torch.Tensor) -> dict[str, Any]:
        guess = people[torch.from_numpy(nearest(seen[mask].numpy(), directions[shown].numpy()))]
        return rate((guess == faces.person[mask]).numpy())

    halves = [features[faces.person % 2 == k].numpy() for k in (0, 1)]
    soft = functional.interpolate(to_float(faces.picture), scale_factor=0.33, mode="area")
    soft = functional.interpolate(soft, faces.picture.shape[-2:], mode="bilinear")
    _, blurred = told(model, torch.round((soft + 1) * 127.5))
    return {
        "people": len(people),
        "rank 1, invented": found(probes & ~faces.real, directions),
        "rank 1, invented, on another day": found(probes & ~faces.real, other_day),
        "rank 1, real smiles": found(probes & faces.real, directions),
        "cosine, one person": mean(same.numpy(), faces.person[probes].numpy()),
        "cosine, strangers": mean(strangers.numpy()),
        "cosine that one stranger of a hundred passes": bar,
        "of one person pass it": rate((same > bar).numpy()),
        "frechet": {
            "between two halves of the people": frechet(*halves),
            "to the same softened threefold": frechet(features.numpy(), blurred.numpy()),
        },
        "kernel": {
            "between two halves of the people": kernel(*halves),
            "to the same softened threefold": kernel(features.numpy(), blurred.numpy()),
        },
    }


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    accelerator = Accelerator(
        mixed_precision=args.mixed_precision, log_with=args.report_to, project_dir=args.output_dir
    )
    set_seed(args.seed)
    write_arguments(args.output_dir, args)
    if args.report_to:
        accelerator.init_trackers("s2f-identity", {k: str(v) for k, v in vars(args).items()})

    side = round(args.resolution * SEEN)
    faces = read(args.corpus, "train", side, drawings=False)
    faces = faces.where(~faces.real)
    names, who = faces.person.unique(return_inverse=True)
    model: Any = Crowd(Identity(args.width, args.resolution), len(names))
    average = copy.deepcopy(model.judge).eval().requires_grad_(False)
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
    batches = epoch_batches(len(faces), args.train_batch_size, args.seed, start)
    for step, batch in zip(range(start + 1, args.max_train_steps + 1), batches, strict=False):
        generator = torch.Generator().manual_seed(args.seed * 7_368_787 + step)  # the step decides all chance
        seen = look_again(faces.picture[batch], generator)
        mine = slice(accelerator.process_index, None, share)
        people = who[batch][mine].to(accelerator.device)
        margin = args.margin * min(1.0, 4 * step / args.max_train_steps)  # a full margin at once never starts
        with accelerator.autocast():
            logits = model(seen[mine].to(accelerator.device), people, margin, args.scale)
        loss = functional.cross_entropy(logits.float(), people)
        optimizer.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        update_average(
            average, accelerator.unwrap_model(model).judge, min(args.ema_decay, step / (step + 10))
        )
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
        average.cpu()
        metrics = {
            "steps": args.max_train_steps,
            "images_seen": args.max_train_steps * args.train_batch_size,
            "people_learned_from": len(names),
            "minutes": clock.minutes,
            **{s: score(average, read(args.corpus, s, side, drawings=False)) for s in ("validation", "test")},
        }
        (args.output_dir / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        for name in ("rank 1, invented", "rank 1, real smiles"):
            logger.warning(
                "test: %s %.3f (n %d)", name, metrics["test"][name]["rate"], metrics["test"][name]["n"]
            )
    accelerator.end_training()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/identity.py: {error}") from None
