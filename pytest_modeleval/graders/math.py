"""Mathematical answers: numbers exactly, everything else by the math-verify package in a process of its own."""

from __future__ import annotations

import re

from pytest_modeleval.graders.answer_size import is_too_large
from pytest_modeleval.graders.marker import marked_line, missing_answer_cause, tail
from pytest_modeleval.graders.numbers import bare_latex, parse_number
from pytest_modeleval.graders.symbolic import is_equal
from pytest_modeleval.records import Grade, Response, Sample

MAX_ANSWER_CHARS = 1_000
_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,3}\{")
# The prompt's own "\boxed{}" comes back in replies; more empty boxes than that are a loop.
_MAX_BOXES = 50


def grade_math(sample: Sample, response: Response) -> Grade:
    r"""Right if the final answer of the reply has the value of the target.

    sample.target: a number or a text: "70", "1,234", "3/4", LaTeX; or a list of them, any of which is right.

    The answer is the content of the last `\boxed{...}` that holds anything; without a box, what follows the last
    `ANSWER:` or `答案：` on its line. There is no guess at the last number in the text: EvalScope takes it where it
    finds neither, which grades whatever number the reasoning broke off at.

    Two numbers (see graders.numbers for what is one) are compared exactly: 0.333 is not 1/3, and 0.5 is not 50
    (EvalScope accepts answers a hundred times too large or too small). Everything else goes to math-verify: equal
    up to algebra, decimals to 6 places, "x = 5" for "5". An answer with a number of more than 100,000 digits in it
    (9^{9^{9^9}}, \binom{10^8}{10^7}) is wrong where the target has none, and so is a sum or product of more than 500
    terms without a simple formula; they are not worked out.
    no_answer: the response's own cause, "no_marker", "unclosed_box", "answer_too_long" (over 1,000 characters).
    Raises Ungraded where math-verify fails or needs more than its time: that is no wrong answer. Raises ValueError
    where the sample has no usable target.
    """
    targets = _targets(sample)
    answer, cause = extract_final(response.text)
    if answer is None:
        cause = cause or missing_answer_cause(response)
        return Grade.no_answer(cause=cause, explanation=f"the reply holds no \\boxed{{...}} and no ANSWER: ({cause})")
    if len(answer) > MAX_ANSWER_CHARS:
        return Grade.no_answer(cause="answer_too_long", explanation=f"the answer is {len(answer)} characters long")
    if any(is_same(target, answer) for target in targets):
        return Grade.right(answer)
    return Grade.wrong(answer, explanation=f"expected {targets[0][:80]}, found {answer[:80]}")


def is_same(target: str, answer: str) -> bool:
    """True if both have the same value. The quick ways first; math-verify only if they leave it open."""
    expected, found = parse_number(target), parse_number(answer)
    if expected is not None and found is not None:
        return expected == found
    if _squeezed(target) == _squeezed(answer):
        return True
    if is_too_large(answer) and not is_too_large(target):
        # Algebra would think about it until its time is up.
        return False
    return is_equal(bare_latex(target), bare_latex(answer))


def extract_final(text: str) -> tuple[str | None, str]:
    """The final answer as written, or None and the reason, "" where no box and no marker was found."""
    text = tail(text)
    boxed, is_unclosed = last_boxed(text)
    if boxed is not None:
        return boxed, ""
    if is_unclosed:
        return None, "unclosed_box"
    return marked_line(text), ""


def last_boxed(text: str) -> tuple[str | None, bool]:
    r"""The content of the last \boxed{...} that is not empty; and True where that box is never closed.

    Braces are matched; escaped ones do not count. Empty boxes are passed over.
    """
    if "\\boxed" not in text and "\\fbox" not in text:
        return None, False
    starts = [found.end() for found in _BOX.finditer(text)]
    for start in reversed(starts[-_MAX_BOXES:]):
        content = _until_closing(text, start)
        if content is None:
            return None, True
        if content.strip():
            return content.strip(), False
    return None, False


def _until_closing(text: str, start: int) -> str | None:
    depth = 1
    for found in re.finditer(r"\\.|[{}]", text[start : start + 10 * MAX_ANSWER_CHARS], flags=re.DOTALL):
        if found.group() == "{":
            depth += 1
        elif found.group() == "}":
            depth -= 1
            if depth == 0:
                return text[start : start + found.start()]
    return None


def _squeezed(text: str) -> str:
    """LaTeX with one way of writing for each thing that is often written in two."""
    text = bare_latex(text)
    text = re.sub(r"\\[dt]frac(?![A-Za-z])", r"\\frac", text)
    text = re.sub(r"\\(?:text|textbf|mathrm|mbox)\s*\{([^{}]*)\}", r"\1", text)
    return re.sub(r"\s+", "", text)


def _targets(sample: Sample) -> list[str]:
    given = sample.target if isinstance(sample.target, list | tuple) else [sample.target]
    targets = [str(target) for target in given if isinstance(target, str | int | float) and str(target).strip()]
    if not targets or len(targets) != len(given):
        raise ValueError(f"sample {sample.id}: expected a number or text as target, found {str(sample.target)[:80]!r}")
    return targets
