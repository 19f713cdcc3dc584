"""Every model at tiny width: shapes, gradients, exact saving, and the published sizes at full width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from s2f.errors import ModelError
from s2f.models import (
    DCGAN,
    GFPGAN,
    MODELS,
    AlexNet,
    Classifier,
    Critic,
    DCGANDiscriminator,
    DeepFaceDrawing,
    DeepFaceDrawingDiscriminator,
    Diffusion,
    DoubleEncoder,
    Drawer,
    Editor,
    Enhancer,
    ExprGAN,
    ExprGANDiscriminator,
    ExtendedStarGAN,
    GANimation,
    GANimationDiscriminator,
    Identity,
    LatentDiscriminator,
    LevelCritics,
    MultiLevel,
    PatchDiscriminator,
    Pix2Pix,
    Reader,
    ReconstructionDiscriminator,
    StarGAN,
    StarGANDiscriminator,
    load_model,
)


def drawing(batch: int, size: int) -> torch.Tensor:
    return torch.rand(batch, 1, size, size) * 2 - 1


def face(batch: int, size: int) -> torch.Tensor:
    return torch.rand(batch, 3, size, size) * 2 - 1


@dataclass(frozen=True)
class Case:
    """A model at tiny width, what it is fed in a batch of n, and what must come out of n."""

    make: Callable[[], Any]
    inputs: Callable[[int], tuple[torch.Tensor, ...]]
    shapes: Callable[[int], list[tuple[int, ...]]]
    is_picture: bool = True  # the answer is an image in [-1, 1], not logits
    exact: float = 1e-6  # as near as a batch is to its singles, in the answer's own unit

    def outputs(self, model: nn.Module, *inputs: torch.Tensor) -> list[torch.Tensor]:
        if isinstance(model, Editor):
            edit = model.edit(*inputs)
            return [edit.face, edit.source]
        if isinstance(model, Drawer):
            return model.levels(*inputs)
        if isinstance(model, Diffusion):
            return [model.denoise(*inputs)]
        if isinstance(model, DeepFaceDrawing):
            return [model(*inputs), model.redrawn(*inputs), model.shadow(inputs[0])]
        out = model(*inputs)
        if isinstance(model, DeepFaceDrawingDiscriminator):
            return [seen for scale in out for seen in scale]
        if isinstance(model, Critic):
            return [*out[0], *out[1]]
        if isinstance(model, GFPGAN):
            return [out, *model.pyramid(*inputs)]
        return list(out) if isinstance(out, tuple) else [out]


def some_open(look: torch.Tensor) -> torch.Tensor:
    look[:, 1:] = torch.where(torch.rand(look[:, 1:].shape[:2]) < 0.5, torch.nan, look[:, 1:, 0])[..., None]
    look[0, :6] = torch.nan
    return look


def stirred(model: nn.Module) -> nn.Module:
    """Away from where it starts: there its blocks are at rest, and pass everything through."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


