"""Reads the stored run of judge_statements by which judged measures are corrected."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.rag.judge_rates import JudgeRates
from pytest_modeleval.store.baseline import read_baseline

PAGE = "judge_statements"


@lru_cache(maxsize=8)
def read_rates(path: str) -> JudgeRates | None:
    """The rates of the judge in a baseline, relative to the current folder; None for "". Raises SettingsError."""
    if not path:
        return None
    try:
        found = read_baseline(Path(path))
    except SettingsError as mistake:
        text = str(mistake).removeprefix("--eval-baseline: ")
        raise SettingsError(f"--eval-option rag.judge_record: {text}") from mistake
    identity = found.facts.get("identity")
    if PAGE not in found.identities or not identity:
        raise SettingsError(
            f"--eval-option rag.judge_record: expected a run of {PAGE} in {path}, found "
            f"{', '.join(found.identities) or 'none'}; make it with pytest --model JUDGE -k {PAGE} "
            f"--eval-bless={Path(path).name}"
        )
    measured = [outcome.measures for outcome in found.outcomes.values() if outcome.key.benchmark == PAGE]
    return JudgeRates.of(str(identity), found.label, measured)
