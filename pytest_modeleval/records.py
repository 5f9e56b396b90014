"""The nouns of an evaluation: sample, request, response, grade, outcome. Standard library only.

Records are frozen: a request or a response is never edited afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

JsonObject = dict[str, Any]
# A measure of one item: a number, or k of n.
MeasureValue = float | tuple[float, float]
# The measure (judgements for the verdict, judgements), which widens intervals where a judge was asked several times.
JUDGE_AGREEMENT = "judge_agreement"


class Kind(StrEnum):
    """What became of a sample (docs/kinds.md). The first four are verdicts; the rest never enter a score."""

    RIGHT = "right"
    WRONG = "wrong"
    NO_ANSWER = "no_answer"
    TRUNCATED = "truncated"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    BAD_RESPONSE = "bad_response"
    GRADER_ERROR = "grader_error"
    NOT_RUN = "not_run"

    @property
    def is_verdict(self) -> bool:
        """True if the sample counts in the score."""
        return self in VERDICTS

    @property
    def label(self) -> str:
        """The kind as people read it."""
        return self._value_.replace("_", " ")


VERDICTS = frozenset({Kind.RIGHT, Kind.WRONG, Kind.NO_ANSWER, Kind.TRUNCATED})
# Causes of NOT_RUN of items that no gate needs. DROPPED items were asked all the same: their requests were in flight
# when the last verdict became certain.
STOPPED_EARLY, DROPPED, DECIDED = "stopped_early", "stopped_early_asked", "decided"
STOPPED_CAUSES = frozenset({STOPPED_EARLY, DROPPED, DECIDED})
UNGRADED = tuple(kind for kind in Kind if kind not in VERDICTS)


@dataclass(frozen=True, slots=True)
class Sample:
    """One question of a benchmark.

    A benchmark's `sample` function fills question, choices, target, data and cluster; the collector sets the rest, id
    and subset from the data alone.
    """

    question: str = ""
    """The text of the question, as the benchmark's `request` function needs it."""
    choices: tuple[str, ...] = ()
    """The options of a choice question, in the data's order; empty otherwise."""
    target: Any = None
    """The expected answer, any JSON value; None where grading needs none."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Anything else that the request or the grader needs."""
    cluster: str = ""
    """Samples with the same non-empty value share a passage or template and are not independent."""
    id: str = ""
    subset: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The values of the page's options; set by the collector."""
    examples: tuple[Sample, ...] = ()
    """Worked examples for the prompt; set by the collector."""


class SharedTools(tuple[Mapping[str, Any], ...]):
    """Tools that many requests carry, encoded once."""

    encoded: bytes | None = None
    """As JSON; set by the first request that encodes them."""


