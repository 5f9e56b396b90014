"""A result to compare with: a run folder or a baseline file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.evaluation.experiment_identity import identities_of
from pytest_modeleval.evaluation.index_scores import index_scores, stored_indexes
from pytest_modeleval.evaluation.summary import merge_plans, require_plans, summarize, with_points
from pytest_modeleval.results import Baseline
from pytest_modeleval.store.baseline import read_baseline
from pytest_modeleval.store.contents import Contents
from pytest_modeleval.store.journal import JournalReader
from pytest_modeleval.store.run_file import load_run


def read_side(path: Path) -> Baseline:
    """Raises RunFolderError or SettingsError for what is neither."""
    if path.exists() and not path.is_dir():
        return read_baseline(path)
    if not path.is_dir():
        raise RunFolderError(f"expected a run folder (with run.json) or a baseline file, found {path}")
    run = load_run(path)
    contents = JournalReader(path, has_responses=False).refresh()
    require_plans(contents, path)
    return run_side(path, run, contents)


def run_side(path: Path, run: Mapping[str, Any], contents: Contents) -> Baseline:
    """The side of a run folder. run: its run.json. contents: of its journals."""
    plans = merge_plans(contents.plans)
    benchmarks = with_points(summarize(plans, contents.outcomes), plans, contents.points)
    return Baseline(
        label=str(path),
        model=str(run.get("model")),
        made_utc=str(run.get("started") or ""),
        identities=identities_of(plans, contents.outcomes),
        metrics={plan.benchmark: plan.metric for plan in plans},
        outcomes=contents.outcomes,
        facts={
            "ungraded": _count_ungraded(contents),
            "damage": contents.damage_note(),
            "indexes": index_scores(stored_indexes(run), benchmarks),
            "measures": {plan.benchmark: plan.measures for plan in plans},
        },
        points={entry.benchmark: entry.points for entry in benchmarks if entry.points},
    )


def _count_ungraded(contents: Contents) -> int:
    """How many planned items have no verdict and were not stopped early."""
    planned = (contents.outcomes.get(key) for plan in merge_plans(contents.plans) for key in plan.item_keys())
    return sum(1 for outcome in planned if outcome is None or not (outcome.kind.is_verdict or outcome.is_stopped_early))
