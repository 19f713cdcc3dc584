"""The look: colours given in the ways people give them, and what is open."""

from __future__ import annotations

import numpy as np
import pytest

from s2f.errors import LookError
from s2f.look import NAMED, PARTS, Look, delta_e, to_hex, to_lab, to_rgb


@pytest.mark.parametrize("given", ["skin=#d9a577", "skin = rgb(217, 165, 119)", "skin=rgba(217.3,165,119,1)"])
def test_one_colour_said_in_several_ways(given: str) -> None:
    assert Look.parse(given).colours() == {"skin": "#d9a577"}
    assert Look.parse({"skin": Look.parse(given).skin}) == Look.parse(given)


def test_names_mean_what_each_part_looks_like() -> None:
    black, brown = Look.parse("hair=black").hair, Look.parse("eye=brown").eye
    assert black is not None
    assert brown is not None
    assert black[0] < 15 < brown[0]
    for part, names in NAMED.items():
        for name in names:
            assert Look.parse({part: name}).colours() == {part: NAMED[part][name]}


def test_open_is_nan_and_nothing_is_open_everywhere() -> None:
    assert np.isnan(Look.parse(None).vector()).all()
    assert not Look.parse("skin=open, hair=")
    one = Look.parse("lip=#b0686a").vector()
    assert one.shape == (len(PARTS), 3)
    assert np.isfinite(one).all(1).tolist() == [part == "lip" for part in PARTS]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("skni=#fff", "got the part 'skni'"),
        ("skin", "expected PART=COLOUR"),
        ("skin=#12345", "for skin, expected #rrggbb"),
        ("skin=rgb(300,0,0)", "for skin"),
        ("skin=#fff, skin=#000", "got skin twice"),
        ({"eye": [200, 0, 0]}, "expected L\\* 0 to 100"),
        ({"eye": [1, 2]}, "expected L\\* 0 to 100"),
        ({"eye": object()}, "for eye"),
        (7, "got a look of type int"),
    ],
)
def test_what_is_no_look_is_said(given: object, said: str) -> None:
    with pytest.raises(LookError, match=said):
        Look.parse(given)  # type: ignore[arg-type]


def test_colours_go_to_lab_and_back() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (50, 3), dtype=np.uint8)
    assert np.abs(to_rgb(to_lab(rgb)) - rgb).max() < 0.01
    assert to_hex(to_lab(np.array([18, 52, 86], np.uint8))) == "#123456"
    assert delta_e(np.array([50, 0, 0]), np.array([53, 4, 0])) == 5
