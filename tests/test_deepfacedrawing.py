"""DeepFaceDrawing's own: the projection, its slider, the boxes, the bank and its shadows."""

from __future__ import annotations

import pytest
import torch

from s2f.errors import ModelError
from s2f.models import DeepFaceDrawing
from s2f.models.deepfacedrawing import BOXES, DeepFaceDrawingDiscriminator, parts, together
from s2f.models.manifold import nearest, projected, weights_of


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def tiny(bank: int = 6) -> DeepFaceDrawing:
    return DeepFaceDrawing(64, [8, 8], 8, 8, 8, 2, 1, neighbours=3, bank=bank, page=64).eval()


def drawings(count: int) -> torch.Tensor:
    """White pages with a stroke in another place each."""
    pages = torch.full((count, 64, 64), 255, dtype=torch.uint8)
    for n in range(count):
        pages[n, 20 + 5 * n : 23 + 5 * n, 10 + 3 * n : 50] = 0
    return pages


def test_the_projection_is_exact_inside_the_affine_hull() -> None:
    bank = torch.cat([torch.randn(10, 40), torch.randn(30, 40) + 100])
    given = torch.rand(5, 10) * 2 - 0.5
    given = given / given.sum(1, keepdim=True)
    f = given @ bank[:10]
    assert {*nearest(f, bank, 10).flatten().tolist()} == set(range(10))
    torch.testing.assert_close(projected(f, bank, 10), f, rtol=1e-3, atol=1e-3)


def test_the_weights_are_the_best_that_sum_to_one() -> None:
    f, neighbours = torch.randn(4, 20), torch.randn(4, 6, 20)
    weights = weights_of(f, neighbours)
    torch.testing.assert_close(weights.sum(1), torch.ones(4))

    # Lagrange: [G 1; 1ᵀ 0] [w; λ] = [A f; 1], solved in double as the textbook has it
    a = neighbours.double()
    one = torch.ones(4, 6, 1, dtype=torch.double)
    top = torch.cat([a @ a.mT, one], 2)
    system = torch.cat([top, torch.cat([one.mT, torch.zeros(4, 1, 1, dtype=torch.double)], 2)], 1)
    right = torch.cat([a @ f.double()[..., None], torch.ones(4, 1, 1, dtype=torch.double)], 1)
    expected = torch.linalg.solve(system, right)[:, :6, 0]
    torch.testing.assert_close(weights.double(), expected, rtol=1e-4, atol=1e-5)


def test_equal_neighbours_share_evenly() -> None:
    same = torch.randn(1, 1, 12).expand(2, 5, 12)
    torch.testing.assert_close(weights_of(torch.randn(2, 12), same), torch.full((2, 5), 0.2))


def test_the_slider_keeps_at_one_and_depends_on_neighbours_alone_at_nought() -> None:
    model = tiny(bank=12)
    f = torch.randn(1, 5, 8)
    assert torch.equal(model.refine(f, 1.0), f)
    spanned = model.refine(f, 0.0)
    assert not torch.allclose(spanned, f)
    torch.testing.assert_close(model.refine(f, 0.25), 0.25 * f + 0.75 * spanned)

    near = [set(nearest(f[:, n], model.bank[n], 3)[0].tolist()) for n in range(5)]
    for n, some in enumerate(near):
        far = [m for m in range(12) if m not in some]
        model.bank[n, far] += 50 * torch.sign(model.bank[n, far] - f[0, n])  # away from f
    assert torch.equal(model.refine(f, 0.0), spanned)
    model.bank[2, min(near[2])] += 0.1
    moved = (model.refine(f, 0.0) != spanned).any(2)[0]
    assert moved.tolist() == [False, False, True, False, False]


def test_each_component_has_its_own_slider() -> None:
    model = tiny()
    f = torch.randn(2, 5, 8)
    mixed = model.refine(f, torch.tensor([1.0, 0, 1, 0, 1]))
    for n in range(5):
        torch.testing.assert_close(mixed[:, n], model.refine(f, 1.0 if n % 2 == 0 else 0.0)[:, n])
    each = torch.stack([torch.ones(5), torch.zeros(5)])
    torch.testing.assert_close(model.refine(f, each)[1:], model.refine(f, 0.0)[1:])
    with pytest.raises(ModelError, match=r"got faithfulness of shape \[4\]"):
        model.refine(f, torch.ones(4))


def test_parts_together_are_the_page_and_the_eyes_lie_on_top() -> None:
    page = torch.rand(1, 1, 128, 128)
    cut = parts(page)
    assert [p.shape[-1] for p in cut] == [2 * side for _, _, side in BOXES.values()]
    assert torch.equal(together(cut), page)
    x, y, side = BOXES["mouth"]
    assert (cut[-1][..., 2 * y : 2 * (y + side), 2 * x : 2 * (x + side)] == 1).all()
    marked = together([torch.full_like(p, n) for n, p in enumerate(cut)])
    for n, (x, y, side) in enumerate(BOXES.values()):
        shown = (marked[..., 2 * y : 2 * (y + side), 2 * x : 2 * (x + side)] == n).float().mean()
        assert (shown == 1) if n < 2 else (0.4 < shown < 1), n


def test_shadows_are_the_drawings_remembered() -> None:
    model, pages = tiny(), drawings(6)
    model.remember(pages)
    sketch = pages[3][None, None].float() / 127.5 - 1
    under = model.shadow(sketch)
    strokes = (sketch < 0) & (model.shadow(sketch) < 0.01)
    assert strokes.sum() > 0.9 * (sketch < 0).sum()  # the nearest of a known drawing is itself
    shown = torch.unique((1 - under) / 2)
    assert all(min(abs(float(s) - k) for k in (0, 0.2, 0.3, 0.5, 0.7, 0.8, 1)) < 0.01 for s in shown)
    assert model.redrawn(sketch, 0.0).shape == sketch.shape
    with pytest.raises(ModelError, match=r"shape \[5, 64, 64\], expected uint8 of \[6, side, side\]"):
        model.remember(pages[:5])


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(ModelError, match="size=96.*multiple of 64"):
        DeepFaceDrawing(96, [8, 8])
    with pytest.raises(ModelError, match="no more neighbours than the bank"):
        DeepFaceDrawing(64, [8, 8], 8, 8, 8, bank=4)
    with pytest.raises(ModelError, match=r"\[1, 3, 64, 64\], expected \[batch, 1"):
        tiny()(torch.zeros(1, 3, 64, 64))
    with pytest.raises(ModelError, match="face of shape"):
        DeepFaceDrawingDiscriminator(4)(torch.zeros(1, 1, 32, 32), torch.zeros(1, 3, 64, 64))
    with pytest.raises(ModelError, match="depth=0"):
        DeepFaceDrawingDiscriminator(depth=0)


def test_the_size_at_full_width() -> None:
    with torch.device("meta"):
        model = DeepFaceDrawing()
    redraw = sum(p.numel() for p in model.components.decoders.parameters())
    every = sum(p.numel() for p in model.parameters())
    assert (round((every - redraw) / 1e6, 1), round(redraw / 1e6, 1)) == (407.7, 131.0)
