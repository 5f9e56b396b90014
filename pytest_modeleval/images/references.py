"""Pictures of a request by reference: what the journal keeps of them, and the way back. Pure.

A reference is the path of the picture in a run folder, "images/<sha256>.png".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pytest_modeleval.errors import DataError
from pytest_modeleval.images.image import EXTENSIONS, DataURL, Image
from pytest_modeleval.records import Request

FOLDER = "images"
"""Of a run folder."""
_REFERENCE = re.compile(rf"{FOLDER}/([0-9a-f]{{64}})\.({'|'.join(EXTENSIONS.values())})\Z")
_MEDIA_TYPES = {ending: media_type for media_type, ending in EXTENSIONS.items()}
Message = Mapping[str, Any]


class Reference(NamedTuple):
    """What a reference says of its picture."""

    sha256: str
    media_type: str


class Carried(NamedTuple):
    """A picture of a request."""

    url: str
    """The data URL that was sent."""
    image: Image


def reference_of(image: Image) -> str:
    """The reference of an image."""
    return f"{FOLDER}/{image.file_name}"


def parse_reference(text: Any) -> Reference | None:
    """The picture that a text refers to; None for any other text."""
    found = _REFERENCE.match(text) if isinstance(text, str) else None
    return Reference(found[1], _MEDIA_TYPES[found[2]]) if found else None


def images_in(messages: Sequence[Message]) -> list[Carried]:
    """The pictures that chat messages carry as data URLs, each once; also those of parts that a page wrote by hand."""
    found: dict[str, Carried] = {}
    for message in messages:
        content = message.get("content")
        # Most messages are one text.
        if isinstance(content, list | tuple):
            for url in _urls(content):
                if url not in found and (image := _image_of(url)) is not None:
                    found[url] = Carried(url, image)
    return list(found.values())


def _urls(content: Sequence[Any]) -> Iterator[str]:
    for part in content:
        url = image_url(part)
        if url is not None and url.startswith("data:"):
            yield url


def image_url(part: Any) -> str | None:
    """The address in a content part that shows a picture; None for any other part."""
    if not isinstance(part, Mapping) or part.get("type") != "image_url":
        return None
    holder = part.get("image_url")
    url = holder.get("url") if isinstance(holder, Mapping) else holder
    return url if isinstance(url, str) else None


def _image_of(url: str) -> Image | None:
    """The image of a data URL; None where its bytes are none, or would not give the same URL again."""
    if isinstance(url, DataURL):
        return url.image
    try:
        image = Image.read(url)
    except DataError:
        return None
    return image if image.url == url else None


def with_references(messages: Sequence[Message], carried: Sequence[Carried]) -> list[Message]:
    """The messages with references in place of the data URLs of these pictures."""
    references = {found.url: reference_of(found.image) for found in carried}
    return [_refer(message, references) for message in messages]


def request_with_references(request: Request) -> Request:
    """The request with references in place of the data URLs; the same one where it has no pictures."""
    found = images_in(request.messages)
    return replace(request, messages=with_references(request.messages, found)) if found else request


def _refer(message: Message, references: Mapping[str, str]) -> Message:
    content = message.get("content")
    if not isinstance(content, list | tuple):
        return message
    return {**message, "content": [_refer_part(part, references) for part in content]}


def _refer_part(part: Any, references: Mapping[str, str]) -> Any:
    reference = references.get(image_url(part) or "")
    if reference is None:
        return part
    holder = part["image_url"]
    return {**part, "image_url": {**holder, "url": reference} if isinstance(holder, Mapping) else reference}


def image_facts(image: Image) -> dict[str, Any]:
    """What a journal line says of a picture."""
    return {
        "file": reference_of(image),
        "media_type": image.media_type,
        "width": image.width,
        "height": image.height,
        "bytes": image.size_bytes,
    }
