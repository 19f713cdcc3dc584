"""Heads that are made bald: skin over the skull, the backdrop where hair stood, and hands that see it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from miniature import write_pack
from test_freehand import SKIN, face, photograph

from s2f.corpus import points as at
from s2f.corpus import shaven, tresses
from s2f.corpus.freehand import View, draw, see
from s2f.corpus.portraits import Face, load_portraits
from s2f.corpus.restyle import Study, study, styled
from s2f.corpus.shaven import shave
from s2f.look import to_lab


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> list[Face]:
    return load_portraits(write_pack(tmp_path_factory.mktemp("pack"), people=6, smiles=0))


@pytest.fixture
def everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shaven, "_MEN", 1.0)
    monkeypatch.setattr(shaven, "_WOMEN", 1.0)


@pytest.fixture(scope="module")
def known(faces: list[Face]) -> Study:
    """A man whose hair was cut above his ears."""
    image, lm = faces[1].image.copy(), faces[1].landmarks
    head = np.zeros((512, 512), np.uint8)
    cv2.fillPoly(head, [lm[list(at.FACE_RING)].astype(np.int32)], 1)
    head[int(lm[at.CHIN, 1]) - 30 :, 160:352] = 1
    ears = [lm[list(ring)].round().astype(np.int32) for ring in at.EAR_RING]
    low = np.arange(512)[:, None] > lm[list(at.EARS), 1].min()
    cut = low & (head == 0)
    image[cut] = study(faces[1]).matte.backdrop[cut]
    cv2.fillPoly(image, ears, image[300, 150].tolist())
    return study(replace(faces[1], image=image))


def bald(known: Study, seed: int = 0) -> Face:
    made = shave(known, np.random.default_rng(seed))
    assert made is not None
    return made


def over(landmarks: np.ndarray, share: float) -> np.ndarray:
    """Points between the hairline and the skull's top, over the middle of the forehead."""
    line = landmarks[[138, 139, 140]]
    up = line - landmarks[[0, 1]].mean(0)
    unit = at.eye_distance(landmarks)
    return line + up / np.hypot(*up.T)[:, None] * share * unit


def colours(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    x, y = points.round().astype(int).T
    return image[y, x].astype(float)


@pytest.mark.usefixtures("everybody")
def test_skin_goes_on_over_the_skull_and_the_backdrop_comes_down_to_it(known: Study) -> None:
    before, made = known.face, bald(known)
    lm = made.landmarks
    assert made.shaven
    assert not before.shaven
    unit = at.eye_distance(lm)
    skin = np.array(to_lab(before.image)[at_rows(lm)])
    scalp = to_lab(colours(made.image, over(lm, 0.12))[None].astype(np.uint8))[0]
    assert np.abs(scalp[:, 1:] - skin[1:]).max() < 12  # the hue of this person's forehead
    assert np.abs(scalp[:, 0] - skin[0]).max() < 30
    hair = to_lab(colours(before.image, over(lm, 0.12))[None].astype(np.uint8))[0]
    assert np.abs(hair - scalp).max() > 15  # where hair was
    top = made.landmarks[list(at.HAIR), 1].min()
    assert 1.2 < (lm[[0, 1], 1].mean() - top) / unit < 1.75
    above = np.s_[: int(top - 0.1 * unit), 150:362]
    assert np.abs(made.image[above].astype(float) - known.matte.backdrop[above]).mean() < 4


def at_rows(lm: np.ndarray) -> tuple[int, int]:
    x, y = (0.5 * lm[[73, 80]].mean(0) + 0.5 * lm[139]).round().astype(int)
    return int(y), int(x)


@pytest.mark.usefixtures("everybody")
def test_the_face_itself_stays(known: Study) -> None:
    made, before = bald(known), known.face
    inner = np.zeros((512, 512), np.uint8)
    cv2.fillConvexPoly(
        inner, cv2.convexHull(before.landmarks[[*at.JAW[0], *at.JAW[1], 18, 27, 129]].astype(int)), 1
    )
    away = np.abs(made.image.astype(int) - before.image).max(-1)
    assert away[inner > 0].mean() < 2
    others = [k for k in range(at.COUNT) if k not in at.HAIR]
    assert (made.landmarks[others] == before.landmarks[others]).all()


@pytest.mark.usefixtures("everybody")
def test_one_chance_is_one_head(known: Study) -> None:
    first, again, other = (bald(known, seed).image for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_few_are_shaven(known: Study) -> None:
    made = [shave(known, np.random.default_rng(seed)) for seed in range(40)]
    assert 0 < sum(face is not None for face in made) < 30


@pytest.mark.usefixtures("everybody")
def test_hair_over_the_forehead_or_past_the_ears_stays(known: Study) -> None:
    lm = known.face.landmarks
    fringe, hanging = known.parts.hair.copy(), known.parts.hair.copy()
    cv2.fillConvexPoly(fringe, cv2.convexHull(lm[[136, 139, 142, 74, 79]].astype(np.int32)), 1)
    hanging[int(lm[119, 1]) :, :90] = 1
    for hair in (fringe, hanging):
        covered = replace(known, parts=replace(known.parts, hair=hair))
        assert shave(covered, np.random.default_rng(0)) is None
    unknown = replace(known, matte=replace(known.matte, alpha=np.ones_like(known.matte.alpha)))
    assert shave(unknown, np.random.default_rng(0)) is None


@pytest.mark.usefixtures("everybody")
def test_the_bald_are_given_no_long_hair_and_their_beards_have_the_colour_of_brows(
    known: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    for odds in ("_MEN", "_WOMEN", "_BEARD"):
        monkeypatch.setattr(tresses, odds, 1.0)
    made = study(replace(bald(known), gender="male"))
    assert made.parts.hair_lab is None
    style = styled(made, np.random.default_rng(0))
    assert style.worn == ("shaven", "beard")
    assert style.shaven
    assert style.locks == ()


def test_hands_draw_no_hair_on_who_is_shaven() -> None:
    view = replace(face(image=photograph()), shaven=True)  # whatever the picture seems to show
    assert not see(face(image=photograph())).bald
    assert see(view).bald
    assert {draw(view, np.random.default_rng(seed), size=64).ways["hair"] for seed in range(20)} == {"bald"}


def test_hair_of_the_skins_colour_is_hair_where_it_hangs_or_stands_high() -> None:
    plain = face(image=photograph(hair=SKIN))
    assert see(plain).bald
    assert not see(replace(plain, locks=(np.array([(60.0, 200), (100, 200), (100, 420), (60, 420)]),))).bald
    middle = plain.landmarks[[0, 1]].mean(0)
    high: View = replace(plain, outline=middle + (plain.outline - middle) * 1.2)
    assert not see(high).bald
