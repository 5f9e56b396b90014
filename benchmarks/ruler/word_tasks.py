"""Three tasks over whole prompts: variables that hold one value, common words of a list, frequent words of a text."""

from __future__ import annotations

from random import Random
from string import ascii_lowercase, ascii_uppercase

from ..long_texts.filler import noise, spread
from ..long_texts.words import distinct
from .problem import Problem

HOPS = 4
COMMON_WORDS, COMMON_TIMES, RARE_TIMES = 10, 30, 3
# Below this length, 300 places of common words leave no room for others.
_SHORT, _SHORT_TIMES = 4096, (6, 1)
CODED_LETTERS = 6
FREQUENT_WORDS = 3
# Of rank k, a share k**-2 / zeta(2).
_ZETA_2 = 1.6449340668482264


def variable_tracking(seed: str, _length: int) -> Problem:
    """A number goes through a chain of five variables; all five are asked for."""
    random = Random(seed)
    value, names, lines = _chain(random, HOPS)
    shown_value, shown_names, shown_lines = _chain(random, 2)
    example = _tracking(spread(Random(f"{seed} example"), noise(4), shown_lines), shown_value)
    example += f" ANSWER: {' '.join(shown_names)}"

    def build(units: int) -> str:
        return f"{example}\n\n\n{_tracking(spread(Random(f'{seed} filler'), noise(units), lines), value)}"

    return Problem(build, tuple(names))


def _chain(random: Random, hops: int) -> tuple[str, list[str], list[str]]:
    """The value, the names in order, and the lines that assign them."""
    names = list(dict.fromkeys("".join(random.sample(ascii_uppercase, 5)) for _ in range(2 * hops + 4)))[: hops + 1]
    value = str(random.randrange(10_000, 100_000))
    sources = [value, *(f"VAR {name}" for name in names[:-1])]
    return value, names, [f"VAR {name} = {source}" for name, source in zip(names, sources, strict=True)]


def _tracking(lines: list[str], value: str) -> str:
    return (
        "Follow the variables that the text below assigns.\n\n" + "\n".join(lines) + "\n\n"
        f"Which variables hold the value {value}, directly or through other variables? Name them all, "
        "separated by blanks."
    )


def common_words(seed: str, length: int) -> Problem:
    """A numbered list in which ten words stand thirty times and all others three times; 6 and 1 in short prompts."""
    random = Random(seed)
    often, seldom = _SHORT_TIMES if length < _SHORT else (COMMON_TIMES, RARE_TIMES)
    common = distinct(random, COMMON_WORDS)
    shown = distinct(random, 13, avoid=tuple(common))
    example = _numbered(random, shown[:10], 4, shown[10:], 1)
    example += f" ANSWER: {' '.join(shown[:10])}"

    def build(units: int) -> str:
        filling = Random(f"{seed} filler")
        rare = distinct(filling, units, avoid=(*common, *shown))
        return f"{example}\n\n\n{_numbered(filling, common, often, rare, seldom)}"

    return Problem(build, tuple(common))


def _numbered(random: Random, common: list[str], often: int, rare: list[str], seldom: int) -> str:
    words = common * often + rare * seldom
    random.shuffle(words)
    listed = " ".join(f"{place}. {word}" for place, word in enumerate(words, 1))
    return (
        "The list below is numbered. Some of its words stand there more often than others.\n\n" + listed + "\n\n"
        f"Which {len(common)} words are the most common in the list above? Name them, separated by blanks."
    )


def frequent_words(seed: str, _length: int) -> Problem:
    """A coded text whose words follow Zipf's law with exponent 2; the most frequent place is taken by dots."""
    random = Random(seed)
    frequent = _coded(random, FREQUENT_WORDS)

    def build(units: int) -> str:
        filling = Random(f"{seed} filler")
        counts = _zipf_counts(units)
        vocabulary = ["...", *frequent, *_coded(filling, max(0, len(counts) - 1 - FREQUENT_WORDS), avoid=frequent)]
        words = [word for word, count in zip(vocabulary, counts, strict=False) for _ in range(count)]
        filling.shuffle(words)
        return (
            "The text below is coded. Find out which of its words are frequent; dots are no words.\n\n"
            + " ".join(words)
            + f"\n\nWhich {FREQUENT_WORDS} coded words are the most frequent in the text above? Name them."
        )

    return Problem(build, tuple(frequent))


def _zipf_counts(total: int) -> list[int]:
    """How often the word of each rank stands in a text of about `total` words; ranks that round to 0 are left out."""
    counts = []
    rank = 1
    while count := int(max(total, 60) / (_ZETA_2 * rank**2)):
        counts.append(count)
        rank += 1
    return counts


def _coded(random: Random, count: int, *, avoid: list[str] | None = None) -> list[str]:
    """`count` different random words."""
    found = dict.fromkeys(avoid or ())
    wanted = len(found) + count
    while len(found) < wanted:
        found["".join(random.choices(ascii_lowercase, k=CODED_LETTERS))] = None
    return list(found)[len(found) - count :]
