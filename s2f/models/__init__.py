"""The models, each one paper in one file, by the name under which the command line knows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..errors import ModelError
from ..hub import HubMixin, Snapshot, class_and_arguments, snapshot
from .alexnet import AlexNet
from .classifier import Classifier
from .critic import Critic
from .dcgan import DCGAN, DCGANDiscriminator
from .deepfacedrawing import DeepFaceDrawing, DeepFaceDrawingDiscriminator
from .diffusion import Diffusion
from .double_encoder import DoubleEncoder
from .drawer import Drawer
from .editor import Editor
from .enhancer import Enhancer
from .exprgan import ExprGAN, ExprGANDiscriminator, LatentDiscriminator
from .ganimation import GANimation, GANimationDiscriminator
from .gfpgan import GFPGAN
from .identity import Identity
from .multilevel import LevelCritics, MultiLevel
from .pix2pix import PatchDiscriminator, Pix2Pix
from .reader import Reader, Reading
from .stargan import StarGAN, StarGANDiscriminator
from .stargan_extended import ExtendedStarGAN, ReconstructionDiscriminator

MODELS: dict[str, type[HubMixin]] = {
    "alexnet": AlexNet,
    "classifier": Classifier,
    "critic": Critic,
    "dcgan": DCGAN,
    "diffusion": Diffusion,
    "deepfacedrawing": DeepFaceDrawing,
    "double_encoder": DoubleEncoder,
    "drawer": Drawer,
    "editor": Editor,
    "enhancer": Enhancer,
    "exprgan": ExprGAN,
    "ganimation": GANimation,
    "gfpgan": GFPGAN,
    "identity": Identity,
    "multilevel": MultiLevel,
    "pix2pix": Pix2Pix,
    "reader": Reader,
    "stargan": StarGAN,
    "stargan_extended": ExtendedStarGAN,
}

__all__ = [
    "DCGAN",
    "GFPGAN",
    "MODELS",
    "AlexNet",
    "Classifier",
    "Critic",
    "DCGANDiscriminator",
    "Diffusion",
    "DeepFaceDrawing",
    "DeepFaceDrawingDiscriminator",
    "DoubleEncoder",
    "Drawer",
    "Editor",
    "Enhancer",
    "ExprGAN",
    "ExprGANDiscriminator",
    "ExtendedStarGAN",
    "GANimation",
    "GANimationDiscriminator",
    "Identity",
    "LatentDiscriminator",
    "LevelCritics",
    "MultiLevel",
    "PatchDiscriminator",
    "Pix2Pix",
    "Reader",
    "Reading",
    "ReconstructionDiscriminator",
    "StarGAN",
    "StarGANDiscriminator",
    "load_model",
]


def load_model(
    path_or_repo: str | Path | Snapshot,
    subfolder: str | None = None,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    token: str | bool | None = None,
    local_files_only: bool = False,
    map_location: torch.device | str = "cpu",
) -> Any:
    """The model that stands there, whichever of MODELS it is: its config.json says."""
    source = snapshot(
        path_or_repo,
        revision=revision,
        cache_dir=cache_dir,
        token=token,
        local_files_only=local_files_only,
    )
    name, _ = class_and_arguments(source, subfolder)
    known = {model.__name__: model for model in MODELS.values()}
    if name not in known:
        raise ModelError(f"got a {name} in {source}, expected one of {', '.join(known)}; update s2f")
    model = known[name].from_pretrained(source, subfolder=subfolder, map_location=map_location)
    if source is not path_or_repo:
        source.remember()
    return model
