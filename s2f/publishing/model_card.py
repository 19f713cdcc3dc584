"""A model's card: one template for all, words for each kind of model, figures from its own files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from huggingface_hub.utils import yaml_dump

from .. import __version__
from ..corpus.card import PLACEHOLDER, fill, template
from ..errors import CorpusError, ModelError
from . import figures
from .figures import Measured, plain, table
from .run import Run, runs

__all__ = ["PLACEHOLDER", "Dataset", "card", "check"]

LICENCE = "cc-by-4.0"
FAIR = 1.5  # how far one group's figure may be from another's before the card says so
SCRIPTS = re.compile(
    r"<\s*/?\s*(script|iframe|object|embed|form|style|link|meta|base|svg)\b|\bon\w+\s*=\s*[\"']|"
    r"(javascript|vbscript|data)\s*:\s*(text/html|[^\s/]*\()",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Dataset:
    """A corpus on the Hub, at one commit."""

    name: str
    revision: str


@dataclass(frozen=True)
class Words:
    """What no figure says: the texts of one kind of model, those of its role where it has none of its own."""

    title: str
    pipeline_tag: str
    tags: tuple[str, ...]
    measures: tuple[str, ...]
    sections: Mapping[str, str]

    def __getitem__(self, section: str) -> str:
        return self.sections[section]


def card(
    folder: str | Path,
    repo: str = PLACEHOLDER,
    *,
    dataset: Dataset | None = None,
    picture: str | None = None,
    thumbnail: str | None = None,
) -> str:
    """The card of the model, or of the models of a pipeline, in a folder; the same for the same files."""
    found = runs(folder)
    words = [words_of(run) for run in found]
    about = words[0] if len(found) == 1 else read_words("pipeline")
    values = {
        "front_matter": front_matter(found, words, about, repo, dataset, thumbnail),
        "title": about.title,
        "summary": about["Summary"],
        "picture": f"![What it was given, what it made of it, what it should be]({picture})\n\n"
        if picture
        else "",
        "snippet": about["Snippet"].replace(PLACEHOLDER, repo),
        "intended": _each(found, [w["Intended use"] for w in words], about),
        "limits": _each(found, [w["What it cannot do"] for w in words], about),
        "results": _each(found, [results(r, w) for r, w in zip(found, words, strict=True)]),
        "groups": _each(found, [groups(r, w) for r, w in zip(found, words, strict=True)]),
        "data": _each(found, [data(run, dataset) for run in found]),
        "made": _each(found, [made(run) for run in found]),
        "citation": "\n\n".join(dict.fromkeys(w["Citation"] for w in words)),
    }
    return check(fill(template("model.md"), values))


def check(text: str) -> str:
    """A card is words and figures: nothing in it runs when it is shown."""
    if found := SCRIPTS.search(text):
        raise ModelError(
            f"got a card with {plain(found[0])!r}, expected words and figures; take out what a browser runs"
        )
    return text


# ---------------------------------------------------------------- words


def words_of(run: Run) -> Words:
    return read_words(run.name.lower())


def read_words(name: str) -> Words:
    """model_cards/texts/NAME.md, and what it leaves to its role."""
    if not re.fullmatch(r"[a-z0-9_]{1,60}", name):
        raise ModelError(f"got the model {name[:80]!r}, expected the name of one of s2f's; check its config")
    try:
        head, sections = _sections(template(f"texts/{name}.md"))
    except CorpusError:
        raise ModelError(
            f"got a {name} without words for its card, expected model_cards/texts/{name}.md; write it"
        ) from None
    if role := head.get("role"):
        role_head, role_sections = _sections(template(f"texts/roles/{role}.md"))
        head, sections = role_head | head, role_sections | sections
    return Words(
        head["title"],
        head["pipeline_tag"],
        tuple(_list(head.get("tags", ""))),
        tuple(_list(head.get("measures", ""), ";")),
        sections,
    )


def _sections(text: str) -> tuple[dict[str, str], dict[str, str]]:
    _, head, body = text.split("---\n", 2)
    parts = re.split(r"^## (.+)\n", body, flags=re.M)[1:]
    return (
        dict(re.findall(r"^(\w+): *(.*)$", head, re.M)),
        {name.strip(): words.strip() for name, words in zip(parts[::2], parts[1::2], strict=True)},
    )


def _list(text: str, mark: str = ",") -> list[str]:
    return [word.strip() for word in text.split(mark) if word.strip()]


def _each(found: Sequence[Run], texts: Sequence[str], about: Words | None = None) -> str:
    """One text, or each under its role's heading."""
    if len(found) == 1:
        return texts[0]
    return "\n\n".join(
        f"### {run.role.capitalize()}\n\n{text}" for run, text in zip(found, texts, strict=True)
    )


