"""embedding_check: seven quick checks of an embedding server before a corpus is embedded; card.md describes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import numpy as np

from pytest_modeleval import Grade, Kind, Model, Sample, benchmark
from pytest_modeleval.datasets import Row, inline
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.model_protocol import EndpointModel

TEXTS = (
    "The cat sleeps on the warm roof.",
    "Prices of copper rose in spring.",
    "A violin has four strings.",
    "The river froze in January.",
    "Bread needs flour, water and salt.",
)
# One text in another batch comes from other kernels, in 16 bits: of a vector's length.
SAME = 0.01
EXACT = 1e-5
REFUSALS = frozenset({"context_exceeded", "http_400", "http_413", "http_422"})
Findings = dict[str, Any]


async def _order(model: EndpointModel) -> Findings:
    together, _ = await model.raw_vectors(TEXTS)
    alone = np.concatenate([(await model.raw_vectors([text]))[0] for text in TEXTS])
    return {"places": [int(np.argmin(np.linalg.norm(alone - row, axis=1))) for row in together]}


async def _repeat(model: EndpointModel) -> Findings:
    first, _ = await model.raw_vectors([TEXTS[0], TEXTS[1], TEXTS[0]])
    again, _ = await model.raw_vectors([TEXTS[0], TEXTS[1], TEXTS[0]])
    return {"apart": max(_apart(first[0], first[2]), _apart(first[0], again[0]))}


async def _batch(model: EndpointModel) -> Findings:
    # Padding to the length of the longest text of a batch must not show in the others.
    together, _ = await model.raw_vectors([TEXTS[0], " ".join(TEXTS * 5)])
    alone, _ = await model.raw_vectors([TEXTS[0]])
    return {"apart": _apart(together[0], alone[0])}


async def _length(model: EndpointModel) -> Findings:
    rows, _ = await model.raw_vectors(TEXTS)
    lengths = np.linalg.norm(rows.astype(float), axis=1)
    return {"shortest": float(lengths.min()), "longest": float(lengths.max()), "dimension": rows.shape[1]}


async def _truncation(model: EndpointModel) -> Findings:
    context = getattr(model, "context_tokens", None) or 4500
    words = min(9000, max(600, 2 * context))
    filler = " ".join(["word"] * words)
    try:
        one, tokens = await model.raw_vectors([f"{filler} {TEXTS[0]}"])
        other, _ = await model.raw_vectors([f"{filler} {TEXTS[1]}"])
    except Ungraded as refusal:
        if refusal.cause not in REFUSALS:
            raise
        return {"words": words, "refused": refusal.cause}
    return {"words": words, "tokens": tokens, "apart": _apart(one[0], other[0])}


async def _base64(model: EndpointModel) -> Findings:
    numbers, _ = await model.raw_vectors(TEXTS[:2], encoding="float")
    try:
        packed, _ = await model.raw_vectors(TEXTS[:2], encoding="base64")
    except Ungraded as refusal:
        if refusal.kind not in (Kind.SERVER_ERROR, Kind.BAD_RESPONSE):
            raise
        return {"refused": refusal.cause}
    return {"apart": max(map(_apart, numbers, packed)) if numbers.shape == packed.shape else 1.0}


async def _prefix(model: EndpointModel) -> Findings:
    rows, _ = await model.raw_vectors([TEXTS[0], f"query: {TEXTS[0]}"])
    return {"apart": _apart(rows[0], rows[1])}


CHECKS: Mapping[str, Callable[[EndpointModel], Awaitable[Findings]]] = {
    "order": _order,
    "repeat": _repeat,
    "batch": _batch,
    "length": _length,
    "truncation": _truncation,
    "base64": _base64,
    "prefix": _prefix,
}


def _apart(one: Any, other: Any) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(one))


def rows() -> dict[str, list[dict[str, Any]]]:
    return {"embeddings": [{"id": name} for name in CHECKS]}


def to_sample(row: Row) -> Sample:
    return Sample(question=row.text("id"), target=row.text("id"))


async def solve(sample: Sample, model: Model) -> Findings:
    assert isinstance(model, EndpointModel)
    name = sample.question
    found: Findings = await model.use_tool("embedding_check", {"check": name}, lambda: CHECKS[name](model))
    return found


def grade_findings(sample: Sample, found: Findings) -> Grade:
    return _GRADES[sample.question](found)


def _grade_order(found: Findings) -> Grade:
    if found["places"] == list(range(len(TEXTS))):
        return Grade.right()
    return Grade.wrong(cause="wrong_order", explanation=f"vectors of a batch belong to texts {found['places']}")


def _grade_same(found: Findings, cause: str) -> Grade:
    apart = f"{found['apart']:.2g} of the length of the vector"
    return Grade.right() if found["apart"] <= SAME else Grade.wrong(cause=cause, explanation=f"they differ by {apart}")


def _grade_length(found: Findings) -> Grade:
    shortest, longest = found["shortest"], found["longest"]
    if abs(shortest - 1) < 1e-3 and abs(longest - 1) < 1e-3:
        return Grade.right(marks=[f"vectors of {found['dimension']} numbers have length 1"])
    return Grade.right(marks=[f"vectors have lengths of {shortest:.3g} to {longest:.3g}: only cosines compare them"])


def _grade_truncation(found: Findings) -> Grade:
    if "refused" in found:
        return Grade.right(marks=["a text that is too long is refused"])
    if found["apart"] > EXACT:
        return Grade.right(marks=[f"a text of {found['words']:,} words is read whole"])
    if found["tokens"] is not None and found["tokens"] < found["words"]:
        return Grade.right(marks=[f"a text is cut at {found['tokens']:,} tokens, which usage shows"])
    return Grade.wrong(
        cause="cut_unseen", explanation=f"the end of a text of {found['words']:,} words is not read, and usage hides it"
    )


def _grade_base64(found: Findings) -> Grade:
    if "refused" in found:
        return Grade.right(marks=["no base64: vectors come as numbers"])
    if found["apart"] <= EXACT:
        return Grade.right()
    return Grade.wrong(cause="base64_differs", explanation=f"numbers and base64 differ by {found['apart']:.2g}")


def _grade_prefix(found: Findings) -> Grade:
    if found["apart"] > EXACT:
        return Grade.right()
    return Grade.wrong(cause="prefix_lost", explanation='"query: " before a text changes nothing')


_GRADES: Mapping[str, Callable[[Findings], Grade]] = {
    "order": _grade_order,
    "repeat": lambda found: _grade_same(found, "same_text_differs"),
    "batch": lambda found: _grade_same(found, "batch_changes_vector"),
    "length": _grade_length,
    "truncation": _grade_truncation,
    "base64": _grade_base64,
    "prefix": _grade_prefix,
}


@benchmark(
    name="embedding_check",
    version="1",
    dataset=inline(rows),
    subsets=list(rows()),
    sample=to_sample,
    sample_id=lambda row: row.text("id"),
    solve=solve,
    grade=grade_findings,
    needs_embeddings=True,
)
def test_embedding_check(grade: Grade) -> None:
    assert grade, grade.explanation
