"""The exceptions of pytest-modeleval.

    ModelEvalError
     ├─ UserError           something the user can fix; shown without a traceback, exit status 4
     │   ├─ SettingsError     an option, ini key, environment variable, profile or gates file
     │   ├─ DataError         a data file or row: missing, corrupt, wrong field
     │   ├─ DeclarationError  a benchmark page: a wrong argument of the decorator, a wrong result of its functions
     │   ├─ ConnectError      the server cannot be reached, refuses the key, serves another model
     │   ├─ LaunchError       the server that we start does not come up
     │   └─ RunFolderError    the run folder cannot be written, is in use, or belongs to another experiment
     │      └─ OtherExperiment   it belongs to another experiment
     ├─ AttemptFailed         one request went wrong; the dispatcher decides whether to try again
     ├─ Ungraded              a sample ends without a verdict, and why
     ├─ EvaluationIncomplete  a run that was called from Python says nothing about the model
     └─ EngineStopped         asking was stopped; raised to every waiting item

Messages say what was expected, what was found, where, and what to do next. No message carries an API key.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_modeleval._support import redact
from pytest_modeleval.records import Kind


class ModelEvalError(Exception):
    """Root of everything this package raises on purpose. Its message is stripped of the secrets of the run."""

    def __init__(self, *parts: object) -> None:
        super().__init__(*(redact.text(part) if isinstance(part, str) else part for part in parts))


class UserError(ModelEvalError):
    """Something the user can fix. Raised before the first request; nothing is lost."""


class SettingsError(UserError):
    """An option, ini key, environment variable, profile or gates file is not usable."""


class DataError(UserError):
    """A data file is missing or a row of it is not what the benchmark needs."""


class DeclarationError(UserError, ValueError):
    """A benchmark page is not usable: an argument of the decorator, or the result of one of its functions."""


class ConnectError(UserError):
    """The server cannot be reached, refuses the key, or does not serve the model that was asked for."""


class LaunchError(UserError):
    """The server that we start ourselves does not become ready."""


class RunFolderError(UserError):
    """The run folder cannot be written, is in use, or holds another experiment."""


class OtherExperiment(RunFolderError):
    """The run folder holds another experiment. why: the differences. A folder that the user named is refused."""

    def __init__(self, folder: object, why: str) -> None:
        super().__init__(f"{folder} holds another experiment {why}. Name another folder with --eval-run=DIR")
        self.why = why


class AttemptFailed(ModelEvalError):
    """One attempt at one request failed.

    kind: what the sample becomes if no further attempt succeeds (server_error, timeout or bad_response).
    cause: machine-readable, e.g. "http_503", "connection_lost", "idle", "malformed_json".
    is_retryable: False for answers that would come again unchanged, such as 400 or 401.
    is_overload: True for 429, 503 and time-outs, which ask the dispatcher to send less at once.
    retry_after_s: seconds that the server asked us to wait, if it said so.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: Kind,
        cause: str,
        is_retryable: bool = True,
        is_overload: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.cause = cause
        self.is_retryable = is_retryable
        self.is_overload = is_overload
        self.retry_after_s = retry_after_s


class Ungraded(ModelEvalError):
    """A sample has no verdict. kind is one of the kinds that never count in a score."""

    def __init__(self, message: str, *, kind: Kind, cause: str) -> None:
        if kind.is_verdict:
            # A failure that called itself "wrong" would enter the score as 0.
            raise ValueError(f"expected a kind that never counts in a score, found {kind.value}")
        super().__init__(message)
        self.kind = kind
        self.cause = cause


class EngineStopped(ModelEvalError):
    """Asking was stopped (interrupt, -x, end of the run) before this sample's response came."""


class EvaluationIncomplete(ModelEvalError):
    """A run that was called from Python says nothing about the model. A low score or a failed gate is no such case.

    exit_status: of pytest (docs/exit-codes.md), negative for a signal.
    folder: the run folder, None where there is none; the same call with `run=folder` goes on.
    lines: the last lines that the run printed.
    summary: as far as the run came, for diagnosis; None without any.
    """

    def __init__(
        self,
        model: str,
        *,
        exit_status: int,
        advice: str,
        folder: Path | None = None,
        lines: Sequence[str] = (),
        summary: Any = None,
    ) -> None:
        printed = "".join(f"\n    {line}" for line in lines)
        super().__init__(
            f"the evaluation of {model} has no result: exit status {exit_status}{advice and f' ({advice})'}; "
            f"run folder: {folder or 'none'}; its last lines:{printed or ' none'}"
        )
        self.exit_status = exit_status
        self.folder = folder
        self.lines = tuple(lines)
        self.summary = summary
