"""EvalScope's own run of benchmarks; runs in the environment of the package.

python run_evalscope.py BASE_URL MODEL OUT WORK ROOT NAME...
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

from evalscope import TaskConfig, run_task


def main(base_url: str, model: str, out: str, work: str, root: str, *names: str) -> None:
    """Run the benchmarks and write values and CPU time to `out`."""
    run_task(
        TaskConfig(
            model=model,
            api_url=base_url,
            api_key="none",
            eval_type="openai_api",
            datasets=list(names),
            dataset_args={name: {"local_path": f"{root}/{name}"} for name in names},
            judge_strategy="rule",
            eval_batch_size=64,
            work_dir=work,
            no_timestamp=True,
        )
    )
    used = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime + children.ru_utime + children.ru_stime
    found: dict[str, Any] = {name: {} for name in names}
    for file in sorted(Path(work).glob("reviews/*/*.jsonl")):
        name = next(name for name in sorted(names, key=len, reverse=True) if file.stem.startswith(f"{name}_"))
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        found[name][file.stem.removeprefix(f"{name}_")] = {
            row["index"]: row["sample_score"]["score"]["value"] for row in rows
        }
    Path(out).write_text(json.dumps({"cpu_s": cpu_s, "benchmarks": found}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
