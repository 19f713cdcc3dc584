"""How people draw noses, mouths, ears, jaws and necks: one vocabulary per feature.

Every function takes a hand and a sitter and lets the hand's own random numbers choose among the ways people
have, the simple signs first where skill is low. Whatever is chosen, it is bent to the sitter's expression.
"""

from __future__ import annotations

import numpy as np

from .drawn_shapes import (
    EAR,
    JAW,
    LIP_BOTTOM,
    LIP_TOP,
    NOSE_BASE,
    RIDGE,
    SLIT_LOW,
    SLIT_UP,
    WING,
    Sitter,
    along,
    choose,
    covers,
    ellipse,
    joined,
    zigzag,
)
from .drawn_sight import HAIRLINE
from .hand import Hand

_ONE_LINE = 0.25  # of open smiles are drawn as one curve, more where little skill is


def nose(hand: Hand, sitter: Sitter) -> None:
    rng, bad, lm = hand.rng, hand.bad, sitter.lm
    hand.part = "nose"
    sign = max(0.0, bad - 0.3)
    kind = choose(
        rng,
        {
            "base": 0.35 + 0.7 * hand.skill,
            "wings": 0.2 + 0.3 * hand.skill,
            "ell": 0.22,
            "dots": 0.14,
            "u": 0.12 + 0.3 * sign,
            "triangle": 0.02 + 0.3 * sign,
            "side": 0.08 + 0.2 * sign,
            "full": 0.15,
            "none": 0.03,
        },
    )
    sitter.drawn["nose"] = kind
    k = int(rng.integers(2))
    base, ridge = lm[NOSE_BASE], lm[RIDGE[k]]
    ala, other = base[[0, -1]] if k == 0 else base[[-1, 0]]
    tip, wide = lm[55], abs(base[0, 0] - base[-1, 0])
    if kind == "base":
        hand.line(base)
    elif kind == "wings":
        for w in WING:
            hand.line(lm[w][int(rng.integers(0, 2)) :])
        if rng.random() < 0.5:
            hand.line(lm[[179, 180, 55, 181, 182]], width=0.9)
    elif kind == "ell":
        hand.line(np.concatenate([ridge[int(rng.integers(0, 3)) :], [ala], [tip], [tip * 0.5 + other * 0.5]]))
    elif kind == "dots":
        for point in lm[[179, 182]]:
            hand.dot(point, wide * rng.uniform(0.03, 0.08))
    elif kind == "u":
        hand.line(
            np.array(
                [
                    base[0] - (0, 0.25 * wide),
                    base[0] + (0.1 * wide, 0.1 * wide),
                    tip + (0, 0.1 * wide),
                    base[-1] + (-0.1 * wide, 0.1 * wide),
                    base[-1] - (0, 0.25 * wide),
                ]
            )
        )
    elif kind == "triangle":
        top = lm[[52, 58]].mean(0)
        hand.line(np.array([top, base[0], base[-1]]), closed=rng.random() < 0.7)
    elif kind == "side":
        hand.line(np.concatenate([ridge[int(rng.integers(0, 3)) :], [ala + (0, 0.05 * wide)]]))
    elif kind == "full":
        for j, start in ((0, 0), (1, -1)):
            hand.line(np.concatenate([lm[RIDGE[j]], lm[WING[j]][1:4], [base[start]]]))
        hand.line(base[2:-2])
    if kind in ("base", "wings", "u"):
        if rng.random() < 0.25:
            for point in lm[[179, 182]]:
                hand.fill(ellipse(point, wide * 0.09, wide * 0.05, 8))
        if rng.random() < 0.35:
            hand.line(ridge[int(rng.integers(0, 3)) :], width=0.9)
    if rng.random() < 0.06 * hand.skill:
        hand.lines(
            [np.stack([a, a + (wide * 0.12 * (1 - 2 * k), 6)]) for a in along(ridge, np.linspace(0.2, 1, 6))],
            0.7,
            0.7,
        )


