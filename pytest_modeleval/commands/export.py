"""`modeleval export RUN --to FORMAT`: a finished run for spreadsheets, data frames, pull requests, other viewers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.exports.target import new_file, safe_name

if TYPE_CHECKING:
    from pytest_modeleval.exports.serving_benchmark import MeasuredPoint
    from pytest_modeleval.runs.finished_run import FinishedRun

# Format -> what follows the run's name in the default path.
_SUFFIXES = {
    "csv": ".csv",
    "parquet": ".parquet",
    "markdown": ".md",
    "evalscope": "-evalscope",
    "inspect": "-inspect",
    "vllm-bench": "-vllm-bench",
    "sglang-bench": "-sglang-bench.jsonl",
}


def add_command(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `modeleval export` to the parser of the command."""
    parser = commands.add_parser(
        "export",
        help="write a run as CSV, Parquet, Markdown, for the viewers of EvalScope and Inspect, or as the serving "
        "benchmarks of vLLM and SGLang write it",
        description="Write a finished run in another format: csv, parquet (one row for each sample), markdown (the "
        "table for a pull request), evalscope (a folder for `evalscope app --outputs`), inspect (a folder for "
        "`inspect view --log-dir`); of a stress test vllm-bench (a folder with the JSON of `vllm bench serve` for each "
        "operating point), sglang-bench (the lines of `sglang.bench_serving`). The run folder is not changed.",
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("--to", required=True, choices=sorted(_SUFFIXES), help="the format")
    parser.add_argument(
        "--out", type=Path, metavar="PATH", help="a new file or folder (the run folder's name here, with an ending)"
    )
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> list[str]:
    from pytest_modeleval.runs.finished_run import open_run  # noqa: PLC0415 - when the command runs

    finished = open_run(given.folder)
    path = given.out or Path(safe_name(_run_name(finished)) + _SUFFIXES[given.to])
    _WRITERS[given.to](finished, path)
    note = finished.samples.contents.damage_note()
    state = "" if finished.summary.is_complete else " (the run is incomplete)"
    return [*([f"warning: {note}"] if note else []), f"wrote {path}{state}{_next_step(given.to, path)}"]


def _run_name(finished: FinishedRun) -> str:
    return finished.path.resolve().name or "run"


def _next_step(form: str, path: Path) -> str:
    commands = {"evalscope": "evalscope app --outputs", "inspect": "inspect view --log-dir"}
    return f"; look at it: {commands[form]} {path}" if form in commands else ""


def _write_csv(finished: FinishedRun, path: Path) -> None:
    from pytest_modeleval.exports.tables import write_csv  # noqa: PLC0415

    write_csv(finished.samples.read(), path)


def _write_parquet(finished: FinishedRun, path: Path) -> None:
    from pytest_modeleval.exports.tables import write_parquet  # noqa: PLC0415

    write_parquet(finished.samples.read(), path)


def _write_markdown(finished: FinishedRun, path: Path) -> None:
    from pytest_modeleval.reports.github import step_summary  # noqa: PLC0415

    with new_file(path) as draft:
        draft.write_text(step_summary(finished.summary), encoding="utf-8")


def _write_evalscope(finished: FinishedRun, path: Path) -> None:
    from pytest_modeleval.exports.evalscope import write_evalscope  # noqa: PLC0415

    write_evalscope(finished.summary, finished.samples.read(), path, run_name=_run_name(finished))


def _write_inspect(finished: FinishedRun, path: Path) -> None:
    from pytest_modeleval.exports.inspect_log import write_inspect  # noqa: PLC0415

    write_inspect(finished.summary, finished.samples.read(), path, run=finished.run, run_name=_run_name(finished))


def _write_vllm(finished: FinishedRun, path: Path) -> None:
    from pytest_modeleval.exports.serving_benchmark import write_vllm  # noqa: PLC0415

    write_vllm(_measured_points(finished), path, model=finished.summary.model)


def _write_sglang(finished: FinishedRun, path: Path) -> None:
    from pytest_modeleval.exports.serving_benchmark import write_sglang  # noqa: PLC0415

    write_sglang(_measured_points(finished), path, model=finished.summary.model)


def _measured_points(finished: FinishedRun) -> Iterator[MeasuredPoint]:
    """One point with its requests at a time. Raises SettingsError for a run without operating points."""
    from pytest_modeleval.exports.serving_benchmark import MeasuredPoint  # noqa: PLC0415
    from pytest_modeleval.store.load_file import read_timings  # noqa: PLC0415

    points = [point for entry in finished.summary.benchmarks for point in entry.points]
    if not points:
        raise SettingsError(
            f"--to: expected a run with operating points, found none in {finished.path}; `modeleval perf` measures some"
        )
    return (MeasuredPoint.of(point, read_timings(finished.path, point.point)) for point in points)


_WRITERS: dict[str, Callable[[FinishedRun, Path], None]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
    "markdown": _write_markdown,
    "evalscope": _write_evalscope,
    "inspect": _write_inspect,
    "vllm-bench": _write_vllm,
    "sglang-bench": _write_sglang,
}
