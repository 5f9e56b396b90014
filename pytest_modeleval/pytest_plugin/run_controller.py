"""The main process's part of a run: connection and run folder, counts, gates, summary, exit status."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Set
from typing import TYPE_CHECKING, Any

import pytest

from pytest_modeleval.errors import OtherExperiment, UserError
from pytest_modeleval.pytest_plugin.display import Tally, is_read_by_program
from pytest_modeleval.pytest_plugin.gate_reports import gate_reports
from pytest_modeleval.pytest_plugin.item_reports import ATTRIBUTE, status_of
from pytest_modeleval.pytest_plugin.terminal import Counters, Terminal
from pytest_modeleval.pytest_plugin.termination import TerminationSignal
from pytest_modeleval.records import STOPPED_CAUSES, ItemKey
from pytest_modeleval.reports.live import run_line
from pytest_modeleval.reports.table import MIN_WIDTH
from pytest_modeleval.reports.text_layout import counted, visible
from pytest_modeleval.results import GateVerdict, RunSummary
from pytest_modeleval.runs import finish
from pytest_modeleval.runs.connection import Connection, find_profile
from pytest_modeleval.runs.exit_status import exit_status, status_without_run
from pytest_modeleval.runs.gate_runner import GateRunner
from pytest_modeleval.runs.item_filter import ItemFilter, make_item_filter
from pytest_modeleval.runs.opened_run import OpenedRun, open_run, shown_path
from pytest_modeleval.runs.report_files import REPORT_FILE, raw_replies, views, write_for_github, write_report
from pytest_modeleval.runs.summary_details import places
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.journal import JournalError
from pytest_modeleval.store.outcome_codec import KINDS

if TYPE_CHECKING:
    from pytest_modeleval.reports.page_data import SampleView


class RunController:
    """Plugin object of the main process, whether or not it runs the items itself."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.terminal = Terminal(config)
        config.pluginmanager.register(self.terminal, "modeleval-terminal")
        self.mistake = ""
        """What the user has to correct, as a worker of xdist found; the run ends with exit status 4."""
        self.has_reached_maxfail = False
        """-x or --maxfail ended a run under xdist, which by itself would end with the status of Ctrl-C."""
        self._config = config
        self._settings = settings
        self._gate_runner = GateRunner(settings)
        self._profile = find_profile(settings) if settings.rescore_dir is None else None
        self._run: OpenedRun | None = None
        self._summary: RunSummary | None = None
        self._tally = Tally()
        self._ordinary_failures = 0
        self._is_verbose = config.get_verbosity(pytest.Config.VERBOSITY_TEST_CASES) > 0
        self._has_begun = False
        self._samples = 0
        self._session: pytest.Session | None = None
        self._has_ended = False
        self._stop_reason = ""
        self._gates: tuple[GateVerdict, ...] | None = None
        self._closing_lines: list[tuple[str, dict[str, bool]]] = []
        self._is_shown = False
        """The lines of the end are on the terminal."""
        if config.getoption("htmlpath", None):
            from pytest_modeleval.pytest_plugin.pytest_html import PytestHtmlPage  # noqa: PLC0415 - where it writes

            page = PytestHtmlPage(
                lambda: self._summary, self._views, self._all_samples, lambda: self.open().folder.path / REPORT_FILE
            )
            config.pluginmanager.register(page, "modeleval-html")
        self._termination = TerminationSignal()
        self._termination.install()

    # Called by the process that runs the items, or by the controller of xdist.

    def open(self) -> OpenedRun:
        """Reach the model and open the run folder, once. Raises UserError before any sample was asked."""
        if self._run is None:
            has_gates = self._gate_runner.gates is not None
            self._run = open_run(self._settings, self._profile, self.terminal, has_gates=has_gates)
        return self._run

    def open_new_folder(self, mistake: OtherExperiment) -> OpenedRun:
        """Leave the folder that was found alone. Raises the mistake where the user named the folder."""
        run = self.open()
        run.open_new_folder(mistake)
        return run

    def begin(self, totals: Mapping[str, int], counters: Counters) -> None:
        """The plan stands and the folder holds no other experiment: from here on it is written.

        totals: items of each benchmark. counters(): requests in flight (None if not known) and completion tokens.
        """
        run = self.open()
        run.folder.save()
        self._has_begun = True
        self._samples = sum(totals.values())
        model = run.connection.model
        at = f" at {', '.join(model.urls)}" if model.urls else _without_server(run.connection)
        if run.origin:
            self.terminal.print_line(run.origin)
        # A stored run sends no request.
        asking = f"{run.connection.in_flight} in flight, " if model.urls else ""
        self.terminal.print_line(
            f"modeleval: {counted(self._samples, 'sample')} for {model.name}{at}, "
            f"{asking}run folder {shown_path(run.folder.path)}"
        )
        if is_read_by_program():
            self.terminal.print_line(run_line(str(run.folder.path)))
        if damage := run.folder.reader.contents.damage_note():
            self.terminal.print_line(f"warning: {damage}")
        if self._gate_runner.idle:
            self.terminal.print_line(f"warning: {self._gate_runner.idle}")
        for line in self._gate_runner.foreseen(run.folder.reader.contents):
            self.terminal.print_line(line)
        outcomes = run.folder.reader.contents.outcomes if self._settings.rescore_dir is None else {}
        reused = Counter(key.benchmark for key, outcome in outcomes.items() if outcome.kind.is_verdict)
        self.terminal.start_display(self._tally, totals, reused, counters)

    def make_filter(
        self, *, on_stopped: Callable[[frozenset[tuple[str, str]]], None] | None = None
    ) -> ItemFilter | None:
        """The filter of items; None where all are needed. The plan is in the journal.

        on_stopped: as of StopWhenDecided.
        """
        run = self.open()
        return make_item_filter(
            self._settings, self._gate_runner, run.folder, self.terminal.print_line, on_stopped=on_stopped
        )

    def stop(self, reason: str) -> None:
        """The run ends early, for this reason; later reasons count for nothing."""
        self._stop_reason = self._stop_reason or reason

    # Hooks

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember the session: it knows how many tests there are."""
        self._session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count samples for the live line; count failures other than samples without a grade."""
        facts = getattr(report, ATTRIBUTE, None)
        if facts is not None and facts["cause"] not in STOPPED_CAUSES:
            if not self._tally.counts and self._session is not None and self._session.testscollected == self._samples:
                self.terminal.hide_progress()
            self._tally.count(facts["benchmark"], KINDS[facts["kind"]], facts["value"])
        if not report.failed:
            return
        if facts is None or KINDS[facts["kind"]].is_verdict:
            self._ordinary_failures += 1
        self.terminal.clear_display()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that cannot be collected is an ordinary failure, whatever the samples do."""
        self._ordinary_failures += report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any, config: pytest.Config) -> tuple[str, str, Any] | None:
        """Categories of samples: passed, wrong, no answer, truncated, error."""
        return status_of(report, is_verbose=self._is_verbose)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """When every item has ended: judge the gates, each a test in every report. Not when the run was stopped."""
        try:
            result = yield
        finally:
            if self._run is not None:
                self._run.stop_watching()
        self._has_ended = not self._stop_reason
        if self._run is not None and self._has_begun and self._has_ended and self._gate_runner.gates is not None:
            self._gates = self._judge_gates(self._run, session)
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the summary and set the exit status; independent of the terminal."""
        self.terminal.stop_display()
        if self.mistake:
            # As pytest itself reports a UsageError.
            print(f"ERROR: {visible(self.mistake)}\n", file=sys.stderr)
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
            return
        if self._run is None or not self._has_begun:
            self._end_without_run(session)
        else:
            self._end(session, self._run)

    def _end_without_run(self, session: pytest.Session) -> None:
        asked = self._settings.gates_file or self._settings.bless_file
        is_asked = asked is not None and not self._settings.is_collect_only
        status = status_without_run(int(session.exitstatus), has_gates_or_blessing=is_asked)
        if asked is not None and status != session.exitstatus:
            self.terminal.print_line(f"{shown_path(asked)}: nothing was evaluated, so nothing can be judged")
            session.exitstatus = status

    def _end(self, session: pytest.Session, run: OpenedRun) -> None:
        stock = int(session.exitstatus)
        if stock == pytest.ExitCode.INTERRUPTED and self.has_reached_maxfail:
            stock = int(pytest.ExitCode.TESTS_FAILED)
        # pytest does not catch what is raised here, and Python's own status for it is 1: a failed gate's.
        try:
            self._finish(run)
        except KeyboardInterrupt:
            folder = shown_path(run.folder.path)
            self.terminal.print_line(
                "interrupted before the results were written; the same command goes on, and asks nothing twice"
                if self._summary is None
                else f"interrupted before report.html was written; --eval-rescore={folder} writes it, and asks nothing"
            )
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        except (UserError, JournalError, OSError) as error:
            self.terminal.print_line(
                f"the results could not be written: {error}; correct that and run the same command again"
            )
            session.exitstatus = self._status(stock, is_complete=False)
        except Exception:  # noqa: BLE001 - handed over to pytest, with its status for faults of its own
            self._config.notify_exception(pytest.ExceptionInfo.from_current(), self._config.option)
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        else:
            is_complete = self._summary is not None and self._summary.is_complete
            session.exitstatus = self._status(stock, is_complete=is_complete)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        """Table, notes, gates, places."""
        if self._summary is None or self._run is None:
            return
        self._is_shown = True
        terminalreporter.section("model evaluation")
        for text, markup in self._closing(self._summary, self._run, config.get_terminal_writer().fullwidth):
            terminalreporter.write_line(text, **markup)

    def pytest_unconfigure(self) -> None:
        """Stop the server that we started, unlock the folder, restore the signal handler."""
        if self._run is not None:
            self._show_without_reporter(self._run)
            self._run.close()
        self._termination.remove()

    # Inside

    def _closing(self, summary: RunSummary, run: OpenedRun, width: int) -> Iterator[tuple[str, dict[str, bool]]]:
        """The lines of the end with their markup. width: of the terminal, in columns."""
        from pytest_modeleval.reports.terminal import summary_parts  # noqa: PLC0415 - only at the end

        if self._stop_reason:
            yield f"stopped: {self._stop_reason}", {"red": True}
        is_verbose = self._config.get_verbosity() > 0
        yield from summary_parts(
            summary,
            width=max(MIN_WIDTH, width - 1),
            replies=raw_replies(summary, run.folder.reader.contents),
            places=places(summary, run.folder),
            fold="" if is_verbose else "with -v or in report.html",
            has_requests=is_verbose,
        )
        yield from self._closing_lines

    def _show_without_reporter(self, run: OpenedRun) -> None:
        if self._is_shown or self._summary is None:
            self.terminal.print_at_end([])
            return
        width = shutil.get_terminal_size().columns
        lines = [text for text, _ in self._closing(self._summary, run, width)]
        self.terminal.print_at_end([" model evaluation ".center(width, "="), *lines])

    def _judge_gates(self, run: OpenedRun, session: pytest.Session) -> tuple[GateVerdict, ...]:
        summary = finish.summary_of(run.folder, self._settings, run.connection.model.name)
        gates = self._gate_runner.verdicts(summary, run.folder.reader.contents, run.folder.path, run.folder.run)
        self.terminal.hide_progress()
        session.testscollected += len(gates)
        file = shown_path(self._settings.gates_file) if self._settings.gates_file is not None else "gates"
        for gate in gates:
            for report in gate_reports(gate, file):
                session.config.hook.pytest_runtest_logreport(report=report)
        return gates

    def _finish(self, run: OpenedRun) -> None:
        """Write everything that stays. The pages are for people: where one cannot be written, the run stands."""
        if self._settings.rescore_dir is not None and not self._has_ended:
            self.terminal.print_line(
                "grading was stopped: summary.json is as it was, since some grades are new and others old; the same "
                "command grades all of them again"
            )
            return
        gates = self._gates if self._gates is not None else self._gate_runner.unjudged()
        self._summary = finish.finish_run(run.folder, self._settings, run.connection.model.name, gates=gates)
        blessed = self._gate_runner.bless(self._summary, run.folder.reader.contents)
        if blessed:
            self._closing_lines.append((blessed, {"yellow": self._gate_runner.has_refused}))
        try:
            write_report(run.folder, self._summary)
            self._closing_lines.extend((line, {}) for line in write_for_github(self._summary))
        except OSError as error:
            self.terminal.print_line(f"warning: a page could not be written: {error}")

    def _status(self, stock: int, *, is_complete: bool) -> int:
        summary = self._summary
        return exit_status(
            stock,
            has_plan=summary is None or bool(summary.benchmarks),
            ordinary_failures=self._ordinary_failures,
            is_complete=is_complete,
            has_refused_blessing=self._gate_runner.has_refused,
            gates=self._gate_runner.binding(summary.gates) if summary is not None else (),
            was_stopped=bool(self._stop_reason),
        )

    def _views(self, with_content: Set[ItemKey]) -> Iterator[SampleView]:
        folder = self.open().folder
        return views(folder.path, folder.reader.contents, with_content)

    def _all_samples(self) -> str:
        return f"the journal of {shown_path(self.open().folder.path)}"


def _without_server(connection: Connection) -> str:
    return (
        " (stored run)"
        if connection.rag is None
        else f" (RAG pipeline: {connection.rag.url or connection.rag.fixture})"
    )
