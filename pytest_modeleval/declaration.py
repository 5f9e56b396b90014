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

from pytest_modeleval.datasets import Dataset, Row
from pytest_modeleval.errors import DeclarationError, ModelEvalError
from pytest_modeleval.metrics import Aggregate
from pytest_modeleval.records import Advice, Grade, Request, Response, Sample

ATTRIBUTE = "pytest_modeleval_benchmark"
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_SUBSET = re.compile(r"[^\[\]\s/\\:]+\Z")
# Characters of a wrong value in a message.
_MAX_SHOWN = 60
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
Grader = Callable[[Sample, Any], Grade | Awaitable[Grade]]


class Model(Protocol):
    """What `solve` may do with the model."""

    @property
    def name(self) -> str:
        """The model, as the user names it."""

    @property
    def context_tokens(self) -> int | None:
        """Prompt and answer together may have so many tokens; None if the server does not say."""

    @property
    def tool_calls(self) -> str:
        """How calls of tools are to be asked for: "native" (offered with the request) or "text" (in the prompt).

        From the profile, or from what the server says of itself. A benchmark that goes by it declares `offers_tools`.
        """

    @property
    def prompt_tokens(self) -> int | None:
        """So many tokens a prompt may have that a whole answer still fits; None if the server does not say."""

    async def ask(self, request: Request) -> Response:
        """One answer; bounded, retried and journaled like every other request. Raises Ungraded if none comes."""

    def shared(self, make: Callable[[], T]) -> T:
        """What all questions of this run share, such as processes or a cache: made by whoever needs it first.

        make: called once; it is also the name under which the thing is found again, so give a class or a function of
        a module. If the thing has a method `close`, that is called when asking ends.
        """

    async def use_tool(
        self, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]], *, is_of_run: bool = False
    ) -> Any:
        """What something outside of the model gives (a web search), as JSON values; `run` fetches it.

        It is journaled: a resumed or rescored run sees the same again, and `run` is not called. Whatever `run` raises
        is raised here and not kept. Raises Ungraded in rescoring where the journal has nothing.
        is_of_run: name and arguments alone decide what is given, so that every item of the run sees the same.
        """


@dataclass(frozen=True, slots=True)
class Subset:
    """A named part of a benchmark.

    is_optional: collected only where -k names it (a second transcription, a costly variant).
    missing: what has to be set before it can be asked, one sentence; such a subset is not collected, and the sentence
    is shown. Aggregates that need it stay partial. A stored run is rescored all the same.
    variant: with what it is asked, where the user chooses (a search engine); another one is another experiment.
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

    by: the property ("difficulty"). group: sample -> its group, "" for none. order: groups in the order of the table;
    others follow in alphabetical order. Where a sample_id holds the group, `-k GROUP` selects by those of `order`.
    """

    by: str
    group: Callable[[Sample], str]
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A declared benchmark. See `benchmark` for the meaning of the fields."""

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

    name: lower-case word, as it stands in the table. version: raised whenever a score may change.
    dataset: where rows come from. subsets: its parts, in the order of the table; left empty, they are the files
    that the dataset finds.
    sample: row -> Sample. request: Sample -> Request, pure, run ahead of the tests; or solve: async, several
    requests through `model.ask`, its return value taking the place of the response. Exactly one of the two.
    grade: (Sample, Response or what solve returned) -> Grade; a coroutine function is run ahead of the tests. Without
    it the test body alone decides. One with `prepare` (records.PreparedGrader) is asked before the first request.
    sample_id: row -> an id that the data itself carries; without it "<subset>-0000" counts rows from 0.
    metric: "mean_acc", "acc", or "pass@k" for a number k (1 with one repeat).
    aggregates: how subsets combine, as the benchmark's source defines it.
    defaults: generation parameters the benchmark wishes (max_tokens, ...); profile and --eval-param win over them.
    advice: subset -> what a failing subset usually means, one sentence; or an Advice, which says below which score.
    further_metrics: "pass@k" for other k, shown in rows of their own where at least k repeats were asked.
    breakdowns: scores by a property of the samples, in rows of their own below each subset.
    offers_tools: its requests offer tools, or describe them where `model.tool_calls` is "text"; which of the two it was
    is part of the experiment.
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


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


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
