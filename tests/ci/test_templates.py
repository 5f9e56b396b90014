"""The templates of ci/templates: linted as their services would read them, and their commands run for real."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback import Act, Answer, LoopbackServer, Refuse
from tests.support.suites import Result, Suite, environment, key_answer

# No package of types is needed for three calls.
yaml: Any = importlib.import_module("yaml")

TEMPLATES = Path(__file__).parents[2] / "ci" / "templates"
GITHUB, GITLAB, JENKINS = (TEMPLATES / name for name in ("github-actions.yml", "gitlab-ci.yml", "Jenkinsfile"))
BIN = Path(sys.executable).parent

GATES = """
[[gate]]
kind = "regression"
benchmark = "quiz"

[[gate]]
name = "few without an answer"
kind = "ceiling"
benchmark = "quiz"
of = "no_answer"
ceiling = 0.5
"""


def _tool(name: str) -> str:
    """A linter installed beside this Python, or anywhere; without it the test is skipped, but not in CI."""
    found = shutil.which(name, path=BIN) or shutil.which(name)
    if found is None:
        _missing(name)
    assert found is not None
    return found


def _missing(name: str) -> None:
    # ci/test installs them all; where it could not, nobody would notice that the templates are no longer looked at.
    is_ours = os.environ.get("CI") == "true" and (sys.platform, platform.machine()) == ("linux", "x86_64")
    assert not is_ours, f"{name} is not installed"
    pytest.skip(f"{name} is not installed")


def _lint(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_github_template_passes_actionlint() -> None:
    """Expressions, contexts, action inputs and (with shellcheck) the script, as GitHub would see them."""
    _lint(_tool("actionlint"), "-no-color", GITHUB)


@pytest.mark.parametrize(("file", "schema"), [(GITHUB, "github-workflows"), (GITLAB, "gitlab-ci")])
def test_templates_fit_their_published_schema(file: Path, schema: str) -> None:
    """The schemas that the services publish, as the package check-jsonschema carries them."""
    if importlib.util.find_spec("check_jsonschema") is None:
        _missing("check-jsonschema")
    _lint(sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", file)


@pytest.mark.parametrize("file", [GITHUB, GITLAB, JENKINS], ids=["github", "gitlab", "jenkins"])
def test_scripts_pass_shellcheck(file: Path, tmp_path: Path) -> None:
    """What the templates run is sound shell."""
    script = tmp_path / "script.sh"
    # The services set these.
    known = "MODEL MODEL_URL MODEL_KEY BENCHMARKS GATES BASELINE BLESS GITHUB_STEP_SUMMARY GITHUB_OUTPUT"
    script.write_text(f"#!/bin/bash\nexport {known}\n{script_of(file)}\n")
    _lint(_tool("shellcheck"), script)


def test_jenkinsfile_is_balanced_and_keeps_its_results() -> None:
    """Every bracket and quotation is closed; JUnit and the run folder are kept, whatever happened."""
    text = re.sub(r"(?m)^\s*//.*$", "", JENKINS.read_text())
    assert text.count("'''") == 4
    plain = re.sub(r"'''.*?'''|'[^'\n]*'|\"[^\"\n]*\"", "", text, flags=re.DOTALL)
    assert "'" not in plain
    assert '"' not in plain
    open_: list[str] = []
    for char in re.sub(r"[^(){}\[\]]", "", plain):
        if char in "({[":
            open_.append(char)
        else:
            assert open_.pop() + char in ("()", "{}", "[]")
    assert not open_
    always = text[text.index("post {") :]
    assert "junit testResults: 'evaluation-junit.xml'" in always
    assert "archiveArtifacts artifacts: 'evaluation/**'" in always


def test_gitlab_repeats_and_forgives_what_says_nothing_about_the_model() -> None:
    """Status 6 is tried again and is amber; every other failure is red; JUnit is shown in the merge request."""
    job = yaml.safe_load(GITLAB.read_text())["evaluate-model"]
    assert job["retry"]["exit_codes"] == job["allow_failure"]["exit_codes"] == [6]
    assert job["artifacts"]["reports"]["junit"] == "evaluation-junit.xml"
    assert any("evaluation" in cache["paths"] and cache["when"] == "always" for cache in job["cache"])


def script_of(file: Path) -> str:
    """The commands of a template that evaluate."""
    if file == JENKINS:
        _, script = re.findall(r"'''(.*?)'''", file.read_text(), flags=re.DOTALL)
        return str(script)
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    if file == GITLAB:
        return "\n".join(content["evaluate-model"]["script"])
    steps = content["jobs"]["evaluate"]["steps"]
    found: str = next(step["run"] for step in steps if step.get("name") == "Evaluate")
    return found


def run_script(suite: Suite, file: Path, url: str, **more: str) -> Result:
    """Run a template's commands as its service does, with bash -e in the project's folder."""
    suite.run_dir = suite.path / "evaluation"
    env = environment(suite.path) | {
        "MODEL": "test-model",
        "MODEL_URL": url,
        "MODEL_KEY": "",
        "BENCHMARKS": "test_quiz",
        "GATES": "gates.toml",
        "BASELINE": "baseline.json",
        "BLESS": "false",
        "MODELEVAL_DATA": str(suite.path / "data"),
        "GITHUB_STEP_SUMMARY": str(suite.path / "step.md"),
        "GITHUB_OUTPUT": str(suite.path / "output"),
        "GITHUB_ACTIONS": "true" if file == GITHUB else "",
    }
    env["PATH"] = f"{BIN}:{env['PATH']}"
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script_of(file)],
        cwd=suite.path,
        env={**env, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr, suite.summary())


@pytest.mark.parametrize("file", [GITHUB, GITLAB, JENKINS], ids=["github", "gitlab", "jenkins"])
def test_commands_bless_pass_and_turn_red_for_a_regression(suite: Suite, server: LoopbackServer, file: Path) -> None:
    """Without a baseline 6, and the run blesses one; with it 0; for planted wrong answers 1. JUnit is kept."""
    suite.write_rows(60)
    (suite.path / "gates.toml").write_text(GATES)
    first = run_script(suite, file, server.url, BLESS="true")
    assert first.status == 6, first.out + first.err
    assert sum(server.seen.prompts.values()) == 60
    (suite.path / "evaluation" / "baseline.json").rename(suite.path / "baseline.json")
    shutil.rmtree(suite.path / "evaluation")
    again = run_script(suite, file, server.url, MODEL_KEY="sk-secret")
    assert again.status == 0, again.out + again.err
    assert (suite.path / "evaluation-junit.xml").exists()
    assert (suite.path / "evaluation" / "report.html").exists()
    assert "sk-secret" not in again.out + again.err + (suite.path / "evaluation" / "run.json").read_text()
    shutil.rmtree(suite.path / "evaluation")
    server.script = lambda body, attempt: Answer(text="ANSWER: D")
    worse = run_script(suite, file, server.url)
    assert worse.status == 1, worse.out + worse.err
    if file == GITHUB:
        lines = [line for line in worse.out.splitlines() if line.startswith("::")]
        assert len(lines) == 1
        assert lines[0].startswith("::error title=gate failed%3A quiz regression::quiz")
        page = (suite.path / "step.md").read_text()
        assert page.index("**FAILED**") < page.index("| Dataset | Metric")
        assert page.count("| Dataset | Metric") == 1


@pytest.mark.parametrize("file", [GITHUB, JENKINS], ids=["github", "jenkins"])
def test_commands_ask_again_for_what_is_missing(suite: Suite, server: LoopbackServer, file: Path) -> None:
    """A sample that got no answer is asked again by the next attempt, and nothing else is; then all is well."""
    suite.write_rows(12)
    (suite.path / "gates.toml").write_text(GATES[GATES.index("[[gate]]", 5) :])
    seen: list[str] = []

    def script(body: dict[str, Any], attempt: int) -> Act:
        text = str(body["messages"][-1]["content"])
        seen.append(text)
        return Refuse(400) if "Question 3 " in text and seen.count(text) == 1 else key_answer(body, attempt)

    server.script = script
    result = run_script(suite, file, server.url)
    assert result.status == 0, result.out + result.err
    assert "attempt 2" in result.out
    assert "attempt 3" not in result.out
    assert len(seen) == 13
    assert result.summary is not None
    assert result.summary["complete"] is True
