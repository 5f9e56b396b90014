"""Options of a page: typed, checked against what the page declares, refused by name."""

from __future__ import annotations

import pytest

from pytest_modeleval.errors import DeclarationError, SettingsError
from pytest_modeleval.page_options import Option, OptionValue, option_values, parse_page_options

SHOTS = Option("shots", 5, low=0, high=25)
SPLIT = Option("split", "val", choices=("val", "test"))


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        (SHOTS, "0", 0),
        (SPLIT, "test", "test"),
        (Option("deep", False), "true", True),
        (Option("deep", True), "off", False),
        (Option("share", 0.5, low=0.0, high=1.0), "1", 1.0),
        (Option("prompt", ""), "any text = fine", "any text = fine"),
        (Option("prompt", ""), "query: ", "query: "),
        (SPLIT, " test", "test"),
    ],
)
def test_a_text_becomes_a_value_of_the_type_of_the_default(option: Option, text: str, value: OptionValue) -> None:
    """And of no other type."""
    found = option.parse(text)
    assert found == value
    assert type(found) is type(option.default)


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        (SHOTS, "26", "expected a whole number from 0 to 25, found 26"),
        (SHOTS, "five", "expected a whole number from 0 to 25, found 'five'"),
        (SHOTS, "2.5", "expected a whole number"),
        (SPLIT, "dev", "expected one of val, test, found 'dev'"),
        (Option("deep", False), "maybe", "expected true or false, found 'maybe'"),
        (Option("share", 0.5, low=0.0), "-1", "expected a number of at least 0, found -1.0"),
    ],
)
def test_a_text_that_does_not_fit_is_refused(option: Option, text: str, message: str) -> None:
    """With what was expected and what was found."""
    with pytest.raises(ValueError, match=message):
        option.parse(text)


def test_values_are_the_defaults_but_for_those_given() -> None:
    """All of them, so that the experiment names each."""
    assert option_values("quiz", [SHOTS, SPLIT], {"shots": "0"}) == {"shots": 0, "split": "val"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shot": "0"}, "--eval-option: quiz has no option 'shot'; did you mean 'shots'"),
        ({"shots": "x"}, "--eval-option: quiz.shots: expected a whole number"),
    ],
)
def test_a_mistake_names_option_and_benchmark(given: dict[str, str], message: str) -> None:
    """Before anything is asked."""
    with pytest.raises(SettingsError, match=message):
        option_values("quiz", [SHOTS, SPLIT], given)


@pytest.mark.parametrize("text", ["mmlu", "mmlu=0", "mmlu.shots", ".shots=0", "mmlu.=0", "a b.c=1"])
def test_a_text_of_another_form_is_refused(text: str) -> None:
    """The message shows the form."""
    with pytest.raises(SettingsError, match=r"expected BENCHMARK.KEY=VALUE, such as mmlu.shots=0"):
        parse_page_options([text])


def test_a_later_text_wins() -> None:
    """As for every option of the command line; a value may hold = and dots."""
    assert parse_page_options(["a.x=1", "a.x=2", "b.y=c=d.e"]) == {"a": {"x": "2"}, "b": {"y": "c=d.e"}}


@pytest.mark.parametrize("arguments", [("Shots", 5), ("shots", 30, (), 0, 25), ("split", "dev", ("val", "test"))])
def test_a_declaration_that_contradicts_itself_is_refused(arguments: tuple[object, ...]) -> None:
    """Where the page is imported."""
    with pytest.raises(DeclarationError, match="expected"):
        Option(*arguments)  # type: ignore[arg-type]
