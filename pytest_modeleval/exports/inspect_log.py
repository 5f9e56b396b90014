"""A run as logs of Inspect (`inspect view`): one file NAME.eval for each benchmark, in the log format of version 2.

A .eval file is a zip: header.json, summaries.json, _journal/start.json and samples/ID_epoch_N.json. The samples are
written as they are read. A sample without a verdict has an error and no score, as Inspect has it.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson

from pytest_modeleval._support.shorten import shorten
from pytest_modeleval.exports.chat import call_arguments, reply_content, sent_message, stop_reason, usage_json
from pytest_modeleval.exports.target import new_folder, safe_name
from pytest_modeleval.records import JsonObject, Response
from pytest_modeleval.results import BenchmarkSummary, RunSummary
from pytest_modeleval.samples.message_text import call_text
from pytest_modeleval.samples.record import SampleRecord

_VERSION = 2
_MOST_SUMMARY = 1_000
_CONFIG = ("temperature", "top_p", "top_k", "max_tokens", "seed", "frequency_penalty", "presence_penalty")


def write_inspect(
    summary: RunSummary, records: Iterable[SampleRecord], path: Path, *, run: Mapping[str, Any], run_name: str
) -> None:
    """Write the folder with a log for each benchmark. records: in the order of the plan. run: run.json."""
    with new_folder(path):
        entries = {entry.benchmark: entry for entry in summary.benchmarks}
        for benchmark, found in _by_benchmark(records):
            if benchmark in entries:
                log = _Log(summary.model, entries[benchmark], run, run_name)
                log.write(path / f"{safe_name(run_name)}_{safe_name(benchmark)}.eval", found)
                # One that no outcome follows is in no second file.
                del entries[benchmark]


def _by_benchmark(records: Iterable[SampleRecord]) -> Iterator[tuple[str, Iterator[SampleRecord]]]:
    return groupby(records, key=lambda record: record.benchmark)


@dataclass(slots=True)
class _Log:
    """The log of one benchmark."""

    model: str
    entry: BenchmarkSummary
    run: Mapping[str, Any]
    run_name: str
    summaries: list[JsonObject] = field(default_factory=list)
    sample_ids: dict[str, str] = field(default_factory=dict)
    """Id in the log -> subset."""
    params: JsonObject = field(default_factory=dict)
    usage: Counter[str] = field(default_factory=Counter)
    epochs: int = 1

    def write(self, path: Path, records: Iterable[SampleRecord]) -> None:
        with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for record in records:
                self._add(archive, record)
            start = {"version": _VERSION, "eval": self._spec(), "plan": self._plan()}
            _write(archive, "_journal/start.json", start)
            _write(archive, "summaries.json", self.summaries)
            _write(archive, "header.json", {**start, "status": "success", "results": self._results(), **self._stats()})

    def _add(self, archive: zipfile.ZipFile, record: SampleRecord) -> None:
        sample = sample_json(record, self.model, self.entry.metric)
        if self.sample_ids.setdefault(sample["id"], record.subset) != record.subset:
            sample["id"] = safe_name(f"{record.subset} {record.sample}")
            self.sample_ids.setdefault(sample["id"], record.subset)
        if record.exchanges and not self.params:
            self.params = {name: record.exchanges[0].params.get(name) for name in _CONFIG}
        for usage in sample["model_usage"].values():
            self.usage.update({name: count for name, count in usage.items() if count is not None})
        self.epochs = max(self.epochs, sample["epoch"])
        self.summaries.append(_summary_json(sample))
        _write(archive, f"samples/{sample['id']}_epoch_{sample['epoch']}.json", sample)

    def _spec(self) -> JsonObject:
        name = self.entry.benchmark
        started = str(self.run.get("started") or "1970-01-01T00:00:00Z")
        return {
            "eval_id": _identity(self.run_name, name, started),
            "run_id": _identity(self.run_name, started),
            "task_id": _identity(name),
            "created": started,
            "task": name,
            "task_version": self.entry.version,
            "dataset": {"name": name, "samples": len(self.sample_ids), "sample_ids": list(self.sample_ids)},
            "model": self.model,
            "model_generate_config": self._config(),
            "config": {"epochs": self.epochs},
            "metadata": {"exported_from": "pytest-modeleval", "run": self.run_name},
            "scorers": [{"name": self.entry.metric, "metrics": [{"name": self.entry.metric}]}],
        }

    def _config(self) -> JsonObject:
        return {name: value for name, value in self.params.items() if type(value) in (int, float)}

    def _plan(self) -> JsonObject:
        return {"name": "plan", "steps": [], "config": self._config()}

    def _results(self) -> JsonObject:
        scored = sum(1 for summary in self.summaries if summary["scores"])
        return {
            "total_samples": len(self.summaries),
            "completed_samples": scored,
            "logged_samples": len(self.summaries),
            "scores": [
                {
                    "name": self.entry.metric,
                    "scorer": self.entry.metric,
                    "scored_samples": scored,
                    "unscored_samples": len(self.summaries) - scored,
                    "metrics": {name: {"name": name, "value": value} for name, value in _figures(self.entry)},
                }
            ],
        }

    def _stats(self) -> JsonObject:
        return {
            "stats": {
                "started_at": str(self.run.get("started") or ""),
                "completed_at": str(self.run.get("finished") or ""),
                "model_usage": {self.model: dict(self.usage)},
            }
        }


def _figures(entry: BenchmarkSummary) -> Iterator[tuple[str, float]]:
    """The scores of aggregates and subsets, by name; those that there are."""
    aggregates = [(score.name, score.score) for score in entry.aggregates]
    subsets = [(score.subset, score.score) for score in entry.subsets]
    for name, score in [*aggregates, *subsets]:
        if score is not None:
            yield name, score


def sample_json(record: SampleRecord, model: str, metric: str) -> JsonObject:
    """A sample of Inspect's log."""
    reply = record.reply
    messages = [*map(sent_message, record.messages), *([_reply_message(reply)] if reply is not None else [])]
    for number, message in enumerate(messages):
        message["id"] = str(number)
    usage = usage_json(reply.usage) if reply is not None else None
    return {
        "id": _sample_id(record),
        "epoch": record.repeat + 1,
        "input": record.question,
        "target": record.target or "",
        "messages": messages,
        "output": _output(reply, messages, model),
        "scores": {metric: _score(record)} if record.kind.is_verdict else {},
        "metadata": {"subset": record.subset, "id": record.id, "kind": record.kind.value, "cause": record.cause},
        "store": {},
        "events": [],
        "attachments": {},
        "model_usage": {model: usage} if usage is not None else {},
        "total_time": record.total_s,
        **({} if record.kind.is_verdict else {"error": _error(record)}),
    }


