"""Train the bundled enhancer: faces of a corpus, made worse in many ways, back to what they were.

    accelerate launch train/enhancer.py --corpus corpus --output_dir runs/enhancer --max_train_steps 2500

First what the pixels are (L1 over a Laplacian pyramid), then, from --critic_from on, a light critic of
patches. It sees crops, so that a step is cheap; what it makes of whole faces of the test split is measured
beside plain enlarging and unsharp masking, with --judge also by who it is.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from s2f import losses, metrics
from s2f.corpus import load
from s2f.errors import S2FError
from s2f.models import Enhancer, load_model
from s2f.models.critic import Patches, amplified
from s2f.restore.degrade import degraded, halved
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

logger = logging.getLogger("s2f.train.enhancer")
CALM, CALM_EVERY = 0.005, 8  # weight of the slope of the critic, and how often it is measured


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = common_flags(__doc__)
    p.set_defaults(resolution=512, train_batch_size=8, max_train_steps=2500, learning_rate=6e-4)
    p.add_argument("--init", help="folder or repository of an enhancer to go on from")
    p.add_argument("--crop", type=int, default=192, help="side of what it is trained on")
    p.add_argument("--widths", type=int, nargs="+", default=[32, 64, 96])
    p.add_argument("--blocks", type=int, default=2)
    p.add_argument("--critic_from", type=float, default=0.6, help="share of the steps before the critic")
    p.add_argument("--critic_weight", type=float, default=0.003)
    p.add_argument("--critic_learning_rate", type=float, default=5e-4)
    p.add_argument("--critic_width", type=int, default=48)
    p.add_argument("--scored", type=int, default=96, help="faces of the test split to measure on")
    p.add_argument("--judge", help="folder or repository of a model with features: identity or classifier")
    return p.parse_args(argv)


def read(corpus: str, split: str, size: int, limit: int | None = None) -> tuple[np.ndarray, list[str]]:
    """(N, size, size, 3) uint8 and who each is: the photographs too, which have the finest detail."""
    rows: Any = load(corpus, split=split)
    rows = rows.select_columns(["image", "identity"])
    if limit is not None and limit < len(rows):
        rows = rows.select(np.linspace(0, len(rows) - 1, limit).astype(int))
    faces = np.empty((len(rows), size, size, 3), np.uint8)
    for n, row in enumerate(tqdm(rows, desc=split, unit="face", delay=2)):
        picture = np.asarray(row["image"].convert("RGB"))
        if len(picture) != size:
            way = cv2.INTER_AREA if size < len(picture) else cv2.INTER_CUBIC
            picture = cv2.resize(picture, (size, size), interpolation=way)
        faces[n] = picture
    return faces, list(rows["identity"])


def to_float(faces: np.ndarray) -> torch.Tensor:
    """(N, H, W, 3) uint8 → (N, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(faces.transpose(0, 3, 1, 2))).float() / 127.5 - 1


def to_bytes(face: torch.Tensor) -> np.ndarray:
    return np.rint((face.clamp(-1, 1).cpu().numpy() + 1) * 127.5).astype(np.uint8).transpose(1, 2, 0)


def lesson(
    faces: np.ndarray, chosen: torch.Tensor, crop: int, chance: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """(worse, true) of one batch: crops more often from the middle, where the face is, mirrored at will."""
    true = np.empty((len(chosen), crop, crop, 3), np.uint8)
    room = faces.shape[1] - crop
    for n, which in enumerate(chosen.tolist()):
        top, left = (int(room * chance.beta(1.5, 1.5)) for _ in range(2))
        true[n] = faces[which, top : top + crop, left : left + crop]
        if chance.random() < 0.5:
            true[n] = true[n, :, ::-1].copy()
    worse = np.stack([degraded(np.ascontiguousarray(face), chance) for face in true])
    return to_float(worse), to_float(true)


@torch.no_grad()
def sheet(model: Enhancer, faces: np.ndarray, device: torch.device) -> list[torch.Tensor]:
    """Each face worse, cleaned, and as it is."""
    rows = []
    for n, face in enumerate(faces):
        given = to_float((degraded(face, np.random.default_rng(n)) if n % 2 else halved(face))[None])
        made = model(given.to(device))[0].cpu()
        rows += [functional.interpolate(given, made.shape[1:])[0], made, to_float(face[None])[0]]
    return rows


def shown(faces: torch.Tensor) -> torch.Tensor:
    """What the critic sees: the finest band once more, amplified."""
    return functional.pixel_unshuffle(amplified(faces), 4)


def spoilt(face: np.ndarray) -> np.ndarray:
    """A face made worse, always in the same way; one that chance left as it is would have no PSNR."""
    chance = np.random.default_rng(int(face[::37, ::41].sum()))
    while np.array_equal(worse := degraded(face, chance), face):
        pass
    return worse


def bicubic(face: np.ndarray, side: int) -> np.ndarray:
    return face if len(face) == side else cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)


