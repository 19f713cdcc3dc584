"""SketchToFace: a drawing becomes a face, the face takes an expression, and the result may be restored.

    drawing ──prepare──▶ sketch ──drawer──▶ face ──editor(action units)──▶ edited ──restorer──▶ restored

The three roles are signatures, and anything callable with that signature fits:
`drawer(sketch) → face`, `editor(face, action_units) → face`, `restorer(face) → face`, all on float32 NCHW in
[-1, 1]. An editor whose attribute `condition` is "classes" is given the seven class weights instead of action
units. A drawer may take more, by keyword: `look` (N, parts, 3) in L*a*b* with NaN for open, `faithfulness`
from 0 to 1, and, if it samples, `generator`, a list with one `torch.Generator` per picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from PIL import Image

from . import roles
from .errors import ModelError, S2FError
from .expression import CLASSES, Expression
from .image import load_image, resize
from .look import Look
from .roles import Progress
from .shipped import BUNDLED
from .sketch import STEPS, Sketch, prepare

if TYPE_CHECKING:
    import torch

ROLES = ("drawer", "editor", "restorer")
FAITHFULNESS = 0.5  # more of a sure hand's lines than of an unsure one's


@dataclass(frozen=True)
class Result:
    """What one drawing became. `image` is the last picture made, `look` what was asked and chosen."""

    sketch: Sketch
    face: Image.Image
    edited: Image.Image | None
    restored: Image.Image | None
    expression: Expression | None
    look: Look
    seed: int
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def image(self) -> Image.Image:
        return self.restored or self.edited or self.face

    @property
    def report(self) -> str:
        """What was done to the drawing before it was drawn from, in sentences."""
        return str(self.sketch)


class SketchToFace:
    """Draw a face, get a photograph of it, choose its expression.

    >>> pipe = SketchToFace()  # the models that come with s2f; others by from_pretrained("org/name")
    >>> result = pipe("drawing.png", expression="happy:0.8", seed=7)
    >>> result.image.save("happy.png")
    """

    def __init__(
        self,
        drawer: Callable[..., Any] | None = None,
        editor: Callable[..., Any] | None = None,
        restorer: Callable[..., Any] | None = None,
        *,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        size: int | None = None,
    ) -> None:
        if drawer is editor is restorer is None:
            drawer, editor, restorer = map(bundled, ROLES)
        self.device = pick_device(device)
        self.dtype = pick_dtype(dtype, self.device)
        self.drawer, self.editor, self.restorer = (self._place(m) for m in (drawer, editor, restorer))
        self.size = size or _size_of(drawer, editor) or 512

    @classmethod
    def from_pretrained(
        cls,
        path_or_repo: str | Path | None = None,
        *,
        drawer: str | Path | Callable[..., Any] | None = None,
        editor: str | Path | Callable[..., Any] | None = None,
        restorer: str | Path | Callable[..., Any] | None = None,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        size: int | None = None,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        token: str | bool | None = None,
        local_files_only: bool = False,
    ) -> SketchToFace:
        """Assemble from one folder or repository with `drawer/`, `editor/`, `restorer/`, or role by role.

        Without a repository, the roles that are not named have the models that come with s2f.
        """
        from .hub import snapshot
        from .models import load_model

        fetch: dict[str, Any] = {"cache_dir": cache_dir, "token": token, "local_files_only": local_files_only}
        models: dict[str, Any] = {"drawer": drawer, "editor": editor, "restorer": restorer}
        if path_or_repo is not None:
            source = snapshot(path_or_repo, revision=revision, **fetch)
            found = [role for role in ROLES if source.has(f"{role}/config.json")]
            if not found:
                kind = "a single model" if source.has("config.json") else "no model"
                raise ModelError(
                    f"got {kind} at {path_or_repo}, expected drawer/, editor/ or restorer/ there; "
                    "pass a single model as drawer=, editor= or restorer="
                )
            for role in found:
                if models[role] is None:
                    models[role] = load_model(source, subfolder=role)
            source.remember()
        for role, model in models.items():
            if isinstance(model, str | Path):
                models[role] = load_model(model, revision=None if path_or_repo else revision, **fetch)
        size = size or _size_of(models["drawer"], models["editor"])  # of what was named, not of the rest
        for role, model in models.items():
            if model is None and path_or_repo is None:
                models[role] = bundled(role)
        return cls(**models, device=device, dtype=dtype, size=size)

    def save_pretrained(self, folder: str | Path, *, dtype: torch.dtype | None = None) -> None:
        """Write every model into its role's folder, ready for `from_pretrained`."""
        for role in ROLES:
            model = getattr(self, role)
            if model is not None:
                if not hasattr(model, "save_pretrained"):
                    raise ModelError(
                        f"got a plain {type(model).__name__} as {role}, expected a model of s2f.MODELS; "
                        "save it yourself"
                    )
                model.save_pretrained(Path(folder) / role, dtype=dtype)

    @overload
    def __call__(self, drawing: list[Any] | tuple[Any, ...], **options: Any) -> list[Result]: ...
    @overload
    def __call__(self, drawing: Any, **options: Any) -> Result: ...
    def __call__(  # type: ignore[misc]  # the overloads tell one from many, and leave the options to this
        self,
        drawing: Any,
        *,
        expression: str | Expression | None = None,
        look: str | Mapping[str, Any] | Look | None = None,
        faithfulness: float = FAITHFULNESS,
        restore: bool = False,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        prepare_steps: Iterable[str] = STEPS,
        progress: Progress | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> Result | list[Result]:
        """One drawing (path, bytes, array, tensor or PIL image) gives one result, a list of them a list.

        `look` is "skin=#d9a577, hair=black" or a mapping of parts to colours, the others open;
        `faithfulness` is 1 for every line obeyed, 0 for a plausible face whatever the lines; at 0.5 the
        drawer judges by the drawing how sure the hand is.
        Picture n of a list is made from `seed + n`. `progress(done, total, what)` is told of each step;
        `cancel()` is asked between steps, and its yes raises `Cancelled`.
        """
        # 1. Check what was asked before any work is done
        drawings = list(drawing) if isinstance(drawing, list | tuple) else [drawing]
        wanted = Expression.parse(expression) if isinstance(expression, str) else expression
        self._need("drawer")
        if wanted is not None:
            self._need("editor")
        asked = Look.parse(look)
        self._check_wishes(asked, faithfulness)
        if restore:
            self._need("restorer")
        first_seed = _first_seed(seed, generator)
        seeds = [first_seed + n for n in range(len(drawings))]
        total = 1 + 1 + (wanted is not None) + restore
        work = roles.Work(self.device, self.dtype, total, progress, cancel)

        # 2. Clean and frame the drawings
        work.begin("preparing the drawing")
        sketches = [prepare(d, size=self.size, steps=prepare_steps) for d in drawings]
        # 3. Draw the faces
        work.begin("drawing the face")
        looks = roles.choose_looks(self.drawer, asked, seeds, self.device)
        faces = roles.draw(self.drawer, [s.image for s in sketches], seeds, looks, faithfulness, work)
        # 4. Give them the expression
        edited: list[Image.Image | None] = [None] * len(faces)
        if wanted is not None:
            work.begin("changing the expression")
            edited = [*roles.edit(self.editor, faces, [wanted] * len(faces), work)]
        # 5. Restore
        restored: list[Image.Image | None] = [None] * len(faces)
        if restore:
            work.begin("restoring")
            last = [e or f for e, f in zip(edited, faces, strict=True)]
            restored = [*roles.restore(self.restorer, last, work)]
        # 6. Hand over
        timings = work.finish()
        results = [
            Result(s, f, e, r, wanted, look, n, timings)
            for s, f, e, r, look, n in zip(sketches, faces, edited, restored, looks, seeds, strict=True)
        ]
        return results if isinstance(drawing, list | tuple) else results[0]

    def express(
        self, face: Any, expression: str | Expression, *, cancel: Callable[[], bool] | None = None
    ) -> Image.Image:
        """Give one framed photograph of a face another expression."""
        self._need("editor")
        wanted = Expression.parse(expression) if isinstance(expression, str) else expression
        picture = resize(load_image(face), self.size)
        return roles.edit(self.editor, [picture], [wanted], self._work(cancel))[0]

    def strip(
        self,
        face: Any,
        expressions: Mapping[str, str | Expression] | None = None,
        *,
        intensity: float = 1.0,
        cancel: Callable[[], bool] | None = None,
    ) -> dict[str, Image.Image]:
        """One framed photograph in several expressions at once: all seven, or those named.

        The face is looked at once for all of them, where the editor can.
        """
        self._need("editor")
        wanted = expressions or {name: f"{name}:{intensity:g}" for name in CLASSES}
        parsed = [Expression.parse(e) if isinstance(e, str) else e for e in wanted.values()]
        picture = resize(load_image(face), self.size)
        made = roles.edit(self.editor, [picture], parsed, self._work(cancel))
        return dict(zip(wanted, made, strict=True))

    def _work(self, cancel: Callable[[], bool] | None) -> roles.Work:
        return roles.Work(self.device, self.dtype, cancel=cancel)

    def _place(self, model: Any) -> Any:
        import torch

        if not hasattr(model, "state_dict"):
            return model
        # pixel by pixel is how processors like it
        form = torch.channels_last if self.device.type == "cpu" else torch.preserve_format
        return model.to(self.device, self.dtype, memory_format=form).eval()

    def _check_wishes(self, look: Look, faithfulness: float) -> None:
        """A look asked of a drawer that takes none is said, not dropped."""
        number = isinstance(faithfulness, int | float) and not isinstance(faithfulness, bool)
        if not number or not 0 <= faithfulness <= 1:
            raise S2FError(f"got faithfulness {faithfulness!r}, expected a number from 0 to 1; correct it")
        if look and not roles.takes(self.drawer, "look"):
            raise ModelError(
                f"got a look for a {type(self.drawer).__name__}, expected a drawer that takes one; leave "
                "the look open, or use another drawer"
            )

    def _need(self, role: str) -> None:
        if getattr(self, role) is None:
            have = ", ".join(r for r in ROLES if getattr(self, r) is not None) or "no model at all"
            raise ModelError(
                f"got {have}, expected {'an' if role == 'editor' else 'a'} {role} for this; "
                f"load one with from_pretrained({role}=...)"
            )


def bundled(role: str) -> Any:
    """The model of a role that comes with s2f."""
    from .models import load_model

    folder = BUNDLED / role
    return load_model(folder) if folder.is_dir() else None


def _size_of(*models: Any) -> int | None:
    """The pictures' side that the first of the models that says so is made for."""
    sizes = [getattr(model, "size", None) for model in models]
    return next((own for own in sizes if isinstance(own, int)), None)


def pick_device(device: str | torch.device | None = None) -> torch.device:
    """The device asked for, or the best one here: CUDA, then Apple's MPS, then the CPU."""
    import torch

    have = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device is None:
        return torch.device(next(name for name, there in have.items() if there))
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError):
        raise S2FError(f"got device {device!r}, expected one of cpu, cuda, cuda:N, mps; choose one") from None
    count = torch.cuda.device_count() if wanted.type == "cuda" else 1
    if not have.get(wanted.type) or (wanted.index or 0) >= count:
        here = ", ".join(name for name, there in have.items() if there)
        raise S2FError(f"got device {device!s}, expected one that is here ({here}); choose one of them")
    return wanted


def pick_dtype(dtype: str | torch.dtype | None, device: torch.device) -> torch.dtype:
    """The precision asked for; else bfloat16 on an accelerator that does it well, float32 elsewhere."""
    import torch

    names = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if dtype is None:
        good = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if good else torch.float32
    chosen = names.get(dtype) if isinstance(dtype, str) else dtype
    if chosen is None or chosen not in names.values():
        raise S2FError(f"got dtype {dtype!r}, expected one of {', '.join(names)}; choose one")
    return chosen


def _first_seed(seed: int | None, generator: torch.Generator | None) -> int:
    import torch

    if seed is not None and generator is not None:
        raise S2FError("got both seed and generator, expected one of them; leave the other out")
    if generator is not None:
        return int(torch.randint(2**31, (), generator=generator, device=generator.device))
    if seed is None:
        return int(torch.randint(2**31, ()))
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63 - 2**31:
        raise S2FError(
            f"got seed {seed!r}, expected a whole number of 0 or more; give one, or none for chance"
        )
    return seed
