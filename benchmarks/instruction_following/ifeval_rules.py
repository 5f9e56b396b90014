"""The rules of IFEval's 25 types of instruction, as the authors' checkers decide them, and repaired forms of some.

Pure functions of a text that is not blank and of the instruction's arguments.
"""

from __future__ import annotations

import json
import re

from .arguments import RANDOM, Arguments, count_as_word, count_literal, has_between_boundaries, ungraded
from .language import detect_language, split_sentences, tokenize_words
from .texts import word_runs

CONSTRAINED_REPLIES = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
# In front of a JSON reply, tried in this order, each once.
_JSON_FENCES = ("```json", "```Json", "```JSON", "```")
_ENDS_OF_WORD = ".,?!'\""
# White space before the mark is that of its own line: blank lines above change no count.
_STAR_BULLET = re.compile(r"^[^\S\n]*\*[^*].*$", re.MULTILINE)
_DASH_BULLET = re.compile(r"^[^\S\n]*-.*$", re.MULTILINE)
_BREAK = re.compile(r"[^\S\n]*(?:(?:-[^\S\n]*){3,}|(?:\*[^\S\n]*){3,})")
_HIGHLIGHT = re.compile(r"\*[^\n*]*\*")
_DOUBLE_HIGHLIGHT = re.compile(r"\*\*[^\n*]*\*\*")
_POSTSCRIPTS = {"P.P.S": re.compile(r"p\.\s?p\.\s?s"), "P.S.": re.compile(r"p\.\s?s\.")}


def has_keywords(text: str, arguments: Arguments) -> bool:
    """Every keyword occurs, be it inside a word."""
    return all(count_literal(keyword, text) for keyword in arguments.literals("keywords"))


def has_keywords_as_words(text: str, arguments: Arguments) -> bool:
    """Every keyword occurs as a word."""
    return all(count_as_word(keyword, text) for keyword in arguments.literals("keywords"))


def has_keyword_often(text: str, arguments: Arguments) -> bool:
    """The keyword occurs as often as asked, those inside words counted."""
    return arguments.holds(count_literal(arguments.literal("keyword"), text), "relation", "frequency")


def has_keyword_often_as_word(text: str, arguments: Arguments) -> bool:
    """The keyword occurs as a word as often as asked."""
    return arguments.holds(count_as_word(arguments.literal("keyword"), text), "relation", "frequency")


def has_no_forbidden_word(text: str, arguments: Arguments) -> bool:
    """None of the words occurs as a word."""
    return not any(has_between_boundaries(word, text) for word in arguments.literals("forbidden_words"))


def has_letter_often(text: str, arguments: Arguments) -> bool:
    """The letter occurs as often as asked, in either case.

    Raises Ungraded for anything but one letter from a to z: the official checker counts a letter drawn at random then.
    """
    letter = arguments.text("letter").lower()
    if len(letter) != 1 or not "a" <= letter <= "z":
        raise ungraded(f"{arguments.instruction}: {RANDOM} where the letter is {letter!r:.20}", "random_checker")
    return arguments.holds(text.lower().count(letter), "let_relation", "let_frequency")


def is_in_language(text: str, arguments: Arguments) -> bool:
    """The language is the asked one, or none can be detected."""
    return detect_language(text) in (arguments.text("language"), "")


def is_surely_in_language(text: str, arguments: Arguments) -> bool:
    """The language is the asked one."""
    return detect_language(text) == arguments.text("language")


def is_upper_case_english(text: str, arguments: Arguments) -> bool:
    """No small letter, at least one capital, and English or a language that cannot be detected."""
    return text.isupper() and detect_language(text) in ("en", "")


def is_surely_upper_case_english(text: str, arguments: Arguments) -> bool:
    """No small letter, at least one capital, and English."""
    return text.isupper() and detect_language(text) == "en"


def is_lower_case_english(text: str, arguments: Arguments) -> bool:
    """No capital, at least one small letter, and English or a language that cannot be detected."""
    return text.islower() and detect_language(text) in ("en", "")


def is_surely_lower_case_english(text: str, arguments: Arguments) -> bool:
    """No capital, at least one small letter, and English."""
    return text.islower() and detect_language(text) == "en"


def has_capital_words(text: str, arguments: Arguments) -> bool:
    """Tokens without small letters, such as "A" and "U.S.", occur as often as asked."""
    count = sum(1 for token in tokenize_words(text) if token.isupper())
    return arguments.holds(count, "capital_relation", "capital_frequency")


def has_sentences(text: str, arguments: Arguments) -> bool:
    """The number of sentences is as asked."""
    return arguments.holds(len(split_sentences(text)), "relation", "num_sentences")


def has_words(text: str, arguments: Arguments) -> bool:
    """The number of runs of word characters is as asked."""
    return arguments.holds(len(word_runs(text)), "relation", "num_words")


def has_divided_paragraphs(text: str, arguments: Arguments) -> bool:
    """The number of parts between dividers of three asterisks; the first and the last may be blank and do not count."""
    parts = re.split(r"\s?\*\*\*\s?", text)
    outer = {0, len(parts) - 1}
    blank = {place for place, part in enumerate(parts) if not part.strip()}
    return blank <= outer and len(parts) - len(blank) == arguments.whole("num_paragraphs")


def has_first_word_of_paragraph(text: str, arguments: Arguments) -> bool:
    """Paragraphs that are not blank are counted, but the one to look at is found among all of them."""
    return _has_first_word(text, arguments, keeps_blank=True)


