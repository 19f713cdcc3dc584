"""Train the reader on a corpus: photographs and drawings of it, and pages and pictures without a face.

    accelerate launch train/reader.py --corpus corpus --output_dir runs/reader

A drawing's landmarks are those of its photograph, brought onto the page. The real photographs of the corpus
only measure it.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from doodles import without_face
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from s2f.batches import Faces, read, to_float
from s2f.corpus import points as at
from s2f.corpus.mirror import PARTNER
from s2f.errors import S2FError
from s2f.expression import ACTION_UNITS
from s2f.jitter import dice, placed, relit, viewed, worn
from s2f.metrics import mean, rate
from s2f.models.reader import POSE, Cells, Reader
from s2f.sketch import STYLES
from s2f.training import (
    Clock,
    check_finite,
    epoch_batches,
    find_checkpoint,
    save_checkpoint,
    step_of,
    update_average,
    write_arguments,
)

logger = logging.getLogger("s2f.train.reader")
OTHER_SIDE = [ACTION_UNITS.index(n[:-1] + {"L": "R", "R": "L"}.get(n[-1], n[-1])) for n in ACTION_UNITS]
FACELESS = 7  # one picture of so many shows no upright face


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--corpus", required=True, help="folder or repository of a corpus")
    p.add_argument("--output_dir", type=Path, required=True)
    p.add_argument("--width", type=int, default=16)
    p.add_argument("--resolution", type=int, default=128)
    p.add_argument("--train_batch_size", type=int, default=32, help="over all processes")
    p.add_argument("--max_train_steps", type=int, default=2500)
    p.add_argument("--learning_rate", type=float, default=2e-3)
    p.add_argument("--ema_decay", type=float, default=0.998)
    p.add_argument("--mixed_precision", choices=("no", "bf16", "fp16"), default="no")
    p.add_argument("--checkpointing_steps", type=int, default=500)
    p.add_argument("--checkpoints_total_limit", type=int, default=2)
    p.add_argument("--resume_from_checkpoint", help="latest, or a checkpoint folder")
    p.add_argument("--report_to", default=None, help="tensorboard or wandb")
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args(argv)


class Unspoken(nn.Module):
    """What is trained: the reader before its answers are put into words."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, pictures: torch.Tensor) -> Cells:
        return self.reader.read(pictures)


def lesson(faces: Faces, chosen: torch.Tensor, size: int, generator: torch.Generator) -> dict[str, Any]:
    """Pictures of these faces, half of them drawn, moved, turned, relit; all that is to be read in them."""
    some, draw = faces.where(chosen), dice(len(chosen), generator)
    drawn = draw(0, 1) < 0.5
    which = (draw(0, 1) * some.drawing.shape[1]).long().clamp(max=some.drawing.shape[1] - 1)
    pages = to_float(some.drawing[torch.arange(len(some)), which])[:, None].expand(-1, 3, -1, -1)
    views = placed(draw, zoom=0.27, shift=0.2, turn=0.38, flip=True)
    paper = viewed(pages - 1, views, size, padding="zeros") + 1  # beyond a page's edge there is more paper
    photo = relit(viewed(to_float(some.picture), views, size), draw)
    pictures = worn(torch.where(drawn[:, None, None, None], paper, photo), draw, generator)
    return {"pictures": pictures, **moved(some, views, faces.picture.shape[-1])}


def moved(faces: Faces, views: torch.Tensor, side: int) -> dict[str, torch.Tensor]:
    """Places in shares of the half side, units and pose as they are in that view."""
    places = 2 * (faces.landmarks + 0.5) / side - 1
    places = (places - views[:, None, :, 2]) @ torch.linalg.inv(views[:, :, :2]).transpose(1, 2)
    turned = torch.rad2deg(torch.atan2(-views[:, 0, 1], views[:, 1, 1]))
    mirrored = torch.linalg.det(views[:, :, :2]) < 0
    pose = faces.pose - torch.stack([torch.zeros_like(turned)] * 2 + [turned], 1)
    return {
        "places": torch.where(mirrored[:, None, None], places[:, PARTNER], places),
        "units": torch.where(mirrored[:, None], faces.units[:, OTHER_SIDE], faces.units),
        "pose": torch.where(mirrored[:, None], pose * torch.tensor([-1.0, 1.0, -1.0]), pose),
    }


