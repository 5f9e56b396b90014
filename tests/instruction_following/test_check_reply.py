"""Strict and loose verdicts, arguments that allow none, marks, and replies of any shape."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.instruction_following import IFBENCH, IFEVAL, Checker, InstructionGrader, check_reply, reply_variants
from benchmarks.instruction_following.arguments import RANDOM
from benchmarks.instruction_following.checkers import LONGEST_REPLY
from benchmarks.instruction_following.grading import PROMPT_LOOSE, PROMPT_STRICT
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.records import Kind, Response, Sample
from tests.support.instructions import EVERY

COMMA, TITLE, QUOTES = "punctuation:no_comma", "detectable_format:title", "startend:quotation"
LINES = st.text(alphabet="ab *\n\t,<>\"'.", max_size=60)
PARAGRAPH = {"num_paragraphs": 2, "nth_paragraph": 1, "first_word": "hello"}


def is_followed(text: str, *, checker: Checker) -> tuple[bool, bool]:
    """Strict and loose, of one checker."""
    found = check_reply(text, [("only", {})], {"only": checker})
    return found.strict[0], found.loose[0]


@given(LINES)
def test_loose_is_the_best_of_eight_variants(text: str) -> None:
    """Some variant follows exactly if the loose verdict is good; the strict one is that of the reply alone."""
    lines = text.split("\n")
    cuts = [text, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    eight = [*cuts, *(cut.replace("*", "") for cut in cuts)]
    wanted = "a"

    def rule(part: str, _arguments: Any) -> bool:
        return part.startswith(wanted)

    strict, loose = is_followed(text, checker=Checker(rule))
    assert strict == text.startswith(wanted)
    assert loose == any(part.startswith(wanted) for part in eight if part.strip())
    assert set(reply_variants(text)) == {part for part in eight if part.strip()}


@given(LINES)
def test_a_strict_verdict_that_is_good_makes_a_good_loose_one(text: str) -> None:
    """For every rule without arguments that needs no package."""
    names = [COMMA, TITLE, QUOTES, "combination:two_responses", "detectable_format:json_format", "format:parentheses"]
    found = check_reply(text, [(name, {}) for name in names], EVERY)
    assert all(loose for strict, loose in zip(found.strict, found.loose, strict=True) if strict)


@pytest.mark.parametrize("text", ["", " ", "\n", "\n \t\n", "\u2028"])
def test_a_blank_reply_follows_nothing(text: str) -> None:
    """Not even the instructions that forbid something."""
    found = check_reply(text, [(COMMA, {}), ("format:sub-bullets", {})], EVERY)
    assert (found.strict, found.loose, found.marks) == ((False, False), (False, False), ())


def test_asterisks_and_outer_lines_do_not_matter_to_the_loose_verdict() -> None:
    """A line of introduction, and bold type."""
    found = check_reply('Sure, here it is:\n**"Hello."**', [(QUOTES, {}), (COMMA, {})], IFEVAL)
    assert (found.strict, found.loose) == ((False, False), (True, True))


def refusal(name: str, arguments: dict[str, Any], text: str = "some text") -> Ungraded:
    """The exception of an instruction that cannot be judged."""
    with pytest.raises(Ungraded) as caught:
        check_reply(text, [(name, arguments)], EVERY)
    assert caught.value.kind is Kind.GRADER_ERROR
    return caught.value


def test_an_unknown_instruction_is_ungraded() -> None:
    """Never followed, never missed."""
    assert refusal("keywords:rhyme", {}).cause == "unknown_instruction"


@pytest.mark.parametrize("name", sorted(EVERY))
def test_a_missing_argument_is_ungraded(name: str) -> None:
    """Absent or null, for each argument of each type: the official checkers draw it at random."""
    for argument in EVERY[name].takes:
        others = dict.fromkeys(EVERY[name].takes, 1)
        for given_ in ({key: 1 for key in others if key != argument}, others | {argument: None}):
            found = refusal(name, given_)
            assert found.cause == "missing_argument"
            assert argument in str(found)


@pytest.mark.parametrize("name", sorted(EVERY))
def test_an_argument_that_no_checker_knows_is_ungraded(name: str) -> None:
    """The row asks for something that would not be looked at."""
    assert refusal(name, dict.fromkeys(EVERY[name].takes, 1) | {"colour": "red"}).cause == "unknown_argument"


@pytest.mark.parametrize("text", ["#", "!", "é", "ab", "1"])
def test_a_letter_that_the_official_checker_draws_at_random_is_ungraded(text: str) -> None:
    """Keys 1122 and 1129 of IFEval ask for # and !, and a letter is drawn in their place."""
    given_ = {"letter": text, "let_frequency": 4, "let_relation": "at least"}
    found = refusal("keywords:letter_frequency", given_)
    assert RANDOM in str(found)
    assert found.cause == "random_checker"


@pytest.mark.parametrize(
    ("name", "given_"),
    [
        ("detectable_format:number_bullet_lists", {"num_bullets": -1}),
        ("length_constraints:nth_paragraph_first_word", PARAGRAPH | {"nth_paragraph": 0}),
        ("length_constraints:nth_paragraph_first_word", PARAGRAPH | {"nth_paragraph": 3}),
        ("count:words_japanese", {"N": 0}),
    ],
)
def test_numbers_that_make_the_official_checker_draw_are_ungraded(name: str, given_: dict[str, Any]) -> None:
    """Negative numbers, a paragraph that cannot exist, every 0th word."""
    assert refusal(name, given_).cause == "random_checker"


