"""Fixtures of the project's own tests."""

from __future__ import annotations

import importlib.util
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.loopback import LoopbackServer, loopback
from tests.support.suites import Suite, key_answer

# `pytest --model NAME` at the top of the repository loads this file, also where the test dependencies are missing.
if importlib.util.find_spec("hypothesis") is not None:
    from hypothesis import HealthCheck, settings

    # On a busy machine a single example may take longer than 200 ms, and data may be generated slowly.
    settings.register_profile("any-machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("any-machine")


def pytest_configure(config: pytest.Config) -> None:
    """The project's own tests need their packages: one line instead of a traceback for each module.

    A shell without job control has its background jobs ignore Ctrl-C, and so would every process that a test starts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if importlib.util.find_spec("hypothesis") is None and not _is_evaluation(config):
        raise pytest.UsageError(
            "the tests of this project need packages of their own; expected hypothesis, found none: "
            "pip install --editable . --group test"
        )


def _is_evaluation(config: pytest.Config) -> bool:
    return bool(config.getoption("model", None) or config.getoption("eval_rescore", None))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`pytest --model NAME` at the top of the repository runs benchmarks, so the project's own tests are left out."""
    return True if _is_evaluation(config) and config.args_source is not pytest.Config.ArgsSource.ARGS else None


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Suite:
    """A small project with one benchmark."""
    return Suite(pytester)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """A server that answers with the key in the prompt; its script may be replaced."""
    with loopback(key_answer) as running:
        yield running
