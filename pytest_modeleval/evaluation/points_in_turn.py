"""An operating point of two servers in turn: the model's own and that of a role, part by part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.evaluation.load_point import (
    LoadPart,
    LoadServer,
    measure_part,
    own_server,
    point_key,
    unjudged_error,
)
from pytest_modeleval.evaluation.planned_items import PlannedItem
from pytest_modeleval.records import Kind
from pytest_modeleval.store.load_file import read_timings, write_timings
from pytest_modeleval.stress.measures import measure_point
from pytest_modeleval.stress.plan import PointPlan
from pytest_modeleval.stress.point import PointResult
from pytest_modeleval.stress.rounds import joined_rounds, round_name, rounds_of
from pytest_modeleval.stress.timing import Timing

if TYPE_CHECKING:
    from pytest_modeleval.evaluation.item_runner import ItemRunner


async def run_in_turn(runner: ItemRunner, item: PlannedItem, plan: PointPlan) -> PointResult:
    """The result of the model's own server; that of the other is journaled too, with its role.

    Parts that the run folder holds are not measured again. Raises Ungraded where one of the two cannot be judged.
    """
    key = point_key(runner, item, plan)
    other = runner.roles.get(plan.against)
    known = runner.contents.points.get(key)
    if known is not None and (runner.load_site is None or not known[1].unjudged):
        return _judged(known[1])
    site = runner.load_site
    if site is None or other is None:
        raise Ungraded("the stored run has no result of this point", kind=Kind.NOT_RUN, cause="not_stored")
    servers = {"": own_server(runner, site), plan.against: LoadServer(other.facts.model, site.role_keys[plan.against])}
    parts: dict[str, list[PointResult]] = {"": [], plan.against: []}
    for part in rounds_of(plan):
        served = servers[part.against]
        part_key = hashlib.sha256(f"{key} {part.name} {served.model.identity}".encode()).hexdigest()
        parts[part.against].append(await measure_part(runner, site, item, LoadPart(part, part_key, served)))
    folder = runner.journal.path.parent
    for role, results in reversed(parts.items()):
        result = _joined(folder, plan, results, key=f"{key}{role and '-'}{role}", role=role)
        runner.enter_point(f"{key}{role and '-'}{role}", item.key, result)
        _judged(result)
    return result


def _judged(result: PointResult) -> PointResult:
    if result.unjudged:
        raise unjudged_error(result)
    return result


def _joined(folder: Path, plan: PointPlan, results: Sequence[PointResult], *, key: str, role: str) -> PointResult:
    """The result of one server, with a file of all its requests one round after the other."""
    names = [round_name(plan.name, number, role) for number in range(plan.rounds)]
    name = f"{plan.name}~{role}" if role else plan.name

    def timings() -> Iterator[Timing]:
        end_s = 0.0
        for part in names:
            start_s = end_s
            for timing in read_timings(folder, part):
                later = timing.later(start_s)
                end_s = max(end_s, later.ended_s)
                yield later

    def measure(read: Iterator[Timing]) -> PointResult:
        pooled = measure_point(plan.name, plan.workload.name, plan.load, read, slo=plan.slo, blocks=plan.rounds)
        return joined_rounds(pooled, results, role=role)

    return write_timings(folder, name, timings(), measure, key=key)
