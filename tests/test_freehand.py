"""Freehand drawings: one seed is one drawing, the expression survives, what the photograph shows is drawn."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
from miniature import MEAN

from s2f.corpus.drawn_shapes import BROW, BROW_LOW, JAW, SLIT_LOW, SLIT_UP
from s2f.corpus.drawn_sight import HAIRLINE
from s2f.corpus.freehand import Drawing, View, draw, freehand, see
from s2f.corpus.hand import TOOLS
from s2f.errors import CorpusError

SKIN, HAIR, WALL = (200, 160, 140), (52, 38, 30), (222, 222, 220)
CENTRE = MEAN[[0, 1]].mean(0)


def silhouette(depth: float = 60.0) -> np.ndarray:
    """The hair's outline `depth` pixels over the hairline, from ear to ear."""
    line = MEAN[HAIRLINE]
    away = line - CENTRE
    reach = np.hypot(*away.T)[:, None]
    rim = CENTRE + away / reach * (reach + depth * np.hanning(len(line) + 4)[2:-2, None])
    t = np.linspace(0, len(rim) - 1, 40)
    return np.stack([np.interp(t, np.arange(len(rim)), rim[:, i]) for i in (0, 1)], -1)


def photograph(hair: tuple[int, int, int] = HAIR, beard: float = 0.0, locks: bool = False) -> np.ndarray:
    """Flat colours where the parts of the face are; a beard is dark and rough."""
    image = np.full((512, 512, 3), WALL, np.uint8)
    rough = np.random.default_rng(3)
    area = lambda points: [np.round(points).astype(np.int32)]  # noqa: E731
    cv2.fillPoly(image, area(np.array([(200, 420), (316, 420), (330, 512), (186, 512)])), SKIN)
    cv2.fillPoly(image, area(silhouette()), hair)
    if locks:
        for x in (100, 412):
            cv2.fillPoly(
                image, area(np.array([(x - 26, 240), (x + 26, 240), (x + 30, 500), (x - 30, 500)])), hair
            )
    cv2.fillPoly(
        image,
        area(np.concatenate([MEAN[[109, 110]], MEAN[JAW], MEAN[[113, 112]], MEAN[HAIRLINE][::-1]])),
        SKIN,
    )
    image = np.clip(image + rough.normal(0, 1.5, image.shape), 0, 255).astype(np.uint8)
    if beard:
        mask = np.zeros((512, 512), np.uint8)
        cv2.fillPoly(
            mask, area(np.concatenate([MEAN[[119]], MEAN[JAW][1:-1], MEAN[[124, 162, 67, 62, 159]]])), 255
        )
        stubble = rough.normal(0, 22, (512, 512, 1)) - 60
        image = np.where(mask[..., None] > 0, np.clip(image + beard * stubble, 0, 255), image).astype(
            np.uint8
        )
    return image


def face(bend: float = 0.0, slant: float = 0.0, **more: object) -> View:
    """A face whose mouth is bent (a smile is positive, in mouth widths) and whose brows fall to the nose."""
    landmarks = MEAN.copy()
    mouth = landmarks[87:109]
    width = landmarks[93, 0] - landmarks[87, 0]
    t = (mouth[:, 0] - landmarks[87, 0]) / width
    mouth[:, 1] += (4 * t * (1 - t) - 0.6) * bend * width
    for k, side in ((0, 1), (1, -1)):
        ids = [*BROW[k], *BROW_LOW[k][1:3]]
        landmarks[ids, 1] += side * np.tan(slant) * (landmarks[ids, 0] - landmarks[ids, 0].mean())
    return View(landmarks, silhouette(), rest=MEAN.copy(), **more)  # type: ignore[arg-type]


