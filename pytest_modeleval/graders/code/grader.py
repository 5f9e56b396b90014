"""Grades replies that are programs: extracts the code, runs it in a sandbox, names the way in which it failed.

    grade = code_grader(to_problem)        # called like a coroutine function: the engine runs it ahead of the tests

Causes: no_code (or why there is no text at all: unclosed_thinking, empty, ...), compile_error, wrong_answer,
runtime_error, time_limit, memory_limit, output_limit. A qualifier may follow a colon: wrong_answer:within_tolerance,
wrong_answer:several_answers. A failure of the grader raises and becomes grader_error; it never becomes a score.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_modeleval.grader_context import GraderContext
from pytest_modeleval.graders.code.extraction import RULES, Asked
from pytest_modeleval.graders.code.grader_pool import GraderPool
from pytest_modeleval.graders.code.problem import Problem, ProgramResult, ProgramStatus
from pytest_modeleval.records import Grade, Response, Sample
from pytest_modeleval.sandbox import Isolation

# Marks, and begins the explanation of, every grade that would differ under another rule of extraction.
RULE_MATTERS = "the verdict depends on the extraction rule"
UNSAFE_WARNING = (
    "PROGRAMS THAT THE MODEL WROTE RUN WITHOUT A SANDBOX, as --eval-unsafe-code allows, under limits and a filter of "
    "system calls only: they can read what you can read, and change what you can change"
)
_MAX_ANSWER = 20_000


def code_grader(
    problem: Callable[[Sample], Problem],
    *,
    rule: str = "last_block",
    other_rules: Sequence[str] = (),
    is_bare_code_accepted: bool = False,
    source: Callable[[Sample, str], str] | None = None,
    remark: Callable[[Sample], str] | None = None,
    pool: GraderPool | None = None,
) -> CodeGrader:
    """A grader for replies that hold a program, called as a coroutine function: (sample, response) -> Grade.

    problem: how programs for a sample are graded. rule: how code is extracted, a name of extraction.RULES;
    other_rules: rules whose result is compared, so that samples which depend on the rule can be counted.
    is_bare_code_accepted: a reply without any fence is code as a whole. source: (sample, code) -> the whole program.
    remark: known faults of a sample's tests ("several_answers", "faulty_tests"), "" for none; it is added to the cause
    of a wrong answer and changes no result. pool: graders to use; by default those that all benchmarks of a run share.
    The grader raises ProgramGraderError or SandboxUnavailable where there is no grade.
    """
    unknown = [name for name in (rule, *other_rules) if name not in RULES]
    if unknown:
        raise ValueError(f"extraction rule {unknown[0]!r}: expected one of {', '.join(RULES)}")
    return CodeGrader(
        problem=problem,
        rule=rule,
        other_rules=tuple(other_rules),
        is_bare_code_accepted=is_bare_code_accepted,
        source=source,
        remark=remark,
        pool=pool,
    )


@dataclass(slots=True, kw_only=True)
class CodeGrader:
    """A PreparedGrader with the arguments of code_grader."""

    problem: Callable[[Sample], Problem]
    rule: str
    other_rules: tuple[str, ...]
    is_bare_code_accepted: bool
    source: Callable[[Sample, str], str] | None
    remark: Callable[[Sample], str] | None
    pool: GraderPool | None
    _pool: GraderPool | None = field(default=None, init=False)

    def prepare(self, site: GraderContext) -> None:
        """Choose the isolation of this machine. Raises SandboxUnavailable, with what to enable."""
        if self.pool is None and GraderPool not in site.shared:
            site.shared[GraderPool] = GraderPool(allows_no_sandbox=site.allows_unsafe_code)
        self._pool = self.pool or site.shared[GraderPool]
        isolation = self._pool.isolation()
        site.facts["sandbox"] = isolation.value
        if isolation is Isolation.NONE and UNSAFE_WARNING not in site.warnings:
            site.warnings.append(UNSAFE_WARNING)

    async def __call__(self, sample: Sample, response: Response) -> Grade:
        """Extract the code, grade it, name the way in which it failed."""
        problem = self.problem(sample)
        found = self._codes(response, Asked(problem.function))
        if not _with_code(found):
            return _no_code(response, len(response.text))
        results = await self._results(sample, problem, found)
        result = results[self.rule]
        note = self._describe_differences(results)
        prefix = f"{RULE_MATTERS} ({note}); " if note else ""
        marks = (RULE_MATTERS,) if note else ()
        if result is None:
            missing = _no_code(response, len(response.text))
            return Grade.no_answer(cause=missing.cause, explanation=prefix + missing.explanation, marks=marks)
        answer = found[self.rule].strip()[:_MAX_ANSWER]
        if result.status is ProgramStatus.PASSED:
            return Grade.right(answer, f"{prefix}{result.tests} tests passed", marks=marks)
        cause = self._cause(sample, result)
        return Grade.wrong(answer, cause=cause, explanation=prefix + result.explanation, marks=marks)

    def _describe_differences(self, results: Mapping[str, ProgramResult | None]) -> str:
        """The other rules with another result, and theirs; "" if all agree."""
        own = _name(results[self.rule])
        others = {name: _name(results[name]) for name in self.other_rules}
        return "; ".join(f"{name}: {other}" for name, other in others.items() if other != own)

    def _cause(self, sample: Sample, result: ProgramResult) -> str:
        """The status; for a wrong answer also what is known about the sample or the difference."""
        known = self.remark(sample) if self.remark else ""
        qualifier = known or ("within_tolerance" if result.is_close else "")
        cause = result.status.value
        return f"{cause}:{qualifier}" if qualifier and result.status is ProgramStatus.WRONG_ANSWER else cause

    def _codes(self, response: Response, asked: Asked) -> dict[str, str]:
        """The code that each rule finds."""
        if self.is_bare_code_accepted and "```" not in response.text:
            return dict.fromkeys((self.rule, *self.other_rules), response.text)
        return {name: RULES[name](response.text, asked) for name in (self.rule, *self.other_rules)}

    async def _results(
        self, sample: Sample, problem: Problem, found: dict[str, str]
    ) -> dict[str, ProgramResult | None]:
        """The result per rule; None where the rule finds no code. The same code is graded once."""
        if self._pool is None:
            # Used outside of a run, without prepare.
            self._pool = self.pool or GraderPool()
        pool, source = self._pool, self.source
        distinct = {code: pool.submit(problem, source(sample, code) if source else code) for code in _with_code(found)}
        results = await asyncio.gather(*(asyncio.wrap_future(future) for future in distinct.values()))
        graded = dict(zip(distinct, results, strict=True))
        return {name: graded.get(code) for name, code in found.items()}


def _with_code(found: dict[str, str]) -> list[str]:
    return list(dict.fromkeys(code for code in found.values() if code.strip()))


def _name(result: ProgramResult | None) -> str:
    return "no_code" if result is None else result.status.value


def _no_code(response: Response, characters: int) -> Grade:
    cause = response.missing_cause or "no_code"
    cut = ", which was cut at its token limit" if response.is_truncated else ""
    explanation = (
        f"no fenced code block in the {characters} characters of the reply{cut}"
        if cause == "no_code"
        else f"there is no answer text to read code from{cut}: {cause.replace('_', ' ')}"
    )
    return Grade.no_answer(cause=cause, explanation=explanation)
