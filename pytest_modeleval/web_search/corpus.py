"""A folder of documents of the user's, searched offline: SQLite's FTS5, ranked by BM25.

Documents are JSON Lines with `url`, `title` (may be missing) and `text`. The index is built once and kept in the cache
under the sha256 of the documents. Its results differ from those of a search engine, so the questions form a subset
of their own, which enters no aggregate.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import json
import re
import sqlite3
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from pytest_modeleval.datasets import default_cache_dir
from pytest_modeleval.errors import DataError, SettingsError, Ungraded
from pytest_modeleval.fetch.cache import cache_file, cache_lock
from pytest_modeleval.records import Kind
from pytest_modeleval.web_search.provider import MAX_PAGE_BYTES, Hit, Page, provider_error, sanitise

MOST_HITS = 50
_MOST_WORDS = 64
_WORD = re.compile(r"\w+")
_SCHEMA = """
CREATE TABLE pages (id INTEGER PRIMARY KEY, place TEXT UNIQUE, url TEXT, title TEXT, text TEXT);
CREATE VIRTUAL TABLE words USING fts5(title, text, content='pages', content_rowid='id', tokenize='porter unicode61');
"""
# Words of a title weigh five times as much as words of the text.
_FIND = """
SELECT pages.title, pages.url, snippet(words, 1, '', '', ' ... ', 40)
FROM words JOIN pages ON pages.id = words.rowid WHERE words MATCH ? ORDER BY bm25(words, 5.0, 1.0), pages.id LIMIT ?
"""


def document_files(path: Path) -> list[Path]:
    """The files of a corpus: one file, or every .jsonl below a folder. Raises SettingsError if there are none."""
    if path.is_file():
        return [path]
    found = sorted(path.rglob("*.jsonl")) if path.is_dir() else []
    if not found:
        raise SettingsError(
            "MODELEVAL_WEB_CORPUS: expected a .jsonl file with url, title and text, or a folder of such files, found "
            f"{'none in it' if path.is_dir() else 'nothing'} at {path}"
        )
    return found


@functools.lru_cache(maxsize=8)
def corpus_digest(path: Path) -> str:
    """sha256 over the documents, 16 hex digits: another corpus is another experiment."""
    digest = hashlib.sha256()
    for file in document_files(path):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


@functools.lru_cache(maxsize=8)
def index_of(path: Path) -> Path:
    """The index over the documents, built if it is not in the cache.

    Raises DataError naming file and line of what is no document, SettingsError where SQLite has no FTS5.
    """
    index = default_cache_dir() / "web_corpus" / f"{corpus_digest(path)}.sqlite"
    with cache_lock(index.with_suffix(".lock")):
        if not index.exists():
            with cache_file(index) as temporary:
                _build(temporary, path)
    return index


def _build(index: Path, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(index)) as connection:
        try:
            connection.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            raise SettingsError(
                f"MODELEVAL_WEB_CORPUS: expected a Python whose SQLite has FTS5, found {sqlite3.sqlite_version} "
                f"({error}); use another build of Python"
            ) from error
        for where, url, title, text in _documents(path):
            try:
                connection.execute(
                    "INSERT INTO pages (place, url, title, text) VALUES (?, ?, ?, ?)", (_place(url), url, title, text)
                )
            except sqlite3.IntegrityError:
                raise DataError(f"{where}: expected every url once, found {url!r} again; remove one of them") from None
        connection.execute("INSERT INTO words (words) VALUES ('rebuild')")
        connection.commit()


def _documents(path: Path) -> Iterator[tuple[str, str, str, str]]:
    for file in document_files(path):
        with file.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                where = f"{file}, line {number}"
                url, title, text = _read_row(line, where)
                yield where, sanitise(url), sanitise(title), sanitise(text)


def _read_row(line: bytes, where: str) -> tuple[str, str, str]:
    """The address, title and text of one line. Raises DataError."""
    try:
        row = json.loads(line)
        url, title, text = row["url"], row.get("title") or "", row["text"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{where}: expected a JSON object with url, title and text, found none ({type(error).__name__})"
        ) from error
    if not (isinstance(url, str) and url and isinstance(title, str) and isinstance(text, str)):
        raise DataError(f"{where}: expected url, title and text to be texts, found something else")
    return url, title, text


def _place(url: str) -> str:
    """An address without what does not matter here: scheme, "www.", a slash at the end, what follows #."""
    bare = urllib.parse.urldefrag(url.strip()).url
    return re.sub(r"^https?://(www\.)?", "", bare, flags=re.IGNORECASE).rstrip("/")


class Corpus:
    """A provider that searches local documents. path: a file or folder of them."""

    name = "corpus"
    is_live = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def refusal(self) -> Ungraded | None:
        return None

    async def search(self, keywords: str, region: str) -> tuple[Hit, ...]:
        """Documents with any of the words; the region does not matter."""
        # Quoted, a word is a word: nothing of what a model writes is read as FTS5's query language.
        asked = " OR ".join(f'"{word}"' for word in _WORD.findall(sanitise(keywords))[:_MOST_WORDS])
        if not asked:
            return ()
        rows = await asyncio.to_thread(self._rows, _FIND, (asked, MOST_HITS))
        return tuple(Hit(*map(str, row)) for row in rows)

    async def page(self, url: str) -> Page:
        find = "SELECT text FROM pages WHERE place = ?"
        rows = await asyncio.to_thread(self._rows, find, (_place(sanitise(url)),))
        if not rows:
            return Page(error=f"404 Client Error: Not Found for url: {url}")
        return Page(text=str(rows[0][0])[:MAX_PAGE_BYTES])

    def _rows(self, query: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        try:
            uri = f"{index_of(self._path).as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
                return connection.execute(query, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise provider_error(
                f"the index of the corpus fails: {error}", cause="corpus_failed", kind=Kind.GRADER_ERROR
            ) from error
