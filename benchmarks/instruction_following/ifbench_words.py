"""IFBench's rules of the groups words and sentence: what words and sentences look like and how they follow each other.

Pure functions of a text that is not blank and of the instruction's arguments. Repaired forms follow the official ones.
"""

from __future__ import annotations

import itertools
import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

from .arguments import Arguments, has_between_boundaries
from .language import (
    count_syllables,
    split_sentences,
    starts_with_verb,
    tokenize_without_marks,
    tokenize_words,
)
from .texts import EDGE, PUNCTUATION, bare_words, remove_punctuation

VOWELS = frozenset("aeiou")
PRIMES = frozenset(number for number in range(2, 100) if all(number % factor for factor in range(2, number)))
_CLUSTER = re.compile("[bcdfghjklmnpqrstvwxyz]{2}")
_MOST_VOWELS = 3
_PALINDROMES, _PALINDROME_LENGTH = 10, 5


def follows_alphabet(text: str, arguments: Arguments) -> bool:
    """Each word begins with the letter after that of the word before, a after z."""
    words = remove_punctuation(text).split()
    if not words:
        return False
    letters = string.ascii_lowercase
    first = letters.find(words[0][0].lower())
    expected = (letters[place % 26] for place in itertools.count(first + 1))
    return first >= 0 and all(word.lower()[0] == letter for word, letter in zip(words[1:], expected, strict=False))


def has_few_vowels(text: str, arguments: Arguments) -> bool:
    """One line with at most three different vowels."""
    line = text.strip().lower()
    return "\n" not in line and len(VOWELS.intersection(line)) <= _MOST_VOWELS


def has_clusters(text: str, arguments: Arguments) -> bool:
    """Each word has two consonants in a row; y is one."""
    return all(_CLUSTER.search(word) for word in text.lower().split())


def has_palindromes(text: str, arguments: Arguments) -> bool:
    """Ten palindromes of five characters or more."""
    found = sum(1 for word in bare_words(text) if len(word) >= _PALINDROME_LENGTH and word == word[::-1])
    return found >= _PALINDROMES


def has_prime_lengths(text: str, arguments: Arguments) -> bool:
    """The length of each word is a prime below 100."""
    return PRIMES.issuperset(map(len, remove_punctuation(text).split()))


def begins_with_verb(text: str, arguments: Arguments) -> bool:
    """The first token is a verb."""
    return starts_with_verb(text)


def has_few_repeats(text: str, arguments: Arguments) -> bool:
    """No word occurs more often than allowed."""
    most = arguments.whole("small_n")
    return all(count <= most for count in Counter(bare_words(text)).values())


def alternates_syllables(text: str, arguments: Arguments) -> bool:
    """Words with an odd and with an even number of syllables take turns."""
    words = remove_punctuation(text).lower().split()
    parities = [count % 2 for count in map(_cached_syllables(), words)]
    return all(one != other for one, other in itertools.pairwise(parities))


def _cached_syllables() -> Callable[[str], int]:
    known: dict[str, int] = {}

    def count(word: str) -> int:
        if word not in known:
            known[word] = count_syllables(word)
        return known[word]

    return count


def chains_sentences(text: str, arguments: Arguments) -> bool:
    """The last word of each sentence is the first of the next, the marks behind which count; true of one sentence."""
    return all(
        _ends_as_begins(one.rstrip(EDGE).split(), other.lstrip(EDGE).split())
        for one, other in itertools.pairwise(split_sentences(text))
    )


def chains_several_sentences(text: str, arguments: Arguments) -> bool:
    """The same for two sentences or more, marks around the words aside."""
    sentences = split_sentences(text)
    return len(sentences) > 1 and all(
        _ends_as_begins(_trimmed(one), _trimmed(other)) for one, other in itertools.pairwise(sentences)
    )


def _ends_as_begins(one: Sequence[str], other: Sequence[str]) -> bool:
    return bool(one and other) and one[-1].lower() == other[0].lower()


