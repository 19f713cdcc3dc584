"""Where a model's files come from: a folder as it is, or one commit of one repository on the Hub."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from huggingface_hub import HfApi, constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RemoteEntryNotFoundError
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import validate_repo_id

from . import __version__
from .errors import ModelError

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT = 10.0
COMMIT = re.compile(r"[0-9a-f]{40}")
REVISION = re.compile(r"(?!.*\.\.)\w[\w.+-]*(/\w[\w.+-]*)*")
# Whichever HTTP library the installed client is built on, this is that library's own error.
TransportError: type[Exception] = HfHubHTTPError.__bases__[0]


def _is_outage(error: BaseException) -> bool:
    """The Hub cannot be reached or is overrun, as opposed to an answer that says no."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code == 429 or error.response.status_code >= 500
    return isinstance(error, TransportError | ConnectionError | TimeoutError)


def explain(error: BaseException, wanted: str) -> ModelError:
    if isinstance(error, LocalEntryNotFoundError | RuntimeError) and error.__cause__ is not None:
        error = error.__cause__  # the client wraps what it met
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    if status == 401:
        said = (
            "the Hub's 401 (not signed in)",
            "a public model; check its name, or pass a token if it is private",
        )
    elif status == 403:
        said = (
            "the Hub's 403 (forbidden)",
            "access; accept the model's terms, or pass a token that may read it",
        )
    elif status == 404:
        said = "the Hub's 404 (not found)", "an existing repository, revision and file; check their names"
    elif status == 429:
        said = "the Hub's 429 (too many requests)", "an answer; wait a few minutes and try again"
    elif status:
        said = f"the Hub's error {status}", "an answer; try again later"
    elif _is_outage(error):
        said = f"no connection ({type(error).__name__})", "the Hub's answer; check the network and try again"
    elif isinstance(error, LocalEntryNotFoundError):
        said = (
            "nothing in the cache",
            "a copy of it there while offline; go online once, or pass a local folder",
        )
    else:
        reason = " ".join(str(error).split())[:200]
        said = (
            f"{type(error).__name__} ({reason})",
            "a readable file; check the network, the disk and the cache",
        )
    return ModelError(f"got {said[0]} for {wanted}, expected {said[1]}")


PUSHES = {
    401: ("not signed in", "a token; run `hf auth login`"),
    403: ("forbidden", "a token that may write there; make one for it, or name a repository of your own"),
    404: ("not found", "a repository and branch that exist; check their names and your token"),
    409: ("a conflict", "one upload at a time; wait for the other one"),
    412: ("somebody published meanwhile", "the commit that was seen there before; look at the newer one"),
    413: ("too large", "smaller files; leave some out"),
    429: ("too many requests", "an answer; wait a few minutes"),
}


def explain_push(error: BaseException, repo: str, kept: str) -> ModelError:
    """Why an upload failed, what there is left of it, and how to go on."""
    if isinstance(error, RuntimeError) and error.__cause__ is not None:
        error = error.__cause__  # the client wraps what it met
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    if status in PUSHES or status >= 500:
        what, expected = PUSHES.get(status, ("its own fault", "an answer; wait a little"))
        said = f"the Hub's {status} ({what})"
    elif _is_outage(error):
        said, expected = f"no connection ({type(error).__name__})", "the Hub's answer; check the network"
    else:
        reason = " ".join(str(error).split())[:200]
        said, expected = f"{type(error).__name__} ({reason})", "files and a Hub that can be read; check both"
    return ModelError(
        f"got {said} for a push to {repo}, expected {expected}, then run the same again: {kept}, the "
        "Hub shows no half of it, and what has been uploaded is not sent twice"
    )


