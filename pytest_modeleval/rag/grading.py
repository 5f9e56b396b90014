"""The grade of one question put to a pipeline: its retrieval by relevance labels, its answer by a judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.rag.judge_rates import JudgeRates
from pytest_modeleval.rag.judged import Judged, JudgedAnswer, judge_answer
from pytest_modeleval.rag.tasks import CONTRADICTED
from pytest_modeleval.rag_answer import RagAnswer
from pytest_modeleval.records import JUDGE_AGREEMENT, Grade, Kind, MeasureValue
from pytest_modeleval.retrieval import metrics
from pytest_modeleval.roles import IdentifiedRole, Role

ANSWER_CORRECTNESS, FAITHFULNESS = "answer_correctness", "faithfulness"
CONTEXT_RECALL, CONTEXT_PRECISION = "context_recall", "context_precision"
JUDGED = (ANSWER_CORRECTNESS, FAITHFULNESS, CONTEXT_RECALL, CONTEXT_PRECISION)
NO_IDS = "the contexts have no ids, so that retrieval was not measured"
BY_FAITHFULNESS = "judged without a reference, by faithfulness alone"
GENERATED = "a question that a model wrote"


@dataclass(frozen=True, slots=True, kw_only=True)
class RagQuestion:
    """One question of the set."""

    text: str
    reference: str = ""
    """The answer that is taken to be true; "" where there is none."""
    gains: Mapping[str, float] = field(default_factory=dict)
    """Document id -> gain of the relevant documents; empty where none are known."""
    is_unanswerable: bool = False
    """The documents hold no answer: declining is right."""
    is_generated: bool = False


async def grade_rag(
    question: RagQuestion,
    found: RagAnswer,
    judge: Role | None,
    *,
    k: int,
    repeats: int,
    rates: JudgeRates | None = None,
) -> Grade:
    """The grade, with every measure that can be taken. k: contexts that count. Raises Ungraded as the judge does.

    rates: of the judge, for corrected measures; they are left out, with a mark, where they are those of another judge.
    """
    marks = [GENERATED] if question.is_generated else []
    measures = _retrieval(question, found, k)
    if question.gains and not measures:
        marks.append(NO_IDS)
    if judge is None:
        return _by_retrieval(measures, marks)
    if rates is not None:
        why = _why_uncorrected(judge, rates, repeats)
        marks.extend([why] if why else [])
        measures.update({} if why else rates.measures)
    judged = await judge_answer(
        judge,
        question=question.text,
        reference=question.reference,
        is_unanswerable=question.is_unanswerable,
        found=found,
        k=k,
        repeats=repeats,
    )
    return _by_judge(question, judged, {**measures, **judged.measures}, marks)


def _why_uncorrected(judge: Role, rates: JudgeRates, repeats: int) -> str:
    """Why the rates say nothing about these judgements, as a mark; "" if they do."""
    if not isinstance(judge, IdentifiedRole) or judge.identity != rates.identity:
        return f"not corrected: {rates.label} measured another judge"
    return "not corrected: each list was judged several times, the judge was measured once" if repeats > 1 else ""


def _retrieval(question: RagQuestion, found: RagAnswer, k: int) -> dict[str, MeasureValue]:
    """The measures by relevance labels; none without labels, or where no context has an id."""
    if not question.gains or (found.contexts and not any(context.id for context in found.contexts)):
        return {}
    ranking = document_ranking(found)
    return {
        "recall@k": metrics.recall(ranking, question.gains, k),
        "ndcg@k": metrics.ndcg(ranking, question.gains, k),
        "hit_rate@k": (metrics.hit_rate(ranking, question.gains, k), 1),
    }


def document_ranking(found: RagAnswer) -> list[str]:
    """The documents of the contexts, each at its first place; a context without an id is a document of its own."""
    ids = [context.id or f"\x00{place}" for place, context in enumerate(found.contexts)]
    return list(dict.fromkeys(ids))


def _by_retrieval(measures: Mapping[str, MeasureValue], marks: Sequence[str]) -> Grade:
    if not measures:
        raise Ungraded(
            "expected ids of relevant documents and of contexts, or --judge NAME, found neither: nothing of this "
            "question can be measured",
            kind=Kind.GRADER_ERROR,
            cause="rag_nothing_to_measure",
        )
    if measures["hit_rate@k"] == (1.0, 1):
        return Grade.right(explanation="a relevant document is among the contexts", marks=marks, measures=measures)
    return Grade.wrong(
        cause="no_relevant_context",
        explanation="no relevant document is among the contexts",
        marks=marks,
        measures=measures,
    )


def _by_judge(
    question: RagQuestion, judged: JudgedAnswer, measures: Mapping[str, MeasureValue], marks: Sequence[str]
) -> Grade:
    answer = judged.answer
    if not question.reference and not question.is_unanswerable and not judged.declines:
        marks = [*marks, BY_FAITHFULNESS]
    if judged.declines:
        return _declined(judged, measures, marks)
    deciding = judged.lists.get(ANSWER_CORRECTNESS) or judged.lists.get(FAITHFULNESS)
    if not answer.strip() or deciding is None:
        cause = "no_statement" if answer.strip() else "empty"
        return Grade.no_answer(cause=cause, marks=marks, measures=measures)
    if judged.is_unanswerable:
        return Grade.wrong(answer, cause="answered_unanswerable", marks=marks, measures=measures)
    share = deciding.share
    return Grade.partial(
        share,
        answer,
        cause=_cause(deciding),
        explanation=_explanation(deciding),
        marks=marks,
        measures={**measures, JUDGE_AGREEMENT: deciding.agreement},
    )


def _declined(judged: JudgedAnswer, measures: Mapping[str, MeasureValue], marks: Sequence[str]) -> Grade:
    """Right where the documents hold no answer; otherwise the question was not answered, for whatever reason."""
    if judged.is_unanswerable:
        return Grade.right(judged.answer, "declined, as it should", marks=marks, measures=measures)
    is_blameless = measures.get("correct_refusal") == (1, 1)
    return Grade.no_answer(
        cause="declined_without_evidence" if is_blameless else "declined",
        explanation="declined; " + ("no context holds the answer" if is_blameless else "the contexts hold the answer"),
        marks=marks,
        measures=measures,
    )


def _cause(deciding: Judged) -> str:
    if deciding.name == FAITHFULNESS:
        return "unsupported_statement"
    return "contradicts_reference" if CONTRADICTED in deciding.labels else "incomplete"


def _explanation(deciding: Judged) -> str:
    k, n = deciding.count
    what = "of the answer are supported" if deciding.name == FAITHFULNESS else "of the reference are in the answer"
    return f"{k} of {n} statements {what}"
