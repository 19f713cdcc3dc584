"""The hand that makes strokes: a tool, a skill, and two kernels that trace and ink.

Everything is planned in the coordinates of a 512-pixel page, whatever the size of the picture, so that the
same drawing comes out at any size, with lines as thick in proportion. `Hand.line` and its siblings only note
what is wanted; `Hand.page` traces all strokes as this hand would (few control points, wobble, tremor,
overshoot, gaps, searching lines) and then lays down the ink.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from .strokes import ink, trace

PAGE = 512.0
STEP = 3.2  # distance between traced points, on the 512-pixel page
_ALIKE = 0.5  # of hands draw lines as sure as their eye is
SUB = 4  # fractional bits of OpenCV's polygon coordinates


@dataclass(frozen=True)
class Tool:
    """What the hand holds. Widths and wobbles in pixels of a 512-pixel page, ink as grey level."""

    name: str
    width: float
    ink: float = 0.0
    opacity: float = 1.0  # below 1 the strokes darken where they cross
    grain: float = 0.0  # how much of the paper's tooth shows
    taper: float = 0.0  # thinner at both ends
    pressure: float = 0.0  # how much width and darkness swell along a stroke
    tremor: float = 0.2  # jerks from one point to the next
    wobble: float = 1.0  # slow wandering, as a factor
    smooth: bool = True  # antialiased


TOOLS = ("mouse", "finger", "stylus", "pencil", "marker", "pixel")
_SHARES = (0.36, 0.15, 0.15, 0.14, 0.10, 0.10)


def pick_tool(rng: np.random.Generator, name: str | None = None) -> Tool:
    """A random tool, or a random one of the kind named."""
    name = name or str(rng.choice(TOOLS, p=_SHARES))
    dark = float(rng.choice([0, 0, 0, 20, 45])) if rng.random() < 0.9 else rng.uniform(50, 150)
    if name == "mouse":
        return Tool(name, rng.uniform(1.6, 5.2), dark, tremor=rng.uniform(0.2, 0.7))
    if name == "finger":
        return Tool(name, rng.uniform(3.2, 8.5), dark, tremor=0.1, wobble=rng.uniform(1.2, 2.0))
    if name == "stylus":
        press = rng.uniform(0.25, 0.6)
        return Tool(
            name, rng.uniform(1.6, 5.0), dark, rng.uniform(0.8, 1), 0, rng.uniform(0.4, 1), press, 0.1
        )
    if name == "pencil":
        ink, opacity = rng.uniform(0, 120), rng.uniform(0.6, 0.95)
        grain, taper = rng.uniform(0.15, 0.6), rng.uniform(0.2, 0.7)
        return Tool(name, rng.uniform(1.5, 4), ink, opacity, grain, taper, rng.uniform(0.2, 0.5), 0.1)
    if name == "marker":
        return Tool(name, rng.uniform(5, 9), float(rng.uniform(0, 40)), tremor=0.15, pressure=0.05)
    return Tool(name, rng.uniform(1, 4), dark, tremor=rng.uniform(0.3, 0.8), smooth=False)


@dataclass
class Stroke:
    """One intended movement of the hand."""

    part: str
    points: np.ndarray
    closed: bool
    width: float
    tone: float
    care: float  # 0: as sloppy as the hand is, 1: follows its points
    passes: int


@dataclass
class Patch:
    """An area that is filled at once; several contours fill even-odd, so that holes are possible."""

    part: str
    contours: list[np.ndarray]
    tone: float
    blur: float


@dataclass
class Hand:
    """A person drawing; skill 0 knows signs for a face, 1 is a trained illustrator.

    How sure the lines are is another thing: people who get every proportion wrong may draw in clean, even
    lines, and with a mouse the skilled tremble.
    """

    rng: np.random.Generator
    skill: float
    tool: Tool
    shaky: float = 0.0  # 0: every line goes where it is meant to, 1: a scrawl
    part: str = ""
    straight: bool = False  # draws in straight pieces, corner to corner
    searching: float = 0.0  # chance that a line is made of several short overlapping ones
    again: float = 0.0  # chance that a line is drawn over once more
    gaps: float = 0.1
    overshoot: float = 0.1
    strokes: list[Stroke] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)
    rubs: list[Stroke] = field(default_factory=list)

    @classmethod
    def of(cls, rng: np.random.Generator, skill: float, tool: Tool | None = None) -> Hand:
        bad = 1 - skill
        hand = cls(rng, skill, tool or pick_tool(rng))
        alike = rng.random() < _ALIKE
        shaky = bad + rng.normal(0, 0.1) if alike else rng.beta(1.2, 2.2)
        hand.shaky = float(np.clip(shaky, 0, min(bad + 0.4, 1)))
        hand.straight = bool(rng.random() < 0.02 + 0.08 * bad)
        sketchy = rng.random() < (0.4 if hand.tool.name in ("pencil", "stylus") else 0.1)
        hand.searching = rng.uniform(0.3, 0.9) if sketchy else 0.0
        hand.again = rng.uniform(0, 0.25) * (rng.random() < 0.5)
        hand.gaps = rng.uniform(0, 0.2 + 0.15 * hand.shaky)
        hand.overshoot = rng.uniform(0, 0.3 + 0.4 * hand.shaky)
        return hand

    @property
    def bad(self) -> float:
        return 1 - self.skill

    def line(
        self,
        points: np.ndarray,
        *,
        closed: bool = False,
        width: float = 1.0,
        tone: float = 1.0,
        care: float = 0.0,
        passes: int = 0,
        keep: float = 1.0,
    ) -> None:
        """One stroke through the points; `keep` is the chance that it is drawn at all."""
        if len(points) < 2 or (keep < 1 and self.rng.random() > keep):
            return
        passes = passes or 1 + int(self.rng.random() < self.again)
        tone = tone if self.tool.opacity < 1 else 1.0  # a mouse cannot press lightly
        self.strokes.append(Stroke(self.part, points, closed, width, tone, care, passes))

    def lines(
        self, many: Sequence[np.ndarray], width: float = 1.0, tone: float = 1.0, care: float = 0.0
    ) -> None:
        """Many strokes of one kind, each drawn once."""
        self.strokes += [Stroke(self.part, p, False, width, tone, care, 1) for p in many if len(p) > 1]

    def dot(self, at: np.ndarray, radius: float) -> None:
        """A touch of the tool, at least as wide as its tip."""
        tip = np.array([at, at + (0.4, 0.3)])
        self.strokes.append(
            Stroke(self.part, tip, False, max(1.0, 2 * radius / self.tool.width), 1.0, 1.0, 1)
        )

    def fill(self, *contours: np.ndarray, tone: float = 1.0, blur: float = 0.0) -> None:
        """Fill the area inside the contours; `blur` (page pixels) makes it a smudge."""
        self.patches.append(Patch(self.part, [np.asarray(c, float) for c in contours], tone, blur))

    def rub(self, points: np.ndarray, width: float, tone: float = 1.0) -> None:
        """An eraser drawn through the points, `width` page pixels wide."""
        self.rubs.append(Stroke(self.part, points, False, width, tone, 1.0, 1))

    def forget(self, parts: set[str]) -> None:
        """Take back everything that belongs to these parts of the face."""
        self.strokes = [s for s in self.strokes if s.part not in parts]
        self.patches = [p for p in self.patches if p.part not in parts]

    def page(self, size: int, place: np.ndarray) -> tuple[np.ndarray, list[tuple[str, np.ndarray]]]:
        """Draw it all: uint8 (size, size), and every traced line with its part, in pixels of that picture.

        `place` (2x3) moves the finished drawing on the 512-pixel page.
        """
        k = size / PAGE
        turn, shift = place[:, :2] * k, place[:, 2] * k + 0.5 * k - 0.5
        zoom = k * float(np.sqrt(abs(np.linalg.det(place[:, :2]))))
        tool = self.tool
        light: np.ndarray = np.ones((size, size), np.float32)  # the share of light the paper still returns
        contours = self._contours()
        for patch in self.patches:
            count = len(patch.contours)
            _lay_patch(light, patch, [c @ turn.T + shift for c in contours[:count]], zoom)
            contours = contours[count:]
        tooth = _tooth(self.rng, size) if tool.grain else np.zeros((1, 1), np.float32)
        if self.patches and tool.grain:
            light = 1 - (1 - light) * (1 - tool.grain * tooth)
        xy, radius, dark, starts, owner = self._trace(self.strokes)
        xy = xy @ turn.T + shift
        radius *= (
            max(0.5 * tool.width * k, 0.45) * 2
        )  # widths belong to the tool, not to the size of the face
        layered = tool.opacity < 1
        ink(
            light,
            xy,
            radius,
            dark,
            starts,
            tool.opacity,
            layered,
            tool.smooth,
            tool.grain,
            tooth,
        )
        if self.rubs:
            cover = np.ones_like(light)
            plain = Hand(self.rng, 1.0, Tool("eraser", 2.0))
            rub_xy, rub_radius, rub_dark, rub_starts, _ = plain._trace(self.rubs)
            blank = np.zeros((1, 1), np.float32)
            ink(
                cover,
                rub_xy @ turn.T + shift,
                rub_radius * zoom,
                rub_dark,
                rub_starts,
                1.0,
                False,
                True,
                0.0,
                blank,
            )
            light += (1 - light) * (1 - cover)
        image = (tool.ink + (255 - tool.ink) * light + 0.5).astype(np.uint8)
        names = [self.strokes[o].part for o in owner]
        traced = [(n, xy[a:b]) for n, a, b in zip(names, starts[:-1], starts[1:], strict=True)]
        return image, traced

    def _contours(self) -> list[np.ndarray]:
        """The outlines of all patches as this hand fills them: rounded, uneven, a little beside the line."""
        tool = Tool("filling", 1.0, tremor=0.5 * self.tool.tremor)
        plain = Hand(self.rng, self.skill, tool, self.shaky, gaps=0, overshoot=0)
        around = [Stroke("", c, len(c) > 2, 1.0, 1.0, 0.45, 1) for p in self.patches for c in p.contours]
        xy, _, _, starts, _ = plain._trace(around)
        return [xy[a:b] for a, b in zip(starts[:-1], starts[1:], strict=True)]

    def _trace(
        self, strokes: list[Stroke]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        if not strokes:
            none = np.zeros(0)
            return np.zeros((0, 2)), none, none, np.zeros(1, np.int64), np.zeros(0, np.int64)
        points = np.concatenate([s.points for s in strokes]).astype(np.float64)
        np.nan_to_num(points, copy=False, nan=-PAGE, posinf=2 * PAGE, neginf=-PAGE)
        np.clip(points, -2 * PAGE, 3 * PAGE, out=points)
        starts = np.cumsum([0, *(len(s.points) for s in strokes)])
        how = np.array([(s.closed, s.width, s.tone, s.care, s.passes) for s in strokes], np.float64)
        t = self.tool
        habit = np.array(
            [
                self.shaky,
                t.tremor,
                t.wobble,
                self.straight,
                self.searching,
                self.gaps,
                self.overshoot,
                t.taper,
                t.pressure,
                self.bad,
            ]
        )
        return trace(self.rng, points, starts, how, habit, STEP)


def _lay_patch(light: np.ndarray, patch: Patch, contours: list[np.ndarray], zoom: float) -> None:
    """Darken the paper inside the contours; a smudge is made on a quarter of the resolution."""
    size = light.shape[0]
    coarse = 4 if patch.blur else 1
    layer = np.zeros((size // coarse, size // coarse), np.uint8)
    polygons = [
        np.round(np.clip((c + 0.5) / coarse - 0.5, -size, 2 * size) * (1 << SUB)).astype(np.int32)
        for c in contours
        if len(c) > 2
    ]
    if not polygons:
        return
    cv2.fillPoly(layer, polygons, 255, cv2.LINE_AA, SUB)
    if patch.blur:
        layer = cv2.GaussianBlur(layer, (0, 0), max(patch.blur * zoom / coarse, 0.3))
        layer = cv2.resize(layer, (size, size), interpolation=cv2.INTER_LINEAR)
    x, y, w, h = cv2.boundingRect(layer)
    light[y : y + h, x : x + w] *= 1 - layer[y : y + h, x : x + w] * np.float32(patch.tone / 255)


@lru_cache(1)
def _paper() -> np.ndarray:
    """The tooth of a drawing paper, 0-1, made once."""
    noise = np.random.default_rng(1).normal(0, 1, (1280, 1280)).astype(np.float32)
    rough = cv2.GaussianBlur(noise, (0, 0), 0.9)
    return np.clip(0.5 + rough / (3 * rough.std()), 0, 1)


def _tooth(rng: np.random.Generator, size: int) -> np.ndarray:
    sheet = _paper()
    if size > sheet.shape[0]:
        sheet = np.tile(sheet, (size // 1280 + 1, size // 1280 + 1))
    y, x = (int(rng.random() * (sheet.shape[0] - size + 1)) for _ in range(2))
    return np.ascontiguousarray(sheet[y : y + size, x : x + size])
