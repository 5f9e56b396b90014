"""Notices replies of another model, such as a gateway's fallback: answers of two models are no score of one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_modeleval.client.failures import bad_response_error
from pytest_modeleval.errors import AttemptFailed

CAUSE = "other_model"
_MAX_SHOWN_CHARS = 100
# What an alias leaves out: a date (2025-01-01, 20250101, 0613), a revision (001, v2), "latest" and the like.
_VERSION = re.compile(r"(?:[-@:_.](?:\d{4}-\d{2}-\d{2}|\d{3,8}|v\d{1,3}|latest|stable|default))+")


class ReplyModel:
    """The model whose replies count.

    A reply may carry another name of the requested model: with or without its owner, a further name, a dated version of
    an alias. A name that the server lists for another model is refused from the first reply on. For any other name the
    first reply decides, since it may be the model's name behind an alias of a gateway; a reply with a further name is a
    failure.
    """

    __slots__ = ("_accepted", "_first", "_last", "_names", "_others", "_version")

    def __init__(self, requested: str, other_names: Iterable[str] = (), *, other_models: Iterable[str] = ()) -> None:
        """requested: the name in every request. other_names: further names of the same model.

        other_models: names that the server lists for other models.
        """
        self._names = tuple(filter(None, (requested, *other_names)))
        self._accepted = {_short(name) for name in self._names}
        self._others = {_short(name) for name in other_models} - self._accepted
        self._first: str | None = None
        self._last = ""
        """The name of the last reply that counted: nearly always the next one's too."""
        self._version: str | None = None
        """The dated version that the replies name; another one is another model."""

    def check(self, name: str) -> None:
        """Raise AttemptFailed for a reply with this name of a model if it is another one; "" is no name."""
        if not name or name == self._last:
            return
        short = _short(name)
        if short in self._accepted:
            self._first = self._first or name
        elif self._version is None and is_name_of(name, self._accepted):
            self._first, self._version = self._first or name, short
            self._accepted.add(short)
        elif short in self._others:
            shown = self._names[0][:_MAX_SHOWN_CHARS]
            raise _refusal(shown, name, f", which the server lists as another model than {shown}")
        elif self._first is None:
            self._first = name
            self._accepted = {short}
        else:
            raise _refusal(f"{self._first[:_MAX_SHOWN_CHARS]}, as the first one was", name)
        self._last = name


def _refusal(expected: str, name: str, why: str = "") -> AttemptFailed:
    return bad_response_error(
        f"expected a reply of {expected}, found one of {name[:_MAX_SHOWN_CHARS]}{why}; does a gateway fall back to "
        "another model? Names of one model belong into served_names of models.toml",
        CAUSE,
    )


def is_same_name(name: str, names: Iterable[str]) -> bool:
    """True if `name` is one of the names of a model but for owner, path and case."""
    return _short(name) in map(_short, names)


def is_name_of(name: str, names: Iterable[str]) -> bool:
    """True if `name` is one of the names of a model: the same, or a dated version of an alias (and the reverse).

    The owner ("MiniMaxAI/"), a path and case do not count. "gpt-x-2025-01-01" is a name of "gpt-x", "gpt-x-mini" no.
    """
    found = _short(name)
    for known in map(_short, names):
        short, long = sorted((found, known), key=len)
        if long == short or (long.startswith(short) and _VERSION.fullmatch(long, len(short))):
            return True
    return False


def _short(name: str) -> str:
    """The last part of a name or path, in lower case: servers add and drop the owner."""
    return name.rstrip("/").rpartition("/")[2].lower()
