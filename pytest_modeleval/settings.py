"""Options, ini keys and environment variables become one frozen Settings, checked once at start-up.

Nobody else reads an option.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.options import value_of, values_of
from pytest_modeleval.records import UNGRADED, Kind

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
    keyword: str = ""
    markers: str = ""
    selected: tuple[str, ...] = ()
    is_collect_only: bool = False

    @property
    def most_repeats(self) -> int:
        """How often a sample may be asked: items exist for so many repeats."""
        return max(self.repeats, self.until_decided or 0)

    @property
    def key(self) -> str | None:
        """The API key, read when it is needed and kept nowhere."""
        return os.environ.get(self.key_env) if self.key_env else None


def read_settings(config: pytest.Config) -> Settings:
    """All settings, checked. Raises SettingsError that names the option and the accepted form."""
    root = config.invocation_params.dir

    def directory(flag: str) -> Path | None:
        text = value_of(config, flag)
        return (root / Path(text).expanduser()).resolve() if text else None

    def existing(flag: str, what: str) -> Path | None:
        path = directory(flag)
        if path is not None and not path.exists():
            raise SettingsError(f"{flag}: expected {what}, but {path} does not exist")
        return path

    repeats = _whole("--eval-repeats", value_of(config, "--eval-repeats") or "1", least=1)
    until_decided = value_of(config, "--eval-repeat-until-decided")
    data_dir = existing("--eval-data", "a folder with dataset rows")
    if data_dir is not None and not data_dir.is_dir():
        raise SettingsError(f"--eval-data: expected a folder, found a file: {data_dir}")
    key_env = value_of(config, "--model-key-env") or None
    if key_env is not None:
        _check_key_env(key_env)
    in_flight = value_of(config, "--eval-in-flight")
    shard = _shard(value_of(config, "--eval-shard"))
    if shard is not None:
        _check_whole_run(config, shard)
    settings = Settings(
        model=value_of(config, "--model"),
        urls=tuple(values_of(config, "--model-url")),
        model_set=tuple(values_of(config, "--model-set")),
        key_env=key_env,
        in_flight=_whole("--eval-in-flight", in_flight, least=1) if in_flight else None,
        limit=parse_limit("--eval-limit", value_of(config, "--eval-limit")),
        repeats=repeats,
        params=_params(values_of(config, "--eval-param")),
        data_dir=data_dir,
        run_dir=directory("--eval-run"),
        shard=shard,
        rescore_dir=existing("--eval-rescore", "the folder of an earlier run"),
        gates_file=existing("--eval-gates", "a gates file (TOML)"),
        baseline_file=directory("--eval-baseline"),
        bless_file=directory("--eval-bless"),
        only=_kinds(value_of(config, "--eval-only")),
        is_stop_early=_switch("--eval-stop-early", config),
        until_decided=(
            _whole("--eval-repeat-until-decided", until_decided, least=repeats + 1) if until_decided else None
        ),
        is_strict=_switch("--eval-strict", config),
        max_ungraded=parse_limit(
            "--eval-max-ungraded", value_of(config, "--eval-max-ungraded") or "0", allow_zero=True
        ),
        # The variable is older than the option.
        allows_unsafe_code=_switch("--eval-unsafe-code", config)
        or os.environ.get("MODELEVAL_CODE_WITHOUT_SANDBOX") == "1",
        is_flushing=_switch("--eval-flush-cache", config),
        idle_timeout_s=_seconds("--eval-idle-timeout", value_of(config, "--eval-idle-timeout")),
        sample_timeout_s=_seconds("--eval-sample-timeout", value_of(config, "--eval-sample-timeout")),
        project_dir=_project_dir(config.rootpath, root),
        invocation_dir=root,
        keyword=config.getoption("keyword", "") or "",
        markers=config.getoption("markexpr", "") or "",
        selected=tuple(str(arg) for arg in config.args),
        is_collect_only=bool(config.getoption("collectonly", False)),
    )
    if settings.rescore_dir is None:
        _check_saving(settings, is_distributed=bool(config.getoption("tx", None)) or hasattr(config, "workerinput"))
    return settings


def _project_dir(rootdir: Path, invocation_dir: Path) -> Path:
    """Where the project's models.toml is: pytest's rootdir, else the folder that pytest was started in.

    Without an ini file pytest takes every folder among the arguments for a hint of its rootdir, the value of --eval-run
    too: as soon as that folder exists, the same command would have another one.
    """
    has_models = (invocation_dir / "models.toml").exists() and not (rootdir / "models.toml").exists()
    return invocation_dir if has_models else rootdir


def _check_saving(settings: Settings, *, is_distributed: bool) -> None:
    """What cannot be had together with asking less than everything. A stored run is graded as it was asked."""
    if settings.bless_file is not None and settings.only:
        raise SettingsError("--eval-bless: expected a whole run, found --eval-only, which asks a part; leave one out")
    for flag, is_given in (
        ("--eval-stop-early", settings.is_stop_early),
        ("--eval-repeat-until-decided", settings.until_decided is not None),
    ):
        if not is_given:
            continue
        if settings.gates_file is None:
            raise SettingsError(f"{flag}: expected gates that can be decided, found none; name them with --eval-gates")
    if settings.is_stop_early and settings.bless_file is not None:
        raise SettingsError("--eval-bless: expected a run that asks everything; leave --eval-stop-early out")
    if settings.until_decided is not None and settings.is_stop_early:
        raise SettingsError(
            "--eval-repeat-until-decided and --eval-stop-early: no test is known to hold its alpha under both; "
            "leave one out"
        )
    if settings.until_decided is not None and is_distributed:
        raise SettingsError("--eval-repeat-until-decided works in one process; leave -n out")


def _switch(flag: str, config: pytest.Config) -> bool:
    text = value_of(config, flag).lower()
    if text in ("", "0", "false", "no", "off"):
        return False
    if text in ("1", "true", "yes", "on"):
        return True
    raise SettingsError(f"{flag}: expected true or false, found {text!r}")


def _whole(flag: str, text: str, *, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise SettingsError(f"{flag}: expected a whole number of at least {least}, found {text!r}")
    return number


def _seconds(flag: str, text: str) -> float | None:
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
    try:
        if re.fullmatch(r"[+-]?\d+", text):
            rows = int(text)
            if rows > 0 or (allow_zero and rows == 0):
                return Limit(rows=rows)
        else:
            fraction = float(text)
            if 0 < fraction <= 1:
                return Limit(fraction=fraction)
    except ValueError:
        pass
    least = "0 or more" if allow_zero else "at least 1"
    raise SettingsError(
        f"{flag}: expected a whole number of {least} or a fraction above 0 and up to 1.0, such as 0.1, found {text!r}"
    )


def _shard(text: str) -> Shard | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise SettingsError(
            f"--eval-shard: expected I/N, the I-th of N parts counted from 1, such as 1/4 to 4/4, found {text!r}"
        )
    return Shard(int(found[1]), int(found[2]))


def _check_whole_run(config: pytest.Config, shard: Shard) -> None:
    """Refuse what has a meaning for the whole run only, so that nobody takes a part's verdict for the whole's."""
    merge = "`modeleval merge DIR... --into DIR`"
    whole = {
        "--eval-gates": f"gates are judged on the merged run: {merge} takes --gates and --baseline",
        "--eval-bless": f"a baseline is made of the merged run: {merge} takes --bless",
        "--eval-rescore": "a stored run is graded again as a whole",
        "--eval-only": "what is asked again are samples of one earlier run, as a whole",
    }
    for flag, why in whole.items():
        if value_of(config, flag):
            raise SettingsError(
                f"--eval-shard {shard} and {flag} do not go together: {why}. Leave one of them out "
                f"(`{flag}=` switches off what an ini file or a variable says)"
            )


def _params(pairs: Sequence[str]) -> dict[str, Any]:
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


def _kinds(text: str) -> frozenset[Kind]:
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


def _check_key_env(name: str) -> None:
    # Someone who pastes the key itself must not see it repeated in a message or a log.
    if not _ENV_NAME.match(name) or (len(name) > 30 and not name.isupper()):
        raise SettingsError(
            "--model-key-env: expected the name of an environment variable, such as OPENAI_API_KEY; "
            "found something else (not repeated here, in case it is the key). Put the key into a variable and name that"
        )
    if not os.environ.get(name):
        raise SettingsError(f"--model-key-env: the environment variable {name} is not set or empty; export it first")
