"""Mistakes of the user: one clear error with the next step, status 4, before the first request, nothing overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.loopback import LoopbackServer, loopback
from tests.support.suites import BENCHMARK, Result, Suite, key_answer


def _refused(result: Result, server: LoopbackServer | None, *words: str) -> None:
    assert result.status == 4, result.out + result.err
    for word in words:
        assert word in result.err, result.err
    assert "Traceback" not in result.err + result.out
    assert "INTERNALERROR" not in result.err + result.out
    assert result.summary is None
    assert server is None or not server.seen.prompts


@pytest.fixture(params=[[], ["-n", "2"]], ids=["single", "xdist"])
def workers(request: pytest.FixtureRequest) -> list[str]:
    """In one process, and under xdist."""
    found: list[str] = request.param
    return found


def test_unknown_model(suite: Suite, workers: list[str]) -> None:
    """A name that is neither a profile nor given with a URL."""
    suite.write_rows(3)
    result = suite.command("--model", "MiniMax-M3", "--eval-data", "data", "test_quiz.py", *workers)
    _refused(result, None, "no profile is named 'MiniMax-M3'", "did you mean 'MiniMax-M2'?", "--model-url")


def test_unreachable_server(suite: Suite, workers: list[str]) -> None:
    """Nobody listens at the URL."""
    suite.write_rows(3)
    _refused(suite.run("http://127.0.0.1:9/v1", *workers), None, "127.0.0.1:9")


def test_model_that_is_not_served(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """The server lists another model: it is named."""
    suite.write_rows(3)
    server.models = ("other-model",)
    _refused(suite.run(server.url, *workers), server, "test-model", "other-model")


def test_wrong_key(suite: Suite, workers: list[str]) -> None:
    """Status 401 names the option; the key is shown nowhere, not even in the files of the run."""
    suite.write_rows(3)
    secret = "sk-very-secret-1234"
    with loopback(key_answer, key="another") as server:
        arguments = suite.arguments(server.url, "--model-key-env", "MY_KEY", *workers)
        result = suite.command(*arguments, env={"MY_KEY": secret})
        _refused(result, server, "401", "MY_KEY")
    assert secret not in result.out + result.err
    for file in suite.path.rglob("*"):
        if file.is_file() and "cache" not in file.parts:
            assert secret not in file.read_text(encoding="utf-8", errors="replace"), file


def test_right_key_reaches_the_server_and_no_file(suite: Suite, workers: list[str]) -> None:
    """The key goes into every request and into nothing else."""
    suite.write_rows(3)
    secret = "sk-very-secret-1234"
    with loopback(key_answer, key=secret) as server:
        result = suite.command(
            *suite.arguments(server.url, "--model-key-env", "MY_KEY", *workers), env={"MY_KEY": secret}
        )
        assert result.status == 0, result.out + result.err
        assert len(server.seen.prompts) == 3
    assert secret not in result.out + result.err
    for file in suite.run_dir.rglob("*"):
        assert secret not in file.read_text(encoding="utf-8", errors="replace"), file


def test_a_key_instead_of_a_variable_is_not_repeated(suite: Suite, server: LoopbackServer) -> None:
    """Who passes the key itself is told what is expected, and does not see the key again."""
    suite.write_rows(3)
    result = suite.run(server.url, "--model-key-env", "sk-very-secret-1234")
    _refused(result, server, "name of an environment variable")
    assert "sk-very-secret" not in result.err + result.out


def test_malformed_models_toml(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """File and place of the mistake are named."""
    suite.write_rows(3)
    (suite.path / "models.toml").write_text('[mine]\nurls = ["http://127.0.0.1:1/v1"\n', encoding="utf-8")
    _refused(suite.run(server.url, *workers), server, "models.toml")


def test_unknown_key_in_models_toml(suite: Suite, server: LoopbackServer) -> None:
    """An unknown key is named, with what was perhaps meant."""
    suite.write_rows(3)
    (suite.path / "models.toml").write_text('[mine]\nurl = ["http://127.0.0.1:1/v1"]\n', encoding="utf-8")
    _refused(suite.run(server.url), server, "models.toml", "url")


def test_missing_data_file(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """The path that was looked for is named."""
    (suite.path / "data").mkdir()
    _refused(suite.run(server.url, *workers), server, "quiz/part")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('{"question": "x", "choices": ["a"]', ["line 2"]),
        ('{"question": "x", "answer": "A"}', ["line 2", "choices"]),
        ('{"question": 7, "choices": ["a", "b"], "answer": "A"}', ["line 2", "question"]),
        ("[1, 2]", ["line 2"]),
    ],
)
def test_corrupt_row(suite: Suite, server: LoopbackServer, row: str, words: list[str]) -> None:
    """File, line and field of a broken row are named."""
    good = '{"question": "x", "choices": ["a", "b"], "answer": "A"}\n'
    suite.write_raw(good + row + "\n")
    _refused(suite.run(server.url), server, "part.jsonl", *words)


def test_corrupt_row_under_xdist(suite: Suite, server: LoopbackServer) -> None:
    """It is named once, as in one process."""
    suite.write_raw("[1, 2]\n")
    _refused(suite.run(server.url, "-n", "2"), server, "part.jsonl", "line 1")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--eval-limit", "0"),
        ("--eval-limit", "-1"),
        ("--eval-limit", "1.5"),
        ("--eval-limit", "many"),
        ("--eval-repeats", "0"),
        ("--eval-in-flight", "none"),
        ("--eval-param", "temperature"),
        ("--eval-param", "top_p=NaN"),
        ("--eval-only", "good"),
        ("--eval-max-ungraded", "-3"),
        ("--eval-idle-timeout", "0"),
        ("--eval-data", "nowhere"),
        ("--eval-rescore", "nowhere"),
        ("--eval-gates", "nowhere.toml"),
    ],
)
def test_bad_option_value(suite: Suite, server: LoopbackServer, option: str, value: str) -> None:
    """The option and what was found are named."""
    suite.write_rows(3)
    _refused(suite.run(server.url, f"{option}={value}"), server, option)


def test_run_folder_that_cannot_be_made(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """A folder below a file cannot be made by anybody: it is named."""
    suite.write_rows(3)
    (suite.path / "file").write_text("", encoding="utf-8")
    _refused(suite.run(server.url, "--eval-run", "file/run", *workers, run=False), server, "cannot write", "file/run")


def test_run_folder_that_is_a_file(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """A file in the folder's place is left as it is."""
    suite.write_rows(3)
    suite.run_dir.write_text("precious", encoding="utf-8")
    result = suite.command(*suite.arguments(server.url, *workers))
    assert result.status == 4
    assert "--eval-run" in result.err + result.out
    assert suite.run_dir.read_text(encoding="utf-8") == "precious"


