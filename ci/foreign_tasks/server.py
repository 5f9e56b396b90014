"""A scripted server for ci/check_foreign_tasks.py: chats, and log-probabilities of a toy model, as vLLM serves them.

A chat's reply depends on its last message alone. Some are right: KEYS is a JSON object, line of a prompt -> answer.
The toy model's tokens are words with the blank before them; <|endoftext|> is one, and nothing is put in front.

    python server.py PORT KEYS
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

MODEL = "toy-model"
CONTEXT = 2048
END, PARIS, THE = 2, 3, 4
KNOWN = {"<|endoftext|>": END, " Paris": PARIS, " the": THE}
_TOKEN = re.compile(r"<\|endoftext\|>|\s?(?:(?!<\|endoftext\|>)\S)+|\s")


def encode(text: str) -> list[int]:
    """The tokens of a text."""
    return [KNOWN.get(word) or 100 + zlib.crc32(word.encode()) % 100_000 for word in _TOKEN.findall(text)]


def logprob(before: int, token: int) -> float:
    """What the toy model gives a token after another."""
    if token in (PARIS, THE):
        return -0.7 if token == PARIS else -1.9
    return -0.2 - zlib.crc32(f"{before} {token}".encode()) % 8000 / 1000


def top(before: int, token: int) -> dict[int, float]:
    """The most likely tokens, and the given one; a third of all tokens are the most likely themselves."""
    value = logprob(before, token)
    best = {PARIS: -0.7, THE: -1.9} if value < -2.6 or token in (PARIS, THE) else {THE: -9.0}
    return {**best, token: value}


def completions(body: dict[str, Any]) -> Any:
    """The answer of /v1/completions."""
    prompts = body["prompt"] if isinstance(body["prompt"][0], list) else [body["prompt"]]
    choices = [_choice(body, tokens, number) for number, tokens in enumerate(prompts)]
    usage = {"prompt_tokens": sum(map(len, prompts)), "completion_tokens": len(prompts)}
    return {"id": "c", "object": "text_completion", "model": body["model"], "choices": choices, "usage": usage}


def _choice(body: dict[str, Any], tokens: list[int], number: int) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": number, "text": " Paris", "finish_reason": "length", "prompt_logprobs": None}
    pairs = list(pairwise(tokens))
    if body.get("echo"):
        values = [logprob(before, token) for before, token in pairs]
        tops = [{str(one): value for one, value in top(before, token).items()} for before, token in pairs]
        choice["logprobs"] = {
            "token_logprobs": [None, *values, -0.7],
            "top_logprobs": [None, *tops, {str(PARIS): -0.7}],
        }
    elif "prompt_logprobs" in body:
        places = [
            {str(one): {"logprob": value, "rank": 1} for one, value in top(before, token).items()}
            for before, token in pairs
        ]
        choice["prompt_logprobs"] = [None, *places]
    elif "logprobs" in body:
        choice["logprobs"] = {
            "tokens": [f"token_id:{PARIS}"],
            "token_logprobs": [-0.7],
            "top_logprobs": [{f"token_id:{PARIS}": -0.7, f"token_id:{THE}": -1.9}],
        }
    return choice


class Chats:
    """keys: line of a prompt -> a right answer."""

    def __init__(self, keys: dict[str, str]) -> None:
        self._keys = keys

    def reply(self, messages: list[dict[str, Any]]) -> str:
        content = messages[-1]["content"]
        text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
        draw = zlib.crc32(text.encode())
        known = next((self._keys[line] for line in map(_bare, text.split("\n")) if line in self._keys), "")
        letter = "ABCDEFGHIJ"[draw // 7 % (4 if draw % 3 else 10)]
        numbers = re.findall(r"\d+", text) or ["7"]
        guess = numbers[draw // 11 % len(numbers)]
        answer = known if known and draw % 5 < 3 else (guess if draw % 2 else letter)
        forms = (
            f"The answer is ({answer}).",
            f"Step by step it follows.\n#### {answer}",
            f"{answer}",
            f"So the answer is {answer}.",
            f"Let me think about it. The final answer is \\boxed{{{answer}}}\nANSWER: {answer}",
            "" if draw % 97 == 0 else f" Answer: {answer}\n",
        )
        return forms[draw // 13 % len(forms)]

    def completion(self, body: dict[str, Any]) -> Any:
        text = self.reply(body["messages"])
        message = {"role": "assistant", "content": text}
        words = len(text.split())
        return {
            "id": "chat",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": words, "total_tokens": 10 + words},
        }


def _bare(line: str) -> str:
    return re.sub(r"^(question|problem|q|input|问题)\s*[:：]\s*", "", line.strip(), flags=re.IGNORECASE).strip()


class Server:
    """Routes over HTTP/1.1, kept alive."""

    def __init__(self, chats: Chats) -> None:
        self.asked = 0
        self._posts: dict[str, Any] = {
            "/v1/chat/completions": chats.completion,
            "/v1/completions": completions,
            "/tokenize": lambda body: {"tokens": encode(body.get("prompt") or "")},
        }
        card = {"id": MODEL, "object": "model", "owned_by": "vllm", "max_model_len": CONTEXT}
        self._gets: dict[str, Any] = {
            "/v1/models": {"object": "list", "data": [card]},
            "/version": {"version": "0.32.0"},
            "/tokenizer_info": {"eos_token": "<|endoftext|>", "bos_token": None, "tokenizer_class": "Toy"},
            "/health": {},
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                method, path, _ = line.decode().split(" ", 2)
                length = 0
                while (header := await reader.readline()) not in (b"\r\n", b""):
                    if header.lower().startswith(b"content-length:"):
                        length = int(header.split(b":")[1])
                body = await reader.readexactly(length) if length else b"{}"
                status, found = self._answer(method, path.partition("?")[0], body)
                streams = (
                    status == 200 and path.endswith("chat/completions") and b'"stream":true' in body.replace(b" ", b"")
                )
                raw, kind = (
                    (_events(found), "text/event-stream")
                    if streams
                    else (json.dumps(found).encode(), "application/json")
                )
                head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(raw)}\r\n\r\n"
                writer.write(head.encode() + raw)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if method == "GET" and path in self._gets:
            return 200, self._gets[path]
        if path in self._posts:
            self.asked += 1
            return 200, self._posts[path](json.loads(body))
        return 404, {"error": {"message": f"no {path}"}}


def _events(found: dict[str, Any]) -> bytes:
    """A whole reply as a stream of two pieces."""
    choice, base = found["choices"][0], {name: found[name] for name in ("id", "created", "model")}
    pieces = (
        {**base, "choices": [{"index": 0, "delta": choice["message"], "finish_reason": None}]},
        {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**base, "choices": [], "usage": found["usage"]},
    )
    return b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces) + b"data: [DONE]\n\n"


async def main(port: int, keys: dict[str, str]) -> None:
    """Serve until the process is ended."""
    server = await asyncio.start_server(Server(Chats(keys)).serve, "127.0.0.1", port, limit=2**22)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))))
