"""DROP: questions about a passage that need counting, sorting or arithmetic. See card.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_modeleval import Examples, Grade, Option, Request, Response, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.errors import DataError
from pytest_modeleval.graders.marked_answer import marked_line, missing_answer_cause
from pytest_modeleval.metrics import mean
from pytest_modeleval.prompts import user

from .bags import best_scores

FORM = (
    "Answer the question about the passage. Reason step by step first. Then close with a line of its own, the last of "
    "your reply, in this form: `ANSWER: X`, with a number, a date or words of the passage in place of X, and `;` "
    "between several answers."
)


def spans_of(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """The spans of one gold answer: its number, or its spans, or the parts of its date; () where it is empty."""
    if str(answer.get("number") or "").strip():
        return (str(answer["number"]).strip(),)
    spans = tuple(str(span) for span in answer.get("spans") or () if str(span).strip())
    date = answer.get("date") or {}
    parts = [str(date.get(part) or "").strip() for part in ("day", "month", "year")]
    return spans or ((" ".join(filter(None, parts)),) if any(parts) else ())


def golds_of(row: Row) -> list[tuple[str, ...]]:
    """The answer and the validated ones, each once; a list of mappings, or a mapping of lists as Arrow writes it."""
    given, more = row["answer"], row.get("validated_answers") or ()
    if isinstance(more, dict):
        more = [dict(zip(more, values, strict=True)) for values in zip(*more.values(), strict=True)]
    if not isinstance(given, dict) or not all(isinstance(answer, dict) for answer in more):
        raise DataError(f"expected number, date and spans in field 'answer', found {given!r:.60}, in {row.where}")
    return list(dict.fromkeys(filter(None, map(spans_of, [given, *more]))))


def to_sample(row: Row) -> Sample:
    golds = golds_of(row)
    if not golds:
        raise DataError(f"expected a number, a date or spans in field 'answer', found none, in {row.where}")
    passage = row.text("passage")
    # Questions of one passage are not independent.
    return Sample(question=row.text("question"), target=golds, data={"passage": passage}, cluster=passage[:200])


def asked(sample: Sample) -> str:
    return f"Passage:\n{sample.data['passage']}\n\nQuestion:\n{sample.question}"


def to_request(sample: Sample) -> Request:
    shown = [f"{asked(example)}\n\nANSWER: {'; '.join(example.target[0])}" for example in sample.examples]
    return Request(user("\n\n".join([FORM, *shown, asked(sample)])))


def grade_spans(sample: Sample, response: Response) -> Grade:
    """Credit by F1: right where the spans have the words of a gold answer, in any order. Measures "em" and "f1"."""
    answer = marked_line(response.text)
    spans = [part.strip().removesuffix(".") for part in (answer or "").split(";") if part.strip()]
    if not spans:
        cause = missing_answer_cause(response)
        return Grade.no_answer(cause=cause, explanation=f"no ANSWER: line ({cause})", measures={"em": 0.0, "f1": 0.0})
    exact, f1 = best_scores(sample.target, spans)
    measures = {"em": exact, "f1": f1}
    if exact:
        return Grade.right(answer, measures=measures)
    explanation = f"expected {'; '.join(sample.target[0])[:80]}, found {str(answer)[:80]}"
    if f1:
        return Grade.partial(f1, answer, explanation=explanation, measures=measures)
    return Grade.wrong(answer, explanation=explanation, measures=measures)


@benchmark(
    name="drop",
    version="1",
    metric="f1",
    measures=[mean("f1"), mean("em")],
    dataset=huggingface("EleutherAI/drop", split="validation", local="drop/validation"),
    subsets=[Subset("validation", size=9536)],
    sample=to_sample,
    request=to_request,
    grade=grade_spans,
    options=[Option("shots", 3, low=0, high=10, description="Solved questions, the first of the train split.")],
    examples=Examples(
        huggingface("EleutherAI/drop", split="train", local="drop/train"), count="shots", sample=to_sample
    ),
)
def test_drop(grade: Grade) -> None:
    assert grade, grade.explanation
