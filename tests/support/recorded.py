"""Exchanges recorded from vLLM 0.32.0 and SGLang 0.5.23 on a CPU (tests/client/recorded): a line for each.

`name`, what was asked for (`tools`, `stream`, `max_tokens`), `status`, and the answer: `body` (JSON), `text`, or a
stream. The fields that most events of a stream share stand once, in `shared`, those of its choices in `choice`; an
event has the others, and in `absent` the shared fields that it does not have.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

FOLDER = Path(__file__).parents[1] / "client" / "recorded"


def exchanges(*names: str) -> list[dict[str, Any]]:
    """The exchanges of these files."""
    texts = [(FOLDER / f"{name}.jsonl").read_text(encoding="utf-8") for name in names]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def response_of(exchange: dict[str, Any]) -> httpx.Response:
    """The HTTP response as it was recorded, but for the headers that nobody reads."""
    if "events" in exchange:
        events = [json.dumps(event, ensure_ascii=False) for event in events_of(exchange)]
        content = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"])
        return _response(exchange, content, "text/event-stream; charset=utf-8")
    content = exchange["text"] if "text" in exchange else json.dumps(exchange["body"], ensure_ascii=False)
    return _response(exchange, content, "application/json")


def events_of(exchange: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a stream, whole."""
    return [
        {
            **_filled(exchange["shared"], event),
            "choices": [_filled(exchange["choice"], choice) for choice in event["choices"]],
        }
        for event in exchange["events"]
    ]


def _filled(shared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    absent = {"absent", *own.get("absent", ())}
    return {name: value for name, value in {**shared, **own}.items() if name not in absent}


def _response(exchange: dict[str, Any], content: str, kind: str) -> httpx.Response:
    headers = {"content-type": exchange.get("type", kind)}
    return httpx.Response(exchange.get("status", 200), headers=headers, content=content.encode())
