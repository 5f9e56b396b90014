"""The baseline file: what is written comes back, small enough to read, and damage is reported."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.evaluation.index_scores import index_scores
from pytest_modeleval.gates.compare import compare
from pytest_modeleval.gates.compare_measures import compare_measures
from pytest_modeleval.gates.compare_text import comparison_text
from pytest_modeleval.gates.evidence import Evidence, question_values
from pytest_modeleval.gates.noise import flip_rates
from pytest_modeleval.indexes import Index
from pytest_modeleval.metrics import mean, ratio
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.store.baseline import baseline_json, parse_baseline, read_baseline, write_baseline
from tests.support.gate_worlds import evidence, outcomes

sample_ids = st.one_of(
    st.text(min_size=1, max_size=12),
    st.builds("{}{:04d}".format, st.sampled_from(["q-", "", "9"]), st.integers(0, 30)),
    st.builds("{}[{}..{}]".format, st.text(max_size=3), st.integers(0, 9), st.integers(0, 99)),
)
results = st.tuples(st.sampled_from(list(Kind)), st.sampled_from([0.0, 0.25, 1.0]))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.tuples(sample_ids, st.integers(0, 2)), results, min_size=1, max_size=25))
@example({("a[0..3]", 0): (Kind.RIGHT, 1.0), ("a0", 0): (Kind.RIGHT, 1.0), ("a1", 0): (Kind.WRONG, 0.25)})
@example({(f"q{10**20 + number}", 0): (Kind.RIGHT, 1.0) for number in range(3)})
@example({("٣", 0): (Kind.RIGHT, 1.0), ("٤", 0): (Kind.RIGHT, 1.0)})
def test_what_is_written_comes_back(content: dict[tuple[str, int], tuple[Kind, float]]) -> None:
    """Every outcome with a verdict returns with its kind and value, whatever the ids look like; no other does."""
    found = {}
    for (sample, repeat), (kind, value) in content.items():
        key = ItemKey("b", "s", sample, repeat)
        # Only a wrong answer has credit of its own, and less than a right one.
        partial = min(value, 0.5) if kind is Kind.WRONG else float(kind is Kind.RIGHT)
        found[key] = Outcome(key, kind, partial)
    made = baseline_json(evidence(found), made_utc="2026-01-12T00:00:00Z")
    back = parse_baseline(json.loads(json.dumps(made)), "b.json")
    expected = {key: (out.kind, out.value) for key, out in found.items() if out.kind.is_verdict}
    assert {key: (out.kind, out.value) for key, out in back.outcomes.items()} == expected
    assert back.identities == evidence(found).identities


def test_a_blessed_file_is_small_and_readable(tmp_path: Path) -> None:
    """1,319 outcomes take a few kilobytes: ids as one range, one letter each, with version, data and parameters."""
    path = tmp_path / "ci" / "gsm8k.json"
    run = evidence(outcomes("r" * 1000 + "w" * 300 + "n" * 19))
    write_baseline(path, run, made_utc="2026-01-12T08:00:00Z", facts={"server": "sglang 0.5.5"})
    assert path.stat().st_size < 3000
    content = json.loads(path.read_text(encoding="utf-8"))
    (entry,) = content["benchmarks"]
    assert entry["subsets"][0]["samples"] == ["main-[0000..1318]"]
    assert (entry["version"], entry["params"]) == ("1", {"temperature": 0.0})
    found = read_baseline(path)
    assert found.label == str(path)
    assert found.facts == {"server": "sglang 0.5.5"}
    assert len(found.outcomes) == 1319


def test_more_repeats_than_a_baseline_may_have_are_not_written() -> None:
    """A journal that claims the hundred-millionth repeat must not fill the memory: the baseline is refused."""
    key = ItemKey("gsm8k", "main", "main-0000", 10**8)
    with pytest.raises(SettingsError, match="at most 1,000 repeats, found 100,000,001"):
        baseline_json(evidence({key: Outcome(key, Kind.RIGHT, 1.0)}), made_utc="")


@given(st.dictionaries(sample_ids, st.sampled_from(["", "0f3a", "ffff"]), min_size=1, max_size=12))
def test_prompts_come_back(prompts: dict[str, str]) -> None:
    """Every known prompt returns with its sample; those that are not known leave no trace."""
    keys = [ItemKey("b", "s", sample) for sample in prompts]
    run = evidence({key: Outcome(key, Kind.RIGHT, 1.0) for key in keys})
    known = {("s", sample): digits for sample, digits in prompts.items() if digits}
    run = replace(run, identities={"b": replace(run.identities["b"], prompts=known)})
    back = parse_baseline(json.loads(json.dumps(baseline_json(run, made_utc=""))), "b.json")
    assert back.identities == run.identities


def test_votes_come_back_in_the_order_of_the_repeats() -> None:
    """Which answers were equal, not their words; the value of each question under vote@k stays what it was."""
    answers: dict[str, list[str | None]] = {
        "a": ["42", "41", " 42", "40"],
        "b": ["no", None, "yes", "yes"],
        "c": [None, None, None, None],
    }
    right = {"a": "42", "b": "yes"}
    made = {
        ItemKey("b", "s", sample, repeat): Outcome(
            ItemKey("b", "s", sample, repeat),
            Kind.NO_ANSWER if answer is None else Kind.RIGHT if answer.strip() == right[sample] else Kind.WRONG,
            float(answer is not None and answer.strip() == right[sample]),
            answer,
        )
        for repeat in (2, 0, 3, 1)
        for sample, answer in ((sample, given[repeat]) for sample, given in answers.items())
    }
    content: Any = baseline_json(evidence(made, metric="vote@3"), made_utc="2026-01-01T00:00:00Z")
    assert content["benchmarks"][0]["subsets"][0]["votes"] == [
        [0, 0, None],
        [1, None, None],
        [0, 1, None],
        [2, 1, None],
    ]
    read = parse_baseline(json.loads(json.dumps(content)), "base.json")
    assert read.metrics == {"b": "vote@3"}
    values = {name: found.value for (_, name), found in question_values(read.outcomes.values(), "vote@3").items()}
    assert values == {"a": 1.0, "b": 0.5, "c": 0.0}
    assert question_values(made.values(), "vote@3") == question_values(read.outcomes.values(), "vote@3")
    content["benchmarks"][0]["subsets"][0]["votes"][1] = [0]
    with pytest.raises(ValueError, match="votes: expected one list of 3"):
        parse_baseline(content, "base.json")


def test_a_run_with_repeats_carries_its_flip_rate() -> None:
    """Repeats measure the noise of the deployment, and gates find it in the baseline; one repeat measures none."""
    twice = {**outcomes("rrrr"), **outcomes("wrrr", repeat=1)}
    assert flip_rates(outcomes("rr")) == {}
    back = parse_baseline(baseline_json(evidence(twice), made_utc="", flip_rates=flip_rates(twice)), "b")
    assert back.flip_rates == {"gsm8k": pytest.approx(0.25)}
    assert parse_baseline(baseline_json(evidence(outcomes("rr")), made_utc=""), "b").flip_rates == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(schema=2), "schema: expected 1, found 2"),
        (lambda c: c.pop("model"), "model: expected a text, found none"),
        (lambda c: c["benchmarks"][0]["subsets"][0].update(outcomes=["rr"]), "does not fit its outcomes"),
        (lambda c: c["benchmarks"][0]["subsets"][0].update(outcomes=["xxx"]), "found 'xxx'"),
        (lambda c: c["benchmarks"][0]["subsets"][0].update(samples=["q[0..99999999999999]"]), "does not fit"),
        (lambda c: c["benchmarks"][0]["subsets"][0].update(samples=["q"]), "expected 1 outcomes, found 3"),
        (lambda c: c["benchmarks"][0]["subsets"][0].update(partial={"0:main-0001": 7}), "from 0 to 1"),
        (lambda c: c["benchmarks"][0]["subsets"][0].update(partial={"0:main-0001": 1000.0}), "found 1000.0"),
        (lambda c: c["benchmarks"][0]["subsets"][0].update(partial={"0:main-0001": None}), "from 0 to 1"),
        (lambda c: c["benchmarks"][0]["subsets"][0].update(partial={"3:main-0001": 0.5}), "which has no verdict"),
        (lambda c: c["benchmarks"][0]["subsets"][0].update(partial=[1]), "partial: expected a table"),
        (lambda c: c["benchmarks"][0]["subsets"][0].update(score=125.5), "score: expected a number from 0 to 1"),
        (lambda c: c["benchmarks"][0]["subsets"][0].update(samples=["a", "b", "a"]), "found one twice"),
        (lambda c: c["benchmarks"][0]["subsets"][0].update(samples=[1, 2, 3]), "samples[0]: expected a sample id"),
        (lambda c: c["benchmarks"][0]["subsets"][0].update(outcomes=["rwr"] * 200_000), "at most 1,000 texts"),
        (lambda c: c["benchmarks"][0]["subsets"][0].update(prompts="0f3a"), "the prompts of 3 samples, found 1"),
        (lambda c: c["benchmarks"][0]["subsets"].append(c["benchmarks"][0]["subsets"][0]), "found main twice"),
        (lambda c: c["benchmarks"].append(c["benchmarks"][0]), "found gsm8k twice"),
        (lambda c: c["benchmarks"][0].update(flip_rate=-0.1), "flip_rate: expected a number from 0 to 1"),
        (lambda c: c["benchmarks"][0].update(metric="bleu"), "metric: expected a metric"),
        (lambda c: c["benchmarks"][0].update(metric="pass@0"), "metric: expected a metric"),
        (lambda c: c["benchmarks"][0].update(params=3), "params: expected a table"),
        (lambda c: c["benchmarks"][0].update(version=2), "version: expected a text, found 2"),
        (lambda c: c.update(facts=[]), "facts: expected a table"),
        (lambda c: c.update(benchmarks=3), "no usable baseline"),
        (lambda c: c.update(model=None, made_utc=3), "(1 more like this)"),
    ],
)
def test_damage_is_reported_with_the_next_step(tmp_path: Path, change: object, words: str) -> None:
    """A damaged file names itself, what is wrong, and how to get a good one; it never fails in another way."""
    content = baseline_json(evidence(outcomes("rwr")), made_utc="")
    change(content)  # type: ignore[operator]
    path = tmp_path / "b.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(SettingsError, match="--eval-bless") as error:
        read_baseline(path)
    assert words in str(error.value)


def measured_run(steps: int = 2) -> Evidence:
    """A run whose benchmark declares a measure, which is part of an index; a second part is not in the run."""
    found = {
        key: replace(outcome, measures={"steps": (steps, 2), "took": 3.5}) for key, outcome in outcomes("rwr").items()
    }
    run = evidence(found)
    measures = (ratio("steps"), mean("took", is_higher_better=False, high=None, unit="s"))
    indexes = index_scores(
        [Index("one", {"gsm8k": 2, "other": 1}), Index("two", {"gsm8k": 1, "aime": 1})], run.summary.benchmarks
    )
    return replace(run, measures={"gsm8k": measures}, summary=replace(run.summary, indexes=indexes))


def test_two_files_are_compared_with_measures_and_indexes() -> None:
    """Declared measures and indexes come back as they were; what a file states under such names is not taken."""
    runs = [measured_run(), measured_run(steps=1)]
    sides = [
        parse_baseline(json.loads(json.dumps(baseline_json(run, made_utc="", facts={"ungraded": "<3", "x": 1}))), "b")
        for run in runs
    ]
    for side, run in zip(sides, runs, strict=True):
        assert side.facts == {"x": 1, "measures": run.measures, "indexes": run.summary.indexes}
    text = "\n".join(comparison_text(sides, compare(sides), compare_measures(sides)))
    assert "gsm8k main steps (higher is better)\n  A  1.0000  n=3\n  B  0.5000  n=3\n  A to B: -0.5000 (95 %" in text
    assert "gsm8k main took (lower is better)\n  A  3.5 s  n=3" in text
    assert "index one\n  A  partial, from " in text
    assert text.endswith("A to B: no difference while a part is missing")
    content = baseline_json(runs[0], made_utc="")
    content["benchmarks"][0]["declared_measures"][0].update(low=2.0)
    with pytest.raises(ValueError, match="expected low < high"):
        parse_baseline(content, "b")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_value_of_any_other_type_is_reported(data: st.DataObject) -> None:
    """Whatever stands in place of any part of the file, reading it raises ValueError or gives a baseline."""
    content = baseline_json(measured_run(), made_utc="", flip_rates={"gsm8k": 0.1})
    place: object = content
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))  # type: ignore[arg-type]
        key = data.draw(st.sampled_from(keys))
        inner = place[key]  # type: ignore[index]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        place = inner
    junk = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inside: st.lists(inside, max_size=2) | st.dictionaries(st.text(max_size=2), inside, max_size=2),
        max_leaves=4,
    )
    place[key] = data.draw(junk)  # type: ignore[index]
    try:
        found = parse_baseline(content, "b.json")
    except ValueError:
        return
    assert all(0.0 <= outcome.value <= 1.0 for outcome in found.outcomes.values())


def test_a_pipe_and_a_device_are_refused(tmp_path: Path) -> None:
    """A pipe without a writer would wait for ever, a device never end: both are refused in one line."""
    os.mkfifo(tmp_path / "pipe.json")
    for path in (tmp_path / "pipe.json", Path("/dev/zero"), tmp_path):
        with pytest.raises(SettingsError, match=r"no regular file|directory"):
            read_baseline(path)


def test_no_file_and_no_json_have_messages_of_their_own(tmp_path: Path) -> None:
    """Both are mistakes of the user."""
    with pytest.raises(SettingsError, match="could not read it"):
        read_baseline(tmp_path / "none.json")
    (tmp_path / "torn.json").write_text('{"schema": 1, "model"', encoding="utf-8")
    with pytest.raises(SettingsError, match="no usable baseline"):
        read_baseline(tmp_path / "torn.json")
