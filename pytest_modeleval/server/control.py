"""Empties a running server's prefix cache. A failure is a sentence, never an exception."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pytest_modeleval._support import redact
from pytest_modeleval._support.side_requests import HttpReply, SideRequestError, http_post
from pytest_modeleval.server.addresses import root_of
from pytest_modeleval.server_facts import SGLANG, VLLM

if TYPE_CHECKING:
    import httpx

_LOG = logging.getLogger("pytest_modeleval.server")
_PATHS = {SGLANG: "/flush_cache", VLLM: "/reset_prefix_cache"}


def flush_cache(
    url: str, kind: str, *, key: str | None = None, timeout_s: float = 30.0, client: httpx.Client | None = None
) -> str:
    """Empty the server's prefix cache, so that a gated run does not depend on what ran before it.

    "" if it was emptied, else the reason why not, in one sentence. Only for a server of ours or when the user says
    so: others may be using the cache. timeout_s: SGLang refuses while requests run; newer releases wait that long.
    """
    path = _PATHS.get(kind)
    if path is None:
        return f"a {kind} server offers no way to empty its cache"
    address = root_of(url) + path
    query = f"?timeout={timeout_s}" if kind == SGLANG else ""
    try:
        reply = http_post(address + query, key=key, timeout_s=timeout_s + 5, client=client)
    except SideRequestError as error:
        return redact.diagnostic(f"{address} gave no answer: {error}")
    if reply.status == 200:
        _LOG.info("emptied the prefix cache of %s", url)
        return ""
    return _describe_refusal(reply, address, kind)


def _describe_refusal(reply: HttpReply, address: str, kind: str) -> str:
    if reply.status == 404 and kind == VLLM:
        return f"{address} answered HTTP 404: vLLM has it only if VLLM_SERVER_DEV_MODE=1 is set when it is started"
    answer = redact.diagnostic(reply.excerpt)
    return f"{address} answered HTTP {reply.status}" + (f": {answer}" if answer else "")
