"""What other people call an expression -> one of our seven, and how a set's codes are read."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import CorpusError
from ...expression import CLASSES

# Every word that a supported set uses for one of our classes.
WORDS: Mapping[str, tuple[str, ...]] = {
    "neutral": ("neutral", "neutrality", "calm", "normal"),
    "happy": ("happy", "happiness", "joy", "smile", "smiling"),
    "sad": ("sad", "sadness"),
    "surprised": ("surprised", "surprise"),
    "angry": ("angry", "anger"),
    "disgusted": ("disgusted", "disgust"),
    "fearful": ("fearful", "fear", "afraid"),
}
# Two letters, in the file names of KDEF (AF is afraid) and of MUG's annotated pictures (fe is fear).
CODES = {
    "ne": "neutral",
    "ha": "happy",
    "sa": "sad",
    "su": "surprised",
    "an": "angry",
    "di": "disgusted",
    "af": "fearful",
    "fe": "fearful",
}
# Numbers of the CK+ emotion files and of FER2013's table. Contempt is not one of our classes.
CK_PLUS = {
    0: "neutral",
    1: "anger",
    2: "contempt",
    3: "disgust",
    4: "fear",
    5: "happy",
    6: "sadness",
    7: "surprise",
}
FER_2013 = {
    0: "angry",
    1: "disgust",
    2: "fear",
    3: "happy",
    4: "sad",
    5: "surprise",
    6: "neutral",
    7: "contempt",
}

_CLASS_OF = {word: name for name in CLASSES for word in WORDS[name]}
# Known to the sets, unknown to us: pictures of these are skipped and counted, never relabelled.
OTHERS = frozenset(
    {
        "contempt",
        "contemptuous",
        "mixed",
        "scream",
        "bored",
        "boredom",
        "sleepy",
        "other",
        "appalled",
        "hatred",
        "awed",
    }
)


def class_of(word: str) -> str | None:
    """One of our classes, or None for a label that is none of them (contempt, or a compound such as 'sadly "
    "angry')."""
    return _CLASS_OF.get(word.strip().lower())


def is_label(word: str) -> bool:
    return class_of(word) is not None or word.strip().lower() in OTHERS


def intensity_of(name: str | None) -> float | None:
    """Of a posed picture at its height: 1, and 0 for neutral, as in our own rows."""
    return None if name is None else float(name != "neutral")


def read_categories(text: str, where: str) -> dict[int, str]:
    """'2,happy' line by line -> {2: 'happy'}; a first line of words is a heading."""
    out: dict[int, str] = {}
    for number, line in enumerate(text.splitlines()):
        key, comma, word = line.partition(",")
        if key.strip().isdecimal() and comma and word.strip():
            out[int(key)] = word.strip().strip('"')
        elif line.strip() and number:
            raise CorpusError(f"got {line!r} in {where}, expected lines such as 2,happy; mend that line")
    if not out:
        raise CorpusError(
            f"got no category in {where}, expected lines such as 2,happy; write one for each number"
        )
    return out
