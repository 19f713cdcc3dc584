"""Ruled and squared paper: its lines go, what is drawn across them stays."""

from __future__ import annotations

import cv2
import numpy as np

from .page import Finding, Page

_SLANTS = np.linspace(-0.08, 0.08, 65)  # rise over run at which lines are looked for
_FAINT = 0.05  # of ink, from which a line may be one
_ACROSS, _SEEN = 0.6, 0.2  # of the page that a line crosses, and that is seen of one behind a drawing
_LEAST = 5  # lines that make a ruling
_EVEN = 0.14  # by what share of the usual gap gaps may differ
_DARKER = 1.7  # times the ruling's ink, from which a pixel on it is a stroke's
_THICK = 9  # work pixels, thicker than any line of a ruling
_HALF = 3  # work pixels to either side of a line's middle that may be its ink


def unrule(page: Page) -> Finding:
    """Take the lines off ruled or squared paper."""
    found = [(_lines(mark), turned) for mark, turned in ((page.mark, False), (page.mark.T, True))]
    rulings = [(lines, turned) for lines, turned in found if lines is not None]
    count = sum(len(lines[0]) for lines, _ in rulings)
    if not count:
        return Finding("ruling", "The paper is plain.", False, {"lines": 0})
    for (rows, slant), turned in rulings:
        where = _theirs(page.mark.T if turned else page.mark, rows, slant)
        page.erase(where.T if turned else where)
    page.read()
    kind = "squared" if len(rulings) == 2 else "ruled"
    return Finding("ruling", f"Took the {count} lines off the {kind} paper.", True, {"lines": count})


def _lines(mark: np.ndarray) -> tuple[np.ndarray, float] | None:
    """(rows at the page's middle, slant) of evenly spaced lines across the page, or None."""
    thin = _thin(mark) > _FAINT
    height, width = thin.shape
    best: tuple[float, float, np.ndarray] | None = None
    for slant in _SLANTS:
        share = _levelled(thin, slant).mean(1)
        clear = float((np.sort(share)[-max(height // 16, 1) :] ** 2).sum())  # level, lines fall into few rows
        if best is None or clear > best[0]:
            best = clear, float(slant), share
    assert best is not None
    _, slant, share = best
    top = share == cv2.dilate(share[:, None].astype(np.float32), np.ones((7, 1), np.uint8))[:, 0]
    rows, partly = (_apart(np.flatnonzero(top & (share > least))) for least in (_ACROSS, _SEEN))
    if len(rows) < _LEAST:
        return None
    gaps = np.diff(rows)
    usual = float(np.median(gaps))
    times = np.maximum(np.round(gaps / usual), 1)  # a line may be hidden under a stroke
    even = np.abs(gaps / times / usual - 1) < _EVEN
    if usual <= _THICK or even.mean() <= 0.8:
        return None
    away = np.abs((partly[:, None] - rows) / usual)  # the rest of them lie at whole gaps from some line
    return partly[(np.abs(away - np.round(away)) < _EVEN).any(1)], slant


def _apart(rows: np.ndarray) -> np.ndarray:
    return rows[np.diff(rows, prepend=-_THICK) > _HALF]


def _thin(mark: np.ndarray) -> np.ndarray:
    """What is dark in lines that lie: not what is thick, or long only upwards."""
    kernel = np.ones((_THICK, 1), np.uint8)
    lying = cv2.morphologyEx(mark, cv2.MORPH_TOPHAT, kernel)
    return cv2.blur(lying, (_THICK, 1))


def _levelled(thin: np.ndarray, slant: float) -> np.ndarray:
    """Sheared, so that lines of this slant lie level."""
    height, width = thin.shape
    shear = np.array([[1, 0, 0], [slant, 1, -slant * width / 2]])
    return cv2.warpAffine(
        thin.astype(np.float32), shear, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )


def _theirs(mark: np.ndarray, rows: np.ndarray, slant: float) -> np.ndarray:
    """Pixels on the lines that no stroke crosses."""
    height, width = mark.shape
    xs = np.arange(width)
    level = np.round(rows[:, None] + slant * (xs - width / 2)).astype(int)
    usual = float(np.median(mark[np.clip(level, 0, height - 1), xs]))
    band = np.zeros(mark.shape, bool)
    for aside in range(-_HALF, _HALF + 1):
        band[np.clip(level + aside, 0, height - 1), xs] = True
    upright = np.ones((_THICK, 1), np.uint8)
    through = cv2.morphologyEx((mark > 0.5 * usual).astype(np.uint8), cv2.MORPH_OPEN, upright)
    crossed = cv2.dilate(through, np.ones((1, 3), np.uint8)) > 0
    darker = cv2.dilate((mark > _DARKER * usual).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return band & ~crossed & ~darker
