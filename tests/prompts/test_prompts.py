"""Prompts ask for what graders read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.graders import grade_choice, grade_exact, grade_math
from pytest_modeleval.prompts import boxed_prompt, choice_prompt, qa_prompt, user
from pytest_modeleval.records import Kind, Response, Sample


@given(st.text(max_size=50), st.lists(st.text(max_size=20), min_size=2, max_size=26), st.sampled_from(["en", "zh"]))
def test_question_and_options_stand_in_the_prompt_unchanged(question: str, choices: list[str], language: str) -> None:
    """Nothing of a sample is interpreted: braces, backslashes and markers come through as they are."""
    prompt = choice_prompt(question, choices, language=language)
    assert question in prompt
    assert prompt.endswith("\n".join(f"{chr(ord('A') + n)}) {choice}" for n, choice in enumerate(choices)))
    assert question in qa_prompt(question)
    assert question in boxed_prompt(question)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("is_multiple", [False, True])
def test_the_form_asked_for_is_the_form_read(language: str, is_multiple: bool) -> None:
    """The line that the prompt shows, filled in, is graded right."""
    choices = ("w", "x", "y", "z")
    target = "BD" if is_multiple else "B"
    prompt = choice_prompt("Which?", choices, language=language, is_multiple=is_multiple)
    form = re.search(r"`([^`]+)`", prompt)
    assert form
    line = form.group(1).replace("XY" if is_multiple else "X", target)
    assert grade_choice(Sample(choices=choices, target=target), Response(text=line)).kind is Kind.RIGHT


def test_qa_and_boxed_forms_are_read() -> None:
    """The same for short answers and boxes."""
    form = re.search(r"`([^`]+)`", qa_prompt("How many?"))
    assert form
    line = Response(text=form.group(1).replace("X", "42"))
    assert grade_exact(Sample(target="42"), line).kind is Kind.RIGHT
    assert grade_math(Sample(target="42"), line).kind is Kind.RIGHT
    assert boxed_prompt("How many?").count("\\boxed{}") == 2


def test_requests_of_a_subset_share_their_beginning() -> None:
    """Instructions come before the question, so that a server's prefix cache can use them."""
    first, second = (choice_prompt(question, ["x", "y"]) for question in ("One?", "Two?"))
    assert first.index("One?") == second.index("Two?")
    assert first[: first.index("One?")] == second[: second.index("Two?")]


@pytest.mark.parametrize("choices", [[], ["only"], ["x"] * 27])
def test_too_few_or_many_choices_are_refused(choices: list[str]) -> None:
    """One letter each, and something to choose from."""
    with pytest.raises(ValueError, match=f"found {len(choices)}"):
        choice_prompt("Which?", choices)


def test_an_unknown_language_is_refused() -> None:
    """Rather than asked in another one."""
    with pytest.raises(ValueError, match="found 'fr'"):
        choice_prompt("Which?", ["x", "y"], language="fr")


def test_user_messages() -> None:
    """One message, or two with a system text."""
    assert user("hi") == [{"role": "user", "content": "hi"}]
    assert user("hi", system="be brief") == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi"},
    ]