def mouth_bend(drawing: Drawing) -> float:
    """How far the middle of the mouth's line (drawn before the lips) lies below its ends, in its widths."""
    lines = [line for part, line in drawing.strokes if part == "mouth"]
    widest = max(np.ptp(line[:, 0]) for line in lines)
    line = next(line for line in lines if np.ptp(line[:, 0]) > 0.7 * widest)
    line = line[np.argsort(line[:, 0])]
    few = max(1, len(line) // 6)
    ends, middle = (
        (line[:few].mean(0) + line[-few:].mean(0)) / 2,
        line[len(line) // 2 - few : len(line) // 2 + few].mean(0),
    )
    return float((middle - ends)[1] / np.ptp(line[:, 0]))


def brow_slant(drawing: Drawing) -> float:
    slopes = []
    for k, side in ((0, 1), (1, -1)):
        points = np.concatenate([line for part, line in drawing.strokes if part == f"brow{k}"])
        slopes.append(side * np.polyfit(points[:, 0] - points[:, 0].mean(), points[:, 1], 1)[0])
    return float(np.mean(slopes))


def has(drawing: Drawing, *parts: str) -> bool:
    return set(parts) <= {part for part, _ in drawing.strokes}


def test_one_seed_is_one_drawing() -> None:
    view = face(0.1, image=photograph())
    first, again = (draw(view, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(first.image, again.image)
    assert first.ways == again.ways
    assert np.array_equal(first.landmarks, again.landmarks)
    assert np.array_equal(freehand(view, np.random.default_rng(4)), first.image)
    assert not np.array_equal(first.image, draw(view, np.random.default_rng(5)).image)


def test_looking_once_serves_many_drawings() -> None:
    view = face(image=photograph(beard=1))
    given = draw(view, np.random.default_rng(6), sight=see(view))
    assert np.array_equal(given.image, draw(view, np.random.default_rng(6)).image)


def test_dark_strokes_on_white_and_a_sane_amount_of_ink() -> None:
    view = face(0.05, image=photograph())
    for seed in range(200):
        drawing = draw(view, np.random.default_rng(seed), size=128)
        page = drawing.image
        assert page.shape == (128, 128)
        assert page.dtype == np.uint8
        if drawing.ways["paper"] == "white":
            assert page.max() == 255
            assert np.median(page) > 200
            ink = 1 - page.mean() / 255
            assert 0.002 < ink < 0.45, (seed, drawing.ways, ink)
        assert page.min() < 215, (seed, drawing.ways)


@pytest.mark.parametrize("skill", [0.0, 0.3, 0.6, 1.0])
def test_the_mouth_keeps_its_expression_at_any_skill(skill: float) -> None:
    meant, drawn = [], []
    for seed in range(90):
        bend = float(np.random.default_rng(seed).uniform(-0.12, 0.12))
        drawing = draw(face(bend), np.random.default_rng(1000 + seed), size=64, skill=skill)
        if has(drawing, "mouth"):
            meant.append(bend)
            drawn.append(mouth_bend(drawing))
    clear = np.abs(meant) > 0.04
    assert np.corrcoef(meant, drawn)[0, 1] > 0.6
    assert (np.sign(meant) == np.sign(drawn))[clear].mean() > 0.85


@pytest.mark.parametrize("skill", [0.0, 0.5, 1.0])
def test_brows_keep_their_slant_at_any_skill(skill: float) -> None:
    meant, drawn = [], []
    for seed in range(90):
        slant = float(np.random.default_rng(seed).uniform(-0.2, 0.2))
        drawing = draw(face(0, slant), np.random.default_rng(2000 + seed), size=64, skill=skill)
        if has(drawing, "brow0", "brow1"):
            meant.append(slant)
            drawn.append(brow_slant(drawing))
    assert np.corrcoef(meant, drawn)[0, 1] > 0.75


def test_an_open_mouth_is_drawn_open_and_a_closed_eye_closed() -> None:
    wide = face()
    wide.landmarks[SLIT_LOW[1:-1], 1] += 30
    wide.landmarks[104:109, 1] += 30
    shut = face(units={"AU43_L": 1.0, "AU43_R": 1.0})
    for seed in range(12):
        drawing = draw(wide, np.random.default_rng(seed), size=64)
        assert drawing.ways["mouth"].split()[0] in ("open", "sign")
        assert "open" not in draw(shut, np.random.default_rng(seed), size=64).ways["mouth"]
        eyes = [
            line
            for part, line in draw(shut, np.random.default_rng(seed), size=512, skill=1).strokes
            if part == "eye0"
        ]
        assert not eyes or np.ptp(eyes[0][:, 1]) < 0.5 * np.ptp(eyes[0][:, 0])


def test_a_smaller_page_shows_the_same_drawing() -> None:
    view = face(0.08, image=photograph())
    small = View(
        (view.landmarks + 0.5) / 2 - 0.5, (view.outline + 0.5) / 2 - 0.5, (MEAN + 0.5) / 2 - 0.5, size=256
    )
    for seed in range(12):
        large = draw(replace(view, image=None), np.random.default_rng(seed), size=512)
        half = draw(small, np.random.default_rng(seed), size=256)
        assert large.ways == half.ways
        for (part, line), (other, fine) in zip(half.strokes, large.strokes, strict=True):
            assert part == other
            assert np.allclose((line + 0.5) * 2 - 0.5, fine, atol=1e-6)
        if large.ways["paper"] == "white":
            shrunk = cv2.resize(large.image, (256, 256), interpolation=cv2.INTER_AREA).astype(float)
            assert np.abs(cv2.blur(shrunk, (3, 3)) - cv2.blur(half.image, (3, 3))).mean() < 4
            assert abs(shrunk.mean() - half.image.mean()) < 6


def test_a_beard_is_drawn_where_one_is_seen() -> None:
    shaved, grown = face(image=photograph()), face(image=photograph(beard=1))
    assert see(shaved).moustache == see(shaved).chin == see(shaved).jaw == 0
    assert min(see(grown).moustache, see(grown).jaw) > 0.5
    drawn = 0
    for seed in range(60):
        assert "beard" not in draw(shaved, np.random.default_rng(seed), size=64).ways
        assert "beard" not in draw(face(), np.random.default_rng(seed), size=64).ways
        drawn += "beard" in draw(grown, np.random.default_rng(seed), size=64).ways
    assert drawn > 50


def test_hair_is_read_from_the_photograph() -> None:
    dark, fair = see(face(image=photograph())), see(face(image=photograph(hair=(225, 200, 150))))
    assert dark.hair_dark > 0.8 > 0.3 > fair.hair_dark
    assert not dark.bald
    assert not dark.locks
    assert len(see(face(image=photograph(locks=True))).locks) == 2
    filled = {
        name: np.mean(
            [
                draw(face(image=picture), np.random.default_rng(s), size=64).ways.get("hair") == "solid"
                for s in range(80)
            ]
        )
        for name, picture in (("dark", photograph()), ("fair", photograph(hair=(225, 200, 150))))
    }
    assert filled["dark"] > filled["fair"]


def test_long_hair_hangs_beside_the_neck_only_where_it_does_in_the_photograph() -> None:
    def below_the_chin(view: View) -> float:
        found = []
        for seed in range(20):
            drawing = draw(view, np.random.default_rng(seed), skill=0.9)
            found.append(any(part == "hair" and (line[:, 1] > 430).any() for part, line in drawing.strokes))
        return float(np.mean(found))

    assert below_the_chin(face(image=photograph(locks=True))) > 0.5
    assert below_the_chin(face(image=photograph())) < 0.1


def test_a_bald_head_gets_no_hair() -> None:
    for view in (face(image=photograph(hair=SKIN)), replace(face(), outline=silhouette(3.0))):
        assert see(view).bald
        ways = Counter(draw(view, np.random.default_rng(seed), size=64).ways["hair"] for seed in range(30))
        assert set(ways) == {"bald"}


def test_some_drawings_are_unfinished() -> None:
    stages = Counter(draw(face(), np.random.default_rng(seed), size=32).ways["stage"] for seed in range(500))
    assert 0.08 < stages["unfinished"] / 500 < 0.17
    assert 0.6 < stages["whole"] / 500 < 0.9


def test_every_way_of_drawing_occurs() -> None:
    found: dict[str, Counter[str]] = {}
    for seed in range(400):
        rng = np.random.default_rng(seed)
        view = face(float(rng.uniform(-0.1, 0.1)))
        view.landmarks[SLIT_LOW[1:-1], 1] += rng.choice([0, 8, 30])
        for feature, way in draw(view, rng, size=32).ways.items():
            found.setdefault(feature, Counter())[way] += 1
    assert set(found["tool"]) == set(TOOLS)
    assert {"almond", "simple", "oval", "dot", "anime", "ring", "scribble"} <= set(found["eyes"])
    assert {"line", "outline", "hairs", "block", "none"} <= set(found["brows"])
    assert {"base", "wings", "ell", "dots", "u", "triangle", "side", "full", "none"} <= set(found["nose"])
    assert {
        "sign",
        "line",
        "lips",
        "outline",
        "under",
        "dark",
        "open dark",
        "open empty",
        "sign empty",
    } <= set(found["mouth"])
    assert {"inner", "plain", "round", "none"} <= set(found["ears"])
    assert {"outline", "few", "many", "short", "curls", "scribble", "solid", "cross", "spiky", "bald"} <= set(
        found["hair"]
    )
    assert max(max(c.values()) for f, c in found.items() if f in ("eyes", "nose", "mouth", "hair")) < 280


def test_the_placement_is_reported_and_mostly_exact() -> None:
    view, exact = face(), 0
    for seed in range(150):
        drawing = draw(view, np.random.default_rng(seed), size=256, skill=1.0)
        if np.allclose(drawing.transform, np.eye(2, 3)):
            exact += 1
        photo = (view.landmarks + 0.5) / 2 - 0.5
        placed = photo @ drawing.transform[:, :2].T + drawing.transform[:, 2]
        assert np.abs(placed - drawing.landmarks)[:109].mean() < 5
    assert 75 < exact < 130


@pytest.mark.parametrize("size", [128, 512])
def test_lines_and_ink_lie_where_the_landmarks_are_said_to_be(size: int) -> None:
    away, aside, darkness = [], [], []
    for seed in range(90):
        drawing = draw(face(), np.random.default_rng(seed), size=size, skill=1.0)
        lips = drawing.landmarks[87:109]
        lines = [line for part, line in drawing.strokes if part == "mouth"]
        lines = [line for line in lines if line[:, 1].mean() < lips[:, 1].max()]  # no shadow below the lip
        if lines:
            line = np.concatenate(lines)
            middle = [(np.min(points, 0) + np.max(points, 0)) / 2 for points in (line, lips)]
            aside.append(abs(middle[0] - middle[1])[0])
            if drawing.ways["mouth"] in ("lips", "dark"):  # both lips, not the line between them alone
                away.append(middle[0] - middle[1])
            x, y = np.clip(np.round(line).astype(int), 0, size - 1).T
            darkness.append(np.median(cv2.erode(drawing.image, np.ones((3, 3)))[y, x]))
    assert len(away) > 30
    assert np.median(np.abs(away), 0).max() < 0.004 * size
    assert np.median(aside) < 0.004 * size
    assert np.max(darkness) < 225
    assert np.median(darkness) < 80


def test_strange_landmarks_still_make_a_page() -> None:
    image = photograph()
    clipped = np.clip(MEAN * 1.6 - 180, 0, 511)
    cases = [
        MEAN + 4000,
        MEAN - 900,
        clipped,
        np.zeros_like(MEAN),
        MEAN[:, ::-1].copy(),
        MEAN * 0.01 + 250,
        MEAN * (-1, 1),
    ]
    for seed, landmarks in enumerate(cases):
        for outline in (silhouette(), silhouette() * 0 + 100, silhouette() * 50):
            view = View(landmarks, outline, MEAN, {"AU12_L": 1.0}, image)
            page = freehand(view, np.random.default_rng(seed), size=128)
            assert page.shape == (128, 128)


def test_wrong_input_is_refused_in_one_sentence() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(CorpusError, match="got landmarks of shape"):
        freehand(View(MEAN[:68], silhouette()), rng)
    with pytest.raises(CorpusError, match="finite"):
        freehand(View(np.full_like(MEAN, np.nan), silhouette()), rng)
    with pytest.raises(CorpusError, match="got an outline"):
        freehand(View(MEAN, np.zeros((0, 2))), rng)
    with pytest.raises(CorpusError, match="got an image of float"):
        freehand(face(image=np.zeros((512, 512, 3), np.float32)), rng)


@pytest.mark.parametrize("skill", [0.2, 0.8])
def test_an_open_smile_is_often_one_curve(skill: float) -> None:
    laughing = face(0.1, units={"AU12_L": 0.8, "AU12_R": 0.8})
    laughing.landmarks[SLIT_UP[1:-1], 1] -= 6
    laughing.landmarks[SLIT_LOW[1:-1], 1] += 12
    drawings = [draw(laughing, np.random.default_rng(s), skill=skill) for s in range(60)]
    curved = [d for d in drawings if d.ways.get("mouth") in ("sign", "line", "under")]
    assert 8 < len(curved) < 45
    curves = [mouth_bend(drawing) for drawing in curved if has(drawing, "mouth")]
    assert np.median(curves) > 0.05


@pytest.mark.parametrize(("skill", "spread"), [(1.0, 0.03), (0.2, 0.12)])
def test_eyes_are_set_wider_or_closer_in_a_head_by_who_draws_ill(skill: float, spread: float) -> None:
    drawings = [draw(face(), np.random.default_rng(s), size=256, skill=skill) for s in range(60)]
    eyes = np.array([np.hypot(*(d.landmarks[0] - d.landmarks[1])) for d in drawings])
    ears = np.array([np.hypot(*(d.landmarks[117] - d.landmarks[122])) for d in drawings])
    seen = np.hypot(*(MEAN[117] - MEAN[122])) / np.hypot(*(MEAN[0] - MEAN[1]))
    assert 0.5 * spread < np.std(ears / eyes) / seen < 1.5 * spread
    assert np.median(ears / eyes) < 1.02 * seen  # wider, more often


def test_some_who_cannot_draw_make_a_sign_of_a_face() -> None:
    manners = [draw(face(), np.random.default_rng(s), size=64, skill=0.0).ways["manner"] for s in range(60)]
    assert 5 < manners.count("sign") < 30
    signs = [
        draw(face(), np.random.default_rng(s), size=256, skill=0.0)
        for s, m in enumerate(manners)
        if m == "sign"
    ]
    for sign in signs:
        assert has(sign, "eye0") + has(sign, "eye1") + has(sign, "mouth") >= 2
        assert not has(sign, "ear0")
    good = [draw(face(), np.random.default_rng(s), size=64, skill=0.8).ways["manner"] for s in range(30)]
    assert set(good) == {"face"}


def test_long_hair_is_mostly_drawn_in_one() -> None:
    ears = [MEAN[ids].mean(0) for ids in (range(115, 120), range(120, 125))]
    box = np.array([(-45, -70), (0, -75), (45, -70), (45, 50), (45, 170), (0, 175), (-45, 170), (-45, 50)])
    long = replace(face(), locks=tuple(at + box for at in ears))

    def in_one(view: View, seed: int) -> bool:
        """Whether one line goes over the crown and down past the jaw."""
        lines = [
            line
            for part, line in draw(view, np.random.default_rng(seed), skill=0.9).strokes
            if part == "hair"
        ]
        return any(line[:, 1].min() < MEAN[139, 1] and line[:, 1].max() > MEAN[126, 1] for line in lines)

    assert sum(in_one(long, seed) for seed in range(20)) > 5
    assert not any(in_one(face(), seed) for seed in range(20))
