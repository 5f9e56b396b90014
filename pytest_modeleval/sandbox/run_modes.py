"""How a program runs once its process is confined. Runs inside the sandbox; standard library only.

    script     the program is a main module; descriptors 0, 1, 2 are its real standard files
    function   descriptor 0 holds JSON arguments, one per line; the returned value goes to descriptor 3 as JSON
    calls      descriptor 3 is a socket: the program's function answers calls that arrive on it
    check      trusted tests of a benchmark run here, and call a program in another sandbox over descriptor 3

What a program prints or returns is its answer and nothing more. Only `check` forms a result in here, and it shares no
process, no user namespace and no memory with the program.
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

from pytest_modeleval.sandbox import judge_builtins, link, recursion_limit, values
from pytest_modeleval.sandbox.exit_codes import (
    CANDIDATE_GONE,
    CANDIDATE_RAISED,
    CHECK_BROKEN,
    CHECK_EXHAUSTED,
    CHECK_FAILED,
    COMPILE_FAILED,
    REPLY_TOO_LARGE,
)

RECURSION_LIMIT = 50_000
_THREAD_STACK_BYTES = 16 * 2**20
_MAX_STACK_BYTES = 512 * 2**20
_READ_BYTES = 2**30
_IMPORTED = "solution"
_MAX_REPLY_BYTES = 4 * 2**20
# Larger whole numbers cross as hexadecimal text, so more digits than this were not written by `tagged`.
_MAX_REPLY_DIGITS = 4_300


def complete_builtins() -> None:
    """Add exit, quit and help, as the site module (not loaded here) does, and set limits for all programs."""
    site.setquit()
    site.sethelper()
    judge_builtins.PLAIN.update(vars(builtins))
    judge_builtins.install()
    # The C library would give each thread a stack as large as the main thread's, which is huge here.
    threading.stack_size(_THREAD_STACK_BYTES)
    sys.setrecursionlimit(RECURSION_LIMIT)
    stack, _ = resource.getrlimit(resource.RLIMIT_STACK)
    recursion_limit.allow_deep_recursion(stack if 0 < stack <= _MAX_STACK_BYTES else _MAX_STACK_BYTES)
    recursion_limit.allow_in_threads(_THREAD_STACK_BYTES)


def compile_sources(setting_up: int) -> int:
    """Compile the sources that descriptor 0 holds as JSON [[name, source], ...]; code goes to descriptor 1."""
    _end_set_up(setting_up)
    sources = json.loads(_read_all(0))
    try:
        code = [compile(source, name, "exec", dont_inherit=True) for name, source in sources]
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        _write_all(2, _describe(error))
        return COMPILE_FAILED
    _write_all(1, marshal.dumps(code))
    return 0


def run(message: dict[str, Any], *, code_fd: int, setting_up: int) -> int:
    """Run the compiled sources in the mode that the message names; the exit code of the process."""
    code: list[types.CodeType] = marshal.loads(_read_all(code_fd))  # noqa: S302 - written by compile_sources
    os.close(code_fd)
    mode = {"script": _script, "function": _function, "calls": _calls, "check": _check}[message["mode"]]
    arguments = _read_all(0) if message["mode"] == "function" else b""
    _end_set_up(setting_up)
    return _as_interpreter_would(lambda: mode(code, message, arguments))


def _script(code: list[types.CodeType], _message: dict[str, Any], _arguments: bytes) -> int:
    _standard_files()
    _execute(code, _main_module())
    return 0


def _function(code: list[types.CodeType], message: dict[str, Any], arguments: bytes) -> int:
    _empty_stdin()
    module = _main_module(_IMPORTED)
    _execute(code, module)
    lines = [json.loads(line) for line in arguments.decode().split("\n") if line.strip()]
    result = _find(module, message)(*lines)
    # Not by print or json.dump, which the program may have replaced.
    _write_all(3, values.dump_plain(result))
    return 0


def _calls(code: list[types.CodeType], message: dict[str, Any], _arguments: bytes) -> int:
    _empty_stdin()
    module = _main_module(_IMPORTED)
    _execute(code, module)
    function = _find(module, message)
    with open(3, "rb", closefd=False) as requests:
        while line := requests.readline():
            positional, keywords = values.load_tagged(line)
            try:
                answer = {"returned": values.tagged(function(*positional, **keywords))}
            except MemoryError:
                # A limit of the program, as in the other modes; the tests have no use for it.
                raise
            except Exception as error:  # noqa: BLE001 - the tests receive its name
                _write_all(2, _describe(error))
                answer = {"raised": type(error).__name__[:100]}
            _write_all(3, json.dumps(answer).encode() + b"\n")
    return 0


def _check(code: list[types.CodeType], message: dict[str, Any], _arguments: bytes) -> int:
    """Run trusted tests against a function in another sandbox; the exit code says how they ended."""
    module = _main_module()
    candidate = _Candidate()
    try:
        _execute(code[:-1], module)
        for name in message["names"]:
            setattr(module, name, candidate.call)
    except BaseException as error:  # noqa: BLE001 - the benchmark's own source is broken, not the program
        _write_all(2, _describe(error))
        return CHECK_BROKEN
    try:
        _execute(code[-1:], module)
    except MemoryError as error:
        _write_all(2, _describe(error))
        return CHECK_EXHAUSTED
    except Exception as error:  # noqa: BLE001 - a failed assertion, a comparison that raises, the program's exception
        _write_all(2, _describe(error))
        return CANDIDATE_RAISED if error is candidate.raised else CHECK_FAILED
    return 0


class _Candidate:
    """The program's function as the tests see it: a call over descriptor 3, counted in link.COUNTER_FD."""

    def __init__(self) -> None:
        self.raised: BaseException | None = None
        self._count = 0
        self._answers = open(3, "rb", closefd=False)  # noqa: SIM115 - open until the process ends

    def call(self, *positional: Any, **keywords: Any) -> Any:
        """Call the function; the plain value that it returned. Raises an exception of the name that it raised."""
        self._advance()
        _write_all(3, values.dump_tagged([list(positional), keywords]) + b"\n")
        line = self._answers.readline(_MAX_REPLY_BYTES)
        self._advance()
        if not line.endswith(b"\n"):
            os._exit(REPLY_TOO_LARGE if len(line) == _MAX_REPLY_BYTES else CANDIDATE_GONE)
        name = ""
        try:
            answer = _load_reply(line)
            if "returned" in answer:
                return values.untagged(answer["returned"])
            name = str(answer["raised"])
        except MemoryError:
            os._exit(CHECK_EXHAUSTED)
        except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
            os._exit(CANDIDATE_GONE)
        self.raised = _exception(name)
        raise self.raised

    def _advance(self) -> None:
        self._count += 1
        link.write_count(link.COUNTER_FD, self._count)


