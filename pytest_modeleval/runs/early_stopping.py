"""Runs that ask no more than their gates need: --eval-stop-early, --eval-repeat-until-decided.

Which items are needed depends on benchmark and subset alone, and for repeats on their number. The set of those that are
not needed any more is replaced by one thread and read by others. Under xdist the controller decides and writes the set
to a file of the run folder, which the workers read.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_modeleval._support.atomic_file import atomic_write
from pytest_modeleval.records import DECIDED, STOPPED_EARLY, ItemKey, Outcome

if TYPE_CHECKING:
    from pytest_modeleval.gates import EarlyStop
    from pytest_modeleval.runs.gate_runner import GateRunner
    from pytest_modeleval.settings import Settings
    from pytest_modeleval.store.run_folder import RunFolder

CLOSED_FILE = "stopped-early.json"
# Items asked ahead of the one that is judged, as a multiple of the requests in flight. All that is ahead when the last
# verdict becomes certain was asked in vain; with less, slots would stand empty behind a slow answer.
AHEAD = 2

Scope = tuple[str, str]


class ItemFilter(Protocol):
    """Says which items are still needed. `why_not` is called from the engine's thread too."""

    def why_not(self, key: ItemKey) -> str:
        """The cause (records.STOPPED_CAUSES) for which an item is not asked; "" if it is needed."""

    def is_reached(self, key: ItemKey) -> bool:
        """False while it cannot be known whether the item is needed: it is not asked ahead."""

    def reach(self, key: ItemKey) -> None:
        """Every item before this one has ended."""

    def see(self, outcome: Outcome) -> None:
        """An item has ended."""


class StopWhenDecided:
    """Stops early: an item is needed while a gate that looks at its benchmark and subset is undecided.

    state: has seen nothing yet. stored: outcomes of an earlier part of the run. on_closed: told when the set changes.
    """

    def __init__(
        self,
        state: EarlyStop,
        stored: Iterable[Outcome] = (),
        *,
        on_closed: Callable[[frozenset[Scope]], None] | None = None,
    ) -> None:
        self._state = state
        self._on_closed = on_closed
        self._seen: set[ItemKey] = set()
        self._closed: frozenset[Scope] = frozenset()
        for outcome in stored:
            if outcome.kind.is_verdict:
                self._seen.add(outcome.key)
                state.observe(outcome)
        self._update()

    def why_not(self, key: ItemKey) -> str:
        """See ItemFilter."""
        return STOPPED_EARLY if (key.benchmark, key.subset) in self._closed else ""

    def is_reached(self, key: ItemKey) -> bool:
        """See ItemFilter."""
        return True

    def reach(self, key: ItemKey) -> None:
        """See ItemFilter."""

    def see(self, outcome: Outcome) -> None:
        """See ItemFilter."""
        if not outcome.is_stopped_early and outcome.key not in self._seen:
            self._seen.add(outcome.key)
            self._state.observe(outcome)
            self._update()

    def _update(self) -> None:
        closed = self._state.closed()
        if closed != self._closed:
            self._closed = closed
            if self._on_closed is not None:
                self._on_closed(closed)


class StopFlagReader:
    """A worker's view of what the controller decided."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / CLOSED_FILE
        self._seen: object = None
        self._closed: frozenset[Scope] = frozenset()

    def why_not(self, key: ItemKey) -> str:
        """See ItemFilter."""
        with contextlib.suppress(OSError, ValueError):
            now = self._file.stat()
            # As in states.py: two changes may have one time, but never one file.
            if (now.st_mtime_ns, now.st_ino) != self._seen:
                found = json.loads(self._file.read_bytes())
                self._closed = frozenset((str(one), str(two)) for one, two in found)
                self._seen = now.st_mtime_ns, now.st_ino
        return STOPPED_EARLY if (key.benchmark, key.subset) in self._closed else ""

    def is_reached(self, key: ItemKey) -> bool:
        """See ItemFilter."""
        return True

    def reach(self, key: ItemKey) -> None:
        """See ItemFilter."""

    def see(self, outcome: Outcome) -> None:
        """See ItemFilter: the controller sees it."""


def tell_workers(folder: Path, closed: Iterable[Scope]) -> None:
    """Write what the workers need not ask any more; an empty set removes the file."""
    if not closed:
        (folder / CLOSED_FILE).unlink(missing_ok=True)
        return
    # A folder that cannot be written ends the run elsewhere, with its own words; here it only means no saving.
    with contextlib.suppress(OSError):
        atomic_write(folder / CLOSED_FILE, json.dumps(sorted(closed)).encode())


class RepeatUntilDecided:
    """Repeats until decided: a further repeat is needed where a gate cannot judge yet.

    base: repeats asked of every sample. decide(repeats): with so many repeats asked, the scopes whose samples one more
    repeat could help.
    """

    def __init__(self, base: int, decide: Callable[[int], frozenset[Scope]]) -> None:
        self._base = base
        self._decide = decide
        self._open: dict[int, frozenset[Scope]] = {}

    def why_not(self, key: ItemKey) -> str:
        """See ItemFilter."""
        if key.repeat < self._base:
            return ""
        return "" if (key.benchmark, key.subset) in self._open.get(key.repeat, ()) else DECIDED

    def is_reached(self, key: ItemKey) -> bool:
        """See ItemFilter."""
        return key.repeat < self._base or key.repeat in self._open

    def reach(self, key: ItemKey) -> None:
        """See ItemFilter."""
        if not self.is_reached(key):
            self._open[key.repeat] = self._decide(key.repeat)

    def see(self, outcome: Outcome) -> None:
        """See ItemFilter: the journal has it."""


def item_filter(
    settings: Settings,
    gate_runner: GateRunner,
    folder: RunFolder,
    say: Callable[[str], None],
    *,
    on_closed: Callable[[frozenset[Scope]], None] | None = None,
) -> ItemFilter | None:
    """What says which items are still needed; None where all are. The plan stands in the journal."""
    if settings.rescore_dir is not None or gate_runner.gates is None:
        return None
    contents, seed = folder.reader.contents, folder.run.get("order_seed")
    if settings.is_stop_early and seed is not None:
        if late := gate_runner.prevented_passes():
            say(f"stopping early: without a margin a gate is passed only near the end: {', '.join(late)}")
        return StopWhenDecided(gate_runner.early_stop(contents, seed), contents.outcomes.values(), on_closed=on_closed)
    if settings.until_decided is None:
        return None
    base, most = settings.repeats, settings.until_decided

    def decide(repeats: int) -> frozenset[Scope]:
        found = gate_runner.undecided(contents, base=base, most=most, now=repeats)
        if found:
            names = ", ".join(sorted({benchmark for benchmark, _ in found}))
            say(f"not every gate can be judged yet: {names} is asked again, {repeats + 1} of up to {most} times")
        return found

    return RepeatUntilDecided(base, decide)


def in_rounds(keys: Sequence[ItemKey], base: int) -> list[int]:
    """Places of the items in the order of asking: all planned repeats of every sample, then one more of each, ..."""
    return sorted(range(len(keys)), key=lambda place: max(0, keys[place].repeat - base + 1))


def in_order(keys: Sequence[ItemKey], order: Sequence[ItemKey]) -> list[int]:
    """Places of the items in the order of a list that holds their keys."""
    place = {key: number for number, key in enumerate(order)}
    return sorted(range(len(keys)), key=lambda number: place[keys[number]])
