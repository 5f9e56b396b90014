"""Live lines and log lines; a terminal emulator proves that the live block leaves nothing behind."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.reports.live import MAX_LINES, BenchmarkProgress, LiveDisplay, duration_text, live_lines, log_line
from pytest_modeleval.reports.text_layout import HIDDEN, display_width
from tests.support.report_cases import HOSTILE_TEXT

IQUIZ = BenchmarkProgress(
    benchmark="iquiz",
    done=84,
    total=120,
    score=0.7,
    half_width=0.082,
    in_flight=36,
    tokens_per_s=2345.2,
    errors=3,
    elapsed_s=60.0,
)
CODE = BenchmarkProgress(benchmark="live_code_bench", done=1, total=1055, score=0.0, in_flight=28, elapsed_s=600.0)
MMLU = BenchmarkProgress(benchmark="mmlu", done=0, total=14042)

states = st.builds(
    BenchmarkProgress,
    benchmark=st.text(max_size=20) | st.sampled_from(["iquiz", "中文基准测试", HOSTILE_TEXT]),
    done=st.integers(0, 99_999),
    total=st.integers(0, 99_999),
    score=st.none() | st.floats(0, 1),
    half_width=st.none() | st.floats(0, 0.5),
    in_flight=st.integers(0, 1000),
    tokens_per_s=st.none() | st.floats(0, 1e6),
    errors=st.integers(0, 9999),
    elapsed_s=st.floats(0, 1e6),
    reused=st.integers(0, 99_999),
)


def test_live_lines_stand_under_one_another() -> None:
    """At 100 columns everything shows; figures of several benchmarks line up."""
    assert live_lines([IQUIZ, CODE, MMLU], width=100) == [
        "iquiz             84/120  70 %  0.700  ±0.082  36 in flight  2345 tok/s  3 errors     0:26 left",
        "live_code_bench   1/1055   0 %  0.000          28 in flight                        7 d 7 h left",
        "mmlu             0/14042   0 %                  0 in flight",
    ]


def test_live_lines_give_way_at_80_columns() -> None:
    """Per cent and tokens/s go first, then requests in flight and the interval; score and time left stay."""
    assert live_lines([IQUIZ, CODE, MMLU], width=80) == [
        "iquiz             84/120  0.700  ±0.082  36 in flight  3 errors     0:26 left",
        "live_code_bench   1/1055  0.000          28 in flight            7 d 7 h left",
        "mmlu             0/14042                  0 in flight",
    ]
    assert live_lines([IQUIZ, CODE, MMLU], width=60) == [
        "iquiz             84/120  0.700  3 errors     0:26 left",
        "live_code_bench   1/1055  0.000            7 d 7 h left",
        "mmlu             0/14042",
    ]


def test_hidden_benchmarks_are_summed_up() -> None:
    """More benchmarks than lines: the last line counts the rest."""
    lines = live_lines([IQUIZ] * (MAX_LINES - 1) + [CODE, MMLU], width=80)
    assert lines[MAX_LINES - 1 :] == ["... and 2 more benchmarks: 1/15097"]


def test_log_line_is_plain() -> None:
    """One benchmark, several, and none."""
    assert log_line([IQUIZ]) == (
        "modeleval: 84/120 (70 %), iquiz 0.7000 +-0.0820, 36 in flight, 2345 tokens/s, 3 errors, 0:26 left"
    )
    assert log_line([IQUIZ, CODE, MMLU]) == (
        "modeleval: 85/15217 (0 %), iquiz 0.7000 +-0.0820, live_code_bench 0.0000, 64 in flight, 2345 tokens/s, "
        "3 errors, 1 d 5 h left"
    )
    assert log_line([]) == "modeleval: 0/0, 0 in flight, 0 errors"


@settings(max_examples=50)
@given(st.lists(states, max_size=12), st.integers(1, 140))
def test_live_lines_fit(running: list[BenchmarkProgress], width: int) -> None:
    """No line is wider than the terminal, no block higher than allowed, no name drives the terminal."""
    lines = live_lines(running, width=width)
    assert len(lines) == min(len(running), MAX_LINES)
    for line in lines:
        assert display_width(line) <= width
        assert not HIDDEN.search(line)


@settings(max_examples=50)
@given(st.lists(states, max_size=5), st.integers(10, 140))
def test_log_lines_fit_and_are_ascii(running: list[BenchmarkProgress], width: int) -> None:
    """One line of ASCII within the width."""
    line = log_line(running, width=width)
    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= width


@given(states)
def test_time_left_is_never_negative_and_never_divides_by_zero(state: BenchmarkProgress) -> None:
    """Unknown before anything was answered in this process, 0 at the end, else at the rate so far."""
    left = state.left_s
    if state.done >= state.total:
        assert left == 0.0
    elif state.done <= state.reused or state.elapsed_s == 0:
        assert left is None
    else:
        assert left is not None
        assert left >= 0


def test_answers_count_before_their_tests_have_run() -> None:
    """One slow first answer does not hold the line at 0: what is answered counts, in the time left too."""
    state = BenchmarkProgress(benchmark="b", done=0, total=30, ahead=10, in_flight=None, elapsed_s=10.0)
    assert live_lines([state], width=80) == ["b  10/30  33 %  0:20 left"]
    assert log_line([state]) == "modeleval: 10/30 (33 %), 0 errors, 0:20 left"


def test_reused_answers_do_not_speed_up_the_rate() -> None:
    """100 answers taken over from an earlier run and 10 new ones in 10 s: one a second, 90 s to go."""
    assert BenchmarkProgress(benchmark="b", done=110, total=200, reused=100, elapsed_s=10.0).left_s == pytest.approx(90)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (42.4, "0:42"),
        (59.6, "1:00"),
        (760, "12:40"),
        (11050, "3:04:10"),
        (97_200, "1 d 3 h"),
        (-3, "0:00"),
    ],
)
def test_durations_read_like_a_clock(seconds: float, text: str) -> None:
    """Minutes, then hours, then days."""
    assert duration_text(seconds) == text


class Terminal:
    """Two emulated terminals: one sees everything, the other only what somebody else writes."""

    def __init__(self) -> None:
        pyte = pytest.importorskip("pyte", reason="pyte, the terminal emulator, is not installed")
        self.screens = [pyte.HistoryScreen(40, 12, history=500, ratio=0.5) for _ in range(2)]
        self.streams = [pyte.Stream(screen) for screen in self.screens]
        self.display = LiveDisplay(self.streams[0].feed)

    def write(self, text: str) -> None:
        """What pytest writes, after the display was asked to give way."""
        self.display.clear()
        for stream in self.streams:
            stream.feed(text.replace("\n", "\r\n"))

    @property
    def column(self) -> int:
        """Where somebody else's line ends."""
        return int(self.screens[1].cursor.x)

    def seen(self, number: int) -> list[str]:
        """Everything from the first line on, scrolled away or not."""
        screen = self.screens[number]
        history = ["".join(line[at].data for at in range(40)) for line in screen.history.top]
        lines = [line.rstrip() for line in (*history, *screen.display)]
        while lines and not lines[-1]:
            lines.pop()
        return lines


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(alphabet="abc.\n", max_size=12),
            st.lists(st.text(alphabet="xyz 字", max_size=20), max_size=5),
        ),
        max_size=25,
    )
)
def test_display_leaves_nothing_behind(steps: list[str | list[str]]) -> None:
    """After clear, screen and cursor are as if the display had never been, whatever was written in between."""
    terminal = Terminal()
    for step in steps:
        if isinstance(step, str):
            # A line that reaches the last column puts the cursor in a state that no terminal agrees on.
            terminal.write(step if terminal.column + len(step) < 40 else "\n" + step)
        else:
            if terminal.column:
                terminal.write("\n")
            terminal.display.show(step)
            if step and step[-1].strip():
                assert terminal.seen(0)[-1] == step[-1].rstrip()
    terminal.display.clear()
    assert terminal.seen(0) == terminal.seen(1)
    assert terminal.screens[0].cursor.x == terminal.screens[1].cursor.x


def test_display_replaces_its_lines_in_place() -> None:
    """The block stands under what pytest wrote; nothing of it stays."""
    terminal = Terminal()
    terminal.write("test_iquiz.py ...\n")
    terminal.display.show(["iquiz 1/2", "mmlu 0/9"])
    assert terminal.seen(0) == ["test_iquiz.py ...", "iquiz 1/2", "mmlu 0/9"]
    terminal.display.show(["iquiz 2/2"])
    assert terminal.seen(0) == ["test_iquiz.py ...", "iquiz 2/2"]
    terminal.write("test_mmlu.py\n")
    assert terminal.seen(0) == ["test_iquiz.py ...", "test_mmlu.py"]
    assert not terminal.display.is_shown


def test_display_writes_each_change_at_once() -> None:
    """One call for a change, none where nothing changes."""
    calls: list[str] = []
    display = LiveDisplay(calls.append)
    display.clear()
    display.show([])
    assert calls == []
    for lines in (["a", "b"], ["a", "b"], ["c"]):
        display.show(lines)
    display.clear()
    display.clear()
    assert len(calls) == 3
