"""Connects a run to its model: from --model and --model-url to a server that answers, or to an error message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_modeleval._support import redact
from pytest_modeleval.errors import RunFolderError, SettingsError
from pytest_modeleval.rag.profile import RagProfile
from pytest_modeleval.records import JsonObject
from pytest_modeleval.server_facts import PIPELINE, ModelFacts, RoleFacts, ServerFacts
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.run_file import load_run

if TYPE_CHECKING:
    from pytest_modeleval.server.connect import ServerHandle
    from pytest_modeleval.server.launched_server import LaunchedServer
    from pytest_modeleval.server.profiles import Profile

DEFAULT_IN_FLIGHT = 64
# Keys of --model-set, one of which makes a profile of its own.
_SELF_CONTAINED = frozenset({"extends", "urls", "rag"})


@dataclass(slots=True)
class Connection:
    """The model and how it is reached."""

    model: ModelFacts

    params: Mapping[str, Any] = field(default_factory=dict)
    """The profile's request parameters."""

    in_flight: int = DEFAULT_IN_FLIGHT

    opened: ServerHandle | None = None
    """What the main process has to close again; None in workers and when rescoring."""

    notes: tuple[str, ...] = ()
    """Warnings for people."""

    roles: Mapping[str, RoleFacts] = field(default_factory=dict)
    """Role -> the model in it."""

    opened_roles: Mapping[str, ServerHandle] = field(default_factory=dict)
    """Role -> its servers, which the main process has to close again."""

    rag: RagProfile | None = None
    """The user's own RAG pipeline, where the profile has one."""

    @property
    def all_opened(self) -> list[ServerHandle]:
        """The servers of all models of the run."""
        return [*([] if self.opened is None else [self.opened]), *self.opened_roles.values()]

    @property
    def launched(self) -> list[LaunchedServer]:
        """Every server that the run started."""
        return [server for handle in self.all_opened for server in handle.launched]

    def as_json(self, share: Callable[[int], int] = lambda in_flight: in_flight) -> JsonObject:
        """For the workers of xdist, which connect to what the controller found.

        share: requests of the whole run -> those of this worker, for the models in roles.
        """
        roles = {role: replace(facts, in_flight=share(facts.in_flight)).as_json() for role, facts in self.roles.items()}
        return {
            "model": self.model.as_json(),
            "params": dict(self.params),
            "in_flight": self.in_flight,
            "roles": roles,
            "rag": None if self.rag is None else replace(self.rag, in_flight=share(self.rag.in_flight)).as_json(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Connection:
        """The reverse of as_json."""
        roles = {role: RoleFacts.from_json(facts) for role, facts in stored["roles"].items()}
        rag = None if stored["rag"] is None else RagProfile.from_json(stored["rag"])
        return cls(ModelFacts.from_json(stored["model"]), stored["params"], stored["in_flight"], roles=roles, rag=rag)


def find_profile(settings: Settings) -> Profile | None:
    """The profile of --model with the values of --model-set. Raises SettingsError without a profile or a URL.

    --model-set alone makes a profile if it names the model's address, or a profile to extend.
    """
    from pytest_modeleval.server import overrides, profiles  # noqa: PLC0415 - only where a model is named

    table = overrides.overrides(settings.model, settings.model_set)
    is_known = settings.model in profiles.profile_names(settings.project_dir)
    profile = None
    if is_known or settings.urls or not _SELF_CONTAINED.isdisjoint(table):
        profile = profiles.load_profile(settings.model, project_dir=settings.project_dir, overriding=table)
    if profile is None and not settings.urls:
        known = ", ".join(profiles.profile_names(settings.project_dir))
        close = profiles.closest_profile(settings.model, project_dir=settings.project_dir)
        hint = f"; did you mean {close!r}?" if close else "."
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
    report: Callable[[str], None],
    show_progress: Callable[[str], bool],
) -> Connection:
    """Identify the server; launch it if nothing answers and the profile can. Raises ConnectError or LaunchError.

    A profile of a RAG pipeline alone has no server.
    """
    if profile is not None and profile.rag is not None and not (settings.urls or profile.urls or profile.launch):
        return _pipeline_connection(settings.model, profile.rag)
    from pytest_modeleval.server.connect import open_server  # noqa: PLC0415

    opened = open_server(
        settings.model,
        profile=profile,
        urls=settings.urls,
        log_dir=log_dir,
        project_dir=settings.project_dir,
        key=settings.key,
        key_env=settings.key_env,
        report=report,
        show_progress=show_progress,
    )
    facts = opened.facts
    model = ModelFacts(
        name=settings.model,
        server=facts,
        identity=facts.identity,
        context_tokens=_context_tokens(facts.context_tokens, profile),
        tool_calls=_choose_tool_calls(profile.tool_calls if profile is not None else "detect", facts),
        other_names=(settings.model, *(profile.served_names if profile is not None else ())),
    )
    notes = list(facts.notes)
    if not opened.is_ours and (unused := _launch_settings(settings)):
        notes.append(f"the server was running already, so this changes nothing: --model-set {', '.join(unused)}")
    own = profile.in_flight if profile is not None else None
    return Connection(
        model=model,
        params=profile.params if profile is not None else {},
        in_flight=settings.in_flight or own or DEFAULT_IN_FLIGHT,
        opened=opened,
        notes=tuple(notes),
        rag=profile.rag if profile is not None else None,
    )


def _pipeline_connection(name: str, rag: RagProfile) -> Connection:
    facts = ServerFacts(model=name, kind=PIPELINE, version=rag.version)
    return Connection(ModelFacts(name=name, server=facts, identity=facts.identity), rag=rag)


def _launch_settings(settings: Settings) -> list[str]:
    """The values of --model-set that have an effect only on a server that the run starts itself."""
    from pytest_modeleval.server.overrides import is_launch_setting  # noqa: PLC0415

    return [redact.setting(pair) for pair in settings.model_set if is_launch_setting(pair)]


def _choose_tool_calls(wished: str, facts: ServerFacts) -> str:
    """How tools are offered: "native" or "text"."""
    if wished == "detect":
        return "native" if facts.has_native_tool_calls else "text"
    return wished


def stored_connection(folder: Path, settings: Settings) -> Connection:
    """The model of a stored run, for --eval-rescore, which sends no request."""
    try:
        run = load_run(folder)
    except RunFolderError as mistake:
        raise RunFolderError(f"--eval-rescore: {mistake}") from mistake
    if settings.model and settings.model != run["model"]:
        raise RunFolderError(f"--eval-rescore: {folder} holds a run of {run['model']}, not of {settings.model}")
    model = ModelFacts(
        name=run["model"],
        # No address: nothing may be sent.
        server=replace(ServerFacts.from_json(run.get("server") or {}), model=run["served"], urls=()),
        identity=run["identity"],
        context_tokens=run.get("context_tokens"),
        tool_calls=run.get("tool_calls") or "native",
        other_names=tuple(run.get("model_names") or ()),
    )
    roles = {role: _stored_role(RoleFacts.from_json(facts)) for role, facts in (run.get("roles") or {}).items()}
    return Connection(model, run.get("profile_params") or {}, 1, roles=roles)


def _stored_role(facts: RoleFacts) -> RoleFacts:
    """Without addresses: nothing may be sent."""
    return replace(facts, model=replace(facts.model, server=replace(facts.model.server, urls=())))


def _context_tokens(served: int | None, profile: Profile | None) -> int | None:
    """The smaller of the context that the server has and the one that the profile allows, as far as they are known."""
    known = [tokens for tokens in (served, profile and profile.context_tokens) if tokens]
    return min(known, default=None)
