"""Scores of drawers, editors and samplers on people never seen, by judges that train nothing.

    report = evaluate("corpus", drawers={"ours": drawer}, editors={"ours": editor})

What is drawn and edited is one split of a corpus; figures carry n and 95 % intervals, of all and by drawing
style, class and group.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..batches import Faces, read
from ..corpus.store import MANIFEST, read_manifest
from ..errors import S2FError
from .drawers import score_drawer
from .editors import Unchanged, score_editor
from .gallery import People, score_truth
from .judges import Judges
from .lineup import add_line, line_up
from .published import Published
from .report import FORMAT, markdown, provenance, write_json
from .samplers import score_sampler
from .sheets import write_sheets
from .showing import show

__all__ = ["Judges", "Published", "evaluate", "markdown", "write_json"]

logger = logging.getLogger(__name__)


def evaluate(
    corpus: str | Path,
    *,
    drawers: Mapping[str, Any] | None = None,
    editors: Mapping[str, Any] | None = None,
    samplers: Mapping[str, Any] | None = None,
    judges: Judges | None = None,
    published: Published | None = None,
    split: str = "test",
    size: int = 256,
    limit: int | None = None,
    sheets: str | Path | None = None,
) -> dict[str, Any]:
    """`truth` for the corpus's own faces, `drawers`, `editors` and `samplers` by name; of `limit` people.

    Samplers are models that make faces of noise; `unchanged` is what an editor scores that does nothing.
    """
    if size < 64:
        raise S2FError(f"got size {size}, expected at least 64 pixels to judge faces by; give more")
    judges = judges or Judges.load()
    faces = _some(read(str(corpus), split, size), limit)
    if not (~faces.real & (faces.label == 0)).any() or faces.drawing.dim() != 4:
        raise S2FError(
            f"got the split {split} of {corpus} without drawn or neutral invented faces, expected a corpus "
            "built by s2f; build one"
        )
    people = People.of(faces, judges)
    report: dict[str, Any] = {
        "format": FORMAT,
        **provenance(),
        "corpus": {
            "name": Path(corpus).name,
            "arguments": _recipe(Path(corpus)),
            "split": split,
            "size": size,
            "limit": limit,
            "faces": len(faces),
            "people": len(torch.unique(faces.person)),
        },
        "truth": score_truth(faces, people),
        "drawers": {},
        "editors": {},
        "samplers": {},
    }
    lines: dict[str, dict[str, torch.Tensor]] = {"drawers": {}, "editors": {}}
    if editors:
        report["unchanged"] = score_editor(Unchanged(), faces, judges, people).report
    jobs = [("drawers", score_drawer, drawers or {}), ("editors", score_editor, editors or {})]
    for role, score, systems in jobs:
        for name, model in systems.items():
            logger.info("scoring %s", name)
            done: Any = score(model, faces, judges, people)
            report[role][name] = {"model": _about(model), **done.report}
            if published is not None:
                scores = published.figures(done.made, done.true, done.tally.people)
                report[role][name]["figures"]["all"] |= scores
            if sheets is not None:
                write_sheets(
                    Path(sheets), f"{role[:-1]}-{name}", done.given, done.made, done.true, done.tally
                )
                add_line(lines[role], name, done, ~faces.real.numpy()[done.rows])
    for name, model in (samplers or {}).items():
        logger.info("scoring %s", name)
        sampled = score_sampler(model, faces, judges, people)
        report["samplers"][name] = {"model": _about(model), **sampled.report}
        if sheets is not None and (row := lines["drawers"]):
            row[f"{name}, noise"] = sampled.made[: len(row["photograph"])]
    if sheets is not None:
        for role, row in lines.items():
            if row:
                line_up(Path(sheets) / f"{role}.jpg", row)
        show(Path(sheets), faces, dict(drawers or {}), dict(editors or {}))
    return report


def _some(faces: Faces, limit: int | None) -> Faces:
    """All pictures of so many people, taken evenly."""
    people = torch.unique(faces.person)
    if limit is None or limit >= len(people):
        return faces
    kept = people[torch.linspace(0, len(people) - 1, limit).long()]
    return faces.where(torch.isin(faces.person, kept))


def _recipe(corpus: Path) -> dict[str, Any]:
    """How a built corpus was made; nothing is known of others."""
    return dict(read_manifest(corpus)["arguments"]) if (corpus / MANIFEST).exists() else {}


def _about(model: Any) -> dict[str, Any]:
    counted = hasattr(model, "parameters")
    return {
        "class": type(model).__name__,
        "parameters": sum(p.numel() for p in model.parameters()) if counted else None,
        "size": getattr(model, "size", None),
    }
