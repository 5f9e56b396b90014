"""The judged measures of one answer: which lists are judged, in which order, and what a refusal means for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.metrics.judgements import agreement_name
from pytest_modeleval.rag import tasks
from pytest_modeleval.rag.judged_list import JudgedList, agreement, judge_list
from pytest_modeleval.rag.statements import Split, split
from pytest_modeleval.rag_answer import RagAnswer
from pytest_modeleval.records import Kind, MeasureValue
from pytest_modeleval.roles import Role

MAX_JUDGED_CHARS = 200_000
"""Of all contexts of an answer together: beyond that no judge reads them."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One list of verdicts, as a measure."""

    name: str
    labels: tuple[str, ...]
    positive: str
    """The label that counts."""
    agreement: tuple[float, float]
    """(k, N): see judged_list.agreement."""

    @property
    def count(self) -> tuple[int, int]:
        """(numbers with the label that counts, numbers)."""
        return self.labels.count(self.positive), len(self.labels)

    @property
    def share(self) -> float:
        k, n = self.count
        return k / n


@dataclass(slots=True)
class JudgedAnswer:
    """What the judge found."""

    answer: str
    declines: bool
    is_unanswerable: bool
    lists: dict[str, Judged] = field(default_factory=dict)
    """Measure -> its verdicts; a measure that does not apply is absent."""
    others: dict[str, MeasureValue] = field(default_factory=dict)

    @property
    def measures(self) -> dict[str, MeasureValue]:
        """For a grade."""
        found: dict[str, MeasureValue] = dict(self.others)
        for judged in self.lists.values():
            found[judged.name] = judged.count
            found[agreement_name(judged.name)] = judged.agreement
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asker:
    """Judges lists of one answer."""

    judge: Role
    question: str
    found: RagAnswer
    repeats: int

    async def support(self, name: str, statements: Sequence[str]) -> Judged:
        """Of statements by the contexts. Nothing is supported by no context."""
        if not self.found.contexts:
            return self._without_asking(name, len(statements), tasks.UNSUPPORTED, tasks.SUPPORTED)
        task = tasks.support_task(self.found.contexts, statements)
        return await self._list(name, task, len(statements), tasks.SUPPORT_LABELS)

    async def stated(self, name: str, statements: Sequence[str], *, is_answered: bool) -> Judged:
        """Of statements of the reference by the answer. An answer that asserts nothing states none."""
        if not is_answered:
            return self._without_asking(name, len(statements), tasks.MISSING, tasks.STATED)
        task = tasks.stated_task(self.question, statements, self.found.answer)
        return await self._list(name, task, len(statements), tasks.STATED_LABELS)

    async def relevance(self, name: str, reference: str, k: int) -> Judged:
        """Of the first k contexts for the question."""
        contexts = self.found.contexts[:k]
        task = tasks.relevance_task(self.question, contexts, reference)
        return await self._list(name, task, len(contexts), tasks.RELEVANCE_LABELS)

    async def _list(self, name: str, task: str, count: int, labels: Sequence[str]) -> Judged:
        found = await judge_list(self.judge, task, count, labels, repeats=self.repeats)
        return _judged(name, found, labels[0])

    def _without_asking(self, name: str, count: int, label: str, positive: str) -> Judged:
        return _judged(name, JudgedList(((label,) * count,) * self.repeats), positive)


def _judged(name: str, found: JudgedList, positive: str) -> Judged:
    return Judged(name, found.majority, positive, agreement(found.shares(positive)))


async def judge_answer(
    judge: Role,
    *,
    question: str,
    reference: str,
    is_unanswerable: bool,
    found: RagAnswer,
    k: int,
    repeats: int,
) -> JudgedAnswer:
    """All judged measures that apply. Raises Ungraded where one that applies cannot be judged."""
    _check_size(found)
    asker = _Asker(judge=judge, question=question, found=found, repeats=repeats)
    said = await _split(judge, question, found.answer)
    known = await _split(judge, question, reference)
    judged = JudgedAnswer(found.answer, said.declines, is_unanswerable or known.declines)
    statements = () if judged.is_unanswerable else known.statements
    if found.contexts and not judged.is_unanswerable:
        judged.lists["context_precision"] = await asker.relevance("context_precision", reference, k)
    if statements:
        judged.lists["context_recall"] = await asker.support("context_recall", statements)
    if said.statements:
        judged.lists["faithfulness"] = await asker.support("faithfulness", said.statements)
    judged.others["answered"] = bool(said.statements), 1
    if said.declines:
        judged.others["correct_refusal"] = _is_correct_refusal(judged), 1
    await _judge_correctness(asker, judged, statements, is_answered=bool(said.statements))
    return judged


async def _judge_correctness(
    asker: _Asker, judged: JudgedAnswer, statements: Sequence[str], *, is_answered: bool
) -> None:
    if judged.is_unanswerable:
        judged.others["answer_correctness"] = judged.declines, 1
    elif statements and judged.others.get("correct_refusal") != (True, 1):
        judged.lists["answer_correctness"] = await asker.stated(
            "answer_correctness", statements, is_answered=is_answered
        )


def _is_correct_refusal(judged: JudgedAnswer) -> bool:
    """The documents hold no answer, or the contexts do not: no statement of the reference (or none is relevant)."""
    if judged.is_unanswerable:
        return True
    deciding: Mapping[str, Judged] = judged.lists
    evidence = deciding.get("context_recall") or deciding.get("context_precision")
    return evidence is None or evidence.count[0] == 0


async def _split(judge: Role, question: str, text: str) -> Split:
    return await split(judge, question, text) if text.strip() else Split()


def _check_size(found: RagAnswer) -> None:
    chars = sum(len(context.text) for context in found.contexts)
    if chars > MAX_JUDGED_CHARS:
        raise Ungraded(
            f"expected contexts of at most {MAX_JUDGED_CHARS:,} characters for the judge, found {chars:,}",
            kind=Kind.GRADER_ERROR,
            cause="judge_contexts_too_long",
        )
