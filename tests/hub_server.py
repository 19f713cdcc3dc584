"""A model hub on this machine: enough of the Hub's HTTP for the unmodified client to push to and load from.

It keeps repositories of models and datasets in memory, commit by commit, logs every request, fails on demand:

    with HubServer() as hub:
        hub.commit("me/model", {"config.json": b"{}"})
        hub.fail(503, times=2, path="/resolve/")
        ...  # a client with HF_ENDPOINT=hub.url
"""

from __future__ import annotations

import base64
import json
import os
import re
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hub_repo import KINDS, Repo, blob_of, is_large, oid_of, tree
from huggingface_hub import constants


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    authorization: str | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Rule:
    """What befalls the next requests whose path contains `path`: a status, a cut, a call before it."""

    path: str
    times: int
    status: int = 0
    cut: bool = False
    call: Callable[[], object] | None = None


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def reply(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def refuse(status: int, code: str = "", **headers: str) -> Answer:
    answer = reply({"error": code or f"status {status}"}, status)
    answer.headers |= headers | ({"X-Error-Code": code} if code else {})
    return answer


class HubServer:
    """`with HubServer() as hub:` serves at `hub.url` until the block ends."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token  # if set, every call but those to the file store must bear it
        self.repos: dict[tuple[str, str], Repo] = {}
        self.store: dict[str, bytes] = {}
        self.requests: list[Request] = []
        self.rules: list[Rule] = []
        self.lock = threading.RLock()
        self.stopped = False
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                pass

            def serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                hub.serve(self, body)

            do_GET = do_HEAD = do_POST = do_PUT = serve

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away: nobody connects any more, and connections still open are closed without an answer."""
        if not self.stopped:
            self.stopped = True
            self.server.shutdown()
            self.server.server_close()

    # -------------------------------------------------------- what a test says to it

    def environment(self, home: Path) -> dict[str, str]:
        """What a client in another process needs to talk to this server, with a cache of its own."""
        own = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_TOKEN": "hf_test",
        }
        dropped = {"HF_HUB_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_DATASETS_CACHE"}
        return {k: v for k, v in os.environ.items() if k not in dropped} | own

    def commit(
        self, name: str, files: dict[str, bytes], *, kind: str = "models", revision: str = "main"
    ) -> str:
        """Add files on top of a branch, as if somebody had pushed them; the new commit."""
        with self.lock:
            repo = self.repos.setdefault((kind, name), Repo(kind, name))
            before = repo.commits.get(repo.refs.get(revision, ""), {})
            return repo.add(before | files, revision)

    def repo(self, name: str, kind: str = "models") -> Repo:
        return self.repos[kind, name]

    def fail(self, status: int, *, times: int = 1, path: str = "") -> None:
        self.rules.append(Rule(path, times, status=status))

    def cut(self, *, times: int = 1, path: str = "") -> None:
        """Close the connection half way through the answer's body."""
        self.rules.append(Rule(path, times, cut=True))

    def before(self, path: str, call: Callable[[], object]) -> None:
        """Run `call` just before the next request for `path` is answered."""
        self.rules.append(Rule(path, 1, call=call))

    def clear(self) -> None:
        """Forget the requests and the rules; the repositories stay."""
        self.requests.clear()
        self.rules.clear()

    # -------------------------------------------------------- how it answers

    def serve(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        method, path = handler.command, handler.path
        if self.stopped:
            handler.close_connection = True
            return
        with self.lock:
            self.requests.append(Request(method, path, handler.headers.get("Authorization")))
            rule = next((r for r in self.rules if r.times > 0 and r.path in path), None)
            if rule:
                rule.times -= 1
                if rule.call:
                    rule.call()
            if rule and rule.status:
                answer = refuse(rule.status)
            elif self._is_stranger(handler):
                answer = refuse(401, "", **{"X-Error-Message": "Invalid credentials in Authorization header"})
            else:
                answer = self._answer(method, path, body, handler)
        data = answer.body
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", handler.headers.get("Range") or "")
        if wanted and answer.status == 200:
            data = self._cut_range(answer, *wanted.groups())
        handler.send_response(answer.status)
        for key, value in answer.headers.items():
            handler.send_header(key, value)
        if "Content-Length" not in answer.headers:
            handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        cut = rule is not None and rule.cut
        if method != "HEAD":
            handler.wfile.write(data[: len(data) // 2] if cut else data)
        handler.close_connection = handler.close_connection or cut

    def _is_stranger(self, handler: BaseHTTPRequestHandler) -> bool:
        free = handler.path.startswith("/store/")
        return (
            self.token is not None
            and not free
            and handler.headers.get("Authorization") != f"Bearer {self.token}"
        )

    @staticmethod
    def _cut_range(answer: Answer, first: str, last: str) -> bytes:
        size = len(answer.body)
        begin = int(first) if first else max(0, size - int(last))
        end = min(int(last) + 1, size) if first and last else size
        answer.status = 206
        answer.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
        return answer.body[begin:end]

    def _answer(self, method: str, path: str, body: bytes, handler: BaseHTTPRequestHandler) -> Answer:
        parts = urlsplit(path)
        where, query = parts.path, parse_qs(parts.query)
        if where == "/api/repos/create":
            return self._create(json.loads(body))
        if where == "/api/validate-yaml":
            return reply({"errors": [], "warnings": []})
        if where == "/api/whoami-v2":
            return reply({"type": "user", "name": "tester", "orgs": [], "auth": {"type": "access_token"}})
        if where.startswith("/store/"):
            return self._store(method, where.removeprefix("/store/"), body)
        if re.fullmatch(r"/(?:datasets/)?[^/]+/[^/]+\.git/info/lfs/objects/batch", where):
            return self._batch(json.loads(body))
        if match := re.fullmatch(
            r"/api/(models|datasets)/([^/]+/[^/]+)(?:/([\w-]+)(?:/([^/]+))?(/.*)?)?", where
        ):
            kind, name, verb, revision, rest = match.groups()
            repo = self.repos.get((kind, name))
            if repo is None:
                return refuse(404, "RepoNotFound")
            return self._api(
                repo, verb or "revision", unquote(revision or "main"), rest, query, body, handler
            )
        if match := re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", where):
            prefix, name, revision, file = match.groups()
            repo = self.repos.get(("datasets" if prefix else "models", name))
            return self._resolve(repo, unquote(revision), unquote(file))
        return refuse(404)

    def _create(self, wanted: dict[str, Any]) -> Answer:
        kind = f"{wanted.get('type', 'model')}s"
        name = f"{wanted.get('organization') or 'tester'}/{wanted['name']}"
        url = {"url": f"{self.url}/{KINDS[kind]}{name}"}
        if (kind, name) in self.repos:
            return reply(url | {"error": "You already created this repo"}, 409)
        private = wanted.get("visibility") == "private"
        repo = self.repos[kind, name] = Repo(kind, name, private=private)
        repo.add({".gitattributes": b""}, message="initial commit")
        return reply(url)

    def _store(self, method: str, oid: str, body: bytes) -> Answer:
        if oid == "verify":
            wanted = json.loads(body)
            return reply({}, 200 if len(self.store.get(wanted["oid"], b"")) == wanted["size"] else 404)
        if method == "PUT":
            if oid_of(body) != oid:
                return refuse(400)
            self.store[oid] = body
            return Answer()
        data = self.store.get(oid)
        return (
            refuse(404) if data is None else Answer(200, data, {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"})
        )

    def _batch(self, wanted: dict[str, Any]) -> Answer:
        objects = []
        for item in wanted["objects"]:
            entry = {"oid": item["oid"], "size": item["size"]}
            if item["oid"] not in self.store:
                entry["actions"] = {
                    "upload": {"href": f"{self.url}/store/{item['oid']}"},
                    "verify": {"href": f"{self.url}/store/verify"},
                }
            objects.append(entry)
        return reply({"transfer": "basic", "objects": objects})

    def _api(
        self,
        repo: Repo,
        verb: str,
        revision: str,
        rest: str | None,
        query: dict[str, list[str]],
        body: bytes,
        handler: BaseHTTPRequestHandler,
    ) -> Answer:
        if verb == "refs":
            branches = [
                {"name": n, "ref": f"refs/heads/{n}", "targetCommit": s} for n, s in repo.refs.items()
            ]
            return reply({"branches": branches, "tags": [], "converts": []})
        if verb == "branch":
            start = json.loads(body or b"{}").get("startingPoint", "main")
            repo.refs[revision] = repo.refs.get(start, start)
            return reply({})
        sha = repo.resolve(revision)
        if sha is None:
            return refuse(404, "RevisionNotFound")
        files = repo.commits[sha]
        if verb == "revision":
            return reply(repo.info(sha))
        if verb == "tag":
            repo.refs[json.loads(body)["tag"]] = sha
            return reply({})
        if verb == "preupload":
            modes = [
                {
                    "path": f["path"],
                    "uploadMode": "lfs" if is_large(f["path"]) else "regular",
                    "shouldIgnore": False,
                }
                for f in json.loads(body)["files"]
            ]
            return reply({"files": modes, "commitOid": sha})
        if verb == "commit":
            if query.get("create_pr") == ["1"]:
                return self._commit(repo, repo.propose(sha), files, body)
            return self._commit(repo, revision, files, body)
        if verb == "tree":
            recursive = query.get("recursive", ["false"])[0].lower() == "true"
            found = list(tree(files, unquote(rest or "").strip("/"), recursive))
            return reply(found) if found or not rest else refuse(404, "EntryNotFound")
        if verb == "paths-info":
            is_json = (handler.headers.get("Content-Type") or "").startswith("application/json")
            wanted = json.loads(body)["paths"] if is_json else parse_qs(body.decode()).get("paths", [])
            everything = {entry["path"]: entry for entry in tree(files, "", True)}
            return reply([everything[path] for path in wanted if path in everything])
        return refuse(404)

    def _commit(self, repo: Repo, revision: str, files: dict[str, bytes], body: bytes) -> Answer:
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        after, message = dict(files), ""
        for key, value in ((line["key"], line["value"]) for line in lines):
            if key == "header":
                message = value["summary"]
                if value.get("parentCommit", repo.refs[revision]) != repo.refs[revision]:
                    return refuse(412)
            elif key == "file":
                after[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                after[value["path"]] = self.store[value["oid"]]
            elif key == "deletedFile":
                after.pop(value["path"], None)
            elif key == "deletedFolder":
                after = {p: d for p, d in after.items() if not p.startswith(value["path"].rstrip("/") + "/")}
        sha = repo.add(after, revision, message)
        url = f"{self.url}/{KINDS[repo.kind]}{repo.name}/commit/{sha}"
        proposed = f"{self.url}/{repo.name}/discussions/{revision.removeprefix('refs/pr/')}"
        more = {"pullRequestUrl": proposed} if revision.startswith("refs/pr/") else {}
        return reply({"success": True, "commitUrl": url, "commitOid": sha} | more)

    def _resolve(self, repo: Repo | None, revision: str, file: str) -> Answer:
        if repo is None:
            return refuse(404, "RepoNotFound")
        sha = repo.resolve(revision)
        if sha is None:
            return refuse(404, "RevisionNotFound")
        headers = {"X-Repo-Commit": sha, "Accept-Ranges": "bytes"}
        data = repo.commits[sha].get(file)
        if data is None:
            return refuse(404, "EntryNotFound", **headers)
        if not is_large(file):
            return Answer(200, data, headers | {"ETag": f'"{blob_of(data)}"'})
        oid = oid_of(data)
        self.store[oid] = data
        # Another host name, as the real store is another host: the client must not send its token there.
        headers |= {"Location": f"http://localhost:{self.port}/store/{oid}", "X-Linked-Etag": f'"{oid}"'}
        return Answer(302, b"", headers | {"X-Linked-Size": str(len(data)), "ETag": f'"{blob_of(data)}"'})


@contextmanager
def hub_here(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[HubServer]:
    """A hub that this process's client talks to, with a cache of its own.

    The client reads its settings at import: here they are changed where it keeps them; it never waits.
    """
    with HubServer() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        hasty = types.SimpleNamespace(**{**vars(time), "sleep": lambda seconds: None})
        monkeypatch.setattr("huggingface_hub.utils._http.time", hasty)
        monkeypatch.setattr("huggingface_hub.file_download.time", hasty)
        yield server
