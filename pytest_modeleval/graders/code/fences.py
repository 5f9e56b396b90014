"""Fenced code blocks of a reply, as CommonMark reads them and as models write them. Pure.

CommonMark wants a fence alone on its line. Models also open a block after text ("Program: ```python"), close it behind
the last line of code or in front of more text ("```."), and put blocks into list items and quotations, whose
indentation and marks are not part of the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# "> " of quotations; indentation and list markers. Matched against the text before a fence, never searched for.
_LEAD = re.compile(r"(?P<quote>(?:[ \t]{0,3}>[ \t]?)*)(?P<column>[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*)")
_FENCE = re.compile(r"`{3,}|~{3,}")
# More fences than any reply needs; the rest is left out, so that a hostile one costs no more than 0.1 s.
_MAX_FENCES = 10_000
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
_MAX_QUOTES = 20
_END_MARK = re.compile(r"\s*(?:<\|[\w| ]{1,24}\|>|</s>)\s*\Z")


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
    at = 0
    for start, stop in _lines_with_fences(text):
        line = text[start:stop]
        if current is None:
            current, at = _opened(line), stop + 1
            continue
        end = current.end(line)
        if end is None:
            continue
        found.append(current.block(text[at : start + len(end.code)], is_closed=end.next is None))
        current, at = end.next, stop + 1
    if current is not None:
        found.append(current.block(_END_MARK.sub("", text[at:]), is_closed=False))
    return found


def _lines_with_fences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each line that holds a fence; at most _MAX_FENCES."""
    stop = -1
    for number, match in enumerate(_FENCE.finditer(text)):
        if number >= _MAX_FENCES:
            return
        if match.start() > stop:
            stop = text.find("\n", match.end())
            stop = len(text) if stop < 0 else stop
            yield text.rfind("\n", 0, match.start()) + 1, stop


class _Open:
    """A block whose end has not been read yet."""

    def __init__(self, fence: str, language: str, quotes: int, column: int) -> None:
        self.fence, self.language, self.quotes, self.column = fence, language, quotes, column

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
            return _End(code=line[: line.rindex(self.fence)])
        return None

    def block(self, code: str, *, is_closed: bool) -> Block:
        """The block with this text between its fences."""
        code = code.removesuffix("\n")
        if not self.quotes and not self.column:
            return Block(self.language, code, is_closed)
        lines = [_without_quotes(line, self.quotes) for line in code.split("\n")]
        first = next((line for line in lines if line.strip()), "")
        if self.column and _indent(first) >= self.column:
            lines = [_without_indent(line, self.column) for line in lines]
        return Block(self.language, "\n".join(lines), is_closed)


@dataclass(frozen=True, slots=True)
class _End:
    """How a line ends a block. code: what stands before the fence. next: the block that the line opens."""

    code: str = ""
    next: _Open | None = None


def _may_follow_text(rest: str, language: str) -> bool:
    """True if what stands behind a fence in the middle of a line leaves it a fence: nothing, or a known language."""
    return not language or (rest[0] not in " \t" and language in _LANGUAGES)


def _opened(line: str) -> _Open | None:
    """The block that a line with a fence opens, None if it opens none."""
    fence = _FENCE.search(line)
    if fence is None or "`" in line[fence.end() :]:
        return None
    before, rest = line[: fence.start()], line[fence.end() :]
    lead = _LEAD.match(before)
    if lead is None or lead.end() == len(before):
        language = _language(rest) or ""
    else:
        language = rest.strip().lower()
        if before.count("`") % 2 or fence[0][0] != "`" or not _may_follow_text(rest, language):
            return None
    quotes, column = (lead["quote"].count(">"), len(lead["column"].expandtabs(4))) if lead else (0, 0)
    return _Open(fence[0], language, min(quotes, _MAX_QUOTES), column)


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


def _without_indent(line: str, columns: int) -> str:
    """Take up to this many columns of indentation from a line; a tab reaches to the next multiple of 4."""
    if "\t" not in line[:columns]:
        return line[min(columns, _indent(line)) :]
    rest = line.lstrip(" \t")
    return " " * max(0, _indent(line) - columns) + rest


def _indent(line: str) -> int:
    """Columns of indentation."""
    return len(line[: len(line) - len(line.lstrip(" \t"))].expandtabs(4))
