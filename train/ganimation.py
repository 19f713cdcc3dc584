"""Train GANimation on a corpus: faces and their action units, not paired.

    accelerate launch train/ganimation.py --corpus corpus --output_dir runs/ganimation

Weights of losses, batch of 25, the critic's five steps to one of the generator, and a rate that stays for two
thirds and then falls are those of the paper and its code; so is the noise of a tenth on the units asked for.
Its total variation is a sum over the picture, ours a mean: the weight is multiplied by the pixels.
"""

from __future__ import annotations

import argparse
import copy
import logging

import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from s2f import losses
from s2f.batches import Faces, read, to_float
from s2f.errors import S2FError
from s2f.expression import CLASSES, action_units
from s2f.models import GANimation, GANimationDiscriminator
from s2f.models.ganimation import Repainted, to_paper
from s2f.training import (
    Clock,
    TrainingError,
    begin,
    common_flags,
    contact_sheet,
    epoch_batches,
    finish,
    late_linear,
    report,
    resume,
    save_checkpoint,
    update_average,
)

LAMBDA_COND, LAMBDA_REC, LAMBDA_GP = 160.0, 10.0, 10.0  # the first: 4000 over the paper's batch of 25
LAMBDA_MASK, LAMBDA_TV = 0.1, 1e-5
NOISE = 0.1


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = common_flags(__doc__)
    p.set_defaults(train_batch_size=25)
    p.add_argument("--width", type=int, default=64)
    p.add_argument("--blocks", type=int, default=6)
    p.add_argument("--critic_width", type=int, default=64)
    p.add_argument("--n_critic", type=int, default=5, help="steps of the critic to one of the generator")
    return p.parse_args(argv)


class Painting(nn.Module):
    """What several processes wrap: the generator with its parts, asked in the paper's units."""

    def __init__(self, generator: GANimation) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, face: torch.Tensor, units: torch.Tensor) -> Repainted:
        return self.generator.repaint(face, units)


def with_units(args: argparse.Namespace, split: str) -> Faces:
    faces = read(args.corpus, split, args.resolution, drawings=False, limit=args.train_samples)
    known = faces.units.isfinite().all(1)
    if not known.any():
        raise TrainingError(
            f"got a {split} split of {args.corpus} without action units, expected a corpus built by s2f; "
            "build one"
        )
    return faces.where(known)


def lesson(faces: Faces, chosen: torch.Tensor, chance: torch.Generator) -> dict[str, torch.Tensor]:
    """Faces, half of them mirrored, with their own units, and somebody else's, a little off, to take on."""
    n = len(chosen)
    flip = torch.rand(n, 1, 1, 1, generator=chance) < 0.5
    face, own = to_float(faces.picture[chosen]), to_paper(faces.units[chosen])
    other = torch.randint(len(faces), (n,), generator=chance)
    target = to_paper(faces.units[other])
    noise = (torch.rand(target.shape, generator=chance) * 2 - 1) * NOISE
    return {
        "face": torch.where(flip, face.flip(-1), face),
        "own": own,
        "target": (target + noise).clamp(0, 1),
        "mix": torch.rand(n, generator=chance),
    }


