"""`modeleval`: what is done with finished runs, outside of pytest. show, view, export, compare, merge, noise, plan.

import-run makes a run of the outputs of another tool. perf, arena and watch are the exceptions: they start runs;
rag-questions asks a model for questions.

Sides are run folders or baseline files, in any mix.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_modeleval.commands import arena, export, import_run, perf, rag_questions, show, view, watch
from pytest_modeleval.errors import RunFolderError, UserError
from pytest_modeleval.reports.text_layout import visible

if TYPE_CHECKING:
    from pytest_modeleval.results import Baseline

USAGE_STATUS, INTERNAL_STATUS = 4, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status: 0, or 4 for a mistake of the user. merge ends as pytest would (1, 6).

    3 for a fault of ours, as pytest has it: Python's own status for that is 1, which says that a gate failed.
    """
    parser = _parser()
    given, more = parser.parse_known_args(arguments)
    if more and not getattr(given, "takes_more", False):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    given.more = more
    # Outcomes are made by the ten thousand and none of them is garbage: looking for some takes a sixth of the time.
    gc.disable()
    try:
        done = given.run(given)
    except UserError as mistake:
        print(f"ERROR: {visible(str(mistake))}", file=sys.stderr)
        return USAGE_STATUS
    except OSError as error:
        print(f"ERROR: {error}; check that it may be read and written, and that the disk has room", file=sys.stderr)
        return USAGE_STATUS
    except Exception:  # noqa: BLE001 - see the docstring
        traceback.print_exc()
        return INTERNAL_STATUS
    finally:
        gc.enable()
    lines: list[str]
    status: int
    lines, status = done if isinstance(done, tuple) else (done, 0)
    _print(lines)
    return status


def _print(lines: Sequence[str]) -> None:
    try:
        for line in lines:
            print(visible(line))
    except BrokenPipeError:
        # `modeleval compare A B | head` has read enough.
        sys.stderr.close()


