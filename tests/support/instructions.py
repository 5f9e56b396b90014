"""For tests of the checkers of IFEval and IFBench: word lists that may be missing, recorded replies, short calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.instruction_following import IFBENCH, IFEVAL, Checker
from benchmarks.instruction_following.arguments import Arguments
from benchmarks.instruction_following.language import load_word_lists
from pytest_modeleval.errors import DataError
from tests.support.samples import shared_data

EVERY: Mapping[str, Checker] = {**IFEVAL, **IFBENCH}


def need_word_lists() -> None:
    """Skip the test where NLTK, or its word lists, are neither here nor can be fetched."""
    pytest.importorskip("nltk", reason="needs the extra [instructions]")
    try:
        load_word_lists()
    except DataError as missing:
        pytest.skip(f"needs NLTK's word lists: {str(missing)[:100]}")


def follows(name: str, text: str, **arguments: Any) -> bool:
    """The official verdict of one checker on one text."""
    given = Arguments(name, arguments)
    given.check_names(EVERY[name].takes)
    return EVERY[name].follows(text, given)


def repaired(name: str, text: str, **arguments: Any) -> bool:
    """The verdict of the repaired rule."""
    rule = EVERY[name].repaired
    assert rule is not None
    return rule(text, Arguments(name, arguments))


@dataclass(frozen=True)
class Recorded:
    """One recorded reply with the verdicts of the recorded run, one for each instruction."""

    key: str
    prompt: str
    instructions: tuple[tuple[str, Mapping[str, Any]], ...]
    response: str
    strict: tuple[bool, ...]
    loose: tuple[bool, ...]


def recorded_replies(folder: str, rows: str, replies: str) -> tuple[list[Recorded], list[str]]:
    """The recorded replies to rows that are there, and the prompts of the others."""
    root = shared_data(folder) / folder
    by_prompt = {row["prompt"].strip(): row for row in read_objects(root / f"{rows}.jsonl")}
    found, strange = [], []
    for reply in read_objects(root / f"{replies}.jsonl"):
        row = by_prompt.get(reply["prompt"].strip())
        if row is None:
            strange.append(reply["prompt"])
            continue
        given = zip(row["instruction_id_list"], row["kwargs"], strict=True)
        found.append(
            Recorded(
                str(row["key"]),
                row["prompt"],
                tuple(given),
                reply["response"],
                tuple(reply["strict"]),
                tuple(reply["loose"]),
            )
        )
    return found, strange


def recorded_ifeval() -> list[Recorded]:
    """The 540 replies of GPT-4 that the authors of IFEval published."""
    return recorded_replies("ifeval", "train", "recorded_gpt4_20231107")[0]


def recorded_ifbench() -> list[Recorded]:
    """The authors' sample replies to IFBench, those to rows of the newer release."""
    return recorded_replies("ifbench", "test", "recorded_official")[0]


def read_objects(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file; texts may hold other line separators."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
