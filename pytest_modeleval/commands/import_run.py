"""`modeleval import-run evalscope|lm-eval|inspect PATH`: the outputs of another tool become a run folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_modeleval.imports.records import ImportedRun
    from pytest_modeleval.imports.run_folder import Imported

TOOLS = ("evalscope", "lm-eval", "inspect")
_SHOWN = 10


def add_command(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `modeleval import-run` to the parser of the command."""
    parser = commands.add_parser(
        "import-run",
        help="make a run folder of finished outputs of another tool, for compare, gates and reports",
        description="Make a run folder of finished outputs: evalscope (outputs/STAMP), lm-eval (the folder of "
        "--output_path, with --log_samples), inspect (a log or a folder of logs). Nothing of the outputs is changed. "
        "Every figure of the tool is compared with that of the run folder.",
    )
    parser.add_argument("tool", choices=TOOLS, help="the tool that wrote the outputs")
    parser.add_argument("path", type=Path, metavar="PATH", help="its outputs")
    parser.add_argument(
        "--to", type=Path, metavar="RUN", help="a new run folder (modeleval-runs/MODEL/TIME, with the time of its run)"
    )
    parser.add_argument("--model", metavar="NAME", help="which model, where the outputs hold several")
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> list[str]:
    from pytest_modeleval.imports.run_folder import write_run  # noqa: PLC0415 - when the command runs

    found = _read(given)
    made = write_run(found, given.to, source=given.path.resolve(), command=["modeleval", *sys.argv[1:]])
    return [*_lines(found, made)]


def _read(given: argparse.Namespace) -> ImportedRun:
    # Each reader is loaded when its tool is named.
    if given.tool == "lm-eval":
        from pytest_modeleval.imports.lm_eval import read_lm_eval  # noqa: PLC0415

        return read_lm_eval(given.path, model=given.model)
    if given.tool == "inspect":
        from pytest_modeleval.imports.inspect_logs import read_inspect  # noqa: PLC0415

        return read_inspect(given.path, model=given.model)
    from pytest_modeleval.imports.evalscope import read_evalscope  # noqa: PLC0415

    return read_evalscope(given.path, model=given.model)


def _lines(found: ImportedRun, made: Imported) -> list[str]:
    counts = [score for entry in made.summary.benchmarks for score in entry.subsets]
    samples = sum(score.planned for score in counts)
    version = f" {found.version}" if found.version else ""
    state = "" if made.summary.is_complete else " (incomplete: some samples have no verdict)"
    total = made.equal + len(made.differences)
    number = len(made.summary.benchmarks)
    benchmarks = f"{number:,} benchmarks" if number > 1 else "one benchmark"
    shown = list(made.differences[:_SHOWN])
    if len(made.differences) > _SHOWN:
        shown.append(f"{len(made.differences) - _SHOWN} more in run.json")
    return [
        f"imported {samples:,} samples of {benchmarks} from {found.tool}{version}: {found.model}",
        f"{made.equal:,} of {total:,} figures of {found.tool} are equal",
        *(f"differs: {line}" for line in shown),
        *(f"note: {line}" for line in made.notes),
        f"run folder: {made.path}{state}",
    ]
