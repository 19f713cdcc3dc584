"""Sets of people who pose expressions: KDEF, CK+, MUG, RaFD, CFEE, MMI. They come from their owners, by
agreement."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from ...errors import CorpusError
from .labels import CK_PLUS, CODES, class_of, intensity_of, read_categories
from .samples import Adapter, Layout, Sample

# KDEF: session, gender, person, expression, angle; the same person sat twice, in session A and in B.
_KDEF = re.compile(r"(?:^|/)[AB]([FM])(\d\d)(AF|AN|DI|HA|NE|SA|SU)(S|HL|HR|FL|FR)\.jpe?g$", re.I)
_CK_FRAME = re.compile(r"(?:^|/)(S\d{3})/(\d{3})/S\d{3}_\d{3}_(\d{8})\.png$")
_CK_LABEL = re.compile(r"(?:^|/)(S\d{3})_(\d{3})_\d{8}_emotion\.txt$")
_CK_APEX = 3  # the last frames of a sequence, which ends at the height of the expression
_MUG_TAKE = re.compile(r"(?:^|/)(?:subject)?(\d{3})/([a-z]+)/(take\d+)/[^/]+\.(?:jpe?g|png)$", re.I)
_MUG_MANUAL = re.compile(r"(?:^|/)(\d{3})_([a-z]{2})_(\d{3})_(\d{4})\.jpg$", re.I)
_MUG_APEX = (0.4, 0.5, 0.6)  # a take starts and ends neutral
_RAFD = re.compile(
    r"(?:^|/)Rafd(\d{3})_(\d{2})_([A-Za-z]+)_(male|female)_([a-z]+)_(frontal|left|right)\.jpe?g$", re.I
)
_RAFD_ETHNICITY = {"caucasian": "white", "moroccan": "moroccan"}
_CFEE = re.compile(r"(?:^|/)Images\d+/(\d\d)_(\d{3})[^/]*\.jpe?g$", re.I)
_MMI = re.compile(r"(?:^|/)\d+/(S\d{3})-\d{3}\.(?:jpe?g|png|bmp)$", re.I)
_METATAG = re.compile(r"<Metatag\b[^>]*>")
_GENDER = {"F": "female", "M": "male"}


def _kdef(layout: Layout, passed: Counter[str]) -> Iterator[Sample]:
    for file in layout.files:
        if match := _KDEF.search(file):
            gender, person, code, angle = (part.upper() for part in match.groups())
            if angle != "S":
                passed["turned away"] += 1
                continue
            name = CODES[code.lower()]
            yield Sample(
                file,
                layout.picture(file),
                gender + person,
                name,
                intensity_of(name),
                _GENDER[gender],
            )


def _ck_plus(layout: Layout, passed: Counter[str]) -> Iterator[Sample]:
    labels = {match.groups(): file for file in layout.files if (match := _CK_LABEL.search(file))}
    if not labels:
        raise CorpusError(
            f"no emotion files such as Emotion/S005/001/S005_001_00000011_emotion.txt in {layout.folder}, "
            "expected "
            "them beside cohn-kanade-images; unpack the emotion labels of CK+ too"
        )
    takes: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for file in layout.files:
        if match := _CK_FRAME.search(file):
            takes[match.groups()[:2]].append(file)
    for take, frames in sorted(takes.items()):
        if take not in labels:
            passed["sequence without a label"] += 1
            continue
        word = _ck_word(layout, labels[take])
        apex = class_of(word)
        yield Sample(frames[0], layout.picture(frames[0]), take[0], "neutral", 0.0)
        for file in frames[1:][-_CK_APEX:]:
            if apex is None:
                passed[f"{word}: not one of our classes"] += 1
            else:
                yield Sample(file, layout.picture(file), take[0], apex, intensity_of(apex))


def _ck_word(layout: Layout, file: str) -> str:
    text = layout.text(file).strip()
    try:
        return CK_PLUS[int(float(text))]
    except (ValueError, KeyError):
        raise CorpusError(
            f"got {text[:40]!r} in {layout.folder / file}, expected a number from 0 to 7; copy it again"
        ) from None


def _mug(layout: Layout, passed: Counter[str]) -> Iterator[Sample]:
    takes: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for file in layout.files:
        if match := _MUG_TAKE.search(file):
            takes[match.groups()].append(file)
        elif (match := _MUG_MANUAL.search(file)) and match[2].lower() not in CODES:
            passed["without a label"] += 1
        elif match:
            # annotated frames are from anywhere in a take: how strong they are is not said
            yield Sample(file, layout.picture(file), match[1], CODES[match[2].lower()])
    for (subject, word, _), frames in sorted(takes.items()):
        name = class_of(word)
        if name is None:
            passed[f"{word.lower()}: not one of our classes"] += len(frames)
            continue
        chosen = {0} if name == "neutral" else {int(share * (len(frames) - 1)) for share in _MUG_APEX}
        for k in sorted(chosen):
            yield Sample(frames[k], layout.picture(frames[k]), subject, name, intensity_of(name))
        if name != "neutral" and 0 not in chosen:
            yield Sample(frames[0], layout.picture(frames[0]), subject, "neutral", 0.0)


def _rafd(layout: Layout, passed: Counter[str]) -> Iterator[Sample]:
    for file in layout.files:
        if not (match := _RAFD.search(file)):
            continue
        angle, person, group, gender, word, _ = (part.lower() for part in match.groups())
        name = class_of(word)
        if angle != "090":
            passed["turned away"] += 1
        elif group.startswith("kid"):
            passed["a child"] += 1
        elif name is None:
            passed[f"{word}: not one of our classes"] += 1
        else:
            ethnicity = _RAFD_ETHNICITY.get(group, "")
            yield Sample(file, layout.picture(file), person, name, intensity_of(name), gender, ethnicity)


def _cfee(layout: Layout, passed: Counter[str]) -> Iterator[Sample]:
    """A row has one class, so the compounds ('happily surprised') are passed over, not split in two."""
    categories = _categories(layout, "the sheet 'summary' of AU_annotation_all_subjects.xls")
    for file in layout.files:
        if match := _CFEE.search(file):
            word = _category(categories, int(match[1]), file).lower()
            name = class_of(word)
            if name is None:
                passed["a compound expression" if " " in word else f"{word}: not one of our classes"] += 1
            else:
                yield Sample(file, layout.picture(file), match[2], name, intensity_of(name))


def _mmi(layout: Layout, passed: Counter[str]) -> Iterator[Sample]:
    stills = [file for file in layout.files if _MMI.search(file)]
    known = set(layout.files)
    categories: dict[int, str] | None = None
    for file in stills:
        label = file.rsplit(".", 1)[0] + ".xml"
        value = _metatag(layout.text(label), "Emotion") if label in known else None
        if not value:
            passed["without a label"] += 1
            continue
        if value.isdecimal():
            categories = categories or _categories(layout, "the manual of the database")
            value = _category(categories, int(value), label)
        name = class_of(value)
        if name is None:
            passed[f"{value.lower()}: not one of our classes"] += 1
        else:
            match = _MMI.search(file)
            assert match
            yield Sample(file, layout.picture(file), match[1], name, intensity_of(name))


def _metatag(text: str, name: str) -> str | None:
    for tag in _METATAG.findall(text):
        attributes = dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', tag))
        if attributes.get("Name") == name:
            return attributes.get("Value", "").strip()
    return None


def _categories(layout: Layout, source: str) -> dict[int, str]:
    """The numbers of these two sets stand in papers that come with them; guessing them would mislabel "
    "faces."""
    file = layout.named("categories.csv")
    if file is None:
        raise CorpusError(
            f"no categories.csv in {layout.folder}, expected what the set's numbers mean, one line each "
            "such as "
            f"2,happy; write it from {source}"
        )
    return read_categories(layout.text(file), str(layout.folder / file))


