"""GFPGAN's published weights: fetched once, verified, kept as safetensors.

They are TencentARC's (Apache-2.0), 349 MB, and never part of this package. A download that is cut goes on
where it stopped; nothing is believed before its size and SHA-256 are right; a file of torch is read with
nothing but tensors allowed, and its names and shapes must be the network's exactly.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import constants
from huggingface_hub.utils import WeakFileLock

from ..errors import ModelError

if TYPE_CHECKING:
    from ..models import GFPGAN

logger = logging.getLogger(__name__)

PUBLISHED = "https://github.com/TencentARC/GFPGAN/releases/download/v1.3.0/"
NEWEST = "1.4"
VARIABLE = "S2F_GFPGAN_WEIGHTS"
PIECE = 1 << 18
PATIENCE = 30  # seconds without a byte
ATTEMPTS = 5  # in a row that bring nothing, after some came; where none came, the network is not there
AT_FIRST = 2
PAUSE = 1.0  # seconds before the second of them, and longer before each later one


@dataclass(frozen=True)
class Weights:
    """One published file."""

    file: str
    size: int
    sha256: str


VERSIONS = {
    "1.4": Weights(
        "GFPGANv1.4.pth",
        348_632_874,
        "e2cd4703ab14f4d01fd1383a8a8b266f9a5833dacee8e6a79d3bf21a1b6be5ad",
    ),
    "1.3": Weights(
        "GFPGANv1.3.pth",
        348_632_874,
        "c953a88f2727c85c3d9ae72e2bd4846bbaf59fe6972ad94130e23e7017524a70",
    ),
}


def cache_folder() -> Path:
    """Beside the Hub's own cache."""
    home = os.environ.get("HF_HOME") or constants.HF_HOME
    return Path(home).expanduser().parent / "s2f"


def arrived(version: str = NEWEST, cache: Path | None = None) -> int:
    """How many bytes of a version's file a fetch that is under way has."""
    part = place(version, cache).parent / f"{_published(version).file}.part"
    try:
        return part.stat().st_size
    except OSError:
        return 0


def place(version: str = NEWEST, cache: Path | None = None) -> Path:
    """The folder of a version, there or not."""
    _published(version)
    return (cache or cache_folder()) / f"gfpgan-{version}"


def _published(version: str) -> Weights:
    if version not in VERSIONS:
        raise ModelError(f"got GFPGAN version {version!r}, expected one of {', '.join(VERSIONS)}; choose one")
    return VERSIONS[version]


# ---------------------------------------------------------------- opening


def load(weights: str | Path | None = None, version: str = NEWEST, cache: Path | None = None) -> GFPGAN:
    """GFPGAN from a file or folder, else from where S2F_GFPGAN_WEIGHTS points, else from the cache."""
    from ..models import GFPGAN

    given = weights or os.environ.get(VARIABLE)
    if given:
        path = Path(given).expanduser()
        return GFPGAN.from_pretrained(path) if path.is_dir() else _from_file(path)
    folder = place(version, cache)
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"got no weights of GFPGAN {version} in {folder}, expected them there; run s2f restore "
            f"--download once, or give a file with --weights or {VARIABLE}"
        )
    return GFPGAN.from_pretrained(folder)


def _from_file(path: Path) -> GFPGAN:
    if not path.is_file():
        raise ModelError(f"got no file {path}, expected GFPGAN's weights; check the path")
    model = _from_safetensors(path) if path.suffix == ".safetensors" else _from_pickle(path)
    with path.open("rb") as file:
        model.origin = ("GFPGAN", f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}")
    return model


def _from_safetensors(path: Path) -> GFPGAN:
    from ..modelfile import load_module, read_header
    from ..models import GFPGAN

    with path.open("rb") as file:
        entries, _ = read_header(file, path)
    arguments = arguments_of({name: entry.shape for name, entry in entries.items()}, path)
    return load_module(path, lambda: GFPGAN(**arguments))


def _from_pickle(path: Path) -> GFPGAN:
    import torch

    from ..models import GFPGAN

    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # its reader raises whatever a damaged or hostile file leads to
        raise ModelError(
            f"got {path}, which is no file of tensors only ({type(error).__name__}), expected GFPGAN's "
            "weights as .pth or .safetensors; get them again with s2f restore --download"
        ) from None
    for key in ("params_ema", "params"):
        if isinstance(data, dict) and isinstance(data.get(key), dict):
            data = data[key]
            break
    if not isinstance(data, dict) or not all(isinstance(value, torch.Tensor) for value in data.values()):
        raise ModelError(
            f"got {path} without a table of tensors, expected params_ema as GFPGAN publishes it; get it again"
        )
    state = {name: value.float() for name, value in data.items()}
    arguments = arguments_of({name: tuple(value.shape) for name, value in state.items()}, path)
    with torch.device("meta"):
        model = GFPGAN(**arguments)
    expected = model.state_dict()
    wrong = sorted(set(expected) ^ set(state)) or [n for n in expected if expected[n].shape != state[n].shape]
    if wrong or not all(bool(value.isfinite().all()) for value in state.values()):
        raise ModelError(
            f"got {path} that differs from GFPGAN at {wrong[0] if wrong else 'a number that is not finite'}, "
            "expected the weights of its clean form; get them again with s2f restore --download"
        )
    model.load_state_dict(state, strict=True, assign=True)
    return model.eval()


