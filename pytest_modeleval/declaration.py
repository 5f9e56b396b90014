"""How a benchmark is declared: a decorator on an ordinary test function, and the record it leaves there.

    @benchmark(name="capitals", version="1", dataset=local("capitals/{subset}"), subsets=["europe"],
               sample=to_sample, request=to_request, grade=choice_grade)
    def test_capitals(grade):
        assert grade, grade.explanation

Nothing is registered: pytest's collection finds the function, and the function carries its declaration.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pytest_modeleval.advice import Advice
from pytest_modeleval.datasets import Dataset, Row
from pytest_modeleval.declared_functions import (
    check_functions,
    check_metrics,
    check_shuffle,
    checked_request,
    checked_sample,
    location_of,
)
from pytest_modeleval.errors import DeclarationError
from pytest_modeleval.metrics import Aggregate, Measure
from pytest_modeleval.model_protocol import Model
from pytest_modeleval.page_options import Option
from pytest_modeleval.records import Grade, Request, Sample
from pytest_modeleval.roles import check_roles

ATTRIBUTE = "pytest_modeleval_benchmark"
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_SUBSET = re.compile(r"[^\[\]\s/\\:]+\Z")
F = TypeVar("F", bound=Callable[..., Any])
Grader = Callable[..., Grade | Awaitable[Grade]]
MeasuresOf = Callable[[Mapping[str, Any]], Sequence[Measure]]


@dataclass(frozen=True, slots=True)
class Subset:
    """A named part of a benchmark.

    is_optional: collected only where it is named, as by -k (a second transcription, a costly variant).
    missing: a sentence about what the user has to set or install first; such a subset is not collected, the sentence is
    shown, and aggregates that need it stay partial. A stored run is rescored all the same.
    variant: the user's choice that its scores depend on (a search engine); another choice is another experiment.
    size: rows of the published data, where that is known; shown by `modeleval benchmarks`, and not checked.
    """

    name: str
    is_optional: bool = False
    missing: str = ""
    variant: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A second look at each subset: scores of its samples by a property of theirs.

    by: the property ("difficulty").
    group: sample -> its group, "" for none.
    order: groups in the order of the table; others follow in alphabetical order. Where a sample_id holds the group,
    `-k GROUP` selects by those of `order`.
    """

    by: str
    group: Callable[[Sample], str]
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Examples:
    """Worked examples that a prompt shows before its question ("shots")."""

    dataset: Dataset
    """Rows of the examples, in subsets of the same names as the benchmark's."""
    count: int | str
    """How many, from the first on; or the name of the option that says so."""
    sample: Callable[[Row], Sample] | None = None
    """row -> Sample; None: as the benchmark makes its own samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A declared benchmark."""

    name: str
    """A lower-case word, shown in the table."""
    version: str
    """Raised whenever a score may change."""
    metric: str
    """"mean_acc", "acc", "pass@k", "pass^k" or "vote@k" for a number k, or the name of one of `measures`."""
    dataset: Dataset
    """Where the rows come from."""
    subsets: tuple[Subset, ...]
    """The parts, in the order of the table; if empty, every file that the dataset finds is one."""
    sample: Callable[[Row], Sample]
    """row -> Sample."""
    request: Callable[[Sample], Request] | None
    """Sample -> Request; pure, runs ahead of the tests. None where there is `solve`."""
    solve: Callable[[Sample, Model], Awaitable[Any]] | None
    """Coroutine function (sample, model) for several requests through `model.ask`; its result takes the place of the
    response. None where there is `request`."""
    grade: Grader | None
    """(Sample, Response or the result of solve) -> Grade; a coroutine function runs ahead of the tests. Without it the
    test body alone decides. If it has `prepare` (grader_context.PreparedGrader), that runs before the first request.
    Models of `roles` come by keyword: `async def grade(sample, response, *, judge)`."""
    sample_id: Callable[[Row], str] | None
    """row -> an id from the data; without it ids are "<subset>-0000" and on."""
    aggregates: tuple[Aggregate, ...]
    """How subsets combine, as the source of the benchmark defines it."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Generation parameters (max_tokens, ...); profile and --eval-param override them."""
    advice: Mapping[str, Advice] = field(default_factory=dict)
    """Subset -> the usual reason of a low score, one sentence; or an Advice, which adds a bound for the score."""
    further_metrics: tuple[str, ...] = ()
    """"pass@k" and the like, in rows of their own where at least k repeats were asked."""
    breakdowns: tuple[Breakdown, ...] = ()
    """Scores by a property of the samples, in rows below each subset."""
    offers_tools: bool = False
    """Requests offer tools, or describe them where `model.tool_calls` is "text"; which is part of the experiment."""
    needs_likelihood: bool = False
    """`solve` uses `model.likelihood`. Where the server cannot score texts, the benchmark is not run."""
    needs_labels: bool = False
    """The same for `model.label_scores`, which any chat server with `top_logprobs` can serve."""
    needs_decisions: bool = False
    """The same for `model.decide`, which servers with /v1/decisions can serve."""
    needs_embeddings: bool = False
    """The same for `model.embed` and `model.embed_corpus`, which servers with /v1/embeddings can serve."""
    needs_rerank: bool = False
    """The same for `model.rerank`, which servers with one of the rerank endpoints can serve."""
    needs_images: bool = False
    """`solve` sends pictures; of `request` that is found by itself. Where the server takes none, it is not run."""
    measures: tuple[Measure, ...] | MeasuresOf = ()
    """What becomes of the values that grades record (`Grade.measures`), each a row with an interval. Where they depend
    on the page's options, a function of the options' values."""
    options: tuple[Option, ...] = ()
    """What --eval-option may set. Values are `sample.options[...]`, in `sample` `row.options[...]`, and stand for
    {name} in patterns of the dataset. They are part of the experiment."""
    examples: Examples | None = None
    """Worked examples, as `sample.examples`. Their rows are part of the experiment."""
    shuffle: str = ""
    """"sample" or "repeat": the choices come in an order drawn from the sample's id, or from id and repeat; target
    letters follow, and `sample.data["permutation"]` holds for each place the index of the choice that stands there."""
    needs_rag: bool = False
    """`solve` uses `model.rag`, the user's own RAG pipeline. Where there is none, the benchmark is not run."""
    roles: tuple[str, ...] = ()
    """Further models that it needs, such as "judge" (--judge); without them it is not collected."""
    role_options: tuple[str, ...] = ()
    """Options whose value, if it is not "", names a further model that it needs."""
    optional_roles: tuple[str, ...] = ()
    """Further models that it uses where they are given; a grader gets None in place of one that is not."""
    is_exclusive: bool = False
    """It measures the server under load: its items run after those of all other benchmarks, one at a time, and nothing
    else is asked meanwhile."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """Id -> why no answer to this sample can be graded ("the official checker is random"). It is not asked."""

    @property
    def all_roles(self) -> tuple[str, ...]:
        """Every further model that it may ask."""
        return (*self.roles, *self.optional_roles)

    @property
    def needs_scores(self) -> bool:
        """It reads probabilities, vectors or relevance; its requests generate nothing."""
        needs = (self.needs_likelihood, self.needs_labels, self.needs_decisions)
        return any((*needs, self.needs_embeddings, self.needs_rerank))

    def measures_under(self, options: Mapping[str, Any]) -> tuple[Measure, ...]:
        """The measures with these values of its options."""
        return tuple(self.measures(options)) if callable(self.measures) else self.measures

    def roles_under(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """The further models that it needs with these values of its options."""
        return (*self.roles, *(str(options[name]) for name in self.role_options if options.get(name)))


def benchmark(
    *,
    name: str,
    version: str,
    dataset: Dataset,
    sample: Callable[[Row], Sample],
    subsets: Sequence[str | Subset] = (),
    request: Callable[[Sample], Request] | None = None,
    solve: Callable[[Sample, Model], Awaitable[Any]] | None = None,
    grade: Grader | None = None,
    sample_id: Callable[[Row], str] | None = None,
    metric: str = "mean_acc",
    aggregates: Sequence[Aggregate] = (),
    defaults: Mapping[str, Any] | None = None,
    advice: Mapping[str, str | Advice] | None = None,
    further_metrics: Sequence[str] = (),
    breakdowns: Sequence[Breakdown] = (),
    offers_tools: bool = False,
    needs_likelihood: bool = False,
    needs_labels: bool = False,
    needs_decisions: bool = False,
    needs_embeddings: bool = False,
    needs_rerank: bool = False,
    needs_images: bool = False,
    measures: Sequence[Measure] | MeasuresOf = (),
    options: Sequence[Option] = (),
    examples: Examples | None = None,
    shuffle: str = "",
    needs_rag: bool = False,
    roles: Sequence[str] = (),
    role_options: Sequence[str] = (),
    optional_roles: Sequence[str] = (),
    is_exclusive: bool = False,
    excluded: Mapping[str, str] | None = None,
) -> Callable[[F], F]:
    """Declare that a test function is a benchmark; each sample becomes one item.

    The arguments are the fields of `Benchmark`. Give either `request` or `solve`; a subset may be its name alone, an
    advice its sentence alone. Raises DeclarationError for an argument of the wrong form.
    """
    _check_declaration(name, dataset=dataset, subsets=subsets, request=request, solve=solve)
    check_functions(name, sample=sample, request=request, solve=solve, grade=grade, sample_id=sample_id)
    check_metrics(name, metric, further_metrics, _measures_under_defaults(measures, options))
    _check_choices(name, examples, [option.name for option in options], shuffle)
    check_roles(name, [*roles, *optional_roles], grade=grade, solve=solve)
    declared = Benchmark(
        name=name,
        version=version,
        metric=metric,
        dataset=dataset,
        subsets=_checked_subsets(name, subsets),
        sample=checked_sample(name, sample),
        request=None if request is None else checked_request(name, request),
        solve=solve,
        grade=grade,
        sample_id=sample_id,
        aggregates=tuple(aggregates),
        defaults=dict(defaults or {}),
        advice={part: given if isinstance(given, Advice) else Advice(given) for part, given in (advice or {}).items()},
        further_metrics=tuple(further_metrics),
        breakdowns=tuple(breakdowns),
        offers_tools=offers_tools,
        needs_likelihood=needs_likelihood,
        needs_labels=needs_labels,
        needs_decisions=needs_decisions,
        needs_embeddings=needs_embeddings,
        needs_rerank=needs_rerank,
        needs_images=needs_images,
        measures=measures if callable(measures) else tuple(measures),
        options=tuple(options),
        examples=examples,
        shuffle=shuffle,
        needs_rag=needs_rag,
        roles=tuple(roles),
        role_options=tuple(role_options),
        optional_roles=tuple(optional_roles),
        is_exclusive=is_exclusive,
        excluded=dict(excluded or {}),
    )
    return _marker(declared)


def _measures_under_defaults(measures: Sequence[Measure] | MeasuresOf, options: Sequence[Option]) -> Sequence[Measure]:
    return measures({option.name: option.default for option in options}) if callable(measures) else measures


def _marker(declared: Benchmark) -> Callable[[F], F]:
    """The decorator that leaves the declaration on a test function."""

    def mark(function: F) -> F:
        if inspect.iscoroutinefunction(function):
            raise DeclarationError(
                f"benchmark {declared.name}: expected an ordinary test function, found `async def` at "
                f"{location_of(function)}; requests run ahead of the tests, so the test has nothing to await"
            )
        setattr(function, ATTRIBUTE, declared)
        return function

    return mark


def declared_benchmark(function: object) -> Benchmark | None:
    """The declaration that a test function carries, if any."""
    found = getattr(function, ATTRIBUTE, None)
    return found if isinstance(found, Benchmark) else None


def _check_declaration(name: object, *, dataset: object, subsets: object, request: object, solve: object) -> None:
    if not isinstance(name, str) or not _NAME.match(name):
        raise DeclarationError(f"benchmark name {name!r}: expected a lower-case word such as 'aime25'")
    if not isinstance(dataset, Dataset):
        raise DeclarationError(
            f"benchmark {name}: dataset: expected local(...), huggingface(...) or another source of "
            f"pytest_modeleval.datasets, found {dataset!r}"
        )
    if isinstance(subsets, str):
        raise DeclarationError(f"benchmark {name}: subsets: expected a list such as [{subsets!r}], found a text")
    if (request is None) == (solve is None):
        found = "both" if request else "none"
        raise DeclarationError(f"benchmark {name}: expected either request= or solve=, found {found}")


def _checked_subsets(name: str, subsets: Sequence[str | Subset]) -> tuple[Subset, ...]:
    parts = tuple(part if isinstance(part, Subset) else Subset(part) for part in subsets)
    names = [subset.name for subset in parts]
    for subset in names:
        if not isinstance(subset, str) or not _SUBSET.match(subset):
            raise DeclarationError(
                f"benchmark {name}: subset {subset!r}: expected a text without space, slash, colon or bracket"
            )
    if len(set(names)) != len(names):
        raise DeclarationError(f"benchmark {name}: a subset is named twice in {names}")
    return parts


def _check_choices(name: str, examples: Examples | None, options: Sequence[str], shuffle: str) -> None:
    check_shuffle(name, shuffle)
    if examples is None:
        return
    if isinstance(examples.count, str) and examples.count not in options:
        raise DeclarationError(
            f"benchmark {name}: examples: expected a number or the name of an option as count, found "
            f"{examples.count!r}; declare options=[Option({examples.count!r}, 5, low=0, high=5)]"
        )
    if not isinstance(examples.dataset, Dataset):
        raise DeclarationError(f"benchmark {name}: examples: expected a dataset, found {examples.dataset!r:.60}")
