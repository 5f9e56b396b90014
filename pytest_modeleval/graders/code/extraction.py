"""Extracts code from a reply. Several rules by name, because published scores depend on which one was used. Pure.

    last_block              the last fenced Python block that defines what is asked for; ours
    between_last_fences     the text between the last two lines that hold a fence; LiveCodeBench's extract_code
    between_first_fences    the text between the first two; EvalScope up to 1.4.2

Thinking is removed before (client.thinking); no rule sees it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_modeleval.graders.code.fences import Block, blocks

FENCE = "```"
_PYTHON = frozenset({"python", "python3", "py", "py3", "pypy", "pypy3", "python2"})
_MAX_CHARACTERS = 1_000_000
_READS_INPUT = re.compile(r"\binput\s*[(,)]|stdin|\bopen\(\s*0|\bread\(\s*0|\bfdopen\(\s*0|\bfileinput\b")
_DEFINED = re.compile(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a problem asks a program to define."""

    function: str = ""
    """The name of a function, also as a method; "" for a program that reads standard input."""

    def is_defined_by(self, code: str) -> bool:
        """True if code defines the function, or reads standard input."""
        if not self.function:
            return bool(_READS_INPUT.search(code))
        if self.function not in code:
            return False
        name = re.escape(self.function)
        return bool(re.search(rf"^[ \t]*(?:async[ \t]+)?def[ \t]+{name}\b|^{name}[ \t]*[:=][^=]", code, re.MULTILINE))


def last_block(text: str, asked: Asked | None = None) -> str:
    """The last Python block that defines what is asked for, with the helpers that it uses from earlier blocks.

    Blocks named Python come before unnamed ones, closed ones before an unclosed one, and a block that defines what is
    asked for before any other. Where none does, the last block counts: it may continue the prompt. "" without a block.
    """
    choices = _choices(text[:_MAX_CHARACTERS])
    if asked:
        # Unnamed blocks may be sample inputs, so a program that reads input is looked for among the best kind only.
        for choice in choices if asked.function else choices[:1]:
            defining = [block for block in choice if asked.is_defined_by(block.code)]
            if defining:
                return _with_helpers(defining[-1], choices, asked)
    return choices[0][-1].code if choices else ""


def between_last_fences(text: str, asked: Asked | None = None) -> str:
    """LiveCodeBench's rule (lcb_runner/utils/extraction_utils.py); "" with fewer than two fences."""
    text = text[:_MAX_CHARACTERS]
    last_line = text.rfind("\n", 0, max(0, text.rfind(FENCE))) + 1
    first = text.rfind(FENCE, 0, last_line)
    return text[text.find("\n", first) + 1 : last_line - 1] if first >= 0 else ""


def between_first_fences(text: str, asked: Asked | None = None) -> str:
    """EvalScope's rule up to 1.4.2; "" with fewer than two fences."""
    text = text[:_MAX_CHARACTERS]
    first = text.find(FENCE)
    start = text.find("\n", first) + 1
    second = text.find(FENCE, start) if first >= 0 and start else -1
    return text[start : text.rfind("\n", start, second)] if second >= 0 and "\n" in text[start:second] else ""


Rule = Callable[[str, Asked | None], str]
RULES: dict[str, Rule] = {
    "last_block": last_block,
    "between_last_fences": between_last_fences,
    "between_first_fences": between_first_fences,
}


def _choices(text: str) -> list[list[Block]]:
    """The blocks of a reply that may be the program, best kind first; no kind is empty."""
    every = [block for block in blocks(text) if block.code.strip()]
    possible = [block for block in every if block.language in _PYTHON or not block.language]
    closed = [block for block in possible if block.is_closed]
    python = [block for block in closed if block.language]
    unnamed = [block for block in closed if not block.language]
    return [choice for choice in (python, unnamed, possible, every) if choice]


def _with_helpers(block: Block, choices: Sequence[Sequence[Block]], asked: Asked) -> str:
    """A block, after the earlier ones that define a function or class which it uses and does not define."""
    # The last kind holds every block, in the order of the reply.
    every = choices[-1]
    earlier = [other for other in every[: every.index(block)] if other.language in _PYTHON or not other.language]
    if not asked.function:
        # Another program that reads the input would take it away from this one.
        earlier = [other for other in earlier if not asked.is_defined_by(other.code)]
    if not earlier:
        return block.code
    words = set(re.findall(r"\w+", block.code)) - set(_DEFINED.findall(block.code))
    helpers = [other.code for other in earlier if other.is_closed and words & set(_DEFINED.findall(other.code))]
    return "\n\n".join([*helpers, block.code])
