"""Options of a benchmark's page: typed, set by --eval-option BENCHMARK.KEY=VALUE, part of the experiment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pytest_modeleval._support.suggest import hint
from pytest_modeleval.errors import DeclarationError, SettingsError

OptionValue: TypeAlias = str | int | float | bool
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a page. The type of its default is the type of its values.

    Raises DeclarationError for a name, default or range that contradict each other.
    """

    name: str
    default: OptionValue
    choices: tuple[str, ...] = ()
    """Of a text: the values that it may have; empty for any text."""
    low: float | None = None
    high: float | None = None
    """Of a number: the range, both ends included; None for no end."""
    description: str = ""
    """One sentence, shown by `modeleval benchmarks NAME` and in messages."""

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise DeclarationError(f"option {self.name!r}: expected a lower-case word such as 'shots'")
        if problem := self.problem(self.default):
            raise DeclarationError(f"option {self.name}: the default does not fit: {problem}")

    @property
    def expected(self) -> str:
        """What a value has to be, for messages."""
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, str):
            return f"one of {', '.join(self.choices)}" if self.choices else "a text"
        what = "a whole number" if isinstance(self.default, int) else "a number"
        if self.low is not None and self.high is not None:
            return f"{what} from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"{what} of at least {self.low:g}"
        return what if self.high is None else f"{what} of at most {self.high:g}"

    def problem(self, value: OptionValue) -> str:
        """Why a value does not fit, as "expected ..., found ..."; "" if it does."""
        is_fit = type(value) is type(self.default)
        if is_fit and isinstance(value, str) and self.choices:
            is_fit = value in self.choices
        elif is_fit and not isinstance(value, str | bool):
            is_fit = (self.low is None or value >= self.low) and (self.high is None or value <= self.high)
        return "" if is_fit else f"expected {self.expected}, found {value!r}"

    def parse(self, text: str) -> OptionValue:
        """The value that a text stands for. Raises ValueError, "expected ..., found ..."."""
        # A free text keeps its blanks: a prefix such as "query: " ends with one.
        value: OptionValue = text.strip() if self.choices else text
        try:
            if isinstance(self.default, bool):
                value = _TRUTH[text.strip().lower()]
            elif isinstance(self.default, int):
                value = int(text)
            elif isinstance(self.default, float):
                value = float(text)
        except (KeyError, ValueError):
            raise ValueError(f"expected {self.expected}, found {text!r}") from None
        if problem := self.problem(value):
            raise ValueError(problem)
        return value


def parse_page_options(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Benchmark -> key -> text of BENCHMARK.KEY=VALUE texts; a later one wins. Raises SettingsError."""
    found: dict[str, dict[str, str]] = {}
    for text in texts:
        place, sign, value = text.partition("=")
        benchmark, dot, key = place.strip().partition(".")
        if not sign or not dot or not _NAME.match(benchmark) or not _NAME.match(key):
            raise SettingsError(f"--eval-option: expected BENCHMARK.KEY=VALUE, such as mmlu.shots=0, found {text!r}")
        found.setdefault(benchmark, {})[key] = value
    return found


def option_values(benchmark: str, options: Sequence[Option], given: Mapping[str, str]) -> dict[str, OptionValue]:
    """Every declared option and its value. given: key -> text of the user. Raises SettingsError."""
    known = {option.name: option for option in options}
    for key in given:
        if key not in known:
            advice = hint(key, known) if known else "it has no options"
            raise SettingsError(f"--eval-option: {benchmark} has no option {key!r}; {advice}")
    values: dict[str, OptionValue] = {}
    for name, option in known.items():
        try:
            values[name] = option.parse(given[name]) if name in given else option.default
        except ValueError as error:
            raise SettingsError(f"--eval-option: {benchmark}.{name}: {error}") from None
    return values
