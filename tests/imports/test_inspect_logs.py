"""Logs of Inspect as runs: scores, epochs, errors, attachments; archives of strangers are bounded."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow
import pytest

from pytest_modeleval.cli import main
from pytest_modeleval.imports import archive
from pytest_modeleval.runs.finished_run import open_run
from tests.support.run_folders import varied_run

HEADER: dict[str, Any] = {
    "version": 2,
    "status": "error",
    "eval": {
        "task": "evals/quiz",
        "task_version": 2,
        "created": "2026-11-26T21:30:00+01:00",
        "model": "openai/toy",
        "dataset": {"samples": 9, "sample_ids": ["a", "b", "c", 4, "e", "f", "g"]},
        "config": {"epochs": 1, "limit": 7},
        "model_generate_config": {"max_connections": 64, "temperature": 0.5},
        "packages": {"inspect_ai": "0.3.285"},
    },
    "results": {
        "scores": [
            {
                "name": "match",
                "scorer": "match",
                "metrics": {
                    "accuracy": {"name": "accuracy", "value": 0.375},
                    "stderr": {"name": "stderr", "value": 0.2},
                    "top": {"name": "top", "value": 1.0},
                },
            }
        ]
    },
}


def sample(name: object, value: object, *, stop: str = "stop", **fields: Any) -> dict[str, Any]:
    """A sample of a log."""
    reply = {"role": "assistant", "content": [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "7"}]}
    return {
        "id": name,
        "epoch": 1,
        "target": "8",
        "messages": [{"role": "user", "content": "attachment://q"}, reply],
        "attachments": {"q": f"Question {name}"},
        "output": {"model": "toy", "choices": [{"stop_reason": stop}], "usage": {"input_tokens": 5}, "time": 0.25},
        "scores": {} if value is None else {"match": {"value": value, "answer": "7", "explanation": "compared"}},
        **fields,
    }


SAMPLES = [
    sample("a", "C"),
    sample("b", "P"),
    sample("c", "I", stop="max_tokens"),
    sample(4, "N"),
    sample("e", None, error={"message": "openai.InternalServerError: 500"}),
    sample("f", None, limit={"type": "time"}),
]


def packed(content: bytes) -> bytes:
    """Compressed with Zstandard."""
    made: bytes = pyarrow.Codec("zstd").compress(content, asbytes=True)
    return made


def zstd_archive(files: dict[str, bytes]) -> bytes:
    """A zip archive with method 93, as Inspect writes it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for name, content in files.items():
            made.writestr(name, packed(content))
    data = bytearray(target.getvalue())
    with zipfile.ZipFile(io.BytesIO(data)) as made:
        for member in made.infolist():
            struct.pack_into("<H", data, member.header_offset + 8, archive.ZSTANDARD)
        place = made.start_dir
        for _ in made.infolist():
            struct.pack_into("<H", data, place + 10, archive.ZSTANDARD)
            sizes = struct.unpack_from("<HHH", data, place + 28)
            place += 46 + sum(sizes)
    return bytes(data)


def log_files(samples: list[dict[str, Any]] = SAMPLES) -> dict[str, bytes]:
    """The members of a log."""
    files = {f"samples/{entry['id']}_epoch_1.json": orjson.dumps(entry) for entry in samples}
    return {"_journal/start.json": orjson.dumps(HEADER), **files, "header.json": orjson.dumps(HEADER)}


def eval_log(folder: Path) -> Path:
    """A log as an archive."""
    (folder / "log.eval").write_bytes(zstd_archive(log_files()))
    return folder / "log.eval"


def json_log(folder: Path) -> Path:
    """The same as one JSON file."""
    (folder / "log.json").write_bytes(orjson.dumps({**HEADER, "samples": SAMPLES}))
    return folder / "log.json"


@pytest.mark.parametrize("made", [eval_log, json_log])
def test_scores_kinds_and_texts_are_those_of_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], made: Callable[[Path], Path]
) -> None:
    """Errors and missing scores are ungraded, a planned sample without a result is not run, other metrics are named."""
    assert main(["import-run", "inspect", str(made(tmp_path)), "--to", str(tmp_path / "run")]) == 0
    text = capsys.readouterr().out
    assert "imported 7 samples of one benchmark from Inspect 0.3.285: toy" in text
    assert "1 of 2 figures of Inspect are equal" in text
    assert "quiz: match (top): the tool says 1.0, its samples do not give it" in text
    assert "the log of evals/quiz was not finished; its status is 'error'" in text
    found = open_run(tmp_path / "run")
    records = {record.sample: record for record in found.samples.read()}
    assert {name: (record.kind.value, record.cause) for name, record in records.items()} == {
        "a": ("right", ""),
        "b": ("wrong", "wrong_answer"),
        "c": ("truncated", "truncated"),
        "4": ("no_answer", "no_answer"),
        "e": ("server_error", "sample_error"),
        "f": ("timeout", "time_limit"),
        "g": ("not_run", "not_in_outputs"),
    }
    [entry] = found.summary.benchmarks
    assert (entry.benchmark, entry.version) == ("inspect_evals_quiz", "inspect-0.3.285-task-2")
    first = records["a"]
    assert first.reply is not None
    assert (first.question, first.reply.text, first.reply.reasoning) == ("Question a", "7", "hm")
    assert (first.prompt_tokens, first.total_s, first.explanation) == (5, 0.25, "compared")
    assert found.run["started"] == "2026-11-26T20:30:00Z"