def spoiled(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """What is no upright face: upside down, on its side, shuffled, a corner, doodles, noise, bare paper."""
    out, side = pictures.clone(), pictures.shape[-1]
    hand = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    for n, picture in enumerate(pictures):
        kind = hand.choice(["over", "side", "shuffled", "corner", "doodle", "noise", "bare"])
        if kind in ("over", "side"):
            out[n] = picture.rot90(2 if kind == "over" else int(hand.choice([1, 3])), (1, 2))
        elif kind == "shuffled":
            parts = int(hand.choice([4, 8]))
            tiles = picture.unflatten(2, (parts, -1)).unflatten(1, (parts, -1)).permute(1, 3, 0, 2, 4)
            tiles = tiles.flatten(0, 1)[torch.from_numpy(hand.permutation(parts**2))]
            out[n] = tiles.unflatten(0, (parts, parts)).permute(2, 0, 3, 1, 4).reshape(picture.shape)
        elif kind == "corner":
            part, half = side // 4, hand.integers(2)
            corner = picture[:, :part, -part:] if half else picture[:, :part, :part]
            out[n] = functional.interpolate(corner[None], (side, side), mode="bilinear")[0]
        elif kind == "doodle":
            page = torch.from_numpy(without_face(hand)[0])[None, None].float() / 127.5 - 1
            out[n] = functional.interpolate(page, (side, side), mode="area")[0]
        elif kind == "noise":
            coarse = torch.from_numpy(
                hand.standard_normal((1, 3, *[side // int(hand.choice([1, 4, 16]))] * 2))
            )
            out[n] = functional.interpolate(coarse.float(), (side, side), mode="bilinear")[0].clamp(-1, 1)
        else:
            out[n] = float(hand.uniform(-1, 1)) if hand.random() < 0.5 else 1.0
    return out


def point_weights() -> torch.Tensor:
    """Hair, neck and ears are where a hand is free; eyes and mouth are where expressions are."""
    weights = torch.ones(at.COUNT)
    weights[[*at.HAIR, *at.NECK, *at.EARS]] = 0.3
    weights[[*at.PUPILS, *at.UPPER_LID[0], *at.UPPER_LID[1], *at.LOWER_LID[0], *at.LOWER_LID[1]]] = 2.0
    weights[[*at.LIP_TOP, *at.LIP_BOTTOM, *at.LIP_SEAM_UPPER[1:-1], *at.LIP_SEAM_LOWER[1:-1]]] = 2.0
    return weights


def losses(found: Cells, truth: dict[str, torch.Tensor], face: torch.Tensor) -> dict[str, torch.Tensor]:
    """Places in eye distances, the cell they lie in, units, pose; whether there is a face."""
    at_faces = Cells(*(part[face] for part in found))
    places, side = truth["places"], math.isqrt(found.cells.shape[-1])
    apart = (places[:, 0] - places[:, 1]).norm(dim=-1)[:, None, None]
    weights = point_weights().to(places.device) * (places.abs() < 1).all(-1)
    miss = functional.smooth_l1_loss(at_faces.places / apart, places / apart, beta=0.02, reduction="none")
    cell = ((places.clamp(-0.999, 0.999) + 1) / 2 * side).long()
    named = functional.cross_entropy(
        at_faces.cells.flatten(0, 1), (cell[..., 1] * side + cell[..., 0]).flatten(), reduction="none"
    )
    return {
        "places": 10 * (miss.mean(-1) * weights).sum() / weights.sum(),
        "cells": 0.1 * (named * weights.flatten()).sum() / weights.sum(),
        "units": 3 * functional.binary_cross_entropy_with_logits(at_faces.units, truth["units"]),
        "pose": functional.smooth_l1_loss(at_faces.pose, truth["pose"] / POSE, beta=0.2),
        "face": 0.3 * functional.binary_cross_entropy_with_logits(found.face, face.float()),
    }


@torch.no_grad()
def score(model: Reader, faces: Faces) -> dict[str, Any]:
    """Landmark error in eye distances, units, pose by kind of picture; faces and others told apart."""
    kinds: dict[str, tuple[torch.Tensor, torch.Tensor]] = {
        "photograph, invented": (torch.nonzero(~faces.real)[:, 0], faces.picture[~faces.real]),
        "photograph, real": (torch.nonzero(faces.real)[:, 0], faces.picture[faces.real]),
    }
    for number, style in enumerate(STYLES):
        row, page = torch.nonzero((faces.style == number) & ~faces.real[:, None], as_tuple=True)
        kinds[style] = (row, faces.drawing[row, page][:, None])
    out: dict[str, Any] = {}
    inner = point_weights() >= 1
    for kind, (row, pictures) in kinds.items():
        if not len(row):
            continue
        readings = [model(to_float(some)) for some in pictures.split(64)]
        landmarks, units, pose, confidence = (torch.cat(part) for part in zip(*readings, strict=True))
        truth = faces.landmarks[row]
        apart = (truth[:, 0] - truth[:, 1]).norm(dim=-1)[:, None]
        away = (landmarks - truth).norm(dim=-1) / apart
        known = torch.isfinite(apart[:, 0])
        generator = torch.Generator().manual_seed(0)
        other = torch.cat(
            [
                model(spoiled(to_float(some).expand(-1, 3, -1, -1), generator)).confidence
                for some in pictures.split(64)
            ]
        )
        out[kind] = {
            "landmarks, inner face": mean(away[known][:, inner].mean(1)),
            "landmarks, all": mean(away[known].mean(1)),
            "action units": mean((units - faces.units[row]).abs()[known].mean(1)),
            "pose, degrees": mean((pose - faces.pose[row]).abs()[known].mean(1)),
            "faces believed": rate((confidence > 0.5).numpy()),
            "others refused": rate((other < 0.5).numpy()),
        }
        if kind == "photograph, real":
            smile = [ACTION_UNITS.index("AU12_L"), ACTION_UNITS.index("AU12_R")]
            happy = units[:, smile].mean(1)[faces.label[row] == 1]
            out[kind]["lip corners pulled up in smiles"] = mean(happy)
    return out


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    accelerator = Accelerator(
        mixed_precision=args.mixed_precision, log_with=args.report_to, project_dir=args.output_dir
    )
    set_seed(args.seed)
    write_arguments(args.output_dir, args)
    if args.report_to:
        accelerator.init_trackers("s2f-reader", {k: str(v) for k, v in vars(args).items()})

    faces = read(args.corpus, "train", args.resolution)
    learn = torch.nonzero(~faces.real)[:, 0]
    model: Any = Unspoken(Reader(args.width, args.resolution))
    average = copy.deepcopy(model.reader).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(model.parameters(), args.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, args.learning_rate, total_steps=args.max_train_steps + 1, pct_start=0.1
    )
    model, optimizer = accelerator.prepare(model, optimizer)
    average = average.to(accelerator.device)
    clock = Clock()
    accelerator.register_for_checkpointing(average, schedule, clock)
    start = 0
    if found := find_checkpoint(args.output_dir, args.resume_from_checkpoint):
        accelerator.load_state(str(found))
        start = step_of(found)

    share = accelerator.num_processes
    bar = tqdm(total=args.max_train_steps, initial=start, disable=not accelerator.is_main_process, delay=2)
    batches = epoch_batches(len(learn), args.train_batch_size, args.seed, start)
    for step, batch in zip(range(start + 1, args.max_train_steps + 1), batches, strict=False):
        generator = torch.Generator().manual_seed(args.seed * 7_368_787 + step)  # the step decides all chance
        truth = lesson(faces, learn[batch], args.resolution, generator)
        pictures = truth.pop("pictures")
        face = torch.arange(len(batch)) % FACELESS != 0
        pictures[~face] = spoiled(pictures[~face], generator)
        mine = slice(accelerator.process_index, None, share)
        face = face[mine]
        seen = {k: v[mine][face].to(accelerator.device) for k, v in truth.items()}
        with accelerator.autocast():
            reading = model(pictures[mine].to(accelerator.device))
        parts = losses(Cells(*(p.float() for p in reading)), seen, face.to(accelerator.device))
        loss = torch.stack([*parts.values()]).sum()
        optimizer.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        update_average(
            average, accelerator.unwrap_model(model).reader, min(args.ema_decay, step / (step + 10))
        )
        if step % 20 == 0 or step == args.max_train_steps:
            values = {k: accelerator.gather(v.detach()[None]).mean().item() for k, v in parts.items()}
            check_finite(step, **values)
            accelerator.log(values, step)
            bar.set_postfix({k: f"{v:.3f}" for k, v in values.items()})
        if step % args.checkpointing_steps == 0:
            save_checkpoint(accelerator, args.output_dir, step, args.checkpoints_total_limit)
        bar.update()
    bar.close()

    if accelerator.is_main_process:
        average.save_pretrained(args.output_dir)
        average.cpu()
        metrics = {
            "steps": args.max_train_steps,
            "images_seen": args.max_train_steps * args.train_batch_size,
            "minutes": clock.minutes,
            **{
                split: score(average, read(args.corpus, split, args.resolution))
                for split in ("validation", "test")
            },
        }
        (args.output_dir / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        for kind, told in metrics["test"].items():
            logger.warning(
                "test, %s: %s", kind, {k: round(v.get("mean", v.get("rate")), 4) for k, v in told.items()}
            )
    accelerator.end_training()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/reader.py: {error}") from None
