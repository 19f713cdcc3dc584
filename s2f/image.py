"""The one image convention: float32 NCHW in [-1, 1] inside, PIL outside.

`load_image` turns whatever a person calls a picture into an upright RGB one, or says in one sentence why not.
"""

from __future__ import annotations

import io
import math
import operator
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from .decode import FORMATS, MAX_BYTES, MAX_PIXELS, decode, flatten
from .errors import ImageError

__all__ = [
    "EYE_DISTANCE",
    "EYE_LINE",
    "FORMATS",
    "MAX_PIXELS",
    "grid",
    "load_image",
    "resize",
    "to_pil",
    "to_tensor",
]

if TYPE_CHECKING:
    import torch

# The frame of every face, as fractions of its side: the height of the eyes, and how far apart the pupils are.
EYE_LINE = 0.47
EYE_DISTANCE = 0.24

Colour = str | tuple[int, int, int]


def load_image(source: Any, *, background: Colour = "white") -> Image.Image:
    """Any picture as upright RGB: a path, bytes, an open binary file, a numpy array (HxW or HxWx1..4; uint8,
    uint16, bool, or float in 0..1), a torch tensor (CHW or 1CHW in [-1, 1]) or a PIL image.

    Where it is transparent, `background` shows. Of an animation the first picture counts. A JPEG above
    `MAX_PIXELS` comes reduced; anything else above it, or that is no complete picture, is an `ImageError`.
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
        return decode(io.BytesIO(source), "the given data", behind)
    if isinstance(source, (str, os.PathLike)):
        return _from_path(source, behind)
    if hasattr(source, "read"):
        return decode(_whole_stream(source), "the open file", behind)
    raise ImageError(
        f"got {type(source).__name__}, expected a picture; pass a path, bytes, an open binary file, "
        "a numpy array, a torch tensor or a PIL image"
    )


def _from_path(source: str | os.PathLike[str], background: tuple[int, int, int]) -> Image.Image:
    text = os.fsdecode(source)
    name = repr(text if len(text) <= 200 else text[:80] + "..." + text[-80:])
    if not text:
        raise ImageError("got an empty path, expected one of a picture; pass the path of a file")
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://|data:", text):
        raise ImageError(f"got the address {name}, expected a file; download it first and pass its path")
    path = Path(text)
    try:
        if path.is_dir():
            raise ImageError(f"got the folder {name}, expected one picture; pass the path of a file in it")
        if not path.is_file():
            raise ImageError(f"no picture at {name}, expected a file; check the path")
        with path.open("rb") as stream:
            return decode(stream, name, background)
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


def _from_pil(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    try:
        if getattr(image, "tile", None) and math.prod(image.size) > MAX_PIXELS:
            raise ImageError(
                f"got an unread picture of {image.width} x {image.height}, expected at most {MAX_PIXELS:,} "
                "pixels; pass the path of its file"
            )
        return flatten(image, "the PIL image", background)
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(
            "the PIL image cannot be read, expected a complete picture; open its file again"
        ) from error


def _from_array(array: np.ndarray, background: tuple[int, int, int]) -> Image.Image:
    shape = "x".join(map(str, array.shape)) or "no dimension"
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (1,), (2,), (3,), (4,)) or array.size == 0:
        raise ImageError(f"got an array of {shape}, expected HxW or HxWx1..4; rearrange its axes")
    if math.prod(array.shape[:2]) > MAX_PIXELS:
        raise ImageError(f"got an array of {shape}, expected at most {MAX_PIXELS:,} pixels; make it smaller")
    values = _to_uint8(array)
    if values.shape[2:] == (1,):
        values = values[:, :, 0]
    return flatten(Image.fromarray(np.ascontiguousarray(values)), "the array", background)


def _to_uint8(array: np.ndarray) -> np.ndarray:
    kind = array.dtype.kind + str(array.dtype.itemsize)
    if kind == "u1":
        return np.asarray(array)
    if kind == "b1":
        return np.where(array, np.uint8(255), np.uint8(0))
    if kind == "u2":
        return np.round(array / np.float32(257)).astype(np.uint8)
    if kind[0] != "f":
        raise ImageError(
            f"got an array of {array.dtype}, expected uint8, uint16, bool or float in 0..1; use astype"
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):
        raise ImageError(
            f"got floats from {low:g} to {high:g}, expected 0 to 1; scale them and replace NaN and infinity"
        )
    return np.round(np.clip(array, 0, 1).astype(np.float32) * 255).astype(np.uint8)


def _from_tensor(tensor: torch.Tensor) -> Image.Image:
    if tensor.ndim not in (3, 4) or (tensor.ndim == 4 and tensor.shape[0] != 1):
        raise ImageError(
            f"got a tensor of {tuple(tensor.shape)}, expected CHW or 1CHW; pass one picture at a time"
        )
    image = to_pil(tensor)[0].convert("RGB")
    low, high = float(tensor.min()), float(tensor.max())
    if low < -1.01 or high > 1.01:  # beyond any network's rounding
        raise ImageError(
            f"got a tensor from {low:g} to {high:g}, expected -1 to 1; scale it or clamp it first"
        )
    return image


def to_tensor(images: Image.Image | Sequence[Image.Image], mode: str = "RGB") -> torch.Tensor:
    """One picture or several of one size as float32 N,C,H,W in [-1, 1]; C is 3, or 1 with mode "L"."""
    import torch

    if mode not in ("RGB", "L"):
        raise ImageError(f"got mode {mode!r}, expected 'RGB' or 'L'; choose one of the two")
    pictures = _pictures(images)
    sizes = sorted({picture.size for picture in pictures})
    if len(sizes) > 1:
        listed = ", ".join(f"{width} x {height}" for width, height in sizes[:4])
        raise ImageError(f"got pictures of {len(sizes)} sizes ({listed}), expected one; resize them first")
    stack = np.stack([np.asarray(_plain(picture).convert(mode)) for picture in pictures])
    planes = stack[:, None] if mode == "L" else stack.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(planes)).float() / 127.5 - 1


def to_pil(tensor: torch.Tensor) -> list[Image.Image]:
    """N,C,H,W or C,H,W in [-1, 1], on any device, as one picture each: grey if C is 1, RGB if it is 3."""
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
    # N,C,H,W -> N,H,W,C
    stack = ((values.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return [
        Image.fromarray(np.ascontiguousarray(picture.squeeze(2) if picture.shape[2] == 1 else picture))
        for picture in stack
    ]


def resize(image: Image.Image, size: int | tuple[int, int], *, fill: Colour = "edge") -> Image.Image:
    """The picture, antialiased, as large as fits centred in `size` (a side, or width and height), never
    stretched; the rest repeats its edge, or is of the colour `fill`."""
    width, height = _checked_size(size)
    if image.mode not in ("RGB", "L") or 0 in image.size:
        raise ImageError(
            f"got a picture of {image.width} x {image.height} in mode {image.mode}, expected pixels in RGB "
            "or L; pass it through load_image first"
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


def _checked_size(size: int | tuple[int, int]) -> tuple[int, int]:
    try:
        width, height = (size, size) if isinstance(size, int) else size
        width, height = operator.index(width), operator.index(height)
    except (TypeError, ValueError):
        width = height = 0
    if min(width, height) < 1 or width * height > MAX_PIXELS:
        raise ImageError(
            f"got size {size!r}, expected a side or (width, height) up to {MAX_PIXELS:,} pixels; pass one"
        )
    return width, height


def grid(
    images: Sequence[Image.Image],
    columns: int | None = None,
    *,
    gap: int = 4,
    captions: Sequence[str] | None = None,
    background: Colour = "white",
) -> Image.Image:
    """A contact sheet, row by row; each picture centred in a cell of the largest size, its caption below."""
    pictures = [_plain(picture) for picture in _pictures(images)]
    behind = _colour(background)
    if captions is not None and len(captions) != len(pictures):
        raise ImageError(f"got {len(captions)} captions, expected {len(pictures)}; give one for each picture")
    if gap < 0 or (columns is not None and columns < 1):
        raise ImageError(
            f"got gap {gap} and columns {columns}, expected 0 or more and 1 or more; choose others"
        )
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    width = max(picture.width for picture in pictures)
    height = max(picture.height for picture in pictures)
    letter = min(20, max(10, width // 16))
    font = ImageFont.load_default(letter)
    line = 0 if captions is None else letter * 3 // 2
    across, down = width + gap, height + line + gap
    rows = math.ceil(len(pictures) / columns)
    sheet = Image.new("RGB", (columns * across + gap, rows * down + gap), behind)
    pen = ImageDraw.Draw(sheet)
    ink = "black" if sum(behind) > 382 else "white"
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        left, top = gap + column * across, gap + row * down
        sheet.paste(picture, (left + (width - picture.width) // 2, top + (height - picture.height) // 2))
        if captions is not None:
            text = _shortened(captions[index], width, font)
            pen.text((left + width / 2, top + height + line / 2), text, ink, font, anchor="mm")
    return sheet


def _shortened(text: str, width: int, font: Any) -> str:
    text = " ".join(str(text).split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _pictures(images: Image.Image | Sequence[Image.Image]) -> list[Image.Image]:
    pictures = [images] if isinstance(images, Image.Image) else list(images)
    strangers = [type(picture).__name__ for picture in pictures if not isinstance(picture, Image.Image)]
    if not pictures or strangers:
        got = strangers[0] if strangers else "no picture"
        raise ImageError(f"got {got}, expected one PIL image or more; load_image makes them")
    return pictures


def _plain(image: Image.Image) -> Image.Image:
    return (
        image
        if image.mode in ("RGB", "L") and image.size[0] * image.size[1]
        else _from_pil(image, (255,) * 3)
    )


def _colour(value: Colour) -> tuple[int, int, int]:
    try:
        red, green, blue = ImageColor.getrgb(value)[:3] if isinstance(value, str) else value
        if all(0 <= operator.index(level) <= 255 for level in (red, green, blue)):
            return red, green, blue
    except (ValueError, TypeError):
        pass
    raise ImageError(f"got colour {value!r}, expected a name, '#rrggbb' or three numbers to 255; choose one")
