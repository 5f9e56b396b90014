"""A conversation in turns: the model calls, simulated APIs answer, until it replies without a call.

The loop is that of bfcl-eval 2025.10.27.1: the limit of 20 rounds of calls in a turn is checked after a round, so the
21st counts and ends the conversation; a reply that cannot be read ends its turn like one without a call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_modeleval.graders.calls import Call, NoCallsFound
from pytest_modeleval.graders.calls.native import has_call_mark
from pytest_modeleval.model_protocol import Model
from pytest_modeleval.records import Response

from .dialect import Dialect

MAX_ROUNDS = 20
Answering = Callable[[Sequence[Call]], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said. turns: per turn the calls of each round.

    final: the last reply that held no call, None if there is none. is_stopped: a turn went over MAX_ROUNDS.
    unread: the causes of replies that could not be read. has_unparsed_calls: a text reply carries marks of a call.
    is_cut: a reply was cut at its token limit.
    """

    turns: tuple[tuple[tuple[Call, ...], ...], ...]
    final: Response | None = None
    is_stopped: bool = False
    unread: tuple[str, ...] = ()
    has_unparsed_calls: bool = False
    is_cut: bool = False

    @property
    def is_silent(self) -> bool:
        """No call at all was made."""
        return not any(self.turns)


async def converse(
    model: Model,
    dialect: Dialect,
    turns: Sequence[Sequence[Mapping[str, Any]]],
    functions: Sequence[Mapping[str, Any]],
    answering: Answering,
    *,
    held_back: Mapping[int, Sequence[Mapping[str, Any]]] | None = None,
) -> Conversation:
    """Hold a conversation. held_back: turn -> functions that become available only then, with no word of the user."""
    offered = list(functions)
    offer = dialect.offer(offered)
    history = dialect.opening(turns[0], offered) if turns else []
    done: list[tuple[tuple[Call, ...], ...]] = []
    unread: list[str] = []
    final: Response | None = None
    has_marks = is_cut = is_stopped = False
    for place, messages in enumerate(turns):
        added = (held_back or {}).get(place)
        if added:
            offered.extend(added)
            offer = dialect.offer(offered)
            history += dialect.more_functions(added)
        elif place:
            history += [dict(message) for message in messages]
        rounds: list[tuple[Call, ...]] = []
        while True:
            response = await model.ask(dialect.request(history, offer))
            is_cut = is_cut or response.is_truncated
            try:
                calls = tuple(dialect.calls(response))
            except NoCallsFound as found:
                unread.append(found.cause)
                calls = ()
            history.append(dialect.reply(response, calls))
            if not calls:
                final = response
                has_marks = has_marks or has_call_mark(response.text)
                break
            rounds.append(calls)
            if len(rounds) > MAX_ROUNDS:
                is_stopped = True
                break
            history += dialect.results(response, calls, await answering(calls))
        done.append(tuple(rounds))
        if is_stopped:
            break
    return Conversation(tuple(done), final, is_stopped, tuple(unread), has_marks, is_cut)
