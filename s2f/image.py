"""The one image convention: float32 NCHW in [-1, 1] inside, PIL outside, and nothing unsafe in between.

`load_image` turns whatever a person calls a picture into an upright RGB one, or says in one sentence why it cannot.
Pillow's plugins are called directly, by the file's own first bytes: a name, an extension or a plugin for a format
outside `FORMATS` never decides what runs, and no global setting of Pillow is read for the limits or changed.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import struct
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageColor,
    ImageDraw,
    ImageFile,
    ImageFont,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
)

from .errors import ImageError

if TYPE_CHECKING:
    import torch

# The frame of every face, as fractions of its side: the height of the eyes, and how far apart the pupils are.
EYE_LINE = 0.47
EYE_DISTANCE = 0.24

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "HEIF")
# Together they keep one picture, its file and its decoder under 200 MB.
MAX_PIXELS = 30_000_000
MAX_BYTES = 80_000_000
# Baseline JPEGs beyond MAX_PIXELS are decoded at a half, a quarter or an eighth: 300 megapixels take seconds.
MAX_JPEG_PIXELS = 300_000_000

Colour = str | tuple[int, int, int]

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
    ("BMP", rb"BM"),
    ("TIFF", rb"II[*+]\0|MM\0[*+]"),
    ("PPM", rb"P[456]\s"),
    ("AVIF", rb"....ftyp(avi[fs]|m[is]f1.{0,32}avi[fs])"),
    ("HEIF", rb"....ftyp(hei|hev|mif1|msf1)"),
)
_STRANGERS = (
    ("an SVG drawing", rb"\s*(<\?xml.*)?(<!--.*)?(<!DOCTYPE svg.*)?<svg"),
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
    ("text", rb"[\t\n\r -~]+$"),
)
# Only these chunks of a PNG make its first picture; the others have been bombs, and are never looked at.
_PNG_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf")
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


def load_image(source: Any, *, background: Colour = "white") -> Image.Image:
    """Any picture as upright RGB: a path, bytes, an open binary file, a numpy array (HxW or HxWx1..4; uint8, uint16,
    bool, or float in 0..1), a torch tensor (CHW or 1CHW in [-1, 1]) or a PIL image.

    Where it is transparent, `background` shows. Of an animation the first picture counts. A JPEG above `MAX_PIXELS`
    comes reduced; anything else above it, or that is no complete picture, is an `ImageError`.
    """
    behind = _colour(background)
    torch = sys.modules.get("torch")
    if isinstance(source, Image.Image):
        return _from_pil(source, behind)
    if isinstance(source, np.ndarray):
        return _from_array(source, behind)
    if torch is not None and isinstance(source, torch.Tensor):
        return _from_tensor(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _decode(io.BytesIO(source), "the bytes", behind)
    if isinstance(source, (str, os.PathLike)):
        return _from_path(source, behind)
    if hasattr(source, "read"):
        return _decode(_whole_stream(source), "the open file", behind)
    raise ImageError(
        f"got {type(source).__name__}, expected a picture; pass a path, bytes, an open binary file, a numpy array, "
        "a torch tensor or a PIL image"
    )


def _from_path(source: str | os.PathLike[str], background: tuple[int, int, int]) -> Image.Image:
    name = repr(os.fspath(source))
    if re.match(r"'([a-zA-Z][a-zA-Z0-9+.-]+://|data:)", name):
        raise ImageError(
            f"got the address {name[:120]}, expected a file; download it first and pass its path"
        )
    path = Path(source)
    try:
        if path.is_dir():
            raise ImageError(f"got the folder {name}, expected one picture; pass the path of a file in it")
        if not path.is_file():
            raise ImageError(f"no picture at {name}, expected a file; check the path")
        with path.open("rb") as stream:
            return _decode(stream, name, background)
    except (OSError, ValueError) as error:
        raise ImageError(
            f"{name} cannot be opened, expected a readable file; check its path and rights"
        ) from error


def _whole_stream(source: Any) -> BinaryIO:
    try:
        if hasattr(source, "seek") and (not hasattr(source, "seekable") or source.seekable()):
            source.seek(0)
        data = source.read(MAX_BYTES + 1)
    except Exception as error:
        raise ImageError(
            "the open file cannot be read, expected one opened in mode 'rb'; open it again"
        ) from error
    if not isinstance(data, bytes):
        raise ImageError(f"the open file gives {type(data).__name__}, expected bytes; open it in mode 'rb'")
    return io.BytesIO(data)


def _decode(stream: BinaryIO, name: str, background: tuple[int, int, int]) -> Image.Image:
    kind = _sniff(stream, name)
    damaged = f"{name} is a damaged or truncated {kind} file, expected a complete picture; save or download it again"
    try:
        if kind == "PNG":
            stream = _png_without_extras(stream)
        with _pillow_warnings_ignored():
            image = _plugin(kind, name)(stream)
            _limit_pixels(image, kind, name)
        # Only Pillow's TIFF reader warns while it decodes; the lock is not held for the others.
        with _pillow_warnings_ignored() if kind == "TIFF" else contextlib.nullcontext():
            image.load()
        return _to_rgb(image, background, name)
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(damaged) from error


def _sniff(stream: BinaryIO, name: str) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(1024)
    stream.seek(0)
    if not head:
        raise ImageError(f"{name} is empty, expected a picture; save or download it again")
    if size > MAX_BYTES:
        raise ImageError(
            f"{name} has {size:,} bytes, expected at most {MAX_BYTES:,}; save it smaller or as a JPEG"
        )
    for kind, pattern in _SIGNATURES:
        if re.match(pattern, head, re.DOTALL):
            return kind
    found = (what for what, pattern in _STRANGERS if re.match(pattern, head, re.DOTALL))
    raise ImageError(
        f"{name} is {next(found, 'of no known kind')}, expected a picture; save it as JPEG, PNG or WebP and load that"
    )


def _plugin(kind: str, name: str) -> Callable[..., ImageFile.ImageFile]:
    if kind == "HEIF":
        try:
            from pillow_heif import HeifImageFile
        except ImportError as error:
            raise ImageError(
                f"{name} is a HEIC picture, expected a format that Pillow reads; pip install pillow_heif, "
                "or save it as a JPEG"
            ) from error
        return HeifImageFile
    if kind == "AVIF":
        if not features.check("avif"):
            raise ImageError(
                f"{name} is an AVIF picture, expected a format that this Pillow reads; pip install 'pillow>=11.3', "
                "or save it as a JPEG"
            )
        from PIL.AvifImagePlugin import AvifImageFile

        return AvifImageFile
    return _PLUGINS[kind]


def _limit_pixels(image: ImageFile.ImageFile, kind: str, name: str) -> None:
    width, height = image.size
    pixels = width * height
    if kind == "JPEG" and MAX_PIXELS < pixels <= MAX_JPEG_PIXELS:
        scale = next(scale for scale in (2, 4, 8) if pixels <= MAX_PIXELS * scale**2)
        image.draft(image.mode, (width // scale, height // scale))
    elif pixels > MAX_PIXELS:
        raise ImageError(
            f"{name} is {width} x {height}, expected at most {MAX_PIXELS:,} pixels; make it smaller"
        )


def _png_without_extras(stream: BinaryIO) -> BinaryIO:
    kept = io.BytesIO()
    kept.write(stream.read(8))
    while len(header := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", header)
        if kind in _PNG_CHUNKS:
            kept.write(header + stream.read(length + 4))
        else:
            stream.seek(length + 4, os.SEEK_CUR)
        if kind == b"IEND":
            break
    kept.seek(0)
    return kept


@contextlib.contextmanager
def _pillow_warnings_ignored() -> Iterator[None]:
    # The filters are the interpreter's, so one thread at a time changes them, and for Pillow's modules alone.
    with _WARNINGS, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def _from_pil(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    try:
        if getattr(image, "tile", None) and math.prod(image.size) > MAX_PIXELS:
            raise ImageError(
                f"got an unread picture of {image.width} x {image.height}, expected at most {MAX_PIXELS:,} pixels; "
                "pass the path of its file"
            )
        image.load()
        return _to_rgb(image, background, "the PIL image")
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(
            "the PIL image cannot be read, expected a complete picture; open its file again"
        ) from error


def _to_rgb(image: Image.Image, background: tuple[int, int, int], name: str) -> Image.Image:
    if 0 in image.size:
        raise ImageError(
            f"{name} is {image.width} x {image.height}, expected at least one pixel; save it again"
        )
    orientation = _orientation(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        image = _scaled_to_8_bits(image, name)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        flat = Image.new("RGB", image.size, background)
        flat.paste(image, mask=image.getchannel("A"))
    elif image.mode == "LAB":
        flat = _from_lab(image)
    else:
        flat = image.convert("RGB")
    flat.info = {}
    return flat.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else flat


def _orientation(image: Image.Image) -> int:
    try:
        with _pillow_warnings_ignored():
            return image.getexif().get(0x0112, 1)
    except Exception:
        return 1  # the pixels are good; only the note on how to hold them is not


def _scaled_to_8_bits(image: Image.Image, name: str) -> Image.Image:
    values = np.asarray(image).astype(np.float32)
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
    return Image.fromarray(np.round((values - floor) * (255 / (full - floor))).astype(np.uint8))


def _from_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    flat = ImageCms.applyTransform(image, ImageCms.buildTransform(lab, rgb, "LAB", "RGB"))
    assert flat is not None
    return flat


def _from_array(array: np.ndarray, background: tuple[int, int, int]) -> Image.Image:
    shape = "x".join(map(str, array.shape))
    if (
        array.ndim not in (2, 3)
        or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4))
        or array.size == 0
    ):
        raise ImageError(
            f"got an array of {shape or 'no dimension'}, expected HxW or HxWx1..4; rearrange its axes"
        )
    if math.prod(array.shape[:2]) > MAX_PIXELS:
        raise ImageError(f"got an array of {shape}, expected at most {MAX_PIXELS:,} pixels; make it smaller")
    if array.dtype == np.bool_:
        values = array.astype(np.uint8) * 255
    elif array.dtype == np.uint8:
        values = np.asarray(array)
    elif array.dtype.kind == "u" and array.dtype.itemsize == 2:
        values = np.round(array / np.float32(257)).astype(np.uint8)
    elif array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (low >= -1e-3 and high <= 1 + 1e-3):
            raise ImageError(
                f"got floats from {low:g} to {high:g}, expected 0 to 1; scale them and replace any NaN"
            )
        values = np.round(np.clip(array, 0, 1).astype(np.float32) * 255).astype(np.uint8)
    else:
        raise ImageError(
            f"got an array of {array.dtype}, expected uint8, uint16, bool or float in 0..1; convert it with astype"
        )
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    return _to_rgb(Image.fromarray(np.ascontiguousarray(values)), background, "the array")


def _from_tensor(tensor: torch.Tensor) -> Image.Image:
    if tensor.ndim not in (3, 4) or (tensor.ndim == 4 and tensor.shape[0] != 1):
        raise ImageError(
            f"got a tensor of {tuple(tensor.shape)}, expected CHW or 1CHW; pass one picture at a time"
        )
    image = to_pil(tensor)[0]
    low, high = float(tensor.min()), float(tensor.max())
    if low < -1.01 or high > 1.01:
        raise ImageError(
            f"got a tensor from {low:g} to {high:g}, expected -1 to 1; scale it or clamp it first"
        )
    return image.convert("RGB")


def to_tensor(images: Image.Image | Sequence[Image.Image], mode: str = "RGB") -> torch.Tensor:
    """One picture or several of one size as float32 N,C,H,W in [-1, 1]; C is 3, or 1 with mode "L"."""
    import torch

    if mode not in ("RGB", "L"):
        raise ImageError(f"got mode {mode!r}, expected 'RGB' or 'L'; choose one of the two")
    pictures = _pictures(images)
    sizes = sorted({picture.size for picture in pictures})
    if len(sizes) > 1:
        raise ImageError(f"got pictures of different sizes, {sizes}, expected one size; resize them first")
    loaded = (
        _from_pil(picture, (255, 255, 255)) if picture.mode not in ("RGB", "L") else picture
        for picture in pictures
    )
    stack = np.stack([np.asarray(picture.convert(mode)) for picture in loaded])
    planes = stack[:, None] if mode == "L" else stack.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(planes)).float() / 127.5 - 1


def to_pil(tensor: torch.Tensor) -> list[Image.Image]:
    """N,C,H,W or C,H,W in [-1, 1], on any device, as one picture each: grey where C is 1, RGB where it is 3."""
    import torch

    if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
        got = f"a tensor of {tensor.dtype}" if isinstance(tensor, torch.Tensor) else type(tensor).__name__
        raise ImageError(f"got {got}, expected a floating-point tensor in [-1, 1]; convert it first")
    batch = tensor[None] if tensor.ndim == 3 else tensor
    if batch.ndim != 4 or batch.shape[1] not in (1, 3) or 0 in batch.shape[2:]:
        raise ImageError(
            f"got a tensor of {tuple(tensor.shape)}, expected N,C,H,W with C 1 or 3; rearrange its axes"
        )
    values = batch.detach().to("cpu", torch.float32)
    if not values.isfinite().all():
        raise ImageError(
            "got a tensor with NaN or infinity, expected values in [-1, 1]; look where it was made"
        )
    bytes_ = ((values.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture) for picture in bytes_]


def resize(image: Image.Image, size: int | tuple[int, int], *, fill: str | Colour = "edge") -> Image.Image:
    """The picture scaled, antialiased, to fit `size` (a side, or width and height); the rest is padded with its own
    edge or with the colour `fill`, never stretched."""
    width, height = (size, size) if isinstance(size, int) else size
    if not (0 < width and 0 < height and width * height <= MAX_PIXELS):
        raise ImageError(f"got size {size}, expected 1 to {MAX_PIXELS:,} pixels; choose another size")
    if image.mode not in ("RGB", "L") or 0 in image.size:
        raise ImageError(
            f"got a picture in mode {image.mode}, expected RGB or L; pass it through load_image first"
        )
    scale = min(width / image.width, height / image.height)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    scaled = image.resize(inner, Image.Resampling.BICUBIC)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    if fill != "edge":
        canvas = Image.new("RGB", (width, height), _colour(fill)).convert(image.mode)
        canvas.paste(scaled, (left, top))
        return canvas
    sides = ((top, height - inner[1] - top), (left, width - inner[0] - left), (0, 0))
    pixels = np.asarray(scaled)
    return Image.fromarray(np.pad(pixels, sides[: pixels.ndim], mode="edge"))


def grid(
    images: Sequence[Image.Image],
    columns: int | None = None,
    *,
    gap: int = 4,
    captions: Sequence[str] | None = None,
    background: Colour = "white",
) -> Image.Image:
    """A contact sheet, row by row; each tile stands centred in a cell of the largest size, its caption beneath."""
    pictures = _pictures(images)
    behind = _colour(background)
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    if captions is not None and len(captions) != len(pictures):
        raise ImageError(f"got {len(captions)} captions, expected {len(pictures)}; give one for each picture")
    width = max(picture.width for picture in pictures)
    height = max(picture.height for picture in pictures)
    line = 20 if captions else 0
    rows = math.ceil(len(pictures) / columns)
    step = (width + gap, height + line + gap)
    sheet = Image.new("RGB", (columns * step[0] + gap, rows * step[1] + gap), behind)
    pen = ImageDraw.Draw(sheet)
    for index, picture in enumerate(pictures):
        left, top = gap + index % columns * step[0], gap + index // columns * step[1]
        sheet.paste(picture, (left + (width - picture.width) // 2, top + (height - picture.height) // 2))
        if captions:
            ink = "black" if sum(behind) > 382 else "white"
            pen.text(
                (left + width / 2, top + height + 2),
                captions[index],
                ink,
                ImageFont.load_default(14),
                anchor="ma",
            )
    return sheet


def _pictures(images: Image.Image | Sequence[Image.Image]) -> list[Image.Image]:
    pictures = [images] if isinstance(images, Image.Image) else list(images)
    strangers = [type(picture).__name__ for picture in pictures if not isinstance(picture, Image.Image)]
    if not pictures or strangers:
        raise ImageError(
            f"got {strangers[0] if strangers else 'no picture'}, expected PIL images; load_image makes them"
        )
    return pictures


def _colour(value: Colour) -> tuple[int, int, int]:
    try:
        return Image.new(
            "RGB", (1, 1), ImageColor.getrgb(value) if isinstance(value, str) else value
        ).getpixel((0, 0))  # type: ignore[return-value]
    except (ValueError, TypeError) as error:
        raise ImageError(
            f"got colour {value!r}, expected a name, '#rrggbb' or three numbers; choose one"
        ) from error
