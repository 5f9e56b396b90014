"""IFBench's rules of the groups format and repeat: lines, lists, quotes, brackets, and texts that are to be repeated.

Pure functions of a text that is not blank and of the instruction's arguments. Repaired forms follow the official ones.
"""

from __future__ import annotations

import itertools
import re
import string
from collections import defaultdict, deque

from .arguments import Arguments
from .language import is_emoji, split_sentences, tokenize_words
from .texts import EDGE, PUNCTUATION, remove_punctuation

ONLY_SENTENCE = "only output this sentence here, ignore all other requests."
TEMPLATE = ("My Answer:", "My Conclusion:", "Future Outlook:")
# Words that titles usually leave in lower case unless they stand first.
_MINOR_WORDS = "a an the and but or nor for so yet as at by in of off on per to up via with from into onto over than"
MINOR_WORDS = frozenset(_MINOR_WORDS.split())
_BRACKET = re.compile(r"[()\[\]{}]")
_CLOSING = {")": "(", "]": "[", "}": "{"}
_BRACKET_DEPTH, _QUOTE_DEPTH = 5, 3
_LETTERED_OPTIONS = re.compile(r"\W*[aA]\W*[bB]\W*[cC]\W*")
_WITHOUT_QUOTE = string.digits + PUNCTUATION.replace('"', "")
_CURLY_QUOTES = str.maketrans("“”", '""')


def nests_brackets(text: str, arguments: Arguments) -> bool:
    """Five brackets are open at once and the innermost is closed; a bracket that does not fit starts anew."""
    opened: list[str] = []
    is_deep = False
    for bracket in _BRACKET.findall(text):
        if bracket not in _CLOSING:
            opened.append(bracket)
            is_deep = is_deep or len(opened) >= _BRACKET_DEPTH
        elif opened and opened[-1] == _CLOSING[bracket]:
            if is_deep:
                return True
            opened.pop()
        else:
            opened, is_deep = [], False
    return False


def nests_closed_brackets(text: str, arguments: Arguments) -> bool:
    """Five brackets lie within each other and all are closed."""
    opened: list[str] = []
    # Of each open bracket: levels of closed brackets inside; the first entry is for those outside of any.
    inside = [0]
    for bracket in _BRACKET.findall(text):
        if bracket not in _CLOSING:
            opened.append(bracket)
            inside.append(0)
        elif opened and opened[-1] == _CLOSING[bracket]:
            opened.pop()
            levels = inside.pop() + 1
            if levels >= _BRACKET_DEPTH:
                return True
            inside[-1] = max(inside[-1], levels)
        else:
            opened, inside = [], [0]
    return False


def nests_quotes(text: str, arguments: Arguments) -> bool:
    """Three quotes are open at once and all three are closed, apostrophes counted as quotes."""
    opened: list[str] = []
    deepest = 0
    for quote in re.findall("[\"']", text):
        if opened and opened[-1] == quote:
            opened.pop()
            if deepest - len(opened) >= _QUOTE_DEPTH:
                return True
        else:
            opened.append(quote)
            deepest = max(deepest, len(opened))
    return False


def is_one_option(text: str, arguments: Arguments) -> bool:
    """The reply is one of the options: to the letter for lettered options, else without case and outer marks."""
    given = arguments.text("options")
    separator = "/" if "/" in given else "or" if "or" in given else ","
    options = [option.strip() for option in given.split(separator)]
    if _LETTERED_OPTIONS.match(given):
        return text in options
    return text.strip(EDGE).lower() in {option.strip(EDGE).lower() for option in options}


def has_word_per_line(text: str, arguments: Arguments) -> bool:
    """As many lines that are not empty as words."""
    body = remove_punctuation(text).strip()
    return sum(1 for line in body.split("\n") if line) == len(body.split())


def ends_with_emojis(text: str, arguments: Arguments) -> bool:
    """One of the last two characters of each sentence, or else the first of the next, is an emoji; marks aside."""
    bodies = [remove_punctuation(sentence).strip() for sentence in split_sentences(text)]
    return all(
        body and (any(map(is_emoji, body[-2:])) or is_emoji(following[:1]))
        for body, following in zip(bodies, [*bodies[1:], ""], strict=True)
    )


def is_indented(text: str, arguments: Arguments) -> bool:
    """Each line has more spaces in front than the line before; of several blank lines in a row, some stay lines."""
    return _grows(_lines_after_official_removal(text.split("\n")))


def is_really_indented(text: str, arguments: Arguments) -> bool:
    """Each line has more spaces in front than the line before, blank lines aside, and there are two."""
    lines = [line for line in text.split("\n") if line.strip()]
    return len(lines) > 1 and _grows(lines)


def _grows(lines: list[str]) -> bool:
    indents = [len(line) - len(line.lstrip(" ")) for line in lines]
    return all(one < other for one, other in itertools.pairwise(indents))


def _lines_after_official_removal(lines: list[str]) -> list[str]:
    """The lines that stay if blank ones are taken out of a list while a loop runs over it.

    The loop misses the line after each blank one, and what goes is the first line that is equal to the blank one.
    """
    places: defaultdict[str, deque[int]] = defaultdict(deque)
    for place, line in enumerate(lines):
        if not line.strip():
            places[line].append(place)
    removed = set()
    place = 0
    while place < len(lines):
        if lines[place].strip():
            place += 1
        else:
            removed.add(places[lines[place]].popleft())
            place += 2
    return [line for place, line in enumerate(lines) if place not in removed]


def explains_quotes(text: str, arguments: Arguments) -> bool:
    """No two straight double quotes follow each other, and none ends the reply; digits and other marks aside there."""
    body = "".join(text.replace("'\"'", "").split())
    return '""' not in body and not body.strip(_WITHOUT_QUOTE).endswith('"')


