"""The nouns of an evaluation: sample, request, response, grade, outcome. Standard library only.

Records are frozen: what was sent and what came back is never edited afterwards. Only GraderContext is filled in,
while a run is prepared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

JsonObject = dict[str, Any]


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
# Causes of NOT_RUN that nobody misses: no gate's verdict needed the item. DROPPED was asked all the same: its request
# was on its way when the last verdict became certain.
STOPPED_EARLY, DROPPED, DECIDED = "stopped_early", "stopped_early_asked", "decided"
STOPPED_CAUSES = frozenset({STOPPED_EARLY, DROPPED, DECIDED})
UNGRADED = tuple(kind for kind in Kind if kind not in VERDICTS)


@dataclass(frozen=True, slots=True)
class Sample:
    """One question of a benchmark.

    A benchmark's `sample` function fills question, choices, target and data; id and subset are set by the
    collector, from the data alone.

    question: the text of the question, as the benchmark's `request` function needs it.
    choices: the options of a choice question, in the data's order; empty otherwise.
    target: the expected answer, any JSON value; None where grading needs none.
    data: whatever else the request or the grader needs.
    cluster: samples with the same non-empty value share a passage or template and are not independent.
    """

    question: str = ""
    choices: tuple[str, ...] = ()
    target: Any = None
    data: Mapping[str, Any] = field(default_factory=dict)
    cluster: str = ""
    id: str = ""
    subset: str = ""


class SharedTools(tuple[Mapping[str, Any], ...]):
    """Tools that many requests carry: encoded once. encoded: as JSON, filled in by whoever encodes them first."""

    encoded: bytes | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the model: the chat messages and everything that shapes the reply.

    params: generation parameters that this very question depends on (a stop word, a token limit, stream=False);
    they win over the profile and over --eval-param. A benchmark's general wishes belong in `defaults` of its
    declaration.
    """

    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str | Mapping[str, Any] | None = None
    response_format: Mapping[str, Any] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model asks for. arguments is the text as it came, which may be malformed JSON."""

    name: str
    arguments: str
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
    """One answer of the model.

    text: the answer, with all thinking cut away. This is what graders read.
    reasoning: the thinking, whether it came in a field of its own or inside the content.
    content, reasoning_content: both fields exactly as they came over the wire; for transcripts only.
    finish_reason: as the server gave it ("stop", "length", "tool_calls", ...).
    is_thinking_open: a thinking block was begun and never closed, so nothing after it can be an answer.
    first_token_s, total_s: seconds from sending to the first and to the last piece of the answer.
    """

    text: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage = Usage()
    content: str = ""
    reasoning_content: str = ""
    is_thinking_open: bool = False
    first_token_s: float | None = None
    total_s: float = 0.0
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

    value: credit from 0 to 1. kind: right, wrong or no_answer. answer: what was extracted from the reply.
    cause: machine-readable reason of a loss ("no_marker", "wrong_letter", ...), so that failures can be counted.
    explanation: one line for people. marks: what else is to be counted, whatever the kind, each a short sentence ("the
    verdict depends on the extraction rule"); reports say of how many items each is true.
    A grade is true (in `assert grade`) when it is right.
    """

    value: float
    kind: Kind
    answer: str | None = None
    cause: str = ""
    explanation: str = ""
    marks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
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

    @classmethod
    def right(cls, answer: str | None = None, explanation: str = "", *, marks: Sequence[str] = ()) -> Grade:
        """Full credit."""
        return cls(1.0, Kind.RIGHT, answer, "", explanation, tuple(marks))

    @classmethod
    def wrong(
        cls,
        answer: str | None = None,
        *,
        cause: str = "wrong_answer",
        explanation: str = "",
        marks: Sequence[str] = (),
    ) -> Grade:
        """An answer in the asked form, without credit."""
        return cls(0.0, Kind.WRONG, answer, cause, explanation, tuple(marks))

    @classmethod
    def no_answer(cls, *, cause: str, explanation: str = "", marks: Sequence[str] = ()) -> Grade:
        """The reply holds no answer in the asked form."""
        return cls(0.0, Kind.NO_ANSWER, None, cause, explanation, tuple(marks))

    @classmethod
    def partial(
        cls, value: float, answer: str | None = None, *, cause: str = "partial", explanation: str = ""
    ) -> Grade:
        """Some credit: right at 1, wrong below."""
        return cls(value, Kind.RIGHT if value >= 1.0 else Kind.WRONG, answer, cause if value < 1.0 else "", explanation)

    def __bool__(self) -> bool:
        return self.kind is Kind.RIGHT


@dataclass(slots=True)
class GraderContext:
    """What the graders of one process have in common during a run.

    allows_unsafe_code: the user said that programs may run without a sandbox where none can be built.
    shared: whatever one grader makes and others may use, by the key of whoever makes it (a pool of judges).
    warnings: sentences for the user, shown before the first request. facts: what run.json says of this invocation.
    """

    allows_unsafe_code: bool = False
    shared: dict[object, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class PreparedGrader(Protocol):
    """A grader that has to know something, or to refuse, before the first request is sent."""

    def prepare(self, site: GraderContext) -> None:
        """Called once in each process that grades. Raises UserError where it cannot grade here."""


@dataclass(frozen=True, slots=True)
class Advice:
    """The usual reasons of a low score of a subset."""

    text: str
    """One sentence, shown if items were lost for another cause than those of by_cause; "" shows nothing then."""

    below: float = 1.0
    """Shown if the score is below this share: 1.0 for checks, all of which should pass; near chance for questions."""

    by_cause: Mapping[str, str] = field(default_factory=dict)
    """Cause of a grade -> the sentence that is shown if it occurred."""

    def sentences(self, score: float, causes: Iterable[str]) -> list[str]:
        """The sentences for a score whose items were lost for these causes."""
        if score >= self.below:
            return []
        seen = list(causes)
        found = [self.by_cause[cause] for cause in seen if cause in self.by_cause]
        has_other = not seen or any(cause not in self.by_cause for cause in seen)
        return [*dict.fromkeys(found), *([self.text] if self.text and has_other else [])]


@dataclass(frozen=True, slots=True)
class ItemKey:
    """Which question this is: benchmark, subset, sample id, and epoch counted from 0."""

    benchmark: str
    subset: str
    sample: str
    repeat: int = 0

    def item_name(self, *, has_repeats: bool) -> str:
        """The bracketed part of pytest's item id: the sample's id, with "-r2" for the third of several repeats."""
        return f"{self.sample}-r{self.repeat}" if has_repeats else self.sample


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item, as it enters the score.

    value: credit from 0 to 1; 0 and meaningless where kind is no verdict.
    target: what was expected, as a short text for reports; None if it has no short form.
    request_key: the journal key of the (last) response that was graded, "" if there is none. marks: of the grade.
    prompt: digest of what was asked, whatever the parameters; "" where it is not known or depends on replies.
    """

    key: ItemKey
    kind: Kind
    value: float = 0.0
    answer: str | None = None
    cause: str = ""
    explanation: str = ""
    target: str | None = None
    cluster: str = ""
    finish_reason: str | None = None
    completion_tokens: int | None = None
    total_s: float | None = None
    request_key: str = ""
    marks: tuple[str, ...] = ()
    prompt: str = ""

    @property
    def is_stopped_early(self) -> bool:
        """It was not asked because no verdict needed it: neither missing nor in any count."""
        return self.kind is Kind.NOT_RUN and self.cause in STOPPED_CAUSES
