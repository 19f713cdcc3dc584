"""Train DeepFaceDrawing on a corpus: drawings → faces, in the paper's two stages.

    accelerate launch train/deepfacedrawing.py --corpus corpus --output_dir runs/deepfacedrawing

1. Five auto-encoders learn to give the components of a drawing back, by their squared error. When they are
   done the bank is filled with the latents of up to --bank training drawings.
2. Feature mapping and synthesis learn to paint the photograph from the latents of its drawing, as they are,
   unprojected, while the encoders rest: critics at two scales, feature matching, L1.

--stage both does one after the other; --stage 1 ends where the bank is full, and --stage 2 --init FOLDER goes
on from there. Adam at 2e-4 with (0.5, 0.999) is the paper's. It does not say the weights of its losses, nor
the kind of the adversarial one: here a hinge, feature matching weighed as in pix2pixHD, and as much of the
L1. The averages of the weights are what is saved, and it is the averaged encoders that stage 2 builds on.
"""

from __future__ import annotations

import argparse
import copy
import logging

import torch
from torch.nn import functional
from tqdm import tqdm

from s2f import losses
from s2f.batches import Faces, read, to_float
from s2f.errors import S2FError
from s2f.models import DeepFaceDrawing, DeepFaceDrawingDiscriminator
from s2f.models.deepfacedrawing import parts
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

LAMBDA_FM, LAMBDA_L1 = 10.0, 10.0
WIDTHS = [32, 64, 128, 256, 512]
SLIDERS = (1.0, 0.5, 0.0)  # on the sheet


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = common_flags(__doc__)
    p.set_defaults(resolution=512, learning_rate=2e-4, train_batch_size=8)
    p.add_argument("--stage", choices=("both", "1", "2"), default="both")
    p.add_argument("--init", help="with --stage 2: folder or repository of what stage 1 made")
    p.add_argument("--first_share", type=float, default=0.4, help="of the steps, with --stage both")
    p.add_argument("--bank", type=int, default=2000, help="drawings that make up the manifolds, at most")
    p.add_argument("--widths", type=int, nargs="+", help="of the auto-encoders (default: the paper's)")
    p.add_argument("--latent", type=int, default=512)
    p.add_argument("--width", type=int, default=56, help="of the synthesis")
    p.add_argument("--blocks", type=int, default=9)
    p.add_argument("--critic_width", type=int, default=64)
    return p.parse_args(argv)


def first_steps(args: argparse.Namespace) -> int:
    """How many steps stage 1 has."""
    if (args.init is None) == (args.stage == "2"):
        raise TrainingError(
            f"got --stage {args.stage} with --init {args.init}, expected --init with --stage 2 and "
            "with no other; train stage 1 first, or leave --init out"
        )
    share = {"1": 1.0, "2": 0.0, "both": args.first_share}[args.stage]
    if not 0 <= share <= 1:
        raise TrainingError(f"got --first_share {share}, expected a share from 0 to 1; correct it")
    return round(share * args.max_train_steps)


def build(args: argparse.Namespace, drawings: int) -> DeepFaceDrawing:
    """At a small resolution, fewer halvings, so that an eye is no narrower than in the paper."""
    if args.init is None:
        halvings = max(1, min(len(WIDTHS), args.resolution.bit_length() - 5))
        bank = min(args.bank, drawings)
        return DeepFaceDrawing(
            size=args.resolution,
            widths=args.widths or WIDTHS[:halvings],
            latent=args.latent,
            width=args.width,
            blocks=args.blocks,
            neighbours=min(10, bank),
            bank=bank,
            page=min(128, args.resolution),
        )
    model = DeepFaceDrawing.from_pretrained(args.init)
    if model.size != args.resolution:
        raise TrainingError(
            f"got --resolution {args.resolution} for a model of {model.size}, expected the same; change it"
        )
    return model


def lesson(faces: Faces, chosen: torch.Tensor, chance: torch.Generator) -> dict[str, torch.Tensor]:
    """Faces, half of them mirrored, each with one of its drawings. The boxes are the same in a mirror."""
    n = len(chosen)
    which = torch.randint(faces.drawing.shape[1], (n,), generator=chance)
    flip = torch.rand(n, 1, 1, 1, generator=chance) < 0.5
    page, face = to_float(faces.drawing[chosen, which][:, None]), to_float(faces.picture[chosen])
    return {"page": torch.where(flip, page.flip(-1), page), "face": torch.where(flip, face.flip(-1), face)}


def banked(faces: Faces, count: int, seed: int) -> torch.Tensor:
    """(count, S, S): drawings of the corpus, which ones the seed says."""
    every = faces.drawing.flatten(0, 1)
    return every[torch.randperm(len(every), generator=torch.Generator().manual_seed(seed))[:count]]


