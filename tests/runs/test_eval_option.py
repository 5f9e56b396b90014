"""--eval-option, worked examples and shuffled choices, in whole runs."""

from __future__ import annotations

import json

import pytest

from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import BENCHMARK, Suite

PAGE = (
    BENCHMARK.replace(
        "from pytest_modeleval import Request,", "from pytest_modeleval import Examples, Option, Request,"
    )
    .replace('"content": sample.question}', '"content": prompt(sample)}')
    .replace(
        "@benchmark(",
        """
def prompt(sample):
    shown = "".join(f"{one.question} -> {one.target}\\n" for one in sample.examples)
    return f"{shown}{sample.options['style']}: {sample.question}\\n" + "\\n".join(sample.choices)

@benchmark(options=[Option("shots", 2, low=0, high=3), Option("style", "plain", choices=("plain", "polite"))],
           examples=Examples(local("quiz-dev/{subset}"), count="shots"),
           """,
    )
)


def write(suite: Suite, examples: int = 3, *, shuffle: str = "") -> None:
    """Four questions and some examples of the same form."""
    suite.write_benchmark(PAGE.replace("defaults=", f"shuffle={shuffle!r}, defaults="))
    suite.write_rows(4)
    folder = suite.path / "data" / "quiz-dev"
    folder.mkdir(exist_ok=True)
    rows = [{"question": f"example {number}", "choices": ["one", "two"], "answer": "B"} for number in range(examples)]
    (folder / "part.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def prompts(server: LoopbackServer) -> list[str]:
    """What was asked, in order of the text."""
    return sorted(map(str, server.seen.prompts))


def test_the_examples_stand_in_front_of_the_question(suite: Suite, server: LoopbackServer) -> None:
    """As many as the option says, from the first on."""
    write(suite)
    assert suite.run(server.url).status == 0
    assert all(text.startswith("example 0 -> B\nexample 1 -> B\nplain: Question") for text in prompts(server))


def test_options_are_set_checked_and_named(suite: Suite, server: LoopbackServer) -> None:
    """The values stand in the plan; a value that does not fit is status 4 before the first request."""
    write(suite)
    result = suite.run(server.url, "--eval-option", "quiz.shots=0", "--eval-option=quiz.style=polite")
    assert result.status == 0, result.out + result.err
    assert all(text.startswith("polite: Question") for text in prompts(server))
    plan = next(
        json.loads(line)
        for line in (suite.run_dir / "journal.jsonl").read_text().splitlines()
        if '"type":"plan"' in line
    )
    assert plan["options"] == {"shots": 0, "style": "polite"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("quiz.shots=9", "--eval-option: quiz.shots: expected a whole number from 0 to 3, found 9"),
        ("quiz.shot=1", "--eval-option: quiz has no option 'shot'; did you mean 'shots'"),
        ("quizz.shots=1", "--eval-option: no benchmark here is named 'quizz'; did you mean 'quiz'"),
        ("shots=1", "--eval-option: expected BENCHMARK.KEY=VALUE"),
    ],
)
def test_mistakes_are_refused(suite: Suite, server: LoopbackServer, value: str, message: str) -> None:
    """With the nearest name."""
    write(suite)
    result = suite.run(server.url, "--eval-option", value)
    assert result.status == 4, result.out + result.err
    assert message in result.err
    assert not server.seen.prompts


def test_another_value_is_another_experiment(suite: Suite, server: LoopbackServer) -> None:
    """A folder that was asked with two examples does not take answers with one."""
    write(suite)
    suite.run(server.url)
    result = suite.run(server.url, "--eval-option=quiz.shots=1")
    assert result.status == 4, result.out + result.err
    assert "option shots 2 there, 1 here" in result.err


def test_other_examples_are_another_experiment(suite: Suite, server: LoopbackServer) -> None:
    """Their file is pinned as the rows are."""
    write(suite)
    suite.run(server.url)
    write(suite, examples=2)
    result = suite.run(server.url)
    assert result.status == 4, result.out + result.err
    assert "other examples in subset part" in result.err


def test_too_few_examples_are_refused(suite: Suite, server: LoopbackServer) -> None:
    """Rather than shown in part."""
    write(suite, examples=1)
    result = suite.run(server.url)
    assert result.status == 4, result.out + result.err
    assert "expected 2 examples for part, found 1" in result.err


def test_rescoring_takes_the_options_of_the_run(suite: Suite, server: LoopbackServer) -> None:
    """The stored answers were asked with them."""
    write(suite)
    suite.run(server.url, "--eval-option=quiz.shots=1")
    result = suite.run(None, f"--eval-rescore={suite.run_dir}", run=False)
    assert result.status == 0, result.out + result.err
    assert result.subset()["num"] == 4


@pytest.mark.parametrize("shuffle", ["sample", "repeat"])
def test_shuffled_choices_keep_their_target(suite: Suite, server: LoopbackServer, shuffle: str) -> None:
    """A server that names the letter of the choice `two` is right wherever it stands; rescoring agrees."""
    write(suite, shuffle=shuffle)
    suite.write_raw(
        "".join(
            json.dumps({"question": f"Which? {number}", "choices": ["one", "two", "three", "four"], "answer": "B"})
            + "\n"
            for number in range(12)
        )
    )
    server.script = lambda body, _attempt: Answer(text="ANSWER: " + "ABCD"[choices_of(body).index("two")])
    result = suite.run(server.url, "--eval-repeats=3", "--eval-option=quiz.shots=0")
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 1.0
    asked = prompts(server)
    orders = {text.split("\n", 1)[1] for text in asked}
    assert len(orders) > 3
    assert len(set(asked)) > 12 if shuffle == "repeat" else len(set(asked)) == 12
    rescored = suite.run(None, f"--eval-rescore={suite.run_dir}", run=False)
    assert rescored.status == 0, rescored.out + rescored.err
    assert rescored.subset()["score"] == 1.0


def choices_of(body: dict[str, object]) -> list[str]:
    """The choices in the order of the prompt."""
    return str(body["messages"][-1]["content"]).split("\n")[1:]  # type: ignore[index]


def test_a_target_that_is_no_letter_cannot_be_shuffled(suite: Suite, server: LoopbackServer) -> None:
    """The row is named."""
    write(suite, shuffle="sample")
    suite.write_raw(json.dumps({"question": "?", "choices": ["one", "two"], "answer": "two"}) + "\n")
    result = suite.run(server.url)
    assert result.status == 4, result.out + result.err
    assert "expected a letter of one of its 2 choices as target" in result.err
