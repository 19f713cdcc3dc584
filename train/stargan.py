"""Train StarGAN on a corpus: one generator for all expressions, from faces that are not paired.

    accelerate launch train/stargan.py --corpus corpus --output_dir runs/stargan

With --objective wgan-gp as the paper trains it, or log, as in GANs for Generating Different Face Expressions
(Čeović, Lipovac, Magdić, Omićević & Žužul). That work's own setting is

    s2f corpus adapt FER2013 --out fer2013 --size 48
    accelerate launch train/stargan.py --corpus fer2013 --output_dir runs/stargan-fer --objective log \\
        --resolution 48 --grey --classes angry happy sad surprised --train_batch_size 8

for 400 epochs. The weights of the losses, Adam's betas, the five steps of the critic to one of the generator
and the rate's fall over the second half are the paper's; with the log objective they take turns.
"""

from __future__ import annotations

import argparse
import copy
import logging
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from s2f import losses
from s2f.batches import Faces, read, to_float
from s2f.errors import S2FError
from s2f.expression import CLASSES
from s2f.models import StarGAN, StarGANDiscriminator
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

LAMBDA_CLS, LAMBDA_REC, LAMBDA_GP = 1.0, 10.0, 10.0


def flags(about: str | None) -> argparse.ArgumentParser:
    """Those of all that are trained like StarGAN."""
    p = common_flags(about)
    p.add_argument("--objective", choices=("wgan-gp", "log"), default="wgan-gp")
    p.add_argument("--classes", nargs="+", choices=CLASSES, default=list(CLASSES))
    p.add_argument("--grey", action="store_true", help="one channel")
    p.add_argument("--width", type=int, default=64)
    p.add_argument("--blocks", type=int, default=6)
    p.add_argument("--critic_width", type=int, default=64)
    p.add_argument("--class_weight", type=float, default=LAMBDA_CLS, help="of naming the class, for both")
    p.add_argument("--cycle_weight", type=float, default=LAMBDA_REC, help="of the way back to the face")
    p.add_argument(
        "--n_critic", type=int, help="its steps to one of the generator: 5 with wgan-gp, 1 with log"
    )
    return p


def depth_of(resolution: int) -> int:
    """How often the critic may halve it: six times at 128, four at 48."""
    return min(6, (resolution & -resolution).bit_length() - 1)


def rivals(objective: str) -> tuple[Callable[..., torch.Tensor], Callable[..., torch.Tensor]]:
    """The critic's loss of real and fake, and the generator's of fake."""
    if objective == "log":
        return losses.log_critic, losses.log_generator
    return losses.wasserstein_critic, losses.wasserstein_generator


def of_classes(args: argparse.Namespace, split: str) -> Faces:
    """The invented people of a split, or the photographed where there are none, of the classes asked for."""
    faces = read(args.corpus, split, args.resolution, drawings=False, limit=args.train_samples)
    wanted = torch.isin(faces.label, torch.tensor([CLASSES.index(name) for name in args.classes]))
    invented = wanted & ~faces.real
    chosen = invented if invented.any() else wanted
    if not chosen.any():
        raise TrainingError(
            f"got no {' or '.join(args.classes)} in the {split} split of {args.corpus}, expected some faces; "
            "choose another corpus or other --classes"
        )
    return faces.where(chosen)


def lesson(
    faces: Faces, chosen: torch.Tensor, classes: list[str], chance: torch.Generator
) -> dict[str, torch.Tensor]:
    """Faces, half of them mirrored, with their own labels, and those of others to take on."""
    n = len(chosen)
    column = torch.full((len(CLASSES),), -1)
    column[[CLASSES.index(name) for name in classes]] = torch.arange(len(classes))
    own = column[faces.label[chosen]]
    flip = torch.rand(n, 1, 1, 1, generator=chance) < 0.5
    face = to_float(faces.picture[chosen])
    return {
        "face": torch.where(flip, face.flip(-1), face),
        "label": own,
        "own": functional.one_hot(own, len(classes)).float(),
        "target_label": (goal := own[torch.randperm(n, generator=chance)]),
        "target": functional.one_hot(goal, len(classes)).float(),
        "mix": torch.rand(n, generator=chance),
    }


@torch.no_grad()
def sheet(model: nn.Module, faces: Faces, classes: int, device: torch.device) -> list[torch.Tensor]:
    """Each face, then what it becomes with every label."""
    rows = []
    for picture in to_float(faces.picture):
        many = picture.to(device).expand(classes, -1, -1, -1)
        rows += [picture, *model(many, torch.eye(classes, device=device))]
    return rows


