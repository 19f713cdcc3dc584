"""How a face is to look, apart from its drawing: colours of its parts, each given or left open.

>>> Look.parse("skin=#d9a577, hair=black").colours()
{'skin': '#d9a577', 'hair': '#1b1715'}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np

from .errors import LookError

Lab = tuple[float, float, float]

# linear sRGB -> XYZ over the D65 white point
_TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
_TO_XYZ /= np.array([0.95047, 1.0, 1.08883])[:, None]

# Names people use, as these parts look in photographs: a name means another colour for eyes than for hair.
# None much stronger than people have it, since that runs: under redder lips a drawer dyes teeth and skin.
NAMED: dict[str, dict[str, str]] = {
    "skin": {
        "porcelain": "#ecc9b5",
        "fair": "#ddb096",
        "light": "#d0a083",
        "medium": "#b98665",
        "olive": "#a87c58",
        "tan": "#96694b",
        "brown": "#77503a",
        "dark": "#553828",
        "deep": "#3d281e",
    },
    "hair": {
        "black": "#1b1715",
        "dark brown": "#33251d",
        "brown": "#4f3a2b",
        "light brown": "#745840",
        "blond": "#a88a60",
        "light blond": "#cbb28a",
        "red": "#6c3a27",
        "grey": "#85827d",
        "white": "#d3d0ca",
    },
    "eye": {
        "brown": "#4a3324",
        "dark brown": "#2e211a",
        "hazel": "#5a4931",
        "green": "#59664a",
        "blue": "#5b7084",
        "grey": "#697179",
    },
    "lip": {"pale": "#c48f85", "rose": "#b0686a", "red": "#7f3c3f", "brown": "#7a4740", "dark": "#54302d"},
    "backdrop": {"white": "#e6e6e6", "grey": "#8c8c8c", "black": "#1c1c1c", "blue": "#8496ab"},
    "clothes": {
        "white": "#dedede",
        "grey": "#7d7d7d",
        "black": "#1e1e20",
        "blue": "#33486b",
        "red": "#7c2a2c",
        "green": "#3c5540",
    },
}


@dataclass(frozen=True)
class Look:
    """CIE L*a*b* of each part; None leaves it open, to the drawing and to chance."""

    skin: Lab | None = None
    hair: Lab | None = None
    eye: Lab | None = None
    lip: Lab | None = None
    backdrop: Lab | None = None
    clothes: Lab | None = None

    @classmethod
    def parse(cls, given: str | Mapping[str, Any] | Look | None) -> Look:
        """From "skin=#d9a577, hair=black", a mapping of the same, a look, or nothing: all open.

        A colour is #rrggbb, rgb(r, g, b), a name of `NAMED`, three numbers of L*a*b*, or "open" or None.
        """
        if isinstance(given, Look):
            return given
        if given is None:
            return cls()
        if isinstance(given, str):
            given = _pairs(given)
        if not isinstance(given, Mapping):
            raise LookError(
                f"got a look of type {type(given).__name__}, expected text such as skin=#d9a577 or a "
                "mapping; give one of them"
            )
        for part in given:
            if part not in PARTS:
                raise LookError(
                    f"got the part {part!r}, expected one of {', '.join(PARTS)}; choose among them"
                )
        return cls(**{part: _colour(part, value) for part, value in given.items()})

    def vector(self) -> np.ndarray:
        """(parts, 3) float32 of L*a*b*; NaN is open."""
        return np.array([getattr(self, part) or (np.nan,) * 3 for part in PARTS], np.float32)

    def colours(self) -> dict[str, str]:
        """The parts that are given, as #rrggbb."""
        given = {part: getattr(self, part) for part in PARTS}
        return {part: to_hex(lab) for part, lab in given.items() if lab is not None}

    def __bool__(self) -> bool:
        return any(getattr(self, part) is not None for part in PARTS)


PARTS = tuple(f.name for f in fields(Look))
OWN = PARTS[:4]  # the person's: skin, hair, eyes, lips


def _pairs(text: str) -> dict[str, str]:
    """`skin=#d9a577, eye=blue` → a mapping; commas inside rgb(...) do not part."""
    pairs: dict[str, str] = {}
    for piece in re.split(r",(?![^(]*\))", text):
        if not piece.strip():
            continue
        part, equals, colour = (bit.strip() for bit in piece.partition("="))
        if not equals:
            raise LookError(f"got {piece.strip()!r}, expected PART=COLOUR such as hair=black; write it so")
        if part in pairs:
            raise LookError(f"got {part} twice, expected each part once; leave one out")
        pairs[part] = colour
    return pairs


def _colour(part: str, value: Any) -> Lab | None:
    if value is None or (isinstance(value, str) and value.strip().lower() in ("open", "")):
        return None
    expected = f"expected #rrggbb, open, or one of {', '.join(NAMED[part])}; correct it"
    if isinstance(value, str):
        text = value.strip().lower()
        text = NAMED[part].get(text, text)
        if re.fullmatch(r"#[0-9a-f]{6}", text):
            rgb = [int(text[k : k + 2], 16) for k in (1, 3, 5)]
        elif re.fullmatch(r"#[0-9a-f]{3}", text):
            rgb = [17 * int(digit, 16) for digit in text[1:]]
        elif match := re.fullmatch(r"rgba?\(([\d.]+), *([\d.]+), *([\d.]+)(?:, *[\d.]+)?\)", text):
            rgb = [round(float(number)) for number in match.groups()]  # as colour pickers of browsers say it
        else:
            raise LookError(f"got {value!r} for {part}, {expected}")
        if max(rgb) > 255:
            raise LookError(f"got {value!r} for {part}, {expected}")
        return _lab(to_lab(np.array(rgb, np.uint8)))
    try:
        lab = np.asarray(value, float)
    except (TypeError, ValueError):
        raise LookError(f"got {value!r} for {part}, {expected}") from None
    if lab.shape != (3,) or not (0 <= lab[0] <= 100 and abs(lab[1:]).max() <= 128):
        raise LookError(f"got {value!r} for {part}, expected L* 0 to 100, a* and b* -128 to 128; correct it")
    return _lab(lab)


def _lab(lab: np.ndarray) -> Lab:
    return (round(float(lab[0]), 2), round(float(lab[1]), 2), round(float(lab[2]), 2))


def to_hex(lab: Lab | np.ndarray) -> str:
    return "#" + "".join(f"{round(float(v)):02x}" for v in to_rgb(np.asarray(lab, float)))


def delta_e(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """CIE76: the plain distance in L*a*b*; 2.3 is just noticeable."""
    return np.linalg.norm(np.asarray(a, float) - np.asarray(b, float), axis=-1)


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) sRGB in 0-255 -> CIE L*, a*, b*."""
    linear = _linear_table()[rgb] if rgb.dtype == np.uint8 else _linear(rgb / 255.0)
    xyz = linear @ _TO_XYZ.T
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def to_rgb(lab: np.ndarray) -> np.ndarray:
    """CIE L*, a*, b* -> sRGB in 0-255, clipped where no screen shows it."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], -1)
    xyz = np.where(f > 0.2068966, f**3, (f - 16 / 116) / 7.787)
    linear = np.clip(xyz @ np.linalg.inv(_TO_XYZ).T, 0, 1)
    return 255 * np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)


def _linear(share: np.ndarray) -> np.ndarray:
    return np.where(share > 0.04045, ((share + 0.055) / 1.055) ** 2.4, share / 12.92)


@cache
def _linear_table() -> np.ndarray:
    return _linear(np.arange(256) / 255.0)
