"""ICT-FaceKit Light as its publisher ships it -> the packed face kit.

The folder `FaceXModel` of the face kit (USC ICT 2020, MIT) holds `generic_neutral_mesh.obj`, one OBJ per
expression, one per identity mode, and `vertex_indices.json`, which names the expressions in order and the
vertices of the 68 usual landmarks. All meshes share their topology, so a shape is a difference of vertices.
Packed are the parts that a face needs (skin, head, mouth, teeth, eyeballs), the expressions, and the first
60 identity modes, as int16 times a scale.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CorpusError
from .sources import Progress, Summary, existing_folder, read_text, write_arrays

NEUTRAL, INDEX = "generic_neutral_mesh.obj", "vertex_indices.json"
IDENTITIES = 60
# Left out are the transparent layers over the eyes and the lashes, which the photographs bring themselves.
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
_STEPS = np.iinfo(np.int16).max


@dataclass(frozen=True)
class Mesh:
    vertices: np.ndarray  # (n,3) float32
    faces: list[tuple[int, ...]]
    material: list[str]  # of each face


def import_face_kit(
    folder: str | Path, pack: str | Path, *, allow_partial: bool = False, progress: Progress | None = None
) -> Summary:
    """Write `face_kit.npz` into `pack`. `allow_partial` packs the shapes that are there, for trials: a kit
    without
    all expressions cannot make a corpus."""
    folder = _kit_folder(existing_folder(folder, "the folder FaceXModel of ICT-FaceKit"))
    index = _index(folder / INDEX)
    names, identities = index["expressions"], [f"identity{k:03d}" for k in range(IDENTITIES)]
    missing = [name for name in (*names, *identities) if not (folder / f"{name}.obj").is_file()]
    if missing and not allow_partial:
        more = f" and {len(missing) - 12} more" if len(missing) > 12 else ""
        raise CorpusError(
            f"no mesh of {', '.join(missing[:12])}{more} in {folder}, expected {len(names)} expressions and "
            f"{IDENTITIES} identities; download the whole of FaceXModel"
        )
    neutral = read_mesh(folder / NEUTRAL)
    triangles, material = _triangles(neutral)
    used = int(triangles.max()) + 1
    landmarks = _landmarks(index, used, folder / INDEX)
    shapes: dict[str, np.ndarray] = {}
    present = [name for name in (*names, *identities) if name not in missing]
    for number, name in enumerate(present):
        if progress:
            progress(number, len(present), name)
        shapes[name] = _difference(folder / f"{name}.obj", neutral)[:used]
    if progress:
        progress(len(present), len(present), "")
    kept = [name for name in names if name in shapes]
    expression, expression_scale = quantised([shapes[name] for name in kept], used)
    identity, identity_scale = quantised([shapes[name] for name in identities if name in shapes], used)
    write_arrays(
        Path(pack) / "face_kit.npz",
        {
            "vertices": neutral.vertices[:used],
            "triangles": triangles,
            "material": material,
            "material_names": np.array(MATERIALS),
            "expression": expression,
            "expression_scale": expression_scale,
            "expression_names": np.array(kept, dtype="<U16"),
            "identity": identity,
            "identity_scale": identity_scale,
            "landmarks68": landmarks,
        },
    )
    notes = (f"{len(missing)} shapes are missing: this kit is for trials only",) if missing else ()
    counts = {"vertices": used, "expressions": len(expression), "identities": len(identity)}
    return Summary("face kit", folder, Path(pack), counts, notes)


def read_mesh(path: Path) -> Mesh:
    vertices: list[str] = []
    faces: list[tuple[int, ...]] = []
    material: list[str] = []
    current = ""
    try:
        for line in read_text(path, "a mesh of ICT-FaceKit").splitlines():
            if line.startswith("v "):
                vertices.append(line[2:])
            elif line.startswith("f "):
                faces.append(tuple(int(corner.split("/")[0]) - 1 for corner in line.split()[1:]))
                material.append(current)
            elif line.startswith("usemtl "):
                current = line.split()[1]
        if not vertices:
            raise ValueError("it has no vertex")
        # float32 here and in the difference, as in the packed kit: the quanta come out the same
        points = np.loadtxt(io.StringIO("\n".join(vertices)), dtype=np.float32, ndmin=2)
        corners = [k for face in faces for k in face]
        if points.shape[1:] != (3,) or not corners or not 0 <= min(corners) <= max(corners) < len(points):
            raise ValueError("its faces and vertices do not fit")
        if not np.isfinite(points).all():
            raise ValueError("a vertex is not a number")
    except (ValueError, IndexError) as error:
        raise CorpusError(f"got {path} ({error}), expected a whole OBJ mesh; download it again") from None
    return Mesh(points, faces, material)


def quantised(shapes: list[np.ndarray], vertices: int) -> tuple[np.ndarray, np.ndarray]:
    """(k, n, 3) int16 and (k,) float32 scales, each from its shape's largest move."""
    if not shapes:
        return np.zeros((0, vertices, 3), np.int16), np.zeros(0, np.float32)
    scales = np.array([max(float(np.abs(shape).max()) / _STEPS, 1e-12) for shape in shapes], np.float32)
    return np.stack([np.round(s / k).astype(np.int16) for s, k in zip(shapes, scales, strict=True)]), scales


def _kit_folder(folder: Path) -> Path:
    for inside in (folder, folder / "FaceXModel"):
        if (inside / NEUTRAL).is_file() and (inside / INDEX).is_file():
            return inside
    raise CorpusError(
        f"no {NEUTRAL} with {INDEX} in {folder}, expected the folder FaceXModel of ICT-FaceKit; give its path"
    )


def _index(path: Path) -> dict[str, Any]:
    try:
        index = json.loads(read_text(path, "the index of ICT-FaceKit"))
        if not index["expressions"] or not index["idx_to_landmark_verts"]:
            raise KeyError("empty lists")
        return dict(index)
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(
            f"got {path} ({error}), expected 'expressions' and 'idx_to_landmark_verts'; download it again"
        ) from None


def _landmarks(index: dict[str, Any], used: int, path: Path) -> np.ndarray:
    landmarks = np.array(index["idx_to_landmark_verts"])
    if landmarks.shape != (68,) or landmarks.min() < 0 or landmarks.max() >= used:
        raise CorpusError(
            f"got {path} with landmarks {landmarks.shape}, expected 68 vertices of the mesh; download it "
            "again"
        )
    return landmarks.astype(np.int32)


def _triangles(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    triangles, material = [], []
    for corners, name in zip(mesh.faces, mesh.material, strict=True):
        if name in MATERIALS:
            for k in range(1, len(corners) - 1):
                triangles.append((corners[0], corners[k], corners[k + 1]))
                material.append(MATERIALS.index(name))
    if set(material) != set(range(len(MATERIALS))):
        absent = [name for k, name in enumerate(MATERIALS) if k not in set(material)]
        raise CorpusError(
            f"got a neutral mesh without {', '.join(absent)}, expected ICT-FaceKit Light; check the folder"
        )
    return np.array(triangles, np.int32), np.array(material, np.int8)


def _difference(path: Path, neutral: Mesh) -> np.ndarray:
    mesh = read_mesh(path)
    if mesh.vertices.shape != neutral.vertices.shape:
        raise CorpusError(
            f"got {path} with {len(mesh.vertices)} vertices, expected {len(neutral.vertices)} as in the "
            "neutral "
            "mesh; take all meshes from one version of ICT-FaceKit"
        )
    return mesh.vertices - neutral.vertices
