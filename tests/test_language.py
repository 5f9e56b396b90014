"""The glossary is short and used, and texts keep to plain technical English."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = sorted(file for room in ("pytest_modeleval", "benchmarks") for file in (ROOT / room).rglob("*.py"))
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *ROOT.glob("benchmarks/*/*.md")])
MOST_WORDS = 40
# Words of a private dialect, each with a plain word that says the same.
STOP_WORDS = {
    "told": "reported, passed, warned",
    "whoever": "the caller, the user",
    "beside": "next to, with, in addition to",
    "mend": "fix, repair",
    "mended": "fixed, repaired",
    "parted": "separated, split",
    "nobody": "no one; name the caller or the user",
    "hearken": "listen",
    "vigil": "hang detector",
    "knock": "probe",
}
RIDDLE = re.compile(r"\b[Ww]hat (?:is|was|has|had|can|cannot) [\w\s']{1,40}? (?:is|are|was|were) ")
HAD = re.compile(r"\b(?:to be|can be|be|not be|is|are|was) had\b")


def faults_of(text: str) -> list[str]:
    """The stop words and riddles of one text."""
    words = re.findall(r"[A-Za-z]+", text)
    found = [f"{word!r}: {STOP_WORDS[word.lower()]}" for word in words if word.lower() in STOP_WORDS]
    return found + [match.group() for rule in (RIDDLE, HAD) for match in rule.finditer(text)]


def texts_of(file: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every comment, docstring and other string of a module."""
    source = file.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_code_uses_no_stop_word(file: Path) -> None:
    """No docstring, comment, message or option help uses a word of the stop list."""
    found = [f"{file.relative_to(ROOT)}:{line}: {fault}" for line, text in texts_of(file) for fault in faults_of(text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_documents_use_no_stop_word(page: Path) -> None:
    """No page uses a word of the stop list, code blocks and quotations of output included."""
    lines = page.read_text(encoding="utf-8").splitlines()
    found = [f"{page.name}:{number}: {fault}" for number, line in enumerate(lines, 1) for fault in faults_of(line)]
    assert not found, "\n".join(found)


def test_the_stop_list_finds_what_it_names() -> None:
    """The check can fail."""
    assert faults_of("The user is told.") == ["'told': reported, passed, warned"]
    assert faults_of("What is left is shown.")
    assert faults_of("It cannot be had for money.")
    assert not faults_of("The user is warned; what follows has 3 parts.")


def test_the_glossary_is_short_and_defines_a_word_once() -> None:
    """At most 40 rows, each with one line of definition."""
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.M)
    words = [word for word, _ in rows if word != "word"]
    assert len(words) <= MOST_WORDS
    assert len(set(words)) == len(words)
