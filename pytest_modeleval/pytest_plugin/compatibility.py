"""What other plugins would do to samples, and must not, and every private name of theirs that is used.

| name | seen in | without it |
|---|---|---|
| `allure_listener.allure_logger.get_test(None)` | allure-pytest 2.16 | its results have nothing of ours |
| `allure_commons.model2.StatusDetails` | allure-pytest 2.16 | they have no message |
| `pytest_timeout` as the module of a frame | pytest-timeout 2.4 | a test body that hits the limit is a wrong answer |
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import pytest

from pytest_modeleval.errors import SettingsError

_WHY = (
    "a sample that is asked again until it is right gives the best of several answers, which is no score. Requests "
    "that fail are repeated without it"
)


def refuse_reruns(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Raise SettingsError if pytest-rerunfailures was asked to run samples again: by option, ini key or mark."""
    if not config.pluginmanager.hasplugin("rerunfailures"):
        return
    for name in ("force_reruns", "reruns"):
        found = config.getoption(name, None)
        if found:
            raise SettingsError(
                f"--{name.replace('_', '-')} {found} (pytest-rerunfailures) is not for samples: {_WHY}. Leave the "
                "option out, or run samples and other tests by commands of their own"
            )
    if config.getoption("reruns", None) is None and (found := _ini(config, "reruns")):
        raise SettingsError(
            f"reruns = {found} in {config.inipath} (pytest-rerunfailures) is not for samples: {_WHY}. Add "
            "--reruns 0 to this command"
        )
    for item in items:
        if item.get_closest_marker("flaky") is not None:
            raise SettingsError(
                f"{item.nodeid} has the mark flaky (pytest-rerunfailures), which is not for samples: {_WHY}. Remove "
                "the mark, or use --eval-repeats K, which counts every answer"
            )


def is_timeout(call: pytest.CallInfo[Any]) -> bool:
    """True if pytest-timeout ended the phase: it does so by pytest.fail, which would else count as a wrong answer.

    Recognised by where the exception was raised, not by its text, which may come from a model.
    """
    excinfo = call.excinfo
    if excinfo is None or not isinstance(excinfo.value, pytest.fail.Exception):
        return False
    return any(frame.f_globals.get("__name__") == "pytest_timeout" for frame, _ in traceback.walk_tb(excinfo.tb))


def allure_result(config: pytest.Config) -> Any | None:
    """The result that allure-pytest makes of the test that runs; None where there is none."""
    logger = getattr(config.pluginmanager.getplugin("allure_listener"), "allure_logger", None)
    get_test = getattr(logger, "get_test", None)
    result = get_test(None) if get_test is not None else None
    return result if hasattr(result, "status") else None


def set_allure_status(result: Any, status: str, message: str) -> None:
    """Set the status of such a result, and what it says of it; no message for "" (a passed test)."""
    details = getattr(import_module("allure_commons.model2"), "StatusDetails", None)
    result.status = status
    result.statusDetails = details(message=message) if message and details is not None else None


def _ini(config: pytest.Config, name: str) -> int:
    try:
        return int(config.getini(name) or 0)
    except (ValueError, TypeError):
        # No key of this name, or nothing that the plugin itself would take for a number.
        return 0
