"""Folders with local rows for benchmarks of EvalScope, in the fields of their hubs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from foreign_tasks.lm_eval_cases import rows_of

Rows = Iterable[Mapping[str, Any]]


def write_folders(root: Path, data: Path, most: int) -> list[str]:
    """Names of benchmarks; each has a folder of its name."""

    def write(name: str, **configs: dict[str, Rows]) -> None:
        folder = root / name
        folder.mkdir(exist_ok=True)
        entries = []
        for config, splits in configs.items():
            files = []
            for split, rows in splits.items():
                file = f"{config}-{split}.jsonl"
                kept = list(rows)[:most]
                (folder / file).write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
                files.append({"split": split, "path": file})
            entries.append({"config_name": config, "data_files": files})
        # YAML is a superset of JSON.
        (folder / "README.md").write_text(f"---\nconfigs: {json.dumps(entries)}\n---\n", encoding="utf-8")

    gsm8k = {split: rows_of(data / "gsm8k" / f"{split}.jsonl") for split in ("train", "test")}
    write("gsm8k", main=gsm8k)
    arc = {name: rows_of(data / "arc" / f"{name}_test.jsonl") for name in ("ARC-Easy", "ARC-Challenge")}
    kept = ("question", "choices", "answerKey")
    write("arc", **{name: {"test": [{key: row[key] for key in kept} for row in rows]} for name, rows in arc.items()})
    write("hellaswag", default={"validation": rows_of(data / "hellaswag" / "validation.jsonl")})
    write("math_500", default={"test": rows_of(data / "math_500" / "test.jsonl")})
    aime = [
        {"problem": row["question"], "answer": row["answer"]} for row in rows_of(data / "aime25" / "AIME2025-I.jsonl")
    ]
    write("aime25", default={"test": aime})
    write("truthful_qa", multiple_choice={"validation": rows_of(data / "truthful_qa" / "validation.jsonl")})
    write("iquiz", **{name: {"test": rows_of(data / "iquiz" / f"{name}.jsonl")} for name in ("IQ", "EQ")})
    return ["gsm8k", "arc", "hellaswag", "math_500", "aime25", "truthful_qa", "iquiz"]
