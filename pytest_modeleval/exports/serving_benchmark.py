"""Operating points in the JSON that the serving benchmarks of vLLM and SGLang write.

vLLM: `vllm bench serve --save-result --save-detailed` (0.33), a file for each point. SGLang: `sglang.bench_serving
--output-details` (0.5.23), a line for each point. Keys, units and formulas are theirs: times of all requests by linear
interpolation, throughput over the whole time. Requests are those of the steady phase, without warm-up and tail. Two
things differ: a percentile that the number of requests cannot carry is null, and the texts of replies, which are not
stored, are empty. What we measured stands under `modeleval`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from pytest_modeleval.exports.target import new_file, new_folder, safe_name
from pytest_modeleval.records import JsonObject
from pytest_modeleval.stress.percentiles import needed_for
from pytest_modeleval.stress.point import PointResult
from pytest_modeleval.stress.timing import STEADY, Arrival, Timing

_BACKEND = {"vllm": "openai-chat", "sglang": "sglang-oai-chat"}
_PERCENTILES = (90, 95, 99)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPoint:
    """A point with its requests."""

    result: PointResult
    timings: Sequence[Timing]
    """Of the steady phase, in the order of sending."""

    @classmethod
    def of(cls, result: PointResult, timings: Iterable[Timing]) -> MeasuredPoint:
        """The point with those of the timings that are measured."""
        steady = sorted((each for each in timings if each.phase == STEADY), key=lambda each: each.sent_s)
        return cls(result=result, timings=steady)

    @property
    def complete(self) -> list[Timing]:
        """The requests with a whole response."""
        return [each for each in self.timings if each.is_complete]

    @property
    def seconds(self) -> float:
        """From the first request to the end of the last response."""
        if not self.timings:
            return 0.0
        return max(each.ended_s for each in self.timings) - min(each.sent_s for each in self.timings)


def write_vllm(points: Iterable[MeasuredPoint], path: Path, *, model: str) -> None:
    """A folder with a file for each point."""
    with new_folder(path):
        for point in points:
            file = path / f"{safe_name(point.result.label.replace('@', '-'))}.json"
            file.write_bytes(orjson.dumps(vllm_result(point, model), option=orjson.OPT_SERIALIZE_NUMPY))


def write_sglang(points: Iterable[MeasuredPoint], path: Path, *, model: str) -> None:
    """A file with a line for each point."""
    with new_file(path) as draft, draft.open("wb") as file:
        for point in points:
            file.write(orjson.dumps(sglang_result(point, model), option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")


def vllm_result(point: MeasuredPoint, model: str) -> JsonObject:
    """The object of `vllm bench serve`."""
    result, done = point.result, point.complete
    peak_tokens, peak_requests = _peaks(done)
    good = result.figures.get("goodput_req_s")
    found = {
        "date": datetime.now().astimezone().strftime("%Y%m%d-%H%M%S"),
        "endpoint_type": _BACKEND["vllm"],
        "backend": _BACKEND["vllm"],
        "label": result.label,
        "model_id": model,
        "tokenizer_id": model,
        "num_prompts": len(point.timings),
        "request_rate": "inf" if result.rate is None else result.rate,
        "burstiness": 1.0,
        "max_concurrency": result.concurrency,
        **_totals(point),
        "failed": len(point.timings) - len(done),
        "request_goodput": None if good is None else good.value,
        "total_token_throughput": _rate(sum(map(_tokens_of, done)), point.seconds),
        "latencies": [each.ended_s - each.sent_s for each in point.timings],
        "start_times": [each.sent_s for each in point.timings],
        "queue_times": [each.send_lag_s for each in point.timings],
        "max_output_tokens_per_s": peak_tokens,
        "max_concurrent_requests": peak_requests,
        "rtfx": 0.0,
        **_details(point),
    }
    for name, values in _latencies(done).items():
        found |= _statistics("e2el" if name == "e2e" else name, values)
    return found | _ours(point)


def sglang_result(point: MeasuredPoint, model: str) -> JsonObject:
    """The object of `sglang.bench_serving`."""
    result, done = point.result, point.complete
    peak_tokens, peak_requests = _peaks(done)
    totals = _totals(point)
    found = {
        "tag": result.label,
        "backend": _BACKEND["sglang"],
        "dataset_name": result.workload,
        "request_rate": "trace" if result.workload.startswith("trace-") else result.rate or "inf",
        "max_concurrency": result.concurrency,
        "sharegpt_output_len": None,
        "random_input_len": _mean([each.prompt_tokens or 0 for each in done]),
        "random_output_len": _mean([each.wanted_tokens or 0 for each in done]),
        "random_range_ratio": 1.0,
        "server_info": {"served_model_name": model},
        **totals,
        "total_input_text_tokens": totals["total_input_tokens"],
        "total_input_vision_tokens": 0,
        "total_output_tokens_retokenized": None,
        "input_throughput": _rate(totals["total_input_tokens"], point.seconds),
        "total_throughput": _rate(sum(map(_tokens_of, done)), point.seconds),
        "concurrency": _rate(sum(each.ended_s - each.sent_s for each in done), point.seconds),
        "accept_length": None,
        "max_output_tokens_per_s": peak_tokens,
        "max_concurrent_requests": peak_requests,
        **_details(point),
    }
    for name, values in _latencies(done).items():
        found |= _statistics("e2e_latency" if name == "e2e" else name, values)
    return found | _ours(point)


def _totals(point: MeasuredPoint) -> dict[str, Any]:
    """What both formats call alike."""
    done = point.complete
    outputs = sum(each.completion_tokens or 0 for each in done)
    return {
        "duration": point.seconds,
        "completed": len(done),
        "total_input_tokens": sum(each.prompt_tokens or 0 for each in done),
        "total_output_tokens": outputs,
        "request_throughput": _rate(len(done), point.seconds),
        "output_throughput": _rate(outputs, point.seconds),
    }


def _details(point: MeasuredPoint) -> dict[str, Any]:
    """What both formats say of each request; 0 and [] for one that failed."""
    return {
        "input_lens": [each.prompt_tokens or 0 for each in point.timings],
        "output_lens": [(each.completion_tokens or 0) if each.is_complete else 0 for each in point.timings],
        "ttfts": [_ttft(each) or 0.0 for each in point.timings],
        "itls": [_chunk_gaps(each.arrivals) for each in point.timings],
        "generated_texts": [""] * len(point.timings),
        "errors": [each.failure for each in point.timings],
    }


def _chunk_gaps(arrivals: Sequence[Arrival]) -> list[float]:
    """Seconds between two arrivals, however many tokens they carry: so both count them over chat completions."""
    return [later.at_s - earlier.at_s for earlier, later in pairwise(arrivals)]


def _latencies(done: Sequence[Timing]) -> dict[str, list[float]]:
    """Name -> seconds of every complete request, or of every gap."""
    return {
        "ttft": [value for each in done if (value := _ttft(each)) is not None],
        "tpot": [value for each in done if (value := _tpot(each)) is not None],
        "itl": [gap for each in done for gap in _chunk_gaps(each.arrivals)],
        "e2e": [each.ended_s - each.sent_s for each in done],
    }


def _ttft(timing: Timing) -> float | None:
    return None if timing.first_s is None else timing.first_s - timing.sent_s


def _tpot(timing: Timing) -> float | None:
    """Both leave out replies of one token."""
    if timing.first_s is None or (timing.completion_tokens or 0) < 2:
        return None
    return (timing.ended_s - timing.first_s) / ((timing.completion_tokens or 0) - 1)


def _statistics(name: str, seconds: Sequence[float]) -> dict[str, float | None]:
    """Mean, median, deviation and percentiles in milliseconds; null where there are too few values."""
    if not seconds:
        return {f"{kind}_{name}_ms": None for kind in ("mean", "median", "std", *(f"p{q}" for q in _PERCENTILES))}
    values = 1000 * np.asarray(seconds, dtype=np.float64)
    found = {"mean": float(values.mean()), "median": float(np.median(values)), "std": float(values.std())}
    tails = {
        f"p{q}": float(np.percentile(values, q)) if values.size >= needed_for(q / 100) else None for q in _PERCENTILES
    }
    return {f"{kind}_{name}_ms": value for kind, value in (found | tails).items()}


def _peaks(done: Sequence[Timing]) -> tuple[float, int]:
    """The most tokens that came within a second from the first request, and the most requests that were under way."""
    if not done:
        return 0.0, 0
    start = min(each.sent_s for each in done)
    size = int(max(each.ended_s for each in done) - start) + 2
    tokens, requests = np.zeros(size), np.zeros(size, dtype=np.int64)
    for each in done:
        for arrival in each.arrivals:
            tokens[int(arrival.at_s - start)] += arrival.tokens
        requests[int(each.sent_s - start) : int(each.ended_s - start) + 1] += 1
    return float(tokens.max()), int(requests.max())


def _tokens_of(timing: Timing) -> int:
    return (timing.prompt_tokens or 0) + (timing.completion_tokens or 0)


def _rate(number: float, seconds: float) -> float:
    return number / seconds if seconds else 0.0


def _mean(numbers: Sequence[int]) -> int | None:
    return round(sum(numbers) / len(numbers)) if numbers else None


def _ours(point: MeasuredPoint) -> dict[str, Any]:
    """Our own figures with their intervals, and whether the point can be judged."""
    result = point.result
    kept = ("value", "low", "high", "num", "unit", "missing")
    figures = {name: {key: getattr(figure, key) for key in kept} for name, figure in result.figures.items()}
    return {"modeleval": {"point": result.label, "unjudged": result.unjudged, "figures": figures}}
