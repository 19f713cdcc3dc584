"""The importer of the face kit, on a small copy of what its publisher ships."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from s2f.corpus.import_face_kit import MATERIALS, import_face_kit, quantised, read_mesh
from s2f.corpus.kit import load_kit
from s2f.corpus.sources import read_arrays
from s2f.errors import CorpusError

EXPRESSIONS = ("jawOpen", "mouthSmile_L")
VERTICES = 80


def write_mesh(path: Path, vertices: np.ndarray, materials: tuple[str, ...] = MATERIALS) -> None:
    """One quadrilateral and one triangle per material, and last the lashes, which are not packed."""
    lines = ["# made up", "mtllib nothing.mtl", *("v {:.6g} {:.6g} {:.6g}".format(*v) for v in vertices)]
    lines += [f"vt 0.{k} 0.5" for k in range(9)]
    for k, material in enumerate((*materials, "M_EyeLashes")):
        a = 8 * k + 1
        lines += [f"usemtl {material}", f"f {a}/1 {a + 1}/2 {a + 2}/3 {a + 3}/4"]
        lines += [f"f {a + 4}/1 {a + 5}/2 {a + 6}/3"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def neutral_vertices() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 5, (VERTICES, 3)).round(4)


def shape_of(name: str) -> np.ndarray:
    seed = sum(map(ord, name))
    return np.random.default_rng(seed).normal(0, 0.3, (VERTICES, 3)).round(4)


@pytest.fixture
def face_kit(tmp_path: Path) -> Path:
    folder = tmp_path / "ICT-FaceKit/FaceXModel"
    write_mesh(folder / "generic_neutral_mesh.obj", neutral_vertices())
    for name in (*EXPRESSIONS, *(f"identity{k:03d}" for k in range(60))):
        write_mesh(folder / f"{name}.obj", neutral_vertices() + shape_of(name))
    index = {"expressions": list(EXPRESSIONS), "idx_to_landmark_verts": [k % 60 for k in range(68)]}
    (folder / "vertex_indices.json").write_text(json.dumps(index))
    return folder


def snapshot(pack: Path) -> dict[str, bytes]:
    return {str(path.relative_to(pack)): path.read_bytes() for path in pack.rglob("*") if path.is_file()}


def test_the_face_kit_is_packed_to_the_quantum(face_kit: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    summary = import_face_kit(face_kit.parent, tmp_path / "pack", progress=lambda *step: steps.append(step))
    assert summary.counts == {"vertices": 63, "expressions": 2, "identities": 60}
    assert summary.notes == ()
    assert steps[0] == (0, 62, "jawOpen")
    assert steps[-1] == (62, 62, "")
    kit = read_arrays(tmp_path / "pack/face_kit.npz")
    used = len(kit["vertices"])
    assert used == 63  # up to the last corner of a packed face: the lashes are cut off
    np.testing.assert_allclose(kit["vertices"], neutral_vertices()[:used], atol=1e-5)
    assert [str(name) for name in kit["expression_names"]] == list(EXPRESSIONS)
    assert kit["expression"].dtype == np.int16
    for name, values, scale in zip(EXPRESSIONS, kit["expression"], kit["expression_scale"], strict=True):
        assert np.abs(values).max() == 32767
        np.testing.assert_allclose(values * scale, shape_of(name)[:used], atol=scale + 2e-6)
    np.testing.assert_allclose(
        kit["identity"][59] * kit["identity_scale"][59], shape_of("identity059")[:used], atol=1e-4
    )
    # each quadrilateral became two triangles, in the order of the file
    assert kit["triangles"].shape == (24, 3)
    np.testing.assert_array_equal(kit["triangles"][:3], [[0, 1, 2], [0, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(kit["material"], np.repeat(np.arange(8), 3))
    assert [str(name) for name in kit["material_names"]] == list(MATERIALS)
    np.testing.assert_array_equal(kit["landmarks68"], [k % 60 for k in range(68)])
    again = snapshot(tmp_path / "pack")
    import_face_kit(face_kit, tmp_path / "pack")
    assert snapshot(tmp_path / "pack") == again


def test_a_partial_kit_is_an_error_unless_it_is_wished_for(face_kit: Path, tmp_path: Path) -> None:
    (face_kit / "jawOpen.obj").unlink()
    (face_kit / "identity007.obj").unlink()
    with pytest.raises(
        CorpusError, match="no mesh of jawOpen, identity007 in .*expected 2 expressions and 60"
    ):
        import_face_kit(face_kit, tmp_path / "pack")
    assert not (tmp_path / "pack").exists()
    summary = import_face_kit(face_kit, tmp_path / "pack", allow_partial=True)
    assert summary.counts == {"vertices": 63, "expressions": 1, "identities": 59}
    assert "2 shapes are missing: this kit is for trials only" in summary.notes
    assert list(read_arrays(tmp_path / "pack/face_kit.npz")["expression_names"]) == ["mouthSmile_L"]


def test_a_kit_without_the_face_units_is_refused_by_the_renderer(face_kit: Path, tmp_path: Path) -> None:
    import_face_kit(face_kit, tmp_path / "pack")
    with pytest.raises(CorpusError):
        load_kit(tmp_path / "pack")


def test_a_shape_that_moves_nothing_stays_nothing() -> None:
    values, scale = quantised([np.zeros((4, 3), np.float32)], 4)
    assert np.isfinite(scale).all()
    assert not values.any()
    assert quantised([], 4)[0].shape == (0, 4, 3)


def test_meshes_are_read_with_slashes_comments_and_materials(tmp_path: Path) -> None:
    write_mesh(tmp_path / "a.obj", neutral_vertices())
    mesh = read_mesh(tmp_path / "a.obj")
    assert mesh.vertices.shape == (VERTICES, 3)
    assert mesh.faces[:2] == [(0, 1, 2, 3), (4, 5, 6)]
    assert (mesh.material[0], mesh.material[-1]) == ("M_BackHead", "M_EyeLashes")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("jawOpen.obj", "v 1 2\nf 1 1 1\n", "expected a whole OBJ mesh"),
        ("jawOpen.obj", "v 1 2 3\nf 1 2 3\n", "its faces and vertices do not fit"),
        ("jawOpen.obj", "v 1 2 nan\nf 1 1 1\n", "a vertex is not a number"),
        ("jawOpen.obj", "v 1 2 3\nf 1 1 1\n", "with 1 vertices, expected 80 as in the neutral mesh"),
        ("jawOpen.obj", "", "expected a whole OBJ mesh"),
        ("vertex_indices.json", "{", "expected 'expressions' and 'idx_to_landmark_verts'"),
        ("vertex_indices.json", '{"expressions": []}', "expected 'expressions' and"),
        (
            "vertex_indices.json",
            '{"expressions": ["jawOpen"], "idx_to_landmark_verts": [1, 2]}',
            "expected 68 vertices of the mesh",
        ),
        ("generic_neutral_mesh.obj", "v 1 2 3\nusemtl M_Face\nf 1 1 1\n", "without M_BackHead"),
    ],
)
def test_a_spoilt_kit_is_one_clear_error(
    face_kit: Path, tmp_path: Path, file: str, content: str, message: str
) -> None:
    (face_kit / file).write_text(content)
    with pytest.raises(CorpusError, match=message) as caught:
        import_face_kit(face_kit, tmp_path / "pack")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "pack").exists()


def test_a_folder_that_is_no_kit_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="expected the folder FaceXModel of ICT-FaceKit"):
        import_face_kit(tmp_path, tmp_path / "pack")
