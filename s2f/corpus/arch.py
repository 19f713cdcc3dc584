"""Each row of teeth as one smooth sheet over the kit's loose teeth, for a picture of teeth to lie on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

HALF_WIDTH, BELOW, ABOVE = (
    4.2,
    0.06,
    1.85,
)  # cm that a sheet covers: along the arch, past the edge, over the gum
COLUMNS, ROWS = 41, 6
_SECTORS = 61


class Sheet(NamedTuple):
    vertices: np.ndarray  # (n,3) cm
    triangles: np.ndarray  # (m,3)
    places: np.ndarray  # (n,2) cm: along the arch from its middle, and from the biting edge towards the gum
    nearest: np.ndarray  # (n,) the tooth vertex whose motion each vertex follows


def dental_sheet(teeth: np.ndarray, upper: bool) -> Sheet:
    """A sheet over the outer face of a row of teeth, given as (k, 3) points in cm."""
    towards_gum = 1.0 if upper else -1.0
    middle_z = teeth[:, 2].min() + 0.25 * np.ptp(teeth[:, 2])
    angle = np.arctan2(teeth[:, 0], teeth[:, 2] - middle_z)
    reach = min(-angle.min(), angle.max(), np.radians(85))
    sector = np.linspace(-reach, reach, _SECTORS)
    index = np.clip(np.round((angle + reach) / (2 * reach) * (_SECTORS - 1)).astype(int), 0, _SECTORS - 1)
    edge = np.full(_SECTORS, np.inf)
    np.minimum.at(edge, index, towards_gum * teeth[:, 1])
    crown = towards_gum * teeth[:, 1] < edge[index] + 0.7
    radius = np.full(_SECTORS, -np.inf)
    np.maximum.at(radius, index[crown], np.hypot(teeth[crown, 0], teeth[crown, 2] - middle_z))
    seen = np.isfinite(edge) & np.isfinite(radius)
    edge = towards_gum * _smoothed(sector, edge, seen, 4)  # teeth differ, their arch is smooth
    radius = _smoothed(sector, radius, seen, 6)
    x, z = radius * np.sin(sector), middle_z + radius * np.cos(sector)
    along = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    along -= np.interp(0, sector, along)
    column = np.linspace(max(along[0], -HALF_WIDTH), min(along[-1], HALF_WIDTH), COLUMNS)
    row = np.linspace(-BELOW, ABOVE, ROWS)
    s, v = (grid.ravel() for grid in np.meshgrid(column, row))
    y = np.interp(s, along, edge) + towards_gum * v
    vertices = np.stack([np.interp(s, along, x), y, np.interp(s, along, z)], 1)
    first = np.array([r * COLUMNS + c for r in range(ROWS - 1) for c in range(COLUMNS - 1)])
    right, up, across = first + 1, first + COLUMNS, first + COLUMNS + 1
    triangles = np.vstack([np.stack([first, right, up], 1), np.stack([right, across, up], 1)])
    if not upper:
        triangles = triangles[:, [0, 2, 1]]
    nearest = ((vertices[:, None] - teeth[None]) ** 2).sum(-1).argmin(1)
    return Sheet(vertices, triangles, np.stack([s, v], 1), nearest)


def behind(vertices: np.ndarray, sheet: Sheet, distance: float) -> np.ndarray:
    """Which vertices lie inside the arch, at least `distance` cm behind its teeth."""
    row = sheet.vertices[:COLUMNS]
    x = np.clip(vertices[:, 0], row[:, 0].min(), row[:, 0].max())
    front = np.argsort(row[:, 0])
    return vertices[:, 2] < np.interp(x, row[front, 0], row[front, 2]) - distance


def _smoothed(at: np.ndarray, values: np.ndarray, seen: np.ndarray, degree: int) -> np.ndarray:
    return np.polyval(np.polyfit(at[seen], values[seen], degree), at)
