"""Train the diffusion drawer on a corpus: noise is taken away from a face that a drawing stands beside.

    accelerate launch train/diffusion.py --corpus corpus --output_dir runs/diffusion

The loss on v is weighted by what is learned of each amount of noise (min-SNR-γ, Hang et al., arXiv
2303.09556, γ 5); for a share of the pictures the drawing is a blank page, so that `guidance` can be asked for
(Ho & Salimans, arXiv 2207.12598). DIR/diffusers is the same for `DiffusionPipeline.from_pretrained`.
"""

from __future__ import annotations

import argparse
import copy
import logging

import torch
from pix2pix import lesson
from tqdm import tqdm

from s2f.batches import Faces, read, to_float
from s2f.errors import S2FError
from s2f.models import Diffusion
from s2f.models.diffusion import TIMES, noising
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

GAMMA = 5.0


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = common_flags(__doc__)
    p.add_argument("--widths", type=int, nargs="+", default=[64, 128, 192, 256])
    p.add_argument("--layers", type=int, default=2, help="residual blocks of each width")
    p.add_argument("--sampling_steps", type=int, default=12)
    p.add_argument("--blank", type=float, default=0.1, help="share of pictures whose drawing is hidden")
    p.set_defaults(resolution=128, train_batch_size=16, learning_rate=2e-4)
    return p.parse_args(argv)


def weight_of(alphas: torch.Tensor) -> torch.Tensor:
    """min(SNR, γ) / (SNR + 1), what min-SNR-γ is for v, of the share of the picture that is left."""
    ratio = alphas / (1 - alphas)
    return ratio.clamp(max=GAMMA) / (ratio + 1)


@torch.no_grad()
def sheet(model: Diffusion, faces: Faces, device: torch.device) -> list[torch.Tensor]:
    """Each drawing, its photograph, and two faces made of it."""
    rows = []
    for n in range(len(faces)):
        page = to_float(faces.drawing[n, n % faces.drawing.shape[1]][None, None])
        chances = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
        made = model(page.expand(2, -1, -1, -1).to(device), generator=chances)
        rows += [page[0].expand(3, -1, -1), to_float(faces.picture[n]), *made]
    return rows


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    accelerator = begin(args, "diffusion")
    device = accelerator.device
    data = read(args.corpus, "train", args.resolution, limit=args.train_samples)
    data = data.invented()
    shown = read(args.corpus, "validation", args.resolution)
    shown = shown.where(torch.linspace(0, len(shown) - 1, 8).long())

    plain = Diffusion(args.resolution, args.widths, args.layers, steps=args.sampling_steps)
    average = copy.deepcopy(plain).eval().requires_grad_(False).to(device)
    noises = noising()
    weights = weight_of(noises.alphas_cumprod)
    optimizer = torch.optim.AdamW(plain.parameters(), args.learning_rate, weight_decay=0.01)
    schedule = warm_cosine(optimizer, args.max_train_steps)
    network, optimizer = accelerator.prepare(plain.unet, optimizer)
    clock = Clock()
    accelerator.register_for_checkpointing(average, schedule, clock)

    start = resume(accelerator, args)
    mine = slice(accelerator.process_index, None, accelerator.num_processes)
    bar = tqdm(total=args.max_train_steps, initial=start, disable=not accelerator.is_main_process, delay=2)
    batches = epoch_batches(len(data), args.train_batch_size, args.seed, start)
    values: dict[str, float] = {}
    for step, chosen in zip(range(start + 1, args.max_train_steps + 1), batches, strict=False):
        chance = torch.Generator().manual_seed(args.seed * 7_368_787 + step)  # the step decides what is seen
        batch, count = lesson(data, chosen, chance), len(chosen)
        hidden = torch.rand(count, 1, 1, 1, generator=chance) < args.blank
        page = torch.where(hidden, 1.0, batch["page"])[mine].to(device)
        noise = torch.randn(batch["face"].shape, generator=chance)
        time = torch.randint(TIMES, (count,), generator=chance)
        noisy = noises.add_noise(batch["face"], noise, time)[mine].to(device)
        wanted = noises.get_velocity(batch["face"], noise, time)[mine].to(device)
        weight, time = weights[time][mine].to(device), time[mine].to(device)

        with accelerator.autocast():
            said = network(torch.cat([noisy, page], 1), time).sample
        loss = (weight * (said.float() - wanted).square().mean((1, 2, 3))).mean()
        optimizer.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        update_average(average, plain, min(args.ema_decay, step / (step + 10)))

        last = step == args.max_train_steps
        if values := report(accelerator, step, {"denoised": loss}, last) or values:
            bar.set_postfix({k: f"{v:.4f}" for k, v in values.items()})
        if step % args.checkpointing_steps == 0:
            save_checkpoint(accelerator, args.output_dir, step, args.checkpoints_total_limit)
        if accelerator.is_main_process and (last or step % args.validation_steps == 0):
            contact_sheet(args.output_dir, step, sheet(average, shown, device), 8)
        bar.update()
    bar.close()
    if accelerator.is_main_process:
        average.save_pipeline(args.output_dir / "diffusers")
    finish(accelerator, args, average, minutes=clock.minutes, people=len(data.person.unique()), losses=values)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/diffusion.py: {error}") from None
