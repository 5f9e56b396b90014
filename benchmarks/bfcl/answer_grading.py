"""What memory and web search share: the form asked of the last reply, and how it is graded (bfcl-eval 2025.10.27.1)."""

from __future__ import annotations

import re

from pytest_modeleval.records import Grade, Sample

from .conversation import Conversation

ANSWER_FORM = (
    "Give your final answer to the user in this form: {'answer': a short and precise answer, 'context': briefly, how "
    "you know}. If you do not know, write 'I do not know' in both places. If the question cannot be answered, write "
    "'I cannot answer this question' as the answer and the reason as the context."
)
_IGNORED = re.compile(r"[,./\-_*^()]")


def grade_answer(sample: Sample, conversation: Conversation) -> Grade:
    """Right if any accepted answer stands, as whole words, in the last reply without a call.

    Case and , . / - _ * ^ ( ) do not matter. Any mention counts, wherever it stands (upstream's agentic_checker).
    """
    final = conversation.final
    if conversation.is_stopped:
        return Grade.wrong(None, cause="too_many_rounds", explanation="the model never stopped calling")
    if final is None or not final.text.strip():
        cause = final.missing_cause if final is not None else "no_final_reply"
        return Grade.no_answer(cause=cause, explanation="there is no last reply with text")
    said = _smooth(final.text)
    for accepted in sample.target:
        if re.search(rf"\b{re.escape(_smooth(accepted))}\b", said):
            return Grade.right(final.text[:300], f"it says {accepted!r}")
    wanted = ", ".join(map(repr, sample.target))[:200]
    return Grade.wrong(final.text[:300], cause="answer_not_found", explanation=f"none of {wanted} is in the last reply")


def _smooth(text: str) -> str:
    return _IGNORED.sub("", text).lower().replace("'", '"')
