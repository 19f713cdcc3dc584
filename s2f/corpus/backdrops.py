"""What may stand behind a sitter: painted paper, mottled canvas, walls, and places far out of focus."""

from __future__ import annotations

import cv2
import numpy as np

from .geometry import SIZE

_SMALL = SIZE // 2
_WALLS = (  # Lab of usual paints, papers and muslins
    *((92, 0, 1), (84, 0, 2), (70, 0, 0), (55, 0, -1), (40, 0, 0), (22, 0, 0), (10, 0, 0)),
    *((82, 2, 12), (72, 4, 18), (60, 6, 22), (45, 10, 20), (75, -4, -8), (62, -4, -16), (48, -2, -22)),
    *((34, 2, -24), (24, 2, -14), (60, -10, 4), (45, -14, 8), (30, -10, 6), (40, 22, 12), (28, 18, 8)),
    *((66, 14, 8), (78, 8, 4), (58, 8, -12), (36, 12, -14), (80, 0, 24)),
)
_KINDS = ("paper", "canvas", "wall", "indoors", "outdoors")
_SHARES = (0.36, 0.18, 0.1, 0.18, 0.18)


def draw_backdrop(rng: np.random.Generator) -> np.ndarray:
    """A (SIZE,SIZE,3) float32 RGB picture without a person."""
    kind = _KINDS[rng.choice(len(_KINDS), p=_SHARES)]
    if kind in ("indoors", "outdoors"):
        lab = _indoors(rng) if kind == "indoors" else _outdoors(rng)
    else:
        lab = _plain(rng, kind)
    lab[..., 0] = np.clip(lab[..., 0] + _light(rng, 14), 2, 97)
    rgb = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB) * 255
    out = cv2.resize(rgb, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    grain = rng.standard_normal((SIZE // 2, SIZE // 2), np.float32)
    return np.clip(out + np.tile(grain, (2, 2))[..., None], 0, 255)


def _paint(rng: np.random.Generator) -> np.ndarray:
    return np.array(_WALLS[rng.integers(len(_WALLS))], np.float32) + rng.normal(0, (4, 2, 3)).astype(np.float32)


def _light(rng: np.random.Generator, most: float) -> np.ndarray:
    """A gradient and a pool of light, in L*."""
    x, y = np.meshgrid(*(np.linspace(-1, 1, _SMALL, dtype=np.float32),) * 2)
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, most)
    pool = rng.uniform(-0.6, 0.6, 2)
    fall = np.exp(-((x - pool[0]) ** 2 + (y - pool[1]) ** 2) / rng.uniform(0.5, 2))
    gradient = np.float32(slope) * (np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y)
    return gradient + np.float32(rng.uniform(0, 1.3 * most)) * (fall - 0.5)


def _clouds(rng: np.random.Generator, finest: int) -> np.ndarray:
    """Noise of several sizes, mean 0 and spread about 1."""
    out, weight = np.zeros((_SMALL, _SMALL), np.float32), 1.0
    for cells in (3, 6, 12, 24, 48, 96):
        if cells > finest:
            break
        noise = rng.standard_normal((cells, cells), np.float32)
        out += np.float32(weight) * cv2.resize(noise, (_SMALL, _SMALL), interpolation=cv2.INTER_CUBIC)
        weight *= 0.62
    return out / 1.2


def _plain(rng: np.random.Generator, kind: str) -> np.ndarray:
    lab = np.broadcast_to(_paint(rng), (_SMALL, _SMALL, 3)).copy()
    if kind == "canvas":
        lab[..., 0] += np.float32(rng.uniform(2, 6)) * _clouds(rng, 24)
        lab[..., 1:] += np.float32(rng.uniform(0.5, 2)) * _clouds(rng, 6)[..., None]
    elif kind == "wall":
        lab[..., 0] += np.float32(rng.uniform(0.6, 1.8)) * _clouds(rng, 96)
        if rng.random() < 0.4:  # panelling or bricks, slightly out of focus
            lab[..., 0] += _courses(rng)
    return lab


def _courses(rng: np.random.Generator) -> np.ndarray:
    lines = np.zeros((_SMALL, _SMALL), np.float32)
    step, bricks = int(rng.integers(18, 46)), rng.random() < 0.5
    for row, y in enumerate(range(int(rng.integers(step)), _SMALL, step)):
        cv2.line(lines, (0, y), (_SMALL, y), -1.0, 2)
        if bricks:
            for x in range((row % 2) * step, _SMALL, 2 * step):
                cv2.line(lines, (x, y), (x, y + step), -1.0, 2)
    blurred = cv2.GaussianBlur(lines if bricks else lines.T, (0, 0), float(rng.uniform(1.5, 4)))
    return np.float32(rng.uniform(6, 14)) * blurred


def _indoors(rng: np.random.Generator) -> np.ndarray:
    """Walls, doors, shelves, a window and lamps, far behind."""
    lab = np.broadcast_to(_paint(rng), (_SMALL, _SMALL, 3)).copy()
    for _ in range(int(rng.integers(3, 9))):
        x, y = rng.integers(-40, _SMALL, 2)
        width, height = rng.integers(20, 130), rng.integers(40, 280)
        cv2.rectangle(lab, (int(x), int(y)), (int(x + width), int(y + height)), _paint(rng).tolist(), -1)
    if rng.random() < 0.5:
        x, width = int(rng.integers(-30, _SMALL - 20)), int(rng.integers(40, 120))
        pane = (float(rng.uniform(88, 97)), float(rng.normal(0, 2)), float(rng.normal(-3, 4)))
        cv2.rectangle(lab, (x, -5), (x + width, int(rng.integers(80, 220))), pane, -1)
    blurred = cv2.GaussianBlur(lab, (0, 0), float(rng.uniform(7, 16)))
    return _with_lights(blurred, rng, int(rng.integers(0, 7)), warm=True)


def _outdoors(rng: np.random.Generator) -> np.ndarray:
    """Sky or foliage over a street, a wall or grass, far behind."""
    lab = np.empty((_SMALL, _SMALL, 3), np.float32)
    green = np.array((rng.uniform(28, 62), rng.uniform(-22, -8), rng.uniform(14, 32)), np.float32)
    sky = np.array((rng.uniform(78, 94), rng.uniform(-4, 2), rng.uniform(-20, 2)), np.float32)
    ground = np.array((rng.uniform(35, 70), rng.normal(1, 2), rng.uniform(0, 14)), np.float32)
    above, below = (sky, green) if rng.random() < 0.4 else (green, green if rng.random() < 0.5 else ground)
    horizon = rng.uniform(0.2, 0.75) * _SMALL
    share = 1 / (1 + np.exp(-(np.arange(_SMALL, dtype=np.float32) - horizon) / 9))
    lab[:] = (above + share[:, None] * (below - above))[:, None]
    leaves = _clouds(rng, 48)
    lab[..., 0] += np.float32(rng.uniform(4, 11)) * leaves
    lab[..., 2] += np.float32(rng.uniform(1, 5)) * leaves
    for _ in range(int(rng.integers(0, 4))):
        x, width = int(rng.integers(-20, _SMALL)), int(rng.integers(12, 90))
        cv2.rectangle(lab, (x, int(rng.integers(-60, 120))), (x + width, _SMALL), _paint(rng).tolist(), -1)
    blurred = cv2.GaussianBlur(lab, (0, 0), float(rng.uniform(6, 14)))
    return _with_lights(blurred, rng, int(rng.integers(0, 22)), warm=False)


def _with_lights(lab: np.ndarray, rng: np.random.Generator, count: int, warm: bool) -> np.ndarray:
    """Points of light become the discs that a wide lens makes of them."""
    radius = int(rng.integers(7, 20))
    discs = np.zeros_like(lab)
    for _ in range(count):
        centre = (int(rng.integers(_SMALL)), int(rng.integers(0.8 * _SMALL)))
        hue = (float(rng.normal(3, 3)), float(rng.uniform(5, 35))) if warm else (-4.0, float(rng.uniform(0, 20)))
        cv2.circle(discs, centre, int(radius * rng.uniform(0.8, 1.2)), (float(rng.uniform(6, 26)), *hue), -1)
    return lab + cv2.GaussianBlur(discs, (0, 0), float(rng.uniform(1.2, 2.5)))
