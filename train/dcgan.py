"""Train DCGAN on a corpus: faces from noise, the baseline that is told nothing.

    accelerate launch train/dcgan.py --corpus corpus --output_dir runs/dcgan

As the paper: batches of 128, Adam at 2e-4 with (0.5, 0.999), pictures of 64², half of them mirrored; the
generator is asked for what the critic takes for real. At the end the second experiment: for faces it has
never seen, the nearest that it can make (samples/reconstructed.png: the faces, over what was found of them).
"""

from __future__ import annotations

import argparse
import copy
import logging
from collections.abc import Iterator

import torch
from torch.nn import functional
from tqdm import tqdm

from s2f import losses
from s2f.batches import Faces, read, to_float
from s2f.errors import S2FError
from s2f.image import grid, to_pil
from s2f.models import DCGAN, DCGANDiscriminator
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
    settle,
    update_average,
)

SHOWN = 24
SETTLED = 16  # batches of noise


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = common_flags(__doc__)
    p.add_argument("--width", type=int, default=64)
    p.add_argument("--latent", type=int, default=100)
    p.add_argument("--critic_width", type=int, default=64)
    p.add_argument("--reconstruction_steps", type=int, default=200, help="of gradient descent on the noise")
    p.set_defaults(resolution=64, train_batch_size=128, learning_rate=2e-4)
    args = p.parse_args(argv)
    if args.resolution != 64:
        p.error(f"argument --resolution: got {args.resolution}, expected 64; this model makes no other")
    return args


def noises(args: argparse.Namespace, device: torch.device) -> Iterator[torch.Tensor]:
    """What the batch norms of the averaged weights are measured on."""
    chance = torch.Generator().manual_seed(args.seed)
    for _ in range(SETTLED):
        yield torch.randn(args.train_batch_size, args.latent, generator=chance).to(device)


@torch.no_grad()
def sheet(model: DCGAN, device: torch.device) -> list[torch.Tensor]:
    """The faces of the same noise every time."""
    noise = torch.randn(SHOWN, model.latent, generator=torch.Generator().manual_seed(0))
    return [*model(noise.to(device))]


def reconstruct(model: DCGAN, faces: Faces, args: argparse.Namespace, device: torch.device) -> float:
    """The sheet of the second experiment, and the mean |difference| that is left."""
    some = faces.where(torch.linspace(0, len(faces) - 1, min(8, len(faces))).long())
    given = to_float(some.picture).to(device)
    chance = torch.Generator().manual_seed(args.seed)
    found, _ = model.reconstruct(given, steps=args.reconstruction_steps, generator=chance)
    picture = grid(to_pil(torch.cat([given, found]).cpu()), columns=len(given))
    picture.save(args.output_dir / "samples" / "reconstructed.png")
    return functional.l1_loss(found, given).item()


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    accelerator = begin(args, "dcgan")
    device = accelerator.device
    data = read(args.corpus, "train", args.resolution, drawings=False, limit=args.train_samples)
    data = data.invented()

    plain, judge = DCGAN(args.width, args.latent), DCGANDiscriminator(args.critic_width)
    average = copy.deepcopy(plain).eval().requires_grad_(False).to(device)
    optimizer = torch.optim.Adam(plain.parameters(), args.learning_rate, betas=(0.5, 0.999))
    critic_optimizer = torch.optim.Adam(judge.parameters(), args.learning_rate, betas=(0.5, 0.999))
    model, critic, optimizer, critic_optimizer = accelerator.prepare(
        plain, judge, optimizer, critic_optimizer
    )
    clock = Clock()
    accelerator.register_for_checkpointing(average, clock)

    start = resume(accelerator, args)
    mine = slice(accelerator.process_index, None, accelerator.num_processes)
    bar = tqdm(total=args.max_train_steps, initial=start, disable=not accelerator.is_main_process, delay=2)
    batches = epoch_batches(len(data), args.train_batch_size, args.seed, start)
    values: dict[str, float] = {}
    for step, chosen in zip(range(start + 1, args.max_train_steps + 1), batches, strict=False):
        chance = torch.Generator().manual_seed(args.seed * 7_368_787 + step)  # the step decides what is seen
        face = to_float(data.picture[chosen])
        flip = torch.rand(len(chosen), 1, 1, 1, generator=chance) < 0.5
        face = torch.where(flip, face.flip(-1), face)[mine].to(device)
        noise = torch.randn(len(chosen), args.latent, generator=chance)[mine].to(device)

        with accelerator.autocast():
            made = model(noise)
            real, fake = critic(face), critic(made.detach())
        loss_d = losses.log_critic(real.float(), fake.float())
        critic_optimizer.zero_grad()
        accelerator.backward(loss_d)
        critic_optimizer.step()

        judge.requires_grad_(False)  # it only points the way now
        with accelerator.autocast():
            fake = judge(made)
        judge.requires_grad_(True)
        fooled = losses.log_generator(fake.float())
        optimizer.zero_grad()
        accelerator.backward(fooled)
        optimizer.step()
        update_average(average, plain, min(args.ema_decay, step / (step + 10)))

        last = step == args.max_train_steps
        if values := report(accelerator, step, {"critic": loss_d, "fooled": fooled}, last) or values:
            bar.set_postfix({k: f"{v:.3f}" for k, v in values.items()})
        if step % args.checkpointing_steps == 0:
            save_checkpoint(accelerator, args.output_dir, step, args.checkpoints_total_limit)
        if accelerator.is_main_process and (last or step % args.validation_steps == 0):
            settle(average, noises(args, device))
            contact_sheet(args.output_dir, step, sheet(average, device), 8)
        bar.update()
    bar.close()
    settle(average, noises(args, device))
    left = 0.0
    if accelerator.is_main_process:
        unseen = read(args.corpus, "validation", args.resolution, drawings=False)
        left = reconstruct(average, unseen, args, device)
    facts = {"people": len(data.person.unique()), "losses": values, "reconstruction": left}
    finish(accelerator, args, average, minutes=clock.minutes, **facts)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/dcgan.py: {error}") from None
