"""The process that runs BFCL's simulated APIs: `python -I -B simulation_child.py CONTROL_FD CODE_FOLDER`.

Standard library only, no import of this package: it runs alone. The first process imports the official classes once
and then waits; for every conversation it is handed a socket and forks a process that serves it. Each of those has fresh
instances, limits of its own, no environment and, where the kernel allows it, no network.

What arrives are JSON lines, what goes back is one JSON line each:

    {"op": "open", "classes": [...], "config": {...}, "long_context": false}     -> {"methods": [...]}
    {"op": "call", "calls": [[name, {...}], ...]}                               -> {"results": [text, ...]}
    {"op": "check", "turns": [[[call, ...] per step] per turn], "truth": [[[name, [...], {...}], ...] per turn]}
                                                                                -> {"cause", "turn", "explanation"}
    {"op": "memory"}                                                            -> {"text", "state"}

The vector memory needs vectors, and has no network to get them: before an answer to any of these may come
{"embed": [text, ...]}, which wants {"vectors": [[number, ...], ...]} of length 1.

Calls are made by name and arguments: nothing is evaluated. State and response checks are those of bfcl-eval
2025.10.27.1 (multi_turn_checker).
"""

from __future__ import annotations

import contextlib
import copy
import gc
import importlib
import inspect
import json
import os
import resource
import signal
import socket
import sys
import types
from pathlib import Path
from typing import Any

CODE = "bfcl_eval.eval_checker.multi_turn_eval.func_source_code"
MODULES = {
    "GorillaFileSystem": "gorilla_file_system",
    "MathAPI": "math_api",
    "MessageAPI": "message_api",
    "TwitterAPI": "posting_api",
    "TicketAPI": "ticket_api",
    "TradingBot": "trading_bot",
    "TravelAPI": "travel_booking",
    "VehicleControlAPI": "vehicle_control",
    "MemoryAPI_kv": "memory_kv",
    "MemoryAPI_rec_sum": "memory_rec_sum",
    "MemoryAPI_vector": "memory_vector",
}
STATELESS = ("MathAPI",)
# Upstream refuses these names before it evaluates a call; the text reaches the model, so it is kept.
REFUSED = ("kill", "exit", "quit", "remove", "unlink", "popen", "Popen", "run")
CPU_S = 10
MEMORY_BYTES = 1 << 30
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


class Instances:
    """Fresh instances of the classes of one question."""

    def __init__(self, opened: dict[str, Any]) -> None:
        self.by_class: dict[str, Any] = {}
        self.methods: dict[str, Any] = {}
        for name in opened["classes"]:
            instance = getattr(importlib.import_module(f"{CODE}.{MODULES[name]}"), name)()
            if name.startswith("MemoryAPI"):
                _restore(instance, opened["config"].get(name, {}))
            elif name not in STATELESS:
                config = copy.deepcopy(opened["config"].get(name, {}))
                instance._load_scenario(config, long_context=opened["long_context"])
            self.by_class[name] = instance
            self.methods.update((method, getattr(instance, method)) for method in public_methods(type(instance)))

    def call(self, name: str, positional: list[Any], keywords: dict[str, Any]) -> str:
        """The result as text, also of a call that fails."""
        try:
            if name in REFUSED:
                raise PermissionError(f"Function call {name} is not allowed.")
            if name not in self.methods:
                raise NameError(f"name {name!r} is not defined")
            return _as_text(self.methods[name](*positional, **keywords))
        except Exception as error:  # noqa: BLE001 - whatever a simulated API raises is its answer to the model
            return f"Error during execution: {error}"


_METHODS: dict[type, tuple[str, ...]] = {}


def public_methods(kind: type) -> tuple[str, ...]:
    """The names that may be called: methods, neither private nor static. Found once per class."""
    if kind in _METHODS:
        return _METHODS[kind]
    named = [(name, inspect.getattr_static(kind, name)) for name in dir(kind) if not name.startswith("_")]
    _METHODS[kind] = tuple(name for name, found in named if isinstance(found, types.FunctionType | classmethod))
    return _METHODS[kind]


