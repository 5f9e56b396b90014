"""Documents of the user's as a web: found by words, read by address, refused with file and line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.errors import DataError, SettingsError, Ungraded
from pytest_modeleval.web_search.corpus import Corpus, corpus_digest, index_of
from pytest_modeleval.web_search.provider import Hit, Page

TEA = {
    "url": "https://www.tea.example/da-hong-pao/",
    "title": "Da Hong Pao",
    "text": "The most expensive tea grows in China.",
}
LAKE = {
    "url": "http://lake.example/a?b=c#part",
    "title": "",
    "text": "Iliamna is the largest lake of Alaska. Teas are rare.",
}
STAR = {"url": "https://star.example", "text": "A star has no price. " * 50}


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("MODELEVAL_CACHE", str(tmp_path_factory.mktemp("cache")))


def write(folder: Path, *rows: Any, name: str = "pages.jsonl") -> Path:
    """A file of documents; text stands as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def search(corpus: Corpus, keywords: str) -> tuple[Hit, ...]:
    """One search."""
    return asyncio.run(corpus.search(keywords, "wt-wt"))


def test_words_find_documents(tmp_path: Path) -> None:
    """Any of the words, by stem; a word in the title counts for more; the whole folder is one corpus."""
    write(tmp_path / "docs", TEA)
    write(tmp_path / "docs" / "more", LAKE, STAR)
    corpus = Corpus(tmp_path / "docs")
    assert [hit.url for hit in search(corpus, "expensive teas")] == [TEA["url"], LAKE["url"]]
    assert search(corpus, "LAKE alaskan xyz")[0] == Hit("", LAKE["url"], LAKE["text"])
    assert search(corpus, "quantum") == search(corpus, "") == search(corpus, "?!") == ()
    assert len(search(corpus, "price")[0].snippet) < len(STAR["text"]) / 2


@pytest.mark.parametrize(
    "url",
    [
        TEA["url"],
        "http://tea.example/da-hong-pao",
        "https://tea.example/da-hong-pao#top",
        " HTTPS://www.tea.example/da-hong-pao/",
    ],
)
def test_pages_are_read_by_their_address(tmp_path: Path, url: str) -> None:
    """Scheme, www., a slash at the end and a fragment do not matter."""
    assert asyncio.run(Corpus(write(tmp_path, TEA, LAKE)).page(url)) == Page(TEA["text"])


def test_an_address_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    """As a site would say."""
    corpus = Corpus(write(tmp_path, TEA))
    for url in ("https://tea.example/other", "https://tea.example/%", "' OR 1=1 --"):
        assert asyncio.run(corpus.page(url)) == Page(error=f"404 Client Error: Not Found for url: {url}")


@given(
    keywords=st.text(max_size=60)
    | st.sampled_from(['"', 'tea" OR text:*', "tea NEAR/2 x", "NOT tea", "tea*", "a AND", "^tea"])
)
def test_nothing_a_model_writes_is_query_language(keywords: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every text is a search, and none is an error."""
    file = tmp_path_factory.getbasetemp() / "shared_corpus.jsonl"
    if not file.exists():
        write(file.parent, TEA, LAKE, name=file.name)
    assert all(isinstance(hit, Hit) for hit in search(Corpus(file), keywords))


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ("{", "JSONDecodeError"), ("[1]", "TypeError"), ('"text"', "TypeError"), ({"text": "no url"}, "KeyError"),
        ({"url": "https://x"}, "KeyError"), ({"url": 3, "text": "x"}, "texts"), ({"url": "", "text": "x"}, "texts"),
        ({"url": "https://x", "text": None}, "texts"), ({"url": "https://x", "title": 5, "text": "x"}, "texts"),
        ({**TEA, "url": "http://tea.example/da-hong-pao"}, "expected every url once"),
    ],
)  # fmt: skip
def test_what_is_no_document_is_named(tmp_path: Path, row: Any, word: str) -> None:
    """File and line, and nothing is left in the cache."""
    file = write(tmp_path, TEA, "", row)
    with pytest.raises(DataError, match=r"pages\.jsonl, line 3: ") as caught:
        index_of(file)
    assert word in str(caught.value)
    write(tmp_path / "mended", TEA)
    assert index_of(tmp_path / "mended").is_file()


def test_no_documents_at_all_is_a_mistake(tmp_path: Path) -> None:
    """A folder without files of the right ending."""
    with pytest.raises(SettingsError, match="none in it"):
        corpus_digest(tmp_path)


def test_the_index_is_built_once(tmp_path: Path) -> None:
    """Equal documents share one, wherever they lie; damage of it is no answer."""
    first, second = write(tmp_path / "a", TEA), write(tmp_path / "b", TEA)
    index = index_of(first)
    stamp = index.stat().st_mtime_ns
    assert index_of(second) == index
    assert index.stat().st_mtime_ns == stamp
    index.write_bytes(b"no database" * 100)
    with pytest.raises(Ungraded, match="index of the corpus"):
        search(Corpus(first), "tea")
