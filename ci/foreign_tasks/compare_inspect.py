"""Inspect's own scores against ours, of ci/check_foreign_tasks.py."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from check_foreign_tasks import Comparison, run_ours, server, timed

from foreign_tasks.lm_eval_cases import answer_keys, rows_of
from foreign_tasks.server import MODEL

HERE = Path(__file__).parent
TASKS = ("gsm8k", "arc_easy", "arc_challenge", "hellaswag", "truthfulqa", "aime2025", "mmlu_pro", "mmlu")


def compare(python: Path, folder: Path, data: Path, most: int) -> Comparison:
    """Every task with local rows, by both programs."""
    rows = folder / "rows"
    rows.mkdir(exist_ok=True)
    _write_rows(rows, data, most)
    os.environ["FOREIGN_DATA"] = str(rows)
    names = [f"local_{name}" for name in TASKS]
    found = Comparison()
    with server(answer_keys(data), folder) as url:
        out = folder / "theirs.json"
        command = [str(python), str(HERE / "run_inspect.py"), url, MODEL, str(out), str(folder / "logs"), *names]
        cpu_s = timed(command, cwd=folder, log=folder / "theirs.log")
        theirs = json.loads(out.read_text(encoding="utf-8"))
        named = ",".join(f"{HERE / 'inspect_local.py'}@{name}" for name in names)
        ours = run_ours(python, url, f"inspect:{named}", folder, "ours")
    documents = 0
    for task, results in theirs["tasks"].items():
        if results["status"] != "success":
            found.differences.append(f"{task}: Inspect's own run ended with {results['status']}")
        for number, scores in results["samples"].items():
            documents += 1
            measures = ours.measures(f"inspect_{task}", task, int(number))
            for scorer, parts in scores.items():
                for key, value in parts.items():
                    label = f"{scorer}/{key}" if key else scorer
                    found.value(f"{task} {number} {label}", value, measures.get(label))
    print(
        f"{len(names)} tasks, {documents:,} samples; CPU: Inspect {cpu_s:.1f} s, ours {ours.cpu_s:.1f} s; each sample "
        f"{1000 * cpu_s / documents:.2f} ms and {1000 * ours.cpu_s / documents:.2f} ms"
    )
    return found


def _write_rows(folder: Path, data: Path, most: int) -> None:
    def write(name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        kept = list(rows)[:most]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")

    for split in ("train", "test"):
        write(f"gsm8k_{split}", rows_of(data / "gsm8k" / f"{split}.jsonl"))
    for name in ("ARC-Easy", "ARC-Challenge"):
        # Some rows of the data have no id.
        rows = rows_of(data / "arc" / f"{name}_test.jsonl")
        write(f"ai2_arc_{name}_test", [{**row, "id": f"row-{place}"} for place, row in enumerate(rows)])
    rows = rows_of(data / "hellaswag" / "validation.jsonl")
    write("hellaswag_validation", [{**row, "source_id": f"s~{row['ind']}"} for row in rows])
    write("truthful_qa_multiple_choice_validation", rows_of(data / "truthful_qa" / "validation.jsonl"))
    aime = rows_of(data / "aime25" / "AIME2025-I.jsonl")
    write("aime25_test", [{"id": str(n), "problem": row["question"], **row} for n, row in enumerate(aime)])
    pro = rows_of(data / "mmlu_pro" / "test.jsonl")
    write("MMLU-Pro_test", pro)
    write("MMLU-Pro_validation", pro[:most])
    write("mmlu_all_test", rows_of(data / "mmlu" / "test.jsonl"))
