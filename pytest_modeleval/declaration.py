"""How a benchmark is declared: a decorator on an ordinary test function, and the record it leaves there.

    @benchmark(name="capitals", version="1", dataset=local("capitals/{subset}"), subsets=["europe"],
               sample=to_sample, request=to_request, grade=choice_grade)
    def test_capitals(grade):
        assert grade, grade.explanation

Nothing is registered: pytest's collection finds the function, and the function carries its declaration.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from pytest_modeleval._support.shorten import shorten_repr
from pytest_modeleval.datasets import Dataset, Row
from pytest_modeleval.errors import DeclarationError, ModelEvalError
from pytest_modeleval.metrics import Aggregate
from pytest_modeleval.records import Advice, Grade, Request, Response, Sample

ATTRIBUTE = "pytest_modeleval_benchmark"
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_SUBSET = re.compile(r"[^\[\]\s/\\:]+\Z")
_shown = functools.partial(shorten_repr, limit=60)
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
Grader = Callable[[Sample, Any], Grade | Awaitable[Grade]]


class Model(Protocol):
    """The model, as `solve` sees it."""

    @property
    def name(self) -> str:
        """The name that the user gave."""

    @property
    def context_tokens(self) -> int | None:
        """The largest number of tokens of prompt and answer together; None if the server does not say."""

    @property
    def tool_calls(self) -> str:
        """How to offer tools: "native" (with the request) or "text" (in the prompt).

        From the profile, or from the server's own description. A benchmark that depends on it declares `offers_tools`.
        """

    @property
    def prompt_tokens(self) -> int | None:
        """The largest prompt, in tokens, that leaves room for a whole answer; None if the server does not say."""

    async def ask(self, request: Request) -> Response:
        """Send one request; limited, retried and journaled as all are. Raises Ungraded if no answer comes."""

    def shared(self, make: Callable[[], T]) -> T:
        """An object that all samples of the run share, such as processes or a cache; made at its first use.

        make: called once; it also identifies the object, so pass a class or a function of a module. A method `close` of
        the object is called when asking ends.
        """

    async def use_tool(
        self, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]], *, is_of_run: bool = False
    ) -> Any:
        """The result of a tool such as web search, as JSON values; `run` computes it.

        The result is journaled: a resumed or rescored run reads it and does not call `run`. An exception of `run` is
        raised here and not journaled. Raises Ungraded in rescoring where the journal has no result.
        is_of_run: the result depends on name and arguments alone, so that every item of the run gets the same.
        """


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A declared benchmark. Its fields are the arguments of `benchmark`."""

    name: str
    version: str
    metric: str
    dataset: Dataset
    subsets: tuple[Subset, ...]
    sample: Callable[[Row], Sample]
    request: Callable[[Sample], Request] | None
    solve: Callable[[Sample, Model], Awaitable[Any]] | None
    grade: Grader | None
    sample_id: Callable[[Row], str] | None
    aggregates: tuple[Aggregate, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    advice: Mapping[str, Advice] = field(default_factory=dict)
    further_metrics: tuple[str, ...] = ()
    breakdowns: tuple[Breakdown, ...] = ()
    offers_tools: bool = False


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
) -> Callable[[F], F]:
    """Declare that a test function is a benchmark; each sample becomes one item.

    name: a lower-case word, shown in the table.
    version: raise it whenever a score may change.
    dataset: where the rows come from.
    subsets: the parts, in the order of the table; if empty, every file that the dataset finds is one.
    sample: row -> Sample.
    request: Sample -> Request; pure, runs ahead of the tests. Give either this or `solve`.
    solve: coroutine function (sample, model) for several requests through `model.ask`; its result takes the place of
    the response.
    grade: (Sample, Response or the result of solve) -> Grade; a coroutine function runs ahead of the tests. Without it
    the test body alone decides. If it has `prepare` (records.PreparedGrader), that runs before the first request.
    sample_id: row -> an id from the data; without it ids are "<subset>-0000" and on.
    metric: "mean_acc", "acc", or "pass@k" for a number k (1 with one repeat).
    aggregates: how subsets combine, as the source of the benchmark defines it.
    defaults: generation parameters (max_tokens, ...); profile and --eval-param override them.
    advice: subset -> the usual reason of a low score, one sentence; or an Advice, which adds a bound for the score.
    further_metrics: "pass@k" for other k, in rows of their own where at least k repeats were asked.
    breakdowns: scores by a property of the samples, in rows below each subset.
    offers_tools: requests offer tools, or describe them where `model.tool_calls` is "text"; which of the two is part of
    the experiment.
    Raises DeclarationError for an argument of the wrong form.
    """
    _check_declaration(name, dataset=dataset, subsets=subsets, request=request, solve=solve)
    _check_functions(name, sample=sample, request=request, solve=solve, grade=grade, sample_id=sample_id)
    parts = tuple(part if isinstance(part, Subset) else Subset(part) for part in subsets)
    _check_subsets(name, parts)
    for wanted in (metric, *further_metrics):
        if not re.fullmatch(r"mean_acc|acc|pass@[1-9]\d*", wanted):
            raise DeclarationError(f"benchmark {name}: metric {wanted!r}: expected mean_acc, acc or pass@k")
    declared = Benchmark(
        name=name,
        version=version,
        metric=metric,
        dataset=dataset,
        subsets=parts,
        sample=_checked_sample(name, sample),
        request=None if request is None else _checked_request(name, request),
        solve=solve,
        grade=grade,
        sample_id=sample_id,
        aggregates=tuple(aggregates),
        defaults=dict(defaults or {}),
        advice={
            subset: given if isinstance(given, Advice) else Advice(given) for subset, given in (advice or {}).items()
        },
        further_metrics=tuple(further_metrics),
        breakdowns=tuple(breakdowns),
        offers_tools=offers_tools,
    )

    def mark(function: F) -> F:
        if inspect.iscoroutinefunction(function):
            raise DeclarationError(
                f"benchmark {name}: expected an ordinary test function, found `async def` at {_location(function)}; "
                "requests run ahead of the tests, so the test has nothing to await"
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


def _check_functions(name: str, **functions: object) -> None:
    for argument, function in functions.items():
        if function is not None and not callable(function):
            raise DeclarationError(f"benchmark {name}: {argument}: expected a function, found {function!r}")
    for argument in ("sample", "request", "sample_id"):
        if inspect.iscoroutinefunction(functions[argument]):
            raise DeclarationError(
                f"benchmark {name}: {argument}: expected an ordinary function, found `async def` at "
                f"{_location(functions[argument])}; only solve and grade may be coroutine functions"
            )


def _check_subsets(name: str, subsets: Sequence[Subset]) -> None:
    names = [subset.name for subset in subsets]
    for subset in names:
        if not isinstance(subset, str) or not _SUBSET.match(subset):
            raise DeclarationError(
                f"benchmark {name}: subset {subset!r}: expected a text without space, slash, colon or bracket"
            )
    if len(set(names)) != len(names):
        raise DeclarationError(f"benchmark {name}: a subset is named twice in {names}")


def _checked_sample(name: str, sample: Callable[[Row], Sample]) -> Callable[[Row], Sample]:
    """`sample`, whose result is a Sample or an error that names the function."""

    @functools.wraps(sample)
    def checked(row: Row) -> Sample:
        made = sample(row)
        if not isinstance(made, Sample):
            raise DeclarationError(
                f"benchmark {name}: sample: expected a Sample, found {_shown(made)} from {_location(sample)}, for "
                f"{row.where}"
            )
        return made

    return checked


def _checked_request(name: str, request: Callable[[Sample], Request]) -> Callable[[Sample], Request]:
    """`request`, whose result is a Request over messages or an error that names the function and the sample."""

    @functools.wraps(request)
    def checked(sample: Sample) -> Request:
        try:
            made = request(sample)
        except ModelEvalError:
            raise
        except Exception as error:
            raise DeclarationError(
                f"benchmark {name}: request failed for sample {sample.id!r}: {type(error).__name__}: {error}, at "
                f"{_location(request, error)}"
            ) from error
        if not isinstance(made, Request):
            raise DeclarationError(
                f"benchmark {name}: request: expected a Request, found {_shown(made)} from {_location(request)}; "
                "write Request(user(text))"
            )
        if isinstance(made.messages, str):
            raise DeclarationError(
                f"benchmark {name}: request: expected messages, found Request({_shown(made.messages)}) from "
                f"{_location(request)}; write Request(user(text))"
            )
        return made

    return checked


def _location(function: object, error: BaseException | None = None) -> str:
    """File and line of a function; of the innermost line in its own file that an error came through."""
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    if code is None:
        return repr(function)
    line = code.co_firstlineno
    traceback = error.__traceback__ if error is not None else None
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == code.co_filename:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return f"{code.co_filename}:{line}"
