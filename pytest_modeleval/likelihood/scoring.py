"""From texts to likelihoods: where the context ends, and what counts.

The rules are those of EleutherAI's lm-evaluation-harness 0.4.13 (lm_eval/api/model.py), so that figures compare: blanks
at the end of the context belong to the continuation; context and continuation are tokenized together, and the tokens
after as many as the context alone has are the continuation's. Two differ: a text that is too long is not cut on its
left, and a context without any token is not given one.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_modeleval.client.route import Ask
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.likelihood.backend import Backend
from pytest_modeleval.likelihood_result import Likelihood
from pytest_modeleval.records import Kind


def split_blanks(context: str) -> tuple[str, str]:
    """The context without blanks at its end, and these blanks: a tokenizer puts them in front of the next word."""
    kept = context.rstrip()
    return kept, context[len(kept) :]


async def score_continuations(
    backend: Backend, ask: Ask, context: str, continuations: Sequence[str], *, context_tokens: int | None
) -> list[Likelihood]:
    """The likelihood of each continuation. context_tokens: the most that the server takes; None if unknown.

    Raises Ungraded where the server gives none and for a text that is too long, ValueError for an empty continuation.
    """
    if isinstance(continuations, str) or not all(continuations):
        raise ValueError("continuations: expected a list of texts, none of them empty")
    kept, blanks = split_blanks(context)
    start = len(await backend.tokenize(ask, kept))
    found = []
    for continuation in continuations:
        tokens = await backend.tokenize(ask, kept + blanks + continuation)
        if not 0 < start < len(tokens):
            raise Ungraded(
                f"expected a context and a continuation of at least one token each, found {start} and "
                f"{len(tokens) - start}",
                kind=Kind.GRADER_ERROR,
                cause="no_tokens",
            )
        # One more is generated.
        if context_tokens and len(tokens) + 1 > context_tokens:
            raise Ungraded(
                f"context and continuation have {len(tokens)} tokens, and the server's context is {context_tokens}",
                kind=Kind.SERVER_ERROR,
                cause="context_exceeded",
            )
        scores = await backend.score(ask, tokens, start)
        found.append(
            Likelihood(
                logprob=sum(score.logprob for score in scores),
                tokens=len(scores),
                is_greedy=all(score.is_top for score in scores),
            )
        )
    return found
