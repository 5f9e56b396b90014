"""Files and tables of data sets on the Hugging Face hub, through huggingface_hub and datasets.

The hub's own settings hold: HF_ENDPOINT (a mirror), HF_HOME (its cache, shared with other tools), HF_TOKEN or the
token of `hf auth login`, HF_HUB_OFFLINE.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_modeleval._support.retry import RetryLater, retry
from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch.cache import cache_file, sha256_of
from pytest_modeleval.fetch.source import Fetched, FetchError, Progress, fill_pattern, local_advice, resolve_revision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_T = TypeVar("_T")
_PATIENT_S = 5.0
_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file per subset of a data set repository, fetched with hf_hub_download into the hub's own cache."""

    repo: str
    file: str
    revision: str = "main"

    def key(self, subset: str) -> str:
        return f"huggingface:{fill_pattern(self.repo, subset)}@{self.revision}/{fill_pattern(self.file, subset)}"

    def origin(self, subset: str) -> str:
        return f"huggingface {fill_pattern(self.repo, subset)}"

    def accepts(self, fetched: Fetched) -> bool:
        return bool(fetched.sha256)

    def fetch(self, subset: str, *, pinned: str | None, cache_dir: Path, progress: Progress) -> Fetched:
        """cache_dir is not used: the hub keeps its own cache."""
        file = fill_pattern(self.file, subset)
        progress.print_line(f"fetching {file} of {self.origin(subset)}")
        return self._download(subset, pinned, is_local=False)

    def find_elsewhere(self, subset: str, *, pinned: str | None) -> Fetched | None:
        """The file in the hub's own cache, for runs without network. See Source."""
        try:
            return self._download(subset, pinned, is_local=True)
        except FetchError:
            return None

    def _download(self, subset: str, pinned: str | None, *, is_local: bool) -> Fetched:
        repo, file = fill_pattern(self.repo, subset), fill_pattern(self.file, subset)
        with _mapped(repo, file, pinned or self.revision), _quiet():
            from huggingface_hub import hf_hub_download  # noqa: PLC0415 (0.5 s of import)

            # Where the hub is out of reach, the client falls back to its cache.
            found = _once_more(
                lambda: hf_hub_download(
                    repo,
                    file,
                    repo_type="dataset",
                    revision=pinned or self.revision,
                    endpoint=os.environ.get("HF_ENDPOINT") or None,
                    local_files_only=is_local,
                )
            )
        path = Path(found)
        return Fetched(path, self.origin(subset), _commit_of(path, pinned or self.revision), sha256_of(path))


@dataclass(frozen=True, slots=True)
class HubTable:
    """A split that only datasets.load_dataset can put together; its rows are written once to a JSONL file.

    That runs in a process of its own: the import alone takes seconds and 150 MB, and a project's warning filters or
    a folder named `datasets` in it must not meet it.
    """

    repo: str
    config: str | Mapping[str, str] | None
    """Or subset -> its configuration, where names of subsets are others."""
    split: str
    revision: str = "main"

    def key(self, subset: str) -> str:
        return f"huggingface:{fill_pattern(self.repo, subset)}@{self.revision}/{self._name(subset)}"

    def origin(self, subset: str) -> str:
        return f"huggingface {fill_pattern(self.repo, subset)}"

    def accepts(self, fetched: Fetched) -> bool:
        return bool(fetched.sha256)

    def find_elsewhere(self, subset: str, *, pinned: str | None) -> Fetched | None:
        """None: tables are kept in our cache only. See Source."""
        return None

    def fetch(self, subset: str, *, pinned: str | None, cache_dir: Path, progress: Progress) -> Fetched:
        repo, name = fill_pattern(self.repo, subset), self._name(subset)
        progress.print_line(f"loading {name} of {self.origin(subset)} with the datasets library")
        commit = pinned or self._resolve(repo)
        path = cache_dir / "huggingface" / repo / commit / f"{name.replace('/', '--')}.jsonl"
        with cache_file(path) as temporary:
            asked = {
                "repo": repo,
                "config": self._config(subset),
                "split": fill_pattern(self.split, subset),
                "revision": commit,
                "target": str(temporary),
            }
            # -P keeps the current folder out of the import path.
            child = [sys.executable, "-P", str(Path(__file__).with_name("table.py"))]
            done = subprocess.run(child, input=json.dumps(asked), capture_output=True, text=True, check=False)
            if done.returncode != 0:
                reason = done.stdout.strip() or done.stderr.strip().rpartition("\n")[2] or f"exit {done.returncode}"
                step = "accept its terms there and set HF_TOKEN" if "gated" in reason else "check the names on the hub"
                raise FetchError(
                    f"expected {name} (config/split) of {self.origin(subset)}, revision {commit}, "
                    f"found: {reason[:600]}; {step}, {local_advice('the rows as JSONL')}"
                )
        return Fetched(path, self.origin(subset), commit, sha256_of(path))

    def _name(self, subset: str) -> str:
        config, split = self._config(subset), fill_pattern(self.split, subset)
        return split if config is None else f"{config}/{split}"

    def _config(self, subset: str) -> str | None:
        if self.config is None or isinstance(self.config, str):
            return self.config and fill_pattern(self.config, subset)
        return self.config.get(subset, subset)

    def _resolve(self, repo: str) -> str:
        """The commit that the revision means today."""
        with _mapped(repo, "", self.revision), _quiet():
            from huggingface_hub import HfApi  # noqa: PLC0415
            from huggingface_hub.errors import OfflineModeIsEnabled  # noqa: PLC0415

            try:
                api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
                info = _once_more(lambda: api.dataset_info(repo, revision=self.revision, timeout=30))
            except OfflineModeIsEnabled:
                # HF_HUB_OFFLINE is set: the datasets library may still have the table in its own cache.
                return self.revision
            return resolve_revision(info.sha, self.revision)


