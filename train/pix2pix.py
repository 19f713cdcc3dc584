"""Train pix2pix on a corpus: drawings → faces, judged patch by patch.

    accelerate launch train/pix2pix.py --corpus corpus --output_dir runs/pix2pix

With --objective l1 as the paper trains it: λ 100, the critic's loss halved, Adam at 2e-4 with (0.5, 0.999),
pictures enlarged by an eighth and cropped back, half of them mirrored. With --objective contextual as in
Facial Image Synthesis from Sketches based on Deep Learning Techniques (Pinvasee & Srisomboonchote): seven
blocks down and seven up, four halvings in the critic, 0.2·L1 + 0.8·KL in place of the L1; what it does not
say, here λ for the sum, is the paper's. Batch norms see the part of the batch that their process has; those
of the averaged weights, which are what is saved, are measured anew, since the statistics of the last weights
turned their faces dark and faint.
"""

from __future__ import annotations

import argparse
import copy
import logging
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from s2f import losses
from s2f.batches import Faces, read, to_float
from s2f.errors import S2FError
from s2f.models import PatchDiscriminator, Pix2Pix
from s2f.training import (
    Clock,
    begin,
    common_flags,
    contact_sheet,
    epoch_batches,
    finish,
    late_linear,
    report,
    resume,
    save_checkpoint,
    settle,
    update_average,
)

LAMBDA = 100.0
SETTLED = 16  # batches that the batch norms of the averaged weights are measured on
SHARE_L1, SHARE_KL = 0.2, 0.8  # of the contextual objective
OBJECTIVES = {"l1": (8, 3), "contextual": (7, 4)}  # blocks each way, halvings in the critic


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = common_flags(__doc__)
    p.add_argument("--objective", choices=tuple(OBJECTIVES), default="l1")
    p.add_argument("--width", type=int, default=64)
    p.add_argument("--depth", type=int, help="blocks each way (default: the objective's)")
    p.add_argument("--critic_width", type=int, default=64)
    p.set_defaults(resolution=256, learning_rate=2e-4)
    return p.parse_args(argv)


