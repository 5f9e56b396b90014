"""A scripted server of embeddings and rerank, in one of the forms that servers have, right or with one fault.

A vector is made of the text's words, so that texts that share words are close.
"""

from __future__ import annotations

import base64
import struct
import threading
import zlib
from collections import Counter
from typing import Any

from tests.support.likelihood_server import ToyModel

MODEL = "toy-embedder"
DIMENSION = 16


def vector_of(text: str, dimension: int = DIMENSION) -> list[float]:
    """The vector of a text: of length 1, exact in float32."""
    found = [0.0] * dimension
    for word in text.split() or [""]:
        found[zlib.crc32(word.encode()) % dimension] += 1.0
    length = sum(value * value for value in found) ** 0.5
    return [struct.unpack("<f", struct.pack("<f", value / length))[0] for value in found]


def relevance(query: str, document: str) -> float:
    """How many words they share, for each word of the document."""
    words = document.split()
    return sum(word in query.split() for word in words) / max(1, len(words))


class VectorServer(ToyModel):
    """kind: as of ToyModel. fault: one of those below, or "". rerank: "jina", "sglang", "tei", "root" or "" for none.

    Texts of the check before the first sample are answered rightly whatever the fault.
    """

    def __init__(self, kind: str = "other", fault: str = "", rerank: str = "jina") -> None:
        super().__init__(kind, fault)
        self.rerank = rerank
        self.has_base64 = True
        self.answered: Counter[str] = Counter()
        """Text -> how often its vector was sent."""
        self.bodies: list[dict[str, Any]] = []
        self.cut_at: int | None = None
        """Words after which a text is cut."""
        self.most_words: int | None = None
        """A longer text is refused."""
        self.stop_after: int | None = None
        """Requests for vectors that are answered; the others wait until `released`."""
        self._lock = threading.Lock()
        self.released = threading.Event()
        self.waiting = threading.Event()
        """Set when a request waits."""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and JSON."""
        if path == "/v1/models":
            return 200, {"data": [{"id": MODEL, "owned_by": "someone", "max_model_len": 512}]}
        if path == "/v1/embeddings":
            self.asked[path] += 1
            self.bodies.append(body)
            return self._embeddings(body)
        if path in ("/v1/rerank", "/rerank"):
            self.asked[path] += 1
            self.bodies.append(body)
            return self._rerank(path, body)
        return super().answer(path, body)

    def _embeddings(self, body: dict[str, Any]) -> tuple[int, Any]:
        if self.fault == "absent":
            return 404, {"error": {"message": "no such route"}}
        texts = body["input"]
        is_check = any("copper" in text or text.startswith("word word") for text in texts)
        if self.stop_after is not None and not is_check:
            with self._lock:
                self.stop_after -= 1
                is_over = self.stop_after < 0
            if is_over:
                # A client that was killed gets no answer.
                self.waiting.set()
                self.released.wait(60)
                return 503, {"error": {"message": "too late"}}
        if self.most_words and any(len(text.split()) > self.most_words for text in texts):
            return 413, {"error": "Input validation error: `inputs` must have less than 512 tokens"}
        tokens = 0
        data = []
        for index, text in enumerate(texts):
            words = text.split()[: self.cut_at]
            tokens += len(words)
            vector = vector_of(" ".join(words), body.get("dimensions", DIMENSION))
            data.append({"object": "embedding", "index": index, "embedding": vector})
        if not is_check:
            data = _spoilt(data, self.fault)
            self.answered.update(texts)
        if body.get("encoding_format") == "base64" and self.has_base64:
            data = [entry | {"embedding": _packed(entry["embedding"])} for entry in data]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return 200, {"object": "list", "model": MODEL, "data": data[::-1], "usage": usage}

    def _rerank(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        forms = {"jina": "/v1/rerank", "sglang": "/v1/rerank", "tei": "/rerank", "root": "/rerank"}
        documents = body.get("texts" if self.rerank == "tei" else "documents")
        if path != forms.get(self.rerank):
            return 404, {"error": {"message": "no such route"}}
        if documents is None:
            return 422, {"error": {"message": "missing field"}}
        name = "score" if self.rerank in ("sglang", "tei") else "relevance_score"
        results = [
            {"index": index, name: relevance(body["query"], document)} for index, document in enumerate(documents)
        ]
        if not any("copper" in document for document in documents):
            results = _spoilt(results, self.fault)
        results.sort(key=lambda result: str(result.get(name)))
        return 200, results if self.rerank in ("sglang", "tei") else {"model": MODEL, "results": results}


def _packed(vector: Any) -> Any:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _spoilt(entries: list[dict[str, Any]], fault: str) -> list[dict[str, Any]]:
    """The entries of an answer with a fault in the last one, which is the only one of a single text."""
    if not fault:
        return entries
    last = entries[-1]
    name = next(name for name in last if name in ("embedding", "score", "relevance_score"))
    bad: dict[str, Any] = {
        "missing_index": {key: value for key, value in last.items() if key != "index"},
        "doubled_index": last | {"index": 0},
        "wrong_index": last | {"index": len(entries)},
        "nan": last | {name: [float("nan")] * DIMENSION if name == "embedding" else float("nan")},
        "infinite": last | {name: [1e39] * DIMENSION if name == "embedding" else 1e999},
        "zero": last | {name: [0.0] * DIMENSION},
        "shorter": last | {name: [1.0] * (DIMENSION - 1)},
        "text": last | {name: "not a number!"},
        "null": last | {name: None},
    }
    if fault == "too_few":
        return entries[:-1]
    if fault == "too_many":
        return [*entries, last | {"index": len(entries)}]
    return [*entries[:-1], bad[fault]] if fault in bad else entries