def _trimmed(text: str) -> list[str]:
    return [word for part in text.split() if (word := part.strip(EDGE))]


def frames_paragraphs(text: str, arguments: Arguments) -> bool:
    """Each line ends with the word it begins with, marks inside the line counted as part of their words."""
    lines = (line.strip().lower().strip(EDGE).split() for line in text.split("\n"))
    return all(words[0] == words[-1] for words in lines if words)


def frames_paragraphs_by_words(text: str, arguments: Arguments) -> bool:
    """The same, marks around words aside."""
    lines = (_trimmed(line.lower()) for line in text.split("\n"))
    return all(words[0] == words[-1] for words in lines if words)


def varies_first_letters(text: str, arguments: Arguments) -> bool:
    """No two words in a row begin with the same character."""
    return all(one[0] != other[0] for one, other in itertools.pairwise(bare_words(text)))


def has_keyword_at(text: str, arguments: Arguments) -> bool:
    """The mth token of the nth sentence, marks not counted, is the keyword."""
    n, m = arguments.whole("n", low=1), arguments.whole("m", low=1)
    sentences = split_sentences(text)
    tokens = tokenize_without_marks(sentences[n - 1]) if len(sentences) >= n else []
    return len(tokens) >= m and tokens[m - 1].lower() == arguments.text("keyword").strip().lower()


def has_keyword_at_both_ends(text: str, arguments: Arguments) -> bool:
    """The second token and the last but one are the keyword; a single mark at the end is not counted, others are."""
    tokens = tokenize_words(text)
    # A token of several marks is a mark only if it is a part of the official list of marks, such as "()".
    ends = tokens[:-1] if tokens and tokens[-1] in PUNCTUATION else tokens
    return _are_keyword(ends, arguments)


def has_keyword_at_both_ends_of_words(text: str, arguments: Arguments) -> bool:
    """The same, no mark counted."""
    return _are_keyword(tokenize_without_marks(text), arguments)


def _are_keyword(tokens: Sequence[str], arguments: Arguments) -> bool:
    keyword = arguments.text("keyword").strip().lower()
    return len(tokens) >= 2 and tokens[1].lower() == tokens[-2].lower() == keyword


def has_keyword_in_sentence(text: str, arguments: Arguments) -> bool:
    """The Nth sentence has the keyword."""
    place = arguments.whole("N", low=1)
    sentences = split_sentences(text)
    return len(sentences) >= place and has_between_boundaries(arguments.text("word"), sentences[place - 1])


def has_growing_alliterations(text: str, arguments: Arguments) -> bool:
    """Each sentence has more words that begin like a neighbour than the sentence before; true of one sentence."""
    counts = [_count_alliterations(sentence) for sentence in split_sentences(text)]
    return all(one < other for one, other in itertools.pairwise(counts))


def has_several_growing_alliterations(text: str, arguments: Arguments) -> bool:
    """The same for two sentences or more."""
    return len(split_sentences(text)) > 1 and has_growing_alliterations(text, arguments)


def _count_alliterations(sentence: str) -> int:
    """Words in runs of the same first character, two words or more in each run."""
    firsts = [word[0] for part in sentence.lower().split() if (word := part.lstrip(EDGE))]
    runs = (sum(1 for _ in run) for _, run in itertools.groupby(firsts))
    return sum(length for length in runs if length > 1)


def has_growing_sentences(text: str, arguments: Arguments) -> bool:
    """Each sentence has as many words more than the one before as asked; true of one sentence."""
    step = arguments.whole("small_n")
    counts = [len(remove_punctuation(sentence).split()) for sentence in split_sentences(text)]
    return all(other == one + step for one, other in itertools.pairwise(counts))


def has_several_growing_sentences(text: str, arguments: Arguments) -> bool:
    """The same for two sentences or more."""
    return len(split_sentences(text)) > 1 and has_growing_sentences(text, arguments)
