r"""Finds the final answer in a reply: the `ANSWER:` line or the last `\boxed{...}`.

Rules, in this order (docs/answers.md gives examples):

1. A line that begins with `ANSWER:` in capitals, or with `答案：`, is the answer: the prompts ask for it.
2. A line that begins with `Answer:` in other letters is the answer, unless the reply ends with a box.
3. Otherwise the last box is the answer. Boxes that only commas and words like "and" separate are one answer together.

Nothing else is searched. A number that is neither marked nor boxed may be any number of the reasoning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_modeleval.graders.answers.notation import canonical_text, normalise_notation
from pytest_modeleval.graders.answers.reading import is_readable
from pytest_modeleval.graders.marked_answer import Marked, marked_lines, tail

MAX_ANSWER_CHARS = 1_000
# The prompt's own "\boxed{}" comes back in replies; more boxes than that are a loop.
_MAX_BOXES = 50
_MAX_GAP_CHARS = 60
_MAX_PROSE_WORDS = 4
_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![A-Za-z])\s{0,3}(?:\[[^\]\n]{0,20}\]){0,2}\s{0,3}\{")
_BARE_BOX = re.compile(
    r"\\(?:boxed|fbox|framebox)\s{0,3}(-?\d[\d.,/]*|\\[dt]?frac\s?(?:\{[^{}]*\}){2}|\\[dt]?frac\s?\d\d)"
)
_GAP = re.compile(
    r"(?:\s|\\ |\n\s*(?:[-*•]|\d{1,2}[.)])\s|\([a-e]\)|[,;、，；&]|\*\*|\$|\\[()\[\],;!]|\\q?quad"
    r"|\\(?:text|mbox)\s*\{\s*,?\s*(?:and|or|和|或)\s*\}|\b(?:and|or|und|oder|et|ou|y|o|e|и|или)\b|[和或与]"
    r"|\\?[A-Za-z]+(?:_\{?\w\}?)?\s*=)*\Z"
)
_GAP_WORD = re.compile(r"\n\s*(?:[-*•]|\d{1,2}[.)])\s|[,;、，；&和或与]|\b(?:and|or|und|oder|et|ou|y|o|e|и|или)\b")
_NAME_BEFORE = re.compile(r"(\\?[A-Za-z]+(?:_\{?\w\}?)?)\s*=\s*\Z")
_REASON = re.compile(r"[\s(,;:]*(?:because|as|since|for|from|that is|i\.e\.|namely|[(,;])[^\d]*\Z")
_VALUE_START = re.compile(r"[\s$*(]*[-+]?(?:USD\s*)?[\d\\√π]")
_AFTER_LAST_BOX = re.compile(r"[\s.。!$*}\]\\)]*\Z")


@dataclass(frozen=True, slots=True)
class _Box:
    start: int
    end: int
    content: str


def find_final_answer(text: str) -> tuple[str | None, str]:
    """Return the final answer as written; or None and the reason, "" if there is neither a box nor a marker."""
    text = tail(text)
    boxes, is_unclosed = _boxes(text)
    line = _line_outside(text, boxes)
    if line is not None and _is_the_answer(text, line, boxes):
        in_line = [box for box in boxes if line.start <= box.start < line.end]
        before = _value_before(text, line, in_line) if in_line else line.content
        return before or _join(text, in_line), ""
    if is_unclosed:
        return None, "unclosed_box"
    return (_join(text, boxes) if boxes else None), ""


def _value_before(text: str, line: Marked, boxes: list[_Box]) -> str:
    r"""Return the value that stands before the first box of a line: 18 in "18 (because \boxed{9} \times 2)"."""
    before = text[line.start : boxes[0].start]
    value = _REASON.sub("", before).strip(" $*")
    is_value = _VALUE_START.match(value) is not None and value[-1:] not in "=+-*/^({" and is_readable(value)
    return value if is_value else ""


def _line_outside(text: str, boxes: list[_Box]) -> Marked | None:
    """Return the last marked line that begins outside the boxes."""
    for line in marked_lines(text):
        if not any(box.start < line.start <= box.end for box in boxes):
            return line
    return None


def _is_the_answer(text: str, line: Marked, boxes: list[_Box]) -> bool:
    """True if the marked line goes before the boxes."""
    outside = [box for box in boxes if not line.start <= box.start < line.end]
    if not outside or len(outside) < len(boxes):
        return True
    is_prose = len(line.content.split()) > _MAX_PROSE_WORDS and not is_readable(line.content[:MAX_ANSWER_CHARS])
    if is_prose:
        return False
    last = outside[-1]
    is_last_word = last.start > line.end and _AFTER_LAST_BOX.match(text[last.end : last.end + 200]) is not None
    return line.is_explicit or not is_last_word


def _boxes(text: str) -> tuple[list[_Box], bool]:
    """Return the last boxes that hold anything, without those inside others; and True if the last one is unclosed."""
    if not any(command in text for command in ("\\boxed", "\\fbox", "\\framebox")):
        return [], False
    found: list[_Box] = []
    is_unclosed = False
    starts = [(match.start(), match.end()) for match in _BOX.finditer(text)][-_MAX_BOXES:]
    for start, inside in starts:
        if found and start < found[-1].end:
            continue
        content = _until_closing(text, inside)
        is_unclosed = content is None
        if content is not None and content.strip():
            found.append(_Box(start, inside + len(content) + 1, _unwrap(content.strip())))
    bare = [_Box(match.start(), match.end(), match[1].rstrip(".,")) for match in _BARE_BOX.finditer(text)][-_MAX_BOXES:]
    return sorted([*found, *bare], key=lambda box: box.start), is_unclosed


def _unwrap(content: str) -> str:
    """Return the content of a box in a box."""
    while (inner := _BOX.match(content)) is not None:
        inside = _until_closing(content, inner.end())
        if inside is None or inner.end() + len(inside) + 1 != len(content):
            break
        content = inside.strip()
    return content


def _until_closing(text: str, start: int) -> str | None:
    depth = 1
    for found in re.finditer(r"\\.|[{}]", text[start : start + 10 * MAX_ANSWER_CHARS], flags=re.DOTALL):
        if found.group() == "{":
            depth += 1
        elif found.group() == "}":
            depth -= 1
            if depth == 0:
                return text[start : start + found.start()]
    return None


def _join(text: str, boxes: list[_Box]) -> str:
    """Return the last box, together with the boxes that stand in one list with it."""
    group = _list_of_boxes(text, boxes)
    if len({canonical_text(normalise_notation(box.content)) for box in group}) == 1:
        return group[-1].content
    names = [_NAME_BEFORE.search(text[max(0, box.start - 20) : box.start]) for box in group]
    has_names = all(name is not None for name in names)
    return ", ".join(
        f"{name[1]} = {box.content}" if has_names and name else box.content
        for name, box in zip(names, group, strict=True)
    )


def _list_of_boxes(text: str, boxes: list[_Box]) -> list[_Box]:
    """Return the last box and those before it with nothing but commas and connecting words between."""
    group = [boxes[-1]]
    for box in reversed(boxes[:-1]):
        gap = text[box.end : group[0].start]
        if len(gap) > _MAX_GAP_CHARS or "\n\n" in gap or not _GAP.match(gap):
            break
        if "\n" in gap and not _GAP_WORD.search(gap):
            break
        group.insert(0, box)
    return group
