"""The re-created systems, each by what its paper says: sizes, receptive fields, noise, labels, attention."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from s2f.errors import ModelError
from s2f.expression import Expression, vector
from s2f.models import (
    DoubleEncoder,
    ExtendedStarGAN,
    GANimation,
    LevelCritics,
    MultiLevel,
    PatchDiscriminator,
    Pix2Pix,
    ReconstructionDiscriminator,
    StarGAN,
    StarGANDiscriminator,
    load_model,
)
from s2f.models.exprgan import controller
from s2f.models.ganimation import PAPER_UNITS, to_paper
from tests.test_models import drawing, face, stirred


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def on_paper(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return make()


@pytest.mark.parametrize(
    ("make", "published"),
    [
        (Pix2Pix, 54_413_955),  # 54.41 M
        (PatchDiscriminator, 2_768_705),  # 2.77 M
        (lambda: StarGAN(domains=5), 8_430_528),  # 8.43 M
        (lambda: StarGANDiscriminator(domains=5), 44_762_048),  # 44.8 M
    ],
    ids=["Pix2Pix", "PatchDiscriminator", "StarGAN", "StarGANDiscriminator"],
)
def test_full_size_is_the_published_one(make: Callable[[], nn.Module], published: int) -> None:
    assert parameters(on_paper(make)) == published


@pytest.mark.parametrize(("strided", "field"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_receptive_field_of_the_patch_critic(strided: int, field: int) -> None:
    """The pixels that move one logit; norms at rest and positive weights, so that nothing cancels."""
    critic = PatchDiscriminator(width=1, strided=strided).eval()
    for parameter in critic.parameters():
        nn.init.constant_(parameter, 0.1)
    size = 256
    sketch = torch.ones(1, 1, size, size, requires_grad=True)
    logits = critic(sketch, torch.ones(1, 3, size, size))
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    touched = sketch.grad[0, 0].abs() > 0  # type: ignore[index]
    assert int(touched.any(0).sum()) == int(touched.any(1).sum()) == field


class Nested(nn.Module):
    """The U-Net as its authors write it: each level wraps the next; its first activation works in place."""

    def __init__(self, outer: int, inner: int, within: nn.Module | None, *, drop: bool = False) -> None:
        super().__init__()
        self.outermost = outer == 3
        layers: list[nn.Module] = [] if self.outermost else [nn.LeakyReLU(0.2, inplace=True)]
        layers.append(nn.Conv2d(outer, inner, 4, 2, 1, bias=False))
        if within is not None:
            layers += [within] if self.outermost else [nn.BatchNorm2d(inner), within]
        doubled = inner * (1 if within is None else 2)
        layers += [
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(doubled, outer, 4, 2, 1, bias=self.outermost),
            nn.Tanh() if self.outermost else nn.BatchNorm2d(outer),
        ]
        self.model = nn.Sequential(*layers, *([nn.Dropout(0.5)] if drop else []))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], dim=1)


def test_pix2pix_is_the_published_recursion() -> None:
    w = 2
    nested = Nested(8 * w, 8 * w, None)
    for _ in range(3):
        nested = Nested(8 * w, 8 * w, nested, drop=True)
    for outer, inner in [(4 * w, 8 * w), (2 * w, 4 * w), (w, 2 * w), (3, w)]:
        nested = Nested(outer, inner, nested)
    model = Pix2Pix(width=w).train()
    model(drawing(2, 256))  # moves the statistics of its norms
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)
    layers = [[m for m in net.modules() if isinstance(m, kinds)] for net in (nested, model)]
    for theirs, ours in zip(*layers, strict=True):
        theirs.load_state_dict(ours.state_dict())
    sketch = drawing(2, 256)
    for training in (False, True):  # the same dropout as well, from the same seed
        answers = []
        for net, pictures in ((nested, sketch.repeat(1, 3, 1, 1)), (model, sketch)):
            torch.manual_seed(1)
            with torch.no_grad():
                answers.append(net.train(training)(pictures))
        assert torch.equal(*answers)


def test_pix2pix_starts_as_published() -> None:
    torch.manual_seed(0)
    model = Pix2Pix(width=16)
    weights = torch.cat([m.weight.flatten() for m in model.modules() if isinstance(m, nn.Conv2d)])
    assert abs(weights.mean()) < 1e-4
    assert abs(weights.std() - 0.02) < 1e-4
    dropouts = [m.p for m in model.modules() if isinstance(m, nn.Dropout)]
    assert dropouts == [0.5, 0.5, 0.5]


def test_pix2pix_training_mode_has_the_paper_noise() -> None:
    model = Pix2Pix(width=2).train()
    sketch = drawing(1, 256)
    with torch.no_grad():
        assert not torch.equal(model(sketch), model(sketch))


def test_pix2pix_skips_carry_detail() -> None:
    """A change too small for the bottleneck still reaches the answer: through the outermost skip."""
    model = Pix2Pix(width=4, depth=4).eval()
    sketch = torch.zeros(1, 1, 32, 32)
    dotted = sketch.clone()
    dotted[0, 0, 20, 12] = 1
    with torch.no_grad():
        for block in list(model.up)[:-1]:
            block.conv.weight.zero_()
        moved = (model(dotted) - model(sketch)).abs().amax(1)[0]
    rows, columns = (moved > 0).nonzero(as_tuple=True)
    assert len(rows) > 0
    assert rows.min() >= 16
    assert rows.max() <= 24
    assert columns.min() >= 8
    assert columns.max() <= 16


def test_stargan_answers_to_its_labels() -> None:
    model = StarGAN(width=4, domains=3, blocks=1).eval()
    same = face(1, 16)
    with torch.no_grad():
        answers = [model(same, row[None]) for row in torch.eye(3)]
        blend = model(same, torch.tensor([[0.5, 0.5, 0.0]]))
    assert all(not torch.equal(a, b) for a, b in [answers[:2], answers[1:], (blend, answers[0])])
    assert StarGAN.condition == "classes"


def test_stargan_pads_with_zeros_only() -> None:
    for model in (StarGAN(width=2, domains=2, blocks=1), StarGANDiscriminator(16, 2, 2, 2)):
        convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        assert {m.padding_mode for m in convolutions} == {"zeros"}


def test_stargan_of_some_classes_is_asked_like_any_editor() -> None:
    model = StarGAN(4, 2, 1, channels=1, classes=["angry", "happy"], size=16).eval()
    picture = face(1, 24)
    happy, angry = (torch.from_numpy(Expression.of(name).labels())[None] for name in ("happy", "angry"))
    with torch.no_grad():
        assert torch.equal(model(picture, happy), model(picture, torch.tensor([[0.0, 1.0]])))
        assert not torch.equal(model(picture, happy), model(picture, angry))
        made = model(picture, happy)
    assert torch.equal(made[:, 0], made[:, 2])  # grey
    with pytest.raises(ModelError, match="expected one of angry, happy"):
        model(picture, torch.from_numpy(Expression.of("sad").labels())[None])
    with pytest.raises(ModelError, match="classes="):
        StarGAN(4, 2, classes=["angry", "cross"])


def test_extended_stargan_is_stargan_with_another_name(tmp_path: Path) -> None:
    model = ExtendedStarGAN(width=4, blocks=1)
    model.save_pretrained(tmp_path)
    assert type(load_model(tmp_path)) is ExtendedStarGAN
    assert parameters(on_paper(ExtendedStarGAN)) == parameters(on_paper(StarGAN))
    assert parameters(on_paper(ReconstructionDiscriminator)) == parameters(
        on_paper(lambda: StarGANDiscriminator(size=128))
    ) - sum(p.numel() for p in on_paper(lambda: StarGANDiscriminator(size=128)).classes.parameters())  # type: ignore[union-attr]


def test_multilevel_shows_a_picture_at_each_level() -> None:
    model = stirred(MultiLevel(size=128, width=8)).eval()
    with torch.no_grad():
        made = model.pictures(face(2, 128), torch.eye(7)[:2])  # type: ignore[operator]
    assert [tuple(m.shape[2:]) for m in made] == [(32, 32), (64, 64), (128, 128)]
    only = MultiLevel(size=128, width=8, levels=[64])
    assert set(only.show) == {"64", "128"}
    with pytest.raises(ModelError, match="rising levels of"):
        MultiLevel(size=64, levels=[64])


def test_multilevel_for_poses_says_that_it_takes_no_classes() -> None:
    model = MultiLevel(size=64, width=8, levels=[32], asked="pose")
    assert (model.condition, MultiLevel(size=64, width=8, levels=[32]).condition) == ("pose", "classes")
    with pytest.raises(ModelError, match=r"pose of shape \[1, 42\], expected \[1, 3\]"):
        model(face(1, 64), torch.zeros(1, 42))


def test_the_variation_critic_sees_nothing_where_nothing_changed() -> None:
    critics = LevelCritics(size=64, width=8, levels=[32]).eval()
    asked = torch.eye(7)[:1]
    answers = []
    for _ in range(2):
        same = face(1, 64)
        small = torch.nn.functional.avg_pool2d(same, 2)
        with torch.no_grad():
            answers.append(critics(same, asked, small, same))
    (_, photo, variation), (_, other_photo, other_variation) = answers
    assert torch.equal(variation, other_variation)
    assert not torch.equal(photo, other_photo)


def test_ganimation_lets_be_what_its_attention_says() -> None:
    model = GANimation(width=4, blocks=1).eval()
    picture, asked = face(1, 16), torch.rand(1, 42)
    with torch.no_grad():
        parts = model.repaint(picture, to_paper(asked))
        torch.testing.assert_close(
            parts.face, parts.attention * picture + (1 - parts.attention) * parts.colour
        )
        assert parts.attention.min() > 0
        assert parts.attention.max() < 1
        model.trunk[-1].norm.weight.zero_()
        model.trunk[-1].norm.bias.fill_(1.0)  # its features are 1 everywhere
        model.attention.weight.fill_(1.0)  # and the attention nearly so: nothing is painted
        torch.testing.assert_close(model(picture, asked), picture, rtol=0, atol=1e-4)
        model.attention.weight.fill_(-1.0)  # everything is
        covered = model.repaint(picture, to_paper(asked))
        torch.testing.assert_close(covered.face, covered.colour, rtol=0, atol=1e-4)


def test_ganimation_asks_in_the_paper_units() -> None:
    assert len(PAPER_UNITS) == 17
    one = torch.from_numpy(vector({"AU12": 0.8, "AU43_L": 1.0, "AU26": 0.4, "AU10": 0.6, "AU24": 0.3}))[None]
    named = dict(zip(PAPER_UNITS, to_paper(one)[0].tolist(), strict=True))
    asked = {"AU12": 0.8, "AU45": 0.5, "AU26": 0.4, "AU10": 0.6, "AU25": 0.6, "AU23": 0.3}
    assert named == pytest.approx(dict.fromkeys(PAPER_UNITS, 0.0) | asked)
    assert getattr(GANimation, "condition", "action_units") == "action_units"


def test_exprgan_controls_how_strong() -> None:
    u = torch.tensor([[0.5, -0.2, 0.9, -1.0, 0.1]])
    code = controller(torch.eye(7)[2:3], u).view(6, 5)  # sad is the second of the six
    torch.testing.assert_close(code[1], u[0].abs())
    for block in (0, 2, 3, 4, 5):
        torch.testing.assert_close(code[block], -u[0].abs())
    assert not controller(torch.eye(7)[:1], u).any()  # neutral
    half = torch.tensor([[0.5, 0.5, 0, 0, 0, 0, 0]])
    torch.testing.assert_close(
        controller(half, torch.ones(1, 5)), controller(torch.eye(7)[1:2], 0.5 * torch.ones(1, 5))
    )


def test_double_encoder_is_told_from_what_to_what() -> None:
    model = stirred(DoubleEncoder(size=32, width=8, blocks=1, features=8)).eval()
    z, features = torch.rand(1, 32, 4, 4), torch.rand(3, 1, 8)
    with torch.no_grad():
        asked, now = features[0], features[1]
        made = model.decode(z, now, asked)  # type: ignore[operator]
        assert not torch.equal(made, model.decode(z, features[2], asked))  # type: ignore[operator]
        assert not torch.equal(made, model.decode(z, now, features[2]))  # type: ignore[operator]
