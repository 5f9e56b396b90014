"""The interface between likelihood scoring and a kind of server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pytest_modeleval.client.route import Ask
from pytest_modeleval.likelihood.token_scores import Candidate, TokenScore


class Backend(Protocol):
    """A kind of server. Tokens are the server's own ids."""

    async def tokenize(self, ask: Ask, text: str) -> list[int]:
        """The tokens of a text, with the special ones that the tokenizer puts in front of every prompt."""

    async def score(self, ask: Ask, tokens: Sequence[int], start: int) -> list[TokenScore]:
        """The scores of tokens[start:], each given all tokens before it. start: at least 1."""

    async def next_candidates(self, ask: Ask, tokens: Sequence[int]) -> list[Candidate]:
        """The most likely next tokens, best first, as the server reports them when it generates. At least 2."""
