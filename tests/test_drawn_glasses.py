"""Glasses in drawings by hand: only where worn, round the eyes, and as they are by those who can draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from miniature import MEAN
from test_freehand import face, has

from s2f.corpus.freehand import draw
from s2f.corpus.glasses import Glasses


def pair(width: float = 0.76, height: float = 0.5, square: float = 3.5) -> Glasses:
    return Glasses(width, height, square, 0.1, 0.05, 0.05, np.array([20, 20, 20]), 0.0, 0.1, False)


def test_glasses_are_drawn_only_when_they_are_worn() -> None:
    worn = replace(face(), glasses=pair())
    parts = [has(draw(worn, np.random.default_rng(s), size=64), "glasses") for s in range(10)]
    assert all(parts)
    assert not any(has(draw(face(), np.random.default_rng(s), size=64), "glasses") for s in range(40))


def test_glasses_have_many_forms_and_stay_round_the_eyes() -> None:
    worn, forms, unit = replace(face(), glasses=pair()), set(), np.hypot(*(MEAN[1] - MEAN[0]))
    for seed in range(60):
        drawing = draw(worn, np.random.default_rng(seed), skill=0.3)
        forms.add(drawing.ways["glasses"])
        lines = [points for part, points in drawing.strokes if part == "glasses"]
        if not lines or drawing.ways["manner"] == "sign":  # half a face, or a smiley's eyes
            continue
        places = np.concatenate(lines)
        turn, shift = drawing.transform[:, :2], drawing.transform[:, 2]
        there = (places - shift) @ np.linalg.inv(turn).T
        eyes = np.median(there, 0) - MEAN[[0, 1]].mean(0)
        assert np.hypot(*eyes) < 0.6 * unit
        assert np.ptp(there[:, 0]) < 3.2 * unit
    assert len(forms) >= 5


def test_who_can_draw_draws_the_glasses_that_are_worn() -> None:
    def height(worn: Glasses) -> float:
        view, tall = replace(face(), glasses=worn), []
        for seed in range(30):
            drawing = draw(view, np.random.default_rng(seed), skill=0.95)
            rims = [line for part, line in drawing.strokes if part == "glasses"]
            if rims and drawing.ways["glasses"] == "as worn":
                tall.append(max(np.ptp(rim[:, 1]) for rim in rims))
        return float(np.median(tall))

    assert 1.5 < height(pair(height=0.74, square=2.0)) / height(pair(height=0.42)) < 2.0