@torch.no_grad()
def sheet(model: GANimation, faces: Faces, device: torch.device) -> list[torch.Tensor]:
    """Each face, the seven classes of it, and what is let be when it smiles: white."""
    asked = torch.stack([torch.from_numpy(action_units(name)) for name in CLASSES]).to(device)
    rows = []
    for picture in to_float(faces.picture):
        parts = model.repaint(picture.to(device).expand(len(asked), -1, -1, -1), to_paper(asked))
        smile = parts.attention[CLASSES.index("happy")].expand(3, -1, -1)
        rows += [picture, *parts.face, smile * 2 - 1]
    return rows


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    accelerator = begin(args, "ganimation")
    device = accelerator.device
    data, shown = with_units(args, "train"), with_units(args, "validation")
    shown = shown.where(torch.linspace(0, len(shown) - 1, 6).long())

    plain = GANimation(args.width, args.blocks, args.resolution)
    depth = min(6, (args.resolution & -args.resolution).bit_length() - 1)
    judge = GANimationDiscriminator(args.resolution, args.critic_width, depth)
    average = copy.deepcopy(plain).eval().requires_grad_(False).to(device)
    optimizer = torch.optim.Adam(plain.parameters(), args.learning_rate, betas=(0.5, 0.999))
    critic_optimizer = torch.optim.Adam(judge.parameters(), args.learning_rate, betas=(0.5, 0.999))
    schedule = late_linear(optimizer, args.max_train_steps // args.n_critic, flat=2 / 3)
    critic_schedule = late_linear(critic_optimizer, args.max_train_steps, flat=2 / 3)
    model, optimizer = accelerator.prepare(Painting(plain), optimizer)
    critic, critic_optimizer = accelerator.prepare(judge, critic_optimizer)
    clock = Clock()
    accelerator.register_for_checkpointing(average, schedule, critic_schedule, clock)
    lambda_tv = LAMBDA_TV * args.resolution**2

    start = resume(accelerator, args)
    mine = slice(accelerator.process_index, None, accelerator.num_processes)
    bar = tqdm(total=args.max_train_steps, initial=start, disable=not accelerator.is_main_process, delay=2)
    batches = epoch_batches(len(data), args.train_batch_size, args.seed, start)
    values: dict[str, float] = {}
    for step, chosen in zip(range(start + 1, args.max_train_steps + 1), batches, strict=False):
        chance = torch.Generator().manual_seed(args.seed * 7_368_787 + step)  # the step decides what is seen
        batch = {k: v[mine].to(device) for k, v in lesson(data, chosen, chance).items()}
        face, own, target = batch["face"], batch["own"], batch["target"]

        with accelerator.autocast(), torch.no_grad():
            fake = model(face, target).face
        with accelerator.autocast():
            real_source, real_units = critic(face)
            fake_source, _ = critic(fake)
        slope = losses.gradient_penalty(lambda x: critic(x)[0], face, fake, batch["mix"])
        units = functional.mse_loss(real_units, own)
        loss_d = losses.wasserstein_critic(real_source, fake_source)
        loss_d = loss_d + LAMBDA_GP * slope + LAMBDA_COND * units
        critic_optimizer.zero_grad()
        accelerator.backward(loss_d)
        critic_optimizer.step()
        critic_schedule.step()
        said = {"critic": loss_d, "slope": slope, "units_real": units}

        if step % args.n_critic == 0:
            judge.requires_grad_(False)  # it only points the way now
            with accelerator.autocast():
                made = model(face, target)
                fake_source, fake_units = judge(made.face)
                back = model(made.face, own)
            judge.requires_grad_(True)
            fooled = losses.wasserstein_generator(fake_source)
            units = functional.mse_loss(fake_units, target)
            cycle = functional.l1_loss(back.face, face)
            masks = [made.attention, back.attention]
            kept = torch.stack([mask.mean() for mask in masks]).sum()
            rough = torch.stack([losses.total_variation(mask) for mask in masks]).sum()
            loss = fooled + LAMBDA_COND * units + LAMBDA_REC * cycle + LAMBDA_MASK * kept + lambda_tv * rough
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
            schedule.step()
            update_average(average, plain, min(args.ema_decay, step / (step + 10)))
            said |= {"fooled": fooled, "units_fake": units, "cycle": cycle, "kept": kept, "rough": rough}

        last = step == args.max_train_steps
        if values := report(accelerator, step, said, last) or values:
            bar.set_postfix({k: f"{v:.3f}" for k, v in values.items()})
        if step % args.checkpointing_steps == 0:
            save_checkpoint(accelerator, args.output_dir, step, args.checkpoints_total_limit)
        if accelerator.is_main_process and (last or step % args.validation_steps == 0):
            contact_sheet(args.output_dir, step, sheet(average, shown, device), len(CLASSES) + 2)
        bar.update()
    bar.close()
    finish(accelerator, args, average, minutes=clock.minutes, people=len(data.person.unique()), losses=values)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/ganimation.py: {error}") from None
