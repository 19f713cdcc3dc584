"""What photographed people are given: long hair, fringes, beards and glasses, in pictures and in drawings."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from miniature import MEAN
from test_freehand import photograph

from s2f.corpus import glasses, tresses
from s2f.corpus.drawn_shapes import EAR, covers
from s2f.corpus.drawn_sight import HAIRLINE
from s2f.corpus.freehand import View, draw, see
from s2f.corpus.glasses import Glasses, choose_glasses, put_on
from s2f.corpus.segment import Parts
from s2f.corpus.tresses import Worn, wear

SKIN, HAIR, WALL = (200, 160, 140), (60, 40, 30), (222, 222, 220)
CENTRE = MEAN[[0, 1]].mean(0)
UNIT = float(np.hypot(*(MEAN[1] - MEAN[0])))
FACE = np.concatenate([MEAN[[109, 110, 111, *range(125, 134), 114, 113, 112]], MEAN[HAIRLINE][::-1]])


def outline() -> np.ndarray:
    away = MEAN[HAIRLINE] - CENTRE
    rim = CENTRE + away * (1 + 60 / np.hypot(*away.T))[:, None]
    t = np.linspace(0, len(rim) - 1, 56)
    return np.stack([np.interp(t, np.arange(len(rim)), rim[:, i]) for i in (0, 1)], -1)


@pytest.fixture(scope="module")
def picture() -> tuple[np.ndarray, np.ndarray]:
    """A flat face with cropped hair, and where that hair grows."""
    image = np.full((512, 512, 3), WALL, np.uint8)
    hair = np.zeros((512, 512), np.uint8)
    cv2.fillPoly(image, [outline().round().astype(np.int32)], HAIR)
    cv2.fillPoly(hair, [outline().round().astype(np.int32)], 1)
    for canvas, colour in ((image, SKIN), (hair, 0)):
        cv2.fillPoly(canvas, [FACE.round().astype(np.int32)], colour)
    grain = np.random.default_rng(0).normal(0, 6, (512, 512, 1))
    return np.clip(image + grain, 0, 255).astype(np.uint8), hair.astype(np.float32)


def parts(hair: np.ndarray) -> Parts:
    """Skin is the face alone, and below the chin the picture is clothes."""
    skin, none, black = np.zeros_like(hair), np.zeros_like(hair), np.zeros(3)
    cv2.fillPoly(skin, [FACE.round().astype(np.int32)], 1)
    clothing = np.zeros_like(hair)
    clothing[int(MEAN[129, 1]) + 10 :] = 1
    return Parts(skin, hair, clothing, none, none, black, black, black, black)


def worn(picture: tuple[np.ndarray, np.ndarray], gender: str, seed: int = 0) -> Worn:
    image, hair = picture
    return wear(image, MEAN, outline(), parts(hair), gender, np.random.default_rng(seed))


def changed(image: np.ndarray, worn: Worn, where: np.ndarray) -> float:
    """Share of an area that looks otherwise."""
    area = np.zeros((512, 512), np.uint8)
    cv2.fillPoly(area, [where.round().astype(np.int32)], 1)
    away = np.abs(worn.image - image.astype(np.float32)).max(-1) > 25
    return float(away[area > 0].mean())


def kinds(monkeypatch: pytest.MonkeyPatch, *odds: float, fringe: float = 0.0) -> None:
    """Only these kinds of long hair: behind the ears, before them, parted anew."""
    monkeypatch.setattr(tresses, "_WOMEN", 1.0)
    monkeypatch.setattr(tresses, "_KINDS", odds)
    monkeypatch.setattr(tresses, "_FRINGE", fringe)


@pytest.mark.parametrize("odds", [(0, 1, 0), (0, 0, 1)])
def test_long_hair_falls_over_the_ears_and_leaves_the_face(
    picture: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch, odds: tuple[float, ...]
) -> None:
    kinds(monkeypatch, *odds)
    given = worn(picture, "female")
    assert len(given.locks) >= 2
    for ear in EAR:
        assert any(covers(lock, MEAN[ear].mean(0)) for lock in given.locks)
        assert changed(picture[0], given, MEAN[ear]) > 0.7
    eyes_nose_mouth = MEAN[[18, 23, 93, 129, 87]]
    assert changed(picture[0], given, eyes_nose_mouth) < 0.02
    # of its own colour, and with locks lighter and darker than it
    beside = given.image[300:400, 60:110].reshape(-1, 3)
    beside = beside[np.abs(beside - WALL).max(1) > 60]
    assert len(beside) > 500
    assert np.abs(np.median(beside, 0) - HAIR).max() < 30
    assert beside.mean(1).std() > 1


def test_hair_let_down_behind_the_ears_leaves_all_that_was_there(
    picture: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds(monkeypatch, 1, 0, 0)
    given = worn(picture, "female")
    assert given.what == ("long_hair",)
    assert (given.outline == outline()).all()
    for ear in EAR:
        assert changed(picture[0], given, MEAN[ear]) < 0.2  # its soft rim
        assert not any(covers(lock, MEAN[ear].mean(0)) for lock in given.locks)
    assert changed(picture[0], given, FACE) < 0.02
    above = int(MEAN[109, 1] - 0.3 * UNIT)
    assert np.abs(given.image[:above] - picture[0][:above]).max() < 2
    for way, ear in zip((-1, 1), EAR, strict=True):  # and hangs beside the neck
        x, y = MEAN[ear].mean(0) + (0.1 * way * UNIT, 0.9 * UNIT)
        beside = given.image[int(y) - 8 : int(y) + 8, int(x) - 8 : int(x) + 8]
        assert np.abs(np.median(beside, (0, 1)) - HAIR).max() < 45


def test_a_fringe_hangs_over_the_forehead(
    picture: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds(monkeypatch, 0, 0, 1, fringe=1.0)
    given = worn(picture, "female")
    brows = MEAN[[74, 79]].mean(0)
    forehead = brows + (MEAN[139] - brows) * 0.7
    assert covers(given.locks[2], forehead)
    assert not any(covers(lock, MEAN[129]) for lock in given.locks)


def test_a_beard_grows_round_the_mouth(
    picture: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tresses, "_BEARD", 1.0)
    monkeypatch.setattr(tresses, "_MEN", 0.0)
    given = worn(picture, "male")
    assert given.locks == ()
    assert changed(picture[0], given, MEAN[[127, 128, 129, 130, 131, 106]]) > 0.5
    assert changed(picture[0], given, MEAN[[87, 90, 93, 106]]) < 0.25
    assert changed(picture[0], given, MEAN[[18, 23, 56, 50]]) < 0.02
    nobody = worn(picture, "female", seed=3)
    assert nobody.locks or (nobody.image == picture[0]).all()


def test_where_no_hair_grows_none_is_given(
    picture: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tresses, "_WOMEN", 1.0)
    bald = wear(picture[0], MEAN, outline(), parts(0 * picture[1]), "female", np.random.default_rng(0))
    assert (bald.image == picture[0]).all()
    assert bald.locks == ()


def test_what_is_given_changes_nothing_of_what_chance_does_next(
    picture: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    after = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(tresses, "_WOMEN", share)
        rng = np.random.default_rng(5)
        wear(picture[0], MEAN, outline(), parts(picture[1]), "female", rng)
        after.append(rng.random())
    assert after[0] == after[1]
    once, again = (worn(picture, "female", seed=1) for _ in range(2))
    assert (once.image == again.image).all()


def test_glasses_stand_round_the_eyes_and_let_them_be_seen(
    picture: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glasses, "WORN", 1.0)
    image = picture[0]
    for seed in range(6):
        pair = choose_glasses(np.random.default_rng(seed))
        assert pair is not None
        seen = put_on(image, MEAN, pair)
        away = np.abs(seen.astype(int) - image).max(-1)
        assert seen.dtype == np.uint8
        assert away[:, : int(MEAN[115, 0]) - 12].max() <= 1  # they end before the ears do
        assert away[int(MEAN[88, 1]) :].max() <= 1
        assert (away[int(CENTRE[1] - 0.5 * UNIT) : int(CENTRE[1] + 0.5 * UNIT)] > 40).sum() > 300
        for pupil in MEAN[[0, 1]].round().astype(int):
            x, y = pupil
            assert away[y - 3 : y + 4, x - 3 : x + 4].mean() < 45
    monkeypatch.setattr(glasses, "WORN", 0.0)
    assert choose_glasses(np.random.default_rng(0)) is None


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Glasses:
    monkeypatch.setattr(glasses, "WORN", 1.0)
    pair = choose_glasses(np.random.default_rng(0))
    assert pair is not None
    return pair


def test_arms_of_glasses_go_under_hair(picture: tuple[np.ndarray, np.ndarray], pair: Glasses) -> None:
    beside = MEAN[115, 0] + 0.3 * UNIT  # from here outwards hair hangs over the left ear
    lock = np.array([(0.0, 0.0), (beside, 0.0), (beside, 511.0), (0.0, 511.0)])
    free, under = (put_on(picture[0], MEAN, pair, locks).astype(int) for locks in ((), (lock,)))
    arm = np.s_[int(CENTRE[1] - 0.3 * UNIT) : int(CENTRE[1]), : int(beside) - 4]
    assert np.abs(free - picture[0])[arm].max() > 60
    assert np.abs(under - picture[0])[arm].max() < 20
    other = np.s_[:, int(CENTRE[0]) :]
    assert (free[other] == under[other]).all()


def test_small_pictures_wear_the_same_glasses(picture: tuple[np.ndarray, np.ndarray], pair: Glasses) -> None:
    large = cv2.resize(put_on(picture[0], MEAN, pair), (256, 256), interpolation=cv2.INTER_AREA)
    small = cv2.resize(picture[0], (256, 256), interpolation=cv2.INTER_AREA)
    small = put_on(small, (MEAN + 0.5) / 2 - 0.5, pair)
    assert np.abs(large.astype(int) - small).mean() < 2.5


def test_a_hand_draws_what_is_worn_and_not_what_it_hides(pair: Glasses) -> None:
    locks = tuple(
        MEAN[EAR[k]].mean(0) + np.array([(-30, -60), (30, -60), (30, 160), (-30, 160)]) for k in (0, 1)
    )
    dark = photograph(beard=1.0)
    plain = View(MEAN, outline(), image=dark)
    assert see(plain).jaw > 0
    assert see(View(MEAN, outline(), image=dark, bearded=False)).jaw == 0
    hidden = View(MEAN, outline(), image=dark, locks=locks, glasses=pair)
    assert len(see(hidden).locks) == 2
    parts: dict[str, int] = {}
    for seed in range(12):
        for part, _ in draw(hidden, np.random.default_rng(seed), skill=0.8).strokes:
            parts[part] = parts.get(part, 0) + 1
    assert not {"ear0", "ear1", "beard"} & set(parts)
    assert parts["glasses"] > 12
