"""Reading gates: what is understood, and that every mistake is named with its line, all at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.gates import parse_gates, read_gates, unknown_targets

GOOD = """
alpha = 0.05

[[gate]]
kind = "regression"
benchmark = "gsm8k"
margin = 0.01
flip_rate = 0.04

[[gate]]
name = "mmlu as a whole"
kind = "floor"
benchmark = "mmlu"
aggregate = "OVERALL"
floor = 0.8
test = "point"
alpha = 0.001

[[gate]]
kind = "ceiling"
benchmark = "gsm8k"
subset = "main"
of = "latency_s"
quantile = 0.95
ceiling = 30
"""


def test_a_good_file_says_what_it_says() -> None:
    """Every key arrives in its field, defaults fill the rest, and alpha of the file holds for gates without one."""
    found = parse_gates(GOOD)
    first, second, third = found.gates
    assert (first.name, first.kind, first.limit, first.alpha, first.flip_rate) == (
        "gsm8k regression",
        "regression",
        0.01,
        0.05,
        0.04,
    )
    assert (second.name, second.aggregate, second.test, second.alpha) == ("mmlu as a whole", "OVERALL", "point", 0.001)
    assert (third.of, third.quantile, third.limit, third.subset) == ("latency_s", 0.95, 30.0, "main")
    assert [gate.line for gate in found.gates] == [4, 10, 19]
    assert found.is_holm


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("alfa = 1\n" + GOOD, 1, "did you mean 'alpha'"),
        (GOOD.replace("margin = 0.01", "margin = 3"), 7, "3 per cent is 0.03"),
        (GOOD.replace("margin = 0.01", 'margin = "1%"'), 7, "expected a number"),
        (GOOD.replace('kind = "floor"', 'kind = "flour"'), 12, "did you mean 'floor'"),
        (GOOD.replace("floor = 0.8\n", ""), 10, "needs floor"),
        (GOOD.replace('of = "latency_s"', 'of = "latency"'), 23, "did you mean 'latency_s'"),
        (GOOD.replace('of = "latency_s"', 'of = "truncated"'), 24, "a share has none"),
        (GOOD.replace('test = "point"', 'test = "maybe"'), 16, "confident"),
        (GOOD.replace('test = "point"', 'test = "point"\ndetect = 0.02'), 17, "bare comparison"),
        (GOOD.replace("alpha = 0.001", "alpha = true"), 17, "expected a number"),
        (GOOD.replace("alpha = 0.001", "alpha = nan"), 17, "strictly between"),
        (GOOD.replace('name = "mmlu as a whole"', 'name = "gsm8k regression"'), 11, "line 4"),
        (GOOD.replace('subset = "main"', 'aggregate = "ALL"'), 22, "a ceiling counts items"),
        (GOOD + 'correction = "bonferroni"\n', 26, "unknown key 'correction'"),
        ("correction = 1\n" + GOOD, 1, "correction"),
        ("# nothing\n", 1, "at least one [[gate]]"),
        ("gate = 3\n", 1, "expected at least one"),
        ("[[gate]\n", 1, "this is not TOML"),
    ],
)
def test_each_mistake_is_named_with_its_line(text: str, line: int, words: str) -> None:
    """The message holds file:line and what to write instead."""
    with pytest.raises(SettingsError) as error:
        parse_gates(text, "ci/gates.toml")
    assert f"ci/gates.toml:{line}:" in str(error.value)
    assert words in str(error.value)


def test_all_mistakes_are_reported_at_once() -> None:
    """Three mistakes in two gates make one message with three lines, in the order of the file."""
    text = (
        GOOD.replace("margin = 0.01", "margn = 0.01").replace("floor = 0.8", "floor = 80").replace("ceiling = 30", "")
    )
    with pytest.raises(SettingsError) as error:
        parse_gates(text, "g.toml")
    head, *rest = str(error.value).splitlines()
    assert "3 mistakes" in head
    assert [line.split(":")[1] for line in rest] == ["7", "15", "19"]


def test_a_gate_of_an_unknown_kind_is_looked_at_all_the_same() -> None:
    """A wrong kind does not hide the other mistakes of its gate; keys of any kind are known."""
    text = GOOD.replace('kind = "floor"', 'kind = "flour"').replace("floor = 0.8", "floor = 80\nfoo = 1")
    with pytest.raises(SettingsError) as error:
        parse_gates(text, "g.toml")
    head, *rest = str(error.value).splitlines()
    assert "3 mistakes" in head
    assert [line.split(":")[1] for line in rest] == ["12", "15", "16"]


def test_a_hostile_file_is_refused_in_one_line(tmp_path: Path) -> None:
    """Deep brackets, numbers of hundreds of digits, pipes, devices and large files end in a sentence."""
    with pytest.raises(SettingsError, match="nested too deeply"):
        parse_gates("alpha = " + "[" * 100_000)
    with pytest.raises(SettingsError, match="margin: expected a number"):
        parse_gates(GOOD.replace("margin = 0.01", "margin = 1" + "0" * 400))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("#" * 1_000_001, encoding="utf-8")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path / "large"):
        with pytest.raises(SettingsError, match=r"no regular file|larger than"):
            read_gates(path)


def test_a_missing_and_a_binary_file_have_messages_of_their_own(tmp_path: Path) -> None:
    """Both are mistakes of the user, with the path and the reason."""
    with pytest.raises(SettingsError, match="could not read it"):
        read_gates(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b'alpha = 0.05\n"\xff"')
    with pytest.raises(SettingsError, match=r"binary\.toml:2: expected UTF-8"):
        read_gates(tmp_path / "binary.toml")
    (tmp_path / "good.toml").write_text(GOOD, encoding="utf-8")
    assert len(read_gates(tmp_path / "good.toml").gates) == 3


def test_targets_that_do_not_exist_are_named_with_the_nearest_name() -> None:
    """A typing error in a benchmark, subset or aggregate is found as soon as it is known what was collected."""
    known = {"gsm8k": (["main"], []), "mmlu": (["virology"], ["OVERALL"])}
    assert unknown_targets(parse_gates(GOOD), known) == []
    wrong = GOOD.replace('"mmlu"', '"mmlv"').replace('"main"', '"mian"')
    first, second = unknown_targets(parse_gates(wrong, "g.toml"), known)
    assert first == "g.toml:10: gate 'mmlu as a whole': no benchmark is called 'mmlv'; did you mean 'mmlu'?"
    assert "g.toml:19:" in second
    assert "did you mean 'main'" in second


@given(st.text(max_size=200))
def test_any_text_is_either_gates_or_a_mistake_of_the_user(text: str) -> None:
    """No text makes the reader fail in another way."""
    try:
        found = parse_gates(text)
    except SettingsError:
        return
    assert found.gates


keys = st.sampled_from(
    ["kind", "benchmark", "subset", "aggregate", "margin", "floor", "ceiling", "of", "alpha", "test"]
)
words = st.sampled_from(
    ['"floor"', '"regression"', '"ceiling"', '"gsm8k"', '""', "0.5", "1", "-1", "nan", "inf", "true", "[]"]
)


@given(st.lists(st.dictionaries(keys, words, max_size=8), max_size=4))
def test_any_table_is_either_a_gate_or_a_mistake_of_the_user(tables: list[dict[str, str]]) -> None:
    """Whatever values stand under known keys, the reader answers with gates within their ranges or with mistakes."""
    text = "\n".join("[[gate]]\n" + "\n".join(f"{k} = {v}" for k, v in table.items()) for table in tables)
    try:
        found = parse_gates(text)
    except SettingsError:
        return
    for gate in found.gates:
        assert gate.benchmark
        assert 0.0 < gate.alpha < 0.5
        assert 0.0 <= gate.limit < float("inf")
