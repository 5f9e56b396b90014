"""pytest's run loop, for a protocol that runs several items in one call."""

from __future__ import annotations

import pytest


class RunLoop:
    """The run loop of pytest, for a protocol that runs several items in one call.

    A copy of `_pytest.main.pytest_runtestloop`, which is the same in pytest 8.4 to 9.2. Without it each call runs one
    item.
    """

    VERSIONS = frozenset({(8, 4), (9, 0), (9, 1), (9, 2)})

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._place = 0
        """Place of the item that runs."""

    @classmethod
    def is_known(cls) -> bool:
        """True if this pytest's loop is the one that is copied here."""
        return pytest.version_tuple[:2] in cls.VERSIONS

    def run(self) -> bool:
        """Run all items of the session."""
        session = self._session
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            plural = "" if session.testsfailed == 1 else "s"
            raise session.Interrupted(f"{session.testsfailed} error{plural} during collection")
        while self._place < len(session.items):
            item = session.items[self._place]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=self.next_item())
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
            self._place += 1
        return True

    def next_item(self) -> pytest.Item | None:
        """The item after the one that runs; None after the last."""
        items = self._session.items
        return items[self._place + 1] if self._place + 1 < len(items) else None

    def advance(self) -> None:
        """The next item runs now, in the same call."""
        self._place += 1

    def step_back(self) -> None:
        """The item that runs is left to the loop, which comes to it next."""
        self._place -= 1
