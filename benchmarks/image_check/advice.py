"""The usual reasons of a failing subset, by its causes. Shown under the table of scores."""

from pytest_modeleval import Advice

_UNSEEN = (
    "the model answers without the picture: serve a model that sees, with its own chat template (--chat-template) and, "
    "in llama.cpp, the --mmproj file that belongs to these weights."
)

ADVICE: dict[str, str | Advice] = {
    "reached": Advice(
        "",
        by_cause={
            "picture_left_out": "pictures are accepted and left out of the prompt: the chat template has no place for "
            "them, or a gateway drops content parts.",
        },
    ),
    "colour": _UNSEEN,
    "count": _UNSEEN,
    "digits": "digits are not read: is the picture scaled down (min_pixels, max_pixels of the processor), or not seen?",
    "order": Advice(
        "",
        by_cause={
            "order_reversed": "several pictures reach the model in reverse order: compare the chat template.",
            "pictures_alike": "one of two pictures does not reach the model, or both are taken for one: "
            "--limit-mm-per-prompt (vLLM), --limit-mm-data-per-request (SGLang).",
        },
    ),
    "size": Advice(
        "",
        by_cause={
            "refused_image_too_large": "large pictures are refused: raise --limit-mm-per-prompt and "
            "--max-num-batched-tokens of vLLM, or expect ungraded questions.",
            "wrong_digits": "large pictures are scaled down so far that text is lost: raise max_pixels of the "
            "processor (--mm-processor-kwargs).",
        },
    ),
}
