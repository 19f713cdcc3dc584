"""How people draw eyes and brows: from dots and lines to lids, irises and lashes.

Whatever sign is chosen, it is as wide open, as slanted and as arched as the sitter's own.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .drawn_glasses import glasses
from .drawn_shapes import (
    BAG,
    BROW,
    BROW_LOW,
    CREASE,
    LOWER,
    RING,
    UPPER,
    Sitter,
    along,
    choose,
    ellipse,
    joined,
    zigzag,
)
from .hand import Hand


def eyes(hand: Hand, sitter: Sitter) -> None:
    rng, bad = hand.rng, hand.bad
    opening = np.mean([_opening(sitter.lm, k) for k in (0, 1)])
    wide = max(sitter.pull("AU5"), float(opening > 0.46))
    sign = max(0.0, bad - 0.35)
    kind = choose(
        rng,
        {
            "almond": 0.08 + 1.7 * hand.skill,
            "simple": 0.3,
            "oval": 0.06 + 0.7 * sign,
            "dot": (0.05 + 0.5 * sign) * (1 - wide),
            "anime": 0.08,
            "ring": 0.04 + 0.3 * sign,
            "scribble": 0.09 + 0.12 * bad,
        },
    )
    smiling = sitter.pull("AU12") > 0.5 and sitter.pull("AU6") > 0.5 and rng.random() < 0.12 * (bad + 0.3)
    closed_style = choose(rng, {"line": 1, "lashes": 0.7, "scribble": 0.25, "double": 0.3})
    sitter.drawn["eyes"] = kind
    how = {name: rng.random() for name in ("lashes", "crease", "pupil", "highlight", "heavy", "lower", "bag")}
    for k in (0, 1):
        hand.part = f"eye{k}"
        if smiling:
            _arched_eye(hand, sitter.lm, k)
        elif sitter.units.get(("AU43_R", "AU43_L")[k], 0) > 0.6 or _opening(sitter.lm, k) < 0.1:
            _closed_eye(hand, sitter.lm, k, closed_style)
        else:
            {
                "almond": _almond,
                "simple": _almond,
                "oval": _sign_eye,
                "dot": _sign_eye,
                "ring": _sign_eye,
            }.get(kind, _big_eye if kind == "anime" else _scribbled_eye)(hand, sitter.lm, k, kind, how)
        if how["bag"] < 0.04 + 0.08 * hand.skill:
            hand.line(sitter.lm[BAG[k]], width=0.8)
    glasses(hand, sitter)


def _opening(lm: np.ndarray, k: int) -> float:
    up, low = lm[UPPER[k]], lm[LOWER[k]]
    return float((low[1:4, 1] - up[1:4, 1]).mean() / max(np.hypot(*(up[0] - up[-1])), 1e-6))


def _iris(lm: np.ndarray, k: int) -> tuple[np.ndarray, float, float, float]:
    """Centre, radius, and the heights of the lids above and below it."""
    ring = lm[RING[k]]
    centre = ring.mean(0)
    radius = float(np.hypot(*(ring - centre).T).mean())
    up, low = lm[UPPER[k]], lm[LOWER[k]]
    at = lambda line: np.interp(centre[0], *line[np.argsort(line[:, 0])].T)  # noqa: E731
    return centre, radius, float(at(up)), float(at(low))


def _almond(hand: Hand, lm: np.ndarray, k: int, kind: str, how: Mapping[str, float]) -> None:
    rng, up, low = hand.rng, lm[UPPER[k]], lm[LOWER[k]]
    care = 0.35 + 0.2 * hand.skill
    if kind == "simple" and how["heavy"] < 0.5:
        hand.line(np.concatenate([up, low[-2:0:-1]]), closed=True, care=care)
    else:
        hand.line(up, width=1 + 0.9 * (how["heavy"] > 0.55), care=care)
        if how["lower"] < 0.85:
            hand.line(low[1 if how["lower"] < 0.2 else 0 :], care=care)
    if hand.skill > 0.3 and how["crease"] < 0.25 + 0.4 * hand.skill:
        hand.line(lm[CREASE[k]], width=0.8, care=0.3)
    centre, radius, top, bottom = _iris(lm, k)
    if bottom - top < 0.3 * radius:
        return
    ball = lm[RING[k]].copy()
    ball = centre + (ball - centre) * (0.85 + 0.3 * how["lower"])
    ball[:, 1] = np.clip(ball[:, 1], top, bottom)
    centre = np.array([centre[0], np.clip(centre[1], top + 0.25 * radius, bottom - 0.25 * radius)])
    room = min(radius, 0.5 * (bottom - top))
    if kind == "simple" and how["pupil"] < 0.75:
        hand.fill(ellipse(centre, room * 0.85, room * 0.85))
        return
    if how["pupil"] > 0.9:
        hand.fill(ball, tone=0.25 + 0.4 * rng.random())
    if how["pupil"] > 0.82 and hand.skill > 0.4:
        hand.lines(zigzag(ball, 1.57 + rng.normal(0, 0.3), max(2.2, 0.16 * radius), rng), 0.7, 0.8, 0.5)
    hand.line(ball, closed=True, width=0.9, care=0.45)
    if how["pupil"] < 0.85:
        pupil = ellipse(centre, room * (0.3 + 0.35 * how["heavy"]), room * (0.3 + 0.35 * how["heavy"]))
        spark = [ellipse(centre + (-0.25 * room, -0.25 * room), 0.22 * room, 0.22 * room, 6)]
        hand.fill(pupil, *(spark if how["highlight"] < 0.3 else []))
    if how["lashes"] < 0.2:
        _lashes(hand, up, centre, 0.35 + 0.3 * how["lower"])


def _lashes(hand: Hand, lid: np.ndarray, centre: np.ndarray, reach: float, count: int = 6) -> None:
    root = along(lid, np.linspace(0, 0.9, count))
    tip = root + (root - centre) * reach * hand.rng.uniform(0.7, 1.2, (count, 1)) - (0, 1.5)
    hand.lines(
        [np.array([a, (a + b) / 2 + (0, 0.6), b]) for a, b in zip(root, tip, strict=True)], 0.7, 1.0, 0.4
    )


def _sign_eye(hand: Hand, lm: np.ndarray, k: int, kind: str, how: Mapping[str, float]) -> None:
    """A dot, or a ring or oval with a dot: as high as the eye is open, and tilted with it."""
    up, low = lm[UPPER[k]], lm[LOWER[k]]
    width, centre = np.hypot(*(up[0] - up[-1])), (up[0] + up[-1] + up[2] + low[2]) / 4
    opening = _opening(lm, k)
    iris = lm[RING[k]].mean(0)
    look = np.clip(iris - centre, -0.25 * width, 0.25 * width)
    if kind == "dot":
        r = width * (0.1 + 0.14 * how["heavy"])
        spot = ellipse(centre + look * 0.5, r, r * float(np.clip(opening / 0.33, 0.6, 1.6)))
        hand.fill(spot)
        hand.line(spot, closed=True, care=0.5)
        return
    rx = width * (0.36 + 0.16 * how["lower"]) if kind == "oval" else width * 0.36
    ry = rx * float(np.clip(opening / 0.36, 0.35, 1.7)) * (0.9 if kind == "ring" else 0.72)
    hand.line(ellipse(centre, rx, ry, 9, hand.rng.uniform(0, 6)), closed=True, care=0.3)
    r = min(ry * 0.75, rx * (0.25 + 0.3 * how["heavy"]))
    dot = ellipse(centre + look + hand.rng.normal(0, 0.8 * hand.bad, 2), r, r, 8)
    if how["pupil"] < 0.75:
        hand.fill(dot)
    else:
        hand.line(dot, closed=True, care=0.4)
    if how["lashes"] < 0.25:
        _lashes(hand, ellipse(centre, rx, ry, 16, np.pi)[:9], centre, 0.5, 4)


def _big_eye(hand: Hand, lm: np.ndarray, k: int, kind: str, how: Mapping[str, float]) -> None:
    """A comic eye: heavy upper lid, a tall iris with light in it."""
    up, low = lm[UPPER[k]], lm[LOWER[k]]
    centre, radius, top, bottom = _iris(lm, k)
    middle = np.array([centre[0], (top + bottom) / 2])
    grown = 1 + 0.7 * max(0.0, how["bag"] - 0.4)  # from a little too large to those of Japanese comics
    stretch = np.array([1.05, 1.3]) * np.array([grown**0.5, grown])
    radius *= grown**0.6
    up, low = middle + (up - middle) * stretch, middle + (low - middle) * stretch
    hand.line(up, width=2.2, care=0.4)
    hand.line(low[1:4], width=0.9, care=0.4)
    tall = max(0.62 * (bottom - top) * grown, 0.4 * radius)
    iris = ellipse(middle, radius * 1.05, tall, 12)
    lights = [ellipse(middle + (-0.35 * radius, -0.4 * tall), 0.3 * radius, 0.26 * tall, 7)]
    if how["highlight"] < 0.6:
        lights.append(ellipse(middle + (0.35 * radius, 0.45 * tall), 0.16 * radius, 0.14 * tall, 6))
    hand.line(iris, closed=True, care=0.5)
    hand.fill(iris, *lights, tone=1.0 if how["pupil"] < 0.7 else 0.6)
    if how["lashes"] < 0.5:
        _lashes(hand, up[:3], middle, 0.4, 3)


def _scribbled_eye(hand: Hand, lm: np.ndarray, k: int, kind: str, how: Mapping[str, float]) -> None:
    up, low = lm[UPPER[k]], lm[LOWER[k]]
    shape = np.concatenate([up, low[-2:0:-1]])
    if how["lower"] < 0.6:
        hand.line(shape, closed=True, care=0.3)
    centre, radius, top, bottom = _iris(lm, k)
    area = (
        shape
        if how["pupil"] < 0.3
        else ellipse(np.array([centre[0], (top + bottom) / 2]), radius, (bottom - top) * 0.55)
    )
    if how["heavy"] < 0.4:
        a = np.linspace(0, 2 * np.pi * 3.5, 26)
        middle, reach = area.mean(0), np.ptp(area, axis=0) / 2
        hand.line(
            middle + np.stack([np.cos(a), np.sin(a)], -1) * reach * np.linspace(0.15, 1, 26)[:, None],
            care=0.3,
        )
    else:
        angle = hand.rng.choice([0.1, 0.8, 1.5]) + hand.rng.normal(0, 0.2)
        for run in joined(zigzag(area, angle, max(1.8, 0.8 * hand.tool.width), hand.rng), 0.4 * radius + 6):
            hand.line(run, care=0.4, width=0.8)


def _closed_eye(hand: Hand, lm: np.ndarray, k: int, style: str) -> None:
    up, low = lm[UPPER[k]], lm[LOWER[k]]
    line = (up + 3 * low) / 4
    line[2, 1] += 0.06 * np.hypot(*(up[0] - up[-1])) * hand.bad
    hand.line(line, width=1.3, care=0.4)
    if style == "lashes":
        _lashes(hand, line, line.mean(0) - (0, 12), 0.4, 5)
    elif style == "double":
        hand.line(lm[CREASE[k]], width=0.8, care=0.3)
    elif style == "scribble":
        area = np.concatenate([lm[CREASE[k]], low[::-1]])
        for run in joined(zigzag(area, 0.15, 2.6, hand.rng), 14):
            hand.line(run, width=0.8, care=0.4)


def _arched_eye(hand: Hand, lm: np.ndarray, k: int) -> None:
    """The laughing eye of a comic: one arch."""
    up = lm[UPPER[k]]
    rise = 0.3 * np.hypot(*(up[0] - up[-1]))
    middle = (up[0] + up[-1]) / 2
    hand.line(
        np.array([up[0] + (0, 0.2 * rise), middle - (0, rise), up[-1] + (0, 0.2 * rise)]), width=1.3, care=0.5
    )


def brows(hand: Hand, sitter: Sitter) -> None:
    rng, bad, lm = hand.rng, hand.bad, sitter.lm
    moved = max(sitter.pull(u) for u in ("AU1", "AU2", "AU4", "AU9")) > 0.3
    kind = choose(
        rng,
        {
            "line": 0.45 + 0.5 * bad,
            "outline": 0.2,
            "hairs": 0.1 + 0.35 * hand.skill,
            "block": 0.22,
            "none": 0.04 * (not moved),
        },
    )
    sitter.drawn["brows"] = kind
    width, steep = rng.uniform(1, 2.2), rng.uniform(0.5, 1.1)
    for k in (0, 1):
        hand.part = f"brow{k}"
        top, low = lm[BROW[k]], lm[BROW_LOW[k]]
        middle = (along(top, np.linspace(0, 1, 4)) + low) / 2
        ring = np.concatenate([top, low[-2:0:-1]])
        if kind == "line":
            hand.line(middle if bad < 0.6 else middle[[0, 1, 3]], width=width, care=0.45)
        elif kind == "outline":
            hand.line(ring, closed=True, care=0.45)
            if steep > 0.9:
                hand.lines(zigzag(ring, 0.9 - 1.8 * k, 4.5, rng), 0.7, 1.0, 0.4)
        elif kind == "block":
            hand.fill(ring)
            hand.line(ring, closed=True, width=0.7, care=0.45)
        elif kind == "hairs":
            t = np.linspace(0.02, 0.98, int(rng.integers(10, 24)))
            root, tip = along(low, t), along(top, t)
            lean = (low[0] - low[-1]) * 0.16 * steep
            hand.lines(
                [
                    np.array([a, b + lean])
                    for a, b in zip(root, tip + rng.normal(0, 0.8, tip.shape), strict=True)
                ],
                0.8,
                1,
                0.5,
            )
            if width < 1.4:
                hand.line(middle, width=0.9, care=0.45)
