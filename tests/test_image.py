"""Every picture a person may bring, everything that is none, and the one image convention between them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import malformed
import numpy as np
import picture_bytes
import pytest
from picture_bytes import picture, png, saved
from PIL import Image, ImageCms, ImageFile

from s2f.errors import ImageError
from s2f.image import FORMATS, MAX_PIXELS, load_image

ROOT = Path(__file__).parents[1]


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def same(image: Image.Image, other: Image.Image, tolerance: int = 0) -> bool:
    return image.size == other.size and np.abs(pixels(image) - pixels(other)).max() <= tolerance


# What is no picture


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    folder = tmp_path_factory.mktemp("malformed")
    inputs = malformed.corpus()
    assert len(inputs) >= 70
    assert len({name for name, _ in inputs}) == len(inputs)
    for name, content in inputs:
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "tests" / "malformed.py"), str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert {outcome["name"] for outcome in found} == {name for name, _ in inputs}
    return found


def test_each_is_a_picture_or_one_sentence(outcomes: list[dict]) -> None:
    assert [one for one in outcomes if one["result"] == "escaped"] == []
    assert [one for one in outcomes if one["result"] == "picture" and one["said"]] == []
    for one in outcomes:
        if one["result"] == "refused":
            assert "expected" in one["said"], one
            assert "; " in one["said"], one
            assert "\n" not in one["said"], one
            assert ". " not in one["said"], one
            assert len(one["said"]) < 400, one


def test_each_is_quick_and_small_and_the_next_good_one_loads(outcomes: list[dict]) -> None:
    assert [one for one in outcomes if one["took"] > 2] == []
    assert sum(one["grew"] for one in outcomes) < 200_000_000
    assert all(one["after"] for one in outcomes)


def test_good_pixels_survive_bad_company(outcomes: list[dict]) -> None:
    result = {one["name"]: one["result"] for one in outcomes}
    company = [
        "bomb-text.png",
        "bomb-profile.png",
        "bomb-comment.gif",
        "bad-exif.jpg",
        "exif-in-parts.jpg",
        "padding.jpg",
    ]
    assert {name: result[name] for name in company} == dict.fromkeys(company, "picture")
    assert all(result[f"tail.{kind}"] == "picture" for kind in picture_bytes.good_files())


def test_what_is_no_picture_is_refused(outcomes: list[dict]) -> None:
    result = {one["name"]: one for one in outcomes}
    for name, _ in [*malformed._strangers(), *malformed._objects()]:
        if not name.endswith("-6.bin"):  # a PPM header before random bytes is a picture of them
            assert result[name]["result"] == "refused", name
    said = {
        "drawing.svg": "SVG",
        "page.jpg": "web page",
        "paper.png": "PDF",
        "archive.png": "zip",
        "pickled.png": "pickle",
        "text.png": "text",
        "empty.png": "empty",
        "bomb-30000.png": "30000 x 30000",
        "a folder": "folder",
        "a web address": "download",
        "an array of NaN": "NaN",
        "a truncated PIL image": "PIL image",
    }
    for name, word in said.items():
        assert word in result[name]["said"], name
        if "." in name:
            assert name in result[name]["said"]


# What is a picture


@pytest.mark.parametrize("kind", picture_bytes.SAVED)
def test_each_format_from_path_bytes_and_file(kind: str, tmp_path: Path) -> None:
    data = picture_bytes.good_files().get(kind)
    assert data is not None, f"got a Pillow that writes no {kind}, expected the pinned one; run make test"
    path = tmp_path / "mislabelled.txt"
    path.write_bytes(data)
    with path.open("rb") as stream:
        stream.seek(7)
        read = [
            load_image(source)
            for source in (path, str(path), data, bytearray(data), stream, io.BytesIO(data))
        ]
        assert not stream.closed
    assert picture_bytes.SAVED[kind][0] in FORMATS
    assert all(type(image) is Image.Image and image.mode == "RGB" and image.info == {} for image in read)
    assert all(same(image, read[0]) for image in read)
    lossless = not kind.endswith(("jpg", "avif", "gif"))
    assert np.abs(pixels(read[0]) - pixels(picture())).mean() <= (0 if lossless else 25)


def test_a_stream_that_cannot_seek() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.rest = io.BytesIO(picture_bytes.good_files()["png"])

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:
            return self.rest.readinto(buffer)

    assert same(load_image(io.BufferedReader(Pipe())), picture())


# Which side of the upright picture the first row and the first column of the stored one are.
STORED = {
    1: lambda upright: upright,  # top, left
    2: lambda upright: upright[:, ::-1],  # top, right
    3: lambda upright: upright[::-1, ::-1],  # bottom, right
    4: lambda upright: upright[::-1],  # bottom, left
    5: lambda upright: upright.T,  # left, top
    6: lambda upright: upright[:, ::-1].T,  # right, top
    7: lambda upright: upright[::-1, ::-1].T,  # right, bottom
    8: lambda upright: upright[::-1].T,  # left, bottom
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_orientation(orientation: int, kind: str) -> None:
    upright = np.kron(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, np.ones((16, 16), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    held = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright))).convert("RGB")
    stored = saved(held, kind, exif=exif)
    expected = Image.fromarray(upright).convert("RGB")
    assert same(load_image(stored), expected, 12)
    assert same(load_image(Image.open(io.BytesIO(stored))), expected, 12)


def test_alpha_shows_the_background() -> None:
    clear = Image.new("RGBA", (4, 2), (10, 20, 30, 0))
    clear.putpixel((0, 0), (10, 20, 30, 255))
    clear.putpixel((1, 0), (0, 0, 0, 128))
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})):
        image = load_image(saved(clear, kind, **options))
        assert [image.getpixel(at) for at in ((0, 0), (1, 0), (3, 1))] == [
            (10, 20, 30),
            (127,) * 3,
            (255,) * 3,
        ]
    assert load_image(clear, background="#102030").getpixel((3, 1)) == (16, 32, 48)
    assert load_image(np.asarray(clear), background=(1, 2, 3)).getpixel((3, 1)) == (1, 2, 3)
    with pytest.raises(ImageError, match="colour 'mud'"):
        load_image(clear, background="mud")
    with pytest.raises(ImageError, match="colour"):
        load_image(clear, background=(1, 2, 300))


@pytest.mark.parametrize("mode", ["LA", "La", "PA", "RGBa", "P"])
def test_every_kind_of_alpha(mode: str) -> None:
    grey = Image.new("LA", (2, 1), (80, 255))
    grey.putpixel((1, 0), (0, 0))
    palette = grey.getchannel("L").convert("P")
    palette.putalpha(grey.getchannel("A"))
    images = {
        "LA": grey,
        "La": grey.convert("La"),
        "PA": palette,
        "RGBa": grey.convert("RGBA").convert("RGBa"),
        "P": grey.convert("RGBA").quantize(4),
    }
    assert images[mode].mode == mode
    assert [load_image(images[mode]).getpixel((x, 0)) for x in (0, 1)] == [(80,) * 3, (255,) * 3]


def test_one_transparent_colour() -> None:
    palette = Image.new("P", (2, 1), 1)
    palette.putpalette([0, 0, 0, 50, 60, 70])
    palette.putpixel((1, 0), 0)
    for kind in ("PNG", "GIF"):
        image = load_image(saved(palette, kind, transparency=0))
        assert [image.getpixel((x, 0)) for x in (0, 1)] == [(50, 60, 70), (255,) * 3], kind
    for mode, colour in (("L", 0), ("RGB", (0, 0, 0)), ("I;16", 0)):
        image = load_image(saved(Image.new(mode, (2, 2), colour), "PNG", transparency=colour))
        assert image.getpixel((0, 0)) == (255,) * 3, mode
    deep = (np.array([[[1, 2, 3], [1, 2, 3]]], ">u2") * 257).tobytes()
    header, key = picture_bytes.ihdr(2, 1, 16, 2), np.array([257, 514, 771], ">u2").tobytes()
    data = zlib.compress(b"\0" + deep)
    assert load_image(png(header, (b"IDAT", data), (b"IEND", b""))).getpixel((0, 0)) == (1, 2, 3)
    clear = png(header, (b"tRNS", key), (b"IDAT", data), (b"IEND", b""))
    assert load_image(clear).getpixel((0, 0)) == (255,) * 3


def test_sixteen_bits_and_floats_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, 0)
    expected = np.arange(256)[None].repeat(4, 0)
    sources: list[object] = [saved(Image.fromarray(ramp), kind) for kind in ("PNG", "TIFF", "PPM")]
    sources += [ramp, ramp.astype(">u2"), Image.fromarray(ramp), Image.fromarray(ramp.astype(np.int32))]
    sources += [
        Image.fromarray((ramp / np.float32(65535)).astype(np.float32)),
        Image.fromarray(ramp.astype(np.float32)),
    ]
    sources += [saved(Image.fromarray((ramp // 257).astype(np.float32)), "TIFF")]
    for number, source in enumerate(sources):
        assert np.abs(pixels(load_image(source))[..., 0] - expected).max() <= 1, number
    wide = load_image(Image.fromarray(np.array([[-5.0, 0, 100_000]], np.float32)))
    assert (wide.getpixel((0, 0))[0], wide.getpixel((2, 0))[0]) == (0, 255)
    assert load_image(Image.new("F", (2, 2), 0)).getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV", "LAB"])
def test_every_mode(mode: str) -> None:
    colour = Image.new("RGB", (16, 16), (200, 100, 50))
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        source = ImageCms.applyTransform(colour, ImageCms.buildTransform(*profiles, "RGB", "LAB"))
    else:
        source = colour.convert(mode, dither=Image.Dither.NONE)
    assert source.mode == mode
    expected = {"1": (0,) * 3, "L": (124,) * 3}.get(mode, (200, 100, 50))
    if mode == "1":
        expected = (source.getpixel((3, 3)),) * 3
    kinds = {
        "CMYK": ["JPEG", "TIFF"],
        "1": ["PNG", "TIFF", "BMP", "PPM"],
        "LAB": ["TIFF"],
        "YCbCr": ["JPEG"],
    }
    for given in (source, *(saved(source, kind) for kind in kinds.get(mode, []))):
        tolerance = 45 if mode == "P" else 4
        assert np.abs(np.array(load_image(given).getpixel((8, 8))) - expected).max() <= tolerance


def test_an_adobe_cmyk_jpeg_is_not_negative() -> None:
    plain = saved(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), "JPEG")
    assert b"Adobe" in plain
    assert load_image(plain).getpixel((5, 5)) == (255,) * 3


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_the_first_picture_counts(kind: str) -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    several = saved(first, kind, save_all=True, append_images=[second])
    assert np.abs(np.array(load_image(several).getpixel((4, 4))) - (255, 0, 0)).max() < 6


def test_a_phone_photo_of_108_megapixels_comes_reduced() -> None:
    phone = saved(Image.new("L", (12000, 9000), 130), "JPEG")
    image = load_image(phone)
    assert image.size == (6000, 4500)
    assert image.getpixel((3000, 2000)) == (130,) * 3
    assert 6000 * 4500 <= MAX_PIXELS < 12000 * 9000


def test_heic_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match="pip install pillow_heif"):
        load_image(b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(40))


def test_avif_without_support_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.AvifImagePlugin", None)
    with pytest.raises(ImageError, match="pillow>=11.3"):
        load_image(b"\0\0\0\x18ftypavif\0\0\0\0avifmif1" + bytes(40))


def test_nothing_global_changes_and_threads_agree() -> None:
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
    files = [data for name, data in picture_bytes.good_files().items() if name != "avif"] * 3
    alone = [load_image(data) for data in files]
    together: dict[int, bool] = {}

    def work(number: int) -> None:
        together[number] = same(load_image(files[number]), alone[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(files))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == dict.fromkeys(range(len(files)), True)
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))


def test_the_callers_picture_stays_as_it_was() -> None:
    given = Image.new("RGB", (5, 4), "red")
    given.info["note"] = "mine"
    loaded = load_image(given)
    loaded.paste("blue", (0, 0, 5, 4))
    assert given.getpixel((0, 0)) == (255, 0, 0)
    assert given.info == {"note": "mine"}
