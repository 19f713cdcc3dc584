"""A miniature of the packed sources, made in code: a procedural head mesh and painted portraits.

`write_pack(folder)` writes face_kit.npz, portraits/*.webp, landmarks.npz, landmark_lines.json and people.csv
in the packed format, small and quick to make. The faces are painted, but every landmark is exact, the mesh
has all materials, shapes and openings (eyes, mouth slit), and its teeth are loose pieces as in the real kit.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from painted import LIDS, Look, paint
from scipy.spatial import Delaunay

# the 189 points of an average face, in a frame of 512 with the eyes level at 0.47 and 0.24 apart
POINTS = (
    "195,241 317,241 194,233 185,236 183,242 186,249 194,252 203,248 206,242 204,236 317,233 308,236 "
    "306,242 309,249 318,252 327,249 329,242 327,236 170,244 180,236 194,233 209,237 223,248 289,248 "
    "303,237 318,233 332,237 342,245 180,251 194,253 209,250 304,250 318,253 332,251 163,238 175,229 "
    "192,225 209,228 221,236 290,236 303,227 319,225 336,228 350,237 188,284 209,275 225,261 287,261 "
    "304,276 325,285 243,231 248,247 248,265 246,283 242,302 256,330 269,231 265,247 265,265 267,283 "
    "270,302 226,300 221,311 222,323 231,330 232,321 287,301 292,311 291,323 282,330 281,321 141,226 "
    "153,206 172,196 196,197 227,207 229,220 283,219 284,206 314,196 339,196 359,205 371,225 167,213 "
    "194,213 317,213 344,212 208,378 226,366 243,360 256,363 271,360 288,367 305,378 227,376 241,374 "
    "256,376 272,374 287,376 227,376 241,374 257,376 272,374 287,376 222,388 238,394 258,396 277,394 "
    "292,388 119,251 120,295 128,345 393,251 393,295 385,345 95,239 89,266 95,296 103,324 117,344 419,239 "
    "425,264 420,294 412,322 397,344 135,375 148,405 179,440 216,462 258,470 302,460 338,437 366,404 "
    "379,374 125,205 137,164 149,125 177,102 214,93 257,94 300,93 337,104 363,127 376,165 387,204 150,474 "
    "90,374 70,245 90,167 124,94 177,46 256,25 338,47 392,98 424,170 444,245 425,375 366,473 210,330 "
    "198,345 189,366 304,329 317,346 325,367 138,285 159,301 186,307 376,286 357,301 331,308 246,336 "
    "244,353 267,335 270,352 258,430 258,448 234,416 258,411 281,417 246,323 250,328 263,328 267,323 "
    "214,517 301,517 119,273 124,318 394,273 390,318 "
)
LINES = (
    "0-0 1-1 2-3-4-5-6-7-8-9-2 10-11-12-13-14-15-16-17-10 18-19-20-21-22 23-24-25-26-27 18-28-29-30-22 "
    "23-31-32-33-27 34-35-36-37-38 39-40-41-42-43 44-45-46 47-48-49 50-51-52-53-54-55 56-57-58-59-60-55 "
    "61-62-63-64-65-179-180-55 66-67-68-69-70-182-181-55 71-72-73-74-75-76 77-78-79-80-81-82 71-83-84-76 "
    "77-85-86-82 87-88-89-90-91-92-93 87-94-95-96-97-98-93 87-99-100-101-102-103-93 "
    "87-104-105-106-107-108-93 109-185-110-186-111 112-187-113-188-114 109-115-116-117-118-119-111 "
    "112-120-121-122-123-124-114 109-134-135-136-137-138-139-140-141-142-143-144-112 "
    "145-146-147-148-149-150-151-152-153-154-155-156-157 158-159-160 161-162-163 164-165-166 167-168-169 "
    "170-171 172-173 174-175 176-177-178 126-145 132-157 145-183-184-157 111-125-126 "
    "126-127-128-129-130-131-132 132-133-114 "
)
MEAN = np.array([[float(n) for n in pair.split(",")] for pair in POINTS.split()])
MATERIALS = (
    "M_BackHead",
    "M_Face",
    "M_GumsTongue",
    "M_IrisLeft",
    "M_IrisRight",
    "M_ScleraLeft",
    "M_ScleraRight",
    "M_Teeth",
)
BACK_HEAD, FACE, GUMS, TEETH = 0, 1, 2, 7
PIXELS_PER_CM = 19.5
# mesh landmark of 68 -> the painted landmark at that place
PLACES = {
    **{0: 110, 1: 111, 2: 125, 3: 125, 4: 126, 5: 126, 6: 127, 7: 128, 8: 129},
    **{9: 130, 10: 131, 11: 132, 12: 132, 13: 133, 14: 133, 15: 114, 16: 113},
    **{17: 71, 18: 72, 19: 73, 20: 74, 21: 76, 22: 77, 23: 78, 24: 79, 25: 81, 26: 82},
    **{27: 51, 28: 52, 29: 53, 30: 54, 31: 64, 32: 180, 33: 55, 34: 181, 35: 69},
    **{36: 18, 37: 19, 38: 21, 39: 22, 40: 30, 41: 28, 42: 23, 43: 24, 44: 26, 45: 27, 46: 33, 47: 31},
    **{48: 87, 49: 88, 50: 89, 51: 90, 52: 91, 53: 92, 54: 93, 55: 108, 56: 107, 57: 106, 58: 105, 59: 104},
    **{60: 87, 61: 95, 62: 96, 63: 97, 64: 93, 65: 102, 66: 101, 67: 100},
}
# shape -> (landmark it is centred on, reach in cm, motion in cm); sides: the landmark of the viewer's left
# (_R) and of the viewer's right (_L), where the motion is mirrored
SIDED = {
    "browDown": ((74, 79), 1.6, (0.15, -0.7, 0.1)),
    "browInnerUp": ((76, 77), 1.5, (0, 0.8, 0)),
    "browOuterUp": ((72, 81), 1.6, (0, 0.8, 0)),
    "cheekPuff": ((165, 168), 2.2, (-0.4, 0, 0.6)),
    "cheekSquint": ((28, 33), 1.8, (0, 0.5, 0.2)),
    "eyeSquint": ((29, 32), 0.9, (0, 0.25, 0)),
    "mouthDimple": ((87, 93), 1.2, (-0.3, 0, -0.2)),
    "mouthFrown": ((87, 93), 1.5, (-0.1, -0.8, 0)),
    "mouthLowerDown": ((105, 107), 0.9, (0, -0.5, 0)),
    "mouthPress": ((100, 102), 1.0, (0, 0.15, -0.1)),
    "mouthSmile": ((87, 93), 1.9, (-0.8, 0.7, -0.3)),
    "mouthStretch": ((87, 93), 1.8, (-0.8, -0.2, -0.2)),
    "mouthUpperUp": ((89, 91), 0.9, (0, 0.5, 0)),
    "noseSneer": ((63, 68), 1.3, (0, 0.5, 0)),
}
SINGLE = {
    "jawForward": (129, 4.0, (0, 0, 0.8)),
    "jawLeft": (129, 4.0, (0.8, 0, 0)),
    "jawRight": (129, 4.0, (-0.8, 0, 0)),
    "mouthFunnel": (96, 1.6, (0, 0, 0.8)),
    "mouthLeft": (96, 2.0, (0.6, 0, 0)),
    "mouthPucker": (96, 1.2, (0, 0, 1.0)),
    "mouthRight": (96, 2.0, (-0.6, 0, 0)),
    "mouthRollLower": (106, 0.8, (0, 0.2, -0.4)),
    "mouthRollUpper": (90, 0.8, (0, -0.2, -0.4)),
    "mouthShrugLower": (173, 1.6, (0, 0.6, 0.2)),
    "mouthShrugUpper": (90, 1.2, (0, 0.4, 0.1)),
}
OPEN = 12.0  # pixels by which the jaw is dropped while the mesh is triangulated, so that the lips stay apart
JAW = np.array([0, -3.4, -0.5])


@dataclass
class Pieces:
    """Vertices and triangles as they are added, with what each vertex is for."""

    vertices: list[np.ndarray]
    triangles: list[np.ndarray]
    material: list[np.ndarray]
    lower: list[np.ndarray]

    def add(
        self, vertices: np.ndarray, triangles: np.ndarray, material: int, lower: np.ndarray | float
    ) -> None:
        first = sum(len(v) for v in self.vertices)
        corner = vertices[triangles]
        normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        away = normal[:, 2] < 0
        triangles = np.where(away[:, None], triangles[:, [0, 2, 1]], triangles)
        self.vertices.append(vertices)
        self.triangles.append(triangles + first)
        self.material.append(np.full(len(triangles), material))
        self.lower.append(np.broadcast_to(lower, len(vertices)))


def write_pack(folder: str | Path, people: int = 6, smiles: int = 2) -> Path:
    """Write a pack of that many people, of whom the first `smiles` also smile; returns the folder."""
    folder = Path(folder)
    (folder / "portraits").mkdir(parents=True, exist_ok=True)
    np.savez(folder / "face_kit.npz", **head_kit())
    landmarks, rows = {}, []
    groups = ("white", "black", "east_asian", "west_asian")
    for number in range(people):
        name, rng = f"mini_{number:03d}", np.random.default_rng(number)
        points, look = _person(number, rng)
        landmarks[name] = points
        _write(folder / "portraits" / f"{name}_neutral.webp", paint(points, look, rng, smiling=False))
        if number < smiles:
            grinning = _smiled(points)
            _write(folder / "portraits" / f"{name}_smile.webp", paint(grinning, look, rng, smiling=True))
        rows.append(
            {
                "id": name,
                "source": "london",
                "age": 20 + 3 * number,
                "gender": ("female", "male")[number % 2],
                "ethnicity": groups[number // 2 % 4],
                "smile": "yes" if number < smiles else "no",
            }
        )
    np.savez(folder / "landmarks.npz", **landmarks)
    lines = [
        {"closed": line.startswith("o"), "points": [int(n) for n in line.lstrip("o").split("-")]}
        for line in LINES.split()
    ]
    (folder / "landmark_lines.json").write_text(json.dumps(lines))
    with (folder / "people.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def head_kit() -> dict[str, np.ndarray]:
    """The arrays of face_kit.npz."""
    pieces = Pieces([], [], [], [])
    number = _add_face(pieces)
    _add_head(pieces)
    _add_mouth(pieces)
    vertices = np.vstack(pieces.vertices)
    lower = np.concatenate(pieces.lower)
    shapes = _shapes(vertices, lower, len(pieces.vertices[0]))
    identity = _identity(vertices)
    packed: dict[str, np.ndarray] = {
        "vertices": vertices.astype(np.float32),
        "triangles": np.vstack(pieces.triangles).astype(np.int32),
        "material": np.concatenate(pieces.material).astype(np.int8),
        "material_names": np.array(MATERIALS),
        "expression_names": np.array(sorted(shapes)),
        "landmarks68": np.array([number[PLACES[k]] for k in range(68)], np.int32),
    }
    for name, field in (
        ("expression", np.stack([shapes[s] for s in sorted(shapes)])),
        ("identity", identity),
    ):
        scale = np.maximum(np.abs(field).max((1, 2)), 1e-6) / 32767
        packed[name] = np.round(field / scale[:, None, None]).astype(np.int16)
        packed[f"{name}_scale"] = scale.astype(np.float32)
    return packed


def _to_cm(xy: np.ndarray) -> np.ndarray:
    """Frame pixels -> the kit's centimetres, on the surface of the head."""
    x, y = (xy[:, 0] - 256) / PIXELS_PER_CM, (306 - xy[:, 1]) / PIXELS_PER_CM
    round_part = 11 * np.sqrt(np.maximum(1 - (x / 12) ** 2 - ((y - 1) / 16) ** 2, 0.02))
    nose = 2.2 * np.exp(-((x / 0.9) ** 2) - np.where(y > 0.2, ((y - 0.2) / 1.8) ** 2, ((y - 0.2) / 0.6) ** 2))
    return np.stack([x, y, round_part + nose], 1)


