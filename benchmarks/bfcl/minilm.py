"""all-MiniLM-L6-v2 on the CPU: sentences become vectors, with numpy alone, so that the vector memory works offline.

The files of the model come from pytest_modeleval.server.minilm. Words are split as BERT's uncased WordPiece does.
Agrees with the published similarities of sentence-transformers to four places.
"""

from __future__ import annotations

import functools
import threading
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import erf

from pytest_modeleval.server.minilm import EPSILON, HEADS, LAYERS, package_file, read_tensors, read_words

# Tokens of one text, both marks among them; a longer text is cut, as sentence-transformers does.
MAX_TOKENS = 256
_MAX_WORD = 100
_ONE_AT_A_TIME = threading.Lock()


def embed(texts: Sequence[str]) -> list[list[float]]:
    """One vector of 384 numbers and length 1 for each text. Raises DataError if the model cannot be fetched.

    Milliseconds for each text, seconds at the first call; from any thread.
    """
    # numpy takes all cores as it is; several texts at once would only fight for them.
    with _ONE_AT_A_TIME:
        model = _model()
        return [model.vector(text) for text in texts]


@functools.cache
def _model() -> MiniLm:
    words = {word: number for number, word in enumerate(read_words(package_file("vocab.txt")))}
    return MiniLm(words, read_tensors(package_file("model.safetensors")))


class MiniLm:
    """The model. words: token -> number. tensors: its weights under their names in the file."""

    def __init__(self, words: Mapping[str, int], tensors: Mapping[str, Any]) -> None:
        self._words = words
        self._tensors = tensors

    def vector(self, text: str) -> list[float]:
        """The vector of one text."""
        states = self._encoded(token_numbers(text, self._words))
        pooled = states.mean(axis=0)
        found: list[float] = (pooled / max(float(np.linalg.norm(pooled)), 1e-12)).tolist()
        return found

    def _encoded(self, numbers: Sequence[int]) -> Any:
        states = (
            self._tensors["embeddings.word_embeddings.weight"][list(numbers)]
            + self._tensors["embeddings.position_embeddings.weight"][: len(numbers)]
            + self._tensors["embeddings.token_type_embeddings.weight"][0]
        )
        states = self._normed(states, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            at = f"encoder.layer.{layer}"
            attended = self._linear(self._attention(states, f"{at}.attention.self"), f"{at}.attention.output.dense")
            states = self._normed(states + attended, f"{at}.attention.output.LayerNorm")
            wide = self._linear(states, f"{at}.intermediate.dense")
            wide = wide * 0.5 * (1.0 + erf(wide / np.float32(np.sqrt(2.0))))
            states = self._normed(states + self._linear(wide, f"{at}.output.dense"), f"{at}.output.LayerNorm")
        return states

    def _attention(self, states: Any, at: str) -> Any:
        count, width = states.shape

        def headed(part: str) -> Any:
            return self._linear(states, f"{at}.{part}").reshape(count, HEADS, width // HEADS).transpose(1, 0, 2)

        query, key, value = headed("query"), headed("key"), headed("value")
        weights = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(width // HEADS))
        weights = np.exp(weights - weights.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return (weights @ value).transpose(1, 0, 2).reshape(count, width)

    def _linear(self, states: Any, at: str) -> Any:
        return states @ self._tensors[f"{at}.weight"].T + self._tensors[f"{at}.bias"]

    def _normed(self, states: Any, at: str) -> Any:
        centred = states - states.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + EPSILON)
        return centred / spread * self._tensors[f"{at}.weight"] + self._tensors[f"{at}.bias"]


def token_numbers(text: str, words: Mapping[str, int]) -> list[int]:
    """The tokens of a text, between the marks for its beginning and its end; at most MAX_TOKENS."""
    numbers = [words["[CLS]"]]
    for word in _split_words(text):
        numbers += _pieces(word, words)
        if len(numbers) >= MAX_TOKENS:
            break
    return [*numbers[: MAX_TOKENS - 1], words["[SEP]"]]


def _pieces(word: str, words: Mapping[str, int]) -> list[int]:
    """The longest known beginnings of a word, one after another; unknown as a whole if any part is."""
    found: list[int] = []
    start = 0
    while start < len(word) <= _MAX_WORD:
        end = next((e for e in range(len(word), start, -1) if ("##" if start else "") + word[start:e] in words), start)
        if end == start:
            return [words["[UNK]"]]
        found.append(words[("##" if start else "") + word[start:end]])
        start = end
    return found or [words["[UNK]"]]


def _split_words(text: str) -> Iterator[str]:
    """Words in lower case without accents; each punctuation mark and each Chinese character is a word."""
    word = ""
    plain = (c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    for character in plain:
        if character.isspace():
            is_alone, kept = False, ""
        elif unicodedata.category(character).startswith("C") or character == "\ufffd":
            continue
        else:
            is_alone, kept = _stands_alone(character), character
        if (is_alone or not kept) and word:
            yield word
            word = ""
        if is_alone:
            yield kept
        else:
            word += kept
    if word:
        yield word


def _stands_alone(character: str) -> bool:
    code = ord(character)
    is_ascii_mark = 33 <= code <= 126 and not character.isalnum()
    is_chinese = (
        0x3400 <= code <= 0x4DBF or 0x4E00 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2CEAF
    )
    return is_ascii_mark or is_chinese or unicodedata.category(character).startswith("P")