@torch.no_grad()
def sheet(model: DeepFaceDrawing, faces: Faces, device: torch.device, painted: bool) -> list[torch.Tensor]:
    """Each drawing, given back; or photograph, drawing, shadow, the drawing projected, a face per slider."""
    rows = []
    for n in range(len(faces)):
        page = to_float(faces.drawing[n, n % faces.drawing.shape[1]][None, None]).to(device)
        if painted:
            drawn = [page, model.shadow(page), model.redrawn(page, 0.0)]
            made = [model(page, slider)[0] for slider in SLIDERS]
            rows += [to_float(faces.picture[n]), *(d[0].expand(3, -1, -1) for d in drawn), *made]
        else:
            rows += [d[0].expand(3, -1, -1) for d in (page, model.redrawn(page, 1.0))]
    return rows


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    first = first_steps(args)
    accelerator = begin(args, "deepfacedrawing")
    device = accelerator.device
    data = read(args.corpus, "train", args.resolution, limit=args.train_samples)
    data = data.invented()
    shown = read(args.corpus, "validation", args.resolution)
    shown = shown.where(torch.linspace(0, len(shown) - 1, 8).long())

    plain = build(args, data.drawing.shape[:2].numel())
    judge = DeepFaceDrawingDiscriminator(args.critic_width)
    average = copy.deepcopy(plain).eval().requires_grad_(False).to(device)
    adams = [
        torch.optim.Adam(m.parameters(), args.learning_rate, betas=(0.5, 0.999))
        for m in (plain.components, plain.painter, judge)
    ]
    steps = (first, args.max_train_steps - first, args.max_train_steps - first)
    schedules = [late_linear(o, some) for o, some in zip(adams, steps, strict=True)]
    components, embed_optimizer = accelerator.prepare(plain.components, adams[0])
    painter, optimizer = accelerator.prepare(plain.painter, adams[1])
    critic, critic_optimizer = accelerator.prepare(judge, adams[2])
    clock = Clock()
    accelerator.register_for_checkpointing(average, *schedules, clock)

    start = resume(accelerator, args)
    mine = slice(accelerator.process_index, None, accelerator.num_processes)
    bar = tqdm(total=args.max_train_steps, initial=start, disable=not accelerator.is_main_process, delay=2)
    batches = epoch_batches(len(data), args.train_batch_size, args.seed, start)
    values: dict[str, float] = {}
    for step, chosen in zip(range(start + 1, args.max_train_steps + 1), batches, strict=False):
        chance = torch.Generator().manual_seed(args.seed * 7_368_787 + step)  # the step decides what is seen
        batch = {k: v[mine].to(device) for k, v in lesson(data, chosen, chance).items()}
        page, face = batch["page"], batch["face"]

        if step <= first:  # stage 1
            with accelerator.autocast():
                redrawn = components(page)
            pairs = zip(redrawn, parts(page), strict=True)
            each = torch.stack([functional.mse_loss(r.float(), true) for r, true in pairs])
            embed_optimizer.zero_grad()
            accelerator.backward(each.mean())
            embed_optimizer.step()
            schedules[0].step()
            update_average(average.components, plain.components, min(args.ema_decay, step / (step + 10)))
            said = {"components": each.mean(), "remainder": each[-1]}
            if step == first:
                average.remember(banked(data, len(average.pages), args.seed))
        else:  # stage 2
            latents = average.encode(page)
            with accelerator.autocast():
                made = painter(latents)
                real, fake = critic(page, face), critic(page, made.detach())
            loss_d = torch.stack(
                [losses.hinge_critic(r[-1].float(), f[-1].float()) for r, f in zip(real, fake, strict=True)]
            ).mean()
            critic_optimizer.zero_grad()
            accelerator.backward(loss_d)
            critic_optimizer.step()

            judge.requires_grad_(False)  # it only points the way now
            with accelerator.autocast():
                fake = judge(page, made)
            judge.requires_grad_(True)
            fooled = torch.stack([losses.hinge_generator(f[-1].float()) for f in fake]).mean()
            alike = [losses.feature_matching(r[:-1], f[:-1]) for r, f in zip(real, fake, strict=True)]
            features, l1 = torch.stack(alike).mean(), functional.l1_loss(made.float(), face)
            optimizer.zero_grad()
            accelerator.backward(fooled + LAMBDA_FM * features + LAMBDA_L1 * l1)
            optimizer.step()
            for schedule in schedules[1:]:
                schedule.step()
            gone = step - first
            update_average(average.painter, plain.painter, min(args.ema_decay, gone / (gone + 10)))
            said = {"critic": loss_d, "fooled": fooled, "features": features, "l1": l1}

        last = step == args.max_train_steps
        if values := report(accelerator, step, said, last) or values:
            bar.set_postfix({k: f"{v:.3f}" for k, v in values.items()})
        if step % args.checkpointing_steps == 0:
            save_checkpoint(accelerator, args.output_dir, step, args.checkpoints_total_limit)
        if accelerator.is_main_process and (last or step % args.validation_steps == 0):
            painted = step > first
            contact_sheet(args.output_dir, step, sheet(average, shown, device, painted), 7 if painted else 4)
        bar.update()
    bar.close()
    finish(accelerator, args, average, minutes=clock.minutes, people=len(data.person.unique()), losses=values)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/deepfacedrawing.py: {error}") from None
