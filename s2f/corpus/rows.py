"""One row from one seed: a person, an expression and a pose, a photograph of it, its drawings and labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import CorpusError, S2FError
from ..expression import ACTION_UNITS
from ..sketch import EXTRACTED, extract_array
from . import points as at
from .acting import act, random_pose
from .encode import encoded_page, encoded_rgb
from .features import WORN
from .fit import Person, fit
from .freehand import View, draw
from .geometry import SIZE, rescaled, rolled, rotation
from .glasses import Glasses, choose_glasses, put_on
from .kit import Kit, load_kit
from .look import measure_look
from .morph import new_identity
from .outline import hair_outline
from .people import split_people
from .plan import SITTING, Part, Place, Recipe, place_of
from .portraits import Face, load_portraits, load_smiles, people_table
from .reject import misfit, reject
from .render import Render, render
from .restyle import study, styled
from .shaven import shave
from .smile import harvest_teeth
from .studio import photograph
from .teeth import Teeth

_TRIES, _STYLES = 8, 3  # morphs, after the morpher's own, and styles of each
_AS_RENDERED = list(at.HAIR + at.NECK + at.EARS + (0, 1) + at.IRIS[0] + at.IRIS[1])


@dataclass(frozen=True, eq=False)
class Stock:
    """What every row is made from, loaded once per process."""

    recipe: Recipe
    kit: Kit
    people: Mapping[str, list[Face]]  # of each split
    pack: Path

    @cached_property
    def smiles(self) -> Mapping[str, np.ndarray]:
        """Of those who have one."""
        return load_smiles(self.pack)

    @cached_property
    def _harvested(self) -> dict[str, Teeth | None]:
        return {}

    def teeth(self, split: str, rng: np.random.Generator) -> tuple[Teeth | None, str | None]:
        """Real teeth of somebody of this split, and whose; few smiles show them clearly, hence two tries."""
        smiling = [face for face in self.people[split] if face.sources[0] in self.smiles]
        for n in rng.permutation(len(smiling))[:2]:
            face, name = smiling[n], smiling[n].sources[0]
            if name not in self._harvested:
                self._harvested[name] = harvest_teeth(face, self.smiles[name], self.kit)
            if (teeth := self._harvested[name]) is not None:
                return teeth, name
        return None, None


@dataclass(frozen=True, eq=False)
class Identity:
    """One invented person, ready to be rendered, and why others were thrown away on the way."""

    face: Face
    person: Person
    rejected: Counter[str]
    teeth: str | None  # whose they are; None where they are painted
    glasses: Glasses | None = None


def open_stock(pack: str | Path, recipe: Recipe) -> Stock:
    size = SIZE if recipe.size > SIZE // 2 else SIZE // 2  # no larger than what is asked for is worth
    people = split_people(load_portraits(pack, size))
    return Stock(recipe, load_kit(pack), people, Path(pack))


def photographs(pack: str | Path) -> dict[str, list[int]]:
    """How many untouched photographs each person of each split has: one, or two with a smile."""
    rows, nothing = people_table(Path(pack)), np.zeros(0)
    count = {row["id"]: 1 + (row["smile"] == "yes") for row in rows}
    people = [Face(nothing, nothing, row["gender"], row["ethnicity"], (row["id"],)) for row in rows]
    return {split: [count[f.sources[0]] for f in faces] for split, faces in split_people(people).items()}


def make_identity(stock: Stock, place: Place) -> Identity:
    """A morph of people of this split, styled once, so that all its renders show one person."""
    rng = np.random.default_rng(place.person_seed(stock.recipe.seed))
    rejected: Counter[str] = Counter()
    for chance in rng.spawn(_TRIES):
        face, thrown = new_identity(stock.people[place.split], chance, place.person)
        rejected.update(thrown)
        known = study(face)
        if (bald := shave(known, *chance.spawn(1))) is not None:
            known = study(bald)
        for _ in range(_STYLES):
            face = styled(known, chance)
            if (reason := reject(face)) is None:
                break
            rejected[reason] += 1
        else:
            continue
        teeth, whose = stock.teeth(place.split, chance)
        person = fit(face, stock.kit, stock.recipe.size, teeth)
        if (reason := misfit(person)) is None:
            return Identity(face, person, rejected, whose, choose_glasses(chance))
        rejected[reason] += 1
    raise CorpusError(
        f"got {_TRIES} morphs that cannot be used ({dict(rejected)}), expected one that can; "
        "look at the portraits and their landmarks"
    )


def part_rows(
    stock: Stock, part: Part, said: Callable[[int], None] = lambda rows: None
) -> tuple[list[dict[str, Any]], Counter[str]]:
    """All rows of a part, and why morphs were thrown away; an error names the row's seed."""
    rows: list[dict[str, Any]] = []
    rejected: Counter[str] = Counter()
    for places in part.people():
        who: Identity | None = None
        for place in places:
            seed = place.seed(stock.recipe.seed)
            try:
                if who is None and not place.real:
                    who = make_identity(stock, place)
                    rejected += who.rejected
                rows.append(make_row(stock, seed, who))
            except Exception as error:  # whatever it is, the row can be made alone to find out
                where = f"row {seed} ({place.identity}, render {place.render})"
                what = f"{where}: {error}" if isinstance(error, S2FError) else _surprise(where, error)
                raise CorpusError(what) from error
            said(1)
    return rows, rejected


