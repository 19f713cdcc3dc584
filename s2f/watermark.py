"""An imperceptible mark in the pixels: "made by s2f", and sixteen bits that say by which models.

Spread spectrum (Cox et al. 1997, https://doi.org/10.1109/83.650120) in the mid-low frequencies of luma:

    mark:  payload ──± signs──▶ DCT spectrum ──▶ pattern × what the eye does not see there ──▶ + pixels
    read:  pixels ──even out──▶ DCT spectrum ──whiten──▶ × signs, summed bit by bit ──▶ score, payload

Both sides work on a grid of 256 x 256, whatever the picture's size, so a resized picture lines up by itself.
Deviations from the paper: the reader needs no original; the picture's own share in each bit is known to the
marker and leant against (Malvar & Florencio 2003, improved spread spectrum). It is no secret and no proof:
who has this file can make the mark and can take it away. Cropping and turning break it; `provenance` signs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .errors import ImageError

if TYPE_CHECKING:
    from PIL import Image

PAYLOAD_BITS = 16
THRESHOLD = 4.0  # of the score, which is a standard normal deviate on pictures that bear no mark

GRID = 256
BAND = (26.0, 105.0)  # DCT radii on the grid: what half size and JPEG leave, and no shading of a face
SEED = b"s2f watermark 1"  # another seed is another mark: pictures already out would no longer be read
PRESENCE_SHARE = 0.15  # of the spectrum: it says that there is a mark at all; the payload has the rest
LEAN = 0.2  # how far a bit is strengthened for each standard deviation that the picture speaks against it
TILT = 0.25  # how much the spectrum rises with frequency: the eye sees the higher ones less

# The pattern's root mean square in grey levels: on flat ground, per level of texture there, and at most.
ON_FLAT, PER_TEXTURE, AT_MOST = 0.3, 0.35, 3.0


@dataclass(frozen=True)
class Reading:
    """A mark that was found: how far above chance, in standard deviations, and what it carries."""

    score: float
    payload: int


class _Spectrum(NamedTuple):
    place: np.ndarray  # of each coefficient in the flattened grid
    sign: np.ndarray
    bit: np.ndarray  # which coefficient speaks for which bit; 0 is presence
    strength: np.ndarray


@cache
def _spectrum() -> _Spectrum:
    rows, columns = np.mgrid[:GRID, :GRID]
    radius = np.hypot(rows, columns).ravel()
    place = np.flatnonzero((radius >= BAND[0]) & (radius <= BAND[1]))
    # A hash, since a library's random numbers may change with its version.
    chance = np.frombuffer(hashlib.shake_256(SEED).digest(4 * place.size), "<u2").reshape(2, -1)
    sign = np.where(chance[0] & 1, 1, -1).astype(np.float32)
    share = chance[1] / 65536
    payload_bit = 1 + (share - PRESENCE_SHARE) / (1 - PRESENCE_SHARE) * PAYLOAD_BITS
    bit = np.where(share < PRESENCE_SHARE, 0, payload_bit).astype(np.intp)
    return _Spectrum(place, sign, bit, (radius[place] ** TILT).astype(np.float32))


def mark(image: Image.Image, payload: int) -> Image.Image:
    """The same picture to the eye, with the mark and sixteen bits in it; a mark from before is replaced."""
    from PIL import Image as Pillow

    if not 0 <= payload < 1 << PAYLOAD_BITS:
        raise ImageError(f"got payload {payload}, expected 0 to {(1 << PAYLOAD_BITS) - 1}; shorten it")
    pixels, luma = _pixels(image)
    pattern = _pattern(luma, payload) * _unseen(luma)
    change = _scaled(pattern, pixels.shape[1], pixels.shape[0])
    return Pillow.fromarray(np.clip(np.rint(pixels + change[..., None]), 0, 255).astype(np.uint8))


def read(image: Image.Image) -> Reading | None:
    """The mark, or None: on unmarked pictures it speaks up once in some thirty thousand."""
    deviations = _deviations(_pixels(image)[1])
    if deviations[0] < THRESHOLD:
        return None
    bits = deviations[1:] > 0
    return Reading(float(deviations[0]), int(np.sum(bits << np.arange(PAYLOAD_BITS))))


def _pixels(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Its RGB, and its luma on the grid."""
    import cv2

    if image.mode not in ("RGB", "L"):
        raise ImageError(
            f"got a picture in mode {image.mode}, expected RGB or L; pass it through load_image first"
        )
    pixels = np.asarray(image.convert("RGB"))
    return pixels, _scaled(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32), GRID, GRID)


def _scaled(plane: np.ndarray, width: int, height: int) -> np.ndarray:
    import cv2

    shrinks = plane.shape[0] >= height and plane.shape[1] >= width
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _blur(plane: np.ndarray, sigma: float) -> np.ndarray:
    import cv2

    return cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def _pattern(luma: np.ndarray, payload: int) -> np.ndarray:
    """The mark on the grid, at a root mean square of one."""
    import cv2

    spectrum = _spectrum()
    wanted = np.concatenate([[1], np.where(payload >> np.arange(PAYLOAD_BITS) & 1, 1, -1)])
    against = -_deviations(luma) * wanted
    levels = wanted * np.clip(1 + LEAN * against, 0.5, 1.6)
    grid = np.zeros(GRID * GRID, np.float32)
    grid[spectrum.place] = spectrum.strength * spectrum.sign * levels.astype(np.float32)[spectrum.bit]
    pattern = cv2.idct(grid.reshape(GRID, GRID))
    return pattern / pattern.std()


def _unseen(luma: np.ndarray) -> np.ndarray:
    """How many grey levels may change where: texture hides them, and the calm beside an edge does not.

    A median follows edges, so that what it leaves is texture and thin lines; and lines are eroded.
    """
    import cv2

    detail = luma - cv2.medianBlur(luma, 5)
    texture = np.sqrt(_blur(detail * detail, 1.5))
    calm = _blur(cv2.erode(texture, np.ones((5, 5), np.uint8)), 1.2)
    return np.minimum(ON_FLAT + PER_TEXTURE * calm, AT_MOST)


def _deviations(luma: np.ndarray) -> np.ndarray:
    """How clearly presence and each bit speak: standard normal deviates where there is no mark."""
    import cv2

    # Every region counts alike, or the hair would drown the skin; below two levels there is only noise.
    detail = luma - _blur(luma, 4.0)
    even = detail / np.sqrt(_blur(detail * detail, 2.5) + 4.0)
    # So does every frequency, and no single coefficient outweighs the many.
    coefficients = cv2.dct(even)
    around = cv2.blur(coefficients * coefficients, (15, 15), borderType=cv2.BORDER_REFLECT)
    white = (coefficients / np.sqrt(around + 1e-6)).ravel()
    spectrum = _spectrum()
    speaks = np.clip(white[spectrum.place] * spectrum.sign, -3, 3)
    total = np.bincount(spectrum.bit, speaks, PAYLOAD_BITS + 1)
    power = np.bincount(spectrum.bit, speaks * speaks, PAYLOAD_BITS + 1)
    return total / np.sqrt(power + 1e-9)
