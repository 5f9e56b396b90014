"""Files of data sets on ModelScope, over its public HTTP interface.

Plain HTTP rather than the `modelscope` package: that one takes 0.6 to 1 s to import and tens of megabytes with its
requirements, for one GET; it asks the very URL that is asked here (tests/fetch prove it against the same imitation).
MODELSCOPE_ENDPOINT names another endpoint, as for the package.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch.http import HttpStatusError, download, get_json
from pytest_modeleval.fetch.source import Fetched, FetchError, Progress, fill_pattern, local_advice, resolve_revision

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEFAULT_ENDPOINT = "https://modelscope.cn"


@dataclass(frozen=True, slots=True)
class ScopeFile:
    """One file per subset of a ModelScope data set repository."""

    repo: str
    file: str
    revision: str = "master"
    pause: Callable[[float], None] = field(default=time.sleep, compare=False, repr=False)

    def key(self, subset: str) -> str:
        return f"modelscope:{fill_pattern(self.repo, subset)}@{self.revision}/{fill_pattern(self.file, subset)}"

    def origin(self, subset: str) -> str:
        return f"modelscope {fill_pattern(self.repo, subset)}"

    def accepts(self, fetched: Fetched) -> bool:
        return bool(fetched.sha256)

    def find_elsewhere(self, subset: str, *, pinned: str | None) -> Fetched | None:
        """None: the package's own cache is not read. See Source."""
        return None

    def fetch(self, subset: str, *, pinned: str | None, cache_dir: Path, progress: Progress) -> Fetched:
        repo, file = fill_pattern(self.repo, subset), fill_pattern(self.file, subset)
        api = f"{_endpoint()}/api/v1/datasets/{repo}/repo"
        progress.print_line(f"fetching {file} of {self.origin(subset)}")
        try:
            commit, listed_sha256 = (pinned, "") if pinned else self._look_up(api, file)
            path = cache_dir / "modelscope" / repo / commit / file
            url = f"{api}?Revision={quote_plus(commit)}&FilePath={quote_plus(file)}"
            sha256, headers = download(url, path, progress=progress, pause=self.pause)
        except FetchError as error:
            raise FetchError(_explain(error, repo, file, pinned or self.revision)) from error
        # Large files lie elsewhere and are announced with their hash, as the package checks it too.
        announced = listed_sha256 or headers.get("x-linked-etag", "").strip('"').lower()
        if len(announced) == 64 and announced != sha256:
            path.unlink(missing_ok=True)
            raise DataError(
                f"expected {file} of {self.origin(subset)} with sha256 {announced} as ModelScope announces it, "
                f"found sha256 {sha256}; fetch it again"
            )
        return Fetched(path, self.origin(subset), commit, sha256)

    def _look_up(self, api: str, file: str) -> tuple[str, str]:
        """The commit that last touched the file, and its sha256, from the listing of its folder.

        What the listing does not tell (another page of it, an older server) leaves the revision as it was asked.
        """
        folder = file.rpartition("/")[0]
        url = f"{api}/tree?Revision={quote_plus(self.revision)}&PageSize=200" + (
            f"&Root={quote_plus(folder)}" if folder else ""
        )
        for entry in _listed_files(get_json(url, pause=self.pause)):
            if isinstance(entry, dict) and entry.get("Path") == file:
                commit, sha256 = entry.get("Revision"), entry.get("Sha256")
                return (
                    resolve_revision(commit, self.revision),
                    sha256.lower() if isinstance(sha256, str) else "",
                )
        return self.revision, ""


def _endpoint() -> str:
    endpoint = os.environ.get("MODELSCOPE_ENDPOINT", "").strip().rstrip("/") or DEFAULT_ENDPOINT
    return endpoint if "://" in endpoint else f"https://{endpoint}"


def _explain(error: FetchError, repo: str, file: str, revision: str) -> str:
    page = f"{_endpoint()}/datasets/{repo}"
    what = f"expected {file} of data set {repo} (revision {revision})"
    by_hand = local_advice(file)
    status = error.status if isinstance(error, HttpStatusError) else None
    if status == 404:
        return f"{what}, found no such data set, revision or file at {page}; check the names, {by_hand}"
    if status in (401, 403):
        return f"{what}, found a data set that needs a login (HTTP {status}) at {page}; log in there, {by_hand}"
    if status is not None:
        return f"{what}, found {error}; try again later, {by_hand}"
    return f"{what}, found ModelScope {error} at {_endpoint()}; check the network, {by_hand}"


def _listed_files(content: Any) -> list[Any]:
    """The entries of a folder's listing; none where the answer has another form."""
    data = content.get("Data") if isinstance(content, dict) else None
    entries = data.get("Files") if isinstance(data, dict) else None
    return entries if isinstance(entries, list) else []