def lesson(faces: Faces, chosen: torch.Tensor, chance: torch.Generator) -> dict[str, torch.Tensor]:
    """Pairs, any drawing of each face, cropped from a little more than they are and mirrored at random."""
    n = len(chosen)
    which = torch.randint(faces.drawing.shape[1], (n,), generator=chance)
    page, face = to_float(faces.drawing[chosen, which][:, None]), to_float(faces.picture[chosen])
    pair = torch.cat([page, face], 1)
    side = pair.shape[-1]
    pair = functional.interpolate(pair, size=side + side // 8, mode="bilinear", align_corners=False)
    corner = torch.randint(side // 8 + 1, (n, 2), generator=chance).tolist()
    pair = torch.stack([p[:, y : y + side, x : x + side] for p, (y, x) in zip(pair, corner, strict=True)])
    flip = torch.rand(n, 1, 1, 1, generator=chance) < 0.5
    pair = torch.where(flip, pair.flip(-1), pair)
    return {"page": pair[:, :1], "face": pair[:, 1:]}


def pages(faces: Faces, batch: int, device: torch.device) -> Iterator[torch.Tensor]:
    """The same drawings every time, as they come to be drawn from."""
    rows = torch.linspace(0, len(faces) - 1, min(SETTLED * batch, len(faces))).long()
    for some in rows.split(batch):
        yield to_float(faces.drawing[some, some % faces.drawing.shape[1]][:, None]).to(device)


@torch.no_grad()
def sheet(model: nn.Module, faces: Faces, device: torch.device) -> list[torch.Tensor]:
    """Each drawing, its photograph, and the face made of it."""
    rows = []
    for n in range(len(faces)):
        page = to_float(faces.drawing[n, n % faces.drawing.shape[1]][None, None])
        rows += [page[0].expand(3, -1, -1), to_float(faces.picture[n]), model(page.to(device))[0]]
    return rows


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    accelerator = begin(args, "pix2pix")
    device = accelerator.device
    data = read(args.corpus, "train", args.resolution, limit=args.train_samples)
    data = data.invented()
    shown = read(args.corpus, "validation", args.resolution)
    shown = shown.where(torch.linspace(0, len(shown) - 1, 8).long())

    blocks, strided = OBJECTIVES[args.objective]
    plain = Pix2Pix(args.width, args.depth or blocks)
    judge = PatchDiscriminator(args.critic_width, strided)
    average = copy.deepcopy(plain).eval().requires_grad_(False).to(device)
    optimizer = torch.optim.Adam(plain.parameters(), args.learning_rate, betas=(0.5, 0.999))
    critic_optimizer = torch.optim.Adam(judge.parameters(), args.learning_rate, betas=(0.5, 0.999))
    schedule, critic_schedule = (late_linear(o, args.max_train_steps) for o in (optimizer, critic_optimizer))
    model, critic, optimizer, critic_optimizer = accelerator.prepare(
        plain, judge, optimizer, critic_optimizer
    )
    clock = Clock()
    accelerator.register_for_checkpointing(average, schedule, critic_schedule, clock)

    start = resume(accelerator, args)
    mine = slice(accelerator.process_index, None, accelerator.num_processes)
    bar = tqdm(total=args.max_train_steps, initial=start, disable=not accelerator.is_main_process, delay=2)
    batches = epoch_batches(len(data), args.train_batch_size, args.seed, start)
    values: dict[str, float] = {}
    for step, chosen in zip(range(start + 1, args.max_train_steps + 1), batches, strict=False):
        chance = torch.Generator().manual_seed(args.seed * 7_368_787 + step)  # the step decides what is seen
        torch.manual_seed(args.seed * 7_368_787 + step)  # and which units dropout drops
        batch = {k: v[mine].to(device) for k, v in lesson(data, chosen, chance).items()}
        page, face = batch["page"], batch["face"]

        with accelerator.autocast():
            made = model(page)
            real, fake = critic(page, face), critic(page, made.detach())
        loss_d = 0.5 * losses.log_critic(real.float(), fake.float())
        critic_optimizer.zero_grad()
        accelerator.backward(loss_d)
        critic_optimizer.step()
        critic_schedule.step()

        judge.requires_grad_(False)  # it only points the way now
        with accelerator.autocast():
            fake = judge(page, made)
        judge.requires_grad_(True)
        fooled, l1 = losses.log_generator(fake.float()), functional.l1_loss(made.float(), face)
        said = {"critic": loss_d, "fooled": fooled, "l1": l1}
        if args.objective == "contextual":
            said["context"] = losses.contextual_kl(made.float(), face)
            like = SHARE_L1 * l1 + SHARE_KL * said["context"]
        else:
            like = l1
        optimizer.zero_grad()
        accelerator.backward(fooled + LAMBDA * like)
        optimizer.step()
        schedule.step()
        update_average(average, plain, min(args.ema_decay, step / (step + 10)))

        last = step == args.max_train_steps
        if values := report(accelerator, step, said, last) or values:
            bar.set_postfix({k: f"{v:.3f}" for k, v in values.items()})
        if step % args.checkpointing_steps == 0:
            save_checkpoint(accelerator, args.output_dir, step, args.checkpoints_total_limit)
        if accelerator.is_main_process and (last or step % args.validation_steps == 0):
            settle(average, pages(data, args.train_batch_size, device))
            contact_sheet(args.output_dir, step, sheet(average, shown, device), 6)
        bar.update()
    bar.close()
    settle(average, pages(data, args.train_batch_size, device))
    finish(accelerator, args, average, minutes=clock.minutes, people=len(data.person.unique()), losses=values)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/pix2pix.py: {error}") from None