def test_run_folder_with_other_things(suite: Suite, server: LoopbackServer) -> None:
    """A folder that holds something else is left as it is."""
    suite.write_rows(3)
    suite.run_dir.mkdir()
    note = suite.run_dir / "thesis.txt"
    note.write_text("precious", encoding="utf-8")
    _refused(suite.run(server.url), server, "--eval-run")
    assert [path.name for path in suite.run_dir.iterdir()] == ["thesis.txt"]


def test_two_benchmarks_of_one_name(suite: Suite, server: LoopbackServer) -> None:
    """Scores of two benchmarks must not fall into one row."""
    suite.write_rows(3)
    (suite.path / "test_copy.py").write_text((suite.path / "test_quiz.py").read_text(), encoding="utf-8")
    _refused(suite.run(server.url, "test_copy.py"), server, "two benchmarks are named quiz")


def test_run_folder_of_another_model(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """Another model's run is refused, and stays as it is."""
    suite.write_rows(3)
    assert suite.run(server.url).status == 0
    before = {path.name: path.read_bytes() for path in Path(suite.run_dir).iterdir()}
    server.models = ("second-model",)
    result = suite.command(
        *("--model", "second-model", "--model-url", server.url, "--eval-data", "data"),
        *("--eval-run", str(suite.run_dir), "test_quiz.py", *workers),
    )
    assert result.status == 4, result.out
    assert "another model" in result.err
    assert {path.name: path.read_bytes() for path in Path(suite.run_dir).iterdir()} == before


def test_a_url_without_a_name(suite: Suite, server: LoopbackServer) -> None:
    """--model-url alone would evaluate nothing, in silence: status 4, and what is missing."""
    suite.write_rows(3)
    result = suite.command("--model-url", server.url, "test_quiz.py")
    assert result.status == 4
    assert "expected --model too" in result.err
    assert not server.seen.prompts


def test_a_word_that_selects_nothing(suite: Suite, server: LoopbackServer) -> None:
    """A misspelt -k: status 5, and the names that there are."""
    suite.write_rows(3)
    result = suite.run(server.url, "-k", "quizz")
    assert result.status == 5
    assert "-k 'quizz' selects nothing of quiz" in result.out


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ("Grade.right(0)", "a grade's answer is a text, not 0"),
        ("Grade.wrong(answer=b'x')", "a grade's answer is a text, not b'x'"),
        ("Grade.right('x', explanation=5)", "a grade's explanation is a text, not 5"),
        ("Grade.wrong(cause=None)", "a grade's cause is a text, not None"),
        ("Grade.right('x', marks=[1])", "a grade's marks are texts"),
        ("True", "returned bool; expected a Grade"),
    ],
)
def test_a_grader_that_makes_something_else(suite: Suite, server: LoopbackServer, made: str, words: str) -> None:
    """A number as the answer, say: its samples are ungraded with the reason; the run, and its other half, go on."""
    suite.write_rows(4)
    source = BENCHMARK.replace("grade=grade_choice", "grade=own").replace(
        "def to_request",
        f"from pytest_modeleval import Grade\ndef own(s, r):\n    return {made} if '1' in s.id else Grade.right()\n"
        "def to_request",
    )
    suite.write_benchmark(source)
    result = suite.run(server.url)
    assert result.status == 6, result.out + result.err
    assert result.subset()["counts"]["grader_error"] == 1
    assert result.subset()["counts"]["right"] == 3
    assert words in " ".join(result.out.split())
    assert "INTERNALERROR" not in result.out


