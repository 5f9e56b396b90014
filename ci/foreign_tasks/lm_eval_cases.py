"""Packaged tasks of lm-eval on rows of a data folder: YAML files that include the packaged ones, and the rows."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Rows = Iterable[Mapping[str, Any]]
CHAT, PLAIN = "chat", "plain"


def write_cases(root: Path, data: Path, packaged: Path, *, most: int) -> dict[str, str]:
    """Name of a task or group -> CHAT or PLAIN. packaged: the folder of the package's tasks. most: rows of a task."""
    files = _Files(root, packaged, most)
    _write_chats(files, data)
    _write_plain(files, data)
    return files.made


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


class _Files:
    def __init__(self, root: Path, packaged: Path, most: int) -> None:
        self._root, self._packaged, self._most = root, packaged, most
        self.made: dict[str, str] = {}

    def task(self, include: str, kind: str, *, is_in_group: bool = False, more: str = "", **splits: Rows) -> str:
        """A task of the packaged file `include`, with rows for each split."""
        name = f"local_{Path(include).stem}"
        files = {}
        for split, rows in splits.items():
            file = self._root / f"{name}.{split}.jsonl"
            kept = list(rows)[: self._most]
            file.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
            files[split] = str(file)
        lines = [
            f"include: {self._packaged / include}",
            f"task: {name}",
            "dataset_path: json",
            "dataset_name: null",
            f"dataset_kwargs: {json.dumps({'data_files': files})}",
            "tag: null",
            more,
        ]
        (self._root / f"{name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        if not is_in_group:
            self.made[name] = kind
        return name

    def group(
        self, name: str, kind: str, tasks: Iterable[str], metric: str, *, by_size: bool, filters: str = ""
    ) -> None:
        entry = {"metric": metric, "weight_by_size": by_size, **({"filter_list": filters} if filters else {})}
        content = {"group": name, "task": list(tasks), "aggregate_metric_list": [entry]}
        (self._root / f"{name}.yaml").write_text(json.dumps(content) + "\n", encoding="utf-8")
        self.made[name] = kind


def _write_chats(files: _Files, data: Path) -> None:
    gsm8k = data / "gsm8k"
    files.task("gsm8k/gsm8k.yaml", CHAT, train=rows_of(gsm8k / "train.jsonl"), test=rows_of(gsm8k / "test.jsonl"))
    if any(
        (Path(folder) / "tokenizers" / "punkt_tab").is_dir() for folder in os.environ.get("NLTK_DATA", "").split(":")
    ):
        # Its checkers split sentences with NLTK's word lists.
        files.task("ifeval/ifeval.yaml", CHAT, train=filter(_is_stable, rows_of(data / "ifeval" / "train.jsonl")))
    files.task("hendrycks_math/hendrycks_math500.yaml", CHAT, test=rows_of(data / "math_500" / "test.jsonl"))
    aime = [{"problem": row["question"], **row} for row in rows_of(data / "aime25" / "AIME2025-I.jsonl")]
    files.task("aime/aime25.yaml", CHAT, test=aime)
    pro = rows_of(data / "mmlu_pro" / "test.jsonl")
    shots = [{**row, "cot_content": f"A: Let's think step by step. The answer is ({row['answer']})."} for row in pro]
    names = ("biology", "law", "math")
    tasks = [
        files.task(
            f"mmlu_pro/mmlu_pro_{name}.yaml",
            CHAT,
            is_in_group=True,
            validation=[row for row in shots if row["category"] == name][-5:],
            test=[row for row in pro if row["category"] == name],
        )
        for name in names
    ]
    files.group("local_mmlu_pro", CHAT, tasks, "exact_match", by_size=True, filters="custom-extract")
    bbh = rows_of(data / "bbh" / "test.jsonl")
    tasks = [
        files.task(
            f"bbh/cot_zeroshot/{name}.yaml",
            CHAT,
            is_in_group=True,
            test=[row for row in bbh if row["subset"] == name],
        )
        for name in ("boolean_expressions", "navigate", "ruin_names")
    ]
    files.group("local_bbh", CHAT, tasks, "exact_match", by_size=False, filters="flexible-extract")


def _is_stable(row: Mapping[str, Any]) -> bool:
    """Its checkers give the same verdict twice: no guess of the language, no letter drawn at random."""
    ids = row["instruction_id_list"]
    return row["key"] not in (1122, 1129) and not any(one.startswith(("language:", "change_case:")) for one in ids)


def _write_plain(files: _Files, data: Path) -> None:
    arc = rows_of(data / "arc" / "ARC-Challenge_test.jsonl")
    files.task("arc/arc_challenge.yaml", PLAIN, train=arc[-9:], validation=arc[-9:], test=arc)
    mutual = (
        "metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}, "
        "{metric: acc_mutual_info, aggregation: mean, higher_is_better: true}, "
        "{metric: brier_score, aggregation: brier_score, higher_is_better: false}]\nnum_fewshot: 2"
    )
    easy = rows_of(data / "arc" / "ARC-Easy_test.jsonl")
    files.task("arc/arc_easy.yaml", PLAIN, more=mutual, train=easy[-9:], validation=easy[-9:], test=easy)
    hellaswag = rows_of(data / "hellaswag" / "validation.jsonl")
    files.task("hellaswag/hellaswag.yaml", PLAIN, train=hellaswag[-9:], validation=hellaswag)
    truthful = rows_of(data / "truthful_qa" / "validation.jsonl")
    files.task("truthfulqa/truthfulqa_mc1.yaml", PLAIN, validation=truthful)
    files.task("truthfulqa/truthfulqa_mc2.yaml", PLAIN, validation=truthful)
    mmlu, dev = rows_of(data / "mmlu" / "test.jsonl"), rows_of(data / "mmlu" / "dev.jsonl")
    tasks = [
        files.task(
            f"mmlu/default/mmlu_{name}.yaml",
            PLAIN,
            is_in_group=True,
            dev=[row for row in dev if row["subject"] == name],
            test=[row for row in mmlu if row["subject"] == name],
        )
        for name in ("anatomy", "virology", "world_religions")
    ]
    files.group("local_mmlu", PLAIN, tasks, "acc", by_size=True)
    texts = [{"text": " ".join(row["ctx"].split())} for row in hellaswag]
    files.task("lambada/lambada_openai.yaml", PLAIN, test=texts)
    essays = json.loads((data / "ruler" / "PaulGrahamEssays.json").read_text(encoding="utf-8"))["text"]
    words = re.sub(r"[ \t]+", " ", essays).split(" ")
    # Of many lengths, some beyond the server's context.
    pages = [{"page": " ".join(words[at : at + 40 + at % 5000])} for at in range(0, 90_000, 3001)]
    files.task("wikitext/wikitext.yaml", PLAIN, train=pages[:1], validation=pages[:1], test=pages)


def answer_keys(data: Path) -> dict[str, str]:
    """Line of a prompt -> a right answer, for the scripted server."""
    keys: dict[str, str] = {}
    for row in rows_of(data / "gsm8k" / "test.jsonl"):
        keys[row["question"].strip()] = row["answer"].rsplit("#### ", 1)[-1]
    for row in rows_of(data / "math_500" / "test.jsonl"):
        keys[row["problem"].split("\n")[-1].strip()] = row["answer"]
    for row in rows_of(data / "aime25" / "AIME2025-I.jsonl"):
        keys[row["question"].strip()] = str(row["answer"])
    for row in rows_of(data / "mmlu_pro" / "test.jsonl"):
        keys[row["question"].split("\n")[-1].strip()] = row["answer"]
    for row in rows_of(data / "bbh" / "test.jsonl"):
        keys[row["input"].split("\n")[0].strip()] = row["target"]
    return keys
