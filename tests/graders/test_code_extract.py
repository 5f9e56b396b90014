"""Extraction of code from replies, packed tests, and the causes in grades of programs."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import pickle
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.live_code_bench.packed_tests import cases, unpacked
from pytest_modeleval.graders.code.extraction import RULES, Asked, last_block
from pytest_modeleval.graders.code.fences import blocks
from pytest_modeleval.graders.code.grader import RULE_MATTERS, code_grader
from pytest_modeleval.graders.code.grader_pool import GraderPool
from pytest_modeleval.graders.code.output_comparison import (
    close_output,
    may_be_same_value,
    read_value,
    same_output,
    same_value,
    shown,
)
from pytest_modeleval.graders.code.problem import Case, Problem
from pytest_modeleval.records import Grade, Kind, Response, Sample
from pytest_modeleval.sandbox import Limits, SandboxUnavailable

CODE = "print(sum(map(int, input().split())))"
PROBLEM = Problem(limits=Limits(cpu_s=2.0, wall_s=20.0), cases=lambda: (Case("1 2", "3"), Case("4 5", "9")))

# reply, what each rule takes: ours, LiveCodeBench's, the old EvalScope's
REPLIES = [
    ("plain", f"```python\n{CODE}\n```", CODE, CODE, CODE),
    ("no_language", f"```\n{CODE}\n```", CODE, CODE, CODE),
    ("sample_input_first", f"Input:\n```\n1 2\n```\nCode:\n```python\n{CODE}\n```", CODE, CODE, "1 2"),
    ("sample_output_last", f"```python\n{CODE}\n```\nIt prints\n```\n3\n```", CODE, "3", CODE),
    ("draft_then_final", f"```python\nx\n```\nBetter:\n```py\n{CODE}\n```", CODE, CODE, "x"),
    ("shell_last", f"```python\n{CODE}\n```\nRun:\n```bash\npython a.py\n```", CODE, "python a.py", CODE),
    ("unclosed", f"Here:\n```python\n{CODE}", CODE, "", ""),
    ("closed_then_unclosed", f"```python\n{CODE}\n```\nand\n```python\nx = (", CODE, "and", CODE),
    (
        "fence_in_text",
        f"Use ``` fences.\n```python\n{CODE}\n```",
        CODE,
        CODE,
        "```python"[:0] or None,
    ),
    ("longer_fence", f"````python\n{CODE}\n````", CODE, CODE, CODE),
    ("none", "The answer is to add them.", "", "", ""),
    ("nothing", "", "", "", ""),
    ("empty_block", "```python\n\n```", "", "", ""),
]


@pytest.mark.parametrize("row", REPLIES, ids=lambda row: row[0])
def test_rules_take_what_they_are_known_to_take(row: tuple[str, str, str, str, str | None]) -> None:
    """Each rule, on replies as models write them; None where the result of a rule does not matter."""
    _, text, *expected = row
    for rule, code in zip(("last_block", "between_last_fences", "between_first_fences"), expected, strict=True):
        assert code is None or RULES[rule](text, None).strip() == code, rule


@given(st.text(alphabet="`~pythn \n\tx=(", max_size=400))
def test_extraction_takes_nothing_that_is_not_in_the_reply(text: str) -> None:
    """No rule raises, and every line of its result is a piece of the reply."""
    for rule in RULES.values():
        for asked in (None, Asked(), Asked("python")):
            assert all(line in text for line in rule(text, asked).split("\n"))
    for block in blocks(text):
        assert all(line in text for line in block.code.split("\n"))


@given(st.lists(st.sampled_from(["```", "x```y", "", "code", "``", "````"]), max_size=12))
def test_rules_of_the_field_agree_with_their_definition(lines: list[str]) -> None:
    """Between the first two, and between the last two, of the lines that hold a fence."""
    at = [number for number, line in enumerate(lines) if "```" in line]
    text = "\n".join(lines)
    last = "\n".join(lines[at[-2] + 1 : at[-1]]) if len(at) >= 2 else ""
    first = "\n".join(lines[at[0] + 1 : at[1]]) if len(at) >= 2 else ""
    assert (RULES["between_last_fences"](text, None), RULES["between_first_fences"](text, None)) == (last, first)


@given(st.text(alphabet=st.characters(exclude_characters="`~\r", exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_code_survives_the_way_into_a_block_and_out(code: str) -> None:
    """The text of a Python block is extracted unchanged."""
    if code.strip():
        assert last_block(f"Before\n```python\n{code}\n```\nafter") == code


def packed(tests: Any) -> str:
    """Tests, packed as the data packs private ones."""
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests)))).decode()


class Evil:
    """Its pickle runs a command when it is loaded."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("modeleval-was-here",)