def _seam(x: np.ndarray) -> np.ndarray:
    line = (MEAN[[87, 94, 95, 96, 97, 98, 93]] + MEAN[[87, 99, 100, 101, 102, 103, 93]]) / 2
    return np.interp(x, line[:, 0], line[:, 1])


def _lower(xy: np.ndarray) -> np.ndarray:
    """How far each point of the face follows the jaw: a step at the lips, ever softer away from them."""
    beyond = np.maximum(np.abs(xy[:, 0] - 256) - (MEAN[93, 0] - 256), 0)
    t = np.clip(0.5 + (xy[:, 1] - _seam(xy[:, 0])) / (2 * (1.5 + 1.2 * beyond)), 0, 1)
    return t * t * (3 - 2 * t)


def _add_face(pieces: Pieces) -> dict[int, int]:
    """The skin, open at eyes and lips; returns landmark -> vertex."""
    rng = np.random.default_rng(7)
    on_skin = [i for i in range(18, 189) if i not in {*range(145, 158), 183, 184, *range(115, 125)}]
    ring = MEAN[[109, 110, 111, *range(125, 134), 114, 113, 112, *range(144, 133, -1)]]
    centre = ring.mean(0)
    rim = np.vstack([centre + (ring - centre) * 1.04, centre + (ring - centre) * 1.1])
    grid = np.stack(np.meshgrid(np.arange(96, 420, 10.0), np.arange(90, 480, 10.0)), -1).reshape(-1, 2)
    grid += rng.uniform(-2, 2, grid.shape)
    inside = cv2.convexHull(ring.astype(np.float32))
    grid = grid[[cv2.pointPolygonTest(inside, (float(x), float(y)), False) > 0 for x, y in grid]]
    eyes = [MEAN[[*upper, *lower[::-1]]].astype(np.float32) for upper, lower in LIDS]
    for hole in [*eyes, MEAN[[87, *range(94, 99), 93, *range(103, 98, -1)]].astype(np.float32)]:
        grid = grid[[cv2.pointPolygonTest(hole, (float(x), float(y)), True) < -4 for x, y in grid]]
    near = np.min(np.linalg.norm(grid[:, None] - MEAN[on_skin][None], axis=-1), axis=1)
    points = np.vstack([MEAN[on_skin], grid[near > 5], rim])
    number = {i: k for k, i in enumerate(on_skin)}
    lower = _lower(points)
    lower[[number[i] for i in range(94, 99)]] = 0
    lower[[number[i] for i in range(99, 104)]] = 1
    lower[[number[87], number[93]]] = 0.4
    flat = points + np.stack([0 * lower, OPEN * lower], 1)
    triangles = Delaunay(flat).simplices
    middle = flat[triangles].mean(1)
    slit = flat[[number[i] for i in (87, *range(94, 99), 93, *range(103, 98, -1))]]
    for hole in [*eyes, slit.astype(np.float32)]:
        out = [
            cv2.pointPolygonTest(hole.astype(np.float32), (float(x), float(y)), False) < 0 for x, y in middle
        ]
        triangles, middle = triangles[out], middle[out]
    pieces.add(_to_cm(points), triangles, FACE, lower)
    return number


