"""People who do not exist: loading, splitting, mixing, rejecting, measuring, styling, photographing them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from miniature import MEAN, write_pack

from s2f.corpus import points as at
from s2f.corpus.geometry import rescaled
from s2f.corpus.look import measure_look
from s2f.corpus.mirror import mirror
from s2f.corpus.morph import new_identity, synthesise
from s2f.corpus.people import Source, Sources, draw_sources, split_people
from s2f.corpus.portraits import Face, load_portraits, load_smiles
from s2f.corpus.reject import measures, reject
from s2f.corpus.restyle import study, styled
from s2f.corpus.studio import photograph, restyle
from s2f.errors import CorpusError
from s2f.image import EYE_DISTANCE, EYE_LINE
from s2f.look import to_lab, to_rgb

GROUPS = {"white": 105, "black": 11, "west_asian": 8, "east_asian": 8}
PUPILS = np.array([[0.5 - EYE_DISTANCE / 2, EYE_LINE], [0.5 + EYE_DISTANCE / 2, EYE_LINE]]) * 512 - 0.5


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("pack"), people=9, smiles=2)


@pytest.fixture(scope="module")
def faces(pack: Path) -> list[Face]:
    return load_portraits(pack)


@pytest.fixture(scope="module")
def person(faces: list[Face]) -> Face:
    return new_identity(faces, np.random.default_rng(3))[0]


def crowd() -> list[Face]:
    """As many people of each group as there are, without pictures."""
    nothing = np.zeros(0)
    kinds = [(group, number) for group, count in GROUPS.items() for number in range(count)]
    return [
        Face(nothing, nothing, ("female", "male")[number % 2], group, (f"{group}_{number:03d}",))
        for group, number in kinds
    ]


# ---------------------------------------------------------------- portraits


def test_everybody_is_framed_alike(faces: list[Face]) -> None:
    assert [face.sources for face in faces] == [(f"mini_{k:03d}",) for k in range(9)]
    for face in faces:
        assert face.image.shape == (512, 512, 3)
        assert face.image.dtype == np.uint8
        assert np.abs(face.landmarks[list(at.PUPILS)] - PUPILS).max() < 0.01


def test_a_smile_has_the_frame_of_its_neutral_photograph(pack: Path, faces: list[Face]) -> None:
    smiles = load_smiles(pack)
    assert list(smiles) == ["mini_000", "mini_001"]
    brow, mouth = np.s_[60:225, 150:360], np.s_[330:420, 180:330]
    for name, smile in smiles.items():
        neutral = next(face.image for face in faces if face.sources == (name,))
        apart = np.abs(smile.astype(int) - neutral)
        assert apart[brow].mean() < 3
        assert apart[mouth].mean() > 3 * apart[brow].mean()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("people.csv", None),
        ("people.csv", b"id,gender\nmini_000,female\n"),
        ("people.csv", b"\xff\xfe\x00\x01"),
        ("landmarks.npz", None),
        ("landmarks.npz", b"PK\x03\x04 not an archive"),
        ("landmarks.npz", b""),
        ("portraits/mini_000_neutral.webp", None),
        ("portraits/mini_000_neutral.webp", b"RIFF1234WEBP"),
        ("portraits/mini_000_neutral.webp", b""),
    ],
)
def test_a_damaged_pack_is_one_sentence(tmp_path: Path, pack: Path, name: str, content: bytes | None) -> None:
    for path in pack.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(pack)
            copy.parent.mkdir(exist_ok=True)
            copy.hardlink_to(path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=r"^got .*expected .*; .*") as error:
        load_portraits(tmp_path)
    assert "\n" not in str(error.value)


def test_landmarks_that_are_no_face_are_refused(tmp_path: Path, pack: Path) -> None:
    (tmp_path / "portraits").mkdir()
    (tmp_path / "people.csv").write_bytes((pack / "people.csv").read_bytes())
    with np.load(pack / "landmarks.npz") as marks:
        points = {name: marks[name] for name in marks.files}
    for wrong in (points["mini_000"][:100], np.full((189, 2), np.nan)):
        np.savez(tmp_path / "landmarks.npz", **{**points, "mini_000": wrong})
        with pytest.raises(CorpusError, match=r"got .*mini_000.*expected"):
            load_portraits(tmp_path)


# ---------------------------------------------------------------- splits and casts


def test_splits_share_nobody_and_hold_every_group() -> None:
    people = split_people(crowd())
    names = {split: {face.sources[0] for face in some} for split, some in people.items()}
    assert list(people) == ["train", "validation", "test"]
    assert sum(map(len, names.values())) == len(set().union(*names.values())) == 132
    for some in people.values():
        assert {face.group for face in some} == set(GROUPS)
        assert {face.gender for face in some} == {"female", "male"}
    assert 0.7 < len(people["train"]) / 132 < 0.82
    assert 0.05 < len(people["validation"]) / 132 < 0.14
    assert 0.1 < len(people["test"]) / 132 < 0.19


def test_a_split_depends_on_names_alone() -> None:
    everybody = crowd()
    shuffled = [everybody[k] for k in np.random.default_rng(0).permutation(len(everybody))]
    first, second = split_people(everybody), split_people(shuffled)
    for split in first:
        assert {f.sources for f in first[split]} == {f.sources for f in second[split]}


def test_casts_are_even_and_keep_to_gender_and_split() -> None:
    train = split_people(crowd())["train"]
    rng = np.random.default_rng(1)
    casts = [draw_sources(train, rng) for _ in range(1600)]
    hosts = Counter((c.host.face.group, c.host.face.gender) for c in casts)
    assert len(hosts) == 8
    assert min(hosts.values()) > 140
    assert max(hosts.values()) < 260
    inside = set(map(id, train))
    for c in casts:
        all_faces = [c.host.face, *(donor.face for donor in c.donors)]
        assert len(c.donors) in (2, 3)
        assert len({id(face) for face in all_faces}) == len(all_faces)
        assert {id(face) for face in all_faces} <= inside
        assert {face.gender for face in all_faces} == {c.host.face.gender}
    whites = [c for c in casts if c.host.face.group == "white"]
    own = [donor.face.group == "white" for c in whites for donor in c.donors]
    assert np.mean(own) > 0.85  # three in four on purpose, and most of the others are white
    flips = [s.mirrored for c in casts for s in (c.host, *c.donors)]
    assert 0.46 < np.mean(flips) < 0.54


def test_two_people_are_too_few() -> None:
    with pytest.raises(CorpusError, match="expected at least 3"):
        draw_sources(crowd()[:2], np.random.default_rng(0))


# ---------------------------------------------------------------- mirrors and mixtures


def test_mirrors_undo_each_other_and_move_landmarks_with_pixels(faces: list[Face]) -> None:
    there = mirror(faces[0])
    back = mirror(there)
    assert there.mirrored
    assert not back.mirrored
    assert (back.image == faces[0].image).all()
    assert np.allclose(back.landmarks, faces[0].landmarks)
    assert np.abs(there.landmarks - faces[0].landmarks).max() < 20  # an average face is nearly symmetric
    assert (there.image[100, 120] == faces[0].image[100, 511 - 120]).all()


def test_a_mixture_is_sound_framed_and_new(faces: list[Face], person: Face) -> None:
    assert person.image.shape == (512, 512, 3)
    assert person.image.dtype == np.uint8
    assert np.abs(person.landmarks[list(at.PUPILS)] - PUPILS).max() < 0.01
    assert measures(person)
    assert reject(person) is None
    assert set(person.sources) <= {face.sources[0] for face in faces}
    assert 3 <= len(person.sources) == len(set(person.sources)) <= 4
    for face in faces:
        assert np.abs(person.landmarks - face.landmarks).max() > 1.5


def test_landmarks_lie_where_the_pixels_went(faces: list[Face]) -> None:
    """Dots at some landmarks of every source come out at those landmarks of the mixture."""
    dots = (87, 93, 55, 129, 21)
    marked = []
    for face in faces[:6:2]:
        image = face.image.copy()
        for k in dots:
            x, y = face.landmarks[k]
            cv2.circle(image, (round(x * 16), round(y * 16)), 5 * 16, (0, 255, 0), -1, cv2.LINE_AA, 4)
        marked.append(replace(face, image=image))
    mixed = synthesise(
        Sources(Source(marked[0], False), (Source(marked[1], False), Source(marked[2], True))),
        np.random.default_rng(0),
    )
    green = mixed.image[..., 1].astype(float) - mixed.image[..., [0, 2]].max(-1)
    ys, xs = np.mgrid[:512, :512]
    for x, y in mixed.landmarks[list(dots)]:
        near = np.maximum(green, 40) * (np.hypot(xs - x, ys - y) < 10) - 40 * (np.hypot(xs - x, ys - y) < 10)
        if near.sum() > 400:
            assert np.hypot((near * xs).sum() / near.sum() - x, (near * ys).sum() / near.sum() - y) < 1.5
    assert (green > 60).sum() > 150


def test_a_seed_gives_the_same_person_and_another_seed_another(faces: list[Face], person: Face) -> None:
    again, reasons = new_identity(faces, np.random.default_rng(3))
    other, _ = new_identity(faces, np.random.default_rng(4))
    assert (again.image == person.image).all()
    assert (again.landmarks == person.landmarks).all()
    assert again.sources == person.sources
    assert sum(reasons.values()) >= 0
    assert other.sources != person.sources or (other.image != person.image).any()


def test_a_smaller_picture_is_of_the_same_person(pack: Path, faces: list[Face]) -> None:
    small = load_portraits(pack, 256)
    assert all(face.size == 256 for face in small)
    stages = (
        (lambda people, rng: new_identity(people, rng)[0], 1.5),
        (lambda people, rng: restyle(people[4], rng), 5),  # strands lie elsewhere
    )
    for stage, most in stages:
        large, little = (stage(people, np.random.default_rng(3)) for people in (faces, small))
        assert little.image.shape == (256, 256, 3)
        assert rescaled(little.landmarks, 2) == pytest.approx(large.landmarks, abs=0.2)
        assert (little.sources, little.worn) == (large.sources, large.worn)
        shrunk = cv2.resize(large.image, (256, 256), interpolation=cv2.INTER_AREA)
        away = cv2.blur(shrunk, (7, 7)).astype(int) - cv2.blur(little.image, (7, 7))  # grain is another's
        assert np.abs(away).mean() < most


def test_a_face_is_studied_once_for_any_number_of_styles(faces: list[Face]) -> None:
    known = study(faces[1])
    first, other, again = (styled(known, np.random.default_rng(seed)).image for seed in (1, 2, 1))
    assert (first == again).all()
    assert (first == restyle(faces[1], np.random.default_rng(1)).image).all()
    assert (first != other).any()


# ---------------------------------------------------------------- rejection


def painted(person: Face, points: list[int], colour: tuple[int, int, int], radius: int) -> Face:
    image = person.image.copy()
    for k in points:
        x, y = person.landmarks[k].round().astype(int)
        cv2.circle(image, (int(x), int(y)), radius, colour, -1)
    return replace(person, image=image)


def test_broken_faces_are_rejected(person: Face) -> None:
    assert reject(person) is None
    crossed = person.landmarks.copy()
    crossed[[19, 20, 21]], crossed[[28, 29, 30]] = crossed[[28, 29, 30]].copy(), crossed[[19, 20, 21]].copy()
    crossed[[104, 105, 106, 107, 108], 1] -= 60
    assert reject(replace(person, landmarks=crossed)) is not None
    green = painted(person, [158, 159, 160, 165], (60, 190, 90), 22)
    assert reject(green) is not None
    pale = painted(person, [0, 1], (225, 232, 240), 12)
    dark = replace(pale, image=np.where(pale.image == person.image, person.image // 3, pale.image))
    assert reject(dark) is not None
    blurred = replace(person, image=cv2.GaussianBlur(person.image, (0, 0), 6))
    assert reject(blurred) is not None


# ---------------------------------------------------------------- looks


def flat_face(
    skin: tuple[int, ...], hair: tuple[int, ...], eye: tuple[int, ...], lip: tuple[int, ...]
) -> np.ndarray:
    """One colour per part, wider than where it is measured."""
    lm = MEAN.round().astype(np.int32)
    image = np.full((512, 512, 3), 190, np.uint8)
    cv2.fillPoly(image, [lm[145:158]], hair)
    cv2.fillPoly(image, [lm[list(at.FACE_RING)]], skin)
    for side in (0, 1):
        cv2.fillPoly(
            image, [np.vstack([lm[list(at.UPPER_LID[side])], lm[list(at.LOWER_LID[side])][::-1]])], (240,) * 3
        )
        centre = tuple(int(v) for v in lm[list(at.IRIS[side])].mean(0).round())
        cv2.circle(image, centre, 12, eye, -1)
        cv2.circle(image, centre, 4, (0, 0, 0), -1)
    cv2.fillPoly(image, [np.vstack([lm[list(at.LIP_TOP)], lm[list(at.LIP_BOTTOM)][::-1]])], lip)
    return image


def test_looks_of_flat_colours_are_exact() -> None:
    colours = {"skin": (212, 168, 140), "hair": (70, 44, 26), "eye": (70, 96, 120), "lip": (170, 84, 90)}
    look = measure_look(flat_face(*colours.values()), MEAN)
    for part, rgb in colours.items():
        assert look[part] == pytest.approx(tuple(to_lab(np.array(rgb, np.uint8))), abs=0.02), part


def test_the_bald_have_no_hair_colour() -> None:
    skin = (212, 168, 140)
    look = measure_look(flat_face(skin, skin, (70, 96, 120), (170, 84, 90)), MEAN)
    assert look["hair"] is None
    assert look["skin"] is not None


def test_lab_is_that_of_the_standard() -> None:
    known = {  # CIE Lab of sRGB under D65
        (255, 255, 255): (100, 0, 0),
        (255, 0, 0): (53.24, 80.09, 67.20),
        (0, 255, 0): (87.73, -86.18, 83.18),
        (0, 0, 255): (32.30, 79.19, -107.86),
        (128, 128, 128): (53.59, 0, 0),
        (20, 20, 20): (6.32, 0, 0),
    }
    for rgb, lab in known.items():
        assert to_lab(np.array(rgb, np.uint8)) == pytest.approx(lab, abs=0.1)
    every = np.random.default_rng(0).integers(0, 256, (500, 3)).astype(np.uint8)
    assert np.abs(to_rgb(to_lab(every)) - every).max() < 0.01


# ---------------------------------------------------------------- the studio


def test_restyling_changes_pixels_and_nothing_else(person: Face) -> None:
    styles = [restyle(person, np.random.default_rng(k)) for k in range(6)]
    for style in styles:
        assert style.image.shape == (512, 512, 3)
        assert style.image.dtype == np.uint8
        assert (style.landmarks == person.landmarks).all()
        assert (style.sources, style.gender) == (person.sources, person.gender)
    assert (restyle(person, np.random.default_rng(0)).image == styles[0].image).all()
    corners = np.array([style.image[5:60, 5:40].mean((0, 1)) for style in styles])
    assert np.ptp(corners, axis=0).max() > 30  # backdrops differ
    outlines = [style.outline for style in styles]
    assert all(o is not None and np.allclose(o, outlines[0]) for o in outlines)


@pytest.mark.parametrize("size", [128, 512])
def test_photographs_move_landmarks_with_their_pixels(size: int) -> None:
    lm = (MEAN + 0.5) * size / 512 - 0.5
    image = np.full((size, size, 3), 120, np.uint8)
    dots = (87, 93, 129, 0, 1, 151)
    for k in dots:
        x, y = lm[k]
        cv2.circle(
            image, (round(x * 16), round(y * 16)), round(size * 0.15), (250, 250, 250), -1, cv2.LINE_AA, 4
        )
    moved_at_all = 0.0
    for seed in range(8):
        shot, moved = photograph(image, lm, np.random.default_rng(seed))
        assert shot.shape == image.shape
        assert shot.dtype == np.uint8
        light = cv2.GaussianBlur(shot.mean(-1), (0, 0), size / 300)
        ys, xs = np.mgrid[:size, :size]
        for k in dots:
            here = np.hypot(xs - moved[k, 0], ys - moved[k, 1]) < 0.03 * size
            weight = np.maximum(light - (light[here].min() + light[here].max()) / 2, 0) * here
            centre = np.array([(weight * xs).sum(), (weight * ys).sum()]) / weight.sum()
            assert np.linalg.norm(centre - moved[k]) < 0.004 * size
        moved_at_all = max(moved_at_all, float(np.abs(moved - lm).max()))
        assert np.abs(moved[:2] - lm[:2]).max() < 0.05 * size  # the frame holds
    assert moved_at_all > 0.004 * size


def test_photographs_follow_their_seed_and_leave_the_render(person: Face) -> None:
    before = person.image.copy()
    one, two, other = (
        photograph(person.image, person.landmarks, np.random.default_rng(seed))[0] for seed in (1, 1, 2)
    )
    assert (person.image == before).all()
    assert (one == two).all()
    assert np.abs(one.astype(int) - other).mean() > 1
