"""Head pose and gaze, and how far they may go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_YAW, MAX_PITCH, MAX_ROLL = 12.0, 10.0, 12.0  # degrees; beyond them the photograph has nothing to show
MAX_GAZE = 0.5  # iris radii


@dataclass(frozen=True)
class Pose:
    """Degrees: yaw > 0 turns to image right, pitch > 0 down, roll > 0 clockwise; gaze in iris radii."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)

    def capped(self) -> Pose:
        def within(value: float, most: float) -> float:
            return float(np.clip(value, -most, most))

        gaze = (within(self.gaze[0], MAX_GAZE), within(self.gaze[1], MAX_GAZE))
        return Pose(
            within(self.yaw, MAX_YAW), within(self.pitch, MAX_PITCH), within(self.roll, MAX_ROLL), gaze
        )


FRONTAL = Pose()
