"""The face kit cut down to what a frontal renderer needs: front skin, skull cap, teeth, tongue, mouth lining.

The packed kit is ICT-FaceKit Light (USC ICT 2020, MIT): a neutral mesh in centimetres (y up, z forward),
FACS-like expression shapes, identity modes, materials and the vertices of the 68 usual landmarks. Nothing
here knows vertex numbers: loose pieces (a tooth, the mouth lining) are told apart by what they touch and
where they lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..errors import CorpusError
from ..expression import ACTION_UNITS, SIDES, UNITS
from .arch import behind, dental_sheet
from .geometry import SIZE, solve_camera, thin_plate
from .points import COUNT, LIP_SEAM_LOWER, LIP_SEAM_UPPER, LOWER_LID, OFF_MESH, UPPER_LID, sixty_eight

SKIN, LINING, TONGUE, UPPER_TEETH, LOWER_TEETH = range(5)

# kit shape, without its side -> action unit
SHAPES = {
    "browInnerUp": "AU1",
    "browOuterUp": "AU2",
    "browDown": "AU4",
    "eyeWide": "AU5",
    "cheekSquint": "AU6",
    "eyeSquint": "AU7",
    "mouthShrugUpper": "AU8",
    "noseSneer": "AU9",
    "mouthUpperUp": "AU10",
    "mouthSmile": "AU12",
    "mouthDimple": "AU14",
    "mouthFrown": "AU15",
    "mouthLowerDown": "AU16",
    "mouthShrugLower": "AU17",
    "mouthPucker": "AU18",
    "mouthStretch": "AU20",
    "mouthFunnel": "AU22",
    "mouthPress": "AU24",
    "jawOpen": "AU26",
    "mouthRollUpper": "AU28_upper",
    "mouthRollLower": "AU28_lower",
    "jawForward": "AU29",
    "cheekPuff": "AU34",
    "eyeBlink": "AU43",
}
ONE_SIDED = {"jawLeft": "AU30_L", "jawRight": "AU30_R"}
_FIELDS = (
    "vertices",
    "triangles",
    "material",
    "material_names",
    "expression",
    "expression_scale",
    "expression_names",
    "identity",
    "identity_scale",
    "landmarks68",
)


@dataclass(frozen=True, eq=False)
class Kit:
    vertices: np.ndarray  # (n,3) neutral, cm
    triangles: np.ndarray  # (m,3)
    part: np.ndarray  # (m,) SKIN to LOWER_TEETH
    identity: np.ndarray  # (k,n,3)
    moves: np.ndarray  # (units,n,3) in the order of ACTION_UNITS
    landmarks68: np.ndarray  # (68,) vertex numbers, -1 where cut away
    lower: np.ndarray  # (n,) share of the jaw's motion each vertex follows, 0-1
    lips: np.ndarray  # (n,) bool: skin vertices around the mouth slit
    teeth: np.ndarray  # (n,2) cm along and across a row of teeth, for the vertices of its sheet; else 0
    anchored: np.ndarray  # landmarks that have a vertex of their own ...
    anchors: np.ndarray  # ... and those vertices

    @cached_property
    def parts(self) -> tuple[np.ndarray, ...]:
        """The vertices of each part."""
        return tuple(np.unique(self.triangles[self.part == part]) for part in range(5))

    @cached_property
    def inside(self) -> np.ndarray:
        """The vertices of the mouth's inside."""
        return np.unique(self.triangles[self.part != SKIN])


def unit_of(shape: str) -> str | None:
    """The action unit of a kit shape: 'mouthSmile_L' -> 'AU12_L'; None for those that are not used."""
    if shape in ONE_SIDED:
        return ONE_SIDED[shape]
    stem, side = (shape[:-2], shape[-2:]) if shape[-2:] in SIDES else (shape, "")
    unit = SHAPES.get(stem)
    return None if unit is None or (side != "") != UNITS.get(unit, ("", False))[1] else unit + side


def load_kit(pack: str | Path) -> Kit:
    """The kit of a folder of packed sources, read once per folder."""
    return _load(Path(pack).resolve())


@lru_cache(maxsize=4)
def _load(pack: Path) -> Kit:
    raw = _read(pack / "face_kit.npz", _FIELDS)
    landmarks = _read(pack / "landmarks.npz")
    if not landmarks or any(points.shape != (COUNT, 2) for points in landmarks.values()):
        raise CorpusError(
            f"got {pack / 'landmarks.npz'} without {COUNT} points per portrait, expected those; "
            "pack the sources again"
        )
    return _anchor(_cut(raw, pack), np.mean([_upright(points) for points in landmarks.values()], 0))


