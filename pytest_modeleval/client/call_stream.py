"""Tool calls of a streamed reply, put together from their parts. Pure.

The API tells parallel calls apart by `index`. Servers also send index 0 for all of them, none, null, -1, the position
of the tool, or name and arguments under different indices; and some repeat names or whole arguments. So a call is found
by its id, then its index, then by being the last one; and a new call begins with a name or an id after complete
arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from pytest_modeleval.client.failures import bad_response_error, too_large_error
from pytest_modeleval.client.json_object import is_object

MAX_CALLS = 1024
MAX_NAME_CHARS = 4096
MAX_CHECKED_CHARS = 64 * 1024


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""
    last_piece: str = ""
    pieces: list[str] = field(default_factory=list)
    """Arguments that are not joined yet."""
    size: int = 0
    """Characters of all arguments."""
    is_cumulative: bool = True
    """Every piece so far began with the piece before it."""
    is_named_again: bool = False
    """Its name came again after its arguments: a second call of the same function may begin."""

    def add_name(self, name: str) -> None:
        """Take a name that comes again, or the next piece of one; as a rule it comes whole."""
        if name and name != self.name:
            self.name = name if self.name and name.startswith(self.name) else self.name + name

    def add(self, text: str) -> None:
        """More of the arguments."""
        if self.size <= 4 and text.startswith("{") and self.join().strip() == "{}":
            # Some servers send an empty object before the arguments.
            self.arguments, self.size = "", 0
        self.is_cumulative = self.is_cumulative and text.startswith(self.last_piece)
        self.last_piece = text
        self.pieces.append(text)
        self.size += len(text)

    def join(self) -> str:
        """The arguments so far."""
        if self.pieces:
            self.arguments += "".join(self.pieces)
            self.pieces.clear()
        return self.arguments

    def whole_arguments(self) -> str:
        """The arguments of the finished call. Some servers send all of them so far in every piece."""
        joined = self.join()
        is_last_whole = self.is_cumulative and len(self.last_piece) < len(joined) and is_object(self.last_piece)
        return self.last_piece if is_last_whole and not is_object(joined) else joined

    @property
    def is_whole(self) -> bool:
        """The arguments are a whole JSON object. False, too, for those longer than MAX_CHECKED_CHARS."""
        if not self.size or self.size > MAX_CHECKED_CHARS:
            return False
        return is_object(self.join())

    def is_repeated_by(self, arguments: str) -> bool:
        """Some servers send the whole arguments once more at the end."""
        if not 2 <= len(arguments) <= MAX_CHECKED_CHARS or not arguments.rstrip().endswith("}") or not self.is_whole:
            return False
        return is_object(arguments) and bool(orjson.loads(arguments) == orjson.loads(self.join()))


class CallStream:
    """Collects the calls of one reply, in the order in which they begin."""

    __slots__ = ("_by_index", "_calls")

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def add(self, parts: Any) -> int:
        """Take the `tool_calls` of one event; the number of characters in it. Raises AttemptFailed."""
        size = 0
        try:
            for position, part in enumerate(parts):
                function = part.get("function") or part
                name = _text(function.get("name"), "name")
                call_id = _text(part.get("id"), "id")
                arguments = arguments_text(function.get("arguments"))
                index = _index(part.get("index"))
                if index is None and len(parts) > 1 and position < len(self._calls) and not name and not call_id:
                    index = position
                self._add_part(index, call_id, name, arguments)
                size += len(name) + len(arguments)
        except (AttributeError, TypeError) as error:
            raise bad_response_error(
                f"a streamed tool call has not the expected form: {error}", "malformed_event"
            ) from error
        return size

    def calls(self) -> list[dict[str, str]]:
        """The calls as a reply has them."""
        return [{"id": call.id, "name": call.name, "arguments": call.whole_arguments()} for call in self._calls]

    def _add_part(self, index: int | None, call_id: str, name: str, arguments: str) -> None:
        if not (call_id or name or arguments):
            return
        call = self._find(index, call_id, name, arguments)
        if call is None or self._begins_call(call, call_id, name, arguments):
            call = self._begin(call_id, name or (call.name if call is not None else ""))
        else:
            call.add_name(name)
            call.id = call.id or call_id
        if len(call.name) > MAX_NAME_CHARS:
            raise too_large_error(f"the name of a tool call is longer than {MAX_NAME_CHARS} characters")
        if index is not None:
            self._by_index[index] = call
        if arguments and not call.is_repeated_by(arguments):
            call.add(arguments)

    def _begin(self, call_id: str, name: str) -> _Call:
        if len(self._calls) >= MAX_CALLS:
            raise too_large_error(f"the reply has more than {MAX_CALLS} tool calls")
        self._calls.append(_Call(call_id, name))
        return self._calls[-1]

    def _find(self, index: int | None, call_id: str, name: str, arguments: str) -> _Call | None:
        """The call that a part seems to belong to; None if it begins one."""
        last = self._calls[-1] if self._calls else None
        call = self._by_index.get(index) if index is not None else last
        if call is None:
            # A new index begins a call, unless the part only has arguments that the last call lacks or has already.
            is_rest = last is not None and not name and (not last.is_whole or last.is_repeated_by(arguments))
            return last if is_rest else None
        if call_id and call.id and call.id != call_id:
            return next((known for known in reversed(self._calls) if known.id == call_id), call)
        return call

    @staticmethod
    def _begins_call(call: _Call, call_id: str, name: str, arguments: str) -> bool:
        """True if a part begins a call although an earlier one was found for it."""
        if not name:
            return call.is_named_again and bool(arguments) and not call.is_repeated_by(arguments)
        return _begins_named_call(call, call_id, name, arguments)


def _begins_named_call(call: _Call, call_id: str, name: str, arguments: str) -> bool:
    """True if a part with a name begins a call although an earlier one was found for it."""
    has_other_id = bool(call_id and call.id and call_id != call.id)
    if not call.name and not has_other_id:
        # Its name comes after its arguments.
        return False
    if not call.is_whole:
        return has_other_id and (name != call.name or not arguments)
    if name != call.name or has_other_id:
        return True
    if call_id and call_id == call.id:
        return is_object(arguments) and not call.is_repeated_by(arguments)
    if arguments:
        return not call.is_repeated_by(arguments)
    call.is_named_again = True
    return False


def arguments_text(value: Any) -> str:
    """Arguments as text; some servers send an object."""
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()


def _text(value: Any, field: str) -> str:
    if value is None:
        return ""
    if field == "id" and isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise TypeError(f"expected text as {field}, found {type(value).__name__}")
    if len(value) > MAX_NAME_CHARS:
        raise too_large_error(f"the {field} of a tool call is longer than {MAX_NAME_CHARS} characters")
    return value


def _index(value: Any) -> int | None:
    """A usable index: a number from 0, which may come as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return value if value >= 0 else None
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9 else None
