"""The faces of the page: made once for all that hangs on them, marked and signed when they leave."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from PIL import Image

from .. import animation, provenance
from ..errors import ImageError, ModelError, S2FError, SketchError
from ..expression import Expression
from ..image import resize
from ..photo import change_faces, find_faces
from ..pipeline import FAITHFULNESS, SketchToFace
from ..restore import (
    MODELS,
    Fetched,
    Restored,
    Restorer,
    attempt,
    open_judge,
    open_restorer,
    restore_photo,
)
from ..shipped import BUNDLED
from ..sketch import STEPS, Finding, prepare
from .settings import CANVAS, MAX_PAGE_BYTES

REMEMBERED = 24  # faces: what the last few visitors look at, 0.8 MB each
PREVIEW = 1280  # pixels: the longer side of a photograph as it was
THUMBNAIL = 256  # pixels: what the editor computes at, and sharp on a telephone


@dataclass(frozen=True)
class Wish:
    """All that a face hangs on before it takes an expression."""

    drawing: bytes
    look: tuple[tuple[str, str], ...] = ()
    faithfulness: float = FAITHFULNESS
    seed: int = 0
    steps: tuple[str, ...] = STEPS

    @property
    def key(self) -> str:
        """What tells it from others, in a word."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Made:
    """A face, and what was done to its drawing. Without a drawer the picture is the drawing made ready."""

    image: Image.Image
    findings: tuple[Finding, ...]
    by_model: bool

    @property
    def report(self) -> str:
        return " ".join(str(finding) for finding in self.findings if finding.changed)


@dataclass(frozen=True)
class Retouched:
    """A photograph, how many faces were found in it, whose work it is, and how restoring went."""

    image: Image.Image
    found: int
    roles: tuple[str, ...]
    done: list[Restored]
    note: str = ""  # why it was not restored


