"""Where the pupils of a drawn face are: a small network looks at the strokes and walks towards them.

A pose is a guess of the face: the point between the pupils, how far apart they are, and the tilt. From
every guess the strokes are sampled in the frame of that guess, coarsely over the whole head and finely over
the eyes, as how much ink there is and which way it runs. The network answers how to correct the guess, and
how likely it is right; so starts all over the strokes converge on the face (cascaded pose regression, Dollár
et al. 2010, with one network for every step). `train/framing.py` fits it to drawings of known pupils.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from safetensors.numpy import load_file

from .shipped import BUNDLED

WEIGHTS = BUNDLED / "framing" / "model.safetensors"
LAYERS = ("w1", "b1", "w2", "b2", "w3", "b3")
BASE = 220  # the strokes are measured with the longer side of their box this many pixels
MARGIN = 40
LEAST = 0.08 * BASE  # the smallest eye distance: below it one eye could pass for a face
# x and y of the samples, in eye distances from the point between the pupils
COARSE = np.stack(np.meshgrid(np.linspace(-1.7, 1.7, 17), np.linspace(-1.9, 2.1, 20)), -1).reshape(-1, 2)
FINE = np.stack(np.meshgrid(np.linspace(-0.9, 0.9, 21), np.linspace(-0.55, 0.45, 12)), -1).reshape(-1, 2)
GRIDS = ((COARSE, 6.0), (FINE, 14.0))  # samples, and the pixels between the pupils at which they are taken
STEP = 2**0.5  # between levels of the pyramid
PUSH = np.array([0.5, 0.5, 0.35, 0.3])  # the largest step: x, y (eye distances), log size, tilt


@dataclass(frozen=True)
class Face:
    """Both pupils, the viewer's left one first, and how likely they are right (0 to 1)."""

    pupils: np.ndarray  # (2, 2)
    sure: float


def find_face(ink: np.ndarray, box: tuple[float, float, float, float]) -> Face:
    """Look for the face in ink (float32, 1 where strokes are) that fills `box` (left, top, right, bottom)."""
    left, top, right, bottom = box
    zoom = BASE / max(right - left, bottom - top, 1.0)
    corner = np.array([left, top]) - MARGIN / zoom
    extent = (np.array([right - left, bottom - top]) * zoom + 2 * MARGIN).round().astype(int)
    levels = pyramid(_cut(ink, corner, zoom, extent))
    poses = starts(extent)
    for keep in (40, 14, 14, 14, 8, 8):
        poses, score = step(levels, poses)
        poses[:, 2] = np.maximum(poses[:, 2], LEAST)
        best = np.argsort(-score)[:keep]
        poses, score = poses[best], score[best]
    share = np.exp(score - score.max())
    near = np.hypot(*(poses[:, :2] - poses[0, :2]).T) < 0.3 * poses[0, 2]
    x, y, apart, tilt = np.average(poses[near], axis=0, weights=share[near])
    half = 0.5 * apart * np.array([np.cos(tilt), np.sin(tilt)])
    pupils = (np.array([[x, y] - half, [x, y] + half]) + 0.5) / zoom - 0.5 + corner
    return Face(pupils, float(1 / (1 + np.exp(-score[0]))))


