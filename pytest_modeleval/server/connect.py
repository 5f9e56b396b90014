"""The server of one run: found at an address, or launched because nothing answers there; stopped only if it is ours."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Self

from pytest_modeleval._support import suggest
from pytest_modeleval.errors import ConnectError, SettingsError
from pytest_modeleval.server.identify import UnreachableError, identify
from pytest_modeleval.server.profiles import profile_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from pytest_modeleval.server.launched_server import LaunchedServer
    from pytest_modeleval.server.profiles import Profile
    from pytest_modeleval.server_facts import ServerFacts

_LOG = logging.getLogger("pytest_modeleval.server")


class ServerHandle:
    """The servers that answer in this run."""

    facts: ServerFacts
    launched: tuple[LaunchedServer, ...]
    """Those that we started, one for each replica; empty if none."""

    def __init__(self, facts: ServerFacts, launched: Sequence[LaunchedServer] = ()) -> None:
        self.facts = facts
        self.launched = tuple(launched)

    @property
    def is_ours(self) -> bool:
        """True if we started them, and will stop them."""
        return bool(self.launched)

    def stop(self) -> None:
        """Stop the servers that we started, and no others. May be called again."""
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
    report: Callable[[str], None] = lambda _: None,
    show_progress: Callable[[str], bool] = lambda _: False,
) -> ServerHandle:
    """Connect to `urls`, else to the profile's; launch the profile's command where nothing answers there.

    log_dir: for the logs of launched servers (server.log; server-1.log and so on for further replicas).
    report, show_progress: see LaunchedServer. Raises SettingsError, ConnectError or LaunchError.
    """
    names = profile.served_names if profile else ()
    if urls:
        return ServerHandle(identify(urls, model=model, served_names=names, key=key, key_env=key_env))
    if profile is None:
        raise SettingsError(
            f"--model: expected a profile of models.toml, or the name of a served model together with --model-url; "
            f"found {model!r}, {suggest.hint(model, profile_names(project_dir))}"
        )
    if profile.urls:
        try:
            return ServerHandle(identify(profile.urls, model=model, served_names=names, key=key, key_env=key_env))
        except UnreachableError as error:
            if profile.launch is None:
                raise
            # A time-out or 503 means that a server is there and still loading: a second one would find neither its
            # port nor free GPUs.
            if error.is_somebody_there:
                raise
            report(f"{model}: nothing answers at {', '.join(profile.urls)}, starting it")
    if profile.launch is None:
        raise ConnectError(
            f"--model {model}: its profile in {profile.source} has neither urls nor a [launch] table; give the address "
            f"of a running server with --model-url"
        )
    return _launch(
        model, profile, log_dir=log_dir, key=key, key_env=key_env, report=report, show_progress=show_progress
    )


def _launch(
    model: str,
    profile: Profile,
    *,
    log_dir: Path,
    key: str | None,
    key_env: str | None,
    report: Callable[[str], None],
    show_progress: Callable[[str], bool],
) -> ServerHandle:
    from pytest_modeleval.server.launched_server import LaunchedServer  # noqa: PLC0415

    assert profile.launch is not None
    _end_orphans(report)
    servers: list[LaunchedServer] = []
    try:
        for replica in range(profile.launch.replicas):
            log_file = log_dir / (f"server-{replica}.log" if replica else "server.log")
            servers.append(
                LaunchedServer(profile, log_file=log_file, report=report, show_progress=show_progress, replica=replica)
            )
        # Started together, awaited one after the other: that takes as long as the slowest.
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
    return ServerHandle(facts, servers)


def _end_orphans(report: Callable[[str], None]) -> None:
    """End the servers that earlier runs left, and report each."""
    from pytest_modeleval.server import orphans  # noqa: PLC0415 - only where something is launched

    # Without a folder for records of earlier runs there are none.
    with contextlib.suppress(OSError):
        for sentence in orphans.clean(orphans.state_dir()):
            _LOG.info("%s", sentence)
            report(sentence)


def _stop_all(servers: Sequence[LaunchedServer]) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only where something was launched

    if len(servers) == 1:
        servers[0].stop()
    elif servers:
        with ThreadPoolExecutor(len(servers)) as pool:
            list(pool.map(type(servers[0]).stop, servers))
