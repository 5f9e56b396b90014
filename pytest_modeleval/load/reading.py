"""An exchange as bytes and stamps becomes a Timing, and its reply. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from pytest_modeleval.client.failures import error_text, raise_for_finish, status_error
from pytest_modeleval.client.json_object import parse_object
from pytest_modeleval.client.reply import read_count, reply_from_json
from pytest_modeleval.client.sse import STARTS, EventReader
from pytest_modeleval.client.stream import StreamAccumulator
from pytest_modeleval.client.thinking import split_thinking
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.load.server_times import read_queue_s
from pytest_modeleval.load.spool import RawExchange
from pytest_modeleval.records import JsonObject
from pytest_modeleval.stress.timing import Arrival, Timing

_SENDING_SLACK_S = 1e-9


@dataclass(slots=True)
class _Stream:
    """What the events of a response said, in order. Times are as in RawExchange."""

    texts: list[tuple[float, int]] = field(default_factory=list)
    """Of every event with a piece of the reply: its time, and the characters of answer text in it."""
    counted: list[tuple[float, int]] = field(default_factory=list)
    """Of every event whose usage counts more tokens than before: its time, and how many more."""
    first_s: float | None = None
    """The first event with a piece of the reply."""
    answer_s: float | None = None
    """The first with a piece that is no thinking."""
    total: int = 0
    """Tokens counted so far by events with a choice."""
    cached: int | None = None
    """Tokens from the prefix cache, where only llama.cpp's own `timings` say so."""
    queue_s: float | None = None
    """Seconds in the server's queue, where it reports them."""
    reply: JsonObject | None = None


def read_exchange(raw: RawExchange, *, start_s: float) -> tuple[Timing, JsonObject | None]:
    """The timing of a request, and its reply if one came. start_s: the start of the point, time.monotonic()."""
    stream, failure = _Stream(), raw.failure
    try:
        if not failure:
            _read_response(raw, stream)
    except AttemptFailed as failed:
        failure = failed.cause
    reply = stream.reply
    usage = (reply or {}).get("usage") or {}
    arrivals, is_exact = _arrivals(stream, usage.get("completion_tokens"))
    answer_s = stream.answer_s if reply is None else _answer_time(stream, reply)
    timing = Timing(
        number=raw.number,
        scheduled_s=None if raw.planned_s is None else raw.planned_s - start_s,
        sent_s=raw.sent_s - start_s,
        first_s=_since(arrivals[0][0] if arrivals else stream.first_s, start_s),
        first_answer_s=_since(answer_s, start_s),
        ended_s=raw.ended_s - start_s,
        arrivals=tuple(Arrival(round(at_s - start_s, 6), tokens) for at_s, tokens in arrivals),
        are_tokens_exact=is_exact,
        completion_tokens=usage.get("completion_tokens"),
        prompt_tokens=usage.get("prompt_tokens"),
        cached_tokens=usage.get("cached_tokens", stream.cached),
        queue_s=stream.queue_s,
        wanted_tokens=raw.wanted_tokens,
        finish="" if failure else str((reply or {}).get("finish_reason") or ""),
        failure=failure,
        phase=raw.phase,
        send_lag_s=max(0.0, raw.sent_s - raw.ready_s),
        receive_lag_s=raw.lag_s,
        session=raw.session,
        turn=raw.turn,
    )
    return timing, None if failure else reply


def _since(at_s: float | None, start_s: float) -> float | None:
    return None if at_s is None else round(at_s - start_s, 6)


def _read_response(raw: RawExchange, stream: _Stream) -> None:
    """Fill `stream`. Raises AttemptFailed for a response that is no whole reply."""
    start = b"".join(raw.pieces[:3]).lstrip()
    if raw.status != 200:
        raise status_error(raw.status, _text_of(raw.pieces))
    if start.startswith(STARTS):
        _read_events(raw, stream)
    else:
        body = parse_object(b"".join(raw.pieces))
        stream.reply, stream.queue_s = reply_from_json(body), read_queue_s(body)
        if raw.stamps:
            stream.first_s = stream.answer_s = raw.stamps[-1]
            stream.texts.append((raw.stamps[-1], len(stream.reply.get("content") or "")))
    raise_for_finish(stream.reply or {})