def mouth(hand: Hand, sitter: Sitter) -> None:
    rng, lm = hand.rng, sitter.lm
    hand.part = "mouth"
    width = max(float(np.hypot(*(lm[87] - lm[93]))), 1.0)
    gap = float((lm[SLIT_LOW[2:5], 1] - lm[SLIT_UP[2:5], 1]).mean()) / width
    care = 0.5 + 0.15 * hand.skill
    smiling = sitter.bend > 0.02 and sitter.pull("AU12") > 0.2
    if gap > 0.055 and smiling and rng.random() < _ONE_LINE + 0.3 * hand.bad:
        _closed_mouth(hand, sitter, width, care, one_curve=True)
    elif gap > 0.055:
        _open_mouth(hand, sitter, gap, width, care)
    else:
        _closed_mouth(hand, sitter, width, care)
    if rng.random() < 0.12 + 0.3 * hand.skill and not sitter.drawn["mouth"].startswith("sign"):
        under = lm[LIP_BOTTOM][2:5] + (0, 0.09 * width)
        hand.line(under, width=0.8)


def _arc(lm: np.ndarray, bend: float, width: float, flat: float = 2.0) -> np.ndarray:
    """Corner to corner, `bend` mouth widths deep, a smile when positive; `flat` from 1, a V, to 4, a U."""
    t = np.linspace(0, 1, 7)[:, None]
    chord = lm[87] * (1 - t) + lm[93] * t
    normal = np.array([-(lm[93] - lm[87])[1], (lm[93] - lm[87])[0]]) / width
    sag = (1 - abs(2 * t - 1) ** flat) * bend * width
    middle = lm[[96, 101]].mean(0) - (lm[87] + lm[93]) / 2
    return chord + normal * (sag + 0.5 * (middle @ normal) - 0.5 * bend * width)


def _sign_bend(sitter: Sitter, rng: np.random.Generator) -> float:
    """The curve of a symbol for a mouth: flat at rest, unmistakable otherwise."""
    if abs(sitter.bend) < 0.015:
        return float(rng.normal(0, 0.01))
    return float(np.sign(sitter.bend) * np.clip(1.6 * abs(sitter.bend), 0.09, 0.34))


