"""The options themselves: names, help, and where a value comes from. Light, because every pytest run loads it.

Precedence: command line > environment (MODELEVAL_...) > ini > default.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest


class Option(NamedTuple):
    """One option: `--eval-limit` is also the ini key eval_limit and the variable MODELEVAL_LIMIT."""

    flag: str
    metavar: str
    help: str
    is_repeatable: bool = False
    is_switch: bool = False

    @property
    def ini(self) -> str:
        """The ini key."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def env(self) -> str:
        """The environment variable."""
        return "MODELEVAL_" + self.ini.removeprefix("eval_").upper()


OPTIONS = (
    Option("--model", "NAME", "a profile of models.toml, a served model's name, or 'embedded'; without it: no effect"),
    Option("--model-url", "URL", "connect here (repeatable: several replicas)", is_repeatable=True),
    Option(
        "--model-set",
        "KEY=VALUE",
        "lay a value over the profile, by its dotted path in models.toml: launch.port=8001, launch.flags.tp-size=4, "
        "restart=1 (repeatable)",
        is_repeatable=True,
    ),
    Option("--model-key-env", "VAR", "the environment variable that holds the API key"),
    Option("--judge", "NAME", "the model that judges answers where a benchmark needs it: a profile, as of --model"),
    Option("--judge-url", "URL", "connect to the judge here (repeatable: several replicas)", is_repeatable=True),
    Option("--judge-key-env", "VAR", "the environment variable that holds the judge's API key"),
    Option(
        "--judge-same-family",
        "",
        "let the judge be the model under test, or a model of its family; models prefer answers of their own kind",
        is_switch=True,
    ),
    Option(
        "--eval-role",
        "ROLE=PROFILE",
        "a further model of the run, such as user=my-simulator; --judge NAME is the role judge (repeatable)",
        is_repeatable=True,
    ),
    Option("--eval-in-flight", "N", "requests at once, over all processes (default 64, or the profile's)"),
    Option(
        "--eval-tasks",
        "PACKAGE:NAME[,NAME]",
        "evaluate tasks of lm-eval, Inspect or EvalScope, such as lm_eval:mmlu_pro,bbh or "
        "inspect:inspect_evals/gpqa_diamond (repeatable)",
        is_repeatable=True,
    ),
    Option("--eval-limit", "N|F", "per subset: the first N rows, or that fraction (0.1)"),
    Option(
        "--eval-subset",
        "BENCHMARK=SUBSET[,SUBSET]",
        "evaluate exactly these subsets, and no other benchmark (repeatable)",
        is_repeatable=True,
    ),
    Option(
        "--eval-option",
        "BENCHMARK.KEY=VALUE",
        "set an option that a benchmark declares, such as mmlu.shots=0; part of the experiment (repeatable)",
        is_repeatable=True,
    ),
    Option("--eval-repeats", "K", "ask each sample K times, as separate requests (default 1)"),
    Option("--eval-param", "KEY=VALUE", "override a generation parameter (repeatable)", is_repeatable=True),
    Option("--eval-system", "FILE", "a system prompt for every request that has none; part of the experiment"),
    Option(
        "--eval-dry-run",
        "",
        "show what would be asked: counts, and one whole request of each subset; nothing is sent",
        is_switch=True,
    ),
    Option("--eval-data", "DIR", "read dataset rows from DIR, offline"),
    Option("--eval-run", "DIR", "the run folder; an existing one is resumed"),
    Option("--eval-shard", "I/N", "run the I-th of N parts of the samples; `modeleval merge` joins the run folders"),
    Option("--eval-rescore", "DIR", "grade a stored run again; no server is asked"),
    Option("--eval-gates", "FILE", "gates to judge (TOML)"),
    Option("--eval-baseline", "FILE", "the earlier result to compare with"),
    Option("--eval-bless", "FILE", "write this run as a baseline"),
    Option(
        "--eval-only",
        "KIND[,KIND]",
        "ask again the samples that had this kind in the model's last run (wrong, no_answer, truncated, ungraded, "
        "...); with --eval-rescore: only grade them again",
    ),
    Option(
        "--eval-stop-early",
        "",
        "stop asking as soon as the verdict of every gate is certain (docs/gates.md); samples are then asked in random "
        "order",
        is_switch=True,
    ),
    Option(
        "--eval-repeat-until-decided",
        "K",
        "ask the samples of gates that cannot be judged yet again, until they can be or were asked K times",
    ),
    Option("--eval-strict", "", "a wrong answer is an ordinary test failure", is_switch=True),
    Option(
        "--eval-unsafe-code",
        "",
        "where no sandbox can be built, run programs that the model wrote without one: they can do what you can do",
        is_switch=True,
    ),
    Option(
        "--eval-fast-path",
        "auto|off",
        "run samples by a shorter protocol than pytest's where no plugin needs the full one (default auto); a line of "
        "the header says whether it is on, and which plugin switched it off",
    ),
    Option("--eval-max-ungraded", "N|F", "how many samples may end without a grade (default 0)"),
    Option(
        "--eval-flush-cache",
        "",
        "empty the server's prefix cache before the first request (SGLang, vLLM); done without asking where gates are "
        "judged on a server that this run started",
        is_switch=True,
    ),
    Option(
        "--eval-idle-timeout",
        "SECONDS",
        "how long a server may send nothing before the request is sent again (default: ten times the slowest seen so "
        "far, between 10 s and 600 s)",
    ),
    Option("--eval-sample-timeout", "SECONDS", "limit for one response (default: 300 s + max_tokens / 5 per second)"),
)


def add_options(parser: pytest.Parser) -> None:
    """Declare every option and its ini key."""
    group = parser.getgroup("modeleval", "language model evaluation (pytest-modeleval)")
    for option in OPTIONS:
        help_text = f"{option.help} [ini: {option.ini}, env: {option.env}]"
        if option.is_switch:
            group.addoption(option.flag, action="store_true", default=None, dest=option.ini, help=help_text)
        else:
            action = "append" if option.is_repeatable else "store"
            group.addoption(
                option.flag, action=action, default=None, dest=option.ini, metavar=option.metavar, help=help_text
            )
        # A text ini key for all: values are checked here, with the same words as the command line's.
        parser.addini(option.ini, f"same as {option.flag}", default="")


def is_active(config: pytest.Config) -> bool:
    """True if this pytest run evaluates a model."""
    return bool(value_of(config, "--model") or value_of(config, "--eval-rescore"))


def is_on_command_line(config: pytest.Config) -> bool:
    """True if the command itself names what is evaluated, and not an ini file or a variable."""
    return bool(config.getoption("model", None) or config.getoption("eval_rescore", None))


def _option(flag: str) -> Option:
    return next(option for option in OPTIONS if option.flag == flag)


def values_of(config: pytest.Config, flag: str) -> list[str]:
    """Everything a repeatable option was given; an ini key or variable holds words."""
    option = _option(flag)
    given = config.getoption(option.ini, None)
    if given:
        return [str(value) for value in given]
    text = os.environ.get(option.env) or str(config.getini(option.ini) or "")
    return text.split()


def value_of(config: pytest.Config, flag: str) -> str:
    """The text of an option, "" if it was not given."""
    option = _option(flag)
    given = config.getoption(option.ini, None)
    if given is not None and given is not False:
        return str(given).strip()
    return (os.environ.get(option.env) or str(config.getini(option.ini) or "")).strip()
