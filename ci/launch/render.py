"""Renders a profile's launch over several machines: for Slurm, Kubernetes (LeaderWorkerSet) or Ray.

    python ci/launch/render.py slurm --model MiniMax-M2 --nodes 2 --gpus 8 -- -k aime25 > job.sbatch

What stands behind -- is given to pytest. The command comes from the profile in models.toml; its tensor parallelism
becomes nodes x gpus unless --flag says otherwise. Every value is checked before anything is written.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import SettingsError, UserError
from pytest_modeleval.server.profiles import Launch, load_profile

HERE = Path(__file__).parent
TEMPLATES = {"slurm": "slurm.sbatch.j2", "kubernetes": "leaderworkerset.yaml.j2", "ray": "ray.sh.j2"}
# What Kubernetes accepts as the name of a Service; Slurm and file names accept it too.
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,50}[a-z0-9])?\Z")
_MODEL = re.compile(r"[\w.@/-]{1,100}\Z")
_IMAGE = re.compile(r"[a-z0-9][a-zA-Z0-9._/:@-]{1,200}\Z")
_TIME = re.compile(r"(\d+-)?\d{1,2}:\d{2}:\d{2}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Everything that a template needs. command: one node's server; pytest: the evaluation, without --model-url.

    environment: of the server. image, claim, runs_claim: for Kubernetes; time: for Slurm.
    """

    model: str
    name: str
    command: list[str]
    pytest: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    nodes: int = 1
    gpus: int = 8
    port: int = 8000
    rendezvous_port: int = 20000
    time: str = "12:00:00"
    image: str = "lmsysorg/sglang:latest"
    eval_image: str = "pytest-modeleval:latest"
    claim: str = "model-weights"
    runs_claim: str = "modeleval-runs"

    def __post_init__(self) -> None:
        """Raise SettingsError for the first value that is not usable: its name, what was expected, what was found."""
        numbers = {"nodes": (1, 512), "gpus": (1, 16), "port": (1024, 65535), "rendezvous_port": (1024, 65535)}
        for key, (least, most) in numbers.items():
            value = getattr(self, key)
            if not least <= value <= most:
                raise SettingsError(f"--{key}: expected a whole number from {least} to {most}, found {value}")
        words: dict[str, tuple[re.Pattern[str], str]] = {
            "model": (_MODEL, "a profile's name of letters, digits, dots, dashes and slashes"),
            "name": (_NAME, "lower-case letters, digits and dashes, such as minimax-m2"),
            "claim": (_NAME, "the name of a PersistentVolumeClaim"),
            "runs_claim": (_NAME, "the name of a PersistentVolumeClaim"),
            "image": (_IMAGE, "a container image such as lmsysorg/sglang:latest"),
            "eval_image": (_IMAGE, "a container image that has pytest-modeleval"),
            "time": (_TIME, "a time limit such as 12:00:00 or 2-00:00:00"),
        }
        for key, (pattern, expected) in words.items():
            if not pattern.match(getattr(self, key)):
                raise SettingsError(f"--{key.replace('_', '-')}: expected {expected}, found {getattr(self, key)!r}")
        if self.port == self.rendezvous_port:
            raise SettingsError(f"--rendezvous-port: expected another port than --port, found {self.port} twice")


def render(engine: str, placement: Placement) -> str:
    """The text for that engine: "slurm", "kubernetes" or "ray"."""
    import jinja2  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    filters: Mapping[str, Callable[[Any], str]] = {
        "shell": shlex.join,
        "word": shlex.quote,
        "json": json.dumps,
        # Kubernetes itself replaces $(NAME) in a command; a doubled $ keeps it from that.
        "container": lambda text: str(text).replace("$(", "$$("),
    }
    environment.filters.update(filters)
    return environment.get_template(TEMPLATES[engine]).render(asdict(placement))


def server_command(launch: Launch, flags: Mapping[str, str | None], *, port: int) -> list[str]:
    """The profile's command for one node of several: python of the container, open to the others, flags replaced.

    flags: name without dashes -> value; None removes it.
    """
    command = ["python3" if part == "{python}" else part for part in launch.argv]
    command = [part.replace("{port}", str(port)) for part in command]
    for name, value in flags.items():
        flag = f"--{name}"
        if flag in command:
            at = command.index(flag)
            has_value = at + 1 < len(command) and not command[at + 1].startswith("--")
            del command[at : at + 1 + has_value]
        if value is not None:
            command += [flag, value]
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command; 4 for a value that is not usable."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    at = given.index("--") if "--" in given else len(given)
    parser = argparse.ArgumentParser(description="Render a launch over several machines.")
    parser.add_argument("engine", choices=TEMPLATES)
    parser.add_argument("--model", required=True, help="a profile of models.toml that launches SGLang")
    parser.add_argument("--project-dir", type=Path, default=Path(), help="where models.toml is")
    parser.add_argument("--name", default="", help="of the job, set or service")
    for key in ("nodes", "gpus", "port", "rendezvous-port"):
        parser.add_argument(f"--{key}", type=int, default=None)
    for key in ("time", "image", "eval-image", "claim", "runs-claim"):
        parser.add_argument(f"--{key}", default=None)
    parser.add_argument("--flag", action="append", default=[], metavar="NAME=VALUE", help="of the server; repeatable")
    options = parser.parse_args(given[:at])
    try:
        print(render(options.engine, _placement(options, given[at + 1 :])), end="")
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 4
    return 0


def _placement(options: argparse.Namespace, pytest_arguments: Sequence[str]) -> Placement:
    profile = load_profile(options.model, project_dir=options.project_dir)
    if profile is None or profile.launch is None or "sglang.launch_server" not in profile.launch.argv:
        raise SettingsError(
            f"--model: expected a profile of models.toml that launches sglang.launch_server, found {options.model!r}"
        )
    keys = ("nodes", "gpus", "port", "rendezvous_port", "time", "image", "eval_image", "claim", "runs_claim")
    chosen = {key: getattr(options, key) for key in keys if getattr(options, key) is not None}
    nodes, gpus, port = chosen.get("nodes", 1), chosen.get("gpus", 8), chosen.get("port", 8000)
    flags: dict[str, str | None] = {"host": "0.0.0.0", "tp-size": str(nodes * gpus)}
    if "--ep-size" in profile.launch.argv:
        # Experts are spread as wide as tensors, as in the recipe: otherwise the FP8 blocks may not divide.
        flags["ep-size"] = flags["tp-size"]
    for pair in options.flag:
        name, sign, value = pair.partition("=")
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
            raise SettingsError(f"--flag: expected NAME=VALUE, such as ep-size=16, found {pair!r}")
        flags[name] = value if sign else None
    return Placement(
        model=profile.name,
        name=options.name or re.sub(r"[^a-z0-9]+", "-", profile.name.lower()).strip("-"),
        command=server_command(profile.launch, flags, port=port),
        pytest=["python", "-m", "pytest", "--model", profile.name, *pytest_arguments],
        # What is placed per replica on one machine ({gpus}) has no meaning over several.
        environment={name: text for name, text in profile.launch.env.items() if "{" not in text},
        **chosen,
    )


if __name__ == "__main__":
    sys.exit(main())
