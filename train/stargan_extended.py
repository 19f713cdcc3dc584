"""Train the extended StarGAN on a corpus: a second critic compares a face with the way back to it.

    accelerate launch train/stargan_extended.py --corpus corpus --output_dir runs/stargan_extended

All but the second critic is train/stargan.py's, flags included. The seed says neither its weight nor its
turns: here it learns at every step of the first and with the same objective, from a face and its cycle, and
has a tenth of the first's say (LAMBDA_BACK).
"""

from __future__ import annotations

import copy
import logging

import torch
from stargan import LAMBDA_GP, depth_of, flags, lesson, of_classes, rivals, sheet
from torch.nn import functional
from tqdm import tqdm

from s2f import losses
from s2f.errors import S2FError
from s2f.models import ExtendedStarGAN, ReconstructionDiscriminator, StarGANDiscriminator
from s2f.training import (
    Clock,
    begin,
    contact_sheet,
    epoch_batches,
    finish,
    late_linear,
    report,
    resume,
    save_checkpoint,
    update_average,
)

LAMBDA_BACK = 0.1


def main(argv: list[str] | None = None) -> None:
    args = flags(__doc__).parse_args(argv)
    accelerator = begin(args, "stargan_extended")
    device, count = accelerator.device, len(args.classes)
    data, shown = of_classes(args, "train"), of_classes(args, "validation")
    shown = shown.where(torch.linspace(0, len(shown) - 1, 6).long())
    critic_loss, generator_loss = rivals(args.objective)
    n_critic = args.n_critic or (5 if args.objective == "wgan-gp" else 1)

    channels = 1 if args.grey else 3
    plain = ExtendedStarGAN(args.width, count, args.blocks, channels, args.classes, args.resolution)
    depth = depth_of(args.resolution)
    judge = StarGANDiscriminator(args.resolution, args.critic_width, count, depth, channels)
    back_judge = ReconstructionDiscriminator(args.critic_width, depth, channels)
    average = copy.deepcopy(plain).eval().requires_grad_(False).to(device)
    optimizer = torch.optim.Adam(plain.parameters(), args.learning_rate, betas=(0.5, 0.999))
    critic_optimizer = torch.optim.Adam(judge.parameters(), args.learning_rate, betas=(0.5, 0.999))
    back_optimizer = torch.optim.Adam(back_judge.parameters(), args.learning_rate, betas=(0.5, 0.999))
    schedule = late_linear(optimizer, args.max_train_steps // n_critic)
    critic_schedule, back_schedule = (
        late_linear(o, args.max_train_steps) for o in (critic_optimizer, back_optimizer)
    )
    model, optimizer = accelerator.prepare(plain, optimizer)
    critic, critic_optimizer = accelerator.prepare(judge, critic_optimizer)
    back_critic, back_optimizer = accelerator.prepare(back_judge, back_optimizer)
    clock = Clock()
    accelerator.register_for_checkpointing(average, schedule, critic_schedule, back_schedule, clock)

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
            back = model(fake, own)
        with accelerator.autocast():
            real_source, real_class = critic(face)
            fake_source, _ = critic(fake)
            back_loss = critic_loss(back_critic(face), back_critic(back))
        named = functional.cross_entropy(real_class, batch["label"])
        loss_d = critic_loss(real_source, fake_source) + args.class_weight * named + back_loss
        said = {"critic": loss_d, "back_critic": back_loss, "named_real": named}
        if args.objective == "wgan-gp":
            slope = losses.gradient_penalty(lambda x: critic(x)[0], face, fake, batch["mix"])
            slope = slope + losses.gradient_penalty(back_critic, face, back, batch["mix"])
            loss_d = loss_d + LAMBDA_GP * slope
            said["slope"] = slope
        critic_optimizer.zero_grad()
        back_optimizer.zero_grad()
        accelerator.backward(loss_d)
        critic_optimizer.step()
        back_optimizer.step()
        critic_schedule.step()
        back_schedule.step()

        if step % n_critic == 0:
            judge.requires_grad_(False)  # they only point the way now
            back_judge.requires_grad_(False)
            with accelerator.autocast():
                made = model(face, target)
                fake_source, fake_class = judge(made)
                back = model(made, own)
                back_fooled = generator_loss(back_judge(back))
            judge.requires_grad_(True)
            back_judge.requires_grad_(True)
            fooled = generator_loss(fake_source)
            named = functional.cross_entropy(fake_class, batch["target_label"])
            cycle = functional.l1_loss(back, face)
            loss = fooled + args.class_weight * named + args.cycle_weight * cycle + LAMBDA_BACK * back_fooled
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
            schedule.step()
            update_average(average, plain, min(args.ema_decay, step / (step + 10)))
            said |= {"fooled": fooled, "named_fake": named, "cycle": cycle, "back_fooled": back_fooled}

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
        raise SystemExit(f"train/stargan_extended.py: {error}") from None
