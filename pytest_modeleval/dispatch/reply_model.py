"""Notices replies of another model, such as a gateway's fallback: answers of two models are no score of one. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_modeleval.client.failures import bad_response_error

CAUSE = "other_model"
_MAX_SHOWN_CHARS = 100


class ReplyModel:
    """The model whose replies count.

    Some servers name another model than was requested in every reply: a path, an alias, a dated version. So the first
    reply decides which name belongs to the run, and every reply with another one is a failure.
    """

    __slots__ = ("_accepted", "_first", "_last")

    def __init__(self, requested: str, other_names: Iterable[str] = ()) -> None:
        """requested: the name in every request. other_names: further names of the same model."""
        self._accepted = {_short(name) for name in (requested, *other_names)}
        self._first: str | None = None
        self._last = ""
        """The name of the last reply that counted: nearly always the next one's too."""

    def check(self, name: str) -> None:
        """Raise AttemptFailed for a reply with this name of a model if it is another one; "" is no name."""
        if not name or name == self._last:
            return
        short = _short(name)
        if self._first is None:
            self._first = name
            if short not in self._accepted:
                self._accepted = {short}
        elif short not in self._accepted:
            raise bad_response_error(
                f"expected a reply of {self._first[:_MAX_SHOWN_CHARS]}, as the first one was, found one of "
                f"{name[:_MAX_SHOWN_CHARS]}; does a gateway fall back to another model? Names of one model belong into "
                "served_names of models.toml",
                CAUSE,
            )
        self._last = name


def _short(name: str) -> str:
    """The last part of a name or path, in lower case: servers add and drop the owner."""
    return name.rstrip("/").rpartition("/")[2].lower()
