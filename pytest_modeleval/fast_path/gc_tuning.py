"""When Python looks for garbage: not while modules are loaded and items made, never among what lives to the end.

Imports, items, samples and reports come by the hundred thousand and none of them is garbage. Looking through them again
and again is wasted time: a tenth of the time until the first request, and a tenth of the time of a sample.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from typing import Any

import pytest


def pause_gc(config: pytest.Config) -> None:
    """No collection of garbage from now until the items are collected, or pytest ends. Called when pytest starts."""
    if gc.isenabled():
        gc.disable()
        config.add_cleanup(gc.enable)
        config.pluginmanager.register(_Collection(), "modeleval-garbage")


def freeze_gc() -> None:
    """Tell the garbage collector to look no more at what lives until the end: items, samples, reports.

    The end of the process gives them back. Not in a pytest inside a pytest, which outlives its items.
    """
    if "PYTEST_CURRENT_TEST" not in os.environ:
        gc.freeze()


class _Collection:
    """Ends what pause_gc began."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self) -> Generator[None, Any, Any]:
        """When items are collected, and the run is prepared."""
        try:
            return (yield)
        finally:
            # In this order: whatever was made meanwhile would be looked through at once.
            freeze_gc()
            gc.enable()