def unsharp(face: np.ndarray) -> np.ndarray:
    """Unsharp masking with the usual settings: radius 1.5, amount 0.8."""
    soft = cv2.GaussianBlur(face, (0, 0), 1.5).astype(np.float32)
    return np.clip(np.rint(face + 0.8 * (face - soft)), 0, 255).astype(np.uint8)


@torch.no_grad()
def score(
    model: Callable[[torch.Tensor], torch.Tensor],
    faces: np.ndarray,
    people: list[str],
    device: torch.device,
    judge: Any = None,
) -> dict[str, Any]:
    """Doubling and cleaning, each by enlarging alone, by unsharp masking and by the model."""
    side = faces.shape[1]
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "bicubic": lambda face: bicubic(face, side),
        "unsharp": lambda face: unsharp(bicubic(face, side)),
        "enhancer": lambda face: to_bytes(model(to_float(face[None]).to(device))[0]),
    }
    tasks = {
        "doubled": halved,
        "cleaned": spoilt,
    }
    found: dict[str, Any] = {}
    plain = np.zeros(len(faces))
    for task, worsen in tasks.items():
        worse = [worsen(face) for face in faces]
        for name, way in ways.items():
            made = [way(face) for face in tqdm(worse, desc=f"{task} by {name}", unit="face", delay=2)]
            pairs = list(zip(faces, made, strict=True))
            near = np.array([metrics.psnr(a, b) for a, b in pairs])
            plain = near if name == "bicubic" else plain
            figures: dict[str, Any] = {
                "psnr": metrics.mean(near, people),
                "psnr over bicubic": metrics.mean(near - plain, people),
                "ssim": metrics.mean([metrics.ssim(a, b) for a, b in pairs], people),
                "sharpness": metrics.mean([metrics.sharpness(b) / metrics.sharpness(a) for a, b in pairs]),
            }
            if judge is not None:
                figures |= judged(judge, faces, np.stack(made), people)
            found.setdefault(task, {})[name] = figures
    return found


def judged(judge: Any, true: np.ndarray, made: np.ndarray, people: list[str]) -> dict[str, Any]:
    """Fréchet distances in the judge's features; by one of identity, how like each stays and who is found.

    A judge sees a whole face small. What was lost or won in detail it can see only in patches.
    """

    def seen(look: Callable[[torch.Tensor], torch.Tensor], faces: np.ndarray) -> np.ndarray:
        parts = [look(to_float(faces[n : n + 8])) for n in range(0, len(faces), 8)]
        return torch.cat(parts).numpy()

    figures: dict[str, Any] = {}
    for name, cut in (("frechet", lambda x: x), ("frechet of patches", lambda x: patches(x, judge.size))):
        features = [seen(judge.features, cut(some)) for some in (true, made)]
        figures[name] = metrics.distance(metrics.frechet, *features)
    if type(judge).__name__ == "Identity":
        before, after = seen(judge, true), seen(judge, made)
        names = sorted(set(people))
        who = np.array([names.index(person) for person in people])
        gallery = np.stack([before[who == n].mean(0) for n in range(len(names))])
        figures["identity"] = metrics.mean(metrics.cosine(before, after), people)
        figures["rank1"] = metrics.rate(metrics.nearest(after, gallery) == who)
    return figures


