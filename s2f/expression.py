"""The seven expressions and the facial action units that make them.

One order of classes and one order of units, for labels, dropdowns, cards, corpus and models alike. The
units are those of the Facial Action Coding System (Ekman & Friesen 1978), the recipes follow EMFACS. `_L` is
the person's own left, which is the right side of an unmirrored photograph.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from .errors import ExpressionError

CLASSES = ("neutral", "happy", "sad", "surprised", "angry", "disgusted", "fearful")
MAX_INTENSITY = 1.2

# unit -> (what it does, whether each side of the face has its own)
UNITS: Mapping[str, tuple[str, bool]] = MappingProxyType(
    {
        "AU1": ("inner brow raised", True),
        "AU2": ("outer brow raised", True),
        "AU4": ("brow lowered", True),
        "AU5": ("upper lid raised", True),
        "AU6": ("cheek raised", True),
        "AU7": ("lids tightened", True),
        "AU8": ("lips towards each other", False),
        "AU9": ("nose wrinkled", True),
        "AU10": ("upper lip raised", True),
        "AU12": ("lip corner pulled up", True),
        "AU14": ("dimple", True),
        "AU15": ("lip corner pulled down", True),
        "AU16": ("lower lip pulled down", True),
        "AU17": ("chin raised", False),
        "AU18": ("lips puckered", False),
        "AU20": ("lips stretched", True),
        "AU22": ("lips funnelled", False),
        "AU24": ("lips pressed", True),
        "AU26": ("jaw dropped", False),
        "AU28_upper": ("upper lip rolled in", False),
        "AU28_lower": ("lower lip rolled in", False),
        "AU29": ("jaw pushed forward", False),
        "AU30": ("jaw moved sideways", True),
        "AU34": ("cheek puffed", True),
        "AU43": ("eye closed", True),
    }
)
SIDES = ("_L", "_R")


def sided(weights: Mapping[str, float]) -> dict[str, float]:
    """{"AU12": .8} -> {"AU12_L": .8, "AU12_R": .8}; one-piece and one-sided units stay as they are."""
    out: dict[str, float] = {}
    for name, weight in weights.items():
        for full in [name + side for side in SIDES] if name in UNITS and UNITS[name][1] else [name]:
            out[full] = weight
    return out


ACTION_UNITS: tuple[str, ...] = tuple(sided(dict.fromkeys(UNITS, 0.0)))


@dataclass(frozen=True)
class Variant:
    """One way in which people show a class: its share, its units, those that may join (chance, weight)."""

    share: float
    core: Mapping[str, float]
    extra: Mapping[str, tuple[float, float]] = field(default_factory=dict)


# The first variant of a class is its prototype.
RECIPES: Mapping[str, tuple[Variant, ...]] = MappingProxyType(
    {
        "neutral": (
            Variant(
                1.0, {}, {"AU43": (0.4, 0.08), "AU24": (0.2, 0.12), "AU1": (0.15, 0.08), "AU4": (0.15, 0.08)}
            ),
        ),
        "happy": (
            Variant(
                0.5,
                {"AU12": 0.95, "AU6": 0.85, "AU10": 0.1, "AU16": 0.42, "AU26": 0.08, "AU7": 0.15},
                {"AU2": (0.2, 0.15), "AU14": (0.2, 0.2)},
            ),
            Variant(
                0.25, {"AU12": 0.85, "AU6": 0.75, "AU7": 0.2, "AU14": 0.2, "AU24": 0.1}, {"AU1": (0.2, 0.2)}
            ),
            Variant(
                0.25,
                {"AU12": 1.0, "AU6": 1.0, "AU10": 0.16, "AU16": 0.5, "AU26": 0.2, "AU7": 0.25},
                {"AU2": (0.3, 0.3)},
            ),
        ),
        "sad": (
            Variant(
                0.5,
                {"AU1": 1.0, "AU4": 0.5, "AU15": 0.85, "AU17": 0.55, "AU43": 0.16, "AU7": 0.15},
                {"AU16": (0.2, 0.15)},
            ),
            Variant(
                0.3,
                {"AU1": 0.9, "AU4": 0.35, "AU15": 0.95, "AU43": 0.28},
                {"AU17": (0.5, 0.4), "AU24": (0.3, 0.2)},
            ),
            Variant(
                0.2,
                {"AU1": 1.0, "AU4": 0.6, "AU15": 0.7, "AU17": 0.85, "AU24": 0.3, "AU7": 0.3},
                {"AU20": (0.3, 0.2)},
            ),
        ),
        "surprised": (
            Variant(
                0.6, {"AU1": 0.85, "AU2": 0.9, "AU5": 0.6, "AU26": 0.45, "AU10": 0.15}, {"AU22": (0.3, 0.2)}
            ),
            Variant(
                0.25, {"AU1": 0.8, "AU2": 0.85, "AU5": 0.65, "AU26": 0.26, "AU10": 0.1}, {"AU18": (0.3, 0.25)}
            ),
            Variant(0.15, {"AU1": 0.9, "AU2": 1.0, "AU5": 0.7, "AU26": 0.62, "AU10": 0.12, "AU22": 0.2}),
        ),
        "angry": (
            Variant(
                0.45,
                {"AU4": 1.0, "AU7": 0.75, "AU5": 0.15, "AU24": 0.85, "AU17": 0.35, "AU9": 0.1, "AU15": 0.25},
            ),
            Variant(
                0.3,
                {
                    "AU4": 1.0,
                    "AU5": 0.15,
                    "AU7": 0.65,
                    "AU10": 0.3,
                    "AU16": 0.6,
                    "AU26": 0.16,
                    "AU9": 0.15,
                    "AU20": 0.25,
                },
                {"AU22": (0.4, 0.25)},
            ),
            Variant(
                0.25,
                {
                    "AU4": 1.0,
                    "AU5": 0.35,
                    "AU7": 0.45,
                    "AU24": 0.5,
                    "AU28_upper": 0.2,
                    "AU17": 0.3,
                    "AU29": 0.4,
                },
                {"AU15": (0.5, 0.3)},
            ),
        ),
        "disgusted": (
            Variant(
                0.5,
                {"AU9": 1.0, "AU10": 0.4, "AU4": 0.3, "AU7": 0.5, "AU15": 0.3, "AU17": 0.4, "AU6": 0.35},
            ),
            Variant(
                0.3,
                {"AU9": 0.9, "AU10": 0.35, "AU4": 0.25, "AU7": 0.55, "AU15": 0.55, "AU17": 0.75, "AU6": 0.4},
                {"AU43": (0.3, 0.15)},
            ),
            Variant(
                0.2,
                {"AU9": 1.0, "AU10": 0.65, "AU4": 0.3, "AU7": 0.5, "AU16": 0.5, "AU26": 0.16, "AU6": 0.4},
                {"AU20": (0.3, 0.2)},
            ),
        ),
        "fearful": (
            Variant(
                0.5,
                {"AU1": 0.95, "AU2": 0.5, "AU4": 0.5, "AU5": 0.85, "AU20": 0.75, "AU26": 0.2, "AU16": 0.22},
            ),
            Variant(
                0.3,
                {
                    "AU1": 1.0,
                    "AU2": 0.45,
                    "AU4": 0.55,
                    "AU5": 0.8,
                    "AU20": 0.85,
                    "AU16": 0.35,
                    "AU10": 0.2,
                    "AU26": 0.12,
                },
                {"AU7": (0.3, 0.2)},
            ),
            Variant(0.2, {"AU1": 0.9, "AU2": 0.6, "AU4": 0.45, "AU5": 0.95, "AU20": 0.6, "AU26": 0.36}),
        ),
    }
)


def _weight(kind: str, name: str, known: Iterable[str], value: object, top: float) -> float:
    known = tuple(known)
    if name not in known:
        raise ExpressionError(
            f"got the {kind} {name!r}, expected one of {', '.join(known)}; check its spelling"
        )
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
        raise ExpressionError(
            f"got {value!r} for {name}, expected a number from 0 to {top:g}; give a finite number"
        )
    if not 0 <= value <= top:
        raise ExpressionError(f"got {value:g} for {name}, expected 0 to {top:g}; move it into that range")
    return float(value)


@dataclass(frozen=True)
class Expression:
    """A face's expression: a blend of classes, each with its intensity, and single units set over it.

    `Expression({"happy": 0.8})` is a smile, `Expression({"happy": 0.6, "surprised": 0.5})` a blend,
    `Expression({}, {"AU43_L": 1.0})` a wink, and `Expression()` the absolute neutral.
    """

    classes: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        classes = {k: _weight("class", k, CLASSES, v, MAX_INTENSITY) for k, v in self.classes.items()}
        known = tuple(dict.fromkeys((*ACTION_UNITS, *UNITS)))
        units = sided({k: _weight("action unit", k, known, v, 1.0) for k, v in self.units.items()})
        object.__setattr__(self, "classes", MappingProxyType(classes))
        object.__setattr__(self, "units", MappingProxyType(units))

    def __hash__(self) -> int:
        return hash((frozenset(self.classes.items()), frozenset(self.units.items())))

    def __reduce__(self) -> tuple[type[Expression], tuple[dict[str, float], dict[str, float]]]:
        return Expression, (dict(self.classes), dict(self.units))  # a mappingproxy cannot be pickled itself

    @classmethod
    def of(cls, name: str, intensity: float = 1.0) -> Expression:
        return cls({name: intensity})

    @classmethod
    def parse(cls, text: str) -> Expression:
        """'happy', 'happy:0.7', 'happy:0.6+surprised:0.4', 'sad+AU43_L:1': classes and units, in any mix."""
        classes: dict[str, float] = {}
        units: dict[str, float] = {}
        for part in text.split("+"):
            name, colon, number = part.strip().partition(":")
            try:
                value = float(number) if colon else 1.0
            except ValueError:
                raise ExpressionError(
                    f"got {part.strip()!r}, expected NAME or NAME:NUMBER; write for example happy:0.7"
                ) from None
            (units if name.startswith("AU") else classes)[name] = value
        return cls(classes, units)

    def weights(self) -> dict[str, float]:
        """Every action unit by name, 0-1: the classes' prototypes added up, then the units set over them."""
        out = dict.fromkeys(ACTION_UNITS, 0.0)
        for name, intensity in self.classes.items():
            for unit, weight in sided(RECIPES[name][0].core).items():
                out[unit] += weight * intensity
        return {k: min(v, 1.0) for k, v in out.items()} | dict(self.units)

    def vector(self) -> np.ndarray:
        """float32, one number per unit in the order of ACTION_UNITS: what an editor takes."""
        return vector(self.weights())

    def labels(self) -> np.ndarray:
        """float32, one number per class, summing to 1: what a class-conditioned editor takes."""
        out = np.array([self.classes.get(c, 0.0) for c in CLASSES], np.float32)
        out[0] += max(0.0, 1 - out.sum())
        return out / out.sum()

    def to_json(self) -> str:
        return json.dumps(
            {"format": PRESET_FORMAT, "classes": dict(self.classes), "units": dict(self.units)}, indent=2
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Expression:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ExpressionError(
                f"got text that is not JSON ({error}), expected an s2f preset; save it again"
            ) from None
        if not isinstance(data, dict) or data.get("format") != PRESET_FORMAT:
            found = data.get("format") if isinstance(data, dict) else type(data).__name__
            raise ExpressionError(
                f"got {found!r}, expected a preset of format {PRESET_FORMAT!r}; save it with s2f"
            )
        extra = set(data) - {"format", "classes", "units"}
        if extra or not all(isinstance(data.get(k, {}), dict) for k in ("classes", "units")):
            raise ExpressionError(
                "got a preset with unknown parts, expected 'classes' and 'units' only; save it again"
            )
        return cls(data.get("classes", {}), data.get("units", {}))

    def save(self, path: str | Path) -> None:
        Path(path).write_text(self.to_json() + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Expression:
        try:
            return cls.from_json(Path(path).read_bytes())
        except OSError as error:
            raise ExpressionError(
                f"got {path} ({error.strerror}), expected a preset file; check the path"
            ) from None


PRESET_FORMAT = "s2f-expression-1"


def vector(weights: Mapping[str, float]) -> np.ndarray:
    """Named units -> float32 in the order of ACTION_UNITS; a unit that is not named is at rest."""
    full = sided(weights)
    return np.array(
        [
            _weight("action unit", k, ACTION_UNITS, v, 1.0)
            for k, v in (dict.fromkeys(ACTION_UNITS, 0.0) | full).items()
        ],
        np.float32,
    )


def named(values: Iterable[float]) -> dict[str, float]:
    """The inverse of `vector`: one number per unit -> named units."""
    return dict(zip(ACTION_UNITS, map(float, values), strict=True))


def action_units(name: str, intensity: float = 1.0) -> np.ndarray:
    """The action-unit vector of one class at one intensity."""
    return Expression.of(name, intensity).vector()
