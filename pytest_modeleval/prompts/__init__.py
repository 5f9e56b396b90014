r"""Builds messages from samples. Each prompt asks for exactly the form that its grader reads.

graders.grade_choice    choice_prompt    a last line `ANSWER: X`, in Chinese `答案：X`
graders.grade_exact     qa_prompt        a last line `ANSWER: ...`
graders.grade_math      boxed_prompt     \boxed{...}; qa_prompt works as well
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

from pytest_modeleval.records import JsonObject


def user(text: str, system: str | None = None) -> list[JsonObject]:
    """Build chat messages: a user message, preceded by a system message if its text is given."""
    messages: list[JsonObject] = [{"role": "system", "content": system}] if system else []
    return [*messages, {"role": "user", "content": text}]


def choice_prompt(question: str, choices: Sequence[str], *, language: str = "en", is_multiple: bool = False) -> str:
    """Ask a choice question with lettered options, with reasoning before the answer.

    language: "en" or "zh". is_multiple: several options may be right, and all of them must be named.
    Raises ValueError for another language, and for fewer than 2 or more than 26 choices.

    The rules are those of EvalScope's choice prompts with reasoning (SINGLE_ANSWER_COT, MULTIPLE_ANSWER_COT and their
    Chinese forms): reason first, then a last line `ANSWER: X` or `答案：X`; options as `A) text`, one a line; one user
    message, instructions before the question, so that the requests of a subset share their beginning.
    The wording is ours, and the placeholder is always explained by the letters.
    """
    if not 2 <= len(choices) <= len(ascii_uppercase):
        raise ValueError(f"expected 2 to {len(ascii_uppercase)} choices, found {len(choices)}")
    letters = ascii_uppercase[: len(choices)]
    options = "\n".join(f"{letter}) {choice}" for letter, choice in zip(letters, choices, strict=True))
    if language == "en":
        named = f"{', '.join(letters[:-1])} or {letters[-1]}"
        if is_multiple:
            task = "One or more of its options are right; find all of them."
            form = f"`ANSWER: XY`, with the letters of all right options (out of {named}) in place of XY"
        else:
            task = "Exactly one of its options is right."
            form = f"`ANSWER: X`, with {named} in place of X"
        return (
            f"Here is a multiple-choice question. {task} Reason step by step first. Then close with a line of its own, "
            f"the last of your reply, in this form: {form}.\n\nQuestion:\n{question}\n\nOptions:\n{options}"
        )
    if language == "zh":
        named = "、".join(letters)
        if is_multiple:
            task = "下面是一道多项选择题，正确选项可能不止一个，请全部选出。"
            form = f"`答案：XY`，其中 XY 换成所有正确选项的字母（可选字母：{named}）"
        else:
            task = "下面是一道单项选择题，只有一个选项正确。"
            form = f"`答案：X`，其中 X 换成 {named} 中的一个字母"
        return (
            f"{task}请先逐步推理，再在回答的最后单独写一行，格式为：{form}。\n\n问题：\n{question}\n\n选项：\n{options}"
        )
    raise ValueError(f"expected the language 'en' or 'zh', found {language!r}")


def qa_prompt(question: str) -> str:
    """Ask an open question with a short answer on a last line `ANSWER: ...`.

    The form is that of EvalScope's few-shot GSM8K examples and of its choice prompts; the wording is ours.
    """
    return (
        "Answer the question below. Reason step by step first. Then close with a line of its own, the last of your "
        "reply, in this form: `ANSWER: X`, with nothing but your final answer in place of X; a number without unit "
        f"if a number is asked for.\n\nQuestion:\n{question}"
    )


def boxed_prompt(question: str) -> str:
    r"""Ask a mathematical problem whose final answer goes into \boxed{}.

    The order is that of EvalScope's AIME prompt since 1.2.0, which follows Artificial Analysis: the request for
    step-by-step work and for the box precedes the problem, and the request for the box is repeated after it. The
    wording is ours.
    """
    return (
        "Work through this problem step by step, and put your final answer, and nothing else, inside \\boxed{}.\n\n"
        f"{question}\n\nDo not forget: the final answer belongs inside \\boxed{{}}."
    )
