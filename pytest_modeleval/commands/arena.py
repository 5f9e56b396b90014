"""`modeleval arena RUN_A RUN_B --judge J`: finished runs against each other. It becomes `pytest -k arena`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pytest_modeleval._support.shipped_folder import shipped_folder
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.store.run_file import load_run

_PAGE = "arena"


def add_command(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `modeleval arena` to the parser of the command."""
    parser = commands.add_parser(
        "arena",
        help="models against each other: a judge compares the answers of finished runs, in both orders",
        description="Compare the answers of two or more finished runs to equal prompts: the benchmark arena, whose "
        "model is the judge. All other options go to pytest: --eval-run DIR, --eval-gates FILE, --eval-limit N, -n K. "
        "The same command goes on where it was interrupted. The exit status is pytest's. Figures: docs/arena.md.",
        epilog="Example: modeleval arena runs/new runs/old --judge Qwen3-235B --judge-url http://judge:8000/v1",
        allow_abbrev=False,
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders")
    parser.add_argument("--judge", required=True, metavar="NAME", help="the model that judges, as --model of pytest")
    parser.add_argument("--judge-url", action="append", metavar="URL", help="where it is served; repeatable")
    parser.add_argument("--judge-key-env", metavar="VAR", help="the variable that holds its API key")
    parser.add_argument(
        "--judge-same-family", action="store_true", help="allow a judge of the family of one of the models"
    )
    parser.add_argument("--baseline", type=Path, metavar="RUN", help="the run that all others are compared with")
    parser.add_argument("--every-pair", action="store_true", help="every two models meet, also with --baseline")
    parser.add_argument(
        "--style", action="store_true", help="add win rates among answers of one style, and what it moves"
    )
    parser.add_argument("--strong", type=int, metavar="N", help="how many wins a win counts for that is strong (1)")
    parser.set_defaults(run=_run, takes_more=True)


def pytest_command(given: argparse.Namespace, more: Sequence[str]) -> list[str]:
    """The command line that does the same. more: what is passed on as it is. Raises SettingsError."""
    options = {
        **_runs(given.runs, given.baseline),
        "every_pair": "yes" if given.every_pair else None,
        "strong": given.strong,
        "style": "yes" if given.style else None,
    }
    # The name leaves rootdir and ini file to the current folder, as `pytest -k arena` does; a path would move both.
    page = str(shipped_folder() / _PAGE) if Path(_PAGE).exists() else _PAGE
    return [
        *(sys.executable, "-m", "pytest", page, "-k", _PAGE, "--model", given.judge),
        *(part for url in given.judge_url or () for part in ("--model-url", url)),
        *(("--model-key-env", given.judge_key_env) if given.judge_key_env else ()),
        *(f"--eval-option={_PAGE}.{name}={value}" for name, value in options.items() if value is not None),
        *more,
    ]


def _runs(folders: Sequence[Path], baseline: Path | None) -> dict[str, str | int | None]:
    """The options that name the runs. Raises SettingsError for a path that cannot stand in a list."""
    runs = [folder.resolve() for folder in folders]
    if baseline is not None and baseline.resolve() not in runs:
        runs.append(baseline.resolve())
    if any(os.pathsep in str(run) for run in runs):
        raise SettingsError(f"expected run folders without {os.pathsep!r} in their path; rename the folder")
    number = runs.index(baseline.resolve()) + 1 if baseline is not None else None
    return {"runs": os.pathsep.join(map(str, runs)), "baseline": number}


def check_judge(judge: str, runs: Sequence[Path], *, is_allowed: bool) -> str:
    """A warning, or "". Raises SettingsError for a judge of the family of one of the models, unless that is allowed."""
    from pytest_modeleval.runs.further_models import families  # noqa: PLC0415 - loads what reaches servers

    own = frozenset({judge.rpartition("/")[2].lower()})
    for folder in runs:
        run = load_run(folder)
        names = _names(run)
        if not (own & names or families(own) & families(names)):
            continue
        why = f"{judge} is, or is of the family of, {run.get('model')}, whose answers it would judge ({folder})"
        if is_allowed:
            return f"warning: {why}: its verdicts may favour them"
        raise SettingsError(
            f"--judge: expected a judge of another family than the models, but {why}; models prefer answers of their "
            "own kind. Name another judge, or allow this one with --judge-same-family"
        )
    return ""


def _names(run: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(str(run[name]).rpartition("/")[2].lower() for name in ("model", "served") if run.get(name))


def _run(given: argparse.Namespace) -> NoReturn:
    runs = [*given.runs, *([given.baseline] if given.baseline is not None else [])]
    if warning := check_judge(given.judge, runs, is_allowed=given.judge_same_family):
        print(warning, file=sys.stderr, flush=True)
    command = pytest_command(given, given.more)
    print(f"modeleval arena: {shlex.join(['pytest', *command[3:]])}", flush=True)
    # The command becomes pytest: signals and the exit status need no one in between.
    os.execv(command[0], command)  # noqa: S606 - our own interpreter
