"""IQuiz as EvalScope recorded it for Qwen2.5-14B-Instruct: the last lines of 20 replies, its predictions and scores.

Source: github modelscope/evalscope @3d0b115f, examples/viz/qwen2.5-14b-instruct/reviews. Of the replies only the form
of the last line is kept; the reasoning above it names other options here, as it does there.
"""

from __future__ import annotations

import json
from typing import Any

from tests.support.loopback import Answer, LoopbackServer
from tests.support.samples import shared_data
from tests.support.suites import Suite

# Row by row the predicted letter; ")": written with the bracket, "+": with the bracket and the option's text.
RECORDED = {"IQ": ("D)", "B", "C", "B+", "C+", "B", "A", "A+", "B", "B"), "EQ": tuple("BCBCDCBBCB")}
SCORES = {"IQ": 0.4, "EQ": 0.6}


def test_recorded_replies_keep_their_scores(suite: Suite, server: LoopbackServer) -> None:
    """20 of 20 predictions and both scores, through a whole run against a server that gives the replies."""
    data = shared_data("iquiz")
    replies: dict[str, str] = {}
    for subset, forms in RECORDED.items():
        lines = (data / "iquiz" / f"{subset}.jsonl").read_text("utf-8").split("\n")
        for line, form in zip(filter(None, lines), forms, strict=True):
            row = json.loads(line)
            others = "\n".join(f"{letter}) 这个选项不对。" for letter in "ABCD")
            text = row["choices"]["ABCD".index(form[0])]
            shown = {"": "", ")": ")", "+": f") {text}"}[form[1:]]
            replies[row["question"]] = f"{others}\n\n因此，最终选项是 {form[0]}。\n\n答案：{form[0]}{shown}"

    def script(body: dict[str, Any], _: int) -> Answer:
        prompt = body["messages"][-1]["content"]
        return Answer(next(reply for question, reply in replies.items() if question in prompt))

    server.script = script
    result = suite.command(
        *("-p", "no:cacheprovider", "--model", "test-model", "--model-url", server.url, "-k", "iquiz"),
        *(f"--eval-data={data}", f"--eval-run={suite.run_dir}"),
    )
    assert result.status == 0, result.out + result.err
    assert {subset: result.subset(subset)["score"] for subset in SCORES} == SCORES
    grades = [json.loads(line) for line in (suite.run_dir / "journal.jsonl").read_text("utf-8").splitlines()]
    found = {entry["sample"]: entry["answer"] for entry in grades if entry["type"] == "grade"}
    for subset, forms in RECORDED.items():
        assert [found[f"{subset}-{index:04d}"] for index in range(10)] == [form[0] for form in forms]
