"""The checks as data: what is shown and asked, in which order, and the rule of rules.py that grades the replies.

Made by code, in our own words, always the same. An ask is a list of parts: a text, or {"shape": ...} for a picture.
"""

from __future__ import annotations

from typing import Any

from .drawings import COLOURS

Rows = dict[str, list[dict[str, Any]]]
SIZE = 224
LARGE = (64, 1024, 2048, 4096)


def rows() -> Rows:
    """Subset -> rows, in the order of the table."""
    return {
        "reached": _reached(),
        "colour": _colour(),
        "count": _count(),
        "digits": _digits(),
        "order": _order(),
        "size": _size(),
    }


def _row(name: str, rule: str, asks: list[list[Any]], **expect: Any) -> dict[str, Any]:
    return {"id": name, "rule": rule, "asks": asks, "expect": expect}


def _reached() -> list[dict[str, Any]]:
    """A picture adds tokens to the prompt, and a second one adds as many again: none is left out."""
    disc, square = _disc("red"), {"shape": "square", "colour": "blue", "size": SIZE}
    text = "Say yes."
    return [
        _row("reached-one", "adds_tokens", [[text], [disc, text]]),
        _row("reached-two", "adds_tokens", [[disc, text], [disc, square, text]]),
        _row("reached-after-text", "adds_tokens", [[text], [text, disc]]),
    ]


def _disc(colour: str) -> dict[str, Any]:
    return {"shape": "disc", "colour": colour, "size": SIZE}


def _colour() -> list[dict[str, Any]]:
    names = list(COLOURS)
    ask = f"Which colour is the disc: {', '.join(names[:-1])} or {names[-1]}? Answer with one word."
    return [
        _row(f"colour-{name}", "names", [[_disc(name), ask]], answer=name, choices=names, lost="wrong_colour")
        for name in names
    ]


def _count() -> list[dict[str, Any]]:
    ask = "How many discs does the picture show? Answer with a number in digits."
    numbers = [str(number) for number in range(1, 10)]
    return [
        _row(
            f"count-{number}",
            "names",
            [[{"shape": "discs", "count": number, "colour": colour, "size": SIZE}, ask]],
            answer=str(number),
            choices=numbers,
            lost="wrong_count",
        )
        for number, colour in ((1, "red"), (2, "blue"), (3, "green"), (4, "black"))
    ]


READ = "Which number is written in the picture? Answer with its digits alone."


def _digits() -> list[dict[str, Any]]:
    texts = ("42", "7315", "906", "2864")
    return [
        _row(f"digits-{text}", "reads", [[{"shape": "digits", "text": text, "size": SIZE}, READ]], answer=text)
        for text in texts
    ]


def _order() -> list[dict[str, Any]]:
    """Two pictures, asked in both orders: the answer has to change with the order."""
    shapes = ({"shape": shape, "colour": "black", "size": SIZE} for shape in ("disc", "square"))
    digits = ({"shape": "digits", "text": text, "size": SIZE} for text in ("58", "13"))
    pairs = {
        "shapes": ("disc", *shapes),
        "colours": ("red disc", _disc("red"), _disc("blue")),
        "digits": ("number 58", *digits),
    }
    found = []
    for name, (wanted, first, second) in pairs.items():
        ask = f"Which of the two pictures shows the {wanted}, the first or the second? Answer with one word."
        found.append(_row(f"order-{name}", "turns", [[first, second, ask], [second, first, ask]]))
    ask = (
        "Picture A was shown first, picture B after it. Which of them shows a red disc, A or B? Answer with one letter."
    )
    pictures = (_disc("red"), _disc("blue"))
    around = [["Picture A:", one, "Picture B:", other, ask] for one, other in (pictures, pictures[::-1])]
    found.append(_row("order-between-texts", "turns", around, words=["a", "b"]))
    return found


def _size() -> list[dict[str, Any]]:
    """The same kind of number in pictures of 64 to 4096 pixels at a side: a large one is refused aloud, or read."""
    texts = ("61", "8203", "594", "7426")
    return [
        _row(f"size-{side}", "reads", [[{"shape": "digits", "text": text, "size": side}, READ]], answer=text)
        for side, text in zip(LARGE, texts, strict=True)
    ]
