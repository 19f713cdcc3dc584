"""Faces found in drawn photographs, and framed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("numba")

from s2f.corpus import detect
from s2f.corpus.detect import Found, find_face, find_faces, frame
from s2f.errors import CorpusError, ImageError
from tests.set_copies import (
    DARK,
    FAIR,
    drawn_photo,
    off,
    true_pupils,
)


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
