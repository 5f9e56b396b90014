"""Who answers at a URL, and is it what was asked for? Asked once, before the first benchmark request."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_modeleval.errors import ConnectError
from pytest_modeleval.server.addresses import is_loopback, normalise_url, root_of
from pytest_modeleval.server.plain_http import plain_get
from pytest_modeleval.server.server_info import (
    LLAMA_CPP,
    OTHER,
    SGLANG,
    VLLM,
    ServerFacts,
    read_llama_cpp,
    read_model_entry,
    read_sglang,
    read_vllm,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

_MOST_BYTES = 8_000_000
_MOST_MODELS_SHOWN = 12


class UnreachableError(ConnectError):
    """Nothing answers at the address, or not yet.

    is_somebody_there: a program does listen there (a time-out, 503), most likely a server that is still loading.
    Only where it is False may a server be launched instead.
    """

    def __init__(self, message: str, *, is_somebody_there: bool) -> None:
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

    model, served_names: what is accepted, see `match_served_name`. key: sent as a bearer token. key_env: the
    variable it came from, for messages. client: for tests; timeout_s: for each of a handful of small requests.
    version: what is recorded where the server does not say (the package that we launched).
    Raises UnreachableError where nothing answers, ConnectError where something else does; one message each.
    """
    bases = [normalise_url(url) for url in urls]
    if not bases:
        raise ConnectError("expected the address of a server, found none; give it with --model-url")
    found: list[ServerFacts] = []
    for base in bases:
        inquiry = _Inquiry(client, base, key, key_env, version=version, timeout_s=timeout_s)
        try:
            found.append(inquiry.facts(model, served_names))
        finally:
            inquiry.close()
    first = found[0]
    for base, facts in zip(bases[1:], found[1:], strict=True):
        if facts.identity != first.identity:
            raise ConnectError(
                f"expected every replica to serve the same model, found {_described(first)} at {bases[0]} and "
                f"{_described(facts)} at {base}; their answers cannot be one score. Name only replicas of one model"
            )
    notes = tuple(dict.fromkeys(note for facts in found for note in facts.notes))
    contexts = [facts.context_tokens for facts in found if facts.context_tokens]
    return replace(first, urls=tuple(bases), notes=notes, context_tokens=min(contexts, default=None))


def match_served_name(model: str, served_names: Sequence[str], listed: Sequence[str]) -> str | None:
    """Which of the listed ids is the model that was asked for; None if none is, or several could be.

    In this order: the very name; one of the profile's served_names; the only one with the same last part
    ("MiniMax-M2" is "MiniMaxAI/MiniMax-M2"), whatever its case.
    """
    for name in (model, *served_names):
        if name in listed:
            return name
    wanted = {_last_part(name) for name in (model, *served_names)}
    same = [name for name in dict.fromkeys(listed) if _last_part(name) in wanted]
    return same[0] if len(same) == 1 else None


def _last_part(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].lower()


def _described(facts: ServerFacts) -> str:
    weights = f" ({facts.root})" if facts.root and facts.root != facts.model else ""
    return f"{facts.model}{weights} on {facts.kind} {facts.version}".rstrip()


