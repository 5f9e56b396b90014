"""Asks a judge for a verdict: once or several times, a second time where none can be read, and never by default."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_modeleval._support.shorten import shorten_repr
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.judging.reading import MARKER, read_verdict
from pytest_modeleval.records import JUDGE_AGREEMENT, Kind, MeasureValue, Request, Response
from pytest_modeleval.roles import Role

_SHOWN_CHARS = 200
# How the verdict is asked for, by the language of the judge's prompt: (by JSON schema, by marker line).
_FORMS = {
    "en": (
        'Reply with one JSON object and nothing else: {{"reason": a short reason, "verdict": one of {labels}}}.',
        "Give a short reason first. The last line of your reply names your verdict, in this form, with nothing after "
        f"it:\n{MARKER}: one of {{labels}}",
    ),
    "zh": (
        '只回复一个 JSON 对象：{{"reason": 简短理由, "verdict": {labels} 之一}}。',
        f"先简短说明理由。回复的最后一行单独写出结论，其后不写任何内容，格式为：\n{MARKER}: {{labels}} 之一",
    ),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge decided."""

    label: str
    """The label that most judgements gave."""
    labels: tuple[str, ...]
    """Every judgement, in the order of asking."""
    reason: str = ""
    """The judge's reply with the first judgement for `label`, shortened."""

    @property
    def agreement(self) -> tuple[int, int]:
        """(judgements for `label`, judgements)."""
        return self.labels.count(self.label), len(self.labels)

    @property
    def measures(self) -> dict[str, MeasureValue]:
        """For a grade: "judge_agreement", which a page may declare as `ratio("judge_agreement")`."""
        return {JUDGE_AGREEMENT: self.agreement}


async def verdict(
    judge: Role, request: Request, labels: Sequence[str], *, repeats: int = 1, language: str = "en"
) -> Verdict:
    """The judge's verdict: the label that most of `repeats` judgements give.

    request: what is to be judged, without a word on the form of the verdict, which is added to its last message in
    `language` ("en" or "zh"); the words of models belong in it `fenced`. A reply without a verdict is asked for once
    more. Raises Ungraded: kind grader_error with the cause "judge_unparseable" where that has none either, or
    "judge_tie" where two labels lead with equally many judgements; a failure of the judge's server keeps its own kind.
    Raises ValueError for labels that are alike, or repeats below 1.
    """
    _check(labels, repeats)
    asked = with_form(request, labels, language=language, by_schema=judge.supports_json_schema)
    found = [await _judgement(judge, asked, labels) for _ in range(repeats)]
    given = tuple(label for label, _ in found)
    chosen = _leading(given)
    return Verdict(chosen, given, shorten_repr(found[given.index(chosen)][1].text, _SHOWN_CHARS))


def _check(labels: Sequence[str], repeats: int) -> None:
    is_distinct = len({label.strip().casefold() for label in labels}) == len(labels)
    if repeats < 1 or len(labels) < 2 or not is_distinct:
        raise ValueError(f"expected two or more distinct labels and repeats of at least 1, found {labels}, {repeats}")


def _leading(given: Sequence[str]) -> str:
    """The label that most judgements gave. Raises Ungraded where two lead."""
    counts = Counter(given).most_common(2)
    if len(counts) > 1 and counts[0][1] == counts[1][1]:
        raise Ungraded(
            f"expected one verdict to lead, found {', '.join(given)}", kind=Kind.GRADER_ERROR, cause="judge_tie"
        )
    return counts[0][0]


async def _judgement(judge: Role, request: Request, labels: Sequence[str]) -> tuple[str, Response]:
    for _ in range(2):
        response = await judge.ask(request)
        label = read_verdict(response, labels)
        if label is not None:
            return label, response
    raise Ungraded(
        f"expected a verdict of {', '.join(labels)} in the judge's reply, found {_shown(response)}; asked twice",
        kind=Kind.GRADER_ERROR,
        cause="judge_unparseable",
    )


def _shown(response: Response) -> str:
    if response.is_truncated:
        return "a reply that was cut (raise max_tokens in the judge's profile)"
    return shorten_repr(response.text, _SHOWN_CHARS) if response.text.strip() else "no text"


def with_form(request: Request, labels: Sequence[str], *, language: str = "en", by_schema: bool = False) -> Request:
    """The request with the form of the verdict at the end of its last message, and with a JSON schema if so wished."""
    schema_form, marker_form = _FORMS[language]
    form = (schema_form if by_schema else marker_form).format(labels=", ".join(f'"{label}"' for label in labels))
    *before, last = request.messages
    content = last["content"]
    extended: Any = f"{content}\n\n{form}" if isinstance(content, str) else [*content, {"type": "text", "text": form}]
    asked = replace(request, messages=[*before, {**last, "content": extended}])
    return replace(asked, response_format=_schema(labels)) if by_schema else asked


def _schema(labels: Sequence[str]) -> dict[str, Any]:
    """The response format: the reason comes first, so that the verdict follows from it."""
    return {
        "type": "json_schema",
        "json_schema": {
            "name": "verdict",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {"reason": {"type": "string"}, "verdict": {"type": "string", "enum": list(labels)}},
                "required": ["reason", "verdict"],
                "additionalProperties": False,
            },
        },
    }
