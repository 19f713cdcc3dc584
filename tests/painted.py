"""Painted portraits: simple faces whose parts end exactly at given landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# upper lid, corners included, and lower lid between them; the viewer's left eye first
LIDS = (((18, 19, 20, 21, 22), (28, 29, 30)), ((23, 24, 25, 26, 27), (31, 32, 33)))


@dataclass(frozen=True)
class Look:
    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    iris: tuple[float, float, float]


@dataclass
class Canvas:
    image: np.ndarray  # float32 RGB
    points: np.ndarray  # landmarks, for shapes given by their numbers

    def fill(
        self, shape: list[int] | np.ndarray, colour: np.ndarray, blur: float = 0.7, share: float = 1.0
    ) -> None:
        self._lay([self._outline(shape)], colour, blur, share, 0)

    def stroke(
        self, shape: list[int] | np.ndarray, colour: np.ndarray, width: float, share: float = 1.0
    ) -> None:
        self._lay([self._outline(shape)], colour, 0.8, share, max(1, round(width * self.unit)))

    @property
    def unit(self) -> float:
        return float(np.linalg.norm(self.points[1] - self.points[0]))

    def _outline(self, shape: list[int] | np.ndarray) -> np.ndarray:
        return self.points[shape] if isinstance(shape, list) else shape

    def _lay(
        self, lines: list[np.ndarray], colour: np.ndarray, blur: float, share: float, width: int
    ) -> None:
        pad, (h, w) = int(4 * blur) + width + 3, self.image.shape[:2]
        x0, y0 = np.maximum(np.floor(np.vstack(lines).min(0)).astype(int) - pad, 0)
        x1, y1 = np.minimum(np.ceil(np.vstack(lines).max(0)).astype(int) + pad, (w, h))
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        lines = [np.round((line - (x0, y0)) * 16).astype(np.int32) for line in lines]
        if width:
            cv2.polylines(mask, lines, False, 255, width, cv2.LINE_AA, 4)
        else:
            cv2.fillPoly(mask, lines, 255, cv2.LINE_AA, 4)
        alpha = cv2.GaussianBlur(mask.astype(np.float32) * np.float32(share / 255), (0, 0), blur)[..., None]
        box = np.s_[y0:y1, x0:x1]
        if colour.ndim == 3:
            colour = colour[box]
        self.image[box] += (colour.astype(np.float32) - self.image[box]) * alpha


def paint(points: np.ndarray, look: Look, rng: np.random.Generator, smiling: bool) -> np.ndarray:
    """A 640 x 640 RGB portrait whose parts end at the landmarks."""
    size = 640
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    backdrop = np.repeat((205 - 0.02 * ys - 0.01 * np.abs(xs - 320))[..., None], 3, 2)
    canvas = Canvas(backdrop, points)
    unit, skin, hair = canvas.unit, np.array(look.skin, np.float32), np.array(look.hair, np.float32)
    canvas.fill([*range(145, 158)], hair, 2)
    canvas.fill(
        np.array([[60.0, 640], [200, 590], points[183], points[184], [440, 590], [580, 640]]), skin * 0.5
    )
    neck = np.vstack([points[126], points[132], points[184] + (0, 60), points[183] + (0, 60)])
    canvas.fill(neck, skin * 0.82, 3)
    canvas.fill([*range(115, 120)], skin * 0.9)
    canvas.fill([*range(120, 125)], skin * 0.9)
    light = 1 - 0.28 * ((xs - 320) / (1.7 * unit)) ** 2 - 0.04 * (ys - 300) / unit
    grain = 6 * cv2.GaussianBlur(rng.normal(0, 1, (size, size)).astype(np.float32), (0, 0), 1.2)
    ring = [109, 110, 111, *range(125, 134), 114, 113, 112, *range(144, 133, -1)]
    canvas.fill(ring, skin * light[..., None] + grain[..., None], 1.5)
    for wing in ([62, 63, 64, 179, 180, 55], [67, 68, 69, 182, 181, 55]):
        canvas.stroke(wing, skin * 0.62, 0.03, 0.7)
    for brow in ([71, 72, 73, 74, 75, 76, 84, 83], [77, 78, 79, 80, 81, 82, 86, 85]):
        canvas.fill(brow, hair * 0.9, 1.5, 0.85)
    for side in (0, 1):
        _paint_eye(canvas, look, side)
    lips = skin * np.array([0.86, 0.6, 0.6])
    if smiling:
        canvas.fill([87, *range(94, 99), 93, *range(103, 98, -1)], np.array([236, 230, 218]))
    canvas.fill([87, *range(88, 93), 93, *range(98, 93, -1)], lips * 0.92)
    canvas.fill([87, *range(99, 104), 93, *range(108, 103, -1)], lips * 1.04)
    if not smiling:
        canvas.stroke([87, *range(94, 99), 93], lips * 0.45, 0.018, 0.8)
    return np.clip(canvas.image, 0, 255).astype(np.uint8)


def _paint_eye(canvas: Canvas, look: Look, side: int) -> None:
    points, (upper, lower) = canvas.points, LIDS[side]
    whole = [*upper, *lower[::-1]]
    canvas.fill(whole, np.array([232, 228, 224]), 0.5)
    centre = points[[*range(2 + 8 * side, 10 + 8 * side)]].mean(0)
    radius = np.linalg.norm(points[2 + 8 * side] - centre)
    x0, y0 = np.floor(centre - radius - 2).astype(int)
    x1, y1 = np.ceil(centre + radius + 3).astype(int)
    ys, xs = np.mgrid[y0:y1, x0:x1]
    lids = np.zeros(xs.shape, np.uint8)
    cv2.fillPoly(lids, [np.round((points[whole] - (x0, y0)) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    distance = np.hypot(xs - centre[0], ys - centre[1])
    for share, colour in ((1.0, np.array(look.iris)), (0.42, np.array([14, 12, 12]))):
        alpha = (np.clip(radius * share - distance + 0.5, 0, 1) * lids / 255)[..., None]
        canvas.image[y0:y1, x0:x1] += (colour - canvas.image[y0:y1, x0:x1]) * alpha
    canvas.stroke(list(upper), np.array([30, 22, 20]), 0.03)
    canvas.stroke([upper[0], *lower, upper[-1]], np.array(look.skin) * 0.6, 0.015)
