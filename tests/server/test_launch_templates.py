"""The templates for several machines render, are valid, and start what the profile says; bad values are refused."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

# Both ship no types.
jsonschema: Any = importlib.import_module("jsonschema")
yaml: Any = importlib.import_module("yaml")

ROOT = Path(__file__).parents[2]
FLAGS = json.loads((Path(__file__).parent / "sglang_flags.json").read_text())[-1]["flags"]
HARD = """it's "quoted" $(touch /tmp/never) `x` \\ ${HOME} {"threads": 64}"""


def loaded() -> ModuleType:
    """ci/launch/render.py, which is a script and not in the package."""
    spec = importlib.util.spec_from_file_location("render_launch", ROOT / "ci" / "launch" / "render.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["render_launch"] = module
    spec.loader.exec_module(module)
    return module


render = loaded()


def rendered(engine: str, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """What the command prints for MiniMax-M2 on two nodes."""
    arguments = [engine, "--model", "MiniMax-M2", "--nodes", "2", "--project-dir", str(ROOT / "ci"), *more]
    assert render.main(arguments) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def objects(text: str) -> list[dict[str, Any]]:
    """The Kubernetes objects, each valid."""
    schema = json.loads((Path(__file__).parent / "kubernetes_objects.json").read_text())
    found = list(yaml.safe_load_all(text))
    for one in found:
        jsonschema.Draft202012Validator(schema).validate(one)
    return found


def flags_in(command: list[str]) -> dict[str, str]:
    """Flags of a command and their values."""
    pairs = zip(command, [*command[1:], ""], strict=True)
    return {part.removeprefix("--"): value for part, value in pairs if part.startswith("--")}


@pytest.mark.parametrize("engine", ["slurm", "ray"])
@pytest.mark.parametrize("is_hard", [False, True])
def test_scripts_are_sound(engine: str, is_hard: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Bash reads them, and shellcheck, where there is one, has nothing to say, whatever the values."""
    more = ("--flag", f"json-model-override-args={HARD}", "--", "-k", HARD) if is_hard else ()
    script = tmp_path / "job.sh"
    script.write_text(rendered(engine, capsys, *more))
    subprocess.run(["bash", "-n", str(script)], check=True)
    if shutil.which("shellcheck"):
        # A dollar sign in the user's own quoted words is rightly left alone; only a remark (SC2016) is made of it.
        severity = "warning" if is_hard else "style"
        command = ["shellcheck", f"--severity={severity}", str(script)]
        assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == ""


STUBS = {
    "scontrol": "printf 'node-a\\nnode-b\\n'",
    # Runs the task of the second node, after dropping srun's own flags.
    "srun": 'while [[ "$1" == --* ]]; do shift; done; SLURM_PROCID=1 exec "$@"',
    "python3": 'printf "%s\\0" "$@" > "$OUT/server"; env > "$OUT/env"; touch "$OUT/up"; exec sleep 60',
    # Healthy once the server's stand-in has written what it was given.
    "curl": 'until [ -e "$OUT/up" ]; do sleep 0.05; done',
    "python": 'printf "%s\\0" "$@" > "$OUT/pytest"; exit 6',
}


def ran(script: str, tmp_path: Path) -> tuple[int, dict[str, list[str]], str]:
    """Run a script with stand-ins for every command: exit status, the arguments of server and pytest, environment."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in STUBS.items():
        path = folder / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)
    job = tmp_path / "job.sh"
    job.write_text(script)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "OUT": str(tmp_path),
        "SLURM_JOB_NODELIST": "node-[a-b]",
        "SLURM_JOB_ID": "7",
    }
    done = subprocess.run(["bash", str(job)], cwd=tmp_path, env=environment, timeout=300, check=False)
    found = {name: (tmp_path / name).read_text().split("\0")[:-1] for name in ("server", "pytest")}
    return done.returncode, found, (tmp_path / "env").read_text()


def test_slurm_job_does_what_it_says(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With stand-ins for Slurm: rank, rendezvous and flags arrive whole, and the job ends with pytest's status."""
    script = rendered("slurm", capsys, "--flag", f"json-model-override-args={HARD}", "--", "-k", HARD)
    status, given, environment = ran(script, tmp_path)
    assert status == 6
    server = flags_in(given["server"])
    assert given["server"][:2] == ["-m", "sglang.launch_server"]
    assert set(server) <= set(FLAGS)
    expected = {"nnodes": "2", "node-rank": "1", "dist-init-addr": "node-a:20000", "tp-size": "16", "ep-size": "16"}
    assert expected.items() <= server.items()
    assert server["json-model-override-args"] == HARD
    assert given["pytest"][-4:] == ["-k", HARD, "--model-url", "http://node-a:8000/v1"]
    assert "SGLANG_FORCE_SHUTDOWN=1" in environment


def test_ray_script_does_what_it_says(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The same for Ray, where SGLang itself reaches the other nodes."""
    status, given, _ = ran(rendered("ray", capsys, "--", "-k", HARD), tmp_path)
    assert status == 6
    server = flags_in(given["server"])
    assert {"use-ray", *server} <= set(FLAGS)
    assert (server["nnodes"], server["tp-size"]) == ("2", "16")
    assert given["pytest"][-3:] == [HARD, "--model-url", "http://127.0.0.1:8000/v1"]


def test_kubernetes_objects_are_valid_and_belong_together(capsys: pytest.CaptureFixture[str]) -> None:
    """A set, its Service and its Job: names, ports and labels fit, and the server's flags exist."""
    made = objects(rendered("kubernetes", capsys, "--", "-k", HARD))
    workers, service, job = made
    template = workers["spec"]["leaderWorkerTemplate"]
    leader = template["leaderTemplate"]
    assert template["size"] == 2
    assert service["spec"]["selector"]["leaderworkerset.sigs.k8s.io/name"] == workers["metadata"]["name"]
    assert service["spec"]["selector"]["role"] == leader["metadata"]["labels"]["role"]
    assert "metadata" not in template["workerTemplate"]
    container = leader["spec"]["containers"][0]
    assert container["ports"][0]["containerPort"] == service["spec"]["ports"][0]["targetPort"]
    server = flags_in(shlex.split(container["args"][0]))
    assert set(server) <= set(FLAGS)
    assert server["dist-init-addr"] == "$LWS_LEADER_ADDRESS:20000"
    command = job["spec"]["template"]["spec"]["containers"][0]["command"]
    assert f"http://{service['metadata']['name']}:8000/v1" in command
    assert HARD.replace("$(", "$$(") in command
    assert container["args"] == template["workerTemplate"]["spec"]["containers"][0]["args"]


def test_schema_refuses_a_misspelt_field(capsys: pytest.CaptureFixture[str]) -> None:
    """The schema is strict: it would notice."""
    text = rendered("kubernetes", capsys).replace("restartPolicy: Recreate", "restartpolicy: Recreate")
    with pytest.raises(jsonschema.ValidationError):
        objects(text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "embedded"], "launches sglang.launch_server"),
        (["--model", "nothing"], "launches sglang.launch_server"),
        (["--nodes", "0"], "--nodes: expected a whole number from 1"),
        (["--gpus", "99"], "--gpus: expected"),
        (["--name", "Upper_Case"], "--name: expected lower-case"),
        (["--time", "soon"], "--time: expected a time limit"),
        (["--image", "x; rm -rf /"], "--image: expected a container image"),
        (["--claim", "a b"], "--claim: expected the name"),
        (["--flag", "X Y=3"], "--flag: expected NAME=VALUE"),
        (["--port", "20000"], "--rendezvous-port: expected another port"),
    ],
)
def test_bad_values_are_refused(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each names its option; nothing is written."""
    assert render.main(["slurm", "--model", "MiniMax-M2", "--project-dir", str(ROOT / "ci"), *arguments]) == 4
    out, error = capsys.readouterr()
    assert said in error
    assert out == ""


def test_a_flag_without_value_removes_it(capsys: pytest.CaptureFixture[str]) -> None:
    """--flag NAME takes a flag of the profile away; NAME=VALUE replaces it, once."""
    text = rendered("slurm", capsys, "--flag", "trust-remote-code", "--flag", "tp-size=4")
    assert "--trust-remote-code" not in text
    assert text.count("--tp-size 4") == 1