@dataclass(frozen=True, slots=True)
class Request:
    """The chat messages and everything else that shapes the reply."""

    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str | Mapping[str, Any] | None = None
    response_format: Mapping[str, Any] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    """Generation parameters that this question depends on (a stop word, a token limit, stream=False).

    They win over the profile and over --eval-param. Parameters of a whole benchmark belong in `defaults` of its
    declaration.
    """


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model asks for."""

    name: str
    arguments: str
    """The text as it came, which may be malformed JSON."""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them; None where it did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """One answer of the model."""

    text: str
    """The answer without any thinking. Graders read this."""
    reasoning: str = ""
    """The thinking, from a field of its own or from inside the content."""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    """As the server gave it ("stop", "length", "tool_calls", ...)."""
    usage: Usage = Usage()
    content: str = ""
    """The field exactly as it came over the wire; for transcripts only."""
    reasoning_content: str = ""
    """The field exactly as it came over the wire; for transcripts only."""
    is_thinking_open: bool = False
    """A thinking block was begun and never closed, so nothing after it can be an answer."""
    first_token_s: float | None = None
    """Seconds from sending to the first piece of the answer."""
    total_s: float = 0.0
    """Seconds from sending to the last piece of the answer."""
    model: str = ""
    response_id: str = ""

    @property
    def is_truncated(self) -> bool:
        """The reply was cut at max_tokens or at the end of the context."""
        return self.finish_reason == "length"

    @property
    def is_empty(self) -> bool:
        """There is neither answer text nor a tool call."""
        return not self.tool_calls and not self.text.strip()

    @property
    def missing_cause(self) -> str:
        """Why there is no answer text to read, machine-readable; "" if there is text."""
        if self.text.strip():
            return ""
        if self.is_thinking_open:
            return "unclosed_thinking"
        if self.tool_calls:
            return "tool_call_instead_of_text"
        return "thinking_only" if self.reasoning.strip() else "empty"


@dataclass(frozen=True, slots=True)
class Grade:
    """A grader's judgement of one response.

    A grade is true (in `assert grade`) when it is right.
    """

    value: float
    """Credit from 0 to 1."""
    kind: Kind
    """Right, wrong or no_answer."""
    answer: str | None = None
    """The answer that was extracted from the reply."""
    cause: str = ""
    """Machine-readable reason of a loss ("no_marker", "wrong_letter", ...), by which failures are counted."""
    explanation: str = ""
    """One line for people."""
    marks: tuple[str, ...] = ()
    """Short sentences that are true of the item, whatever its kind ("the verdict depends on the extraction rule").

    Reports count the items of each.
    """
    measures: Mapping[str, MeasureValue] | None = None
    """Further values of the item, a number or (k, n) for k of n, by names that the benchmark's `measures` use."""

    def __post_init__(self) -> None:
        if type(self.value) is not float:
            # Numbers of NumPy, fractions and decimals: the journal holds floats.
            object.__setattr__(self, "value", _as_float(self.value))
        if not 0.0 <= self.value <= 1.0:
            raise ValueError(f"a grade's value lies between 0 and 1, not at {self.value!r}")
        if self.kind not in (Kind.RIGHT, Kind.WRONG, Kind.NO_ANSWER):
            raise ValueError(f"a grader says right, wrong or no_answer, not {self.kind!r}")
        # Said here, where the grader stands in the traceback: what it makes is journaled, counted and shown as text.
        for name, text in (
            ("answer", "" if self.answer is None else self.answer),
            ("cause", self.cause),
            ("explanation", self.explanation),
        ):
            if not isinstance(text, str):
                raise TypeError(f"a grade's {name} is a text, not {text!r:.80}; give str({name})")
        if self.marks and not all(isinstance(mark, str) for mark in self.marks):
            raise TypeError(f"a grade's marks are texts, not {self.marks!r:.80}")
        if self.measures:
            _check_measures(self.measures)

    @classmethod
    def right(
        cls,
        answer: str | None = None,
        explanation: str = "",
        *,
        marks: Sequence[str] = (),
        measures: Mapping[str, MeasureValue] | None = None,
    ) -> Grade:
        """Full credit."""
        return cls(1.0, Kind.RIGHT, answer, "", explanation, tuple(marks), measures)

    @classmethod
    def wrong(
        cls,
        answer: str | None = None,
        *,
        cause: str = "wrong_answer",
        explanation: str = "",
        marks: Sequence[str] = (),
        measures: Mapping[str, MeasureValue] | None = None,
    ) -> Grade:
        """An answer in the asked form, without credit."""
        return cls(0.0, Kind.WRONG, answer, cause, explanation, tuple(marks), measures)

    @classmethod
    def no_answer(
        cls,
        *,
        cause: str,
        explanation: str = "",
        marks: Sequence[str] = (),
        measures: Mapping[str, MeasureValue] | None = None,
    ) -> Grade:
        """The reply holds no answer in the asked form."""
        return cls(0.0, Kind.NO_ANSWER, None, cause, explanation, tuple(marks), measures)

    @classmethod
    def partial(
        cls,
        value: float,
        answer: str | None = None,
        *,
        cause: str = "partial",
        explanation: str = "",
        marks: Sequence[str] = (),
        measures: Mapping[str, MeasureValue] | None = None,
    ) -> Grade:
        """Some credit: right at 1, wrong below."""
        kind = Kind.RIGHT if value >= 1.0 else Kind.WRONG
        return cls(value, kind, answer, cause if value < 1.0 else "", explanation, tuple(marks), measures)

    def __bool__(self) -> bool:
        return self.kind is Kind.RIGHT


def _as_float(value: object) -> float:
    """Return a number of any type as float. Raises TypeError for a text and for what is no number."""
    if isinstance(value, str | bytes):
        raise TypeError(f"a grade's value is a number, not {value!r:.80}")
    return float(value)  # type: ignore[arg-type] # raises TypeError


def _check_measures(measures: Mapping[str, object]) -> None:
    for name, value in measures.items():
        if not isinstance(name, str) or not is_measure_value(value):
            raise ValueError(
                f"a grade's measure {name!r:.40} is a number or (k, n) with 0 <= k <= n, not {value!r:.40}"
            )


def is_measure_value(value: object) -> bool:
    """A finite number, or (k, n) of finite numbers with 0 <= k <= n."""
    if isinstance(value, tuple):
        return len(value) == 2 and all(map(_is_finite, value)) and 0 <= value[0] <= value[1]
    return _is_finite(value)


def _is_finite(value: object) -> bool:
    # True and False are 1 and 0: (is_correct, 1) is one trial.
    return isinstance(value, int | float) and math.isfinite(value)


@dataclass(frozen=True, slots=True)
class ItemKey:
    """Identifies one item of a run."""

    benchmark: str
    subset: str
    sample: str
    """The sample's id."""
    repeat: int = 0
    """The epoch, from 0."""


def sample_name(subset: str, sample: str) -> str:
    """A sample in a sentence: its id, after the subset's name unless the id begins with that."""
    return sample if sample.startswith(subset) else f"{subset} {sample}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one item, as it enters the score."""

    key: ItemKey
    kind: Kind
    value: float = 0.0
    """Credit from 0 to 1; meaningless where kind is no verdict."""
    answer: str | None = None
    cause: str = ""
    explanation: str = ""
    target: str | None = None
    """The expected answer as a short text for reports; None if it has no short form."""
    cluster: str = ""
    finish_reason: str | None = None
    completion_tokens: int | None = None
    total_s: float | None = None
    """Seconds of the response, from sending to its end."""
    request_key: str = ""
    """The journal key of the (last) response that was graded; "" if there is none."""
    marks: tuple[str, ...] = ()
    """Of the grade."""
    prompt: str = ""
    """Digest of the messages, without parameters; "" where it is unknown or depends on replies."""
    measures: Mapping[str, MeasureValue] | None = None
    """Of the grade."""

    @property
    def is_stopped_early(self) -> bool:
        """It was not asked because no gate needed it: neither missing nor in any count."""
        return self.kind is Kind.NOT_RUN and self.cause in STOPPED_CAUSES
