"""Question and reply of lost samples in pytest's own output: below failures of --eval-strict, and with -vv."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_modeleval._support.shorten import shorten_middle
from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.evaluation.item_runner import ItemResult
from pytest_modeleval.records import Kind, Outcome
from pytest_modeleval.reports.text_layout import visible
from pytest_modeleval.samples.message_text import call_text

# Of one text, from its beginning and from its end.
_HEAD, _TAIL = 800, 1_200
_CUT = "[... {left} characters are not shown; modeleval show has them ...]"
# Failures with sections, below -vv: pytest lists no more of them (MassFailures), and each report stays in memory.
_MOST = 20
_QUESTION, _REPLY = "question", "reply"
VERBOSITY = 2


class ReplySections:
    """Gives reports of lost samples two sections, which reporters show as they show captured output."""

    def __init__(self, *, is_strict: bool, verbosity: int) -> None:
        self._is_verbose = verbosity >= VERBOSITY
        self._is_on = is_strict or self._is_verbose
        self._count = 0

    def add(self, report: pytest.TestReport, item: SampleItem, outcome: Outcome) -> None:
        """Add them to the report of an item that has a verdict and is not right."""
        if not self._is_on or not outcome.kind.is_verdict or outcome.kind is Kind.RIGHT:
            return
        self._count += 1
        if self._count <= _MOST or self._is_verbose:
            sections = ((_QUESTION, item.planned.sample.question), (_REPLY, _reply_text(item.result)))
            report.sections.extend((name, _text(text)) for name, text in sections if text)


class VerboseReplies:
    """With -vv, prints question and reply below the line of each lost sample that is no failure."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """After the terminal's own line. A failure has them in pytest's list of failures."""
        reporter: Any = self._config.pluginmanager.getplugin("terminalreporter")
        ours = [(name, text) for name, text in report.sections if name in (_QUESTION, _REPLY)]
        if not ours or report.failed or reporter is None:
            return
        reporter.ensure_newline()
        for name, text in ours:
            for number, line in enumerate(text.split("\n")):
                reporter.write_line(f"    {name if number == 0 else '':<9} {line}".rstrip())


def _reply_text(result: ItemResult | None) -> str:
    """The answer without its thinking, then the calls."""
    last = result.last if result is not None else None
    if last is None:
        return ""
    return "\n".join(filter(None, [last.text.strip(), *map(call_text, last.tool_calls)])) or "(empty)"


def _text(text: str) -> str:
    return visible(shorten_middle(text, _HEAD, _TAIL, _CUT))
