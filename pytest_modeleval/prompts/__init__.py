r"""Builds messages from samples. Each prompt asks for exactly the form that its grader reads.

graders.grade_choice    choice_prompt    a last line `ANSWER: X`, in Chinese `答案：X`
graders.grade_exact     qa_prompt        a last line `ANSWER: ...`
graders.grade_math      boxed_prompt     \boxed{...}; qa_prompt works as well
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

from pytest_modeleval._support.shorten import shorten_repr
from pytest_modeleval.images import Image, image_part
from pytest_modeleval.records import JsonObject, Sample


def user(*parts: str | Image, system: str | None = None) -> list[JsonObject]:
    """Build chat messages: a user message, preceded by a system message if its text is given.

    parts: one text; or texts and images in the order in which the model reads them, which the benchmark decides: some
    models answer better with the image first. Empty texts between images are left out.
    Raises TypeError for anything else, and for several texts without an image.
    """
    messages: list[JsonObject] = [{"role": "system", "content": system}] if system else []
    return [*messages, {"role": "user", "content": _content(parts)}]


def _content(parts: Sequence[str | Image]) -> str | list[JsonObject]:
    """One text as it is; otherwise a list of parts."""
    if len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    if not any(isinstance(part, Image) for part in parts):
        raise TypeError(f"expected one text, or texts and images, found {len(parts)} parts without an image")
    return [_part(part) for part in parts if part != ""]


def _part(part: str | Image) -> JsonObject:
    if isinstance(part, Image):
        return image_part(part)
    if isinstance(part, str):
        return {"type": "text", "text": part}
    raise TypeError(f"expected texts and images, found {shorten_repr(part, 60)}; read a field with row.image(name)")


def choice_prompt(
    question: str,
    choices: Sequence[str],
    *,
    language: str = "en",
    is_multiple: bool = False,
    examples: Sequence[Sample] = (),
    subject: str = "",
) -> str:
    """Ask a choice question with lettered options, with reasoning before the answer.

    language: "en" or "zh". is_multiple: several options may be right, and all of them must be named.
    examples: solved questions that precede it (`sample.examples`); each shows its question, options, the text of
    `data["explanation"]` if there is any, and the line of its answer. subject: named in the first sentence.
    Raises ValueError for another language, and for fewer than 2 or more than 26 choices.

    The rules are those of EvalScope's choice prompts with reasoning (SINGLE_ANSWER_COT, MULTIPLE_ANSWER_COT and their
    Chinese forms): reason first, then a last line `ANSWER: X` or `答案：X`; options as `A) text`, one a line; one user
    message, instructions before the question, so that the requests of a subset share their beginning.
    The wording is ours, and the placeholder is always explained by the letters.
    """
    if not 2 <= len(choices) <= len(ascii_uppercase):
        raise ValueError(f"expected 2 to {len(ascii_uppercase)} choices, found {len(choices)}")
    if language not in _CHOICE_LABELS:
        raise ValueError(f"expected the language 'en' or 'zh', found {language!r}")
    letters = ascii_uppercase[: len(choices)]
    if language == "en":
        about = f" about {subject}" if subject else ""
        named = f"{', '.join(letters[:-1])} or {letters[-1]}"
        if is_multiple:
            task = "One or more of its options are right; find all of them."
            form = f"`ANSWER: XY`, with the letters of all right options (out of {named}) in place of XY"
        else:
            task = "Exactly one of its options is right."
            form = f"`ANSWER: X`, with {named} in place of X"
        shown = " after some that are solved" if examples else ""
        head = (
            f"Here is a multiple-choice question{about}{shown}. {task} Reason step by step first. Then close with a "
            f"line of its own, the last of your reply, in this form: {form}."
        )
    else:
        about = f"关于{subject}的" if subject else ""
        named = "、".join(letters)
        kind, rule = ("多", "正确选项可能不止一个，请全部选出") if is_multiple else ("单", "只有一个选项正确")
        filled = f"XY 换成所有正确选项的字母（可选字母：{named}）" if is_multiple else f"X 换成 {named} 中的一个字母"
        form = f"`答案：{'XY' if is_multiple else 'X'}`，其中 {filled}"
        shown = "前面几道已给出解答，请回答最后一道。" if examples else ""
        head = (
            f"下面是一道{about}{kind}项选择题，{rule}。{shown}请先逐步推理，再在回答的最后单独写一行，格式为：{form}。"
        )
    solved = "".join(f"{_solved(example, language)}\n\n" for example in examples)
    return f"{head}\n\n{solved}{_asked(question, choices, language)}"


# Of a question, its options and its answer.
_CHOICE_LABELS = {"en": ("Question:", "Options:", "ANSWER: "), "zh": ("问题：", "选项：", "答案：")}


def _asked(question: str, choices: Sequence[str], language: str) -> str:
    ask, options, _ = _CHOICE_LABELS[language]
    lines = "\n".join(f"{letter}) {choice}" for letter, choice in zip(ascii_uppercase, choices, strict=False))
    return f"{ask}\n{question}\n\n{options}\n{lines}"


def _solved(example: Sample, language: str) -> str:
    explanation = str(example.data.get("explanation") or "").strip()
    reasons = f"{explanation}\n\n" if explanation else ""
    asked = _asked(example.question, example.choices, language)
    return f"{asked}\n\n{reasons}{_CHOICE_LABELS[language][2]}{example.target}"


def qa_prompt(question: str, *, language: str = "en") -> str:
    """Ask an open question with a short answer on a last line `ANSWER: ...`, in Chinese `答案：...`.

    language: "en" or "zh"; ValueError for another. The form is that of EvalScope's few-shot GSM8K examples and of its
    choice prompts; the wording is ours.
    """
    if language not in _QA_FORMS:
        raise ValueError(f"expected the language 'en' or 'zh', found {language!r}")
    return _QA_FORMS[language] + question


_QA_FORMS = {
    "en": (
        "Answer the question below. Reason step by step first. Then close with a line of its own, the last of your "
        "reply, in this form: `ANSWER: X`, with nothing but your final answer in place of X; a number without unit "
        "if a number is asked for.\n\nQuestion:\n"
    ),
    "zh": (
        "请回答下面的问题。先逐步推理，再在回答的最后单独写一行，格式为：`答案：X`，"
        "其中 X 只写最终答案；若问的是数字，不写单位。\n\n问题：\n"
    ),
}


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
