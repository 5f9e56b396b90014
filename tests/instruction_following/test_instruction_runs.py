"""Whole runs of the pages ifeval and ifbench, with a server that gives the recorded replies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ifbench import test_ifbench as ifbench
from benchmarks.ifeval import test_ifeval as ifeval
from benchmarks.instruction_following.language import has_tagger
from pytest_modeleval.errors import DataError
from tests.support.instructions import Recorded, need_word_lists, recorded_ifbench, recorded_ifeval
from tests.support.loopback import Answer, LoopbackServer
from tests.support.samples import declaration, samples_of
from tests.support.suites import Result, Suite

PAGES = Path(__file__).resolve().parents[2] / "benchmarks"
ROW = {"key": 7, "prompt": "Say it.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{"num_words": None}]}


def replay(
    suite: Suite, server: LoopbackServer, name: str, file: str, recorded: Sequence[Recorded], *, ungraded: int = 0
) -> Result:
    """Run a page on the rows that have a recorded reply, which the server gives, some behind thinking."""
    rows = [
        {
            "key": reply.key,
            "prompt": reply.prompt,
            "instruction_id_list": [instruction for instruction, _ in reply.instructions],
            "kwargs": [arguments for _, arguments in reply.instructions],
        }
        for reply in recorded
    ]
    path = suite.path / "data" / name / f"{file}.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    replies = {reply.prompt: reply.response for reply in recorded}

    def script(body: dict[str, Any], attempt: int) -> Answer:
        prompt = body["messages"][-1]["content"]
        # Half of the replies as a model that thinks gives them; one that begins with a blank line would lose it.
        thinks = len(prompt) % 2 and replies[prompt][:1].strip()
        return Answer(text=f"<think>\nhm, hm\n</think>\n\n{replies[prompt]}" if thinks else replies[prompt])

    server.script = script
    page = PAGES / name / f"test_{name}.py"
    where = ["--rootdir", str(suite.path), "--eval-run", str(suite.run_dir), "--eval-data", str(suite.path / "data")]
    at = [
        "-p",
        "no:cacheprovider",
        "--model",
        "test-model",
        "--model-url",
        server.url,
        "--eval-max-ungraded",
        str(ungraded),
    ]
    return suite.command(*at, *where, str(page), env={"MODELEVAL_CACHE": str(cache())})


def cache() -> Path:
    """The cache that has the word lists."""
    from pytest_modeleval.datasets import default_cache_dir

    return default_cache_dir()


def figures(result: Result) -> dict[str, float]:
    """Measure -> its figure, the primary one among them."""
    assert result.summary is not None, result.out + result.err
    (found,) = result.summary["benchmarks"]
    return {entry["name"]: entry["score"] for entry in found["measures"]} | {
        found["metric"]: result.subset("main")["score"]
    }


def expected(recorded: Sequence[Recorded]) -> dict[str, float]:
    """The four figures of the recorded run."""
    prompts, every = len(recorded), sum(len(reply.strict) for reply in recorded)
    return {
        "prompt_strict": sum(all(reply.strict) for reply in recorded) / prompts,
        "prompt_loose": sum(all(reply.loose) for reply in recorded) / prompts,
        "instruction_strict": sum(sum(reply.strict) for reply in recorded) / every,
        "instruction_loose": sum(sum(reply.loose) for reply in recorded) / every,
    }


def test_ifeval_gives_the_four_figures_of_the_recorded_run(suite: Suite, server: LoopbackServer) -> None:
    """To 1e-9, over the rows whose official checker is not random; those are excluded, and the run is complete."""
    recorded = recorded_ifeval()
    need_word_lists()
    result = replay(suite, server, "ifeval", "train", recorded)
    assert result.status == 0, result.out + result.err
    assert result.subset("main")["counts"]["grader_error"] == 0
    assert result.subset("main")["planned"] == len(recorded) - 2
    assert result.summary is not None
    why = "the official checker is random"
    assert result.summary["benchmarks"][0]["excluded"] == {"1122": why, "1129": why}
    assert "selected" not in result.summary["run"]
    assert f"ifeval: 2 samples excluded, in no count: {why} (1122, 1129)." in " ".join(result.out.split())
    certain = [reply for reply in recorded if reply.key not in ("1122", "1129")]
    assert figures(result) == pytest.approx(expected(certain), abs=1e-9)


def test_ifbench_gives_the_four_figures_of_the_recorded_run(suite: Suite, server: LoopbackServer) -> None:
    """To 1e-9, over the rows that need no model of NLTK which is not there."""
    recorded = recorded_ifbench()
    need_word_lists()
    result = replay(suite, server, "ifbench", "test", recorded, ungraded=6)
    assert result.status == 0, result.out + result.err
    judged = [reply for reply in recorded if has_tagger() or "words:start_verb" not in dict(reply.instructions)]
    assert result.subset("main")["counts"]["grader_error"] == len(recorded) - len(judged)
    assert figures(result) == pytest.approx(expected(judged), abs=1e-9)


def write_row(folder: Path, name: str, row: dict[str, Any]) -> None:
    """One row as the whole data."""
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text(json.dumps(row) + "\n", encoding="utf-8")


def test_a_row_becomes_a_sample_with_its_key_and_without_nulls(tmp_path: Path) -> None:
    """The key is the id; an argument that the hub's table fills with null is absent; 0 stays."""
    row = ROW | {"kwargs": [{"num_words": None, "n_start": 0}]}
    write_row(tmp_path, "ifeval/train.jsonl", row)
    (sample,) = samples_of(ifeval.test_ifeval, "main", data_dir=tmp_path, cache_dir=tmp_path / "cache")
    assert (sample.id, sample.question) == ("7", "Say it.")
    assert [*map(tuple, sample.data["instructions"])] == [("punctuation:no_comma", {"n_start": 0})]
    assert ifeval.to_request(sample).messages[-1]["content"] == "Say it."


