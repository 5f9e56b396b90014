"""Code out of a reply: several rules by name, because published scores depend on which one was used. Pure.

    last_block              the last closed fenced block that is Python (named so, or not named at all); ours
    between_last_fences     what lies between the last two lines that hold a fence; LiveCodeBench's extract_code
    between_first_fences    what lies between the first two; EvalScope up to 1.4.2

Thinking is cut away before (client.thinking); no rule ever sees it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

FENCE = "```"
_OPENING = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})[ \t]*([\w+#.-]*)")
_PYTHON = frozenset({"python", "python3", "py", "py3", "pypy", "pypy3", "python2"})
_MAX_CHARACTERS = 2_000_000


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the language as named ("" if not), the text inside, whether its fence was closed."""

    language: str
    code: str
    is_closed: bool


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a reply in order, as CommonMark reads them; an unclosed last one reaches to the end."""
    found: list[Block] = []
    lines: list[str] = []
    language, fence = "", ""
    for line in text[:_MAX_CHARACTERS].split("\n"):
        opening = _OPENING.match(line)
        if not fence:
            if opening:
                fence, language, lines = opening[1], opening[2].lower(), []
        elif opening and opening[1].startswith(fence) and not line[opening.end() :].strip() and not opening[2]:
            found.append(Block(language, "\n".join(lines), is_closed=True))
            fence = ""
        else:
            lines.append(line)
    if fence:
        found.append(Block(language, "\n".join(lines), is_closed=False))
    return found


def last_block(text: str) -> str:
    """The last block that is code: named Python, else not named, else of any name; closed ones before unclosed ones."""
    every = [block for block in blocks(text) if block.code.strip()]
    choices = (
        [block for block in every if block.is_closed and block.language in _PYTHON],
        [block for block in every if block.is_closed and not block.language],
        [block for block in every if block.language in _PYTHON or not block.language],
        every,
    )
    return next((choice[-1].code for choice in choices if choice), "")


def between_last_fences(text: str) -> str:
    """LiveCodeBench's rule (lcb_runner/utils/extraction_utils.py); "" with fewer than two fences."""
    lines = text[:_MAX_CHARACTERS].split("\n")
    at = [number for number, line in enumerate(lines) if FENCE in line]
    return "\n".join(lines[at[-2] + 1 : at[-1]]) if len(at) >= 2 else ""


def between_first_fences(text: str) -> str:
    """EvalScope's rule up to 1.4.2; "" with fewer than two fences."""
    lines = text[:_MAX_CHARACTERS].split("\n")
    at = [number for number, line in enumerate(lines) if FENCE in line]
    return "\n".join(lines[at[0] + 1 : at[1]]) if len(at) >= 2 else ""


RULES: dict[str, Callable[[str], str]] = {
    "last_block": last_block,
    "between_last_fences": between_last_fences,
    "between_first_fences": between_first_fences,
}
