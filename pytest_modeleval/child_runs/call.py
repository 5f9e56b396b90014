"""`evaluate`: an evaluation as a function of Python."""

from __future__ import annotations

import asyncio
import functools
import inspect
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec

from pytest_modeleval.child_runs.order import Order, Text, command_of, environment_of, folder_of
from pytest_modeleval.child_runs.process import ChildRun
from pytest_modeleval.child_runs.result import EvaluatedRun, Progress

P = ParamSpec("P")


def start_evaluation(
    model: str,
    select: str | Sequence[str] = "",
    *,
    subsets: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    limit: float | None = None,
    repeats: int | None = None,
    params: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    system: str | Path | None = None,
    judge: str | None = None,
    judge_url: str | Sequence[str] | None = None,
    judge_key_env: str | None = None,
    url: str | Sequence[str] | None = None,
    key_env: str | None = None,
    data: Text | None = None,
    run: Text | None = None,
    gates: Text | None = None,
    baseline: Text | None = None,
    bless: Text | None = None,
    in_flight: int | None = None,
    max_ungraded: float | None = None,
    processes: int | None = None,
    project: Text | None = None,
    args: Sequence[str] = (),
    caller: Mapping[str, Any] | None = None,
    env: Mapping[str, str | None] | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> ChildRun:
    """Start an evaluation in a process of its own and return at once; the arguments are those of `evaluate`.

    `wait()` of what it returns gives the result as `evaluate` does, `stop()` ends the run, `is_over` and `pid` say how
    it stands.
    """
    prompt = _system_file(system)
    order = Order(
        model=model,
        select=select,
        subsets=subsets,
        params=params,
        options=options,
        url=url,
        judge_url=judge_url,
        project=project,
        paths={
            "--eval-system": prompt,
            "--eval-data": data,
            "--eval-run": run,
            "--eval-gates": gates,
            "--eval-baseline": baseline,
            "--eval-bless": bless,
        },
        plain={
            "--judge": judge,
            "--judge-key-env": judge_key_env,
            "--model-key-env": key_env,
            "--eval-limit": limit,
            "--eval-repeats": repeats,
            "--eval-in-flight": in_flight,
            "--eval-max-ungraded": max_ungraded,
            "--numprocesses": processes,
        },
        args=args,
        caller=caller or {},
        env=env or {},
    )
    return ChildRun(
        command_of(order),
        folder=folder_of(order),
        environment=environment_of(order),
        run=Path(run).expanduser().absolute() if run is not None else None,
        model=model,
        progress=progress,
        temporary=prompt if isinstance(system, str) else None,
    )


def _system_file(system: str | Path | None) -> Path | None:
    if system is None or isinstance(system, Path):
        return system
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt", prefix="system-", delete=False) as file:
        file.write(system)
    return Path(file.name)


# An argument that does not exist is a TypeError under the name of the function that was called.
_SIGNATURE = inspect.signature(start_evaluation)


def _waiting(start: Callable[P, ChildRun]) -> Callable[P, EvaluatedRun]:
    @functools.wraps(start)
    def call(*args: P.args, **kwargs: P.kwargs) -> EvaluatedRun:
        _SIGNATURE.bind(*args, **kwargs)
        return start(*args, **kwargs).wait()

    described: Callable[P, EvaluatedRun] = _described(
        call,
        """Evaluate a model: pytest in a process of its own, as `pytest --model MODEL -k SELECT ...` would.

    select: names of benchmarks, "aime25" or ["gsm8k", "ifeval"], exactly these; or an expression as of -k.
    subsets: of the one benchmark in select, or benchmark -> subsets. limit: rows of each subset, or a fraction.
    params: generation parameters. options: of benchmarks, {"mmlu.shots": 0}. system: a prompt, or a Path to one.
    url: where the model is served, one address or several replicas; without it the profile of models.toml decides.
    key_env, judge_key_env: variables that hold keys. data: a folder of rows.
    run: the run folder, resumed if it exists. gates, baseline, bless: files. max_ungraded: samples, or a fraction.
    processes: of pytest-xdist. project: a folder whose own benchmarks, conftest.py, ini file and plugins count; without
    it only the shipped benchmarks, and no plugin of the environment.
    args: further arguments of pytest. caller: facts for run.json. env: variables of the process; None removes one.
    progress: called with a Progress about twice a second.

    Never raises for a low score or a failed gate: see `gates` and `exit_status` of the result, a RunSummary that also
    has `folder`, `run` (run.json) and `samples`. Raises EvaluationIncomplete where nothing can be said about the model;
    TypeError and ValueError for arguments, before anything is started. Ctrl-C, an exception of `progress` and the end
    of this process end the run; it can be resumed.
    """,
        "EvaluatedRun",
    )
    return described


def _awaiting(start: Callable[P, ChildRun]) -> Callable[P, Coroutine[Any, Any, EvaluatedRun]]:
    @functools.wraps(start)
    async def call(*args: P.args, **kwargs: P.kwargs) -> EvaluatedRun:
        _SIGNATURE.bind(*args, **kwargs)
        child = start(*args, **kwargs)
        waiting = asyncio.get_running_loop().run_in_executor(None, child.wait)
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.to_thread(child.stop))
            # Its thread ends with the process.
            await asyncio.wait([waiting])
            waiting.exception()
            raise

    described: Callable[P, Coroutine[Any, Any, EvaluatedRun]] = _described(
        call,
        """`evaluate` for asyncio, with the same arguments. Cancelling it ends the run, which can be resumed.

    `progress` is called in another thread.
    """,
        "EvaluatedRun",
    )
    return described


def _described(function: Any, text: str, returned: str) -> Any:
    """The function with its own docstring and result; the arguments are those of start_evaluation."""
    function.__doc__ = text
    function.__signature__ = _SIGNATURE.replace(return_annotation=returned)
    return function


evaluate = _waiting(start_evaluation)
evaluate_async = _awaiting(start_evaluation)
