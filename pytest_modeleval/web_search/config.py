"""The configuration of the web search tool, read from the environment and checked before the first request.

    MODELEVAL_WEB_SEARCH   serpapi (key in SERPAPI_API_KEY), serpapi:URL, searxng:URL or replay:FOLDER
    MODELEVAL_WEB_RECORD   a folder: record the answers of the live provider, and reuse those recorded before
    MODELEVAL_WEB_CORPUS   documents to search offline
    MODELEVAL_WEB_PRIVATE  1: pages at private addresses may be read

No provider is a default: searches cost money, and a key in the environment may be there for something else.
"""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_modeleval._support.extras import missing_extra
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.web_search.recordings import recorded_name

WEB_SEARCH, WEB_RECORD = "MODELEVAL_WEB_SEARCH", "MODELEVAL_WEB_RECORD"
WEB_CORPUS, WEB_PRIVATE = "MODELEVAL_WEB_CORPUS", "MODELEVAL_WEB_PRIVATE"
# The name that upstream reads.
SERPAPI_KEY = "SERPAPI_API_KEY"
SERPAPI_URL = "https://serpapi.com"
# The packages of the extra `web`, which the process that reads HTML imports.
HTML_PACKAGES = ("bs4", "markdownify")
_FORMS = "serpapi, searxng:URL or replay:FOLDER"


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The provider and its settings."""

    kind: str = ""
    """"serpapi", "searxng", "replay", or "" if no provider is set."""
    url: str = ""
    folder: Path | None = None
    """The recordings to replay."""
    record: Path | None = None
    """The folder to record into."""
    corpus: Path | None = None
    allow_private: bool = False
    missing: str = ""
    """What the user has to set or install first; "" if nothing."""
    variant: str = ""
    """The provider whose answers the model sees, live or replayed."""


def read_web_config(environ: Mapping[str, str] | None = None) -> WebConfig:
    """The configuration in the environment. Raises SettingsError for an unusable value."""
    given = {name: (os.environ if environ is None else environ).get(name, "").strip() for name in _NAMES}
    kind, _, rest = given[WEB_SEARCH].partition(":")
    record = _path(given[WEB_RECORD])
    base = WebConfig(record=record, corpus=_path(given[WEB_CORPUS]), allow_private=_switch(given[WEB_PRIVATE]))
    if record is not None and kind not in ("serpapi", "searxng"):
        raise SettingsError(f"{WEB_RECORD}: expected a live provider in {WEB_SEARCH} to record, found {kind or 'none'}")
    if not kind:
        return replace(base, missing=f"no web search is set; set {WEB_SEARCH} to {_FORMS}")
    if kind == "replay":
        return _replay(base, rest)
    if kind not in ("serpapi", "searxng"):
        raise SettingsError(f"{WEB_SEARCH}: expected {_FORMS}, found {given[WEB_SEARCH]!r}")
    _check_recordings(record, kind)
    return _live(base, kind, rest, key=given[SERPAPI_KEY])


def _live(base: WebConfig, kind: str, rest: str, *, key: str) -> WebConfig:
    """A provider that searches. rest: its address, if one is given."""
    url = rest or (SERPAPI_URL if kind == "serpapi" else "")
    if not _is_web_url(url):
        raise SettingsError(
            f"{WEB_SEARCH}: expected {kind}:URL with an address such as http://localhost:8080, found {rest!r}"
        )
    missing = missing_extra("web", HTML_PACKAGES)
    if kind == "serpapi" and not key:
        missing = f"no key for SerpAPI is set; set {SERPAPI_KEY} to it"
    return replace(base, kind=kind, url=url, missing=missing, variant=kind)


_NAMES = (WEB_SEARCH, WEB_RECORD, WEB_CORPUS, WEB_PRIVATE, SERPAPI_KEY)


def _replay(base: WebConfig, rest: str) -> WebConfig:
    folder = _path(rest)
    name = recorded_name(folder) if folder is not None else ""
    if not name:
        raise SettingsError(f"{WEB_SEARCH}: expected replay:FOLDER with a folder of recordings, found {rest!r}")
    return replace(base, kind="replay", folder=folder, missing=missing_extra("web", HTML_PACKAGES), variant=name)


def _check_recordings(record: Path | None, kind: str) -> None:
    held = recorded_name(record) if record is not None else ""
    if held not in ("", kind):
        raise SettingsError(
            f"{WEB_RECORD}: expected a folder for recordings of {kind}, found those of {held}: {record}"
        )


def _is_web_url(text: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _path(text: str) -> Path | None:
    return Path(text).expanduser().absolute() if text else None


def _switch(text: str) -> bool:
    if text.lower() in ("", "0", "false", "no", "off"):
        return False
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    raise SettingsError(f"{WEB_PRIVATE}: expected 1 or 0, found {text!r}")
