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

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

from pytest_modeleval._support import suggest
from pytest_modeleval._support.bounded_file import read_bounded
from pytest_modeleval._support.schema import Problem, Rule, choice, list_of, required, table, validate
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.gates.gate import Gate, GateFile, GateKind, Side
from pytest_modeleval.gates.kinds import KINDS
from pytest_modeleval.gates.measured_aggregate import NO_AGGREGATE_TEST, has_aggregate_test
from pytest_modeleval.gates.rules import COMMON, LEVEL
from pytest_modeleval.metrics import Measure

_TOP = table(
    {
        "alpha": LEVEL,
        "correction": choice("holm", "none"),
        "gate": required(list_of(table(is_closed=False), "at least one [[gate]] table", least=1)),
    }
)
_DEFAULT_ALPHA = 0.01
_MOST_BYTES = 1_000_000
_HEADER = re.compile(r"\s*\[\[\s*gate\s*\]\]")
_ANY_HEADER = re.compile(r"\s*\[")
_KEY = re.compile(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*=")


def read_gates(path: Path) -> GateFile:
    """The gates in a file. Raises SettingsError that lists every mistake with its line."""
    try:
        raw = read_bounded(path, _MOST_BYTES)
    except OSError as error:
        raise SettingsError(
            f"expected a gates file at {path}, could not read it ({error.strerror}); check --eval-gates"
        ) from error
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
    except RecursionError as error:
        raise SettingsError(f"{label}: expected a list of [[gate]] tables, found brackets nested too deeply") from error
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
        strange = [name for name in gate.judged if name not in known]
        sentences.extend(f"{place} no benchmark is called {name!r}{_hint(name, known)}" for name in strange)
        if gate.record:
            continue
        if gate.benchmark not in known:
            sentences.append(f"{place} no benchmark is called {gate.benchmark!r}{_hint(gate.benchmark, known)}")
            continue
        subsets, aggregates = (list(names) for names in known[gate.benchmark])
        for what, name, names in (("subset", gate.subset, subsets), ("aggregate", gate.aggregate, aggregates)):
            if name and name not in names:
                sentences.append(f"{place} {gate.benchmark} has no {what} {name!r}{_hint(name, names)}")
    return sentences


def measure_mistakes(gates: GateFile, known: Mapping[str, Sequence[Measure]]) -> list[str]:
    """One sentence for each gate over a measure that does not exist, or that no gate of its kind can judge.

    known: benchmark -> its declared measures.
    """
    sentences = []
    for gate in gates.gates:
        if not gate.measure or gate.record or gate.is_of_points or gate.benchmark not in known:
            continue
        place = f"{gates.label}:{gate.line}: gate {gate.name!r}:"
        measures = {measure.name: measure for measure in known[gate.benchmark]}
        if gate.measure not in measures:
            found = suggest.hint(gate.measure, measures) or (
                f"it declares {', '.join(measures)}" if measures else "it declares none"
            )
            sentences.append(f"{place} {gate.benchmark} has no measure {gate.measure!r}; {found}")
        elif mistake := _measure_mistake(gate, measures[gate.measure]) or _unchecked_judge(
            gate, measures[gate.measure], gates
        ):
            sentences.append(f"{place} {mistake}")
    return sentences


def _unchecked_judge(gate: Gate, measure: Measure, gates: GateFile) -> str:
    """What is missing where a judge decides a measure that a gate judges, and no gate is about that judge."""
    is_checked = any(gate.benchmark in other.judged for other in gates.gates)
    if not measure.needs_judge_gate or is_checked or KINDS[gate.kind].side is Side.SHOWN:
        return ""
    return (
        f"{gate.benchmark} {measure.name} is decided by a judge, and no gate shows that the judge is good enough; add "
        f'one with kind = "judge" and judged = "{gate.benchmark}", over a run of judge_check or judge_statements'
    )


def _measure_mistake(gate: Gate, measure: Measure) -> str:
    name = f"{gate.benchmark} {measure.name}"
    side = KINDS[gate.kind].side
    if side is Side.SHOWN and not measure.is_higher_better:
        return f"{name} is better the lower it is; a judge gate takes a figure that is better the higher it is"
    if gate.aggregate and gate.is_confident and not has_aggregate_test(measure):
        return f"{name}: {NO_AGGREGATE_TEST.format(method=measure.method)}"
    if side is Side.BELOW and not measure.is_higher_better:
        return f"{name} is better the lower it is; use a ceiling (of {gate.limit:g})"
    if side is Side.ABOVE and measure.is_higher_better:
        return f"{name} is better the higher it is; use a floor (of {gate.limit:g})"
    is_mean = (measure.method == "mean" and measure.high is not None) or measure.method == "ratio"
    if side is Side.WORSE:
        return "" if is_mean or not gate.limit else f"{name} ({measure.method}) has no test with a margin; leave it out"
    return _range_mistake(gate, measure, name)


def _range_mistake(gate: Gate, measure: Measure, name: str) -> str:
    if measure.low <= gate.limit <= (inf if measure.high is None else measure.high):
        return ""
    ends = f"from {measure.low:g}" + ("" if measure.high is None else f" to {measure.high:g}")
    return f"{name}: expected a limit {ends}, found {gate.limit:g}"


def _hint(word: str, known: Iterable[str]) -> str:
    found = suggest.hint(word, known)
    return f"; {found}" if found else ""


class _Lines:
    """The lines of tables and keys, which the TOML reader of the standard library does not report.

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
    """Turns the document into gates and collects the mistakes instead of stopping at the first."""

    def __init__(self, label: str, lines: _Lines) -> None:
        self.mistakes: list[tuple[int, str]] = []
        self._label = label
        self._lines = lines
        # Name of a gate -> the line of the first one that has it.
        self._names: dict[str, int] = {}

    def read(self, document: Mapping[str, Any]) -> GateFile:
        entries = document.get("gate")
        tables = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        problems = list(validate(document, _TOP))
        for problem in problems:
            self._mistake(-1, problem.key, _message(problem))
        is_alpha_wrong = any(problem.key == "alpha" for problem in problems)
        alpha = _DEFAULT_ALPHA if is_alpha_wrong else float(document.get("alpha", _DEFAULT_ALPHA))
        gates = [self._gate(number, entry, alpha) for number, entry in enumerate(tables)]
        return GateFile(
            gates=tuple(gate for gate in gates if gate is not None),
            is_holm=document.get("correction") != "none",
            label=self._label,
        )

    def _gate(self, number: int, entry: Mapping[str, Any], alpha: float) -> Gate | None:
        before = len(self.mistakes)
        kind = KINDS.get(entry["kind"]) if isinstance(entry.get("kind"), str) else None
        for problem in validate(entry, _gate_rule(kind, is_measured=bool(entry.get("measure")))):
            if problem.key in entry or problem.key == "kind":
                self._mistake(number, problem.key, _message(problem))
            elif kind is not None or problem.key in COMMON:
                what = f"a {kind.name} gate" if kind is not None else "a gate"
                self._mistake(number, "", f"{what} needs {problem.key} = ...")
        for key, what in _contradictions(entry):
            self._mistake(number, key, what)
        if kind is None:
            return None
        for key, what in kind.check(entry):
            self._mistake(number, key, f"{key}: {what}")
        if len(self.mistakes) > before:
            return None
        fields = {
            **{name: entry.get(name, "") for name in ("benchmark", "subset", "aggregate", "measure")},
            **kind.parse(entry),
        }
        made = Gate(
            name="",
            kind=kind.name,
            alpha=float(entry.get("alpha", alpha)),
            detect=_number(entry, "detect"),
            min_samples=entry.get("min_samples", 1),
            max_ungraded=_number(entry, "max_ungraded"),
            line=self._lines.of(number),
            **fields,
        )
        named = replace(made, name=entry.get("name", f"{made.scope} {kind.label(made)}"))
        self._check_name(number, named, is_given="name" in entry)
        return named

    def _check_name(self, number: int, gate: Gate, *, is_given: bool) -> None:
        if gate.name in self._names:
            hint = "" if is_given else "; give one of them a name"
            other = self._names[gate.name]
            self._mistake(number, "name", f"two gates are called {gate.name!r} (the other on line {other}){hint}")
        self._names.setdefault(gate.name, gate.line)

    def _mistake(self, table: int, key: str, what: str) -> None:
        self.mistakes.append((self._lines.of(table, key), what))


def _contradictions(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Keys of a gate of any kind that exclude each other: (key, message)."""
    if entry.get("subset") and entry.get("aggregate"):
        yield "aggregate", "expected a subset or an aggregate, found both"
    if entry.get("test") == "point" and "detect" in entry:
        yield "detect", 'detect: a bare comparison (test = "point") cannot say what it would find'


def _gate_rule(kind: GateKind | None, *, is_measured: bool) -> Rule:
    """The keys of a gate; those that any kind has where its own is not known, so that other mistakes are found too."""
    kinds = [kind] if kind is not None else list(KINDS.values())
    own = {key: rule for known in kinds for key, rule in known.rules.items()}
    if is_measured:
        own.update((key, rule) for known in kinds for key, rule in known.measured_rules.items())
    return table({**COMMON, **own, "kind": required(choice(*KINDS))})


def _message(problem: Problem) -> str:
    if problem.is_unknown_key:
        return f"unknown key {problem.key!r}{problem.message.removeprefix('unknown key')}"
    return problem.sentence


def _number(entry: Mapping[str, Any], key: str) -> float | None:
    return float(entry[key]) if key in entry else None
