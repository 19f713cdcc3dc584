"""What the page's events call. Where there is no face, the answer is a sentence."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from .. import animation
from ..errors import Cancelled, S2FError, SketchError
from ..expression import Expression
from ..image import load_image
from ..look import Look
from ..restore import Restored, how_far
from ..sketch import STEPS, extract
from . import words
from .keeping import Keeping
from .parts import AS_DRAWN, AS_IT_IS, PICKED, PLAIN
from .settings import CANVAS, FRAMES, VARIATIONS
from .shadows import shadow
from .studio import Made, Studio, Wish, data_url, page_bytes, png, preview, small_jpeg

BEGIN = "Draw a face to begin."


@dataclass(frozen=True)
class Seen:
    """A face before and after it was enhanced, and by which restorer, if it was."""

    made: Made
    plain: Image.Image
    done: Restored
    restorer: str | None = None

    @property
    def roles(self) -> tuple[str, ...]:
        """Whose work it is, for its signature."""
        return ("drawer", "editor", *([self.restorer] if self.restorer else []))


def said(handler: Callable[..., Any]) -> Callable[..., Any]:
    """An S2FError becomes a sentence on the page, whether the handler returns or yields its answers."""

    @functools.wraps(handler)
    def told(*values: Any, **named: Any) -> Any:
        with _sentences():
            return handler(*values, **named)

    @functools.wraps(handler)
    def told_bit_by_bit(*values: Any, **named: Any) -> Any:
        with _sentences():
            yield from handler(*values, **named)

    return told_bit_by_bit if inspect.isgeneratorfunction(handler) else told


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except Cancelled:
        raise gr.Error("Stopped.", print_exception=False, duration=3) from None
    except S2FError as error:
        raise gr.Error(sentence(error), title="That did not work", print_exception=False) from error


def sentence(error: S2FError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:].rstrip(".") + "."


def remedy(error: S2FError) -> str:
    """What to do about it: who has drawn one line has made no mistake."""
    text = str(error).rpartition("; ")[2]
    return text.rstrip(".") + "."


def unenhanced(note: str) -> str:
    """Why, without addresses and what the system calls it: those are for the log of who hosts the page."""
    plain = re.sub(r" \([^)]*\)", "", re.sub(r"https?://\S*/", "", note))
    return f"Not enhanced: {plain.rstrip('.')}."


def wish_of(
    page: str | None, look: dict[str, str] | None, faithfulness: float, seed: float, steps: Any
) -> Wish:
    """The page's controls as one question; colours are checked here, so that a wrong one is a sentence."""
    colours = Look.parse({p: c for p, c in (look or {}).items() if p in PICKED}).colours()
    chosen = tuple(step for step in STEPS if step in steps)
    return Wish(page_bytes(page), tuple(sorted(colours.items())), float(faithfulness), int(seed or 0), chosen)


def expression_of(
    name: str, intensity: float, blend: dict[str, float] | None, units: dict[str, float] | None
) -> Expression | None:
    """The chosen class, what is blended in, and single units over it; None leaves the face as drawn."""
    if name == AS_DRAWN and not blend and not units:
        return None
    chosen = {} if name == AS_DRAWN else {name: float(intensity)}
    return Expression(chosen | (blend or {}), units or {})


