"""Faces found in drawn photographs, and every supported set read from a small made-up copy in its own
layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("numba")

from s2f.corpus import detect
from s2f.corpus.adapters import adapters, detect_layout, iter_rows
from s2f.corpus.adapters.labels import class_of
from s2f.corpus.adapters.samples import split_by_person
from s2f.corpus.detect import Found, find_face, find_faces, frame
from s2f.corpus.features import ARTIST, COLUMNS
from s2f.errors import CorpusError, ImageError, S2FError
from s2f.expression import CLASSES

FAIR, DARK = (205, 160, 135), (120, 80, 60)


def drawn_photo(size: int = 256, skin: tuple[int, ...] = FAIR, tilt: float = 0) -> np.ndarray:
    """A softly shaded head and shoulders, RGB; `true_pupils` knows where it looks from."""
    big = 4 * size
    unit = big / 256
    page = np.full((big, big, 3), (150, 160, 170), np.uint8)

    def oval(
        x: float,
        y: float,
        a: float,
        b: float,
        colour: Iterable[float],
        arc: tuple[int, int, int] = (0, 360, 0),
    ) -> None:
        line = int(arc[2] * unit) or -1
        centre, axes = (int(x * unit), int(y * unit)), (int(a * unit), int(b * unit))
        cv2.ellipse(page, centre, axes, 0, arc[0], arc[1], tuple(colour), line, cv2.LINE_AA)

    shade, light = [0.8 * c for c in skin], [min(255, 1.12 * c) for c in skin]
    oval(128, 112, 78, 98, (45, 32, 28))
    oval(128, 215, 40, 60, shade)
    oval(128, 250, 100, 45, (70, 80, 110))
    oval(128, 128, 64, 84, skin)
    oval(128, 112, 46, 50, light)
    for side in (-1, 1):
        x = 128 + side * 31
        oval(x, 104, 22, 13, shade)
        oval(x, 107.5, 14, 7, (235, 232, 228))
        oval(x, 107.5, 6.6, 6.6, (70, 50, 40))
        oval(x, 107.5, 3, 3, (10, 10, 10))
        oval(x, 106, 15, 8, (40, 28, 25), (190, 350, 3))
        oval(x, 94, 20, 8, (50, 36, 30), (200, 340, 6))
        oval(128 + side * 50, 150, 14, 26, shade)
    oval(128, 128, 6, 30, light)
    oval(128, 151, 15, 9, shade)
    for side in (-1, 1):
        oval(128 + side * 7, 154, 4, 2.6, [0.55 * c for c in skin])
    oval(128, 178, 26, 7, (170, 85, 85))
    oval(128, 177, 26, 3, (90, 40, 42))
    page = cv2.resize(cv2.GaussianBlur(page, (0, 0), 2.2 * unit), (size, size), interpolation=cv2.INTER_AREA)
    return cv2.warpAffine(page, turn(size, tilt), (size, size), borderMode=cv2.BORDER_REPLICATE)


def turn(size: int, tilt: float) -> np.ndarray:
    return cv2.getRotationMatrix2D((size / 2 - 0.5, size * 0.42 - 0.5), -tilt, 1)


def true_pupils(size: int = 256, tilt: float = 0) -> np.ndarray:
    flat = np.array([[97, 107.5], [159, 107.5]]) / 256 * size - 0.5
    matrix = turn(size, tilt)
    return flat @ matrix[:, :2].T + matrix[:, 2]


def off(found: Found | None, pupils: np.ndarray) -> float:
    """Mean error of the two pupils, in eye distances."""
    assert found is not None
    return float(np.linalg.norm(found.pupils - pupils, axis=1).mean() / np.hypot(*(pupils[1] - pupils[0])))


# --- faces


@pytest.mark.parametrize("skin", [FAIR, DARK], ids=["fair", "dark"])
@pytest.mark.parametrize(("size", "tilt"), [(96, 0), (256, -15), (256, 15), (512, 0)])
def test_the_pupils_of_a_drawn_face_are_found(size: int, tilt: float, skin: tuple[int, ...]) -> None:
    photo = drawn_photo(size, skin, tilt)
    found = find_face(photo)
    assert off(found, true_pupils(size, tilt)) < 0.04
    assert found is not None
    assert abs(found.tilt - tilt) < 2
    assert found.eye_distance == pytest.approx(size * 62 / 256, rel=0.04)
    left, top, right, bottom = found.box
    assert left < found.left[0] < found.right[0] < right
    assert top < found.left[1] < bottom
    assert 0.5 <= found.confidence < 1


def test_a_grey_thumbnail_cut_at_the_face_is_found() -> None:
    close = drawn_photo()[36:218, 37:219]
    small = cv2.cvtColor(cv2.resize(close, (48, 48), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    pupils = (true_pupils() - (37, 36) + 0.5) * 48 / 182 - 0.5
    assert off(find_face(small), pupils) < 0.08


def test_a_small_face_in_a_large_photograph_is_found_where_it_is() -> None:
    page = np.full((900, 1200, 3), 170, np.uint8)
    page[600:728, 900:1028] = drawn_photo(128)
    assert off(find_face(page), true_pupils(128) + (900, 600)) < 0.05


def test_of_two_faces_the_larger_comes_first() -> None:
    page = np.full((300, 600, 3), 170, np.uint8)
    page[20:276, 20:276] = drawn_photo(256)
    page[80:240, 400:560] = drawn_photo(160)
    faces = find_faces(page)
    assert len(faces) == 2
    assert faces[0].eye_distance > faces[1].eye_distance
    assert faces[0].left[0] < 300 < faces[1].left[0]


def test_of_two_equal_faces_the_central_one_comes_first() -> None:
    page = np.full((256, 900, 3), 170, np.uint8)
    page[:, 20:276] = page[:, 360:616] = drawn_photo(256)
    assert 360 < find_faces(page)[0].left[0] < 616


@pytest.mark.parametrize("page", [np.full((200, 300, 3), 128, np.uint8), np.zeros((5, 7), np.uint8)])
def test_no_face_is_none(page: np.ndarray) -> None:
    assert find_face(page) is None
    assert find_faces(page) == []


@pytest.mark.parametrize(
    "page", [np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3), np.float32), np.zeros((0, 3, 3), np.uint8)]
)
def test_what_is_no_picture_is_refused(page: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"got an array .*expected RGB or grey uint8; "):
        find_face(page)


def test_the_frame_has_its_eyes_where_ours_has_them() -> None:
    photo = drawn_photo(256, tilt=12)
    found = find_face(photo)
    assert found is not None
    image, matrix = frame(photo, found, 256)
    moved = true_pupils(256, 12) @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(moved - [[0.38 * 256, 0.47 * 256], [0.62 * 256, 0.47 * 256]]).max() < 0.04 * 0.24 * 256
    assert image.shape == (256, 256, 3)
    assert image.dtype == np.uint8
    again = find_face(image)
    assert again is not None
    assert abs(again.tilt) < 2


def test_the_frame_does_not_depend_on_the_size_of_the_photograph() -> None:
    images = []
    for size in (256, 512):
        pupils = true_pupils(size).tolist()
        found = Found((0, 0, size, size), tuple(pupils[0]), tuple(pupils[1]), 1)
        images.append(frame(drawn_photo(size), found, 128)[0].astype(int))
    assert np.abs(images[0] - images[1]).mean() < 2


def test_where_the_photograph_ends_its_edge_runs_on() -> None:
    photo = drawn_photo(256)[:, 60:196]
    pupils = (true_pupils() - (60, 0)).tolist()
    image, _ = frame(photo, Found((0, 0, 136, 256), tuple(pupils[0]), tuple(pupils[1]), 1), 256)
    assert image[128, :8].std() < 25  # no mirror image, no black bar
    assert image[:, 0].mean() > 20
    grey, _ = frame(photo[..., 0], Found((0, 0, 136, 256), tuple(pupils[0]), tuple(pupils[1]), 1), 256)
    assert grey.shape == (256, 256)


def test_eyes_that_fall_together_are_refused() -> None:
    with pytest.raises(ImageError, match="larger photograph"):
        frame(drawn_photo(64), Found((0, 0, 9, 9), (4, 4), (4.2, 4), 1), 64)


def test_without_dlib_the_error_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "dlib", None)
    detect._detector.cache_clear()
    try:
        with pytest.raises(CorpusError, match=r"dlib is not installed, .*pip install 's2f\[corpus\]'"):
            find_face(drawn_photo(64))
    finally:
        detect._detector.cache_clear()


# --- sets

PHOTO = drawn_photo(64)


def write(folder: Path, *files: str, photo: np.ndarray = PHOTO) -> None:
    for number, file in enumerate(files):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".txt", ".xml", ".csv"):
            path.write_text("", encoding="utf-8")
        else:
            shade = np.roll(photo, number, 1)  # so that no two pictures are the same
            suffix = {".jpg": ".jpg", ".JPG": ".jpg"}.get(path.suffix, path.suffix)
            path.write_bytes(cv2.imencode(suffix, cv2.cvtColor(shade, cv2.COLOR_RGB2BGR))[1].tobytes())


def told(photo: np.ndarray) -> Found:
    """Where a framed-as-drawn face of any size looks from: adapters are tested apart from the detector."""
    height, width = photo.shape[:2]
    left, right = (true_pupils() / 256 * (width, height)).tolist()
    return Found((0, 0, width, height), tuple(left), tuple(right), 1)


def rows_of(
    folder: Path, find: Callable[[np.ndarray], Found | None] = told, **options: Any
) -> tuple[list[dict[str, Any]], Counter[str]]:
    counts: Counter[str] = Counter()
    options = {"size": 32, "sketches": ()} | options
    rows = list(iter_rows(folder, counts=counts, find=find, **options))
    assert counts["rows"] == len(rows)
    return rows, Counter({reason: number for reason, number in counts.items() if reason != "rows"})


def labels(rows: list[dict[str, Any]]) -> list[str | None]:
    return [None if row["expression"] is None else CLASSES[row["expression"]] for row in rows]


def test_kdef(tmp_path: Path) -> None:
    codes = {"NE": "neutral", "HA": "happy", "SA": "sad", "SU": "surprised", "AN": "angry", "DI": "disgusted"}
    codes["AF"] = "fearful"
    write(tmp_path, *[f"KDEF/AF01/AF01{code}S.JPG" for code in codes])
    write(tmp_path, "KDEF/AF01/AF01ANHL.JPG", "KDEF/AF01/AF01ANFR.JPG", "KDEF/BM35/BM35HAS.JPG")
    write(tmp_path, "KDEF/BF01/BF01NES.JPG")
    assert detect_layout(tmp_path) == "kdef"
    rows, passed = rows_of(tmp_path)
    assert dict(passed) == {"turned away": 2}
    assert sorted(labels(rows)) == sorted([*codes.values(), "happy", "neutral"])
    assert {row["identity"] for row in rows} == {"kdef-F01", "kdef-M35"}  # session B is the same person
    assert {row["gender"] for row in rows if row["identity"] == "kdef-M35"} == {"male"}
    assert all(
        row["intensity"] == (label != "neutral") for row, label in zip(rows, labels(rows), strict=True)
    )


def ck_plus(folder: Path, take: str, label: float | None, frames: int = 6) -> None:
    subject, number = take.split("/")
    write(
        folder, *[f"cohn-kanade-images/{take}/{subject}_{number}_{k:08d}.png" for k in range(1, frames + 1)]
    )
    if label is not None:
        path = folder / f"Emotion/{take}/{subject}_{number}_{frames:08d}_emotion.txt"
        path.parent.mkdir(parents=True)
        path.write_text(f"   {label:.7e}\n")


def test_ck_plus(tmp_path: Path) -> None:
    for take, label in (("S005/001", 3), ("S010/002", 7), ("S010/003", 2), ("S011/001", None)):
        ck_plus(tmp_path, take, label)
    assert detect_layout(tmp_path) == "ckplus"
    rows, passed = rows_of(tmp_path)
    assert dict(passed) == {"contempt: not one of our classes": 3, "sequence without a label": 1}
    by_person = Counter((row["identity"], label) for row, label in zip(rows, labels(rows), strict=True))
    assert by_person == {
        ("ckplus-S005", "neutral"): 1,
        ("ckplus-S005", "disgusted"): 3,
        ("ckplus-S010", "neutral"): 2,
        ("ckplus-S010", "surprised"): 3,
    }


def test_ck_plus_without_its_labels_says_what_to_unpack(tmp_path: Path) -> None:
    ck_plus(tmp_path, "S005/001", None)
    with pytest.raises(CorpusError, match="unpack the emotion labels"):
        rows_of(tmp_path)
    path = tmp_path / "Emotion/S005/001/S005_001_00000006_emotion.txt"
    path.parent.mkdir(parents=True)
    path.write_text("happy")
    with pytest.raises(CorpusError, match="got 'happy' .*expected a number from 0 to 7"):
        rows_of(tmp_path)


def test_mug(tmp_path: Path) -> None:
    write(tmp_path, *[f"subjects3/001/anger/take000/img_{k:04d}.jpg" for k in range(11)])
    write(tmp_path, *[f"subjects3/001/neutral/take000/img_{k:04d}.jpg" for k in range(4)])
    write(tmp_path, *[f"subjects3/002/mixed/take001/img_{k:04d}.jpg" for k in range(2)])
    write(tmp_path, "manual/images/020_fe_001_0042.jpg", "manual/images/020_zz_001_0042.jpg")
    assert detect_layout(tmp_path) == "mug"
    rows, passed = rows_of(tmp_path)
    assert dict(passed) == {"mixed: not one of our classes": 2, "without a label": 1}
    found = Counter((row["identity"], label) for row, label in zip(rows, labels(rows), strict=True))
    assert found == {
        ("mug-001", "angry"): 3,
        ("mug-001", "neutral"): 2,
        ("mug-020", "fearful"): 1,
    }
    manual = next(row for row in rows if row["identity"] == "mug-020")
    assert manual["intensity"] is None


def test_rafd(tmp_path: Path) -> None:
    write(
        tmp_path,
        "Rafd090_01_Caucasian_female_angry_frontal.jpg",
        "Rafd090_45_Moroccan_male_surprised_left.jpg",
        "Rafd090_01_Caucasian_female_contemptuous_frontal.jpg",
        "Rafd045_01_Caucasian_female_angry_frontal.jpg",
        "Rafd090_60_Kid_male_happy_frontal.jpg",
    )
    assert detect_layout(tmp_path) == "rafd"
    rows, passed = rows_of(tmp_path)
    assert dict(passed) == {"contemptuous: not one of our classes": 1, "turned away": 1, "a child": 1}
    assert labels(rows) == ["angry", "surprised"]
    assert [(row["gender"], row["ethnicity"]) for row in rows] == [("female", "white"), ("male", "moroccan")]


def test_cfee_needs_its_numbers_explained(tmp_path: Path) -> None:
    write(tmp_path, *[f"CFEE_Database_230/01-04/Images1/{k:02d}_126_39{k:02d}.jpg" for k in (1, 2, 8)])
    assert detect_layout(tmp_path) == "cfee"
    with pytest.raises(CorpusError, match=r"no categories.csv .*such as 2,happy; write it from the sheet"):
        rows_of(tmp_path)
    (tmp_path / "categories.csv").write_text("number,name\n1,Neutral\n2,Happy\n8,Happily surprised\n")
    rows, passed = rows_of(tmp_path)
    assert labels(rows) == ["neutral", "happy"]
    assert {row["identity"] for row in rows} == {"cfee-126"}
    assert dict(passed) == {"a compound expression": 1}
    (tmp_path / "categories.csv").write_text("1,Neutral\n")
    with pytest.raises(CorpusError, match="got category 2 of .*add its line"):
        rows_of(tmp_path)
    (tmp_path / "categories.csv").write_text("1,Neutral\ntwo happy\n")
    with pytest.raises(CorpusError, match="got 'two happy' in .*mend that line"):
        rows_of(tmp_path)


def test_mmi_stills(tmp_path: Path) -> None:
    write(tmp_path, *[f"Sessions/{k}/S00{k}-00{k}.jpg" for k in (1, 2, 3, 4)])
    for k, value in ((1, "4"), (2, "7"), (3, "Happiness")):
        tags = f'<Metatag Name="AUs" Value="12"/><Metatag Name="Emotion" Value="{value}"/>'
        (tmp_path / f"Sessions/{k}/S00{k}-00{k}.xml").write_text(f"<Metadata>{tags}</Metadata>")
    (tmp_path / "categories.csv").write_text("4,happiness\n7,scream\n")
    assert detect_layout(tmp_path) == "mmi"
    rows, passed = rows_of(tmp_path)
    assert [(row["identity"], label) for row, label in zip(rows, labels(rows), strict=True)] == [
        ("mmi-S001", "happy"),
        ("mmi-S003", "happy"),
    ]
    assert dict(passed) == {"scream: not one of our classes": 1, "without a label": 1}


def fer_pixels(value: int | None = None) -> str:
    small = cv2.resize(PHOTO[..., 1], (48, 48), interpolation=cv2.INTER_AREA)
    return " ".join(map(str, (small if value is None else np.full_like(small, value)).ravel()))


def test_fer2013_as_a_table(tmp_path: Path) -> None:
    usages = ["Training", "PublicTest", "PrivateTest", "Training", "Training", "Training", "Training"]
    lines = [f"{k},{fer_pixels()},{usage}" for k, usage in enumerate(usages)]
    lines += ["7," + fer_pixels() + ",Training", "9," + fer_pixels() + ",Training", "3,1 2 3,Training"]
    (tmp_path / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *lines]))
    assert detect_layout(tmp_path) == "fer2013"
    rows, passed = rows_of(tmp_path)
    expected = ["angry", "disgusted", "fearful", "happy", "sad", "surprised", "neutral"]
    assert labels(rows) == expected
    assert [row["split"] for row in rows[:3]] == ["train", "validation", "test"]
    assert len({row["identity"] for row in rows}) == 7
    assert {row["intensity"] for row in rows} == {None}
    assert dict(passed) == {
        "contempt: not one of our classes": 1,
        "without a label": 1,
        "unreadable": 1,
    }


def test_fer2013_columns_may_be_ordered_and_spaced_otherwise(tmp_path: Path) -> None:
    (tmp_path / "icml_face_data.csv").write_text(f"emotion, Usage, pixels\n3, PrivateTest, {fer_pixels()}\n")
    rows, _ = rows_of(tmp_path)
    assert (labels(rows), rows[0]["split"]) == (["happy"], "test")


def test_fer2013_as_folders(tmp_path: Path) -> None:
    write(
        tmp_path, "train/happy/Training_1.jpg", "train/fear/Training_2.jpg", "test/disgust/PrivateTest_9.png"
    )
    assert detect_layout(tmp_path) == "fer2013"
    rows, _ = rows_of(tmp_path)
    assert sorted((label, row["split"]) for row, label in zip(rows, labels(rows), strict=True)) == [
        ("disgusted", "test"),
        ("fearful", "train"),
        ("happy", "train"),
    ]


def test_cufs_pairs_and_frames_the_artists_drawing(tmp_path: Path) -> None:
    write(tmp_path, "photos/f-005-01.jpg", "photos/m1-007-01.jpg", "photos/m-099-01.jpg")
    drawing = np.full_like(PHOTO, 255)
    drawing[26:28, 23:25] = drawing[26:28, 39:41] = 0  # the pupils, in the photograph's pixels
    write(tmp_path, "sketches/F2-005-01-sz1.jpg", "sketches/m1-007-01-sz1.jpg", photo=drawing)
    write(tmp_path, "sketches/f-044-01-sz1.jpg", photo=drawing)
    assert detect_layout(tmp_path) == "cufs"
    rows, passed = rows_of(tmp_path, size=128)
    assert [(row["identity"], row["gender"]) for row in rows] == [
        ("cufs-f2-005", "female"),
        ("cufs-m1-007", "male"),
    ]
    assert labels(rows) == ["neutral", "neutral"]
    assert dict(passed) == {"without a drawing": 1, "drawing without a photograph": 1}
    assert [row["sketch_style"] for row in rows] == [[ARTIST], [ARTIST]]
    page = rows[0]["sketch"][0]
    assert page.shape == (128, 128)
    dark = np.argwhere(page < 128)[:, ::-1]
    for x in (0.38, 0.62):
        near = dark[np.abs(dark - (x * 128, 0.47 * 128)).max(1) < 8]
        assert np.abs(near.mean(0) - (x * 128, 0.47 * 128)).max() < 2.5


def test_a_drawing_of_another_size_has_its_own_face_found(tmp_path: Path) -> None:
    write(tmp_path, "photo/AR_001.jpg")
    write(tmp_path, "sketch/AR_001.jpg", photo=drawn_photo(96))
    sizes: list[int] = []

    def find(picture: np.ndarray) -> Found | None:
        sizes.append(len(picture))
        return told(picture)

    rows, _ = rows_of(tmp_path, find=find)
    assert sizes == [64, 96]
    assert (
        np.abs(rows[0]["sketch"][0].astype(int) - cv2.cvtColor(rows[0]["image"], cv2.COLOR_RGB2GRAY)).mean()
        < 8
    )
    _, passed = rows_of(tmp_path, find=lambda picture: told(picture) if len(picture) == 64 else None)
    assert dict(passed) == {"no face in the drawing": 1}


def test_cufs_own_parts_are_the_splits(tmp_path: Path) -> None:
    for part in ("training", "testing"):
        number = {"training": 5, "testing": 6}[part]
        write(tmp_path, f"CUHK_{part}_photo/photo/f-00{number}-01.jpg")
        write(tmp_path, f"CUHK_{part}_sketch/sketch/F2-00{number}-01-sz1.jpg")
    assert [row["split"] for row in rows_of(tmp_path)[0]] == ["train", "test"]


def test_cufsf(tmp_path: Path) -> None:
    write(
        tmp_path, "photo/00001fb010_930831.tif", "photo/00001fa010_930831.tif", "photo/00002fa001d_931230.tif"
    )
    write(tmp_path, "photo/00009fa010_930831.tif", "colour/00003_931230_fa_a.ppm")
    write(tmp_path, *[f"original_sketch/0000{k}.jpg" for k in (1, 2, 3, 4)])
    names = "00001fb010_930831.tif\n00002fa001d_931230.tif\n00003fa010_931230.tif\n"
    (tmp_path / "names_of_photos_used_for_drawing_sketches.txt").write_text(names)
    (tmp_path / "photo/00005fa010_930831.ppm.bz2").write_bytes(b"BZh")
    assert detect_layout(tmp_path) == "cufsf"
    rows, passed = rows_of(tmp_path)
    assert [row["identity"] for row in rows] == ["cufsf-00001", "cufsf-00002", "cufsf-00003"]
    assert labels(rows) == [None, None, None]
    assert dict(passed) == {
        "compressed: unpack the .bz2 files": 1,
        "without a drawing": 1,
        "drawing without a photograph": 1,
    }


def test_afad(tmp_path: Path) -> None:
    write(tmp_path, "AFAD-Full/18/111/292943-0.jpg", "AFAD-Full/18/111/292943-1.jpg")
    write(tmp_path, "AFAD-Full/33/112/671487-0.jpg", "AFAD-Full/15/112/1-0.jpg")
    assert detect_layout(tmp_path) == "afad"
    rows, passed = rows_of(tmp_path)
    assert dict(passed) == {"under 18": 1}
    assert [(row["identity"], row["gender"]) for row in rows] == [
        ("afad-292943", "male"),
        ("afad-292943", "male"),
        ("afad-671487", "female"),
    ]
    assert labels(rows) == [None] * 3


def test_ffhq(tmp_path: Path) -> None:
    write(tmp_path, "00000/00000.png", "00000/00001.png", "61000/61234.png")
    assert detect_layout(tmp_path) == "ffhq"
    rows, _ = rows_of(tmp_path)
    assert [row["split"] for row in rows] == ["train", "train", "validation"]
    assert labels(rows) == [None] * 3


def test_celeba_hq_with_what_comes_beside_it(tmp_path: Path) -> None:
    write(tmp_path, *[f"CelebA-HQ-img/{k}.jpg" for k in (0, 1, 2)])
    bare, _ = rows_of(tmp_path)
    assert labels(bare) == [None] * 3
    (tmp_path / "CelebAMask-HQ-attribute-anno.txt").write_text(
        "3\nMale Smiling \n0.jpg  -1 1\n1.jpg  1 -1\n2.jpg  1 1\n"
    )
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").write_text(
        "idx  orig_idx  orig_file\n0  119612  119613.jpg\n1  170000  170001.jpg\n2  190000  190001.jpg\n"
    )
    assert detect_layout(tmp_path) == "celebahq"
    rows, _ = rows_of(tmp_path)
    assert labels(rows) == ["happy", None, "happy"]
    assert [row["gender"] for row in rows] == ["female", "male", "male"]
    assert [row["split"] for row in rows] == ["train", "validation", "test"]
    (tmp_path / "CelebAMask-HQ-attribute-anno.txt").write_text("3\nMale Smiling\n0.jpg 1\n")
    with pytest.raises(CorpusError, match="expected 1 or -1 for each attribute"):
        rows_of(tmp_path)


def test_celeba_hq_in_folders_by_split_and_gender(tmp_path: Path) -> None:
    write(tmp_path, "celeba_hq/train/female/000004.jpg", "celeba_hq/val/male/000006.jpg")
    rows, _ = rows_of(tmp_path)
    assert [(row["gender"], row["split"]) for row in rows] == [("female", "train"), ("male", "validation")]


def test_a_folder_per_label(tmp_path: Path) -> None:
    write(tmp_path, "Happy/a.png", "Happy/b.png", "sadness/c.webp", "contempt/d.png", "raw/e.png")
    assert detect_layout(tmp_path) == "labelled"
    rows, passed = rows_of(tmp_path)
    assert labels(rows) == ["happy", "happy", "sad"]
    assert dict(passed) == {"contempt: not one of our classes": 1, "outside a label's folder": 1}


# --- what holds for all of them


def test_every_word_means_one_class_and_contempt_none() -> None:
    assert class_of(" Anger ") == "angry"
    assert class_of("afraid") == "fearful"
    assert class_of("contempt") is None
    assert all(class_of(name) == name for name in CLASSES)


def test_a_row_has_the_columns_of_the_corpus(tmp_path: Path) -> None:
    write(tmp_path, "happy/a.png")
    rows, _ = rows_of(tmp_path, sketches=("contour", "pencil"), size=64)
    assert set(rows[0]) == {*COLUMNS, "split"}
    row = rows[0]
    assert row["image"].shape == (64, 64, 3)
    assert row["sketch_style"] == ["contour", "pencil"]
    assert all(page.shape == (64, 64) and page.dtype == np.uint8 for page in row["sketch"])
    assert all(page.mean() > 128 for page in row["sketch"])  # dark strokes on white
    assert row["real"] is True
    assert row["action_units"] is row["pose"] is row["landmarks"] is None
    assert row["sources"] == {"host": "labelled:happy/a", "donors": [], "teeth": None}


def test_the_same_copy_gives_the_same_rows_and_another_seed_only_other_drawings(tmp_path: Path) -> None:
    write(tmp_path, "happy/a.png", "sad/b.png")
    first, again, other = (
        rows_of(tmp_path, sketches=("contour",), seed=seed, size=64)[0] for seed in (0, 0, 1)
    )
    for one, two in zip(first, again, strict=True):
        assert one["seed"] == two["seed"]
        np.testing.assert_array_equal(one["sketch"][0], two["sketch"][0])
        np.testing.assert_array_equal(one["image"], two["image"])
    assert [row["seed"] for row in first] != [row["seed"] for row in other]
    assert [row["split"] for row in first] == [row["split"] for row in other]


def test_people_are_split_8_1_1_and_stay_where_they_are() -> None:
    splits = [split_by_person("kdef", f"F{k:03d}") for k in range(2000)]
    share = Counter(splits)
    assert abs(share["train"] / 2000 - 0.8) < 0.03
    assert abs(share["validation"] / 2000 - 0.1) < 0.02
    assert splits[:50] == [split_by_person("kdef", f"F{k:03d}") for k in range(50)]
    assert splits != [split_by_person("rafd", f"F{k:03d}") for k in range(2000)]


def test_all_pictures_of_a_person_are_in_one_split(tmp_path: Path) -> None:
    write(
        tmp_path,
        *[f"{s}F{k:02d}/{s}F{k:02d}{code}S.JPG" for s in "AB" for k in range(1, 9) for code in ("HA", "NE")],
    )
    rows, _ = rows_of(tmp_path)
    where: dict[str, set[str]] = {}
    for row in rows:
        where.setdefault(row["identity"], set()).add(row["split"])
    assert len(where) == 8
    assert all(len(splits) == 1 for splits in where.values())


def test_unreadable_and_faceless_pictures_are_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    write(tmp_path, "happy/good.png", "happy/later.png")
    (tmp_path / "happy/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n rubbish")
    write(tmp_path, "happy/wall.png", photo=np.full((64, 64, 3), 90, np.uint8))

    def find(picture: np.ndarray) -> Found | None:
        return told(picture) if picture.std() > 5 else None

    rows, passed = rows_of(tmp_path, find=find)
    assert [row["identity"] for row in rows] == ["labelled-happy/good", "labelled-happy/later"]
    assert dict(passed) == {"unreadable": 1, "no face": 1}


def test_with_its_own_detector_it_finds_the_drawn_face(tmp_path: Path) -> None:
    write(tmp_path, "happy/face.png", photo=drawn_photo(128))
    write(tmp_path, "happy/wall.png", photo=np.full((64, 64, 3), 90, np.uint8))
    rows, passed = rows_of(tmp_path, find=find_face, size=128)
    assert dict(passed) == {"no face": 1}
    assert off(find_face(rows[0]["image"]), np.array([[0.38, 0.47], [0.62, 0.47]]) * 128) < 0.06


def test_an_unknown_layout_says_what_was_found_and_what_is_known(tmp_path: Path) -> None:
    write(tmp_path, "holiday/beach.jpg", "holiday/dog.jpg", "work/me.png")
    with pytest.raises(CorpusError) as caught:
        detect_layout(tmp_path)
    text = str(caught.value)
    assert (
        "folders holiday, work, 2 .jpg, 1 .png, first holiday/beach.jpg, holiday/dog.jpg, work/me.png" in text
    )
    assert all(f"{name}: {adapter.expects}" in text for name, adapter in adapters.items())
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="without any file"):
        detect_layout(tmp_path / "empty")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "imagenet"}, "got the set 'imagenet', expected one of kdef, "),
        (
            {"name": "kdef"},
            "expected Karolinska Directed Emotional Faces as AF01/AF01ANS.JPG; check the folder",
        ),
        ({"sketches": ("crayon",)}, "got the style 'crayon', expected "),
        ({"sketches": ("freehand",)}, "got the style 'freehand', expected "),
        ({"size": 8}, "got size 8, expected 16 or more"),
    ],
)
def test_wrong_wishes_are_refused_before_the_first_row(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    write(tmp_path, "happy/a.png")
    with pytest.raises(CorpusError, match=message):
        iter_rows(tmp_path, **options)  # no row is asked for


def test_a_missing_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(S2FError, match="nothing there"):
        iter_rows(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(S2FError, match="a file"):
        iter_rows(tmp_path / "file")
