"""The fast path: what makes a run of many samples cheaper, as one object that can be left out.

It is the short protocol of samples (`short_protocol`), selection by groups of items (`keyword_selection`), and the
garbage collector's settings (`gc_tuning`). `--eval-fast-path=off` leaves all of them out; reports and scores are the
same.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from pytest_modeleval.fast_path.eligibility import eligibility
from pytest_modeleval.fast_path.gc_tuning import freeze_gc
from pytest_modeleval.fast_path.short_protocol import ShortProtocol
from pytest_modeleval.pytest_plugin.context import RunContext
from pytest_modeleval.pytest_plugin.item_plugin import ItemPlugin


class FastPath:
    """Plugin object of every active run; it does nothing but say so where it is off."""

    def __init__(self, config: pytest.Config, *, is_on: bool) -> None:
        self._config = config
        self._is_on = is_on
        self._shown = ""
        self._context: RunContext | None = None
        self._items: ItemPlugin | None = None
        self._session: pytest.Session | None = None

    def start(self, context: RunContext, items: ItemPlugin) -> None:
        """The run is ready: run its items by the short protocol, if the plugins allow it when the first item starts."""
        self._context, self._items = context, items

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep the session, which the hook for the header does not get."""
        self._session = session

    def pytest_report_header(self) -> str:
        """Whether the fast path is on, or why it is off."""
        assert self._session is not None
        self._shown = self._line(self._session)
        return self._shown

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Register the short protocol when the run was started and every plugin is known."""
        result = yield
        if not self._is_on or self._context is None or self._items is None:
            return result
        if self._shown and (line := self._line(session)) != self._shown:
            # A conftest.py in a folder below has switched it off.
            self._context.reporter.print_line(line)
        eligible = eligibility(session)
        if not eligible.reason_off:
            protocol = ShortProtocol(
                session,
                eligible,
                self._items,
                self._context.reporter.refresh,
                is_grouping=not hasattr(self._config, "workerinput"),
            )
            self._config.pluginmanager.register(protocol, "modeleval-short-protocol")
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, Any, Any]:
        """Leave what lives to the end to no search for garbage: before the items run, and after them."""
        if not self._is_on:
            return (yield)
        freeze_gc()
        result = yield
        # pytest collects garbage five times at the end, over every report and item.
        freeze_gc()
        return result

    def _line(self, session: pytest.Session) -> str:
        reason = eligibility(session).reason_off if self._is_on else "--eval-fast-path"
        return f"modeleval: fast path off ({reason})" if reason else "modeleval: fast path on"
