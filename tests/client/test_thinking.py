"""Thinking is cut from answers, whatever tags a model writes and however it breaks off."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_modeleval.client.thinking import Split, split_thinking

FAMILIES = [
    ("<think>", "</think>"),
    ("<THINK>", "</Think >"),
    ("< think\n>", "</ think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("<mm:think>", "</mm:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
]


def test_separate_field_is_thinking_as_a_whole() -> None:
    """reasoning_content never reaches the text, whatever it holds."""
    assert split_thinking("ANSWER: A", "ANSWER: B") == Split("ANSWER: A", "ANSWER: B", is_open=False)
    assert split_thinking(None, "ANSWER: B") == Split("", "ANSWER: B", is_open=False)
    assert split_thinking(None, None) == Split("", "", is_open=False)
    assert split_thinking("<think>x</think>y", "r") == Split("y", "r\nx", is_open=False)


@pytest.mark.parametrize(("opening", "closing"), FAMILIES)
def test_every_family_in_every_shape(opening: str, closing: str) -> None:
    """Closed, unclosed, without an opening tag, and with a doubled one: the draft B is never in the text."""
    draft = "maybe ANSWER: B"
    assert split_thinking(f"{opening}{draft}{closing}\n\nANSWER: A", None) == ("\n\nANSWER: A", draft, False)
    assert split_thinking(f"{opening}{draft}", None) == ("", draft, True)
    assert split_thinking(f"{draft}{closing}ANSWER: A", None) == ("ANSWER: A", draft, False)
    doubled = split_thinking(f"{opening}{opening}{draft}{closing}ANSWER: A", None)
    assert doubled.text == "ANSWER: A"
    assert not doubled.is_open
    again = split_thinking(f"{opening}{draft}{closing}ANSWER: A{opening}{draft}", None)
    assert again == ("ANSWER: A", draft * 2, True)


def test_after_nested_blocks_only_what_follows_the_last_close_is_answer() -> None:
    """A draft between an inner and an outer closing tag is thinking."""
    nested = "<think>a<think>b</think>ANSWER: B</think>ANSWER: A"
    assert split_thinking(nested, None).text == "ANSWER: A"


def test_families_do_not_close_each_other() -> None:
    """Inside <think>, another family's closing tag is thinking like the rest."""
    assert split_thinking("<think>x[/THINK]ANSWER: B</think>ANSWER: A", None).text == "ANSWER: A"
    assert split_thinking("<think>x</thinking>ANSWER: B", None) == ("", "x</thinking>ANSWER: B", True)


@pytest.mark.parametrize("quote", ["``", '""', "''", "“”", "‘’"])
def test_a_tag_between_quotes_is_a_mention(quote: str) -> None:
    """Prose and programs may name the tags; in thinking, too, a named closing tag closes nothing."""
    text = f"Split at {quote[0]}</think>{quote[1]} and drop {quote[0]}<think>{quote[1]}."
    assert split_thinking(text, None) == (text, "", False)
    inside = f"<think>I write {quote[0]}</think>{quote[1]} later. ANSWER: B</think>ANSWER: A"
    assert split_thinking(inside, None).text == "ANSWER: A"


def test_a_code_fence_protects_no_tag() -> None:
    """A fence that thinking left open must not let the draft through."""
    assert split_thinking("```python\nx = 1\n</think>ANSWER: A", None).text == "ANSWER: A"
    assert split_thinking("```\n<think>ANSWER: B", None).text == "```\n"


def test_gpt_oss_channels() -> None:
    """Only the final channel is answer: after several others, without <|end|>, and never where it is missing."""
    final = "<|start|>assistant<|channel|>final<|message|>ANSWER: A<|return|>"
    analysis = "<|channel|>analysis<|message|>ANSWER: B"
    comment = '<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"a": 1}<|call|>'
    assert split_thinking(f"{analysis}<|end|>{comment}{final}", None).text == "ANSWER: A"
    assert split_thinking(f"{analysis}{final}", None).text == "ANSWER: A"
    assert split_thinking(analysis, None) == ("", "ANSWER: B", True)


