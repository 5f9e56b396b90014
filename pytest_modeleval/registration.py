"""Registers what an active run needs: one process, the controller of xdist, or one of its workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_modeleval.fast_path.fast_path import FastPathPlugin
from pytest_modeleval.fast_path.selection import Selection
from pytest_modeleval.pytest_plugin import fixtures
from pytest_modeleval.pytest_plugin.local import LocalPlugin
from pytest_modeleval.pytest_plugin.run_controller import RunController
from pytest_modeleval.pytest_plugin.settings_reader import read_settings

if TYPE_CHECKING:
    import pytest


def start(config: pytest.Config) -> None:
    """Read the settings and register plugin objects. Raises UserError."""
    register = config.pluginmanager.register
    if hasattr(config, "workerinput"):
        from pytest_modeleval.distributed.worker import WorkerPlugin  # noqa: PLC0415 - only where xdist runs

        worker = WorkerPlugin(config, read_settings(config))
        register(worker, "modeleval-session")
        register(FastPathPlugin(config, worker.report_of, worker.following), "modeleval-fast-path")
        register(fixtures, "modeleval-fixtures")
        register(Selection(), "modeleval-selection")
        return
    settings = read_settings(config)
    owner = RunController(config, settings)
    register(owner, "modeleval-owner")
    if is_distributed(config):
        from pytest_modeleval.distributed.controller import Controller  # noqa: PLC0415

        register(Controller(config, settings, owner), "modeleval-controller")
        return
    session = LocalPlugin(config, settings, owner)
    owner.stop_reason = lambda: session.stop_reason
    register(session, "modeleval-session")
    register(FastPathPlugin(config, session.report_of, session.following), "modeleval-fast-path")
    register(fixtures, "modeleval-fixtures")
    register(Selection(), "modeleval-selection")


def is_distributed(config: pytest.Config) -> bool:
    """True in the controller of xdist (-n, --dist): it collects nothing and runs nothing itself."""
    return (
        config.pluginmanager.hasplugin("xdist")
        and config.getoption("dist", "no") != "no"
        and bool(config.getoption("tx", None))
        and not config.getoption("collectonly", False)
    )