def _cut(ink: np.ndarray, corner: np.ndarray, zoom: float, extent: np.ndarray) -> np.ndarray:
    """The strokes at their measuring size; each pixel the mean of what it covers."""
    shrink = max(1, int(1 / zoom))
    if shrink > 1:
        ink = cv2.resize(ink, (ink.shape[1] // shrink, ink.shape[0] // shrink), interpolation=cv2.INTER_AREA)
    elif zoom < 1:
        ink = cv2.GaussianBlur(ink, (0, 0), 0.4 / zoom)
    scale = zoom * shrink
    shift = (0.5 / shrink - corner / shrink) * scale - 0.5
    to = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return cv2.warpAffine(ink, to, tuple(int(n) for n in extent), flags=cv2.INTER_LINEAR)


def pyramid(ink: np.ndarray) -> list[np.ndarray]:
    """Levels smaller by STEP, each (h, w, 3): how much ink, and twice the angle it runs at as cos and sin."""
    levels = []
    for k in range(9):
        side = [max(2, round(n / STEP**k)) for n in ink.shape[::-1]]
        small = cv2.resize(ink, side, interpolation=cv2.INTER_AREA)
        soft = cv2.GaussianBlur(small, (0, 0), 0.7)
        across, down = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
        steep = np.sqrt(across**2 + down**2) + 0.05
        level = np.dstack([soft, (across**2 - down**2) / steep, 2 * across * down / steep])
        levels.append(cv2.GaussianBlur(level, (0, 0), 0.6))
    return levels


def starts(extent: np.ndarray) -> np.ndarray:
    """First guesses: several sizes at every likely place within the strokes."""
    inner = extent - 2 * MARGIN
    places = np.stack(np.meshgrid(np.linspace(0.2, 0.8, 5), np.linspace(0.2, 0.7, 5)), -1).reshape(-1, 2)
    at = MARGIN + places * inner
    sizes = BASE * np.array([0.13, 0.2, 0.3, 0.45, 0.65])
    return np.array([[x, y, apart, 0.0] for apart in sizes for x, y in at])


def sample(levels: list[np.ndarray], poses: np.ndarray) -> np.ndarray:
    """(n, features): the strokes in the frame of every pose, evened out so that faint equals bold."""
    parts = []
    cos, sin = np.cos(poses[:, 3]), np.sin(poses[:, 3])
    for points, apart in GRIDS:
        # n, samples
        x = poses[:, :1] + poses[:, 2:3] * (cos[:, None] * points[:, 0] - sin[:, None] * points[:, 1])
        y = poses[:, 1:2] + poses[:, 2:3] * (sin[:, None] * points[:, 0] + cos[:, None] * points[:, 1])
        depth = np.clip(np.round(np.log(poses[:, 2] / apart) / np.log(STEP)), 0, len(levels) - 1).astype(int)
        seen = np.empty((*x.shape, 3), np.float32)
        for k in np.unique(depth):
            who = depth == k
            level = levels[k]
            fx, fy = level.shape[1] / levels[0].shape[1], level.shape[0] / levels[0].shape[0]
            map_x = ((x[who] + 0.5) * fx - 0.5).astype(np.float32)
            map_y = ((y[who] + 0.5) * fy - 0.5).astype(np.float32)
            seen[who] = cv2.remap(level, map_x, map_y, cv2.INTER_LINEAR, borderValue=(0, 0, 0))
        ink, cos2, sin2 = seen[..., 0], seen[..., 1], seen[..., 2]
        c, s = np.cos(2 * poses[:, 3:]), np.sin(2 * poses[:, 3:])
        turned = np.stack([ink, c * cos2 + s * sin2, c * sin2 - s * cos2], -1)
        turned /= np.sqrt((turned**2).mean((1, 2), keepdims=True)) + 0.02
        parts.append(turned.reshape(len(poses), -1))
    return np.concatenate(parts, 1).astype(np.float32)


def moved(poses: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Poses corrected by (x, y, log size, tilt), each in the frame of its pose."""
    cos, sin = np.cos(poses[:, 3]), np.sin(poses[:, 3])
    x = poses[:, 0] + poses[:, 2] * (cos * by[:, 0] - sin * by[:, 1])
    y = poses[:, 1] + poses[:, 2] * (sin * by[:, 0] + cos * by[:, 1])
    return np.stack([x, y, poses[:, 2] * np.exp(by[:, 2]), np.clip(poses[:, 3] + by[:, 3], -0.6, 0.6)], 1)


def step(levels: list[np.ndarray], poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One correction of every pose, and the log odds that the face is there."""
    answer = _network(sample(levels, poses))
    return moved(poses, np.clip(answer[:, :4], -1, 1) * PUSH), answer[:, 4]


@cache
def _weights() -> list[np.ndarray]:
    stored = load_file(WEIGHTS)
    return [stored[name].astype(np.float32) for name in LAYERS]


def _network(features: np.ndarray) -> np.ndarray:
    """features -> 5: four corrections in units of PUSH, log odds."""
    w1, b1, w2, b2, w3, b3 = _weights()
    hidden = np.maximum(features @ w1 + b1, 0)
    hidden = np.maximum(hidden @ w2 + b2, 0)
    return hidden @ w3 + b3
