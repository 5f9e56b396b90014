"""`modeleval export RUN --to FORMAT`: a finished run for spreadsheets, data frames, pull requests and other viewers."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_modeleval.exports.target import new_file, safe_name

if TYPE_CHECKING:
    from pytest_modeleval.runs.finished_run import FinishedRun

# Format -> what follows the run's name in the default path.
_SUFFIXES = {
    "csv": ".csv",
    "parquet": ".parquet",
    "markdown": ".md",
    "evalscope": "-evalscope",
    "inspect": "-inspect",
}


def add_command(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `modeleval export` to the parser of the command."""
    parser = commands.add_parser(
        "export",
        help="write a run as CSV, Parquet, Markdown, or for the viewers of EvalScope and Inspect",
        description="Write a finished run in another format: csv, parquet (one row for each sample), markdown (the "
        "table for a pull request), evalscope (a folder for `evalscope app --outputs`), inspect (a folder for "
        "`inspect view --log-dir`). The run folder is not changed.",
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


_WRITERS: dict[str, Callable[[FinishedRun, Path], None]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
    "markdown": _write_markdown,
    "evalscope": _write_evalscope,
    "inspect": _write_inspect,
}
