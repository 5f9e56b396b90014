"""How a program is run once its process is confined. Runs inside the sandbox; standard library only.

    script     the program is a main module; descriptors 0, 1, 2 are its real standard files
    function   descriptor 0 holds JSON arguments, one a line; the returned value goes to descriptor 3 as JSON
    calls      descriptor 3 is a socket: the program's function answers calls that come over it
    check      trusted tests of a benchmark run here, and call a program in another sandbox over descriptor 3

What a program prints or returns is its answer, nothing more: no verdict is formed in here but that of `check`, which
shares no process, no user namespace and no memory with the program.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import io
import json
import marshal
import os
import resource
import site
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any

from pytest_modeleval.sandbox import judge_builtins, recursion_limit, values

RECURSION_LIMIT = 50_000
COMPILE_FAILED = 3
CHECK_FAILED, CANDIDATE_RAISED, CANDIDATE_GONE, CHECK_BROKEN = 11, 12, 13, 14
_THREAD_STACK_BYTES = 16 * 2**20
_MAX_STACK_BYTES = 512 * 2**20
_READ_BYTES = 2**30


def complete_builtins() -> None:
    """What the site module, which is not loaded here, adds for programs: exit, quit, help."""
    site.setquit()
    site.sethelper()
    judge_builtins.PLAIN.update(vars(builtins))
    judge_builtins.install()
    # The C library would give each thread the main thread's stack, which is huge here.
    threading.stack_size(_THREAD_STACK_BYTES)
    sys.setrecursionlimit(RECURSION_LIMIT)
    stack, _ = resource.getrlimit(resource.RLIMIT_STACK)
    recursion_limit.allow_deep_recursion(stack if 0 < stack <= _MAX_STACK_BYTES else _MAX_STACK_BYTES)
    recursion_limit.allow_in_threads(_THREAD_STACK_BYTES)


def compile_sources(setting_up: int) -> int:
    """Compile the units that descriptor 0 holds as JSON [[name, source], ...]; code goes to descriptor 1."""
    _set_up(setting_up)
    sources = json.loads(_read_all(0))
    try:
        code = [compile(source, name, "exec", dont_inherit=True) for name, source in sources]
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        _write_all(2, _describe(error))
        return COMPILE_FAILED
    _write_all(1, marshal.dumps(code))
    return 0


def run(message: dict[str, Any], *, code_fd: int, setting_up: int) -> int:
    """Run the compiled units in the style that the message names; the exit code of the process."""
    code: list[types.CodeType] = marshal.loads(_read_all(code_fd))  # noqa: S302 - written by compile_units
    os.close(code_fd)
    mode = {"script": _script, "function": _function, "calls": _calls, "check": _check}[message["mode"]]
    arguments = _read_all(0) if message["mode"] == "function" else b""
    _set_up(setting_up)
    return _as_interpreter_would(lambda: mode(code, message, arguments))


def _script(code: list[types.CodeType], _message: dict[str, Any], _arguments: bytes) -> int:
    _standard_files()
    module = _main_module()
    for unit in code:
        exec(unit, module.__dict__)  # noqa: S102 - this is what the sandbox is for
    return 0


def _function(code: list[types.CodeType], message: dict[str, Any], arguments: bytes) -> int:
    _nothing_to_read()
    module = _main_module()
    for unit in code:
        exec(unit, module.__dict__)  # noqa: S102
    lines = [json.loads(line) for line in arguments.decode().split("\n") if line.strip()]
    result = _find(module, message)(*lines)
    # Not through print or json.dump, which the program may have replaced by its own.
    _write_all(3, values.dump_plain(result))
    return 0


def _calls(code: list[types.CodeType], message: dict[str, Any], _arguments: bytes) -> int:
    _nothing_to_read()
    module = _main_module()
    for unit in code:
        exec(unit, module.__dict__)  # noqa: S102
    function = _find(module, message)
    with open(3, "rb", closefd=False) as requests:
        while line := requests.readline():
            positional, keywords = values.load_tagged(line)
            try:
                answer = {"returned": values.tagged(function(*positional, **keywords))}
            except Exception as error:  # noqa: BLE001 - whatever it is, the test is told
                sys.stderr.write(_describe(error).decode(errors="replace"))
                answer = {"raised": type(error).__name__[:100]}
            _write_all(3, json.dumps(answer).encode() + b"\n")
    return 0


def _check(code: list[types.CodeType], message: dict[str, Any], _arguments: bytes) -> int:
    """Run trusted tests against a function in another sandbox; the exit code tells how they ended."""
    module = _main_module()
    answers = open(3, "rb", closefd=False)  # noqa: SIM115 - open until the process ends
    raised: BaseException | None = None

    def candidate(*positional: Any, **keywords: Any) -> Any:
        nonlocal raised
        _write_all(3, values.dump_tagged([list(positional), keywords]) + b"\n")
        line = answers.readline(message["limits"]["output_bytes"])
        if not line.endswith(b"\n"):
            os._exit(CANDIDATE_GONE)
        try:
            answer = json.loads(line)
            if "returned" in answer:
                return values.untagged(answer["returned"])
            name = str(answer["raised"])
        except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
            os._exit(CANDIDATE_GONE)
        kind: Any = getattr(builtins, name, None)
        try:
            raised = kind("raised by the program") if issubclass(kind, Exception) else None
        except TypeError:
            raised = None
        raised = raised or RuntimeError(f"the program raised {name}")
        raise raised

    try:
        for unit in code[:-1]:
            exec(unit, module.__dict__)  # noqa: S102
        for name in message["names"]:
            setattr(module, name, candidate)
    except BaseException as error:  # noqa: BLE001 - the benchmark's own text is broken, not the program
        _write_all(2, _describe(error))
        return CHECK_BROKEN
    try:
        exec(code[-1], module.__dict__)  # noqa: S102
    except AssertionError as error:
        _write_all(2, _describe(error))
        return CHECK_FAILED
    except MemoryError:
        return CHECK_BROKEN
    except Exception as error:  # noqa: BLE001 - a comparison that a wrong answer makes impossible, or a raise
        _write_all(2, _describe(error))
        return CANDIDATE_RAISED if error is raised else CHECK_FAILED
    return 0


def _find(module: types.ModuleType, message: dict[str, Any]) -> Callable[..., Any]:
    """The program's function, as a method of a fresh instance where a class is named."""
    owner: Any = module
    if message["class"]:
        if not hasattr(module, message["class"]):
            raise NameError(f"the program defines no class {message['class']}")
        owner = getattr(module, message["class"])()
    if not hasattr(owner, message["function"]):
        raise NameError(f"the program defines no function {message['function']}")
    function: Callable[..., Any] = getattr(owner, message["function"])
    return function


