"""The seven classes, the units, blends, sides and presets."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from s2f.errors import ExpressionError
from s2f.expression import (
    ACTION_UNITS,
    CLASSES,
    MAX_INTENSITY,
    RECIPES,
    UNITS,
    Expression,
    action_units,
    named,
    sided,
    vector,
)


def test_seven_classes_in_one_order() -> None:
    assert CLASSES == ("neutral", "happy", "sad", "surprised", "angry", "disgusted", "fearful")
    assert tuple(RECIPES) == CLASSES


def test_every_sided_unit_has_two_sides_and_the_others_one() -> None:
    assert len(set(ACTION_UNITS)) == len(ACTION_UNITS) == sum(2 if two else 1 for _, two in UNITS.values())
    assert {"AU12_L", "AU12_R", "AU26"} <= set(ACTION_UNITS)
    assert "AU12" not in ACTION_UNITS


def test_recipes_name_units_that_exist_and_shares_add_up() -> None:
    for name, variants in RECIPES.items():
        assert sum(v.share for v in variants) == pytest.approx(1), name
        for variant in variants:
            assert set(variant.core) | set(variant.extra) <= set(UNITS), name
            assert all(0 < w <= 1 for w in variant.core.values()), name
            assert all(0 < chance <= 1 and 0 < w <= 1 for chance, w in variant.extra.values()), name


def test_intensity_scales_every_unit() -> None:
    half, full = action_units("happy", 0.5), action_units("happy")
    assert full.dtype == np.float32
    assert full.shape == (len(ACTION_UNITS),)
    np.testing.assert_allclose(half, full / 2, atol=1e-6)
    assert action_units("happy", MAX_INTENSITY).max() <= 1


def test_neutral_is_absolute_at_any_intensity() -> None:
    assert not action_units("neutral", 1.2).any()
    assert not Expression().vector().any()


def test_classes_are_far_apart() -> None:
    at_floor = {c: action_units(c, 0.65) for c in CLASSES}
    for a in CLASSES:
        for b in CLASSES:
            if a < b:
                assert np.abs(at_floor[a] - at_floor[b]).sum() > 1.5, (a, b)


def test_a_blend_adds_up_and_stays_in_range() -> None:
    blend = Expression({"happy": 0.6, "surprised": 0.5})
    expected = np.minimum(0.6 * action_units("happy") + 0.5 * action_units("surprised"), 1)
    np.testing.assert_allclose(blend.vector(), expected, atol=1e-6)


def test_one_side_alone() -> None:
    wink = Expression({"happy": 0.5}, {"AU43_L": 1.0}).weights()
    assert wink["AU43_L"] == 1
    assert wink["AU43_R"] == 0
    assert Expression({}, {"AU43": 0.5}).weights()["AU43_R"] == 0.5


def test_parse_and_labels() -> None:
    assert Expression.parse("happy") == Expression({"happy": 1.0})
    assert Expression.parse("happy:0.6 + AU43_L:1") == Expression({"happy": 0.6}, {"AU43_L": 1.0})
    np.testing.assert_allclose(Expression.of("sad", 0.75).labels(), [0.25, 0, 0.75, 0, 0, 0, 0])
    assert Expression({"happy": 1.2, "sad": 1.2}).labels().sum() == pytest.approx(1)


def test_presets_survive_json_files_and_pickle(tmp_path) -> None:
    smile = Expression({"happy": 0.7}, {"AU1_L": 0.25})
    smile.save(tmp_path / "smile.json")
    assert Expression.load(tmp_path / "smile.json") == smile
    assert pickle.loads(pickle.dumps(smile)) == smile
    assert len({smile, Expression.from_json(smile.to_json())}) == 1


def test_named_is_the_inverse_of_vector() -> None:
    units = Expression.of("fearful", 0.8).weights()
    assert named(vector(units)) == pytest.approx(units)
    assert sided({"AU26": 0.1, "AU12": 0.2}) == {"AU26": 0.1, "AU12_L": 0.2, "AU12_R": 0.2}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Expression({"hapy": 1.0}),
        lambda: Expression({"happy": 1.3}),
        lambda: Expression({"happy": -0.1}),
        lambda: Expression({"happy": float("nan")}),
        lambda: Expression({"happy": True}),
        lambda: Expression({"happy": "1"}),  # type: ignore[dict-item]
        lambda: Expression({}, {"AU99": 0.5}),
        lambda: Expression({}, {"AU12_L": 1.1}),
        lambda: Expression.parse("happy:lots"),
        lambda: Expression.parse(""),
        lambda: Expression.from_json("{"),
        lambda: Expression.from_json("[" * 100_000),
        lambda: Expression.from_json("[]"),
        lambda: Expression.from_json('{"format": "other"}'),
        lambda: Expression.from_json('{"format": "s2f-expression-1", "classes": [1]}'),
        lambda: Expression.from_json('{"format": "s2f-expression-1", "code": "x"}'),
        lambda: Expression.from_json(json.dumps({"format": "s2f-expression-1", "classes": {"happy": None}})),
        lambda: Expression.load("no/such/preset.json"),
        lambda: vector({"AU12_X": 0.5}),
    ],
)
def test_bad_input_is_one_sentence(make) -> None:
    with pytest.raises(ExpressionError) as caught:
        make()
    text = str(caught.value)
    assert "expected" in text
    assert ";" in text
    assert "\n" not in text
