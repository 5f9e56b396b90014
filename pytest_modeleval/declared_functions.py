"""The functions of a declaration, wrapped so that a mistake of theirs is an error that names function and place."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable

from pytest_modeleval._support.shorten import shorten_repr
from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DeclarationError, ModelEvalError
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
