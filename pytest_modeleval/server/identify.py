"""Identifies the server at a URL and checks that it serves the requested model, before the first benchmark request."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_modeleval._support import redact, suggest
from pytest_modeleval._support.side_requests import HttpReply, SideRequestError, http_get, http_post
from pytest_modeleval.errors import ConnectError
from pytest_modeleval.server.addresses import normalise_url, root_of
from pytest_modeleval.server.server_info import read_llama_cpp, read_model_list, read_sglang, read_vllm
from pytest_modeleval.server_facts import LLAMA_CPP, OTHER, SGLANG, VLLM, ServerFacts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

_LOG = logging.getLogger("pytest_modeleval.server")
_MAX_BYTES = 8_000_000
_MAX_MODELS_SHOWN = 12
# What OpenSSL 1.1 to 3.5 calls a first answer that is no TLS.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")


# Statuses of services that answer chat and have no list of models: a refusal of this path, not of the key.
_NO_LIST = frozenset({400, 405, 500, 501})


class UnreachableError(ConnectError):
    """Nothing answers at the address, or not yet."""

    def __init__(self, message: str, *, is_somebody_there: bool) -> None:
        """is_somebody_there: a program listens there (a time-out, 503), most likely a server that is still loading.

        Only where it is False may a server be launched instead.
        """
        super().__init__(message)
        self.is_somebody_there = is_somebody_there


def identify(
    urls: Sequence[str],
    *,
    model: str,
    served_names: Sequence[str] = (),
    key: str | None = None,
    key_env: str | None = None,
    client: httpx.Client | None = None,
    timeout_s: float = 10.0,
    version: str = "",
) -> ServerFacts:
    """What the servers at `urls` serve; all of them must serve the same.

    model, served_names: the accepted names, see `match_served_name`. key: sent as a bearer token. key_env: the
    variable that holds it, for messages. client: for tests; timeout_s: for each of a handful of small requests.
    version: recorded where the server does not state one (the package that we launched).
    Raises UnreachableError where nothing answers, ConnectError where something else does.
    """
    bases = [normalise_url(url) for url in urls]
    if not bases:
        raise ConnectError("expected the address of a server, found none; give it with --model-url")
    found = [
        _Identification(base, key=key, key_env=key_env, client=client, timeout_s=timeout_s).facts(model, served_names)
        for base in bases
    ]
    first = found[0]
    _check_same_model(bases, found)
    notes = tuple(dict.fromkeys(note for facts in found for note in facts.notes))
    contexts = [facts.context_tokens for facts in found if facts.context_tokens]
    facts = replace(
        first,
        urls=tuple(bases),
        notes=notes,
        context_tokens=min(contexts, default=None),
        version=first.version or version,
    )
    _LOG.info("%s at %s", _describe(facts), ", ".join(facts.urls))
    return facts


def _check_same_model(bases: Sequence[str], found: Sequence[ServerFacts]) -> None:
    first = found[0]
    for base, facts in zip(bases[1:], found[1:], strict=True):
        if facts.identity != first.identity:
            raise ConnectError(
                f"expected every replica to serve the same model, found {_describe(first)} at {bases[0]} and "
                f"{_describe(facts)} at {base}; their answers cannot be one score. Name only replicas of one model"
            )


def match_served_name(model: str, served_names: Sequence[str], listed: Sequence[str]) -> str | None:
    """The listed id that is the requested model; None if none is, or several could be.

    In this order: the exact name; one of the profile's served_names; the only one with the same last part
    ("MiniMax-M2" is "MiniMaxAI/MiniMax-M2"), ignoring case.
    """
    for name in (model, *served_names):
        if name in listed:
            return name
    wanted = {_last_part(name) for name in (model, *served_names)}
    same = [name for name in dict.fromkeys(listed) if _last_part(name) in wanted]
    return same[0] if len(same) == 1 else None


def _listed_models(body: object) -> dict[str, Mapping[str, Any]] | None:
    """Id -> entry of a list of models; None where the answer is none.

    OpenAI has {"data": [{"id": ...}]}; others a bare list, {"models": [...]}, or `name` or `model` in place of `id`.
    """
    entries = body.get("data", body.get("models")) if isinstance(body, dict) else body
    if not isinstance(entries, list):
        return None
    found: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        if isinstance(entry, dict):
            name = entry.get("id") or entry.get("name") or entry.get("model")
            if name:
                found.setdefault(str(name), {**entry, "id": str(name)})
        elif isinstance(entry, str):
            found.setdefault(entry, {"id": entry})
    return found if found or not entries else None


def _last_part(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].lower()


def _describe(facts: ServerFacts) -> str:
    weights = f" ({facts.root})" if facts.root and facts.root != facts.model else ""
    return f"{facts.model}{weights} on {facts.kind} {facts.version}".rstrip()


class _Identification:
    """The requests to one server."""

    def __init__(
        self, base: str, *, key: str | None, key_env: str | None, client: httpx.Client | None, timeout_s: float
    ) -> None:
        self._base = base
        self._key = key
        self._key_env = key_env if key else None
        self._client = client
        self._timeout_s = timeout_s

    def facts(self, model: str, served_names: Sequence[str]) -> ServerFacts:
        """What it serves. Raises ConnectError if that is not the model."""
        reply = self._get(f"{self._base}/models")
        if reply.status == 404:
            return self._facts_without_list(model, "does not exist")
        if reply.status in _NO_LIST and self._answers_chat(model):
            return self._facts_without_list(model, f"answers HTTP {reply.status}")
        self._check_status(reply.status)
        by_id = _listed_models(reply.json())
        if not by_id and self._answers_chat(model):
            return self._facts_without_list(model, "lists no model" if by_id is not None else "is no list of models")
        if by_id is None:
            raise ConnectError(
                f"expected an OpenAI-compatible server at {self._base}, found an answer to {self._base}/models that "
                f"is not a list of models; check the address, its path most often ends in /v1"
            )
        name = match_served_name(model, served_names, list(by_id))
        if name is None:
            raise ConnectError(self._wrong_model(model, list(by_id)))
        return self._add_details(read_model_list(by_id, name))

    def _answers_chat(self, model: str) -> bool:
        """One token of chat is answered: a service without a list of models may be evaluated all the same."""
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        try:
            reply = http_post(
                f"{self._base}/chat/completions",
                body,
                key=self._key,
                timeout_s=self._timeout_s,
                max_bytes=_MAX_BYTES,
                client=self._client,
            )
        except SideRequestError:
            return False
        answer = reply.json() if reply.status == 200 else None
        return isinstance(answer, dict) and bool(answer.get("choices"))

    def _facts_without_list(self, model: str, what: str) -> ServerFacts:
        facts = self._add_details(ServerFacts(model=model))
        if facts.kind != OTHER:
            # A server of a known kind has such a list, so the path is wrong.
            raise ConnectError(
                f"expected the OpenAI endpoints of {facts.kind} below {self._base}, found none; try --model-url "
                f"{root_of(self._base)}/v1"
            )
        note = f"{self._base}/models {what}, so it could not be checked that {model} is the served model"
        return replace(facts, notes=(*facts.notes, note))

    def _add_details(self, facts: ServerFacts) -> ServerFacts:
        """Facts with those of the server's own endpoints; the owner of the model decides which are requested."""
        kind = facts.kind
        if kind in (SGLANG, OTHER):
            model_info = self._info("/model_info") or self._info("/get_model_info")
            if "model_path" in model_info:
                return read_sglang(facts, model_info, self._info("/server_info") or self._info("/get_server_info"))
        if kind in (LLAMA_CPP, OTHER):
            props = self._info("/props")
            if "default_generation_settings" in props:
                return read_llama_cpp(facts, props)
        if kind == VLLM:
            # Many services have a /version; only together with vLLM's own list of models does it mean vLLM.
            version = self._info("/version")
            if "version" in version:
                return read_vllm(facts, version)
        return facts

    def _info(self, path: str) -> Mapping[str, Any]:
        """The JSON object at the server's root; empty if there is none. It never decides whether we can connect."""
        try:
            reply = self._get(root_of(self._base) + path)
        except ConnectError:
            return {}
        body = reply.json()
        return body if reply.status == 200 and isinstance(body, dict) else {}

    def _get(self, url: str) -> HttpReply:
        """Raises UnreachableError without an answer, ConnectError for a certificate that is not trusted."""
        try:
            return http_get(url, key=self._key, timeout_s=self._timeout_s, max_bytes=_MAX_BYTES, client=self._client)
        except SideRequestError as error:
            raise self._connection_error(url, error) from error

    def _connection_error(self, url: str, error: SideRequestError) -> ConnectError:
        """What to raise for a request that got no answer, with the next step for its cause."""
        reason = redact.diagnostic(str(error))
        if error.is_timeout and error.is_connected:
            return UnreachableError(
                f"expected a model server at {self._base}, found one that does not answer {url} in time; is it "
                f"still loading? See its log, wait, or give another --model-url",
                is_somebody_there=True,
            )
        if "certificate" in reason.lower():
            return ConnectError(
                f"expected a trusted certificate at {self._base}, found: {reason}. Add the authority to the file "
                f"that SSL_CERT_FILE names"
            )
        if any(words in reason for words in _NO_TLS):
            plain = f"http{self._base.removeprefix('https')}"
            return UnreachableError(
                f"expected a server that speaks https at {self._base}, found one that does not: use {plain}",
                is_somebody_there=True,
            )
        return UnreachableError(
            f"expected a model server at {self._base}, found: {reason}. Check the address and that the server "
            f"runs; curl {self._base}/models must list its models",
            is_somebody_there=error.is_connected,
        )

    def _check_status(self, status: int) -> None:
        if status in (401, 403):
            next_step = (
                f"the key in ${self._key_env} was refused; check that it is the key of this server"
                if self._key_env
                else "put the key into an environment variable and name that variable: --model-key-env OPENAI_API_KEY"
            )
            raise ConnectError(f"{self._base} asks for an API key (HTTP {status}): {next_step}")
        if status in (502, 503, 504):
            raise UnreachableError(
                f"expected a ready model server at {self._base}, found HTTP {status}: it is still starting, or a "
                f"gateway has no server behind it. Wait until curl {self._base}/models answers",
                is_somebody_there=True,
            )
        if status != 200:
            raise ConnectError(
                f"expected a list of models at {self._base}/models, found HTTP {status}; is this an OpenAI-compatible "
                f"server, and is the path right (most often /v1)?"
            )

    def _wrong_model(self, model: str, listed: Sequence[str]) -> str:
        shown = ", ".join(listed[:_MAX_MODELS_SHOWN]) or "no model at all"
        more = f" and {len(listed) - _MAX_MODELS_SHOWN} more" if len(listed) > _MAX_MODELS_SHOWN else ""
        by_last_part = {_last_part(name): name for name in listed}
        close = suggest.closest(_last_part(model), by_last_part)
        hint = f"did you mean --model {by_last_part[close]}?" if close else "give one of these with --model."
        return redact.text(
            f"expected {model} at {self._base}, found {shown}{more}; {hint} Other names of a profile's model belong "
            f"into served_names of models.toml"
        )
