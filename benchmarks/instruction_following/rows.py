"""Rows of IFEval and IFBench: a prompt and its instructions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.records import Sample

from .language import missing_packages


def to_sample(row: Row) -> Sample:
    """The prompt as the question; data["instructions"] holds (id, arguments) pairs, arguments without nulls.

    Raises DataError unless there is one object of arguments for each id.
    """
    names, given = row.texts("instruction_id_list"), row["kwargs"]
    if not isinstance(given, list) or len(given) != len(names) or not all(isinstance(part, Mapping) for part in given):
        raise DataError(
            f"expected in field 'kwargs' a list of {len(names)} objects, one for each of 'instruction_id_list', found "
            f"{given!r:.80}, in {row.where}"
        )
    # The hub's table has every argument of every instruction in each object.
    arguments = [{name: value for name, value in part.items() if value is not None} for part in given]
    return Sample(question=row.text("prompt"), data={"instructions": list(zip(names, arguments, strict=True))})


def sample_id(row: Row) -> str:
    """The key, by which papers and issues name a row."""
    return str(row["key"])


def instructions_of(sample: Sample) -> list[tuple[str, Mapping[str, Any]]]:
    """The (id, arguments) pairs of a sample."""
    return [(name, arguments) for name, arguments in sample.data["instructions"]]


def missing_for_ifeval() -> str:
    """What has to be installed first, as a sentence; empty if nothing has to."""
    return missing_packages("nltk", "langdetect")


def missing_for_ifbench() -> str:
    """The same for IFBench."""
    return missing_packages("nltk", "syllapy", "emoji")
