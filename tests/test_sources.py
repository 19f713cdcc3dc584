"""The importers, on small copies of what the publishers ship."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("numba")

from s2f.corpus.import_portraits import framing, import_portraits, read_template, warp
from s2f.corpus.points import COUNT
from s2f.corpus.register_smile import register
from s2f.corpus.sources import write_whole
from s2f.errors import CorpusError

LINES = [(0, [0, 0]), (0, [1, 1]), (0, [2, 3, 4, 2]), (1, [5, 6, 188])]
SIDE = 400


def marks_of(seed: int, tilt: float = 4, apart: float = 62) -> np.ndarray:
    """189 points of an upright face about the middle of a photograph; 55 is the tip of the nose."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-60, 60, (COUNT, 2)) + (0, 30)
    points[0], points[1] = (-apart / 2, 0), (apart / 2, 0)
    points[55] = (0, 45)
    turn = cv2.getRotationMatrix2D((0, 0), -tilt, 1)[:, :2]
    return np.round(points @ turn.T + (SIDE / 2, SIDE * 0.45), 1)


def texture(seed: int) -> np.ndarray:
    """A photograph with plenty to register: soft blobs of colour."""
    noise = np.random.default_rng(seed).uniform(0, 255, (SIDE, SIDE, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.clip(128 + (soft - soft.mean()) * 8, 0, 255).astype(np.uint8)


def write_template(path: Path, points: np.ndarray, lines: list[tuple[int, list[int]]] = LINES) -> None:
    text = [str(len(points)), *(f"{x:.1f}\t{y:.1f}" for x, y in points), str(len(lines))]
    for closed, joined in lines:
        text += [str(closed), str(len(joined)), " ".join(map(str, joined))]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(text) + "\n")


def write_photo(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path, quality=98)


def moved(rgb: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(rgb, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


@pytest.fixture
def london(tmp_path: Path) -> Path:
    """Two people of the London Set, the first smiling too, with the table beside them."""
    folder = tmp_path / "london"
    for face in ("001", "031"):
        write_template(folder / f"neutral_front/{face}_03.tem", marks_of(int(face)))
        write_photo(folder / f"neutral_front/{face}_03.jpg", texture(int(face)))
    write_photo(folder / "smiling_front/001_08.jpg", moved(texture(1), smile_motion()))
    (folder / "london_info.csv").write_text(
        "face_id,face_age,face_gender,face_eth\n001,24,female,white\n031,NA,male,white\n"
    )
    return folder


def smile_motion() -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 3, 1.03)
    matrix[:, 2] += (9, -12)
    return matrix


def people(pack: Path) -> dict[str, dict[str, str]]:
    with (pack / "people.csv").open(encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def snapshot(pack: Path) -> dict[str, bytes]:
    return {str(path.relative_to(pack)): path.read_bytes() for path in pack.rglob("*") if path.is_file()}


# --- portraits


def test_portraits_are_packed_with_their_landmarks_lines_and_facts(london: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    steps: list[tuple[int, int, str]] = []
    summary = import_portraits(london, pack, progress=lambda *step: steps.append(step))
    assert summary.counts == {"people": 2, "smiling": 1}
    assert summary.notes == ()
    assert str(summary) == f"london portraits: 2 people, 1 smiling -> {pack}"
    assert steps == [(0, 2, "001"), (1, 2, "031"), (2, 2, "")]
    assert sorted(path.name for path in (pack / "portraits").iterdir()) == [
        "london_001_neutral.webp",
        "london_001_smile.webp",
        "london_031_neutral.webp",
    ]
    assert (pack / "people.csv").read_text() == (
        "id,source,age,gender,ethnicity,smile\n"
        "london_001,london,24,female,white,yes\n"
        "london_031,london,,male,white,no\n"
    )
    assert json.loads((pack / "landmark_lines.json").read_text()) == [
        {"closed": bool(closed), "points": joined} for closed, joined in LINES
    ]
    with np.load(pack / "landmarks.npz") as marks:
        assert sorted(marks.files) == ["london_001", "london_031"]
        packed = marks["london_001"]
    assert packed.dtype == np.float32
    np.testing.assert_allclose(packed[:2], [[256, 294.4], [384, 294.4]], atol=1e-3)
    # a similarity keeps shape: all distances grow by one factor
    source = marks_of(1)
    ratio = np.linalg.norm(packed - packed[0], axis=1)[1:] / np.linalg.norm(source - source[0], axis=1)[1:]
    np.testing.assert_allclose(ratio, 128 / np.hypot(*(source[1] - source[0])), rtol=1e-5)


def packed_portrait(tmp_path: Path, marks: np.ndarray) -> Image.Image:
    write_template(tmp_path / "in/001_03.tem", marks)
    write_photo(tmp_path / "in/001_03.jpg", texture(1))
    import_portraits(tmp_path / "in", tmp_path / "pack")
    with Image.open(tmp_path / "pack/portraits/london_001_neutral.webp") as image:
        return image.copy()


def test_a_packed_picture_shows_the_photograph_and_is_clear_where_it_ends(tmp_path: Path) -> None:
    marks = marks_of(1, apart=110)
    image = packed_portrait(tmp_path, marks)
    assert (image.size, image.mode) == ((640, 640), "RGBA")
    packed = np.asarray(image)
    y, x = np.mgrid[:640, :640]
    back = cv2.invertAffineTransform(framing(marks))
    at = (np.stack([x, y], -1) @ back[:, :2].T + back[:, 2]).astype(np.float32)
    inside = ((at >= 0) & (at <= SIDE - 1)).all(-1)
    assert set(np.unique(packed[..., 3])) == {0, 255}
    assert (inside == (packed[..., 3] == 255)).mean() > 0.995
    expected = cv2.remap(texture(1), at[..., 0].copy(), at[..., 1].copy(), cv2.INTER_LINEAR)
    deep = cv2.erode(inside.astype(np.uint8), np.ones((9, 9))) > 0
    assert np.abs(packed[..., :3].astype(int) - expected)[deep].mean() < 6


def test_a_photograph_that_covers_the_frame_has_no_alpha(tmp_path: Path) -> None:
    assert packed_portrait(tmp_path, marks_of(1)).mode == "RGB"
    assert (warp(texture(1), framing(marks_of(1)))[..., 3] == 255).all()


def test_the_smile_lies_on_the_neutral_face(london: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    import_portraits(london, pack)
    pair = []
    for kind in ("neutral", "smile"):
        with Image.open(pack / f"portraits/london_001_{kind}.webp") as image:
            pair.append(np.asarray(image.convert("RGBA")).astype(int))
    both = cv2.erode(((pair[0][..., 3] > 0) & (pair[1][..., 3] > 0)).astype(np.uint8), np.ones((9, 9))) > 0
    assert both.mean() > 0.3
    assert np.abs(pair[0] - pair[1])[both].mean() < 8  # unregistered: about 50


def test_registration_ignores_what_a_smile_moves(tmp_path: Path) -> None:
    neutral, marks = texture(3), marks_of(3, tilt=0)
    smiling = moved(neutral, smile_motion())
    below = int(SIDE * 0.45 + 60)
    smiling[below:] = np.roll(smiling[below:], 25, 1)
    matrix = register(smiling, neutral, marks)
    assert matrix is not None
    corners = np.array([[150, 120], [250, 120], [200, 200]])
    home = np.hstack([corners, np.ones((3, 1))]) @ smile_motion().T
    np.testing.assert_allclose(np.hstack([home, np.ones((3, 1))]) @ matrix.T, corners, atol=0.6)


@pytest.mark.parametrize("other", [texture(9), np.full((SIDE, SIDE, 3), 128, np.uint8)])
def test_what_does_not_match_is_not_registered(other: np.ndarray) -> None:
    assert register(other, texture(3), marks_of(3)) is None


def test_a_smile_that_cannot_be_registered_is_left_out_and_said(london: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    import_portraits(london, pack)
    write_photo(london / "smiling_front/001_08.jpg", texture(77))
    summary = import_portraits(london, pack)
    assert summary.counts["smiling"] == 0
    assert "london_001: the smiling photograph could not be registered" in str(summary)
    assert people(pack)["london_001"]["smile"] == "no"
    assert not (pack / "portraits/london_001_smile.webp").exists()


def test_a_set_without_any_smile_says_so(london: Path, tmp_path: Path) -> None:
    (london / "smiling_front/001_08.jpg").unlink()
    assert "no smiling photographs" in str(import_portraits(london, tmp_path / "pack"))


def test_a_second_run_gives_the_same_pack_and_leaves_nothing_beside_it(london: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    import_portraits(london, pack)
    first = snapshot(pack)
    (pack / "portraits/london_001_neutral.webp").write_bytes(b"half a pict")
    import_portraits(london, pack)
    assert snapshot(pack) == first
    assert not [name for name in first if "/." in name or name.startswith(".")]


def test_two_sources_merge_into_one_pack(london: Path, tmp_path: Path) -> None:
    pack, canada = tmp_path / "pack", tmp_path / "canada"
    for face in ("003f", "129m"):
        write_template(canada / f"{face}.tem", marks_of(int(face[:3])))
        write_photo(canada / f"{face}.jpg", texture(int(face[:3])))
    write_photo(canada / "003f_masculine.jpg", texture(4))
    (canada / "info.csv").write_text("id,sex,age\n003f,female,19\n")
    import_portraits(london, pack)
    summary = import_portraits(canada, pack, source="canada")
    assert summary.counts == {"people": 2, "smiling": 0}
    assert summary.notes == ("no age, gender or ethnicity in any table for 1: 129m",)
    assert list(people(pack)) == ["canada_003f", "canada_129m", "london_001", "london_031"]
    assert people(pack)["canada_003f"] == {
        "id": "canada_003f",
        "source": "canada",
        "age": "19",
        "gender": "female",
        "ethnicity": "white",
        "smile": "no",
    }
    assert people(pack)["canada_129m"]["gender"] == "male"
    with np.load(pack / "landmarks.npz") as marks:
        assert sorted(marks.files) == list(people(pack))


def test_the_older_table_with_x_before_the_number_is_understood(london: Path, tmp_path: Path) -> None:
    (london / "london_info.csv").write_text("face_id,face_sex,face_eth,face_age\nX001,female,white,24.0\n")
    import_portraits(london, tmp_path / "pack")
    row = people(tmp_path / "pack")["london_001"]
    assert (row["age"], row["gender"], row["ethnicity"]) == ("24", "female", "white")


def spoil(folder: Path, how: str) -> None:
    template = folder / "neutral_front/031_03.tem"
    text = template.read_text().splitlines()
    if how == "cut":
        template.write_text("\n".join(text[:100]))
    elif how == "words":
        template.write_text("\n".join([text[0], "here\tthere", *text[2:]]))
    elif how == "nan":
        template.write_text("\n".join([text[0], "nan\t3.0", *text[2:]]))
    elif how == "line":
        template.write_text("\n".join([*text[:-1], "5 6 900"]))
    elif how == "few points":
        write_template(template, marks_of(1)[:68], LINES[:2])
    elif how == "binary":
        template.write_bytes(b"\xff\xfe\x00\x81")
    elif how == "other lines":
        write_template(template, marks_of(31), LINES[:3])
    elif how == "no photograph":
        template.with_suffix(".jpg").unlink()
    elif how == "spoilt photograph":
        template.with_suffix(".jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    elif how == "two copies":
        write_template(folder / "again/031_03.tem", marks_of(31))
    elif how == "spoilt smile":
        (folder / "smiling_front/001_08.jpg").write_bytes(b"")
    elif how == "one place":
        points = marks_of(31)
        points[1] = points[0]
        write_template(template, points)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("cut", r"031_03.tem \(.*\), expected a whole webmorph template; download it again"),
        ("words", "expected a whole webmorph template"),
        ("nan", "a point is not a number"),
        ("line", "a line names points that are not there"),
        ("few points", "with 68 points, expected 189"),
        ("binary", "expected a webmorph template; download it again"),
        ("other lines", "expected one scheme of 189 points for all"),
        ("no photograph", "no photograph beside .*031_03.tem, expected 031_03.jpg; unpack the whole set"),
        ("spoilt photograph", "expected a photograph; download it again"),
        ("two copies", "expected one of each face; leave one copy"),
        ("spoilt smile", "001_08.jpg .*expected a photograph"),
        ("one place", "expected its pupils apart"),
    ],
)
def test_a_spoilt_file_is_one_clear_error(london: Path, tmp_path: Path, how: str, message: str) -> None:
    spoil(london, how)
    with pytest.raises(CorpusError, match=message) as caught:
        import_portraits(london, tmp_path / "pack")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("folder", "source", "message"),
    [
        ("london", "paris", "got source 'paris', expected london or canada"),
        ("nowhere", "london", "nothing there"),
        ("london/london_info.csv", "london", "a file"),
        ("london", "canada", "no landmarks of the canada portraits in .*003f.tem; unpack the whole set"),
    ],
)
def test_a_wrong_wish_is_one_clear_error(
    london: Path, tmp_path: Path, folder: str, source: str, message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        import_portraits(tmp_path / folder, tmp_path / "pack", source=source)
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("people.csv", "id,name\n1,x\n", "with columns id, name, expected id, source, age"),
        ("landmarks.npz", "no arrays", "expected arrays of an earlier import"),
        ("landmark_lines.json", "{", "expected the lines of an import"),
    ],
)
def test_a_pack_that_is_none_is_not_overwritten(
    london: Path, tmp_path: Path, file: str, content: str, message: str
) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / file).write_text(content)
    with pytest.raises(CorpusError, match=message):
        import_portraits(london, pack)
    assert snapshot(pack) == {file: content.encode()}


def test_a_stopped_write_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert snapshot(tmp_path) == {"file": b"old"}


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusError, match="cannot be written .*choose another"):
        write_whole(tmp_path / "file" / "inside", b"x")


def test_templates_are_read_as_they_stand(tmp_path: Path) -> None:
    write_template(tmp_path / "a.tem", marks_of(5))
    template = read_template(tmp_path / "a.tem")
    np.testing.assert_array_equal(template.points, marks_of(5))
    assert [line["points"] for line in template.lines] == [joined for _, joined in LINES]
    assert [line["closed"] for line in template.lines] == [False, False, False, True]
