"""Files put together byte by byte: what `malformed` makes its lies of."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

SAVED = {
    "jpg": ("JPEG", {}),
    "progressive.jpg": ("JPEG", {"progressive": True}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {"lossless": True}),
    "gif": ("GIF", {}),
    "bmp": ("BMP", {}),
    "tif": ("TIFF", {}),
    "deflate.tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "ppm": ("PPM", {}),
    "avif": ("AVIF", {"speed": 10}),
}


def picture(width: int = 48, height: int = 40) -> Image.Image:
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(
        np.stack([rows * 5 % 256, columns * 5 % 256, (rows ^ columns) * 4 % 256], 2).astype(np.uint8)
    )


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def good_files() -> dict[str, bytes]:
    """A good file of each format that this Pillow writes."""
    Image.init()
    kinds = {name: how for name, how in SAVED.items() if how[0] in Image.SAVE}
    return {name: saved(picture(), kind, **options) for name, (kind, options) in kinds.items()}


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks, with right lengths and check sums."""
    body = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def ihdr(width: int, height: int, depth: int = 8, colour: int = 2) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)


def bmp(width: int, height: int, depth: int = 24, compression: int = 0, pixels: bytes = b"\0" * 64) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, depth, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + header + pixels


def tiff(*entries: tuple[int, int, int, int], next_ifd: int = 0, tail: bytes = b"") -> bytes:
    ifd = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + ifd + struct.pack("<I", next_ifd) + tail


def tiff_of(width: int, height: int, *more: tuple[int, int, int, int], compression: int = 1) -> bytes:
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (278, 4, 1, height),
        (279, 4, 1, 64),
    ]
    return tiff(
        *sorted([e for e in entries if e[0] not in {m[0] for m in more}] + list(more)), tail=b"\0" * 64
    )


def jpeg_frame(marker: int, width: int, height: int, sampling: int = 0x11, parts: int = 3) -> bytes:
    components = b"".join(bytes([n + 1, sampling if n == 0 else 0x11, 0]) for n in range(parts))
    return bytes([0xFF, marker]) + struct.pack(">HBHHB", 8 + 3 * parts, 8, height, width, parts) + components


def jpeg_scan(parts: int = 3, first: int = 1) -> bytes:
    listed = b"".join(bytes([first + n, 0]) for n in range(parts))
    return b"\xff\xda" + struct.pack(">HB", 6 + 2 * parts, parts) + listed + b"\0\x3f\0"


def resized_jpeg(jpeg: bytes, width: int, height: int) -> bytes:
    """The file with another size written in its frame header."""
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        place = jpeg.find(marker)
        if place > 0:
            return jpeg[: place + 5] + struct.pack(">HH", height, width) + jpeg[place + 9 :]
    raise AssertionError("no frame header")


def riff(*chunks: tuple[bytes, bytes], length: int | None = None) -> bytes:
    body = b"WEBP" + b"".join(kind + struct.pack("<I", len(data)) + data for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) if length is None else length) + body
