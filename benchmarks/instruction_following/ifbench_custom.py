"""IFBench's rules of the group custom, each for a single prompt. Repaired forms follow the official ones.

Pure functions of a text that is not blank and of the instruction's arguments, which are none here.
"""

from __future__ import annotations

import csv
import datetime
import io
import itertools
import re
import string

from .arguments import Arguments
from .language import split_sentences
from .texts import EDGE, fold_to_ascii, remove_punctuation

# From the highest latitude down to 45 degrees, as the official list has them.
_CAPITALS = (
    "Reykjavik Helsinki Oslo Tallinn Stockholm Riga Moscow Copenhagen Vilnius Minsk Dublin Berlin Amsterdam Warsaw "
    "London Brussels Prague Luxembourg Paris Vienna Bratislava Budapest Vaduz Chisinau Bern Ljubljana Zagreb"
)
CAPITALS = tuple(_CAPITALS.split())
# At 50.45 degrees, between Brussels (50.85) and Prague (50.08).
MISSING_CAPITAL, ITS_PLACE = ("Kyiv", "Kiev"), 16
MULTIPLES = ["14", "21", "28", "35", "42", "49"]
AFRICAN_COUNTRIES = 52
CITY_COLUMNS = ["ID", "Country", "City", "Year", "Count"]
NAPOLEON_YEARS = (1769, 1821)
_QUESTION = re.compile(r"Question \d+[.|):;]?\s*")
_CHOICE = re.compile(r"[A-Ea-e][.|)]\s*\w+")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SPECIAL = re.compile(r"[^\w\s]")


def prints_multiples(text: str, arguments: Arguments) -> bool:
    """The numbers of the reply are the multiples of 7 from 14 to 49."""
    return re.findall(r"\d+", text) == MULTIPLES


def has_growing_questions(text: str, arguments: Arguments) -> bool:
    """Four questions with five lettered choices each, each longer than the one before, and nothing in front."""
    if not text.startswith("Question"):
        return False
    questions = [question.strip() for question in _QUESTION.split(text) if question.strip()]
    if len(questions) != 4:
        return False
    lengths = [_question_length(question) for question in questions]
    return all(later > earlier >= 0 for earlier, later in itertools.pairwise(lengths))


def _question_length(question: str) -> int:
    """The characters before the choices; -1 unless there are five choices."""
    lines = [line.strip() for line in question.split("\n")]
    choices = [place for place, line in enumerate(lines) if _CHOICE.match(line)]
    return len(" ".join(lines[: choices[0]]).strip()) if len(choices) == 5 else -1


def lists_countries_backwards(text: str, arguments: Arguments) -> bool:
    """From the first line with Zimbabwe: 52 lines or more, in reverse order of their characters, diacritics aside."""
    lines = [line for part in text.split("\n") if (line := part.strip(EDGE))]
    start = next((place for place, line in enumerate(lines) if "Zimbabwe" in line), len(lines))
    names = [fold_to_ascii(line) for line in lines[start:]]
    return len(names) >= AFRICAN_COUNTRIES and names == sorted(names, reverse=True)


def reverses_words(text: str, arguments: Arguments) -> bool:
    """The words, read backwards and without marks, have "bald eagle"."""
    return "bald eagle" in " ".join(reversed(remove_punctuation(text.lower()).split()))


def reverses_characters(text: str, arguments: Arguments) -> bool:
    """The reply has "bald eagle" backwards; case does not matter."""
    return "elgae dlab" in text.lower()


def tells_alphabet(text: str, arguments: Arguments) -> bool:
    """26 sentences whose first characters are the alphabet."""
    return _firsts(split_sentences(text), marks="") == string.ascii_lowercase


def tells_alphabet_by_words(text: str, arguments: Arguments) -> bool:
    """26 sentences whose first words begin with the letters of the alphabet, marks in front of them aside."""
    return _firsts(split_sentences(text), marks=EDGE) == string.ascii_lowercase


