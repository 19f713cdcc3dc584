"""DeepFaceDrawing: a rough sketch is understood part by part, as a mixture of parts that real drawings have.

DeepFaceDrawing: Deep Generation of Face Images from Sketches, Chen, Su, Gao, Xia & Fu, SIGGRAPH 2020, arXiv
2006.00920. Original code: github.com/IGLICT/DeepFaceDrawing-Jittor (its weights for research only); written
anew from the paper.

    sketch ─┬─ left eye ── E ─ f ─ K-NN, locally linear ─ f′ ─ FC ─ 32 maps ─┐
            ├─ right eye ─ E ─ f ─ …                                          │ placed over one another:
            ├─ nose ────── E ─ f ─ …                    slider: s·f + (1−s)·f′  │ remainder, mouth, nose, eyes
            ├─ mouth ───── E ─ f ─ …                                          │
            └─ remainder ─ E ─ f ─ …                                          ┘ ─ G ─ face
       component embedding (stage 1: f ─ decoder ─ the part again)    feature mapping, synthesis (stage 2)

Left and right are the picture's, as in the paper: the left eye is the person's right one.

Our deviations, and what the paper leaves open:
- The boxes have the paper's sizes (128, 160, 192 of 512) but lie where our frame has eyes, nose and mouth.
- Group norm in all nets: an answer depends on no neighbour in the batch. Enlarging is resampling and a
  convolution, not a transposed one. Feature mapping has the auto-encoders' decoder, ending in 32 channels.
- At smaller sizes fewer halvings keep the narrowest grid of the paper (4² for an eye, 16² for the remainder).
- One manifold for everybody; the paper has one for each of two genders.
- The slider is the paper's, 1 = as drawn. The original's code has it inverted.
- The critics see the drawing beside the face. They are pix2pixHD's (arXiv 1711.11585), with instance norm.
- The manifolds are a bank of at most so many drawings, saved with the weights: their latents, and they
  themselves, small, for `shadow`. Train on drawings that may be given away.
- Full size: 407.7 M that draw (425.6 M published) and 131.0 M in the decoders that only redraw.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ..errors import ModelError
from ..hub import HubMixin
from .layers import Residual, conv, sized
from .manifold import nearest, projected

# x, y, side in 64ths of the picture; painted over one another from the last to the first
BOXES = {
    "left_eye": (16, 22, 16),
    "right_eye": (32, 22, 16),
    "nose": (22, 27, 20),
    "mouth": (20, 36, 24),
    "remainder": (0, 0, 64),
}
UNITS = 64
SHOWN = (0.5, 0.3, 0.2)  # how strongly the nearest drawings are seen in a shadow
ENCODED = 32  # drawings at a time, when the bank is filled


def parts(page: torch.Tensor) -> list[torch.Tensor]:
    """A page cut into its components; what remains has white where the others were."""
    unit = page.shape[-1] // UNITS
    rest, cut = page.clone(), []
    for x, y, side in list(BOXES.values())[:-1]:
        box = (..., slice(y * unit, (y + side) * unit), slice(x * unit, (x + side) * unit))
        cut.append(page[box])
        rest[box] = 1.0
    return [*cut, rest]


def together(pieces: list[torch.Tensor]) -> torch.Tensor:
    """Pieces of the size of the components laid over one another: remainder, mouth, nose, eyes."""
    page = pieces[-1].clone()
    unit = page.shape[-1] // UNITS
    for piece, (x, y, side) in reversed(list(zip(pieces[:-1], BOXES.values(), strict=False))):
        page[..., y * unit : (y + side) * unit, x * unit : (x + side) * unit] = piece
    return page


def _encoder(widths: list[int], side: int, latent: int) -> nn.Sequential:
    """(N, 1, side, side) → (N, latent)."""
    layers: list[nn.Module] = []
    for before, width in zip([1, *widths], widths, strict=False):
        layers += [nn.Conv2d(before, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2), Residual(width)]
    grid = side // 2 ** len(widths)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * grid**2, latent))


def _decoder(widths: list[int], side: int, latent: int, channels: int) -> nn.Sequential:
    """(N, latent) → (N, channels, side, side), the encoder's mirror."""
    grid = side // 2 ** len(widths)
    layers: list[nn.Module] = [
        nn.Linear(latent, widths[-1] * grid**2),
        nn.Unflatten(1, (widths[-1], grid, grid)),
    ]
    for width, after in zip(widths[::-1], [*widths[-2::-1], widths[0]], strict=True):
        layers += [Residual(width), nn.Upsample(scale_factor=2), conv(width, after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, conv(widths[0], channels))


class Components(nn.Module):
    """The five auto-encoders; as a module, what stage 1 trains."""

    def __init__(self, size: int, widths: list[int], latent: int) -> None:
        super().__init__()
        sides = [side * size // UNITS for _, _, side in BOXES.values()]
        self.encoders = nn.ModuleList(_encoder(widths, side, latent) for side in sides)
        self.decoders = nn.ModuleList(_decoder(widths, side, latent, 1) for side in sides)

    def encode(self, page: torch.Tensor) -> torch.Tensor:
        """(N, 1, S, S) → (N, 5, latent)."""
        return torch.stack([e(p) for e, p in zip(self.encoders, parts(page), strict=True)], 1)

    def decode(self, latents: torch.Tensor) -> list[torch.Tensor]:
        return [torch.tanh(d(f)) for d, f in zip(self.decoders, latents.unbind(1), strict=True)]

    def forward(self, page: torch.Tensor) -> list[torch.Tensor]:
        return self.decode(self.encode(page))


class Painter(nn.Module):
    """Feature mapping and synthesis; as a module, what stage 2 trains. The generator is pix2pixHD's."""

    def __init__(
        self, size: int, widths: list[int], latent: int, channels: int, width: int, downs: int, blocks: int
    ) -> None:
        super().__init__()
        self.mapping = nn.ModuleList(
            _decoder(widths, side * size // UNITS, latent, channels) for _, _, side in BOXES.values()
        )
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 7, padding=3), nn.LeakyReLU(0.2)]
        for n in range(downs):
            layers += [conv(width * 2**n, width * 2 ** (n + 1), stride=2), nn.LeakyReLU(0.2)]
        layers += [Residual(width * 2**downs) for _ in range(blocks)]
        for n in reversed(range(downs)):
            layers += [nn.GroupNorm(8, width * 2 ** (n + 1)), nn.LeakyReLU(0.2)]
            layers += [nn.Upsample(scale_factor=2), conv(width * 2 ** (n + 1), width * 2**n)]
        layers += [nn.GroupNorm(8, width), nn.LeakyReLU(0.2), nn.Conv2d(width, 3, 7, padding=3), nn.Tanh()]
        self.synthesis = nn.Sequential(*layers)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        maps = [
            m(f) for m, f in zip(self.mapping, latents.unbind(1), strict=True)
        ]  # (N, 32, side, side) each
        return self.synthesis(together(maps))  # (N, 32, S, S) → (N, 3, S, S)


class DeepFaceDrawing(nn.Module, HubMixin):
    """A drawer: sketch (N, 1, H, H) → face (N, 3, H, H), made at its own size."""

    bank: torch.Tensor  # (5, M, latent): of the training drawings, what the manifolds are made of
    pages: torch.Tensor  # (M, side, side) uint8: those drawings

    def __init__(
        self,
        size: int = 512,
        widths: list[int] = [32, 64, 128, 256, 512],  # noqa: B006  # a JSON default, never changed
        latent: int = 512,
        channels: int = 32,
        width: int = 56,
        downs: int = 4,
        blocks: int = 9,
        neighbours: int = 10,
        bank: int = 2000,
        page: int = 128,
    ) -> None:
        super().__init__()
        step = 16 * 2 ** max(2, len(widths), downs - 3)
        fits = bool(widths) and len(widths) < 8 and 0 <= downs < 8 and size >= step and size % step == 0
        widths_fit = all(w >= 8 and w % 8 == 0 for w in (*widths, width))
        counts_fit = min(latent, channels, blocks, neighbours, page) > 0 and neighbours <= bank
        if not (fits and widths_fit and counts_fit) or page % UNITS:
            raise ModelError(
                f"got size={size}, widths={widths}, latent={latent}, channels={channels}, width={width}, "
                f"downs={downs}, blocks={blocks}, neighbours={neighbours}, bank={bank}, page={page}, "
                f"expected widths that are multiples of 8, a size that is a multiple of {step}, a page of "
                f"{UNITS}, no more neighbours than the bank has, the others ≥ 1; correct them"
            )
        self.size, self.neighbours = size, neighbours
        self.components = Components(size, widths, latent)
        self.painter = Painter(size, widths, latent, channels, width, downs, blocks)
        self.register_buffer("bank", torch.randn(len(BOXES), bank, latent))  # no drawings yet: any will do
        self.register_buffer("pages", torch.full((bank, page, page), 255, dtype=torch.uint8))

    def forward(self, sketch: torch.Tensor, faithfulness: float | torch.Tensor = 0.7) -> torch.Tensor:
        """`faithfulness` is the slider: one number, five (in the order of BOXES), or five for each sketch."""
        latents = self.refine(self.encode(sketch), faithfulness)  # (N, 5, latent)
        return sized(self.painter(latents), sketch.shape[-1])  # (N, 3, H, H)

    def encode(self, sketch: torch.Tensor) -> torch.Tensor:
        """(N, 1, H, H) → f, (N, 5, latent)."""
        if sketch.dim() != 4 or sketch.shape[1] != 1 or sketch.shape[2] != sketch.shape[3]:
            raise ModelError(
                f"got a drawing of shape {list(sketch.shape)}, expected [batch, 1, side, side]; make it "
                "square and grey"
            )
        return self.components.encode(sized(sketch, self.size))

    def refine(self, latents: torch.Tensor, faithfulness: float | torch.Tensor) -> torch.Tensor:
        """s·f + (1 − s)·f′, where f′ is each component's projection onto its manifold."""
        keep = torch.as_tensor(faithfulness, dtype=latents.dtype, device=latents.device)
        if keep.dim() and keep.shape not in (latents.shape[1:2], latents.shape[:2]):
            raise ModelError(
                f"got faithfulness of shape {list(keep.shape)}, expected a number, [5] or [batch, 5]; give "
                "one of these"
            )
        if bool((keep == 1).all()):
            return latents
        known = zip(latents.float().unbind(1), self.bank.float(), strict=True)
        spanned = torch.stack([projected(f, bank, self.neighbours) for f, bank in known], 1)
        return torch.lerp(spanned.to(latents), latents, keep.expand(latents.shape[:2])[..., None])

    def redrawn(self, sketch: torch.Tensor, faithfulness: float | torch.Tensor = 0.7) -> torch.Tensor:
        """The drawing as it is understood, (N, 1, H, H): what the face is then made of."""
        latents = self.refine(self.encode(sketch), faithfulness)
        return sized(together(self.components.decode(latents)), sketch.shape[-1])

    @torch.no_grad()
    def shadow(self, sketch: torch.Tensor) -> torch.Tensor:
        """Shadow guidance, (N, 1, H, H): for each component the nearest known drawings, one over the other.

        `s2f.space.shadows` needs no model: it measures how far the lines are from those of whole drawings
        that come with the app. This one looks component by component, with what the encoders learned to
        see, into the drawings that it was trained with.
        """
        latents, shares = self.encode(sketch).float(), sketch.new_tensor(SHOWN)
        count = min(len(SHOWN), len(self.pages))
        merged = []
        for n, cut in enumerate(parts(self.pages[:, None].float() / 127.5 - 1)):
            chosen = cut[nearest(latents[:, n], self.bank[n].float(), count)]  # (N, 3, 1, side, side)
            ink = (1 - chosen) * shares[:count, None, None, None]
            merged.append(1 - ink.sum(1))
        return sized(together(merged), sketch.shape[-1]).clamp(-1, 1)

    @torch.no_grad()
    def remember(self, drawings: torch.Tensor) -> None:
        """Fill the bank with drawings (M, H, H) uint8, as the encoders see them now."""
        if drawings.dtype != torch.uint8 or drawings.dim() != 3 or len(drawings) != len(self.pages):
            raise ModelError(
                f"got {drawings.dtype} drawings of shape {list(drawings.shape)}, expected uint8 of "
                f"[{len(self.pages)}, side, side]; give as many as the bank holds"
            )
        for start in range(0, len(drawings), ENCODED):
            some = slice(start, start + ENCODED)
            sketch = drawings[some, None].to(self.bank.device).float() / 127.5 - 1
            self.bank[:, some] = self.encode(sketch).transpose(0, 1).to(self.bank)
            small = sized(sketch, self.pages.shape[-1])[:, 0]
            self.pages[some] = ((small + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


class DeepFaceDrawingDiscriminator(nn.Module, HubMixin):
    """Is this a photograph that goes with its drawing? For each scale every layer's features, then logits."""

    def __init__(self, width: int = 64, depth: int = 3, scales: int = 2) -> None:
        super().__init__()
        if width < 1 or not 1 <= depth <= 6 or not 1 <= scales <= 6:
            raise ModelError(
                f"got width={width}, depth={depth}, scales={scales}, expected width ≥ 1 and 1 to 6 of the "
                "others; correct them"
            )
        self.scales = nn.ModuleList(self._patches(width, depth) for _ in range(scales))

    @staticmethod
    def _patches(width: int, depth: int) -> nn.ModuleList:
        widths = [width * min(2**n, 8) for n in range(depth + 1)]  # 64 128 256 | 512
        first = nn.Sequential(nn.Conv2d(4, width, 4, stride=2, padding=2), nn.LeakyReLU(0.2))
        layers: list[nn.Module] = [first]
        for n, (before, after) in enumerate(zip(widths, widths[1:], strict=False)):
            step = 2 if n < depth - 1 else 1
            layers.append(
                nn.Sequential(
                    nn.Conv2d(before, after, 4, step, padding=2, bias=False),
                    nn.InstanceNorm2d(after),
                    nn.LeakyReLU(0.2),
                )
            )
        return nn.ModuleList([*layers, nn.Conv2d(widths[-1], 1, 4, padding=2)])

    def forward(self, sketch: torch.Tensor, face: torch.Tensor) -> list[list[torch.Tensor]]:
        if sketch.shape != (len(face), 1, *face.shape[2:]):
            raise ModelError(
                f"got a face of shape {list(face.shape)} for a drawing of {list(sketch.shape)}, expected "
                "[batch, 3, height, width] of the same batch and size; resize one of them"
            )
        x, judged = torch.cat([sketch, face], 1), []  # (N, 4, H, W)
        for layers in self.scales:
            seen = []
            y = x
            for layer in layers:  # type: ignore[attr-defined]  # a ModuleList
                y = layer(y)
                seen.append(y)
            judged.append(seen)
            x = functional.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)  # half the size
        return judged