class _Inquiry:
    """The questions to one server. client: None for one of its own, made only where plain HTTP is not enough."""

    def __init__(
        self,
        client: httpx.Client | None,
        base: str,
        key: str | None,
        key_env: str | None,
        *,
        version: str,
        timeout_s: float,
    ) -> None:
        self._version = version
        self._client = client
        self._is_plain = client is None
        self._own: httpx.Client | None = None
        self._timeout_s = timeout_s
        self._base = base
        self._headers = {"Accept": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        self._key_env = key_env if key else None

    def close(self) -> None:
        """Let the connections go."""
        if self._own is not None:
            self._own.close()

    def facts(self, model: str, served_names: Sequence[str]) -> ServerFacts:
        status, body = self._get(f"{self._base}/models")
        if status == 404:
            return self._without_list(model)
        self._refuse_status(status)
        entries = body.get("data") if isinstance(body, dict) else None
        if not isinstance(entries, list):
            raise ConnectError(
                f"expected an OpenAI-compatible server at {self._base}, found an answer to {self._base}/models that "
                f"is no list of models; check the address, its path most often ends in /v1"
            )
        by_id = {str(entry["id"]): entry for entry in entries if isinstance(entry, dict) and "id" in entry}
        name = match_served_name(model, served_names, list(by_id))
        if name is None:
            raise ConnectError(self._wrong_model(model, list(by_id)))
        facts = self._completed(read_model_entry(by_id[name]))
        return replace(facts, version=facts.version or self._version)

    def _without_list(self, model: str) -> ServerFacts:
        note = f"{self._base}/models does not exist there, so nobody could check that {model} is what is served"
        facts = self._completed(ServerFacts(model=model))
        if facts.kind != OTHER:
            # A server that we know has such a list: the path is what is wrong.
            raise ConnectError(
                f"expected the OpenAI endpoints of {facts.kind} below {self._base}, found none; try --model-url "
                f"{root_of(self._base)}/v1"
            )
        return replace(facts, notes=(*facts.notes, note))

    def _completed(self, facts: ServerFacts) -> ServerFacts:
        """facts, with what the server's own endpoints tell; who owns the model says which are worth asking."""
        asked = facts.kind
        if asked in (SGLANG, OTHER):
            model_info = self._info("/model_info") or self._info("/get_model_info")
            if "model_path" in model_info:
                return read_sglang(facts, model_info, self._info("/server_info") or self._info("/get_server_info"))
        if asked in (LLAMA_CPP, OTHER):
            props = self._info("/props")
            if "default_generation_settings" in props:
                return read_llama_cpp(facts, props)
        if asked in (VLLM, OTHER):
            version = self._info("/version")
            # Many services have a /version; only together with vLLM's own list of models does it mean vLLM.
            if asked == VLLM and "version" in version:
                return read_vllm(facts, version)
        return facts

    def _info(self, path: str) -> Mapping[str, Any]:
        """The JSON object at the server's root; empty if there is none. Never decides whether we can connect."""
        try:
            status, body = self._get(root_of(self._base) + path)
        except ConnectError:
            return {}
        return body if status == 200 and isinstance(body, dict) else {}

    def _get(self, url: str) -> tuple[int, Any]:
        """Status and JSON; None for a body that is none. Raises UnreachableError."""
        found = None
        if self._is_plain:
            try:
                found = plain_get(url, self._headers, timeout_s=self._timeout_s, most_bytes=_MOST_BYTES + 1)
            except TimeoutError as error:
                raise self._silent(url) from error
        status, raw = found or self._get_by_httpx(url)
        if len(raw) > _MOST_BYTES:
            return status, None
        try:
            return status, json.loads(raw)
        except (ValueError, RecursionError):
            return status, None

    def _get_by_httpx(self, url: str) -> tuple[int, bytes]:
        import httpx  # noqa: PLC0415 - loaded only where something is not plain

        # What is not plain once will not be plain the next time, and a redirect leads to all paths.
        self._is_plain = False
        if self._client is None:
            # As for plain_get: no proxy before this machine's own ports.
            self._client = self._own = httpx.Client(
                timeout=self._timeout_s, trust_env=not is_loopback(self._base), follow_redirects=True
            )
        raw = bytearray()
        try:
            with self._client.stream("GET", url, headers=self._headers) as response:
                for part in response.iter_bytes():
                    raw += part
                    if len(raw) > _MOST_BYTES:
                        break
        except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
            raise self._silent(url) from error
        except (httpx.TransportError, httpx.TooManyRedirects, httpx.InvalidURL) as error:
            said = str(error).strip() or type(error).__name__
            if "certificate" in said.lower():
                raise ConnectError(
                    f"expected a trusted certificate at {self._base}, found: {said}. Add the authority to the file "
                    f"that SSL_CERT_FILE names"
                ) from error
            raise UnreachableError(
                f"expected a model server at {self._base}, found: {said}. Check the address and that the server runs; "
                f"curl {self._base}/models must list its models",
                is_somebody_there=not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout),
            ) from error
        return response.status_code, bytes(raw)

    def _silent(self, url: str) -> UnreachableError:
        return UnreachableError(
            f"expected a model server at {self._base}, found one that does not answer {url} in time; is it still "
            f"loading? See its log, wait, or give another --model-url",
            is_somebody_there=True,
        )

    def _refuse_status(self, status: int) -> None:
        if status in (401, 403):
            how = (
                f"the key in ${self._key_env} was refused; check that it is the key of this server"
                if self._key_env
                else "put the key into an environment variable and name that variable: --model-key-env OPENAI_API_KEY"
            )
            raise ConnectError(f"{self._base} asks for an API key (HTTP {status}): {how}")
        if status in (502, 503, 504):
            raise UnreachableError(
                f"expected a ready model server at {self._base}, found HTTP {status}: it is still starting, or the "
                f"gateway before it has nothing behind. Wait until curl {self._base}/models answers",
                is_somebody_there=True,
            )
        if status != 200:
            raise ConnectError(
                f"expected a list of models at {self._base}/models, found HTTP {status}; is this an OpenAI-compatible "
                f"server, and is the path right (most often /v1)?"
            )

    def _wrong_model(self, model: str, listed: Sequence[str]) -> str:
        shown = ", ".join(listed[:_MOST_MODELS_SHOWN]) or "no model at all"
        more = f" and {len(listed) - _MOST_MODELS_SHOWN} more" if len(listed) > _MOST_MODELS_SHOWN else ""
        by_last = {_last_part(name): name for name in listed}
        import difflib  # noqa: PLC0415 - only for this message

        close = difflib.get_close_matches(_last_part(model), by_last, n=1)
        hint = f"did you mean --model {by_last[close[0]]}?" if close else "give one of these with --model."
        return (
            f"expected {model} at {self._base}, found {shown}{more}; {hint} A profile's other names for it stand in "
            f"served_names of models.toml"
        )
