"""Connects a run to its further models, such as a judge; a judge of the tested model's own family is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pytest_modeleval.client.body import effective_params
from pytest_modeleval.errors import SettingsError, UserError
from pytest_modeleval.roles import JUDGE
from pytest_modeleval.runs.connection import Connection, connect, find_profile
from pytest_modeleval.server_facts import ModelFacts, RoleFacts
from pytest_modeleval.settings import Settings

# Words in the names of models -> their family. Two models without a known word are related if their names are equal.
_FAMILIES = {
    "qwen": "qwen|qwq|qvq",
    "llama": "llama",
    "mistral": "mistral|mixtral|magistral|ministral|codestral|devstral|pixtral",
    "google": "gemma|gemini",
    "openai": "gpt|chatgpt|o[134](?![a-z0-9])",
    "claude": "claude",
    "deepseek": "deepseek",
    "glm": "glm|chatglm",
    "minimax": "minimax|abab",
    "kimi": "kimi|moonlight",
    "phi": "phi(?![a-z])",
    "grok": "grok",
    "ernie": "ernie",
    "hunyuan": "hunyuan",
    "internlm": "internlm|interns",
    "command": "command-[ar]|c4ai",
    "granite": "granite",
    "nemotron": "nemotron",
    "olmo": "olmo|olmoe",
    "smollm": "smollm",
    "falcon": "falcon",
    "seed": "doubao|seed-oss",
    "mimo": "mimo",
    "yi": "yi(?![a-z])",
}


def connect_roles(
    settings: Settings,
    connection: Connection,
    *,
    log_dir: Path,
    report: Callable[[str], None],
    show_progress: Callable[[str], bool],
) -> None:
    """Reach the model of each role, launching its server if need be, and enter it into the connection.

    Raises UserError; the servers launched until then are in the connection, to be stopped.
    """
    roles: dict[str, RoleFacts] = {}
    for role, given in settings.roles.items():
        own = replace(settings, model=given.model, urls=given.urls, key_env=given.key_env, model_set=(), in_flight=None)
        role_dir = log_dir / role
        role_dir.mkdir(exist_ok=True)
        try:
            found = connect(own, find_profile(own), log_dir=role_dir, report=report, show_progress=show_progress)
        except UserError as error:
            raise _renamed(error, role) from None
        finally:
            _name_logs(role_dir, log_dir, role)
        if found.opened is not None:
            connection.opened_roles = {**connection.opened_roles, role: found.opened}
            for server in found.opened.launched:
                server.log_file = log_dir / f"{role}-{server.log_file.name}"
        params = effective_params(
            benchmark={}, profile=found.params, user={}, context_tokens=found.model.context_tokens
        )
        roles[role] = RoleFacts(model=found.model, params=params, in_flight=found.in_flight)
        connection.notes = (*connection.notes, *(f"{role}: {note}" for note in found.notes))
        if role == JUDGE and (why := relation(connection.model, found.model)):
            _check_related(why, is_allowed=settings.allows_same_family)
            connection.notes = (*connection.notes, f"{why} (--judge-same-family): its verdicts may favour the model")
    connection.roles = roles


def _check_related(why: str, *, is_allowed: bool) -> None:
    """Raises SettingsError for a judge that is related to the model under test, unless that is allowed."""
    if not is_allowed:
        raise SettingsError(
            f"--judge: expected a judge of another family than the model under test, but {why}; models prefer "
            "answers of their own kind. Name another judge, or allow this one with --judge-same-family"
        )


def relation(model: ModelFacts, judge: ModelFacts) -> str:
    """How the judge is related to the model under test, as a clause; "" if no relation is known."""
    names, others = _names(model), _names(judge)
    if model.identity == judge.identity or names & others:
        return f"{judge.name} is the model under test"
    if shared := families(names) & families(others):
        return f"{judge.name} is of the same family as the model under test ({', '.join(sorted(shared))})"
    return ""


def families(names: frozenset[str]) -> frozenset[str]:
    """The families whose words are in the names; a distilled model may belong to two."""
    patterns = {family: rf"(?<![a-z])(?:{words})" for family, words in _FAMILIES.items()}
    return frozenset(family for family, pattern in patterns.items() if any(re.search(pattern, name) for name in names))


def _names(model: ModelFacts) -> frozenset[str]:
    # The weights where they are known: two servers may both serve as "default".
    known = (model.server.root,) if model.server.root else (model.served, *model.server.aliases)
    return frozenset(name.rstrip("/").rpartition("/")[2].lower() for name in known if name)


def _renamed(error: UserError, role: str) -> UserError:
    """The error with the option by which the model of this role was named."""
    text = str(error)
    text = text.replace("--model", "--judge") if role == JUDGE else f"--eval-role {role}: {text}"
    return type(error)(text)


def _name_logs(role_dir: Path, log_dir: Path, role: str) -> None:
    """Move the logs of a role's servers up, under names with the role."""
    for log in role_dir.iterdir():
        log.rename(log_dir / f"{role}-{log.name}")
    role_dir.rmdir()