def _as_interpreter_would(body: Callable[[], int]) -> int:
    """Run body, then do what Python does at its end: threads are waited for, exit functions run, files flushed."""
    try:
        exit_code = body()
    except SystemExit as stop:
        exit_code = 0 if stop.code is None else stop.code if isinstance(stop.code, int) else 1
        if exit_code == 1 and stop.code != 1:
            _write_all(2, str(stop.code)[:1000].encode(errors="replace"))
    except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt and the program's own kinds too
        _write_all(2, _describe(error))
        exit_code = 1
    for step in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]
        try:
            step()
        except BaseException as error:  # noqa: BLE001
            _write_all(2, _describe(error))
            exit_code = exit_code or 1
    for stream in (sys.stdout, sys.__stdout__):
        try:
            if stream is not None:
                stream.flush()
        except BaseException as error:  # noqa: BLE001
            _write_all(2, _describe(error))
            exit_code = exit_code or 120
    return exit_code & 0xFF


def _main_module() -> types.ModuleType:
    module = types.ModuleType("__main__")
    module.__dict__["__builtins__"] = judge_builtins.PLAIN
    module.__dict__["__file__"] = "solution.py"
    sys.modules["__main__"] = module
    sys.argv = ["solution.py"]
    return module


def _standard_files() -> None:
    """Fresh text streams over the real descriptors, as a new interpreter would make them."""
    sys.stdin, sys.stdout, sys.stderr = (_stream(fd) for fd in range(3))
    for name in ("stdin", "stdout", "stderr"):
        setattr(sys, f"__{name}__", getattr(sys, name))


def _stream(fd: int) -> io.TextIOWrapper:
    raw: Any = io.FileIO(fd, "wb" if fd else "rb", closefd=False)
    raw.name = f"<{('stdin', 'stdout', 'stderr')[fd]}>"
    buffer: Any = io.BufferedWriter(raw) if fd else io.BufferedReader(raw)
    stream: Any = io.TextIOWrapper(buffer, "utf-8", "surrogateescape", write_through=fd == 2)
    # A well-known template of fast input looks at it.
    stream.mode = "w" if fd else "r"
    return stream  # type: ignore[no-any-return]


def _nothing_to_read() -> None:
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    _standard_files()


def _set_up(setting_up: int) -> None:
    """Tell the supervisor that all went well so far, and give up the means to say so."""
    os.write(setting_up, b"1")
    os.close(setting_up)


def _describe(error: BaseException) -> bytes:
    """The last lines of a traceback, bounded, whatever the exception's own methods do."""
    try:
        lines = traceback.format_exception(error, limit=-4)
        return "".join(lines)[-4000:].encode(errors="replace")
    except BaseException:  # noqa: BLE001 - its __str__ may do anything
        return type(error).__name__[:200].encode(errors="replace")


def _read_all(fd: int) -> bytes:
    """A whole file, from its start, whoever moved its position."""
    parts, at = [], 0
    while part := os.pread(fd, _READ_BYTES, at):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _write_all(fd: int, content: bytes) -> None:
    view = memoryview(content)
    with contextlib.suppress(OSError):
        while view:
            view = view[os.write(fd, view) :]
