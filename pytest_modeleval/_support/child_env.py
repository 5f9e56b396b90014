"""The environment of child processes: an allowlist, so that no API key reaches a program by accident. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PYTHON = (
    *("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("SYSTEMROOT", "TMPDIR", "VIRTUAL_ENV", "CONDA_PREFIX"),
)
"""What a Python child process needs to start and to find its packages."""

NETWORK = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
)
"""Certificates and proxies."""

SERVER = (
    *PYTHON,
    *NETWORK,
    *("USER", "LOGNAME", "SHELL", "LANGUAGE", "LC_*", "TZ", "PYTHONUNBUFFERED"),
)
"""What any server program needs to run, find its files and reach the network."""


def child_environment(environment: Mapping[str, str], names: Iterable[str] = PYTHON) -> dict[str, str]:
    """The variables of `environment` that names allows; a name ending in * allows every variable with that prefix."""
    wanted = tuple(names)
    exact = {name for name in wanted if not name.endswith("*")}
    prefixes = tuple(name[:-1] for name in wanted if name.endswith("*"))
    return {name: value for name, value in environment.items() if name in exact or name.startswith(prefixes)}
