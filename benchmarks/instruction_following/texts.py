"""Words and marks of a text, as the checkers count them. Pure, and linear in the length of the text."""

from __future__ import annotations

import re
import string
import unicodedata

# ASCII marks only: the official checkers know no others.
PUNCTUATION = string.punctuation
EDGE = PUNCTUATION + " "

_WITHOUT_PUNCTUATION = str.maketrans("", "", PUNCTUATION)
_RUN_OF_WORD_CHARACTERS = re.compile(r"\w+")


def remove_punctuation(text: str) -> str:
    """The text without its ASCII punctuation, which joins what it separated ("3-5" becomes "35")."""
    return text.translate(_WITHOUT_PUNCTUATION)


def bare_words(text: str) -> list[str]:
    """Words between white space, in lower case and without ASCII punctuation."""
    return remove_punctuation(text.lower()).split()


def word_runs(text: str) -> list[str]:
    """Runs of letters, digits and underscores: "don't" is two."""
    return _RUN_OF_WORD_CHARACTERS.findall(text)


def different_words(text: str) -> set[str]:
    """Words between white space, in lower case, without ASCII punctuation around them; "" for marks alone."""
    return {word.strip(EDGE) for word in set(text.lower().split())}


def fold_to_ascii(text: str) -> str:
    """The text without diacritics; characters that have no ASCII base are dropped."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def drop_leading_blank_lines(text: str) -> str:
    """The text from its first line that is not blank; the indentation of that line stays."""
    start = len(text) - len(text.lstrip())
    return text[text.rfind("\n", 0, start) + 1 :]
