"""Inspect's own run of tasks; runs in the environment of the package.

python run_inspect.py BASE_URL MODEL OUT LOGS TASK...
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

import inspect_local
from inspect_ai import eval as run_eval
from inspect_ai.scorer import value_to_float


def main(base_url: str, model: str, out: str, logs: str, *names: str) -> None:
    """Run the tasks and write scores and CPU time to `out`."""
    tasks = {name: getattr(inspect_local, name)() for name in names}
    places = {name: {sample.id: number for number, sample in enumerate(_ordered(task))} for name, task in tasks.items()}
    made = run_eval(
        list(tasks.values()),
        model=f"openai/{model}",
        model_base_url=base_url,
        model_args={"responses_api": False},
        log_dir=logs,
        display="none",
        max_connections=64,
        max_samples=64,
        max_tasks=4,
        epochs=1,
    )
    to_float = value_to_float()
    found: dict[str, Any] = {}
    for log in made:
        name = log.eval.task.rpartition("/")[2]
        found[name] = {
            "samples": {
                str(places[name][sample.id]): {
                    scorer: {str(key): to_float(value) for key, value in _parts(score.value)}
                    for scorer, score in (sample.scores or {}).items()
                }
                for sample in log.samples or []
            },
            "status": log.status,
        }
    used = resource.getrusage(resource.RUSAGE_SELF)
    Path(out).write_text(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "tasks": found}), encoding="utf-8")


def _ordered(task: Any) -> list[Any]:
    """The samples in the order that --eval-tasks gives them."""
    samples = list(task.dataset)
    return sorted(samples, key=lambda one: (str(one.id), str(one.input))) if task.dataset.shuffled else samples


def _parts(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else [("", value)]


if __name__ == "__main__":
    main(*sys.argv[1:])
