"""Whether a server's log-probabilities mean what they should, tried on one sentence before the first sample.

A server, or a gateway in front of it, that drops the prompt's log-probabilities, gives all texts the same, or shifts
them by a place makes scores that look like those of a weak model.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pytest_modeleval.client.route import Ask
from pytest_modeleval.errors import AttemptFailed, ModelEvalError, Ungraded
from pytest_modeleval.likelihood.backend import Backend
from pytest_modeleval.likelihood.scoring import score_continuations

CONTEXT = "The capital of France is"
LIKELY, UNLIKELY = " Paris", " banana"
FREE_TOLERANCE = 0.5
"""Of a token's log-probability when it is given, against the one when it is generated, in nats. They come from other
kernels and batches, in 16 bits. Largest difference of two tokens after each of 47 to 121 contexts, SmolLM2-135M on a
CPU: 0.11 (SGLang 0.5.23), 0.07 (vLLM 0.32.0), 0.00001 (llama.cpp, --model embedded); between two batches of one engine
0.24. Its two likeliest words after CONTEXT are 2.3 apart, so that a value of another token or place is seen."""
_ABSENT = frozenset({"http_400", "http_403", "http_404", "http_405", "http_422", "http_501"})


class WrongLikelihoods(ModelEvalError):
    """The server's log-probabilities cannot be what they are called."""


class NoLikelihoods(ModelEvalError):
    """The server has no such endpoint, or does not let it be used."""


async def check_likelihoods(backend: Backend, ask: Ask) -> None:
    """Raises NoLikelihoods, WrongLikelihoods, or AttemptFailed where the server cannot be asked at all."""
    async with refused_as():
        await _check(backend, ask)


@asynccontextmanager
async def refused_as() -> AsyncIterator[None]:
    """Raises NoLikelihoods or WrongLikelihoods in place of the failures that mean one of them."""
    try:
        yield
    except AttemptFailed as failure:
        if failure.cause in _ABSENT:
            raise NoLikelihoods(str(failure)) from failure
        if failure.kind == "bad_response":
            raise WrongLikelihoods(str(failure)) from failure
        raise
    except Ungraded as failure:
        raise WrongLikelihoods(str(failure)) from failure


async def _check(backend: Backend, ask: Ask) -> None:
    likely, unlikely = await score_continuations(backend, ask, CONTEXT, [LIKELY, UNLIKELY], context_tokens=None)
    shown = f"{likely.logprob:.4f} for {LIKELY!r} and {unlikely.logprob:.4f} for {UNLIKELY!r} after {CONTEXT!r}"
    if likely.logprob == unlikely.logprob:
        raise WrongLikelihoods(f"expected different values for different continuations, found {shown}")
    if likely.logprob < unlikely.logprob:
        raise WrongLikelihoods(f"expected the sensible continuation to be more likely, found {shown}")
    tokens = await backend.tokenize(ask, CONTEXT)
    for token, free in (await backend.next_candidates(ask, tokens))[:2]:
        forced = (await backend.score(ask, [*tokens, token], len(tokens)))[0].logprob
        if abs(forced - free) > FREE_TOLERANCE:
            raise WrongLikelihoods(
                f"expected the same log-probability for token {token} after {CONTEXT!r} when it is given as when it "
                f"is generated, found {forced:.4f} and {free:.4f}"
            )
