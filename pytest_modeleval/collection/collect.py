"""Makes items of declared benchmarks: which subsets, how many rows, which ids. Loads no row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval._support.item_id import item_id, sample_ids
from pytest_modeleval._support.suggest import hint
from pytest_modeleval.collection.items import BenchmarkFunction, SampleItem
from pytest_modeleval.collection.keyword import may_be_in_id, may_match, words
from pytest_modeleval.collection.known_ids import KnownIds
from pytest_modeleval.datasets import (
    SILENT,
    Dataset,
    Manifest,
    Progress,
    Row,
    describe_empty,
    find_subsets,
    is_own_folder,
    open_manifest,
    with_options,
)
from pytest_modeleval.declaration import Benchmark, Subset
from pytest_modeleval.errors import DataError, SettingsError, UserError
from pytest_modeleval.evaluation.planned_items import PlannedBenchmark, PlannedItem
from pytest_modeleval.page_options import option_values
from pytest_modeleval.pytest_private import ItemTemplate, make_like
from pytest_modeleval.records import ItemKey
from pytest_modeleval.roles import JUDGE
from pytest_modeleval.settings import Settings


class BenchmarkCollector:
    """Collects the benchmarks of one run.

    only: if given, the items that are taken; all others are left out (--eval-only, --eval-rescore). only_of: the
    benchmarks and subsets that they belong to; the data of others is not looked at, and optional ones need no name.
    first_error: the first one that the user has to correct; kept, because an exception during collection would be shown
    as a fault of the test module, and would not end with exit status 4.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        cache_dir: Path,
        only: Callable[[ItemKey], bool] | None = None,
        only_of: frozenset[tuple[str, str]] | None = None,
        progress: Progress = SILENT,
    ) -> None:
        self._settings = settings
        self._cache_dir = cache_dir
        self._known_ids = KnownIds(settings, cache_dir)
        self._only = only
        self._only_of = only_of
        self._progress = progress
        self._places: dict[str, str] = {}
        self.first_error: UserError | None = None
        # What has to be set -> the subsets, with their benchmark, that are not collected without it.
        self._missing: dict[str, list[str]] = {}
        # Those of them without which something is not collected that -k names.
        self._named_missing: dict[str, None] = {}
        # Every benchmark that was seen, selected or not: name -> subsets, aggregates.
        self.known: dict[str, tuple[list[str], list[str]]] = {}

    def collect(
        self, collector: pytest.Module | pytest.Class, name: str, function: Callable[..., Any], declared: Benchmark
    ) -> list[SampleItem]:
        """The items of one benchmark; none if -k excludes it or the user has to correct something."""
        try:
            return list(self._items(collector, name, function, declared))
        except UserError as error:
            self.first_error = self.first_error or error
            return []

    def missing(self) -> list[str]:
        """One line for each thing that has to be set, with the subsets that wait for it."""
        return [f"not collected: {', '.join(names)}: {missing}" for missing, names in self._missing.items()]

    def named_missing(self) -> list[str]:
        """What has to be set for subsets whose benchmark or own name fits -k, whatever their ids are."""
        return list(self._named_missing)

    def _items(
        self, collector: pytest.Module | pytest.Class, name: str, function: Callable[..., Any], declared: Benchmark
    ) -> Iterator[SampleItem]:
        probe = _probe(collector, name, function)
        subsets = self._wanted_subsets(declared, probe)
        names = [part.name for part in declared.subsets or subsets]
        self.known[declared.name] = (names, [aggregate.name for aggregate in declared.aggregates])
        if not subsets:
            return
        self._check_name(declared.name, f"{collector.path}::{name}")
        all_subsets = declared.subsets or tuple(subsets)
        options = option_values(declared.name, declared.options, self._settings.page_options.get(declared.name, {}))
        plan = PlannedBenchmark(declared, all_subsets, {}, options=options)
        function_info = BenchmarkFunction.of(probe)
        has_repeats = self._settings.most_repeats > 1
        template = ItemTemplate(SampleItem, name, lambda sample: make_like(probe, SampleItem, name=name, sample=sample))
        for subset in subsets:
            for planned in self._planned(plan, subset.name):
                sample, repeat = planned.key.sample, planned.key.repeat
                item = template.make_item(item_id(sample, repeat, has_repeats=has_repeats))
                item.bind(planned, function_info)
                if subset.name not in sample:
                    item.extra_keyword_matches.add(subset.name)
                yield item

    def _check_name(self, benchmark: str, where: str) -> None:
        if self._places.setdefault(benchmark, where) != where:
            raise SettingsError(
                f"two benchmarks are named {benchmark}: {self._places[benchmark]} and {where}; rename one, or select "
                "one by its path"
            )

    def check_subsets(self) -> None:
        """Raise SettingsError if --eval-subset or --eval-option names a benchmark that was not collected."""
        for option, named in (
            ("--eval-subset", self._settings.subsets),
            ("--eval-option", self._settings.page_options),
        ):
            for name in named:
                if name not in self.known:
                    raise SettingsError(f"{option}: no benchmark here is named {name!r}; {hint(name, self.known)}")

    def _exact_subsets(self, declared: Benchmark, names: Sequence[str]) -> frozenset[str] | None:
        """The subsets that --eval-subset names for a benchmark; None without the option. Raises SettingsError."""
        if not self._settings.subsets:
            return None
        wanted = self._settings.subsets.get(declared.name, ())
        for name in wanted:
            if name not in names:
                raise SettingsError(f"--eval-subset: {declared.name} has no subset {name!r}; {hint(name, names)}")
        return frozenset(wanted)

    def _planned(self, plan: PlannedBenchmark, subset: str) -> Iterator[PlannedItem]:
        declared, settings = plan.benchmark, self._settings
        manifest = self._manifest(plan, plan.dataset, subset, declared.sample_id)
        plan.manifests[subset] = manifest
        if plan.example_count:
            plan.example_manifests[subset] = self._example_manifest(plan, subset)
        id_of = sample_ids(subset, manifest.ids)
        for row in range(settings.limit.of(manifest.rows)):
            if (declared.excluded or manifest.excluded) and plan.excludes(subset, id_of(row)):
                continue
            for repeat in range(settings.most_repeats):
                key = ItemKey(declared.name, subset, id_of(row), repeat)
                if self._only is None or self._only(key):
                    yield PlannedItem(key, row, plan)

    def _example_manifest(self, plan: PlannedBenchmark, subset: str) -> Manifest:
        """Of the worked examples. Raises DataError that names the option which leaves them out, if there is one."""
        examples = plan.benchmark.examples
        assert examples is not None
        try:
            return self._manifest(plan, with_options(examples.dataset, plan.options), subset, None)
        except DataError as error:
            if not isinstance(examples.count, str):
                raise
            option = f"--eval-option={plan.benchmark.name}.{examples.count}=0"
            raise DataError(f"{error}; {option} asks without the worked examples, as another experiment") from error

    def _manifest(
        self, plan: PlannedBenchmark, dataset: Dataset, subset: str, sample_id: Callable[[Row], str] | None
    ) -> Manifest:
        return open_manifest(
            dataset,
            subset,
            benchmark=plan.benchmark.name,
            version=plan.benchmark.version,
            data_dir=self._settings.data_dir,
            cache_dir=self._cache_dir,
            sample_id=sample_id,
            progress=self._progress,
        )

    def _wanted_subsets(self, declared: Benchmark, probe: pytest.Function) -> list[Subset]:
        """The subsets that may have a matching item."""
        expression = self._settings.keyword
        names = _keyword_names(probe)
        asked = {word.lower() for word in words(expression)}
        # Ids that the data gives may hold the groups that a benchmark names ("hard").
        groups = {group.lower() for breakdown in declared.breakdowns for group in breakdown.order}

        def may_be_selected(subset: str) -> bool:
            def could_be_in_id(word: str) -> bool:
                return may_be_in_id(
                    word,
                    function=probe.name,
                    subset=subset,
                    groups=groups,
                    has_own_ids=declared.sample_id is not None,
                ) or self._known_ids.may_hold(declared, subset, word)

            return may_match(expression, names=names, could_be_in_id=could_be_in_id)

        subsets = self._subsets_of(
            declared, may_be_selected, is_wanted=declared.name.lower() in asked or not expression
        )
        wanted = []
        exact = self._exact_subsets(declared, [subset.name for subset in subsets])
        for subset in subsets:
            if not self._is_open(declared.name, subset, exact, is_named=subset.name.lower() in asked):
                continue
            if not may_be_selected(subset.name) or self._is_foreign(declared, subset.name, asked):
                continue
            missing = subset.missing or self._missing_role(declared)
            if missing and self._settings.rescore_dir is None:
                self._missing.setdefault(missing, []).append(f"{declared.name} {subset.name}")
                if may_match(expression, names=[*names, subset.name], could_be_in_id=lambda word: False):
                    self._named_missing[missing] = None
                continue
            wanted.append(subset)
        return wanted

    def _missing_role(self, declared: Benchmark) -> str:
        """The sentence that says how to give a model that the benchmark needs besides its own; "" if all are there."""
        given = self._settings.page_options.get(declared.name, {})
        for role in declared.roles_under(option_values(declared.name, declared.options, given)):
            if role not in self._settings.roles:
                option = "--judge NAME, and --judge-url URL" if role == JUDGE else f"--eval-role {role}=PROFILE"
                return f"it needs a further model as {role}: give {option}"
        return ""

    def _subsets_of(
        self, declared: Benchmark, may_be_selected: Callable[[str], bool], *, is_wanted: bool
    ) -> Sequence[Subset]:
        """Declared subsets, else those of the data folder; where a wanted benchmark has none, the reason is noted.

        may_be_selected: whether -k may select a subset of this name.
        """
        if declared.subsets:
            return declared.subsets
        settings = self._settings

        def is_needed(subset: str) -> bool:
            """False where a file of this name cannot matter to the run."""
            if settings.subsets and subset not in settings.subsets.get(declared.name, ()):
                return False
            if self._only_of is not None and (declared.name, subset) not in self._only_of:
                return False
            return may_be_selected(subset)

        names = find_subsets(declared.dataset, settings.data_dir, may_be_selected=is_needed)
        found = [Subset(subset) for subset in names]
        is_planned = self._only_of is None or declared.name in {benchmark for benchmark, _ in self._only_of}
        if not found and is_wanted and is_planned:
            reason = describe_empty(declared.dataset, self._settings.data_dir)
            self._missing.setdefault(reason, []).append(declared.name)
        return found

    def _is_foreign(self, declared: Benchmark, subset: str, asked: Collection[str]) -> bool:
        """Whether a folder that is not in the benchmark's own one may be meant for something else.

        It is not if -k has a part of the benchmark's name or the name of the subset, or the run names its subsets.
        """
        data_dir, is_exact = self._settings.data_dir, bool(self._settings.subsets) or self._only_of is not None
        if declared.dataset.reader is None or data_dir is None or is_exact or subset.lower() in asked:
            return False
        is_named = any(word in declared.name or declared.name in word for word in asked)
        return not is_named and not is_own_folder(declared.dataset, subset, data_dir)

    def _is_open(self, benchmark: str, subset: Subset, exact: Collection[str] | None, *, is_named: bool) -> bool:
        """Whether options let this subset be collected. exact: those of --eval-subset. is_named: -k names it."""
        if exact is not None and subset.name not in exact:
            return False
        if self._only_of is not None:
            return (benchmark, subset.name) in self._only_of
        return exact is not None or is_named or not subset.is_optional


def _probe(collector: pytest.Module | pytest.Class, name: str, function: Callable[..., Any]) -> pytest.Function:
    """The function as pytest would collect it. Raises SettingsError where it cannot be a benchmark."""
    place = f"{collector.path.name}::{name}"
    if not isinstance(collector, pytest.Module):
        raise SettingsError(f"{place}: expected a benchmark to be a function of a module, found a method of a class")
    probe = pytest.Function.from_parent(collector, name=name, callobj=function)
    if any(mark.name == "parametrize" for mark in probe.iter_markers()):
        raise SettingsError(f"{place}: a benchmark cannot be parametrized; declare two benchmarks, or subsets")
    return probe


def _keyword_names(probe: pytest.Function) -> list[str]:
    """Everything but the id that -k matches: names of the chain, marks, extra keywords."""
    chain = [node.name for node in probe.listchain()[1:] if not isinstance(node, pytest.Dir)]
    return [*chain, *(mark.name for mark in probe.iter_markers()), *probe.listextrakeywords()]