# ---------------------------------------------------------------- figures


def results(run: Run, words: Words) -> str:
    values = figures.measured(run.metrics)
    if not values:
        return "Nothing has been measured yet: run `s2f evaluate` with `--beside`."
    split, _ = figures.split_of(run.metrics)
    said = [
        f"Split `{plain(split)}` of the corpus: people never seen in training. In brackets 95 % intervals."
    ]
    key = figures.chosen([one for one in values if one.by is None], words.measures)
    said += [figures.key_table(key)] if key else []
    for by in figures.parts(values):
        if by != "group":
            some = figures.chosen([one for one in values if one.by == by], words.measures)
            said.append(f"By {plain(by)}:\n\n{figures.part_table(some, by)}")
    return "\n\n".join(said) + "\n\nAll of it stands in `metrics.json`."


def groups(run: Run, words: Words) -> str:
    """Bias, as a table; or that nobody has looked."""
    values = [one for one in figures.measured(run.metrics) if one.by == "group"]
    if not values:
        return (
            "Not measured by group. The portraits behind the corpus are mostly of white people (see below): "
            "expect it to know others less well."
        )
    some = figures.chosen(values, words.measures)
    return (
        "The same figures by what the source people said of themselves. Groups are small and their people "
        "come from few portraits: read the intervals.\n\n" + figures.part_table(some, "group") + _apart(some)
    )


def _apart(values: Sequence[Measured]) -> str:
    """Which figures of one group are half as much again as another's, said in a sentence."""
    names = []
    for measure in dict.fromkeys(one.of for one in values):
        each = sorted((one for one in values if one.of == measure), key=lambda one: one.value)
        if each[0].value < each[-1].value / FAIR:
            names.append(f"{measure} ({each[-1].part} {each[-1]}, {each[0].part} {each[0]})")
    if not names:
        return f"\n\nNo group's figure is more than {FAIR} times another's.\n"
    return (
        f"\n\nMore than {FAIR} times apart: {'; '.join(names)}. Of the people photographed few are black or "
        "Asian, so that fewer faces of theirs were learned from, and fewer test it.\n"
    )


def evaluations(run: Run, words: Words, dataset: Dataset | None) -> list[EvalResult]:
    split, _ = figures.split_of(run.metrics)
    values = [one for one in figures.measured(run.metrics) if one.by in (None, "kind")]
    return [
        EvalResult(
            task_type=words.pipeline_tag,
            dataset_type=dataset.name if dataset else "s2f-corpus",
            dataset_name="Faces drawn and acted" + (f" ({plain(run.corpus)})" if run.corpus else ""),
            dataset_split=plain(split),
            dataset_revision=dataset.revision if dataset else None,
            dataset_args=run.recipe or None,
            metric_type=_slug(one.of),
            metric_value=round(one.value, 6),
            metric_name=_full_name(run, one),
            metric_args={"n": one.n, "interval95": [round(bound, 6) for bound in one.interval]}
            if one.n is not None and one.interval is not None
            else None,
        )
        for one in figures.chosen(values, words.measures)
    ]


def _full_name(run: Run, one: Measured) -> str:
    return plain(": ".join(word for word in (run.role, one.part, one.of) if word))


