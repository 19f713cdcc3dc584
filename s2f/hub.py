"""Models from a folder or the Hub and back: strict, safetensors only, every file from one commit."""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from huggingface_hub import PyTorchModelHubMixin, constants

from . import __version__
from .errors import ModelError
from .modelfile import (
    CONFIG,
    MAX_CONFIG_BYTES,
    WEIGHTS,
    check_arguments,
    load_module,
    read_config,
    weights_of,
    write_whole,
)
from .snapshot import Snapshot, TransportError, explain_push, snapshot

if TYPE_CHECKING:
    import torch

PICKLES = ("pytorch_model.bin", "model.bin", "model.pt", "model.pth", "model.ckpt", "model.pkl")
CARD = """---
{{ card_data }}
---

# {{ model_name | default("An s2f model", true) }}

```python
from s2f.models import load_model

model = load_model("{{ repo_id | default("this/repository", true) }}")
```
"""


def _join(subfolder: str | None, name: str) -> str:
    return f"{subfolder}/{name}" if subfolder else name


def class_and_arguments(
    source: Snapshot, subfolder: str | None = None, *, force_download: bool = False
) -> tuple[str, dict[str, Any]]:
    """The name of the class that wrote a model, and what its `__init__` was given."""
    path = source.file(_join(subfolder, CONFIG), force_download=force_download, at_most=MAX_CONFIG_BYTES)
    config = read_config(path)
    name = config.pop("_class_name", None)
    config.pop("_s2f_version", None)
    if not isinstance(name, str) or not name.isidentifier() or len(name) > 100:
        raise ModelError(
            f"got {path} without a proper _class_name, expected one that save_pretrained wrote; save it again"
        )
    return name, config


def _weights(source: Snapshot, subfolder: str | None, force_download: bool) -> Path:
    name = _join(subfolder, WEIGHTS)
    if not source.has(name):
        pickles = [p for p in PICKLES if source.has(_join(subfolder, p))]
        only = f" (only {', '.join(pickles)}, which s2f never unpickles)" if pickles else ""
        raise ModelError(
            f"got no {name} in {source}{only}, expected weights as safetensors; convert and save them anew"
        )
    return source.file(name, force_download=force_download)


def _origin(source: Snapshot, weights: Path, name: str) -> tuple[str, str]:
    """What a picture's record calls this model: repository and commit, or class and digest of the weights."""
    if source.repo is not None:
        return source.repo, str(source.commit)
    with weights.open("rb") as file:
        return name, f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


class HubMixin(PyTorchModelHubMixin, library_name="s2f", tags=["s2f"], model_card_template=CARD):
    """What makes an `nn.Module` savable, loadable and publishable: `class Pix2Pix(nn.Module, HubMixin)`.

    The arguments of `__init__` are the whole configuration: JSON scalars and lists, typed, recorded here with
    their defaults when the model is made and checked in the same way when it is loaded.
    """

    _hub_mixin_config: dict[str, Any]
    origin: tuple[str, str]  # where a loaded model comes from; one that was never saved has none

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        instance = super().__new__(cls)
        try:
            bound = inspect.signature(cls.__init__).bind(instance, *args, **kwargs)
        except TypeError:  # __init__ is about to say it better; a copy is made without arguments, rightly
            return instance
        bound.apply_defaults()
        arguments = dict(list(bound.arguments.items())[1:])  # without self
        check_arguments(cls, arguments, f"the arguments of {cls.__name__}")
        instance._hub_mixin_config = copy.deepcopy(arguments)
        return instance

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that this model was made with, defaults included."""
        return copy.deepcopy(self._hub_mixin_config)

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        path_or_repo: str | Path | Snapshot,
        *,
        subfolder: str | None = None,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        token: str | bool | None = None,
        local_files_only: bool = False,
        force_download: bool = False,
        map_location: torch.device | str = "cpu",
    ) -> Self:
        """The model in eval mode, float32, or a ModelError: its configuration and weights fit exactly."""
        source = snapshot(
            path_or_repo,
            revision=revision,
            cache_dir=cache_dir,
            token=token,
            local_files_only=local_files_only,
        )
        name, arguments = class_and_arguments(source, subfolder, force_download=force_download)
        if name != cls.__name__:
            raise ModelError(f"got a {name} in {source}, expected a {cls.__name__}; load it with {name}")
        check_arguments(cls, arguments, f"{CONFIG} of {source}")
        path = _weights(source, subfolder, force_download)
        model: Any = load_module(path, lambda: cls(**arguments))  # type: ignore[type-var]
        model.origin = _origin(source, path, name)
        if source is not path_or_repo:  # who resolved it knows when all that it is for is there
            source.remember()
        try:
            return model.to(map_location)
        except (RuntimeError, AssertionError) as error:
            raise ModelError(
                f"got the device {str(map_location)!r} ({' '.join(str(error).split())[:100]}), expected one "
                "that this machine has; pass map_location='cpu'"
            ) from None

    def save_pretrained(  # type: ignore[override]
        self, folder: str | Path, *, dtype: torch.dtype | None = None, **from_push: Any
    ) -> None:
        """config.json and model.safetensors into `folder`; both complete, or what stood there is untouched.

        `from_push` is what the client's `push_to_hub` hands over; with it, a card is written too.
        """
        if set(from_push) - {"config", "model_card_kwargs"} or from_push.get("config") is not None:
            raise ModelError(
                f"got {', '.join(from_push)}, expected a folder and a dtype at most; drop the others"
            )
        config = {"_class_name": type(self).__name__, "_s2f_version": __version__} | self._hub_mixin_config
        contents = {
            WEIGHTS: weights_of(self, dtype),  # type: ignore[arg-type]
            CONFIG: (json.dumps(config, indent=2, allow_nan=False) + "\n").encode(),
        }
        card = Path(folder) / constants.REPOCARD_NAME
        if from_push and not card.exists():
            values = {"model_name": type(self).__name__} | (from_push.get("model_card_kwargs") or {})
            contents[card.name] = str(self.generate_model_card(**values)).encode()
        write_whole(Path(folder), contents)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Configuration, weights and a card in one commit; its address. The options are the client's own."""
        card = {"repo_id": repo_id} | (options.pop("model_card_kwargs", None) or {})
        try:
            return super().push_to_hub(repo_id, model_card_kwargs=card, **options)
        except (TransportError, OSError, ValueError, RuntimeError) as error:
            raise explain_push(error, repo_id, "the model is as it was") from error

    @classmethod
    def _from_pretrained(cls, *_: Any, **__: Any) -> NoReturn:
        raise ModelError(
            f"got a call past {cls.__name__}.from_pretrained, expected that one; call it instead"
        )

    # The ways in which the base reads weights: one unpickles, the other is not strict.
    _load_as_pickle = _load_as_safetensor = _from_pretrained
