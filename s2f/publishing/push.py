"""One commit to the Hub, on top of the one seen there; what others published stays unless it is named."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.hf_api import ModelInfo
from huggingface_hub.utils import validate_repo_id

from .. import __version__
from ..corpus.store import MANIFEST
from ..errors import ModelError
from ..modelfile import read_json_object
from ..snapshot import COMMIT, REVISION, TransportError, explain, explain_push
from .model_card import Dataset
from .package import SHEETS, Package, pack
from .run import Run, runs

logger = logging.getLogger(__name__)
RECORD = "published.json"
BARE = {".gitattributes"}  # what a repository holds that nobody has pushed to


@dataclass(frozen=True)
class Published:
    """Where a run went. A pull request has an address of its own, and moves no branch."""

    repo: str
    commit: str
    url: str
    files: tuple[str, ...]
    pull_request: str | None = None

    def __str__(self) -> str:
        return self.pull_request or self.url


def publish(
    folder: str | Path,
    repo: str,
    *,
    private: bool = False,
    pull_request: bool = False,
    revision: str | None = None,
    onto: str | None = None,
    dataset: str | Dataset | None = None,
    message: str | None = None,
    token: str | bool | None = None,
) -> Published:
    """Everything a run left, with its card, in one commit on `revision` (main); a branch is made if need be.

    A branch whose last commit this run did not make is left alone, unless `onto` names that commit.
    """
    folder = Path(folder)
    _check_names(repo, revision, onto)
    if pull_request and revision not in (None, constants.DEFAULT_REVISION):
        raise ModelError(
            f"got a pull request to {revision}, expected one to main, as the Hub has it; leave one out"
        )
    api = HfApi(token=token, library_name="s2f", library_version=__version__)
    if isinstance(dataset, str):
        dataset = resolve_dataset(dataset, runs(folder), token=token)
    package = pack(folder, repo, dataset=dataset)
    branch = revision or constants.DEFAULT_REVISION
    with _explained(repo, folder):
        api.create_repo(repo, private=private or None, exist_ok=True)
        if branch != constants.DEFAULT_REVISION:
            api.create_branch(repo, branch=branch, exist_ok=True)
        head = api.model_info(repo, revision=branch, files_metadata=True)
        assert head.sha is not None
        if private and head.private is False:
            raise ModelError(
                f"got --private for {repo}, which exists and is public, expected a new or a private one; "
                "change it in its settings, or name another"
            )
        if not pull_request:
            _check_ours(repo, branch, head, onto, _record(folder).get(repo, {}), package)
        operations = _operations(package, head)
        if _same(head, package) and len(operations) == len(package.files):  # such as after a lost answer
            _remember(folder, repo, branch, head.sha)
            return Published(repo, head.sha, f"{api.endpoint}/{repo}/commit/{head.sha}", tuple(package.files))
        done = api.create_commit(
            repo,
            operations,
            revision=branch,
            parent_commit=head.sha,
            create_pr=pull_request,
            commit_message=message or f"Publish {package.title} with s2f {__version__}",
        )
    if not pull_request:
        _remember(folder, repo, branch, done.oid)
    return Published(repo, done.oid, done.commit_url, tuple(package.files), done.pr_url)


def resolve_dataset(name: str, found: list[Run], *, token: str | bool | None = None) -> Dataset:
    """The commit of a corpus on the Hub, "org/name" or "org/name@revision"; it is the one trained on."""
    repo, _, revision = name.partition("@")
    _check_names(repo, revision or None, None)
    api = HfApi(token=token, library_name="s2f", library_version=__version__)
    try:
        commit = api.dataset_info(repo, revision=revision or None).sha
        path = api.hf_hub_download(repo, MANIFEST, repo_type="dataset", revision=commit)
        manifest = read_json_object(Path(path).read_bytes(), f"{MANIFEST} of {repo}")
    except (TransportError, OSError, ValueError) as error:
        raise explain(error, f"the data set {name}") from error
    there = manifest.get("arguments")
    for run in found:
        if run.recipe and run.recipe != there:
            raise ModelError(
                f"got the data set {name} built with {_line(there)}, expected the corpus that {run.name} was "
                f"trained on, {_line(run.recipe)}; name that one"
            )
    assert commit is not None
    return Dataset(repo, commit)


def _line(arguments: Any) -> str:
    return json.dumps(arguments)[:200]


def _check_names(repo: str, revision: str | None, onto: str | None) -> None:
    with contextlib.suppress(ValueError):
        validate_repo_id(repo)
        if repo.count("/") == 1:
            if revision is not None and not REVISION.fullmatch(revision):
                raise ModelError(f"got the revision {revision!r}, expected a branch; check its spelling")
            if onto is not None and not COMMIT.fullmatch(onto):
                raise ModelError(
                    f"got {onto!r} to publish onto, expected a whole commit of 40 letters; copy it"
                )
            return
    raise ModelError(f"got {repo!r}, expected a repository like org/name; name one")


def _check_ours(
    repo: str,
    branch: str,
    head: ModelInfo,
    onto: str | None,
    published: Mapping[str, str],
    package: Package,
) -> None:
    """Nobody's work is buried: the branch is bare, or its last commit is ours or was named."""
    assert head.sha is not None
    if onto is not None:
        if onto != head.sha:
            raise ModelError(
                f"got {repo} at {head.sha} on {branch}, expected {onto}, which you looked at; look at the "
                "newer one, then publish onto it"
            )
        return
    ours = head.sha == published.get(branch) or {f.rfilename for f in head.siblings or []} <= BARE
    if not ours and not _same(head, package):
        raise ModelError(
            f"got {repo} at {head.sha} on {branch}, which this run did not publish, expected a branch of its "
            f"own; look at it, then add --onto {head.sha}, or publish with --pull-request or --revision"
        )


def _same(head: ModelInfo, package: Package) -> bool:
    """Every file of ours is there already: a commit whose answer got lost."""
    there = {f.rfilename: {f.blob_id, f.lfs.sha256 if f.lfs else None} for f in head.siblings or []}
    return all(there.get(name, set()) & set(package.digests(name)) for name in package.files)


def _operations(package: Package, head: ModelInfo) -> list[CommitOperationAdd | CommitOperationDelete]:
    """All files; contact sheets of an earlier version go."""
    there = {f.rfilename for f in head.siblings or []}
    old = sorted(name for name in there - set(package.files) if name.startswith(f"{SHEETS}/"))
    return [
        *(CommitOperationAdd(name, source) for name, source in package.files.items()),
        *(CommitOperationDelete(name) for name in old),
    ]


@contextlib.contextmanager
def _explained(repo: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except ModelError:
        raise
    except (TransportError, OSError, ValueError, RuntimeError) as error:
        raise explain_push(error, repo, f"{folder} is whole") from error


# ---------------------------------------------------------------- what was published from here


def _record(folder: Path) -> dict[str, dict[str, str]]:
    """{repository: {branch: commit}}."""
    try:
        found = json.loads((folder / RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, dict)} if isinstance(found, dict) else {}


def _remember(folder: Path, repo: str, branch: str, commit: str) -> None:
    record = _record(folder)
    record[repo] = record.get(repo, {}) | {branch: commit}
    aside = folder / f".{RECORD}.part"
    try:
        aside.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        aside.replace(folder / RECORD)
    except OSError as error:
        logger.warning(
            "could not note in %s what was published (%s): next time, add --onto %s", folder, error, commit
        )
