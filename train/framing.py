"""Fit the small network of `s2f.framing` that finds the pupils of drawn faces.

    python train/framing.py --corpus corpus --output_dir s2f/weights/framing

Half of the pages are the corpus's drawings, half are doodles: smileys, ovals, cartoon eyes, glasses. All get
the clutter of real pages. The network first learns to correct guesses strewn around the
truth, then also the guesses that it makes itself, so that it can follow its own steps to the end.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from doodles import SIDE, cluttered, doodle, without_face
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from s2f import framing
from s2f.corpus import load
from s2f.errors import S2FError, SketchError
from s2f.image import EYE_DISTANCE, EYE_LINE
from s2f.metrics import rate
from s2f.sketch import prepare
from s2f.training import write_arguments

log = logging.getLogger("s2f.train.framing")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--corpus", required=True, help="folder or repository of a corpus")
    p.add_argument("--output_dir", type=Path, required=True)
    p.add_argument("--pages", type=int, default=4000, help="pages of each round")
    p.add_argument("--rounds", type=int, default=3, help="from the second on, with the network's own guesses")
    p.add_argument("--scored", type=int, default=400, help="drawings of each held-out split that score it")
    p.add_argument("--epochs", type=int, default=6)
    p.add_argument("--hidden", type=int, nargs=2, default=(64, 32))
    p.add_argument("--learning_rate", type=float, default=2e-3)
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args(argv)


def read(corpus: str, split: str, limit: int) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """(style, page, pupils on that page) of a split's drawings; a hand may have placed the face elsewhere."""
    rows = load(corpus, split=split).select_columns(
        ["sketch", "sketch_style", "sketch_transform", "landmarks"]
    )
    styles = rows.features["sketch_style"].feature.names
    pages = []
    for row in rows.shuffle(seed=0):
        if row["landmarks"] is None:
            continue
        pupils = np.asarray(row["landmarks"])[:2]
        for sketch, style, moved in zip(
            row["sketch"], row["sketch_style"], row["sketch_transform"], strict=True
        ):
            placed = np.reshape(moved, (2, 3))
            here = pupils @ placed[:, :2].T + placed[:, 2]
            pixels = np.asarray(sketch.convert("L").resize((SIDE, SIDE), reducing_gap=2))
            pages.append((styles[style], pixels, (here + 0.5) * SIDE / sketch.width - 0.5))
        if len(pages) >= limit:
            break
    return pages[:limit]


def guesses(
    levels: list[np.ndarray],
    extent: np.ndarray,
    truth: np.ndarray | None,
    rng: np.random.Generator,
    follow: bool,
) -> np.ndarray:
    """Poses to learn from: around the truth, strewn, within one eye, and the network's own."""
    some = lambda poses, n: poses[rng.integers(0, len(poses), n)].copy()  # noqa: E731
    strewn = some(framing.starts(extent), 10)
    strewn[:, 3] += rng.uniform(-0.45, 0.45, len(strewn))
    small = some(framing.starts(extent), 4)
    small[:, 2] = np.exp(rng.uniform(np.log(9), np.log(40), 4))
    poses = [strewn, small]
    if truth is not None:
        for n, spread in ((7, (0.08, 0.08, 0.08, 0.07)), (9, (0.35, 0.35, 0.28, 0.25))):
            poses.append(framing.moved(np.tile(truth, (n, 1)), rng.normal(0, spread, (n, 4))))
    if follow:
        walking = some(framing.starts(extent), 12)
        for _ in range(4):
            walking, _ = framing.step(levels, walking)
            poses.append(some(walking, 5))
    together = np.concatenate(poses)
    return together[(together[:, 2] > 5) & (together[:, 2] < 260)]


def lessons(
    page: np.ndarray, pupils: np.ndarray | None, rng: np.random.Generator, follow: bool
) -> tuple[np.ndarray, np.ndarray] | None:
    """(n, features) and (n, 5): corrections in units of PUSH, NaN without a face; how right it is."""
    ink = 1 - page.astype(np.float32) / 255
    rows, columns = np.flatnonzero((ink > 0.2).any(1)), np.flatnonzero((ink > 0.2).any(0))
    if len(rows) < 9 or len(columns) < 9:
        return None
    start, stop = np.array([columns[0], rows[0]]) + rng.normal(0, 3, 2), np.array([columns[-1], rows[-1]]) + 1
    zoom = framing.BASE / max(stop - start) * np.exp(rng.normal(0, 0.08))
    corner, extent = (
        start - framing.MARGIN / zoom,
        ((stop - start) * zoom + 2 * framing.MARGIN).round().astype(int),
    )
    levels = framing.pyramid(framing._cut(ink, corner, zoom, extent))
    if pupils is None:
        poses = guesses(levels, extent, None, rng, follow)
        return framing.sample(levels, poses), np.tile([np.nan] * 4 + [0.0], (len(poses), 1))
    left, right = (pupils - corner + 0.5) * zoom - 0.5
    apart, tilt = float(np.hypot(*(right - left))), float(np.arctan2(*(right - left)[::-1]))
    truth = np.array([*(left + right) / 2, apart, tilt])
    poses = guesses(levels, extent, truth, rng, follow)
    cos, sin, (x, y) = np.cos(poses[:, 3]), np.sin(poses[:, 3]), (truth[:2] - poses[:, :2]).T / poses[:, 2]
    away = [cos * x + sin * y, cos * y - sin * x, np.log(apart / poses[:, 2]), tilt - poses[:, 3]]
    half = 0.5 * poses[:, 2:3] * np.stack([cos, sin], 1)
    errors = [
        np.hypot(*(poses[:, :2] + sign * half - eye).T) / apart for sign, eye in ((-1, left), (1, right))
    ]
    rightness = np.clip((0.4 - np.maximum(*errors)) / 0.25, 0, 1)
    return framing.sample(levels, poses), np.column_stack([np.stack(away, 1) / framing.PUSH, rightness])


