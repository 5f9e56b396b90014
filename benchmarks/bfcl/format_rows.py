"""Format sensitivity: 200 questions, each asked as text in 26 forms. Rows are made from the wheel, ids are official."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_modeleval.datasets import Row
from pytest_modeleval.records import Sample

from .categories import CATEGORIES
from .text_prompts import all_forms
from .wheel import DEFAULT_VERSION, member

SUBSET = "format_sensitivity"
_DATA = "bfcl_eval/data"


@functools.cache
def format_rows() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The 5,200 rows: every question in every form, in the official order. Fetches the wheel if it is not cached."""
    forms = all_forms()
    rows: list[dict[str, Any]] = []
    for question in _questions():
        for form in forms:
            identifier = f"{SUBSET}_{len(rows)}:{form.name}:{question['id']}"
            rows.append({**question, "id": identifier, "origin": question["id"], "form": forms.index(form)})
    return {SUBSET: rows}


def _questions() -> list[dict[str, Any]]:
    wanted = json.loads(member(DEFAULT_VERSION, f"{_DATA}/BFCL_v4_{SUBSET}.json").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = []
    for category, identifiers in wanted.items():
        chosen = set(identifiers)
        answers = {row["id"]: row["ground_truth"] for row in _file(f"possible_answer/BFCL_v4_{category}.json")}
        rows = [row for row in _file(f"BFCL_v4_{category}.json") if row["id"] in chosen]
        found += [{**row, "category": category, "ground_truth": answers[row["id"]]} for row in rows]
    return found


def _file(name: str) -> list[dict[str, Any]]:
    lines = member(DEFAULT_VERSION, f"{_DATA}/{name}").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def format_sample(row: Row) -> Sample:
    """One question in one form. The 26 forms of a question share a cluster: they are not independent."""
    form, category = all_forms()[row.integer("form")], CATEGORIES[row.text("category")]
    data = {
        "category": category.name,
        "messages": row["question"],
        "functions": row["function"],
        "wanted": category.wanted.value,
        "language": category.language.value,
        "form": form.reply,
        "is_tagged": form.is_tagged,
        "text_form": form,
    }
    text = str(row["question"][0][-1]["content"])
    return Sample(question=text, target=row["ground_truth"], data=data, cluster=row.text("origin"))