def arguments_of(shapes: Mapping[str, tuple[int, ...]], path: Path) -> dict[str, Any]:
    """The arguments with which GFPGAN has these shapes; the comparison that follows is strict."""
    try:
        sides = [s[-1] for n, s in shapes.items() if re.fullmatch(r"stylegan_decoder\.noises\.noise\d+", n)]
        mlp = [n for n in shapes if re.fullmatch(r"stylegan_decoder\.style_mlp\.\d+\.weight", n)]
        style = shapes["stylegan_decoder.style_conv1.modulated_conv.modulation.weight"][1]
        width = shapes["stylegan_decoder.constant_input.weight"][1]
        scale = shapes["condition_scale.0.2.weight"]
        size = max(sides)
        multiplier = 2
        if size >= 64:
            at_64 = shapes["stylegan_decoder.style_convs.7.modulated_conv.weight"][1]
            multiplier = max(1, round(2 * at_64 / width))
        return {
            "size": size,
            "channel_multiplier": multiplier,
            "narrow": width / 512,
            "style": style,
            "mlp_depth": len(mlp),
            "different_w": shapes["final_linear.weight"][0] != style,
            "half_modulated": scale[0] == scale[1],
        }
    except (KeyError, IndexError, ValueError):
        raise ModelError(
            f"got {path}, which holds another network, expected GFPGAN in its clean form (versions 1.2 to "
            "1.4); choose that file"
        ) from None


# ---------------------------------------------------------------- fetching


def fetch(
    version: str = NEWEST, *, cache: Path | None = None, base: str = PUBLISHED, progress: bool = True
) -> Path:
    """The folder of that version's weights, downloaded, verified and converted if they are not there yet."""
    wanted, folder = _published(version), place(version, cache)
    if (folder / "config.json").is_file():
        return folder
    if constants.HF_HUB_OFFLINE:
        raise ModelError(
            "got HF_HUB_OFFLINE set, expected to be allowed to fetch GFPGAN's weights; unset it, or give a "
            f"file with --weights or {VARIABLE}"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # a second process waits for the first, and finds its work done
        with WeakFileLock(folder.parent / f".gfpgan-{version}.lock"):
            if not (folder / "config.json").is_file():
                part = folder.parent / f"{wanted.file}.part"
                _room(folder.parent, wanted, part)
                _download(base + wanted.file, wanted, part, progress)
                _verify(part, wanted)
                _from_pickle(part).save_pretrained(folder)
                part.unlink()
    except OSError as error:
        raise ModelError(
            f"got {folder.parent} to keep GFPGAN's weights in ({error.strerror or error}), expected a "
            "writable folder with room; set HF_HOME to another"
        ) from None
    return folder


def _room(folder: Path, wanted: Weights, part: Path) -> None:
    """The file and its safetensors stand side by side for a moment."""
    have = part.stat().st_size if part.exists() else 0
    free = shutil.disk_usage(folder).free
    need = 2 * wanted.size - have + (16 << 20)
    if free < need:
        raise ModelError(
            f"got {free >> 20} MiB free at {folder}, expected {need >> 20} for GFPGAN's weights; free some, "
            "or set HF_HOME to another disk"
        )


def _download(address: str, wanted: Weights, part: Path, progress: bool) -> None:
    """Until the part is whole; a cut is followed by another request from there on."""
    from tqdm import tqdm

    idle, first = 0, part.stat().st_size if part.exists() else 0
    with tqdm(
        total=wanted.size, unit="B", unit_scale=True, desc=wanted.file, disable=not progress, leave=False
    ) as bar:
        while (have := part.stat().st_size if part.exists() else 0) < wanted.size:
            bar.n = have
            try:
                _request(address, wanted, part, have, bar.update)
                trouble = "the connection ended early"
            except urllib.error.HTTPError as error:
                if error.code < 500 and error.code not in (408, 416, 429):
                    raise ModelError(
                        f"got status {error.code} for {address}, expected the file; try again later, or give "
                        "it with --weights"
                    ) from None
                if error.code == 416:  # the part is longer than the server's file: it is of another one
                    part.unlink(missing_ok=True)
                trouble = f"status {error.code}"
            except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
                trouble = str(getattr(error, "reason", "") or error or type(error).__name__)
            now = part.stat().st_size if part.exists() else 0
            idle = 0 if now > have else idle + 1
            if idle >= (ATTEMPTS if now > first else AT_FIRST):
                raise ModelError(
                    f"got {now:,} of {wanted.size:,} bytes of {address} ({trouble}), expected all of them; "
                    "check the network and run it again: it goes on from there; or give a file with --weights"
                )
            time.sleep(PAUSE * idle)
    _refuse_longer(part, wanted)


def _request(address: str, wanted: Weights, part: Path, have: int, tell: Any) -> None:
    """Append to the part what the server still has; a server that begins anew makes the part begin anew."""
    headers = {"User-Agent": "s2f", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=PATIENCE) as answer:
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        )
        with part.open("ab" if goes_on else "wb") as file:
            while data := answer.read(PIECE):
                file.write(data)
                tell(len(data))
                if file.tell() > wanted.size:
                    break


def _refuse_longer(part: Path, wanted: Weights) -> None:
    size = part.stat().st_size
    if size != wanted.size:
        part.unlink()
        raise ModelError(
            f"got more than {wanted.size:,} bytes as {wanted.file}, expected exactly that many; what came is "
            "thrown away; try again, or give the file with --weights"
        )


def _verify(part: Path, wanted: Weights) -> None:
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != wanted.sha256:
        part.unlink()
        raise ModelError(
            f"got {wanted.file} with SHA-256 {digest[:16]}…, expected {wanted.sha256[:16]}…; what came is "
            "thrown away; try again, or give the file with --weights"
        )
