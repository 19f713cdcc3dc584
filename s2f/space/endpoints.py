"""The page's actions for programs: a file in, a signed file out; bad input is one sentence."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from .. import animation
from ..errors import ImageError, ModelError
from ..expression import Expression
from ..image import load_image
from ..look import Look
from ..pipeline import FAITHFULNESS
from ..restore import Restored
from ..sketch import STEPS, extract
from .handlers import said
from .keeping import Keeping
from .parts import PLAIN, QUICK
from .settings import FRAMES
from .studio import Studio, Wish, png


class Endpoints:
    """Each method is one named endpoint; its docstring is what its callers read."""

    def __init__(self, studio: Studio, keeping: Keeping) -> None:
        self.studio, self.keeping = studio, keeping

    @said
    def draw(
        self,
        drawing: str,
        expression: str = "",
        look: str = "",
        faithfulness: float = FAITHFULNESS,
        seed: int = 0,
        enhance: str = PLAIN,
        strength: float = 1.0,
    ) -> tuple[str, str]:
        """Turn a line drawing of a face into a generated photograph of that face.

        Args:
            drawing: an image file with dark lines on light paper
            expression: none to leave it as drawn, or a text such as happy:0.7 or happy:0.6+surprised:0.4
            look: none to leave it open, or a text such as skin=tan, hair=black, eye=#6d8398
            faithfulness: 1 follows every line, 0 makes a plausible face first, 0.5 more so of a sure hand
            seed: another number, another face of the same drawing
            enhance: off, enhancer or gfpgan: what restores fine detail afterwards
            strength: how much of that, 0 to 1
        Returns:
            the face as a signed JPEG file; what was done to the drawing, in sentences
        """
        try:
            page = Path(drawing).read_bytes()
        except FileNotFoundError:  # swept while it waited in line
            raise ImageError("got an upload that is gone, expected it in time; upload it again") from None
        colours = tuple(sorted(Look.parse(look).colours().items()))
        made = self.studio.face(Wish(page, colours, float(faithfulness), int(seed), STEPS))
        image = self.studio.express(made.image, Expression.parse(expression) if expression else None)
        if not made.by_model:
            return str(self.keeping.put(png(image), ".png", "drawing")), made.report
        if enhance == PLAIN:
            return self._put(image, "drawer", "editor"), made.report
        done = self._enhanced(image, enhance, float(strength))
        return self._put(done.image, "drawer", "editor", enhance), made.report

    @said
    def express(self, face: str, expression: str = "happy") -> str:
        """Give the face in a photograph, framed as /draw frames it, another expression.

        Args:
            face: an image file with one face, eyes level at 0.47 of its height
            expression: a text such as happy, sad:0.7, happy:0.6+surprised:0.4, or neutral+AU43_L:1 for a wink
        Returns:
            the same person with that expression as a signed JPEG file
        """
        return self._put(self.studio.express(load_image(face), Expression.parse(expression)), "editor")

    @said
    def strip(self, face: str, intensity: float = 1.0) -> list[tuple[str, str]]:
        """Show one face in all seven expressions at once, small.

        Args:
            face: an image file with one face, framed as /draw frames it
            intensity: how strong the expressions are, 0 to 1.2
        Returns:
            seven signed files, each with the name of its expression
        """
        made = self.studio.strip(load_image(face), float(intensity))
        return [(self._put(picture, "editor"), name) for name, picture in made.items()]

    @said
    def animate(self, face: str, expression: str = "happy", kind: str = ".mp4", frames: int = FRAMES) -> str:
        """Move a face from rest through an expression and back.

        Args:
            face: an image file with one face at rest, framed as /draw frames it
            expression: a text such as happy or happy:0.6+surprised:0.4
            kind: .mp4 or .gif
            frames: how many pictures, 25 of them a second; 4 to 75
        Returns:
            a signed file
        """
        count = min(int(frames), 75)
        pictures = self.studio.animate(load_image(face), Expression.parse(expression), count)
        data = animation.encode(pictures, kind, self.studio.facts("editor"))
        return str(self.keeping.put(data, kind, "s2f-animation"))

    @said
    def restore(
        self, face: str, model: str = QUICK, strength: float = 1.0, keep_colour: bool = True
    ) -> tuple[str, dict[str, float]]:
        """Restore the fine detail of a face, and say how far that moved it.

        Args:
            face: an image file with one face, framed as /draw frames it
            model: enhancer or gfpgan
            strength: 0 leaves the face as it is, 1 is all that the model would do
            keep_colour: hold skin, hair and eyes to the colours they had
        Returns:
            the face as a signed JPEG file; how far it moved: skin, hair and eyes in CIE ΔE, and identity as a
            cosine, 1 for the very same person
        """
        done = self._enhanced(load_image(face), model, float(strength), bool(keep_colour))
        return self._put(done.image, model), done.moved

    @said
    def sketch(self, photo: str, style: str = "contour") -> str:
        """Turn a photograph into a line drawing of the same size.

        Args:
            photo: an image file
            style: contour, pencil or edge
        Returns:
            the drawing as a PNG file
        """
        drawing = extract(load_image(photo), style)
        return str(self.keeping.put(png(drawing, max(drawing.size)), ".png", "drawing"))

    def _enhanced(self, face: Image.Image, model: str, strength: float, keep_colour: bool = True) -> Restored:
        done = self.studio.restore(face, model, strength, keep_colour)
        if done.note:
            raise ModelError(done.note)
        return done

    def _put(self, picture: Image.Image, *roles: str) -> str:
        return str(self.keeping.put(self.studio.signed(picture, ".jpg", *roles), ".jpg", "face"))
