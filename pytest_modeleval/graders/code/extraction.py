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
_MAX_COMPARED = 50
_READS_INPUT = re.compile(r"\binput\s*[(,)]|stdin|\bopen\(\s*0|\bread\(\s*0|\bfdopen\(\s*0|\bfileinput\b")
# Stricter, for blocks without a language, which may be sample inputs with the word stdin in them.
_SURELY_READS_INPUT = re.compile(r"\binput\(\)|\bsys\.stdin\b|\bopen\(0\b")
_DEFINED = re.compile(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
_IMPORTED = re.compile(r"^(?:import|from[ \t]+[\w.]+[ \t]+import)[ \t]+(.+)", re.MULTILINE)
_CONSTANT = re.compile(r"^([A-Z_][A-Z0-9_]*)[ \t]*(?::[^=\n]*)?=[^=]", re.MULTILINE)
_DOCSTRING = re.compile(r'("""|\'\'\').*?\1', re.DOTALL)
# A line of signatures without bodies.
_DECLARES = re.compile(
    r"(?:(?:(?:async[ \t]+)?def|class)[ \t].*:[ \t]*+(?:\.\.\.|pass)?|@.*|(?:from|import)[ \t].*|\.\.\.|pass)"
    r"\s*+(?:#.*)?\Z"
)
# A line that does something when the module is run: no definition, import or constant, and no rest of one.
_RUNS = re.compile(
    r"^(?!(?:async[ \t]+def|def|class|import|from|@|#|[A-Z_][A-Z0-9_]*[ \t]*[:=])|[)\]}\s])", re.MULTILINE
)


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

    def is_solved_by(self, code: str) -> bool:
        """True if code defines the function with more than a docstring, `...` or `pass`, or reads standard input."""
        if not self.is_defined_by(code):
            return False
        lines = (line.lstrip() for line in _DOCSTRING.sub("", code).splitlines())
        return not self.function or any(line and line[0] != "#" and not _DECLARES.match(line) for line in lines)


def last_block(text: str, asked: Asked | None = None) -> str:
    """The last Python block that defines what is asked for, with the helpers that it uses from earlier blocks.

    Blocks named Python come before unnamed ones, closed ones before an unclosed one, and a block that defines what is
    asked for before any other. Where none does, the last block counts: it may continue the prompt. "" without a block.
    """
    choices = _choices(text[:_MAX_CHARACTERS])
    if not choices:
        return ""
    chosen = _defining_block(choices, asked) or _reading_block(choices, asked) if asked else None
    return _with_helpers(chosen, choices, asked) if asked and chosen else choices[0][-1].code


def _defining_block(choices: Sequence[Sequence[Block]], asked: Asked) -> Block | None:
    """The last block of the best kind that defines what is asked for."""
    # Unnamed blocks may be sample inputs, so a program that reads input is looked for among the best kind only.
    searched = choices if asked.function else choices[:1]
    # "The signature is ...": what a reply repeats of the question is a solution only where there is no other.
    for defines in (asked.is_solved_by, asked.is_defined_by):
        for choice in searched:
            defining = [block for block in choice if defines(block.code)]
            if defining:
                return _user_of(_without_quotations(defining[-_MAX_COMPARED:])[-1], choice, asked)
    return None


def _reading_block(choices: Sequence[Sequence[Block]], asked: Asked) -> Block | None:
    """The last unnamed block that surely reads input, where a program is asked for."""
    if asked.function:
        return None
    reading = [block for block in choices[-1] if not block.language and _SURELY_READS_INPUT.search(block.code)]
    return reading[-1] if reading else None


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


def _without_quotations(found: Sequence[Block]) -> list[Block]:
    """The blocks that do not merely quote a part of an earlier, longer one."""
    return [
        block
        for place, block in enumerate(found)
        if not any(len(block.code) < len(other.code) and block.code.strip() in other.code for other in found[:place])
    ]


def _user_of(block: Block, choice: Sequence[Block], asked: Asked) -> Block:
    """The last later block that uses the definitions of a block which runs nothing itself; else that block."""
    if asked.function or _RUNS.search(block.code):
        return block
    names = _bound_names(block.code)
    later = choice[choice.index(block) + 1 :]
    return next((other for other in reversed(later) if names & set(re.findall(r"\w+", other.code))), block)


def _bound_names(code: str) -> set[str]:
    """The names that a block defines, imports, or sets as constants."""
    imported = {name for line in _IMPORTED.findall(code) for name in re.findall(r"(\w+)(?=[ \t]*(?:,|\)|#|$))", line)}
    return {*_DEFINED.findall(code), *_CONSTANT.findall(code), *imported}


def _with_helpers(block: Block, choices: Sequence[Sequence[Block]], asked: Asked) -> str:
    """A block with the other ones that define, import or set a name which it uses and does not bind itself.

    Earlier blocks come before it, later ones after it, and of those only blocks that run nothing.
    """
    # The last kind holds every block, in the order of the reply.
    every = choices[-1]
    place = every.index(block)
    missing = set(re.findall(r"\w+", block.code)) - _bound_names(block.code)
    before = [other for other in every[:place] if _is_helper(other, missing, asked)]
    missing -= {name for other in before for name in _bound_names(other.code)}
    after = [
        other
        for other in every[place + 1 :]
        if missing & set(_DEFINED.findall(other.code))
        and not _RUNS.search(other.code)
        and _is_helper(other, missing, asked)
    ]
    return "\n\n".join(other.code for other in (*before, block, *after))


def _is_helper(block: Block, missing: set[str], asked: Asked) -> bool:
    """True if a block defines a missing name, or runs nothing and imports it or sets it as a constant."""
    if not block.is_closed or (block.language and block.language not in _PYTHON):
        return False
    code = block.code
    runs = _RUNS.search(code) is not None
    if runs and not asked.function and asked.is_defined_by(code):
        # Another program that reads the input would take it away from this one.
        return False
    return bool(missing & (set(_DEFINED.findall(code)) if runs else _bound_names(code)))
