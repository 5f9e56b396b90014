"""The few things that a running server is told: to empty its cache, to drop a request. Small requests, never fatal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_modeleval.server.addresses import is_loopback, root_of
from pytest_modeleval.server.server_info import SGLANG, VLLM

if TYPE_CHECKING:
    import httpx

# SGLang refuses while requests run; newer releases wait for them when told how long.
_FLUSH = {SGLANG: "/flush_cache", VLLM: "/reset_prefix_cache"}


def flush_cache(
    url: str, kind: str, *, key: str | None = None, timeout_s: float = 30.0, client: httpx.Client | None = None
) -> str:
    """Empty the server's prefix cache, so that a gated run does not depend on what ran before it.

    "" if it was emptied, else why not, in one sentence. Only for a server of ours or when the user says so: others
    may be using the cache.
    """
    path = _FLUSH.get(kind)
    if path is None:
        return f"a {kind} server has no way to empty its cache from outside"
    params = {"timeout": timeout_s} if kind == SGLANG else {}
    return _told(url, path, params=params, body=None, key=key, timeout_s=timeout_s + 5, client=client)


def abort_request(
    url: str, request_id: str, *, key: str | None = None, timeout_s: float = 5.0, client: httpx.Client | None = None
) -> str:
    """Tell SGLang to drop the request that was sent with this `rid`; "" for all of them.

    "" if it was told, else why not. Without it a streamed request whose client is gone goes on to max_tokens and keeps
    its slot (SGLang issue 37833).
    """
    body = {"rid": request_id, "abort_all": not request_id}
    return _told(url, "/abort_request", params={}, body=body, key=key, timeout_s=timeout_s, client=client)


def _told(
    url: str,
    path: str,
    *,
    params: dict[str, float],
    body: dict[str, object] | None,
    key: str | None,
    timeout_s: float,
    client: httpx.Client | None,
) -> str:
    import httpx  # noqa: PLC0415 (the plugin imports this module in runs that ask no server)

    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    content = json.dumps(body) if body is not None else b""
    own = client or httpx.Client(trust_env=not is_loopback(url))
    try:
        response = own.post(root_of(url) + path, params=params, content=content, headers=headers, timeout=timeout_s)
    except httpx.HTTPError as error:
        return f"{root_of(url)}{path} gave no answer: {str(error) or type(error).__name__}"
    finally:
        if client is None:
            own.close()
    if response.status_code == 200:
        return ""
    said = " ".join(response.text[:200].split())
    return f"{root_of(url)}{path} answered HTTP {response.status_code}" + (f": {said}" if said else "")
