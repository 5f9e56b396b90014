"""A run in the layout of EvalScope's outputs (report form 1), which `evalscope app --outputs DIR` opens.

    DIR/RUN/configs/task_config.yaml                    which model and benchmarks; the viewer wants one
    DIR/RUN/reports/MODEL/BENCHMARK.json
    DIR/RUN/predictions/MODEL/BENCHMARK_SUBSET.jsonl    what was asked and answered
    DIR/RUN/reviews/MODEL/BENCHMARK_SUBSET.jsonl        what each answer was worth

Form 1 is that of EvalScope 1.1; later versions read it too. It has no ungraded samples: they have predictions and no
review, and count in no score.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import orjson

from pytest_modeleval.exports.chat import call_arguments, reply_content, sent_message, stop_reason, usage_json
from pytest_modeleval.exports.target import new_folder, safe_name
from pytest_modeleval.records import JsonObject, Kind, Response
from pytest_modeleval.results import BenchmarkSummary, RunSummary, Score
from pytest_modeleval.samples.message_text import call_text
from pytest_modeleval.samples.record import SampleRecord

# EvalScope rounds scores to so many digits when it reads them.
DIGITS = 4


def write_evalscope(summary: RunSummary, records: Iterable[SampleRecord], path: Path, *, run_name: str) -> None:
    """Write the folder. records: in the order of the plan."""
    model = safe_name(summary.model)
    with new_folder(path):
        run = path / safe_name(run_name)
        for kind in ("reports", "predictions", "reviews"):
            (run / kind / model).mkdir(parents=True)
        metrics = {}
        for entry in summary.benchmarks:
            metrics[entry.benchmark] = entry.metric
            report = run / "reports" / model / f"{safe_name(entry.benchmark)}.json"
            report.write_bytes(orjson.dumps(report_json(entry, model), option=orjson.OPT_INDENT_2))
        (run / "configs").mkdir()
        # JSON is YAML.
        config = {"model": model, "model_id": model, "datasets": [safe_name(name) for name in metrics]}
        (run / "configs" / "task_config.yaml").write_bytes(orjson.dumps(config, option=orjson.OPT_INDENT_2))
        _write_samples(run, model, records, metrics)


def report_json(entry: BenchmarkSummary, model: str) -> JsonObject:
    """The report of a benchmark. Scores of subsets; no aggregates, which form 1 would count as subsets."""
    name = safe_name(entry.benchmark)
    scored = [score for score in entry.subsets if score.score is not None]
    overall = _overall(entry, scored)
    num, macro = sum(score.num for score in scored), _macro(scored)
    subsets = [{"name": safe_name(score.subset), "score": score.score, "num": score.num} for score in scored]
    figures = {"num": num, "score": overall, "macro_score": macro}
    return {
        "name": f"{model}@{name}",
        "dataset_name": name,
        "dataset_pretty_name": entry.benchmark,
        "dataset_description": "",
        "model_name": model,
        "score": overall,
        "metrics": [
            {"name": entry.metric, **figures, "categories": [{"name": ["default"], **figures, "subsets": subsets}]}
        ],
        "analysis": "N/A",
    }


def _overall(entry: BenchmarkSummary, scored: Sequence[Score]) -> float:
    """The figure that the benchmark is known by, where it is complete; else the mean over samples."""
    if entry.figure is not None and entry.figure.score is not None:
        return entry.figure.score
    num = sum(score.num for score in scored)
    return sum((score.score or 0.0) * score.num for score in scored) / num if num else 0.0


def _macro(scored: Sequence[Score]) -> float:
    return sum(score.score or 0.0 for score in scored) / len(scored) if scored else 0.0


class _SubsetFiles:
    """The two files of the subset that is being written; the records of a subset follow each other."""

    def __init__(self, run: Path, model: str) -> None:
        self._folders = run / "predictions" / model, run / "reviews" / model
        self._place = ("", "")
        self._files: list[IO[bytes]] = []
        self._samples: dict[str, int] = {}

    def open(self, record: SampleRecord) -> tuple[IO[bytes], IO[bytes], int]:
        """The files of a record's subset, and the number of its sample."""
        place = (record.benchmark, record.subset)
        if place != self._place:
            self.close()
            name = f"{safe_name(record.benchmark)}_{safe_name(record.subset)}.jsonl"
            self._place, self._samples = place, {}
            self._files = [(folder / name).open("ab") for folder in self._folders]
        predictions, reviews = self._files
        return predictions, reviews, self._samples.setdefault(record.sample, len(self._samples))

    def close(self) -> None:
        """Close the files."""
        while self._files:
            self._files.pop().close()


def _write_samples(run: Path, model: str, records: Iterable[SampleRecord], metrics: dict[str, str]) -> None:
    files = _SubsetFiles(run, model)
    indexes: dict[tuple[str, str], int] = {}
    try:
        for record in records:
            predictions, reviews, sample = files.open(record)
            place = (record.benchmark, record.subset)
            index = indexes[place] = indexes.get(place, -1) + 1
            if record.reply is not None:
                predictions.write(_line(_prediction(record, record.reply, index, model)))
            if record.kind.is_verdict:
                reviews.write(_line(_review(record, index, sample, metrics.get(record.benchmark, "score"))))
    finally:
        files.close()


def _line(entry: JsonObject) -> bytes:
    return orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)


def _prediction(record: SampleRecord, reply: Response, index: int, model: str) -> JsonObject:
    perf = {
        "latency": reply.total_s,
        "ttft": reply.first_token_s,
        "input_tokens": reply.usage.prompt_tokens or 0,
        "output_tokens": reply.usage.completion_tokens or 0,
    }
    message = {**_reply_message(reply), "perf_metrics": perf}
    return {
        "index": index,
        "model": model,
        "model_output": {
            "model": model,
            "choices": [{"message": message, "stop_reason": stop_reason(reply)}],
            "usage": usage_json(reply.usage),
            "time": reply.total_s,
            "perf_metrics": perf,
        },
        "messages": list(_messages(record)),
        "metadata": _metadata(record),
    }


def _messages(record: SampleRecord) -> Iterator[JsonObject]:
    for sent in record.messages:
        yield sent_message(sent)
    if record.reply is not None:
        yield _reply_message(record.reply)


def _reply_message(reply: Response) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": reply_content(reply), "source": "generate"}
    if reply.tool_calls:
        message["tool_calls"] = [
            {"id": call.id or str(number), "function": {"name": call.name, "arguments": call_arguments(call)[0]}}
            for number, call in enumerate(reply.tool_calls)
        ]
    return message


def _review(record: SampleRecord, index: int, sample: int, metric: str) -> JsonObject:
    reply = record.reply
    said = "" if reply is None else "\n".join(filter(None, [reply.text, *map(call_text, reply.tool_calls)]))
    return {
        "index": index,
        "input": record.question,
        "target": record.target or "",
        "messages": list(_messages(record)),
        "sample_score": {
            "score": {
                "value": {metric: record.value},
                "extracted_prediction": record.answer,
                "prediction": said,
                "explanation": record.explanation or record.cause or None,
                "metadata": {"kind": record.kind.value, "cause": record.cause},
                "main_score_name": metric,
            },
            "sample_id": index,
            "group_id": sample,
            "generation_index": record.repeat,
            "sample_metadata": _metadata(record),
        },
    }


def _metadata(record: SampleRecord) -> JsonObject:
    found: JsonObject = {"id": record.id, "kind": record.kind.value}
    if record.kind is not Kind.RIGHT:
        found["cause"] = record.cause
    return found