NUMBERS = {
    "np.float64(0.5)": 0.5,
    "np.float32(0.5)": 0.5,
    "np.mean([0.25, 0.75])": 0.5,
    "np.int64(1)": 1.0,
    "Fraction(1, 2)": 0.5,
    "Decimal('0.5')": 0.5,
    "True": 1.0,
}


def test_a_score_of_any_type_of_number(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """F42: numbers of NumPy, fractions and decimals are journaled and counted as floats."""
    suite.write_rows(len(NUMBERS))
    source = BENCHMARK.replace("grade=grade_choice", "grade=own").replace(
        "def to_request",
        "import numpy as np\nfrom decimal import Decimal\nfrom fractions import Fraction\n"
        f"from pytest_modeleval import Grade\nVALUES = [{', '.join(NUMBERS)}]\n"
        "def own(s, r):\n    return Grade.partial(VALUES[int(s.question.split()[1])])\ndef to_request",
    )
    suite.write_benchmark(source)
    result = suite.run(server.url, *workers)
    assert "INTERNALERROR" not in result.out + result.err
    texts = [file.read_text() for file in suite.run_dir.glob("journal*.jsonl")]
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    found = {line["sample"]: line["value"] for line in lines if line["type"] == "grade"}
    assert [found[sample] for sample in sorted(found)] == list(NUMBERS.values()), result.out
    assert result.subset()["score"] == pytest.approx(sum(NUMBERS.values()) / len(NUMBERS))


@pytest.mark.parametrize("start", ["def", "async def"])
@pytest.mark.parametrize(
    "exit_", ["raise SystemExit(3)", "pytest.fail('no')", "raise GeneratorExit", "raise BaseException('x')"]
)
def test_a_grader_that_ends_the_process_leaves_its_sample_ungraded(
    suite: Suite, server: LoopbackServer, start: str, exit_: str
) -> None:
    """F43: exceptions that are no Exception are the grader's fault; the other samples are graded."""
    suite.write_rows(4)
    source = BENCHMARK.replace("grade=grade_choice", "grade=own").replace(
        "def to_request",
        f"import pytest\nfrom pytest_modeleval import Grade\n{start} own(s, r):\n"
        f"    if 'Question 1' in s.question: {exit_}\n    return Grade.right()\ndef to_request",
    )
    suite.write_benchmark(source)
    result = suite.run(server.url)
    assert result.status == 6, result.out + result.err
    assert "INTERNALERROR" not in result.out + result.err
    counts = result.subset()["counts"]
    assert (counts["grader_error"], counts["right"]) == (1, 3)
