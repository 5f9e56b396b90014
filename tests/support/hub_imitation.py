"""Local imitations of the Hugging Face hub and of ModelScope: the endpoints that their clients ask, on loopback."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "c0ffee" + "0" * 33 + "1"
LATER_COMMIT = "beef" + "0" * 35 + "2"


@dataclass
class Repo:
    """One data set repository. commits: what each commit id holds; branches: what each branch means now.

    gated: needs a token. stored_elsewhere: files that are answered with a redirect, as large files are.
    """

    commits: dict[str, dict[str, bytes]]
    branches: dict[str, str]
    gated: bool = False
    stored_elsewhere: set[str] = field(default_factory=set)

    def commit_of(self, revision: str) -> str | None:
        """The commit that a branch or commit id means."""
        found = self.branches.get(revision, revision)
        return found if found in self.commits else None


@dataclass
class Hub:
    """What an imitation serves and what it was asked. failures: statuses for the next requests, before any answer."""

    repos: dict[str, Repo] = field(default_factory=dict)
    failures: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    cut_after: int | None = None

    def add(self, name: str, files: dict[str, bytes], **more: object) -> Repo:
        """A repository with one commit, which both default branches mean."""
        repo = Repo({COMMIT: files}, {"main": COMMIT, "master": COMMIT}, **more)  # type: ignore[arg-type]
        self.repos[name] = repo
        return repo


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Nothing: requests are kept in hub.asked."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        self.hub.asked.append(f"{self.command} {self.path}")
        if self.hub.failures:
            return self._send(self.hub.failures.pop(0), b"broken on purpose")
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), {name: values[0] for name, values in parse_qs(parts.query).items()}
        return self._answer(path, query, body)

    def _answer(self, path: str, query: dict[str, str], body: bytes) -> None:
        raise NotImplementedError

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            if self.hub.cut_after is not None and status == 200 and len(body) > self.hub.cut_after:
                body, self.close_connection = body[: self.hub.cut_after], True
                self.hub.cut_after = None
            self.wfile.write(body)

    def _send_json(self, content: object, status: int = 200, **headers: str) -> None:
        self._send(status, json.dumps(content).encode(), Content_Type="application/json", **headers)

    def _send_file(self, content: bytes, **headers: str) -> None:
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes="):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            piece = content[int(first) : int(last) + 1 if last else None]
            told = f"bytes {first}-{int(first) + len(piece) - 1}/{len(content)}"
            return self._send(206, piece, Content_Range=told, **headers)
        return self._send(200, content, **headers)


class HuggingFaceHandler(_Handler):
    """/api/datasets/... and /datasets/<repo>/resolve/<revision>/<file>, with the headers of the hub."""

    def _answer(self, path: str, query: dict[str, str], body: bytes) -> None:
        if path.startswith("/elsewhere/"):
            return self._send_file(self._stored(path.removeprefix("/elsewhere/")))
        is_api = path.startswith("/api/datasets/")
        owner, name, *rest = path.removeprefix("/api").removeprefix("/datasets/").split("/")
        repo = self.hub.repos.get(f"{owner}/{name}")
        if repo is None:
            return self._refuse(404, "RepoNotFound", "Repository not found")
        if repo.gated and not is_api and "Authorization" not in self.headers:
            # What a gated data set is called is public; what it holds is not.
            return self._refuse(401, "GatedRepo", f"Access to dataset {owner}/{name} is restricted.")
        if is_api:
            return self._answer_api(f"{owner}/{name}", repo, rest, query, body)
        _, revision, *file = rest
        commit = repo.commit_of(revision)
        if commit is None:
            return self._refuse(404, "RevisionNotFound", "Invalid rev id")
        content = repo.commits[commit].get("/".join(file))
        if content is None:
            return self._refuse(404, "EntryNotFound", "Entry not found", X_Repo_Commit=commit)
        sha256 = hashlib.sha256(content).hexdigest()
        if "/".join(file) in repo.stored_elsewhere:
            return self._send(
                302,
                b"",
                # Another host, as the hub's storage is: only then the client asks no further for the headers.
                Location=f"{self.hub.url.replace('127.0.0.1', 'localhost')}/elsewhere/{sha256}",
                X_Repo_Commit=commit,
                X_Linked_Etag=f'"{sha256}"',
                X_Linked_Size=str(len(content)),
            )
        return self._send_file(content, ETag=f'"{hashlib.sha1(content).hexdigest()}"', X_Repo_Commit=commit)

    def _answer_api(self, name: str, repo: Repo, rest: list[str], query: dict[str, str], body: bytes) -> None:
        verb, revision, *below = rest if rest else [*rest, "revision", "main"]
        commit = repo.commit_of(revision)
        if commit is None:
            return self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        files = repo.commits[commit]
        if verb == "revision":
            siblings = [{"rfilename": file} for file in files]
            return self._send_json({"id": name, "sha": commit, "private": False, "gated": False, "siblings": siblings})
        if verb == "paths-info":
            wanted = json.loads(body)["paths"] if body.startswith(b"{") else parse_qs(body.decode())["paths"]
            return self._send_json([_entry(file, files[file]) for file in wanted if file in files])
        if verb == "tree":
            root = "".join(f"{part}/" for part in below)
            within = {file: content for file, content in files.items() if file.startswith(root)}
            if root and not within:
                return self._refuse(404, "EntryNotFound", f"{root} does not exist")
            folders = {f"{root}{file.removeprefix(root).partition('/')[0]}" for file in within} - within.keys()
            here = {file for file in within if "/" not in file.removeprefix(root) or query.get("recursive") == "true"}
            entries = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": folder} for folder in sorted(folders)]
            return self._send_json(entries + [_entry(file, files[file]) for file in sorted(here)])
        return self._refuse(404, "", f"nothing at {verb}")

    def _stored(self, sha256: str) -> bytes:
        return next(
            content
            for repo in self.hub.repos.values()
            for files in repo.commits.values()
            for content in files.values()
            if hashlib.sha256(content).hexdigest() == sha256
        )

    def _refuse(self, status: int, code: str, message: str, **headers: str) -> None:
        self._send_json({"error": message}, status, X_Error_Code=code, X_Error_Message=message, **headers)


class ModelScopeHandler(_Handler):
    """/api/v1/datasets/<repo>/repo and .../repo/tree, with the envelope of ModelScope."""

    def _answer(self, path: str, query: dict[str, str], body: bytes) -> None:
        if path.startswith("/elsewhere/"):
            return self._send_file(next(f[path.removeprefix("/elsewhere/")] for f in self._files()))
        if not path.startswith("/api/v1/datasets/"):
            return self._refuse(404, "no such page")
        owner, name, *rest = path.removeprefix("/api/v1/datasets/").split("/")
        repo = self.hub.repos.get(f"{owner}/{name}")
        if repo is None:
            return self._refuse(404, "dataset not found")
        if repo.gated:
            return self._refuse(403, "access denied")
        commit = repo.commit_of(query.get("Revision", "master"))
        files = repo.commits[commit] if commit is not None else None
        if rest == ["repo", "tree"]:
            return self._list(files, commit, query.get("Root", "").strip("/"))
        content = None if files is None else files.get(query["FilePath"])
        if content is None:
            return self._refuse(404, "file not found")
        if query["FilePath"] in repo.stored_elsewhere:
            return self._send(
                302,
                b"",
                Location=f"{self.hub.url}/elsewhere/{query['FilePath']}",
                X_Linked_ETag=f'"{hashlib.sha256(content).hexdigest()}"',
            )
        if "gzip" in self.headers.get("Accept-Encoding", "") and not self.headers.get("Range"):
            # As storage in front of such hubs may; the length is then not the file's.
            return self._send(200, gzip.compress(content), Content_Encoding="gzip")
        return self._send_file(content)

    def _list(self, files: dict[str, bytes] | None, commit: str | None, root: str) -> None:
        # An unknown revision is no error there: HTTP 200 without files.
        entries = None
        if files is not None:
            entries = [
                {
                    "Path": file,
                    "Name": file.rpartition("/")[2],
                    "Type": "blob",
                    "Size": len(content),
                    "Sha256": hashlib.sha256(content).hexdigest(),
                    "Revision": commit,
                }
                for file, content in files.items()
                if file.rpartition("/")[0] == root
            ]
        self._send_json({"Code": 200, "Data": {"Files": entries}, "Message": "success", "Success": True})

    def _files(self) -> Iterator[dict[str, bytes]]:
        for repo in self.hub.repos.values():
            yield from repo.commits.values()

    def _refuse(self, status: int, message: str) -> None:
        self._send_json({"Code": 10010000 + status, "Message": message, "Success": False, "Data": None}, status)


def _entry(file: str, content: bytes) -> dict[str, object]:
    # The id that git gives to these bytes.
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return {"type": "file", "oid": oid, "size": len(content), "path": file}


def serve(handler: type[_Handler]) -> Iterator[Hub]:
    """The imitation, from before the test to after it."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
