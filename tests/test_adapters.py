"""Every supported set of expressions, read from a small made-up copy in its own layout."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("numba")

from s2f.corpus.adapters import detect_layout
from s2f.corpus.detect import Found
from s2f.corpus.features import ARTIST
from s2f.errors import CorpusError
from tests.set_copies import PHOTO, drawn_photo, labels, rows_of, told, write


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
