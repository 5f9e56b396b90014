"""Fixtures of the tests of reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.browsers import Site, chromium


@pytest.fixture
def site() -> Iterator[Site]:
    """A site without a page yet."""
    running = Site()
    yield running
    running.close()


@pytest.fixture
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    with chromium() as running:
        yield running
