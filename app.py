"""The Space: the page's layout and its wiring, nothing else. What it does lives in `s2f.space`."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # no request leaves this machine

import gradio as gr
from gradio.utils import get_upload_folder
from PIL import Image

from s2f.errors import ModelError, S2FError
from s2f.expression import CLASSES, MAX_INTENSITY
from s2f.pipeline import FAITHFULNESS, SketchToFace
from s2f.sketch import EXTRACTED, STEPS
from s2f.space import parts, words
from s2f.space.endpoints import Endpoints
from s2f.space.handlers import Handlers
from s2f.space.keeping import Keeping
from s2f.space.settings import FRAMES, MAX_UPLOAD_BYTES, MAX_UPLOAD_PIXELS, Settings
from s2f.space.studio import Studio

# Gradio decodes some uploads before a handler sees them: a small file that claims a huge picture must stop there.
Image.MAX_IMAGE_PIXELS = MAX_UPLOAD_PIXELS
MODEL = {"concurrency_id": "model", "concurrency_limit": 1}  # one model in memory, one visitor at a time


def page(studio: Studio, keeping: Keeping) -> gr.Blocks:
    """Everything a visitor sees."""
    desk = Handlers(studio, keeping)
    with gr.Blocks(title="s2f: draw a face", delete_cache=(60, int(keeping.seconds))) as demo:
        parts.text(words.HERO)
        if studio.pipe is None:
            parts.text(words.NO_MODEL)
        with gr.Tab("Draw"):
            draw_tab(desk)
        parts.text(words.notes(keeping.seconds))
        programs(Endpoints(studio, keeping))
        demo.unload(desk.leave)
    return demo


def draw_tab(desk: Handlers) -> None:
    """The drawing on the left, its face on the right, everything else below or folded away."""
    with gr.Row(equal_height=False, elem_classes=["s2f-screen"]):
        with gr.Column(min_width=320):
            pad = parts.sketchpad()
            with gr.Column(elem_classes=["s2f-card"]):
                look = parts.look()
                faithfulness = gr.Slider(
                    0, 1, FAITHFULNESS, step=0.05, label=words.FAITHFULNESS, info=words.FAITHFULNESS_INFO
                )
        with gr.Column(min_width=320):
            face = parts.face()
            strip = parts.strip()
            with gr.Row(elem_classes=["s2f-card"]):
                name = gr.Dropdown(
                    [parts.AS_DRAWN, *CLASSES], value=parts.AS_DRAWN, label="Expression", min_width=120
                )
                intensity = gr.Slider(0, MAX_INTENSITY, 1, step=0.05, label="Intensity", min_width=120)
                enhance = gr.Checkbox(label="Enhance (GFPGAN)", min_width=120)
    with gr.Accordion("Advanced", open=False):
        with gr.Tab("Blend and muscles"):
            blend = parts.blend()
            units = parts.units()
            with gr.Row():
                save = gr.Button("Save as preset", size="sm")
                load = gr.UploadButton("Load a preset", file_types=[".json"], type="binary", size="sm")
            kept = parts.keep()
        with gr.Tab("Seed and variations"):
            seed = gr.Number(0, label="Seed", precision=0, minimum=0, info=words.SEED)
            more = gr.Button("Show more faces of this drawing")
            others = parts.thumbs("Variations")
        with gr.Tab("Drawing doctor"):
            steps = gr.CheckboxGroup(list(STEPS), value=list(STEPS), label="What may be mended")
            style = gr.Radio(
                list(EXTRACTED), value="contour", label="Photographs become drawings in this style"
            )
            findings = gr.Markdown(words.NO_FINDINGS)
        with gr.Tab("Before and after"):
            compare = gr.Button("Enhance and compare")
            both = gr.ImageSlider(label="Drag to compare: as drawn, enhanced", type="filepath", height=420)
        with gr.Tab("Animation"):
            kind = gr.Radio([("MP4", ".mp4"), ("GIF", ".gif")], value=".mp4", label="Kind of file")
            with gr.Row():
                animate = gr.Button("Make an animation")
                stop = gr.Button("Stop", variant="stop")
            moving = gr.File(label="The animation")

    drawing = [pad, look, faithfulness, seed, steps]
    how = [name, intensity, blend, units, enhance]
    live = [pad.input, look.input, faithfulness.input, seed.change, steps.input]
    live += [name.change, intensity.input, blend.input, units.input, enhance.input]
    drawn = gr.on(
        live,
        desk.draw,
        [*drawing, *how],
        [face, findings],
        trigger_mode="always_last",  # the newest stroke wins
        show_progress="hidden",
        api_visibility="private",
        **MODEL,
    )
    drawn.then(
        desk.strip,
        [*drawing, intensity],
        strip,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
        **MODEL,
    )
    private = {"api_visibility": "private"}
    name.change(None, name, strip, js=words.JS_CHOSEN, **private)
    strip.select(desk.chosen, None, name, queue=False, show_progress="hidden", **private)
    pad.photo(desk.sketch, style, pad, show_progress="hidden", **private, **MODEL)
    pad.shadow(
        desk.shadow, pad, pad, queue=False, trigger_mode="always_last", show_progress="hidden", **private
    )
    save.click(desk.save_preset, [name, intensity, blend, units], kept, queue=False, **private)
    load.upload(desk.load_preset, load, [name, intensity, blend, units], queue=False, **private)
    showing = more.click(desk.variations, drawing, others, **private, **MODEL)
    others.select(desk.chosen_seed, None, seed, queue=False, **private)
    compare.click(desk.compare, [*drawing, *how], both, **private, **MODEL)
    moved = animate.click(desk.animate, [kind, *drawing, *how[:4]], moving, **private, **MODEL)
    stop.click(desk.stop, None, None, queue=False, cancels=[showing, moved], **private)


def programs(calls: Endpoints) -> None:
    """The endpoints, with components that are never shown and say what goes in and out."""
    with gr.Group(visible=False):
        drawing, photo, face = (
            gr.File(label=label, file_types=["image"], type="filepath")
            for label in (
                "Drawing: dark lines on light paper",
                "Photograph",
                "Face, framed as /draw frames it",
            )
        )
        expression = gr.Textbox("happy", label="Expression, such as happy:0.7 or happy:0.6+surprised:0.4")
        asked = gr.Textbox("", label="Expression, or nothing to leave it as drawn")
        look = gr.Textbox("", label="Look, such as skin=tan, hair=black, eye=blue; nothing leaves it open")
        trust = gr.Slider(0, 1, FAITHFULNESS, label=words.FAITHFULNESS)
        seed = gr.Number(0, precision=0, minimum=0, label="Seed")
        enhance = gr.Checkbox(False, label="Enhance")
        intensity = gr.Slider(0, MAX_INTENSITY, 1, label="Intensity")
        kind = gr.Radio([".mp4", ".gif"], value=".mp4", label="Kind of file")
        frames = gr.Slider(4, 75, FRAMES, step=1, label="Pictures, 25 of them a second")
        style = gr.Radio(list(EXTRACTED), value="contour", label="Style")
        made = gr.Image(label="Result", type="filepath")
        seven = gr.Gallery(label="The seven expressions")
        report = gr.Textbox(label="What was done to the drawing")
        moving = gr.File(label="Animation")
        for call, inputs, outputs in (
            (calls.draw, [drawing, asked, look, trust, seed, enhance], [made, report]),
            (calls.express, [face, expression], made),
            (calls.strip, [face, intensity], seven),
            (calls.animate, [face, expression, kind, frames], moving),
            (calls.restore, [face], made),
            (calls.sketch, [photo, style], made),
        ):
            gr.on([], call, inputs, outputs, api_name=call.__name__, **MODEL)


def load(settings: Settings) -> SketchToFace | None:
    """The model asked for, or the bundled one, or none where none is bundled."""
    if settings.model:
        return SketchToFace.from_pretrained(settings.model)
    try:
        return SketchToFace.from_pretrained()
    except ModelError:
        return None


def main() -> None:
    try:
        settings = Settings.from_environment()
        pipe = load(settings)
    except S2FError as error:
        raise SystemExit(f"app: {error}") from None
    keeping = Keeping(Path(get_upload_folder()), settings.keep_seconds)
    keeping.start()
    try:
        page(Studio(pipe), keeping).queue(max_size=settings.queue).launch(
            server_name=settings.host,
            server_port=settings.port,
            theme=parts.theme(),
            css=parts.CSS,
            max_file_size=MAX_UPLOAD_BYTES,
            footer_links=["api"],
            run_history=False,
        )
    except OSError as error:
        raise SystemExit(
            f"app: got port {settings.port} ({error}), expected a free one; say for example PORT=7861 make app"
        ) from None


if __name__ == "__main__":
    main()
