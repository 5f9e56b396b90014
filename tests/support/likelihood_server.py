"""A toy language model behind the endpoints of vLLM, SGLang or llama.cpp, right or wired wrongly in one way.

Tokens are words with the blank before them. The shapes are those of vLLM 0.32, SGLang 0.5.23 and xllamacpp 2026.10.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import zlib
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MODEL = "toy-model"
BOS, PARIS, THE = 1, 2, 3
KNOWN = {" Paris": PARIS, " the": THE}
DROPPED, EQUAL, SHIFTED, ZERO, REVERSED, NO_ROUTE = "dropped", "equal", "shifted", "zero", "reversed", "no_route"
FLAKY = "flaky"
"""Every fourth request for scores is answered with 503."""


def encode(text: str) -> list[int]:
    """BOS and one token for each word."""
    words = re.findall(r"\s?\S+|\s", text)
    return [BOS, *(KNOWN.get(word) or 100 + zlib.crc32(word.encode()) % 100_000 for word in words)]


def logprob(before: int, token: int) -> float:
    """What the toy model gives a token after another."""
    if token in (PARIS, THE):
        return -0.7 if token == PARIS else -1.9
    return -2.0 - zlib.crc32(f"{before} {token}".encode()) % 8000 / 1000


def expected(context: str, continuation: str) -> float:
    """The sum that a right client gives."""
    tokens, start = (
        encode(context.rstrip() + context[len(context.rstrip()) :] + continuation),
        len(encode(context.rstrip())),
    )
    return sum(logprob(tokens[place - 1], tokens[place]) for place in range(start, len(tokens)))


class ToyModel:
    """The answers of one server. kind: "vllm", "sglang" or "llama.cpp". fault: "" or one of those above."""

    def __init__(self, kind: str, fault: str = "") -> None:
        self.kind = kind
        self.fault = fault
        self.context = 2048
        self.asked: Counter[str] = Counter()
        self.url = ""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and JSON."""
        self.asked[path] += 1
        routes: dict[str, Any] = {
            "/v1/models": self._models,
            "/version": lambda _: {"version": "0.32.0"} if self.kind == "vllm" else None,
            "/model_info": lambda _: {"model_path": "toy"} if self.kind == "sglang" else None,
            "/server_info": lambda _: {"version": "0.5.23"} if self.kind == "sglang" else None,
            "/props": lambda _: {"default_generation_settings": {}} if self.kind == "llama.cpp" else None,
            "/tokenize": lambda body: {"tokens": encode(body.get("content", body.get("prompt")))},
            "/v1/completions": self._vllm,
            "/generate": self._sglang,
            "/completion": self._llama_cpp,
        }
        is_scoring = path in ("/v1/completions", "/generate", "/completion")
        if is_scoring and self.fault == FLAKY and self.asked[path] % 4 == 3:
            return 503, {"error": {"message": "busy"}}
        found = None if is_scoring and self.fault == NO_ROUTE else routes.get(path, lambda _: None)(body)
        return (404, {"error": {"message": "not found"}}) if found is None else (200, found)

    def _models(self, _: dict[str, Any]) -> Any:
        owner = {"vllm": "vllm", "sglang": "sglang", "llama.cpp": "llamacpp"}.get(self.kind, "someone")
        return {"data": [{"id": MODEL, "owned_by": owner, "max_model_len": self.context}]}

    def _value(self, tokens: Sequence[int], place: int) -> float:
        """What the server says of one token of the prompt."""
        if self.fault in (EQUAL, ZERO):
            return -1.0 if self.fault == EQUAL else 0.0
        if self.fault == SHIFTED:
            place = max(1, place - 1)
        value = logprob(tokens[place - 1], tokens[place])
        return -8.0 if self.fault == REVERSED and tokens[place] == PARIS else value

    def _top(self) -> list[tuple[int, float]]:
        return [(PARIS, logprob(0, PARIS)), (THE, logprob(0, THE))]

    def _vllm(self, body: dict[str, Any]) -> Any:
        tokens = body["prompt"]
        choice: dict[str, Any] = {"index": 0, "text": " Paris", "finish_reason": "length", "prompt_logprobs": None}
        if "prompt_logprobs" in body and self.fault != DROPPED:
            places = [
                {
                    str(token): {"logprob": value, "rank": 1, "decoded_token": "x"}
                    for token, value in [*self._top(), (tokens[place], self._value(tokens, place))]
                }
                for place in range(1, len(tokens))
            ]
            choice["prompt_logprobs"] = [None, *places]
        if "logprobs" in body:
            top = {f"token_id:{token}": value for token, value in self._top()}
            choice["logprobs"] = {
                "tokens": [f"token_id:{PARIS}"],
                "token_logprobs": [logprob(0, PARIS)],
                "top_logprobs": [top],
            }
        usage = {"prompt_tokens": len(tokens), "completion_tokens": 1}
        return {"id": "cmpl-1", "model": body["model"], "choices": [choice], "usage": usage}

    def _sglang(self, body: dict[str, Any]) -> Any:
        tokens, start = body["input_ids"], body.get("logprob_start_len", len(body["input_ids"]) - 1)
        top = [[value, token, None] for token, value in self._top()]
        meta: dict[str, Any] = {
            "id": body.get("rid", "r"),
            "prompt_tokens": len(tokens),
            "completion_tokens": 1,
            "output_token_logprobs": [top[0]],
            "output_top_logprobs": [top],
        }
        if self.fault != DROPPED:
            places = range(start + 1, len(tokens))
            meta["input_token_logprobs"] = [
                [None, tokens[start], None],
                *([self._value(tokens, place), tokens[place], None] for place in places),
            ]
            meta["input_top_logprobs"] = [None, *(top[: body["top_logprobs_num"]] for _ in places)]
        return {"text": " Paris", "output_ids": [PARIS], "meta_info": meta}

    def _llama_cpp(self, body: dict[str, Any]) -> Any:
        tokens, bias = body["prompt"], body.get("logit_bias")
        token = bias[0][0] if bias and self.fault != DROPPED else PARIS
        top = [{"id": other, "token": "x", "logprob": value} for other, value in self._top()]
        value = self._value([*tokens, token], len(tokens)) if bias else logprob(0, PARIS)
        place = {"id": token, "token": "x", "logprob": value, "top_logprobs": top[: body["n_probs"]]}
        return {
            "completion_probabilities": [place],
            "model": MODEL,
            "tokens_evaluated": len(tokens),
            "truncated": False,
        }


@contextlib.contextmanager
def toy_model(kind: str, fault: str = "", make: type[Any] = ToyModel) -> Iterator[Any]:
    """A running server. make: ToyModel or a class like it."""
    model = make(kind, fault)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            status, found = model.answer(self.path, body)
            raw = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(raw)

        do_POST = do_GET  # noqa: N815 (http.server's own name)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    model.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
