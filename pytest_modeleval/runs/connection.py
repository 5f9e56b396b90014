"""From --model and --model-url to a server that answers, or a sentence that says why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_modeleval.errors import RunFolderError, SettingsError
from pytest_modeleval.evaluation.item_runner import ModelFacts
from pytest_modeleval.records import JsonObject
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.run_folder import read_run

if TYPE_CHECKING:
    from pytest_modeleval.server.connect import ServerSession
    from pytest_modeleval.server.profiles import Profile
    from pytest_modeleval.server.server_info import ServerFacts

DEFAULT_IN_FLIGHT = 64


@dataclass(slots=True)
class Connection:
    """The model as it is reached.

    server: what run.json keeps about the server. params: the profile's request parameters. opened: what has to
    be closed again in the main process. notes: for people.
    """

    model: ModelFacts
    server: JsonObject = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    in_flight: int = DEFAULT_IN_FLIGHT
    opened: ServerSession | None = None
    notes: tuple[str, ...] = ()

    def as_json(self) -> JsonObject:
        """For the workers of xdist, which connect to what the controller found."""
        model = self.model
        return {
            "model": [model.name, model.served, model.identity, list(model.urls), model.kind, model.version],
            "context_tokens": model.context_tokens,
            "tool_calls": model.tool_calls,
            "server": self.server,
            "params": dict(self.params),
            "in_flight": self.in_flight,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Connection:
        """The reverse of as_json."""
        name, served, identity, urls, kind, version = found["model"]
        told = found["context_tokens"], found["tool_calls"]
        facts = ModelFacts(name, served, identity, tuple(urls), kind, version, *told)
        return cls(facts, found["server"], found["params"], found["in_flight"])


def find_profile(settings: Settings) -> Profile | None:
    """The profile of --model, --model-set laid over it. Raises SettingsError if there is neither a profile nor a URL.

    --model-set alone makes a profile if it says where the model is, or what to begin from.
    """
    from pytest_modeleval.server import overrides, profiles  # noqa: PLC0415 - only where a model is named

    table = overrides.overrides(settings.model, settings.model_set)
    is_known = settings.model in profiles.profile_names(settings.project_dir)
    profile = None
    if is_known or settings.urls or "extends" in table or "urls" in table:
        profile = profiles.load_profile(settings.model, project_dir=settings.project_dir, overriding=table)
    if profile is None and not settings.urls:
        known = ", ".join(profiles.profile_names(settings.project_dir))
        near = profiles.closest_profile(settings.model, project_dir=settings.project_dir)
        hint = f"; did you mean {near}?" if near else "."
        raise SettingsError(
            f"--model: no profile is named {settings.model!r}{hint} Profiles: {known}. To evaluate a running server, "
            "add --model-url URL; to describe one, add a profile to models.toml"
        )
    return profile


def connect(
    settings: Settings,
    profile: Profile | None,
    *,
    log_dir: Path,
    say: Callable[[str], None],
    live: Callable[[str], bool],
) -> Connection:
    """Find out what is served; launch it if nothing answers and the profile can. Raises ConnectError or LaunchError."""
    from pytest_modeleval.server.connect import open_server  # noqa: PLC0415

    opened = open_server(
        settings.model,
        profile=profile,
        urls=settings.urls,
        log_dir=log_dir,
        project_dir=settings.project_dir,
        key=settings.key,
        key_env=settings.key_env,
        say=say,
        live=live,
    )
    facts = opened.facts
    context = facts.context_tokens
    if profile is not None and profile.context_tokens is not None:
        context = min(profile.context_tokens, context) if context else profile.context_tokens
    model = ModelFacts(
        settings.model,
        facts.model,
        facts.identity,
        tuple(facts.urls),
        facts.kind,
        facts.version,
        context,
        _tool_calls(profile.tool_calls if profile is not None else "detect", facts),
    )
    notes = list(facts.notes)
    if not opened.is_ours and (idle := _without_effect(settings)):
        notes.append(f"the server was running already, so this changes nothing: --model-set {', '.join(idle)}")
    own = profile.in_flight if profile is not None else None
    return Connection(
        model=model,
        server=facts.as_json(),
        params=profile.params if profile is not None else {},
        in_flight=settings.in_flight or own or DEFAULT_IN_FLIGHT,
        opened=opened,
        notes=tuple(notes),
    )


def _without_effect(settings: Settings) -> list[str]:
    """What of --model-set matters only to a server that the run starts itself."""
    from pytest_modeleval.server.overrides import is_launch_setting, without_secret  # noqa: PLC0415

    return [without_secret(pair) for pair in settings.model_set if is_launch_setting(pair)]


def _tool_calls(wished: str, facts: ServerFacts) -> str:
    """How calls are asked for: "native" or "text"."""
    if wished == "detect":
        return "native" if facts.has_native_tool_calls else "text"
    return wished


def stored_connection(folder: Path, settings: Settings) -> Connection:
    """The model of a stored run, for --eval-rescore: nothing is asked."""
    run = read_run(folder)
    if run is None:
        raise RunFolderError(f"--eval-rescore: expected a run folder with a run.json, but {folder} has none")
    if settings.model and settings.model != run["model"]:
        raise RunFolderError(f"--eval-rescore: {folder} holds a run of {run['model']}, not of {settings.model}")
    server = run.get("server") or {}
    facts = ModelFacts(
        run["model"],
        run["served"],
        run["identity"],
        (),
        server.get("kind", ""),
        server.get("version", ""),
        run.get("context_tokens"),
        run.get("tool_calls") or "native",
    )
    return Connection(facts, server, run.get("profile_params") or {}, 1)
