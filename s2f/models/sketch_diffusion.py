"""A pipeline for diffusers itself: a drawing → a photograph of a face, another one for every seed.

This file needs nothing but torch and diffusers, for it travels with the weights:

    DiffusionPipeline.from_pretrained("folder", trust_remote_code=True)(drawing).images[0]

The drawing is one channel beside the three of the noisy picture, dark strokes on white in [-1, 1].
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import DiffusionPipeline, ImagePipelineOutput
from diffusers.image_processor import VaeImageProcessor


class SketchDiffusionPipeline(DiffusionPipeline):
    """UNet2DModel with four channels in and three out, and any scheduler of diffusers."""

    unet: Any
    scheduler: Any
    progress_bar: Any
    register_modules: Any
    set_progress_bar_config: Any
    _execution_device: Any

    def __init__(self, unet: Any, scheduler: Any) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)
        self.set_progress_bar_config(disable=True)
        self.pages = VaeImageProcessor(do_resize=False, do_convert_grayscale=True)
        self.faces = VaeImageProcessor()

    @torch.no_grad()
    def __call__(
        self,
        drawing: Any,
        num_inference_steps: int = 12,
        guidance_scale: float = 1.0,
        generator: torch.Generator | list[torch.Generator] | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
    ) -> Any:
        """One face for each drawing, a picture of any kind that diffusers takes."""
        page = drawing if isinstance(drawing, torch.Tensor) else self.pages.preprocess(drawing)
        page = torch.nn.functional.adaptive_avg_pool2d(page, self.unet.config.sample_size)
        page = page.to(self._execution_device, self.unet.dtype)  # (N, 1, S, S)
        chances = generator if isinstance(generator, list) else [generator] * len(page)
        noise = torch.stack([_noise((3, *page.shape[2:]), chance) for chance in chances]).to(page)
        self.scheduler.set_timesteps(num_inference_steps, device=page.device)
        x = noise * self.scheduler.init_noise_sigma
        for time in self.progress_bar(self.scheduler.timesteps):
            seen = torch.cat([self.scheduler.scale_model_input(x, time), page], 1)
            said = self.unet(seen, time).sample
            if guidance_scale != 1:
                blank = torch.cat([seen[:, :3], torch.ones_like(page)], 1)
                said = torch.lerp(self.unet(blank, time).sample, said, guidance_scale)
            x = self.scheduler.step(said, time, x).prev_sample
        images = self.faces.postprocess(x.clamp(-1, 1), output_type)
        return ImagePipelineOutput(images=images) if return_dict else (images,)


def _noise(shape: tuple[int, ...], chance: torch.Generator | None) -> torch.Tensor:
    """Without a generator the same every time: a drawing has one face unless another is asked for."""
    chance = chance or torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=chance, device=chance.device)
