"""The scripts that train drawers: a resume equals a straight run, and what they leave behind draws."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from s2f import SketchToFace, losses
from s2f.errors import ModelError
from s2f.models import MODELS, Diffusion, load_model
from s2f.models.diffusion import noising
from s2f.training import settle
from tests.scripts import script

RUNS = {
    "pix2pix": ("pix2pix", "--width", 4, "--critic_width", 4, "--depth", 6),
    "pix2pix, contextual": ("pix2pix", "--objective", "contextual")
    + ("--width", 4, "--critic_width", 4, "--depth", 5),
    "diffusion": ("diffusion", "--widths", 8, 16, "--layers", 1, "--sampling_steps", 2),
    "dcgan": ("dcgan", "--width", 3, "--critic_width", 4, "--latent", 6, "--reconstruction_steps", 3),
}


def train(kind: str, corpus: Path, folder: Path, *more: object) -> dict:
    name, *own = RUNS[kind]
    words = ["--corpus", corpus, "--output_dir", folder, "--resolution", 64, "--train_batch_size", 4]
    words += ["--max_train_steps", 4, "--checkpointing_steps", 2, "--validation_steps", 1000]
    script(str(name)).main([str(word) for word in (*words, *own, *more)])
    return json.loads((folder / "training.json").read_text("utf-8"))


@pytest.mark.parametrize("kind", [kind for kind in RUNS if kind != "dcgan"])
def test_two_steps_a_resume_and_a_reload(kind: str, mini_corpus: Path, tmp_path: Path) -> None:
    straight, halves = tmp_path / "straight", tmp_path / "halves"
    facts = train(kind, mini_corpus, straight)
    shutil.copytree(straight, halves)
    for left in (halves / "checkpoint-4", halves / "samples"):
        shutil.rmtree(left)
    (halves / "model.safetensors").unlink()
    torch.manual_seed(99)  # what went on in between is of no account
    train(kind, mini_corpus, halves, "--resume_from_checkpoint", "latest")
    one, other = (load_file(folder / "model.safetensors") for folder in (straight, halves))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[k], other[k]) for k in one)
    assert facts["images_seen"] == 16
    assert all(np.isfinite(value) for value in facts["losses"].values())
    assert str(tmp_path) not in json.dumps(facts)
    assert [p.name for p in (straight / "samples").iterdir()] == ["000004.png"]
    assert (straight / "diffusers" / "model_index.json").exists() == (kind == "diffusion")

    assert type(load_model(halves)) is MODELS[str(RUNS[kind][0])]
    pipe = SketchToFace.from_pretrained(drawer=halves, device="cpu", size=64)
    page = Image.new("L", (64, 64), 255)
    page.paste(0, (20, 20, 24, 40))
    assert pipe(page, seed=1, prepare_steps=()).face.size == (64, 64)


def test_contextual_kl_is_nothing_for_equals_and_grows_apart() -> None:
    true = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert losses.contextual_kl(true, true).item() == pytest.approx(0, abs=1e-6)
    near, far = (losses.contextual_kl(torch.lerp(true, true.flip(-1), k), true).item() for k in (0.1, 0.5))
    assert 0 < near < far
    assert losses.contextual_kl((true + 1) / 2 - 1, true).item() == pytest.approx(0, abs=1e-3)  # darker alone


def test_batch_norms_of_averaged_weights_are_measured_anew() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3)).eval()
    model[1].running_mean.fill_(5.0)  # of other weights
    parts = [torch.randn(4, 1, 8, 8) for _ in range(3)]
    settle(model, parts)
    made = model(torch.cat(parts))
    assert made.mean((0, 2, 3)).abs().max() < 1e-4
    assert (made.std((0, 2, 3)) - 1).abs().max() < 0.01
    assert not model[1].training
    assert model[1].momentum == 0.1


def test_dcgan_steps_resumes_and_looks_for_faces(mini_corpus: Path, tmp_path: Path) -> None:
    straight, halves = tmp_path / "straight", tmp_path / "halves"
    facts = train("dcgan", mini_corpus, straight)
    shutil.copytree(straight, halves)
    shutil.rmtree(halves / "checkpoint-4")
    (halves / "model.safetensors").unlink()
    torch.manual_seed(99)  # what went on in between is of no account
    train("dcgan", mini_corpus, halves, "--resume_from_checkpoint", "latest")
    one, other = (load_file(folder / "model.safetensors") for folder in (straight, halves))
    assert all(torch.equal(one[k], other[k]) for k in one)
    assert {p.name for p in (straight / "samples").iterdir()} == {"000004.png", "reconstructed.png"}
    assert 0 < facts["reconstruction"] < 2
    made = load_model(straight)(torch.randn(2, 6, generator=torch.Generator().manual_seed(0)))
    assert made.shape == (2, 3, 64, 64)
    assert not torch.equal(made[0], made[1])


def test_dcgan_finds_what_it_can_make_and_says_what_it_cannot() -> None:
    torch.manual_seed(0)
    model = MODELS["dcgan"](width=4, latent=5).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight *= 4  # away from its start, where all noise makes one grey
        true = model(torch.randn(2, 5))
    before = model.reconstruct(true, steps=0, generator=torch.Generator().manual_seed(1))[0]
    after, noise = model.reconstruct(true, steps=60, rate=0.1, generator=torch.Generator().manual_seed(1))
    assert (after - true).square().mean() < 0.6 * (before - true).square().mean()
    assert torch.equal(model(noise), after)
    assert all(weight.grad is None for weight in model.parameters())
    with pytest.raises(ModelError, match="resize it"):
        model.reconstruct(true[..., :32])
    with pytest.raises(ModelError, match="expected \\[batch, 5\\]"):
        model(torch.zeros(2, 6))


@pytest.fixture
def sampler() -> Diffusion:
    torch.manual_seed(0)
    return Diffusion(size=16, widths=[8, 16], layers=1, steps=3).eval()


def test_a_drawing_has_many_faces_and_each_seed_its_own(sampler: Diffusion) -> None:
    pages = torch.rand(3, 1, 32, 32) * 2 - 1
    pages[1] = pages[0]

    def faces(*seeds: int) -> torch.Tensor:
        return sampler(pages, generator=[torch.Generator().manual_seed(seed) for seed in seeds])

    one, again, other = faces(1, 2, 3), faces(1, 2, 3), faces(4, 2, 3)
    assert one.shape == (3, 3, 16, 16)
    assert one.abs().max() <= 1
    assert torch.equal(one, again)
    assert torch.allclose(one[1:], other[1:], atol=1e-5)  # the seed of one is nothing to the others
    assert not torch.allclose(one[0], other[0], atol=0.1)
    assert not torch.allclose(one[0], one[1], atol=0.1)  # one drawing, two seeds
    assert torch.equal(sampler(pages), sampler(pages))  # nobody asked for another
    guided = sampler(pages, guidance=3.0)
    assert not torch.allclose(guided, sampler(pages), atol=1e-3)


def test_diffusers_itself_loads_the_diffusion_drawer(sampler: Diffusion, tmp_path: Path) -> None:
    """In a process that knows no s2f, from the folder alone."""
    sampler.save_pipeline(tmp_path / "pipeline")
    Image.linear_gradient("L").save(tmp_path / "drawing.png")
    code = """
import sys, numpy as np, torch
from diffusers import DiffusionPipeline
from PIL import Image
pipe = DiffusionPipeline.from_pretrained("pipeline", trust_remote_code=True)
made = pipe(Image.open("drawing.png"), 3, generator=torch.Generator().manual_seed(5)).images[0]
made.save("made.png")
assert "s2f" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    page = np.asarray(Image.open(tmp_path / "drawing.png"))
    sketch = torch.from_numpy(page.copy())[None, None].float() / 127.5 - 1
    mine = sampler(sketch, generator=[torch.Generator().manual_seed(5)])
    theirs = np.asarray(Image.open(tmp_path / "made.png")).astype(float) / 127.5 - 1
    assert np.abs(mine[0].detach().permute(1, 2, 0).numpy() - theirs).max() < 0.01


def test_what_is_learned_of_each_noise_is_weighted() -> None:
    weights = script("diffusion").weight_of(noising().alphas_cumprod)
    assert weights[0] < 1e-2  # hardly any noise, hardly anything to learn
    assert weights.max() == pytest.approx(5 / 6, abs=0.01)
    assert weights[-1] < 1e-3