def _once_more(ask: Callable[[], _T]) -> _T:
    """`ask()`, a second time where the hub is busy or broken, unless the client has been patient itself.

    Clients of version 2 try six times over 24 seconds, earlier ones not at all.
    """
    began = time.monotonic()

    def attempt() -> _T:
        try:
            return ask()
        except Exception as error:
            status = _status_of(error)
            is_passing = status is not None and (status == 429 or status >= 500)
            if not is_passing or time.monotonic() - began > _PATIENT_S:
                raise
            raise RetryLater(str(error), failure=error) from None

    return retry(attempt, (_PAUSE_S,))


def _status_of(error: BaseException | None) -> int | None:
    """The HTTP status at the root of an error, if a response is there at all."""
    while error is not None:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
        error = error.__cause__ or error.__context__
    return None


def _commit_of(path: Path, revision: str) -> str:
    """The commit that a file of the hub's cache belongs to: <repo>/snapshots/<commit>/<file>."""
    parts = path.parts
    return parts[parts.index("snapshots") + 1] if "snapshots" in parts[:-2] else revision


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the hub's progress bars, which tear up pytest's output, and deaf to warnings of its imports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from huggingface_hub.utils import (  # type: ignore[attr-defined]  # noqa: PLC0415
            are_progress_bars_disabled,
            disable_progress_bars,
            enable_progress_bars,
        )

        was_shown = not are_progress_bars_disabled()
        disable_progress_bars()
        try:
            yield
        finally:
            if was_shown:
                enable_progress_bars()


@contextmanager
def _mapped(repo: str, file: str, revision: str) -> Iterator[None]:
    """Every failure of the hub's client as one FetchError with the next step."""
    try:
        yield
    except DataError:
        raise
    except ImportError as error:
        raise FetchError(
            f"expected the package huggingface_hub to fetch {repo}, found {error}; install it, "
            f"{local_advice(file or 'the rows')}"
        ) from error
    except Exception as error:
        raise FetchError(_explain(error, repo, file, revision)) from error


def _explain(error: Exception, repo: str, file: str, revision: str) -> str:
    from huggingface_hub import errors  # noqa: PLC0415

    hub = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    page = f"{hub}/datasets/{repo}"
    by_hand = local_advice(file or "the rows as JSONL")
    what = f"expected {file} of data set {repo} (revision {revision})" if file else f"expected data set {repo}"
    cases: list[tuple[type[Any], str]] = [
        (
            errors.GatedRepoError,
            f"a gated data set at {page}: accept its terms there and set HF_TOKEN (or run `hf auth login`)",
        ),
        (errors.RevisionNotFoundError, f"no revision {revision} at {page}; name one that exists"),
        (errors.RepositoryNotFoundError, f"no such data set at {page}, or one that needs a token; check the id"),
        (errors.EntryNotFoundError, f"no such file at {page}; check the name"),
    ]
    for kind, found in cases:
        # A file that is only missing from the cache is an EntryNotFoundError as well, with the true reason behind it.
        if isinstance(error, kind) and not isinstance(error, errors.LocalEntryNotFoundError):
            return f"{what}, found {found}, {by_hand}"
    if isinstance(error, errors.OfflineModeIsEnabled) or os.environ.get("HF_HUB_OFFLINE", "") in ("1", "ON", "YES"):
        return f"{what}, found it in no cache while the hub is switched off (HF_HUB_OFFLINE); switch it on, {by_hand}"
    if (status := _status_of(error)) is not None:
        return f"{what}, found HTTP {status} at {page}; try again later, {by_hand}"
    root = _root_of(error)
    return (
        f"{what}, found the hub out of reach at {hub} ({type(root).__name__}: {root}); "
        f"check the network or set HF_ENDPOINT to a mirror, {by_hand}"
    )


def _root_of(error: BaseException) -> BaseException:
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return error
