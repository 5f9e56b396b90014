"""IFBench's rules of the groups count and ratio: how many, and which share. Repaired forms follow the official ones.

Pure functions of a text that is not blank and of the instruction's arguments.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Hashable, Iterable, Sequence

from .arguments import Arguments, count_as_word
from .language import count_stop_words, split_sentences, tokenize_words
from .texts import EDGE, different_words, remove_punctuation, word_runs

CONJUNCTIONS = frozenset({"and", "but", "for", "nor", "or", "so", "yet"})
# The names that the prompts list.
_NAMES = (
    "Emma Liam Sophia Jackson Olivia Noah Ava Lucas Isabella Mason Mia Ethan Charlotte Alexander Amelia Benjamin "
    "Harper Leo Zoe Daniel Chloe Samuel Lily Matthew Grace Owen Abigail Gabriel Ella Jacob Scarlett Nathan "
    "Victoria Elijah Layla Nicholas Audrey David Hannah Christopher Penelope Thomas Nora Andrew Aria Joseph "
    "Claire Ryan Stella Jonathan"
)
NAMES = frozenset(_NAMES.split())
_PRONOUNS = (
    "i me we us you he him she her it they them my mine our ours your yours his hers its their theirs "
    "myself ourselves yourself yourselves himself herself itself themselves this that these those "
    "who whom whose which what each either neither both all some any none nothing"
)
PRONOUNS = frozenset(_PRONOUNS.split()) | {
    *(start + "ever" for start in ("who", "whom", "what", "which")),
    *(start + end for start in ("any", "every", "some") for end in ("body", "one", "thing")),
    "no" + "body",
}
KEYWORD_COUNTS = {"keyword1": 1, "keyword2": 2, "keyword3": 3, "keyword4": 5, "keyword5": 7}
_JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
_OVERLAP_TOLERANCE = 2


def has_word_count(text: str, arguments: Arguments) -> bool:
    """The number of runs of word characters lies between the two bounds, both included."""
    return arguments.whole("min_words") <= len(word_runs(text)) <= arguments.whole("max_words")


def has_unique_words(text: str, arguments: Arguments) -> bool:
    """Different words in lower case, a mark that stands alone counted as one, are at least as many as asked."""
    return len(different_words(text)) >= arguments.whole("N")


def has_unique_real_words(text: str, arguments: Arguments) -> bool:
    """The same without marks that stand alone."""
    return len(different_words(text) - {""}) >= arguments.whole("N")


def has_conjunctions(text: str, arguments: Arguments) -> bool:
    """Coordinating conjunctions that are written differently ("and", "And", "and,") are at least as many as asked."""
    found = {word for word in set(text.split()) if word.strip(EDGE).lower() in CONJUNCTIONS}
    return len(found) >= arguments.whole("small_n")


def has_different_conjunctions(text: str, arguments: Arguments) -> bool:
    """Different coordinating conjunctions are at least as many as asked."""
    return len(CONJUNCTIONS.intersection(different_words(text))) >= arguments.whole("small_n")


def has_names(text: str, arguments: Arguments) -> bool:
    """Different names of the list are at least as many as asked."""
    return len(NAMES.intersection(word_runs(text))) >= arguments.whole("N")


def has_numbers(text: str, arguments: Arguments) -> bool:
    """Runs of digits, once all punctuation is taken out ("1,000" and "3-5" are one each), are as many as asked."""
    return len(re.findall(r"\d+", remove_punctuation(text))) == arguments.whole("N")


def has_all_marks(text: str, arguments: Arguments) -> bool:
    """An interrobang, and outside of its first occurrence each of . , ! ? ; :."""
    if not any(mark in text for mark in ("!?", "?!", "‽")):
        return False
    rest = text.replace("?!", "", 1) if "?!" in text else text.replace("!?", "", 1)
    return all(mark in rest for mark in ".,!?;:")


def has_pronouns(text: str, arguments: Arguments) -> bool:
    """Pronouns, those joined by a slash counted one by one, are at least as many as asked."""
    tokens = tokenize_words(text.replace("/", " ").lower())
    return sum(1 for token in tokens if token in PRONOUNS) >= arguments.whole("N")


def has_japanese_words(text: str, arguments: Arguments) -> bool:
    """Each Nth word has a Japanese character or is a number; true of a text with fewer words."""
    words = _every_nth_word(text, arguments)
    return all(not word or word.isdigit() or _JAPANESE.search(word) for word in words)


def has_some_japanese_words(text: str, arguments: Arguments) -> bool:
    """The same, and there are N words."""
    return bool(_every_nth_word(text, arguments)) and has_japanese_words(text, arguments)


def _every_nth_word(text: str, arguments: Arguments) -> list[str]:
    step = arguments.whole("N", low=1)
    return [word.strip(EDGE) for word in text.split()[step - 1 :: step]]


def has_keyword_counts(text: str, arguments: Arguments) -> bool:
    """Five keywords occur 1, 2, 3, 5 and 7 times, those inside of longer words counted."""
    lowered = text.lower()
    return all(lowered.count(arguments.text(name).strip().lower()) == count for name, count in KEYWORD_COUNTS.items())


def has_keyword_counts_as_words(text: str, arguments: Arguments) -> bool:
    """The same, those inside of longer words left out."""
    return all(count_as_word(arguments.text(name).strip(), text) == count for name, count in KEYWORD_COUNTS.items())


def has_few_stop_words(text: str, arguments: Arguments) -> bool:
    """Stop words are at most the asked percentage of the runs of word characters, of which there is one at least."""
    total = len(word_runs(text))
    return total > 0 and count_stop_words(text) / total * 100 <= arguments.whole("percentage")


def has_two_statements_a_question(text: str, arguments: Arguments) -> bool:
    """Sentences that end with a full stop are twice those that end with a question mark; true of none at all."""
    ends = count_ends(text)
    return ends["."] == 2 * ends["?"]


def has_two_statements_a_real_question(text: str, arguments: Arguments) -> bool:
    """The same, and there is a question."""
    ends = count_ends(text)
    return ends["."] == 2 * ends["?"] > 0


def has_balanced_sentences(text: str, arguments: Arguments) -> bool:
    """As many sentences end with a full stop as with a question mark and an exclamation mark; true of none at all."""
    return len(set(count_ends(text).values())) == 1


def has_balanced_real_sentences(text: str, arguments: Arguments) -> bool:
    """The same, and there is one of each."""
    return has_balanced_sentences(text, arguments) and count_ends(text)["."] > 0


def count_ends(text: str) -> dict[str, int]:
    """How many sentences end with each of . ? and !."""
    sentences = split_sentences(text)
    return {mark: sum(1 for sentence in sentences if sentence.endswith(mark)) for mark in ".?!"}


def has_three_equal_sentences(text: str, arguments: Arguments) -> bool:
    """Three sentences of the same number of characters."""
    sentences = split_sentences(text)
    return len(sentences) == 3 and len({len(sentence.strip()) for sentence in sentences}) == 1


def has_three_equal_different_sentences(text: str, arguments: Arguments) -> bool:
    """The same, and no word occurs in two of them."""
    words = [different_words(sentence) - {""} for sentence in split_sentences(text)]
    return has_three_equal_sentences(text, arguments) and all(
        one.isdisjoint(other) for one, other in itertools.combinations(words, 2)
    )


def has_character_overlap(text: str, arguments: Arguments) -> bool:
    """The share of the text's trigrams of characters that the reference has, too, is the asked one by 2 points."""
    return _has_overlap(text, arguments.text("reference_text"), arguments)


def has_word_overlap(text: str, arguments: Arguments) -> bool:
    """The same with trigrams of words."""
    return _has_overlap(tokenize_words(text), tokenize_words(arguments.text("reference_text")), arguments)


def _has_overlap(units: Sequence[Hashable], reference: Sequence[Hashable], arguments: Arguments) -> bool:
    asked = arguments.whole("percentage")
    own = set(_trigrams(units))
    if not own:
        return False
    share = len(own.intersection(_trigrams(reference))) / len(own) * 100
    return asked - _OVERLAP_TOLERANCE <= share <= asked + _OVERLAP_TOLERANCE


def _trigrams(units: Sequence[Hashable]) -> Iterable[tuple[Hashable, ...]]:
    return zip(units, units[1:], units[2:], strict=False)