class Studio:
    """One pipeline for all visitors. An answer hangs on the question alone, so that nobody sees another's."""

    def __init__(self, pipe: SketchToFace) -> None:
        self.pipe = pipe
        self.small = SketchToFace(editor=pipe.editor, size=THUMBNAIL) if pipe.editor else None
        self._faces: OrderedDict[Wish, Made] = OrderedDict()
        self._restorers: dict[str, Restorer] = {}
        self._gfpgan = Fetched()
        self._judge = cache(open_judge)  # at first need, as the restorers
        self._lock = threading.Lock()

    def face(self, wish: Wish) -> Made:
        """The face of a drawing, from memory if it was asked for lately."""
        with self._lock:
            if wish in self._faces:
                self._faces.move_to_end(wish)
                return self._faces[wish]
        made = self._draw(wish)
        with self._lock:
            self._faces[wish] = made
            while len(self._faces) > REMEMBERED:
                self._faces.popitem(last=False)
        return made

    @property
    def quick(self) -> bool:
        """Whether there is an enhancer besides GFPGAN."""
        return (BUNDLED / "restorer").is_dir() or self.pipe.restorer is not None

    def forget(self) -> None:
        with self._lock:
            self._faces.clear()

    def _draw(self, wish: Wish) -> Made:
        if self.pipe.drawer is None:
            sketch = prepare(wish.drawing, steps=wish.steps)
            return Made(sketch.image, sketch.report, by_model=False)
        result = self.pipe(
            wish.drawing,
            look=dict(wish.look) or None,
            faithfulness=wish.faithfulness,
            seed=wish.seed,
            prepare_steps=wish.steps,
        )
        return Made(result.face, result.sketch.report, by_model=True)

    def express(
        self, face: Image.Image, expression: Expression | None, cancel: Callable[[], bool] | None = None
    ) -> Image.Image:
        """The face with an expression, or as it is if none is asked for."""
        return face if expression is None else self._editing().express(face, expression, cancel=cancel)

    def strip(
        self, face: Image.Image, intensity: float, cancel: Callable[[], bool] | None = None
    ) -> dict[str, Image.Image]:
        """The seven expressions of one face, small."""
        self._editing()
        assert self.small is not None
        return self.small.strip(face, intensity=intensity, cancel=cancel)

    def restore(
        self, face: Image.Image, name: str = "enhancer", strength: float = 1.0, keep_colour: bool = True
    ) -> Restored:
        """The face enhanced, by the bundled enhancer or GFPGAN; as it was, and why, where that fails."""
        options: dict[str, Any] = {"strength": strength, "keep_colour": keep_colour, "judge": self._judge()}
        return attempt(face, lambda: self._restorer(name), **options)

    def _restorer(self, name: str) -> Restorer:
        """Opened at first need, and kept; GFPGAN's weights are fetched then."""
        if name == "gfpgan":
            return self._gfpgan()
        if name == "enhancer" and not self.quick:
            raise ModelError("this version has no enhancer of its own; choose GFPGAN, or none")
        if name == "enhancer" and self.pipe.restorer is not None:
            return self.pipe.restorer
        with self._lock:
            if name not in self._restorers:
                self._restorers[name] = open_restorer(name)
            return self._restorers[name]

    def change_photo(
        self,
        photo: Image.Image,
        expression: Expression | None,
        which: str,
        restorer: str | None = None,
        strength: float = 1.0,
    ) -> Retouched:
        """The photograph with its faces found, framed, changed, restored and put back."""
        faces = find_faces(photo)
        roles: list[str] = []
        where: dict[str, Any] = {"which": 0 if which == "largest" else which, "faces": faces}
        if expression is not None:
            pipe, wanted = self._editing(), expression

            def change(cuts: list[Image.Image]) -> list[Image.Image]:
                return [pipe.express(cut, wanted) for cut in cuts]

            photo = change_faces(photo, change, size=pipe.size, **where).image
            roles.append("editor")
        done: list[Restored] = []
        note = ""
        if restorer is not None:
            try:
                model = self._restorer(restorer)
                changed, done = restore_photo(photo, model, strength, judge=self._judge(), **where)
                photo = changed.image
                roles.append(restorer)
            except S2FError as error:
                note = str(error)
        return Retouched(photo, len(faces), tuple(roles), done, note)

    def composite(self, image: Image.Image, *roles: str) -> bytes:
        """The file of a photograph of which a part was generated."""
        facts = replace(self.facts(*roles), source_type=provenance.SOURCE_TYPES[1])
        return provenance.encode(provenance.mark(image, facts), ".jpg", facts)

    def variations(self, wish: Wish, count: int) -> Iterator[tuple[int, Image.Image]]:
        """(seed, face) for the seeds that follow."""
        for seed in range(wish.seed + 1, wish.seed + 1 + count):
            yield seed, self.face(replace(wish, seed=seed)).image

    def animate(
        self,
        face: Image.Image,
        expression: Expression,
        count: int,
        cancel: Callable[[], bool] | None = None,
    ) -> list[Image.Image]:
        """The pictures of one round from rest through the expression and back."""
        pipe = self._editing()

        def express(wanted: list[Expression]) -> list[Image.Image]:
            return [*pipe.strip(face, {str(n): e for n, e in enumerate(wanted)}, cancel=cancel).values()]

        return animation.frames(resize(face, pipe.size), express, expression, count=count)

    def facts(self, *roles: str) -> provenance.Facts:
        """What to sign: models by role, and the restorer by the name that it was asked for."""
        models: dict[str, Any] = {}
        for role in roles:
            if role in MODELS:
                models["restorer"] = self._restorer(role)
            else:
                models[role] = getattr(self.pipe, role, None)
        return provenance.Facts.of(**models)

    def signed(self, image: Image.Image, suffix: str = ".jpg", *roles: str) -> bytes:
        """The file of a picture that models made: marked in its pixels, signed in its notes."""
        facts = self.facts(*(roles or ("drawer", "editor")))
        return provenance.encode(provenance.mark(image, facts), suffix, facts)

    def _editing(self) -> SketchToFace:
        if self.pipe.editor is None:
            raise ModelError(
                "got no editor in this version, expected one to change expressions with; set S2F_MODEL to a "
                "folder with editor/"
            )
        return self.pipe


def page_bytes(address: str | None) -> bytes:
    """The picture in a data URL of the sketchpad."""
    if not address:
        raise SketchError("got an empty page, expected a drawing; draw a face first")
    head, _, body = address.partition(",")
    if (
        not head.startswith("data:image/")
        or not head.endswith(";base64")
        or len(body) > MAX_PAGE_BYTES * 4 // 3
    ):
        raise ImageError("got a page that is no picture of a sensible size, expected a PNG; draw anew")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise ImageError("got a page that cannot be decoded, expected a PNG; draw anew") from None


def data_url(data: bytes, kind: str = "image/jpeg") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def png(image: Image.Image, size: int = CANVAS) -> bytes:
    """A drawing as the sketchpad takes it."""
    file = io.BytesIO()
    picture = image.convert("L")
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    picture.save(file, "PNG")
    return file.getvalue()


def preview(image: Image.Image, side: int = PREVIEW) -> bytes:
    """A visitor's own photograph, to be looked at beside what became of it."""
    file, picture = io.BytesIO(), image.copy()
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    picture.save(file, "JPEG", quality=88)
    return file.getvalue()


def small_jpeg(image: Image.Image, facts: provenance.Facts, side: int = THUMBNAIL) -> bytes:
    """A thumbnail, signed as all that leaves."""
    return provenance.encode(provenance.mark(resize(image, side), facts), ".jpg", facts)
