"""EvalScope's own scores against ours, of ci/check_foreign_tasks.py."""

from __future__ import annotations

import json
from pathlib import Path

from check_foreign_tasks import Comparison, run_ours, server, timed

from foreign_tasks.evalscope_cases import write_folders
from foreign_tasks.lm_eval_cases import answer_keys
from foreign_tasks.server import MODEL

RUNNER = Path(__file__).with_name("run_evalscope.py")


def compare(python: Path, folder: Path, data: Path, most: int) -> Comparison:
    """Every benchmark with local rows, by both programs."""
    root = folder / "rows"
    root.mkdir(exist_ok=True)
    names = write_folders(root, data, most)
    found = Comparison()
    with server(answer_keys(data), folder) as url:
        out = folder / "theirs.json"
        command = [str(python), str(RUNNER), url, MODEL, str(out), str(folder / "work"), str(root), *names]
        cpu_s = timed(command, cwd=folder, log=folder / "theirs.log")
        theirs = json.loads(out.read_text(encoding="utf-8"))
        named = ",".join(f"{name}@{root / name}" for name in names)
        ours = run_ours(python, url, f"evalscope:{named}", folder, "ours")
    samples = 0
    for name, subsets in theirs["benchmarks"].items():
        for subset, rows in subsets.items():
            for number, values in rows.items():
                samples += 1
                measures = ours.measures(f"evalscope_{name}", subset.replace(" ", "_"), int(number))
                for metric, value in values.items():
                    found.value(f"{name} {subset} {number} {metric}", float(value), measures.get(metric))
    print(
        f"{len(names)} benchmarks, {samples:,} samples; CPU: EvalScope {cpu_s:.1f} s, ours {ours.cpu_s:.1f} s; each "
        f"sample {1000 * cpu_s / samples:.2f} ms and {1000 * ours.cpu_s / samples:.2f} ms"
    )
    return found