def _category(categories: dict[int, str], number: int, file: str) -> str:
    if number not in categories:
        raise CorpusError(f"got category {number} of {file}, expected one in categories.csv; add its line")
    return categories[number]


KDEF = Adapter(
    "Karolinska Directed Emotional Faces",
    "AF01/AF01ANS.JPG",
    lambda layout: any(map(_KDEF.search, layout.files)),
    _kdef,
)
CK = Adapter(
    "Extended Cohn-Kanade (CK+)",
    "cohn-kanade-images/S005/001/S005_001_00000011.png with Emotion/S005/001/*_emotion.txt",
    lambda layout: any(map(_CK_FRAME.search, layout.files)),
    _ck_plus,
)
MUG = Adapter(
    "MUG Facial Expression Database",
    "001/anger/take000/img_0000.jpg or manual/images/001_an_001_0001.jpg",
    lambda layout: any(_MUG_TAKE.search(file) or _MUG_MANUAL.search(file) for file in layout.files),
    _mug,
)
RAFD = Adapter(
    "Radboud Faces Database",
    "Rafd090_01_Caucasian_female_angry_frontal.jpg",
    lambda layout: any(map(_RAFD.search, layout.files)),
    _rafd,
)
CFEE = Adapter(
    "Compound Facial Expressions of Emotion",
    "01-04/Images1/02_339_3470.jpg with categories.csv",
    lambda layout: any(map(_CFEE.search, layout.files)),
    _cfee,
)
MMI = Adapter(
    "MMI Facial Expression Database, stills",
    "Sessions/1/S001-001.jpg with S001-001.xml and categories.csv",
    lambda layout: any(map(_MMI.search, layout.files)),
    _mmi,
)
