"""Server-sent events of chat completions: bytes in, JSON objects out. Pure; linear in the number of bytes.

Format: the WHATWG HTML standard, "Server-sent events": a byte order mark may come first, lines end with LF, CR LF or
CR, and an event may have several data lines. Beyond the standard, an event ends as soon as its data is a whole JSON
object, since some servers send no blank line in between.
"""

from __future__ import annotations

from orjson import JSONDecodeError, loads

from pytest_modeleval.client.failures import bad_response_error, raise_for_error, too_large_error
from pytest_modeleval.client.json_object import BOM, COUNT_FROM_BYTES, excerpt, parse_object
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import JsonObject

MAX_LINE_BYTES = 8 * 1024 * 1024
MAX_STREAM_BYTES = 1024 * 1024 * 1024
# An event over several lines is tried anew at each of them.
_MAX_EVENT_LINES = 1000
_MAX_EVENT_BYTES = 64 * 1024
DONE = b"[DONE]"
STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")


class EventReader:
    """Reads events from a stream of bytes, whatever the borders of its chunks are. Nothing counts after [DONE]."""

    __slots__ = ("_buffer", "_event_lines", "_is_begun", "_is_error", "_partial", "_total", "is_done")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._partial = b""
        self._event_lines = 0
        self._is_begun = False
        self._is_error = False
        self._total = 0
        self.is_done = False

    def feed(self, chunk: bytes) -> list[JsonObject]:
        """The events that this chunk completes. Raises AttemptFailed for what is no event, and beyond the bounds."""
        if self.is_done:
            return []
        self._total += len(chunk)
        if self._total > MAX_STREAM_BYTES:
            raise too_large_error(f"the server sent a stream of more than {MAX_STREAM_BYTES} bytes")
        data: bytes | bytearray = chunk
        if self._buffer:
            self._buffer += chunk
            if len(self._buffer) > MAX_LINE_BYTES:
                raise too_large_error(f"the server sent a line of more than {MAX_LINE_BYTES} bytes")
            if b"\n" not in chunk and b"\r" not in chunk and not self._buffer.endswith(b"\r"):
                return []
            data = self._buffer
        if b"\r" in data:
            # The CR at the end may be half of a line end.
            keep = 1 if data.endswith(b"\r") else 0
            tail = bytes(data[len(data) - keep :])
            lines = bytes(data[: len(data) - keep]).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
            rest = lines.pop() + tail
        else:
            lines = data.split(b"\n")  # type: ignore[assignment]
            rest = lines.pop()
        if rest:
            self._buffer = bytearray(rest)
        elif self._buffer:
            self._buffer.clear()
        return self._events(lines)

    def finish(self) -> list[JsonObject]:
        """The events of a last line without a line end."""
        line = bytes(self._buffer).rstrip(b"\r")
        self._buffer.clear()
        events = self._events([*line.split(b"\r"), b""]) if line else []
        self._check_end()
        return events

    def _check_end(self) -> None:
        """Raise AttemptFailed if an event ends that is not complete, or whose data came before its name `error`."""
        if self._partial:
            raise self._malformed()
        if self._is_error:
            raise _error_event(b"")

    def _events(self, lines: list[bytes]) -> list[JsonObject]:
        events: list[JsonObject] = []
        if not self._is_begun:
            self._begin(lines)
        for line in lines:
            if not line:
                if self._partial or self._is_error:
                    self._check_end()
                continue
            payload = line[5:].strip() if line.startswith(b"data:") else _payload(line)
            if payload is None:
                self._read_other(line)
                continue
            event = self._plain_event(payload) or self._event(payload)
            if event is not None:
                events.append(event)
            if self.is_done:
                break
        return events

    def _plain_event(self, payload: bytes) -> JsonObject | None:
        """A small object that stands alone, as the thousands of events of a stream do; None for every other payload.

        Without the checks of parse_object.
        """
        if not payload.startswith(b"{") or self._partial or self._is_error or len(payload) >= COUNT_FROM_BYTES:
            return None
        try:
            loaded = loads(payload)
        except JSONDecodeError:
            return None
        return loaded if type(loaded) is dict else None

    def _read_other(self, line: bytes) -> None:
        """A line that has no data."""
        if not line.strip():
            self._check_end()
        elif line.startswith(b"event:"):
            self._is_error = line[6:].strip().lower() in (b"error", b"exception", b"fail", b"failure")

    def _begin(self, lines: list[bytes]) -> None:
        if lines:
            self._is_begun = True
            lines[0] = lines[0].removeprefix(BOM)

    def _event(self, payload: bytes) -> JsonObject | None:
        """The event of a data line; None if it is empty or not complete."""
        if not self._partial and not self._is_error and payload.endswith(b"}"):
            try:
                return parse_object(payload)
            except AttemptFailed as failure:
                if failure.cause != "malformed_json":
                    raise
            return self._continue(payload)
        if self._is_error:
            raise _error_event(payload)
        if not payload and not self._partial:
            return None
        if not self._partial and payload.strip(b'"').upper() in (DONE, b"DONE"):
            self.is_done = True
            return None
        if not self._partial and payload[:1] not in (b"{", b""):
            raise bad_response_error(
                f"expected a JSON object from the server, found {excerpt(payload)}", "malformed_json"
            )
        return self._continue(payload)

    def _continue(self, payload: bytes) -> JsonObject | None:
        self._partial = self._partial + b"\n" + payload if self._partial else bytes(payload)
        self._event_lines += 1
        if self._event_lines > _MAX_EVENT_LINES or (self._event_lines > 1 and len(self._partial) > _MAX_EVENT_BYTES):
            raise self._malformed()
        if self._event_lines > 1 and payload.endswith(b"}"):
            try:
                event = parse_object(self._partial)
            except AttemptFailed:
                return None
            self._partial, self._event_lines = b"", 0
            return event
        return None

    def _malformed(self) -> AttemptFailed:
        partial, self._partial, self._event_lines = self._partial, b"", 0
        try:
            parse_object(partial)
        except AttemptFailed as failure:
            return failure
        return bad_response_error(f"expected an event of one JSON object, found {excerpt(partial)}", "malformed_json")


def _payload(line: bytes) -> bytes | None:
    """The payload of a data line that begins with a mark, spaces or capitals; None for every other line."""
    if not line or line[0] not in b"D \t\xef":
        return None
    start = line.lstrip(b" \t" + BOM)
    return start[5:].strip() if start[:5].lower() == b"data:" else None


def _error_event(payload: bytes) -> AttemptFailed:
    """The failure that an event named "error" reports."""
    text = payload[:300].decode("utf-8", "replace")
    try:
        found = parse_object(payload)
        raise_for_error(found if "error" in found else {"error": found})
    except AttemptFailed as failure:
        if failure.cause != "malformed_json":
            return failure
    try:
        raise_for_error({"error": text or "an event without data"})
    except AttemptFailed as failure:
        return failure
    raise AssertionError("a text that says something is an error")
