"""MMMU and MMMU-Pro: the rules that read a reply give the verdicts of the official code."""

from __future__ import annotations

import gzip
import hashlib
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.mmmu.choices import mmmu_letter, mmmu_pro_letter
from benchmarks.mmmu.open_answers import is_open_answer_right
from tests.support.samples import shared_data

OPTIONS = {"A": "red", "B": "dark red", "C": "Blue", "D": "x"}
# What the official code says of the 450 replies of Qwen-VL, a line "<id> <letter, none, right or wrong>" each: none
# where it draws a letter at random.
OFFICIAL_SHA256 = "ce149e77492e4078e895d3dac0dd13c659a691b2d6d65eb61064251eac320102"
OFFICIAL_GUESSES = """
    Accounting_11 Architecture_and_Engineering_25 Art_21 Art_Theory_23 Basic_Medical_Science_15 Energy_and_Power_1
    Energy_and_Power_17 Energy_and_Power_23 Finance_13 Marketing_15 Math_25 Mechanical_Engineering_5
    Mechanical_Engineering_29 Pharmacy_13 Physics_9 Psychology_21 Psychology_29
"""


@pytest.mark.parametrize(
    ("reply", "mmmu", "pro"),
    [
        ("Answer: (B)", "B", "B"),
        ("Option (A) is wrong.\nAnswer: (B)", "B", "B"),
        ("B", "B", "B"),
        ("B.", "B", "B"),
        ("ANSWER: B", "B", "B"),
        # Only MMMU-Pro reads a letter that another sign follows.
        ("Answer: B, of course", None, "B"),
        ("It is B. That much is certain.", None, "B"),
        # The last in brackets wins over a later bare one: MMMU's rule was made for direct answers.
        ("Not (A), as I said. Answer: B", "A", "B"),
        # The text of an option counts in six words or more; the last one, the first of equal ones.
        ("the wall is painted in blue now", "C", "C"),
        ("blue", None, None),
        ("I think that it is dark red", "A", "A"),
        ("", None, None),
        # Several letters after "Answer:" decide nothing there.
        ("(C) Answer: A or D", "C", "C"),
        # Bare letters without a blank in front: the first of the alphabet, as the official code does.
        ("-B -A -", None, "A"),
    ],
)
def test_letters(reply: str, mmmu: str | None, pro: str | None) -> None:
    """Which letter each rule reads; None where the official code guesses."""
    assert mmmu_letter(reply, OPTIONS) == mmmu
    assert mmmu_pro_letter(reply, OPTIONS) == pro


@given(st.text(string.ascii_uppercase[:5] + "().: \nAnswerdblue'", max_size=80), st.text(min_size=1))
def test_the_rules_read_letters_of_options_only(reply: str, other: str) -> None:
    """Whatever the reply, a letter of the options or None; the asked form is read after any text."""
    for read in (mmmu_letter, mmmu_pro_letter):
        assert read(reply, OPTIONS) in {None, *OPTIONS}
        assert read(other, {"A": "", "B": ""}) in {None, "A", "B"}
        assert read(f"{reply}\nAnswer: (D)", OPTIONS) == "D"


@pytest.mark.parametrize(
    ("reply", "targets", "is_right"),
    [
        ("The answer is 12.97.", ["12.97"], True),
        ("x = 5", ["5"], True),
        # An equation counts on the last line only; without a signal word the whole reply counts.
        ("x = 5\nThe result is 6", ["5"], False),
        ("x = 5\nDone.", ["5"], True),
        ("The speed is 1,234 m", ["1234"], True),
        # Officially these are the numbers 1,234 and 234.5.
        ("The speed is 1,234.5 m", ["1234.5"], False),
        ("so 3.14159", ["3.14"], True),
        ("The answer is MgS, by charge.", ["$MgS$", "MgS"], True),
        # A result on the way counts as well: the official rule favours long replies.
        ("First, the sum is 7\nThe answer is 9", ["7"], True),
        ("The answer is 70", ["7"], False),
        ("It is in Florida", ["Tampa", "Florida"], True),
        # One character needs a blank beside it.
        ("The answer is bx", ["x"], False),
        ("The answer is x b", ["x"], True),
        ("", ["5"], False),
    ],
)
def test_open_answers(reply: str, targets: list[str], is_right: bool) -> None:
    """What counts of a reply, and how it is compared."""
    assert is_open_answer_right(reply, targets) is is_right


def test_long_replies_cost_little() -> None:
    """A run of digits or of brackets as long as a reply may be is read in linear time."""
    for text in ("is " + "1" * 2_000_000, "is " + "1," * 200_000, "is " + "1.5e" * 100_000, "(A" * 500_000):
        assert not is_open_answer_right(text, ["77"])
        assert mmmu_letter(text, {"A": "q", "B": "z"}) is None


def recorded(name: str) -> list[dict[str, Any]]:
    """Rows of the shared data, one JSON object a line."""
    path = shared_data(name.partition("/")[0]) / name
    lines = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text("utf-8")
    return [json.loads(line) for line in lines.split("\n") if line]


def test_official_verdicts_of_mmmu() -> None:
    """450 recorded replies: every letter and verdict of the official code, but for its 17 random guesses."""
    lines, guesses = [], []
    for row in recorded("mmmu/recorded_qwen_vl.jsonl"):
        if "index2ans" in row:
            found = mmmu_letter(row["response"], row["index2ans"])
            guesses += [] if found else [row["id"].removeprefix("validation_")]
        else:
            targets = row["answer"] if isinstance(row["answer"], list) else [row["answer"]]
            found = "right" if is_open_answer_right(row["response"], targets) else "wrong"
        lines.append(f"{row['id']} {found or 'none'}")
    assert len(lines) == 450
    assert guesses == OFFICIAL_GUESSES.split()
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == OFFICIAL_SHA256
