"""Train the generator of multi-level critics on a corpus: a face → another of the same sitting.

    accelerate launch train/multilevel.py --corpus corpus --output_dir runs/multilevel

The paper's ablation is --critics 32, --critics 64 or --critics 32 64. With --asked pose the model turns heads
instead: a pair is then one person with one expression in two sittings, of which the corpus must have some
(`s2f corpus build --renders 14`).

All losses of the paper are the logarithm's, and their weights are not said: here each judge has the same, and
an L1 to the paired picture at every level that is shown, LAMBDA_L1, says which person and which expression.
"""

from __future__ import annotations

import argparse
import copy
import logging

import torch
from editor import sittings
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from s2f import losses
from s2f.batches import Faces, read, to_float
from s2f.errors import S2FError
from s2f.expression import CLASSES
from s2f.models import LevelCritics, MultiLevel
from s2f.models.layers import sized
from s2f.models.multilevel import ASKED, POSE_UNIT
from s2f.training import (
    Clock,
    TrainingError,
    begin,
    common_flags,
    contact_sheet,
    epoch_batches,
    finish,
    report,
    resume,
    save_checkpoint,
    update_average,
    warm_cosine,
)

LAMBDA_L1 = 50.0


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = common_flags(__doc__)
    p.set_defaults(learning_rate=2e-4)
    p.add_argument("--critics", type=int, nargs="+", default=[32, 64], help="levels that are judged")
    p.add_argument("--asked", choices=tuple(ASKED), default="classes")
    p.add_argument("--width", type=int, default=48)
    p.add_argument("--critic_width", type=int, default=64)
    return p.parse_args(argv)


class Levels(nn.Module):
    """What several processes wrap: the generator with a picture at every level."""

    def __init__(self, generator: MultiLevel) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, face: torch.Tensor, asked: torch.Tensor) -> list[torch.Tensor]:
        return self.generator.pictures(face, asked)


def other_poses(faces: Faces) -> torch.Tensor:
    """(N, k) for each row those of the same person and expression in another pose, itself first."""
    together: dict[tuple[int, int], list[int]] = {}
    for n, (person, label) in enumerate(zip(faces.person.tolist(), faces.label.tolist(), strict=True)):
        together.setdefault((person, label), []).append(n)
    widest = max(len(rows) for rows in together.values())
    if widest < 2:
        raise TrainingError(
            "got a corpus with one pose of each person, expected two or more; build it with --renders 14"
        )
    table = torch.empty(len(faces), widest, dtype=torch.long)
    for rows in together.values():
        for k, n in enumerate(rows):
            table[n] = torch.tensor(((rows[k:] + rows[:k]) * widest)[:widest])
    return table


def condition(faces: Faces, rows: torch.Tensor, asked: str) -> torch.Tensor:
    """What is to be asked so that these rows are the answer."""
    if asked == "pose":
        return faces.pose[rows] / POSE_UNIT
    return functional.one_hot(faces.label[rows], len(CLASSES)).float()


def lesson(
    faces: Faces, pairs: torch.Tensor, chosen: torch.Tensor, asked: str, chance: torch.Generator
) -> dict[str, torch.Tensor]:
    """Faces and the other of their pair, mirrored together; a mirrored head turns and tilts the other way."""
    n = len(chosen)
    goal = pairs[chosen, torch.randint(1, pairs.shape[1], (n,), generator=chance)]
    flip = torch.rand(n, 1, 1, 1, generator=chance) < 0.5
    face, true = (to_float(faces.picture[rows]) for rows in (chosen, goal))
    told = condition(faces, goal, asked)
    if asked == "pose":
        told = torch.where(flip.flatten(1), told * torch.tensor([-1.0, 1.0, -1.0]), told)
    return {
        "face": torch.where(flip, face.flip(-1), face),
        "true": torch.where(flip, true.flip(-1), true),
        "asked": told,
    }


