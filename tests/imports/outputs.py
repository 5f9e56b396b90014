"""Small outputs of EvalScope, as its version 1.14 writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

CONFIG = """\
api_key: '**********'
datasets:
- quiz
evaluation_identity:
  benchmarks:
    quiz:
      evaluation_version: v1.2
evalscope_version: 1.14.1
generation_config:
  batch_size: 8
  extra_body:
    top_k: 20
  temperature: 0.5
limit: null
"""


def message(index: int, text: str) -> list[dict[str, Any]]:
    """A question and its answer."""
    thought = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": text}]
    return [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": f"Question {index}"},
        {"role": "assistant", "content": thought if index == 0 else text, "tool_calls": None},
    ]


def prediction(index: int, text: str, *, stop: str = "stop", error: str | None = None) -> dict[str, Any]:
    """A line of predictions."""
    output = {
        "model": "toy",
        "choices": [{"message": {"content": text}, "stop_reason": stop}],
        "usage": {"input_tokens": 7, "output_tokens": 3},
        "time": 0.5,
        "error": error,
    }
    return {"index": index, "model": "toy", "model_output": output, "messages": message(index, text)}


def review(index: int, value: Mapping[str, Any], *, text: str = "A", **fields: Any) -> dict[str, Any]:
    """A line of reviews. fields: of the score, and group_id and generation_index."""
    place = {"group_id": fields.pop("group_id", index), "generation_index": fields.pop("generation_index", 0)}
    score = {"value": value, "status": "success", "extracted_prediction": text, "main_score_name": "acc", **fields}
    return {
        "index": index,
        "target": ["A"],
        "messages": message(index, text),
        "sample_score": {"score": score, "sample_id": index, **place},
    }


def report(name: str, metrics: Mapping[str, tuple[float, Mapping[str, float]]]) -> dict[str, Any]:
    """A report, form 2. metrics: name -> (its score, subset -> score)."""
    made = []
    for metric, (score, subsets) in metrics.items():
        parts = [{"name": part, "score": value, "num": 1, "is_aggregate": False} for part, value in subsets.items()]
        categories = [{"name": ["default"], "score": score, "subsets": parts}]
        identity = {"name": metric, "aggregation": "mean", "dimensions": {}}
        made.append({"identity": identity, "score": score, "categories": categories})
    return {"schema_version": 2, "name": f"toy@{name}", "dataset_name": name, "model_name": "toy", "metrics": made}


def write(folder: Path, files: Mapping[str, Any]) -> Path:
    """Write files: a list as JSON Lines, a text as it is, anything else as JSON. The folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        elif isinstance(content, Sequence):
            path.write_bytes(b"".join(orjson.dumps(entry) + b"\n" for entry in content))
        else:
            path.write_bytes(orjson.dumps(content))
    return folder


def evalscope_outputs(folder: Path, *, overall: float = 0.4) -> Path:
    """One benchmark of two subsets: every state that its files can say."""
    easy = [
        review(1, {"acc": 0.0}, text="B"),
        review(0, {"acc": 1.0}),
        review(2, {"acc": 0.0}, text=""),
        review(3, {"acc": 0.0}, text="C"),
        review(4, {}, status="transport_error", judge_summary={"error": "the judge is away"}),
    ]
    asked = [prediction(index, "A", stop="max_tokens" if index == 3 else "stop") for index in range(7)]
    asked[5]["model_output"]["error"] = "connection lost"
    figures = {"easy": 0.25, "Level 2": 1.0}
    return write(
        folder,
        {
            "configs/task_config.yaml": CONFIG,
            "reports/toy/quiz.json": report("quiz", {"accuracy": (overall, figures)}),
            "reviews/toy/quiz_easy.jsonl": easy,
            "reviews/toy/quiz_Level 2.jsonl": [review(0, {"acc": 1})],
            "predictions/toy/quiz_easy.jsonl": asked,
            "predictions/toy/quiz_Level 2.jsonl": [prediction(0, "A")],
        },
    )


def graded_outputs(folder: Path, *, wrong: int) -> Path:
    """60 samples of one subset, all graded; the first `wrong` are wrong."""
    share = (60 - wrong) / 60
    return write(
        folder,
        {
            "reports/toy/quiz.json": report("quiz", {"accuracy": (share, {"easy": share})}),
            "reviews/toy/quiz_easy.jsonl": [review(index, {"acc": float(index >= wrong)}) for index in range(60)],
            "predictions/toy/quiz_easy.jsonl": [prediction(index, "A") for index in range(60)],
        },
    )
