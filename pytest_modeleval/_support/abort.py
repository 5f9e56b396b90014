"""The request that makes SGLang drop what it generates. Standard library only: the guard of a server uses it too.

Without it a streamed request whose client has gone continues to max_tokens and keeps its slot (SGLang issue 37833).
"""

from __future__ import annotations

import json

from pytest_modeleval._support.side_requests import SideRequestError, http_post

PATH = "/abort_request"


def abort_body(request_id: str = "") -> bytes:
    """The body of a POST to PATH; without an id it drops all requests."""
    return json.dumps({"rid": request_id, "abort_all": not request_id}).encode()


def abort(root: str, request_id: str = "", *, key: str | None = None, timeout_s: float = 5.0) -> str:
    """Drop one request, or all of them. "" if the server agreed, else why not.

    root: the server's address without its version path.
    """
    try:
        reply = http_post(root + PATH, abort_body(request_id), key=key, timeout_s=timeout_s)
    except SideRequestError as error:
        return f"{root}{PATH} gave no answer: {error}"
    return "" if reply.status == 200 else f"{root}{PATH} answered HTTP {reply.status}: {reply.excerpt}"