@torch.no_grad()
def sheet(model: MultiLevel, faces: Faces, pairs: torch.Tensor, device: torch.device) -> list[torch.Tensor]:
    """Six sources with every level of one answer enlarged, and the truth."""
    rows, goal = [], pairs[:, 1]
    for n in torch.linspace(0, len(faces) - 1, 6).long().tolist():
        picture = to_float(faces.picture[n])
        told = condition(faces, goal[n : n + 1], model.condition).to(device)
        made = model.pictures(picture[None].to(device), told)
        levels = [functional.interpolate(m, size=picture.shape[-2:], mode="nearest")[0] for m in made]
        rows += [picture, *levels, to_float(faces.picture[goal[n]])]
    return rows


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    accelerator = begin(args, "multilevel")
    device = accelerator.device
    data = read(args.corpus, "train", args.resolution, drawings=False, limit=args.train_samples)
    data = data.invented()
    shown = read(args.corpus, "validation", args.resolution, drawings=False)
    shown = shown.where(torch.nonzero(~shown.real)[:28, 0])
    partners = other_poses if args.asked == "pose" else sittings
    pairs, shown_pairs = partners(data), partners(shown)

    plain = MultiLevel(args.resolution, args.width, sorted(args.critics), args.asked)
    judge = LevelCritics(args.resolution, args.critic_width, sorted(args.critics), args.asked)
    average = copy.deepcopy(plain).eval().requires_grad_(False).to(device)
    optimizer = torch.optim.Adam(plain.parameters(), args.learning_rate, betas=(0.5, 0.999))
    critic_optimizer = torch.optim.Adam(judge.parameters(), args.learning_rate, betas=(0.5, 0.999))
    schedules = [warm_cosine(o, args.max_train_steps) for o in (optimizer, critic_optimizer)]
    model, optimizer = accelerator.prepare(Levels(plain), optimizer)
    critic, critic_optimizer = accelerator.prepare(judge, critic_optimizer)
    clock = Clock()
    accelerator.register_for_checkpointing(average, *schedules, clock)

    start = resume(accelerator, args)
    mine = slice(accelerator.process_index, None, accelerator.num_processes)
    bar = tqdm(total=args.max_train_steps, initial=start, disable=not accelerator.is_main_process, delay=2)
    batches = epoch_batches(len(data), args.train_batch_size, args.seed, start)
    values: dict[str, float] = {}
    for step, chosen in zip(range(start + 1, args.max_train_steps + 1), batches, strict=False):
        chance = torch.Generator().manual_seed(args.seed * 7_368_787 + step)  # the step decides what is seen
        batch = lesson(data, pairs, chosen, args.asked, chance)
        face, true, asked = (batch[k][mine].to(device) for k in ("face", "true", "asked"))
        truths = [sized(true, side) for side in (*plain.levels, args.resolution)]

        with accelerator.autocast():
            made = model(face, asked)
            real = critic(face, asked, *truths)
            fake = critic(face, asked, *(picture.detach() for picture in made))
        each = [losses.log_critic(r, f) for r, f in zip(real, fake, strict=True)]
        loss_d = torch.stack(each).mean()
        critic_optimizer.zero_grad()
        accelerator.backward(loss_d)
        critic_optimizer.step()

        judge.requires_grad_(False)  # it only points the way now
        with accelerator.autocast():
            fake = judge(face, asked, *made)
        judge.requires_grad_(True)
        fooled = torch.stack([losses.log_generator(f) for f in fake])
        l1 = torch.stack([functional.l1_loss(m, t) for m, t in zip(made, truths, strict=True)])
        loss = fooled.mean() + LAMBDA_L1 * l1.mean()
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        update_average(average, plain, min(args.ema_decay, step / (step + 10)))

        for schedule in schedules:
            schedule.step()
        said = {"critic": loss_d, "full": fooled[0], "l1": l1[-1]}
        for n, side in enumerate(plain.levels):
            said |= {f"photo_{side}": fooled[1 + 2 * n], f"variation_{side}": fooled[2 + 2 * n]}
        last = step == args.max_train_steps
        if values := report(accelerator, step, said, last) or values:
            bar.set_postfix({k: f"{v:.3f}" for k, v in values.items()})
        if step % args.checkpointing_steps == 0:
            save_checkpoint(accelerator, args.output_dir, step, args.checkpoints_total_limit)
        if accelerator.is_main_process and (last or step % args.validation_steps == 0):
            contact_sheet(args.output_dir, step, sheet(average, shown, shown_pairs, device), len(truths) + 2)
        bar.update()
    bar.close()
    finish(accelerator, args, average, minutes=clock.minutes, people=len(data.person.unique()), losses=values)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/multilevel.py: {error}") from None
