"""The questions behind a regression gate: which became wrong or right, and what is shown of their answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval._support import redact
from pytest_modeleval._support.shorten import printable
from pytest_modeleval.gate_evidence import MOST_CHANGES
from pytest_modeleval.gates import parse_gates
from pytest_modeleval.gates.changes import NO_ANSWERS, measure_text, result_text
from pytest_modeleval.gates.judgement import judge_in_detail
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.results import GateVerdict
from pytest_modeleval.runs.verdict_evidence import ComparedFiles, verdicts_with_evidence
from pytest_modeleval.store.baseline import baseline_json, parse_baseline
from tests.support.gate_worlds import as_baseline, evidence, outcomes

Outcomes = dict[ItemKey, Outcome]
FILES = ComparedFiles(run=Path("runs/my run"), baseline=Path("ci/base.json"))
REGRESSION = '[[gate]]\nname = "g"\nkind = "regression"\nbenchmark = "gsm8k"'
FLOOR = '[[gate]]\nname = "g"\nkind = "floor"\nbenchmark = "gsm8k"\ntest = "point"\nfloor = '


@pytest.fixture(name="secret")
def _secret() -> Iterator[str]:
    redact.remember("sk-very-secret-key")
    yield "sk-very-secret-key"
    redact.forget()


def answered(letters: str, answer: str, repeat: int = 0) -> Outcomes:
    """Outcomes that all have this answer."""
    return {key: replace(out, answer=answer) for key, out in outcomes(letters, repeat=repeat).items()}


def judged(then: Outcomes, now: Outcomes, gates: str = REGRESSION) -> GateVerdict:
    """The verdict of one gate over two sides."""
    run, baseline = evidence(now), as_baseline(evidence(then))
    found = judge_in_detail(parse_gates(gates, "gates"), run, baseline)
    (verdict,) = verdicts_with_evidence(found, now, baseline, FILES)
    return verdict


def test_a_regression_gate_names_what_changed() -> None:
    """Newly wrong and newly right with both results in the order of ids, and a command that can be copied."""
    verdict = judged(answered("rrrw", "A"), answered("rwtr", "B"))
    found = verdict.evidence
    assert found is not None
    assert [(q.benchmark, q.subset, q.id, q.old, q.new) for q in found.newly_wrong] == [
        ("gsm8k", "main", "main-0001", "right 'A'", "wrong 'B'"),
        ("gsm8k", "main", "main-0002", "right 'A'", "truncated 'B'"),
    ]
    assert [(q.id, q.old, q.new) for q in found.newly_right] == [("main-0003", "wrong 'A'", "right 'B'")]
    assert (verdict.newly_wrong, verdict.newly_right, verdict.drop) == (2, 1, 0.25)
    assert found.compare == "modeleval compare ci/base.json 'runs/my run'"
    assert not found.note
    assert found.show == "modeleval show 'runs/my run' --newly-wrong ci/base.json"


def test_repeats_are_newly_wrong_where_fewer_are_right() -> None:
    """Of each question the number of right repeats; one that lost one of three is newly wrong."""
    then = {**answered("rr", "A"), **answered("rr", "A", repeat=1), **answered("rr", "A", repeat=2)}
    now = {**answered("rr", "A"), **answered("rw", "B", repeat=1), **answered("rr", "A", repeat=2)}
    found = judged(then, now).evidence
    assert found is not None
    assert [(q.id, q.old, q.new) for q in found.newly_wrong] == [("main-0001", "3 of 3 right", "2 of 3 right")]


def test_a_baseline_without_answers_says_so() -> None:
    """One of an earlier version: kinds are shown and a note says why; no note where the run has no answers either."""
    found = judged(outcomes("rr"), answered("rw", "B")).evidence
    assert found is not None
    assert (found.newly_wrong[0].old, found.newly_wrong[0].new) == ("right", "wrong 'B'")
    assert found.note == NO_ANSWERS
    silent = judged(outcomes("rr"), outcomes("rw")).evidence
    assert silent is not None
    assert not silent.note


def test_a_floor_names_the_command_that_shows_what_was_lost() -> None:
    """Nothing is newly wrong without a baseline; a passed floor has no evidence."""
    failed = judged(outcomes("r"), outcomes("wwr"), FLOOR + "0.9").evidence
    assert failed is not None
    assert (failed.newly_wrong, failed.compare) == ((), "")
    assert failed.show == "modeleval show 'runs/my run' --kind wrong,no_answer,truncated"
    assert judged(outcomes("r"), outcomes("rrr"), FLOOR + "0.5").evidence is None


def test_a_gate_that_cannot_compare_has_no_evidence() -> None:
    """Without a baseline there is nothing to list."""
    run = evidence(outcomes("rw"))
    found = judge_in_detail(parse_gates(REGRESSION, "gates"), run, None)
    (verdict,) = verdicts_with_evidence(found, run.outcomes, None, replace(FILES, baseline=None))
    assert verdict.evidence is None


def test_lists_are_bounded_and_numbers_are_whole() -> None:
    """Of 6,000 lost questions 5,000 are listed."""
    verdict = judged(outcomes("r" * 6000), outcomes("w" * 6000))
    assert verdict.evidence is not None
    assert len(verdict.evidence.newly_wrong) == MOST_CHANGES
    assert verdict.newly_wrong == 6000


def test_a_measure_shows_its_values() -> None:
    """A number as it is, (k, n) as "k of n", one for each repeat."""
    key = ItemKey("b", "s", "x")
    found = [Outcome(key, Kind.RIGHT, 1.0, measures={"f": value}) for value in (0.25, (2.0, 3.0))]
    assert measure_text(found, "f") == "0.25, 2 of 3"
    assert not measure_text(found, "other")


@given(st.text(), st.integers(4, 60))
def test_what_is_shown_is_one_printable_line(text: str, limit: int) -> None:
    """Whatever the model said; shortened again it is as if it had been shortened once."""
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
    assert printable(printable(text, limit + 40), limit) == shown


def test_secrets_reach_neither_evidence_nor_baseline(secret: str) -> None:
    """An answer that holds the key of this run is redacted in both."""
    now = answered("r", f"the key is {secret}")
    assert secret not in result_text(list(now.values()))
    assert secret not in str(baseline_json(evidence(now), made_utc=""))


@given(st.lists(st.none() | st.text(max_size=8) | st.text(min_size=99, max_size=120), min_size=1, max_size=6))
def test_answers_come_back_from_a_baseline(answers: list[str | None]) -> None:
    """Printable, on one line, at most 100 characters; empty ones are none, and those of two repeats stay apart."""
    two = [outcomes("r" * len(answers), repeat=repeat) for repeat in (0, 1)]
    given_ = {
        key: replace(out, answer=answer)
        for found in two
        for (key, out), answer in zip(found.items(), answers if found is two[0] else answers[::-1], strict=True)
    }
    back = parse_baseline(baseline_json(evidence(given_), made_utc=""), "b.json").outcomes
    assert {key: out.answer for key, out in back.items()} == {
        key: printable(out.answer, 100) if out.answer else None for key, out in given_.items()
    }


def test_answers_that_do_not_fit_are_reported() -> None:
    """A line too few in a baseline: the subset and both numbers are named."""
    content = baseline_json(evidence(answered("rrr", "A")), made_utc="")
    content["benchmarks"][0]["subsets"][0]["answers"] = ["A\nB"]
    with pytest.raises(ValueError, match="main: expected the answers of 3 samples, found 2"):
        parse_baseline(content, "b.json")
