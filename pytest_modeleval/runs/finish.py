"""The end of a run: its summary from the journals, written to the folder together with the last of run.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_modeleval.evaluation.index_scores import stored_indexes
from pytest_modeleval.evaluation.server_events import server_events
from pytest_modeleval.evaluation.summary import is_limited, merge_plans, run_summary, selected_parts
from pytest_modeleval.indexes import Index
from pytest_modeleval.results import GateVerdict, RunSummary
from pytest_modeleval.runs.gate_runner import attach_verdicts
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.contents import Contents
from pytest_modeleval.store.journal import JOURNAL_FILE, JournalWriter, rescored_line, utc_now
from pytest_modeleval.store.run_folder import RunFolder
from pytest_modeleval.store.summary_file import write_summary


def summary_of(folder: RunFolder, settings: Settings, model: str) -> RunSummary:
    """The summary as it stands, without gates."""
    return journal_summary(
        folder.run,
        folder.reader.refresh(),
        model=model,
        may_be_ungraded=settings.max_ungraded.allows,
        indexes=settings.indexes,
    )


def journal_summary(
    run: Mapping[str, Any],
    contents: Contents,
    *,
    model: str,
    may_be_ungraded: Callable[[int, int], bool],
    indexes: Sequence[Index] = (),
) -> RunSummary:
    """The summary of a run folder, without gates.

    run: its run.json. may_be_ungraded: as of run_summary. indexes: those that the project declares; without any, those
    of run.json.
    """
    shard = run.get("shard")
    # A shard holds a part by its nature, and says so in words of its own.
    plans = merge_plans(contents.plans)
    parts = {} if shard else selected_parts(plans)
    return run_summary(
        contents,
        model=model,
        may_be_ungraded=may_be_ungraded,
        facts={
            "served": run.get("served"),
            "identity": run.get("identity"),
            "server": {name: (run.get("server") or {}).get(name) for name in ("kind", "version")},
            "limit": run.get("limit") if is_limited(plans) else None,
            **({"shard": shard} if shard else {}),
            **({"selected": {name: list(counts) for name, counts in parts.items()}} if parts else {}),
            **server_events(run, contents),
        },
        early_stop=early_stop_label(run),
        is_chosen_by_result=bool(run.get("only")),
        indexes=indexes or stored_indexes(run),
    )


def early_stop_label(run: Mapping[str, Any]) -> str:
    """Why the run of this run.json may ask less than everything, see run_figures.Savings; "" if it may not."""
    if run.get("order_seed") is not None:
        return "stopped early"
    return "decided" if run.get("until_decided") else ""


def finish_run(folder: RunFolder, settings: Settings, model: str, *, gates: tuple[GateVerdict, ...]) -> RunSummary:
    """The summary, written to the folder together with the last of run.json."""
    summary = attach_verdicts(summary_of(folder, settings, model), gates)
    plans = merge_plans(folder.reader.contents.plans)
    if settings.rescore_dir is not None:
        finish_rescoring(folder)
    write_summary(folder.path, summary, keep_old=settings.rescore_dir is not None)
    folder.run["benchmarks"] = {
        plan.benchmark: {
            "version": plan.version,
            "metric": plan.metric,
            "params": dict(plan.params),
            "data": dict(plan.data),
            "repeats": plan.repeats,
            **({"tool_calls": plan.tool_calls} if plan.tool_calls else {}),
        }
        for plan in plans
    }
    folder.run["complete"] = summary.is_complete
    folder.run["finished"] = utc_now()
    folder.save()
    return summary


def finish_rescoring(folder: RunFolder) -> None:
    """Make the outcomes of this rescoring count, all at once: a killed one changes nothing. Raises JournalError."""
    writer = JournalWriter(folder.path / JOURNAL_FILE)
    try:
        writer.write(rescored_line(folder.invocation))
    finally:
        writer.close()
