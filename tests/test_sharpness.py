"""What keeps faces sharp: an enlargement that loses nothing, grain, and a critic that sees faint detail."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from s2f import SketchToFace, losses
from s2f.batches import Faces
from s2f.fitting import sharpened
from s2f.image import to_pil, to_tensor
from s2f.metrics import sharpness
from s2f.models import Critic, Drawer, Enhancer
from s2f.models.critic import amplified
from s2f.models.drawer import MOST, MOST_FINE, TINTED, tempered, unlatticed
from s2f.models.enhancer import fitted, returned
from s2f.models.layers import doubled, enlarged
from s2f.models.widening import widened
from s2f.space.parts import EXAMPLES


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_what_is_enlarged_averages_back_to_itself() -> None:
    x = noise(2, 3, 16, 16)
    assert torch.allclose(functional.avg_pool2d(enlarged(x), 2), x, atol=1e-5)
    assert (functional.avg_pool2d(doubled(x), 2) - x).abs().max() > 0.3  # smoothness alone does not
    even = torch.full((1, 1, 4, 4), 0.3)
    assert torch.allclose(enlarged(even), torch.full((1, 1, 8, 8), 0.3))
    softer = functional.avg_pool2d(enlarged(x, 0.5), 2)
    between = (functional.avg_pool2d(doubled(x), 2) + x) / 2
    assert torch.allclose(softer, between, atol=1e-5)


def test_a_slanted_edge_is_enlarged_without_stairs() -> None:
    """From row to row a steep edge moves on by the same amount; what is put back by pixels makes it jump."""
    down, across = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    slant = ((across - 8 - down / 4) / 0.5).sigmoid()[None, None]

    def uneven(large: torch.Tensor) -> float:
        rows = large[0, 0, 16:48]
        before = (rows < 0.5).sum(1, keepdim=True) - 1
        dark, light = rows.gather(1, before), rows.gather(1, before + 1)
        crossing = before + (0.5 - dark) / (light - dark)
        return float((crossing.diff(dim=0) - 0.25).abs().max())

    lost = slant - functional.avg_pool2d(doubled(slant), 2)
    by_pixels = doubled(slant) + functional.interpolate(lost, scale_factor=2.0)
    assert uneven(enlarged(slant)) < 0.5 * uneven(by_pixels)


def test_no_fine_grid_lies_over_a_face() -> None:
    texture = 0.1 * noise(1, 1, 64, 64)
    grid = 0.05 * torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).tile(32, 32)[None, None]
    ramp = torch.linspace(0, 1, 64) ** 2  # stronger here than there, and never from pixel to pixel

    def gridded(light: torch.Tensor) -> float:
        return float((light * grid).mean().abs() / grid.square().mean())

    even = unlatticed(texture + ramp * grid)
    assert gridded(even) < 0.05 < 0.2 < gridded(texture + ramp * grid)
    assert functional.cosine_similarity(even.flatten(), texture.flatten(), dim=0) > 0.96  # what is fine stays
    flat = torch.full((1, 1, 16, 16), 0.2)
    torch.testing.assert_close(unlatticed(flat), flat)


def test_a_level_adds_little_and_light_rather_than_colour() -> None:
    stripes = torch.tensor([0.02, 0.02, -0.02, -0.02]).tile(8).expand(1, 3, 32, -1)
    torch.testing.assert_close(tempered(stripes), stripes, atol=2e-3, rtol=0)
    faint = 0.02 * noise(1, 1, 32, 32).expand(-1, 3, -1, -1)
    assert (tempered(faint) - faint).std() < 0.3 * faint.std()  # all but what looks like a grid
    spark = torch.zeros(1, 3, 32, 32)
    spark[:, 1, 16, 16] = 9.0  # one pixel, bright green
    added = tempered(spark)
    assert added.abs().max() < MOST
    assert added[0, :, 16, 16].std() < 0.1 * added[0, :, 16, 16].mean()
    even = torch.tensor([0.1, 0.0, -0.1])[:, None, None].expand(1, 3, 4 * TINTED, 4 * TINTED)
    torch.testing.assert_close(tempered(even), even, atol=3e-3, rtol=0)  # a wide tint stays
    grey = tempered(spark, coloured=False)  # the finest level adds light alone
    fainter = MOST_FINE * torch.tanh(spark / MOST_FINE)
    torch.testing.assert_close(grey, unlatticed(fainter.mean(1, keepdim=True)))


def test_an_enlarged_face_shrinks_back_to_what_was_given() -> None:
    small = 0.3 * noise(1, 3, 32, 32).tanh()

    def lost(large: torch.Tensor) -> float:
        return float((functional.avg_pool2d(large, 2) - small).abs().mean())

    smooth = functional.interpolate(small, (64, 64), mode="bicubic", antialias=True, align_corners=False)
    assert lost(fitted(small, 64)) < 0.7 * lost(smooth)
    in_between = functional.interpolate(small, (48, 48), mode="bicubic", antialias=True, align_corners=False)
    torch.testing.assert_close(fitted(small, 48), in_between)  # no whole blocks: nothing is known


def test_clean_pixels_are_given_back_and_noise_is_not() -> None:
    small = 0.3 * noise(2, 3, 32, 32).tanh()
    level = 1 / 127.5
    quiet = enlarged(small) + 0.2 * level  # off by little
    assert (functional.avg_pool2d(returned(quiet, small), 2) - small).abs().max() < 0.05 * level
    cleaned = quiet + 2 * level * doubled(noise(2, 3, 32, 32, seed=1))
    torch.testing.assert_close(returned(cleaned, small), cleaned)
    one = returned(torch.cat([quiet[:1], cleaned[1:]]), small)  # each picture by itself
    torch.testing.assert_close(one[1], cleaned[1])
    assert not torch.equal(one[0], quiet[0])
    assert Enhancer(64, [8, 8], 1).eval()(small).shape == (2, 3, 64, 64)


def test_grain_moves_the_texture_and_nothing_above_it() -> None:
    torch.manual_seed(0)
    drawer = Drawer(size=256, widths=[8, 16], detail=[8], condition=16, bank=4).eval()
    with torch.no_grad():
        for parameter in drawer.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    page, look, trust = torch.rand(2, 1, 256, 256), torch.rand(2, 7, 3) * 60, torch.tensor([0.5, 0.5])
    with torch.no_grad():
        still, again = (drawer.levels(page, look, trust) for _ in range(2))
        moved = drawer.levels(page, look, trust, None, torch.tensor([[0, 0], [5, 9]]))
    assert torch.equal(still[-1], again[-1])
    assert torch.equal(still[0], moved[0])
    assert torch.allclose(still[-1][0], moved[-1][0], atol=1e-6)
    assert (still[-1][1] - moved[-1][1]).abs().mean() > 1e-3


def test_the_finest_band_is_shown_again_amplified() -> None:
    page = torch.rand(1, 1, 16, 16)
    fine = 0.02 * (torch.arange(16) % 2 * 2.0 - 1).expand(1, 3, 16, 16)
    shown = amplified(torch.cat([0.4 + fine, page], 1))
    assert shown.shape == (1, 7, 16, 16)
    assert torch.equal(shown[:, 3:4], page)
    assert torch.allclose(shown[:, 4:], 8 * fine, atol=1e-5)


def test_a_critic_learns_to_tell_sharp_from_soft_in_a_few_steps() -> None:
    torch.manual_seed(0)
    critic, places = Critic(channels=3, width=8).double(), torch.zeros(8, 3, 2).double()
    optimizer = torch.optim.Adam(critic.parameters(), 2e-3, betas=(0.0, 0.99))

    def pair(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        shading = functional.interpolate(noise(8, 3, 8, 8, seed=seed), size=64, mode="bicubic")
        sharp = shading + 0.05 * noise(8, 3, 64, 64, seed=seed + 1000)
        soft = shading + 0.05 * functional.avg_pool2d(noise(8, 3, 64, 64, seed=seed + 2000), 3, 1, 1)
        return sharp.double(), soft.double()

    for step in range(40):
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 - step / 40)  # at an even rate the last step decides
        sharp, soft = pair(step)
        real, fake = critic(sharp.requires_grad_(), places)[0], critic(soft, places)[0]
        loss = torch.stack([losses.log_critic(r, f) for r, f in zip(real, fake, strict=True)]).mean()
        loss = loss + 0.005 * losses.slope(real, sharp)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        sharp, soft = pair(500)
        assert (critic(sharp, places)[0][0] > critic(soft, places)[0][0]).float().mean() > 0.98


def test_the_slope_is_that_of_the_answers() -> None:
    x = noise(3, 2, 4, 4).requires_grad_()
    weight = torch.tensor(2.0, requires_grad=True)
    answers = [
        weight * x.mean((2, 3), keepdim=True).sum(1, keepdim=True),
        (weight * x).sum((1, 2, 3), keepdim=True),
    ]
    found = losses.slope(answers, x)
    assert torch.allclose(found, torch.tensor(32 * (2.0 / 16 + 2.0) ** 2))
    found.backward()
    assert weight.grad is not None
    assert weight.grad > 0


def test_features_of_any_size_match_as_shares() -> None:
    real, fake = [torch.full((1, 4), 10.0)], [torch.full((1, 4), 9.0)]
    assert torch.isclose(losses.feature_matching(real, fake), torch.tensor(1.0))
    assert torch.isclose(losses.feature_matching(real, fake, relative=True), torch.tensor(0.1))
    none = [torch.zeros(1, 4)]
    assert losses.feature_matching(none, none, relative=True) == 0


def test_the_bundled_drawer_lays_no_grid_over_faces() -> None:
    """What repeats every two pixels is no stronger than what is nearly as fine, as in a photograph."""
    pipeline = SketchToFace()
    drawings = [Image.open(path) for path in sorted(EXAMPLES.glob("*.png"))[:3]]
    faces = to_tensor([pipeline(drawing, seed=n).face for n, drawing in enumerate(drawings)]).mean(1)
    side = faces.shape[-1]
    assert side == 512
    eased = torch.hann_window(side)[:, None] * torch.hann_window(side)
    strength = (torch.fft.fft2(faces * eased).abs() ** 2).mean(0).sqrt()
    at, near, even = slice(side // 2 - 2, side // 2 + 3), slice(side // 2 - 16, side // 2 - 3), slice(0, 3)
    for grid, usual in (((at, at), (near, near)), ((at, even), (near, even)), ((even, at), (even, near))):
        assert strength[grid].max() < 4 * strength[usual].mean()


def test_a_finest_level_ends_as_sharp_as_photographs() -> None:
    """Photographs are what it draws itself with more regained than it was made with."""
    torch.manual_seed(0)
    soft = Drawer(256, [8, 8, 8, 8], [8], condition=8, bank=8, regained=[0.5]).eval()
    for weight in soft.parameters():
        torch.nn.init.normal_(weight, std=0.12)
    torch.nn.init.zeros_(soft.detail[0].leave.weight)  # all its detail is the coarser level's
    torch.nn.init.ones_(soft.hand.bias)  # a sure hand
    pages, look = noise(6, 1, 256, 256).tanh(), torch.full((6, 7, 3), 30.0)

    def drawn(drawer: Drawer) -> list[np.ndarray]:
        with torch.no_grad():
            faces = torch.cat([drawer(page[None], look[:1]) for page in pages])
        return [np.asarray(face) for face in to_pil(functional.avg_pool2d(faces, 2))]

    def fitted_to(regained: float) -> Drawer:
        with torch.no_grad():
            photographs = widened(soft, regained=[regained]).eval()(pages, look)
        known: dict[str, Any] = {
            "picture": (127.5 * (photographs + 1)).round().to(torch.uint8),
            "drawing": (127.5 * (pages + 1)).round().to(torch.uint8),
            "look": look,
        }
        faces = Faces(**dict.fromkeys(Faces.__dataclass_fields__, torch.zeros(6)) | known)
        return sharpened(soft, faces, 256, torch.device("cpu"))

    sharp, wanted = fitted_to(1.5), widened(soft, regained=[1.5]).eval()
    shares = [sharpness(a) / sharpness(b) for a, b in zip(drawn(sharp), drawn(wanted), strict=True)]
    assert abs(sharp.regained[0] - 1.5) < 0.05
    assert abs(np.mean(shares) - 1) < 0.03
    assert sharp.config["regained"] == sharp.regained  # it is saved so
    assert soft.regained == [0.5]
    assert torch.equal(sharp.detail[0].look.weight, soft.detail[0].look.weight)
    assert fitted_to(0.1).regained[0] < 0.1
