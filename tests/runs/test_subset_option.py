"""--eval-subset: exactly the named subsets, and the note on -k."""

from __future__ import annotations

import pytest

from tests.support.loopback import LoopbackServer
from tests.support.suites import Suite

SUBSETS = ("part-I", "part-II", "hard")


def prepared(suite: Suite) -> None:
    """Three subsets; the name of one is a part of another's."""
    suite.write_benchmark(subsets=SUBSETS)
    for subset in SUBSETS:
        suite.write_rows(2, subset=subset)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
@pytest.mark.parametrize(
    ("options", "subsets"),
    [
        (["--eval-subset", "quiz=part-I"], {"part-I"}),
        (["--eval-subset=quiz=part-I,hard"], {"part-I", "hard"}),
        (["--eval-subset", "quiz=part-II", "--eval-subset", "quiz=hard"], {"part-II", "hard"}),
    ],
)
def test_exactly_the_named_subsets_run(
    suite: Suite, server: LoopbackServer, options: list[str], subsets: set[str], workers: tuple[str, ...]
) -> None:
    """Newcomer 3: by the whole name, comma or repeated."""
    prepared(suite)
    result = suite.run(server.url, *options, *workers)
    assert result.status == 0, result.out + result.err
    assert result.summary is not None
    assert {entry["subset"] for entry in result.summary["benchmarks"][0]["subsets"] if entry["num"]} == subsets


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("quiz=part-1", "--eval-subset: quiz has no subset 'part-1'; did you mean 'part-I"),
        ("quizz=hard", "--eval-subset: no benchmark here is named 'quizz'; did you mean 'quiz'?"),
        ("quiz", "--eval-subset: expected BENCHMARK=SUBSET[,SUBSET], such as aime25=AIME2025-I, found 'quiz'"),
        ("quiz=", "--eval-subset: expected BENCHMARK=SUBSET"),
    ],
)
def test_unknown_names_are_refused(suite: Suite, server: LoopbackServer, value: str, text: str) -> None:
    """Status 4 with the nearest name; nothing is asked."""
    prepared(suite)
    result = suite.run(server.url, "--eval-subset", value)
    assert result.status == 4, result.out + result.err
    assert text in result.err
    assert not server.seen.prompts


def test_a_keyword_that_is_a_part_of_a_name_is_noted(suite: Suite, server: LoopbackServer) -> None:
    """-k part-I selects part-II too: one line says so, and how to select exactly one."""
    prepared(suite)
    result = suite.run(server.url, "-k", "part-I")
    assert result.status == 0, result.out + result.err
    assert "note: -k part-I also selects part-II of quiz, whose names hold it" in result.out
    assert "--eval-subset=quiz=part-I" in result.out
    suite.run_dir = suite.path / "other"
    assert "note: -k" not in suite.run(server.url, "-k", "part-II").out
