"""The benchmark `wiring`: a server wired rightly passes every check, and each planted fault is told by its name."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter

import pytest

from benchmarks.wiring import test_wiring as page
from benchmarks.wiring.advice import ADVICE
from benchmarks.wiring.rows import rows
from pytest_modeleval import Advice
from pytest_modeleval.client.reply import response_from_reply
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.records import Grade, Kind, Request, Response, Sample
from tests.support.samples import declaration, said, samples_of
from tests.support.wired_model import WiredModel

QUESTIONS = {"arithmetic", "letters", "decimals", "knowledge"}


@pytest.fixture(scope="module")
def wiring_samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """All samples, in the order of the table."""
    cache = tmp_path_factory.mktemp("cache")
    declared = declaration(page.test_wiring)
    return [
        sample
        for subset in declared.subsets
        for sample in samples_of(page.test_wiring, subset.name, data_dir=None, cache_dir=cache)
    ]


def grades(samples: list[Sample], model: WiredModel) -> dict[str, Grade]:
    """Sample id -> grade, of one server asked every check in turn."""

    async def run() -> dict[str, Grade]:
        return {sample.id: page.grade_answers(sample, await page.solve(sample, model)) for sample in samples}

    return asyncio.run(run())


def lost(samples: list[Sample], model: WiredModel) -> dict[str, set[str]]:
    """Cause -> subsets, of every grade without full credit."""
    found: dict[str, set[str]] = {}
    subsets = {sample.id: sample.subset for sample in samples}
    for name, grade in grades(samples, model).items():
        if not grade:
            assert grade.explanation, f"{name} is lost without an explanation"
            found.setdefault(grade.cause, set()).add(subsets[name])
    return found


def test_size_and_ids(wiring_samples: list[Sample]) -> None:
    """60 to 100 checks, ids unique over the benchmark and led by their subset; every subset has its advice."""
    assert 60 <= len(wiring_samples) <= 100
    assert len({sample.id for sample in wiring_samples}) == len(wiring_samples)
    assert all(sample.id.startswith(f"{sample.subset}-") for sample in wiring_samples)
    assert set(ADVICE) == {subset.name for subset in declaration(page.test_wiring).subsets}


def test_codes_are_apart(wiring_samples: list[Sample]) -> None:
    """No two requests of a check have the same code."""
    for sample in (sample for sample in wiring_samples if sample.subset == "cross_talk"):
        codes = sample.target["codes"]
        assert len(set(codes)) == len(codes) == len(sample.data["asks"])


def test_rows_are_the_same_every_time() -> None:
    """Rows are made by code, and every call makes the same ones."""
    assert rows() == rows()


@pytest.mark.parametrize("context_tokens", [2048, 196_608, None])
def test_a_server_wired_rightly_passes_everything(wiring_samples: list[Sample], context_tokens: int | None) -> None:
    """No check fails for another reason than wiring, whatever the context."""
    assert lost(wiring_samples, WiredModel(context_tokens=context_tokens)) == {}


@pytest.mark.parametrize("thinks", ["<think>Let me see. </think>", "Let me see. </think>"])
def test_a_thinking_model_passes_as_well(wiring_samples: list[Sample], thinks: str) -> None:
    """Thinking before every answer fails nothing, with or without its opening tag."""
    found = lost(wiring_samples, WiredModel(thinks=thinks))
    # A thought of two words fills limits of 1 and 4 tokens, which judge nothing but the limit.
    assert found == {}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("loses_system", {"system_message_lost": {"chat_template"}, "word_missing": {"chat_template"}}),
        (
            "loses_history",
            {
                "system_message_lost": {"chat_template"},
                "earlier_user_turn_lost": {"chat_template"},
                "earlier_assistant_turn_lost": {"chat_template"},
                "word_missing": {"chat_template"},
            },
        ),
        ("loses_assistant", {"earlier_assistant_turn_lost": {"chat_template"}}),
        ("loses_tool_results", {"tool_result_lost": {"tool_call"}}),
        ("ignores_stop", {"stop_ignored": {"stop"}}),
        ("keeps_stop", {"stop_included": {"stop"}}),
        ("ignores_max_tokens", {"over_limit": {"max_tokens"}, "wrong_finish_reason": {"finish_reason"}}),
        ("finish_reason_stop", {"wrong_finish_reason": {"max_tokens", "finish_reason"}}),
        ("no_usage", {"usage_missing": {"usage", "max_tokens", "chat_template", "tool_call"}}),
        ("no_usage_in_streams", {"usage_missing": {"usage", "max_tokens", "chat_template", "tool_call"}}),
        ("counts_streams_otherwise", {"prompt_tokens_differ": {"usage"}}),
        ("counts_tenfold", {"usage_implausible": {"usage"}, "over_limit": {"max_tokens"}}),
        ("no_tool_parser", {"call_as_text": {"tool_call"}}),
        ("tools_unseen", {"no_call": {"tool_call"}, "tool_choice_ignored": {"tool_call"}}),
        ("cuts_arguments", {"arguments_no_object": {"tool_call"}}),
        ("arguments_as_text", {"wrong_arguments": {"tool_call"}}),
        ("renames_tools", {"other_function": {"tool_call"}}),
        ("calls_end_with_stop", {"wrong_finish_reason": {"tool_call"}}),
        ("refuses_tools", {"refused_http_400": {"tool_call", "reasoning"}}),
        ("ignores_schema", {"no_json": {"json_schema"}, "no_option": QUESTIONS, "code_missing": {"cross_talk"}}),
        ("always_hot", {"temperature_ignored": {"sampling"}, "not_repeatable": {"streaming"}}),
        ("always_cold", {"always_the_same": {"sampling"}}),
        ("ignores_top_p", {"top_p_ignored": {"sampling"}}),
        ("ignores_seed", {"seed_ignored": {"seed"}}),
        ("stream_breaks_characters", {"broken_characters": {"streaming"}, "word_missing": {"chat_template"}}),
        ("cuts_prompts", {"prompt_cut": {"long_context"}}),
        ("forgets", {"not_recalled": {"long_context"}}),
        ("wrong_weights", {"wrong_option": QUESTIONS}),
    ],
)
def test_a_fault_is_told_by_its_name(wiring_samples: list[Sample], fault: str, expected: dict[str, set[str]]) -> None:
    """Exactly the checks of what is broken fail, each with the cause that names it."""
    assert lost(wiring_samples, WiredModel(fault)) == expected


@pytest.mark.parametrize(
    ("fault", "subset", "cause"),
    [
        ("leaks_marks", "chat_template", "template_mark"),
        ("leaks_marks", "json_schema", "no_json"),
        ("swallows_answers", "reasoning", "answer_in_thinking"),
        ("counts_nothing", "usage", "usage_zero"),
        ("stream_loses_pieces", "streaming", "streaming_differs"),
        ("replies_late", "cross_talk", "cross_talk"),
    ],
)
def test_a_fault_that_touches_everything(wiring_samples: list[Sample], fault: str, subset: str, cause: str) -> None:
    """Where a fault spoils many checks, its own subset names it, and wholly."""
    samples = [sample for sample in wiring_samples if sample.subset == subset]
    found = Counter(grade.cause for grade in grades(samples, WiredModel(fault)).values() if not grade)
    assert found.most_common(1)[0][0] == cause


def test_cross_talk_names_both_requests(wiring_samples: list[Sample]) -> None:
    """The explanation says whose code turned up where, and two swapped replies of 64 are enough."""
    (sample,) = [sample for sample in wiring_samples if sample.id == "cross_talk-64"]
    replies = [said(code) for code in sample.target["codes"]]
    assert len(replies) == 64
    assert page.grade_answers(sample, tuple(replies))
    replies[3], replies[40] = replies[40], replies[3]
    grade = page.grade_answers(sample, tuple(replies))
    assert (grade.kind, grade.cause) == (Kind.WRONG, "cross_talk")
    assert "request 3" in grade.explanation
    assert "request 40" in grade.explanation


def test_cross_talk_in_the_thinking_counts(wiring_samples: list[Sample]) -> None:
    """Another's code in the thinking is cross-talk, even where the answer is right."""
    (sample,) = [sample for sample in wiring_samples if sample.id == "cross_talk-64"]
    codes = sample.target["codes"]
    replies = [said(code) for code in codes]
    replies[5] = dataclasses.replace(replies[5], reasoning_content=f"They ask for {codes[6]}")
    assert page.grade_answers(sample, tuple(replies)).cause == "cross_talk"