CASES = {
    "pix2pix": Case(
        lambda: Pix2Pix(width=3, depth=6),
        lambda n: (drawing(n, 64),),
        lambda n: [(n, 3, 64, 64)],
    ),
    "pix2pix critic": Case(
        lambda: PatchDiscriminator(width=4),
        lambda n: (drawing(n, 32), face(n, 32)),
        lambda n: [(n, 1, 2, 2)],
        is_picture=False,
    ),
    "diffusion": Case(
        lambda: Diffusion(size=16, widths=[8, 16], layers=1),
        lambda n: (face(n, 16), torch.randint(1000, (n,)), drawing(n, 16)),
        lambda n: [(n, 3, 16, 16)],
        is_picture=False,
    ),
    "dcgan": Case(
        lambda: DCGAN(width=3, latent=6),
        lambda n: (torch.randn(n, 6),),
        lambda n: [(n, 3, 64, 64)],
    ),
    "dcgan critic": Case(
        lambda: DCGANDiscriminator(width=4),
        lambda n: (face(n, 64),),
        lambda n: [(n,)],
        is_picture=False,
    ),
    "deepfacedrawing": Case(
        lambda: stirred(
            DeepFaceDrawing(64, [8, 8], 8, 8, 8, downs=2, blocks=1, neighbours=3, bank=5, page=64)
        ),
        lambda n: (drawing(n, 96), torch.rand(n, 5)),
        lambda n: [(n, 3, 96, 96), (n, 1, 96, 96), (n, 1, 96, 96)],
        exact=1e-4,  # stirred: small differences grow
    ),
    "deepfacedrawing critic": Case(
        lambda: DeepFaceDrawingDiscriminator(width=4, depth=2),
        lambda n: (drawing(n, 32), face(n, 32)),
        lambda n: [
            *((n, c, s, s) for c, s in ((4, 17), (8, 9), (16, 10), (1, 11))),
            *((n, c, s, s) for c, s in ((4, 9), (8, 5), (16, 6), (1, 7))),
        ],
        is_picture=False,
    ),
    "classifier": Case(
        lambda: Classifier(width=8, size=32),
        lambda n: (face(n, 40),),
        lambda n: [(n, 7)],
        is_picture=False,
    ),
    "alexnet": Case(
        lambda: AlexNet(width=3, hidden=8, size=64),
        lambda n: (face(n, 72),),
        lambda n: [(n, 7)],
        is_picture=False,
    ),
    "identity": Case(
        lambda: Identity(width=8, size=32, embedding=6),
        lambda n: (face(n, 50),),
        lambda n: [(n, 6)],
        is_picture=False,
    ),
    "reader": Case(
        lambda: Reader(width=8, size=32, points=5, hidden=8),
        lambda n: (face(n, 40),),
        lambda n: [(n, 5, 2), (n, 42), (n, 3), (n,)],
        is_picture=False,
        exact=2e-5,  # pixels and degrees
    ),
    "drawer": Case(
        lambda: stirred(Drawer(size=256, widths=[8, 16], detail=[8], condition=16, bank=4)),
        lambda n: (drawing(n, 64), some_open(torch.rand(n, 7, 3) * 60), torch.rand(n)),
        lambda n: [(n, 3, 128, 128), (n, 3, 256, 256)],
        exact=1e-5,
    ),
    "editor": Case(
        lambda: stirred(Editor(size=128, widths=[8, 16], detail=8, condition=16)),
        lambda n: (face(n, 128), torch.rand(n, 42)),
        lambda n: [(n, 3, 128, 128), (n, 42)],
        exact=1e-4,  # noise in, so that a hair's breadth of the flow shows
    ),
    "critic": Case(
        lambda: Critic(channels=3, width=8),
        lambda n: (face(n, 64), torch.rand(n, 3, 2) - 0.5),
        lambda n: [
            *((n, 1, s, s) for s in (4, 2, 1, 4, 4, 4)),
            *((n, c, s, s) for s in (8, 4, 2) for c, s in ((8, s), (16, s // 2), (32, s // 2))),
            *((n, c, s, s) for _ in range(3) for c, s in ((4, 8), (8, 4), (16, 4))),
        ],
        is_picture=False,
        exact=1e-5,  # features of any size
    ),
    "stargan": Case(
        lambda: StarGAN(width=4, domains=3, blocks=2),
        lambda n: (face(n, 16), torch.rand(n, 3)),
        lambda n: [(n, 3, 16, 16)],
    ),
    "stargan of some classes": Case(
        lambda: StarGAN(4, 2, 1, channels=1, classes=["angry", "happy"], size=16),
        lambda n: (face(n, 24), torch.rand(n, 7)),
        lambda n: [(n, 3, 24, 24)],
    ),
    "extended stargan": Case(
        lambda: ExtendedStarGAN(width=4, blocks=1),
        lambda n: (face(n, 16), torch.rand(n, 7)),
        lambda n: [(n, 3, 16, 16)],
    ),
    "extended stargan critic": Case(
        lambda: ReconstructionDiscriminator(width=4, depth=3),
        lambda n: (face(n, 16),),
        lambda n: [(n, 1, 2, 2)],
        is_picture=False,
    ),
    "multilevel": Case(
        lambda: stirred(MultiLevel(size=64, width=8, levels=[16, 32], code=16)),
        lambda n: (face(n, 48), torch.rand(n, 7)),
        lambda n: [(n, 3, 48, 48)],
        exact=1e-4,  # stirred: small differences grow
    ),
    "multilevel critics": Case(
        lambda: LevelCritics(size=64, width=8, levels=[32], asked="pose"),
        lambda n: (face(n, 64), torch.rand(n, 3), face(n, 32), face(n, 64)),
        lambda n: [(n, 1, 4, 4), (n, 1, 4, 4), (n, 1, 4, 4)],
        is_picture=False,
    ),
    "ganimation": Case(
        lambda: GANimation(width=4, blocks=1, size=16),
        lambda n: (face(n, 24), torch.rand(n, 42)),
        lambda n: [(n, 3, 24, 24)],
    ),
    "ganimation critic": Case(
        lambda: GANimationDiscriminator(size=16, width=4, depth=3),
        lambda n: (face(n, 16),),
        lambda n: [(n, 1, 2, 2), (n, 17)],
        is_picture=False,
    ),
    "enhancer": Case(
        lambda: stirred(Enhancer(size=32, widths=[6, 8], blocks=1)),
        lambda n: (0.2 * face(n, 16),),
        lambda n: [(n, 3, 32, 32)],
    ),
    "gfpgan": Case(
        lambda: stirred(GFPGAN(size=16, narrow=0.03125, style=8, mlp_depth=2, input_is_latent=False)),
        lambda n: (face(n, 16),),
        lambda n: [(n, 3, 16, 16), (n, 3, 8, 8), (n, 3, 16, 16)],
        is_picture=False,  # what is beyond [-1, 1] is clipped where it becomes a picture
        exact=1e-5,
    ),
    "exprgan": Case(
        lambda: ExprGAN(size=32, width=16, latent=8),
        lambda n: (face(n, 48), torch.rand(n, 7)),
        lambda n: [(n, 3, 48, 48)],
    ),
    "exprgan critic": Case(
        lambda: ExprGANDiscriminator(size=32, width=16),
        lambda n: (face(n, 32), torch.rand(n, 7)),
        lambda n: [(n, 1), (n, 30), (n, 256)],
        is_picture=False,
    ),
    "exprgan critic of z": Case(
        lambda: LatentDiscriminator(8),
        lambda n: (torch.rand(n, 8),),
        lambda n: [(n, 1)],
        is_picture=False,
    ),
    "double encoder": Case(
        lambda: stirred(DoubleEncoder(size=32, width=8, blocks=1, features=8)),
        lambda n: (face(n, 48), torch.rand(n, 7)),
        lambda n: [(n, 3, 48, 48)],
        exact=1e-4,
    ),
    "stargan critic": Case(
        lambda: StarGANDiscriminator(size=16, width=4, domains=3, depth=3),
        lambda n: (face(n, 16),),
        lambda n: [(n, 1, 2, 2), (n, 3)],
        is_picture=False,
    ),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_every_model_is_tried_here() -> None:
    assert set(MODELS.values()) <= {type(case.make()) for case in CASES.values()}, "give the new model a Case"
    assert all(key.isidentifier() for key in MODELS)


@every_case
def test_shapes_and_range(case: Case) -> None:
    with torch.no_grad():
        out = case.outputs(case.make().eval(), *case.inputs(2))
    assert [tuple(o.shape) for o in out] == case.shapes(2)
    assert all(o.dtype == torch.float32 and torch.isfinite(o).all() for o in out)
    if case.is_picture:
        assert out[0].abs().max() <= 1
        assert out[0].std() > 0


@every_case
def test_a_gradient_reaches_every_parameter(case: Case) -> None:
    model = case.make().train()
    out = case.outputs(model, *case.inputs(2))
    sum((o * torch.randn_like(o)).sum() for o in out).backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not silent


@every_case
def test_saving_and_loading_is_exact(case: Case, tmp_path: Path) -> None:
    model = case.make().train()
    case.outputs(model, *case.inputs(2))  # moves the statistics of its norms
    model.eval().save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    assert again.config == model.config
    assert not again.training
    assert {k: v.dtype for k, v in again.state_dict().items()} == {
        k: v.dtype for k, v in model.state_dict().items()
    }
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in model.state_dict().items())
    assert all(p.requires_grad for p in again.parameters())
    inputs = case.inputs(1)
    with torch.no_grad():
        before, after = case.outputs(model, *inputs), case.outputs(again, *inputs)
    assert all(torch.equal(b, a) for b, a in zip(before, after, strict=True))


@every_case
def test_a_batch_equals_its_singles(case: Case) -> None:
    model = case.make().double().eval()  # so that a processor's order of sums is of no account
    inputs = [x.double() if x.is_floating_point() else x for x in case.inputs(3)]
    with torch.no_grad():
        batch = case.outputs(model, *inputs)
        singles = [case.outputs(model, *(x[i : i + 1] for x in inputs)) for i in range(3)]
    for index, whole in enumerate(batch):
        torch.testing.assert_close(whole, torch.cat([s[index] for s in singles]), rtol=1e-5, atol=case.exact)


@every_case
def test_two_calls_agree(case: Case) -> None:
    model = case.make().eval()
    inputs = case.inputs(2)
    with torch.no_grad():
        first, second = case.outputs(model, *inputs), case.outputs(model, *inputs)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: GANimation(4, 1)(face(1, 16), torch.zeros(1, 17)), r"\[1, 17\], expected \[batch, 42\]"),
        (lambda: GANimation(4, 1)(face(1, 18), torch.zeros(1, 42)), "multiples of 4"),
        (lambda: GANimation(size=10), "size=10"),
        (lambda: ExprGAN(32, 16)(face(1, 32), torch.zeros(1, 6)), r"\[1, 6\].*expected \[batch, 7\]"),
        (lambda: ExprGAN(size=100), "size=100"),
        (lambda: DoubleEncoder(32, 8)(face(1, 32), torch.zeros(1, 6)), r"\[1, 6\], expected \[1, 7\]"),
        (lambda: DoubleEncoder(width=7), "width=7"),
        (lambda: ReconstructionDiscriminator(depth=0), "depth=0"),
        (lambda: StarGAN(size=16)(torch.zeros(1, 3, 16, 20), torch.zeros(1, 7)), "side, side"),
        (lambda: Pix2Pix(width=2, depth=4)(drawing(1, 40)), "40×40.*multiples of 16"),
        (lambda: Pix2Pix(width=2, depth=4)(face(1, 32)), r"\[1, 3, 32, 32\].*one channel|\[batch, 1,"),
        (lambda: Pix2Pix(width=2, depth=4)(torch.zeros(1, 32, 32)), r"\[1, 32, 32\]"),
        (lambda: PatchDiscriminator(2)(drawing(1, 32), face(2, 32)), "face of shape"),
        (lambda: StarGAN(2, 3, 1)(face(1, 18), torch.zeros(1, 3)), "multiples of 4"),
        (lambda: StarGAN(2, 3, 1)(torch.zeros(3, 16, 16), torch.zeros(1, 3)), "face of shape"),
        (lambda: StarGAN(2, 3, 1)(face(2, 16), torch.zeros(2, 4)), r"\[2, 4\], expected \[2, 3\]"),
        (lambda: StarGANDiscriminator(16, 2, 2, 2)(face(1, 32)), r"\[batch, 3, 16, 16\]"),
        (lambda: Pix2Pix(depth=1), "depth=1"),
        (lambda: Pix2Pix(dropout=1.0), "dropout=1.0"),
        (lambda: PatchDiscriminator(strided=0), "strided=0"),
        (lambda: StarGAN(blocks=0), "blocks=0"),
        (lambda: StarGANDiscriminator(size=100), "size=100"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        call()
    assert "expected" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_load_model_finds_the_class(tmp_path: Path) -> None:
    StarGAN(width=2, domains=2, blocks=1).save_pretrained(tmp_path / "editor")
    Pix2Pix(width=2, depth=2).save_pretrained(tmp_path / "drawer")
    assert isinstance(load_model(tmp_path, "editor"), StarGAN)
    assert isinstance(load_model(tmp_path / "drawer"), Pix2Pix)
    PatchDiscriminator(width=2).save_pretrained(tmp_path / "critic")
    with pytest.raises(ModelError, match=r"PatchDiscriminator.*expected one of.*Pix2Pix"):
        load_model(tmp_path, "critic")
