"""Shortens text for messages, explanations and pages. Limits are characters; three dots mark what is cut."""

from __future__ import annotations

ELLIPSIS = "..."


def shorten(text: str, limit: int) -> str:
    """The text, or its beginning and three dots, at most `limit` characters in all (4 or more)."""
    return text if len(text) <= limit else text[: limit - len(ELLIPSIS)] + ELLIPSIS


def printable(text: str, limit: int) -> str:
    """The text on one printable line of at most `limit` characters.

    Line breaks, control and bidirectional characters and halves of surrogate pairs appear as their escapes.
    """
    cut = shorten(text, limit)
    if cut.isprintable():
        return cut
    return shorten("".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut), limit)


def shorten_repr(value: object, limit: int) -> str:
    """`repr` of a value, at most `limit` characters. Long text and bytes are cut before they are quoted."""
    if isinstance(value, str | bytes) and len(value) > limit:
        value = value[:limit]
        text = repr(value)
        return text[: limit - len(ELLIPSIS)] + ELLIPSIS
    try:
        return shorten(repr(value), limit)
    except (ValueError, RecursionError):
        # An integer of more than 4,300 digits has no decimal text in Python; a deep structure has no repr.
        return f"a {type(value).__name__} too large to show"


def shorten_middle(text: str, head: int, tail: int, note: str) -> str:
    """The text, or its first `head` and last `tail` characters around a line with `note`.

    note: a format string; {left} is the number of characters that are cut.
    """
    left = len(text) - head - tail
    return text if left <= 0 else f"{text[:head]}\n{note.format(left=f'{left:,}')}\n{text[len(text) - tail :]}"
