"""Gates are read from TOML; every mistake is named with its line, all of them at once, before the first request.

[[gate]]
kind = "regression"
benchmark = "gsm8k"
margin = 0.01

[[gate]]
kind = "floor"
benchmark = "mmlu"
aggregate = "OVERALL"
floor = 0.80
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.gates.gate import FIGURES, SHARES, Gate, GateFile

_LIMIT_KEYS = {"floor": "floor", "regression": "margin", "ceiling": "ceiling"}
_COMMON = {
    "name": str,
    "kind": str,
    "benchmark": str,
    "subset": str,
    "aggregate": str,
    "alpha": float,
    "min_samples": int,
    "max_ungraded": float,
    "detect": float,
}
_KEYS: dict[str, dict[str, type]] = {
    "floor": {**_COMMON, "floor": float, "test": str},
    "regression": {**_COMMON, "margin": float, "flip_rate": float},
    "ceiling": {**_COMMON, "ceiling": float, "of": str, "quantile": float, "test": str},
}
_TOP = {"alpha": float, "correction": str, "gate": list}
_WORDS = {float: "a number", int: "a whole number", str: "text in quotes", list: "a list of [[gate]] tables"}
_MOST_BYTES = 1_000_000
_HEADER = re.compile(r"\s*\[\[\s*gate\s*\]\]")
_ANY_HEADER = re.compile(r"\s*\[")
_KEY = re.compile(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*=")


def read_gates(path: Path) -> GateFile:
    """The gates in a file. Raises SettingsError that lists every mistake with its line."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"expected a gates file at {path}, could not read it ({error.strerror}); check --eval-gates"
        ) from error
    if len(raw) > _MOST_BYTES:
        raise SettingsError(f"{path}: expected a gates file of at most {_MOST_BYTES} bytes, found {len(raw)}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SettingsError(f"{path}:{line}: expected UTF-8, found the byte 0x{raw[error.start]:02x}") from error
    return parse_gates(text, str(path))


def parse_gates(text: str, label: str = "gates") -> GateFile:
    """The gates in a TOML text; label is how messages call it. Raises SettingsError that lists every mistake."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise SettingsError(f"{label}:{line}: this is not TOML: {error}") from error
    reader = _Reader(label, _Lines(text))
    made = reader.read(document)
    if reader.mistakes:
        count = len(reader.mistakes)
        head = f"{label}: {count} mistake{'s' if count > 1 else ''} in the gates; nothing was asked"
        raise SettingsError("\n".join([head, *(f"  {label}:{line}: {what}" for line, what in sorted(reader.mistakes))]))
    return made


def unknown_targets(gates: GateFile, known: Mapping[str, tuple[Iterable[str], Iterable[str]]]) -> list[str]:
    """One sentence for each gate that names a benchmark, subset or aggregate that does not exist.

    known: every benchmark that was collected (selected or not) -> its subsets, its aggregates.
    """
    sentences: list[str] = []
    for gate in gates.gates:
        place = f"{gates.label}:{gate.line}: gate {gate.name!r}:"
        if gate.benchmark not in known:
            sentences.append(f"{place} no benchmark is called {gate.benchmark!r}{_meant(gate.benchmark, known)}")
            continue
        subsets, aggregates = (list(names) for names in known[gate.benchmark])
        for what, name, names in (("subset", gate.subset, subsets), ("aggregate", gate.aggregate, aggregates)):
            if name and name not in names:
                sentences.append(f"{place} {gate.benchmark} has no {what} {name!r}{_meant(name, names)}")
    return sentences


def _meant(word: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(word, names, 1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there {'are' if len(names) > 1 else 'is'}: {', '.join(sorted(names)[:12])}" if names else ""


class _Lines:
    """Where tables and keys stand: the TOML reader of the standard library does not say.

    Only what a gates file may hold is understood: a [[gate]] header and `key = value`, each at the start of a line.
    """

    def __init__(self, text: str) -> None:
        self._places: dict[tuple[int, str], int] = {}
        self.headers: list[int] = []
        table = -1
        for number, line in enumerate(text.splitlines(), start=1):
            if _HEADER.match(line):
                self.headers.append(number)
                table = len(self.headers) - 1
            elif _ANY_HEADER.match(line) and "=" not in line:
                table = -2
            elif found := _KEY.match(line):
                self._places.setdefault((table, found[1]), number)

    def of(self, table: int, key: str = "") -> int:
        """The line of a key, else of its table, else 1. Table -1 is the top of the file."""
        header = self.headers[table] if 0 <= table < len(self.headers) else 1
        return self._places.get((table, key), header)


class _Reader:
    """Turns the document into gates, gathering mistakes instead of stopping at the first."""

    def __init__(self, label: str, lines: _Lines) -> None:
        self.mistakes: list[tuple[int, str]] = []
        self._label = label
        self._lines = lines
        self._names: dict[str, int] = {}

    def read(self, document: Mapping[str, Any]) -> GateFile:
        self._check_keys(-1, document, _TOP)
        alpha = self._number(-1, document, "alpha", default=0.01, low=0.0, high=0.5, is_open=True)
        correction = document.get("correction", "holm")
        if correction not in ("holm", "none"):
            self._mistake(-1, "correction", f'correction: expected "holm" or "none", found {correction!r}')
        tables = document.get("gate", [])
        if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
            self.mistakes.append((self._lines.of(-1, "gate"), "expected at least one [[gate]] table"))
            tables = []
        gates = [self._gate(number, table, alpha) for number, table in enumerate(tables)]
        made = tuple(gate for gate in gates if gate is not None)
        return GateFile(gates=made, is_holm=correction == "holm", label=self._label)

    def _gate(self, number: int, table: Mapping[str, Any], alpha: float) -> Gate | None:
        before = len(self.mistakes)
        kind = table.get("kind")
        if not isinstance(kind, str) or kind not in _KEYS:
            hint = _meant(str(kind), _KEYS) if kind is not None else ""
            found = "none" if kind is None else repr(kind)
            self._mistake(number, "kind", f"kind: expected floor, regression or ceiling, found {found}{hint}")
            return None
        self._check_keys(number, table, _KEYS[kind])
        limit_key = _LIMIT_KEYS[kind]
        for key in (
            "benchmark",
            *((limit_key,) if kind != "regression" else ()),
            *(("of",) if kind == "ceiling" else ()),
        ):
            if key not in table:
                self._mistake(number, "", f"a {kind} gate needs {key} = ...")
        if table.get("subset") and table.get("aggregate"):
            self._mistake(number, "aggregate", "expected a subset or an aggregate, found both")
        of = table.get("of", "score")
        if kind == "ceiling" and isinstance(of, str) and "of" in table and of not in (*SHARES, *FIGURES):
            expected = ", ".join((*SHARES, *FIGURES))
            self._mistake(
                number, "of", f"of: expected one of {expected}, found {of!r}{_meant(str(of), (*SHARES, *FIGURES))}"
            )
        is_figure = isinstance(of, str) and of in FIGURES
        if "quantile" in table and not is_figure:
            self._mistake(number, "quantile", f"quantile belongs to {' or '.join(FIGURES)}; a share has none")
        if kind == "ceiling" and table.get("aggregate"):
            self._mistake(number, "aggregate", "a ceiling counts items: name a subset, or neither for all of them")
        test = table.get("test", "confident")
        if test not in ("confident", "point"):
            self._mistake(number, "test", f'test: expected "confident" or "point", found {test!r}')
        if test == "point" and "detect" in table:
            self._mistake(number, "detect", 'detect: a bare comparison (test = "point") cannot say what it would find')
        limit = self._number(number, table, limit_key, default=0.0, low=0.0, high=float("inf") if is_figure else 1.0)
        if kind != "floor" and limit == 1.0 and not is_figure:
            self._mistake(number, limit_key, f"{limit_key}: expected a fraction below 1 (0.01 is one point), found 1")
        if kind == "floor" and table.get(limit_key) == 0:
            self._mistake(number, limit_key, "floor: expected a fraction above 0; no score is below 0")
        gate = Gate(
            name=self._name(number, table, kind, of),
            kind=kind,
            benchmark=str(table.get("benchmark", "")),
            limit=limit,
            subset=str(table.get("subset", "")),
            aggregate=str(table.get("aggregate", "")),
            of=str(of),
            quantile=self._number(number, table, "quantile", default=0.5, low=0.0, high=1.0, is_open=True),
            test=str(test),
            alpha=self._number(number, table, "alpha", default=alpha, low=0.0, high=0.5, is_open=True),
            flip_rate=self._optional(number, table, "flip_rate"),
            detect=self._optional(number, table, "detect"),
            min_samples=int(self._number(number, table, "min_samples", default=1, low=1, high=1e9)),
            max_ungraded=self._optional(number, table, "max_ungraded"),
            line=self._lines.of(number),
        )
        return gate if len(self.mistakes) == before else None

    def _name(self, number: int, table: Mapping[str, Any], kind: str, of: object) -> str:
        scope = " ".join(str(table[key]) for key in ("benchmark", "subset", "aggregate") if table.get(key))
        what = f"{of} ceiling" if kind == "ceiling" else kind
        name = str(table.get("name") or f"{scope} {what}")
        if name in self._names:
            hint = "" if "name" in table else "; give one of them a name"
            self._mistake(
                number, "name", f"two gates are called {name!r} (the other on line {self._names[name]}){hint}"
            )
        self._names.setdefault(name, self._lines.of(number))
        return name

    def _check_keys(self, table: int, entries: Mapping[str, Any], known: Mapping[str, type]) -> None:
        for key, value in entries.items():
            if key not in known:
                self._mistake(table, key, f"unknown key {key!r}{_meant(key, known)}")
                continue
            expected = known[key]
            is_right = isinstance(value, (int, float) if expected is float else expected)
            if not is_right or isinstance(value, bool):
                self._mistake(table, key, f"{key}: expected {_WORDS[expected]}, found {value!r}")
            elif expected is str and not value:
                self._mistake(table, key, f"{key}: expected text, found an empty one")

    def _optional(self, table: int, entries: Mapping[str, Any], key: str) -> float | None:
        if key not in entries:
            return None
        return self._number(table, entries, key, default=0.0, low=0.0, high=1.0)

    def _number(
        self,
        table: int,
        entries: Mapping[str, Any],
        key: str,
        *,
        default: float,
        low: float,
        high: float,
        is_open: bool = False,
    ) -> float:
        """A number within its range; is_open leaves out both ends. The default where it is missing or not a number."""
        value = entries.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return default
        is_inside = low < value < high if is_open else low <= value <= high
        if not is_inside or value == float("inf"):
            percent = f"; {value} per cent is {value / 100:g}" if high == 1.0 and 1.0 < value <= 100.0 else ""
            ends = "strictly between" if is_open else "between"
            self._mistake(table, key, f"{key}: expected a number {ends} {low:g} and {high:g}, found {value!r}{percent}")
            return default
        return float(value)

    def _mistake(self, table: int, key: str, what: str) -> None:
        self.mistakes.append((self._lines.of(table, key), what))
