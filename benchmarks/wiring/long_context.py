"""Asks at the end of a long prompt for a code that stands at its beginning.

The prompt fills a known part of the model's context. The tokens of a sentence are measured first, with two short
prompts, since tokenizers differ by half. So the length of the prompt is known before the server counts it, and a
server that silently cuts prompts is detected.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_modeleval import Grade, Model, Request, Response, Sample

from .requests import FILLER

# For servers that do not state their context: every model in use has this much.
ASSUMED_CONTEXT_TOKENS = 4096
# Prefilling more than 3/4 of this would take the server too long for a quick check.
MAX_CONTEXT_TOKENS = 131_072
_SHORT, _LONGER = 2, 10


@dataclass(frozen=True, slots=True)
class Recall:
    """The reply to a long prompt."""

    response: Response

    expected_tokens: int | None
    """The length of the prompt; None if the server counts no tokens."""


async def ask_recall(sample: Sample, model: Model) -> Recall:
    """Measure, then ask with a prompt of about `part` of the context."""
    known = model.context_tokens
    context = min(known or ASSUMED_CONTEXT_TOKENS, MAX_CONTEXT_TOKENS)
    code = sample.target["code"]
    counted = []
    for count in (_SHORT, _LONGER):
        response = await model.ask(Request(_messages(code, count), params={"max_tokens": 1}))
        counted.append(response.usage.prompt_tokens)
    count, expected = _plan_length(int(context * sample.target["part"]), *counted)
    # Room for thinking; on a small context, the unused rest of it.
    limit = min(2048, context // 32) if known else 1024
    response = await model.ask(Request(_messages(code, count), params={"max_tokens": limit}))
    return Recall(response, expected)


def _plan_length(wanted: int, short: int | None, longer: int | None) -> tuple[int, int | None]:
    """The number of sentences for a prompt of `wanted` tokens, and the expected count of tokens.

    short, longer: the tokens of the two prompts that were measured.
    """
    if short is None or longer is None or longer <= short:
        # Without counts: about 13 tokens a sentence, and the length is not checked.
        return max(_LONGER, wanted // 13), None
    each = (longer - short) / (_LONGER - _SHORT)
    count = max(_LONGER, int((wanted - short) / each) + _SHORT)
    return count, int(short + each * (count - _SHORT))


def grade_recall(sample: Sample, recall: Recall) -> Grade:
    """Right if the reply contains the code, which stands only at the beginning of the prompt."""
    counted, expected = recall.response.usage.prompt_tokens, recall.expected_tokens
    if counted is not None and expected is not None and counted < 0.9 * expected:
        why = f"a prompt of about {expected} tokens was counted as {counted}: the server silently cuts prompts"
        return Grade.wrong(cause="prompt_cut", explanation=why)
    written = recall.response.content + recall.response.reasoning_content
    digits = "".join(filter(str.isdigit, written))
    code = sample.target["code"]
    if code.replace(" ", "") in digits:
        return Grade.right(code, f"recalled over {counted or 'an unknown number of'} tokens")
    return Grade.no_answer(
        cause="not_recalled",
        explanation=f"the code from the beginning of a prompt of {counted or 'unknown'} tokens did not come back",
    )


def _messages(code: str, sentences: int) -> list[dict[str, str]]:
    text = f"Note: the access code is {code}. {' '.join([FILLER] * sentences)}\n\nWhat is the access code?"
    return [{"role": "user", "content": text}]
