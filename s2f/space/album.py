"""The gallery's side of the page. Whose it is stands in the session on the server, never in a request."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..errors import GalleryError, S2FError
from .handlers import Handlers, said, wish_of
from .keeping import Keeping
from .parts import AS_DRAWN
from .studio import data_url, png

if TYPE_CHECKING:
    from ..gallery import Accounts, Entry, Gallery

CONTROLS = (
    "look",
    "faithfulness",
    "seed",
    "steps",
    "name",
    "intensity",
    "blend",
    "units",
    "enhance",
    "strength",
)


class Album:
    """Save, list, reopen, download and delete, for one owner at a time."""

    def __init__(self, desk: Handlers, keeping: Keeping, gallery: Gallery, accounts: Accounts | None) -> None:
        self.desk, self.keeping, self.gallery, self.accounts = desk, keeping, gallery, accounts

    @said
    def sign_in(self, name: str, password: str) -> tuple[Any, ...]:
        """(owner, sign-in form, gallery, save button, greeting, faces); a wrong word is one sentence."""
        if self.accounts is None or not self.accounts.check(name, password):
            raise GalleryError(
                "that name and password do not fit, or it was tried too often; wait, then try again"
            )
        return self._entered(self.accounts.owner(name), name)

    def recognise(self, profile: gr.OAuthProfile | None) -> tuple[Any, ...]:
        """Whoever Hugging Face says has signed in, if anyone."""
        if profile is None:
            return self._left()
        return self._entered(f"huggingface:{profile['sub']}", profile.name)

    def sign_out(self) -> None:
        """Nobody; the page then begins anew, so that nothing of it stays for who comes next."""

    def _left(self) -> tuple[Any, ...]:
        shut = gr.update(visible=False)
        return None, gr.update(visible=True), shut, shut, "", None

    def _entered(self, owner: str, name: str) -> tuple[Any, ...]:
        gr.Info(f"Signed in as {escape(name)}. Now you can save faces to your gallery.", duration=5)
        open_, greeting = gr.update(visible=True), f"Signed in as **{name}**."
        return owner, gr.update(visible=False), open_, open_, greeting, self.faces(owner)

    def faces(self, owner: str | None) -> dict[str, str]:
        """What the list shows: when each face was saved, and its thumbnail."""
        entries = self.gallery.list(owner) if owner else []
        return {label(entry, n): data_url(entry.thumbnail, "image/webp") for n, entry in numbered(entries)}

    @said
    def save(self, owner: str | None, page: str, *controls: Any) -> tuple[dict[str, str], str]:
        """Keep drawing, face and settings: the only way in which anything of a visitor is kept."""
        kept = dict(zip(CONTROLS, controls, strict=True))
        wish = wish_of(page, kept["look"], kept["faithfulness"], kept["seed"], kept["steps"])
        seen = self.desk.seen(wish, *(kept[name] for name in CONTROLS[4:]))
        picture = self.desk.studio.signed(seen.done.image, ".png", *seen.roles)
        self.gallery.save(_someone(owner), _drawing(wish.drawing), picture, kept)
        gr.Info("Saved to your gallery.", duration=3)
        return self.faces(owner), "Saved."

    def choose(self, event: gr.EventData) -> str:
        return str(event.name)

    @said
    def reopen(self, owner: str | None, chosen: str) -> tuple[Any, ...]:
        """A saved face back onto the page: its drawing, then every control as it was."""
        saved = self.gallery.open(_someone(owner), self._id(owner, chosen))
        drawing = gr.update(value=data_url(png(saved.drawing), "image/png"), word="")
        settings = (saved.entry.settings.get(name, _rest(name)) for name in CONTROLS)
        return drawing, *settings, gr.update(selected="draw")

    @said
    def together(self, owner: str | None) -> Any:
        """All faces in one archive."""
        file = self.keeping.put(self.gallery.zip(_someone(owner)), ".zip", "s2f-gallery")
        return gr.update(value=str(file), visible=True)

    @said
    def delete(self, owner: str | None, chosen: str, sure: bool) -> tuple[Any, Any, Any]:
        """For good, so the page asks once more; who then says no keeps the face."""
        if not sure:
            return gr.skip(), gr.skip(), gr.skip()
        self.gallery.delete(_someone(owner), self._id(owner, chosen))
        return self.faces(owner), "Deleted for good.", ""

    def _id(self, owner: str | None, chosen: str) -> str:
        entries = self.gallery.list(owner) if owner else []
        found = [entry.id for n, entry in numbered(entries) if label(entry, n) == chosen]
        if not found:
            raise S2FError("got no face chosen, expected one of your gallery; click on one first")
        return found[0]


def numbered(entries: list[Entry]) -> list[tuple[int, Entry]]:
    """The oldest is number 1, so that a new face renames none."""
    return [(len(entries) - n, entry) for n, entry in enumerate(entries)]


def label(entry: Entry, number: int) -> str:
    return f"{number} · {entry.created:%d %b %H:%M}"


def _someone(owner: str | None) -> str:
    if not owner:
        raise GalleryError("got nobody signed in, expected a person whose gallery this is; sign in first")
    return owner


def _drawing(data: bytes) -> Any:
    from ..image import load_image

    return load_image(data).convert("L")


def _rest(name: str) -> Any:
    """A control that an older version did not know."""
    rests: Mapping[str, Any] = {
        "look": {},
        "name": AS_DRAWN,
        "intensity": 1.0,
        "blend": {},
        "units": {},
        "strength": 1.0,
    }
    return rests.get(name, gr.skip())
