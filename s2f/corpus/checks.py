"""Is the generator true to itself: do landmarks lie where pixels went, is the neutral face the photograph?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..expression import CLASSES
from .acting import act, random_pose
from .fit import Person
from .render import Pose, render

PROBES = (73, 80, 50, 129, 127, 131, 90, 106, 165, 168, 151, 117, 122, 139, 55)


@dataclass(frozen=True)
class LandmarkError:
    """Distances between where landmarks are said to be and where their pixels went, in rendered pixels."""

    mean: float
    p95: float
    count: int
    by_landmark: Mapping[int, float]


def landmark_error(people: Sequence[Person], rng: np.random.Generator) -> LandmarkError:
    """Dots are painted on the photograph, every person plays every class, and the dots are found again."""
    found: dict[int, list[float]] = {i: [] for i in PROBES}
    for person in people:
        for class_name in CLASSES:
            units, pose = act(class_name, rng)[0], random_pose(class_name, rng)
            for probes in (PROBES[::2], PROBES[1::2]):
                for i, distance in _probe(person, units, pose, probes).items():
                    found[i].append(distance)
    every = np.concatenate([np.array(d) for d in found.values()])
    return LandmarkError(
        float(every.mean()),
        float(np.quantile(every, 0.95)),
        len(every),
        {i: float(np.mean(d)) for i, d in found.items() if d},
    )


def _probe(person: Person, units: Mapping[str, float], pose: Pose, probes: Sequence[int]) -> dict[int, float]:
    size = person.size
    dots, axis = np.zeros((size, size)), np.arange(size)
    for i in probes:
        across, down = (250**0.5 * np.exp(-((axis - centre) ** 2) / 8) for centre in person.landmarks[i])
        dots += np.outer(down, across)
    picture = np.repeat(np.clip(dots, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    result = render(replace(person, image=picture), units, pose)
    grey = result.image[..., 0].astype(float)
    out = {}
    for i in probes:
        x, y = result.landmarks[i].round().astype(int)
        x0, y0 = max(x - 8, 0), max(y - 8, 0)
        window = grey[y0 : y + 9, x0 : x + 9]
        if window.shape != (17, 17) or window.sum() < 100:
            continue  # the dot left the picture or lies under something
        step = np.arange(17)
        centre = np.array(
            [x0 + (window @ step).sum() / window.sum(), y0 + (step @ window).sum() / window.sum()]
        )
        out[i] = float(np.linalg.norm(centre - result.landmarks[i]))
    return out


def neutral_difference(person: Person) -> tuple[float, int]:
    """(mean, largest) absolute difference between the person's photograph and their rendered neutral face."""
    difference = np.abs(render(person, {}).image.astype(int) - person.image)
    return float(difference.mean()), int(difference.max())
