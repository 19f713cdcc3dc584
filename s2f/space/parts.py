"""The page's own components. Their markup and script lie in `static/`, and need nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from ..expression import CLASSES, MAX_INTENSITY, UNITS
from ..look import NAMED
from .studio import data_url

STATIC = Path(__file__).parent / "static"
EXAMPLES = Path(__file__).parent / "examples"
CSS = (STATIC / "page.css").read_text("utf-8")
PICKED = {"skin": "Skin", "hair": "Hair", "eye": "Eyes"}  # the parts of the look that the page asks about
FIRST_SEED = 4  # a visitor begins with somebody in good light
AS_DRAWN, AS_IT_IS = "as drawn", "as it is"
PLAIN, QUICK = "off", "enhancer"
ENHANCE = [("Off", PLAIN), ("Quick", QUICK), ("GFPGAN", "gfpgan")]


def enhancers(quick: bool) -> list[tuple[str, str]]:
    """The choices of this version, with or without an enhancer of its own."""
    return [choice for choice in ENHANCE if quick or choice[1] != QUICK]


def enhance(quick: bool) -> gr.Radio:
    return gr.Radio(enhancers(quick), value=PLAIN, label="Enhance", scale=2, min_width=270)


def part(name: str, script: str | None = None, **options: Any) -> gr.HTML:
    """A component from `static/name.html` and `static/name.js`."""
    return gr.HTML(
        html_template=(STATIC / f"{name}.html").read_text("utf-8"),
        js_on_load=(STATIC / f"{script or name}.js").read_text("utf-8"),
        apply_default_css=False,
        elem_classes=["s2f-part"],
        **options,
    )


def text(html: str) -> gr.HTML:
    return gr.HTML(html, apply_default_css=False, elem_classes=["s2f-part"])


def sketchpad() -> gr.HTML:
    """`input` at the end of a stroke, `photo` when one is chosen, `shadow` when drawings are wanted below."""
    return part("sketchpad", value="", examples=examples(), shadow=None, word="")


def face(title: str, empty: str, hint: str) -> gr.HTML:
    """`submit` when the queue was full a moment ago."""
    return part("face", value=None, title=title, empty=empty, hint=hint)


def thumbs(title: str, names: tuple[str, ...] = (), empty: str = "") -> gr.HTML:
    return part(
        "thumbs", value=None, title=title, names=list(names), empty=empty, chosen="", of="", wanted=""
    )


def strip() -> gr.HTML:
    return thumbs("Expression", CLASSES)


def look() -> gr.HTML:
    parts = [{"part": p, "title": t, "colours": list(NAMED[p].items())} for p, t in PICKED.items()]
    return part("look", value={}, parts=parts)


def blend() -> gr.HTML:
    rows = [{"name": name, "title": name, "sides": [""]} for name in CLASSES[1:]]
    return part("mixer", value={}, title="Blend of expressions", top=MAX_INTENSITY, rows=rows)


def units() -> gr.HTML:
    rows = [
        {"name": name, "title": what, "sides": ["_R", "_L"] if sided else [""]}
        for name, (what, sided) in UNITS.items()
    ]
    return part("mixer", value={}, title="Muscles of the face", top=1.0, rows=rows)


def keep() -> gr.HTML:
    """Hands a small file to the visitor."""
    return gr.HTML(
        html_template="<span hidden></span>",
        js_on_load=(STATIC / "keep.js").read_text("utf-8"),
        value=None,
        elem_classes=["s2f-part"],
    )


def examples() -> list[dict[str, str]]:
    """Drawings to begin with, each of a person who does not exist."""
    return [
        {
            "name": path.stem.split("-", 1)[1].replace("-", " "),
            "src": data_url(path.read_bytes(), "image/png"),
        }
        for path in sorted(EXAMPLES.glob("*.png"))
    ]


def theme() -> gr.themes.Base:
    """The machine's own typefaces, so that none is fetched; colours as in `page.css`."""
    own = gr.themes.Base(
        primary_hue="indigo",
        neutral_hue="slate",
        radius_size="lg",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    return own.set(
        body_background_fill="#f4f5f8",
        body_background_fill_dark="#12151c",
        block_background_fill_dark="#1b202b",
        body_text_color_subdued="#5a6376",
        body_text_color_subdued_dark="#a9b1c3",
        button_primary_background_fill="#3b4cca",
        button_primary_background_fill_hover="#3242b5",
        button_primary_background_fill_dark="#9daaff",
        button_primary_background_fill_hover_dark="#b4beff",
        button_primary_text_color_dark="#10131c",
        button_cancel_text_color="#a3262a",
        button_cancel_text_color_dark="#ffb4af",
        slider_color="#3b4cca",
        slider_color_dark="#9daaff",
    )
