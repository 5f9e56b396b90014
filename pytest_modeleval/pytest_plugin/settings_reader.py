"""Options, ini keys and environment variables become one frozen Settings, checked once at start-up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval._support import redact
from pytest_modeleval.errors import DeclarationError, SettingsError
from pytest_modeleval.indexes import AA_INDEX, Index
from pytest_modeleval.options import is_on_command_line, value_of, values_of
from pytest_modeleval.page_options import parse_page_options
from pytest_modeleval.pytest_private import rootdir_of
from pytest_modeleval.settings import (
    RoleSettings,
    Settings,
    Shard,
    check_key_env,
    parse_caller,
    parse_fast_path,
    parse_kinds,
    parse_limit,
    parse_params,
    parse_roles,
    parse_seconds,
    parse_shard,
    parse_subsets,
    parse_whole,
)


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

    check_rootdir(config)
    repeats = parse_whole("--eval-repeats", value_of(config, "--eval-repeats") or "1", least=1)
    until_decided = value_of(config, "--eval-repeat-until-decided")
    data_dir = existing("--eval-data", "a folder with dataset rows")
    if data_dir is not None and not data_dir.is_dir():
        raise SettingsError(f"--eval-data: expected a folder, found a file: {data_dir}")
    key_env = _key_env(config)
    in_flight = value_of(config, "--eval-in-flight")
    shard = parse_shard(value_of(config, "--eval-shard"))
    if shard is not None:
        _check_whole_run(config, shard)
    settings = Settings(
        model=value_of(config, "--model"),
        urls=tuple(values_of(config, "--model-url")),
        model_set=tuple(values_of(config, "--model-set")),
        key_env=key_env,
        in_flight=parse_whole("--eval-in-flight", in_flight, least=1) if in_flight else None,
        limit=parse_limit("--eval-limit", value_of(config, "--eval-limit")),
        repeats=repeats,
        params=_params(config),
        data_dir=data_dir,
        run_dir=directory("--eval-run"),
        shard=shard,
        rescore_dir=existing("--eval-rescore", "the folder of an earlier run"),
        gates_file=existing("--eval-gates", "a gates file (TOML)"),
        baseline_file=directory("--eval-baseline"),
        bless_file=directory("--eval-bless"),
        only=parse_kinds(value_of(config, "--eval-only")),
        is_stop_early=_switch("--eval-stop-early", config),
        until_decided=(
            parse_whole("--eval-repeat-until-decided", until_decided, least=repeats + 1) if until_decided else None
        ),
        is_strict=_switch("--eval-strict", config),
        max_ungraded=parse_limit(
            "--eval-max-ungraded", value_of(config, "--eval-max-ungraded") or "0", allow_zero=True
        ),
        # The variable is older than the option.
        allows_unsafe_code=_switch("--eval-unsafe-code", config)
        or os.environ.get("MODELEVAL_CODE_WITHOUT_SANDBOX") == "1",
        is_flushing=_switch("--eval-flush-cache", config),
        idle_timeout_s=parse_seconds("--eval-idle-timeout", value_of(config, "--eval-idle-timeout")),
        sample_timeout_s=parse_seconds("--eval-sample-timeout", value_of(config, "--eval-sample-timeout")),
        project_dir=_project_dir(config.rootpath, root),
        invocation_dir=root,
        keyword=config.getoption("keyword", "") or "",
        markers=config.getoption("markexpr", "") or "",
        selected=tuple(str(arg) for arg in config.args),
        is_fast_path=parse_fast_path(value_of(config, "--eval-fast-path")),
        system=_system_prompt(existing("--eval-system", "a file with a system prompt")),
        is_dry_run=_switch("--eval-dry-run", config),
        subsets=parse_subsets(values_of(config, "--eval-subset")),
        page_options=parse_page_options(values_of(config, "--eval-option")),
        tasks=tuple(values_of(config, "--eval-tasks")),
        roles=_roles(config),
        allows_same_family=_switch("--judge-same-family", config),
        indexes=_indexes(config),
        is_on_command_line=is_on_command_line(config),
        is_last_failed=bool(config.getoption("lf", False)),
        is_collect_only=bool(config.getoption("collectonly", False)),
        caller=parse_caller(os.environ.get("MODELEVAL_CALLER", "")),
    )
    _check_combinations(settings, is_distributed=bool(config.getoption("tx", None)) or hasattr(config, "workerinput"))
    return settings


def _indexes(config: pytest.Config) -> tuple[Index, ...]:
    """Ours, and those of the hook pytest_modeleval_indexes; of equal names the project's."""
    found = {AA_INDEX.name: AA_INDEX}
    for given in config.hook.pytest_modeleval_indexes():
        if not isinstance(given, list | tuple) or not all(isinstance(index, Index) for index in given):
            raise DeclarationError(f"pytest_modeleval_indexes: expected a list of Index, found {given!r}")
        found |= {index.name: index for index in given}
    return tuple(found.values())


