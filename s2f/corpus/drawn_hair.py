"""How people draw hair and beards: outlines, strands, curls, scribbles, solid black, stubble, a bare skull.

The hair of the head is a band between the hairline and the silhouette. A place in it is (s, t): s runs from
the ear on the left of the picture to the other, 0-1, t from the hairline (0) to the silhouette (1).
"""

from __future__ import annotations

import cv2
import numpy as np

from .drawn_shapes import JAW, LIP_BOTTOM, LIP_TOP, Sitter, along, choose, ellipse, joined, zigzag
from .drawn_sight import HAIRLINE
from .hand import Hand

BEARD_SEEN = 0.29  # from here on a beard is drawn
_OVER = 0.6  # how often the worst hand draws it right over the mouth


def _band(sitter: Sitter, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    inner, outer = along(sitter.lm[HAIRLINE], s), along(sitter.crown, s)
    return inner + (outer - inner) * np.asarray(t)[:, None]


def hair(hand: Hand, sitter: Sitter) -> None:
    rng, sight, bad = hand.rng, sitter.sight, hand.bad
    hand.part = "hair"
    if sight.bald or (sight.depth < 0.36 and rng.random() < 0.1):
        _bare_skull(hand, sitter)
        return
    dark, curly, short = sight.hair_dark, sight.curly, float(np.clip((0.5 - sight.depth) * 4, 0, 1))
    long = bool(sitter.locks)
    kind = choose(
        rng,
        {
            "outline": 0.5 * (1.4 - dark),
            "few": 0.45 * (1.3 - 0.5 * dark),
            "many": 0.2 + 0.35 * hand.skill,
            "short": 0.05 + 0.55 * short + 0.15 * dark,
            "curls": 1.1 * max(0.0, curly - 0.1) * (1 - 0.6 * short) + 0.05,
            "scribble": 0.12 + 0.3 * dark + 0.2 * curly,
            "solid": 0.34 * dark**2,
            "cross": 0.06 + 0.2 * dark,
            "spiky": 0.1 * (not long) + 0.08 * bad,
            "skull": 0.02,
        },
    )
    sitter.drawn["hair"] = kind
    if kind == "skull":
        _bare_skull(hand, sitter)
        return
    ring = np.concatenate([sitter.crown, sitter.lm[HAIRLINE][::-1]])
    line, tone = rng.random(), 1.0
    whole = _in_one(sitter, ring) if kind != "spiky" and rng.random() < 0.7 else None
    if whole is not None:
        _mane(hand, sitter, whole, kind)
        return
    if kind == "spiky":
        _spikes(hand, sitter)
    elif kind not in ("scribble", "curls", "short") or line < 0.82:
        _silhouette(hand, sitter)
    if kind in ("outline", "few", "many", "cross", "spiky") or rng.random() < 0.55:
        _hairline(hand, sitter)
    if kind == "few":
        hand.lines(_strands(sitter, rng, int(rng.integers(3, 12))), 0.8)
    elif kind == "many":
        hand.lines(
            _strands(sitter, rng, int(rng.integers(18, 60 + int(40 * hand.skill)))), rng.uniform(0.55, 0.9)
        )
    elif kind == "short":
        _short(hand, sitter)
    elif kind == "curls":
        _curls(hand, sitter)
    elif kind == "solid":
        tone = float(rng.choice([1, 1, 0.8, 0.55]))
        hand.fill(ring, tone=tone)
        if line < 0.4:
            hand.lines(_strands(sitter, rng, 8), 1.0)
    elif kind == "scribble":
        _scribble(hand, ring, rng)
    elif kind == "cross":
        angle = rng.uniform(0.4, 1.2)
        for turn in (angle, angle + rng.uniform(0.7, 1.5)):
            hand.lines(zigzag(ring, turn, rng.uniform(3, 10), rng), 0.7)
    for lock in sitter.locks:
        _lock(hand, sitter, lock, kind, tone)


def _in_one(sitter: Sitter, ring: np.ndarray) -> np.ndarray | None:
    """One outline round the hair of the head and what hangs from it; None where nothing long hangs."""
    areas = [ring, *(lock for lock in sitter.locks if len(lock) > 4)]
    sizes = [cv2.contourArea(lock.astype(np.float32)) for lock in areas[1:]]
    if max(sizes, default=0.0) < 0.35 * sitter.unit**2:
        return None
    page = np.zeros((256, 256), np.uint8)
    for area in areas:
        cv2.fillPoly(page, [np.round((area + 0.5) * 4 - 4).astype(np.int32)], 1, cv2.LINE_8, 3)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    rings, _ = cv2.findContours(
        cv2.morphologyEx(page, cv2.MORPH_CLOSE, kernel), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    if sum(cv2.contourArea(edge) > 0.03 * sitter.unit**2 for edge in rings) > 1:
        return None  # it hangs from somewhere else
    edge = max(rings, key=len)[:, 0].astype(float) * 2 + 0.5
    return edge[:: max(2, len(edge) // 70)]


def _mane(hand: Hand, sitter: Sitter, whole: np.ndarray, kind: str) -> None:
    """Long hair drawn as one: a blob, a scribble, or an outline with what lies in it."""
    rng = hand.rng
    if kind in ("solid", "short"):
        hand.fill(whole, tone=float(rng.choice([1, 1, 0.8, 0.55])))
        if rng.random() < 0.6:
            hand.line(whole, closed=True)
        return
    if kind == "scribble":
        _scribble(hand, whole, rng)
        if rng.random() < 0.5:
            return
    hand.line(whole, closed=True, care=0.2)
    if kind == "cross":
        for turn in np.cumsum(rng.uniform(0.7, 1.4, 2)):
            hand.lines(zigzag(whole, turn, rng.uniform(6, 12), rng), 0.7)
    elif kind == "curls":
        _curls(hand, sitter)
    elif kind in ("few", "many"):
        gap = rng.uniform(6, 12) if kind == "many" else rng.uniform(16, 34)
        for lock in sitter.locks:
            for a, b in zigzag(lock, 1.57 + rng.normal(0, 0.06), gap, rng):
                sway = rng.normal(0, 3, 2)
                hand.line(np.array([a, a * 0.6 + b * 0.4 + sway, a * 0.3 + b * 0.7 - sway, b]), width=0.8)
        hand.lines(_strands(sitter, rng, int(rng.integers(3, 9 if kind == "few" else 40))), 0.8)


def _silhouette(hand: Hand, sitter: Sitter) -> None:
    rim = sitter.outline
    ears = sitter.lm[[116, 121], 1].mean()
    high = rim[rim[:, 1] < ears + 0.05 * sitter.unit]
    every = int(hand.rng.integers(1, 4)) + int(2 * hand.bad)
    line = high[::every] if len(high) > 8 else sitter.crown
    if len(line) > 2:
        hand.line(line)


def _hairline(hand: Hand, sitter: Sitter) -> None:
    rng, line = hand.rng, sitter.lm[HAIRLINE]
    if rng.random() < 0.2:  # in zigzags
        t = np.linspace(0.04, 0.96, int(rng.integers(12, 26)))
        jag = rng.uniform(0.05, 0.16) * sitter.unit
        line = along(line, t) + np.stack([np.zeros_like(t), jag * (np.arange(len(t)) % 2 - 0.5)], -1)
    hand.line(line if rng.random() < 0.8 else line[2:-2])


def _strands(sitter: Sitter, rng: np.random.Generator, count: int) -> list[np.ndarray]:
    """From the parting outwards and down, or from the hairline back over the head."""
    if rng.random() < 0.55:
        part = rng.uniform(0.3, 0.7)
        side = rng.random(count) < part
        end = np.where(side, rng.uniform(0, 0.15, count), rng.uniform(0.85, 1, count))
        top, foot = rng.uniform(0.45, 1, count), rng.uniform(0.1, 0.95, count)
        start = part + (end - part) * rng.uniform(0, 0.5, count)
        stop = start + (end - start) * rng.uniform(0.4, 1, count)
        steps = np.linspace(0, 1, 6)
        s = start[:, None] + (stop - start)[:, None] * steps
        t = top[:, None] + (foot - top)[:, None] * steps**1.5
    else:
        steps = np.linspace(0, 1, 4)
        lean = rng.normal(0, 0.05) + rng.normal(0, 0.02, count)
        s = np.clip(rng.random(count)[:, None] + lean[:, None] * steps * 2, 0, 1)
        low = np.where(rng.random(count) < 0.6, 0, rng.uniform(0, 0.6, count))
        t = low[:, None] + rng.uniform(0.25, 0.95, count)[:, None] * steps * (1 - low[:, None])
    flat = _band(sitter, s.ravel(), t.ravel())
    return list(flat.reshape(count, -1, 2))


def _short(hand: Hand, sitter: Sitter) -> None:
    """Many little strokes, all over or along hairline and silhouette only."""
    rng = hand.rng
    count = int(rng.integers(40, 130))
    s = rng.random(count)
    t = rng.random(count) if rng.random() < 0.6 else np.where(rng.random(count) < 0.5, 0.02, 0.85)
    reach = rng.uniform(0.12, 0.3)
    lean = rng.normal(0, 0.02)
    root, tip = _band(sitter, s, t), _band(sitter, np.clip(s + lean, 0, 1), t + reach)
    hand.lines([np.stack(pair) for pair in zip(root, tip + rng.normal(0, 2, tip.shape), strict=True)], 0.8)


def _curls(hand: Hand, sitter: Sitter) -> None:
    """Loops in rows, single spirals, or a cloud of bumps round the head."""
    rng, unit = hand.rng, sitter.unit
    way = choose(rng, {"loops": 1, "spirals": 1, "cloud": 0.6, "waves": 0.5})
    size = max(rng.uniform(0.06, 0.13) * unit, 2.2 * hand.tool.width)
    if way in ("cloud", "loops"):
        rows = [1.0] if way == "cloud" else list(np.linspace(0.12, 0.98, int(rng.integers(2, 5))))
        for t in rows:
            length = float(np.hypot(*np.diff(along(sitter.crown, np.linspace(0, 1, 9)), axis=0).T).sum())
            turns = max(5, int(length / (size * rng.uniform(1.1, 1.8))))
            k = np.arange(turns * 7)
            a = 2 * np.pi * k / 7
            path = _band(sitter, k / k[-1], np.full(len(k), t))
            wave = (
                np.stack([np.cos(a), np.sin(a)], -1)
                if way == "loops"
                else np.stack([0 * a, -np.abs(np.sin(a / 2))], -1)
            )
            hand.line(path + wave * size * rng.uniform(0.6, 1.1, (len(k), 1)), width=0.9, care=0.5)
    count = {
        "spirals": int(rng.integers(24, 60)),
        "waves": int(rng.integers(10, 30)),
        "cloud": int(rng.integers(0, 14)),
    }.get(way, 0)
    for at in _band(sitter, rng.random(count), rng.uniform(0.1, 0.95, count)):
        if way == "waves":
            w = np.linspace(0, 1, 9)
            run = np.stack([size * 0.5 * np.sin(w * 12), size * 4 * w - size * 2], -1)
        else:
            turn = rng.uniform(1.2, 2.4)
            a = np.linspace(0, 2 * np.pi * turn, int(8 * turn)) * rng.choice([-1, 1]) + rng.random() * 6
            run = np.stack([np.cos(a), np.sin(a)], -1) * np.linspace(1, 0.2, len(a))[:, None] * size
        hand.line(at + run, width=0.8, care=0.5, passes=1)


def _spikes(hand: Hand, sitter: Sitter) -> None:
    rng = hand.rng
    count = int(rng.integers(7, 20))
    s = np.linspace(0, 1, 2 * count + 1)
    tips = np.arange(2 * count + 1) % 2 == 1
    t = np.where(tips, rng.uniform(0.95, 1.25, len(s)), rng.uniform(0.55, 0.85, len(s)))
    path = _band(sitter, np.clip(s + rng.normal(0, 0.006, len(s)), 0, 1), t)
    hand.line(np.repeat(path, 2, 0), care=0.8)  # doubled points make corners


def _scribble(hand: Hand, area: np.ndarray, rng: np.random.Generator) -> None:
    gap = max(rng.uniform(3, 11), rng.uniform(0.8, 2.2) * hand.tool.width)
    layers = 1 + (rng.random() < 0.3)
    angle = rng.uniform(0, np.pi)
    for _ in range(layers):
        for run in joined(zigzag(area, angle, gap, rng), 3.5 * gap + 10):
            hand.line(
                run + rng.normal(0, 0.25 * gap, run.shape), width=rng.uniform(0.7, 1), care=0.4, passes=1
            )
        angle += rng.uniform(0.5, 1.5)


def _lock(hand: Hand, sitter: Sitter, lock: np.ndarray, kind: str, tone: float) -> None:
    """Hair beside the neck, in the manner of the rest."""
    rng = hand.rng
    if len(lock) < 5:
        return
    if rng.random() < 0.5 * hand.bad:  # an oval, as bunches are drawn
        wide, tall = np.ptp(lock, 0) / 2 * rng.uniform(0.8, 1.1, 2)
        lock = ellipse((lock.min(0) + lock.max(0)) / 2, wide, tall, 12)
    if kind in ("solid", "scribble") and rng.random() < 0.8:
        if kind == "solid":
            hand.fill(lock, tone=tone)
        else:
            _scribble(hand, lock, rng)
        if rng.random() < 0.5:
            return
    hand.line(lock, closed=rng.random() < 0.15)
    if kind in ("many", "few", "cross", "curls") or rng.random() < 0.3:
        lines = zigzag(lock, 1.57 + rng.normal(0, 0.1), rng.uniform(5, 14), rng)
        bent = [np.array([a, (a + b) / 2 + rng.normal(0, 4, 2), b]) for a, b in lines]
        hand.lines(bent[:: 1 if kind == "many" else 2], 0.8)


def _bare_skull(hand: Hand, sitter: Sitter) -> None:
    """One line over the head and no hairline; at most stubble, a shine or a faint rim of hair."""
    rng = hand.rng
    sitter.drawn["hair"] = "bald"
    skull = sitter.crown if sitter.sight.bald else sitter.crown * 0.85 + sitter.lm[HAIRLINE] * 0.15
    hand.line(skull if rng.random() < 0.7 else skull[1:-1])
    extra = choose(rng, {"none": 0.55, "dots": 0.25, "shine": 0.06, "rim": 0.14})
    if extra == "dots":
        for at in _band(sitter, rng.random(60), rng.uniform(0.1, 0.92, 60))[: int(rng.integers(20, 60))]:
            hand.dot(at, 0.4)
    elif extra == "shine":
        hand.line(_band(sitter, np.array([0.55, 0.6, 0.66]), np.array([0.6, 0.66, 0.6])), width=0.8)
    elif extra == "rim":
        hand.line(sitter.lm[HAIRLINE], width=0.8, tone=0.6)


def beard(hand: Hand, sitter: Sitter) -> None:
    """Drawn only where one is seen; its weight follows what is seen."""
    rng, sight = hand.rng, sitter.sight
    hand.part = "beard"
    areas = _areas(sitter, over=rng.random() < _OVER * hand.bad)
    if not areas:
        return
    strong = max(sight.moustache, sight.chin, sight.jaw)
    if strong < 0.8 and rng.random() < 0.25:  # light stubble is often left out
        return
    kind = choose(
        rng,
        {
            "hatch": 0.5,
            "dots": 0.25 + 0.5 * (strong < 0.9),
            "scribble": 0.25,
            "outline": 0.08 + 0.08 * (strong > 1),
            "solid": 0.25 * (strong > 0.9),
            "grey": 0.15,
            "hairs": 0.3 * hand.skill,
        },
    )
    sitter.drawn["beard"] = kind
    for area in areas:
        _grow(hand, sitter, area, kind)


def _areas(sitter: Sitter, over: bool) -> list[np.ndarray]:
    """What a beard covers; `over` the mouth as well, which careless hands do not spare."""
    lm, unit, sight = sitter.lm, sitter.unit, sitter.sight
    down = np.array([0.0, 1.0])
    areas = []
    if sight.moustache >= BEARD_SEEN:
        nose = lm[[63, 180, 181, 68]] * 0.45 + lm[[88, 90, 90, 92]] * 0.55
        corners = lm[[87, 93]] + np.array([(-0.05, 0.04), (0.05, 0.04)]) * unit
        areas.append(np.concatenate([corners[:1], nose, corners[1:], lm[LIP_TOP][::-1] - down]))
    inner_chin = lm[LIP_BOTTOM][1:6] + 0.1 * unit * down
    if sight.jaw >= BEARD_SEEN:
        side = lm[JAW]
        cheek = side * 0.72 + lm[[170, 87, 87, 87, 104, 106, 108, 93, 93, 93, 172]] * 0.28
        inner = np.concatenate([cheek[:4], inner_chin, cheek[-4:]])
        if over:
            return [np.concatenate([side, cheek[:6:-1], lm[LIP_TOP][::-1] - 0.1 * unit * down, cheek[3::-1]])]
        areas.append(np.concatenate([side, inner[::-1]]))
    elif sight.chin >= BEARD_SEEN:
        low = lm[[128, 129, 130]]
        areas.append(np.concatenate([inner_chin, low[::-1]]))
    return areas


def _grow(hand: Hand, sitter: Sitter, area: np.ndarray, kind: str) -> None:
    rng, unit = hand.rng, sitter.unit
    gap = max(rng.uniform(0.035, 0.075) * unit, 1.3 * hand.tool.width)
    if kind == "solid":
        hand.fill(area, tone=float(rng.choice([1, 0.75])))
    elif kind == "grey":
        hand.fill(area, tone=rng.uniform(0.15, 0.4), blur=float(rng.choice([0, 3, 6])))
    elif kind == "outline":
        hand.line(area, closed=True)
    elif kind == "scribble":
        for run in joined(zigzag(area, rng.uniform(0.2, 1.6), gap, rng), 4 * gap):
            hand.line(run, width=0.8, care=0.3, passes=1)
    else:
        rows = zigzag(area, rng.normal(0, 0.15), gap * 1.5, rng)
        spots = [
            a + (b - a) * t
            for a, b in rows
            for t in np.arange(rng.random() * 0.5, 1, gap / max(np.hypot(*(b - a)), gap))
        ]
        if not spots:
            return
        at = (
            np.array(spots)[:130]
            if len(spots) <= 130
            else np.array(spots)[rng.choice(len(spots), 130, replace=False)]
        )
        at = at + rng.normal(0, 0.3 * gap, at.shape)
        if kind == "dots":
            for spot in at:
                hand.dot(spot, 0.3)
            return
        lean = (at[:, :1] - sitter.lm[129, 0]) * 0.1 * (kind == "hairs")
        tip = (
            at
            + np.concatenate([lean, np.full((len(at), 1), rng.uniform(0.8, 1.8) * gap)], 1)
            + rng.normal(0, 1, at.shape)
        )
        hand.lines([np.stack(pair) for pair in zip(at, tip, strict=True)], 0.75, 1.0, 0.3)
