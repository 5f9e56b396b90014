"""What a result of Allure says of a sample: labels, parameters, status, transcript. Only where --alluredir is given."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from pytest_modeleval._support.item_id import item_id
from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.pytest_plugin.compatibility import allure_result, set_allure_status
from pytest_modeleval.pytest_plugin.item_reports import line_of
from pytest_modeleval.records import Kind, Outcome, Response
from pytest_modeleval.reports.sample_text import Detail, sample_lines
from pytest_modeleval.reports.text_layout import one_line
from pytest_modeleval.samples.record import Exchange, SampleRecord

_ALL = Detail(has_thinking=True)


def allure_writer(config: pytest.Config, model: str) -> Callable[[SampleItem, Outcome], None]:
    """What describes each sample to Allure, whose plugin runs; to be called before the report of a sample is final."""
    # Not declared: it is there where its plugin is.
    allure: Any = import_module("allure")

    def write(item: SampleItem, outcome: Outcome) -> None:
        result = allure_result(config)
        if result is None:
            return
        key = outcome.key
        allure.dynamic.epic(model)
        allure.dynamic.feature(key.benchmark)
        allure.dynamic.story(_inert(key.subset))
        allure.dynamic.tag(outcome.kind.label)
        # These make the history of a test: without them all samples of a benchmark are retries of one.
        for name, value in (("subset", key.subset), ("sample", key.sample), ("repeat", key.repeat)):
            allure.dynamic.parameter(name, _inert(value))
        for name, value in _facts(outcome).items():
            allure.dynamic.parameter(name, _inert(value), excluded=True)
        allure.attach(transcript(item, outcome), name="transcript", attachment_type=allure.attachment_type.TEXT)
        set_allure_status(result, status_of(outcome.kind), "" if outcome.kind is Kind.RIGHT else line_of(outcome))

    return write


def status_of(kind: Kind) -> str:
    """Allure's status: a lost answer is a failed test, a sample without a grade a broken one."""
    if kind is Kind.NOT_RUN:
        return "skipped"
    if not kind.is_verdict:
        return "broken"
    return "passed" if kind is Kind.RIGHT else "failed"


def transcript(item: SampleItem, outcome: Outcome) -> str:
    """Question, thinking, reply, target and answer, as `modeleval show` has them."""
    last = item.result.last if item.result is not None else None
    sample, key = item.planned.sample, outcome.key
    record = SampleRecord(
        benchmark=key.benchmark,
        subset=key.subset,
        sample=key.sample,
        repeat=key.repeat,
        id=item_id(key.sample, key.repeat, has_repeats=key.repeat > 0),
        kind=outcome.kind,
        value=outcome.value,
        answer=outcome.answer,
        target=outcome.target,
        cause=outcome.cause,
        explanation=outcome.explanation,
        exchanges=(_exchange(sample.question, last),),
    )
    return "\n".join(sample_lines(record, _ALL))


def _exchange(question: str, last: Response | None) -> Exchange:
    asked = ({"role": "user", "content": question},)
    return Exchange(messages=asked, reply=last) if last is not None else Exchange(messages=asked)


def _inert(value: Any) -> Any:
    return one_line(value) if isinstance(value, str) else value


def _facts(outcome: Outcome) -> dict[str, Any]:
    facts = {"cause": outcome.cause, "tokens": outcome.completion_tokens, "seconds": outcome.total_s}
    grade = {"grade": outcome.value} if outcome.kind.is_verdict else {}
    return {**grade, **{name: value for name, value in facts.items() if value not in (None, "")}}