def _as_text(result: Any) -> str:
    if isinstance(result, str):
        return result
    if type(result) is dict:
        try:
            return json.dumps(result)
        except (TypeError, ValueError):
            return str(result)
    return str(result)


def _restore(instance: Any, state: dict[str, Any]) -> None:
    for name, value in state.items():
        store = getattr(instance, name)
        if hasattr(store, "load_from_snapshot"):
            store.load_from_snapshot(value)
        else:
            setattr(instance, name, copy.deepcopy(value))


def _kept(memory: Any) -> Any:
    return memory.export() if hasattr(memory, "export") else memory


def check(opened: dict[str, Any], turns: list[Any], truth: list[Any]) -> dict[str, Any]:
    """Replay the model's calls and the true ones on fresh instances, turn by turn, and compare."""
    model, true = Instances(opened), Instances(opened)
    results: list[str] = []
    for turn, (steps, wanted) in enumerate(zip(turns, truth, strict=True)):
        results += [model.call(name, [], keywords) for step in steps for name, keywords in step]
        expected = [true.call(*call) for call in wanted]
        if not wanted:
            # Nothing can be done in this turn; what the model did shows in the state of the next one.
            continue
        if not any(steps):
            return _lost("empty_turn", turn, "no call was made where calls are needed")
        for name, instance in true.by_class.items():
            found = _difference(model.by_class[name], instance)
            if found:
                return _lost("wrong_state", turn, f"{name}: {found}")
        rest = list(results)
        for result in expected:
            if result not in rest:
                return _lost("wrong_response", turn, f"a needed result never came: {result[:200]}")
            rest.remove(result)
    return {"cause": "", "turn": -1, "explanation": ""}


def _lost(cause: str, turn: int, explanation: str) -> dict[str, Any]:
    return {"cause": cause, "turn": turn, "explanation": explanation}


def _difference(model: Any, true: Any) -> str:
    for name, value in vars(true).items():
        if not name.startswith("_") and getattr(model, name) != value:
            return f"{name} is {str(getattr(model, name))[:150]}, expected {str(value)[:150]}"
    return ""


def serve(connection: socket.socket) -> None:
    """One conversation, until the other side closes the socket."""
    opened: dict[str, Any] = {}
    live: Instances | None = None
    with connection.makefile("rwb") as stream:
        Encoder.stream = stream
        while line := stream.readline():
            message = json.loads(line)
            if message["op"] == "open":
                opened = message
                live = Instances(opened)
                answer: dict[str, Any] = {"methods": sorted(live.methods)}
            elif live is None:
                answer = {"error": "nothing is open"}
            elif message["op"] == "call":
                answer = {"results": [live.call(name, [], keywords) for name, keywords in message["calls"]]}
            elif message["op"] == "check":
                answer = check(opened, message["turns"], message["truth"])
            else:
                (instance,) = live.by_class.values()
                state = {name: _kept(value) for name, value in vars(instance).items() if name.endswith("memory")}
                answer = {"text": instance._dump_core_memory_to_context(), "state": state}
            stream.write(json.dumps(answer).encode() + b"\n")
            stream.flush()


class Encoder:
    """Stands in for sentence_transformers.SentenceTransformer: asks the other side of the socket."""

    stream: Any = None

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def get_sentence_embedding_dimension(self) -> int:
        """Nothing here depends on it."""
        return 0

    def encode(self, texts: list[str], **_: object) -> list[list[float]]:
        """One vector for each text."""
        self.stream.write(json.dumps({"embed": texts}).encode() + b"\n")
        self.stream.flush()
        vectors: list[list[float]] = json.loads(self.stream.readline())["vectors"]
        return vectors


