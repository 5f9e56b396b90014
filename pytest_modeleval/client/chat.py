"""One chat completion over HTTP: send, read, and say exactly what went wrong if it did.

Knows no benchmark and no pytest. Does not retry and does not limit time: the dispatcher does both.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from pytest_modeleval.client.reply import Assembly, bad, check_finish, parse_json, reply_from_json
from pytest_modeleval.client.sse import DONE, EventLines
from pytest_modeleval.client.transport import Reply, Transport
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import JsonObject, Kind

RETRYABLE_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
OVERLOAD_STATUSES = frozenset({429, 503})


class ChatClient:
    """Sends bodies to /chat/completions and gives replies back (see client.reply)."""

    def __init__(self, transport: Transport, *, key: str | None = None) -> None:
        self._transport = transport
        self._headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    async def complete(self, url: str, body: bytes, *, request_id: str, heard: Callable[[], None]) -> JsonObject:
        """One reply. `heard` is called whenever something arrives, so that silence can be measured.

        url: the base, with /v1. Raises AttemptFailed; lets cancellation through, which closes the connection.
        """
        headers = {**self._headers, "X-Request-Id": request_id}
        start = time.perf_counter()
        async with self._transport.post(f"{url}/chat/completions", body, headers) as answer:
            heard()
            if answer.status != 200:
                raise await _refusal(answer)
            if "text/event-stream" in (answer.headers.get("content-type") or ""):
                reply, first = await _read_stream(answer, heard)
            else:
                reply, first = reply_from_json(parse_json(await answer.read())), None
        end = time.perf_counter()
        check_finish(reply)
        if first is not None:
            reply["first_token_s"] = round(first - start, 4)
        reply["total_s"] = round(end - start, 4)
        return reply

    async def abort(self, url: str, request_id: str) -> None:
        """Tell SGLang to drop a request: one whose client is gone goes on to max_tokens (SGLang issue 37833)."""
        root = url.removesuffix("/").removesuffix("/v1")
        body = f'{{"rid":"{request_id}","abort_all":false}}'.encode()
        async with self._transport.post(f"{root}/abort_request", body, self._headers) as answer:
            await answer.read()

    async def close(self) -> None:
        """Give all connections back."""
        await self._transport.close()


async def _read_stream(answer: Reply, heard: Callable[[], None]) -> tuple[JsonObject, float | None]:
    lines = EventLines()
    assembly = Assembly()
    first: float | None = None
    is_done = False
    async for chunk in answer.chunks():
        heard()
        for payload in lines.feed(chunk):
            if payload == DONE:
                is_done = True
            elif payload and assembly.add(parse_json(payload)) and first is None:
                first = time.perf_counter()
    for payload in lines.rest():
        if payload == DONE:
            is_done = True
        elif payload:
            assembly.add(parse_json(payload))
    if not is_done and assembly.finish_reason is None:
        raise bad("the stream ended before the answer did", "stream_cut")
    return assembly.reply(), first


async def _refusal(answer: Reply) -> AttemptFailed:
    """What a status other than 200 means. The text of an error is shown, never graded."""
    status = answer.status
    text = _error_text(await answer.read())
    cause = f"http_{status}"
    if status == 400 and any(
        word in text.lower() for word in ("context", "maximum length", "input length", "too long")
    ):
        cause = "context_exceeded"
    return AttemptFailed(
        f"the server refused the request with status {status}: {text}",
        kind=Kind.SERVER_ERROR,
        cause=cause,
        is_retryable=status in RETRYABLE_STATUSES or status >= 500,
        is_overload=status in OVERLOAD_STATUSES,
        retry_after_s=retry_after(answer.headers, now=datetime.now(UTC)),
    )


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds from a Retry-After field: a number or a date (RFC 9110, section 10.2.3); None if absent or unreadable."""
    text = (headers.get("retry-after") or "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text)) if float(text) < 86_400 else 86_400.0
    except ValueError:
        pass
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _error_text(data: bytes) -> str:
    try:
        found = parse_json(data)
    except AttemptFailed:
        return data[:300].decode("utf-8", "replace").strip() or "(empty body)"
    error = found.get("error", found)
    text = error.get("message", error) if isinstance(error, dict) else error
    return str(text)[:300]
