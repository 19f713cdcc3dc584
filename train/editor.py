"""Train the editor on a corpus: a face of one expression and the units of another → that person so.

    accelerate launch train/editor.py --corpus corpus --output_dir runs/editor --max_train_steps 6000

Rows of one sitting differ in the expression alone, so any two of them are an aligned pair. The editor learns
to read the source's units besides, and is given the true ones half of the time. A reader, which is not
trained here, must find in the face made what it finds in the true one.
"""

from __future__ import annotations

import argparse
import copy
import logging

import torch
from drawer import read_alike
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from s2f import losses
from s2f.batches import MIRRORED, Faces, face_places, face_weight, read, to_float
from s2f.errors import S2FError
from s2f.models import Critic, Editor, Reader
from s2f.models.editor import Edit
from s2f.shipped import BUNDLED
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

CALM, CALM_EVERY = 0.005, 8  # weight of the slope of the critic, and how often it is measured


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = common_flags(__doc__)
    p.add_argument("--init", help="folder or repository of an editor to go on from")
    p.add_argument("--size", type=int, default=512, help="of the pictures the editor is meant for")
    p.add_argument("--widths", type=int, nargs="+", default=[48, 96, 160, 224])
    p.add_argument("--reader", default=str(BUNDLED / "reader"), help="who checks what the face shows")
    p.add_argument("--critic_width", type=int, default=64)
    p.add_argument("--critic_from", type=float, default=0.35, help="share of steps before the critic joins")
    p.add_argument("--critic_learning_rate", type=float, default=5e-4)
    p.add_argument("--same", type=float, default=0.06, help="share of pairs that ask for what is there")
    p.set_defaults(resolution=256, train_batch_size=8, max_train_steps=6000, ema_decay=0.998)
    p.set_defaults(learning_rate=5e-4)
    return p.parse_args(argv)


class Editing(nn.Module):
    """What several processes wrap: the editor as it is trained, with all its parts."""

    def __init__(self, editor: Editor) -> None:
        super().__init__()
        self.editor = editor

    def forward(self, face: torch.Tensor, target: torch.Tensor, source: torch.Tensor) -> Edit:
        return self.editor.edit(face, target, source)


def sittings(faces: Faces) -> torch.Tensor:
    """(N, k) for each row the rows of its own sitting, itself first, repeated up to k."""
    together: dict[tuple[int, ...], list[int]] = {}
    for n, (person, pose) in enumerate(
        zip(faces.person.tolist(), faces.pose.nan_to_num().tolist(), strict=True)
    ):
        together.setdefault((person, *(round(100 * p) for p in pose)), []).append(n)
    widest = max(len(rows) for rows in together.values())
    if widest < 2:
        raise TrainingError(
            "got a corpus without two expressions of one sitting, expected seven; build it with --renders 7"
        )
    table = torch.empty(len(faces), widest, dtype=torch.long)
    for rows in together.values():
        for k, n in enumerate(rows):
            turned = rows[k:] + rows[:k]
            table[n] = torch.tensor((turned * widest)[:widest])
    return table


