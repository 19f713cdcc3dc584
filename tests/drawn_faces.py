"""A face in lines whose pupils are known, on any page, and that page photographed."""

from __future__ import annotations

import math

import cv2
import numpy as np
from PIL import Image

from s2f.image import EYE_DISTANCE, EYE_LINE
from s2f.sketch import Sketch

GOAL = np.array([[0.5 - EYE_DISTANCE / 2, EYE_LINE], [0.5 + EYE_DISTANCE / 2, EYE_LINE]])


class Drawn:
    """A face in lines whose pupils are known; drawn on any page, of any size, at any tilt."""

    def __init__(
        self,
        size: tuple[int, int] = (512, 512),
        *,
        apart: float = 123.0,
        middle: tuple[float, float] = (255.5, 240.0),
        tilt: float = 0.0,
        pen: float = 3.0,
    ) -> None:
        self.page = np.full(size[::-1], 255, np.uint8)
        self.apart, self.middle, self.pen = apart, np.array(middle), pen
        c, s = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
        self.turn = np.array([[c, -s], [s, c]])
        self.pupils = self.at([(-0.5, 0), (0.5, 0)])

    def at(self, points: list[tuple[float, float]] | np.ndarray) -> np.ndarray:
        """Eye distances from the point between the pupils → pixels."""
        return self.middle + self.apart * np.asarray(points, float) @ self.turn.T

    def line(self, points: list[tuple[float, float]] | np.ndarray, *, fill: bool = False) -> Drawn:
        where = [np.round(16 * self.at(points)).astype(np.int32)]
        if fill:
            cv2.fillPoly(self.page, where, 0, cv2.LINE_AA, 4)
        else:
            cv2.polylines(self.page, where, False, 0, max(1, round(self.pen)), cv2.LINE_AA, 4)
        return self

    def oval(self, x: float, y: float, wide: float, high: float, *, fill: bool = False) -> Drawn:
        a = np.linspace(0, 2 * np.pi, 60)
        return self.line(np.stack([x + wide * np.cos(a), y + high * np.sin(a)], 1), fill=fill)

    def face(self, *, outline: bool = True, glasses: bool = False, hair: bool = False) -> Drawn:
        if outline:
            self.oval(0, 0.15, 1.12, 1.55)
        for x in (-0.5, 0.5):
            self.oval(x, 0, 0.23, 0.11).oval(x, 0, 0.1, 0.1).oval(x, 0, 0.04, 0.04, fill=True)
            self.line([(x - 0.25, -0.27), (x, -0.34), (x + 0.25, -0.27)])
            if glasses:
                self.oval(x, 0.02, 0.38, 0.3)
        self.line([(0.02, 0.1), (-0.14, 0.62), (0.1, 0.66)])
        self.line([(-0.35, 1.05), (-0.1, 1.0), (0.1, 1.0), (0.35, 1.05)])
        self.line([(-0.35, 1.05), (0, 1.17), (0.35, 1.05)])
        if hair:
            self.line(
                [(-1.2, -0.3), (-1, -1.3), (0, -1.7), (1, -1.3), (1.2, -0.3), (0.9, -0.8), (-0.9, -0.8)],
                fill=True,
            )
        return self

    def shoulders(self) -> Drawn:
        for side in (-1, 1):
            self.line([(0.5 * side, 1.5), (0.5 * side, 2.1), (1.9 * side, 2.6)])
        return self


def off(sketch: Sketch, pupils: np.ndarray) -> float:
    """How far the worse pupil lies from its place, in eye distances."""
    size = sketch.image.width
    now = pupils @ sketch.transform[:, :2].T + sketch.transform[:, 2]
    return float(np.hypot(*(now - (GOAL * size - 0.5)).T).max()) / (EYE_DISTANCE * size)


def ink(image: Image.Image | np.ndarray) -> np.ndarray:
    return 1 - np.asarray(image, np.float32) / 255


def finding(sketch: Sketch, step: str):
    return next(found for found in sketch.report if found.step == step)


def photographed(
    page: np.ndarray, *, shadow: float = 0.35, faint: float = 1.0, grain: float = 0.01
) -> np.ndarray:
    """Cream paper under a lamp on one side, a hand's shadow across a corner, the sensor's noise."""
    height, width = page.shape
    ys, xs = np.mgrid[:height, :width] / max(page.shape)
    light = 0.62 + 0.3 * xs - 0.12 * ys
    light *= 1 - shadow / (1 + np.exp(-22 * (xs + ys - 1.25)))
    lines = 1 - faint * (1 - page / 255)
    noise = np.random.default_rng(7).normal(0, grain, (height, width, 1))
    rgb = (lines * light)[..., None] * np.array([1.0, 0.95, 0.84]) + noise
    return np.round(255 * np.clip(rgb, 0, 1)).astype(np.uint8)
