"""Pages that no corpus holds: faces in simple shapes, pages without a face, and the clutter of real pages."""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 256
# uint8, dark on white; both pupils, or None where there is no face
Page = tuple[np.ndarray, np.ndarray | None]


def doodle(rng: np.random.Generator) -> Page:
    """A face in simple shapes, in units of the eye distance around the point between the pupils."""
    page = np.full((SIDE, SIDE), 255, np.uint8)
    apart, middle = rng.uniform(38, 74), np.array([128, 120]) + rng.normal(0, 8, 2)
    pen, shake = int(rng.choice([1, 1, 2, 2, 3, 4, 6])), rng.choice([0, 0.01, 0.03])

    def line(points: list[tuple[float, float]] | np.ndarray, fill: bool = False) -> None:
        path = np.asarray(points, float)
        t = np.linspace(0, 1, len(path))[:, None]
        waves = (np.sin(2 * np.pi * (f * t + rng.random(2))) * rng.normal(0, 1, 2) / f for f in (1, 2, 3))
        path = path + shake * np.ptp(path, 0).max() * sum(waves)
        where = [np.round(16 * (middle + apart * path)).astype(np.int32)]
        if fill:
            cv2.fillPoly(page, where, 0, cv2.LINE_AA, 4)
        cv2.polylines(page, where, False, 0, pen, cv2.LINE_AA, 4)

    def oval(
        x: float, y: float, a: float, b: float, start: float = 0, end: float = 2, fill: bool = False
    ) -> None:
        turn = np.linspace(start * np.pi, end * np.pi, 40)
        line(np.stack([x + a * np.cos(turn), y + b * np.sin(turn)], 1), fill)

    wide, chin, crown = rng.uniform(0.95, 1.5), rng.uniform(1.1, 2.2), rng.uniform(0.8, 1.9)
    if rng.random() < 0.85:
        oval(
            0, (chin - crown) / 2, wide, (chin + crown) / 2, 0, rng.choice([1.0, 1.5, 2.0], p=[0.2, 0.2, 0.6])
        )
    kind, size = rng.choice(["dot", "ring", "almond", "tall", "arc", "cross"]), rng.uniform(0.14, 0.3)
    for x in (-0.5, 0.5):
        if kind == "dot":
            oval(x, 0, 0.35 * size, 0.35 * size, fill=True)
        elif kind == "arc":
            oval(x, 0.2 * size, 1.1 * size, 0.6 * size, 1, 2)
        elif kind == "cross":
            line([(x - 0.6 * size, -0.6 * size), (x + 0.6 * size, 0.6 * size)])
            line([(x - 0.6 * size, 0.6 * size), (x + 0.6 * size, -0.6 * size)])
        else:
            tall = {"ring": 1.0, "almond": 0.55, "tall": 1.4}[kind]
            oval(x, 0, size, size * tall)
            oval(x, 0, 0.5 * size, 0.5 * size * tall, fill=bool(rng.random() < 0.5))
        lift = rng.uniform(0.28, 0.5)
        if rng.random() < 0.6:
            line([(x - 0.28, -lift), (x, -lift - 0.05), (x + 0.28, -lift)])
        if rng.random() < 0.2:
            oval(x, 0, 0.42, 0.36)  # glasses
    nose = rng.uniform(0.4, 0.35 + 0.3 * chin)
    line([(0, 0.1), (-rng.uniform(0, 0.28), nose), (0.1, nose)])
    mouth, half = nose + (chin - nose) * rng.uniform(0.3, 0.6), rng.uniform(0.12, 0.7)
    oval(0, mouth, half, half * rng.uniform(0, 0.7), rng.choice([0.05, 1.05]), rng.choice([0.95, 1.95]))
    top = rng.random()
    if top < 0.3:  # spikes
        xs = np.linspace(-wide, wide, 2 * int(rng.integers(5, 12)) + 1)
        line(
            np.stack(
                [xs, -crown * np.sqrt(1 - (xs / (1.01 * wide)) ** 2) - 0.3 * (np.arange(len(xs)) % 2)], 1
            )
        )
    elif top < 0.5:  # solid hair
        oval(0, -0.4 * crown, 1.05 * wide, 0.75 * crown, 1, 2, fill=True)
    elif top < 0.7:  # long hair
        for side in (-wide, wide):
            line(
                [
                    (0, -crown - 0.2),
                    (0.9 * side, -0.6 * crown),
                    (1.15 * side, 0),
                    (1.2 * side, rng.uniform(1, 3)),
                ]
            )
    if rng.random() < 0.45:  # neck and shoulders
        for side in (-wide, wide):
            line([(0.45 * side, chin - 0.1), (0.45 * side, chin + 0.5), (2 * side, chin + 1.2)])
    return page, middle + apart * np.array([(-0.5, 0), (0.5, 0)])


def without_face(rng: np.random.Generator) -> Page:
    """Boxes, loose lines, writing, an empty oval."""
    page, pen, kind = np.full((SIDE, SIDE), 255, np.uint8), int(rng.integers(1, 5)), rng.integers(4)
    for _ in range(int(rng.integers(3, 20))):
        a, b = (tuple(int(v) for v in rng.integers(10, 245, 2)) for _ in range(2))
        if kind == 0:
            cv2.rectangle(page, a, b, 0, pen)
        elif kind == 1:
            cv2.line(page, a, b, 0, pen, cv2.LINE_AA)
        elif kind == 2:
            cv2.putText(
                page, "".join(rng.choice(list("abcdeghkmnorst"), 6)), a, 3, rng.uniform(0.6, 1.5), 0, pen
            )
    if kind == 3:
        cv2.ellipse(page, (128, 128), tuple(int(v) for v in rng.integers(50, 115, 2)), 0, 0, 360, 0, pen)
    return page, None


def cluttered(page: np.ndarray, pupils: np.ndarray | None, rng: np.random.Generator) -> Page:
    """Mirrored, drawn with a broader pen, scribbled beside, partly rubbed out, or only the features drawn."""
    out = page.copy()
    if pupils is not None and rng.random() < 0.15:
        (x, y), apart = pupils.mean(0), float(np.hypot(*(pupils[1] - pupils[0])))
        face = np.zeros_like(out)
        axes = (int(0.92 * apart), int(0.95 * apart))
        cv2.ellipse(face, (int(x), int(y + 0.38 * apart)), axes, 0, 0, 360, 1, -1)
        out[face == 0] = 255
    if rng.random() < 0.2:
        out = cv2.erode(out, np.ones((2, 2), np.uint8))
    if rng.random() < 0.15:
        loop = rng.uniform(0, SIDE, 2) + np.cumsum(rng.normal(0, 8, (12, 2)), 0)
        cv2.polylines(out, [np.round(loop).astype(np.int32)], False, 0, int(rng.integers(1, 4)), cv2.LINE_AA)
    if rng.random() < 0.12:
        where = tuple(int(v) for v in rng.uniform(0, SIDE, 2))
        cv2.circle(out, where, int(rng.integers(6, 26)), 255, -1)
    if rng.random() < 0.5:
        out = out[:, ::-1]
        pupils = None if pupils is None else pupils[::-1] * (-1, 1) + (SIDE - 1, 0)
    return np.ascontiguousarray(out), pupils
