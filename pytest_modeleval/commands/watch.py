"""`modeleval watch`: evaluates the checkpoints of a training as they appear. Each becomes a run of pytest."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.reports.text_layout import visible

# As pytest has it for Ctrl-C.
_INTERRUPTED = 2
_OURS = ("--model", "--eval-run")


def add_command(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `modeleval watch` to the parser of the command."""
    parser = commands.add_parser(
        "watch",
        help="evaluate each new checkpoint of a training once: launch, evaluate, stop; goes on after a crash",
        description="Watch a folder of checkpoints and evaluate each whole one once, in the order of the steps. All "
        "other options go to pytest: -k, --eval-limit, --eval-gates FILE, --eval-baseline FILE, --model-url URL for a "
        "server that follows the training by itself. Results: results.csv in the folder of the runs, TensorBoard, and "
        "`modeleval view` with the trend over the steps. Exit status with --once: 0, 1 where a gate failed, 6 where a "
        "checkpoint has no result. When a checkpoint is whole: docs/training.md.",
        epilog="Example: modeleval watch out/checkpoints --profile my-model -k gsm8k --eval-limit 200",
        allow_abbrev=False,
    )
    parser.add_argument("checkpoints", type=Path, metavar="CHECKPOINTS", help="the folder that the training writes to")
    parser.add_argument("--profile", required=True, metavar="NAME", help="the profile of models.toml that serves one")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a value of the profile, as --model-set of pytest, with {checkpoint}, {step} and {name} filled in "
        "(repeatable). For SGLang and vLLM the flag of the weights is known",
    )
    parser.add_argument("--once", action="store_true", help="evaluate what is whole now, and end")
    parser.add_argument("--every", type=float, default=30.0, metavar="S", help="seconds between two looks (30)")
    parser.add_argument(
        "--quiet",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds without a change after which a checkpoint is whole whose format does not say it (60)",
    )
    parser.add_argument(
        "--runs", type=Path, metavar="DIR", help="the folder of the runs (modeleval-runs/watch-CHECKPOINTS)"
    )
    parser.add_argument("--tensorboard", type=Path, metavar="DIR", help="write TensorBoard events there (tensorboardX)")
    parser.set_defaults(run=_run, takes_more=True)


def _run(given: argparse.Namespace) -> tuple[list[str], int]:
    # numpy and more: loaded for this command only.
    from pytest_modeleval.training.serving import templates_of  # noqa: PLC0415
    from pytest_modeleval.training.watch import Watcher, WatchOrder  # noqa: PLC0415

    _check(given)
    is_served = any(word.partition("=")[0] == "--model-url" for word in given.more)
    templates = [] if is_served else templates_of(given.profile, given.set, project=Path.cwd())
    order = WatchOrder(
        root=given.checkpoints.resolve(),
        profile=given.profile,
        runs=(given.runs or Path("modeleval-runs") / f"watch-{given.checkpoints.resolve().name}").absolute(),
        arguments=given.more,
        templates=templates,
        every_s=given.every,
        quiet_s=given.quiet,
        is_once=given.once,
        event_folder=given.tensorboard,
    )
    _print(f"modeleval watch: {order.root}, runs in {order.runs}")
    try:
        return [], Watcher(order, _print).run()
    except KeyboardInterrupt:
        return ["modeleval watch: interrupted; the same command goes on"], _INTERRUPTED


def _check(given: argparse.Namespace) -> None:
    if not given.checkpoints.is_dir():
        raise SettingsError(f"modeleval watch: expected the folder of the checkpoints, found none: {given.checkpoints}")
    for name in ("every", "quiet"):
        if not 0 <= getattr(given, name) < 1e9:
            raise SettingsError(f"modeleval watch: --{name}: expected seconds, found {getattr(given, name)}")
    for word in given.more:
        if word.partition("=")[0] in _OURS:
            raise SettingsError(f"modeleval watch: {word}: the watch sets it for each checkpoint; leave it out")


def _print(text: str) -> None:
    print("\n".join(map(visible, text.splitlines())), flush=True)
