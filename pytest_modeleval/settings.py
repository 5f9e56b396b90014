"""Settings: everything the user asked for, checked. Works without pytest; pytest_plugin.settings_reader fills it in."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.indexes import Index
from pytest_modeleval.records import UNGRADED, Kind
from pytest_modeleval.roles import JUDGE, ROLE_NAME

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of rows, or a fraction of them."""

    rows: int | None = None
    fraction: float | None = None

    def of(self, rows: int) -> int:
        """How many of `rows` are taken: at least one where there is one."""
        if self.rows is not None:
            return min(rows, self.rows)
        if self.fraction is None:
            return rows
        return min(rows, max(1, round(rows * self.fraction))) if rows else 0

    def allows(self, count: int, total: int) -> bool:
        """True if `count` of `total` stays within the limit."""
        bound = self.rows if self.rows is not None else (self.fraction or 0.0) * total
        return count <= bound

    def __str__(self) -> str:
        return str(self.rows if self.rows is not None else self.fraction)


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `of` parts of the selected samples; number counts from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@dataclass(frozen=True, slots=True)
class RoleSettings:
    """A further model of the run, in a role such as "judge"."""

    model: str
    """A profile of models.toml, or the name of a served model where there are `urls`."""
    urls: tuple[str, ...] = ()
    key_env: str | None = None
    """The environment variable with its API key."""

    @property
    def key(self) -> str | None:
        """The API key, read when it is needed and kept nowhere."""
        return _key_of(self.key_env)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the user asked for. Times in seconds; directories absolute.

    model_set: KEY=VALUE as given; what they mean is for the room server, which knows profiles.
    """

    model: str
    urls: tuple[str, ...] = ()
    model_set: tuple[str, ...] = ()
    key_env: str | None = None
    in_flight: int | None = None
    limit: Limit = Limit()
    repeats: int = 1
    params: Mapping[str, Any] = field(default_factory=dict)
    data_dir: Path | None = None
    run_dir: Path | None = None
    shard: Shard | None = None
    rescore_dir: Path | None = None
    gates_file: Path | None = None
    baseline_file: Path | None = None
    bless_file: Path | None = None
    is_stop_early: bool = False
    until_decided: int | None = None
    only: frozenset[Kind] = frozenset()
    is_strict: bool = False
    max_ungraded: Limit = Limit(rows=0)
    allows_unsafe_code: bool = False
    is_flushing: bool = False
    idle_timeout_s: float | None = None
    sample_timeout_s: float | None = None
    project_dir: Path = Path()
    invocation_dir: Path = Path()
    system: str = ""
    """The text of --eval-system, laid over every request without a system message; "" for none."""
    is_dry_run: bool = False
    subsets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Benchmark -> exactly the subsets to evaluate; empty for all."""
    page_options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Benchmark -> options of its page as the user gave them, unparsed."""
    tasks: tuple[str, ...] = ()
    """PACKAGE:NAME[,NAME] of --eval-tasks, as given."""
    roles: Mapping[str, RoleSettings] = field(default_factory=dict)
    """Role -> the model in it."""
    allows_same_family: bool = False
    """The judge may be the model under test, or of its family."""
    indexes: tuple[Index, ...] = ()
    """Over benchmarks: ours and those of the project."""
    keyword: str = ""
    markers: str = ""
    selected: tuple[str, ...] = ()
    is_last_failed: bool = False
    """pytest's --lf chooses the samples."""
    is_collect_only: bool = False
    is_fast_path: bool = True
    is_on_command_line: bool = True
    """The command itself names the model; False where an ini file or a variable does."""
    caller: Mapping[str, Any] = field(default_factory=dict)
    """What started this run, as MODELEVAL_CALLER says; empty for a person."""

    @property
    def most_repeats(self) -> int:
        """How often a sample may be asked: items exist for so many repeats."""
        return max(self.repeats, self.until_decided or 0)

    @property
    def key(self) -> str | None:
        """The API key, read when it is needed and kept nowhere."""
        return _key_of(self.key_env)


def _key_of(key_env: str | None) -> str | None:
    key = os.environ.get(key_env) if key_env else None
    # A key that was read from a file often ends in a line break.
    return key.strip() if key else None


def parse_roles(
    pairs: Sequence[str], *, judge: str, judge_urls: Sequence[str], judge_key_env: str | None
) -> dict[str, RoleSettings]:
    """Role -> its model, of --eval-role ROLE=PROFILE and the options of the judge. Raises SettingsError."""
    found: dict[str, RoleSettings] = {}
    for pair in pairs:
        role, _, profile = (part.strip() for part in pair.partition("="))
        if not ROLE_NAME.match(role) or not profile:
            raise SettingsError(f"--eval-role: expected ROLE=PROFILE, such as user=my-simulator, found {pair!r}")
        if found.setdefault(role, RoleSettings(profile)).model != profile:
            raise SettingsError(f"--eval-role: expected one model for {role}, found {found[role].model} and {profile}")
    judge = _judge_name(judge, found.get(JUDGE))
    if judge:
        found[JUDGE] = RoleSettings(judge, tuple(judge_urls), judge_key_env)
    elif judge_urls or judge_key_env:
        flag = "--judge-url" if judge_urls else "--judge-key-env"
        raise SettingsError(f"{flag}: expected --judge NAME with it, the name of the judge")
    return found


def _judge_name(judge: str, as_role: RoleSettings | None) -> str:
    """The judge of --judge and of --eval-role, which name the same one if both do; "" without any."""
    if as_role is None:
        return judge
    if judge and as_role.model != judge:
        raise SettingsError(f"--judge: expected one judge, found {judge} and {as_role.model} (--eval-role)")
    return as_role.model


