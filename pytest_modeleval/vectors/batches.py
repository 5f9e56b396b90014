"""How many texts go into one request: bounded by count and by tokens, which are estimated from the bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

MOST_TEXTS = 32
"""TEI refuses more by default."""
MOST_TOKENS = 16_384
FIRST_RATE = 0.4
"""Tokens for each byte of UTF-8 before any reply: more than English, code and Chinese have by today's tokenizers."""
T = TypeVar("T")


@dataclass(slots=True)
class TokenRate:
    """Tokens for each byte, as the usage of the replies says."""

    tokens: int = 0
    length: int = 0
    """In bytes."""

    def add(self, tokens: int | None, length: int) -> None:
        """Count a reply. tokens: None where it has no usage. length: bytes of its texts."""
        if tokens and length:
            self.tokens += tokens
            self.length += length

    def estimate(self, length: int) -> float:
        """The tokens of a text of this many bytes."""
        return length * (self.tokens / self.length if self.length else FIRST_RATE)


def batched(items: Iterable[tuple[T, int] | None], rate: TokenRate) -> Iterator[list[T]]:
    """Items in batches of at most MOST_TEXTS and MOST_TOKENS, at least one item each, in order.

    items: each with the length of its text in bytes; None, which gives an empty batch, lets others work meanwhile.
    rate: read anew for each item.
    """
    batch: list[T] = []
    tokens = 0.0
    for found in items:
        if found is None:
            yield []
            continue
        item, length = found
        more = rate.estimate(length)
        if batch and (len(batch) == MOST_TEXTS or tokens + more > MOST_TOKENS):
            yield batch
            batch, tokens = [], 0.0
        batch.append(item)
        tokens += more
    if batch:
        yield batch
