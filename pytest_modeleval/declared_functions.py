"""The functions of a declaration, wrapped so that a mistake of theirs is an error that names function and place.

Arguments of the declaration that need no other part of it are checked here too.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence

from pytest_modeleval._support.shorten import shorten_repr
from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DeclarationError, ModelEvalError
from pytest_modeleval.metrics import Measure, question_metric
from pytest_modeleval.records import Request, Sample

_shown = functools.partial(shorten_repr, limit=60)


def checked_sample(name: str, sample: Callable[[Row], Sample]) -> Callable[[Row], Sample]:
    """`sample`, whose result is a Sample or an error that names the function."""

    @functools.wraps(sample)
    def checked(row: Row) -> Sample:
        made = sample(row)
        if not isinstance(made, Sample):
            raise DeclarationError(
                f"benchmark {name}: sample: expected a Sample, found {_shown(made)} from {location_of(sample)}, for "
                f"{row.where}"
            )
        return made

    return checked


def checked_request(name: str, request: Callable[[Sample], Request]) -> Callable[[Sample], Request]:
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
                f"{location_of(request, error)}"
            ) from error
        if not isinstance(made, Request):
            raise DeclarationError(
                f"benchmark {name}: request: expected a Request, found {_shown(made)} from {location_of(request)}; "
                "write Request(user(text))"
            )
        if isinstance(made.messages, str):
            raise DeclarationError(
                f"benchmark {name}: request: expected messages, found Request({_shown(made.messages)}) from "
                f"{location_of(request)}; write Request(user(text))"
            )
        return made

    return checked


def location_of(function: object, error: BaseException | None = None) -> str:
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


def check_functions(name: str, **functions: object) -> None:
    """Raises DeclarationError where one is no function, or a coroutine function that runs outside of the engine."""
    for argument, function in functions.items():
        if function is not None and not callable(function):
            raise DeclarationError(f"benchmark {name}: {argument}: expected a function, found {function!r}")
    for argument in ("sample", "request", "sample_id"):
        if inspect.iscoroutinefunction(functions[argument]):
            raise DeclarationError(
                f"benchmark {name}: {argument}: expected an ordinary function, found `async def` at "
                f"{location_of(functions[argument])}; only solve and grade may be coroutine functions"
            )


def check_shuffle(name: str, shuffle: str) -> None:
    """Raises DeclarationError for an unknown way to shuffle."""
    if shuffle not in ("", "sample", "repeat"):
        raise DeclarationError(f"benchmark {name}: shuffle: expected 'sample' or 'repeat', found {shuffle!r}")


def check_metrics(name: str, metric: str, further: Sequence[str], measures: Sequence[Measure]) -> None:
    """Raises DeclarationError for measures of one name, and for a metric that is neither known nor one of them."""
    names = [measure.name for measure in measures]
    if len(set(names)) != len(names):
        raise DeclarationError(f"benchmark {name}: a measure is named twice in {names}")
    for measure in measures:
        if measure.name == metric and (measure.low, measure.high) != (0.0, 1.0):
            raise DeclarationError(f"benchmark {name}: metric: expected a measure from 0 to 1, found {metric}")
    for wanted in [wanted for wanted in (metric, *further) if wanted != metric or metric not in names]:
        try:
            question_metric(wanted)
        except ValueError as error:
            raise DeclarationError(f"benchmark {name}: metric: {error}, or the name of a measure") from None