_MOST_CALLER = 4_000


def parse_caller(text: str) -> dict[str, Any]:
    """What MODELEVAL_CALLER says: a JSON object, or the name of a program. Raises SettingsError."""
    if len(text) > _MOST_CALLER:
        raise SettingsError(f"MODELEVAL_CALLER: expected at most {_MOST_CALLER} characters, found {len(text)}")
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        found = text
    return found if isinstance(found, dict) else {"program": str(found)}


def parse_whole(flag: str, text: str, *, least: int) -> int:
    """A whole number of at least `least`. Raises SettingsError that names `flag`."""
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise SettingsError(f"{flag}: expected a whole number of at least {least}, found {text!r}")
    return number


def parse_seconds(flag: str, text: str) -> float | None:
    """Seconds, such as "30", "0.5" or "30s"; None for an empty text. Raises SettingsError that names `flag`."""
    if not text:
        return None
    try:
        seconds = float(text.removesuffix("s"))
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SettingsError(f"{flag}: expected a number of seconds above 0, such as 30 or 0.5, found {text!r}")
    return seconds


def parse_limit(flag: str, text: str, *, allow_zero: bool = False) -> Limit:
    """A count or a fraction as a text; no limit for an empty one. Raises SettingsError that names `flag`."""
    if not text:
        return Limit()
    with suppress(ValueError):
        if not re.fullmatch(r"[+-]?\d+", text):
            if 0 < (fraction := float(text)) <= 1:
                return Limit(fraction=fraction)
        elif (rows := int(text)) >= (0 if allow_zero else 1):
            return Limit(rows=rows)
    least = "0 or more" if allow_zero else "at least 1"
    raise SettingsError(
        f"{flag}: expected a whole number of {least} or a fraction above 0 and up to 1.0, such as 0.1, found {text!r}"
    )


def parse_fast_path(text: str) -> bool:
    """True for "auto" and an empty text, False for "off". Raises SettingsError."""
    if text not in ("", "auto", "off"):
        raise SettingsError(f"--eval-fast-path: expected auto or off, found {text!r}")
    return text != "off"


def parse_subsets(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Benchmark -> subsets of BENCHMARK=SUBSET[,SUBSET] texts; those of one benchmark add up. Raises SettingsError."""
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        benchmark, _, names = text.partition("=")
        subsets = tuple(name.strip() for name in names.split(",") if name.strip())
        if not benchmark.strip() or not subsets:
            raise SettingsError(
                f"--eval-subset: expected BENCHMARK=SUBSET[,SUBSET], such as aime25=AIME2025-I, found {text!r}"
            )
        known = found.get(benchmark.strip(), ())
        found[benchmark.strip()] = tuple(dict.fromkeys((*known, *subsets)))
    return found


def parse_shard(text: str) -> Shard | None:
    """The shard of "I/N"; None for an empty text. Raises SettingsError."""
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise SettingsError(
            f"--eval-shard: expected I/N, the I-th of N parts counted from 1, such as 1/4 to 4/4, found {text!r}"
        )
    return Shard(int(found[1]), int(found[2]))


def parse_params(pairs: Sequence[str]) -> dict[str, Any]:
    """Generation parameters of KEY=VALUE pairs; a value is JSON, else a text. Raises SettingsError."""
    params: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not _ENV_NAME.match(name):
            raise SettingsError(f"--eval-param: expected KEY=VALUE, such as temperature=0.6, found {pair!r}")
        if name in ("model", "messages"):
            raise SettingsError(f"--eval-param: {name} is not a generation parameter; see --model and the benchmark")
        params[name] = _json_or_text(text)
    return params


def _json_or_text(text: str) -> Any:
    refuse: Callable[[str], Any] = _no_constant
    try:
        return json.loads(text, parse_constant=refuse)
    except ValueError:
        return text


def _no_constant(name: str) -> Any:
    # NaN and Infinity are no JSON; a server would refuse them with an error that names nothing.
    raise SettingsError(f"--eval-param: expected a JSON value or a text, found {name}")


def parse_kinds(text: str) -> frozenset[Kind]:
    """The kinds of --eval-only, separated by commas. Raises SettingsError."""
    kinds: set[Kind] = set()
    for word in filter(None, (part.strip() for part in text.split(","))):
        if word == "ungraded":
            kinds.update(UNGRADED)
        elif word in set(Kind) and word != Kind.RIGHT:
            kinds.add(Kind(word))
        else:
            accepted = ", ".join(kind for kind in Kind if kind is not Kind.RIGHT)
            raise SettingsError(f"--eval-only: expected ungraded or some of {accepted}; found {word!r}")
    return frozenset(kinds)


def check_key_env(name: str, flag: str = "--model-key-env") -> None:
    """Raises SettingsError unless the environment variable `name` is set and looks like a name."""
    # Someone who pastes the key itself must not see it repeated in a message or a log.
    if not _ENV_NAME.match(name) or (len(name) > 30 and not name.isupper()):
        raise SettingsError(
            f"{flag}: expected the name of an environment variable, such as OPENAI_API_KEY; "
            "found something else (not repeated here, in case it is the key). Put the key into a variable and name that"
        )
    key = os.environ.get(name, "").strip()
    if not key:
        raise SettingsError(f"{flag}: the environment variable {name} is not set or empty; export it first")
    if not (key.isascii() and key.isprintable()):
        raise SettingsError(
            f"{flag}: expected a key of printable ASCII characters in {name}, found a line break, a tab or "
            "another character that a header cannot hold (not repeated here)"
        )
