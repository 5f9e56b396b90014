"""A running evaluation: a live line for each benchmark on a terminal, a plain line now and then in a log.

`live_lines` and `log_line` are pure; `LiveDisplay` remembers and erases its block. Nothing here owns a
thread or reads a clock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from pytest_modeleval.reports.text_layout import display_width, one_line, pad, shorten

_UP = "\x1b[1A"
_CLEAR_LINE = "\r\x1b[2K"
# Begins a line for a program that reads the output (MODELEVAL_PROGRESS=json).
PROGRESS_MARK = "modeleval-progress: "


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkProgress:
    """Where one benchmark stands.

    done, total: items (samples x repeats) that have ended, with a verdict or without; that are planned.
    score, half_width: running score and half of its 95 % interval, from 0 to 1; None while there is none.
    ahead: items that are answered and whose test has not run: tests run in order, answers come in any.
    in_flight: requests under way, None if not known.
    tokens_per_s: completion tokens, None if not known. errors: items without a verdict.
    elapsed_s: since the first request of this benchmark in this process. reused: how many of done were answered by an
    earlier run; they cost no time, so that the rate leaves them out.
    """

    benchmark: str
    done: int
    total: int
    score: float | None = None
    half_width: float | None = None
    in_flight: int | None = 0
    tokens_per_s: float | None = None
    errors: int = 0
    elapsed_s: float = 0.0
    reused: int = 0
    ahead: int = 0

    @property
    def answered(self) -> int:
        """Items with an answer, whether or not their test has run."""
        return self.done + self.ahead

    @property
    def left_s(self) -> float | None:
        """Seconds still to go at the present rate; None before anything was answered, 0 at the end."""
        if self.done >= self.total:
            return 0.0
        answered = self.answered - self.reused
        if answered <= 0 or self.elapsed_s <= 0:
            return None
        return max(0, self.total - self.answered) * self.elapsed_s / answered


# The terminal must be higher than the block: what scrolled away could not be erased.
MAX_LINES = 8
# Fields that are left out, step by step, where the terminal is too narrow. Then names are cut, then lines.
_NARROWER = ((), ("percent", "tokens"), ("percent", "tokens", "in_flight", "half_width"))


def live_lines(states: Sequence[BenchmarkProgress], *, width: int) -> list[str]:
    """One line for each benchmark, figures under one another, none wider than width, at most MAX_LINES lines.

    Benchmarks beyond that are summed up in the last line. Where space is short, per cent and tokens/s are left out,
    then requests in flight and the interval; then the name is shortened.
    """
    shown = list(states) if len(states) <= MAX_LINES else list(states[: MAX_LINES - 1])
    lines = _fitted([_fields(state) for state in shown], width)
    if hidden := states[len(shown) :]:
        done, total = sum(state.answered for state in hidden), sum(state.total for state in hidden)
        lines.append(f"... and {len(hidden)} more benchmarks: {done}/{total}")
    return [shorten(line, width) for line in lines]


def _fitted(rows: Sequence[dict[str, str]], width: int) -> list[str]:
    for left_out in _NARROWER:
        lines = _table(rows, left_out)
        if all(display_width(line) <= width for line in lines):
            return lines
    return _with_short_names(rows, _NARROWER[-1], width)


def log_line(states: Sequence[BenchmarkProgress], *, width: int | None = None) -> str:
    """All benchmarks in one ASCII line for a log, at most width columns if that is given.

    "modeleval: 84/120 (70 %), iquiz 0.7000 +-0.0820, 64 in flight, 2345 tokens/s, 3 errors, 1:23 left"
    """
    whole = _total(states)
    rates = [state.tokens_per_s for state in states if state.tokens_per_s is not None]
    parts = [
        f"{whole.answered}/{whole.total}" + (f" ({_percent(whole)})" if whole.total else ""),
        *_log_scores([state for state in states if state.done or state.in_flight]),
        f"{whole.in_flight} in flight" if whole.in_flight is not None else "",
        f"{sum(rates):.0f} tokens/s" if rates else "",
        f"{whole.errors} errors" if whole.errors != 1 else "1 error",
        _time_left(whole),
    ]
    text = "modeleval: " + ", ".join(part for part in parts if part)
    text = text.encode("ascii", "backslashreplace").decode("ascii")
    return text if width is None else shorten(text, width)


def progress_line(states: Sequence[BenchmarkProgress]) -> str:
    """The same for a program: PROGRESS_MARK and a JSON object with the fields of each state."""
    return PROGRESS_MARK + json.dumps({"benchmarks": [asdict(state) for state in states]})


def run_line(folder: str) -> str:
    """For a program: where the run is, before its first sample."""
    return PROGRESS_MARK + json.dumps({"run": folder})


def _total(states: Sequence[BenchmarkProgress]) -> BenchmarkProgress:
    return BenchmarkProgress(
        benchmark="",
        done=sum(state.done for state in states),
        total=sum(state.total for state in states),
        in_flight=None if any(state.in_flight is None for state in states) else sum(s.in_flight or 0 for s in states),
        ahead=sum(state.ahead for state in states),
        errors=sum(state.errors for state in states),
        elapsed_s=max((state.elapsed_s for state in states), default=0.0),
        reused=sum(state.reused for state in states),
    )


def _log_scores(begun: Sequence[BenchmarkProgress]) -> list[str]:
    scores = [f"{_name(state)} {_score(state, '+-')}".rstrip() for state in begun[:3]]
    return [*scores, f"{len(begun) - 3} more benchmarks"] if len(begun) > 3 else scores


def duration_text(seconds: float) -> str:
    """A time for people: "0:42", "12:40", "3:04:10", "2 d 3 h"."""
    whole = max(0, round(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours}:{minutes % 60:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


class LiveDisplay:
    """A block of lines at the bottom of a terminal that can be written again and taken back.

    write: puts text on the terminal at once (and flushes). Each change is a single call, so that nothing flickers.
    Call `clear` before any other write. Lines must be no wider, and fewer, than the terminal.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._lines: tuple[str, ...] = ()

    @property
    def is_shown(self) -> bool:
        """True while there is a block on the terminal."""
        return bool(self._lines)

    def show(self, lines: Sequence[str]) -> None:
        """Put these lines in place of the block. The cursor must be at the start of a line."""
        if tuple(lines) == self._lines:
            return
        erase = self._erasure()
        self._lines = tuple(lines)
        self._write(erase + ("\r" + "\r\n".join(lines) if lines else ""))

    def clear(self) -> None:
        """Take the block off the terminal; the cursor returns to where it was. Does nothing if there is none."""
        erase = self._erasure()
        if erase:
            self._write(erase)
        self._lines = ()

    def _erasure(self) -> str:
        if not self._lines:
            return ""
        return _CLEAR_LINE + (_UP + _CLEAR_LINE) * (len(self._lines) - 1)


