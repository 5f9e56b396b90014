"""The stored run that --eval-only selects from and --eval-rescore grades again."""

from __future__ import annotations

from pathlib import Path

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.evaluation.summary import merge_plans, require_plans
from pytest_modeleval.records import ItemKey, JsonObject, Kind
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.journal import JournalReader
from pytest_modeleval.store.run_file import read_run
from pytest_modeleval.store.run_folder import last_run, runs_of


def earlier_folder(settings: Settings) -> Path | None:
    """The stored run that --eval-only and --eval-rescore look at; None without them. Raises UserError."""
    if settings.rescore_dir is not None:
        return settings.rescore_dir
    if not settings.only:
        return None
    if settings.run_dir is not None and read_run(settings.run_dir) is not None:
        raise SettingsError(
            "--eval-only asks again, so it needs a run of its own: leave --eval-run out, or name a new folder. "
            "To grade stored answers again, use --eval-rescore DIR --eval-only KIND"
        )
    folder = last_run(runs_of(settings.invocation_dir, settings.model))
    if folder is None:
        raise SettingsError(f"--eval-only: no earlier run of {settings.model} below {settings.invocation_dir}")
    return folder


def earlier_items(settings: Settings, folder: Path) -> frozenset[ItemKey]:
    """Which items of a stored run are taken: all it planned, or those that had one of the kinds of --eval-only."""
    contents = JournalReader(folder).refresh()
    require_plans(contents, folder)
    planned = frozenset(
        key
        for plan in merge_plans(contents.plans)
        for key in plan.item_keys()
        # A skipped item has no answer that could be graded again, and counts nowhere.
        if key not in contents.outcomes or not contents.outcomes[key].is_stopped_early
    )
    if not settings.only:
        return planned
    return frozenset(
        key
        for key in planned
        if (contents.outcomes[key].kind if key in contents.outcomes else Kind.NOT_RUN) in settings.only
    )


def stored_params(folder: Path) -> dict[str, JsonObject]:
    """Benchmark -> effective parameters, as a stored run was asked."""
    return {plan.benchmark: dict(plan.params) for plan in merge_plans(JournalReader(folder).refresh().plans)}


def system_prompt(settings: Settings) -> str:
    """The text of --eval-system; where a stored run is graded again without the option, what it was asked with."""
    if settings.system or settings.rescore_dir is None:
        return settings.system
    return str((read_run(settings.rescore_dir) or {}).get("system") or "")


def stored_options(folder: Path) -> dict[str, dict[str, str]]:
    """Benchmark -> options of its page, as a stored run was asked, as texts that --eval-option takes."""
    plans = merge_plans(JournalReader(folder).refresh().plans)
    return {plan.benchmark: {name: str(value) for name, value in plan.options.items()} for plan in plans}
