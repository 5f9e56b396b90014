"""Recorded preferences of AlpacaEval through the whole program: a page of a few lines gives the published win rate."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.loopback import Answer, LoopbackServer
from tests.support.samples import shared_data
from tests.support.suites import Suite

# The judge says how likely it prefers the model: 1 = never, 2 = always. The win rate is the mean of that less one.
PAGE = """
from pytest_modeleval import Grade, Request, Sample, benchmark
from pytest_modeleval.datasets import local
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.metrics import mean

def to_sample(row):
    return Sample(question=row.text("instruction"))

def to_request(sample):
    return Request(messages=[{"role": "user", "content": sample.question}])

async def grade(sample, response, *, judge):
    asked = f"{sample.question}\\n---\\n{response.text}"
    reply = await judge.ask(Request(messages=[{"role": "user", "content": asked}]))
    won = float(reply.text) - 1
    if not 0 <= won <= 1:
        raise Ungraded("expected a preference of 1 to 2", cause="preference")
    made = Grade.right if won > 0.5 else Grade.wrong
    return made(measures={"win_rate": won})

@benchmark(name="quiz", version="1", dataset=local("quiz/{subset}"), subsets=SUBSETS, sample=to_sample,
           request=to_request, grade=grade, roles=("judge",), metric="win_rate", measures=[mean("win_rate")])
def test_quiz(grade):
    assert grade, grade.explanation
"""
# Subset -> its figure in percent. The leaderboard here has the first one, the baseline; for the other the sum of its
# 805 recorded preferences gives the figure.
BASELINE = "gpt4_1106_preview"
FIGURES = {BASELINE: 50.0, "gpt-3.5-turbo-1106_verbose": 12.763169810261044}


@pytest.fixture
def judge() -> Iterator[LoopbackServer]:
    """The judge's server."""
    served = LoopbackServer(lambda *_: Answer(""), models=("referee",))
    served.start()
    yield served
    served.stop()


def test_recorded_preferences_give_the_published_win_rates(
    suite: Suite, server: LoopbackServer, judge: LoopbackServer
) -> None:
    """Of 805 preferences each, to all digits, with an interval around them."""
    source = shared_data("alpaca_eval") / "alpaca_eval"
    with (source / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        published = {line["name"]: float(line["win_rate"]) for line in csv.DictReader(file)}
    assert published["GPT-4 Preview (11/06)"] == FIGURES[BASELINE]
    said: dict[str, str] = {}
    for subset in FIGURES:
        with gzip.open(source / f"recorded_{subset}.jsonl.gz", "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        assert len(rows) == 805
        for row in rows:
            row["instruction"] = f"{subset}\n{row['instruction']}"
            said[row["instruction"]] = repr(row["preference"])
        suite.write_raw("".join(json.dumps(row) + "\n" for row in rows), subset=subset)
    suite.write_benchmark(PAGE, subsets=tuple(FIGURES))
    server.script = lambda *_: Answer("A reply.")

    def verdict(body: dict[str, Any], _: int) -> Answer:
        return Answer(said[body["messages"][-1]["content"].removesuffix("\n---\nA reply.")])

    judge.script = verdict
    result = suite.run(server.url, "--judge", "referee", "--judge-url", judge.url)
    assert result.status == 0, result.out[-2000:] + result.err
    for subset, figure in FIGURES.items():
        found = result.subset(subset)
        assert found["num"] == 805
        assert 100 * found["score"] == pytest.approx(figure, abs=1e-9)
        assert found["low"] <= found["score"] <= found["high"]
