"""How a class is played: one vector of action units and one head pose, drawn from the recipes."""

from __future__ import annotations

import numpy as np

from ..errors import ExpressionError
from ..expression import CLASSES, RECIPES, sided
from .pose import MAX_PITCH, MAX_ROLL, MAX_YAW, Pose

LOWEST = 0.65  # below it sad and angry can be taken for neutral
_NOD = {"sad": 2.5, "fearful": -1.5, "surprised": -1.0, "angry": 1.5}


def act(class_name: str, rng: np.random.Generator) -> tuple[dict[str, float], float]:
    """(action units 0-1, intensity): a jittered, lopsided variant of the class; neutral has intensity 0."""
    _known(class_name)
    variants = RECIPES[class_name]
    variant = variants[rng.choice(len(variants), p=[v.share for v in variants])]
    joined = {unit: weight for unit, (chance, weight) in variant.extra.items() if rng.random() < chance}
    level, lean = float(rng.uniform(LOWEST, 1.1)), rng.normal(0, 0.07)
    out = {}
    for unit, weight in (dict(variant.core) | joined).items():
        weight *= level * rng.uniform(0.82, 1.18)
        for name, value in sided({unit: weight}).items():
            side = {"_L": 1, "_R": -1}.get(name[-2:], 0)
            out[name] = float(np.clip(value * (1 + side * (lean + rng.normal(0, 0.05))), 0, 1))
    return out, 0.0 if class_name == "neutral" else level


def random_pose(class_name: str, rng: np.random.Generator) -> Pose:
    _known(class_name)

    def around_zero(spread: float, most: float) -> float:
        return float(np.clip(rng.normal(0, spread), -most, most))

    yaw, nod, roll = around_zero(5.5, MAX_YAW), around_zero(3.5, MAX_PITCH), around_zero(4, MAX_ROLL)
    pitch = float(np.clip(_NOD.get(class_name, 0) + nod, -MAX_PITCH, MAX_PITCH))
    return Pose(yaw, pitch, roll, (around_zero(0.12, 0.4), around_zero(0.06, 0.2)))


def _known(class_name: str) -> None:
    if class_name not in CLASSES:
        raise ExpressionError(
            f"got the class {class_name!r}, expected one of {', '.join(CLASSES)}; check its spelling"
        )
