"""A code, noted at the beginning of a prompt that fills a known part of the model's context, and asked for at its end.

How many tokens a sentence has is measured first, from two short prompts: tokenizers differ by half. With it the length
of the prompt is known before the server counts it, and a server that cuts prompts in silence is found out.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_modeleval import Grade, Model, Request, Response, Sample

from .requests import FILLER

# Taken where the server does not say how long its context is: every model in use has this much.
ASSUMED_CONTEXT_TOKENS = 4096
# Longer prompts than 3/4 of this would no longer be quick to read for the server.
MAX_CONTEXT_TOKENS = 131_072
_SHORT, _LONGER = 2, 10


@dataclass(frozen=True, slots=True)
class Recall:
    """The reply to a long prompt. expected_tokens: how long the prompt is; None if the server counts no tokens."""

    response: Response
    expected_tokens: int | None


async def ask_recall(sample: Sample, model: Model) -> Recall:
    """Measure, then ask with a prompt of about `part` of the context."""
    known = model.context_tokens
    context = min(known or ASSUMED_CONTEXT_TOKENS, MAX_CONTEXT_TOKENS)
    code = sample.target["code"]
    counted = []
    for count in (_SHORT, _LONGER):
        response = await model.ask(Request(_messages(code, count), params={"max_tokens": 1}))
        counted.append(response.usage.prompt_tokens)
    short, longer = counted
    wanted = int(context * sample.target["part"])
    if short is None or longer is None or longer <= short:
        # No count to go by: about 13 tokens a sentence, and nothing is claimed about the length.
        count, expected = max(_LONGER, wanted // 13), None
    else:
        each = (longer - short) / (_LONGER - _SHORT)
        count = max(_LONGER, int((wanted - short) / each) + _SHORT)
        expected = int(short + each * (count - _SHORT))
    # Room for a thinking model to think; on a small context, what is left over in any case.
    limit = min(2048, context // 32) if known else 1024
    response = await model.ask(Request(_messages(code, count), params={"max_tokens": limit}))
    return Recall(response, expected)


def judge_recall(sample: Sample, recall: Recall) -> Grade:
    """Right if the code came back, in answer or thinking: it is nowhere but at the beginning of the prompt."""
    counted, expected = recall.response.usage.prompt_tokens, recall.expected_tokens
    if counted is not None and expected is not None and counted < 0.9 * expected:
        why = f"a prompt of about {expected} tokens was counted as {counted}: the server cuts prompts in silence"
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