def test_codes_of_a_weak_model_tell_nothing(wiring_samples: list[Sample]) -> None:
    """Replies without any code are no cross-talk; too few of them with one, and there is no verdict of right."""
    (sample,) = [sample for sample in wiring_samples if sample.id == "cross_talk-64"]
    codes = sample.target["codes"]
    most = tuple(said(code if number % 4 else "sorry") for number, code in enumerate(codes))
    few = tuple(said("sorry" if number % 4 else code) for number, code in enumerate(codes))
    assert page.grade_answers(sample, most).kind is Kind.RIGHT
    assert page.grade_answers(sample, few).kind is Kind.NO_ANSWER


def test_64_prompts_are_in_flight_at_once(wiring_samples: list[Sample]) -> None:
    """The first reply comes only when all 64 are asked: a sequence would wait for ever."""
    (sample,) = [sample for sample in wiring_samples if sample.id == "cross_talk-64"]

    class Gate(WiredModel):
        def __init__(self) -> None:
            super().__init__()
            self.all_here = asyncio.Event()

        async def ask(self, request: Request) -> Response:
            response = await super().ask(request)
            if len(self.asked) == 64:
                self.all_here.set()
            await asyncio.wait_for(self.all_here.wait(), 30)
            return response

    async def run() -> Grade:
        model = Gate()
        return page.grade_answers(sample, await page.solve(sample, model))

    assert asyncio.run(run())


