"""Operating points as JSON of vLLM's and SGLang's serving benchmarks: their keys, units and formulas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.exports.serving_benchmark import (
    MeasuredPoint,
    sglang_result,
    vllm_result,
    write_sglang,
    write_vllm,
)
from pytest_modeleval.stress.timing import WARM_UP, Arrival, Timing
from tests.support.point_cases import a_figure, a_point

# As `vllm bench serve --save-result --save-detailed` of vLLM 0.33 writes them.
_VLLM = """
    date endpoint_type backend label model_id tokenizer_id num_prompts request_rate burstiness max_concurrency duration
    completed failed total_input_tokens total_output_tokens request_throughput request_goodput output_throughput
    total_token_throughput input_lens output_lens ttfts itls latencies start_times queue_times generated_texts errors
    max_output_tokens_per_s max_concurrent_requests rtfx mean_ttft_ms median_ttft_ms std_ttft_ms p99_ttft_ms
    mean_tpot_ms
    median_tpot_ms std_tpot_ms p99_tpot_ms mean_itl_ms median_itl_ms std_itl_ms p99_itl_ms
"""
VLLM_KEYS = set(_VLLM.split())
# As `sglang.bench_serving --output-details` of SGLang 0.5.23 writes them.
_SGLANG = """
    tag backend dataset_name request_rate max_concurrency sharegpt_output_len random_input_len random_output_len
    random_range_ratio server_info duration completed total_input_tokens total_input_text_tokens
    total_input_vision_tokens total_output_tokens total_output_tokens_retokenized request_throughput input_throughput
    output_throughput total_throughput mean_e2e_latency_ms median_e2e_latency_ms std_e2e_latency_ms p90_e2e_latency_ms
    p95_e2e_latency_ms p99_e2e_latency_ms mean_ttft_ms median_ttft_ms std_ttft_ms p90_ttft_ms p95_ttft_ms p99_ttft_ms
    mean_tpot_ms median_tpot_ms std_tpot_ms p90_tpot_ms p95_tpot_ms p99_tpot_ms mean_itl_ms median_itl_ms std_itl_ms
    p90_itl_ms p95_itl_ms p99_itl_ms concurrency accept_length max_output_tokens_per_s max_concurrent_requests
    input_lens output_lens ttfts itls generated_texts errors
"""
SGLANG_KEYS = set(_SGLANG.split())


def a_timing(number: int, **more: Any) -> Timing:
    """Sent every half second, first token after 0.1 s, then 4 chunks of 2 tokens, 20 ms apart."""
    sent = number / 2
    arrivals = (Arrival(sent + 0.1, 1), *(Arrival(sent + 0.1 + 0.02 * chunk, 2) for chunk in range(1, 5)))
    fields: dict[str, Any] = {
        "number": number,
        "sent_s": sent,
        "first_s": sent + 0.1,
        "ended_s": sent + 0.18,
        "arrivals": arrivals,
        "completion_tokens": 9,
        "prompt_tokens": 100,
        "wanted_tokens": 9,
    }
    return Timing(**(fields | more))


def measured(number: int = 80) -> MeasuredPoint:
    """A point of one failure, a warm-up and otherwise equal requests."""
    failed = a_timing(3, failure="http_503", arrivals=(), first_s=None, completion_tokens=None, prompt_tokens=None)
    timings = [failed if place == 3 else a_timing(place) for place in range(number)]
    return MeasuredPoint.of(a_point("c1", busy=1), [*reversed(timings), a_timing(99, phase=WARM_UP)])


def test_keys_are_those_of_the_tools() -> None:
    """No key is missing; ours is one. `vllm bench serve` has more percentiles, and e2el, where it is asked for them."""
    found = vllm_result(measured(), "m")
    more = {f"{kind}_{name}_ms" for name in ("ttft", "tpot", "itl", "e2el") for kind in ("p90", "p95")}
    more |= {f"{kind}_e2el_ms" for kind in ("mean", "median", "std", "p99")}
    assert found.keys() == VLLM_KEYS | more | {"modeleval"}
    assert sglang_result(measured(), "m").keys() == SGLANG_KEYS | {"modeleval"}
    assert found["modeleval"]["figures"]["ttft_p50"]["low"] == pytest.approx(0.95 * 0.054)


@pytest.mark.parametrize("result", [vllm_result, sglang_result])
def test_figures_follow_their_formulas(result: Any) -> None:
    """Whole time, mean over requests, (n - 1) tokens; the failed request counts in no time; no warm-up."""
    found = result(measured(), "m")
    assert found["duration"] == pytest.approx(79 / 2 + 0.18)
    assert found["completed"] == 79
    assert found["total_output_tokens"] == 79 * 9
    assert found["output_throughput"] == pytest.approx(79 * 9 / found["duration"])
    assert [found["mean_ttft_ms"], found["p95_ttft_ms"]] == pytest.approx([100, 100])
    assert found["median_tpot_ms"] == pytest.approx(10)
    assert len(found["ttfts"]) == len(found["errors"]) == 80
    assert found["errors"][3] == "http_503"
    assert (found["output_lens"][3], found["itls"][3]) == (0, [])
    assert found["max_concurrent_requests"] == 2
    assert found["max_output_tokens_per_s"] == 18


@pytest.mark.parametrize("result", [vllm_result, sglang_result])
def test_gaps_are_those_of_chunks(result: Any) -> None:
    """Two tokens after 20 ms are one gap of 20 ms to both, over chat completions."""
    found = result(measured(), "m")
    assert found["mean_itl_ms"] == pytest.approx(20)
    assert len(found["itls"][0]) == 4


def test_percentiles_that_the_number_cannot_carry_are_null() -> None:
    """79 requests carry the 95th percentile, not the 99th; no request carries nothing."""
    found = vllm_result(measured(), "m")
    assert found["p95_ttft_ms"] is not None
    assert found["p99_ttft_ms"] is None
    assert found["p99_itl_ms"] is not None
    empty = sglang_result(MeasuredPoint.of(a_point(), []), "m")
    assert empty["mean_ttft_ms"] is None
    assert empty["duration"] == empty["output_throughput"] == 0


def test_loads_are_named_as_the_tools_name_them() -> None:
    """In flight without a rate, or a rate without a limit."""
    closed, opened = measured(), MeasuredPoint.of(a_point("rate4", busy=4), map(a_timing, range(3)))
    assert [vllm_result(each, "m")["request_rate"] for each in (closed, opened)] == ["inf", 4.0]
    assert [vllm_result(each, "m")["max_concurrency"] for each in (closed, opened)] == [1, None]
    assert sglang_result(opened, "m")["request_rate"] == 4.0
    assert vllm_result(opened, "m")["request_goodput"] is None
    good = a_point(figures={"goodput_req_s": a_figure(3.5)})
    assert vllm_result(MeasuredPoint.of(good, []), "m")["request_goodput"] == 3.5


def test_files_are_written_whole(tmp_path: Path) -> None:
    """A file for each point for vLLM, a line for each for SGLang; names cannot leave the folder."""
    odd = MeasuredPoint.of(a_point(point="../@c1"), [])
    write_vllm([measured(), odd], tmp_path / "v", model="m")
    files = sorted((tmp_path / "v").iterdir())
    assert len(files) == 2
    assert {json.loads(file.read_text())["label"] for file in files} == {"chat-512-128@c1", "../@c1"}
    write_sglang([measured(), odd], tmp_path / "s.jsonl", model="m")
    assert [json.loads(line)["tag"] for line in (tmp_path / "s.jsonl").read_text().splitlines()] == [
        "chat-512-128@c1",
        "../@c1",
    ]
