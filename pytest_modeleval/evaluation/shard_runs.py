"""Several run folders as one: what must be alike, which outcome counts, and what is missing. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.evaluation.summary import merge_plans, whole_plans
from pytest_modeleval.experiment import plan_differences, server_differences
from pytest_modeleval.plan import Plan
from pytest_modeleval.records import ItemKey, Outcome
from pytest_modeleval.store.contents import Contents


@dataclass(frozen=True, slots=True)
class ShardRun:
    """One of the folders. name: as the user gave it. run: its run.json. contents: of its journals."""

    name: str
    run: Mapping[str, Any]
    contents: Contents

    @property
    def shards(self) -> list[str]:
        """The shards that it holds, such as ["2/3"]; none if it was no shard."""
        return list(dict.fromkeys(plan.shard for plan in self.contents.plans if plan.shard))

    @property
    def title(self) -> str:
        """How messages call it."""
        shards = self.shards
        return f"shard {' and '.join(shards)} ({self.name})" if shards else self.name


def merged_plans(parts: Sequence[ShardRun]) -> list[Plan]:
    """One plan per benchmark, with all samples that the parts belong to.

    Raises RunFolderError where two parts are different experiments: another model or server, benchmark version,
    generation parameter, or other rows.
    """
    first = parts[0]
    for part in parts[1:]:
        if unlike := server_differences(first.run, part.run):
            raise RunFolderError(
                f"{first.name} and {part.name} are not the same model on the same server: "
                f"{'; '.join(unlike)}. Merge only shards of one run"
            )
    known: dict[str, tuple[ShardRun, Plan]] = {}
    for part in parts:
        for plan in merge_plans(part.contents.plans):
            before, old = known.setdefault(plan.benchmark, (part, plan))
            found = plan_differences(old, plan)
            if found:
                raise RunFolderError(
                    f"{before.name} and {part.name} are different experiments with {plan.benchmark} "
                    f"(there: {before.name}, here: {part.name}): {'; '.join(found)}. Merge only shards of one run"
                )
    plans = whole_plans(plan for part in parts for plan in part.contents.plans)
    if not plans:
        raise RunFolderError(f"{first.name}: expected a run with samples, found a journal without a plan")
    return plans


def latest_outcomes(parts: Sequence[ShardRun]) -> dict[ItemKey, int]:
    """Item -> which part's outcome counts: the latest verdict; where no part has a verdict, the latest outcome.

    A failed attempt to get an answer does not take away an answer that another part has.
    """
    best: dict[ItemKey, tuple[bool, str]] = {}
    found: dict[ItemKey, int] = {}
    for number, part in enumerate(parts):
        for key, outcome in part.contents.outcomes.items():
            rank = outcome.kind.is_verdict, part.contents.ranks[key].time
            if key not in best or rank > best[key]:
                best[key] = rank
                found[key] = number
    return found


def missing_items(parts: Sequence[ShardRun], plans: Sequence[Plan], outcomes: Mapping[ItemKey, Outcome]) -> list[str]:
    """Why the merged run is not complete: a sentence for each missing shard and each unfinished folder."""
    wanted = {key for plan in plans for key in plan.item_keys()}
    own = [{key for plan in merge_plans(part.contents.plans) for key in plan.item_keys()} for part in parts]
    in_no_part = len(wanted.difference(*own))
    absent = _absent_shards(parts) if in_no_part else []
    unfinished = [_unfinished(part, keys, outcomes) for part, keys in zip(parts, own, strict=True)]
    count = f"{in_no_part:,} of {len(wanted):,} items"
    found = [_absence(absent, count), *unfinished] if absent else unfinished
    if in_no_part and not absent:
        found.append(
            f"{count} were planned, but not by the folders that should hold them: were -k, --eval-limit and "
            "--eval-repeats the same for every shard?"
        )
    return [sentence for sentence in found if sentence]


def _absence(shards: Sequence[str], count: str) -> str:
    """Which shards have no folder. count: the items that are therefore missing."""
    which = f"Shard {shards[0]} is" if len(shards) == 1 else f"Shards {', '.join(shards)} are"
    return (
        f"{which} missing: {count} are in no folder. Run --eval-shard {shards[0]}, and merge its folder into the same "
        "one."
    )


def _unfinished(part: ShardRun, keys: Set[ItemKey], outcomes: Mapping[ItemKey, Outcome]) -> str:
    left = sum(1 for key in keys if key not in outcomes or not outcomes[key].kind.is_verdict)
    if not left:
        return ""
    return (
        f"{part.title} is not finished: {left:,} of {len(keys):,} items have no grade. Run its command again, "
        "and merge its folder into the same one."
    )


def _absent_shards(parts: Sequence[ShardRun]) -> list[str]:
    """["2/3"]: those of which there is no folder."""
    there: dict[int, set[int]] = {}
    for part in parts:
        for shard in part.shards:
            number, of = (int(word) for word in shard.split("/"))
            there.setdefault(of, set()).add(number)
    return [f"{number}/{of}" for of, numbers in there.items() for number in range(1, of + 1) if number not in numbers]
