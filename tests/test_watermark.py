"""The watermark: unseen, found again after what the web does to pictures, and silent on unmarked ones."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from functools import cache

import cv2
import numpy as np
import pytest
from PIL import Image

from s2f import watermark
from s2f.errors import ImageError

HALF = (256, 256)


def portrait(seed: int) -> Image.Image:
    """A head before a backdrop, with strands, pores and grain: the textures that a photograph of one has."""
    size = 256  # and then enlarged, which is a third of the time
    rng = np.random.default_rng(seed)
    ys, xs = np.mgrid[:size, :size].astype(np.float32) / size

    def grain(sigma_x: float, sigma_y: float, strength: float) -> np.ndarray:
        noise = rng.standard_normal((size // 2, size // 2), np.float32)
        noise = cv2.resize(cv2.GaussianBlur(noise, (0, 0), sigma_x, sigmaY=sigma_y), (size, size))
        return noise * (strength / noise.std())

    def oval(x: float, y: float, width: float, height: float, edge: float = 60) -> np.ndarray:
        inside = 1 - np.hypot((xs - x) / width, (ys - y) / height)
        return np.clip(0.5 + inside * edge * min(width, height), 0, 1)[..., None]

    page = rng.uniform(40, 230, 3) + (rng.uniform(-40, 40) * ys + rng.uniform(-40, 40) * xs)[..., None]
    page = page + grain(0.8, 0.8, rng.uniform(0.3, 2))[..., None]
    skin, hair = rng.uniform(60, 220, 3) * (1, 0.85, 0.7), rng.uniform(15, 140, 3)
    layers = [
        (oval(0.5, 0.36, 0.33, 0.33), hair + grain(0.7, 4, rng.uniform(8, 25))[..., None]),
        (oval(0.5, 1.05, 0.45, 0.2), rng.uniform(20, 200, 3) + grain(1, 1, 4)[..., None]),
        (oval(0.5, 0.54, 0.25, 0.36), skin * (1.1 - 0.5 * np.abs(xs - 0.45))[..., None]),
    ]
    layers[2] = (layers[2][0], layers[2][1] + grain(1.2, 1.2, rng.uniform(1.5, 5))[..., None])
    for x in (0.38, 0.62):
        layers.append((oval(x, 0.4, 0.07, 0.012), hair + grain(0.7, 0.7, 8)[..., None]))
        layers.append((oval(x, 0.47, 0.05, 0.022), np.full(3, 225.0)))
        layers.append((oval(x, 0.47, 0.02, 0.02), rng.uniform(20, 120, 3)))
    layers.append((oval(0.5, 0.73, 0.09, 0.025), skin * (0.9, 0.55, 0.55)))
    page = page.astype(np.float32)
    for alpha, colour in layers:
        page += (colour.astype(np.float32) - page) * alpha
    small = Image.fromarray(np.clip(page, 0, 255).astype(np.uint8))
    return small.resize((512, 512), Image.Resampling.BICUBIC)


@cache
def portraits() -> tuple[Image.Image, ...]:
    return tuple(portrait(seed) for seed in range(100))


@cache
def marked() -> tuple[Image.Image, ...]:
    return tuple(watermark.mark(picture, 655 * n) for n, picture in enumerate(portraits()))


def jpeg(picture: Image.Image, quality: int = 75) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")


def psnr(one: Image.Image, other: Image.Image) -> float:
    error = np.asarray(one, np.float32) - np.asarray(other, np.float32)
    return float(10 * np.log10(255**2 / np.mean(error**2)))


ATTACKS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "nothing": lambda picture: picture,
    "jpeg 75": jpeg,
    "half size": lambda picture: picture.resize(HALF, Image.Resampling.LANCZOS),
    "half size, then jpeg 75": lambda picture: jpeg(picture.resize(HALF, Image.Resampling.BICUBIC)),
    "jpeg 75, then half size": lambda picture: jpeg(picture).resize(HALF, Image.Resampling.BILINEAR),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_survives_what_the_web_does_in_95_of_100(attack: str) -> None:
    found = [watermark.read(ATTACKS[attack](picture)) for picture in marked()]
    right = [reading is not None and reading.payload == 655 * n for n, reading in enumerate(found)]
    assert sum(right) >= 95, f"{sum(right)} of 100"


def test_the_eye_does_not_see_it() -> None:
    for before, after in zip(portraits(), marked(), strict=True):
        assert psnr(before, after) >= 40


@pytest.mark.parametrize("level", [0, 60, 128, 200, 255])
def test_a_flat_picture_stays_flat(level: int) -> None:
    flat = Image.new("RGB", (512, 512), (level, level, level))
    change = np.asarray(watermark.mark(flat, 0xFFFF), int) - level
    assert np.abs(change).max() <= 1
    assert change.std() < 0.5


@pytest.mark.parametrize("size", [(512, 512), (1300, 700)])
def test_the_calm_beside_an_edge_stays_calm(size: tuple[int, int]) -> None:
    width, height = size
    page = Image.new("RGB", size, (210, 210, 210))
    page.paste((20, 20, 20), (width // 2, 0, width, height))
    page = jpeg(page)  # and its ripples are no texture
    change = np.asarray(watermark.mark(page, 4711), int) - np.asarray(page, int)
    assert np.abs(change).max() <= 2


def unmarked() -> Iterator[Image.Image]:
    yield from portraits()
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((192, 192), np.float32)
        noise = cv2.GaussianBlur(noise, (0, 0), float(rng.choice([0.6, 1.2, 2.5, 6])))
        noise = 128 + noise * (rng.uniform(3, 60) / noise.std())
        yield Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
    for level in range(256):
        yield Image.new("L", (64, 64), level)


def test_unmarked_pictures_bear_none() -> None:
    claims = sum(watermark.read(picture) is not None for picture in unmarked())
    assert claims <= 1  # of 1,356


def test_any_size_and_shape_carries_it() -> None:
    tall = portrait(7).resize((640, 900), Image.Resampling.BICUBIC)
    for picture in (tall, tall.resize((300, 300)), portrait(8).convert("L")):
        reading = watermark.read(watermark.mark(picture, 4242))
        assert reading is not None
        assert reading.payload == 4242


def test_a_second_mark_replaces_the_first() -> None:
    twice = watermark.mark(marked()[3], 12345)
    reading = watermark.read(twice)
    assert reading is not None
    assert reading.payload == 12345


def test_marking_is_repeatable_and_quick() -> None:
    picture = portraits()[0]
    assert watermark.mark(picture, 0) == marked()[0]
    times = []
    for _ in range(7):
        start = time.process_time()
        watermark.mark(picture, 1)
        times.append(time.process_time() - start)
    assert min(times) < 0.1  # 9 ms on an idle core; the bound leaves room for a slow one


def test_the_spectrum_never_changes() -> None:
    spectrum = watermark._spectrum()
    assert spectrum.place.size == 8208
    assert spectrum.sign[:12].tolist() == [-1, -1, -1, -1, 1, 1, -1, -1, 1, 1, -1, 1]
    assert np.bincount(spectrum.bit).tolist()[:4] == [1292, 436, 429, 444]


def test_what_cannot_be_marked_is_said() -> None:
    with pytest.raises(ImageError, match="expected 0 to 65535"):
        watermark.mark(portraits()[0], 1 << 16)
    with pytest.raises(ImageError, match="mode RGBA, expected RGB or L"):
        watermark.mark(Image.new("RGBA", (64, 64)), 1)