def has_first_word_of_real_paragraph(text: str, arguments: Arguments) -> bool:
    """Paragraphs that are not blank are counted, and the one to look at is found among them."""
    return _has_first_word(text, arguments, keeps_blank=False)


def _has_first_word(text: str, arguments: Arguments, *, keeps_blank: bool) -> bool:
    total, place = arguments.whole("num_paragraphs"), arguments.whole("nth_paragraph", low=1)
    wanted = arguments.text("first_word").lower()
    if place > total:
        raise ungraded(f"{arguments.instruction}: {RANDOM} where the paragraph is {place} of {total}", "random_checker")
    every = [paragraph.strip() for paragraph in text.split("\n\n")]
    real = [paragraph for paragraph in every if paragraph]
    if len(real) != total:
        return False
    paragraph = (every if keeps_blank else real)[place - 1]
    return bool(paragraph) and _first_word(paragraph) == wanted


def _first_word(paragraph: str) -> str:
    """In lower case, without quotes before it and without what follows an end of a word."""
    word = paragraph.split(maxsplit=1)[0].lstrip("'").lstrip('"')
    end = next((at for at, character in enumerate(word) if character in _ENDS_OF_WORD), len(word))
    return "".join(character.lower() for character in word[:end])


def has_placeholders(text: str, arguments: Arguments) -> bool:
    """Pairs of square brackets on one line, at least as many as asked."""
    count = 0
    for line in text.split("\n"):
        start = line.find("[")
        while start >= 0 and (end := line.find("]", start)) >= 0:
            count += 1
            start = line.find("[", end)
    return count >= arguments.whole("num_placeholders")


def has_postscript(text: str, arguments: Arguments) -> bool:
    """The marker occurs somewhere, in either case."""
    marker = arguments.text("postscript_marker").strip()
    if (pattern := _POSTSCRIPTS.get(marker)) is not None:
        return pattern.search(text.lower()) is not None
    return arguments.literal("postscript_marker").lower() in text.lower()


def has_bullets(text: str, arguments: Arguments) -> bool:
    """Lines that begin with an asterisk or a dash, exactly as many as asked."""
    return _count_bullets(text, breaks_count=True) == arguments.whole("num_bullets")


def has_real_bullets(text: str, arguments: Arguments) -> bool:
    """The same without the lines that Markdown shows as a rule ("---")."""
    return _count_bullets(text, breaks_count=False) == arguments.whole("num_bullets")


def _count_bullets(text: str, *, breaks_count: bool) -> int:
    found = [*_STAR_BULLET.findall(text), *_DASH_BULLET.findall(text)]
    return len(found) if breaks_count else sum(1 for line in found if _BREAK.fullmatch(line) is None)


def is_constrained(text: str, arguments: Arguments) -> bool:
    """One of the three sentences occurs."""
    return any(reply in text for reply in CONSTRAINED_REPLIES)


def has_highlights(text: str, arguments: Arguments) -> bool:
    """Texts between single asterisks and texts between double ones, at least as many as asked."""
    single = sum(1 for found in _HIGHLIGHT.findall(text) if found.strip("*").strip())
    double = sum(1 for found in _DOUBLE_HIGHLIGHT.findall(text) if found[2:-2].strip())
    return single + double >= arguments.whole("num_highlights")


def has_sections(text: str, arguments: Arguments) -> bool:
    """The section's name with a number behind it, at least as often as asked."""
    pattern = rf"{re.escape(arguments.literal('section_spliter'))}\s?\d+"
    return len(re.findall(pattern, text)) >= arguments.whole("num_sections")


def is_json(text: str, arguments: Arguments) -> bool:
    """JSON, with or without a fence of back-ticks around it."""
    body = text.strip()
    for fence in _JSON_FENCES:
        body = body.removeprefix(fence)
    try:
        json.loads(body.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def has_title(text: str, arguments: Arguments) -> bool:
    """A line has a text in double angle brackets."""
    for line in text.split("\n"):
        start, end = line.find("<<"), line.rfind(">>")
        if start >= 0 and end > start + 2 and line[start : end + 2].lstrip("<").rstrip(">").strip():
            return True
    return False


def has_two_replies(text: str, arguments: Arguments) -> bool:
    """Two different texts with six asterisks between them; blank texts are allowed at both ends only."""
    parts = [part.strip() for part in text.split("******")]
    if not all(parts[1:-1]):
        return False
    filled = [part for part in parts if part]
    return len(filled) == 2 and filled[0] != filled[1]


def repeats_prompt(text: str, arguments: Arguments) -> bool:
    """The reply begins with the prompt; case does not matter."""
    return text.strip().lower().startswith(arguments.text("prompt_to_repeat").strip().lower())


def has_end(text: str, arguments: Arguments) -> bool:
    """The reply ends with the phrase, quotation marks around the reply aside; case does not matter."""
    return text.strip().strip('"').lower().endswith(arguments.text("end_phrase").strip().lower())


def is_quoted(text: str, arguments: Arguments) -> bool:
    """The reply begins and ends with a straight double quotation mark."""
    body = text.strip()
    return len(body) > 1 and body[0] == body[-1] == '"'


def has_no_comma(text: str, arguments: Arguments) -> bool:
    """No ASCII comma occurs."""
    return "," not in text
