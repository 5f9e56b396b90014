"""Tasks of inspect_evals with local rows in place of the hub's: FOREIGN_DATA names their folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import inspect_ai.dataset
from inspect_ai import Task, task
from inspect_ai.dataset import Dataset, json_dataset
from inspect_evals.aime2025 import aime2025
from inspect_evals.arc import arc_challenge, arc_easy
from inspect_evals.gsm8k import gsm8k
from inspect_evals.hellaswag import hellaswag
from inspect_evals.mmlu import mmlu_0_shot
from inspect_evals.mmlu_pro import mmlu_pro
from inspect_evals.truthfulqa import truthfulqa


def _local(path: str, split: str, name: str | None = None, sample_fields: Any = None, **given: Any) -> Dataset:
    """In place of hf_dataset: the rows of a JSON Lines file."""
    kept = {key: given[key] for key in ("shuffle", "seed", "shuffle_choices", "limit") if key in given}
    stem = "_".join(part for part in (path.rpartition("/")[2], name, split) if part)
    file = Path(os.environ["FOREIGN_DATA"]) / f"{stem}.jsonl"
    return json_dataset(str(file), sample_fields, **kept)


inspect_ai.dataset.hf_dataset = _local


@task
def local_gsm8k() -> Task:
    """With ten worked examples."""
    return gsm8k()


@task
def local_arc_easy() -> Task:
    """As packaged."""
    return arc_easy()


@task
def local_arc_challenge() -> Task:
    """As packaged."""
    return arc_challenge()


@task
def local_hellaswag() -> Task:
    """As packaged."""
    return hellaswag()


@task
def local_truthfulqa() -> Task:
    """Its samples and choices in a seeded order."""
    return truthfulqa()


@task
def local_aime2025() -> Task:
    """As packaged."""
    return aime2025()


@task
def local_mmlu_pro() -> Task:
    """With worked examples in the system message."""
    return mmlu_pro(fewshot=2)


@task
def local_mmlu() -> Task:
    """As packaged, without examples."""
    return mmlu_0_shot()
