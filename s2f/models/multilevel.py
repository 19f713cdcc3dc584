"""Multi-level critics: the decoder shows a picture at every level, and each is judged twice.

Photo-Realistic Facial Emotion Synthesis Using Multi-level Critic Networks with Multi-level Generative Model,
Park, Kim & Ro, MMM 2019, doi 10.1007/978-3-030-05716-9_1; no arXiv number and no public code.

    face ─ 128 ─ 64 ─ 32 ─ 16 ─ 8      asked: seven classes, or a head's pose
            │     │    │    │   │
           128 ─ 64 ─ 32 ─ 16 ─ 8      FiLM
            G    G64  G32
            │     └────┴─ photo: G against x_t, shrunk         variation: f(G) − f(x) against f(x_t) − f(x)
            └─ full: G against x_t, the paired picture

Open, and chosen here:
- Layers: two-convolution residual blocks with group norm, skips from encoder to decoder, and the condition as
  scale and shift of every block of the decoder: an instance norm would take planes of a constant away again.
- A level shows the face at its size with what is to change in it: the coarser level's change, enlarged, and
  what its own features add. So nothing has to be copied, and a level with a critic helps all that come after
  it. `levels` are those that have one: 32, 64 or both, as in the ablation.
- The full critic sees the source beside the picture, as in pix2pix; it and the variation critics are told
  what was asked, as planes; photo critics judge the picture alone. f has two layers.
- For the head's pose the condition is yaw, pitch and roll, in units of the corpus' farthest, 12°.
- The paper trains with log losses alone; train/multilevel.py adds an L1 to the paired picture.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ..errors import ModelError
from ..expression import CLASSES
from ..hub import HubMixin
from .layers import Residual, conv, doubled, sized
from .stargan import check_square

ASKED = {"classes": len(CLASSES), "pose": 3}
BOTTOM = 8  # pixels of the coarsest level
POSE_UNIT = 12.0  # degrees
NEARLY = 0.99  # white and black stay within reach of tanh


def _check(size: int, levels: list[int], asked: str, width: int) -> None:
    sides = [BOTTOM * 2**n for n in range(1, 8)]
    below = [side for side in sides if side < size]
    rising = levels == sorted(set(levels) & set(below))
    if size not in sides or not levels or not rising or asked not in ASKED or width % 8:
        raise ModelError(
            f"got size={size}, levels={levels}, asked={asked!r}, width={width}, expected a size of {sides}, "
            f"rising levels of {below}, one of {', '.join(ASKED)}, a width that is one of 8; correct them"
        )


class MultiLevel(nn.Module, HubMixin):
    """The generator, an editor: face (N, 3, S, S), class weights (N, 7) or pose (N, 3) → face."""

    def __init__(
        self,
        size: int = 128,
        width: int = 48,
        levels: list[int] = [32, 64],  # noqa: B006  # a JSON default, never changed
        asked: str = "classes",
        code: int = 128,
    ) -> None:
        super().__init__()
        _check(size, levels, asked, width)
        self.size, self.levels, self.condition = size, levels, asked
        self.sides = [size // 2**n for n in range(16) if size // 2**n >= BOTTOM]  # 128 64 32 16 8
        widths = [width * min(2**n, 4) for n in range(len(self.sides))]
        self.stem = conv(3, widths[0])
        self.encoder = nn.ModuleList(Residual(w) for w in widths)
        self.down = nn.ModuleList(conv(a, b, stride=2) for a, b in zip(widths, widths[1:], strict=False))
        self.ask = nn.Sequential(nn.Linear(ASKED[asked], code), nn.SiLU(), nn.Linear(code, code))
        self.decoder = nn.ModuleList(Residual(w, code) for w in widths)
        self.up = nn.ModuleList(conv(b, a) for a, b in zip(widths, widths[1:], strict=False))
        self.merge = nn.ModuleList(nn.Conv2d(2 * w, w, 1) for w in widths[:-1])
        shown = (size, *levels)
        self.show = nn.ModuleDict(
            {str(s): conv(w, 3, std=1e-2) for s, w in zip(self.sides, widths, strict=True) if s in shown}
        )

    def forward(self, face: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
        check_square(face)
        return sized(self.pictures(sized(face, self.size), asked)[-1], face.shape[-1])

    def pictures(self, face: torch.Tensor, asked: torch.Tensor) -> list[torch.Tensor]:
        """One picture for each of `levels`, and the full one."""
        if asked.shape != (len(face), ASKED[self.condition]):
            raise ModelError(
                f"got {self.condition} of shape {list(asked.shape)}, expected "
                f"[{len(face)}, {ASKED[self.condition]}]; give one row for each face"
            )
        code, x, skips = self.ask(asked.to(face)), self.stem(face), []
        for level, block in enumerate(self.encoder):
            x = block(self.down[level - 1](x) if level else x)  # (N, w·min(2^level, 4), S/2^level, …)
            skips.append(x)
        made: list[torch.Tensor] = []
        change = face.new_zeros(1, 3, BOTTOM, BOTTOM)
        for level in reversed(range(len(self.sides))):
            if level < len(self.sides) - 1:
                x = self.merge[level](torch.cat([doubled(self.up[level](x)), skips[level]], 1))
            x = self.decoder[level](x, code)
            side = self.sides[level]
            if str(side) in self.show:
                own = self.show[str(side)](functional.silu(x))  # (N, 3, side, side)
                change = sized(change, side) + own
                made.append(torch.tanh(torch.atanh(NEARLY * sized(face, side)) + change))
        return made


class LevelCritics(nn.Module, HubMixin):
    """Source face, what was asked, a picture for each level and the full one → logits of each judge.

    In the order full, then for each level photo and variation.
    """

    def __init__(
        self,
        size: int = 128,
        width: int = 64,
        levels: list[int] = [32, 64],  # noqa: B006
        asked: str = "classes",
    ) -> None:
        super().__init__()
        _check(size, levels, asked, width)
        self.levels, told, w = levels, ASKED[asked], width
        self.full = _patches([6 + told, w, 2 * w, 4 * w, 8 * w])
        self.photo = nn.ModuleList(_patches([3, w, 2 * w, 4 * w][: 3 if s < 32 else 4]) for s in levels)
        self.see = nn.ModuleList(_seen(w) for _ in levels)  # f
        self.variation = nn.ModuleList(_patches([w + told, 2 * w, 4 * w]) for _ in levels)

    def forward(
        self, face: torch.Tensor, asked: torch.Tensor, *pictures: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        assert len(pictures) == len(self.levels) + 1
        logits = [self.full(_told(torch.cat([pictures[-1], face], 1), asked))]  # (N, 1, S/16, S/16)
        judges = zip(self.photo, self.see, self.variation, strict=True)
        for picture, (photo, see, variation) in zip(pictures, judges, strict=False):
            before = sized(face, picture.shape[-1])
            logits.append(photo(picture))  # (N, 1, s/8, s/8)
            logits.append(variation(_told(see(picture) - see(before), asked)))  # (N, 1, s/8, s/8)
        return tuple(logits)


def _patches(widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths, widths[1:], strict=False):
        layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 3, padding=1))


def _seen(width: int) -> nn.Sequential:
    before = [nn.Conv2d(3, width, 3, padding=1), nn.LeakyReLU(0.2)]
    # a bias of its own would cancel in the difference
    return nn.Sequential(*before, nn.Conv2d(width, width, 4, stride=2, padding=1, bias=False))


def _told(x: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
    planes = asked.to(x)[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, planes], 1)
