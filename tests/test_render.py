"""The face kit, the fitter, the renderer, the recipes and their checks, on a miniature pack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from miniature import write_pack

from s2f.corpus import checks, points
from s2f.corpus.acting import LOWEST, act, random_pose
from s2f.corpus.fit import Person, at_size, fit, folded
from s2f.corpus.geometry import curve, push_pull, rescaled, sampled, thin_plate
from s2f.corpus.kit import LINING, LOWER_TEETH, SKIN, TONGUE, UPPER_TEETH, Kit, load_kit, unit_of
from s2f.corpus.portraits import Face, load_portraits, load_smiles
from s2f.corpus.render import MAX_GAZE, MAX_PITCH, MAX_ROLL, MAX_YAW, Pose, render
from s2f.corpus.smile import harvest_teeth
from s2f.corpus.teeth import painted_teeth
from s2f.errors import CorpusError, ExpressionError
from s2f.expression import ACTION_UNITS, CLASSES, Expression


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("pack"), people=4, smiles=1)


@pytest.fixture(scope="module")
def kit(pack: Path) -> Kit:
    return load_kit(pack)


@pytest.fixture(scope="module")
def faces(pack: Path) -> list[Face]:
    return load_portraits(pack)


@pytest.fixture(scope="module")
def person(faces: list[Face], kit: Kit) -> Person:
    return fit(faces[0], kit)


def changed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(a.astype(int) - b).max(-1) > 8


# --- the kit


def test_the_kit_has_every_part_and_every_unit(kit: Kit) -> None:
    assert {int(part) for part in np.unique(kit.part)} == {SKIN, LINING, TONGUE, UPPER_TEETH, LOWER_TEETH}
    assert kit.moves.shape == (len(ACTION_UNITS), len(kit.vertices), 3)
    assert (np.abs(kit.moves).max((1, 2)) > 0.05).all()
    assert kit.triangles.max() < len(kit.vertices)
    assert (kit.landmarks68[17:] >= 0).all()


def test_anchors_are_the_vertices_under_the_landmarks(kit: Kit) -> None:
    assert len(set(kit.anchored.tolist())) == len(kit.anchored) == points.COUNT - len(points.OFF_MESH)
    vertex = dict(zip(kit.anchored.tolist(), kit.anchors.tolist(), strict=True))
    assert kit.vertices[vertex[129], 1] < kit.vertices[vertex[106], 1] < kit.vertices[vertex[90], 1]
    assert kit.lower[vertex[101]] > 0.9
    assert kit.lower[vertex[96]] < 0.1


def test_the_kit_is_read_once_per_folder(pack: Path, kit: Kit) -> None:
    assert load_kit(str(pack)) is kit


def test_shape_names_become_units() -> None:
    assert unit_of("mouthSmile_L") == "AU12_L"
    assert unit_of("jawLeft") == "AU30_L"
    assert unit_of("mouthRollUpper") == "AU28_upper"
    assert unit_of("mouthClose") is None
    assert unit_of("eyeLookUp_R") is None


@pytest.mark.parametrize("damage", ["missing", "garbage", "field", "shape", "landmarks"])
def test_a_broken_kit_is_one_clear_error(tmp_path: Path, pack: Path, damage: str) -> None:
    arrays = dict(np.load(pack / "face_kit.npz"))
    marks = dict(np.load(pack / "landmarks.npz"))
    if damage == "field":
        del arrays["identity"]
    if damage == "shape":
        arrays["expression_names"] = np.array([f"x{name}" for name in arrays["expression_names"]])
    if damage == "landmarks":
        marks = {name: values[:68] for name, values in marks.items()}
    np.savez(tmp_path / "landmarks.npz", **marks)
    if damage == "garbage":
        (tmp_path / "face_kit.npz").write_bytes(b"not an archive")
    elif damage != "missing":
        np.savez(tmp_path / "face_kit.npz", **arrays)
    with pytest.raises(CorpusError, match="expected"):
        load_kit(tmp_path)


# --- the fit


def test_the_fitted_head_lies_under_the_landmarks(faces: list[Face], kit: Kit) -> None:
    for face in faces:
        person = fit(face, kit)
        distance = np.linalg.norm(person.mesh[kit.anchors, :2] - face.landmarks[kit.anchored], axis=1)
        assert distance.mean() < 0.5
        assert 0 < person.residual < 0.08
        assert not folded(person)


def test_contradicting_landmarks_fold(faces: list[Face], kit: Kit) -> None:
    tangled = faces[0].landmarks.copy()
    tangled[[158, 159, 160]] = tangled[[163, 162, 161]]
    assert folded(fit(replace(faces[0], landmarks=tangled), kit))
    inverted = faces[0].landmarks.copy()
    inverted[[28, 29, 30]] -= (0, 40)
    assert folded(fit(replace(faces[0], landmarks=inverted), kit))


def test_other_sizes_scale_everything(person: Person) -> None:
    small = at_size(person, 128)
    assert at_size(person, person.size) is person
    assert small.image.shape == (128, 128, 3)
    assert np.allclose(rescaled(small.landmarks, 4), person.landmarks)
    assert np.allclose(rescaled(small.mesh, 4), person.mesh, atol=1e-3)
    assert np.allclose(small.view * 4, person.view)
    assert render(small, {"AU12": 0.8}).image.shape == (128, 128, 3)


# --- the render


@pytest.mark.parametrize("size", [512, 256, 128])
def test_neutral_is_the_photograph(person: Person, size: int) -> None:
    assert checks.neutral_difference(at_size(person, size)) == (0.0, 0)


def test_rendering_is_deterministic_and_leaves_the_person_alone(person: Person) -> None:
    before = person.image.copy(), person.mesh.copy(), person.landmarks.copy()
    units, pose = Expression.of("happy").weights(), Pose(6, -3, 5, (0.2, 0.1))
    first, second = render(person, units, pose), render(person, units, pose)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.landmarks, second.landmarks)
    assert first.image.dtype == np.uint8
    assert first.landmarks.shape == (points.COUNT, 2)
    assert first.skin.shape == first.image.shape[:2]
    assert first.units["AU12_L"] == pytest.approx(units["AU12_L"])
    for old, new in zip(before, (person.image, person.mesh, person.landmarks), strict=True):
        assert np.array_equal(old, new)


def test_every_unit_moves_something(person: Person) -> None:
    small = at_size(person, 256)
    still = render(small, {}).image
    for unit in ACTION_UNITS:
        assert changed(render(small, {unit: 1.0}).image, still).sum() > 20, unit


def test_landmarks_lie_where_the_pixels_went(faces: list[Face], kit: Kit) -> None:
    error = checks.landmark_error([fit(faces[1], kit)], np.random.default_rng(1))
    assert error.count > 80
    assert error.mean < 0.5


def test_the_check_sees_a_wrong_landmark(person: Person) -> None:
    small = at_size(person, 256)
    shifted = replace(small, source=small.source + (3.0, 0))
    assert checks.landmark_error([shifted], np.random.default_rng(1)).mean > 1


def test_a_blink_covers_the_iris(person: Person) -> None:
    open_eye, shut = render(person, {}), render(person, {"AU43": 1.0})
    for side in (0, 1):
        centre = person.landmarks[list(points.IRIS[side])].mean(0)
        radius = np.linalg.norm(person.landmarks[points.IRIS[side][0]] - centre)
        ys, xs = np.mgrid[: person.size, : person.size]
        iris = np.hypot(xs - centre[0], ys - centre[1]) < 0.9 * radius
        upper, lower = (
            person.landmarks[list(ids)] for ids in (points.UPPER_LID[side], points.LOWER_LID[side])
        )
        iris &= (ys > curve(upper, xs[0]) + 1) & (ys < curve(lower, xs[0]) - 1)
        assert changed(shut.image, open_eye.image)[iris].mean() > 0.9
        was, now = (
            np.mean(
                r.landmarks[list(points.LOWER_LID[side])][1:-1, 1]
                - r.landmarks[list(points.UPPER_LID[side])][1:-1, 1]
            )
            for r in (open_eye, shut)
        )
        assert abs(now) < 0.12 * was


def test_one_side_moves_alone(person: Person) -> None:
    still = render(person, {}).image
    for unit, own_left in (("AU12_L", True), ("AU12_R", False), ("AU43_L", True), ("AU2_R", False)):
        moved = changed(render(person, {unit: 1.0}).image, still)
        left_half, right_half = moved[:, :240].sum(), moved[:, 272:].sum()
        assert (right_half > 5 * left_half) if own_left else (left_half > 5 * right_half), unit


def test_the_mouth_opens_onto_teeth_of_ones_choice(person: Person) -> None:
    units = {"AU12": 1.0, "AU10": 0.6, "AU16": 0.8, "AU26": 0.3}
    ours = render(person, units).image
    blank = painted_teeth(np.random.default_rng(0))
    green = np.zeros_like(blank.upper)
    green[..., 1], green[..., 3] = 1, 1
    theirs = render(replace(person, teeth=replace(blank, upper=green)), units).image
    teeth = changed(ours, theirs)
    assert teeth.sum() > 150
    assert (theirs[teeth].astype(int)[:, 1] - theirs[teeth][:, 0]).mean() > 60
    assert np.median(ours[teeth].max(-1)) > 110


def test_poses_are_capped(person: Person) -> None:
    pose = render(person, {}, Pose(50, -50, 50, (3, -3))).pose
    assert pose == Pose(MAX_YAW, -MAX_PITCH, MAX_ROLL, (MAX_GAZE, -MAX_GAZE))


def test_pose_and_gaze_move_the_landmarks_as_named(person: Person) -> None:
    eyes = [0, 1]
    rest = person.landmarks
    assert (render(person, {}, Pose(yaw=10)).landmarks[55] - rest[55])[0] > 3
    assert (render(person, {}, Pose(pitch=8)).landmarks[55] - rest[55])[1] > 2
    rolled = render(person, {}, Pose(roll=10)).landmarks[eyes]
    assert rolled[1, 1] - rolled[0, 1] > 10
    looked = render(person, {}, Pose(gaze=(0.4, 0))).landmarks
    assert (looked[eyes] - rest[eyes])[:, 0].min() > 1
    assert np.abs(looked[50:] - rest[50:]).max() < 0.05


def test_the_hair_outline_follows_the_head(person: Person) -> None:
    assert render(person, {}).outline == pytest.approx(person.outline, abs=0.05)
    moved = render(person, {}, Pose(roll=10)).outline - person.outline
    assert moved[len(moved) // 2, 0] > 10


@pytest.mark.parametrize("units", [{"AU99": 0.5}, {"AU12": 1.5}, {"AU12_L": float("nan")}, {"AU4": -0.1}])
def test_bad_units_are_one_clear_error(person: Person, units: dict[str, float]) -> None:
    with pytest.raises(ExpressionError, match="expected"):
        render(person, units)


# --- teeth from smiles


def test_teeth_are_taken_from_a_smile_and_not_from_a_closed_mouth(
    pack: Path, faces: list[Face], kit: Kit
) -> None:
    smile = load_smiles(pack)[faces[0].sources[0]]
    teeth = harvest_teeth(faces[0], smile, kit)
    assert teeth is not None
    middle = teeth.upper[15:25, teeth.upper.shape[1] // 2 - 20 : teeth.upper.shape[1] // 2 + 20]
    assert middle[..., 3].min() > 0.9
    assert np.ptp(middle[..., :3].mean((0, 1))) < 0.2
    assert harvest_teeth(faces[0], faces[0].image, kit) is None


# --- acting


def test_acting_stays_in_range_and_keeps_its_floor() -> None:
    rng = np.random.default_rng(0)
    for name in CLASSES:
        played = [act(name, rng) for _ in range(60)]
        levels = [level for _, level in played]
        assert all(set(units) <= set(ACTION_UNITS) for units, _ in played)
        assert all(0 <= value <= 1 for units, _ in played for value in units.values())
        assert max(levels) == 0 if name == "neutral" else min(levels) >= LOWEST
    left, right = np.array([[u["AU12_L"], u["AU12_R"]] for u, _ in (act("happy", rng) for _ in range(40))]).T
    assert (left != right).mean() > 0.5


def test_acting_is_drawn_from_the_generator_alone() -> None:
    assert act("sad", np.random.default_rng(3)) == act("sad", np.random.default_rng(3))
    assert random_pose("sad", np.random.default_rng(3)) == random_pose("sad", np.random.default_rng(3))
    assert act("sad", np.random.default_rng(3)) != act("sad", np.random.default_rng(4))


def test_random_poses_stay_within_the_caps() -> None:
    rng = np.random.default_rng(0)
    poses = [random_pose(name, rng) for name in CLASSES for _ in range(60)]
    assert all(pose == pose.capped() for pose in poses)
    assert np.std([pose.yaw for pose in poses]) > 3


def test_an_unknown_class_is_one_clear_error() -> None:
    with pytest.raises(ExpressionError, match="expected one of"):
        act("bored", np.random.default_rng(0))
    with pytest.raises(ExpressionError, match="expected one of"):
        random_pose("bored", np.random.default_rng(0))


# --- the mathematics underneath


def test_push_pull_keeps_what_is_known_and_fills_the_rest() -> None:
    values = np.full((32, 40, 2), 7.0, np.float32)
    weight = np.zeros((32, 40), np.float32)
    weight[10:20, 5:15] = 1
    values[weight == 0] = 99
    assert push_pull(values, weight) == pytest.approx(7, abs=1e-4)


def test_a_thin_plate_passes_through_its_points() -> None:
    rng = np.random.default_rng(0)
    places, moves = rng.uniform(0, 512, (20, 2)), rng.normal(0, 5, (20, 2))
    assert thin_plate(places, moves, places, smooth=0) == pytest.approx(moves, abs=1e-6)
    assert thin_plate(places, np.full_like(moves, 3.0), rng.uniform(0, 512, (9, 2))) == pytest.approx(3.0)


def test_sampling_copies_strided_maps() -> None:
    image = np.arange(100, dtype=np.float32).reshape(10, 10)
    wide = np.dstack(np.meshgrid(np.arange(20, dtype=np.float32) / 2, np.arange(10, dtype=np.float32)))
    assert np.array_equal(sampled(image, wide[:, ::2]), image)
