"""Searches and pages in a folder: recorded while another provider answers, replayed without any.

One JSON file for each search (keywords and region) and each page (address), so that processes may record side by side
and folders can be merged by copying. How many hits are shown, their snippets and the form of a page are decided when
they are used: one recording serves both subsets.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import urllib.parse
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import DataError, SettingsError, Ungraded
from pytest_modeleval.fetch.cache import write_cache_file
from pytest_modeleval.records import Kind
from pytest_modeleval.web_search.provider import Hit, Page, Provider, provider_error

ABOUT = "recordings.json"
SCHEMA = 1


def recorded_name(folder: Path) -> str:
    """The provider whose answers the folder holds; "" if it holds none. Raises SettingsError if it is damaged."""
    path = folder / ABOUT
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if about["schema"] == SCHEMA and isinstance(about["provider"], str):
            return str(about["provider"])
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise SettingsError(
        f'expected {{"schema": {SCHEMA}, "provider": ...}} of web recordings, found something else: {path}'
    )


class Replay:
    """Answers from the folder only. What was not recorded fails: a gap is never an answer."""

    is_live = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = recorded_name(folder)

    def refusal(self) -> Ungraded | None:
        return None

    async def search(self, keywords: str, region: str) -> tuple[Hit, ...]:
        found = _read(search_file(self._folder, keywords, region))
        if found is None:
            raise self._missing(f"the search for {keywords[:100]!r} in region {region[:20]!r}")
        return tuple(Hit(**hit) for hit in found["hits"])

    async def page(self, url: str) -> Page:
        found = _read(page_file(self._folder, url))
        if found is None:
            raise self._missing(f"the page {url[:200]!r}")
        return Page(**found["page"])

    def _missing(self, what: str) -> Ungraded:
        return provider_error(
            f"{what} was not recorded in {self._folder.name}; record it with MODELEVAL_WEB_RECORD and a live provider",
            cause="not_recorded",
            kind=Kind.GRADER_ERROR,
        )


class Record:
    """Answers from the folder where it has them; else from `inner`, and keeps what that says."""

    is_live = True

    def __init__(self, folder: Path, inner: Provider) -> None:
        self._folder = folder
        self._inner = inner
        self.name = inner.name
        self._locks: weakref.WeakValueDictionary[Path, asyncio.Lock] = weakref.WeakValueDictionary()

    def refusal(self) -> Ungraded | None:
        return self._inner.refusal()

    async def search(self, keywords: str, region: str) -> tuple[Hit, ...]:
        path = search_file(self._folder, keywords, region)
        async with self._alone(path):
            known = _read(path)
            if known is None:
                hits = await self._inner.search(keywords, region)
                asked = {"keywords": keywords, "region": region}
                # Another process may have been quicker; then its answer is the one that replays give.
                known = _read(path) or self._write(path, {**asked, "hits": [dataclasses.asdict(hit) for hit in hits]})
        return tuple(Hit(**hit) for hit in known["hits"])

    async def page(self, url: str) -> Page:
        """A page that could not be reached is tried again."""
        path = page_file(self._folder, url)
        async with self._alone(path):
            known = _read(path)
            if known is None or known["page"]["is_unreached"]:
                page = await self._inner.page(url)
                known = self._write(path, {"url": url, "page": dataclasses.asdict(page)})
        return Page(**known["page"])

    def _alone(self, path: Path) -> asyncio.Lock:
        """Questions ask for the same at the same time; all get the answer that is recorded."""
        return self._locks.setdefault(path, asyncio.Lock())

    def _write(self, path: Path, content: dict[str, Any]) -> dict[str, Any]:
        try:
            if not (self._folder / ABOUT).exists():
                write_cache_file(self._folder / ABOUT, _dump({"schema": SCHEMA, "provider": self.name}))
            write_cache_file(path, _dump(content))
        except (DataError, OSError) as error:
            raise provider_error(
                f"cannot record in {self._folder.name}: {error.__cause__ or error}",
                cause="not_written",
                kind=Kind.GRADER_ERROR,
            ) from error
        return content


def search_file(folder: Path, keywords: str, region: str) -> Path:
    """Where a search is kept. Case and blanks of the keywords do not matter."""
    return folder / f"search-{_digest(' '.join(keywords.casefold().split()), region)}.json"


def page_file(folder: Path, url: str) -> Path:
    """Where a page is kept. What follows # never reaches a server."""
    return folder / f"page-{_digest(urllib.parse.urldefrag(url).url)}.json"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode("utf-8", errors="replace")).hexdigest()[:32]


def _dump(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode("ascii")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return _checked(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise provider_error(
            f"the recording {path.name} cannot be read ({type(error).__name__}); delete it, and record again",
            cause="recording_damaged",
            kind=Kind.GRADER_ERROR,
        ) from error


def _checked(found: dict[str, Any]) -> dict[str, Any]:
    """A recording with hits or a page whose fields have their types. Raises where one is missing."""
    if "hits" in found:
        hits = [{key: str(hit[key]) for key in ("title", "url", "snippet")} for hit in found["hits"]]
        return {**found, "hits": hits}
    page = found["page"]
    texts = {key: str(page[key]) for key in ("text", "error")}
    flags = {key: bool(page[key]) for key in ("is_html", "is_unreached")}
    return {**found, "page": {**texts, **flags}}