def lesson(
    faces: Faces, pairs: torch.Tensor, chosen: torch.Tensor, args: argparse.Namespace, chance: torch.Generator
) -> dict[str, torch.Tensor]:
    """Pairs of one sitting; what cameras and drawers differ in varies on both sides alike."""
    n = len(chosen)

    def draw(low: float, high: float) -> torch.Tensor:
        return (torch.rand(n, generator=chance) * (high - low) + low)[:, None, None, None]

    other = torch.randint(1, pairs.shape[1], (n,), generator=chance)
    other = torch.where(draw(0, 1).flatten() < args.same, 0, other)
    goal = pairs[chosen, other]
    both = torch.stack([to_float(faces.picture[chosen]), to_float(faces.picture[goal])], 1)
    gain, lift, soft, flip = draw(0.8, 1.2)[..., None], draw(-0.15, 0.15)[..., None], draw(0, 1), draw(0, 1)
    tint = torch.rand(n, 1, 3, 1, 1, generator=chance) * 0.16 + 0.92
    both = (both * gain * tint + lift).clamp(-1, 1)
    blurred = functional.avg_pool2d(both.flatten(0, 1), 3, 1, 1, count_include_pad=False).view_as(both)
    both = torch.where(soft[:, None] < 0.3, torch.lerp(both, blurred, (soft[:, None] / 0.3)), both)
    both = torch.where(flip[:, None] < 0.5, both.flip(-1), both)
    mirrored = (flip < 0.5).flatten()
    units = [
        torch.where(mirrored[:, None], faces.units[k][:, MIRRORED], faces.units[k]) for k in (chosen, goal)
    ]
    side, marks = both.shape[-1], faces.landmarks[goal]
    weight = torch.maximum(face_weight(marks, side), face_weight(faces.landmarks[chosen], side))
    weight = torch.where(flip < 0.5, weight.flip(-1), weight)
    side_by_side = torch.cat([face_places(marks), marks, faces.landmarks[chosen]], 1)
    spots = (side_by_side + 0.5) / side * 2 - 1
    spots[..., 0] = torch.where(mirrored[:, None], -spots[..., 0], spots[..., 0])
    places, at, was = spots.split([3, marks.shape[1], marks.shape[1]], 1)
    told = torch.rand(n, 1, generator=chance) < 0.5  # else what it reads itself, which it will have to go by
    return {
        "face": both[:, 0].contiguous(),
        "true": both[:, 1].contiguous(),
        "source": units[0],
        "target": units[1],
        "told": torch.where(told, units[0], torch.nan),
        "weight": weight,
        "places": places,
        "at": at,
        "was": was,
    }


def way_home(flow: torch.Tensor, at: torch.Tensor, was: torch.Tensor) -> torch.Tensor:
    """Where landmarks are known in both pictures, the flow must lead from each to where it was."""
    said = functional.grid_sample(flow, at[:, None].to(flow), padding_mode="border", align_corners=False)
    away = (said[:, :, 0].mT - (was - at)).abs().sum(2)
    inside = (at.abs().amax(2) < 1) & (was.abs().amax(2) < 1)
    return (away * inside).sum() / inside.sum().clamp(min=1)