def main(argv: list[str] | None = None) -> None:
    args = flags(__doc__).parse_args(argv)
    accelerator = begin(args, "stargan")
    device, count = accelerator.device, len(args.classes)
    data, shown = of_classes(args, "train"), of_classes(args, "validation")
    shown = shown.where(torch.linspace(0, len(shown) - 1, 6).long())
    critic_loss, generator_loss = rivals(args.objective)
    n_critic = args.n_critic or (5 if args.objective == "wgan-gp" else 1)

    channels = 1 if args.grey else 3
    plain = StarGAN(args.width, count, args.blocks, channels, args.classes, args.resolution)
    depth = depth_of(args.resolution)
    judge = StarGANDiscriminator(args.resolution, args.critic_width, count, depth, channels)
    average = copy.deepcopy(plain).eval().requires_grad_(False).to(device)
    optimizer = torch.optim.Adam(plain.parameters(), args.learning_rate, betas=(0.5, 0.999))
    critic_optimizer = torch.optim.Adam(judge.parameters(), args.learning_rate, betas=(0.5, 0.999))
    schedule = late_linear(optimizer, args.max_train_steps // n_critic)
    critic_schedule = late_linear(critic_optimizer, args.max_train_steps)
    model, optimizer = accelerator.prepare(plain, optimizer)
    critic, critic_optimizer = accelerator.prepare(judge, critic_optimizer)
    clock = Clock()
    accelerator.register_for_checkpointing(average, schedule, critic_schedule, clock)

    start = resume(accelerator, args)
    mine = slice(accelerator.process_index, None, accelerator.num_processes)
    bar = tqdm(total=args.max_train_steps, initial=start, disable=not accelerator.is_main_process, delay=2)
    batches = epoch_batches(len(data), args.train_batch_size, args.seed, start)
    values: dict[str, float] = {}
    for step, chosen in zip(range(start + 1, args.max_train_steps + 1), batches, strict=False):
        chance = torch.Generator().manual_seed(args.seed * 7_368_787 + step)  # the step decides what is seen
        batch = lesson(data, chosen, args.classes, chance)
        batch = {k: v[mine].to(device) for k, v in batch.items()}
        face, own, target = batch["face"], batch["own"], batch["target"]

        with accelerator.autocast(), torch.no_grad():
            fake = model(face, target)
        with accelerator.autocast():
            real_source, real_class = critic(face)
            fake_source, _ = critic(fake)
        named = functional.cross_entropy(real_class, batch["label"])
        loss_d = critic_loss(real_source, fake_source) + args.class_weight * named
        said = {"critic": loss_d, "named_real": named}
        if args.objective == "wgan-gp":
            slope = losses.gradient_penalty(lambda x: critic(x)[0], face, fake, batch["mix"])
            loss_d = loss_d + LAMBDA_GP * slope
            said["slope"] = slope
        critic_optimizer.zero_grad()
        accelerator.backward(loss_d)
        critic_optimizer.step()
        critic_schedule.step()

        if step % n_critic == 0:
            judge.requires_grad_(False)  # it only points the way now
            with accelerator.autocast():
                made = model(face, target)
                fake_source, fake_class = judge(made)
                back = model(made, own)
            judge.requires_grad_(True)
            fooled = generator_loss(fake_source)
            named = functional.cross_entropy(fake_class, batch["target_label"])
            cycle = functional.l1_loss(back, face)
            loss = fooled + args.class_weight * named + args.cycle_weight * cycle
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
            schedule.step()
            update_average(average, plain, min(args.ema_decay, step / (step + 10)))
            said |= {"fooled": fooled, "named_fake": named, "cycle": cycle}

        last = step == args.max_train_steps
        if values := report(accelerator, step, said, last) or values:
            bar.set_postfix({k: f"{v:.3f}" for k, v in values.items()})
        if step % args.checkpointing_steps == 0:
            save_checkpoint(accelerator, args.output_dir, step, args.checkpoints_total_limit)
        if accelerator.is_main_process and (last or step % args.validation_steps == 0):
            contact_sheet(args.output_dir, step, sheet(average, shown, count, device), count + 1)
        bar.update()
    bar.close()
    finish(accelerator, args, average, minutes=clock.minutes, people=len(data.person.unique()), losses=values)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/stargan.py: {error}") from None
