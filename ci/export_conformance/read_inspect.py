"""Runs in an environment with Inspect: its own functions read the logs of an export. Prints JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from inspect_ai.log import (  # type: ignore[import-not-found]
    list_eval_logs,
    read_eval_log,
    read_eval_log_sample,
    read_eval_log_sample_summaries,
)


def main(folder: str) -> None:
    """Print benchmark -> scores by name, samples scored and not, and the value of every sample."""
    found: dict[str, Any] = {}
    for info in list_eval_logs(folder):
        header = read_eval_log(info, header_only=True)
        log = read_eval_log(info)
        assert header.status == log.status == "success"
        summaries = {(each.id, each.epoch): each for each in read_eval_log_sample_summaries(info)}
        assert set(summaries) == {(sample.id, sample.epoch) for sample in log.samples}
        first = log.samples[0]
        assert read_eval_log_sample(info, id=first.id, epoch=first.epoch).id == first.id
        [score] = header.results.scores
        values: dict[str, list[float]] = {}
        for sample in log.samples:
            assert sample.output.choices or sample.error, f"{sample.id}: neither reply nor error"
            for given in (sample.scores or {}).values():
                values.setdefault(sample.metadata["subset"], []).append(given.as_float())
        found[log.eval.task] = {
            "metrics": {name: metric.value for name, metric in score.metrics.items()},
            "scored": score.scored_samples,
            "unscored": score.unscored_samples,
            "errors": sum(1 for sample in log.samples if sample.error),
            "values": values,
            "messages": sum(len(sample.messages) for sample in log.samples),
        }
    print(json.dumps(found))


main(sys.argv[1])
