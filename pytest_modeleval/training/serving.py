"""How a profile serves a checkpoint: values of --model-set with {checkpoint}, {step} and {name} filled in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.server.profiles import Launch, load_profile, profile_names
from pytest_modeleval.training.checkpoints import Checkpoint

# Program -> its flag for the weights; both call the model by its path without the second flag.
_FLAGS = {"sglang": "model-path", "vllm": "model"}
_NAME_FLAG = "served-model-name"


def templates_of(profile: str, given: Sequence[str], *, project: Path) -> list[str]:
    """The --model-set templates of a watch: what the user gave, else what the profile's program needs.

    Raises SettingsError where the profile launches nothing, or something unknown, and no template names {checkpoint}.
    """
    if any("{checkpoint}" in pair or "{name}" in pair for pair in given):
        return [*given, "urls=[]"]
    found = load_profile(profile, project_dir=project)
    if found is None or found.launch is None:
        known = ", ".join(profile_names(project))
        raise SettingsError(
            f"modeleval watch: --profile: expected a profile that launches a server, found {profile!r} (profiles: "
            f"{known}); add one to models.toml, or --model-url URL for a server that follows the training by itself"
        )
    flag = _weights_flag(found.launch)
    if flag is None:
        raise SettingsError(
            f"modeleval watch: the profile {profile} starts a program whose flag for the weights is not "
            "known; give it: --set launch.flags.NAME={checkpoint}, or --set launch.env.NAME={checkpoint}"
        )
    # A server that runs already serves another checkpoint.
    return [*given, f"launch.flags.{flag}={{checkpoint}}", f"launch.flags.{_NAME_FLAG}={profile}", "urls=[]"]


def _weights_flag(launch: Launch) -> str | None:
    words = " ".join(launch.argv[:4])
    return next((flag for program, flag in _FLAGS.items() if program in words), None)


def filled(templates: Sequence[str], checkpoint: Checkpoint) -> Iterator[str]:
    """The options of pytest for one checkpoint."""
    values = {"{checkpoint}": str(checkpoint.path), "{step}": str(checkpoint.step), "{name}": checkpoint.name}
    for template in templates:
        text = template
        for mark, value in values.items():
            text = text.replace(mark, value)
        yield f"--model-set={text}"