def _firsts(sentences: tuple[str, ...], *, marks: str) -> str:
    if len(sentences) != len(string.ascii_lowercase):
        return ""
    return "".join(sentence.strip().lstrip(marks).lower()[:1] for sentence in sentences)


def sorts_capitals(text: str, arguments: Arguments) -> bool:
    """The capitals of the official list in its order, commas between them."""
    return _listed(text) == [*CAPITALS]


def sorts_all_capitals(text: str, arguments: Arguments) -> bool:
    """The same with the capital that the official list lacks."""
    return any(_listed(text) == [*CAPITALS[:ITS_PLACE], name, *CAPITALS[ITS_PLACE:]] for name in MISSING_CAPITAL)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in fold_to_ascii(text).split(",") if part.strip()]


def is_city_table(text: str, arguments: Arguments) -> bool:
    """Comma-separated values: the five column names, then seven rows of five fields."""
    rows = _read_table(text, ",", 8)
    return len(rows) == 8 and rows[0] == CITY_COLUMNS and all(len(row) == 5 for row in rows[1:])


def is_product_table(text: str, arguments: Arguments) -> bool:
    """Comma-separated values: the five column names, then 14 rows of five fields up to one with a quoted mark."""
    if not _has_header(text, ("ProductID", "Category", "Brand", "Price", "Stock"), r",[ \t]*"):
        return False
    rows = _read_table(text.replace('"', '"""'), ",", 15)
    if len(rows) != 15:
        return False
    for row in rows[1:]:
        if len(row) != 5:
            return False
        if any(map(_has_quoted_mark, row)):
            return True
    return False


def is_full_product_table(text: str, arguments: Arguments) -> bool:
    """The same, and every row has five fields."""
    rows = _read_table(text.replace('"', '"""'), ",", 15)
    return is_product_table(text, arguments) and all(len(row) == 5 for row in rows)


def is_quoted_table(text: str, arguments: Arguments) -> bool:
    """Tab-separated values: the five column names and three rows, each field in double quotes."""
    if not _has_header(text, ("StudentID", "Subject", "Grade", "Semester", "Score"), r"\t *"):
        return False
    rows = _read_table(text.replace('"', '"""'), "\t", 4)
    fields = [field.strip() for row in rows for field in row]
    return (
        len(rows) == 4
        and all(len(row) == 5 for row in rows)
        and all(field.startswith('"') and field.endswith('"') for field in fields)
    )


def _has_header(text: str, names: tuple[str, ...], separator: str) -> bool:
    pattern = separator.join(f'(?:{name}|"{name}")' for name in names)
    return re.fullmatch(pattern, text.partition("\n")[0].strip()) is not None


def _read_table(text: str, delimiter: str, wanted: int) -> list[list[str]]:
    """The rows, at most one more than wanted; none if they are no table, where the official checkers break off."""
    try:
        return list(itertools.islice(csv.reader(io.StringIO(text), delimiter=delimiter), wanted + 1))
    except csv.Error:
        return []


def _has_quoted_mark(field: str) -> bool:
    """The first line of the field begins with a quote, and another one follows with a mark in between."""
    line = field.partition("\n")[0]
    last = line.rfind('"')
    return line.startswith('"') and last > 1 and _SPECIAL.search(line, 1, last) is not None


def lists_dates(text: str, arguments: Arguments) -> bool:
    """Dates from 1769 to 1821, commas between them; month and day 00 and any 29 February are taken."""
    return all(_is_officially_date(part.strip()) for part in text.split(","))


def lists_real_dates(text: str, arguments: Arguments) -> bool:
    """The same for dates that exist."""
    return all(_is_date(part.strip()) for part in text.split(","))


def _is_officially_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    year, month, day = (int(part) for part in found.groups())
    return NAPOLEON_YEARS[0] <= year <= NAPOLEON_YEARS[1] and month <= 12 and (month == 0 or day <= _DAYS[month - 1])


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    year, month, day = (int(part) for part in found.groups())
    try:
        return NAPOLEON_YEARS[0] <= datetime.date(year, month, day).year <= NAPOLEON_YEARS[1]
    except ValueError:
        return False