def test_our_own_export_is_read_back(tmp_path: Path) -> None:
    """Logs that Inspect opens, with epochs; values of samples are equal."""
    run = varied_run(tmp_path / "run")
    assert main(["export", str(run), "--to", "inspect", "--out", str(tmp_path / "out")]) == 0
    assert main(["import-run", "inspect", str(tmp_path / "out"), "--to", str(tmp_path / "back")]) == 0
    values = [
        sorted(record.value for record in open_run(path).samples.index() if record.kind.is_verdict)
        for path in (run, tmp_path / "back")
    ]
    assert values[0] == values[1]


def bomb(path: Path) -> None:
    """A sample that becomes 70 MB."""
    files = {**log_files(), "samples/z_epoch_1.json": b'{"id": "' + b"x" * 70_000_000 + b'"}'}
    path.write_bytes(zstd_archive(files))


def no_archive(path: Path) -> None:
    """Text."""
    path.write_text("PK, but no archive", encoding="utf-8")


def damaged(path: Path) -> None:
    """Bytes of a sample are others."""
    data = bytearray(path.read_bytes())
    data[1500:1600] = bytes(100)
    path.write_bytes(bytes(data))


def linked(path: Path) -> None:
    """A link to a log."""
    path.rename(path.with_name("real"))
    path.symlink_to(path.with_name("real"))


def pipe(path: Path) -> None:
    """A pipe without a writer."""
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("spoil", [bomb, no_archive, damaged, linked, pipe])
def test_archives_of_strangers_are_bounded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], None]
) -> None:
    """One line that names the file, status 4, no run folder."""
    (tmp_path / "logs").mkdir()
    path = eval_log(tmp_path / "logs")
    spoil(path)
    assert main(["import-run", "inspect", str(tmp_path / "logs"), "--to", str(tmp_path / "run")]) == 4
    assert "log.eval" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_all_members_together_are_bounded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many members, none of which is large."""
    monkeypatch.setattr(archive, "SMALL_BYTES", 1000)
    monkeypatch.setattr(archive, "MOST_RATIO", 0)
    path = eval_log(tmp_path)
    assert main(["import-run", "inspect", str(path), "--to", str(tmp_path / "run")]) == 4
    assert "larger than allowed" in capsys.readouterr().err


def test_of_several_models_one_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of several logs of one task the newest is read."""
    other = {**HEADER, "eval": {**HEADER["eval"], "model": "openai/other"}}
    older = {**HEADER, "eval": {**HEADER["eval"], "created": "2026-11-25T00:00:00+00:00"}}
    for name, header in (("1", HEADER), ("2", other), ("3", older)):
        (tmp_path / f"{name}.json").write_bytes(orjson.dumps({**header, "samples": SAMPLES}))
    run = str(tmp_path / "run")
    assert main(["import-run", "inspect", str(tmp_path), "--to", run]) == 4
    assert "logs of 2 models" in capsys.readouterr().err
    assert main(["import-run", "inspect", str(tmp_path), "--model", "openai/toy", "--to", run]) == 0
    assert "1 older logs" in capsys.readouterr().out


def test_parts_of_a_score_and_second_scorers_have_names_of_their_own(tmp_path: Path) -> None:
    """A part is scorer/part; a second scorer of one name is numbered; a score before an error counts nowhere."""
    scores = {"match": {"value": "C"}, "match1": {"value": 0}, "parts": {"value": {"a": 0.5, "b": 3.0}}}
    one = sample("a", None, scores=scores)
    lost = sample("b", None, scores={"match": {"value": "I"}}, error={"message": "ValueError: boom"})
    names = (("match", "match", 1.0), ("match1", "match", 0.0), ("a", "parts", 0.5), ("b", "parts", 3.0))
    figures = [
        {"name": name, "scorer": scorer, "metrics": {"mean": {"name": "mean", "value": value}}}
        for name, scorer, value in names
    ]
    facts = {**HEADER["eval"], "dataset": {"samples": 2, "sample_ids": ["a", "b"]}}
    log = {**HEADER, "eval": facts, "results": {"scores": figures}, "samples": [one, lost]}
    (tmp_path / "log.json").write_bytes(orjson.dumps(log))
    assert main(["import-run", "inspect", str(tmp_path), "--to", str(tmp_path / "run")]) == 0
    found = open_run(tmp_path / "run")
    stated = found.run["imported"]
    assert (stated["figures_equal"], stated["figures_different"]) == (4, [])
    assert [record.kind.value for record in found.samples.index()] == ["right", "grader_error"]