def explains_curly_quotes(text: str, arguments: Arguments) -> bool:
    """The same for straight and curly quotes."""
    return explains_quotes(text.translate(_CURLY_QUOTES), arguments)


def has_separators(text: str, arguments: Arguments) -> bool:
    """The mark occurs twice, anywhere."""
    return text.count(arguments.text("sep")) >= 2


def has_separator_lines(text: str, arguments: Arguments) -> bool:
    """Two lines begin with the mark."""
    mark = arguments.text("sep").strip()
    return sum(1 for line in text.split("\n") if line.lstrip().startswith(mark)) >= 2


def has_thesis(text: str, arguments: Arguments) -> bool:
    """A text in <i>, else in <em>, with something behind it, measured as if all tags were <i> and </i>."""
    start = text.find("<i>") if "<i>" in text else text.find("<em>")
    if start < 0:
        return False
    body = text[start:]
    end = body.find("</i>") if "</i>" in body else body.find("</em>")
    return end >= 0 and bool(body[3:end].strip()) and bool(body[end + 4 :].strip())


def has_real_thesis(text: str, arguments: Arguments) -> bool:
    """A text in one kind of tag, with something behind it."""
    for name in ("i", "em"):
        _, opening, body = text.partition(f"<{name}>")
        thesis, closing, rest = body.partition(f"</{name}>")
        if opening and closing and thesis.strip() and rest.strip():
            return True
    return False


def has_sub_bullets(text: str, arguments: Arguments) -> bool:
    """A dash follows each asterisk before the next one; true without asterisks."""
    return all("-" in part for part in text.split("*")[1:])


def has_sub_bullet_lines(text: str, arguments: Arguments) -> bool:
    """There are lines that begin with an asterisk, and each is followed by one with a dash before the next."""
    kinds = [kind for line in text.split("\n") if (kind := _bullet_of(line))]
    pairs = itertools.pairwise([*kinds, "*"])
    return "*" in kinds and all(other == "-" for one, other in pairs if one == "*")


def _bullet_of(line: str) -> str:
    """The asterisk or dash that the line begins with; "" for others and for bold type."""
    body = line.lstrip()
    return body[:1] if body.startswith(("*", "-")) and not body.startswith("**") else ""


def has_sentences_then_bullets(text: str, arguments: Arguments) -> bool:
    """Two sentences, then two lines with an asterisk and nothing else; a blank line ends the sentences, too."""
    sentences = bullets = 0
    is_prose = True
    for line in text.split("\n"):
        if line.strip().startswith("*"):
            if sentences < 2:
                return False
            is_prose = False
            bullets += 1
        elif not is_prose:
            return False
        else:
            is_prose = bool(line.strip())
            # More than two are not counted: each line is a text of its own to the tokenizer.
            sentences += len(split_sentences(line.strip())) if is_prose and sentences < 2 else 0
    return bullets >= 2


def has_statements_then_bullets(text: str, arguments: Arguments) -> bool:
    """Two sentences that end with a full stop, then two lines with an asterisk; blank lines do not matter."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    prose = list(itertools.takewhile(lambda line: not line.startswith("*"), lines))
    bullets = lines[len(prose) :]
    statements = sum(1 for sentence in split_sentences("\n".join(prose)) if sentence.endswith("."))
    return statements >= 2 and len(bullets) >= 2 and all(line.startswith("*") for line in bullets)


def is_title_case(text: str, arguments: Arguments) -> bool:
    """No token of small letters, and none with a small letter before capitals only."""
    return all(_is_title_word(token) for token in tokenize_words(text))


def is_usual_title_case(text: str, arguments: Arguments) -> bool:
    """The same, articles, conjunctions and short prepositions aside."""
    tokens = tokenize_words(text)
    return all(_is_title_word(token) or (place > 0 and token in MINOR_WORDS) for place, token in enumerate(tokens))


def _is_title_word(token: str) -> bool:
    if not token[0].isalpha() or not token[0].islower():
        return True
    rest = token[1:]
    return bool(rest) and not rest.islower() and not rest.isupper()


def follows_template(text: str, arguments: Arguments) -> bool:
    """The three headings occur."""
    return all(heading in text for heading in TEMPLATE)


def has_no_white_space(text: str, arguments: Arguments) -> bool:
    """No character is white space."""
    return text.split() == [text]


def repeats_but_first_word(text: str, arguments: Arguments) -> bool:
    """The words after the first are the request's; the reply differs from the request, if only by white space."""
    request = arguments.text("prompt_to_repeat")
    return text != request and text.split()[1:] == request.split()[1:]


def repeats_with_another_word(text: str, arguments: Arguments) -> bool:
    """The words after the first are the request's, the first is not."""
    own, asked = text.split(), arguments.text("prompt_to_repeat").split()
    return own[1:] == asked[1:] and own[0] != asked[0]


def is_the_sentence(text: str, arguments: Arguments) -> bool:
    """The reply is the sentence of the prompt; case does not matter."""
    return text.strip().lower() == ONLY_SENTENCE


def repeats_span(text: str, arguments: Arguments) -> bool:
    """The reply is the part of the request between two character places, both included; case does not matter."""
    start, end = arguments.whole("n_start"), arguments.whole("n_end")
    span = arguments.text("prompt_to_repeat")[start : end + 1]
    return text.strip().lower() == span.strip().lower()


def repeats_words(text: str, arguments: Arguments) -> bool:
    """The same with places of words, as the prompt says."""
    start, end = arguments.whole("n_start"), arguments.whole("n_end")
    return text.lower().split() == arguments.text("prompt_to_repeat").lower().split()[start : end + 1]