def _load_reply(line: bytes) -> Any:
    """JSON that an untrusted process wrote; ValueError for a whole number of quadratic cost."""
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(_MAX_REPLY_DIGITS)
    try:
        return json.loads(line)
    finally:
        sys.set_int_max_str_digits(digits)


def _exception(name: str) -> Exception:
    """An exception of a builtin kind, or a RuntimeError that names the kind."""
    kind: Any = getattr(builtins, name, None)
    # The real MemoryError means that the tests themselves ran out of memory.
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, MemoryError):
        with contextlib.suppress(TypeError):
            found: Exception = kind("raised by the program")
            return found
    return RuntimeError(f"the program raised {name}")


def _execute(code: list[types.CodeType], module: types.ModuleType) -> None:
    for part in code:
        exec(part, module.__dict__)  # noqa: S102 - this is what the sandbox is for


def _find(module: types.ModuleType, message: dict[str, Any]) -> Callable[..., Any]:
    """The program's function: a method of a new instance where a class is named and has it, else of the module."""
    name = message["function"]
    owner: Any = getattr(module, message["class"], None) if message["class"] else None
    function: Callable[..., Any] | None = getattr(module, name, None)
    if owner is not None and hasattr(owner, name):
        function = getattr(owner(), name)
    if function is None:
        where = f"no class {message['class']} and " if message["class"] and owner is None else ""
        raise NameError(f"the program defines {where}no function {name}")
    return function


def _as_interpreter_would(body: Callable[[], int]) -> int:
    """Run body, then do what Python does at its end: wait for threads, run exit functions, flush files."""
    try:
        exit_code = body()
    except SystemExit as stop:
        exit_code = _exit_code_of(stop)
    except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt and the program's own kinds too
        _flush(sys.stderr, sys.__stderr__)
        _write_all(2, _describe(error))
        exit_code = 1
    for step in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]
        try:
            step()
        except BaseException as error:  # noqa: BLE001 - of the program's own threads and exit functions
            _write_all(2, _describe(error))
            exit_code = exit_code or 1
    _flush(sys.stderr, sys.__stderr__)
    if not _flush(sys.stdout, sys.__stdout__):
        exit_code = exit_code or 120
    return exit_code & 0xFF


def _exit_code_of(stop: SystemExit) -> int:
    """The exit code of sys.exit(code), which prints a code that is no number."""
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code
    _write_all(2, str(stop.code)[:1000].encode(errors="replace"))
    return 1


def _flush(*streams: Any) -> bool:
    """Flush streams, which the program may have replaced; False if one fails, which is written to descriptor 2."""
    is_flushed = True
    for stream in streams:
        try:
            if stream is not None:
                stream.flush()
        except BaseException as error:  # noqa: BLE001 - of a stream that the program made
            _write_all(2, _describe(error))
            is_flushed = False
    return is_flushed


def _main_module(name: str = "__main__") -> types.ModuleType:
    """The program's module. name: not __main__ where only a function is asked for, so that its guard does not run."""
    module = types.ModuleType(name)
    module.__dict__["__builtins__"] = judge_builtins.PLAIN
    module.__dict__["__file__"] = "solution.py"
    sys.modules["__main__"] = sys.modules[name] = module
    sys.argv = ["solution.py"]
    return module


def _standard_files() -> None:
    """New text streams over the real descriptors, as a new interpreter makes them."""
    sys.stdin, sys.stdout, sys.stderr = (_stream(fd) for fd in range(3))
    for name in ("stdin", "stdout", "stderr"):
        setattr(sys, f"__{name}__", getattr(sys, name))


def _stream(fd: int) -> io.TextIOWrapper:
    raw: Any = io.FileIO(fd, "wb" if fd else "rb", closefd=False)
    raw.name = f"<{('stdin', 'stdout', 'stderr')[fd]}>"
    buffer: Any = io.BufferedWriter(raw) if fd else io.BufferedReader(raw)
    stream: Any = io.TextIOWrapper(buffer, "utf-8", "surrogateescape", line_buffering=fd == 2)
    # A well-known template of fast input looks at it.
    stream.mode = "w" if fd else "r"
    return stream  # type: ignore[no-any-return]


def _empty_stdin() -> None:
    empty = os.open("/dev/null", os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    _standard_files()


def _end_set_up(setting_up: int) -> None:
    """Report to the supervisor that the process is set up, and close the descriptor that can report it."""
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
    """A whole file from its start, wherever its position is."""
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
