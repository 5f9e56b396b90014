"""Responses of a load between the event loop and their reading: raw, in one file, so that memory stays flat."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pytest_modeleval.load.recorder import Recorder

_BUFFER_BYTES = 1024 * 1024


class RawExchange(NamedTuple):
    """One request and its response as bytes. Times are seconds of time.monotonic()."""

    number: int
    wanted_tokens: int | None
    session: int | None
    turn: int
    row: int | None
    """Of a graded request: the index of its sample; None for any other."""
    phase: str
    planned_s: float | None
    ready_s: float
    sent_s: float
    ended_s: float
    lag_s: float
    """The largest lateness of the loop while the response came."""
    status: int
    failure: str
    stamps: list[float]
    pieces: list[bytes]


def raw_exchange(recorder: Recorder, lag_s: float) -> RawExchange:
    """An exchange that is over. lag_s: as in RawExchange."""
    planned = recorder.prepared.planned
    return RawExchange(
        recorder.prepared.number,
        planned.wanted_tokens,
        planned.session,
        planned.turn,
        planned.row if recorder.prepared.is_graded else None,
        recorder.phase,
        recorder.planned_s,
        recorder.ready_s,
        recorder.sent_s or recorder.ended_s,
        recorder.ended_s,
        lag_s,
        recorder.status,
        recorder.failure,
        recorder.stamps,
        recorder.pieces,
    )


class SpoolWriter:
    """Writes exchanges, in the order of their ends."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=_BUFFER_BYTES)

    def add(self, recorder: Recorder, lag_s: float) -> None:
        """Write one exchange. No effect once the spool is closed, as after an interrupt."""
        if self._file.closed:
            return
        marshal.dump(tuple(raw_exchange(recorder, lag_s)), self._file)

    def close(self) -> None:
        """Write what is buffered."""
        self._file.close()


def read_spool(path: Path) -> Iterator[RawExchange]:
    """The exchanges of a file that this process or one of its children wrote."""
    with path.open("rb") as file:
        while True:
            try:
                yield RawExchange(*marshal.load(file))  # noqa: S302 - our own file of this run
            except EOFError:
                return
