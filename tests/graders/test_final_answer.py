"""Which part of a reply is its final answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.graders.answers import find_final_answer

NESTED = st.recursive(
    st.text(alphabet="abc+ ", min_size=1, max_size=5),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: "{" + "x".join(parts) + "}"),
    max_leaves=12,
)


@given(NESTED)
def test_boxes_are_read_to_their_own_brace(content: str) -> None:
    """The content of a box ends at the brace that matches the opening one."""
    assert find_final_answer(f"\\boxed{{one}} then \\boxed{{z{content}}} and }} more") == (f"z{content}".strip(), "")


@given(st.integers(), st.integers(), st.sampled_from(["", "\n", " \\times 2\n", "\n\nSo it is."]))
def test_the_marker_of_the_prompt_wins_over_every_box(said: int, boxed: int, after: str) -> None:
    """A line ANSWER: is the answer, whether a box comes before it or after it."""
    box = f"\\boxed{{{boxed}}}{after}"
    assert find_final_answer(f"{box}\n\nANSWER: {said}") == (str(said), "")
    assert find_final_answer(f"ANSWER: {said}\n\nCheck: {box}") == (str(said), "")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("ANSWER: 5\n\nANSWER: 6", "6"),
        ("ANSWER: 5\n\nANSWER:", "5"),
        ("**ANSWER:**\n5", "5"),
        ("**ANSWER: 5**", "5"),
        ("ANSWER: $\\boxed{5}$ as \\boxed{4} was wrong", "4"),
        ("Answer: 5\n\nso \\boxed{6}.", "6"),
        ("Answer: 5\n\nwith \\boxed{6} of them", "5"),
        ("ANSWER:\n\\[\n\\frac{1}{2}\n\\]", "\\frac{1}{2}"),
        ("ANSWER: it is shown in the box below\n\n\\boxed{6}", "6"),
        ("\\boxed{1}, \\boxed{2} and $\\boxed{3}$", "1, 2, 3"),
        ("\\boxed{1}.\n\nHence \\boxed{2}", "2"),
        ("\\boxed{1} so \\boxed{2}", "2"),
        ("\\boxed{1}, \\boxed{1}", "1"),
        ("$a=\\boxed{1}$, $b=\\boxed{2}$", "a = 1, b = 2"),
        ("\\boxed{\\fbox{7}}", "7"),
        ("\\boxed 7.", "7"),
        ("\\boxed{} holds \\boxed{7}; I used \\boxed{}.", "7"),
    ],
)
def test_rules(text: str, answer: str) -> None:
    """The rules of docs/answers.md, one by one."""
    assert find_final_answer(text) == (answer, "")


@pytest.mark.parametrize(
    ("text", "cause"), [("It is 7", ""), ("\\boxed{7", "unclosed_box"), ("", ""), ("\\boxed{}", ""), ("ANSWER:", "")]
)
def test_replies_without_an_answer(text: str, cause: str) -> None:
    """No number is guessed."""
    assert find_final_answer(text) == (None, cause)
