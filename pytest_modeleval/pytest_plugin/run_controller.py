"""What exists once per run, in the main process: connection, server, run folder, summary, exit status."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_modeleval.errors import UserError
from pytest_modeleval.pytest_plugin.display import Display, StatusLine, Tally
from pytest_modeleval.pytest_plugin.gate_reports import gate_reports
from pytest_modeleval.pytest_plugin.item_reports import ATTRIBUTE, status_of
from pytest_modeleval.pytest_plugin.termination import TerminationSignal
from pytest_modeleval.records import STOPPED_CAUSES, ItemKey, Kind
from pytest_modeleval.reports.text_layout import visible
from pytest_modeleval.results import GateVerdict, RunSummary
from pytest_modeleval.runs import lifecycle as runs
from pytest_modeleval.runs.connection import Connection, connect, find_profile, stored_connection
from pytest_modeleval.runs.early_stopping import ItemFilter, item_filter
from pytest_modeleval.runs.exit_status import exit_status
from pytest_modeleval.runs.gate_runner import GateRunner
from pytest_modeleval.runs.report_files import REPORT_FILE, views, write_for_github, write_report
from pytest_modeleval.runs.server_status import RESTARTING, UP, ServerStatus
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.journal import read_line
from pytest_modeleval.store.outcome_codec import KINDS
from pytest_modeleval.store.run_folder import RunFolder

if TYPE_CHECKING:
    from pytest_modeleval.reports.page_data import SampleView
    from pytest_modeleval.server.watch import ServerWatch

RAW_REPLIES = 3


class RunController:
    """Plugin object of the main process, whether or not it runs the items itself.

    figures(): requests in flight (None if not known here) and completion tokens so far.
    mistake: what a worker of xdist found wrong; it ends the run with exit status 4.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.gate_runner = GateRunner(settings)
        self.profile = find_profile(settings) if settings.rescore_dir is None else None
        self.connection: Connection | None = None
        self.folder: RunFolder | None = None
        self.summary: RunSummary | None = None
        self.tally = Tally()
        self.figures: Callable[[], tuple[int | None, int]] = lambda: (None, 0)
        self.stop_reason: Callable[[], str] = lambda: ""
        self.mistake = ""
        self._display: Display | None = None
        self._passing = StatusLine(config)
        self._ordinary_failures = 0
        self._is_verbose = config.get_verbosity(pytest.Config.VERBOSITY_TEST_CASES) > 0
        self._has_begun = False
        self._has_ended = False
        self._gates: tuple[GateVerdict, ...] | None = None
        self._annotations: list[str] = []
        self._states: ServerStatus | None = None
        self._watch: ServerWatch | None = None
        self._blessed = ""
        if config.getoption("htmlpath", None):
            from pytest_modeleval.pytest_plugin.pytest_html import PytestHtmlPage  # noqa: PLC0415 - only where pytest-html writes

            page = PytestHtmlPage(lambda: self.summary, self._views, self._all_samples)
            config.pluginmanager.register(page, "modeleval-html")
        self._termination = TerminationSignal()
        self._termination.install()

    # For those who run items

    def say(self, text: str) -> None:
        """A line for the user, now."""
        reporter: Any = self.config.pluginmanager.getplugin("terminalreporter")
        self._passing.clear()
        if self._display is not None:
            self._display.clear()
        if reporter is not None:
            reporter.ensure_newline()
            # Servers and logs have their words in it.
            reporter.write_line(visible(text))

    def tick(self) -> None:
        """Time for the live line, perhaps."""
        if self._display is not None:
            self._display.tick()

    def hush(self, path: Path) -> None:
        """Keep pytest from printing the name of a file of samples; the live line says more."""
        reporter: Any = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and reporter.verbosity <= 0:
            reporter.currentfspath = path

    def reach(self) -> Connection:
        """The model and an open run folder. Raises UserError before anything was sent."""
        if self.settings.rescore_dir is not None:
            self.connection = stored_connection(self.settings.rescore_dir, self.settings)
        else:
            logs = runs.log_dir_for(self.settings, self.settings.model)
            try:
                self.connection = connect(
                    self.settings, self.profile, log_dir=logs, report=self.say, show_progress=self._passing.show
                )
                self._open()
                assert self.folder is not None
                opened = self.connection.opened
                runs.keep_logs(logs, self.folder.path, opened.launched if opened is not None else ())
            finally:
                self._passing.clear()
                runs.delete_logs(logs)
            self._flush()
            for note in self.connection.notes:
                self.say(f"warning: {note}")
        if self.folder is None:
            self._open()
        return self.connection

    def _flush(self) -> None:
        """Empty the prefix cache where it is ours to empty: a gate must not depend on what ran before."""
        assert self.connection is not None
        opened, model = self.connection.opened, self.connection.model
        is_ours = opened is not None and opened.is_ours and self.gate_runner.gates is not None
        if not self.settings.is_flushing and not (is_ours and model.kind in ("sglang", "vllm")):
            return
        from pytest_modeleval.server.control import flush_cache  # noqa: PLC0415

        for url in model.urls:
            trouble = flush_cache(url, model.kind, key=self.settings.key)
            self.say(
                f"warning: the prefix cache is as it was: {trouble}" if trouble else f"prefix cache of {url} emptied"
            )

    def states(self) -> ServerStatus | None:
        """How the servers of ours are, watched from now on; None if we started none."""
        opened = self.connection.opened if self.connection is not None else None
        if opened is None or not opened.is_ours or self.folder is None:
            return None
        if self._states is None:
            from pytest_modeleval.server.watch import ServerWatch  # noqa: PLC0415 - only for servers of ours

            self._states = states = ServerStatus(len(opened.launched), self.folder.path)
            # The watch's threads may not write to the terminal; the state reaches the user through the outcomes.
            self._watch = ServerWatch(
                opened.launched,
                on_down=lambda replica, why: states.set(replica, RESTARTING),
                on_up=lambda replica: states.set(replica, UP),
                on_abandoned=states.set,
                activity=states.pulse,
            )
        return self._states

    def _watch_no_more(self) -> None:
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        if self._states is not None:
            self._states.forget()

    def _open(self) -> None:
        assert self.connection is not None
        self.folder, is_resumed = runs.open_folder(self.settings, self.connection)
        if is_resumed:
            stored = len(self.folder.reader.refresh().responses)
            what = "grading" if self.settings.rescore_dir is not None else "taking up"
            self.say(f"{what} {shown_path(self.folder.path)} again: {stored:,} answers are there already")

    def note_invocation(self, facts: Mapping[str, Any]) -> None:
        """What run.json says of this use of the folder beside command and versions."""
        if self.folder is not None and facts:
            self.folder.run["invocations"][-1].update(facts)

    def begin(self, items: int, totals: Mapping[str, int]) -> None:
        """The plan stands and the folder holds no other experiment: from here on it is written."""
        assert self.folder is not None
        assert self.connection is not None
        self.folder.save()
        self._has_begun = True
        model = self.connection.model
        at = f" at {', '.join(model.urls)}" if model.urls else " (stored run)"
        self.say(
            f"modeleval: {items:,} samples for {model.name}{at}, {self.connection.in_flight} in flight, "
            f"run folder {shown_path(self.folder.path)}"
        )
        if self.gate_runner.idle:
            self.say(f"warning: {self.gate_runner.idle}")
        for line in self.gate_runner.foreseen(self.folder.reader.contents):
            self.say(line)
        outcomes = self.folder.reader.contents.outcomes if self.settings.rescore_dir is None else {}
        reused = Counter(key.benchmark for key, outcome in outcomes.items() if outcome.kind.is_verdict)
        self._display = Display(self.config, self.tally, totals, reused, lambda: self.figures())  # noqa: PLW0108

    @property
    def order_seed(self) -> int | None:
        """The seed of the order of asking; None for the order of the data."""
        return self.folder.run.get("order_seed") if self.folder is not None else None

    def get_needs(self, *, on_closed: Callable[[frozenset[tuple[str, str]]], None] | None = None) -> ItemFilter | None:
        """Which items are still needed; None where all are. The plan stands. on_closed: see StopWhenDecided."""
        if self.folder is None:
            return None
        return item_filter(self.settings, self.gate_runner, self.folder, self.say, on_closed=on_closed)

    # Hooks

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count samples for the live line, and failures that are none of a sample's ungraded ends."""
        facts = getattr(report, ATTRIBUTE, None)
        if facts is not None and facts["cause"] not in STOPPED_CAUSES:
            self.tally.count(facts["benchmark"], KINDS[facts["kind"]], facts["value"])
        if not report.failed:
            return
        if facts is None or KINDS[facts["kind"]].is_verdict:
            self._ordinary_failures += 1
        if self._display is not None:
            self._display.clear()

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
            self._watch_no_more()
        self._has_ended = not self.stop_reason()
        if self.gate_runner.gates is not None and self._has_begun and self._has_ended:
            assert self.folder is not None
            assert self.connection is not None
            summary = runs.summary_of(self.folder, self.settings, self.connection.model.name)
            self._gates = self.gate_runner.verdicts(summary, self.folder.reader.contents, self.folder.run)
            session.testscollected += len(self._gates)
            file = shown_path(self.settings.gates_file) if self.settings.gates_file is not None else "gates"
            for gate in self._gates:
                for report in gate_reports(gate, file):
                    session.config.hook.pytest_runtest_logreport(report=report)
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the summary and set the exit status; independent of the terminal."""
        if self._display is not None:
            self._display.clear()
            self._display = None
        if self.mistake:
            # As pytest itself says what a user has to mend.
            print(f"ERROR: {visible(self.mistake)}\n", file=sys.stderr)
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
            return
        if self.folder is None or not self._has_begun or self.connection is None:
            return
        stock = int(session.exitstatus)
        # pytest lets what is raised here through, and Python's own status for that is 1, a failed gate's.
        try:
            self._finish(self.folder, self.connection)
        except (UserError, OSError) as error:
            self.say(f"what the run found could not be written: {error}; mend that and run the same command again")
            session.exitstatus = self._status(stock, is_complete=False)
        except Exception:  # noqa: BLE001 - told as pytest tells its own faults, with their status
            self.config.notify_exception(pytest.ExceptionInfo.from_current(), self.config.option)
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        else:
            session.exitstatus = self._status(stock, is_complete=self.summary is not None and self.summary.is_complete)

    def _finish(self, folder: RunFolder, connection: Connection) -> None:
        """Write everything that stays. The pages are for people: where one cannot be written, the run stands."""
        if self.settings.rescore_dir is not None and not self._has_ended:
            self.say(
                "grading was stopped: summary.json is as it was, since some grades are new and others old; the same "
                "command grades all of them again"
            )
            return
        gates = self._gates if self._gates is not None else self.gate_runner.unjudged()
        self.summary = runs.finish_run(folder, self.settings, connection.model.name, gates=gates)
        self._blessed = self.gate_runner.bless(self.summary, folder.reader.contents)
        try:
            write_report(folder, self.summary)
            self._annotations = write_for_github(self.summary)
        except OSError as error:
            self.say(f"warning: a page could not be written: {error}")

    def _status(self, stock: int, *, is_complete: bool) -> int:
        return exit_status(
            stock,
            has_plan=self.summary is None or bool(self.summary.benchmarks),
            ordinary_failures=self._ordinary_failures,
            is_complete=is_complete and not self.gate_runner.has_refused,
            gates=self.gate_runner.binding(self.summary.gates) if self.summary is not None else (),
            was_stopped=bool(self.stop_reason()),
        )

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Table, notes, gates, places."""
        if self.summary is None or self.folder is None:
            return
        from pytest_modeleval.reports.terminal import summary_parts  # noqa: PLC0415 - only at the end

        terminalreporter.section("model evaluation")
        if self.stop_reason():
            terminalreporter.write_line(f"stopped: {self.stop_reason()}", red=True)
        width = max(64, terminalreporter._tw.fullwidth - 1)
        for text, markup in summary_parts(
            self.summary, width=width, replies=self._raw_replies(self.summary), places=self._places(self.summary)
        ):
            terminalreporter.write_line(text, **markup)
        if self._blessed:
            terminalreporter.write_line(self._blessed, yellow=self.gate_runner.has_refused)
        for line in self._annotations:
            terminalreporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        """Give back what is held: the server that we started, the folder's lock, the signal."""
        self._watch_no_more()
        if self.connection is not None and self.connection.opened is not None:
            self.connection.opened.stop()
        if self.folder is not None:
            self.folder.close()
        self._termination.remove()

    def _places(self, summary: RunSummary) -> list[tuple[str, str]]:
        assert self.folder is not None
        folder = shown_path(self.folder.path)
        places = [("run folder", folder)]
        if (self.folder.path / REPORT_FILE).exists():
            places.append(("report", f"{folder}/{REPORT_FILE}"))
        kinds = dict.fromkeys(Kind, 0)
        for entry in summary.benchmarks:
            for score in entry.subsets:
                for kind, count in score.counts.items():
                    kinds[kind] += count
        lost = [kind.value for kind in (Kind.WRONG, Kind.NO_ANSWER, Kind.TRUNCATED) if kinds[kind]]
        if lost:
            places.append(("show the lost ones", f"pytest --eval-rescore {folder} --eval-only {','.join(lost)} -v"))
        if not summary.is_complete:
            places.append(("go on", "run the same command again: nothing that was answered is asked twice"))
        return places

    def _views(self, with_content: Set[ItemKey]) -> Iterator[SampleView]:
        assert self.folder is not None
        return views(self.folder.reader.contents, with_content)

    def _all_samples(self) -> str:
        assert self.folder is not None
        return f"the journal of {shown_path(self.folder.path)}"

    def _raw_replies(self, summary: RunSummary) -> dict[tuple[str, str], list[str]]:
        """Up to three replies of each suspicious subset, as they came over the wire."""
        assert self.folder is not None
        contents = self.folder.reader.contents
        found: dict[tuple[str, str], list[str]] = {
            (entry.benchmark, score.subset): []
            for entry in summary.benchmarks
            for score in entry.subsets
            if score.is_suspicious
        }
        if not found:
            return found
        for key, outcome in contents.outcomes.items():
            replies = found.get((key.benchmark, key.subset))
            place = contents.responses.get(outcome.request_key)
            if replies is not None and place is not None and len(replies) < RAW_REPLIES:
                reply = read_line(place).get("reply") or {}
                calls = reply.get("tool_calls")
                replies.append((reply.get("content") or "") + (f" [tool calls: {calls}]" if calls else ""))
        return found


def shown_path(path: Path) -> str:
    """A path as short as it can be given from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
