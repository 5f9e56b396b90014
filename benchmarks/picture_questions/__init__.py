"""What the pages of questions about pictures share: a row's pictures, their places in a text, forms of answers."""

from __future__ import annotations

import ast
import contextlib
import re
import warnings
from collections.abc import Mapping

from pytest_modeleval import Image, Option, Request, Sample
from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.prompts import user

SHORT_FORM = (
    "Answer with a single word, number or short phrase, as it stands in the picture where it stands there. Put it on "
    "the last line of your reply, in this form: `ANSWER: X`, with nothing but the answer in place of X."
)
# The most numbered pictures of a user's row.
MAX_IMAGES = 100
IMAGE_URLS = Option(
    "image_urls", False, description="whether rows may name pictures by http addresses, which are then fetched"
)
_PLACE = re.compile(r"<image (\d{1,3})>")
_BARE_PLACES = re.compile(r"\[\s*<image \d{1,3}>(?:\s*,\s*<image \d{1,3}>)*\s*\]")
_MAX_LIST_CHARS = 100_000


def numbered_images(row: Row, count: int) -> dict[int, Image]:
    """Number -> picture, of the fields image_1, image_2, ... that are not empty. Raises DataError, see `Row.image`."""
    names = ((number, f"image_{number}") for number in range(1, count + 1))
    return {number: row.image(name) for number, name in names if row.get(name) not in (None, "")}


def missing_images(text: str, images: Mapping[int, Image]) -> list[int]:
    """The numbers of pictures that the text names and the row does not have."""
    return sorted({int(found[1]) for found in _PLACE.finditer(text)} - set(images))


def interleaved(text: str, images: Mapping[int, Image]) -> list[str | Image]:
    """Texts and pictures in the order in which the model reads them.

    Each picture stands behind the first "<image 3>" that names it; the words stay, so that later ones can point to it.
    Pictures that the text never names come in front: no row is asked without a picture that belongs to it.
    """
    named = {int(found[1]) for found in _PLACE.finditer(text)}
    parts: list[str | Image] = [image for number, image in sorted(images.items()) if number not in named]
    shown: set[int] = set()
    begin = 0
    for found in _PLACE.finditer(text):
        number = int(found[1])
        if number in images and number not in shown:
            shown.add(number)
            parts += [text[begin : found.end()], images[number]]
            begin = found.end()
    return [*parts, text[begin:]] if text[begin:] else parts


def written_list(row: Row, name: str) -> tuple[str, ...]:
    """A list of texts; also one that is written as Python writes it, "['a', 'b']", or as "[<image 1>, <image 2>]"."""
    value = row[name]
    found = value
    if isinstance(value, str) and len(value) <= _MAX_LIST_CHARS:
        if _BARE_PLACES.fullmatch(value.strip()):
            return tuple(place[0] for place in _PLACE.finditer(value))
        with warnings.catch_warnings():
            # Of LaTeX with single backslashes.
            warnings.simplefilter("ignore")
            with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
                found = ast.literal_eval(value)
    if isinstance(found, list | tuple) and all(isinstance(part, str | int | float) for part in found):
        return tuple(map(str, found))
    raise DataError(
        f"expected a list of texts in field {name!r}, found {str(value)[:60]!r}, in {row.where}; write it as "
        '["yes", "no"]'
    )


def picture_request(text: str, sample: Sample) -> Request:
    """A request with the picture `sample.data["image"]` in front of the text."""
    return Request(user(sample.data["image"], text))


def pictures(row: Row, text: str) -> dict[int, Image]:
    """Number -> picture of the fields `image`, `images` (a list) or image_1, image_2, ... of a user's own row.

    text: names pictures by "<image 1>". Raises DataError for a row without any, for one that cannot be read (see
    `Row.image`), and where the text names one that the row does not have.
    """
    if isinstance(row.get("images"), list):
        found = dict(enumerate((_listed_image(row, value) for value in row["images"]), 1))
    else:
        found = numbered_images(row, MAX_IMAGES)
        if "image" in row or not found:
            found = {1: row.image("image"), **found} if 1 not in found else found
    if missing := missing_images(text, found):
        raise DataError(
            f"expected a picture for each '<image N>' of the text, found none for '<image {missing[0]}>' among the "
            f"{len(found)} of the row, in {row.where}"
        )
    return found


def _listed_image(row: Row, value: object) -> Image:
    is_allowed = row.options.get(IMAGE_URLS.name) is True
    return Image.read(value, folder=row.folder, where=f"{row.where}, field 'images'", is_remote_allowed=is_allowed)


def is_chinese(text: str) -> bool:
    """True if the text holds a Chinese character (U+4E00 to U+9FFF, which Japanese text holds as well)."""
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def filled_text(row: Row, name: str) -> str:
    """A field that holds a text with more than blanks. Raises DataError."""
    if not row.text(name).strip():
        raise DataError(f"expected an answer in field {name!r}, found an empty text, in {row.where}")
    return row.text(name)


def filled_texts(row: Row, name: str) -> list[str]:
    """A field that holds a list of such texts, at least one. Raises DataError."""
    texts = list(row.texts(name))
    if not texts or not all(text.strip() for text in texts):
        raise DataError(f"expected answers in field {name!r}, found {texts!r:.80}, in {row.where}")
    return texts


def document_sample(row: Row) -> Sample:
    """A question about a page of a document, with any of several answers."""
    data = {"image": row.image("image")}
    return Sample(question=row.text("question"), target=filled_texts(row, "answers"), data=data)


def short_request(sample: Sample) -> Request:
    """Asks for a short answer about the picture, in a last line `ANSWER: X`."""
    return picture_request(f"{sample.question}\n\n{SHORT_FORM}", sample)