def _key_env(config: pytest.Config) -> str | None:
    """The variable that holds the API key, checked; from here on no secret of the run reaches a file or a screen."""
    named = {flag: value_of(config, flag) or None for flag in ("--model-key-env", "--judge-key-env")}
    for flag, variable in named.items():
        if variable is not None:
            check_key_env(variable, flag)
    _remember_secrets(tuple(named.values()), values_of(config, "--model-set"))
    return named["--model-key-env"]


def _roles(config: pytest.Config) -> dict[str, RoleSettings]:
    """Role -> its model. Raises SettingsError."""
    return parse_roles(
        values_of(config, "--eval-role"),
        judge=value_of(config, "--judge"),
        judge_urls=values_of(config, "--judge-url"),
        judge_key_env=value_of(config, "--judge-key-env") or None,
    )


def _check_combinations(settings: Settings, *, is_distributed: bool) -> None:
    if settings.is_dry_run and is_distributed:
        raise SettingsError("--eval-dry-run works in one process; leave -n out")
    if settings.rescore_dir is None:
        _check_saving(settings, is_distributed=is_distributed)


PATH_OPTIONS = (
    *(
        "--eval-data",
        "--eval-run",
        "--eval-rescore",
        "--eval-gates",
        "--eval-baseline",
        "--eval-bless",
        "--eval-system",
    ),
)


def check_rootdir(config: pytest.Config) -> None:
    """Refuse a path of ours that pytest took for a path of tests, which moved the root folder and lost the ini file.

    pytest looks for its root folder before it knows the options of plugins: in `--eval-data DIR` the folder is one more
    argument. Raises SettingsError with the form to write.
    """
    given = list(config.invocation_params.args)
    others: list[str] = []
    separate = ""
    for place, text in enumerate(map(str, given)):
        if place and str(given[place - 1]) in PATH_OPTIONS:
            separate = separate or f"{given[place - 1]}={text}"
        else:
            others.append(text)
    if not separate or hasattr(config, "workerinput"):
        return
    root = rootdir_of(config, others)
    if root is not None and root != config.rootpath:
        raise SettingsError(
            f"pytest took a path of this command for a path of tests, and its root folder became {config.rootpath} "
            f"instead of {root}: write {separate}, with an equals sign"
        )


def _params(config: pytest.Config) -> dict[str, Any]:
    """The generation parameters of --eval-param. Raises SettingsError for one that holds a secret."""
    params = parse_params(values_of(config, "--eval-param"))
    for name, value in params.items():
        if isinstance(value, str) and redact.names_a_secret(name):
            # Parameters are kept with every request, so that a resumed or rescored run finds its answers.
            raise SettingsError(
                f"--eval-param: expected a generation parameter, found {name}, the name of a secret (its value is not "
                "repeated here); put the key into an environment variable and name that with --model-key-env"
            )
    return params


def _system_prompt(path: Path | None) -> str:
    """The text of --eval-system, without the line end that editors add. Raises SettingsError."""
    if path is None:
        return ""
    try:
        text = path.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"--eval-system: expected a text file (UTF-8), but {path} cannot be read: {error}"
        ) from None
    if not text.strip():
        raise SettingsError(f"--eval-system: expected a system prompt, but {path} is empty")
    return text


def _project_dir(rootdir: Path, invocation_dir: Path) -> Path:
    """Where the project's models.toml is: pytest's rootdir, else the folder that pytest was started in.

    Without an ini file pytest takes every folder among the arguments for a hint of its rootdir, the value of --eval-run
    too: as soon as that folder exists, the same command would have another one.
    """
    has_models = (invocation_dir / "models.toml").exists() and not (rootdir / "models.toml").exists()
    return invocation_dir if has_models else rootdir


def _check_saving(settings: Settings, *, is_distributed: bool) -> None:
    """Refuse options that contradict a run that asks less than everything. A stored run is graded as it was asked."""
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


def _check_whole_run(config: pytest.Config, shard: Shard) -> None:
    """Refuse options with a meaning for the whole run only: the verdict of a part is not that of the whole."""
    merge = "`modeleval merge DIR... --into DIR`"
    whole = {
        "--eval-gates": f"gates are judged on the merged run: {merge} takes --gates and --baseline",
        "--eval-bless": f"a baseline is made of the merged run: {merge} takes --bless",
        "--eval-rescore": "a stored run is graded again as a whole",
        "--eval-only": "samples of one earlier run are asked again, as a whole",
    }
    for flag, why in whole.items():
        if value_of(config, flag):
            raise SettingsError(
                f"--eval-shard {shard} and {flag} do not go together: {why}. Leave one of them out "
                f"(`{flag}=` switches off what an ini file or a variable says)"
            )


def _remember_secrets(key_envs: Sequence[str | None], model_set: Sequence[str]) -> None:
    """Make every secret of this run known to the redactor, before anything is sent or written."""
    others = ("HF_TOKEN", "SERPAPI_API_KEY", os.environ.get("MODELEVAL_EMBEDDING_KEY_ENV"))
    for name in filter(None, (*key_envs, *others)):
        redact.remember(os.environ.get(name))
    for pair in model_set:
        redact.remember(*redact.secret_values(pair))
    redact.filter_loggers()
