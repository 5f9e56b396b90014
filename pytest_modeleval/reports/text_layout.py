"""Text that survives any terminal and any reader: widths, shortening, wrapping, hostile characters made visible. Pure.

Widths are terminal columns as wcwidth counts them, character by character: wide characters take two, combining marks
and format characters none. An emoji sequence may be counted wider than it is drawn, never narrower.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

ELLIPSIS = "..."

# What must not reach a reader as it is: C0 controls but tab and line feed, DEL and C1 (they drive terminals), the
# marks that reorder text (Boucher & Anderson 2021, "Trojan Source", arXiv:2111.00169), characters that cannot be seen,
# line separators, halves of surrogate pairs (no UTF-8 file can hold them), and tag characters. The zero-width joiner
# and non-joiner stay: Persian, Indic scripts and emoji are misspelt without them.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_BREAK_AFTER = "_-/.: "


def display_width(text: str) -> int:
    """Columns that the text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(map(_char_width, text))


def escape_of(char: str) -> str:
    r"""A character's name in print: \x1b, \u202e, \U000e0041."""
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible(text: str) -> str:
    """The text with every hidden or terminal-driving character shown as its escape; lines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return HIDDEN.sub(lambda found: escape_of(found.group()), text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """The text as one line that can stand in a table: hidden characters visible, white space as single spaces."""
    return " ".join(visible(text).split())


def shorten(text: str, width: int) -> str:
    """At most width columns: the text itself, or its beginning and three dots (only dots below four columns)."""
    if display_width(text) <= width:
        return text
    if width <= len(ELLIPSIS):
        return "." * max(width, 0)
    return _take(text, width - len(ELLIPSIS)) + ELLIPSIS


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text filled up with spaces to width columns; right: flush right."""
    fill = " " * max(0, width - display_width(text))
    return fill + text if right else text + fill


def wrap(text: str, width: int, *, indent: int = 0) -> list[str]:
    """The text in lines of at most width columns, broken at spaces, or anywhere where one word is longer.

    indent: spaces before every line but the first. At least one line.
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        rest = word
        while rest:
            room = max(2, width - (indent if lines else 0))
            joined = f"{line} {rest}" if line else rest
            if display_width(joined) <= room:
                line, rest = joined, ""
            elif line:
                lines.append(line)
                line = ""
            else:
                head = _take(rest, room)
                lines.append(head)
                rest = rest[len(head) :]
    if line or not lines:
        lines.append(line)
    return [lines[0], *(" " * indent + line for line in lines[1:])]


def wrap_name(name: str, width: int) -> list[str]:
    """A name in lines of at most width columns, broken after _ - / . : or a space where it has one."""
    lines: list[str] = []
    rest = name
    while display_width(rest) > width:
        head = _take(rest, max(2, width))
        cut = max(head.rfind(mark) for mark in _BREAK_AFTER) + 1
        # A break in the first third would leave a line nearly empty.
        end = cut if cut * 3 > len(head) else len(head)
        lines.append(rest[:end].rstrip(" "))
        rest = rest[end:]
    return [*lines, rest] if rest or not lines else lines


def excerpt(text: str, *, lines: int = 3, width: int = 80) -> list[str]:
    """The first non-empty lines of a text, each at most width columns, hidden characters visible, and how much more.

    "(empty)" or "(white space only)" where there is nothing. Long texts are looked at only as far as they are shown.
    """
    stripped = text.strip()
    looked_at = stripped[: (lines + 1) * width * 8]
    shown = [" ".join(line.split()) for line in visible(looked_at).split("\n") if line.strip()]
    if not shown:
        return [shorten("(white space only)" if text else "(empty)", width)]
    cut = [shorten(line, width) for line in shown[:lines]]
    left = len(stripped) - sum(len(line) for line in shown[:lines])
    if len(shown) > lines or len(stripped) > len(looked_at):
        cut.append(shorten(f"[about {left:,} more characters]", width))
    return cut


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number and its noun, inflected: "1 item", "2,000 items"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def sentences(text: str) -> str:
    """The text with a full stop at its end, if it has no end mark yet."""
    stripped = text.strip()
    return stripped if not stripped or stripped[-1] in ".!?:" else stripped + "."


def _take(text: str, width: int) -> str:
    return "".join(_within(text, width))


def _within(text: str, width: int) -> Iterator[str]:
    left = width
    for char in text:
        left -= _char_width(char)
        if left < 0:
            return
        yield char


def _char_width(char: str) -> int:
    # Nearly all text, without loading the tables of wcwidth (60 ms): ASCII and the printable letters of Latin scripts.
    if char < "\u0300":
        return 0 if char == "\xad" else 1
    from wcwidth import wcwidth  # noqa: PLC0415 - see above

    # -1 stands for control characters, which `visible` has replaced.
    return max(0, wcwidth(char))
