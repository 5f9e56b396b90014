"""Hooks that turn declared benchmarks into items, and prepare the run once they are selected."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval._support.shipped_folder import shipped_folder
from pytest_modeleval.collection.collect import BenchmarkCollector
from pytest_modeleval.collection.installed_siblings import InstalledSiblings
from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.collection.keyword import keyword_notes
from pytest_modeleval.collection.page_index import PageIndex
from pytest_modeleval.collection.sharding import split
from pytest_modeleval.datasets import Progress, default_cache_dir
from pytest_modeleval.declaration import declared_benchmark
from pytest_modeleval.errors import UserError
from pytest_modeleval.evaluation.planned_items import load_samples
from pytest_modeleval.pytest_plugin.context import Process, StartItems
from pytest_modeleval.pytest_plugin.preparation import prepare
from pytest_modeleval.reports.text_layout import counted, visible
from pytest_modeleval.runs.connection import find_profile
from pytest_modeleval.runs.dry_run import dry_run_lines, param_notes
from pytest_modeleval.runs.earlier_run import earlier_items, stored_options
from pytest_modeleval.runs.opened_run import shown_path
from pytest_modeleval.settings import Settings

# Names of modules that pytest reads whatever they hold.
_STRUCTURAL = ("__init__.py", "conftest.py")


class CollectionPlugin:
    """Collects the samples of one process, and starts their run."""

    def __init__(self, config: pytest.Config, settings: Settings, process: Process, start_items: StartItems) -> None:
        self._config = config
        self._settings = settings
        self._process = process
        self._start_items = start_items
        only = earlier_items(settings, process.earlier) if process.earlier is not None else None
        if settings.rescore_dir is not None:
            # Stored answers are graded by what they were asked for.
            settings = dataclasses.replace(settings, page_options=stored_options(settings.rescore_dir))
        self._collector = BenchmarkCollector(
            settings,
            cache_dir=default_cache_dir(),
            only=only.__contains__ if only is not None else None,
            only_of=frozenset((key.benchmark, key.subset) for key in only) if only is not None else None,
            progress=Progress(print_line=process.reporter.print_line),
        )
        self._siblings = InstalledSiblings(shipped_folder())
        # Without -k, --eval-subset names the benchmarks whose pages are needed.
        self._index = PageIndex(shipped_folder(), settings.keyword or " or ".join(settings.subsets))
        # A printed id of a shipped benchmark is an argument too.
        self._enters_environment = not process.has_paths or any(
            Path(arg).is_relative_to(shipped_folder()) for arg in config.args
        )
        # All selected samples; more than this process runs where it is one shard of several.
        self._selected: list[SampleItem] = []
        self._is_shown = False

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Without paths from the user, leave out test modules that do not mention this package.

        `pytest --model NAME` then works in any folder: it does not run a project's unit tests. A model of an ini file
        or a variable never replaces them. Pages of shipped benchmarks that -k cannot select are left out unread.
        """
        if self._enters_environment and self._siblings.leads_there(collection_path):
            return False
        if not self._process.has_paths and (collection_path in self._siblings or self._leave_out(collection_path)):
            return True
        if (
            not self._settings.is_on_command_line
            or self._process.has_paths
            or collection_path.suffix != ".py"
            or collection_path.name in _STRUCTURAL
        ):
            return None
        try:
            return True if b"pytest_modeleval" not in collection_path.read_bytes() else None
        except OSError:
            return None

    def _leave_out(self, folder: Path) -> bool:
        """Whether it is the folder of a shipped page whose benchmarks -k does not select; these are noted as known."""
        entries = self._index.left_out(folder)
        if any(entry.benchmark in self._settings.subsets for entry in entries):
            # The page itself says which subsets it has.
            return False
        for entry in entries:
            self._collector.known.setdefault(entry.benchmark, ([*entry.subsets], [*entry.aggregates]))
        return bool(entries)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: Any, name: str, obj: object) -> list[SampleItem] | None:
        """A declared benchmark becomes its samples."""
        declared = declared_benchmark(obj)
        if declared is None or not callable(obj):
            return None
        return self._collector.collect(collector, name, obj, declared)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """A UserError raised while a module was imported is the user's to correct, and no failure of the module."""
        report = yield
        call = getattr(report, "call", None)
        if call is None or call.excinfo is None or not isinstance(call.excinfo.value, UserError):
            return report
        self._collector.first_error = self._collector.first_error or call.excinfo.value
        return pytest.CollectReport(collector.nodeid, "passed", None, [])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """After -k, -m, --lf and every other selection: leave the samples of other shards out."""
        yield
        self._selected = [item for item in items if isinstance(item, SampleItem)]
        if self._settings.shard is not None:
            items[:], others = split(items, self._settings.shard)
            if others:
                config.hook.pytest_deselected(items=others)

    def pytest_report_collectionfinish(self) -> list[str]:
        """Subsets that were left out because a setting is missing."""
        return self._collector.missing()

    def start(self, session: pytest.Session) -> None:
        """The selection is complete: load its rows, reach the model, open the run folder, register what runs items."""
        # The terminal of an xdist worker is not seen; the controller prints for it.
        if hasattr(self._config, "workerinput") or not self._config.pluginmanager.hasplugin("terminalreporter"):
            for line in self._collector.missing():
                self._process.reporter.print_once(line)
        try:
            self._prepare(session)
        except UserError as mistake:
            self._process.refuse(session, visible(str(mistake)))

    def _prepare(self, session: pytest.Session) -> None:
        collector, settings, print_line = self._collector, self._settings, self._process.reporter.print_line
        if collector.first_error is not None:
            raise collector.first_error
        collector.check_subsets()
        has_own = any(isinstance(item, SampleItem) for item in session.items)
        for note in self._selection_notes():
            self._process.reporter.print_once(note)
        if self._selected and not has_own:
            print_line(f"shard {settings.shard} has none of the {len(self._selected):,} selected items")
        for note in param_notes(settings.params):
            self._process.reporter.print_once(note)
        if has_own and settings.is_dry_run:
            self._show_requests(session)
        elif has_own and not settings.is_collect_only:
            made = prepare(session, settings, self._process, selected=self._selected, known_targets=collector.known)
            if made is not None:
                self._start_items(made)

    def _selection_notes(self) -> Iterator[str]:
        """What selected the samples, where that may surprise."""
        settings = self._settings
        if settings.only and self._process.earlier is not None:
            kinds = ",".join(sorted(kind.value for kind in settings.only))
            earlier = shown_path(self._process.earlier)
            yield f"--eval-only {kinds}: {counted(len(self._selected), 'sample')} of {earlier}"
        if not self._selected:
            yield from self._nothing_selected()
        yield from keyword_notes(settings.keyword, [item.planned.key for item in self._selected])

    def _nothing_selected(self) -> Iterator[str]:
        """Why no sample is selected, where an expression is the reason."""
        keyword, markers = self._settings.keyword, self._settings.markers
        known, lacking = sorted(self._collector.known), self._collector.named_missing()
        chosen = [f"{flag} {text!r}" for flag, text in (("-k", keyword), ("-m", markers)) if text]
        if keyword and lacking and not markers:
            yield f"{chosen[0]} selects only what is not collected: {'; '.join(lacking)}"
        elif chosen and known:
            # With both, which one left the samples out is not known.
            verb = "selects" if len(chosen) == 1 else "select"
            yield f"{' and '.join(chosen)} {verb} nothing of {', '.join(known)}"

    def _show_requests(self, session: pytest.Session) -> None:
        """Print what would be asked, and run nothing. Raises UserError."""
        items = [item.planned for item in session.items if isinstance(item, SampleItem)]
        load_samples(items)
        settings = self._settings
        profile = find_profile(settings) if settings.rescore_dir is None else None
        lines = dry_run_lines(
            items,
            model=settings.model,
            profile=profile.params if profile is not None else {},
            user=settings.params,
            system=settings.system,
        )
        for line in lines:
            self._process.reporter.print_line(line)
        session.items[:] = []
        self._is_shown = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A dry run that showed its requests did all that was asked of it, though pytest ran no test."""
        if self._is_shown and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK


class StartLast:
    """Starts the run after the terminal has printed how many items are selected."""

    def __init__(self, collection: CollectionPlugin) -> None:
        self._collection = collection

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Start the run."""
        self._collection.start(session)


class StartFirst:
    """Starts the run before xdist sends the ids of a worker's items to the controller."""

    def __init__(self, collection: CollectionPlugin) -> None:
        self._collection = collection

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Start the run."""
        self._collection.start(session)
