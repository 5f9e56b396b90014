"""Fenced code blocks of a reply, as CommonMark reads them and as models write them. Pure.

CommonMark wants a fence alone on its line. Models also open a block after text ("Program: ```python"), close it behind
the last line of code or in front of more text ("```."), and put blocks into list items and quotations, whose
indentation and marks are not part of the code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# "> " of quotations; indentation and list markers; a fence; the rest of its line.
_LEAD = r"(?P<quote>(?:[ \t]{0,3}>[ \t]?)*)(?P<column>[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*)"
_AT_START = re.compile(_LEAD + r"(?P<fence>`{3,}|~{3,})(?P<rest>.*)")
_AFTER_TEXT = re.compile(_LEAD + r"(?P<before>[^`]+)(?P<fence>`{3,})(?P<rest>[^`]*)")
# A language, and what renderers read after it: "python", "python {.line-numbers}", "py title=a.py".
_INFO = re.compile(r"[ \t]*([\w+#.-]*)(?:[ \t]*[{,:].*|[ \t]+\w+=.*)?[ \t\r]*")
# Allowed behind a fence at the end of a line of code: punctuation, and an end mark such as <|im_end|>.
_AFTER_CODE = re.compile(r"[ \t.;,]*(?:<[^<>]*>)?[ \t\r]*")
_LANGUAGES = frozenset(
    {"python", "python3", "py", "py3", "pypy", "pypy3", "python2", "pycon", "text", "txt", "plaintext", "bash", "sh"}
    | {"shell", "console", "cpp", "c", "java", "javascript", "js", "go", "rust", "json", "output", "input"}
)
_QUOTE = re.compile(r"[ \t]{0,3}>[ \t]?")
# A closing fence may be indented by three columns more than the opening one; deeper it is code.
_MAX_EXTRA_INDENT = 3


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    language: str
    """The language as named, in lower case; "" if it is not named."""
    code: str
    """The text between the fences, without the indentation and marks of a list item or quotation around it."""
    is_closed: bool
    """False if the reply ends before a closing fence."""


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a reply in order; a block that is not closed ends at the next one or at the end."""
    found: list[Block] = []
    current: _Open | None = None
    for line in text.split("\n"):
        if current is None:
            current = _opened(line)
            continue
        end = current.end(line)
        if end is None:
            current.lines.append(line)
            continue
        if end.code:
            current.lines.append(end.code)
        found.append(current.block(is_closed=end.next is None))
        current = end.next
    if current is not None:
        found.append(current.block(is_closed=False))
    return found


class _Open:
    """A block whose end has not been read yet."""

    def __init__(self, fence: str, language: str, quotes: int, column: int) -> None:
        self.fence, self.language, self.quotes, self.column = fence, language, quotes, column
        self.lines: list[str] = []

    def end(self, line: str) -> _End | None:
        """How a line ends this block; None if it is code."""
        bare = _without_quotes(line, self.quotes)
        stripped = bare.lstrip(" \t")
        if stripped.startswith(self.fence):
            if len(bare) - len(stripped) > self.column + _MAX_EXTRA_INDENT:
                return None
            rest = stripped.lstrip(self.fence[0])
            language = _language(rest)
            if not rest.strip() or language is None or language not in _LANGUAGES:
                return _End()
            return _End(next=_opened(line))
        before, fence, rest = stripped.rpartition(self.fence)
        if fence and _AFTER_CODE.fullmatch(rest) and not before.endswith(self.fence[0]) and _is_code_end(before):
            return _End(code=bare[: bare.rindex(self.fence)])
        return None

    def block(self, *, is_closed: bool) -> Block:
        """The block with what was read so far."""
        lines = [_without_quotes(line, self.quotes) for line in self.lines]
        first = next((line for line in lines if line.strip()), "")
        if self.column and _indent(first) >= self.column:
            lines = [line[min(self.column, _indent(line)) :] for line in lines]
        return Block(self.language, "\n".join(lines), is_closed)


@dataclass(frozen=True, slots=True)
class _End:
    """How a line ends a block. code: what stands before the fence. next: the block that the line opens."""

    code: str = ""
    next: _Open | None = None


def _opened(line: str) -> _Open | None:
    """The block that a line opens, None if it opens none."""
    if (match := _AT_START.match(line)) and "`" not in match["rest"]:
        language = _language(match["rest"]) or ""
    elif match := _AFTER_TEXT.fullmatch(line):
        language = match["rest"].strip().lower()
        if language and (match["rest"][0] in " \t" or language not in _LANGUAGES):
            return None
    else:
        return None
    return _Open(match["fence"], language, match["quote"].count(">"), len(match["column"]))


def _language(rest: str) -> str | None:
    """The language that follows an opening fence, "" if none does; None if the rest is text."""
    match = _INFO.fullmatch(rest)
    if match:
        return match[1].lower()
    word = rest.split(maxsplit=1)[0].lower() if rest.strip() else ""
    return word if word in _LANGUAGES and rest[:1] not in " \t" else None


def _is_code_end(code: str) -> bool:
    """False if a fence after this code is most likely part of a string or comment."""
    return bool(code.strip()) and code.count("'") % 2 == 0 and code.count('"') % 2 == 0 and "#" not in code


def _without_quotes(line: str, count: int) -> str:
    for _ in range(count):
        if match := _QUOTE.match(line):
            line = line[match.end() :]
    return line


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