def patches(faces: np.ndarray, side: int) -> np.ndarray:
    """(N, S, S, 3) → every patch of (side, side) in the middle, where the face is."""
    count = faces.shape[1] // side
    begin = (faces.shape[1] - count * side) // 2
    middle = faces[:, begin : begin + count * side, begin : begin + count * side]
    rows = middle.reshape(len(faces), count, side, count, side, 3).swapaxes(2, 3)
    return rows.reshape(-1, side, side, 3)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    accelerator = begin(args, "enhancer")
    faces, _ = read(args.corpus, "train", args.resolution, args.train_samples)
    looked_at, _ = read(args.corpus, "validation", args.resolution, 4)

    if args.init:
        plain = Enhancer.from_pretrained(args.init)
    else:
        plain = Enhancer(args.resolution, args.widths, args.blocks)
    judge: nn.Module = Patches(2 * 3 * 16, args.critic_width, [2, 2, 1])
    plain, judge = (m.to(memory_format=torch.channels_last) for m in (plain, judge))  # type: ignore[call-overload]
    average = copy.deepcopy(plain).eval().requires_grad_(False).to(accelerator.device)
    optimizer = torch.optim.Adam(plain.parameters(), args.learning_rate, betas=(0.9, 0.99))
    critic_optimizer = torch.optim.Adam(judge.parameters(), args.critic_learning_rate, betas=(0.0, 0.99))
    critic_step = round(args.critic_from * args.max_train_steps)
    schedule = warm_cosine(optimizer, args.max_train_steps)
    model, critic, optimizer, critic_optimizer = accelerator.prepare(
        Cleaning(plain), judge, optimizer, critic_optimizer
    )
    clock = Clock()
    accelerator.register_for_checkpointing(average, schedule, clock)

    start = resume(accelerator, args)
    mine = slice(accelerator.process_index, None, accelerator.num_processes)
    bar = tqdm(total=args.max_train_steps, initial=start, disable=not accelerator.is_main_process, delay=2)
    batches = epoch_batches(len(faces), args.train_batch_size, args.seed, start)
    for step, chosen in zip(range(start + 1, args.max_train_steps + 1), batches, strict=False):
        chance = np.random.default_rng((args.seed, step))  # the step decides what is seen
        worse, true = (x[mine].to(accelerator.device) for x in lesson(faces, chosen, args.crop, chance))
        with accelerator.autocast():
            made = model(worse).float()
        l1, bands = losses.weighted_l1(made, true), losses.laplacian_l1(made, true)
        # seen small, a face must not be moved: who it is shows there, and so does a tint
        small = losses.weighted_l1(functional.avg_pool2d(made, 4), functional.avg_pool2d(true, 4))
        loss, said = l1 + 4 * bands + 8 * small, {"l1": l1, "bands": bands, "small": small}

        if step > critic_step:
            calm = step % CALM_EVERY == 0
            true.requires_grad_(calm)
            real_logits, real_features = critic(shown(true))
            loss_d = losses.log_critic(real_logits, critic(shown(made.detach()))[0])
            if calm:
                loss_d = loss_d + CALM * CALM_EVERY * losses.slope([real_logits], true)
            critic_optimizer.zero_grad()
            accelerator.backward(loss_d)
            critic_optimizer.step()
            judge.requires_grad_(False)  # it only points the way now
            logits, fake_features = judge(shown(made))
            judge.requires_grad_(True)
            fooled = losses.log_generator(logits)
            matched = losses.feature_matching(real_features, fake_features, relative=True)
            loss = loss + args.critic_weight * (fooled + matched)
            said |= {"critic": loss_d, "fooled": fooled, "features": matched}

        optimizer.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        update_average(average, plain, min(args.ema_decay, step / (step + 10)))
        last = step == args.max_train_steps
        if values := report(accelerator, step, said, last):
            bar.set_postfix({k: f"{v:.4f}" for k, v in values.items()})
        if step % args.checkpointing_steps == 0:
            save_checkpoint(accelerator, args.output_dir, step, args.checkpoints_total_limit)
        if accelerator.is_main_process and (step % args.validation_steps == 0 or last):
            contact_sheet(args.output_dir, step, sheet(average, looked_at, accelerator.device), columns=3)
        bar.update()
    bar.close()

    minutes = clock.minutes
    if accelerator.is_main_process and args.scored:
        tested, people = read(args.corpus, "test", args.resolution, args.scored)
        judging = load_model(args.judge) if args.judge else None
        figures = score(average, tested, people, accelerator.device, judging)
        judge_name = type(judging).__name__ if judging is not None else None
        text = json.dumps({"steps": args.max_train_steps, "judge": judge_name, "test": figures}, indent=2)
        (args.output_dir / "metrics.json").write_text(text + "\n", encoding="utf-8")
        for task, ways in figures.items():
            for name, one in ways.items():
                logger.warning(
                    "%s by %s: PSNR %.2f, SSIM %.4f", task, name, *(one[k]["mean"] for k in ("psnr", "ssim"))
                )
    finish(accelerator, args, average, minutes=minutes, faces=len(faces))


class Cleaning(nn.Module):
    """What several processes wrap: the enhancer on crops."""

    def __init__(self, enhancer: Enhancer) -> None:
        super().__init__()
        self.enhancer = enhancer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.enhancer.clean(x)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/enhancer.py: {error}") from None
