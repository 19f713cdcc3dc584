"""What each role of the pipeline is given: pictures → tensors → model → pictures, a few at a time."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

from .errors import Cancelled, ModelError
from .expression import Expression
from .image import to_pil, to_tensor
from .look import PARTS, Look

if TYPE_CHECKING:
    import torch

BATCH = 8

Model = Any  # anything callable with its role's signature
Progress = Callable[[int, int, str], None]


def takes(model: Model, keyword: str) -> bool:
    call: Any = getattr(model, "forward", model)
    try:
        return keyword in inspect.signature(call).parameters
    except (TypeError, ValueError):
        return False


@dataclass
class Work:
    """One call of the pipeline: where it computes, how far it is, whether it is still wanted."""

    device: torch.device
    dtype: torch.dtype
    total: int = 1
    progress: Progress | None = None
    cancel: Callable[[], bool] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    name: str = ""
    since: float = 0.0

    def begin(self, name: str) -> None:
        self._close()
        self.check()
        if self.progress:
            self.progress(len(self.seconds), self.total, name)
        self.name, self.since = name, time.perf_counter()

    def check(self) -> None:
        if self.cancel and self.cancel():
            raise Cancelled(
                f"stopped before {self.name or 'the start'} was done, as asked; call again to go on"
            )

    def finish(self) -> dict[str, float]:
        self._close()
        if self.progress:
            self.progress(self.total, self.total, "done")
        return self.seconds

    def _close(self) -> None:
        if self.name:
            self.seconds[self.name] = time.perf_counter() - self.since

    def tensor(self, pictures: Sequence[Image.Image], mode: str = "RGB") -> torch.Tensor:
        return to_tensor(pictures, mode).to(self.device, self.dtype)

    def batches(self, count: int, make: Callable[[slice], torch.Tensor]) -> list[Image.Image]:
        """`make` for a few at a time, asking in between whether it is still wanted."""
        import torch

        out: list[Image.Image] = []
        for start in range(0, count, BATCH):
            self.check()
            try:
                with torch.inference_mode():
                    out += to_pil(make(slice(start, start + BATCH)))
            except torch.OutOfMemoryError as error:
                raise ModelError(
                    f"got no memory for {min(BATCH, count)} pictures on {self.device}, expected room for "
                    "them; give fewer or smaller pictures, or device='cpu'"
                ) from error
        return out


def draw(
    drawer: Model,
    pages: Sequence[Image.Image],
    seeds: Sequence[int],
    looks: Sequence[Look],
    faithfulness: float,
    work: Work,
) -> list[Image.Image]:
    """Framed drawings → faces; the drawer is told what it can be told."""
    import torch

    def make(some: slice) -> torch.Tensor:
        options: dict[str, Any] = {}
        if takes(drawer, "look"):
            vectors = [torch.from_numpy(look.vector()) for look in looks[some]]
            options["look"] = torch.stack(vectors).to(work.device, work.dtype)
        if takes(drawer, "faithfulness"):
            options["faithfulness"] = faithfulness
        if takes(drawer, "generator"):
            options["generator"] = [torch.Generator().manual_seed(s) for s in seeds[some]]
        return drawer(work.tensor(pages[some], "L"), **options)

    return work.batches(len(pages), make)


def choose_looks(drawer: Model, asked: Look, seeds: Sequence[int], device: torch.device) -> list[Look]:
    """What is asked, and for what is open what each seed chooses, where the drawer tells."""
    import torch

    if not hasattr(drawer, "complete"):
        return [asked] * len(seeds)
    vector = torch.from_numpy(asked.vector()).expand(len(seeds), -1, -1)
    chances = [torch.Generator().manual_seed(s) for s in seeds]
    chosen = drawer.complete(vector.to(device), len(seeds), chances).cpu().numpy().astype(float)
    return [_look(one, asked) for one in chosen]


def _look(chosen: Any, asked: Look) -> Look:
    known: Mapping[str, Any] = {p: lab for p, lab in zip(PARTS, chosen, strict=False) if lab[0] == lab[0]}
    return Look.parse({p: getattr(asked, p) or lab for p, lab in known.items()})


def edit(
    editor: Model, faces: Sequence[Image.Image], wanted: Sequence[Expression], work: Work
) -> list[Image.Image]:
    """One expression for each face, or many for a single one, which is then looked at once if it can be."""
    import torch

    by_class = getattr(editor, "condition", "action_units") == "classes"
    vectors = [torch.from_numpy(e.labels() if by_class else e.vector()) for e in wanted]
    targets = torch.stack(vectors).to(work.device, work.dtype)
    if len(faces) == 1 < len(wanted) and hasattr(editor, "change"):
        face = work.tensor(faces)
        with torch.inference_mode():
            looked = editor.look(face)
        return work.batches(len(wanted), lambda some: editor.change(face, looked, targets[some]).face)
    if len(faces) == 1:
        faces = list(faces) * len(wanted)
    return work.batches(len(faces), lambda some: editor(work.tensor(faces[some]), targets[some]))


def restore(restorer: Model, faces: Sequence[Image.Image], work: Work) -> list[Image.Image]:
    return work.batches(len(faces), lambda some: restorer(work.tensor(faces[some])))
