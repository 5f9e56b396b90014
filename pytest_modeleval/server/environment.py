"""Which variables a server of ours inherits: the basic ones, and those its profile names. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What any program needs to run, find its files and reach the network. No variable that may hold an API key.
BASIC = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "VIRTUAL_ENV"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONUNBUFFERED", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CONDA_PREFIX"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
)


def child_environment(environment: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """The part of `environment` that is basic or among names; a name ending in * stands for every one so begun."""
    wanted = (*BASIC, *names)
    exact = {name for name in wanted if not name.endswith("*")}
    begun = tuple(name[:-1] for name in wanted if name.endswith("*"))
    return {name: value for name, value in environment.items() if name in exact or name.startswith(begun)}
