"""Refusals of pictures are recognised by their texts, whatever the status, and come again unchanged."""

from __future__ import annotations

import pytest

from pytest_modeleval.client.failures import raise_for_error, status_error
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind
from pytest_modeleval.reports.refusal_advice import ADVICE

ENCODER_CACHE = (
    "The decoder prompt contains a(n) image item with length 4641, which exceeds the pre-allocated encoder cache size "
    "3721. Please reduce the input size or increase the encoder cache size by setting --limit-mm-per-prompt at startup."
)
REFUSALS = [
    (400, ENCODER_CACHE, "image_too_large"),
    (400, "At most 1 image(s) may be provided in one prompt.", "too_many_images"),
    (400, "At most 0 image(s) may be provided in one prompt.", "images_not_supported"),
    (400, "HuggingFaceTB/SmolLM2-135M-Instruct is not a multimodal model", "images_not_supported"),
    (
        500,
        "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
        "images_not_supported",
    ),
    (500, "image input is not supported by this server", "images_not_supported"),
    (422, "messages[0]: unknown variant `image_url`, expected `text` at line 1 column 92", "images_not_supported"),
    (400, "This model does not support image inputs", "images_not_supported"),
    (400, "cannot identify image file <_io.BytesIO object at 0x7f1c>", "image_undecodable"),
    (400, "Failed to load image or audio file", "image_undecodable"),
    (500, "image file is truncated (3 bytes not processed)", "image_undecodable"),
    (400, "Image size (200000000 pixels) exceeds limit, could be decompression bomb DOS attack.", "image_too_large"),
    (413, "image too large", "image_too_large"),
]


@pytest.mark.parametrize(("status", "text", "cause"), REFUSALS)
def test_a_refusal_of_a_picture_has_its_cause(status: int, text: str, cause: str) -> None:
    """It is final, a server error and never a verdict, as a status and as an error object under status 200."""
    failure = status_error(status, text)
    assert (failure.cause, failure.is_retryable, failure.kind) == (cause, False, Kind.SERVER_ERROR)
    assert cause in ADVICE
    with pytest.raises(AttemptFailed) as found:
        raise_for_error({"error": {"message": text, "code": status}})
    assert (found.value.cause, found.value.is_retryable) == (cause, False)


@pytest.mark.parametrize(
    ("status", "text", "cause"),
    [
        (400, "This model's maximum context length is 2048 tokens, and the image needs 4096", "context_exceeded"),
        (500, "CUDA error: out of memory", "http_500"),
        (429, "too many images of this account are being processed", "http_429"),
        (400, "response_format of this type is not supported", "http_400"),
    ],
)
def test_other_refusals_keep_their_causes(status: int, text: str, cause: str) -> None:
    """A prompt beyond the context and an overload are what they were."""
    assert status_error(status, text).cause == cause