def _read(path: Path, fields: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    try:
        with np.load(path) as file:
            out = {name: file[name] for name in file.files}
    except (OSError, ValueError, BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a readable archive"
        raise CorpusError(
            f"got {path} ({reason}), expected a file of the packed sources; check the folder"
        ) from None
    if missing := [name for name in fields if name not in out]:
        raise CorpusError(
            f"got {path} without {', '.join(missing)}, expected a packed kit; pack the sources again"
        )
    return out


def _upright(points: np.ndarray) -> np.ndarray:
    """Landmarks with the eyes level at a common place and distance, so that faces can be averaged."""
    across = points[1] - points[0]
    turn = 0.24 * SIZE / (across @ across) * np.array([[across[0], across[1]], [-across[1], across[0]]])
    return (points - (points[0] + points[1]) / 2) @ turn.T + (0.5 * SIZE, 0.47 * SIZE)


def _pieces(triangles: np.ndarray, count: int) -> np.ndarray:
    """Which connected piece each of these triangles belongs to."""
    start, end = np.r_[triangles[:, 0], triangles[:, 1]], np.r_[triangles[:, 1], triangles[:, 2]]
    _, label = connected_components(
        coo_matrix((np.ones(len(start)), (start, end)), shape=(count, count)), False
    )
    return label[triangles[:, 0]]


def _cut(raw: dict[str, np.ndarray], pack: Path) -> Kit:
    vertices, triangles = raw["vertices"], raw["triangles"]
    materials = [str(name) for name in raw["material_names"]]
    shapes = [str(name) for name in raw["expression_names"]]
    moves = raw["expression"] * raw["expression_scale"][:, None, None].astype(np.float32)
    by_unit = {unit: moves[k] for k, shape in enumerate(shapes) if (unit := unit_of(shape))}
    if missing := [unit for unit in ACTION_UNITS if unit not in by_unit]:
        raise CorpusError(
            f"got {pack / 'face_kit.npz'} without shapes for {', '.join(missing)}, expected one per unit; "
            "pack the kit again"
        )
    jaw = by_unit["AU26"]
    made_of = {name: raw["material"] == k for k, name in enumerate(materials)}
    skin, near_mouth = _front_skin(vertices, triangles, made_of, raw["landmarks68"])
    lining = _mouth_lining(vertices, triangles, made_of, raw["landmarks68"])
    skin |= _skull(vertices, triangles, made_of, raw["landmarks68"])
    chin_drop = jaw[raw["landmarks68"][57], 1]
    follows = np.clip(jaw[:, 1] / chin_drop, 0, 1).astype(np.float32)
    sheets = []
    for upper in (True, False):
        teeth = np.unique(triangles[made_of["M_Teeth"] & ((follows[triangles].mean(1) < 0.15) == upper)])
        sheets.append((teeth, dental_sheet(vertices[teeth], upper)))
    inside = behind(vertices, sheets[1][1], 0.45) & (follows > 0.12)
    tongue = made_of["M_GumsTongue"] & inside[triangles].all(1)
    keep = skin | lining | tongue
    used = np.unique(triangles[keep])
    new = np.full(len(vertices), -1, np.int32)
    new[used] = np.arange(len(used))
    lips = np.zeros(len(vertices), bool)
    lips[triangles[skin & near_mouth].ravel()] = True
    part = np.where(lining, LINING, np.where(tongue, TONGUE, SKIN))[keep]
    # the loose teeth give way to their sheets, whose vertices move with the nearest tooth
    origin, places, shapes_of = [used], [np.zeros((len(used), 2))], [vertices[used]]
    corners, parts, first = [new[triangles[keep]]], [part], len(used)
    for number, (teeth, sheet) in zip((UPPER_TEETH, LOWER_TEETH), sheets, strict=True):
        origin.append(teeth[sheet.nearest])
        places.append(sheet.places)
        shapes_of.append(sheet.vertices)
        corners.append(sheet.triangles + first)
        parts.append(np.full(len(sheet.triangles), number))
        first += len(sheet.vertices)
    source = np.concatenate(origin)
    return Kit(
        vertices=np.vstack(shapes_of).astype(np.float32),
        triangles=np.vstack(corners).astype(np.int32),
        part=np.concatenate(parts).astype(np.int8),
        identity=np.ascontiguousarray(
            raw["identity"][:, source] * raw["identity_scale"][:, None, None].astype(np.float32)
        ),
        moves=np.stack([by_unit[unit][source] for unit in ACTION_UNITS]),
        landmarks68=new[raw["landmarks68"]],
        lower=follows[source],
        lips=lips[source],
        teeth=np.vstack(places).astype(np.float32),
        anchored=np.empty(0, int),
        anchors=np.empty(0, int),
    )


def _front_skin(
    vertices: np.ndarray, triangles: np.ndarray, made_of: dict[str, np.ndarray], landmarks68: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(which triangles are skin seen from the front, which triangles lie around the mouth)."""
    corner = vertices[triangles]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    centre, marks = corner.mean(1), vertices[landmarks68]
    low, high = marks[48:68].min(0) - (0.3, 0.1, 3.0), marks[48:68].max(0) + (0.3, 0.1, 3.0)
    near_mouth = ((centre > low) & (centre < high)).all(1)
    ear_z = marks[[0, 16], 2].mean()
    skin = made_of["M_Face"] & ((normal[:, 2] > 0.08) | near_mouth) & (centre[:, 2] > ear_z - 1.5)
    throat = (centre[:, 2] < marks[8, 2] - 2.5) & (centre[:, 1] < marks[4, 1]) & (normal[:, 1] < -0.45)
    skin &= ~(throat | (centre[:, 1] < marks[8, 1] + 0.2))
    cell = np.round((centre[:, :2] - centre[:, :2].min(0)) / 0.12).astype(int)
    key = cell[:, 0] * (cell[:, 1].max() + 1) + cell[:, 1]
    top = np.full(key.max() + 1, -1e9)
    np.maximum.at(top, key[skin], centre[skin, 2])
    skin &= near_mouth | (centre[:, 2] > top[key] - 0.7)  # nostril linings lie behind the visible skin
    beside = np.abs(centre[:, 0]) > abs(marks[0, 0]) - 0.25
    ears = beside & (centre[:, 1] > marks[4, 1]) & (centre[:, 1] < marks[17, 1] + 0.6)
    skin &= ~ears  # they follow the backdrop
    piece = _pieces(triangles[skin], len(vertices))
    skin[skin] = np.bincount(piece)[piece] > 0.05 * len(piece)  # nor may flakes be left of them
    return skin, near_mouth


def _skull(
    vertices: np.ndarray, triangles: np.ndarray, made_of: dict[str, np.ndarray], landmarks68: np.ndarray
) -> np.ndarray:
    """The top of the head, above the brows: the one piece of the back head that rises over them."""
    head, marks = np.flatnonzero(made_of["M_BackHead"]), vertices[landmarks68]
    piece = _pieces(triangles[head], len(vertices))
    corner = vertices[triangles[head]]
    centre = corner.mean(1)
    tall = np.full(piece.max() + 1, -1e9)
    np.maximum.at(tall, piece, centre[:, 1])
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    facing = normal[:, 2] > 0.08 * np.linalg.norm(normal, axis=1)
    ear_z = marks[[0, 16], 2].mean()
    above = (centre[:, 1] > marks[19, 1]) & (centre[:, 2] > ear_z - 4)
    skull = np.zeros(len(triangles), bool)
    skull[head[(tall[piece] > marks[19, 1] + 2.0) & facing & above]] = True
    return skull


def _mouth_lining(
    vertices: np.ndarray, triangles: np.ndarray, made_of: dict[str, np.ndarray], landmarks68: np.ndarray
) -> np.ndarray:
    """The sock behind the lips: the piece of the back head whose middle lies between the mouth corners."""
    head, marks = np.flatnonzero(made_of["M_BackHead"]), vertices[landmarks68]
    piece = _pieces(triangles[head], len(vertices))
    lining = np.zeros(len(triangles), bool)
    for number in np.unique(piece):
        here = head[piece == number]
        middle = vertices[triangles[here]].mean((0, 1))
        inside = abs(middle[0]) < 1.0 and marks[8, 1] < middle[1] < marks[33, 1]
        if inside and np.abs(vertices[triangles[here], 0]).max() < 0.75 * abs(marks[0, 0]):
            lining[here] = True
    return lining


def _anchor(kit: Kit, mean: np.ndarray) -> Kit:
    """Give each on-mesh landmark the vertex that lies under it on the mean face."""
    wanted = sixty_eight(mean)
    known = [k for k in sorted(wanted) if kit.landmarks68[k] >= 0]
    vertex, target = kit.landmarks68[known], np.array([wanted[k] for k in known])
    weight = np.where(np.array(known) < 17, 0.3, 1.0)
    view, shift, mix = solve_camera(kit.vertices[vertex], kit.identity[:, vertex], target, weight)
    flat = ((kit.vertices + np.tensordot(mix, kit.identity, 1)) @ view.T)[:, :2] + shift
    flat += thin_plate(flat[vertex], target - flat[vertex], flat, 1.0)
    skin = kit.triangles[kit.part == SKIN]
    edges, uses = np.unique(
        np.sort(np.vstack([skin[:, :2], skin[:, 1:], skin[:, ::2]]), 1), axis=0, return_counts=True
    )
    rim, lips = np.unique(edges[uses == 1]), np.flatnonzero(kit.lips)
    front = lips[kit.vertices[lips, 2] > kit.vertices[kit.landmarks68[48], 2] - 0.1]
    pools = {i: rim for ids in (*UPPER_LID, *LOWER_LID) for i in ids}
    pools |= dict.fromkeys(LIP_SEAM_UPPER[1:-1], front[kit.lower[front] < 0.25])
    pools |= dict.fromkeys(LIP_SEAM_LOWER[1:-1], front[kit.lower[front] > 0.6])
    every = np.unique(skin)
    anchored = np.array([i for i in range(COUNT) if i not in OFF_MESH])
    anchors = []
    for i in anchored:
        pool = pools.get(i, every)
        anchors.append(pool[np.argmin(((flat[pool] - mean[i]) ** 2).sum(1))])
    return Kit(**{**vars(kit), "anchored": anchored, "anchors": np.array(anchors)})