def _sample_id(record: SampleRecord) -> str:
    """A name that is safe in a zip. `_Log` adds the subset where several have a sample of one id."""
    return safe_name(record.sample)


def _reply_message(reply: Response) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": reply_content(reply), "source": "generate"}
    if reply.tool_calls:
        message["tool_calls"] = []
        for number, call in enumerate(reply.tool_calls):
            arguments, fault = call_arguments(call)
            message["tool_calls"].append(
                {"id": call.id or str(number), "function": call.name, "arguments": arguments, "parse_error": fault}
            )
    return message


def _output(reply: Response | None, messages: list[JsonObject], model: str) -> JsonObject:
    if reply is None:
        return {"model": model, "choices": [], "completion": ""}
    return {
        "model": reply.model or model,
        "choices": [{"message": messages[-1], "stop_reason": stop_reason(reply)}],
        "completion": "\n".join(filter(None, [reply.text, *map(call_text, reply.tool_calls)])),
        "usage": usage_json(reply.usage),
        "time": reply.total_s,
    }


def _score(record: SampleRecord) -> JsonObject:
    return {
        "value": record.value,
        "answer": record.answer,
        "explanation": record.explanation or record.cause,
        "metadata": {"kind": record.kind.value, "cause": record.cause},
    }


def _error(record: SampleRecord) -> JsonObject:
    text = f"{record.kind.label}: {record.explanation or record.cause}"
    return {"message": text, "traceback": text, "traceback_ansi": text}


def _summary_json(sample: Mapping[str, Any]) -> JsonObject:
    """The line of a sample in the list of samples: its texts shortened, as Inspect does."""
    found = {
        name: sample[name] for name in ("id", "epoch", "target", "scores", "metadata", "model_usage", "total_time")
    }
    error = sample.get("error")
    return {
        **found,
        "input": shorten(sample["input"], _MOST_SUMMARY),
        "completed": True,
        "message_count": len(sample["messages"]),
        **({"error": error["message"]} if error else {}),
    }


def _write(archive: zipfile.ZipFile, name: str, value: Any) -> None:
    archive.writestr(name, orjson.dumps(value))


def _identity(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:22]