def _safe_name(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in name or ":" in name:
        raise ModelError(f"got the file name {name!r}, expected one inside the model; give a relative path")
    return str(path)


@dataclass(frozen=True)
class Snapshot:
    """The files of one model, all from one local folder or all from one commit of one repository."""

    folder: Path | None = None
    repo: str | None = None
    commit: str | None = None
    revision: str | None = None
    cache_dir: Path | None = None
    token: str | bool | None = field(default=None, repr=False)
    offline: bool = False
    sizes: Mapping[str, int] | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return str(self.folder) if self.folder else f"{self.repo}@{(self.commit or '')[:8]}"

    def file(self, name: str, *, force_download: bool = False, at_most: int | None = None) -> Path:
        """The file's place on the disk, fetched first if need be."""
        name = _safe_name(name)
        if self.folder is not None:
            path = self.folder / name
            if not path.is_file():
                raise ModelError(f"got no {name} in {self.folder}, expected that file; check the folder")
            return path
        if force_download and self.offline:
            raise ModelError(
                f"got force_download for {self} while offline, expected a network; drop it to use the cache"
            )
        size = (self.sizes or {}).get(name, 0)
        if at_most is not None and size > at_most:
            raise ModelError(
                f"got {name} of {size:,} bytes in {self}, expected {at_most:,} at most; do not trust it"
            )
        try:
            return Path(self._fetch(name, force_download))
        except (TransportError, OSError, ValueError) as error:
            raise explain(error, f"{name} of {self}") from error

    def _fetch(self, name: str, force_download: bool = False) -> str:
        assert self.repo is not None
        return hf_hub_download(
            self.repo,
            name,
            revision=self.commit,
            cache_dir=self.cache_dir,
            token=self.token,
            local_files_only=self.offline,
            force_download=force_download,
            library_name="s2f",
            library_version=__version__,
        )

    def has(self, name: str) -> bool:
        """Whether the model holds that file; offline, whether the cache does."""
        name = _safe_name(name)
        if self.folder is not None:
            return (self.folder / name).is_file()
        if self.sizes is not None:
            return name in self.sizes
        assert self.repo is not None
        cached = try_to_load_from_cache(self.repo, name, cache_dir=self.cache_dir, revision=self.commit)
        if cached is not None or self.offline:
            return isinstance(cached, str)
        try:  # not a listing, which would cost a request each time: the cache remembers what came of a fetch
            return Path(self._fetch(name)).is_file()
        except RemoteEntryNotFoundError:
            return False
        except (TransportError, OSError, ValueError) as error:
            raise explain(error, f"{name} of {self}") from error

    def remember(self) -> None:
        """Let the cache's branch point at this commit: call it once all that you need has been fetched."""
        if self.repo is None or self.revision is None or self.commit in (None, self.revision):
            return
        ref = _cache_folder(self.repo, self.cache_dir) / "refs" / self.revision
        part = ref.with_name(f".{ref.name}.{os.getpid()}.part")
        try:
            ref.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(str(self.commit), encoding="ascii")
            os.replace(part, ref)
        except OSError as error:  # a cache that is read-only serves as well as before
            logger.debug("could not record %s: %s", ref, error)


def _cache_folder(repo: str, cache_dir: Path | None) -> Path:
    cache = Path(cache_dir or constants.HF_HUB_CACHE).expanduser()
    return cache / repo_folder_name(repo_id=repo, repo_type="model")


def _cached_commit(repo: str, revision: str, cache_dir: Path | None) -> str | None:
    folder = _cache_folder(repo, cache_dir)
    commit = revision
    if not COMMIT.fullmatch(revision):
        try:
            commit = (folder / "refs" / revision).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None
    return commit if COMMIT.fullmatch(commit) and (folder / "snapshots" / commit).is_dir() else None


def _repo_name(path_or_repo: str | Path) -> str:
    name = str(path_or_repo)
    is_path = isinstance(path_or_repo, Path) or name.startswith(("/", ".", "~")) or name.count("/") > 1
    if not is_path:
        try:
            validate_repo_id(name)
            return name
        except ValueError:
            pass
    raise ModelError(
        f"got {name!r}, expected an existing folder or a repository 'owner/name'; check the name"
    )


def snapshot(
    path_or_repo: str | Path | Snapshot,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    token: str | bool | None = None,
    local_files_only: bool = False,
) -> Snapshot:
    """One commit of a repository, or a folder as it is.

    The commit is resolved here, once, so that a branch which moves between two fetches cannot mix two
    models. A full commit that is in the cache, or being offline, costs no request; if the Hub cannot be
    reached, the commit seen last is used and a warning is logged.
    """
    if isinstance(path_or_repo, Snapshot):
        return path_or_repo
    folder = Path(path_or_repo).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise ModelError(f"got revision {revision!r} for the folder {folder}, which has none; drop it")
        return Snapshot(folder=folder)
    repo, revision = _repo_name(path_or_repo), revision or constants.DEFAULT_REVISION
    if not REVISION.fullmatch(revision):
        raise ModelError(
            f"got the revision {revision!r}, expected a branch, tag or commit; check its spelling"
        )
    cache = Path(cache_dir).expanduser() if cache_dir is not None else None
    offline = local_files_only or constants.HF_HUB_OFFLINE
    commit, sizes = _cached_commit(repo, revision, cache), None
    if not offline and not (commit and COMMIT.fullmatch(revision)):
        try:
            info = HfApi(token=token, library_name="s2f", library_version=__version__).model_info(
                repo, revision=revision, files_metadata=True, timeout=REQUEST_TIMEOUT
            )
            sizes = {f.rfilename: f.size or 0 for f in info.siblings or []}
            commit = info.sha
        except (TransportError, OSError, ValueError, KeyError, TypeError) as error:
            # An answer that is not the Hub's, as a hotel's network gives, is as good as none.
            is_alien = not isinstance(error, TransportError | OSError)
            if commit is None or not (is_alien or _is_outage(error)):
                raise explain(error, f"{repo} at {revision}") from error
            logger.warning("%s; using the cached commit %s", explain(error, repo), commit[:8])
            offline = True
    if commit is None or not COMMIT.fullmatch(commit):
        raise ModelError(
            f"got no copy of {repo} at {revision} in the cache while offline, expected one; go online once, "
            "or pass a local folder"
        )
    return Snapshot(
        repo=repo,
        commit=commit,
        revision=revision,
        cache_dir=cache,
        token=token,
        offline=offline,
        sizes=sizes,
    )
