"""The Space: the page's layout and its wiring, nothing else. What it does lives in the package `s2f`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # no request leaves this machine

import gradio as gr
from PIL import Image

import s2f
from s2f.errors import SketchError
from s2f.expression import CLASSES, MAX_INTENSITY, Expression
from s2f.pipeline import SketchToFace
from s2f.sketch import EXTRACTED, STEPS, extract, prepare

# Gradio decodes an upload before a handler sees it: a small file that claims a huge picture must stop there.
Image.MAX_IMAGE_PIXELS = 40_000_000

MODEL = os.environ.get("S2F_MODEL")  # a folder or repository with drawer/ and editor/
CANVAS = 512
INTRO = """# s2f
**Draw a face, get a photograph of it, choose its expression.**"""
NO_MODEL = """This version carries no trained drawer, so it shows what it can do without one: it cleans
and frames your drawing as a model needs it, and turns photographs into drawings. Set `S2F_MODEL` to a folder
or repository with a drawer to see faces."""
CSS = """
.gradio-container {max-width: 1280px !important; margin: 0 auto !important}
#result img, #drawn img {background: #fff}
"""

Answer = tuple[Image.Image | None, str]

pipe = SketchToFace.from_pretrained(MODEL) if MODEL else None


def answer(canvas: dict[str, Any] | None, make: Callable[[Image.Image], Answer]) -> Answer:
    """What the page says of the canvas as it is now: a half-begun one is no error, only no face yet."""
    page = (canvas or {}).get("composite")
    if page is None:  # an untouched canvas
        return None, "Draw a face to begin."
    try:
        return make(page)
    except SketchError as error:
        return None, f"Not a face yet: {error}."
    except s2f.S2FError as error:
        raise gr.Error(str(error), print_exception=False) from error


def clean(canvas: dict[str, Any] | None, steps: list[str]) -> Answer:
    """Clean and frame the drawing, and say what was done to it."""

    def make(page: Image.Image) -> Answer:
        sketch = prepare(page, steps=steps)
        return sketch.image, str(sketch)

    return answer(canvas, make)


def draw(canvas: dict[str, Any] | None, steps: list[str], name: str, intensity: float, seed: int) -> Answer:
    """Draw the face, give it its expression, and say what was done to the drawing."""
    assert pipe is not None
    wanted = Expression.of(name, intensity) if pipe.editor and name != "neutral" else None

    def make(page: Image.Image) -> Answer:
        result = pipe(page, expression=wanted, seed=int(seed), prepare_steps=steps)
        return result.image, result.report

    return answer(canvas, make)


def sketch_photo(photo: str | None, style: str) -> Image.Image:
    """Turn a photograph into a line drawing."""
    if photo is None:
        raise gr.Error("Choose a photograph first.", print_exception=False)
    try:
        return extract(Path(photo), style)
    except s2f.S2FError as error:
        raise gr.Error(str(error), print_exception=False) from error


with gr.Blocks(title="s2f: draw a face", delete_cache=(600, 3600)) as demo:
    gr.Markdown(INTRO if pipe else f"{INTRO}\n\n{NO_MODEL}")
    with gr.Tab("Draw"):
        with gr.Row(equal_height=False):
            with gr.Column():
                canvas = gr.Sketchpad(
                    label="Your drawing",
                    type="pil",
                    height=CANVAS + 80,  # the page at its full size below the tools
                    canvas_size=(CANVAS, CANVAS),
                    fixed_canvas=True,
                    layers=False,
                    brush=gr.Brush(default_size=4, colors=["#111111"], color_mode="fixed"),
                    sources=["upload", "clipboard"],
                    placeholder="Draw a face here",
                )
            with gr.Column():
                result = gr.Image(
                    label="The face" if pipe else "As a model sees it",
                    elem_id="result",
                    type="pil",
                    interactive=False,
                    height=CANVAS,
                    buttons=["download", "fullscreen"],
                )
                if pipe:
                    expression = gr.Dropdown(
                        list(CLASSES), value="neutral", label="Expression", visible=pipe.editor is not None
                    )
                    intensity = gr.Slider(
                        0, MAX_INTENSITY, 1, label="Intensity", visible=pipe.editor is not None
                    )
                    seed = gr.Number(0, label="Seed", precision=0, minimum=0)
                report = gr.Markdown("Draw a face to begin.", elem_id="report", container=False)
        with gr.Accordion("How your drawing is prepared", open=False):
            steps = gr.CheckboxGroup(list(STEPS), value=list(STEPS), label="Steps")
        inputs = [canvas, steps, expression, intensity, seed] if pipe else [canvas, steps]
        changes = [
            canvas.input,
            steps.input,
            *((expression.input, intensity.release, seed.input) if pipe else ()),
        ]
        gr.on(
            changes,
            draw if pipe else clean,
            inputs,
            [result, report],
            trigger_mode="always_last",  # the newest stroke wins
            concurrency_id="model",
            concurrency_limit=1,
            show_progress="hidden",
            api_name="draw" if pipe else "prepare",
        )
    with gr.Tab("Photo to drawing"):
        with gr.Row(equal_height=False):
            with gr.Column():
                photo = gr.Image(
                    label="A photograph", type="filepath", sources=["upload", "webcam", "clipboard"]
                )
                style = gr.Radio(list(EXTRACTED), value="contour", label="Style")
            drawing = gr.Image(
                label="The drawing", elem_id="drawn", type="pil", interactive=False, buttons=["download"]
            )
        gr.on(
            [photo.change, style.input],
            sketch_photo,
            [photo, style],
            drawing,
            trigger_mode="always_last",
            concurrency_id="model",
            api_name="sketch",
        )


if __name__ == "__main__":
    port = os.environ.get("PORT", "7860")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise SystemExit(f"app: got PORT={port!r}, expected a number from 1 to 65535; set another")
    try:
        demo.queue(max_size=32).launch(
            server_name=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
            server_port=int(port),
            theme=gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
            css=CSS,
            max_file_size="20mb",
        )
    except OSError as error:
        raise SystemExit(
            f"app: got port {port} ({error}), expected a free one; say for example PORT=7861 make app"
        ) from None
