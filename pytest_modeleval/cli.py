"""`modeleval`: what is done with finished runs, outside of pytest. compare, noise, plan.

Sides are run folders or baseline files, in any mix.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modeleval.errors import RunFolderError, UserMistake

if TYPE_CHECKING:
    from pytest_modeleval.gates import Baseline

USAGE_STATUS = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status: 0, or 4 for a mistake of the user."""
    parser = _parser()
    given = parser.parse_args(arguments)
    # Outcomes are made by the ten thousand and none of them is garbage: looking for some takes a sixth of the time.
    gc.disable()
    try:
        lines = given.run(given)
    except UserMistake as mistake:
        print(f"ERROR: {mistake}", file=sys.stderr)
        return USAGE_STATUS
    finally:
        gc.enable()
    try:
        for line in lines:
            print(line)
    except BrokenPipeError:
        # `modeleval compare A B | head` has read enough.
        sys.stderr.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="modeleval", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    compare = commands.add_parser("compare", help="scores side by side, paired differences, flips with both answers")
    compare.add_argument("sides", nargs="+", type=Path, metavar="RUN|BASELINE")
    compare.add_argument(
        "--flips",
        type=int,
        default=10,
        metavar="N",
        help="newly wrong, and newly right, shown for each difference (10)",
    )
    compare.set_defaults(run=_compare)

    noise = commands.add_parser(
        "noise", help="how much a deployment moves by itself: repeats, or runs of one deployment"
    )
    noise.add_argument("sides", nargs="+", type=Path, metavar="RUN|BASELINE")
    noise.set_defaults(run=_noise)

    plan = commands.add_parser("plan", help="how many samples or repeats a wanted sensitivity takes")
    plan.add_argument("--drop", type=float, required=True, metavar="F", help="the true drop to find, such as 0.02")
    plan.add_argument("--flip-rate", type=float, required=True, metavar="F", help="as `modeleval noise` measures it")
    plan.add_argument("--alpha", type=float, default=0.01, metavar="F", help="chance of a false alarm (0.01)")
    plan.add_argument("--margin", type=float, default=0.0, metavar="F", help="a drop that is tolerated (0)")
    plan.add_argument("--samples", type=int, default=None, metavar="N", help="samples there are, to plan repeats")
    plan.set_defaults(run=_plan)
    return parser


def _compare(given: argparse.Namespace) -> list[str]:
    from pytest_modeleval.gates.compare import compare  # noqa: PLC0415 - numpy, only for the command that needs it
    from pytest_modeleval.gates.compare_text import comparison_text  # noqa: PLC0415

    if len(given.sides) < 2:
        raise RunFolderError("modeleval compare: expected at least two run folders or baselines, found one")
    sides = [_side(path) for path in given.sides]
    return list(comparison_text(sides, compare(sides), most_flips=given.flips))


def _noise(given: argparse.Namespace) -> list[str]:
    from pytest_modeleval.gates.noise import noise_levels, noise_text  # noqa: PLC0415

    return noise_text(noise_levels([_side(path).outcomes for path in given.sides]))


def _plan(given: argparse.Namespace) -> list[str]:
    from pytest_modeleval.gates.noise import plan_text  # noqa: PLC0415

    for name in ("drop", "flip_rate", "alpha"):
        if not 0 < getattr(given, name) < 1:
            raise RunFolderError(
                f"modeleval plan: --{name.replace('_', '-')}: expected a share between 0 and 1, such as 0.02, "
                f"found {getattr(given, name)}"
            )
    return plan_text(
        given.drop, flip_rate=given.flip_rate, alpha=given.alpha, margin=given.margin, samples=given.samples
    )


def _side(path: Path) -> Baseline:
    """A run folder, or a baseline file."""
    from pytest_modeleval.evaluation.identity import identities_of  # noqa: PLC0415
    from pytest_modeleval.evaluation.summary import merge_plans  # noqa: PLC0415
    from pytest_modeleval.gates import Baseline  # noqa: PLC0415
    from pytest_modeleval.store.baseline import read_baseline  # noqa: PLC0415
    from pytest_modeleval.store.journal import JournalReader  # noqa: PLC0415
    from pytest_modeleval.store.run_folder import read_run  # noqa: PLC0415

    if path.is_file():
        return read_baseline(path)
    run = read_run(path)
    if run is None:
        raise RunFolderError(f"expected a run folder (with run.json) or a baseline file, found {path}")
    contents = JournalReader(path, has_responses=False).refresh()
    plans = merge_plans(contents.plans)
    return Baseline(
        label=str(path),
        model=str(run.get("model")),
        made_utc=str(run.get("started") or ""),
        identities=identities_of(plans),
        metrics={plan["benchmark"]: plan["metric"] for plan in plans},
        outcomes=contents.outcomes,
    )


if __name__ == "__main__":
    sys.exit(main())
