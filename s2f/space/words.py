"""What the page says."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from ..provenance import Model

HERO = """<header class="hero"><h1>Draw a face</h1>
<p>Get a photograph of it, then choose how it feels. Nobody in these pictures exists.</p></header>"""

NO_MODEL = """<div class="missing"><p>This version carries no trained drawer, so it shows what it can do
without one: it cleans and frames your drawing as a model needs it. Set <code>S2F_MODEL</code> to a folder or
repository with a drawer to see faces.</p></div>"""

FAITHFULNESS = "Faithfulness: a plausible face ↔ exactly my drawing"
SEED = "What the drawing and the look leave open is chosen by this number."
STRENGTH = "How much it is enhanced"
MOVED = "Moved by enhancing: {}. Under ΔE 2 nobody sees it; identity 1 is the very same person."
FACE = ("The face", "The face appears here", "as soon as your drawing has one")
PHOTO = ("The photograph", "The photograph appears here", "only its faces change")
CHOOSE = "# Drop a photograph here\nor click to choose one"
MOVING = "The animation, AI-generated"
ANIMATION = "From rest through the chosen expression and back."
MENDED = [
    ("white lines on black", "polarity"),
    ("shadows on the paper", "shadows"),
    ("ruled paper", "ruling"),
    ("faint lines", "ink"),
    ("specks", "specks"),
    ("place of the face", "frame"),
    ("width of the lines", "width"),
]
NO_FINDINGS = "Draw something, and the doctor says what was mended before it became a face."

# Shown without asking the server: how much to enhance, a dropdown's choice in the strip, whose strip it wants
JS_STRENGTH = """(enhancer) => ({__type__: "update", visible: enhancer !== "off"})"""
JS_CHOSEN = """(name) => ({__type__: "update", props: {chosen: name}})"""
JS_WANTED = """(face) => ({__type__: "update", props: {wanted: face?.key ?? ""}})"""


def made_by(models: Mapping[str, Model]) -> str:
    """Which models make the faces here, as their files say it too."""
    if not models:
        return ""
    each = (f"the {role} <code>{escape(m.name)}@{escape(m.commit[:19])}</code>" for role, m in models.items())
    return f"<p><strong>Made by</strong> {' and '.join(each)}.</p>"


def notes(seconds: float, models: Mapping[str, Model]) -> str:
    """What a visitor has a right to know."""
    span = f"{seconds / 60:.0f} minutes" if seconds >= 60 else f"{seconds:.0f} seconds"
    return f"""<footer class="notes">
<p><strong>Every face here is AI-generated</strong> and its file says so: a signed note names the model, and
a watermark stays in the pixels.</p>
{made_by(models)}
<p><strong>Your drawing stays yours.</strong> It is worked on in memory and written to no log. Photographs
you upload and files made for you to download are deleted after {span}.</p>
<p><strong>It identifies nobody.</strong> Do not use it to pass off a picture as a real person, nor to
deceive, harass or accuse anyone.</p>
<p><strong>For programs:</strong> <a href="?view=api">every action is an endpoint</a>.</p>
</footer>"""


NOTHING_SAVED = "Nothing is kept yet. Draw a face, then press “Save to my gallery”."
SIGN_IN = "Nothing is kept unless you press Save; then it is yours alone, and you can delete it for good."
JS_RELOAD = "() => location.reload()"
JS_LOGOUT = "() => location.assign('/logout' + location.search)"
# A state is filled in by the server, whatever a script says; the answer needs a place of its own.
JS_SURE = """(owner, chosen, sure) => [owner, chosen, confirm("Delete this face for good?")]"""
