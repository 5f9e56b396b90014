"""The likelihood of a whole text, in windows where it is longer than the server's context.

The windows are those of EleutherAI's lm-evaluation-harness 0.4.13 (lm_eval/utils.py, get_rolling_token_windows), so
that figures compare: each token is scored once; a window takes as many as fit, after one token of context; the last
one, which has fewer left, has the tokens before them as its context.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_modeleval.client.route import Ask
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.likelihood.backend import Backend
from pytest_modeleval.likelihood_result import Likelihood
from pytest_modeleval.records import Kind


async def score_text(backend: Backend, ask: Ask, text: str, *, prefix: str, context_tokens: int | None) -> Likelihood:
    """The likelihood of every token of a text.

    prefix: the text of the token in front of it, such as "<|endoftext|>"; "" for the one that the tokenizer sets.
    context_tokens: the most that the server takes; None if unknown, and the text is one window.
    Raises Ungraded where nothing stands in front of the first token, or the text has no token.
    """
    front = await backend.tokenize(ask, prefix)
    tokens = (await backend.tokenize(ask, prefix + text))[len(front) :]
    if not front or not tokens:
        raise Ungraded(
            f"expected a token in front of the text and one of the text, found {len(front)} and {len(tokens)}; name "
            "the first one where the tokenizer sets none",
            kind=Kind.GRADER_ERROR,
            cause="no_tokens",
        )
    # One token of context stands in front of a window, and one more is generated.
    size = context_tokens - 2 if context_tokens else len(tokens)
    total, is_greedy = 0.0, True
    for before, scored in windows(tokens, front[-1], size):
        scores = await backend.score(ask, [*before, *scored], len(before))
        total += sum(score.logprob for score in scores)
        is_greedy = is_greedy and all(score.is_top for score in scores)
    return Likelihood(total, len(tokens), is_greedy)


def windows(tokens: Sequence[int], first: int, size: int) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    """Context and scored tokens of each window. first: the token in front. size: most scored tokens, from 1."""
    yield [first], tokens[:size]
    for start in range(size, len(tokens), size):
        scored = tokens[start : start + size]
        # The context of the last window is as long as the tokens that are missing in it.
        yield tokens[start - 1 - (size - len(scored)) : start], scored