def test_long_prompts_have_the_length_they_are_to_have(wiring_samples: list[Sample]) -> None:
    """Each prompt of long_context fills its part of the context to within a sentence, and leaves room."""
    for sample in (sample for sample in wiring_samples if sample.subset == "long_context"):
        model = WiredModel(context_tokens=8192)
        assert grades([sample], model)[sample.id]
        words = len(model.asked[-1].messages[0]["content"].split()) + 4
        assert abs(words - 8192 * sample.target["part"]) <= 13
        assert words + model.asked[-1].params["max_tokens"] <= 8192


def test_a_context_that_is_too_small_is_a_verdict(wiring_samples: list[Sample]) -> None:
    """A server with less context than it says refuses a prompt: wrong, with the refusal as its cause."""

    class Smaller(WiredModel):
        async def ask(self, request: Request) -> Response:
            self.context_tokens = 1024
            try:
                return await super().ask(request)
            finally:
                self.context_tokens = 2048

    samples = [sample for sample in wiring_samples if sample.subset == "long_context"]
    assert lost(samples, Smaller()) == {"refused_context_exceeded": {"long_context"}}


def test_a_refused_question_stays_ungraded(wiring_samples: list[Sample]) -> None:
    """A refusal is a verdict only where the feature itself is checked; no question is lost to it."""
    (sample,) = [sample for sample in wiring_samples if sample.id == "knowledge-1"]
    with pytest.raises(Ungraded):
        grades([sample], WiredModel("refuses_schema"))


@pytest.mark.parametrize("kind", [Kind.TIMEOUT, Kind.BAD_RESPONSE, Kind.NOT_RUN])
def test_other_failures_are_never_verdicts(wiring_samples: list[Sample], kind: Kind) -> None:
    """A time-out, a damaged reply or an interrupt leaves every sample ungraded, those asked at once included."""

    class Failing(WiredModel):
        async def ask(self, request: Request) -> Response:
            raise Ungraded("scripted", kind=kind, cause="http_400")

    for sample in wiring_samples:
        with pytest.raises(Ungraded, match="scripted"):
            asyncio.run(page.solve(sample, Failing()))


@pytest.mark.parametrize(
    "name", ["chat_template-system-obeyed", "json_schema-object", "knowledge-1", "reasoning-streamed"]
)
def test_cut_and_empty_replies_are_no_answer(wiring_samples: list[Sample], name: str) -> None:
    """A reply cut while thinking, or empty, is no answer; it is not held against the wiring."""
    (sample,) = [sample for sample in wiring_samples if sample.id == name]
    cut = Response(text="", reasoning="hm", content="<think>hm", finish_reason="length", is_thinking_open=True)
    assert page.grade_answers(sample, (cut,)).cause == "cut_at_max_tokens"
    assert page.grade_answers(sample, (said(""),)).kind is Kind.NO_ANSWER


def test_a_left_over_think_tag_is_wrong(wiring_samples: list[Sample]) -> None:
    """A tag in the answer is found; a tag that the answer only mentions is not."""
    (sample,) = [sample for sample in wiring_samples if sample.id == "reasoning-streamed"]
    assert page.grade_answers(sample, (said("so </think> 42"),)).cause == "think_tag_in_answer"
    assert page.grade_answers(sample, (said("the `<think>` tag"),))


@pytest.mark.parametrize(
    ("text", "kind", "answer"),
    [
        ('"9.8"', Kind.RIGHT, "9.8"),
        ("9.8", Kind.RIGHT, "9.8"),
        ("9.8 is larger.", Kind.RIGHT, "9.8"),
        ('"9.11"', Kind.WRONG, "9.11"),
        ("9.8 or 9.11", Kind.NO_ANSWER, None),
        ("neither", Kind.NO_ANSWER, None),
        ("19.8", Kind.NO_ANSWER, None),
    ],
)
def test_an_option_is_read_from_json_or_text(
    wiring_samples: list[Sample], text: str, kind: Kind, answer: str | None
) -> None:
    """The option counts as JSON string or alone in a sentence; two options, or none, are no answer."""
    (sample,) = [sample for sample in wiring_samples if sample.target.get("answer") == "9.8"]
    grade = page.grade_answers(sample, (said(text),))
    assert (grade.kind, grade.answer) == (kind, answer)