class _Parser(argparse.ArgumentParser):
    """Ends with the status that every mistake of the user has here and in pytest, instead of 2."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE_STATUS, f"ERROR: {message}; modeleval --help has the commands\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="modeleval", description=__doc__)
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

    merge = commands.add_parser(
        "merge",
        help="the run folders of shards (--eval-shard) become one, and gates are judged over it",
        description="Make one run of the folders of shards, print its scores, and judge its gates. Exit status: 0 "
        "complete and every gate passed, 1 a gate failed, 4 the folders are different experiments, 6 a shard or a "
        "grade is missing, a gate cannot be judged, or the run cannot be blessed.",
    )
    merge.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="run folders; overlaps count once")
    merge.add_argument(
        "--into", type=Path, required=True, metavar="DIR", help="the merged run; an earlier merge there is added to"
    )
    merge.add_argument("--gates", type=Path, metavar="FILE", help="gates to judge (TOML), as --eval-gates of pytest")
    merge.add_argument("--baseline", type=Path, metavar="FILE", help="the earlier result to compare with")
    merge.add_argument("--bless", type=Path, metavar="FILE", help="write the merged run as a baseline")
    merge.add_argument(
        "--max-ungraded", default="0", metavar="N|F", help="how many items may have no grade, as in pytest (0)"
    )
    merge.set_defaults(run=_merge)

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

    show.add_command(commands)
    export.add_command(commands)
    import_run.add_command(commands)
    view.add_command(commands)
    perf.add_command(commands)
    watch.add_command(commands)
    arena.add_command(commands)
    rag_questions.add_command(commands)
    _add_authors_commands(commands)
    return parser


def _add_authors_commands(commands: argparse._SubParsersAction[Any]) -> None:
    from pytest_modeleval import catalogue, scaffold  # noqa: PLC0415 - a few modules, for the parser

    catalogue.add_command(commands)
    scaffold.add_command(commands)


def _compare(given: argparse.Namespace) -> list[str]:
    from pytest_modeleval.gates.compare import compare  # noqa: PLC0415 - numpy, only for the command that needs it
    from pytest_modeleval.gates.compare_measures import compare_measures  # noqa: PLC0415
    from pytest_modeleval.gates.compare_points import compare_points  # noqa: PLC0415
    from pytest_modeleval.gates.compare_text import comparison_text  # noqa: PLC0415

    if len(given.sides) < 2:
        raise RunFolderError("modeleval compare: expected at least two run folders or baselines, found one")
    from pytest_modeleval.runs.sides import read_side  # noqa: PLC0415

    sides = [read_side(path) for path in given.sides]
    text = comparison_text(
        sides, compare(sides), compare_measures(sides), compare_points(sides), most_flips=given.flips
    )
    return [*_damage(sides), *text]


def _merge(given: argparse.Namespace) -> tuple[list[str], int]:
    from pytest_modeleval.runs.merge import MergeOrder, merge, merged_lines  # noqa: PLC0415 - jinja2 and more
    from pytest_modeleval.settings import parse_limit  # noqa: PLC0415

    merged = merge(
        MergeOrder(
            folders=given.folders,
            into=given.into,
            gates_file=given.gates,
            baseline_file=given.baseline,
            bless_file=given.bless,
            max_ungraded=parse_limit("--max-ungraded", given.max_ungraded, allow_zero=True),
            command=["modeleval", *sys.argv[1:]],
        )
    )
    return merged_lines(merged, width=max(64, shutil.get_terminal_size().columns - 1)), merged.status


def _noise(given: argparse.Namespace) -> list[str]:
    from pytest_modeleval.gates.noise import noise_levels, noise_text  # noqa: PLC0415
    from pytest_modeleval.gates.point_noise import spread_lines  # noqa: PLC0415
    from pytest_modeleval.runs.sides import read_side  # noqa: PLC0415

    sides = [read_side(path) for path in given.sides]
    first = sides[0]
    for other in sides[1:]:
        if found := _describe_difference(first, other):
            raise RunFolderError(
                f"modeleval noise: expected runs of one deployment, asked in the same way, but {first.label} and "
                f"{other.label} differ: {found}. That is no noise; `modeleval compare` compares them"
            )
    levels = noise_text(noise_levels([side.outcomes for side in sides]))
    return [*_damage(sides), *levels, *spread_lines(sides)]


def _describe_difference(first: Baseline, other: Baseline) -> str:
    """How the deployments or the questions of two runs differ; "" if they do not."""
    from pytest_modeleval.experiment import identity_differences  # noqa: PLC0415

    if first.model != other.model:
        return f"the models {first.model} and {other.model}"
    shared = sorted(first.identities.keys() & other.identities.keys())
    phrases = (identity_differences(first.identities[name], other.identities[name]) for name in shared)
    return "; ".join(next(filter(None, phrases), []))


def _plan(given: argparse.Namespace) -> list[str]:
    from pytest_modeleval.gates.noise import plan_text  # noqa: PLC0415

    for name in ("drop", "flip_rate", "alpha"):
        if not 0 < getattr(given, name) < 1:
            raise RunFolderError(
                f"modeleval plan: --{name.replace('_', '-')}: expected a share between 0 and 1, such as 0.02, "
                f"found {getattr(given, name)}"
            )
    if not 0 <= given.margin < 1:
        raise RunFolderError(f"modeleval plan: --margin: expected a share from 0 to below 1, found {given.margin}")
    if given.samples is not None and given.samples < 1:
        raise RunFolderError(f"modeleval plan: --samples: expected at least 1, found {given.samples}")
    return plan_text(
        given.drop, flip_rate=given.flip_rate, alpha=given.alpha, margin=given.margin, samples=given.samples
    )


def _damage(sides: Sequence[Baseline]) -> list[str]:
    """A warning for each side with damaged lines, which are not used."""
    return [f"warning: {note}" for note in (side.facts.get("damage") for side in sides) if note]


if __name__ == "__main__":
    sys.exit(main())
