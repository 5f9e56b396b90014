"""Properties of the choice grader."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_modeleval.graders import extract_choice, grade_choice
from pytest_modeleval.prompts import choice_prompt
from pytest_modeleval.records import Kind, Response, Sample

FORMS = [
    *("ANSWER: {}", "Answer：{}", "ANSWER: [{}]", "ANSWER: ({})", "**ANSWER:** {}", "**ANSWER: {}**", "ANSWER: **{}**"),
    *(
        "答案：{}",
        "答案:{}",
        "答案：【{}】",
        "ANSWER: \\boxed{{{}}}",
        "\\boxed{{{}}}",
        "ANSWER: {}. because of this",
        "ANSWER: `{}`",
    ),
]
PROSE = st.text(max_size=200)


def reply(text: str) -> Response:
    """A response with that text."""
    return Response(text=text)


@given(PROSE, st.integers(2, 26), st.data(), st.sampled_from(FORMS))
def test_gold_answers_are_right(prose: str, count: int, data: st.DataObject, form: str) -> None:
    """The right letter in any asked form is right, any other wrong, whatever was said before it."""
    letters = [chr(ord("A") + number) for number in range(count)]
    target, other = data.draw(st.permutations(letters))[:2]
    sample = Sample(choices=tuple(letters), target=target)
    assert grade_choice(sample, reply(f"{prose}\n{form.format(target)}")).kind is Kind.RIGHT
    wrong = grade_choice(sample, reply(f"{prose}\n{form.format(other)}"))
    assert (wrong.kind, wrong.answer, wrong.cause) == (Kind.WRONG, other, "wrong_letter")


@given(st.permutations(range(5)), st.integers(0, 4), st.integers(0, 4), PROSE, st.sampled_from(FORMS))
def test_permuting_choices_and_target_together_changes_no_grade(
    order: list[int], target: Any, said: Any, prose: str, form: str
) -> None:
    """Which letter stands for an option never matters."""
    options = [f"option number {number}" for number in range(5)]

    def graded(shown: Any) -> Kind:
        letter = {option: "ABCDE"[place] for place, option in enumerate(shown)}
        sample = Sample(choices=tuple(shown), target=letter[options[target]])
        return grade_choice(sample, reply(f"{prose}\n{form.format(letter[options[said]])}")).kind

    assert graded(options) == graded([options[place] for place in order])


@given(st.sets(st.sampled_from("ABCDEF"), min_size=1), st.sets(st.sampled_from("ABCDEF"), min_size=1), st.data())
def test_several_letters_are_an_exact_set(target: Any, said: Any, data: st.DataObject) -> None:
    """Order and separators do not matter; one letter too many or too few is wrong."""
    said_in_order = data.draw(st.permutations(sorted(said)))
    separator = data.draw(st.sampled_from(["", ", ", ",", "、", " and ", "和", " "]))
    sample = Sample(choices=tuple("abcdef"), target="".join(sorted(target)))
    grade = grade_choice(sample, reply("ANSWER: " + separator.join(said_in_order)))
    assert grade.kind is (Kind.RIGHT if said == target else Kind.WRONG)
    assert grade.answer == "".join(sorted(said))


SOUP = [
    "ANSWER",
    ":",
    "：",
    "答案",
    "是",
    "\\boxed{",
    "}",
    "A",
    "b",
    "Ｃ",
    "[",
    "**",
    ",",
    " ",
    "\n",
    "or",
    "Option",
    "F",
    "$",
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(SOUP), max_size=30).map("".join)))
@example("ANSWER:" * 1000)
def test_never_raises_and_names_only_choices(text: str) -> None:
    """Whatever the text: a grade, and an answer out of the letters or none."""
    grade = grade_choice(Sample(choices=("w", "x", "y", "z"), target="B"), reply(text))
    assert set(grade.answer or "") <= set("ABCD")
    assert (grade.answer is None) == (grade.kind is Kind.NO_ANSWER)
    found = extract_choice(text, "ABCD")
    assert found == grade.answer


@given(PROSE, st.sampled_from(["ANSWER: {}", "Answer:{}.", "answer：**{}**\n"]), st.sampled_from("ABCD"))
@example("ANSWER: A\n", "ANSWER: {}", "C")
def test_a_usual_ending_reads_as_the_same_ending_in_other_dress(prose: str, form: str, letter: str) -> None:
    """The fast path for usual endings finds the letter that a longer form of the same ending names."""
    reply_text = f"{prose}\n" + form.format(letter)
    assert extract_choice(reply_text, "ABCD") == extract_choice(reply_text + "\n\nThat is all.", "ABCD") == letter


@given(
    st.text(alphabet=st.characters(exclude_characters=":："), max_size=300).filter(lambda text: "\\boxed" not in text)
)
def test_without_a_marker_there_is_no_answer(text: str) -> None:
    """No colon, no box: no guess, however many capital letters there are."""
    assert extract_choice(text, "ABCD") is None


@pytest.mark.parametrize("unit", ["ANSWER:", "ANSWER: ", "\\boxed{", "ANSWER: A,", "ANSWER: [", "答案：(", "A"])
def test_hostile_megabytes_end(unit: str) -> None:
    """A megabyte of markers is read without running away."""
    text = unit * (1_000_000 // len(unit))
    assert extract_choice(text, "BCDE") is None
    assert extract_choice(text + "\nANSWER: C", "BCDE") == "C"


def test_causes_of_missing_answers() -> None:
    """Each way of having no answer has its own cause."""
    sample = Sample(choices=("x", "y"), target="A")
    causes = {
        "unclosed_thinking": Response(text="", reasoning="hmm", is_thinking_open=True),
        "thinking_only": Response(text="", reasoning="hmm"),
        "empty": Response(text=" "),
        "no_marker": Response(text="A"),
        "letter_out_of_range": Response(text="ANSWER: C"),
    }
    for cause, response in causes.items():
        grade = grade_choice(sample, response)
        assert (grade.kind, grade.cause) == (Kind.NO_ANSWER, cause)
    cut = Response(text="Let me think again.", reasoning="hmm", is_thinking_open=True)
    assert grade_choice(sample, cut).cause == "unclosed_thinking"


@pytest.mark.parametrize("target", [None, "", "E", 2, "AE", "river", [], ["A", "E"], ["AB"]])
def test_a_sample_at_fault_raises(target: Any) -> None:
    """A target that is no choice is a fault of the benchmark, never a wrong answer."""
    with pytest.raises(ValueError, match="expected a target"):
        grade_choice(Sample(choices=("w", "x", "y", "z"), target=target, id="s-1"), reply("ANSWER: A"))


@pytest.mark.parametrize("target", ["AC", "CA", "A,C", "a, c", "A、C", ["C", "A"], ("A", "C")])
def test_targets_of_several_letters(target: Any) -> None:
    """Targets come as text or list, in any order."""
    sample = Sample(choices=("w", "x", "y", "z"), target=target)
    assert grade_choice(sample, reply("ANSWER: C, A")).kind is Kind.RIGHT


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("count", [2, 4, 10, 23])
def test_an_echoed_prompt_names_no_choice(language: str, count: int) -> None:
    """A reply that merely repeats our prompt has no answer, so long as X is no letter of the question."""
    choices = [f"option {number}" for number in range(count)]
    prompt = choice_prompt("Which one?", choices, language=language)
    assert extract_choice(prompt, [chr(ord("A") + number) for number in range(count)]) is None
