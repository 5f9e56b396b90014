"""Random text of a wanted length in tokens, for prompts whose meaning does not matter."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Short and common: nearly every vocabulary has each of them, with the space before it, as one token.
_TEXT = """
able about above across after again against air all along also always among and animal another answer any area
around ask away back base because become been before began behind being below best better between big bird black
blue boat body book both box boy bring brought build built but call came can car care carry case center certain
change check child city class clear close cold color come common complete could country course cover cross current
cut dark day deep did different direct does dog done door down draw dry during each early earth ease east eat end
enough even ever every example eye face fact family far farm fast father feel feet few field figure final find fine
fire first fish five fly follow food foot for force form found four free friend from front full game gave general
get girl give go gold good got government great green ground group grow half hand happen hard has have head hear
heard heart heat help her here high him his hold home horse hot hour house how hundred idea inch interest island its
job just keep kind king knew know land language large last late laugh lay lead learn leave left less letter life
light like line list listen little live long look lot love low machine made main make man many map mark may mean
measure men might mile mind minute money month moon more morning most mother mountain move much music must name near
need never new next night north note nothing notice number object ocean off often old one only open order other our
out over own page paper part pass pattern people perhaps person picture piece place plain plan plane plant play
point power present press problem produce product pull put question quick rain ran reach read ready real record red
remember rest right river road rock room round rule run said same saw say school science sea second see seem self
sentence serve set several shape she ship short should show side simple since sing six size sleep slow small snow
some song soon sound south special spell stand star start state stay step still stood stop story street strong study
such sun sure surface system table tail take talk teach tell ten test than that the their them then there these they
thing think this those though thought thousand three through time today together took top toward town travel tree
true try turn two under unit until upon use usual very voice vowel wait walk want war warm was watch water way week
weight well went were west what wheel when where which while white who whole why will wind with without wonder wood
word work world would write year yes yet you young your
"""
WORDS: tuple[str, ...] = tuple(_TEXT.split())
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """How many tokens the server makes of our words."""

    per_word: float = 1.0
    """Tokens for each word of WORDS, on average."""

    overhead: float = 0.0
    """Tokens of a request beyond its words: those of the chat template."""

    count: Callable[[str], int] | None = None
    """Tokens of a text, without the template. With it texts are corrected to the exact length."""

    @classmethod
    def by_tokenizer(cls, count: Callable[[str], int], *, overhead: float = 0.0) -> TokenCounts:
        """Measured on the list of words; each text is corrected by `count`."""
        return cls(max(count(" ".join(WORDS)), 1) / len(WORDS), overhead, count)

    @classmethod
    def from_usage(cls, replies: Sequence[tuple[int, int]]) -> TokenCounts:
        """From (words sent, prompt tokens of `usage`) of a few replies.

        The line of least squares, if two of them differ in words; otherwise all tokens count as tokens of words.
        Raises ValueError without replies, and where the tokens do not grow with the words.
        """
        if not replies:
            raise ValueError("expected the usage of at least one reply, found none")
        words = sum(sent for sent, _ in replies) / len(replies)
        tokens = sum(found for _, found in replies) / len(replies)
        spread = sum((sent - words) ** 2 for sent, _ in replies)
        slope = (
            sum((sent - words) * (found - tokens) for sent, found in replies) / spread
            if spread
            else tokens / max(words, 1.0)
        )
        if slope <= 0:
            raise ValueError(f"expected more prompt tokens for more words, found (words, tokens): {list(replies)[:5]}")
        return cls(slope, max(0.0, tokens - slope * words) if spread else 0.0)

    def words_for(self, tokens: float) -> int:
        """Words of a request with so many tokens, at least 1."""
        return max(1, round((tokens - self.overhead) / self.per_word))


def seeded(*parts: object) -> random.Random:
    """A source of random numbers of its own for each sequence of parts."""
    return random.Random("/".join(map(str, parts)))  # noqa: S311 - texts, not secrets


def random_words(rng: random.Random, number: int) -> list[str]:
    """`number` words. More words from the same state of `rng` begin with the fewer."""
    return rng.choices(WORDS, k=number)


def filler_text(rng: random.Random, tokens: int, counts: TokenCounts, beginning: Sequence[str] = ()) -> list[str]:
    """The words of a text of so many tokens, template included, that starts with `beginning`; at least one more word.

    Without `counts.count` the length is right on average; with it the words after the beginning are corrected, as far
    as whole words allow.
    """
    fresh = random_words(rng, max(1, counts.words_for(tokens) - len(beginning)))
    if counts.count is None:
        return [*beginning, *fresh]
    for _ in range(_ROUNDS):
        excess = counts.count(" ".join([*beginning, *fresh])) + counts.overhead - tokens
        change = round(excess / counts.per_word)
        if not change:
            break
        fresh = fresh[: max(1, len(fresh) - change)] if change > 0 else fresh + random_words(rng, -change)
    return [*beginning, *fresh]
