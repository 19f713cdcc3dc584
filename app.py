"""The Space: the page's layout and its wiring, nothing else. What it does lives in `s2f.space`."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # no request leaves this machine
gc.disable()  # what the next lines make stays: to search it for refuse costs the start a second

import gradio as gr
from gradio.utils import get_upload_folder
from PIL import Image

from s2f.errors import S2FError
from s2f.expression import CLASSES, MAX_INTENSITY
from s2f.pipeline import FAITHFULNESS, SketchToFace
from s2f.sketch import EXTRACTED, STEPS
from s2f.space import parts, tools, words
from s2f.space.album import Album
from s2f.space.endpoints import Endpoints
from s2f.space.handlers import Handlers
from s2f.space.keeping import Keeping
from s2f.space.settings import FRAMES, MAX_UPLOAD_BYTES, MAX_UPLOAD_PIXELS, Settings
from s2f.space.studio import Studio

gc.freeze()
gc.enable()

# Gradio decodes some uploads before a handler sees them: a small file of a huge picture must stop there.
Image.MAX_IMAGE_PIXELS = MAX_UPLOAD_PIXELS
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUIET: dict[str, Any] = PRIVATE | {"show_progress": "hidden"}
MODEL: dict[str, Any] = {
    "concurrency_id": "model",
    "concurrency_limit": 1,
}  # one model, one visitor at a time


def page(studio: Studio, keeping: Keeping, album: Callable[[Handlers], Album] | None = None) -> gr.Blocks:
    """Everything a visitor sees."""
    desk = Handlers(studio, keeping)
    with gr.Blocks(title="s2f: draw a face", delete_cache=(60, int(keeping.seconds))) as demo:
        programs(Endpoints(studio, keeping))  # first, so that their names are theirs
        parts.text(words.HERO)
        if studio.pipe.drawer is None:
            parts.text(words.NO_MODEL)
        with gr.Tabs() as tabs:
            with gr.Tab("Draw", id="draw"):
                controls, save = draw_tab(desk)
            with gr.Tab("Photo"):
                photo_tab(desk)
        if album is not None:
            gallery(demo, album(desk), tabs, controls, save)
        parts.text(words.notes(keeping.seconds, studio.facts("drawer", "editor").models))
        demo.unload(desk.leave)
    return demo


def draw_tab(desk: Handlers) -> tuple[list[Any], gr.Button]:
    """The drawing on the left, its face on the right, everything else below or folded away."""
    with gr.Row(equal_height=False, elem_classes=["s2f-screen"]):
        with gr.Column(min_width=320):
            pad = parts.sketchpad()
        with gr.Column(min_width=320):
            face = parts.face(*words.FACE)
            strip = parts.strip()
    with gr.Row(equal_height=True, elem_classes=["s2f-screen"]):
        with gr.Column(min_width=320, elem_classes=["s2f-card"]):
            look = parts.look()
            faithfulness = gr.Slider(0, 1, FAITHFULNESS, step=0.05, label=words.FAITHFULNESS)
        with gr.Column(min_width=320, elem_classes=["s2f-card"]):
            name, intensity = feeling([parts.AS_DRAWN, *CLASSES], parts.AS_DRAWN)
            with gr.Row():
                enhance = parts.enhance(desk.studio.quick)
                save = gr.Button("Save to my gallery", visible=False, size="sm", min_width=120)
            strength = gr.Slider(0, 1, 1, step=0.05, label=words.STRENGTH, visible=False)
    with gr.Accordion("Advanced", open=False, elem_classes=["s2f-advanced"]):
        with gr.Tab("Blend"):
            blend, units = parts.blend(), parts.units()
            with gr.Row():
                keep = gr.Button("Save as preset", size="sm")
                load = gr.UploadButton("Load a preset", file_types=[".json"], type="binary", size="sm")
            kept = parts.keep()
        with gr.Tab("Variations"), gr.Row():
            with gr.Column(min_width=280):
                seed = gr.Number(parts.FIRST_SEED, label="Seed", precision=0, minimum=0, info=words.SEED)
                more = gr.Button("Show more faces of this drawing", variant="primary")
            with gr.Column(min_width=280):
                others = parts.thumbs("Variations")
        with gr.Tab("Doctor"), gr.Row():
            with gr.Column(min_width=280):
                steps = gr.CheckboxGroup(words.MENDED, value=list(STEPS), label="What may be mended")
                style = gr.Radio(list(EXTRACTED), value="contour", label="How photographs become drawings")
            with gr.Column(min_width=280):
                findings = gr.Markdown(words.NO_FINDINGS)
        with gr.Tab("Animation"), gr.Row():
            with gr.Column(min_width=280):
                kind = gr.Radio([("MP4", ".mp4"), ("GIF", ".gif")], value=".mp4", label="Kind of file")
                gr.Markdown(words.ANIMATION)
                with gr.Row():
                    animate = gr.Button("Make an animation", variant="primary", scale=3, min_width=150)
                    stop = gr.Button("Stop", scale=1, min_width=80)
            with gr.Column(min_width=280):
                video = gr.Video(label=words.MOVING, autoplay=True, loop=True, height=360)
                moving = gr.Image(label=words.MOVING, type="filepath", height=360, visible=False)

    drawing = [pad, look, faithfulness, seed, steps]
    how = [name, intensity, blend, units, enhance, strength]
    live = [pad.input, look.input, faithfulness.input, seed.change, steps.input]
    live += [name.change, intensity.input, blend.input, units.input]
    live += [enhance.input, strength.input, face.submit]
    newest: dict[str, Any] = QUIET | MODEL | {"trigger_mode": "always_last"}  # the newest stroke wins
    place = {"show_progress": "minimal", "show_progress_on": face}  # which the face puts in words
    drawn = gr.on(live, desk.draw, [*drawing, *how], [face, findings], **(newest | place))
    drawn.success(desk.strip, [*drawing, intensity], strip, **newest)
    name.change(None, name, strip, js=words.JS_CHOSEN, **PRIVATE)
    face.change(None, face, strip, js=words.JS_WANTED, **PRIVATE)
    enhance.change(None, enhance, strength, js=words.JS_STRENGTH, **PRIVATE)
    strip.select(desk.chosen, None, name, queue=False, **QUIET)
    pad.photo(desk.sketch, style, pad, **QUIET, **MODEL)
    pad.shadow(desk.shadow, pad, pad, queue=False, trigger_mode="always_last", **QUIET)
    keep.click(desk.save_preset, how[:4], kept, queue=False, **PRIVATE)
    load.upload(desk.load_preset, load, how[:4], **PRIVATE)
    showing = more.click(desk.variations, drawing, others, **PRIVATE, **MODEL)
    others.select(desk.chosen_seed, None, seed, queue=False, **PRIVATE)
    moved = animate.click(desk.animate, [kind, *drawing, *how[:4]], [video, moving], **PRIVATE, **MODEL)
    stop.click(desk.stop, None, None, queue=False, cancels=[showing, moved], **PRIVATE)
    return [*drawing, *how], save


def photo_tab(desk: Handlers) -> None:
    """A photograph instead of a drawing: its faces get an expression where they are."""
    with gr.Row(equal_height=False, elem_classes=["s2f-screen"]):
        with gr.Column(min_width=320):
            photo = gr.Image(
                label="Your photograph",
                type="filepath",
                sources=["upload", "webcam", "clipboard"],
                placeholder=words.CHOOSE,
                elem_classes=["s2f-photo"],
            )
        with gr.Column(min_width=320):
            changed = parts.face(*words.PHOTO)
    with gr.Row(equal_height=True, elem_classes=["s2f-screen"]):
        with gr.Column(min_width=320, elem_classes=["s2f-card"]):
            name, intensity = feeling([parts.AS_IT_IS, *CLASSES], "happy")
        with gr.Column(min_width=320, elem_classes=["s2f-card"]):
            with gr.Row():
                enhance = parts.enhance(desk.studio.quick)
                which = gr.Radio(["all", "largest"], value="all", label="Which faces", min_width=120)
            strength = gr.Slider(0, 1, 1, step=0.05, label=words.STRENGTH, visible=False)
    live = [photo.change, name.change, intensity.input, which.input, enhance.input, strength.input]
    how: dict[str, Any] = {"trigger_mode": "always_last", "show_progress": "minimal"}
    asked = [photo, name, intensity, which, enhance, strength]
    gr.on([*live, changed.submit], desk.photo, asked, changed, **how, **PRIVATE, **MODEL)
    enhance.change(None, enhance, strength, js=words.JS_STRENGTH, **PRIVATE)


def feeling(names: list[str], first: str) -> tuple[gr.Dropdown, gr.Slider]:
    """Which expression, and how strong."""
    with gr.Row():
        name = gr.Dropdown(names, value=first, label="Expression", min_width=130)
        intensity = gr.Slider(0, MAX_INTENSITY, 1, step=0.05, label="Intensity", min_width=130)
    return name, intensity


def gallery(demo: gr.Blocks, album: Album, tabs: gr.Tabs, controls: list[Any], save: gr.Button) -> None:
    """Sign in, and the tab that opens with it."""
    owner, chosen, sure = gr.State(None), gr.State(""), gr.Checkbox(False, visible=False)
    with tabs, gr.Tab("My gallery", visible=False) as tab:
        with gr.Row():
            greeting = gr.Markdown()
            leave = gr.Button("Sign out", size="sm", scale=0, min_width=100)
        faces = parts.thumbs("Saved faces", empty=words.NOTHING_SAVED)
        with gr.Row():
            reopen = gr.Button("Reopen", variant="primary", min_width=120)
            together = gr.Button("Download all together", min_width=120)
            delete = gr.Button("Delete for good", variant="stop", min_width=120)
        word = gr.Markdown()
        archive = gr.File(label="All your faces", interactive=False, visible=False)
    with gr.Accordion("Sign in to keep faces", open=False, elem_classes=["s2f-advanced"]) as door:
        gr.Markdown(words.SIGN_IN)
        entered = [owner, door, tab, save, greeting, faces]
        if album.accounts is None:
            gr.LoginButton()
            demo.load(album.recognise, None, entered, **QUIET)
        else:
            with gr.Row():
                name = gr.Textbox(
                    label="Name", html_attributes=gr.InputHTMLAttributes(autocomplete="username")
                )
                password = gr.Textbox(
                    label="Password",
                    type="password",
                    html_attributes=gr.InputHTMLAttributes(autocomplete="current-password"),
                )
            enter = gr.Button("Sign in", variant="primary")
            gr.on([enter.click, password.submit], album.sign_in, [name, password], entered, **QUIET).success(
                lambda: "", None, password, **QUIET
            )
    save.click(album.save, [owner, *controls], [faces, word], **PRIVATE, **MODEL)
    away = words.JS_LOGOUT if album.accounts is None else words.JS_RELOAD
    leave.click(album.sign_out, None, owner, **QUIET).then(None, js=away, **PRIVATE)
    faces.select(album.choose, None, chosen, queue=False, **QUIET)
    reopen.click(album.reopen, [owner, chosen], [*controls, tabs], **PRIVATE)
    together.click(album.together, owner, archive, show_progress_on=together, **PRIVATE)
    delete.click(album.delete, [owner, chosen, sure], [faces, word, chosen], js=words.JS_SURE, **PRIVATE)


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
        enhance = gr.Radio([v for _, v in parts.ENHANCE], value=parts.PLAIN, label="Enhance")
        strength = gr.Slider(0, 1, 1, label="Strength of that")
        keep_colour = gr.Checkbox(True, label="Keep the colours of skin, hair and eyes")
        model = gr.Radio([v for _, v in parts.ENHANCE[1:]], value=parts.QUICK, label="Restorer")
        intensity = gr.Slider(0, MAX_INTENSITY, 1, label="Intensity")
        kind = gr.Radio([".mp4", ".gif"], value=".mp4", label="Kind of file")
        frames = gr.Slider(4, 75, FRAMES, step=1, label="Pictures, 25 of them a second")
        style = gr.Radio(list(EXTRACTED), value="contour", label="Style")
        made = gr.Image(label="Result", type="filepath")
        seven = gr.Gallery(label="The seven expressions")
        report = gr.Textbox(label="What was done to the drawing")
        moving = gr.File(label="Animation")
        moved = gr.JSON(label="How far the face moved")
        for call, inputs, outputs in (
            (calls.draw, [drawing, asked, look, trust, seed, enhance, strength], [made, report]),
            (calls.express, [face, expression], made),
            (calls.strip, [face, intensity], seven),
            (calls.animate, [face, expression, kind, frames], moving),
            (calls.restore, [face, model, strength, keep_colour], [made, moved]),
            (calls.sketch, [photo, style], made),
        ):
            gr.on([], call, inputs, outputs, api_name=call.__name__, **MODEL)


def keeper(settings: Settings, keeping: Keeping) -> Callable[[Handlers], Album] | None:
    """Who may keep faces: those of Hugging Face on a Space, named accounts elsewhere, else nobody."""
    from s2f.gallery import Accounts, Gallery

    if settings.on_space:
        return lambda desk: Album(desk, keeping, Gallery(), None)
    accounts = Accounts()
    if not accounts.list():
        return None
    return lambda desk: Album(desk, keeping, Gallery(), accounts)


def main() -> None:
    try:
        settings = Settings.from_environment()
        pipe = SketchToFace.from_pretrained(settings.model)  # without one: the models that come with s2f
    except S2FError as error:
        raise SystemExit(f"app: {error}") from None
    keeping = Keeping(Path(get_upload_folder()), settings.keep_seconds)
    keeping.start()
    try:
        page(Studio(pipe), keeping, keeper(settings, keeping)).queue(max_size=settings.queue).launch(
            server_name=settings.host,
            server_port=settings.port,
            theme=parts.theme(),
            css=parts.CSS,
            max_file_size=MAX_UPLOAD_BYTES,
            footer_links=[],
            mcp_server=tools.offered(),
            run_history=False,
        )
    except OSError as error:
        raise SystemExit(
            f"app: got port {settings.port} ({error}), expected a free one; say PORT=7861 make app"
        ) from None


if __name__ == "__main__":
    main()
