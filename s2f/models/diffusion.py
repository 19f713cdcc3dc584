"""Conditional diffusion: a drawing becomes one of many faces, noise taken away a little at a time.

Denoising Diffusion Probabilistic Models, Ho, Jain & Abbeel, arXiv 2006.11239, on a drawing beside the noisy
picture, as Palette does it (Saharia et al., arXiv 2111.05826); the network says v (Salimans & Ho, arXiv
2202.00512), and DPM-Solver++ (Lu et al., arXiv 2211.01095) needs a dozen steps instead of a thousand. Network
and schedulers are those of diffusers.

    noisy face 3 ⊕ drawing 1 ─▶ UNet2DModel, attention where it is small ─▶ v ─▶ a little less noise ─▶ …

`save_pipeline` writes what `DiffusionPipeline.from_pretrained` of diffusers loads without s2f.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..errors import ModelError
from ..hub import HubMixin

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMES = 1000  # of noise, in training
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": TIMES,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction",
}
PIPELINE = "sketch_diffusion"  # the file beside this one, and its class
PIPELINE_CLASS = "SketchDiffusionPipeline"


class Diffusion(nn.Module, HubMixin):
    """A drawer: sketch (N, 1, size, size) → face (N, 3, size, size), another one for each generator."""

    def __init__(
        self,
        size: int = 128,
        widths: list[int] = [64, 128, 192, 256],  # noqa: B006  # a JSON default, never changed
        layers: int = 2,
        attention: int = 1,
        steps: int = 12,
    ) -> None:
        super().__init__()
        grain = 2 ** (len(widths) - 1)
        small = min(layers, steps, size, *widths, 1) < 1 or not 0 <= attention <= len(widths)
        if not widths or small or size % grain or any(w % 8 for w in widths):
            raise ModelError(
                f"got size={size}, widths={widths}, layers={layers}, attention={attention}, steps={steps}, "
                f"expected widths that are multiples of 8, a size that {grain} divides, at most one level of "
                "attention for each width, and the others ≥ 1; correct them"
            )
        diffusers = _diffusers()
        plain = len(widths) - attention
        self.size, self.steps = size, steps
        self.unet = diffusers.UNet2DModel(
            sample_size=size,
            in_channels=4,
            out_channels=3,
            block_out_channels=widths,
            layers_per_block=layers,
            norm_num_groups=8,
            attention_head_dim=8,
            down_block_types=["DownBlock2D"] * plain + ["AttnDownBlock2D"] * attention,
            up_block_types=["AttnUpBlock2D"] * attention + ["UpBlock2D"] * plain,
        )

    def forward(
        self,
        sketch: torch.Tensor,
        *,
        generator: Sequence[torch.Generator] | None = None,
        guidance: float = 1.0,
    ) -> torch.Tensor:
        """Faces by the few-step sampler; `guidance` above 1 follows the drawing more than was learned."""
        if sketch.dim() != 4 or sketch.shape[1] != 1 or sketch.shape[2] != sketch.shape[3]:
            raise ModelError(
                f"got a drawing of shape {list(sketch.shape)}, expected [batch, 1, side, side]; make it "
                "square and grey"
            )
        chances = list(generator) if generator is not None else None
        (made,) = self.pipeline()(sketch, self.steps, guidance, chances, output_type="pt", return_dict=False)
        return 2 * made - 1

    def denoise(self, noisy: torch.Tensor, time: torch.Tensor, sketch: torch.Tensor) -> torch.Tensor:
        """What the network says, v, of a noisy face (N, 3, size, size) at each time (N,)."""
        return self.unet(torch.cat([noisy, sketch], 1), time).sample

    def pipeline(self) -> Any:
        """The same weights as a pipeline of diffusers."""
        from .sketch_diffusion import SketchDiffusionPipeline

        sampler = _diffusers().DPMSolverMultistepScheduler(algorithm_type="dpmsolver++", **SCHEDULE)
        return SketchDiffusionPipeline(self.unet, sampler)

    def save_pipeline(self, folder: str | Path) -> None:
        """A folder that diffusers itself loads: unet/, scheduler/, model_index.json and the code."""
        folder = Path(folder)
        self.pipeline().save_pretrained(folder)
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        index["_class_name"] = [PIPELINE, PIPELINE_CLASS]
        (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
        shutil.copyfile(Path(__file__).with_name(f"{PIPELINE}.py"), folder / f"{PIPELINE}.py")


def noising() -> Any:
    """How noise is put on in training: `add_noise`, `get_velocity`, and its `alphas_cumprod`."""
    return _diffusers().DDPMScheduler(**SCHEDULE)


def _diffusers() -> Any:
    try:
        import diffusers
    except ImportError:
        raise ModelError(
            "got no diffusers installed, expected it for the diffusion drawer; run pip install 's2f[train]'"
        ) from None
    return diffusers
