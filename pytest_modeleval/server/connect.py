"""The server of one run: found at an address, or launched because nothing answered there; ended only if it is ours."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from pytest_modeleval.errors import ConnectError, SettingsError
from pytest_modeleval.server.identify import UnreachableError, identify
from pytest_modeleval.server.profiles import closest_profile, profile_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from pytest_modeleval.server.launched_server import LaunchedServer
    from pytest_modeleval.server.profiles import Profile
    from pytest_modeleval.server.server_info import ServerFacts


class ServerSession:
    """What answers in this run.

    facts: what is served, and where. launched: the servers that we started, one per replica; empty if none.
    """

    def __init__(self, facts: ServerFacts, launched: Sequence[LaunchedServer] = ()) -> None:
        self.facts = facts
        self.launched = tuple(launched)

    @property
    def is_ours(self) -> bool:
        """True if we started what answers, and will stop it."""
        return bool(self.launched)

    def stop(self) -> None:
        """End what we started; nothing else. May be called again."""
        _stop_all(self.launched)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def open_server(
    model: str,
    *,
    profile: Profile | None,
    urls: Sequence[str],
    log_dir: Path,
    project_dir: Path,
    key: str | None = None,
    key_env: str | None = None,
    say: Callable[[str], None] = lambda _: None,
    live: Callable[[str], bool] = lambda _: False,
) -> ServerSession:
    """Connect to `urls`, else to the profile's; launch the profile's command where nothing answers there.

    log_dir: where a launched server's log goes (server.log; server-1.log and so on for further replicas).
    say, live: told how far a launch has come, see LaunchedServer.
    Raises SettingsError, ConnectError or LaunchError, one message each.
    """
    names = profile.served_names if profile else ()
    if urls:
        return ServerSession(identify(urls, model=model, served_names=names, key=key, key_env=key_env))
    if profile is None:
        close = closest_profile(model, project_dir=project_dir)
        known = ", ".join(profile_names(project_dir))
        hint = f"did you mean --model {close}?" if close else f"known profiles: {known}"
        raise SettingsError(
            f"--model: expected a profile of models.toml, or the name of a served model together with --model-url; "
            f"found {model!r}, {hint}"
        )
    if profile.urls:
        try:
            return ServerSession(identify(profile.urls, model=model, served_names=names, key=key, key_env=key_env))
        except UnreachableError as error:
            if profile.launch is None:
                raise
            # A timeout or 503 means that somebody is there, still loading: a second server beside it would find
            # neither its port nor free GPUs.
            if error.is_somebody_there:
                raise
            say(f"{model}: nothing answers at {', '.join(profile.urls)}, starting it")
    if profile.launch is None:
        raise ConnectError(
            f"--model {model}: its profile in {profile.source} has neither urls nor a [launch] table; give the address "
            f"of a running server with --model-url"
        )
    return _launched(model, profile, log_dir=log_dir, key=key, key_env=key_env, say=say, live=live)


def _launched(
    model: str,
    profile: Profile,
    *,
    log_dir: Path,
    key: str | None,
    key_env: str | None,
    say: Callable[[str], None],
    live: Callable[[str], bool],
) -> ServerSession:
    from pytest_modeleval.server import orphans  # noqa: PLC0415 - only where something is launched
    from pytest_modeleval.server.launched_server import LaunchedServer  # noqa: PLC0415

    assert profile.launch is not None
    # No place for the traces of earlier runs means that there are none.
    with contextlib.suppress(OSError):
        for told in orphans.clean(orphans.state_dir()):
            say(told)
    servers: list[LaunchedServer] = []
    try:
        for replica in range(profile.launch.replicas):
            log_file = log_dir / (f"server-{replica}.log" if replica else "server.log")
            servers.append(LaunchedServer(profile, log_file=log_file, say=say, live=live, replica=replica))
        # Started together, awaited one after the other: as long as the slowest, not as all of them.
        for server in servers:
            server.wait_ready()
        facts = identify(
            [server.url for server in servers],
            model=model,
            served_names=profile.served_names,
            key=key,
            key_env=key_env,
            version=servers[0].version,
        )
    except BaseException:
        _stop_all(servers)
        raise
    return ServerSession(facts, servers)


def _stop_all(servers: Sequence[LaunchedServer]) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 (only where something was launched)

    if len(servers) == 1:
        servers[0].stop()
    elif servers:
        with ThreadPoolExecutor(len(servers)) as pool:
            list(pool.map(type(servers[0]).stop, servers))