class Handlers:
    """The page's side of a studio. `stops` holds the visitors who pressed Stop."""

    def __init__(self, studio: Studio, keeping: Keeping) -> None:
        self.studio, self.keeping = studio, keeping
        self._stops: dict[str, threading.Event] = {}

    def draw(
        self, page: str, look: Any, faithfulness: float, seed: float, steps: list[str], *how: Any
    ) -> tuple[dict[str, Any], str]:
        """The face as all controls say now, and what the doctor did."""
        if not page:
            return {"src": None, "report": BEGIN}, ""
        try:
            wish = wish_of(page, look, faithfulness, seed, steps)
            seen = self.seen(wish, *how)
        except SketchError as error:
            return {"src": None, "keep": True, "report": f"Not a face yet: {remedy(error)}"}, ""
        except S2FError as error:
            return {"src": None, "keep": True, "report": sentence(error), "wrong": True}, ""
        return self._shown(seen, wish, how[0]), doctor(seen.made)

    def seen(
        self,
        wish: Wish,
        name: str,
        intensity: float,
        blend: Any,
        units: Any,
        enhance: str,
        strength: float = 1.0,
    ) -> Seen:
        """The face of a drawing with its expression, enhanced or with a word on why not."""
        made = self.studio.face(wish)
        wanted = expression_of(name, intensity, blend, units) if made.by_model else None
        image = self.studio.express(made.image, wanted)
        if enhance == PLAIN or not made.by_model:
            return Seen(made, image, Restored(image, restored=False))
        done = self.studio.restore(image, enhance, float(strength))
        return Seen(made, image, done, enhance if done.restored else None)

    def _shown(self, seen: Seen, wish: Wish, name: str) -> dict[str, Any]:
        made, done = seen.made, seen.done
        if not made.by_model:
            alt, source = "Your drawing, cleaned and framed", data_url(png(done.image), "image/png")
            return {
                "src": source,
                "alt": alt,
                "file": "s2f-drawing.png",
                "report": made.report,
                "made": False,
            }
        return {
            "src": data_url(self.studio.signed(done.image, ".jpg", *seen.roles)),
            "alt": f"A generated photograph of the face you drew, {name}",
            "file": f"s2f-{name.replace(' ', '-')}-{wish.seed}.jpg",
            "report": unenhanced(done.note) if done.note else made.report,
            "made": True,
            "key": wish.key,
            "before": data_url(self.studio.signed(seen.plain)) if seen.restorer else None,
            "moved": words.MOVED.format(how_far([done])) if seen.restorer else "",
        }

    def strip(
        self, page: str, look: Any, faithfulness: float, seed: float, steps: list[str], intensity: float
    ) -> Any:
        """The seven expressions of this very person, and whose they are; nothing where there is no face."""
        try:
            wish = wish_of(page, look, faithfulness, seed, steps)
            made = self.studio.face(wish)
        except S2FError:  # the face says why, and stays while something is drawn
            return gr.skip() if page else gr.update(value=None, of="")
        if not made.by_model or self.studio.small is None:
            return gr.update(value=None, of="")
        return gr.update(value=self._thumbs(self.studio.strip(made.image, float(intensity))), of=wish.key)

    def _thumbs(self, pictures: dict[str, Image.Image]) -> dict[str, str]:
        facts = self.studio.facts("drawer", "editor")
        return {name: data_url(small_jpeg(picture, facts)) for name, picture in pictures.items()}

    @said
    def variations(
        self, page: str, look: Any, faithfulness: float, seed: float, steps: list[str], request: gr.Request
    ) -> Iterator[dict[str, str]]:
        """Other faces of the same drawing, one after the other."""
        wish, stop = wish_of(page, look, faithfulness, seed, steps), self._fresh_stop(request)
        shown: dict[str, str] = {}
        for number, face in self.studio.variations(wish, VARIATIONS):
            shown |= self._thumbs({f"seed {number}": face})
            yield shown
            if stop.is_set():
                return

    @said
    def animate(
        self,
        kind: str,
        page: str,
        look: Any,
        faithfulness: float,
        seed: float,
        steps: list[str],
        name: str,
        intensity: float,
        blend: Any,
        units: Any,
        request: gr.Request,
    ) -> tuple[Any, Any]:
        """(video, GIF): one of the two, a file that moves from rest through the expression and back."""
        wanted = expression_of(name, intensity, blend, units)
        if wanted is None:
            raise S2FError("an animation moves to an expression, and none is chosen; choose one first")
        stop = self._fresh_stop(request)
        made = self.studio.face(wish_of(page, look, faithfulness, seed, steps))
        self._need_face(made)
        pictures = self.studio.animate(made.image, wanted, FRAMES, stop.is_set)
        data = animation.encode(pictures, kind, self.studio.facts("drawer", "editor"))
        file = str(self.keeping.put(data, kind, "s2f-animation"))
        video = kind == ".mp4"
        return gr.update(value=file if video else None, visible=video), gr.update(
            value=None if video else file, visible=not video
        )

    def photo(
        self, path: str | None, name: str, intensity: float, which: str, enhance: str, strength: float
    ) -> dict[str, Any]:
        """A photograph with its faces changed in place, and a word on what was found."""
        if not path:
            return {"src": None, "report": ""}
        if name == AS_IT_IS and enhance == PLAIN:
            return {"src": None, "report": "Choose an expression, or enhance it."}
        wanted = None if name == AS_IT_IS else Expression.of(name, float(intensity))
        try:
            photo = load_image(Path(path))
            restorer = None if enhance == PLAIN else enhance
            seen = self.studio.change_photo(photo, wanted, which, restorer, float(strength))
        except S2FError as error:
            return {"src": None, "report": sentence(error), "wrong": True}
        if not seen.roles:
            return {"src": None, "report": unenhanced(seen.note), "wrong": True}
        whom = "the largest" if which == "largest" else "all"
        word = "Found one face." if seen.found == 1 else f"Found {seen.found} faces and changed {whom}."
        return {
            "src": data_url(self.studio.composite(seen.image, *seen.roles)),
            "alt": f"The photograph, its faces {'enhanced' if wanted is None else name}",
            "file": f"s2f-photo-{'enhanced' if wanted is None else name}.jpg",
            "report": f"{word} {unenhanced(seen.note)}" if seen.note else word,
            "made": True,
            "before": data_url(preview(photo)),
            "moved": words.MOVED.format(how_far(seen.done)) if seen.done else "",
        }

    def sketch(self, style: str, event: gr.EventData) -> Any:
        """A photograph, as the sketchpad sends it, as a drawing on the sketchpad."""
        try:
            drawing = extract(load_image(page_bytes(event.photo)), style)
        except S2FError as error:
            return gr.update(word=sentence(error))
        return gr.update(value=data_url(png(drawing), "image/png"), word="")

    def shadow(self, page: str) -> Any:
        """Drawings like the one begun, to lie under it; under an empty page, any."""
        begun = page_bytes(page) if page else png(Image.new("L", (CANVAS, CANVAS), 255))
        return gr.update(shadow=data_url(png(shadow(begun)), "image/png"))

    @said
    def load_preset(self, data: bytes | None) -> tuple[str, float, dict[str, float], dict[str, float]]:
        """A saved expression onto the controls: a single class to the dropdown, more to the blend."""
        loaded = Expression.from_json(data or b"")
        classes, units = dict(loaded.classes), dict(loaded.units)
        if len(classes) == 1:
            (name, intensity), *_ = classes.items()
            return name, intensity, {}, units
        return AS_DRAWN, 1.0, classes, units

    @said
    def save_preset(self, name: str, intensity: float, blend: Any, units: Any) -> dict[str, str]:
        text = (expression_of(name, intensity, blend, units) or Expression()).to_json()
        return {"name": "s2f-expression.json", "type": "application/json", "text": text + "\n"}

    def chosen(self, event: gr.EventData) -> str:
        return str(event.name)

    def chosen_seed(self, event: gr.EventData) -> int:
        return int(str(event.name).split()[-1])

    def stop(self, request: gr.Request) -> None:
        self._stops.setdefault(str(request.session_hash), threading.Event()).set()

    def leave(self, request: gr.Request) -> None:
        """A closed page needs no flag."""
        self._stops.pop(str(request.session_hash), None)

    def _fresh_stop(self, request: gr.Request) -> threading.Event:
        flag = self._stops[str(request.session_hash)] = threading.Event()
        return flag

    def _need_face(self, made: Made) -> None:
        if not made.by_model:
            raise S2FError("got no drawer in this version, expected one; set S2F_MODEL to its folder")


def doctor(made: Made) -> str:
    """The doctor's report: every step, what it saw, and whether it changed anything."""
    return "\n".join(f"- {'**Changed.**' if f.changed else 'Fine.'} {f.message}" for f in made.findings)