def _surprise(where: str, error: Exception) -> str:
    return (
        f"got {type(error).__name__} ({error}) in {where}, expected a picture; report it with the arguments "
        "of this corpus"
    )


def make_row(stock: Stock, seed: int, known: Identity | None = None) -> dict[str, Any]:
    """The row of one seed, alone; `known` saves making its person once more."""
    corpus_seed, place = place_of(seed)
    if corpus_seed != stock.recipe.seed:
        raise CorpusError(
            f"got the seed {seed} of a corpus of seed {corpus_seed}, expected one of seed "
            f"{stock.recipe.seed}; open the stock with that corpus's recipe"
        )
    if place.real:
        return _photographed(stock, place, seed)
    who = known or make_identity(stock, place)
    label = place.expression(stock.recipe.renders)
    play, *hands = _streams(1 + stock.recipe.sketches, seed)
    # One head pose, gaze, light and camera for a whole sitting, so that its expressions are aligned pairs.
    chair, camera = _streams(2, place.person_seed(corpus_seed), place.render // SITTING)
    units, intensity = act(label, play)
    shown = render(who.person, units, random_pose("neutral", chair))
    before = shown.image
    if who.glasses is not None:
        before = put_on(before, at_rest(who.person, shown), who.glasses, shown.locks)
    image, landmarks = photograph(before, shown.landmarks, camera)
    view = _view(who, shown, image, landmarks)
    styles = place.styles(stock.recipe.sketches, stock.recipe.renders)
    return {
        **_pictures(stock.recipe, view, styles, hands),
        "expression": label,
        "intensity": intensity,
        "action_units": shown.units,
        "pose": {"yaw": shown.pose.yaw, "pitch": shown.pose.pitch, "roll": shown.pose.roll},
        "landmarks": landmarks.astype(np.float32),
        "look": measure_look(image, landmarks) | ({"hair": None} if who.face.shaven else {}),
        "worn": _worn(who),
        **_about(who.face, place, seed, who.teeth),
    }


def _worn(who: Identity) -> dict[str, bool]:
    given = (*who.face.worn, *(["glasses"] if who.glasses is not None else []))
    return {name: name in given for name in WORN}


def _streams(count: int, *seed: int) -> list[np.random.Generator]:
    """A chance of its own for every stage, so that more drawings change neither face nor photograph."""
    return [np.random.default_rng((*seed, k)) for k in range(count)]


def _view(who: Identity, shown: Render, image: np.ndarray, landmarks: np.ndarray) -> View:
    """What a hand sees of the finished photograph, which may lie a little off the render's frame."""
    known = np.hstack([shown.landmarks, np.ones((len(landmarks), 1))])
    moved = np.linalg.solve(known.T @ known, known.T @ landmarks)
    every = (shown.outline, at_rest(who.person, shown), *shown.locks)
    outline, rest, *locks = (points @ moved[:2] + moved[2] for points in every)
    return View(
        landmarks,
        outline,
        rest,
        shown.units,
        image,
        who.person.size,
        locks=tuple(locks),
        bearded=who.face.gender == "male",
        shaven=who.face.shaven,
        glasses=who.glasses,
    )


def at_rest(person: Person, shown: Render) -> np.ndarray:
    """Landmarks of the same face and pose without expression; hair, ears, neck and pupils as rendered."""
    pose, neutral = shown.pose, person.mesh[person.riders]
    posed = (neutral - person.pivot) @ rotation(pose.yaw, pose.pitch).T + person.pivot
    hinge = np.array([person.pivot[0], person.landmarks[at.CHIN, 1]])
    moved = rolled(posed[..., :2], pose.roll, hinge) - neutral[..., :2]
    out = person.landmarks + (person.rider_weights[..., None] * moved).sum(1)
    out[_AS_RENDERED] = shown.landmarks[_AS_RENDERED]
    return out


def _pictures(
    recipe: Recipe, view: View, styles: tuple[str, ...], hands: list[np.random.Generator]
) -> dict[str, Any]:
    assert view.image is not None
    drawn = [_drawn(view, style, hand) for style, hand in zip(styles, hands, strict=True)]
    columns = {name: [one[name] for one in drawn] for name in drawn[0]}
    return {"image": encoded_rgb(view.image, recipe.image_format), **columns}


def _drawn(view: View, style: str, hand: np.random.Generator) -> dict[str, Any]:
    """One drawing and what is known of it."""
    placed, skill, meant, stage = np.eye(2, 3), None, None, None
    assert view.image is not None
    if style == "freehand":
        drawing = draw(view, hand, size=view.size)
        page, placed, skill, stage = drawing.image, drawing.transform, drawing.skill, drawing.ways["stage"]
        meant = drawing.landmarks.astype(np.float32).tolist()
    else:
        page = extract_array(view.image, style, hand)
    return {
        "sketch": encoded_page(page),
        "sketch_style": style,
        "sketch_transform": placed.astype(np.float32).ravel(),
        "sketch_skill": skill,
        "sketch_landmarks": meant,
        "sketch_stage": stage,
    }


def _about(face: Face, place: Place, seed: int, teeth: str | None = None) -> dict[str, Any]:
    return {
        "identity": place.identity,
        "sources": {"host": face.sources[0], "donors": list(face.sources[1:]), "teeth": teeth},
        "gender": face.gender,
        "ethnicity": face.ethnicity,
        "real": place.real,
        "seed": seed,
    }


def _photographed(stock: Stock, place: Place, seed: int) -> dict[str, Any]:
    """The neutral photograph (render 0) or the smiling one (render 1), only brought to size."""
    recipe, face = stock.recipe, stock.people[place.split][place.person]
    smiling = place.render == 1
    photo = stock.smiles[face.sources[0]] if smiling else face.image
    image = cv2.resize(photo, (recipe.size, recipe.size), interpolation=cv2.INTER_AREA)
    landmarks = rescaled(face.landmarks, recipe.size / len(face.image))
    styles = place.styles(recipe.sketches, recipe.renders)
    if smiling:  # nobody has placed its landmarks, which a hand would need
        styles = tuple(EXTRACTED[(place.person + k) % len(EXTRACTED)] for k in range(recipe.sketches))
    outline = hair_outline(image, landmarks)
    bearded = face.gender == "male"
    view = View(landmarks, outline, landmarks, {}, image, recipe.size, bearded=bearded)
    hands = _streams(len(styles), seed)
    known = {
        "intensity": 0.0,
        "action_units": dict.fromkeys(ACTION_UNITS, 0.0),
        "pose": {"yaw": 0.0, "pitch": 0.0, "roll": 0.0},
        "landmarks": landmarks.astype(np.float32),
    }
    return {
        **_pictures(recipe, view, styles, hands),
        "expression": "happy" if smiling else "neutral",
        **(dict.fromkeys(known) if smiling else known),
        "look": measure_look(image, landmarks),
        "worn": None,
        **_about(face, place, seed),
    }