def _text_of(pieces: Sequence[bytes]) -> str:
    body = b"".join(pieces)
    try:
        return error_text(parse_object(body))
    except AttemptFailed:
        return body[:200].decode("utf-8", "replace")


def _read_events(raw: RawExchange, stream: _Stream) -> None:
    accumulator = StreamAccumulator()
    for at_s, event in _events(raw):
        _count_usage(stream, event, at_s)
        queue_s = read_queue_s(event)
        stream.queue_s = stream.queue_s if queue_s is None else queue_s
        if accumulator.add(event):
            _note_piece(stream, event, at_s)
    stream.reply = accumulator.reply()


def _events(raw: RawExchange) -> Iterator[tuple[float, JsonObject]]:
    """Every event with the time of the piece that completed it."""
    reader = EventReader()
    for at_s, piece in zip(raw.stamps, raw.pieces, strict=True):
        for event in reader.feed(piece):
            yield at_s, event
    for event in reader.finish():
        yield raw.stamps[-1], event


def _count_usage(stream: _Stream, event: Mapping[str, Any], at_s: float) -> None:
    """Continuous usage: the tokens so far, in every event with a choice."""
    if "timings" in event and isinstance(event["timings"], dict):
        stream.cached = read_count(event["timings"].get("cache_n"))
    usage = event.get("usage")
    if not usage or not event.get("choices"):
        return
    count = read_count(usage.get("completion_tokens")) if isinstance(usage, dict) else None
    if count is not None and count > stream.total:
        stream.counted.append((at_s, count - stream.total))
        stream.total = count


def _note_piece(stream: _Stream, event: Mapping[str, Any], at_s: float) -> None:
    delta = event["choices"][0].get("delta")
    delta = delta if isinstance(delta, dict) else {}
    content = delta.get("content")
    is_thinking = not content and bool(delta.get("reasoning_content") or delta.get("reasoning"))
    if stream.first_s is None:
        stream.first_s = at_s
    if stream.answer_s is None and not is_thinking:
        stream.answer_s = at_s
    stream.texts.append((at_s, len(content) if isinstance(content, str) else 0))


def _arrivals(stream: _Stream, total: int | None) -> tuple[list[tuple[float, int]], bool]:
    """(time, tokens) of every arrival, and whether the server counted them."""
    if len(stream.counted) > 1 or (stream.counted and stream.total == total == len(stream.texts)):
        counted = list(stream.counted)
        if total is not None and total > stream.total:
            at_s, last = counted[-1]
            counted[-1] = at_s, last + total - stream.total
        return counted, True
    num = len(stream.texts)
    if total is None:
        return [(at_s, 0) for at_s, _ in stream.texts], False
    shares = [total * place // num for place in range(num + 1)] if num else []
    spread = [(at_s, shares[place + 1] - shares[place]) for place, (at_s, _) in enumerate(stream.texts)]
    return spread, total == num


def _answer_time(stream: _Stream, reply: Mapping[str, Any]) -> float | None:
    """When the answer began; where thinking stands inside of the content, the piece with its first character."""
    content = reply.get("content") or ""
    split = split_thinking(content, reply.get("reasoning_content"))
    if split.is_open:
        return None
    if not split.reasoning or split.reasoning == (reply.get("reasoning_content") or ""):
        return stream.answer_s
    answer = split.text.strip()
    if not answer:
        return None
    place = content.rfind(answer[:200])
    ends = accumulate(length for _, length in stream.texts)
    return next((at_s for (at_s, _), end in zip(stream.texts, ends, strict=True) if end > place), stream.answer_s)
