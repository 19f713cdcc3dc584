"""Drawings extracted from photographs."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from s2f.errors import SketchError
from s2f.sketch import EXTRACTED, STYLES, extract, extract_array
from tests.drawn_faces import ink


@pytest.fixture(scope="module")
def photo() -> Callable[..., np.ndarray]:
    def make(width: int = 320, height: int = 320, skin: float = 0.75) -> np.ndarray:
        """A head of soft blobs on a backdrop."""
        ys, xs = np.mgrid[:height, :width].astype(np.float32)
        u, v = (xs - width / 2) / (0.5 * min(width, height)), (ys - height / 2) / (0.5 * min(width, height))

        def soft(x: float, y: float, a: float, b: float) -> np.ndarray:
            steep = 14 * (((u - x) / a) ** 2 + ((v - y) / b) ** 2 - 1)
            return 1 / (1 + np.exp(np.minimum(steep, 60)))

        grey = np.full((height, width), 0.8, np.float32)
        for x, y, a, b, tone in (
            (0, -0.1, 0.62, 0.78, 0.25),
            (0, 0.05, 0.5, 0.65, skin),
            (-0.2, -0.05, 0.09, 0.045, 0.25 * skin),
            (0.2, -0.05, 0.09, 0.045, 0.25 * skin),
            (0, 0.2, 0.07, 0.05, 0.7 * skin),
            (0, 0.4, 0.18, 0.05, 0.5 * skin),
        ):
            here = soft(x, y, a, b)
            grey = grey * (1 - here) + tone * here
        grey = grey + np.random.default_rng(1).normal(0, 0.006, grey.shape)
        return np.round(255 * np.clip(grey[..., None] * np.array([1, 0.9, 0.82]), 0, 1)).astype(np.uint8)

    return make


@pytest.mark.parametrize("style", EXTRACTED)
@pytest.mark.parametrize("shape", [(320, 320), (300, 420), (512, 384), (64, 64)])
def test_extracted_drawings_are_dark_lines_on_white(photo, style: str, shape: tuple[int, int]) -> None:
    drawing = extract(photo(*shape), style)
    assert drawing.mode == "L"
    assert drawing.size == shape
    amount = ink(drawing)
    assert 0.004 < amount.mean() < 0.2
    assert amount.max() > 0.6
    assert np.median(amount) < 0.05


@pytest.mark.parametrize("style", EXTRACTED)
def test_dark_and_fair_skin_give_the_same_ink(photo, style: str) -> None:
    dark, fair = (ink(extract(photo(skin=skin), style)).mean() for skin in (0.4, 0.85))
    assert 0.6 < dark / fair < 1.6


@pytest.mark.parametrize("style", EXTRACTED)
def test_extraction_is_deterministic_given_a_seed_and_varies_between_seeds(photo, style: str) -> None:
    picture = photo()
    one, same, other = (extract_array(picture, style, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert np.array_equal(extract_array(picture, style), np.asarray(extract(picture, style)))


@pytest.mark.parametrize("style", EXTRACTED)
def test_extracted_lines_scale_with_the_picture(photo, style: str) -> None:
    large = photo(512, 512)
    small = cv2.resize(large, (256, 256), interpolation=cv2.INTER_AREA)
    fine = cv2.resize(extract_array(large, style), (256, 256), interpolation=cv2.INTER_AREA)
    soft = [cv2.GaussianBlur(ink(x), (0, 0), 3).ravel() for x in (fine, extract_array(small, style))]
    assert np.corrcoef(soft)[0, 1] > 0.7


def test_extract_says_what_is_wrong(photo) -> None:
    assert ("freehand", *EXTRACTED) == STYLES
    with pytest.raises(SketchError, match=r"got style 'freehand', expected one of contour, pencil, edge; "):
        extract(photo(), "freehand")
    with pytest.raises(SketchError, match="got a picture of 9x40 pixels"):
        extract(np.zeros((40, 9, 3), np.uint8))
