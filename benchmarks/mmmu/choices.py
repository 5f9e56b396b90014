"""Reads the letter of a reply by the rules of the official evaluation of MMMU and of MMMU-Pro, without random guesses.

Both take the last of what the first successful step finds, and draw a letter at random where no step finds any. Here
such a reply has no answer. Options with an empty text are never looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_modeleval.graders.marked_answer import tail

_OUTER_SIGNS = ",.!?;:'"
_ANSWER = "Answer:"
# A reply of fewer words is not searched for the text of an option.
_LEAST_WORDS = 6

Reader = Callable[[str, Mapping[str, str]], str | None]


def mmmu_letter(reply: str, options: Mapping[str, str]) -> str | None:
    """The letter by MMMU's rule: "(A)", else " A ", else, in six words or more, the text of an option; None if none.

    options: letter -> text, in order.
    """
    text = _bare(tail(reply))
    return (
        _last({letter: text.rfind(f"({letter})") for letter in options})
        or _last({letter: text.rfind(f" {letter} ") for letter in options})
        or _last(_option_places(text, options))
    )


def mmmu_pro_letter(reply: str, options: Mapping[str, str]) -> str | None:
    """The letter by MMMU-Pro's rule; None if no step finds any.

    First, after the last "Answer:", the only letter of an option that occurs there as a character. Then "(A)", "A ",
    "A." and the text of an option, in this order. Of several "A " or "A." the last that stands between blanks wins,
    and without such a one the first letter of the alphabet: that is what the official code does.
    """
    text = tail(reply)
    marker = text.rfind(_ANSWER)
    if marker >= 0:
        stated = text[marker + len(_ANSWER) :]
        named = [letter for letter in options if letter in stated]
        if len(named) == 1:
            return named[0]
    text = _bare(text)
    bracketed = _last({letter: text.rfind(f"({letter})") for letter in options})
    if bracketed:
        return bracketed
    for form in ("{} ", "{}."):
        found = [letter for letter in options if form.format(letter) in text]
        if found:
            return max(found, key=lambda letter: text.rfind(f" {letter} "))
    return _last(_option_places(text, options))


def _bare(text: str) -> str:
    """The reply between two blanks, each outer sign removed once in a fixed order, as the official code does."""
    for sign in _OUTER_SIGNS:
        text = text.strip(sign)
    return f" {text} "


def _option_places(text: str, options: Mapping[str, str]) -> dict[str, int]:
    if len(text.split()) < _LEAST_WORDS:
        return {}
    lowered = text.lower()
    return {letter: lowered.rfind(option.lower()) for letter, option in options.items() if option}


def _last(places: Mapping[str, int]) -> str | None:
    """The letter with the greatest place, the first of equal ones; -1 is no place."""
    letter = max(places, key=places.__getitem__, default=None)
    return letter if letter is not None and places[letter] >= 0 else None
