"""The one error that s2f raises for bad input: a single sentence that says got, expected, remedy."""

from __future__ import annotations


class S2FError(Exception):
    """Bad input or a missing piece, said in one sentence; the next call works."""


class ImageError(S2FError):
    """A picture that cannot be read."""


class SketchError(S2FError):
    """A drawing with nothing to work from, or a style or step that does not exist."""


class ModelError(S2FError):
    """A model folder, repository or checkpoint that cannot be trusted or loaded."""


class ExpressionError(S2FError):
    """An expression, action unit or preset that does not exist or is out of range."""


class LookError(S2FError):
    """A part of the face or a colour that does not exist."""


class CorpusError(S2FError):
    """A corpus or a source of one that cannot be read or written."""


class ProvenanceError(S2FError):
    """A file that cannot carry or show where it comes from, or a signing key that will not do."""


class GalleryError(S2FError):
    """A saved face that is not there, an account that may not enter, or a gallery that cannot be used."""


class Cancelled(S2FError):
    """The caller asked a running pipeline to stop."""