def test_an_end_of_message_token_closes_nothing_by_itself() -> None:
    """Phi writes <|end|> after each answer; taken for the end of thinking it would empty every reply."""
    assert split_thinking("ANSWER: A<|end|>", None) == ("ANSWER: A", "", False)


@pytest.mark.parametrize("text", ["", "a < b", "x[0] < y[1]", "<b>thin</b> [think tank", "<thinker>", "◁", "</ think"])
def test_text_without_tags_is_left_alone(text: str) -> None:
    """Brackets and words like the tags change nothing."""
    assert split_thinking(text, None) == (text, "", False)


VISIBLE = st.text(st.sampled_from("0123456789 \n一二"), max_size=12)
HIDDEN = st.text(st.sampled_from("abcxyz\n三四"), max_size=12)
PLAIN_FAMILIES = FAMILIES[:-1]


@given(
    st.lists(st.tuples(VISIBLE, st.sampled_from(PLAIN_FAMILIES), HIDDEN), max_size=5),
    VISIBLE,
    st.one_of(st.none(), st.tuples(st.sampled_from(PLAIN_FAMILIES), HIDDEN)),
    st.one_of(st.none(), st.tuples(HIDDEN, st.sampled_from(PLAIN_FAMILIES))),
)
def test_text_holds_all_that_is_visible_and_nothing_hidden(
    blocks: Any, last: Any, unclosed: Any, headless: Any
) -> None:
    """Any reply put together from answer and thinking pieces comes apart into exactly those pieces."""
    content = headless[0] + headless[1][1] if headless else ""
    hidden = headless[0] if headless else ""
    for visible, (opening, closing), thought in blocks:
        content += visible + opening + thought + closing
        hidden += thought
    content += last
    if unclosed:
        content += unclosed[0][0] + unclosed[1]
        hidden += unclosed[1]
    found = split_thinking(content, None)
    assert found.text == "".join(visible for visible, _, _ in blocks) + last
    assert found.reasoning == hidden
    assert found.is_open == (unclosed is not None)


TOKENS = [tag for family in FAMILIES for tag in family] + [*"`\"'<>[]|/◁▷012345 \n", "think", "<|end|>", "<|return|>"]


@given(st.lists(st.sampled_from(TOKENS), max_size=40).map("".join), st.text(max_size=5))
@example("`<think>", "")
@example("</think>`", "")
def test_nothing_is_lost_but_tags(content: str, reasoning: str) -> None:
    """For any jumble of tags: no error, and every digit comes out once, in its order on either side."""
    found = split_thinking(content, reasoning)
    digits = Counter(filter(str.isdigit, content)) + Counter(filter(str.isdigit, reasoning))
    assert Counter(filter(str.isdigit, found.text + found.reasoning)) == digits
    rest = iter(content)
    assert all(sign in rest for sign in found.text)


@given(st.text(), st.text())
def test_total(content: str, reasoning: str) -> None:
    """Never raises, and without a tag the content is the text."""
    found = split_thinking(content, reasoning)
    assert isinstance(found.text, str)
    if not set("<[◁") & set(content):
        assert found == (content, reasoning, False)


@pytest.mark.parametrize(
    "unit",
    [
        "<think>",
        "</think>",
        "<think></think>",
        "<",
        "</",
        "< ",
        "[",
        "`<think>`",
        "<|channel|>analysis",
        "<|start|>assistant",
    ],
)
def test_hostile_megabytes_end(unit: str) -> None:
    """A megabyte of tags, or of their beginnings, is split (anything quadratic would not come back)."""
    content = unit * (1_000_000 // len(unit))
    found = split_thinking(content, None)
    assert len(found.text) + len(found.reasoning) <= len(content)
    assert found.is_open == (unit == "<think>")


@pytest.mark.parametrize("where", [0, 131_000, 131_072 - 3, 131_072, 131_072 + 200, 300_000])
def test_a_tag_is_found_wherever_it_stands_in_a_long_text(where: int) -> None:
    """Long texts are searched in windows; a tag on the border of two is seen as one."""
    text = "x" * where + "<think>" + "y" * 131_070 + "</think>" + "z" * 200_000
    assert split_thinking(text, None) == Split("x" * where + "z" * 200_000, "y" * 131_070, is_open=False)
