"""pytest's way in. Loaded in every pytest run where the package is installed, so it imports next to nothing.

Without --model (and without --eval-rescore) it declares its options and does no more; a benchmark's test function is
then collected as one skipped item that says how to run it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval import hookspecs, options

INACTIVE = ("modeleval", "inactive")
# As runs.exit_status has it: the run is incomplete or a gate cannot be judged.
NOTHING_JUDGED = 6
# As foreign_tasks.loading has it, which loads half of the package.
FOREIGN_PAGE = Path(__file__).parent / "foreign_tasks" / "eval_tasks.py"
MARKER = "modeleval: a benchmark sample, asked of the model that --model names"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of docs/options.md."""
    options.add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare our own hooks."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Decide whether this run evaluates a model, and register what does it."""
    if not options.is_active(config):
        check_no_options(config)
        config.pluginmanager.register(InactivePlugin(config), "modeleval-inactive")
        return
    from pytest_modeleval.plain_imports import import_plainly  # noqa: PLC0415 - an unused plugin costs nothing

    config.add_cleanup(import_plainly())
    from pytest_modeleval import registration  # noqa: PLC0415
    from pytest_modeleval.errors import UserError  # noqa: PLC0415

    config.addinivalue_line("markers", MARKER)
    # Workers of xdist too: they are given the words of the command, not the controller's paths.
    collect_benchmarks(config)
    try:
        registration.start(config)
    except UserError as mistake:
        raise pytest.UsageError(str(mistake)) from None


def collect_benchmarks(config: pytest.Config) -> None:
    """Without paths on the command line, the shipped benchmarks are collected too, if the command asks for a model.

    Tasks of other packages (--eval-tasks) come after the paths; without paths they are all that is collected.
    """
    from pytest_modeleval._support.shipped_folder import shipped_folder  # noqa: PLC0415 - an unused plugin loads little

    shipped = shipped_folder()
    foreign = [str(FOREIGN_PAGE)] if options.values_of(config, "--eval-tasks") else []
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        config.args = [*(_shipped_path(config, arg, shipped) for arg in config.args), *foreign]
        return
    if foreign:
        config.args = foreign
        return
    if not options.is_on_command_line(config) and not config.getoption("keyword", ""):
        # A model of an ini file or a variable evaluates the project's own benchmarks, or those that -k names.
        return
    given = [Path(config.invocation_params.dir, arg.partition("::")[0]).resolve() for arg in config.args]
    if not any(shipped.is_relative_to(path) for path in given):
        config.args = [*config.args, str(shipped)]


def _shipped_path(config: pytest.Config, arg: str, folder: Path) -> str:
    """An argument such as "iquiz", or a printed id: of a shipped benchmark, where the project has no such path."""
    path, mark, rest = arg.partition("::")
    shipped = folder / path
    is_own = Path(config.invocation_params.dir, path).exists() or Path(path).is_absolute() or ".." in Path(path).parts
    return arg if is_own or not path or not shipped.exists() else f"{shipped}{mark}{rest}"


def check_no_options(config: pytest.Config) -> None:
    """Refuse options of this plugin on a command line that names no model: such a run would be green for ever."""
    if config.getoption("model", None) is not None:
        raise pytest.UsageError(
            "--model: expected the name of a model, found an empty text (an empty variable of a CI job?); "
            "leave the option out to run without a model"
        )
    if config.getoption("model_url", None):
        raise pytest.UsageError(
            "--model-url says where the model is; expected --model too, the name that the server calls it "
            "(URL/models lists it)"
        )
    for option in options.OPTIONS:
        if config.getoption(option.ini, None):
            raise pytest.UsageError(
                f"{option.flag}: expected a model to evaluate, found none; add --model NAME, or --eval-rescore=DIR for "
                "a stored run"
            )


class InactivePlugin:
    """A run without a model: benchmarks are skipped, everything else is left as it is."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._gates = options.value_of(config, "--eval-gates")
        self._skipped = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count the benchmarks that were skipped."""
        self._skipped += report.when == "call" and INACTIVE in map(tuple, report.user_properties)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Gates of an ini file or a variable were to be judged, and no model was named: that is not success."""
        if self._gates and self._skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = NOTHING_JUDGED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say why the status is not 0."""
        if self._gates and self._skipped:
            terminalreporter.write_line(
                f"modeleval: the gates of {self._gates} were not judged, since no model is named (--model NAME); "
                "`--eval-gates=` on the command line leaves them out",
                yellow=True,
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: Any, name: str, obj: object) -> Any:
        """One skipped item for a benchmark; None for everything else."""
        # The attribute's name stands here once more so that nothing has to be imported to look for it.
        if not hasattr(obj, "pytest_modeleval_benchmark") or not callable(obj):
            return None
        from pytest_modeleval.collection.items import InactiveItem  # noqa: PLC0415

        return [InactiveItem.from_parent(collector, name=name)]