class Index:
    """Stands in for faiss.IndexIDMap over IndexFlatIP: exact search by inner product, the best first."""

    def __init__(self, *_: object) -> None:
        self._vectors: dict[int, list[float]] = {}

    def reset(self) -> None:
        """Forget all."""
        self._vectors.clear()

    def add_with_ids(self, vectors: list[list[float]], ids: list[int]) -> None:
        """Keep vectors under these numbers."""
        self._vectors.update(zip(ids, vectors, strict=True))

    def remove_ids(self, ids: list[int]) -> None:
        """Forget these."""
        for number in ids:
            self._vectors.pop(number, None)

    def search(self, queries: list[list[float]], count: int) -> tuple[list[list[float]], list[list[int]]]:
        """Scores and numbers of the best, a row for each query; numbers are -1 where there are too few."""
        rows = []
        for query in queries:
            found = [(sum(map(float.__mul__, query, vector)), number) for number, vector in self._vectors.items()]
            best = sorted(found, key=lambda pair: -pair[0])[: max(0, count)]
            rows.append(best + [(0.0, -1)] * (count - len(best)))
        return [[score for score, _ in row] for row in rows], [[number for _, number in row] for row in rows]


def confine() -> None:
    """Limits of all conversations: memory, no written files, no network if that can be had."""
    os.chdir("/")
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415 - absent on some builds

        ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    _limit("RLIMIT_FSIZE", 0)
    _limit("RLIMIT_CORE", 0)
    if sys.platform != "darwin":
        _limit("RLIMIT_AS", MEMORY_BYTES)


def _limit(name: str, value: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(getattr(resource, name), (value, value))


def stand_ins() -> None:
    """Modules that the official memory classes import: a decorator, three names that are not called, BM25+, vectors."""

    class BM25Plus:
        """BM25+ (Lv & Zhai 2011) with the constants of the package rank_bm25."""

        def __init__(self, corpus: list[list[str]]) -> None:
            from collections import Counter  # noqa: PLC0415 - only memory needs it

            self.texts = [Counter(text) for text in corpus]
            self.mean = sum(map(len, corpus)) / len(corpus)
            self.known = Counter(word for text in self.texts for word in text)

        def get_scores(self, query: list[str]) -> list[float]:
            from math import log  # noqa: PLC0415

            k1, b, delta, number = 1.5, 0.75, 1, len(self.texts)
            scores = [0.0] * number
            for word in query:
                weight = log((number + 1) / self.known[word]) if word in self.known else 0.0
                for place, text in enumerate(self.texts):
                    count = text[word]
                    longer = k1 * (1 - b + b * text.total() / self.mean)
                    scores[place] += weight * (delta + count * (k1 + 1) / (longer + count))
            return scores

    unused = dict.fromkeys(("get_directory_structure_by_id", "is_first_memory_prereq_entry", "is_memory_prereq"))
    for name, content in (
        ("overrides", {"final": lambda method: method}),
        ("rank_bm25", {"BM25Plus": BM25Plus}),
        ("bfcl_eval.utils", unused),
        ("sentence_transformers", {"SentenceTransformer": Encoder}),
        ("faiss", {"IndexFlatIP": Index, "IndexIDMap": Index}),
        # The vector memory uses it to hand lists on.
        ("numpy", {"asarray": _listed, "array": _listed, **dict.fromkeys(("ndarray", "float32", "int64"))}),
    ):
        module = types.ModuleType(name)
        vars(module).update(content)
        sys.modules[name] = module


def _listed(values: Any, dtype: object = None) -> list[Any]:
    return list(values)


def main() -> None:
    """Import once, then fork for every socket that is handed over."""
    control = socket.socket(fileno=int(sys.argv[1]))
    sys.path.insert(0, str(Path(sys.argv[2])))
    stand_ins()
    for name, module in MODULES.items():
        # One that is not there is missed by the conversation that needs it.
        with contextlib.suppress(ImportError):
            public_methods(getattr(importlib.import_module(f"{CODE}.{module}"), name))
    confine()
    # What is loaded now lives as long as the process: collecting it would only copy its pages into every child.
    gc.collect()
    gc.freeze()
    gc.disable()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Ctrl-C reaches the whole terminal group; the parent decides when this ends, by closing the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        data, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not data:
            return
        if os.fork() == 0:
            control.close()
            try:
                # Of this conversation alone; the others are inherited.
                _limit("RLIMIT_CPU", CPU_S)
                serve(socket.socket(fileno=fds[0]))
            finally:
                os._exit(0)
        os.close(fds[0])


if __name__ == "__main__":
    main()
