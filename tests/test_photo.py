"""Faces changed inside photographs: put back where they were, without a seam, and nothing else touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("numba")

from s2f.corpus.detect import Found
from s2f.errors import ImageError
from s2f.photo import change_faces, changed_share, find_faces, match, oval
from s2f.provenance import read
from tests.set_copies import DARK, FAIR, drawn_photo

MOUTH = (256, 350)  # in the frame at 512


def scene() -> np.ndarray:
    """A photograph of two people of unlike size and skin, one tilted, before a graded wall."""
    y, x = np.mgrid[:420, :760]
    page = np.stack([150 + x / 20, 140 + y / 12, 160 - x / 30], -1).astype(np.uint8)
    page[80:336, 40:296] = drawn_photo(256, FAIR, -12)
    page[150:342, 500:692] = drawn_photo(192, DARK, 0)
    return page


def by_hand(page: np.ndarray) -> list[Found]:
    """The faces as the detector finds them, found once."""
    return find_faces(Image.fromarray(page))


@pytest.fixture(scope="module")
def photo() -> tuple[np.ndarray, list[Found]]:
    page = scene()
    return page, by_hand(page)


def painted(faces: list[Image.Image]) -> list[Image.Image]:
    out = []
    for face in faces:
        pixels = np.array(face)
        cv2.ellipse(pixels, MOUTH, (46, 20), 0, 0, 360, (30, 200, 60), -1, cv2.LINE_AA)
        out.append(Image.fromarray(pixels))
    return out


def green(page: np.ndarray) -> np.ndarray:
    levels = page.astype(int)
    return (levels[..., 1] > 150) & (levels[..., 0] < 100) & (levels[..., 2] < 120)


def mouth_of(face: Found) -> np.ndarray:
    across = face.pupils[1] - face.pupils[0]
    down = np.array([-across[1], across[0]])
    return face.pupils.mean(0) + down * (MOUTH[1] / 512 - 0.47) / 0.24


def test_every_face_is_found_and_changed_in_its_place(photo: tuple[np.ndarray, list[Found]]) -> None:
    page, faces = photo
    assert len(faces) == 2
    done = change_faces(Image.fromarray(page), painted)
    assert done.changed == [0, 1]
    spots = green(np.asarray(done.image))
    count, _, _, middles = cv2.connectedComponentsWithStats(spots.astype(np.uint8))
    assert count == 3
    for face in done.faces:
        assert np.hypot(*(middles[1:] - mouth_of(face)).T).min() < 0.06 * face.eye_distance


def test_one_face_of_two(photo: tuple[np.ndarray, list[Found]]) -> None:
    page, faces = photo
    done = change_faces(Image.fromarray(page), painted, which=1, faces=faces)
    after = np.asarray(done.image)
    assert done.changed == [1]
    assert green(after)[:, 400:].any()
    assert np.array_equal(after[:, :400], page[:, :400])


def test_what_is_not_changed_is_the_same_to_the_bit(photo: tuple[np.ndarray, list[Found]]) -> None:
    page, faces = photo
    for keep in (False, True):
        same = change_faces(Image.fromarray(page), lambda cuts: cuts, faces=faces, keep_detail=keep)
        assert np.array_equal(np.asarray(same.image), page)
    after = np.asarray(change_faces(Image.fromarray(page), painted, faces=faces).image)
    far = cv2.dilate(green(after).astype(np.uint8), np.ones((41, 41))) == 0
    assert np.array_equal(after[far], page[far])


def test_a_change_of_light_is_taken_back(photo: tuple[np.ndarray, list[Found]]) -> None:
    """A warm cast over the whole cut, and a new mouth: only the mouth arrives."""
    page, faces = photo

    def warm(cuts: list[Image.Image]) -> list[Image.Image]:
        return [
            Image.fromarray(np.clip(np.asarray(cut) * [1.1, 1.0, 0.85] + 6, 0, 255).astype(np.uint8))
            for cut in painted(cuts)
        ]

    plain, cast = (
        np.asarray(change_faces(Image.fromarray(page), how, faces=faces).image).astype(int)
        for how in (painted, warm)
    )
    assert np.abs(cast - plain).max(2).mean() < 0.7
    assert np.quantile(np.abs(cast - plain).max(2), 0.995) <= 8


def test_no_square_is_seen(photo: tuple[np.ndarray, list[Found]]) -> None:
    """A cast that even colour matching cannot undo fades out before the frame's edge."""
    page, faces = photo

    def blotched(cuts: list[Image.Image]) -> list[Image.Image]:
        waves = 40 * np.sin(np.arange(512) / 40)[:, None, None] * np.sin(np.arange(512) / 31)[None, :, None]
        return [Image.fromarray(np.clip(np.asarray(c) + waves, 0, 255).astype(np.uint8)) for c in cuts]

    after = np.asarray(change_faces(Image.fromarray(page), blotched, which=0, faces=faces).image)
    added = cv2.GaussianBlur((after.astype(np.float32) - page).mean(2), (0, 0), 1)
    assert np.abs(added).max() > 15
    steps = np.maximum(np.abs(np.diff(added, axis=0))[:, :-1], np.abs(np.diff(added, axis=1))[:-1])
    assert steps.max() < 9  # the waves' own slope, and nowhere an edge
    assert oval(64)[[0, -1]].max() == oval(64)[:, [0, -1]].max() == 0