@torch.no_grad()
def sheet(model: Editor, faces: Faces, pairs: torch.Tensor, device: torch.device) -> list[torch.Tensor]:
    """For each person the source, then the truth over what the editor makes of it."""
    rows = []
    for n in range(0, len(faces), 7):
        goals = pairs[n][:7]
        face = to_float(faces.picture[n : n + 1]).to(device)
        made = model.change(face, model.look(face), faces.units[goals].to(device))
        rows += [*to_float(faces.picture[goals]), *made.face.cpu()]
    return rows


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    accelerator = begin(args, "editor")
    data = read(args.corpus, "train", args.resolution, drawings=False, limit=args.train_samples)
    data = data.invented()
    if not bool(data.units.isfinite().all()):
        raise TrainingError(
            "got a corpus in which action units are not known, expected one that s2f corpus build made; on "
            "other pictures train stargan or exprgan"
        )
    pairs = sittings(data)
    shown = read(args.corpus, "validation", args.resolution, drawings=False)
    shown = shown.where(torch.nonzero(~shown.real)[:42, 0])

    plain = Editor.from_pretrained(args.init) if args.init else Editor(args.size, args.widths)
    judge = Critic(channels=3, width=args.critic_width)
    plain, judge = (m.to(memory_format=torch.channels_last) for m in (plain, judge))  # type: ignore[call-overload]
    reader = Reader.from_pretrained(args.reader).eval().requires_grad_(False).to(accelerator.device)
    average = copy.deepcopy(plain).eval().requires_grad_(False).to(accelerator.device)
    optimizer = torch.optim.Adam(plain.parameters(), args.learning_rate, betas=(0.7, 0.99))
    critic_optimizer = torch.optim.Adam(judge.parameters(), args.critic_learning_rate, betas=(0.0, 0.99))
    critic_step = round(args.critic_from * args.max_train_steps)
    schedule = warm_cosine(optimizer, args.max_train_steps)
    critic_schedule = warm_cosine(critic_optimizer, args.max_train_steps - critic_step)
    model, critic, optimizer, critic_optimizer = accelerator.prepare(
        Editing(plain), judge, optimizer, critic_optimizer
    )
    clock = Clock()
    accelerator.register_for_checkpointing(average, schedule, critic_schedule, clock)

    start = resume(accelerator, args)
    mine = slice(accelerator.process_index, None, accelerator.num_processes)
    bar = tqdm(total=args.max_train_steps, initial=start, disable=not accelerator.is_main_process, delay=2)
    values: dict[str, float] = {}
    batches = epoch_batches(len(data), args.train_batch_size, args.seed, start)
    for step, chosen in zip(range(start + 1, args.max_train_steps + 1), batches, strict=False):
        chance = torch.Generator().manual_seed(args.seed * 7_368_787 + step)  # the step decides what is seen
        batch = lesson(data, pairs, chosen, args, chance)
        batch = {k: v[mine].to(accelerator.device) for k, v in batch.items()}
        true, weight = batch["true"], batch["weight"]
        with accelerator.autocast():
            edit = model(batch["face"], batch["target"], batch["told"])
        l1 = losses.weighted_l1(edit.face.float(), true, weight)
        bands = losses.laplacian_l1(edit.face.float(), true, weight)
        moved = losses.weighted_l1(edit.warped.float(), true, weight)
        units = functional.smooth_l1_loss(edit.source.float(), batch["source"], beta=0.1)
        led = way_home(edit.flow.float(), batch["at"], batch["was"])
        smooth, new = losses.total_variation(edit.flow.float()), edit.attention.float().mean()
        told, seen = read_alike(reader, edit.face.float(), true)
        loss = 8 * l1 + 6 * bands + 4 * moved + 60 * led + 2 * units + 2 * smooth + 0.05 * new + told + seen
        said = {"l1": l1, "moved": moved, "led": led, "units": units, "new": new, "read": told, "seen": seen}

        if step > critic_step:
            calm = step % CALM_EVERY == 0
            true = true.requires_grad_(calm)
            with accelerator.autocast():
                real_logits, real_features = critic(true, batch["places"])
                fake_logits, _ = critic(edit.face.detach(), batch["places"])
            scores = list(zip(real_logits, fake_logits, strict=True))
            loss_d = torch.stack([losses.log_critic(r.float(), f.float()) for r, f in scores]).mean()
            if calm:
                loss_d = loss_d + CALM * CALM_EVERY * losses.slope(real_logits, true)
            critic_optimizer.zero_grad()
            accelerator.backward(loss_d)
            critic_optimizer.step()
            critic_schedule.step()
            judge.requires_grad_(False)  # it only points the way now
            with accelerator.autocast():
                fake_logits, fake_features = judge(edit.face, batch["places"])
            judge.requires_grad_(True)
            fooled = torch.stack([losses.log_generator(f.float()) for f in fake_logits]).mean()
            matched = losses.feature_matching(real_features, fake_features, relative=True)
            loss = loss + 0.3 * fooled + 0.6 * matched
            said |= {"critic": loss_d, "fooled": fooled, "features": matched}

        optimizer.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        update_average(average, plain, min(args.ema_decay, step / (step + 10)))
        last = step == args.max_train_steps
        if values := report(accelerator, step, said, last) or values:
            bar.set_postfix({k: f"{v:.3f}" for k, v in values.items()})
        if step % args.checkpointing_steps == 0:
            save_checkpoint(accelerator, args.output_dir, step, args.checkpoints_total_limit)
        if accelerator.is_main_process and (last or step % args.validation_steps == 0):
            contact_sheet(
                args.output_dir, step, sheet(average, shown, sittings(shown), accelerator.device), 7
            )
        bar.update()
    bar.close()
    finish(accelerator, args, average, minutes=clock.minutes, people=len(data.person.unique()), losses=values)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/editor.py: {error}") from None
