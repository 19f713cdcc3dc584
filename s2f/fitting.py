"""What a drawer is given at the end instead of learning it: who is trusted, the usual looks, how sharp."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from .batches import Faces, to_float, usual_looks
from .image import to_pil
from .metrics import sharpness
from .models import Drawer
from .models.drawer import finer, leaned, told_of_hand
from .models.widening import widened
from .training import TrainingError

HELD = 10.0  # back, of what tells a hand's skill, against chance
MOST, HALVINGS = 2.0, 6  # that a level regains of what enlarging loses, and how finely that is searched


@torch.no_grad()
def fit_hand(drawer: Drawer, faces: Faces, device: torch.device, count: int = 2000) -> None:
    """Least squares from what the drawer sees in drawings to the skill of their hands, lightly held back."""
    pages = _spread(faces, count)
    shown = tqdm(pages, desc="hands", unit="drawing", delay=2)
    drawings = (to_float(faces.drawing[n, k][None, None]).to(device) for n, k in shown)
    told = torch.cat([told_of_hand(drawer.seen(drawing)) for drawing in drawings]).double().cpu()
    skill = torch.stack([faces.skill[n, k] for n, k in pages]).double()
    spread = told.std(0, unbiased=False) + 1e-6
    even = (told - told.mean(0)) / spread
    held = even.T @ even + HELD * torch.eye(even.shape[1])
    weight = torch.linalg.solve(held, even.T @ (skill - skill.mean())) / spread
    drawer.hand.weight.copy_(weight[None])
    drawer.hand.bias.copy_(skill.mean() - weight @ told.mean(0))


def whole_looks(faces: Faces) -> torch.Tensor:
    """Those of which all is known."""
    whole = faces.look[faces.look.isfinite().flatten(1).all(1)]
    if not len(whole):
        raise TrainingError(
            "got a corpus in which no look is measured, expected one that s2f corpus build made; on other "
            "pictures train pix2pix or diffusion"
        )
    return whole


def deal(drawer: Drawer, looks: torch.Tensor) -> None:
    """Into its bank, from which comes what a visitor leaves open."""
    usual = usual_looks(looks)
    drawer.bank.copy_(usual[torch.linspace(0, len(usual) - 1, len(drawer.bank)).long()])


@torch.no_grad()
def sharpened(drawer: Drawer, faces: Faces, size: int, device: torch.device, count: int = 200) -> Drawer:
    """The same, its level of `size` regaining for sure hands what brings faces to the detail of photographs.

    Distances of pixels ask for less than is there, and averages of weights are softer than each of them.
    Compared is what the level averages back to, where what enlarging loses is missed. `faces` are of people
    from whom it has not learned.
    """
    level = finer(size)
    pages, looks, wanted = [], [], 0.0
    for n, k in _spread(faces, count):
        pages.append(to_float(faces.drawing[n, k][None, None]).to(device))
        looks.append(drawer.complete(faces.look[n : n + 1], 1).to(device))
        wanted += _detail(to_float(faces.picture[n]), size // 2)
    trusts = [leaned(drawer.skill(drawer.seen(page)), 0.5) for page in pages]
    low, high = 0.0, MOST
    for _ in tqdm(range(HALVINGS), desc="sharpness", unit="try", delay=2):
        middle = (low + high) / 2
        tried = widened(drawer, regained=[*drawer.regained[:level], middle, *drawer.regained[level + 1 :]])
        tried = tried.eval().to(device)
        asked = zip(pages, looks, trusts, strict=True)
        made = sum(_detail(tried.levels(*one, size)[-1][0], size // 2) for one in asked)
        low, high = (middle, high) if made < wanted else (low, middle)
    return tried


def _spread(faces: Faces, count: int) -> list[tuple[int, int]]:
    """Drawings of all kinds, evenly over the people: row and which of its drawings."""
    rows = torch.linspace(0, len(faces) - 1, min(count, len(faces))).long().tolist()
    return [(n, n % faces.drawing.shape[1]) for n in rows]


def _detail(picture: torch.Tensor, side: int) -> float:
    """The logarithm of a picture's fine detail when it is that small."""
    small = to_pil(functional.adaptive_avg_pool2d(picture.float(), side))[0]
    return math.log(max(sharpness(np.asarray(small)), 1e-6))
