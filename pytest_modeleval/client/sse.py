"""Server-sent events, as far as chat completions use them: bytes in, `data:` payloads out. Pure.

Format: the WHATWG HTML standard, "Server-sent events". Comments, event names and ids are passed over; a payload
spread over several data lines is not used by any chat API and would surface as malformed JSON.
"""

from __future__ import annotations

from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind

MAX_LINE_BYTES = 16 * 1024 * 1024
DONE = b"[DONE]"


class EventLines:
    """Cuts a stream of bytes into payloads, whatever the chunks' borders are."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The payloads that this chunk completes. Raises AttemptFailed for a line over MAX_LINE_BYTES."""
        data = self._rest + chunk if self._rest else chunk
        lines = data.split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_LINE_BYTES:
            raise AttemptFailed(
                f"the server sent a line of more than {MAX_LINE_BYTES} bytes", kind=Kind.BAD_RESPONSE, cause="too_large"
            )
        return [line[5:].strip() for line in lines if line.startswith(b"data:")]

    def rest(self) -> list[bytes]:
        """The payload of a last line that ended without a line break."""
        line, self._rest = self._rest, b""
        return [line[5:].strip()] if line.startswith(b"data:") else []
