"""A face from rest through an expression and back, as an endless GIF or an MP4 that browsers play.

neutral ──ease in──▶ expression ──hold──▶ ──ease out──▶ neutral, and again
"""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import provenance
from .errors import S2FError
from .expression import Expression

if TYPE_CHECKING:
    from av.container import OutputContainer
    from PIL import Image

KINDS = (".gif", ".mp4")
FPS = 25  # 40 ms: a GIF counts in hundredths of a second
HOLD = 0.2  # of the whole, at the height of the expression; the rest is half the way there and half back
MOST_FRAMES = 250
DITHER = 8  # levels: about as far as the colours of a GIF's palette lie apart
VIDEO_QUALITY = "18"  # x264's constant rate factor: no loss that one would see

Express = Callable[[list[Expression]], Sequence["Image.Image"]]


def shares(count: int) -> list[float]:
    """How much of the expression each picture shows, from 0 to 1 and back, ready to be repeated.

    The last picture is the one before rest, since the first of the next round is rest.
    """
    if not 4 <= count <= MOST_FRAMES:
        raise S2FError(f"got {count} pictures, expected 4 to {MOST_FRAMES}; choose another number or length")
    rise = (1 - HOLD) / 2
    times = [n / count for n in range(count)]
    return [_eased(min(t / rise, (1 - t) / rise, 1.0)) for t in times]


def _eased(share: float) -> float:
    """Slow at both ends, as muscles move."""
    return (1 - math.cos(math.pi * share)) / 2


def scaled(expression: Expression, share: float) -> Expression:
    """That share of an expression; at 0 it is rest."""
    return Expression(
        {name: weight * share for name, weight in expression.classes.items()},
        {name: weight * share for name, weight in expression.units.items()},
    )


def frames(
    neutral: Image.Image, express: Express, expression: Expression, *, count: int = 25
) -> list[Image.Image]:
    """The pictures of one round. `express` gives the face each of several expressions, as
    `SketchToFace.express` does one; it is asked once for each different share, since the way back is the way
    there."""
    wanted = [round(share, 6) for share in shares(count)]
    between = sorted(set(wanted) - {0.0})
    made = list(express([scaled(expression, share) for share in between]))
    if len(made) != len(between):
        raise S2FError(f"got {len(made)} pictures for {len(between)} expressions, expected one for each")
    sizes = sorted({picture.size for picture in [neutral, *made]})
    if len(sizes) > 1:
        raise S2FError(f"got pictures of sizes {sizes}, expected one size; resize the face to the model's")
    by_share = dict(zip(between, made, strict=True)) | {0.0: neutral}
    return [by_share[share] for share in wanted]


def save(
    pictures: Sequence[Image.Image],
    path: str | Path,
    facts: provenance.Facts,
    *,
    fps: int = FPS,
    key: bytes | None = None,
) -> None:
    """Write an endless GIF or an MP4, each picture with the watermark, the file with its signed record."""
    target = Path(path)
    provenance.write_whole(encode(pictures, target.suffix, facts, fps=fps, key=key), target)


def encode(
    pictures: Sequence[Image.Image],
    suffix: str,
    facts: provenance.Facts,
    *,
    fps: int = FPS,
    key: bytes | None = None,
) -> bytes:
    """The bytes of such a file; `suffix` is .gif or .mp4."""
    if suffix.lower() not in KINDS:
        raise S2FError(
            f"got a name ending in {suffix or 'nothing'}, expected {' or '.join(KINDS)}; change its ending"
        )
    if not pictures or not 1 <= fps <= 50:
        raise S2FError(
            f"got {len(pictures)} pictures at {fps} a second, expected one or more at 1 to 50; give others"
        )
    once = {id(picture): provenance.mark(picture.convert("RGB"), facts) for picture in pictures}
    marked = [once[id(picture)] for picture in pictures]
    data = _gif(marked, fps) if suffix.lower() == ".gif" else _mp4(marked, fps)
    return provenance.sign(data, facts, key=key)


