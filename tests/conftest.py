"""Fixtures of the project's own tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from loopback import LoopbackServer, loopback
from suites import Suite, key_answer

# A busy machine is no failed test: hypothesis would fail an example that takes 200 ms once, or data that come slowly.
settings.register_profile("any-machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Suite:
    """A small project with one benchmark."""
    return Suite(pytester)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """A server that answers with the key in the prompt; its script may be replaced."""
    with loopback(key_answer) as running:
        yield running