def test_detail_beyond_the_frame_stays_where_asked(photo: tuple[np.ndarray, list[Found]]) -> None:
    large = cv2.resize(drawn_photo(256), (1400, 1400), interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).integers(-12, 13, large.shape[:2])[..., None]
    large = np.clip(large.astype(int) + grain, 0, 255).astype(np.uint8)
    faces = [Found((400, 400, 1000, 1000), (530.5, 657.5), (868.5, 657.5), 0.9)]

    def darker_middle(cuts: list[Image.Image]) -> list[Image.Image]:
        pixels = np.asarray(cuts[0]).astype(int)
        pixels[230:290, 200:310] -= 30
        return [Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))]

    kept, lost = (
        np.asarray(
            change_faces(Image.fromarray(large), darker_middle, faces=faces, keep_detail=keep).image
        ).astype(int)
        for keep in (True, False)
    )
    spot = (slice(680, 720), slice(680, 720))
    grains = [float(np.std(np.diff(x[spot].mean(2), axis=1))) for x in (large.astype(int), kept, lost)]
    assert grains[1] > 0.9 * grains[0]
    assert grains[2] < 0.5 * grains[0]


def test_neighbours_keep_their_own() -> None:
    """Frames overlap where people stand close; the one who is changed does not spill over the other."""
    page = np.full((300, 500, 3), 170, np.uint8)
    page[20:276, 0:256] = drawn_photo(256)
    page[40:232, 230:422] = drawn_photo(192, DARK)
    faces = by_hand(page)
    assert len(faces) == 2

    def dark(cuts: list[Image.Image]) -> list[Image.Image]:
        pixels = np.asarray(cuts[0]).copy()
        pixels[:, 256:] //= 2
        return [Image.fromarray(pixels)]

    after = np.asarray(change_faces(Image.fromarray(page), dark, which=0, faces=faces).image)
    other = faces[1]
    box = tuple(
        slice(int(a), int(b)) for a, b in ((other.box[1], other.box[3]), (other.box[0], other.box[2]))
    )
    assert np.array_equal(after[box], page[box])
    assert not np.array_equal(after, page)


def test_a_face_at_the_edge_is_put_back_whole() -> None:
    page = drawn_photo(256)[30:, 60:230]
    done = change_faces(Image.fromarray(page), painted)
    assert done.image.size == (170, 226)
    assert green(np.asarray(done.image)).any()


def test_matching_leaves_a_new_mouth_alone() -> None:
    before = cv2.resize(drawn_photo(256), (128, 128), interpolation=cv2.INTER_AREA)
    after = before.copy()
    cv2.circle(after, (64, 88), 12, (20, 10, 240), -1)
    matched = match(before, after)
    assert np.abs(matched - after).max() < 1.5
    share = changed_share(before, matched)
    assert share[88, 64] == 1
    assert share[30, 64] == 0


def test_no_face_is_said_plainly() -> None:
    with pytest.raises(ImageError, match="no face was found"):
        change_faces(Image.new("RGB", (300, 200), "grey"), painted)


@pytest.mark.parametrize("which", [2, -1, "first", True, 0.0])
def test_a_face_that_is_not_there_is_said(which: object, photo: tuple[np.ndarray, list[Found]]) -> None:
    page, faces = photo
    with pytest.raises(ImageError, match="of 2 found, expected a number from 0 to 1 or 'all'"):
        change_faces(Image.fromarray(page), painted, which=which, faces=faces)  # type: ignore[arg-type]


def test_a_change_that_loses_a_face_is_said(photo: tuple[np.ndarray, list[Found]]) -> None:
    page, faces = photo
    with pytest.raises(ImageError, match="got 1 faces back for 2"):
        change_faces(Image.fromarray(page), lambda cuts: cuts[:1], faces=faces)


def test_restore_by_command(
    photo: tuple[np.ndarray, list[Found]],
    tmp_path: Path,
    run_cli: Callable[..., tuple[int, str, str]],
) -> None:
    import torch

    from s2f.models import Enhancer

    torch.manual_seed(0)
    model = Enhancer(size=64, widths=[8], blocks=1)
    torch.nn.init.normal_(model.leave.weight, std=0.02)
    model.save_pretrained(tmp_path / "enhancer")
    Image.fromarray(photo[0]).save(tmp_path / "photo.png")
    Image.new("RGB", (200, 100)).save(tmp_path / "empty.png")
    words = ("--weights", tmp_path / "enhancer", "--out", tmp_path / "out", "--json", "--strength", 0.5)
    status, out, err = run_cli("restore", tmp_path / "photo.png", tmp_path / "empty.png", *words)
    assert status == 1
    assert "no face was found" in err
    said = json.loads(out)
    assert [Path(row["input"]).name for row in said["failed"]] == ["empty.png"]
    (row,) = said["done"]
    assert row["found"] == 2
    assert all(face["moved"]["skin"] < 2 for face in row["faces"])
    record = read(tmp_path / "out" / "photo.png")
    assert record is not None
    assert record.facts.source_type == "compositeWithTrainedAlgorithmicMedia"
    assert record.facts.models["restorer"].name == "Enhancer"
    status, _, err = run_cli("restore", tmp_path / "photo.png", *words, "--face", 7)
    assert status == 1
    assert "got face 7 of 2 found" in err
