"""A picture file that may be anything -> upright RGB pixels, or one sentence that says why not.

The file's first bytes decide what reads it, never its name, and no plugin outside `FORMATS` runs. Pillow sees
only what makes the first picture of a PNG, JPEG or GIF: comments, profiles and later pictures are cut away
unread, since they have been bombs. Size is checked by the header, before decoding. No global setting of
Pillow is changed.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from .errors import ImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "HEIF")
# Together these keep what a damaged file takes (itself, its decoder, four bytes a pixel) under 200 MB.
MAX_PIXELS = 30_000_000
MAX_BYTES = 80_000_000
# A JPEG above MAX_PIXELS is decoded at a half, a quarter or an eighth; of a progressive one libjpeg keeps
# every coefficient, and each of its scans, of which editors write about ten, visits them all.
MAX_JPEG_PIXELS = 300_000_000
MAX_JPEG_COEFFICIENT_BYTES = 150_000_000
MAX_JPEG_SCANS = 100
# A GIF, PNG or JPEG of more pieces than this is made to keep its reader busy.
MAX_PIECES = 200_000

_PLUGINS: dict[str, Callable[..., ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}
_SIGNATURES = (
    ("JPEG", rb"\xff\xd8\xff"),
    ("PNG", rb"\x89PNG\r\n\x1a\n"),
    ("WEBP", rb"RIFF....WEBP"),
    ("GIF", rb"GIF8[79]a"),
    ("BMP", rb"BM....\0\0\0\0|BM.{8}....[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
    ("TIFF", rb"II[*+]\0|MM\0[*+]"),
    ("PPM", rb"P[456]\s"),
    ("AVIF", rb"....ftyp(avi[fs]|m[is]f1.{0,32}avi[fs])"),
    ("HEIF", rb"....ftyp(hei|hev|mif1|msf1)"),
)
_STRANGERS = (
    ("an SVG drawing", rb"\s*(<\?xml.*|<!--.*|<!DOCTYPE svg.*)?<svg"),
    ("a web page", rb"(?i)\s*(<!--.*-->\s*)?<(!doctype html|html|head|body)"),
    ("a PDF document", rb"%PDF"),
    ("a zip archive", rb"PK(\x03\x04|\x05\x06)"),
    ("a gzip archive", rb"\x1f\x8b"),
    ("a Python pickle", rb"\x80[\x02-\x05]"),
    ("a Photoshop document", rb"8BPS"),
    ("an icon", rb"\0\0[\x01\x02]\0"),
    ("a JPEG XL picture", rb"\xff\x0a|....JXL "),
    ("a JPEG 2000 picture", rb"....jP  |\xff\x4f\xff\x51"),
    ("a video or sound", rb"....ftyp|RIFF|\x1aE\xdf\xa3|OggS|ID3"),
    ("text", rb"[\t\n\r -~\x80-\xff]+$"),
)
_PNG_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf")
# What libjpeg needs, and the notes on colour (JFIF, Adobe) and orientation (Exif).
_JPEG_NOTES = (b"JFIF\0", b"Adobe", b"Exif\0\0")
_JPEG_MARKER = re.compile(rb"\xff+([^\xff\0])")
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WARNINGS = threading.Lock()


def decode(stream: BinaryIO, name: str, background: tuple[int, int, int]) -> Image.Image:
    """The first picture in a seekable stream; errors call it `name`."""
    try:
        kind = _sniff(stream, name)
    except OSError as error:
        raise ImageError(f"{name} cannot be read, expected a picture file; check it and try again") from error
    try:
        with _pillow_warnings_ignored():
            image = _plugin(kind, name)(_ESSENCE[kind](stream, name) if kind in _ESSENCE else stream)
            _limit_pixels(image, kind, name)
            _narrow_transparency(image)
        return flatten(image, name, background)
    except ImageError:
        raise
    except Exception as error:  # Pillow's plugins raise nearly everything there is
        raise ImageError(
            f"{name} is a damaged or truncated {kind} file, expected a whole one; save or download it again"
        ) from error


def flatten(image: Image.Image, name: str, background: tuple[int, int, int]) -> Image.Image:
    """Any mode, alpha and orientation -> upright RGB without metadata."""
    # Only Pillow's TIFF reader warns while it decodes; the others need not wait for each other.
    with _pillow_warnings_ignored() if image.format == "TIFF" else contextlib.nullcontext():
        image.load()
    if 0 in image.size:
        raise ImageError(
            f"{name} is {image.width} x {image.height}, expected at least a pixel; save it again"
        )
    orientation = _orientation(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        image = _to_8_bits(image, name)
    if image.has_transparency_data:
        image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        flat = Image.new("RGB", image.size, background)
        flat.paste(image, mask=image.getchannel("A"))
    elif image.mode == "LAB":
        flat = _from_lab(image)
    else:
        flat = image.convert("RGB")
    flat.info = {}
    return flat.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else flat


def _sniff(stream: BinaryIO, name: str) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(1024)
    stream.seek(0)
    if not head:
        raise ImageError(f"{name} is empty, expected a picture; save or download it again")
    kind = next((kind for kind, pattern in _SIGNATURES if re.match(pattern, head, re.DOTALL)), None)
    if kind is None:
        what = next(
            (what for what, pattern in _STRANGERS if re.match(pattern, head, re.DOTALL)), "of no known kind"
        )
        raise ImageError(
            f"{name} is {what}, expected a picture in a common format; save it as JPEG, PNG or WebP"
        )
    if size > MAX_BYTES:
        raise ImageError(f"{name} has {size:,} bytes, expected at most {MAX_BYTES:,}; save it as a JPEG")
    return kind


def _plugin(kind: str, name: str) -> Callable[..., ImageFile.ImageFile]:
    if kind == "HEIF":
        try:
            from pillow_heif import HeifImageFile
        except ImportError as error:
            raise ImageError(
                f"{name} is a HEIC picture, expected a format that is installed; pip install pillow_heif or "
                "save it as a JPEG"
            ) from error
        return HeifImageFile
    if kind == "AVIF":
        try:
            from PIL.AvifImagePlugin import SUPPORTED, AvifImageFile

            if not SUPPORTED:
                raise ImportError("this Pillow was built without AVIF")
        except ImportError as error:
            raise ImageError(
                f"{name} is an AVIF picture, expected a format that is installed; pip install 'pillow>=11.3' "
                "or save it as a JPEG"
            ) from error
        return AvifImageFile
    return _PLUGINS[kind]


def _limit_pixels(image: ImageFile.ImageFile, kind: str, name: str) -> None:
    width, height = image.size
    pixels = width * height
    if kind == "JPEG" and MAX_PIXELS < pixels <= MAX_JPEG_PIXELS:
        scale = next(scale for scale in (2, 4, 8) if pixels <= MAX_PIXELS * scale**2)
        image.draft(image.mode, (width // scale, height // scale))
        return
    most = MAX_PIXELS
    if image.mode in ("I", "F"):
        most //= 2  # scaled through floats
    if kind == "WEBP":
        most = most * 2 // 3  # keeps two canvases
    if any(tile[0] in ("ppm", "bmp_rle") for tile in image.tile):
        most //= 10  # decoded by Python, a pixel at a time
    if kind == "JPEG":
        most = MAX_JPEG_PIXELS
    if pixels > most:
        raise ImageError(
            f"{name} is {width} x {height}, expected at most {most:,} pixels in such a {kind}; shrink it"
        )


def _narrow_transparency(image: ImageFile.ImageFile) -> None:
    """Of a 16-bit colour PNG Pillow keeps eight bits, but all sixteen of the colour that is transparent."""
    if image.format == "PNG" and image.tile[0][3] == "RGB;16B" and "transparency" in image.info:
        image.info["transparency"] = tuple(value >> 8 for value in image.info["transparency"])


def _png_essence(stream: BinaryIO, name: str) -> BinaryIO:
    kept = io.BytesIO()
    kept.write(stream.read(8))
    for _ in range(MAX_PIECES):
        header = stream.read(8)
        if len(header) < 8:
            break
        length, chunk = struct.unpack(">I4s", header)
        if chunk in _PNG_CHUNKS:
            kept.write(header + stream.read(length + 4))
        else:
            stream.seek(length + 4, os.SEEK_CUR)
        if chunk == b"IEND":
            break
    kept.seek(0)
    return kept


def _jpeg_essence(stream: BinaryIO, name: str) -> BinaryIO:
    data = stream.read()
    kept = [b"\xff\xd8"]
    frame = b""
    place, exif = 2, False
    for _ in range(MAX_PIECES):
        found = _JPEG_MARKER.search(data, place)
        if found is None:
            break
        start, marker = found.end(), found[1][0]
        length = int.from_bytes(data[start : start + 2], "big")
        if marker == 0xDA:  # start of scan: from here on it is libjpeg's
            _limit_coefficients(frame, data[start + 2 : start + 3], data, name)
            kept.append(b"\xff" + data[start - 1 :])
            break
        place = start if 0xD0 <= marker <= 0xD9 or marker == 1 else start + length
        segment = data[start:place]
        if marker in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
            frame = bytes([marker]) + segment[2:]
        note = 0xE0 <= marker <= 0xEF or marker == 0xFE
        wanted = segment[2:].startswith(_JPEG_NOTES) and not (marker == 0xE1 and exif)
        exif |= marker == 0xE1 and wanted
        if segment and (not note or wanted):
            kept.append(b"\xff" + found[1] + segment)
    return io.BytesIO(b"".join(kept))


def _limit_coefficients(frame: bytes, components_in_scan: bytes, data: bytes, name: str) -> None:
    marker, _, height, width, components = struct.unpack(">BBHHB", frame[:7])
    if marker in (0xC0, 0xC1, 0xC9) and components_in_scan == bytes([components]):
        return
    sampling = [divmod(value, 16) for value in frame[8::3][:components]]
    largest = max(h for h, _ in sampling) * max(v for _, v in sampling)
    needed = 2 * width * height * sum(h * v for h, v in sampling) // max(largest, 1)
    if needed > MAX_JPEG_COEFFICIENT_BYTES or data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise ImageError(
            f"{name} is a progressive JPEG of {width} x {height}, expected a smaller one or fewer scans; "
            "save it as a baseline JPEG"
        )


def _gif_essence(stream: BinaryIO, name: str) -> BinaryIO:
    data = stream.read()

    def after_palette(flags: int, place: int) -> int:
        return place + (3 << (flags & 7) + 1 if flags & 0x80 else 0)

    def after_blocks(place: int) -> int:
        while data[place]:
            place += 1 + data[place]
        return place + 1

    place = after_palette(data[10], 13)
    kept = [data[:place]]
    for _ in range(MAX_PIECES):
        start = place
        if data[start] == 0x2C:  # the first picture
            place = after_blocks(after_palette(data[start + 9], start + 10) + 1)
            kept.append(data[start:place] + b";")
            break
        place = after_blocks(start + 2) if data[start] == 0x21 else start + 1
        if data[start : start + 2] == b"\x21\xf9":  # its transparency
            kept.append(data[start:place])
    return io.BytesIO(b"".join(kept))


_ESSENCE: dict[str, Callable[[BinaryIO, str], BinaryIO]] = {
    "PNG": _png_essence,
    "JPEG": _jpeg_essence,
    "GIF": _gif_essence,
}


def _orientation(image: Image.Image) -> int:
    try:
        with _pillow_warnings_ignored():
            return image.getexif().get(0x0112, 1)
    except Exception:
        return 1  # the pixels are good; only the note on how to hold them is not


def _to_8_bits(image: Image.Image, name: str) -> Image.Image:
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    if not math.isfinite(low + high):
        raise ImageError(f"{name} holds NaN or infinity, expected finite values; write the pixels again")
    if image.mode.startswith("I;16"):
        floor, full = 0.0, 65535.0
    elif low < 0 or high > 65535:
        floor, full = low, high
    else:
        steps = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        floor, full = 0.0, next(step for step in steps if high <= step)
    scaled = (values.astype(np.float32) - floor) * (255 / max(full - floor, 1e-30))
    grey = Image.fromarray(scaled.round().clip(0, 255).astype(np.uint8))
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return grey


def _from_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    flat = ImageCms.applyTransform(image, ImageCms.buildTransform(lab, rgb, "LAB", "RGB"))
    assert flat is not None
    return flat


@contextlib.contextmanager
def _pillow_warnings_ignored() -> Iterator[None]:
    # The filters are the interpreter's, so one thread at a time changes them, and for Pillow's modules alone.
    with _WARNINGS, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield
