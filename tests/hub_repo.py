"""A repository of models or data sets in memory, commit by commit: what tests/hub_server.py serves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

DATE = "2024-01-01T00:00:00.000Z"
KINDS = {"models": "", "datasets": "datasets/"}
LARGE = (".safetensors", ".parquet", ".bin", ".arrow", ".png", ".jpg")


def oid_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def blob_of(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_large(path: str) -> bool:
    return path.endswith(LARGE)


def describe(path: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": blob_of(data)}
    if is_large(path):
        entry["lfs"] = {"oid": oid_of(data), "size": len(data), "pointerSize": 130}
    return entry


@dataclass
class Repo:
    kind: str
    name: str
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    private: bool = False

    def add(self, files: dict[str, bytes], revision: str = "main", message: str = "") -> str:
        self.messages.append(message)
        stamp = repr((self.name, len(self.messages), sorted((p, oid_of(d)) for p, d in files.items())))
        sha = hashlib.sha1(stamp.encode()).hexdigest()
        self.commits[sha] = files
        self.refs[revision] = sha
        return sha

    def propose(self, sha: str) -> str:
        """A pull request's branch, which starts where the one it is for stands."""
        name = f"refs/pr/{1 + sum(ref.startswith('refs/pr/') for ref in self.refs)}"
        self.refs[name] = sha
        return name

    def resolve(self, revision: str) -> str | None:
        sha = self.refs.get(revision, revision)
        return sha if sha in self.commits else None

    def info(self, sha: str) -> dict[str, Any]:
        """What the Hub says of it at a commit: the name, and every file with its size."""
        siblings = []
        for path, data in sorted(self.commits[sha].items()):
            entry = describe(path, data)
            sibling = {"rfilename": path, "size": entry["size"], "blobId": entry["oid"]}
            if "lfs" in entry:
                sibling["lfs"] = {"sha256": entry["lfs"]["oid"], "size": len(data), "pointerSize": 130}
            siblings.append(sibling)
        info = {
            "_id": "0" * 24,
            "id": self.name,
            "sha": sha,
            "private": self.private,
            "gated": False,
            "disabled": False,
        }
        info |= {"tags": [], "downloads": 0, "likes": 0, "lastModified": DATE, "createdAt": DATE}
        return info | {"siblings": siblings, "author": self.name.split("/")[0]}


def tree(files: dict[str, bytes], folder: str, recursive: bool) -> Iterator[dict[str, Any]]:
    """The files and folders under `folder`, as the Hub lists them."""
    prefix = f"{folder}/" if folder else ""
    folders = set()
    for path, data in sorted(files.items()):
        if not path.startswith(prefix):
            continue
        inner = path[len(prefix) :].split("/")
        depths = range(1, len(inner)) if recursive else range(1, min(len(inner), 2))
        folders |= {prefix + "/".join(inner[:depth]) for depth in depths}
        if recursive or len(inner) == 1:
            yield describe(path, data)
    for name in sorted(folders):
        yield {"type": "directory", "path": name, "size": 0, "oid": hashlib.sha1(name.encode()).hexdigest()}
