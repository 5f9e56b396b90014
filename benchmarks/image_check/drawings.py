"""The pictures of this benchmark, drawn by code: the same bytes every time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pytest_modeleval import Image
from pytest_modeleval.images.drawing import Canvas, Colour

COLOURS: Mapping[str, Colour] = {
    "red": (220, 20, 20),
    "green": (20, 150, 40),
    "blue": (30, 60, 220),
    "yellow": (250, 220, 20),
    "black": (0, 0, 0),
    "orange": (250, 130, 0),
}
BLACK: Colour = COLOURS["black"]


def draw(spec: Mapping[str, Any]) -> Image:
    """The picture that a row describes: {"shape": "disc", "colour": "red", "size": 224}."""
    return _drawn(
        spec["shape"], spec.get("colour", "black"), int(spec.get("count", 1)), spec.get("text", ""), spec["size"]
    )


@lru_cache(maxsize=64)
def _drawn(shape: str, colour: str, count: int, text: str, size: int) -> Image:
    canvas = Canvas(size, size)
    if shape == "disc":
        canvas.disc(size // 5, size // 5, size * 3 // 5, COLOURS[colour])
    elif shape == "square":
        canvas.rectangle(size // 5, size // 5, size * 3 // 5, size * 3 // 5, COLOURS[colour])
    elif shape == "discs":
        # A row of equal distances, so that nothing overlaps.
        step = size // (count + 1)
        for number in range(count):
            canvas.disc(step * (number + 1) - step // 3, size // 2 - step // 3, step * 2 // 3, COLOURS[colour])
    else:
        assert shape == "digits"
        height = size // 4
        across = len(text) * (height // 2 + 2 * max(2, height // 8))
        canvas.digits((size - across) // 2, (size - height) // 2, text, height, BLACK)
    return Image.read(canvas.png())
