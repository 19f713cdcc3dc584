"""Files and objects that are no picture, or pretend to be one, made by code for `load_image` to survive.

Run with a folder, it loads every file there and every object here, and prints what came of each as JSON.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import random
import re
import struct
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from picture_bytes import (
    bmp,
    good_files,
    ihdr,
    jpeg_frame,
    jpeg_scan,
    picture,
    png,
    resized_jpeg,
    riff,
    saved,
    tiff,
    tiff_of,
)
from PIL import Image

from s2f.errors import ImageError
from s2f.image import load_image

# Bytes for a file, or a function that is given an empty folder and returns what to pass instead of a file.
Malformed = bytes | Callable[[Path], object]


def corpus() -> list[tuple[str, Malformed]]:
    """(name of the file, what it holds), every one of them wrong or nearly so."""
    return [*_damaged(), *_bombs(), *_lies(), *_strangers(), *_objects()]


def _objects() -> list[tuple[str, Malformed]]:
    return [*_no_files(), *_arrays()]


def _damaged() -> list[tuple[str, Malformed]]:
    out: list[tuple[str, Malformed]] = []
    for kind, data in good_files().items():
        for part in (0.02, 0.3, 0.7, 0.98):
            out.append((f"cut-{part}.{kind}", data[: int(len(data) * part)]))
        for seed in range(4):
            draw = random.Random(seed)
            flipped = bytearray(data)
            for _ in range(1 + seed * 3):
                flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            out.append((f"flip-{seed}.{kind}", bytes(flipped)))
        out.append((f"zeroed.{kind}", data[: len(data) // 3] + bytes(len(data) - len(data) // 3)))
        out.append((f"tail.{kind}", data + b"\0" * 5000))
    return out


def _bombs() -> list[tuple[str, Malformed]]:
    black = zlib.compress(bytes(20_000_000), 9)
    nearly = zlib.compress(bytes(115_000_000), 1)
    megabytes = zlib.compress(b"a" * 60_000_000, 9)
    picture_png = [ihdr(4, 4), (b"IDAT", zlib.compress(b"\0" * 52)), (b"IEND", b"")]
    texts = [(b"zTXt", b"k\0\0" + megabytes), (b"iTXt", b"k\0\x01\0\0\0" + megabytes)] * 20
    jpeg, progressive = good_files()["jpg"], good_files()["progressive.jpg"]
    comment = b"\x21\xfe" + (b"\xff" + b"c" * 255) * 60_000 + b"\0"
    gif = good_files()["gif"]
    screen = 13 + (3 << (gif[10] & 7) + 1)
    return [
        ("bomb-30000.png", png(ihdr(30000, 30000), (b"IDAT", black), (b"IEND", b""))),
        ("bomb-just-allowed.png", png(ihdr(5000, 5900, 8, 6), (b"IDAT", nearly), (b"IEND", b""))),
        ("bomb-2-to-31.png", png(ihdr(2**31 - 1, 2**31 - 1), (b"IDAT", black), (b"IEND", b""))),
        ("bomb-thin.png", png(ihdr(2**31 - 1, 1), (b"IDAT", black), (b"IEND", b""))),
        ("bomb-text.png", png(picture_png[0], *texts, *picture_png[1:])),
        ("bomb-profile.png", png(picture_png[0], (b"iCCP", b"p\0\0" + megabytes), *picture_png[1:])),
        ("many-chunks.png", png(picture_png[0], *[(b"teXt", b"")] * 300_000, *picture_png[1:])),
        ("bomb-screen.gif", gif[:6] + struct.pack("<HH", 65535, 65535) + gif[10:]),
        ("bomb-frame.gif", gif[:screen] + gif[screen:].replace(struct.pack("<HH", 48, 40), b"\xff" * 4, 1)),
        ("bomb-comment.gif", gif[:screen] + comment + gif[screen:]),
        ("many-comments.gif", gif[:screen] + b"\x21\xfe\x01c\0" * 400_000 + gif[screen:]),
        ("bomb.bmp", bmp(60000, 60000)),
        ("bomb-rle.bmp", bmp(30000, 30000, 8, 1)),
        ("bomb-rle-allowed.bmp", bmp(5000, 5900, 8, 1, b"\0\2\xff\xff" * 20000)),
        ("bomb.tif", tiff_of(60000, 60000)),
        ("bomb-deflate.tif", tiff_of(5000, 5900, compression=8)),
        ("bomb-strip.tif", tiff_of(16, 16, (278, 4, 1, 2**32 - 1), compression=8)),
        (
            "bomb-tile.tif",
            tiff_of(64, 64, (322, 4, 1, 2**20), (323, 4, 1, 2**20), (324, 4, 1, 8), compression=8),
        ),
        ("bomb-count.tif", tiff_of(16, 16, (270, 2, 2**32 - 1, 8))),
        ("bomb.ppm", b"P6 60000 60000 255\n" + b"\0" * 64),
        ("bomb-slow.ppm", b"P6 5000 5900 254\n" + b"\0" * 500_000),
        ("bomb-number.ppm", b"P6 " + b"9" * 5000 + b" 1 255\n"),
        ("bomb.jpg", resized_jpeg(jpeg, 65500, 65500)),
        ("bomb-reduced.jpg", resized_jpeg(jpeg, 17000, 17000)),
        ("bomb-progressive.jpg", resized_jpeg(progressive, 16000, 16000)),
        ("bomb-coefficients.jpg", b"\xff\xd8" + jpeg_frame(0xC0, 16000, 16000) + jpeg_scan(1)),
        (
            "bomb-scans.jpg",
            progressive[:-2] + progressive[progressive.find(b"\xff\xda") : -2] * 300 + b"\xff\xd9",
        ),
        ("many-markers.jpg", jpeg[:2] + b"\xff\xfe\0\2" * 1_000_000 + jpeg[2:]),
        ("exif-in-parts.jpg", jpeg[:2] + (b"\xff\xe1\xff\xffExif\0\0" + b"e" * 65527) * 300 + jpeg[2:]),
        ("padding.jpg", jpeg[:2] + b"\xff" * 5_000_000 + jpeg[2:]),
        ("bomb-lossless.webp", riff((b"VP8L", b"\x2f\xff\xff\xff\x0f" + b"\x55" * 99))),
        (
            "bomb.webp",
            riff((b"VP8X", b"\x02\0\0\0" + b"\xff\x3f\0" * 2), (b"ANIM", b"\0" * 6), (b"ANMF", b"\0" * 16)),
        ),
    ]


def _sparse(path: Path, head: bytes, size: int) -> Path:
    with path.open("wb") as stream:
        stream.write(head)
        stream.truncate(size)
    return path


def _lies() -> list[tuple[str, Malformed]]:
    files = good_files()
    looping = tiff((256, 4, 1, 4), (257, 4, 1, 4), next_ifd=8)
    webp = files["webp"]
    jpeg = files["jpg"]
    exif = b"\xff\xe1\0\x20Exif\0\0II*\0\xff\xff\xff\xff" + b"\xee" * 16
    deep = png(ihdr(4, 4), (b"IDAT", b"not deflate"), (b"IEND", b""))
    return [
        ("no-pixels.png", png(ihdr(0, 0), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))),
        ("no-width.png", png(ihdr(0, 9), (b"IDAT", zlib.compress(b"\0" * 9)), (b"IEND", b""))),
        ("no-data.png", png(ihdr(9, 9), (b"IEND", b""))),
        ("no-header.png", png((b"IDAT", zlib.compress(b"\0" * 9)), (b"IEND", b""))),
        ("bad-depth.png", png(ihdr(4, 4, 7, 5), (b"IDAT", zlib.compress(b"\0" * 99)), (b"IEND", b""))),
        (
            "no-palette.png",
            png(ihdr(4, 4, 8, 3), (b"IDAT", zlib.compress(b"\0\1\2\3\4" * 4)), (b"IEND", b"")),
        ),
        ("bad-deflate.png", deep),
        (
            "bad-transparency.png",
            png(ihdr(4, 4), (b"tRNS", b"\0"), (b"IDAT", zlib.compress(bytes(52))), (b"IEND", b"")),
        ),
        ("bad-length.png", files["png"][:8] + b"\xff\xff\xff\xff" + files["png"][12:]),
        ("no-pixels.gif", b"GIF89a\0\0\0\0\0\0\0;"),
        ("no-frame.gif", b"GIF89a\x09\0\x09\0\0\0\0;"),
        ("only-signature.gif", b"GIF89a"),
        ("no-pixels.bmp", bmp(0, 0)),
        ("negative.bmp", bmp(-4, -4)),
        ("most-negative.bmp", bmp(4, -(2**31))),
        ("bad-depth.bmp", bmp(4, 4, 7)),
        ("bad-compression.bmp", bmp(4, 4, 24, 99)),
        ("looping.tif", looping),
        ("looping-subifd.tif", tiff_of(4, 4, (330, 4, 1, 8), (34665, 4, 1, 8))),
        ("no-entries.tif", tiff()),
        ("far-ifd.tif", b"II*\0\xf0\xff\xff\xff"),
        ("no-pixels.tif", tiff_of(0, 0)),
        ("bad-compression.tif", tiff_of(4, 4, compression=4242)),
        ("far-strip.tif", tiff_of(4, 4, (273, 4, 1, 2**32 - 1))),
        ("many-samples.tif", tiff_of(4, 4, (277, 3, 1, 65535))),
        ("no-pixels.ppm", b"P6 0 0 255\n"),
        ("no-size.ppm", b"P6 \n"),
        ("not-a-number.ppm", b"P5 x y z\n"),
        ("no-maximum.ppm", b"P5 4 4 0\n" + bytes(16)),
        ("no-pixels.jpg", resized_jpeg(jpeg, 0, 0)),
        ("only-markers.jpg", b"\xff\xd8\xff\xd9"),
        ("no-tables.jpg", b"\xff\xd8" + jpeg_frame(0xC0, 8, 8) + jpeg_scan() + b"\0\xff\xd9"),
        ("no-sampling.jpg", b"\xff\xd8" + jpeg_frame(0xC2, 8, 8, sampling=0) + jpeg_scan() + b"\0\xff\xd9"),
        ("scan-first.jpg", b"\xff\xd8" + jpeg_scan() + b"\0\xff\xd9"),
        (
            "twelve-components.jpg",
            b"\xff\xd8" + jpeg_frame(0xC0, 8, 8, parts=12) + jpeg_scan(12) + b"\0\xff\xd9",
        ),
        ("short-segment.jpg", jpeg[:2] + b"\xff\xe0\0\0" + jpeg[2:]),
        ("bad-exif.jpg", jpeg[:2] + exif + jpeg[2:]),
        ("wrong-riff-length.webp", webp[:4] + b"\xff\xff\xff\x7f" + webp[8:]),
        ("nought-riff-length.webp", webp[:4] + b"\0\0\0\0" + webp[8:]),
        ("wrong-chunk-length.webp", webp[:16] + b"\xff\xff\xff\x7f" + webp[20:]),
        ("no-chunk.webp", riff()),
        ("unknown-chunk.webp", riff((b"ABCD", b"\0" * 40))),
        ("empty.avif", b"\0\0\0\x18ftypavif\0\0\0\0avifmif1"),
        ("empty.heic", b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + b"\0" * 100),
    ]


def _strangers() -> list[tuple[str, Malformed]]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("face.png", good_files()["png"])
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><circle r='4'/></svg>"
    return [
        ("empty.png", b""),
        ("one-byte.png", b"\x89"),
        ("noughts.png", bytes(4096)),
        ("text.png", b"this is no picture\n" * 9),
        ("umlauts.txt", "kein Bild, nur Wörter".encode()),
        ("pointer.png", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        ("page.jpg", b"<!DOCTYPE html><html><body>404</body></html>"),
        ("drawing.svg", svg),
        ("drawing-with-head.png", b"<?xml version='1.0'?>\n<!-- made -->\n" + svg),
        ("paper.png", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n"),
        ("postscript.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"),
        ("archive.png", archive.getvalue()),
        ("squeezed.png", gzip.compress(good_files()["png"])),
        ("pickled.png", pickle.dumps({"a": 1})),
        ("layers.psd", b"8BPS\0\1" + bytes(60)),
        ("favicon.ico", b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + bytes(60)),
        ("new.jxl", b"\xff\x0a" + bytes(60)),
        ("new.jp2", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60)),
        ("film.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(60)),
        ("sound.wav", b"RIFF\x24\0\0\0WAVEfmt " + bytes(60)),
        ("elf.png", b"\x7fELF\2\1\1" + bytes(60)),
        ("bm-text.txt", b"BM stands for bitmap, but this is text of some length, and no picture at all"),
        *((f"random-{seed}.png", random.Random(seed).randbytes(3000)) for seed in range(4)),
        *((f"random-{n}.bin", magic + random.Random(n).randbytes(2000)) for n, magic in enumerate(_MAGICS)),
    ]


_MAGICS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF\xd0\x07\0\0WEBP",
    b"GIF89a",
    b"BM",
    b"II*\0\x08\0\0\0",
    b"P6\n4 4\n255\n",
    b"\0\0\0\x18ftypavif",
    b"\0\0\0\x18ftypheic",
)


def _folder(folder: Path) -> Path:
    (folder / "pictures.png").mkdir()
    return folder / "pictures.png"


def _text_file(folder: Path) -> object:
    return io.TextIOWrapper(io.BytesIO(b"words"))


def _closed_file(folder: Path) -> object:
    stream = io.BytesIO(good_files()["png"])
    stream.close()
    return stream


def _unread_picture(folder: Path) -> object:
    return Image.open(io.BytesIO(good_files()["jpg"][:-30]))


def _no_files() -> list[tuple[str, Malformed]]:
    return [
        ("a huge PNG", lambda folder: _sparse(folder / "huge.png", good_files()["png"], 2**33)),
        ("a huge BMP", lambda folder: _sparse(folder / "huge.bmp", bmp(5000, 5900), 2**33)),
        ("a folder", _folder),
        ("a missing path", lambda folder: folder / "nothing.png"),
        ("a missing path as text", lambda folder: str(folder / "nothing.png")),
        ("a path with a nought", lambda folder: "a\0b.png"),
        ("an endless path", lambda folder: "a" * 100_000),
        ("an empty path", lambda folder: ""),
        ("a web address", lambda folder: "https://example.org/face.png"),
        ("a data address", lambda folder: "data:image/png;base64,AAAA"),
        ("a text file", _text_file),
        ("a closed file", _closed_file),
        ("a truncated PIL image", _unread_picture),
        ("a PIL image without pixels", lambda folder: Image.new("RGB", (0, 5))),
        ("a PIL image of NaN", lambda folder: Image.new("F", (4, 4), float("nan"))),
        ("nothing", lambda folder: None),
        ("a number", lambda folder: 7),
        ("a list", lambda folder: [[0, 1], [1, 0]]),
        ("a dictionary", lambda folder: {"image": None}),
        ("a class", lambda folder: Image.Image),
    ]


def _arrays() -> list[tuple[str, Malformed]]:
    bad = {
        "no pixels": np.zeros((0, 4, 3), np.uint8),
        "no dimension": np.array(3.0),
        "one dimension": np.zeros(9, np.uint8),
        "four dimensions": np.zeros((1, 4, 4, 3), np.uint8),
        "five channels": np.zeros((4, 4, 5), np.uint8),
        "no channels": np.zeros((4, 4, 0), np.uint8),
        "channels first": np.zeros((3, 40, 40), np.uint8),
        "NaN": np.full((4, 4), np.nan),
        "infinity": np.full((4, 4), np.inf, np.float32),
        "floats to 255": np.full((4, 4, 3), 255.0),
        "negative floats": np.full((4, 4, 3), -1.0),
        "complex": np.zeros((4, 4), complex),
        "objects": np.full((4, 4), None),
        "words": np.full((4, 4), "white"),
        "dates": np.zeros((4, 4), "datetime64[s]"),
        "records": np.zeros((4, 4), [("r", "u1"), ("g", "u1")]),
        "int64": np.zeros((4, 4), np.int64),
        "too many pixels": np.broadcast_to(np.uint8(0), (200_000, 200_000, 3)),
    }
    return [(f"an array of {name}", lambda folder, array=array: array) for name, array in bad.items()]


def _peak() -> int:
    # The high-water mark of this program alone: `ru_maxrss` starts at that of the program which started it.
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _outcome(name: str, source: object, good: bytes) -> dict[str, object]:
    peak, start = _peak(), time.process_time()
    try:
        image = load_image(source)
        said = "" if type(image) is Image.Image and image.mode == "RGB" else f"{type(image)} {image.mode}"
        result = "picture"
    except ImageError as error:
        result, said = "refused", str(error)
    except BaseException as error:
        result, said = "escaped", repr(error)
    took = time.process_time() - start
    after = load_image(good).size == picture().size
    return {
        "name": name,
        "result": result,
        "said": said,
        "took": took,
        "grew": _peak() - peak,
        "after": after,
    }


def main(folder: Path) -> None:
    good = saved(picture(), "PNG")
    load_image(good)
    outcomes = [_outcome(path.name, path, good) for path in sorted(folder.iterdir())]
    for name, make in _objects():
        with tempfile.TemporaryDirectory() as empty:
            outcomes.append(_outcome(name, make(Path(empty)), good))
    sys.stdout.write(json.dumps(outcomes))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