@pytest.mark.parametrize("kwargs", [[], [{}, {}], [None], {}, "none"])
def test_a_row_without_arguments_for_each_instruction_is_refused(tmp_path: Path, kwargs: object) -> None:
    """Before the first request, with file and line."""
    write_row(tmp_path, "ifeval/train.jsonl", ROW | {"kwargs": kwargs})
    with pytest.raises(DataError, match=r"(?s)'kwargs'.*train.jsonl, line 1"):
        samples_of(ifeval.test_ifeval, "main", data_dir=tmp_path, cache_dir=tmp_path / "cache")


def test_rows_of_the_first_release_of_ifbench_are_refused(tmp_path: Path) -> None:
    """It has 294 rows, one of them made of seven; its scores are not those of the 300."""
    write_row(tmp_path, "ifbench/test.jsonl", ROW | {"prompt": "Write.\t['words:vowel']\t[{'N': None}]\n269\tWrite."})
    with pytest.raises(DataError, match="expected the release with 300 rows"):
        samples_of(ifbench.test_ifbench, "main", data_dir=tmp_path, cache_dir=tmp_path / "cache")


def test_declared_as_the_papers_report() -> None:
    """IFEval by prompts, strictly; IFBench by prompts, loosely; four figures each."""
    strict, loose = declaration(ifeval.test_ifeval), declaration(ifbench.test_ifbench)
    assert (strict.metric, loose.metric) == ("prompt_strict", "prompt_loose")
    for declared in (strict, loose):
        assert [part.method for part in declared.measures_under({})] == ["mean", "mean", "ratio", "ratio"]
    assert (strict.subsets[0].size, loose.subsets[0].size) == (541, 300)
    assert loose.version.startswith("1+300.")


def test_without_the_extra_the_subset_is_not_collected(suite: Suite, server: LoopbackServer) -> None:
    """One line says what to install."""
    write_row(suite.path / "data", "ifeval/train.jsonl", ROW)
    (suite.path / "without_langdetect.py").write_text(
        "import importlib.util\nfound = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, package=None: None if name == 'langdetect' else found(name, package)\n"
    )
    page = PAGES / "ifeval" / "test_ifeval.py"
    result = suite.command(
        *("-p", "no:cacheprovider", "-p", "without_langdetect", "--rootdir", str(suite.path), str(page)),
        *("--model", "test-model", "--model-url", server.url, "--eval-data", str(suite.path / "data")),
        env={"PYTHONPATH": str(suite.path)},
    )
    assert "langdetect not installed; run: pip install 'pytest-modeleval[instructions]'" in " ".join(result.out.split())
    assert not server.seen.prompts
