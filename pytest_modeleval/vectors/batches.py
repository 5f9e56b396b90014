"""How many texts go into one request: bounded by count and by tokens, which are estimated from the bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MOST_TEXTS, FEWER_TEXTS = 64, 32
"""Of a request; FEWER_TEXTS once a batch of more was refused: TEI takes 32 by default."""
MOST_TOKENS = 16_384
FIRST_RATE = 0.4
"""Tokens for each byte of UTF-8 before any reply: more than English, code and Chinese have by today's tokenizers."""
NEAR = 0.75
"""A text whose estimate is above this share of the limit may be beyond it."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text whose vector is asked for."""

    key: bytes
    """SHA-256 of the text with its prefix, whole."""
    sent: str
    """With its prefix."""
    size: int
    """Bytes of UTF-8."""
    place: int = 0
    """In its corpus."""


@dataclass(slots=True)
class TokenRate:
    """Tokens for each byte, as the usage of the replies says, and the size of batches that the server takes."""

    tokens: int = 0
    size: int = 0
    """In bytes."""
    most_texts: int = MOST_TEXTS
    """Of a batch."""

    def add(self, tokens: int | None, size: int) -> None:
        """Count a reply. tokens: None where it has no usage. size: bytes of its texts."""
        if tokens and size:
            self.tokens += tokens
            self.size += size

    def estimate(self, size: int) -> float:
        """The tokens of a text of this many bytes."""
        return size * (self.tokens / self.size if self.size else FIRST_RATE)


def batched(texts: Iterable[Text | None], rate: TokenRate, *, limit: int | None) -> Iterator[list[Text]]:
    """Texts in batches of at most MOST_TEXTS and MOST_TOKENS, at least one each.

    A text that may reach `limit`, the tokens that the server takes, is alone: only then does the usage say whether it
    was cut, and nothing else is refused with it. None, which gives an empty batch, lets others work meanwhile. rate:
    read anew for each text.
    """
    near = NEAR * min(limit or MOST_TOKENS, MOST_TOKENS)
    batch: list[Text] = []
    tokens = 0.0
    for text in texts:
        if text is None:
            yield []
            continue
        more = rate.estimate(text.size)
        if more >= near:
            yield [text]
            continue
        if batch and (len(batch) >= rate.most_texts or tokens + more > MOST_TOKENS):
            yield batch
            batch, tokens = [], 0.0
        batch.append(text)
        tokens += more
    if batch:
        yield batch


def shortened(text: str) -> str:
    """The first six of seven parts of a text, by words where it has some."""
    words = text.split()
    if len(words) > 6:
        return " ".join(words[: len(words) * 6 // 7])
    return text[: len(text) * 6 // 7]
