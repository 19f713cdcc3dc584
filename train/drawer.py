"""Train the drawer on a corpus: drawings by many hands → photographs, with the look given.

    accelerate launch train/drawer.py --corpus corpus --output_dir runs/drawer --max_train_steps 6000

First what the pixels are (L1 over a Laplacian pyramid at every size), then, from --critic_from on, a critic
that asks for what is sharp. Invented people of the training split only; --init takes up a trained drawer, and
its critic where it brings one that looked at pictures of the same --resolution.
"""

from __future__ import annotations

import argparse
import copy
import logging
import shutil
from pathlib import Path
from typing import Any

import torch
from accelerate import DistributedDataParallelKwargs
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from s2f import losses
from s2f.batches import (
    Faces,
    as_meant,
    dressed,
    face_places,
    face_weight,
    nudged,
    read,
    to_float,
)
from s2f.errors import S2FError
from s2f.fitting import deal, fit_hand, sharpened, whole_looks
from s2f.models import Critic, Drawer, Reader
from s2f.models.drawer import DRAWN, GRID, Window, cut, finer
from s2f.models.widening import widened
from s2f.shipped import BUNDLED
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

LEVELS = (128, 256, 512)  # what the drawer makes, one from the other
CALM, CALM_EVERY = 0.005, 8  # weight of the slope of the critic, and how often it is measured


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = common_flags(__doc__)
    p.add_argument("--init", help="folder or repository of a drawer to go on from")
    p.add_argument("--size", type=int, default=512, help="of the pictures the drawer makes")
    p.add_argument("--widths", type=int, nargs="+", default=[48, 96, 160, 224])
    p.add_argument("--detail", type=int, nargs="+", help="of finer levels; with --init multiples of its own")
    p.add_argument("--critic_width", type=int, default=64)
    p.add_argument("--critic_from", type=float, default=0.15, help="share of steps before the critic joins")
    p.add_argument("--critic_learning_rate", type=float, default=5e-4)
    p.add_argument("--critic_ahead", type=int, default=0, help="steps that a new critic learns alone first")
    p.add_argument("--reader", default=str(BUNDLED / "reader"), help="who checks what the face shows")
    p.add_argument("--finest_only", action="store_true", help="only the level of --resolution learns")
    p.add_argument("--window", type=int, help="with --finest_only: side of the piece of a step; unset, all")
    p.add_argument("--freehand", type=float, default=0.6, help="share of drawings by hand")
    p.set_defaults(resolution=256, train_batch_size=8, max_train_steps=6000, ema_decay=0.998)
    p.set_defaults(learning_rate=6e-4)
    args = p.parse_args(argv)
    if args.resolution not in LEVELS or args.resolution > args.size:
        p.error(
            f"argument --resolution: got {args.resolution}, expected one of {LEVELS} up to --size; choose one"
        )
    if args.critic_ahead < 0:
        p.error(f"argument --critic_ahead: got {args.critic_ahead}, expected 0 or more steps; correct it")
    if args.finest_only and (args.init is None or args.resolution == LEVELS[0]):
        p.error(
            "argument --finest_only: got no --init, or the coarsest level, expected a trained drawer; name it"
        )
    sides = range(cell := args.resolution // GRID, args.resolution + 1, cell)
    if args.window is not None and not (args.finest_only and args.window in sides):
        wanted = f"--finest_only and a multiple of {cell} up to {args.resolution}"
        p.error(f"argument --window: got {args.window}, expected {wanted}; correct it")
    return args


class Levels(nn.Module):
    """What several processes wrap: the drawer as it is trained, a picture at every size."""

    def __init__(self, drawer: Drawer) -> None:
        super().__init__()
        self.drawer = drawer

    def forward(self, *asked: Any) -> list[torch.Tensor]:
        return self.drawer.levels(*asked)


def piece(args: argparse.Namespace, generator: torch.Generator) -> Window | None:
    """Which part of the picture a step makes: what is finest is learned anywhere, and a piece is quicker."""
    if not args.window:
        return None
    side = args.window * GRID // args.resolution
    return *torch.randint(GRID - side + 1, (2,), generator=generator).tolist(), side


def lesson(
    faces: Faces, chosen: torch.Tensor, args: argparse.Namespace, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """One batch as the hand and the light vary it: all from the step's own chance."""
    n = len(chosen)

    def chance(*shape: int) -> torch.Tensor:
        return torch.rand(n, *shape, generator=generator)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(n, *shape, generator=generator)

    by_hand = faces.style[chosen] == 0
    wish = torch.where(chance() < args.freehand, 1.0, 0.0)[:, None]
    which = (chance(by_hand.shape[1]) + (by_hand == (wish > 0))).argmax(1)
    style, skill = faces.style[chosen, which], faces.skill[chosen, which]
    true, page = to_float(faces.picture[chosen]), to_float(faces.drawing[chosen, which][:, None])
    # What is trusted is obeyed: by so much features are where the hand meant them, right or wrong.
    trust = torch.where(style == 0, chance(), 1 - 0.1 * chance())
    marks = faces.landmarks[chosen]
    marks = marks + trust[:, None, None] * (faces.meant[chosen, which] - marks)
    true = as_meant(true, faces.landmarks[chosen], marks)
    # Pages are framed by a finder of pupils that errs a little, the more so the rougher the hand.
    slack = torch.where(style == 0, 0.012, 0.004)
    page = nudged(page, slack[:, None] * normal(2), slack * normal(), 1 + slack * normal())
    ink = (1 - page) * (0.55 + 0.45 * chance()[:, None, None, None])
    soft = (chance() < 0.3)[:, None, None, None]
    ink = torch.where(soft, functional.avg_pool2d(ink, 3, 1, 1, count_include_pad=False), ink)
    bold = (chance() < 0.1)[:, None, None, None]
    page = 1 - torch.where(bold, functional.max_pool2d(ink, 3, 1, 1), ink)
    look = torch.where(chance(faces.look.shape[1], 1) < 0.1, torch.nan, dressed(faces, chosen))
    weight, places = face_weight(marks, true.shape[-1]), face_places(marks)
    places = places / true.shape[-1] * 2 - 1
    flip = (chance() < 0.5)[:, None, None, None]
    true, page, weight = (torch.where(flip, x.flip(-1), x) for x in (true, page, weight))
    look[:, -1, 0] = torch.where(flip.flatten(), -look[:, -1, 0], look[:, -1, 0])  # the light's side
    places[..., 0] = torch.where(flip[:, 0, 0], -places[..., 0], places[..., 0])
    moved = (chance(2) * true.shape[-1]).long()
    return {
        "page": page,
        "lines": functional.adaptive_avg_pool2d(page, args.resolution),
        "true": functional.adaptive_avg_pool2d(true, args.resolution),
        "look": look,
        "trust": trust,
        "skill": skill,
        "weight": weight,
        "places": places,
        "moved": moved,
    }


def pixels(made: list[torch.Tensor], batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Distances at every level, and of structure. What an unskilled hand leaves out is nobody's guess, and
    least of all where exactly it lies."""
    sure = (0.25 + 0.75 * batch["skill"])[:, None, None, None]
    plain, bands = [], []
    for picture in made:
        true = functional.adaptive_avg_pool2d(batch["true"], picture.shape[-1])
        weight = functional.adaptive_avg_pool2d(batch["weight"], 64) * sure
        plain.append(losses.weighted_l1(picture, true, weight))
        bands.append(losses.laplacian_l1(picture, true, weight))
    alike = losses.structure(made[-1], batch["true"], weight * sure)
    return torch.stack(plain).mean(), torch.stack(bands).mean(), alike


def eased(fake: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """What the critic judges, its word the fainter for eyes and mouths the less the hand is trusted: asked
    for a texture that no line tells, so small a net answers with speckles."""
    near = (batch["weight"] - 1) / 4 * (1 - batch["trust"])[:, None, None, None]
    kept = 1 - functional.interpolate(near, fake.shape[-1:] * 2, mode="bilinear", align_corners=False)
    return kept * fake + (1 - kept) * fake.detach()


def read_alike(reader: Reader, made: torch.Tensor, true: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Features where they should be and the expression asked for, as the reader sees them; and by what share
    all else that it sees on the way there differs."""
    with torch.no_grad():
        true_seen = reader.seen(true)
        wanted = reader.told(*true_seen)
    made_seen = reader.seen(made)
    got = reader.told(*made_seen)
    units = (got.units.sigmoid() - wanted.units.sigmoid()).abs().mean()
    seen = losses.feature_matching(true_seen, made_seen, relative=True)
    return 8 * units + 20 * (got.places - wanted.places).abs().mean(), seen


@torch.no_grad()
def sheet(model: Drawer, faces: Faces, resolution: int, device: torch.device) -> list[torch.Tensor]:
    """Each drawing, its photograph, the face with the look known, and the face for a visitor's first seed."""
    rows = []
    for n in range(len(faces)):
        which = n % faces.drawing.shape[1]
        page = to_float(faces.drawing[n, which][None, None]).to(device)
        trust = faces.skill[n, which]
        known = model.levels(page, faces.look[n : n + 1].to(device), trust, resolution)[-1]
        chance = model.complete(None, 1, [torch.Generator().manual_seed(n)])
        free = model.levels(page, chance, trust, resolution)[-1]
        rows += [page.expand(-1, 3, -1, -1)[0], to_float(faces.picture[n]), known[0], free[0]]
    return [functional.adaptive_avg_pool2d(row.cpu(), resolution) for row in rows]


def begun(args: argparse.Namespace) -> Drawer:
    """A new one, or that of --init with what the flags say otherwise."""
    told = {"detail": args.detail} if args.detail else {}
    if not args.init:
        return Drawer(args.size, args.widths, **told)
    trained = Drawer.from_pretrained(args.init)
    if args.finest_only:  # it would learn to take back what was fitted, and be fitted to more each time
        told["regained"] = list(trained.regained)
        told["regained"][finer(args.resolution)] = 1.0
    return widened(trained, **told)


def critic_of(folder: str | Path, resolution: int) -> Path:
    """Where a run keeps its critic."""
    return Path(folder) / f"critic-{resolution}"


def keep_critics(args: argparse.Namespace, judge: Critic) -> None:
    """This run's beside its drawer, and those of other resolutions that --init brought."""
    for other in Path(args.init).glob("critic-*") if args.init else ():
        shutil.copytree(other, args.output_dir / other.name, dirs_exist_ok=True)
    judge.save_pretrained(critic_of(args.output_dir, args.resolution), dtype=torch.float16)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    # below its full size the drawer's finest levels rest
    accelerator = begin(args, "drawer", DistributedDataParallelKwargs(find_unused_parameters=True))
    side = max(args.resolution, DRAWN)
    data = read(args.corpus, "train", side, limit=args.train_samples).invented()
    looked_at = read(args.corpus, "validation", side)
    looked_at = looked_at.where(torch.linspace(0, len(looked_at) - 1, 12).long())

    plain = begun(args)
    whole = whole_looks(data)
    if args.finest_only:
        plain.requires_grad_(False)
        plain.detail[finer(args.resolution)].requires_grad_(True)
    else:
        deal(plain, whole)
    reader = Reader.from_pretrained(args.reader).eval().requires_grad_(False).to(accelerator.device)
    if args.init and (grown := critic_of(args.init, args.resolution)).is_dir():
        judge = Critic.from_pretrained(grown)
    else:
        judge = Critic(channels=4, width=args.critic_width)
    plain, judge = (m.to(memory_format=torch.channels_last) for m in (plain, judge))  # type: ignore[call-overload]
    average = copy.deepcopy(plain).eval().requires_grad_(False).to(accelerator.device)
    optimizer = torch.optim.Adam(plain.parameters(), args.learning_rate, betas=(0.7, 0.99))
    critic_optimizer = torch.optim.Adam(judge.parameters(), args.critic_learning_rate, betas=(0.0, 0.99))
    critic_step = round(args.critic_from * args.max_train_steps)
    schedule = warm_cosine(optimizer, args.max_train_steps - args.critic_ahead)
    critic_schedule = warm_cosine(critic_optimizer, args.max_train_steps - critic_step)
    model, critic, optimizer, critic_optimizer = accelerator.prepare(
        Levels(plain), judge, optimizer, critic_optimizer
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
        batch, window = lesson(data, chosen, args, chance), piece(args, chance)
        batch = {k: v[mine].to(accelerator.device) for k, v in batch.items()}
        places: torch.Tensor | None = batch["places"]
        ahead = critic_step < step <= critic_step + args.critic_ahead
        with accelerator.autocast(), torch.set_grad_enabled(not ahead):
            made = model(
                *(batch[k] for k in ("page", "look", "trust")), args.resolution, batch["moved"], window
            )
        if window:
            made, places = made[-1:], None
            batch |= {k: cut(batch[k], window) for k in ("true", "lines", "weight")}
        made = [m.float() for m in made]  # half a precision is too rough for variances and places
        fake = torch.cat([made[-1], batch["lines"]], 1)
        said: dict[str, torch.Tensor] = {}

        if step > critic_step:
            calm = step % CALM_EVERY == 0
            told = torch.cat([batch["true"], batch["lines"]], 1).requires_grad_(calm)
            with accelerator.autocast():
                real_logits, real_features = critic(told, places)
                fake_logits, _ = critic(fake.detach(), places)
            pairs = list(zip(real_logits, fake_logits, strict=True))
            loss_d = torch.stack([losses.log_critic(r.float(), f.float()) for r, f in pairs]).mean()
            if calm:
                loss_d = loss_d + CALM * CALM_EVERY * losses.slope(real_logits, told)
            critic_optimizer.zero_grad()
            accelerator.backward(loss_d)
            critic_optimizer.step()
            critic_schedule.step()
            said["critic"] = loss_d

        if not ahead:
            l1, bands, structure = pixels(made, batch)
            loss = 6 * l1 + 6 * bands + 2 * structure
            said |= {"l1": l1, "bands": bands, "structure": structure}
            if not window:  # of a piece the reader can read nothing
                shown, seen = read_alike(reader, made[-1], batch["true"])
                loss = loss + shown + 2 * seen
                said |= {"read": shown, "seen": seen}
            if step > critic_step:
                judge.requires_grad_(False)  # it only points the way now
                with accelerator.autocast():
                    fake_logits, fake_features = judge(eased(fake, batch), places)
                judge.requires_grad_(True)
                fooled = torch.stack([losses.log_generator(f.float()) for f in fake_logits]).mean()
                matched = losses.feature_matching(real_features, fake_features, relative=True)
                loss = loss + fooled + matched
                said |= {"fooled": fooled, "features": matched}
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
                args.output_dir, step, sheet(average, looked_at, args.resolution, accelerator.device), 8
            )
        bar.update()
    bar.close()
    if accelerator.is_main_process:
        if args.finest_only:
            held_out = read(args.corpus, "validation", side)  # again: hours long it would fill a gigabyte
            average = sharpened(average, held_out, side, accelerator.device)
        else:
            fit_hand(average, data, accelerator.device)
        keep_critics(args, judge)
    finish(accelerator, args, average, minutes=clock.minutes, people=len(data.person.unique()), losses=values)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/drawer.py: {error}") from None