def _sheet(across: np.ndarray, down: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A rectangular patch: (n,3) vertices and its triangles; `depth` is per vertex."""
    x, y = (axis.ravel() for axis in np.meshgrid(across, down))
    columns = len(across)
    corners = [(r * columns + c) for r in range(len(down) - 1) for c in range(columns - 1)]
    triangles = [t for k in corners for t in ((k, k + 1, k + columns), (k + 1, k + columns + 1, k + columns))]
    return np.stack([x, y, np.broadcast_to(depth, x.shape)], 1), np.array(triangles)


def _add_head(pieces: Pieces) -> None:
    cap, triangles = _sheet(np.linspace(-8, 8, 9), np.linspace(11.2, 14, 4), np.array(0.0))
    cap[:, 2] = 7.5 - 0.03 * cap[:, 0] ** 2 - 0.2 * (cap[:, 1] - 11.2)
    pieces.add(cap, triangles, BACK_HEAD, 0.0)
    for x in (-3.1, 3.1):  # sockets behind the eyes, which the cut must drop
        pieces.add(
            *_sheet(np.linspace(x - 1, x + 1, 4), np.linspace(2, 4.5, 4), np.array(6.0)), BACK_HEAD, 0.0
        )


def _add_mouth(pieces: Pieces) -> None:
    line = (306 - 362) / PIXELS_PER_CM

    def arch(x: np.ndarray) -> np.ndarray:
        return 9.4 - 0.28 * x**2

    lining, triangles = _sheet(np.linspace(-3, 3, 9), np.linspace(line - 3, line + 2, 7), np.array(4.5))
    pieces.add(lining, triangles, BACK_HEAD, np.clip((line - lining[:, 1]) / 3 + 0.3, 0, 1))
    for low, top, bottom in ((0.0, line + 0.9, line - 0.2), (1.0, line - 0.15, line - 1.1)):
        for k in range(-4, 4):
            across = np.linspace(k * 0.72 + 0.02, (k + 1) * 0.72 - 0.02, 3)
            tooth, triangles = _sheet(across, np.linspace(top, bottom, 4), np.array(0.0))
            tooth[:, 2] = arch(tooth[:, 0])
            pieces.add(tooth, triangles, TEETH, low)
        edge = (top, top + 0.9) if low == 0 else (bottom, bottom - 0.9)
        gum, triangles = _sheet(np.linspace(-2.9, 2.9, 13), np.linspace(*edge, 3), np.array(0.0))
        gum[:, 2] = arch(gum[:, 0]) - 0.05
        pieces.add(gum, triangles, GUMS, low)
    tongue, triangles = _sheet(
        np.linspace(-1.6, 1.6, 7), np.linspace(line - 0.9, line - 1.6, 3), np.array(7.0)
    )
    pieces.add(tongue, triangles, GUMS, 1.0)


def _shapes(vertices: np.ndarray, lower: np.ndarray, skin: int) -> dict[str, np.ndarray]:
    """53 motions with the kit's names; only the jaw moves what is not skin."""
    out: dict[str, np.ndarray] = {}

    def bump(landmark: int, reach: float, motion: tuple[float, float, float]) -> np.ndarray:
        centre = _to_cm(MEAN[[landmark]])[0, :2]
        weight = np.exp(-((vertices[:skin, :2] - centre) ** 2).sum(1) / (2 * (reach / 1.6) ** 2))
        field = np.zeros_like(vertices)
        field[:skin] = weight[:, None] * np.array(motion)
        return field

    for stem, (landmarks, reach, motion) in SIDED.items():
        for side, landmark, mirror in (("_R", landmarks[0], 1), ("_L", landmarks[1], -1)):
            out[stem + side] = bump(landmark, reach, (mirror * motion[0], motion[1], motion[2]))
    for name, (landmark, reach, motion) in SINGLE.items():
        out[name] = bump(landmark, reach, motion)
    out["jawOpen"] = lower[:, None] * JAW
    out["mouthClose"] = -0.5 * out["jawOpen"]
    for side, number in (("_R", 0), ("_L", 1)):
        out["eyeBlink" + side], out["eyeWide" + side] = _lid_motion(vertices, skin, number)
        for way in ("Down", "In", "Out", "Up"):
            out[f"eyeLook{way}{side}"] = np.zeros_like(vertices)
    return out


def _lid_motion(vertices: np.ndarray, skin: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """(blink, wide): the upper lid comes down onto the lower, or rises."""
    upper, lower = LIDS[number]
    top, bottom = _to_cm(MEAN[list(upper)]), _to_cm(MEAN[[upper[0], *lower, upper[-1]]])
    x, y = vertices[:skin, 0], vertices[:skin, 1]
    lid, floor = np.interp(x, top[:, 0], top[:, 1]), np.interp(x, bottom[:, 0], bottom[:, 1])
    beyond = np.maximum(np.maximum(top[0, 0] - x, x - top[-1, 0]), 0)
    above = np.where(
        y > (lid + floor) / 2, np.exp(-((np.maximum(y - lid, 0) / 0.5) ** 2) - (beyond / 0.3) ** 2), 0
    )
    blink, wide = np.zeros_like(vertices), np.zeros_like(vertices)
    blink[:skin, 1] = above * (floor - lid)
    wide[:skin, 1] = 0.25 * above * np.clip((lid - floor) / 0.6, 0, 1)
    return blink, wide


def _identity(vertices: np.ndarray) -> np.ndarray:
    """Six ways in which heads differ."""
    x, y, z = vertices.T
    zero = np.zeros_like(x)
    jaw, nose = np.exp(-(((y + 8) / 4) ** 2)), np.exp(-((x / 1.2) ** 2) - ((y / 1.5) ** 2))
    modes = (
        (0.06 * x, zero, zero),
        (zero, 0.05 * y, zero),
        (zero, zero, 0.08 * z),
        (0.12 * x * jaw, zero, zero),
        (0.2 * x * nose, zero, 0.5 * nose),
        (zero, 0.4 * np.exp(-(((y + 3) / 1.5) ** 2)), zero),
    )
    return np.stack([np.stack(mode, 1) for mode in modes])


def _person(number: int, rng: np.random.Generator) -> tuple[np.ndarray, Look]:
    """Landmarks in the 640-pixel frame of packed portraits, smoothly unlike the mean face; and colours."""
    points = MEAN.copy()
    centre, (x, y) = np.array([256.0, 240.64]), ((MEAN - (256, 240.64)) / 200).T
    wide, long, jaw, mouth = rng.normal(0, 0.05, 4)
    points[:, 0] += 200 * x * (wide * np.clip(np.abs(y) + np.abs(x) - 0.3, 0, 1) + jaw * np.clip(y, 0, 1))
    points[:, 1] += 200 * y * long + 60 * mouth * np.exp(-(((y - 0.6) / 0.2) ** 2))
    points = centre + (points - centre) * (122.88 / np.linalg.norm(points[1] - points[0]))
    skins = ((228, 188, 164), (120, 82, 62), (226, 190, 150), (190, 146, 112))
    hairs = ((92, 64, 40), (28, 22, 20), (20, 18, 18), (40, 28, 22))
    irises = ((96, 130, 160), (60, 38, 24), (54, 34, 22), (84, 58, 30))
    kind = number // 2 % 4
    scale = 0.20 * 640 / 122.88
    return (points - centre) * scale + (319.5, 0.46 * 640), Look(skins[kind], hairs[kind], irises[kind])


def _smiled(points: np.ndarray) -> np.ndarray:
    """Lip corners out and up, lips parted."""
    out, unit = points.copy(), np.linalg.norm(points[1] - points[0])
    for corner, way in ((87, -1), (93, 1)):
        weight = np.exp(-((points - points[corner]) ** 2).sum(1) / (0.25 * unit) ** 2)
        out += weight[:, None] * unit * np.array([0.14 * way, -0.10])
    out[list(range(94, 99))] += (0, -0.03 * unit)
    out[list(range(88, 93))] += (0, -0.03 * unit)
    out[list(range(99, 109))] += (0, 0.1 * unit)
    return out


def _write(path: Path, image: np.ndarray) -> None:
    opaque = np.dstack([image[..., ::-1], np.full(image.shape[:2], 255, np.uint8)])
    if not cv2.imwrite(str(path), opaque, [cv2.IMWRITE_WEBP_QUALITY, 95]):
        raise OSError(f"could not write {path}")
