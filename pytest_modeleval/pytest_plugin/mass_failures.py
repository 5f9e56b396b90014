"""Hundreds of samples that end for one reason: a line for each reason instead of a block for each sample."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import pytest

from pytest_modeleval.pytest_plugin.item_reports import ATTRIBUTE
from pytest_modeleval.reports.text_layout import counted, one_line
from pytest_modeleval.store.outcome_codec import KINDS

# Samples of one category that pytest reports one by one; of more, this many.
MOST_SHOWN = 10
_CATEGORIES = ("error", "failed")


class MassFailures:
    """Shortens pytest's list of errors and failures to a few samples, and says how many more ended so."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> Generator[None, None, None]:
        """Runs around pytest's own summary, which lists what is in `stats`; the counts of the last line stay whole."""
        if config.get_verbosity() >= 2:
            return (yield)
        stats = terminalreporter.stats
        whole = {name: stats[name] for name in _CATEGORIES if name in stats}
        for name, reports in whole.items():
            stats[name], lines = shorten_reports(reports)
            if lines:
                terminalreporter.section(f"samples: {name}", sep="=", red=True)
            for line in lines:
                terminalreporter.write_line(line)
        try:
            return (yield)
        finally:
            stats.update(whole)


def shorten_reports(reports: Sequence[Any]) -> tuple[list[Any], list[str]]:
    """The reports to list, and a line for each reason of samples; all of them and no line where they are few.

    Reports of anything but samples are always listed.
    """
    samples = [report for report in reports if hasattr(report, ATTRIBUTE)]
    if len(samples) <= MOST_SHOWN:
        return list(reports), []
    shown = {id(report) for report in samples[:MOST_SHOWN]}
    kept = [report for report in reports if not hasattr(report, ATTRIBUTE) or id(report) in shown]
    groups: dict[tuple[str, str, str], list[Any]] = {}
    for report in samples:
        facts = getattr(report, ATTRIBUTE)
        groups.setdefault((facts["benchmark"], facts["kind"], facts["cause"]), []).append(report)
    lines = [_reason_line(*reason, group) for reason, group in sorted(groups.items(), key=lambda item: -len(item[1]))]
    lines.append(f"The first {MOST_SHOWN} of {len(samples):,} follow; -vv lists all, the journal has them too.")
    return kept, lines


def _reason_line(benchmark: str, kind: str, cause: str, reports: Sequence[Any]) -> str:
    """How many samples ended for one reason, and which."""
    label = KINDS[kind].label
    reason = f"{label} ({one_line(cause)})" if cause and cause != kind else label
    first, last = (getattr(reports[at], ATTRIBUTE)["sample"] for at in (0, -1))
    span = one_line(first) if len(reports) == 1 else f"{one_line(first)} to {one_line(last)}"
    return f"{counted(len(reports), 'sample')} of {one_line(benchmark)}: {reason}, {span}"
