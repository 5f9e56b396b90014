"""Runs that ask no more than their gates need: --eval-stop-early, --eval-repeat-until-decided.

Whether an item is still needed depends on its benchmark and subset, and for repeats on their number. One thread
decides, others read. Under xdist the controller decides, and the workers poll a file of the run folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_modeleval.records import DECIDED, STOPPED_EARLY, ItemKey, Outcome
from pytest_modeleval.runs.polled_file import PolledFile

if TYPE_CHECKING:
    from pytest_modeleval.gates import EarlyStop
    from pytest_modeleval.runs.gate_runner import GateRunner
    from pytest_modeleval.settings import Settings
    from pytest_modeleval.store.run_folder import RunFolder

STOPPED_FILE = "stopped-early.json"
# Items asked ahead of the one that is judged, as a multiple of the requests in flight. Requests in flight when the last
# gate is decided are wasted; with fewer, slots would stay empty behind a slow answer.
STOP_EARLY_AHEAD = 2

SubsetName = tuple[str, str]
"""(benchmark, subset)."""


class ItemFilter(Protocol):
    """Decides which items are still needed."""

    def skip_reason(self, key: ItemKey) -> str:
        """The cause (records.STOPPED_CAUSES) that an item is not asked; "" if it is needed. Called by two threads."""

    def is_reached(self, key: ItemKey) -> bool:
        """False while it cannot be known whether the item is needed: it is not asked ahead."""

    def advance_to(self, key: ItemKey) -> None:
        """Every item before this one has ended."""

    def record(self, outcome: Outcome) -> None:
        """An item has ended."""


class StopWhenDecided:
    """Stops early: an item is needed while a gate over its benchmark and subset is undecided."""

    def __init__(
        self,
        state: EarlyStop,
        stored: Iterable[Outcome] = (),
        *,
        on_stopped: Callable[[frozenset[SubsetName]], None] | None = None,
    ) -> None:
        """Begin with the outcomes that an interrupted run stored.

        state: the state of the gates before any outcome. on_stopped: called with the subsets that need no more items,
        whenever they change.
        """
        self._state = state
        self._on_stopped = on_stopped
        self._seen: set[ItemKey] = set()
        self._stopped: frozenset[SubsetName] = frozenset()
        for outcome in stored:
            if outcome.kind.is_verdict:
                self._seen.add(outcome.key)
                state.observe(outcome)
        self._update()

    def skip_reason(self, key: ItemKey) -> str:
        return STOPPED_EARLY if (key.benchmark, key.subset) in self._stopped else ""

    def is_reached(self, key: ItemKey) -> bool:
        return True

    def advance_to(self, key: ItemKey) -> None:
        pass

    def record(self, outcome: Outcome) -> None:
        if not outcome.is_stopped_early and outcome.key not in self._seen:
            self._seen.add(outcome.key)
            self._state.observe(outcome)
            self._update()

    def _update(self) -> None:
        stopped = self._state.stopped_subsets()
        if stopped != self._stopped:
            self._stopped = stopped
            if self._on_stopped is not None:
                self._on_stopped(stopped)


class StopFlagReader:
    """The filter of a worker: what the controller decided."""

    def __init__(self, folder: Path) -> None:
        self._file = PolledFile(folder / STOPPED_FILE)

    def skip_reason(self, key: ItemKey) -> str:
        return STOPPED_EARLY if [key.benchmark, key.subset] in (self._file.read() or ()) else ""

    def is_reached(self, key: ItemKey) -> bool:
        return True

    def advance_to(self, key: ItemKey) -> None:
        pass

    def record(self, outcome: Outcome) -> None:
        """Nothing to do: the controller counts the outcomes of all workers."""


def publish_stopped(folder: Path, stopped: Iterable[SubsetName]) -> None:
    """Write the subsets that need no more items, for the workers; an empty set removes the file."""
    file, subsets = PolledFile(folder / STOPPED_FILE), sorted(stopped)
    if subsets:
        file.write(subsets)
    else:
        file.remove()


class RepeatUntilDecided:
    """Repeats until decided: a further repeat is needed where a gate cannot judge yet."""

    def __init__(self, base: int, decide: Callable[[int], frozenset[SubsetName]]) -> None:
        """Ask every sample `base` times. decide(repeats): the subsets that one more repeat could help."""
        self._base = base
        self._decide = decide
        self._open: dict[int, frozenset[SubsetName]] = {}

    def skip_reason(self, key: ItemKey) -> str:
        if key.repeat < self._base:
            return ""
        return "" if (key.benchmark, key.subset) in self._open.get(key.repeat, ()) else DECIDED

    def is_reached(self, key: ItemKey) -> bool:
        return key.repeat < self._base or key.repeat in self._open

    def advance_to(self, key: ItemKey) -> None:
        if not self.is_reached(key):
            self._open[key.repeat] = self._decide(key.repeat)

    def record(self, outcome: Outcome) -> None:
        """Nothing to do: `decide` reads the journal."""


def make_item_filter(
    settings: Settings,
    gate_runner: GateRunner,
    folder: RunFolder,
    print_line: Callable[[str], None],
    *,
    on_stopped: Callable[[frozenset[SubsetName]], None] | None = None,
) -> ItemFilter | None:
    """The filter of this run; None where every item is needed. The plan is in the journal already."""
    if settings.rescore_dir is not None or gate_runner.gates is None:
        return None
    contents, seed = folder.reader.contents, folder.run.get("order_seed")
    if settings.is_stop_early and seed is not None:
        if late := gate_runner.prevented_passes():
            print_line(f"stopping early: without a margin a gate is passed only near the end: {', '.join(late)}")
        return StopWhenDecided(
            gate_runner.early_stop(contents, seed), contents.outcomes.values(), on_stopped=on_stopped
        )
    if settings.until_decided is None:
        return None
    base, most = settings.repeats, settings.until_decided

    def decide(repeats: int) -> frozenset[SubsetName]:
        found = gate_runner.undecided(contents, base=base, most=most, now=repeats)
        if found:
            names = ", ".join(sorted({benchmark for benchmark, _ in found}))
            print_line(f"not every gate can be judged yet: {names} is asked again, {repeats + 1} of up to {most} times")
        return found

    return RepeatUntilDecided(base, decide)


def in_rounds(keys: Sequence[ItemKey], base: int) -> list[int]:
    """Places of the items in the order of asking: all planned repeats of every sample, then one more of each, ..."""
    return sorted(range(len(keys)), key=lambda place: max(0, keys[place].repeat - base + 1))


def in_order(keys: Sequence[ItemKey], order: Sequence[ItemKey]) -> list[int]:
    """Places of the items in the order of a list that holds their keys."""
    place = {key: number for number, key in enumerate(order)}
    return sorted(range(len(keys)), key=lambda number: place[keys[number]])


def asking_order(keys: Sequence[ItemKey], settings: Settings, order_seed: int | None) -> list[int] | None:
    """Places of the items in the order of asking; None for the order they are in.

    order_seed: the seed that run.json keeps for a run that may stop early; the same in every process.
    """
    if order_seed is not None:
        from pytest_modeleval.gates import seeded_order  # noqa: PLC0415 - numpy

        return in_order(keys, seeded_order(keys, order_seed))
    return in_rounds(keys, settings.repeats) if settings.until_decided is not None else None
