"""A check before the first sample that the server takes pictures, for benchmarks that send them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pytest_modeleval.client.body import encode_body
from pytest_modeleval.client.failures import shorten_error
from pytest_modeleval.client.route import CHAT, Query, Route
from pytest_modeleval.errors import AttemptFailed, ConnectError
from pytest_modeleval.evaluation.planned_items import PlannedBenchmark
from pytest_modeleval.images import Image
from pytest_modeleval.images.drawing import Canvas
from pytest_modeleval.images.references import images_in
from pytest_modeleval.prompts import user
from pytest_modeleval.records import JsonObject, Request
from pytest_modeleval.runs.likelihood_check import post_with_retries
from pytest_modeleval.server_facts import LLAMA_CPP, ModelFacts

# The answer does not matter, and a reply without text is one, too.
_CHAT = Route(CHAT.path, lambda found: {"content": "", "choices": len(found)})


def sends_images(plan: PlannedBenchmark) -> bool:
    """True for a benchmark that sends pictures: as declared, or as the first sample's request shows."""
    benchmark = plan.benchmark
    if benchmark.needs_images:
        return True
    if benchmark.request is None or not plan.samples:
        return False
    return bool(images_in(benchmark.request(next(iter(plan.samples.values()))).messages))


def why_no_images(model: ModelFacts, params: Mapping[str, Any], *, key: str | None) -> str:
    """Why the server takes no pictures, in one sentence; "" if it does. It is asked for one word about a drawn one.

    SGLang and llama.cpp say whether they do; SGLang leaves pictures out of the prompt of a model that sees none, so
    that every question would be asked without them.
    Raises ConnectError where a replica does not answer.
    """
    if model.server.takes_images is False:
        return f"they need pictures, and {model.kind} at {model.urls[0]} says that this model takes none{_hint(model)}"
    for url in model.urls:
        try:
            post_with_retries(url, _query(model, params), key)
        except AttemptFailed as failure:
            if failure.is_retryable:
                raise ConnectError(f"{url} does not answer a question about a picture: {failure}") from failure
            reason = shorten_error(str(failure))
            return (
                f"they need pictures, and {model.kind} at {url} refuses one of 64 x 64 pixels{_hint(model)}: {reason}"
            )
    return ""


def _hint(model: ModelFacts) -> str:
    return " (it needs the --mmproj file of the model)" if model.kind == LLAMA_CPP else ""


def _query(model: ModelFacts, params: Mapping[str, Any]) -> Query:
    import orjson  # noqa: PLC0415 - parsed back once before a run

    wanted = {**params, "max_tokens": 1, "stream": False}
    body: JsonObject = orjson.loads(encode_body(_question(), model=model.served, params=wanted, seed=0))
    return Query(_CHAT, body)


@cache
def _question() -> Request:
    canvas = Canvas(64, 64)
    canvas.disc(12, 12, 40, (200, 30, 30))
    return Request(user("Which colour is the disc?", Image.read(canvas.png())))
