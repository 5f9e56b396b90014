"""The vectors of one model with one set of parameters: its files, and what of them is being asked for."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from pytest_modeleval.client.json_object import join_surrogates
from pytest_modeleval.vectors.batches import TokenRate
from pytest_modeleval.vectors.copying import FOLDER
from pytest_modeleval.vectors.text_vectors import TextVectors
from pytest_modeleval.vectors.vector_file import Rows


@dataclass(slots=True)
class VectorSpace:
    """Shared by all items of the process."""

    folder: Path
    name: str
    """Begins the names of its files."""
    texts: TextVectors
    rate: TokenRate = field(default_factory=TokenRate)
    asked: dict[bytes, asyncio.Future[None]] = field(default_factory=dict)
    """Keys of texts whose vectors are being asked for; done when that has ended, in whatever way."""
    corpora: dict[str, asyncio.Task[tuple[Rows, int]]] = field(default_factory=dict)
    """File name -> the work on it: its vectors, and how many texts were cut."""

    def close(self) -> None:
        """Stop asking; keep what is stored."""
        for task in self.corpora.values():
            task.cancel()
        self.texts.close()


def open_space(journal: Path, identity: str, params: Mapping[str, Any]) -> VectorSpace:
    """The space of a model in the run folder of a journal. params: of embedding.vectors.sent_params.

    Raises RunFolderError where one of its files is none of vectors.
    """
    name = space_name(identity, params)
    folder = journal.parent / FOLDER
    return VectorSpace(folder, name, TextVectors(folder, name, journal.stem))


def space_name(identity: str, params: Mapping[str, Any]) -> str:
    """16 hex digits of sha256: equal for the same model with the same parameters."""
    text = orjson.dumps([identity, dict(params)], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:16]


def encode_text(text: str) -> tuple[str, bytes]:
    """A text as it can be sent, and its UTF-8: half of a surrogate pair becomes U+FFFD."""
    try:
        return text, text.encode()
    except UnicodeEncodeError:
        joined: str = join_surrogates(text)
        return joined, joined.encode()