def _slug(name: str) -> str:
    return re.sub(r"\W+", "_", name.lower()).strip("_") or "value"


def front_matter(
    found: Sequence[Run],
    words: Sequence[Words],
    about: Words,
    repo: str,
    dataset: Dataset | None,
    thumbnail: str | None,
) -> str:
    """What the Hub reads; its own client writes it."""
    scored = [one for run, w in zip(found, words, strict=True) for one in evaluations(run, w, dataset)]
    on_hub = [run.corpus for run in found if "/" in run.corpus]
    parents = list(dict.fromkeys(run.parent for run in found if run.parent))
    data = ModelCardData(
        license=LICENCE,
        library_name="s2f",
        pipeline_tag=about.pipeline_tag,
        tags=list(dict.fromkeys(["s2f", *about.tags, *(t for w in words for t in w.tags)])),
        datasets=[dataset.name] if dataset else list(dict.fromkeys(map(plain, on_hub))) or None,
        metrics=list(dict.fromkeys(one.metric_type for one in scored)) or None,
        base_model=(parents[0] if len(parents) == 1 else parents) or None,
        base_model_relation="finetune" if parents else None,
        thumbnail=thumbnail,
        model_name=about.title,
        eval_results=scored or None,
    )
    # not line by line as the client would, so that a file's strange words stay values
    return yaml_dump(data.to_dict(), sort_keys=False).strip()


# ---------------------------------------------------------------- how it came about


def data(run: Run, dataset: Dataset | None) -> str:
    if not run.recipe:
        what = f"`{plain(run.corpus)}`" if run.corpus else "a corpus that its files do not name"
        return (
            f"Trained on {what}, which s2f cannot vouch for: whether the people in it agreed to that, and "
            "under what terms it may be used, is for its publisher to say."
        )
    recipe = ", ".join(f"{key} {value}" for key, value in run.recipe.items())
    where = (
        f" It is [{dataset.name}](../../datasets/{dataset.name}) at `{dataset.revision}`." if dataset else ""
    )
    return fill(
        template("texts/data.md"), {"name": plain(run.corpus), "recipe": plain(recipe), "where": where}
    ).strip()


def made(run: Run) -> str:
    """Arguments, images seen, machine, time and commit: as far as the run wrote them down."""
    config = {k: v for k, v in run.config.items() if not k.startswith("_")}
    rows = [
        ("parameters", f"{run.parameters:,}, stored as {', '.join(run.kinds)}"),
        ("configuration", _pairs(config)),
        ("arguments", _pairs(run.arguments)),
        ("went on from", run.parent or _stage(run.training.get("init"))),
        ("images seen", _count(run.fact("images_seen"))),
        ("people seen", _count(run.fact("people") or run.recipe.get("people"))),
        ("minutes", run.fact("minutes")),
        ("machine", _machine(run.fact("machine"))),
        ("s2f", run.fact("version") or run.config.get("_s2f_version") or __version__),
        ("commit", run.fact("commit")),
    ]
    return table(("what", "value"), [(name, str(value)) for name, value in rows if value])


def _stage(init: Any) -> str:
    """An earlier run whose weights this one took up, and the one before that."""
    if not isinstance(init, Mapping):
        return ""
    corpus = init.get("corpus")
    built = (
        ", ".join(f"{k} {v}" for k, v in corpus.items() if k != "name")
        if isinstance(corpus, Mapping)
        else corpus
    )
    words = [
        f"{init.get('max_train_steps')} steps at {init.get('resolution')}²",
        f"on a corpus of {built}",
        f"{_count(init.get('images_seen'))} images seen",
        f"{init.get('minutes')} minutes",
    ]
    before = _stage(init.get("init"))
    return ", ".join(words) + (f", after {before}" if before else "")


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _machine(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value or "")
    return ", ".join(f"{v} {k}" if isinstance(v, int) else str(v) for k, v in value.items() if v)
