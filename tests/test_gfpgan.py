"""GFPGAN against the published architecture, to the bit, over one and the same state dict."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from s2f.errors import ModelError
from s2f.models import GFPGAN
from s2f.models.gfpgan import channels
from tests.published_gfpgan import published_class

SMALL = {"size": 64, "narrow": 0.25, "style": 32, "mlp_depth": 2}
THEIRS = {"size": "out_size", "style": "num_style_feat", "mlp_depth": "num_mlp", "half_modulated": "sft_half"}


@pytest.fixture(scope="module")
def published() -> Any:
    return published_class()


def pair(published: Any, **ours: Any) -> tuple[Any, GFPGAN]:
    """Theirs and ours with the same random weights, none of them at rest."""
    torch.manual_seed(1)
    model = GFPGAN(**ours).eval()
    config = {THEIRS.get(name, name): value for name, value in model.config.items()}
    reference = published(decoder_load_path=None, fix_decoder=False, **config).eval()
    with torch.no_grad():
        for parameter in reference.parameters():
            if parameter.ndim < 2 or parameter.shape[-1] == 1:  # biases and noise weights begin at nothing
                parameter += 0.1 * torch.randn_like(parameter)
    assert set(reference.state_dict()) == set(model.state_dict())
    model.load_state_dict(reference.state_dict(), strict=True)
    return reference, model


@pytest.mark.parametrize(
    "variant",
    [
        {},
        {"half_modulated": False},
        {"input_is_latent": False},
        {"input_is_latent": False, "different_w": False, "half_modulated": False},
        {"channel_multiplier": 1, "size": 128},
    ],
    ids=lambda v: ",".join(f"{k}={x}" for k, x in v.items()) or "as published",
)
@torch.no_grad()
def test_the_published_output_to_the_bit(published: Any, variant: dict[str, Any]) -> None:
    reference, model = pair(published, **(SMALL | variant))
    face = torch.rand(2, 3, model.size, model.size) * 2 - 1
    theirs, small = reference(face, randomize_noise=False)
    ours = model(face)
    assert theirs.std() > 0.01
    assert torch.equal(ours, theirs)
    assert all(torch.equal(a, b) for a, b in zip(model.pyramid(face), small, strict=True))


@torch.no_grad()
def test_the_published_output_at_full_size(published: Any) -> None:
    reference, model = pair(published)
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in reference.parameters())
    face = torch.rand(1, 3, 512, 512) * 2 - 1
    theirs, _ = reference(face, randomize_noise=False, return_rgb=False)
    del reference
    assert torch.equal(model(face), theirs)


@torch.no_grad()
def test_noise_is_kept_unless_a_generator_gives_it() -> None:
    torch.manual_seed(2)
    model = GFPGAN(**SMALL).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("weight") and parameter.numel() == 1:
            parameter.fill_(0.5)
    face = torch.rand(2, 3, 64, 64) * 2 - 1
    assert torch.equal(model(face), model(face))
    anew = [model(face, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)]
    assert torch.equal(anew[0], anew[1])
    assert not torch.equal(anew[0], anew[2])
    assert not torch.equal(anew[0], model(face))


def test_channels_are_those_of_the_paper() -> None:
    assert channels(512, 2, 1.0) == {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"size": 48}, "size=48"),
        ({"size": 4}, "size=4"),
        ({"narrow": 0.001}, "narrow=0.001"),
        ({"narrow": 0.0137}, "narrow=0.0137"),
        ({"mlp_depth": -1}, "mlp_depth=-1"),
    ],
)
def test_sizes_that_cannot_be_are_said(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        GFPGAN(**(SMALL | wrong))


@torch.no_grad()
def test_a_face_of_any_size_is_fitted_and_one_that_is_not_square_refused() -> None:
    model = GFPGAN(**SMALL)
    assert [model(torch.zeros(1, 3, side, side)).shape[-1] for side in (32, 64, 100)] == [64] * 3
    with pytest.raises(ModelError, match=r"got a face of \(1, 3, 64, 32\), expected \(N, 3, S, S\)"):
        model(torch.zeros(1, 3, 64, 32))
