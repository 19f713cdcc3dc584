"""Fit the small network of `s2f.framing` that finds the pupils of drawn faces.

    python train/framing.py --corpus .corpus --output s2f/weights/framing.npz

Half of the pages are the corpus's drawings, half are doodles made here: smileys, ovals, cartoon eyes,
glasses. All get the clutter of real pages. The network first learns to correct guesses strewn around the
truth, then also the guesses that it makes itself, so that it can follow its own steps to the end.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from s2f import framing

SIDE = 256
log = logging.getLogger("framing")
Page = tuple[
    np.ndarray, np.ndarray | None
]  # uint8, dark on white; both pupils, or None where there is no face


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--corpus", help="a corpus folder or hub id (default: doodles alone)")
    p.add_argument("--output", type=Path, default=Path("framing.npz"))
    p.add_argument("--pages", type=int, default=4000, help="pages of each round")
    p.add_argument("--rounds", type=int, default=3, help="from the second on, with the network's own guesses")
    p.add_argument("--epochs", type=int, default=6)
    p.add_argument("--hidden", type=int, nargs=2, default=(64, 32))
    p.add_argument("--learning_rate", type=float, default=2e-3)
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args(argv)


def read_corpus(corpus: str | None, limit: int) -> list[Page]:
    if not corpus:
        return []
    from s2f.corpus.load import load

    pages: list[Page] = []
    for row in load(corpus, split="train").select_columns(["image", "sketch", "landmarks"]):
        if row["landmarks"] is None:
            continue
        pupils = np.asarray(row["landmarks"])[:2]
        for sketch in row["sketch"]:
            pixels = np.asarray(sketch.convert("L").resize((SIDE, SIDE), reducing_gap=2))
            pages.append((pixels, (pupils + 0.5) * SIDE / row["image"].width - 0.5))
        if len(pages) >= limit:
            break
    return pages


def doodle(rng: np.random.Generator) -> Page:
    """A face in simple shapes, in units of the eye distance around the point between the pupils."""
    page = np.full((SIDE, SIDE), 255, np.uint8)
    apart, middle = rng.uniform(38, 74), np.array([128, 120]) + rng.normal(0, 8, 2)
    pen, shake = int(rng.choice([1, 1, 2, 2, 3, 4, 6])), rng.choice([0, 0.01, 0.03])

    def line(points: list[tuple[float, float]] | np.ndarray, fill: bool = False) -> None:
        path = np.asarray(points, float)
        t = np.linspace(0, 1, len(path))[:, None]
        waves = (np.sin(2 * np.pi * (f * t + rng.random(2))) * rng.normal(0, 1, 2) / f for f in (1, 2, 3))
        path = path + shake * np.ptp(path, 0).max() * sum(waves)
        where = [np.round(16 * (middle + apart * path)).astype(np.int32)]
        if fill:
            cv2.fillPoly(page, where, 0, cv2.LINE_AA, 4)
        cv2.polylines(page, where, False, 0, pen, cv2.LINE_AA, 4)

    def oval(
        x: float, y: float, a: float, b: float, start: float = 0, end: float = 2, fill: bool = False
    ) -> None:
        turn = np.linspace(start * np.pi, end * np.pi, 40)
        line(np.stack([x + a * np.cos(turn), y + b * np.sin(turn)], 1), fill)

    wide, chin, crown = rng.uniform(0.95, 1.5), rng.uniform(1.1, 2.2), rng.uniform(0.8, 1.9)
    if rng.random() < 0.85:
        oval(
            0, (chin - crown) / 2, wide, (chin + crown) / 2, 0, rng.choice([1.0, 1.5, 2.0], p=[0.2, 0.2, 0.6])
        )
    kind, size = rng.choice(["dot", "ring", "almond", "tall", "arc", "cross"]), rng.uniform(0.14, 0.3)
    for x in (-0.5, 0.5):
        if kind == "dot":
            oval(x, 0, 0.35 * size, 0.35 * size, fill=True)
        elif kind == "arc":
            oval(x, 0.2 * size, 1.1 * size, 0.6 * size, 1, 2)
        elif kind == "cross":
            line([(x - 0.6 * size, -0.6 * size), (x + 0.6 * size, 0.6 * size)])
            line([(x - 0.6 * size, 0.6 * size), (x + 0.6 * size, -0.6 * size)])
        else:
            tall = {"ring": 1.0, "almond": 0.55, "tall": 1.4}[kind]
            oval(x, 0, size, size * tall)
            oval(x, 0, 0.5 * size, 0.5 * size * tall, fill=bool(rng.random() < 0.5))
        lift = rng.uniform(0.28, 0.5)
        if rng.random() < 0.6:
            line([(x - 0.28, -lift), (x, -lift - 0.05), (x + 0.28, -lift)])
        if rng.random() < 0.2:
            oval(x, 0, 0.42, 0.36)  # glasses
    nose = rng.uniform(0.4, 0.35 + 0.3 * chin)
    line([(0, 0.1), (-rng.uniform(0, 0.28), nose), (0.1, nose)])
    mouth, half = nose + (chin - nose) * rng.uniform(0.3, 0.6), rng.uniform(0.12, 0.7)
    oval(0, mouth, half, half * rng.uniform(0, 0.7), rng.choice([0.05, 1.05]), rng.choice([0.95, 1.95]))
    top = rng.random()
    if top < 0.3:  # spikes
        xs = np.linspace(-wide, wide, 2 * int(rng.integers(5, 12)) + 1)
        line(
            np.stack(
                [xs, -crown * np.sqrt(1 - (xs / (1.01 * wide)) ** 2) - 0.3 * (np.arange(len(xs)) % 2)], 1
            )
        )
    elif top < 0.5:  # solid hair
        oval(0, -0.4 * crown, 1.05 * wide, 0.75 * crown, 1, 2, fill=True)
    elif top < 0.7:  # long hair
        for side in (-wide, wide):
            line(
                [
                    (0, -crown - 0.2),
                    (0.9 * side, -0.6 * crown),
                    (1.15 * side, 0),
                    (1.2 * side, rng.uniform(1, 3)),
                ]
            )
    if rng.random() < 0.45:  # neck and shoulders
        for side in (-wide, wide):
            line([(0.45 * side, chin - 0.1), (0.45 * side, chin + 0.5), (2 * side, chin + 1.2)])
    return page, middle + apart * np.array([(-0.5, 0), (0.5, 0)])


def without_face(rng: np.random.Generator) -> Page:
    """Boxes, loose lines, writing, an empty oval."""
    page, pen, kind = np.full((SIDE, SIDE), 255, np.uint8), int(rng.integers(1, 5)), rng.integers(4)
    for _ in range(int(rng.integers(3, 20))):
        a, b = (tuple(int(v) for v in rng.integers(10, 245, 2)) for _ in range(2))
        if kind == 0:
            cv2.rectangle(page, a, b, 0, pen)
        elif kind == 1:
            cv2.line(page, a, b, 0, pen, cv2.LINE_AA)
        elif kind == 2:
            cv2.putText(
                page, "".join(rng.choice(list("abcdeghkmnorst"), 6)), a, 3, rng.uniform(0.6, 1.5), 0, pen
            )
    if kind == 3:
        cv2.ellipse(page, (128, 128), tuple(int(v) for v in rng.integers(50, 115, 2)), 0, 0, 360, 0, pen)
    return page, None


def cluttered(page: np.ndarray, pupils: np.ndarray | None, rng: np.random.Generator) -> Page:
    """Mirrored, drawn with a broader pen, scribbled beside, partly rubbed out, or only the features drawn."""
    out = page.copy()
    if pupils is not None and rng.random() < 0.15:
        (x, y), apart = pupils.mean(0), float(np.hypot(*(pupils[1] - pupils[0])))
        face = np.zeros_like(out)
        axes = (int(0.92 * apart), int(0.95 * apart))
        cv2.ellipse(face, (int(x), int(y + 0.38 * apart)), axes, 0, 0, 360, 1, -1)
        out[face == 0] = 255
    if rng.random() < 0.2:
        out = cv2.erode(out, np.ones((2, 2), np.uint8))
    if rng.random() < 0.15:
        loop = rng.uniform(0, SIDE, 2) + np.cumsum(rng.normal(0, 8, (12, 2)), 0)
        cv2.polylines(out, [np.round(loop).astype(np.int32)], False, 0, int(rng.integers(1, 4)), cv2.LINE_AA)
    if rng.random() < 0.12:
        where = tuple(int(v) for v in rng.uniform(0, SIDE, 2))
        cv2.circle(out, where, int(rng.integers(6, 26)), 255, -1)
    if rng.random() < 0.5:
        out = out[:, ::-1]
        pupils = None if pupils is None else pupils[::-1] * (-1, 1) + (SIDE - 1, 0)
    return np.ascontiguousarray(out), pupils


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


def write(net: nn.Sequential, path: Path) -> None:
    """float16, in the layout that `s2f.framing` reads; from now on it reads these."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = [p.detach().numpy().astype(np.float16) for p in net.parameters()]
    names = ("w1", "b1", "w2", "b2", "w3", "b3")
    stored: dict[str, Any] = {n: v.T if v.ndim == 2 else v for n, v in zip(names, values, strict=True)}
    np.savez_compressed(path, **stored)
    framing.WEIGHTS = path
    framing._weights.cache_clear()


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    rng = np.random.default_rng(args.seed)
    torch.manual_seed(args.seed)
    drawn = read_corpus(args.corpus, args.pages)
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
            elif drawn and rng.random() < 0.5:
                page = drawn[rng.integers(len(drawn))]
            else:
                page = doodle(rng)
            lesson = lessons(*cluttered(*page, rng), rng, follow=turn > 0)
            if lesson is not None:
                seen.append((lesson[0].astype(np.float16), lesson[1].astype(np.float32)))
        x, y = (torch.from_numpy(np.concatenate(part)) for part in zip(*seen, strict=True))
        fit(net, x, y, args.epochs, args.learning_rate)
        write(net, args.output)


if __name__ == "__main__":
    main()
