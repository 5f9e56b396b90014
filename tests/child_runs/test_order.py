"""The arguments of `evaluate` become the command line that a person would type."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval import evaluate
from pytest_modeleval.child_runs.order import Order, command_of, environment_of, folder_of


def order(**given: Any) -> Order:
    """An order with nothing but a model."""
    empty: dict[str, Any] = dict.fromkeys(
        ("subsets", "params", "options", "url", "judge_url", "project"),
    )
    return Order(**{**empty, "model": "m", "select": "", "paths": {}, "plain": {}, "args": (), **given})


def test_names_of_shipped_benchmarks_select_exactly_these() -> None:
    """`mmlu` does not take mmlu_pro with it, as -k would; what is no name is an expression of -k."""
    *_, last = command_of(order(select="mmlu"))
    assert last.endswith("mmlu/test_mmlu.py::test_mmlu")
    assert not [word for word in command_of(order(select=["gsm8k", "ifeval"])) if word.startswith("-k")]
    assert "-k=(gsm8k) or (my_page)" in command_of(order(select=["gsm8k", "my_page"]))
    assert "-k=gsm8k and not x" in command_of(order(select="gsm8k and not x"))
    assert command_of(order(select="gsm8k", project=".")) == ["--color=no", "--model=m", "-k=gsm8k"]


def test_values_keep_their_types_and_paths_their_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """JSON for parameters, one option for each address and benchmark; a relative path is one of the caller's folder."""
    monkeypatch.chdir(tmp_path)
    given = order(
        select="aime25",
        subsets=["AIME2025-I"],
        params={"temperature": 0, "stop": ["\n"], "style": "7"},
        options={"mmlu.shots": 0},
        url=["http://a/v1", "http://b/v1"],
        paths={"--eval-run": "runs/x", "--eval-gates": None},
        plain={"--eval-limit": 0.5, "--eval-strict": True, "--eval-repeats": None},
    )
    words = command_of(given)
    for word in (
        "--eval-subset=aime25=AIME2025-I",
        "--eval-param=temperature=0",
        '--eval-param=stop=["\\n"]',
        '--eval-param=style="7"',
        "--eval-option=mmlu.shots=0",
        "--model-url=http://b/v1",
        f"--eval-run={tmp_path}/runs/x",
        "--eval-limit=0.5",
        "--eval-strict",
    ):
        assert word in words
    assert not [word for word in words if "None" in word]
    assert folder_of(given) == tmp_path
    assert folder_of(order(project="sub")) == tmp_path / "sub"


def test_the_environment_is_the_callers_without_its_own_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA_VISIBLE_DEVICES as it is, PYTEST_ADDOPTS gone; `env` sets and removes; the caller is named."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--cov")
    monkeypatch.setenv("A_KEY", "x")
    found = environment_of(order(env={"A_KEY": None, "B": "1"}, caller={"step": 7}))
    assert found["CUDA_VISIBLE_DEVICES"] == "3"
    assert found["B"] == "1"
    assert not {"PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "A_KEY"} & found.keys()
    caller = json.loads(found["MODELEVAL_CALLER"])
    assert caller["pid"] == os.getpid()
    assert caller["step"] == 7


def test_a_wrong_argument_is_an_error_before_anything_starts() -> None:
    """A misspelt name is a TypeError; subsets need the name of their benchmark."""
    with pytest.raises(TypeError, match="'limt'"):
        evaluate("m", "gsm8k", limt=5)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=r"expected the name of one benchmark in select, found \['a', 'b'\]"):
        evaluate("m", ["a", "b"], subsets=["x"])


def test_the_caller_loads_neither_pytest_nor_numpy() -> None:
    """A training imports this next to its own libraries; the summary of a run is read without them too."""
    read = "import pytest_modeleval.child_runs.process, sys; from pytest_modeleval import ModelEvalCallback, evaluate"
    heavy = "print(sorted({'pytest', '_pytest', 'numpy', 'torch', 'transformers', 'httpx'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", f"{read}; {heavy}"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
