"""What holds for every set that an adapter reads."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from s2f.corpus.adapters import adapters, detect_layout, iter_rows
from s2f.corpus.adapters.labels import class_of
from s2f.corpus.adapters.samples import split_by_person
from s2f.corpus.detect import Found, find_face
from s2f.corpus.features import COLUMNS
from s2f.errors import CorpusError, S2FError
from s2f.expression import CLASSES
from tests.set_copies import drawn_photo, off, rows_of, told, write


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
