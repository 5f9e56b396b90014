"""The plan of one benchmark: which items a run asks for, and all that their summary needs. Stored as a journal line.

`Plan.to_json` and `Plan.from_json` are the only code that knows the form of that line (docs/run-folder.md).
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_modeleval._support.schema import (
    BOOLEAN,
    TABLE,
    Rule,
    choice,
    list_of,
    number,
    optional,
    required,
    table,
    validate,
    whole_number,
)
from pytest_modeleval.advice import Advice
from pytest_modeleval.metrics import Aggregate, Measure, combine, score_subset
from pytest_modeleval.metrics.measures import METHODS
from pytest_modeleval.records import ItemKey, JsonObject

# Samples x repeats of one benchmark: more is damage, and would fill the memory.
MAX_ITEMS = 10_000_000

# A subset's samples: subset -> ids of its samples, each once, in the order of asking.
SampleIds = Mapping[str, Sequence[str]]

# Benchmark -> its declared measures.
DeclaredMeasures = Mapping[str, Sequence[Measure]]


@dataclass(frozen=True, slots=True)
class PlannedSubset:
    """A subset of the benchmark, whether or not an item of it is planned."""

    name: str
    is_optional: bool
    """It enters no aggregate that names no parts."""


@dataclass(frozen=True, slots=True)
class PlannedBreakdown:
    """A property of samples by which scores are broken down."""

    by: str
    """The property: "difficulty"."""
    order: tuple[str, ...]
    """Its groups in the order of the table; groups that are not named here follow by name."""
    groups: Mapping[str, Mapping[str, str]]
    """Subset -> sample id -> group. Samples without a group are absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run asks of one benchmark."""

    benchmark: str
    version: str
    metric: str
    subsets: tuple[PlannedSubset, ...] = ()
    """All subsets that the benchmark has, in the order of the table."""
    aggregates: tuple[Aggregate, ...] = ()
    advice: Mapping[str, Advice] = field(default_factory=dict)
    """Subset -> what a low score usually means."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Generation parameters as they are sent."""
    data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Subset -> where its rows come from: origin, revision, sha256, rows (their number), variant."""
    repeats: int = 1
    items: SampleIds = field(default_factory=dict)
    further_metrics: tuple[str, ...] = ()
    breakdowns: tuple[PlannedBreakdown, ...] = ()
    shard: str = ""
    """"2/3" where the items are one of three parts of `whole`; "" for a run that is no shard."""
    whole: SampleIds | None = None
    """Of a shard, the samples of all shards; None for a run that is no shard."""
    samples: Mapping[str, int] | None = None
    """Subset -> samples there are within --eval-limit, whatever else selects; None in plans of earlier versions."""
    tool_calls: str = ""
    """How calls are asked for ("native" or "text"); "" if the benchmark asks for none."""
    system: str = ""
    """The system prompt laid over every request that has none, without secrets; "" for none."""
    measures: tuple[Measure, ...] = ()
    """Declared measures; one of them may be the metric."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the page and their values, defaults included."""
    is_exclusive: bool = False
    """Its items run after all others, one at a time."""
    roles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Role -> the model in it (server_facts.RoleFacts.experiment), of the roles that the benchmark needs."""
    excluded: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Subset -> id of a sample that is not asked, since no answer to it can be graded -> why."""

    @property
    def all_items(self) -> SampleIds:
        """Of a shard, the samples of all shards; else the items."""
        return self.items if self.whole is None else self.whole

    def item_keys(self) -> list[ItemKey]:
        """Every planned item."""
        return [
            ItemKey(self.benchmark, subset, sample, repeat)
            for subset, ids in self.items.items()
            for sample in ids
            for repeat in range(self.repeats)
        ]

    def to_json(self) -> JsonObject:
        """The journal line."""
        line: JsonObject = {
            "type": "plan",
            "benchmark": self.benchmark,
            "version": self.version,
            "metric": self.metric,
            "subsets": [{"name": part.name, "optional": part.is_optional} for part in self.subsets],
            "aggregates": [dataclasses.asdict(aggregate) for aggregate in self.aggregates],
            "advice": {subset: dataclasses.asdict(given) for subset, given in self.advice.items()},
            "params": dict(self.params),
            "data": {subset: dict(entry) for subset, entry in self.data.items()},
            "repeats": self.repeats,
            "items": _ids_to_json(self.items),
        }
        optional = {
            "further_metrics": list(self.further_metrics),
            "breakdowns": [
                {"by": part.by, "order": list(part.order), "groups": {**part.groups}} for part in self.breakdowns
            ],
            "shard": self.shard,
            "tool_calls": self.tool_calls,
            "system": self.system,
            "is_exclusive": self.is_exclusive,
            "measures": declared_to_json(self.measures),
            "options": dict(self.options),
            "roles": {role: dict(model) for role, model in self.roles.items()},
            "excluded": {subset: dict(found) for subset, found in self.excluded.items()},
        }
        line.update({name: value for name, value in optional.items() if value})
        if self.whole is not None:
            line["whole"] = _ids_to_json(self.whole)
        if self.samples is not None:
            line["samples"] = dict(self.samples)
        return line

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Plan:
        """The reverse of `to_json`. Raises ValueError, whose text says what is wrong, for a damaged line."""
        problem = next(validate(line, _RULE), None)
        if problem is not None:
            raise ValueError(problem.sentence)
        whole = line.get("whole")
        return cls(
            benchmark=line["benchmark"],
            version=line["version"],
            metric=line["metric"],
            subsets=tuple(PlannedSubset(part["name"], part["optional"]) for part in line["subsets"]),
            aggregates=tuple(_aggregate(entry) for entry in line["aggregates"]),
            advice={subset: Advice(**given) for subset, given in line["advice"].items()},
            params=line["params"],
            data=line["data"],
            repeats=line["repeats"],
            items=line["items"],
            further_metrics=tuple(line.get("further_metrics", ())),
            breakdowns=tuple(
                PlannedBreakdown(part["by"], tuple(part["order"]), part["groups"])
                for part in line.get("breakdowns", ())
            ),
            shard=line.get("shard", ""),
            whole=whole,
            samples=line.get("samples"),
            tool_calls=line.get("tool_calls", ""),
            system=line.get("system", ""),
            is_exclusive=line.get("is_exclusive", False),
            measures=declared_from_json(line.get("measures", ())),
            options=line.get("options", {}),
            excluded=line.get("excluded", {}),
            roles=line.get("roles", {}),
        )._checked()

    def _checked(self) -> Plan:
        """The plan itself. Raises ValueError where it is too large, or cannot be summarised."""
        count = sum(map(len, self.all_items.values())) * self.repeats
        if count > MAX_ITEMS:
            raise ValueError(f"items: expected at most {MAX_ITEMS:,} samples x repeats, found {count:,}")
        for metric in (self.metric, *self.further_metrics):
            score_subset("", (), 0, metric=metric, measures=self.measures)
        combine(self.aggregates, (), [part.name for part in self.subsets if not part.is_optional])
        return self


