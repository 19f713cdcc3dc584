"""Arrays, tensors, sizes and sheets: the one image convention."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import picture_bytes
import pytest
import torch
from picture_bytes import picture, png
from PIL import Image

from s2f import decode
from s2f.errors import ImageError
from s2f.image import EYE_DISTANCE, EYE_LINE, FORMATS, grid, load_image, resize, to_pil, to_tensor

ROOT = Path(__file__).parents[1]


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def same(image: Image.Image, other: Image.Image, tolerance: int = 0) -> bool:
    return image.size == other.size and np.abs(pixels(image) - pixels(other)).max() <= tolerance


# Arrays and tensors


def test_arrays() -> None:
    image = picture()
    array = np.asarray(image)
    for given in (
        array,
        array / 255,
        (array / 255).astype(np.float16),
        array.astype(np.uint16) * 257,
        array[::-1][::-1],
    ):
        assert same(load_image(given), image), given.dtype
    grey = np.asarray(image.convert("L"))
    for given in (grey, grey[..., None], np.dstack([grey, np.full_like(grey, 255)])):
        assert same(load_image(given), image.convert("L").convert("RGB")), given.shape
    assert load_image(np.eye(3, dtype=bool)).getpixel((1, 1)) == (255,) * 3
    assert load_image(np.zeros((1, 1))).size == (1, 1)


def test_tensors() -> None:
    tensor = to_tensor(picture())
    assert same(load_image(tensor), picture())
    assert same(load_image(tensor[0]), picture())
    assert same(load_image(tensor[:, :1]), load_image(np.asarray(picture())[..., 0]))
    for wrong in (
        tensor.repeat(2, 1, 1, 1),
        tensor[0, 0],
        tensor * 255,
        tensor * torch.nan,
        tensor.to(torch.uint8),
    ):
        with pytest.raises(ImageError, match="expected"):
            load_image(wrong)


def test_to_tensor() -> None:
    image = picture()
    batch = to_tensor([image, image])
    assert (batch.shape, batch.dtype) == ((2, 3, 40, 48), torch.float32)
    assert to_tensor(image, "L").shape == (1, 1, 40, 48)
    ends = to_tensor(Image.fromarray(np.array([[0, 255]], np.uint8)), "L")
    assert ends.flatten().tolist() == [-1, 1]
    assert to_tensor(Image.new("RGBA", (2, 2), (0, 0, 0, 0))).min() == 1
    with pytest.raises(ImageError, match=r"2 sizes \(48 x 40, 50 x 40\)"):
        to_tensor([image, picture(50)])
    for wrong in ([], [7], ["face.png"]):
        with pytest.raises(ImageError, match="expected"):
            to_tensor(wrong)
    with pytest.raises(ImageError, match="'HSV'"):
        to_tensor(image, "HSV")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_the_round_trip_is_exact(dtype: torch.dtype) -> None:
    every = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    assert same(to_pil(to_tensor(every, "L").to(dtype))[0], every)
    assert [same(back, picture()) for back in to_pil(to_tensor([picture()] * 2).to(dtype))] == [True, True]


def test_to_pil() -> None:
    (image,) = to_pil(torch.tensor([[[-9.0, 9.0]]], requires_grad=True))
    assert (image.mode, list(image.tobytes())) == ("L", [0, 255])
    assert to_pil(torch.zeros(3, 2, 5))[0].size == (5, 2)
    assert to_pil(torch.zeros(0, 3, 2, 2)) == []
    nan, infinite = torch.full((1, 3, 2, 2), torch.nan), torch.full((1, 3, 2, 2), torch.inf)
    for wrong in (
        nan,
        infinite,
        torch.zeros(2, 2),
        torch.zeros(1, 2, 2, 2),
        torch.zeros(3, 0, 4),
        torch.ones(3, 2, 2).long(),
    ):
        with pytest.raises(ImageError, match="expected"):
            to_pil(wrong)
    with pytest.raises(ImageError, match="ndarray"):
        to_pil(np.zeros((1, 3, 4, 4)))


# Sizes and sheets


def test_resize_pads_and_never_stretches() -> None:
    disc = Image.fromarray(
        (np.hypot(*(np.mgrid[:101, :201] - np.array([50, 100])[:, None, None])) < 40).astype(np.uint8) * 255
    )
    small = np.asarray(resize(disc, 64)) > 127
    across, down = small.any(0).sum(), small.any(1).sum()
    assert abs(int(across) - int(down)) <= 1
    framed = resize(Image.new("RGB", (20, 10), "red"), 40, fill="blue")
    assert [framed.getpixel((20, y)) for y in (0, 9, 10, 29, 30)] == [
        (0, 0, 255), (0, 0, 255), (255, 0, 0), (255, 0, 0), (0, 0, 255),
    ]  # fmt: skip
    tall = Image.fromarray(np.array([[10], [200]], np.uint8).repeat(2, 1).repeat(4, 0))
    edged = resize(tall, (30, 8))
    assert (edged.mode, edged.size) == ("L", (30, 8))
    assert edged.getpixel((0, 0)) == edged.getpixel((29, 0)) == edged.getpixel((15, 0))
    assert same(resize(picture(), (48, 40)), picture())


def test_resize_antialiases() -> None:
    stripes = Image.fromarray((np.arange(640) % 2 * 255).astype(np.uint8)[None].repeat(640, 0))
    assert np.abs(pixels(resize(stripes, 64)) - 127).max() <= 5


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (1, 65000), (65000, 1), (3, 7)])
@pytest.mark.parametrize("fill", ["edge", "white", (1, 2, 3)])
def test_resize_of_enormous_shapes(shape: tuple[int, int], fill: str | tuple[int, int, int]) -> None:
    for mode in ("RGB", "L"):
        image = resize(Image.new(mode, shape, 0), 32, fill=fill)
        assert (image.size, image.mode) == ((32, 32), mode)


@pytest.mark.parametrize("size", [0, -1, (0, 5), (5,), "64", 2.5, None, (10**6, 10**6)])
def test_resize_refuses_sizes(size: object) -> None:
    with pytest.raises(ImageError, match="expected a side"):
        resize(picture(), size)


def test_resize_refuses_other_modes_and_colours() -> None:
    with pytest.raises(ImageError, match="RGBA"):
        resize(Image.new("RGBA", (4, 4)), 8)
    with pytest.raises(ImageError, match="colour"):
        resize(picture(), 8, fill="edges")


def test_grid() -> None:
    red, blue = Image.new("RGB", (20, 10), "red"), Image.new("L", (10, 20), 9)
    sheet = grid([red, blue, red], columns=2, gap=5, background="green")
    assert sheet.size == (5 + 2 * 25, 5 + 2 * 25)
    at = {
        "gap": (2, 2),
        "red": (6, 11),
        "above": (6, 6),
        "grey": (36, 6),
        "beside": (31, 6),
        "empty": (40, 40),
    }
    green, seen = (0, 128, 0), {name: sheet.getpixel(place) for name, place in at.items()}
    assert seen == {
        "gap": green,
        "red": (255, 0, 0),
        "above": green,
        "grey": (9, 9, 9),
        "beside": green,
        "empty": green,
    }
    assert grid([red] * 5).size == (4 + 3 * 24, 4 + 2 * 14)


def test_grid_captions_stay_under_their_picture() -> None:
    tiles = [Image.new("RGB", (60, 60), "red")] * 2
    plain, named = grid(tiles), grid(tiles, captions=["", "a caption\nfar too long for its picture"])
    line = named.height - plain.height
    ink = (pixels(named)[plain.height - 4 : plain.height - 4 + line] < 128).all(2).any(0)
    assert ink.any()
    assert np.flatnonzero(ink).min() >= 68
    assert np.flatnonzero(ink).max() <= 128
    assert (pixels(grid(tiles, captions=["x", "y"], background="black"))[66:] > 128).any()
    with pytest.raises(ImageError, match="got 1 captions, expected 2"):
        grid(tiles, captions=["a"])
    for wrong in ({"columns": 0}, {"gap": -1}):
        with pytest.raises(ImageError, match="columns"):
            grid(tiles, **wrong)


def test_the_convention_is_light_to_import() -> None:
    code = "import sys, s2f.image; sys.exit(bool({'torch', 'cv2', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
    assert (EYE_LINE, EYE_DISTANCE, FORMATS) == (0.47, 0.24, decode.FORMATS)


def test_a_picture_not_yet_read_meets_the_limit_before_it_is() -> None:
    unread = Image.open(io.BytesIO(png(picture_bytes.ihdr(6000, 6000), (b"IDAT", b""))))
    with pytest.raises(ImageError, match="6000 x 6000"):
        load_image(unread)