def _closed_mouth(hand: Hand, sitter: Sitter, width: float, care: float, *, one_curve: bool = False) -> None:
    """With `one_curve` as many hands draw a smile, whatever it shows of teeth."""
    rng, lm, bad = hand.rng, sitter.lm, hand.bad
    shares = {
        "sign": 0.1 + 2.2 * max(0.0, bad - 0.35),
        "line": 0.4,
        "lips": 0.5 + 0.4 * hand.skill,
        "outline": 0.3 if sitter.bend < 0.03 else 0.06,  # of a smile it would be a laugh
        "under": 0.3,
        "dark": 0.24,
        "top": 0.1,
    }
    kind = choose(rng, {"sign": 0.4 + 0.8 * bad, "line": 0.5, "under": 0.12} if one_curve else shares)
    sitter.drawn["mouth"] = kind
    slit = lm[SLIT_UP] / 2 + lm[SLIT_LOW] / 2
    if kind == "sign":
        curve = _arc(lm, _sign_bend(sitter, rng), width, rng.uniform(1.0, 3.5))
        hand.line(curve, width=rng.uniform(1, 1.5), care=care)
        return
    if kind == "outline":  # of the lips, and no line between them
        top, bottom = lm[LIP_TOP], lm[LIP_BOTTOM][-2:0:-1]
        if rng.random() < 0.3 + 0.5 * bad:  # a lens
            top, bottom = top[[0, len(top) // 2, -1]], bottom[[len(bottom) // 2]]
        hand.line(np.concatenate([top, bottom]), closed=True, width=rng.uniform(1, 1.5), care=care)
        return
    hand.line(slit, width=rng.uniform(1, 1.5), care=care)
    if kind in ("lips", "dark"):
        hand.line(lm[LIP_TOP], care=care)
        hand.line(lm[LIP_BOTTOM][int(rng.integers(0, 2)) :], care=care)
    if kind == "dark":
        ring = np.concatenate([lm[LIP_TOP], lm[LIP_BOTTOM][-2:0:-1]])
        if rng.random() < 0.6:
            hand.fill(ring, tone=rng.uniform(0.3, 1))
        else:
            hand.lines(zigzag(ring, 1.4, 3.5, rng), 0.8, 1, 0.4)
    if kind == "under":
        hand.line(lm[LIP_BOTTOM][2:5] + rng.normal(0, 1, 2), width=0.9, care=care)
    if kind == "top":
        hand.line(lm[LIP_TOP], care=care)


def _astonished(sitter: Sitter) -> bool:
    """Whether an open mouth is round: not where teeth are bared or lips are stretched."""
    return (
        max(sitter.pull("AU9"), sitter.pull("AU20"), 0.7 * sitter.pull("AU4"), sitter.pull("AU10") - 0.1)
        < 0.3
    )


def _open_mouth(hand: Hand, sitter: Sitter, gap: float, width: float, care: float) -> None:
    rng, lm, bad = hand.rng, sitter.lm, hand.bad
    up, low = lm[SLIT_UP], lm[SLIT_LOW]
    sign = rng.random() < 0.75 * max(0.0, bad - 0.3)
    teeth_show = max(sitter.pull(u) for u in ("AU12", "AU10", "AU16", "AU20", "AU9"))
    if sign:
        middle, tall = (up[3] + low[3]) / 2, float(low[3, 1] - up[3, 1])
        if gap > 0.2 and sitter.bend < 0.06 and _astonished(sitter):  # an O
            small = rng.uniform(0.65, 1.0)
            ring = ellipse(middle, 0.5 * small * min(width, 1.4 * tall), 0.55 * small * tall, 10)
        elif sitter.bend > 0.02 or (sitter.pull("AU12") > 0.35 and sitter.bend > 0):  # a half moon
            moon = _arc(lm, max(0.14, _sign_bend(sitter, rng)), width)
            lid = lm[[87]] + (lm[93] - lm[87]) * np.array([[0.25], [0.5], [0.75]]) + (0, 0.03 * width)
            ring = np.concatenate([moon, lid[::-1]])
        else:
            lift = (lm[87] + lm[93]) / 2 - middle
            ring = np.concatenate([up + (0, -0.02 * width), low[-2:0:-1] + (0, 0.02 * width)])
            ring[[0, 6], 1] += 0.25 * max(lift[1], 0)
        up, low = ring[:7], np.concatenate([ring[:1], ring[:6:-1], ring[6:7]])
        hand.line(ring, closed=True, width=rng.uniform(1, 1.4), care=care)
    else:
        ring = np.concatenate([up, low[-2:0:-1]])
        hand.line(up, width=rng.uniform(1, 1.4), care=care)
        hand.line(low, width=rng.uniform(0.9, 1.2), care=care)
        if rng.random() < 0.35 + 0.5 * hand.skill:
            hand.line(lm[LIP_TOP], care=care)
            hand.line(lm[LIP_BOTTOM][int(rng.integers(0, 2)) :], care=care)
    kind = choose(
        rng,
        {
            "empty": 0.35,
            "dark": 0.15 + 0.3 * (gap > 0.2),
            "band": 0.1 + 0.6 * teeth_show,
            "teeth": 0.6 * teeth_show,
            "tongue": 0.25 * (gap > 0.18),
            "hatched": 0.08,
        },
    )
    sitter.drawn["mouth"] = ("sign " if sign else "open ") + kind
    inner = np.concatenate([along(up, np.linspace(0.03, 0.97, 7)), along(low, np.linspace(0.97, 0.03, 7))])
    seam = along(up, np.linspace(0.08, 0.92, 7)) * 0.55 + along(low, np.linspace(0.08, 0.92, 7)) * 0.45
    if kind == "dark":
        hand.fill(inner, tone=rng.uniform(0.5, 1))
    elif kind == "hatched":
        for run in joined(zigzag(inner, rng.uniform(0.2, 1.5), 3.2, rng), 12):
            hand.line(run, width=0.8, care=0.5)
    elif kind in ("band", "teeth"):
        hand.line(seam, width=0.8, care=0.6)
        if kind == "teeth":
            bottom = low if rng.random() < 0.6 else np.concatenate([up[:1], seam, up[-1:]])
            at = np.linspace(0.14, 0.86, int(rng.integers(5, 10)))
            hand.lines(
                [np.stack(pair) for pair in zip(along(up, at), along(bottom, at), strict=True)], 0.7, 1.0, 0.6
            )
        elif gap > 0.2 and rng.random() < 0.5:
            dark = np.concatenate([seam, along(low, np.linspace(0.95, 0.05, 7))])
            hand.fill(dark, tone=rng.uniform(0.5, 1))
    elif kind == "tongue":
        hump = along(low, np.linspace(0.25, 0.75, 5)) - np.array([[0], [0.5], [0.62], [0.5], [0]]) * (
            0,
            gap * width * 0.7,
        )
        hand.line(hump, width=0.8, care=0.5)


def ears(hand: Hand, sitter: Sitter) -> None:
    rng, lm = hand.rng, sitter.lm
    kind = choose(
        rng,
        {
            "inner": 0.2 + 0.4 * hand.skill,
            "plain": 0.55,
            "round": 0.8 * max(0.0, hand.bad - 0.2),
            "none": 0.16 + 0.3 * (len(sitter.locks) > 1),
        },
    )
    out, large = rng.uniform(0, 0.14) * sitter.unit, rng.uniform(0.8, 1.5)  # where ears are round
    sitter.drawn["ears"] = kind
    for k in (0, 1):
        hand.part = f"ear{k}"
        if kind == "none" or rng.random() < 0.04:
            continue
        ear = lm[EAR[k]]
        if any(covers(lock, ear[2:5].mean(0)) for lock in sitter.locks):
            continue
        if kind == "round":  # a ring, whole or open towards the face, and often too large and too far out
            wide, tall = np.ptp(ear, 0) / 2 * large
            ring = ellipse(ear.mean(0) + ((1 if k else -1) * out, 0), wide, tall, 10, 0.0 if k else np.pi)
            whole = rng.random() < 0.4
            hand.line(ring if whole else np.roll(ring, 5, 0)[1:-1], closed=whole)
            continue
        hand.line(ear if hand.bad < 0.6 else ear[[0, 1, 3, 5, 6]])
        if kind == "inner":
            inside = ear.mean(0) * 0.35 + ear[1:6] * 0.65
            hand.line(inside[: int(rng.integers(3, 6))], width=0.8)


def jaw(hand: Hand, sitter: Sitter) -> None:
    """The contour of the face: from ear to ear, the chin alone, with a gap, or a whole oval."""
    rng, bad, lm = hand.rng, hand.bad, sitter.lm
    hand.part = "jaw"
    kind = choose(
        rng, {"full": 1.0, "temples": 0.3, "chin": 0.06, "open": 0.08, "oval": 0.25 + 0.9 * max(0, bad - 0.3)}
    )
    sitter.drawn["jaw"] = kind
    line = lm[JAW]
    if kind == "temples":
        line = np.concatenate([lm[[109, 110]], line, lm[[113, 112]]])
    elif kind == "chin":
        line = line[2:9]
    elif kind == "oval":
        high = rng.uniform(0.1, 0.95)  # the head first, and the hair over it
        skull = lm[HAIRLINE] * (1 - high) + sitter.crown * high
        hand.line(
            np.concatenate([lm[[110]], line, lm[[113]], skull[10:2:-2]]),
            closed=True,
            passes=1 + (rng.random() < 0.15),
        )
        return
    if kind == "open":
        cut = int(rng.integers(4, 7))
        hand.line(line[: cut + 1])
        hand.line(line[cut:] + rng.normal(0, 2, 2))
    else:
        hand.line(line)
    if rng.random() < 0.12 * hand.skill:
        hand.line(lm[[174, 175]].mean(0) + np.array([(-9, -2), (0, 2), (9, -2)]), width=0.8)


def neck(hand: Hand, sitter: Sitter) -> None:
    rng, lm, unit = hand.rng, sitter.lm, sitter.unit
    hand.part = "neck"
    kind = choose(rng, {"none": 0.27, "lines": 0.33, "shoulders": 0.2, "collar": 0.1, "shirt": 0.1})
    sitter.drawn["neck"] = kind
    if kind == "none":
        return
    thick = rng.uniform(0.45, 0.75)
    feet = []
    for side, a, b in ((-1, 126, 127), (1, 132, 131)):
        top = lm[a] * (1 - thick) + lm[b] * thick
        curve = [(0.0, 0.02), (side * 0.0, 0.3), (side * 0.04, 0.55)]
        if kind != "lines":
            curve += [(side * 0.3, 0.72), (side * 0.95, 0.9)]
        hand.line(top + unit * np.array(curve))
        feet.append(top + unit * np.array(curve[2]))
    left, right = feet
    low = (left + right) / 2
    if kind == "collar":
        hand.line(np.array([left, low + (0, 0.5 * unit), right]))
    elif kind == "shirt":
        hand.line(np.array([left, low + (0, 0.22 * unit), right]))
        if rng.random() < 0.4:
            hand.line(np.array([left - (0.03 * unit, -4), low + (0, 0.3 * unit), right + (0.03 * unit, 4)]))
