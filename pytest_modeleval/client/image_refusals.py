"""What a server's refusal says of pictures. Pure.

Texts of vLLM 0.10 to 0.33 ("which exceeds the pre-allocated encoder cache size 3721", "At most 1 image(s) may be
provided in one prompt", "is not a multimodal model"), llama.cpp ("image input is not supported - hint: ...", with
status 500), SGLang and hosted servers. A refusal of a picture comes again unchanged, whatever its status.
"""

from __future__ import annotations

import re

NOT_SUPPORTED, TOO_LARGE, TOO_MANY, UNDECODABLE = (
    "images_not_supported",
    "image_too_large",
    "too_many_images",
    "image_undecodable",
)
# Compiled by the first refusal. In this order: "at most 0 images" is no matter of their number.
_CAUSES = {
    NOT_SUPPORTED: (
        r"\bnot a multimodal model|\bat most 0 image|unknown variant .?image_url"
        r"|\b(?:image|vision|multi-?modal)s?(?: inputs?| content)?(?: \w+)? (?:is|are) (?:not|un)[ -]?supported"
        r"|\bnot? support (?:for )?(?:the )?(?:image|vision|multi-?modal)|\bimage_url\b.{0,60}\b(?:un|not )supported"
        r"|\bunsupported content (?:part )?type.{0,20}image"
    ),
    TOO_MANY: r"\bat most \d+ image|\btoo many images|\bnumber of images\b.{0,40}\b(?:exceed|limit|maximum)",
    TOO_LARGE: (
        r"\bencoder cache size|\bdecompression ?bomb"
        r"|\b(?:image|picture|pixel)s?\b.{0,80}\b(?:too (?:large|big|long)|exceed|larger than|more than the max)"
        r"|\bexceed.{0,60}\b(?:pixels|image size|max_pixels)"
    ),
    UNDECODABLE: (
        r"\bcannot identify image|\bfailed to (?:load|decode|open|process) (?:the )?image|\bimage file is truncated"
        r"|\binvalid image|\bcould not (?:decode|process|load) (?:the )?image|\bunsupported image (?:format|type)"
    ),
}
_MAX_READ_CHARS = 4_000


def image_cause(text: str) -> str:
    """The cause of a refusal that is about pictures; "" for any other."""
    found = text[:_MAX_READ_CHARS].lower()
    return next((cause for cause, rule in _CAUSES.items() if re.search(rule, found)), "")
