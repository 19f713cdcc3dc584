"""A corpus by folder or by Hub name, streaming or not, and the way back to the Hub."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CorpusError
from .card import PICTURE, PLACEHOLDER, write_card
from .features import SPLITS
from .store import MANIFEST, read_manifest
from .summary import split_files, summarise

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

_REPOSITORY = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")


def load(
    where: str | Path,
    split: str | None = None,
    *,
    streaming: bool = False,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | Path | None = None,
) -> DatasetDict | Dataset | IterableDatasetDict | IterableDataset:
    """The corpus in a folder or in the Hub repository "org/name"; a folder of that name comes first.

    Without `split` all splits as a dictionary. Streamed, rows come one by one as they are read and nothing is
    copied; otherwise `datasets` keeps an Arrow copy in its cache.
    """
    if split is not None and split not in SPLITS:
        raise CorpusError(f"got split {split!r}, expected one of {', '.join(SPLITS)}; choose one")
    cache = None if cache_dir is None else str(cache_dir)
    path = Path(where)
    if path.exists():
        return _from_folder(path, split, streaming, cache)
    name = str(where)
    if not _REPOSITORY.fullmatch(name):
        raise CorpusError(
            f"got {name!r}, expected a corpus folder that exists or a Hub name like org/name; check it"
        )
    return _from_hub(name, split, streaming, revision, token, cache)


def complete(folder: Path) -> None:
    """Say so where a build has not been finished; a folder without a manifest is taken as it is."""
    if (folder / MANIFEST).exists() and not read_manifest(folder).get("complete"):
        raise CorpusError(
            f"got {folder}, unfinished, expected a complete corpus; run its `s2f corpus build` again"
        )


def _from_folder(
    folder: Path, split: str | None, streaming: bool, cache: str | None
) -> DatasetDict | Dataset | IterableDatasetDict | IterableDataset:
    from datasets import load_dataset

    complete(folder)
    files = {name: [str(path) for path in paths] for name, paths in split_files(folder).items()}
    if split is not None and split not in files:
        raise CorpusError(
            f"got split {split}, expected one that {folder} has: {', '.join(files)}; choose one"
        )
    try:
        return load_dataset("parquet", data_files=files, split=split, streaming=streaming, cache_dir=cache)
    except Exception as error:  # of many libraries, one per kind of damage
        raise CorpusError(
            f"got {folder}, unreadable ({_line(error)}), expected a whole corpus; build or copy it again"
        ) from error


def _from_hub(
    name: str, split: str | None, streaming: bool, revision: str | None, token: str | None, cache: str | None
) -> DatasetDict | Dataset | IterableDatasetDict | IterableDataset:
    from datasets import load_dataset

    try:
        return load_dataset(
            name, split=split, streaming=streaming, revision=revision, token=token, cache_dir=cache
        )
    except Exception as error:
        raise CorpusError(
            f"got {name!r}, no folder here and not readable on the Hub ({_line(error)}), expected a corpus; "
            "check the name, the network and your token"
        ) from error


def push(
    folder: str | Path,
    name: str,
    *,
    private: bool = False,
    token: str | None = None,
    revision: str | None = None,
    message: str | None = None,
) -> str:
    """Upload a complete corpus, its card and picture in one commit; the address of that commit."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    folder = Path(folder)
    if not _REPOSITORY.fullmatch(name):
        raise CorpusError(f"got {name!r}, expected a repository like org/name; name one")
    if not folder.is_dir():
        raise CorpusError(f"got {folder}, expected the folder of a corpus; check the path")
    complete(folder)
    if (folder / MANIFEST).exists() and (whose := read_manifest(folder).get("adapted")):
        raise CorpusError(
            f"got a copy of {whose}, which its owner has not let us pass on, expected a corpus built by s2f; "
            "keep it where it is"
        )
    if not (folder / "README.md").exists():
        write_card(folder, summarise(folder), read_manifest(folder))
    api = HfApi(token=token)
    try:
        api.create_repo(name, repo_type="dataset", private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(name, branch=revision, repo_type="dataset", exist_ok=True)
        there = api.list_repo_files(name, repo_type="dataset", revision=revision)
        commit = api.create_commit(
            name,
            _operations(folder, name, there),
            repo_type="dataset",
            revision=revision,
            commit_message=message or "Upload the corpus",
        )
        return commit.commit_url
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise CorpusError(
            f"got {_line(error)} while uploading to {name}, expected a repository you may write to; check "
            "its name, the network and your token (`hf auth login`)"
        ) from error


def _operations(
    folder: Path, name: str, there: Iterable[str]
) -> list[CommitOperationAdd | CommitOperationDelete]:
    """All of the corpus, its card under its new name; an earlier corpus's other files go with it."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    card = (folder / "README.md").read_text("utf-8").replace(PLACEHOLDER, name)
    paths = [path for paths in split_files(folder).values() for path in paths]
    paths += [path for path in (folder / PICTURE, folder / MANIFEST) if path.exists()]
    files = {path.relative_to(folder).as_posix(): path for path in paths}
    old = [file for file in there if file.startswith("data/") and file not in files]
    return [
        CommitOperationAdd("README.md", card.encode()),
        *(CommitOperationAdd(file, path) for file, path in files.items()),
        *(CommitOperationDelete(file) for file in old),
    ]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
