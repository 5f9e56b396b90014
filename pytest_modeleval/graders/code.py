"""Grades replies that are programs: extracts the code, has it judged in a sandbox, says which way it failed.

    grade = code_grader(to_problem)        # a coroutine function: the engine runs it ahead of the tests

Causes: no_code (or why there is no text at all: unclosed_thinking, empty, ...), compile_error, wrong_answer,
runtime_error, time_limit, memory_limit, output_limit. After a colon what is known beyond that:
wrong_answer:within_tolerance, wrong_answer:several_answers. Trouble of the judge is raised, and so becomes
grader_error; it never becomes a score.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Any

from pytest_modeleval.graders.code_extract import RULES
from pytest_modeleval.graders.code_pool import JudgePool
from pytest_modeleval.graders.code_problem import JudgeResult, Problem, Verdict
from pytest_modeleval.records import Grade, Response, Sample

# Begins the explanation of every grade that would be another one under another rule of extraction.
RULE_MATTERS = "the verdict depends on the extraction rule"
# The user's word that programs may run without a sandbox where none can be built.
WITHOUT_SANDBOX_VARIABLE = "MODELEVAL_CODE_WITHOUT_SANDBOX"
_MOST_ANSWER = 20_000


def code_grader(
    problem: Callable[[Sample], Problem],
    *,
    rule: str = "last_block",
    other_rules: Sequence[str] = (),
    is_bare_code_accepted: bool = False,
    source: Callable[[Sample, str], str] | None = None,
    remark: Callable[[Sample], str] | None = None,
    pool: JudgePool | None = None,
) -> Callable[[Sample, Any], Any]:
    """A grader for replies that hold a program: a coroutine function (sample, response) -> Grade.

    problem: how programs for a sample are judged. rule: how code is extracted, a name of code_extract.RULES;
    other_rules: those whose verdict is compared, so that samples which depend on the rule can be counted.
    is_bare_code_accepted: a reply without any fence is code as a whole. source: (sample, code) -> the whole program.
    remark: what is known against a sample's tests ("several_answers", "faulty_tests"), "" for nothing; it is added to
    the cause of a loss and changes no verdict. pool: judges to use; by default the grader has its own, from the first
    reply on. It raises JudgeError or SandboxUnavailable where there is no grade.
    """
    unknown = [name for name in (rule, *other_rules) if name not in RULES]
    if unknown:
        raise ValueError(f"extraction rule {unknown[0]!r}: expected one of {', '.join(RULES)}")
    own: list[JudgePool] = [pool] if pool is not None else []

    def codes(response: Response) -> dict[str, str]:
        found = {name: RULES[name](response.text) for name in (rule, *other_rules)}
        if is_bare_code_accepted and "```" not in response.text:
            found = dict.fromkeys(found, response.text)
        return found

    async def verdicts(sample: Sample, found: dict[str, str]) -> dict[str, JudgeResult | None]:
        """Per rule; None where the rule finds no code. The same code is judged once."""
        if not own:
            own.append(JudgePool(accepts_no_walls=os.environ.get(WITHOUT_SANDBOX_VARIABLE) == "1"))
        asked = problem(sample)
        distinct = {code: own[0].submit(asked, source(sample, code) if source else code) for code in _with_code(found)}
        results = await asyncio.gather(*(asyncio.wrap_future(future) for future in distinct.values()))
        judged = dict(zip(distinct, results, strict=True))
        return {name: judged.get(code) for name, code in found.items()}

    async def grade(sample: Sample, response: Response) -> Grade:
        found = codes(response)
        if not _with_code(found):
            return _no_code(response, len(response.text))
        results = await verdicts(sample, found)
        others = {name: results[name] for name in other_rules if _name(results[name]) != _name(results[rule])}
        note = "; ".join(f"{name}: {_name(result)}" for name, result in others.items())
        prefix = f"{RULE_MATTERS} ({note}); " if note else ""
        result = results[rule]
        if result is None:
            missing = _no_code(response, len(response.text))
            return Grade.no_answer(cause=missing.cause, explanation=prefix + missing.explanation)
        answer = found[rule].strip()[:_MOST_ANSWER]
        if result.verdict is Verdict.PASSED:
            return Grade.right(answer, f"{prefix}{result.tests} tests passed")
        known = remark(sample) if remark else ""
        qualifier = known or ("within_tolerance" if result.is_close else "")
        cause = (
            f"{result.verdict}:{qualifier}" if qualifier and result.verdict is Verdict.WRONG_ANSWER else result.verdict
        )
        return Grade.wrong(answer, cause=cause, explanation=prefix + result.explanation)

    return grade


def _with_code(found: dict[str, str]) -> list[str]:
    return list(dict.fromkeys(code for code in found.values() if code.strip()))


def _name(result: JudgeResult | None) -> str:
    return "no_code" if result is None else result.verdict.value


def _no_code(response: Response, characters: int) -> Grade:
    cause = response.missing_cause or "no_code"
    cut = ", which was cut at its token limit" if response.is_truncated else ""
    explanation = (
        f"no fenced code block in the {characters} characters of the reply{cut}"
        if cause == "no_code"
        else f"there is no answer text to read code from{cut}: {cause.replace('_', ' ')}"
    )
    return Grade.no_answer(cause=cause, explanation=explanation)