_FIELDS = ("name", "done", "percent", "score", "half_width", "in_flight", "tokens", "errors", "left")
_LEFT_ALIGNED = ("name", "half_width")


def _fields(state: BenchmarkProgress) -> dict[str, str]:
    return {
        "name": _name(state),
        "done": f"{state.answered}/{state.total}",
        "percent": _percent(state),
        "score": f"{state.score:.3f}" if state.score is not None else "",
        "half_width": f"±{state.half_width:.3f}" if state.half_width is not None else "",
        "in_flight": "" if state.in_flight is None else f"{state.in_flight} in flight",
        "tokens": f"{state.tokens_per_s:.0f} tok/s" if state.tokens_per_s is not None else "",
        "errors": "" if not state.errors else "1 error" if state.errors == 1 else f"{state.errors} errors",
        "left": _time_left(state),
    }


def _table(rows: Sequence[dict[str, str]], left_out: Sequence[str]) -> list[str]:
    names = [name for name in _FIELDS if name not in left_out]
    sizes = {name: max((display_width(row[name]) for row in rows), default=0) for name in names}
    return [
        "  ".join(
            pad(row[name], sizes[name], right=name not in _LEFT_ALIGNED) for name in names if sizes[name]
        ).rstrip()
        for row in rows
    ]


def _with_short_names(rows: Sequence[dict[str, str]], left_out: Sequence[str], width: int) -> list[str]:
    excess = max((display_width(line) for line in _table(rows, left_out)), default=0) - width
    room = max(4, max((display_width(row["name"]) for row in rows), default=0) - excess)
    return _table([{**row, "name": shorten(row["name"], room)} for row in rows], left_out)


def _name(state: BenchmarkProgress) -> str:
    return one_line(state.benchmark)


def _percent(state: BenchmarkProgress) -> str:
    # Rounded down: 100 % is said when nothing is left.
    return f"{state.answered * 100 // state.total} %" if state.total > 0 else ""


def _score(state: BenchmarkProgress, sign: str) -> str:
    if state.score is None:
        return ""
    return f"{state.score:.4f}" + (f" {sign}{state.half_width:.4f}" if state.half_width is not None else "")


def _time_left(state: BenchmarkProgress) -> str:
    left = state.left_s
    return "" if left is None or state.done >= state.total else f"{duration_text(left)} left"
