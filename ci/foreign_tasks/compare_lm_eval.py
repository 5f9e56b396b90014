"""lm-eval's own values against ours, of ci/check_foreign_tasks.py."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from check_foreign_tasks import Comparison, Run, figures, run_ours, server, timed

from foreign_tasks.lm_eval_cases import CHAT, answer_keys, write_cases
from foreign_tasks.server import MODEL

RUNNER = Path(__file__).with_name("run_lm_eval.py")
# In front of a text without context; the toy tokenizer sets none.
PREFIX = "<|endoftext|>"


def compare(python: Path, folder: Path, data: Path, most: int) -> Comparison:
    """Every task with local rows, by both programs."""
    code = "import lm_eval.tasks, pathlib; print(pathlib.Path(lm_eval.tasks.__file__).parent)"
    packaged = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    tasks = folder / "tasks"
    tasks.mkdir(exist_ok=True)
    cases = write_cases(tasks, data, Path(packaged), most=most)
    found = Comparison()
    with server(answer_keys(data), folder) as url:
        for kind in dict.fromkeys(cases.values()):
            names = [name for name, its in cases.items() if its == kind]
            out = folder / f"theirs-{kind}.json"
            command = [str(python), str(RUNNER), str(tasks), url, MODEL, kind, str(out), *names]
            cpu_s = timed(command, cwd=folder, log=folder / f"theirs-{kind}.log")
            theirs = json.loads(out.read_text(encoding="utf-8"))
            prefix = () if kind == CHAT else [f"--eval-option=lm_eval_{name}.prefix={PREFIX}" for name in names]
            named = ",".join(str(tasks / name) for name in names)
            ours = run_ours(python, url, f"lm_eval:{named}", folder, f"ours-{kind}", *prefix)
            compared = _compare_samples(found, theirs, ours)
            _compare_figures(found, theirs, ours)
            print(
                f"{kind}: {len(names)} tasks, {compared:,} documents, {ours.responses:,} requests; CPU: lm-eval "
                f"{cpu_s:.1f} s, ours {ours.cpu_s:.1f} s; each document {1000 * cpu_s / compared:.2f} ms and "
                f"{1000 * ours.cpu_s / compared:.2f} ms"
            )
    return found


def _compare_samples(found: Comparison, theirs: dict[str, Any], ours: Run) -> int:
    """The values of each document; the number of documents."""
    documents = set()
    owners = {subset: benchmark for benchmark, subset, _ in ours.outcomes}
    for task, rows in theirs["samples"].items():
        is_plain = {row["filter"] for row in rows} == {"none"}
        for row in rows:
            documents.add((task, row["doc_id"]))
            measures = ours.measures(owners[task], task, row["doc_id"])
            for metric in row["metrics"]:
                label = metric if is_plain else f"{metric},{row['filter']}"
                _compare_value(found, f"{task} {row['doc_id']} {label}", row[metric], measures, label)
    return len(documents)


def _compare_value(found: Comparison, where: str, value: Any, measures: Any, label: str) -> None:
    if f"{label}.loss" in measures:
        loss, units = (value[0], value[1]) if isinstance(value, list) else (value, 1)
        found.value(f"{where} loss", -loss, measures[f"{label}.loss"])
        found.value(f"{where} units", units, measures[f"{label}.units"])
    elif isinstance(value, list) and isinstance(measures.get(label), list):
        found.value(f"{where} hits", sum(map(bool, value)), measures[label][0])
        found.value(f"{where} of", len(value), measures[label][1])
    elif isinstance(value, list) and len(value) == 2 and isinstance(value[1], list):
        # (right label, probabilities) of a Brier score.
        right, shares = value
        score = sum((share - (place == right)) ** 2 for place, share in enumerate(shares))
        found.value(where, score, measures.get(label), tolerance=1e-12)
    else:
        found.value(where, float("nan") if isinstance(value, list) else float(value), measures.get(label))


def _compare_figures(found: Comparison, theirs: dict[str, Any], ours: Run) -> None:
    """Those of tasks and groups."""
    scores = figures(ours.summary)
    for name, results in theirs["results"].items():
        filters = {key.partition(",")[2] for key in results if "," in key}
        for key, value in results.items():
            metric, comma, _ = key.partition(",")
            if not comma or "stderr" in metric:
                continue
            label = metric if filters == {"none"} else key
            found.value(f"{name} {key}", value, scores.get((name, label)), tolerance=1e-12)
