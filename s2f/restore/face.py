"""One framed face through a restorer, or every face of a photograph; the answer says how far it moved.

A restorer is anything callable as face (N, 3, S, S) float32 in [-1, 1] → face. Nothing is kept between
calls, so one restorer serves any number of threads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from ..errors import ImageError, ModelError, S2FError
from ..image import load_image, to_pil, to_tensor
from ..photo import Changed, change_faces
from .colour import keep_colours, moved
from .opening import check_precision

if TYPE_CHECKING:
    import torch

    from ..corpus.detect import Found

Restorer = Callable[["torch.Tensor"], "torch.Tensor"]
Judge = Callable[["torch.Tensor"], "torch.Tensor"]  # face → a direction, the same for one person


@dataclass(frozen=True)
class Restored:
    """A face after restoring, and how far it is from before: ΔE of skin, hair and eyes, cosine of identity.

    `restored` is false where the restorer could not work; `image` is then the picture as it was, and `note`
    says in a sentence why, and what to do.
    """

    image: Image.Image
    moved: dict[str, float] = field(default_factory=dict)
    restored: bool = True
    note: str = ""


def restore(
    face: Any,
    model: Restorer,
    strength: float = 1.0,
    keep_colour: bool = True,
    *,
    judge: Judge | None = None,
    precision: str = "float32",
) -> Restored:
    """A framed face, restored: `strength` 0 leaves it, 1 is all that the restorer would do.

    The answer is as large as the restorer makes it, or as the face was if that is larger.
    """
    _check_strength(strength)
    check_precision(precision)
    picture = load_image(face)
    if picture.width != picture.height:
        raise ImageError(
            f"got a face of {picture.width} x {picture.height}, expected a square one in our frame; frame "
            "it, or restore it as a photograph"
        )
    made = _through(model, picture, precision)
    before = _sized(np.asarray(picture), len(made))
    after = keep_colours(before, made) if keep_colour else made.astype(np.float32)
    # What the face shows beyond the restorer's resolution stays.
    whole = _sized(np.asarray(picture), max(len(made), picture.width)).astype(np.float32)
    change = _sized(after - before.astype(np.float32), len(whole))
    done = np.clip(np.rint(whole + strength * change), 0, 255).astype(np.uint8)
    far = moved(before, _sized(done, len(before)))
    if judge is not None:
        far["identity"] = _likeness(judge, whole, done)
    return Restored(Image.fromarray(done), far)


def attempt(face: Any, opened: Callable[[], Restorer], **options: Any) -> Restored:
    """As `restore` by the model that `opened` gives; where that fails, the picture as it was, and why."""
    try:
        return restore(face, opened(), **options)
    except S2FError as error:
        return Restored(load_image(face), restored=False, note=str(error))


def how_far(done: list[Restored]) -> str:
    """In words: the farthest that any part of a face moved."""
    parts = {part: max(one.moved.get(part, 0.0) for one in done) for part in ("skin", "hair", "eyes")}
    said = ", ".join(f"{part} ΔE {far:.1f}" for part, far in parts.items())
    known = [one.moved["identity"] for one in done if "identity" in one.moved]
    return said + (f", identity {min(known):.3f}" if known else "")


def restore_photo(
    photo: Any,
    model: Restorer,
    strength: float = 1.0,
    keep_colour: bool = True,
    *,
    which: int | str = "all",
    judge: Judge | None = None,
    precision: str = "float32",
    faces: list[Found] | None = None,
) -> tuple[Changed, list[Restored]]:
    """Any photograph with its faces restored in place; the rest, and faces not asked for, as they were."""
    _check_strength(strength)
    done: list[Restored] = []

    def change(cuts: list[Image.Image]) -> list[Image.Image]:
        options: dict[str, Any] = {"judge": judge, "precision": precision}
        done.extend(restore(cut, model, strength, keep_colour, **options) for cut in cuts)
        return [one.image for one in done]

    changed = change_faces(load_image(photo), change, which=which, keep_detail=True, faces=faces)
    return changed, done


def _check_strength(strength: float) -> None:
    number = isinstance(strength, int | float) and not isinstance(strength, bool)
    if not number or not 0 <= strength <= 1:
        raise S2FError(f"got strength {strength!r}, expected a number from 0 to 1; correct it")


def _through(model: Restorer, picture: Image.Image, precision: str) -> np.ndarray:
    """The restorer's answer as RGB uint8; no memory for it is an error with a remedy."""
    import torch

    place = next(iter(getattr(model, "parameters", lambda: ())()), torch.zeros(0))
    given = to_tensor(picture).to(place.device, place.dtype)
    faster = (
        torch.autocast(place.device.type, torch.bfloat16)
        if precision == "bfloat16"
        else contextlib.nullcontext()
    )
    try:
        with torch.inference_mode(), faster:
            made = model(given)
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        said = str(error)
        if type(error) is RuntimeError and "allocate memory" not in said and "not enough memory" not in said:
            raise
        raise ModelError(
            f"got no memory to restore a face of {picture.width}² on {place.device}, expected room for it; "
            "close other programs, or use the enhancer, which needs little"
        ) from error
    return np.asarray(to_pil(made.float())[0])


def _sized(picture: np.ndarray, size: int) -> np.ndarray:
    if len(picture) == size:
        return picture
    if picture.dtype == np.uint8:
        return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC))
    way = cv2.INTER_AREA if size < len(picture) else cv2.INTER_CUBIC
    return cv2.resize(picture, (size, size), interpolation=way)


def _likeness(judge: Judge, before: np.ndarray, after: np.ndarray) -> float:
    import torch

    pictures = [Image.fromarray(np.clip(x, 0, 255).astype(np.uint8)) for x in (before, after)]
    with torch.inference_mode():
        one, two = judge(to_tensor(pictures)).float()
    return round(float(torch.nn.functional.cosine_similarity(one, two, dim=0)), 4)