@pytest.mark.parametrize("value", [True, "3", 2.5, math.nan, math.inf, [3], {}])
def test_a_number_that_is_none_is_ungraded(value: object) -> None:
    """No guess is made of what a row may have meant."""
    assert refusal("detectable_content:number_placeholders", {"num_placeholders": value}).cause == "unusable_argument"


def test_zero_is_a_number() -> None:
    """Key 286 of IFBench begins at character 0; a filter for true values would drop it."""
    given_ = {"prompt_to_repeat": "Copy this text", "n_start": 0, "n_end": 3.0}
    found = check_reply("copy", [("repeat:repeat_span", given_)], IFBENCH)
    assert found.strict == (True,)


@pytest.mark.parametrize("keyword", ["(a+)+$", "a.b", "[x", "C++", " "])
def test_a_keyword_is_never_run_as_a_pattern(keyword: str) -> None:
    """The official checkers do; a row's pattern may never end."""
    given_ = {"keyword": keyword, "frequency": 1, "relation": "at least"}
    assert refusal("keywords:frequency", given_, "a" * 50_000).cause == "unusable_argument"


def test_a_relation_that_is_unknown_is_ungraded() -> None:
    """The official checkers raise an error, too."""
    given_ = {"num_words": 3, "relation": "at most"}
    assert refusal("length_constraints:number_words", given_).cause == "unusable_argument"


def test_a_reply_that_is_too_long_is_ungraded() -> None:
    """16 MB are not read at all, whatever they hold."""
    assert refusal(COMMA, {}, "x" * 16_000_000).cause == "reply_too_long"
    assert check_reply("x" * LONGEST_REPLY, [(COMMA, {})], IFEVAL).strict == (True,)


def test_an_item_is_marked_where_a_repaired_rule_decides_otherwise() -> None:
    """With the verdict of the official rule, and one sentence for each type."""
    bullets = [("detectable_format:number_bullet_lists", {"num_bullets": 2})]
    found = check_reply("- one\n---\n", bullets * 2, IFEVAL)
    assert found.strict == (True, True)
    assert found.marks == (
        "detectable_format:number_bullet_lists: the official rule counts a line such as --- as a bullet",
    )
    assert check_reply("- one\n- two\n", bullets, IFEVAL).marks == ()


def grade_of(primary: str, response: Response, *names: str) -> Any:
    """The grade of a reply to a prompt with these instructions."""
    sample = Sample(question="Q", data={"instructions": [(name, {}) for name in names]})
    return InstructionGrader(IFEVAL, primary)(sample, response)


def test_the_grade_has_four_measures_and_the_primary_verdict() -> None:
    """Strict and loose, of the prompt and of its instructions; the first instruction missed is the cause."""
    response = Response(text="Sure:\n<<Title>>, a **text**")
    strict = grade_of(PROMPT_STRICT, response, TITLE, QUOTES)
    assert (strict.kind, strict.cause, strict.explanation) == (Kind.WRONG, QUOTES, f"not followed: {QUOTES}")
    assert strict.measures["instruction_strict"] == (1, 2)
    introduced = Response(text='Sure:\n"<<Title>>"')
    loose = grade_of(PROMPT_LOOSE, introduced, TITLE, QUOTES)
    assert loose.kind is Kind.RIGHT
    assert loose.measures == {
        "prompt_strict": 0.0,
        "prompt_loose": 1.0,
        "instruction_strict": (1, 2),
        "instruction_loose": (2, 2),
    }


def test_a_reply_of_thinking_alone_is_no_answer_and_counts_in_every_measure() -> None:
    """An empty reply fails, as officially."""
    grade = grade_of(PROMPT_STRICT, Response(text="", reasoning="hm"), COMMA, TITLE)
    assert (grade.kind, grade.cause) == (Kind.NO_ANSWER, "thinking_only")
    assert grade.measures["instruction_loose"] == (0, 2)


@pytest.mark.parametrize("blank", ["\n", "\n\n", " \n\t\n", "\n\n\n\n"])
def test_a_blank_line_behind_cut_thinking_changes_no_verdict(blank: str) -> None:
    """Neither of the rule that looks up a paragraph nor of the variant without the first line."""
    sample = Sample(data={"instructions": [("length_constraints:nth_paragraph_first_word", PARAGRAPH)]})
    grader = InstructionGrader(IFEVAL, PROMPT_STRICT)
    text = "Hello there.\n\nBye."
    plain = grader(sample, Response(text=text))
    cut = grader(sample, Response(text=blank + text, reasoning="thinking"))
    assert plain == cut
    assert plain.kind is Kind.RIGHT
    # Without thinking, the reply is judged as it came; the mark says that the official rule is at fault.
    raw = grader(sample, Response(text="\n\n" + text))
    assert raw.kind is Kind.WRONG
    assert len(raw.marks) == 1


@given(blank=st.text(alphabet=" \t\n", max_size=8), indent=st.text(alphabet=" ", max_size=4))
def test_the_indentation_of_the_first_line_stays(blank: str, indent: str) -> None:
    """Only whole blank lines are left out: an instruction may ask for an indented line."""
    grader = InstructionGrader({"lines": Checker(lambda text, _: text == f"{indent}a\n b")}, PROMPT_STRICT)
    sample = Sample(data={"instructions": [("lines", {})]})
    assert grader(sample, Response(text=f"{blank}\n{indent}a\n b", reasoning="x")).kind is Kind.RIGHT
