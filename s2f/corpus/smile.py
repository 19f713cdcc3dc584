"""Real teeth: taken from a person's own smiling photograph and laid flat."""

from __future__ import annotations

import cv2
import numpy as np

from .arch import BELOW, HALF_WIDTH
from .fit import fit_mesh
from .geometry import SIZE, rescaled, sampled, smoothstep
from .kit import UPPER_TEETH, Kit
from .portraits import Face
from .teeth import DENSITY, GUM, SHAPE, Teeth, painted_teeth


def harvest_teeth(face: Face, smile: np.ndarray, kit: Kit) -> Teeth | None:
    """The teeth of a smiling photograph of 512, framed like `face`; None where too few show clearly."""
    landmarks = rescaled(face.landmarks, SIZE / face.size)
    mask = _tooth_mask(smile, landmarks)
    if mask is None:
        return None
    mesh, view, _ = fit_mesh(landmarks, kit)
    centimetre = float(np.linalg.norm(view[0]))
    edges = _edges(mask, centimetre)
    if edges is None:
        return None
    row = kit.parts[UPPER_TEETH]
    along, order = np.unique(kit.teeth[row, 0], return_index=True)
    h, w = SHAPE
    s, v = (np.arange(w) + 0.5) / DENSITY - HALF_WIDTH, (np.arange(h) + 0.5) / DENSITY - BELOW
    x = np.interp(s, along, mesh[row[order], 0])
    columns, bottom, top = edges
    line = np.polyval(np.polyfit(columns, bottom, 2), x)
    low = (line - np.interp(x, columns, bottom)) / centimetre + 0.03
    high = (line - np.interp(x, columns, cv2.GaussianBlur(top[None], (0, 0), 3)[0])) / centimetre - 0.08
    crown = np.interp(np.abs(s), [0, 0.8, 1.2, 1.9, 2.6, 4.2], [1.12, 1.08, 0.99, 1.08, 0.93, 0.82])
    # the lips hid the tops of the teeth: what shows is stretched up to the gum line
    height = low + np.clip((v[:, None] - low) / (crown - low), -0.2, 1) * np.maximum(high - low, 0.1)
    where = np.stack([np.broadcast_to(x, (h, w)), line - height * centimetre], -1)
    colour = sampled(smile, where, cv2.INTER_CUBIC).astype(np.float32)
    shown = (
        (x > columns[0] + 2) & (x < columns[-1] - 2) & (high - low > 0.22) & (np.abs(np.gradient(x)) > 0.2)
    )
    share = smoothstep(cv2.GaussianBlur(shown.astype(np.float32)[None], (0, 0), 5)[0] * 2 - 1)
    clear = share > 0.9
    if (
        clear.sum() < 2.2 * DENSITY
        or low[clear].std() > 0.05
        or _reddish(colour[(v > 0.15) & (v < 0.8)][:, clear])
    ):
        return None
    return _completed(colour, share, s, v, low, crown)


def _reddish(colour: np.ndarray) -> bool:
    """Whether lips or a moustache were taken for teeth."""
    lab = cv2.cvtColor(np.clip(colour / 255, 0, 1), cv2.COLOR_RGB2LAB)
    return bool(np.median(lab[..., 1]) > 3.5)


def _tooth_mask(smile: np.ndarray, landmarks: np.ndarray) -> np.ndarray | None:
    """Teeth are bright and hardly red: the piece of such pixels that lies where the mouth smiles."""
    unit = np.linalg.norm(landmarks[0] - landmarks[1])
    cheeks = [
        _tooth_like(smile, np.s_[int(y) - 8 : int(y) + 9, int(x) - 8 : int(x) + 9]).ravel()
        for x, y in landmarks[[165, 168]]
    ]
    x0, x1 = int(landmarks[87, 0] - 0.2 * unit), int(landmarks[93, 0] + 0.2 * unit)
    y0, y1 = int(landmarks[55, 1] + 0.10 * unit), int(landmarks[106, 1] + 0.12 * unit)
    bright = np.zeros(smile.shape[:2], np.uint8)
    mouth = np.s_[y0:y1, x0:x1]
    bright[mouth] = _tooth_like(smile, mouth) > np.median(np.concatenate(cheeks)) + 9
    closed = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    cleaned = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, label, boxes, middles = cv2.connectedComponentsWithStats(cleaned)
    middle = landmarks[[87, 93], 0].mean()
    for number in sorted(range(1, count), key=lambda k: -boxes[k, cv2.CC_STAT_AREA]):
        left, top, width, height, _ = boxes[number]
        free = left > x0 + 1 and left + width < x1 - 1 and top > y0 + 1 and top + height < y1 - 1
        if (
            free
            and abs(middles[number][0] - middle) < 0.12 * unit
            and width > 0.45 * unit
            and width > 2.5 * height
        ):
            return label == number
    return None


def _tooth_like(smile: np.ndarray, box: tuple[slice, slice]) -> np.ndarray:
    lab = cv2.cvtColor(cv2.GaussianBlur(smile[box], (0, 0), 0.7).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return 0.5 * lab[..., 0] - 2 * lab[..., 1] - 0.3 * np.maximum(lab[..., 2] - 14, 0)


def _edges(mask: np.ndarray, centimetre: float) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """(columns, bottom, top) of the teeth, or None if they show too little, or the lower row as well."""
    columns = np.flatnonzero(mask.any(0))
    top = mask[:, columns].argmax(0)
    bottom = mask.shape[0] - 1 - mask[::-1, columns].argmax(0)
    height = (bottom - top + 1) / centimetre
    middle = slice(len(columns) // 4, -(len(columns) // 4))
    shown = float(np.median(height[middle]))
    if not 0.42 < shown < 1.05 or np.quantile(height[middle], 0.1) < 0.3:
        return None
    inner = slice(len(columns) // 12, -(len(columns) // 12))
    return columns[inner], bottom[inner].astype(float), top[inner].astype(float)


def _completed(
    colour: np.ndarray, share: np.ndarray, s: np.ndarray, v: np.ndarray, low: np.ndarray, crown: np.ndarray
) -> Teeth:
    """Take out the photograph's light, put the gum line on top, and paint the teeth that did not show."""
    painted = painted_teeth(np.random.default_rng(int(colour.sum())))
    body = (v > 0.15) & (v < 0.8)
    luminance = colour[body].mean((0, 2))
    falloff = np.interp(s, s[share > 0.9], cv2.GaussianBlur(luminance[share > 0.9][None], (0, 0), 12)[0])
    real = colour / falloff[:, None] * 0.9
    tone = np.median(real[body][:, share > 0.9], (0, 1)) / np.median(
        painted.upper[body][:, np.abs(s) < 1.5, :3], (0, 1)
    )
    gum = np.clip((v[:, None] - crown) * DENSITY / 3 + 0.5, 0, 1)[..., None]
    real = real * (1 - gum) + GUM * gum
    solid = np.clip((v[:, None] - low) * DENSITY / 1.6 + 0.5, 0, 1)
    others = painted.upper.copy()
    others[..., :3] = np.where(
        others[..., :1] > 1.25 * others[..., 1:2], others[..., :3], others[..., :3] * tone
    )
    mix = share[:, None]
    upper = np.dstack([real, solid]) * mix + others * (1 - mix)
    lower = painted.lower.copy()
    lower[..., :3] = np.where(
        lower[..., :1] > 1.25 * lower[..., 1:2], lower[..., :3], 0.95 * lower[..., :3] * tone
    )
    return Teeth(upper.astype(np.float32), lower.astype(np.float32))
