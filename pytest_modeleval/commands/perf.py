"""`modeleval perf`: a stress test of a server without a test file. It becomes `pytest -k perf`, which does the work."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from pytest_modeleval._support.shipped_folder import shipped_folder

_PAGE = "perf"
# Options of the benchmark: name -> metavar, help.
_OPTIONS = {
    "points": ("LOADS", 'a point each: "c1 c16" in flight, "rate4" a second, "rate4-gamma0.5", "rate1..20", "slo"'),
    "workload": ("TEXT", 'what is sent: "chat-512-128", "chat-256..1024-128+prefix0.5", "trace:FILE", "bench:gsm8k"'),
    "requests": ("N", "requests of the steady phase of a point, or until"),
    "seconds": ("S", "so many seconds have passed, whichever is earlier"),
    "warm-up": ("N", "requests of the warm-up; -1: one for every slot"),
    "slo": ("TEXT", 'what a good request keeps, for goodput: "ttft=1s tpot=50ms"'),
    "slo-share": ("F", "share of good requests that the load slo looks for"),
    "accuracy": ("TEXT", '"gsm8k:50": its first 50 samples are asked and graded under every load'),
    "seed": ("N", "of prompts and arrivals; -1: a new one for each measurement"),
    "against": ("ROLE", "another server (--eval-role ROLE=PROFILE) that is measured in turn with the model's, A B B A"),
    "rounds": ("N", "of both servers, each with its share of requests and seconds"),
    "max-lag-ms": ("TEXT", 'lag of this client, median and 99th percentile, that a point may have: "2 10"'),
}


def add_command(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `modeleval perf` to the parser of the command."""
    parser = commands.add_parser(
        "perf",
        help="a stress test: latency and throughput of a server at operating points",
        description="Measure a server at operating points: the benchmark perf, as `pytest -k perf` runs it. All other "
        "options go to pytest: --model NAME (required), --model-url URL, --eval-run DIR, --eval-gates FILE, "
        "--eval-bless FILE, -n K for K client processes. The exit status is pytest's. Figures, loads and workloads: "
        "docs/stress.md.",
        epilog='Example: modeleval perf --model my-model --model-url http://localhost:8000/v1 --points "c1 c8 c32"',
        allow_abbrev=False,
    )
    for name, (metavar, text) in _OPTIONS.items():
        parser.add_argument(f"--{name}", metavar=metavar, help=text)
    parser.set_defaults(run=_run, takes_more=True)


def pytest_command(given: argparse.Namespace, more: Sequence[str]) -> list[str]:
    """The command line that does the same. more: what is passed on as it is; its -k narrows the points."""
    chosen = {name: getattr(given, name.replace("-", "_")) for name in _OPTIONS}
    options = [
        f"--eval-option=perf.{name.replace('-', '_')}={value}" for name, value in chosen.items() if value is not None
    ]
    # The name leaves rootdir and ini file to the current folder, as `pytest -k perf` does; a path would move both.
    page = str(shipped_folder() / _PAGE) if Path(_PAGE).exists() else _PAGE
    return [sys.executable, "-m", "pytest", page, "-k", _PAGE, *options, *more]


def _run(given: argparse.Namespace) -> NoReturn:
    command = pytest_command(given, given.more)
    print(f"modeleval perf: {shlex.join(['pytest', *command[3:]])}", flush=True)
    # The command becomes pytest: signals and the exit status need no one in between.
    os.execv(command[0], command)  # noqa: S606 - our own interpreter