def _gif(pictures: Sequence[Image.Image], fps: int) -> bytes:
    palette = _palette(pictures)
    once = {id(picture): _quantized(picture, palette) for picture in pictures}
    indexed = [once[id(picture)] for picture in pictures]
    ends = [round(100 * (n + 1) / fps) for n in range(len(indexed))]
    durations = [10 * (end - start) for start, end in zip([0, *ends], ends, strict=False)]
    file = io.BytesIO()
    indexed[0].save(
        file, "GIF", save_all=True, append_images=indexed[1:], duration=durations, loop=0, optimize=False
    )
    return file.getvalue()


def _palette(pictures: Sequence[Image.Image]) -> Image.Image:
    """One palette for all, so that no colour jumps from one picture to the next."""
    from PIL import Image as Pillow

    different = {id(picture): picture for picture in pictures}.values()
    some = np.concatenate([np.asarray(picture)[::3, ::3].reshape(-1, 3) for picture in different]).astype(int)
    bins = (some >> 3) @ (1, 32, 1024)
    count = np.bincount(bins, minlength=32**3)
    used = np.flatnonzero(count)
    mean = np.stack([np.bincount(bins, level, 32**3)[used] / count[used] for level in some.T], 1)
    # By the root of how often they come: else the backdrop takes nearly all colours, and the lips turn grey.
    sheet = np.repeat(np.rint(mean).astype(np.uint8), np.ceil(np.sqrt(count[used])).astype(int), axis=0)
    return Pillow.fromarray(sheet[None]).quantize(256, Pillow.Quantize.MEDIANCUT, kmeans=2)


def _quantized(picture: Image.Image, palette: Image.Image) -> Image.Image:
    """Dither that hangs on the place alone: where two pictures are alike so are their dots."""
    from PIL import Image as Pillow

    ys, xs = np.mgrid[: picture.height, : picture.width]
    # Interleaved gradient noise (Jimenez 2014), nearly as even as blue noise and without its table
    noise = (52.9829189 * ((0.06711056 * xs + 0.00583715 * ys) % 1)) % 1 - 0.5
    pixels = np.asarray(picture, np.float32) + DITHER * noise[..., None]
    dithered = Pillow.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
    return dithered.quantize(palette=palette, dither=Pillow.Dither.NONE)


def _mp4(pictures: Sequence[Image.Image], fps: int) -> bytes:
    try:
        import av
    except ImportError:
        raise S2FError(
            "got .mp4, expected PyAV to write it; pip install 's2f[animation]', or write a .gif"
        ) from None
    width, height = (side - side % 4 for side in pictures[0].size)  # colour is kept for pairs of lines
    # A real file, since the index is moved to its front at the end, for browsers to start at once.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "face.mp4"
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as video:
            _encode_h264(video, pictures, (width, height), fps)
        return path.read_bytes()


def _encode_h264(
    video: OutputContainer, pictures: Sequence[Image.Image], size: tuple[int, int], fps: int
) -> None:
    """Colours as BT.709 and said so: what players assume otherwise is not the same in all."""
    import av
    from av.video.reformatter import ColorRange, Colorspace

    video.metadata["comment"] = provenance.DESCRIPTION
    stream = video.add_stream("libx264", Fraction(fps), {"crf": VIDEO_QUALITY, "preset": "medium"})
    (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
    stream.codec_context.colorspace = Colorspace.ITU709
    stream.codec_context.color_primaries = stream.codec_context.color_trc = 1  # BT.709 too
    stream.codec_context.color_range = ColorRange.MPEG
    for picture in pictures:
        planes = _bt709(np.asarray(picture.crop((0, 0, *size)), np.float32))
        video.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
    video.mux(stream.encode())


def _bt709(rgb: np.ndarray) -> np.ndarray:
    """The planes of yuv420p one below the other; rounded, where swscale cuts off and darkens by two."""
    height, width = rgb.shape[:2]
    luma = rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    blue, red = (rgb[..., 2] - luma) / 1.8556, (rgb[..., 0] - luma) / 1.5748
    chroma = [
        plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3)).reshape(height // 4, width) * (224 / 255)
        for plane in (blue, red)
    ]
    planes = np.vstack([16 + luma * (219 / 255), *(128 + plane for plane in chroma)])
    return np.rint(planes).astype(np.uint8)
