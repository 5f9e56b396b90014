"""The scripted server keeps its law, and the law is the queue of the textbooks."""

from __future__ import annotations

import http.client
import json
from itertools import islice
from math import factorial
from urllib.parse import urlsplit

import numpy as np
import pytest

from pytest_modeleval.stress.arrivals import schedule
from pytest_modeleval.stress.loads import Load
from tests.support.law import Law, Queue, closed_loop
from tests.support.law_server import law_server


def erlang_c(slots: int, load: float) -> float:
    """The chance to wait in an M/M/s queue (Erlang 1917)."""
    top = load**slots / factorial(slots) * slots / (slots - load)
    return top / (sum(load**k / factorial(k) for k in range(slots)) + top)


def test_the_queue_is_that_of_the_textbooks() -> None:
    """Mean wait of M/M/2 at 60 %, by Erlang's formula, within 10 % over 20,000 requests."""
    law = Law(slots=2, is_exponential=True, tokens=2)
    rate = 0.6 * law.capacity
    queue = Queue(law)
    waits = [queue.enter(at)[0] - at for at in islice(schedule(Load(rate=rate), 1), 20_000)]
    expected = erlang_c(2, 1.2) / (law.capacity - rate)
    assert np.mean(waits) == pytest.approx(expected, rel=0.1)


def test_a_closed_loop_of_as_many_as_slots_never_waits() -> None:
    """Its throughput is the capacity."""
    law = Law(slots=4, tokens=8, chunk=4)
    timings = closed_loop(law, 4, 40)
    assert {timing.queue_s for timing in timings} == {0.0}
    assert 40 / timings[-1].ended_s == pytest.approx(law.capacity)


def test_the_server_streams_chunks_of_the_law() -> None:
    """Twelve tokens in chunks of eight: an empty role, 8, 4, the counts; the truth is served too."""
    with law_server(Law(first_s=0.001, gap_s=0.0001, tokens=12, chunk=8)) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        body = {"messages": [{"role": "user", "content": "a b"}], "stream": True}
        options = {"stream_options": {"include_usage": True, "continuous_usage_stats": True}}
        connection.request("POST", "/v1/chat/completions", json.dumps(body | options))
        events = connection.getresponse().read().decode().split("\n\n")
        chunks = [json.loads(text.removeprefix("data: ")) for text in events if text.startswith("data: {")]
        connection.request("POST", "/v1/completions", json.dumps({"prompt": "a b", "max_tokens": 5}))
        plain = json.loads(connection.getresponse().read())
        connection.request("GET", "/law/served")
        served = json.loads(connection.getresponse().read())
        connection.close()
    contents = [choice["delta"]["content"] for chunk in chunks for choice in chunk["choices"]]
    assert contents == ["", " word" * 8, " word" * 4]
    assert [chunk["usage"]["completion_tokens"] for chunk in chunks if "usage" in chunk] == [8, 12, 12]
    assert plain["usage"]["completion_tokens"] == 5
    assert [row[3] for row in served] == [12, 5]
    assert all(came <= start for came, start, _, _ in served)