def declared_to_json(measures: Iterable[Measure]) -> list[JsonObject]:
    """Declared measures as JSON."""
    return [_measure_to_json(measure) for measure in measures]


def _measure_to_json(measure: Measure) -> JsonObject:
    entry = {**dataclasses.asdict(measure), "of": list(measure.of), "numbers": list(measure.numbers)}
    # Most measures have neither, and files of earlier versions have no such fields.
    return {name: value for name, value in entry.items() if value or name not in ("numbers", "needs_judge_gate")}


def declared_from_json(entries: Iterable[Mapping[str, Any]]) -> tuple[Measure, ...]:
    """The reverse of `declared_to_json`, of entries that MEASURES_RULE allows. Raises ValueError for a wrong one."""
    return tuple(
        Measure(**{**entry, "of": tuple(entry["of"]), "numbers": tuple(entry.get("numbers", ()))}) for entry in entries
    )


def _is_option_value(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def _ids_to_json(ids: SampleIds) -> JsonObject:
    return {subset: list(samples) for subset, samples in ids.items()}


def _is_shard(value: Any) -> bool:
    found = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", value) if isinstance(value, str) else None
    return found is not None and 1 <= int(found[1]) <= int(found[2])


def _aggregate(entry: Mapping[str, Any]) -> Aggregate:
    return Aggregate(**{name: _tuples(value) for name, value in entry.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


_NAME = Rule("a text", lambda value: isinstance(value, str))
_NAMES = list_of(_NAME)
_IDS = table(entries=_NAMES)
_SHARE_OR_WEIGHT = number(0.0, math.inf)
# What `declared_to_json` gives.
MEASURES_RULE = list_of(
    table(
        {
            "name": required(_NAME),
            "method": required(choice(*METHODS)),
            "of": required(_NAMES),
            "is_higher_better": required(BOOLEAN),
            "low": required(number(-math.inf, math.inf)),
            "high": optional(number(-math.inf, math.inf)),
            "q": required(number(0.0, 1.0)),
            "unit": _NAME,
            "numbers": list_of(whole_number(-1, 1_000_000)),
            "needs_judge_gate": BOOLEAN,
        },
        is_closed=True,
    )
)
_RULE = table(
    {
        "benchmark": required(_NAME),
        "version": required(_NAME),
        "metric": required(_NAME),
        "subsets": required(list_of(table({"name": required(_NAME), "optional": required(BOOLEAN)}, is_closed=False))),
        "aggregates": required(
            list_of(
                table(
                    {
                        "name": required(_NAME),
                        "method": required(choice("micro", "macro", "weighted")),
                        "parts": optional(_NAMES),
                        "weights": table(entries=_SHARE_OR_WEIGHT),
                    },
                    is_closed=True,
                )
            )
        ),
        "advice": required(
            table(entries=table({"text": required(_NAME), "below": _SHARE_OR_WEIGHT, "by_cause": table(entries=_NAME)}))
        ),
        "params": required(TABLE),
        "data": required(
            table(
                entries=table(
                    {"rows": required(whole_number(0, MAX_ITEMS)), "sha256": optional(_NAME), "variant": _NAME},
                    is_closed=False,
                )
            )
        ),
        "repeats": required(whole_number(1, 100_000)),
        "items": required(_IDS),
        "further_metrics": _NAMES,
        "breakdowns": list_of(
            table(
                {
                    "by": required(_NAME),
                    "order": required(_NAMES),
                    "groups": required(table(entries=table(entries=_NAME))),
                },
                is_closed=False,
            )
        ),
        "shard": Rule("a shard such as 2/3", _is_shard),
        "whole": _IDS,
        "samples": table(entries=whole_number(0, MAX_ITEMS)),
        "tool_calls": choice("native", "text"),
        "system": _NAME,
        "is_exclusive": BOOLEAN,
        "measures": MEASURES_RULE,
        "excluded": table(entries=table(entries=_NAME)),
        "options": table(entries=Rule("a text, a number or true or false", _is_option_value)),
        "roles": table(
            entries=table(
                {
                    "model": required(_NAME),
                    "served": required(_NAME),
                    "identity": required(_NAME),
                    "params": required(TABLE),
                },
                is_closed=False,
            )
        ),
    },
    is_closed=False,
)