def sample_named(samples: list[Sample], name: str) -> Sample:
    """The sample with this id."""
    (found,) = [sample for sample in samples if sample.id == name]
    return found


def test_every_schema_row_has_a_limit(wiring_samples: list[Sample]) -> None:
    """A small model fills thousands of tokens with the white space that a grammar allows; integers are bounded."""
    schemas = [sample for sample in wiring_samples if sample.subset == "json_schema"]
    assert {sample.data["asks"][0]["params"]["max_tokens"] for sample in schemas} == {128}
    integers = [shape for sample in schemas for shape in _integers(sample.target["schema"])]
    assert integers
    assert all({"minimum", "maximum"} <= set(shape) for shape in integers)


def _integers(shape: object) -> list[dict[str, object]]:
    if isinstance(shape, list):
        return [found for entry in shape for found in _integers(entry)]
    if not isinstance(shape, dict):
        return []
    own = [shape] if shape.get("type") == "integer" else []
    return own + [found for entry in shape.values() for found in _integers(entry)]


@pytest.mark.parametrize(
    ("text", "kind", "cause"),
    [
        ('{\n\n"metres"\n\n:\n\n-1' + "\n" * 100, Kind.NO_ANSWER, "endless_white_space"),
        ('{"metres":10001111111111111111111111', Kind.NO_ANSWER, "cut_in_json"),
        ("Once upon a time there was a sea", Kind.WRONG, "no_json"),
    ],
)
def test_a_cut_reply_within_its_schema_is_no_fault(
    wiring_samples: list[Sample], text: str, kind: Kind, cause: str
) -> None:
    """Only prose shows that a schema is not enforced; the advice is that of the cause."""
    sample = sample_named(wiring_samples, "json_schema-number")
    reply = dataclasses.replace(said(text), finish_reason="length")
    grade = page.grade_answers(sample, (reply,))
    assert (grade.kind, grade.cause) == (kind, cause)
    advice = ADVICE["json_schema"]
    assert isinstance(advice, Advice)
    shown = " ".join(advice.sentences(0.0, [cause]))
    assert ("not enforced" in shown) == (cause == "no_json")
    assert ("white space" in shown) == (cause == "endless_white_space")


def test_thinking_gets_its_room_after_a_schema_limit(wiring_samples: list[Sample]) -> None:
    """A reply whose limit was spent on thinking is asked for again without one."""

    class Thinker(WiredModel):
        async def ask(self, request: Request) -> Response:
            self.asked.append(request)
            if "max_tokens" in request.params:
                return Response(text="", reasoning="hm", content="<think>hm", finish_reason="length")
            return said('{"metres": 3}')

    model = Thinker()
    sample = sample_named(wiring_samples, "json_schema-number")
    assert page.grade_answers(sample, asyncio.run(page.solve(sample, model))).kind is Kind.RIGHT
    assert [request.params.get("max_tokens") for request in model.asked] == [128, None]


def test_forced_calls_are_strict(wiring_samples: list[Sample]) -> None:
    """Without "strict" vLLM forces the call and not its arguments."""
    for name in ("required", "named"):
        (tool,) = sample_named(wiring_samples, f"tool_call-{name}").data["asks"][0]["tools"]
        assert tool["function"]["strict"] is True


def test_advice_on_tool_calls_is_that_of_the_cause() -> None:
    """Arguments that are no object came from a parser that is set: it is not asked for again."""
    advice = ADVICE["tool_call"]
    assert isinstance(advice, Advice)
    assert "tool-call-parser" in " ".join(advice.sentences(0.5, ["call_as_text"]))
    assert "tool-call-parser" not in " ".join(advice.sentences(0.5, ["arguments_no_object"]))
    assert advice.sentences(0.5, ["no_call"]) == []
    assert advice.sentences(1.0, ["call_as_text"]) == []


def test_thinking_is_checked_with_tools_streamed(wiring_samples: list[Sample]) -> None:
    """VLLM's minimax_m2_append_think loses the end of thinking only then: all of the answer counts as thinking."""
    sample = sample_named(wiring_samples, "reasoning-with-tools")
    (request,) = sample.data["asks"]
    assert request["tools"]
    assert request["params"]["stream"] is True
    lost_end = {"content": "<think>Two and two.\n\n\nThe answer is 4.", "finish_reason": "stop"}
    assert page.grade_answers(sample, (response_from_reply(lost_end),)).cause == "answer_in_thinking"
