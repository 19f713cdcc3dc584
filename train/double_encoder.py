"""Train the double-encoder GAN on a corpus: a face → another of the same sitting.

    accelerate launch train/double_encoder.py --corpus corpus --output_dir runs/double_encoder

Only the idea is public, so the objective is ours: the logarithm's, StarGAN's head for classes, an L1 to the
paired face and to the face itself when its own label is asked for, and a cross-entropy over squared distances
that teaches the encoder of labels to read what the table of labels holds.
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
from s2f.models import DoubleEncoder, StarGANDiscriminator
from s2f.training import (
    Clock,
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

LAMBDA_L1, LAMBDA_BACK, LAMBDA_CLS, LAMBDA_READ = 50.0, 25.0, 1.0, 1.0


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = common_flags(__doc__)
    p.set_defaults(learning_rate=2e-4)
    p.add_argument("--width", type=int, default=48)
    p.add_argument("--blocks", type=int, default=4)
    p.add_argument("--features", type=int, default=64, help="numbers for what a label says")
    p.add_argument("--critic_width", type=int, default=32)
    return p.parse_args(argv)


class Coding(nn.Module):
    """What several processes wrap: the answer, the face back, how far each label is from what is read."""

    def __init__(self, generator: DoubleEncoder) -> None:
        super().__init__()
        self.generator = generator

    def forward(
        self, face: torch.Tensor, target: torch.Tensor, own: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        g = self.generator
        z, now = g.latent(face), g.label(face)
        table = g.ask(torch.eye(len(CLASSES), device=face.device))  # (7, features)
        away = (now[:, None] - table).square().mean(2)  # (N, 7)
        return g.decode(z, now, g.ask(target)), g.decode(z, now, g.ask(own)), away


def lesson(
    faces: Faces, pairs: torch.Tensor, chosen: torch.Tensor, chance: torch.Generator
) -> dict[str, torch.Tensor]:
    """Faces and another of their sitting, mirrored together, with the classes of both."""
    n = len(chosen)
    goal = pairs[chosen, torch.randint(1, pairs.shape[1], (n,), generator=chance)]
    flip = torch.rand(n, 1, 1, 1, generator=chance) < 0.5
    face, true = (to_float(faces.picture[rows]) for rows in (chosen, goal))
    return {
        "face": torch.where(flip, face.flip(-1), face),
        "true": torch.where(flip, true.flip(-1), true),
        "label": faces.label[chosen],
        "goal": faces.label[goal],
    }


@torch.no_grad()
def sheet(model: DoubleEncoder, faces: Faces, device: torch.device) -> list[torch.Tensor]:
    """Each face, then its seven classes."""
    rows, asked = [], torch.eye(len(CLASSES), device=device)
    for picture in to_float(faces.picture):
        rows += [picture, *model(picture.to(device).expand(len(asked), -1, -1, -1), asked)]
    return rows


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    accelerator = begin(args, "double_encoder")
    device = accelerator.device
    data = read(args.corpus, "train", args.resolution, drawings=False, limit=args.train_samples)
    data = data.invented()
    pairs = sittings(data)
    shown = read(args.corpus, "validation", args.resolution, drawings=False)
    shown = shown.where(torch.linspace(0, len(shown) - 1, 6).long())

    plain = DoubleEncoder(args.resolution, args.width, args.blocks, args.features)
    depth = min(6, (args.resolution & -args.resolution).bit_length() - 1)
    judge = StarGANDiscriminator(args.resolution, args.critic_width, depth=depth)
    average = copy.deepcopy(plain).eval().requires_grad_(False).to(device)
    optimizer = torch.optim.Adam(plain.parameters(), args.learning_rate, betas=(0.5, 0.999))
    critic_optimizer = torch.optim.Adam(judge.parameters(), args.learning_rate, betas=(0.5, 0.999))
    schedules = [warm_cosine(o, args.max_train_steps) for o in (optimizer, critic_optimizer)]
    model, optimizer = accelerator.prepare(Coding(plain), optimizer)
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
        batch = {k: v[mine].to(device) for k, v in lesson(data, pairs, chosen, chance).items()}
        face, true, label, goal = batch["face"], batch["true"], batch["label"], batch["goal"]
        own, target = (functional.one_hot(k, len(CLASSES)).float() for k in (label, goal))

        with accelerator.autocast():
            made, back, away = model(face, target, own)
            real_source, real_class = critic(true)
            fake_source, _ = critic(made.detach())
        named = functional.cross_entropy(real_class, goal)
        loss_d = losses.log_critic(real_source, fake_source) + LAMBDA_CLS * named
        critic_optimizer.zero_grad()
        accelerator.backward(loss_d)
        critic_optimizer.step()

        judge.requires_grad_(False)  # it only points the way now
        with accelerator.autocast():
            fake_source, fake_class = judge(made)
        judge.requires_grad_(True)
        fooled = losses.log_generator(fake_source)
        named_fake = functional.cross_entropy(fake_class, goal)
        l1, kept = functional.l1_loss(made, true), functional.l1_loss(back, face)
        reading = functional.cross_entropy(-away, label)
        loss = fooled + LAMBDA_CLS * named_fake + LAMBDA_L1 * l1 + LAMBDA_BACK * kept + LAMBDA_READ * reading
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        update_average(average, plain, min(args.ema_decay, step / (step + 10)))

        for schedule in schedules:
            schedule.step()
        said = {"critic": loss_d, "named_real": named, "fooled": fooled, "named_fake": named_fake}
        said |= {"l1": l1, "back": kept, "reading": reading}
        last = step == args.max_train_steps
        if values := report(accelerator, step, said, last) or values:
            bar.set_postfix({k: f"{v:.3f}" for k, v in values.items()})
        if step % args.checkpointing_steps == 0:
            save_checkpoint(accelerator, args.output_dir, step, args.checkpoints_total_limit)
        if accelerator.is_main_process and (last or step % args.validation_steps == 0):
            contact_sheet(args.output_dir, step, sheet(average, shown, device), len(CLASSES) + 1)
        bar.update()
    bar.close()
    finish(accelerator, args, average, minutes=clock.minutes, people=len(data.person.unique()), losses=values)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/double_encoder.py: {error}") from None
