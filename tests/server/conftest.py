"""Markers of the tests of the server room."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Declare what the tests here are marked with."""
    config.addinivalue_line("markers", "embedded: starts the bundled small model (fetches it at the first time)")