def test_packed_tests_come_out_as_they_went_in() -> None:
    """Plain JSON and the packed form give the same tests, in order."""
    tests = [{"input": "1\n", "output": "2", "testtype": "stdin"}, {"input": "", "output": "x", "testtype": "stdin"}]
    assert unpacked(packed(tests)) == tests == unpacked(json.dumps(tests))
    assert cases(json.dumps(tests[:1]), packed(tests[1:])) == (Case("1\n", "2"), Case("", "x"))


@pytest.mark.parametrize(
    "field",
    [
        base64.b64encode(zlib.compress(pickle.dumps(Evil()))).decode(),
        base64.b64encode(zlib.compress(pickle.dumps([1, 2]))).decode(),
        base64.b64encode(zlib.compress(b"cos\nsystem\n(S'x'\ntR.")).decode(),
        base64.b64encode(zlib.compress(b"no pickle")).decode(),
        base64.b64encode(b"no zlib").decode(),
        "no base64!",
        "",
        "{}",
        packed({"input": "1"}),
        packed([{"output": "1"}]),
        packed([7]),
    ],
)
def test_packed_tests_that_are_none_are_refused_and_run_nothing(
    field: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged or hostile field raises ValueError (so a grader_error), and no code in it runs."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError):  # noqa: PT011 - every text of it is fine
        cases(field)
    assert list(tmp_path.iterdir()) == []


COMPARED = [
    ("3\n", "3", True),
    ("3 \n\n", " 3", True),
    ("1 2", "1  2", True),
    ("1.0", "1", True),
    ("1e0 2", "1 2.00", True),
    ("a  b", "a b", False),
    ("3\n4", "3 4", False),
    ("", "3", False),
    ("0.30000000000000004", "0.3", False),
    ("NaN", "NaN", True),
    ("nan", "NaN", False),
    # As decimals they raise where they are compared.
    ("sNaN", "1", False),
    ("1 sNaN", "1 2", False),
    ("1" * 20_000, "1" * 20_000, True),
    ("1" * 20_000, "1" * 19_999 + "2", False),
]


@pytest.mark.parametrize(("found", "expected", "is_same"), COMPARED)
def test_outputs_compare_as_upstream_compares_them(found: str, expected: str, is_same: bool) -> None:
    """Lines stripped and equal, or equal decimal numbers token by token, without tolerance."""
    assert same_output(found, expected) is is_same


@given(st.text(max_size=60), st.text(max_size=60))
def test_comparison_is_total_and_symmetric(one: str, other: str) -> None:
    """Comparison never raises, is reflexive and symmetric, and quotes are short."""
    assert same_output(one, one)
    assert same_output(one, other) == same_output(other, one)
    assert close_output(one, other) == close_output(other, one)
    assert len(shown(one * 9)) <= 90


def test_values_compare_as_plain_values() -> None:
    """Lists compare by content, numbers by value; values nested too deeply are unequal and raise nothing."""
    deep: list[Any] = []
    other: list[Any] = []
    for _ in range(100_000):
        deep, other = [deep], [other]
    assert same_value([1, 2.0, "x", None], [1.0, 2, "x", None])
    assert not same_value([1], [2])
    assert not same_value(deep, other)


@pytest.fixture(scope="module")
def pool() -> Any:
    """One worker."""
    pool = GraderPool(1, packages=())
    try:
        pool.isolation()
    except SandboxUnavailable as error:
        pool.close()
        pytest.skip(str(error))
    yield pool
    pool.close()


def graded(pool: GraderPool, response: Response, **options: Any) -> Grade:
    """The grade of one reply."""
    grader = code_grader(lambda _: PROBLEM, pool=pool, **options)
    grade = asyncio.run(grader(Sample(), response))
    assert isinstance(grade, Grade)
    return grade


def fenced(code: str) -> Response:
    """A complete reply with one block."""
    return Response(f"```python\n{code}\n```", finish_reason="stop")


CAUSES = [
    (fenced(CODE), Kind.RIGHT, ""),
    (fenced("print(1)"), Kind.WRONG, "wrong_answer"),
    (fenced("print(3.0000001 if input()[0] == '1' else 9)"), Kind.WRONG, "wrong_answer:within_tolerance"),
    (fenced("print("), Kind.WRONG, "compile_error"),
    (fenced("1 // 0"), Kind.WRONG, "runtime_error"),
    (fenced("import time\ntime.sleep(99)"), Kind.WRONG, "time_limit"),
    (fenced("x = bytes(10**10)"), Kind.WRONG, "memory_limit"),
    (fenced("while True: print('x' * 10**6)"), Kind.WRONG, "output_limit"),
    (Response("I cannot.", finish_reason="stop"), Kind.NO_ANSWER, "no_code"),
    (Response("", reasoning="hm", finish_reason="length", is_thinking_open=True), Kind.NO_ANSWER, "unclosed_thinking"),
    (Response("", finish_reason="stop"), Kind.NO_ANSWER, "empty"),
]


@pytest.mark.parametrize(("response", "kind", "cause"), CAUSES, ids=lambda value: str(value)[:24])
def test_each_way_to_fail_has_its_cause(pool: GraderPool, response: Response, kind: Kind, cause: str) -> None:
    """Each failure has a machine-readable cause and a line for people."""
    grade = graded(pool, response)
    assert (grade.kind, grade.cause) == (kind, cause), grade.explanation
    assert grade.explanation


def test_sample_that_depends_on_the_extraction_rule_is_marked(pool: GraderPool) -> None:
    """The explanation begins with the mark exactly where another rule of the field gives another result."""
    others = ["between_last_fences", "between_first_fences"]
    text = f"Input:\n```\n1 2\n```\n```python\n{CODE}\n```\n"
    marked = graded(pool, Response(text), other_rules=others)
    assert marked.kind is Kind.RIGHT
    assert marked.explanation.startswith(f"{RULE_MATTERS} (between_first_fences: ")
    assert not graded(pool, fenced(CODE), other_rules=others).explanation.startswith(RULE_MATTERS)
    old = graded(pool, Response(text), rule="between_first_fences", other_rules=["last_block"])
    assert old.kind is Kind.WRONG
    assert "last_block: passed" in old.explanation


def test_known_faults_of_tests_are_named_and_change_no_verdict(pool: GraderPool) -> None:
    """A remark about a problem's tests is added to the cause of a wrong answer, and to nothing else."""
    remark = {"remark": lambda _: "several_answers"}
    assert graded(pool, fenced("print(1)"), **remark).cause == "wrong_answer:several_answers"
    assert graded(pool, fenced("1 // 0"), **remark).cause == "runtime_error"
    assert graded(pool, fenced(CODE), **remark).kind is Kind.RIGHT


def test_unknown_rule_is_refused_when_it_is_declared() -> None:
    """A misspelt rule raises when it is declared and lists the names that exist."""
    with pytest.raises(ValueError, match="last_block, between_last_fences"):
        code_grader(lambda _: PROBLEM, rule="lastblock")


TOKENS = st.lists(st.sampled_from(["1", "1.0", "2", "x", "10", "é"]), max_size=8)
BLANKS = st.sampled_from([" ", "  ", "\t"])


@given(TOKENS, TOKENS, TOKENS, BLANKS, BLANKS)
def test_outputs_with_a_common_start_are_compared_as_without(
    start: list[str], one: list[str], other: list[str], blank: str, other_blank: str
) -> None:
    """Equal parts are passed over in one step; what is equal to what does not depend on it."""
    found, expected = blank.join([*start, *one]), other_blank.join([*start, *other])
    numbers = {"1": 1, "1.0": 1, "2": 2, "10": 10}

    def values(text: str) -> list[object]:
        # What is no number equals nothing, itself included: such a line has to be equal as text.
        return [numbers.get(token, object()) for token in text.split()]

    is_same = found.strip() == expected.strip() or values(found) == values(expected)
    assert same_output(found, expected) == is_same


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("1 " * 2_000_000, "1 " * 1_999_999),
        ("1 " * 2_000_000, "1 " * 1_999_999 + "2"),
    ],
    ids=["more numbers", "another number"],
)
def test_megabytes_of_output_are_compared_in_little_memory(found: str, expected: str) -> None:
    """No list of all parts is made: 4 MB of them would take 100."""
    tracemalloc.start()
    try:
        assert not same_output(found, expected)
        assert not close_output(found, expected)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_returned_megabytes_that_cannot_be_the_value_are_not_parsed() -> None:
    """The parser in C stops all threads for a second; what is long and may be right is read by another."""
    many = b"[" + b"1," * 510_000 + b"1]"
    assert not may_be_same_value(many, "[1]")
    assert not may_be_same_value(many, "[" + "1" * 1_100_000 + "]")
    assert may_be_same_value(many, many.decode())
    assert read_value(many) == [1] * 510_001
