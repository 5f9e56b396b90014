"""Registers the plugin objects of an active run: local process, controller of xdist, or one of its workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_modeleval.options import value_of

if TYPE_CHECKING:
    import pytest

    from pytest_modeleval.pytest_plugin.context import Process, RunContext
    from pytest_modeleval.settings import Settings


def start(config: pytest.Config) -> None:
    """Read the settings and register plugin objects. Raises UserError."""
    if value_of(config, "--eval-fast-path") != "off":
        from pytest_modeleval.fast_path.gc_tuning import pause_gc  # noqa: PLC0415 - an unused plugin costs nothing

        # First of all, since what follows imports half of the package.
        pause_gc(config)
    from pytest_modeleval.pytest_plugin.settings_reader import read_settings  # noqa: PLC0415

    settings = read_settings(config)
    if hasattr(config, "workerinput"):
        _start_worker(config, settings)
        return
    from pytest_modeleval.pytest_plugin.mass_failures import MassFailures  # noqa: PLC0415
    from pytest_modeleval.pytest_plugin.reply_sections import VERBOSITY, VerboseReplies  # noqa: PLC0415
    from pytest_modeleval.pytest_plugin.run_controller import RunController  # noqa: PLC0415

    controller = RunController(config, settings)
    config.pluginmanager.register(MassFailures(), "modeleval-mass-failures")
    config.pluginmanager.register(controller, "modeleval-run-controller")
    if config.get_verbosity() >= VERBOSITY:
        config.pluginmanager.register(VerboseReplies(config), "modeleval-verbose-replies")
    if is_distributed(config):
        from pytest_modeleval.distributed.controller import Controller  # noqa: PLC0415 - only where xdist runs
        from pytest_modeleval.fast_path.fast_path import FastPath  # noqa: PLC0415

        config.pluginmanager.register(Controller(config, settings, controller), "modeleval-distributed")
        config.pluginmanager.register(FastPath(config, is_on=settings.is_fast_path), "modeleval-fast-path")
        return
    from pytest_modeleval.pytest_plugin.collection_plugin import StartLast  # noqa: PLC0415
    from pytest_modeleval.pytest_plugin.local import LocalProcess  # noqa: PLC0415

    _start_process(config, settings, LocalProcess(config, settings, controller), StartLast)


def _start_worker(config: pytest.Config, settings: Settings) -> None:
    from pytest_modeleval.distributed.worker import WorkerProcess  # noqa: PLC0415 - only where xdist runs
    from pytest_modeleval.pytest_plugin.collection_plugin import StartFirst  # noqa: PLC0415

    process = WorkerProcess(config, settings)
    config.pluginmanager.register(process, "modeleval-worker")
    _start_process(config, settings, process, StartFirst)


def _start_process(config: pytest.Config, settings: Settings, process: Process, starter: type) -> None:
    """Register what collects the items of a process, and runs them once they are selected."""
    from pytest_modeleval.fast_path.fast_path import FastPath  # noqa: PLC0415
    from pytest_modeleval.fast_path.keyword_selection import KeywordSelection  # noqa: PLC0415
    from pytest_modeleval.pytest_plugin import fixtures  # noqa: PLC0415
    from pytest_modeleval.pytest_plugin.collection_plugin import CollectionPlugin  # noqa: PLC0415
    from pytest_modeleval.pytest_plugin.item_plugin import ItemPlugin  # noqa: PLC0415

    register = config.pluginmanager.register
    fast_path = FastPath(config, is_on=settings.is_fast_path)

    def start_items(context: RunContext) -> None:
        on_outcome = None
        if config.pluginmanager.hasplugin("allure_listener"):
            from pytest_modeleval.pytest_plugin.allure_results import allure_writer  # noqa: PLC0415 - few have Allure

            on_outcome = allure_writer(config, context.connection.model.name)
        items = ItemPlugin(context, verbosity=config.get_verbosity(), on_outcome=on_outcome)
        register(items, "modeleval-items")
        fast_path.start(context, items)

    collection = CollectionPlugin(config, settings, process, start_items)
    register(collection, "modeleval-collection")
    register(starter(collection), "modeleval-start")
    if settings.tasks:
        from pytest_modeleval.pytest_plugin.foreign_page import ForeignPage  # noqa: PLC0415 - few runs name such tasks

        register(ForeignPage(settings.tasks, process.reporter.print_once), "modeleval-foreign-page")
    register(fixtures, "modeleval-fixtures")
    register(fast_path, "modeleval-fast-path")
    if settings.is_fast_path:
        register(KeywordSelection(), "modeleval-keyword-selection")


def is_distributed(config: pytest.Config) -> bool:
    """True in the controller of xdist (-n, --dist): it collects nothing and runs nothing itself."""
    return (
        config.pluginmanager.hasplugin("xdist")
        and config.getoption("dist", "no") != "no"
        and bool(config.getoption("tx", None))
        and not config.getoption("collectonly", False)
    )
