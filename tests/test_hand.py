"""The hand that draws: tools, rubbing out, patches with holes, hatching."""

from __future__ import annotations

import numpy as np

from s2f.corpus.drawn_shapes import zigzag
from s2f.corpus.hand import TOOLS, Hand, Tool, pick_tool


def test_tools_differ_on_paper() -> None:
    line = np.array([(60.0, 256.0), (256.0, 250.0), (450.0, 256.0)])
    pages = {}
    for tool in (Tool("thin", 2), Tool("thick", 8), Tool("grey", 4, ink=100), Tool("hard", 4, smooth=False)):
        hand = Hand(np.random.default_rng(1), 1.0, tool)
        hand.line(line)
        pages[tool.name], strokes = hand.page(512, np.eye(2, 3))
        assert np.abs(strokes[0][1][:, 1] - 254).max() < 12
    ink = {name: (255.0 - page).sum() / 255 for name, page in pages.items()}
    assert 3 < ink["thick"] / ink["thin"] < 5
    assert pages["grey"].min() == 100
    assert set(np.unique(pages["hard"])) == {0, 255}
    tapered = Hand(np.random.default_rng(1), 1.0, Tool("pen", 8, taper=1.0))
    tapered.line(line)
    page, _ = tapered.page(512, np.eye(2, 3))
    assert (page[:, 68] < 128).sum() < (page[:, 256] < 128).sum()
    assert {pick_tool(np.random.default_rng(s)).name for s in range(80)} == set(TOOLS)


def test_a_rubbed_place_is_white_and_a_patch_with_a_hole_has_one() -> None:
    hand = Hand(np.random.default_rng(2), 1.0, Tool("brush", 6))
    box = lambda r: np.array([(256 - r, 256 - r), (256 + r, 256 - r), (256 + r, 256 + r), (256 - r, 256 + r)])  # noqa: E731
    hand.fill(box(100.0), box(30.0))
    hand.rub(np.array([(180.0, 160.0), (180.0, 352.0)]), 20)
    page, _ = hand.page(512, np.eye(2, 3))
    assert page[256, 256] == 255
    assert page[256, 220] == 0
    assert page[256, 180] == 255


def test_hatching_stays_inside() -> None:
    square = np.array([(10.0, 10.0), (90.0, 10.0), (90.0, 60.0), (10.0, 60.0)])
    for angle in (0.0, 0.7, 1.57):
        lines = zigzag(square, angle, 5.0, np.random.default_rng(0))
        ends = np.concatenate(lines)
        assert len(lines) > 7
        assert (ends > (9.99, 9.99)).all()
        assert (ends < (90.01, 60.01)).all()
        along = lines[0][1] - lines[0][0]
        assert np.abs(along @ (-np.sin(angle), np.cos(angle))) < 1e-6
    assert len(zigzag(square, 0.0, 500.0, np.random.default_rng(0))) <= 1


def test_clean_lines_and_right_proportions_are_two_skills() -> None:
    rng = np.random.default_rng(3)
    hands = [Hand.of(rng, float(rng.beta(2.0, 1.4))) for _ in range(400)]
    bad, shaky = np.array([(hand.bad, hand.shaky) for hand in hands]).T
    assert 0.2 < np.corrcoef(bad, shaky)[0, 1] < 0.9
    naive = bad > 0.6
    assert (shaky[naive] < 0.25).mean() > 0.1
    assert (shaky[~naive] > bad[~naive] + 0.15).mean() > 0.1
    assert (shaky <= bad + 0.4).all()


def test_a_sure_hand_follows_its_line_whatever_it_knows_of_faces() -> None:
    t = np.linspace(0, 2 * np.pi, 40)
    circle = np.stack([256 + 120 * np.cos(t), 256 + 120 * np.sin(t)], 1)
    off = {}
    for shaky in (0.0, 1.0):
        apart = []
        for seed in range(12):
            hand = Hand(np.random.default_rng(seed), 0.2, Tool("pen", 3), shaky)
            hand.line(circle)
            _, strokes = hand.page(512, np.eye(2, 3))
            apart += [np.abs(np.hypot(*(line - 255.5).T) - 120).mean() for _, line in strokes]
        off[shaky] = np.mean(apart)
    assert off[0.0] < 1.5
    assert off[1.0] > 2 * off[0.0]
