"""Mistakes of an author in a benchmark page: one sentence with the place, status 4, never an internal error."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_modeleval import Examples, Request, Sample, benchmark
from pytest_modeleval.datasets import Row, inline
from pytest_modeleval.declaration import declared_benchmark
from pytest_modeleval.errors import DeclarationError
from pytest_modeleval.metrics import ratio
from tests.support.loopback import LoopbackServer
from tests.support.suites import BENCHMARK, Suite

TEXT: Any = "text"
ROW = Row({"q": "?"}, subset="s", index=0, file="quiz/s.jsonl", line=7)


def to_request(sample: Sample) -> Request:
    """A request without a mistake."""
    return Request(({"role": "user", "content": sample.question},))


def declare(**changes: Any) -> Any:
    """A declared test function; changes: arguments of the decorator."""
    given: dict[str, Any] = {
        "name": "quiz",
        "version": "1",
        "dataset": inline(lambda: {"s": []}),
        "sample": lambda row: Sample(question=row.text("q")),
        "request": to_request,
    }

    @benchmark(**given | changes)
    def test_quiz() -> None: ...

    declared = declared_benchmark(test_quiz)
    assert declared is not None
    return declared


async def a_coroutine(_: object) -> None:
    """An argument that has to be an ordinary function."""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "q/a"}, r"quiz: dataset: expected local\(\.\.\.\).*found 'q/a'"),
        ({"subsets": "part"}, r"quiz: subsets: expected a list such as \['part'\], found a text"),
        ({"subsets": [1]}, r"quiz: subset 1: expected a text"),
        ({"sample": "to_sample"}, r"quiz: sample: expected a function, found 'to_sample'"),
        (
            {"sample": a_coroutine},
            r"quiz: sample: expected an ordinary function, .*`async def` at .*mistakes\.py:\d+",
        ),
        ({"request": a_coroutine}, r"quiz: request: expected an ordinary function"),
        ({"request": None}, r"quiz: expected either request= or solve=, found none"),
        ({"grade": 1}, r"quiz: grade: expected a function, found 1"),
        ({"name": None}, r"benchmark name None: expected a lower-case word"),
        ({"metric": "accuracy"}, r"quiz: metric: expected the metric mean_acc, acc, pass@k.* or the name of a measure"),
        ({"measures": [ratio("x"), ratio("x")]}, "quiz: a measure is named twice"),
        ({"shuffle": "always"}, "quiz: shuffle: expected 'sample' or 'repeat', found 'always'"),
        ({"examples": Examples(inline(dict), "shots")}, "quiz: examples: expected a number or the name of an option"),
    ],
)
def test_wrong_arguments_are_refused_where_they_stand(changes: dict[str, Any], message: str) -> None:
    """The decorator names the argument, the expected form and the value; a UserError, so pytest ends with status 4."""
    with pytest.raises(DeclarationError, match=f"(?s){message}"):
        declare(**changes)


def test_a_coroutine_is_no_test_function() -> None:
    """`async def test_quiz` would pass without running; it is refused with its line."""
    with pytest.raises(DeclarationError, match=r"expected an ordinary test function, found `async def` at .*:\d+"):
        benchmark(
            name="quiz", version="1", dataset=inline(dict), sample=lambda _: Sample(question=""), request=to_request
        )(a_coroutine)


def raising(_: object) -> Request:
    """A request function with a mistake in it."""
    raise KeyError("topic")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample": lambda _: {"question": "?"}}, r"sample: expected a Sample, found {.*, for quiz/s.jsonl, line 7"),
        ({"request": lambda _: "text"}, r"request: expected a Request, found 'text'.*mistakes\.py:\d+; write Request"),
        ({"request": lambda _: Request(TEXT)}, r"request: expected messages, found Request\('text'\)"),
        ({"request": raising}, r"request failed for sample 's-0': KeyError: 'topic', at .*mistakes\.py:\d+"),
    ],
)
def test_wrong_results_name_function_and_sample(changes: dict[str, Any], message: str) -> None:
    """A function of the page that raises or returns another type: what, for which sample, in which line."""
    declared = declare(**changes)
    with pytest.raises(DeclarationError, match=f"(?s){message}"):
        declared.request(declared.sample(ROW) if "sample" in changes else Sample(question="?", id="s-0"))


@pytest.mark.parametrize("body", ["return 'text'", "1 / 0", "return Request('text')"])
def test_a_run_ends_with_one_sentence(body: str, suite: Suite, server: LoopbackServer) -> None:
    """Status 4 before any request, and no traceback of ours."""
    right = 'return Request(messages=[{"role": "user", "content": sample.question}])'
    suite.write_benchmark(BENCHMARK.replace(right, body))
    suite.write_rows(3)
    result = suite.run(server.url)
    assert result.status == 4, result.out + result.err
    assert "INTERNALERROR" not in result.out + result.err
    assert "benchmark quiz: request" in result.out + result.err
    assert not server.seen.bodies
