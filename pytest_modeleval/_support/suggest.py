"""Suggestions for misspelled names, in one wording. Pure."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_LISTED = 12


def closest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known name that is most similar to word, ignoring case; None if none is similar enough (0 to 1)."""
    names = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold(), names, n=1, cutoff=cutoff)
    return names[found[0]] if found else None


def hint(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The end of a message about an unknown word: a suggestion, else the first known names. Empty if none is known."""
    names = list(known)
    found = closest(word, names, cutoff=cutoff)
    if found is not None:
        return f"did you mean {found!r}?"
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return f"known: {', '.join(names[:_MAX_LISTED])}{more}" if names else ""