def fit(net: nn.Module, x: torch.Tensor, y: torch.Tensor, epochs: int, rate: float) -> None:
    optimizer = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.02)
    batches = max(1, len(x) // 768)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * batches + 1)
    known = ~y[:, 0].isnan()
    way = y[:, :4].nan_to_num()
    weight = known / (1 + (way.abs().amax(1) - 1).clamp(0, 5))  # from far away only the direction counts
    for epoch in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(x)).tensor_split(batches):
            answer = net(x[batch].float())
            miss = functional.smooth_l1_loss(
                answer[:, :4], way[batch].clamp(-1.2, 1.2), beta=0.1, reduction="none"
            )
            doubt = functional.binary_cross_entropy_with_logits(answer[:, 4], y[batch, 4])
            loss = 3 * (miss.mean(1) * weight[batch]).mean() + doubt
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        log.info("epoch %d: loss %.4f", epoch + 1, total / batches)


def write(net: nn.Sequential, folder: Path) -> None:
    """float16, in the layout that `s2f.framing` reads; from now on it reads these."""
    folder.mkdir(parents=True, exist_ok=True)
    values = [p.detach().numpy().astype(np.float16) for p in net.parameters()]
    stored = {n: np.ascontiguousarray(v.T) for n, v in zip(framing.LAYERS, values, strict=True)}
    save_file(stored, folder / ".model.safetensors")
    (folder / ".model.safetensors").replace(folder / "model.safetensors")
    layers = {name: list(value.shape) for name, value in stored.items()}
    (folder / "config.json").write_text(json.dumps({"layers": layers}, indent=2) + "\n", encoding="utf-8")
    framing.WEIGHTS = folder / "model.safetensors"
    framing._weights.cache_clear()


def strewn(page: np.ndarray, pupils: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The drawing at a random size, tilt and place on a larger page."""
    size, angle = rng.uniform(0.35, 1.5), rng.uniform(-0.21, 0.21)
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    room = max(0.0, 384 - 0.8 * size * SIDE) / 2
    place = 192 + rng.uniform(-room, room, 2) - turn @ np.array([SIDE / 2, SIDE / 2])
    matrix = np.column_stack([turn, place])
    way = cv2.INTER_AREA if size < 1 else cv2.INTER_LINEAR
    return cv2.warpAffine(page, matrix, (384, 384), flags=way, borderValue=255), pupils @ turn.T + place


def measure(pages: list[tuple[str, np.ndarray, np.ndarray]], seed: int) -> dict[str, Any]:
    """What the doctor makes of drawings strewn over pages: the worse pupil's error, in eye distances."""
    rng, errors, unread = np.random.default_rng(seed), [], 0
    aim = 512 * np.array([[0.5 - EYE_DISTANCE / 2, EYE_LINE], [0.5 + EYE_DISTANCE / 2, EYE_LINE]]) - 0.5
    for style, page, pupils in pages:
        drawing, there = strewn(page, pupils, rng)
        try:
            matrix = prepare(drawing).transform
        except SketchError:  # hardly anything of it lies on the page
            unread += 1
            continue
        miss = np.linalg.norm(there @ matrix[:, :2].T + matrix[:, 2] - aim, axis=1).max()
        errors.append((style, miss / (512 * EYE_DISTANCE)))

    def said(found: list[float]) -> dict[str, Any]:
        return {
            "median": round(float(np.median(found)), 4),
            "p90": round(float(np.quantile(found, 0.9)), 4),
            "within_0.3": rate([e < 0.3 for e in found]),
        }

    styles = sorted({style for style, _ in errors})
    by_style = {s: said([e for style, e in errors if style == s]) for s in styles}
    return {"all": said([e for _, e in errors]), "by_style": by_style, "unread": unread}


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    rng = np.random.default_rng(args.seed)
    torch.manual_seed(args.seed)
    began = time.monotonic()
    drawn = [(page, pupils) for _, page, pupils in read(args.corpus, "train", 2 * args.pages)]
    features = 3 * (len(framing.COARSE) + len(framing.FINE))
    one, two = args.hidden
    net = nn.Sequential(
        nn.Linear(features, one), nn.ReLU(), nn.Linear(one, two), nn.ReLU(), nn.Linear(two, 5)
    )
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    for turn in range(args.rounds):
        for _ in tqdm(range(args.pages), desc=f"round {turn + 1}", unit="page", delay=2):
            if rng.random() < 0.1:
                page = without_face(rng)
            elif rng.random() < 0.5:
                page = drawn[rng.integers(len(drawn))]
            else:
                page = doodle(rng)
            lesson = lessons(*cluttered(*page, rng), rng, follow=turn > 0)
            if lesson is not None:
                seen.append((lesson[0].astype(np.float16), lesson[1].astype(np.float32)))
        x, y = (torch.from_numpy(np.concatenate(part)) for part in zip(*seen, strict=True))
        fit(net, x, y, args.epochs, args.learning_rate)
        write(net, args.output_dir)
    write_arguments(args.output_dir, args, minutes=round((time.monotonic() - began) / 60, 1))
    metrics = {s: measure(read(args.corpus, s, args.scored), args.seed) for s in ("validation", "test")}
    (args.output_dir / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    log.info("test: %s", metrics["test"]["all"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/framing.py: {error}") from None
