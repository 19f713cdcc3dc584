"""Where a portrait's person ends, what its parts are, and landmarks that cross."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from miniature import MEAN, write_pack

from s2f.corpus.average import AVERAGE, areas, smallest_triangle, triangles, unfolded
from s2f.corpus.backdrops import random_backdrop
from s2f.corpus.look import measure_look
from s2f.corpus.matte import cut_out, on_backdrop, unmixed
from s2f.corpus.portraits import Face, load_portraits
from s2f.corpus.segment import segment


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Face:
    pack: Path = write_pack(tmp_path_factory.mktemp("pack"), people=1, smiles=0)
    return load_portraits(pack)[0]


def disc(landmarks: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    ys, xs = np.mgrid[:512, :512]
    return np.hypot(xs - centre[0], ys - centre[1]) < radius


def test_the_matte_parts_person_and_backdrop(face: Face) -> None:
    matte = cut_out(face.image, face.landmarks)
    lm = face.landmarks
    assert matte.alpha[disc(lm, lm[[0, 1, 129]].mean(0), 90)].min() > 0.99
    assert matte.alpha[:200, :40].max() < 0.05
    assert matte.alpha[:200, -40:].max() < 0.05
    assert np.abs(matte.backdrop[:200, :40] - face.image[:200, :40]).max() < 4


def test_another_backdrop_leaves_the_person(face: Face) -> None:
    matte = cut_out(face.image, face.landmarks)
    blue = np.full((512, 512, 3), (20, 40, 160), np.float32)
    moved = on_backdrop(face.image, matte, blue)
    inside = cv2.erode((matte.alpha > 0.999).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert inside.mean() > 0.2
    assert np.abs(moved[inside] - face.image[inside]).max() < 0.5
    assert np.abs(moved[:200, :40] - blue[:200, :40]).max() < 12
    # nothing between them is darker or lighter than both
    assert moved.min() > -1
    assert unmixed(face.image, matte)[inside] == pytest.approx(face.image[inside], abs=1e-3)


def test_no_backdrop_is_guessed_where_none_is(face: Face) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3)).astype(np.uint8)
    assert (cut_out(noise, face.landmarks).alpha == 1).all()


def test_parts_have_their_places(face: Face) -> None:
    matte = cut_out(face.image, face.landmarks)
    lab = cv2.cvtColor(face.image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    parts, lm = segment(lab, face.image, face.landmarks, matte), face.landmarks
    look = measure_look(face.image, lm)
    assert parts.skin_lab == pytest.approx(look["skin"])
    assert parts.hair_lab == pytest.approx(look["hair"])
    for cheek in (165, 168, 158, 161):
        assert parts.skin[disc(lm, lm[cheek], 4)].mean() > 0.85
        assert parts.hair[disc(lm, lm[cheek], 4)].max() < 0.1
    crown = 0.5 * (lm[139] + lm[151])
    assert parts.hair[disc(lm, crown, 6)].mean() > 0.85
    assert parts.brows[disc(lm, lm[[73, 83]].mean(0), 2)].mean() > 0.5
    ring = np.linalg.norm(lm[2:10] - lm[0], axis=1).mean()
    assert parts.iris[disc(lm, lm[0], 0.2 * ring)].max() < 0.2  # the pupil stays black
    assert parts.iris[~disc(lm, lm[0], 1.3 * ring) & ~disc(lm, lm[1], 1.3 * ring)].max() == 0
    total = parts.skin + parts.hair + parts.clothing
    assert total.max() < 1.35
    assert total[:200, :40].max() < 0.1


def test_backdrops_differ_and_follow_their_seed() -> None:
    papers = [random_backdrop(np.random.default_rng(k)) for k in range(12)]
    assert (papers[0] == random_backdrop(np.random.default_rng(0))).all()
    for paper in papers:
        assert paper.shape == (512, 512, 3)
        assert np.isfinite(paper).all()
        assert -20 < paper.min() < paper.max() < 275
    middles = np.array([paper.mean((0, 1)) for paper in papers])
    assert np.linalg.norm(middles[:, None] - middles[None], axis=-1)[~np.eye(12, dtype=bool)].min() > 2


def test_all_triangles_of_the_average_turn_one_way() -> None:
    assert (areas(AVERAGE, triangles()) > 0).all()
    assert smallest_triangle(AVERAGE) == pytest.approx(1)
    assert smallest_triangle(MEAN) > 0.5
    assert smallest_triangle(3 * MEAN) == pytest.approx(9 * smallest_triangle(MEAN))


def test_crossed_creases_are_laid_beside_what_they_crossed() -> None:
    assert (unfolded(MEAN) == MEAN).all()
    crossed = MEAN.copy()
    crossed[[176, 177, 178], 1] = MEAN[[104, 106, 108], 1] - 12  # above the lip
    assert smallest_triangle(crossed) < 0
    mended = unfolded(crossed)
    assert smallest_triangle(mended) > 0.1
    assert np.abs(mended - MEAN).max() < 12
    others = np.setdiff1d(np.arange(189), [*range(34, 50), *range(83, 87), *range(158, 183)])
    assert (mended[others] == MEAN[others]).all()
