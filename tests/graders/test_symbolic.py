"""math-verify in its child process: right where it decides, an error where it does not, never stuck."""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.graders.symbolic import Comparer, ComparisonFailed
from pytest_modeleval.records import Kind


@pytest.fixture(scope="module")
def comparer() -> Iterator[Comparer]:
    """One child for all tests that need the real package."""
    made = Comparer()
    yield made
    made.close()


@pytest.fixture
def scripted() -> Iterator[Callable[..., Comparer]]:
    """Comparers whose child is a one-line program."""
    made = []

    def make(program: str, **limits: Any) -> Comparer:
        made.append(Comparer(command=[sys.executable, "-c", program], **limits))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    ("target", "answer", "is_equal"),
    [
        ("\\frac{1}{2}", "\\frac{2}{4}", True),
        ("27", "\\sqrt{729}", True),
        ("x^2 - 1", "(x-1)(x+1)", True),
        ("p - q", "-q + p", True),
        ("5", "x=5", True),
        ("\\{1,2\\}", "1,2", True),
        ("\\left( 3, \\frac{\\pi}{2} \\right)", "(3, \\pi/2)", True),
        ("1/3", "0.333333", True),
        ("27", "28", False),
        ("27", "The total is 27", False),
        ("7", "}{\\frac{", False),
        ("7", "\x00", False),
        ("7", "__import__('os').getpid()", False),
    ],
)
def test_equality(comparer: Comparer, target: Any, answer: str, is_equal: bool) -> None:
    """Equal up to algebra; nonsense equals nothing and breaks nothing."""
    assert comparer.is_equal(target, answer) is is_equal


def test_it_serves_any_thread(comparer: Comparer) -> None:
    """Threads other than the main one get answers, each its own (math-verify's own time limit refuses them)."""
    found = {}

    def ask(number: int) -> None:
        found[number] = [comparer.is_equal(str(number), f"\\sqrt{{{given * given}}}") for given in (number, number + 1)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert found == {number: [True, False] for number in range(2, 6)}


def test_a_late_answer_is_ungraded_and_the_next_is_served(scripted: Callable[..., Comparer]) -> None:
    """A child that thinks for ever is killed; a new one serves the next question."""
    program = (
        "import sys, time\n"
        "print('{\"ready\": true}', flush=True)\n"
        "for line in sys.stdin:\n"
        "    time.sleep(600) if 'tower' in line else print('{\"equal\": true}', flush=True)\n"
    )
    comparer = scripted(program, timeout_s=0.3)
    with pytest.raises(Ungraded, match=r"no result within 0\.3 s") as caught:
        comparer.is_equal("7", "tower")
    assert (caught.value.kind, caught.value.cause) == (Kind.GRADER_ERROR, "math_timeout")
    comparer._timeout_s = 60.0
    assert comparer.is_equal("7", "7") is True


@pytest.mark.parametrize(
    ("program", "cause"),
    [
        ("pass", "math_unavailable"),
        ('print(\'{"error": "math-verify cannot be imported"}\')', "math_unavailable"),
        ("print('no JSON')", "math_error"),
        ("print('[]')", "math_error"),
        ("print('{\"ready\": true}'); input(); print('NaN')", "math_error"),
    ],
)
def test_a_broken_child_is_ungraded(scripted: Callable[..., Comparer], program: str, cause: str) -> None:
    """Whatever a child does instead of answering is a fault of the grader, never a wrong answer."""
    with pytest.raises(Ungraded) as caught:
        scripted(program).is_equal("7", "8")
    assert (caught.value.kind, caught.value.cause) == (Kind.GRADER_ERROR, cause)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ('print(\'{"ready": true}\', flush=True); input(); print(\'{"error": "MemoryError"}\')', "failed: MemoryError"),
        ("print('{\"ready\": true}')", "crashed twice"),
        ("import os\nprint('{\"ready\": true}', flush=True); input(); os.abort()", "crashed twice"),
        (
            "import os, signal\nprint('{\"ready\": true}', flush=True); input(); os.kill(os.getpid(), signal.SIGXCPU)",
            "more than 10 s of CPU time",
        ),
    ],
)
def test_an_answer_that_cannot_be_compared_is_no_failure_of_the_grader(
    scripted: Callable[..., Comparer], program: str, message: str
) -> None:
    """An exception, a crash that comes again and used-up CPU time are due to the answer, and the next one is served."""
    with pytest.raises(ComparisonFailed, match=message):
        scripted(program).is_equal("7", "8")


def test_cpu_time_is_limited_for_each_comparison() -> None:
    """A comparison that never ends is stopped after its CPU time, and the next one is served."""
    comparer = Comparer(cpu_s=1)
    try:
        with pytest.raises(ComparisonFailed, match="more than 1 s of CPU time"):
            comparer.is_equal("7", "\\sum_{k=1}^{10^{9}} \\frac{1}{k^2 + \\sqrt{k}}")
        assert comparer.is_equal("7", "\\frac{14}{2}") is True
    finally:
        comparer.close()


def test_the_child_sees_no_api_key(scripted: Callable[..., Comparer], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment only what Python needs to start is handed on."""
    monkeypatch.setenv("MY_API_KEY", "planted-key")
    program = (
        "import os\nprint('{\"ready\": true}', flush=True)\ninput()\n"
        "print('{\"equal\": %s}' % ('planted-key' in os.environ.values() and 'true' or 'false'))"
    )
    assert scripted(program).is_equal("7", "8") is False
