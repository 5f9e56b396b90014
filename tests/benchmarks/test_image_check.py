"""The benchmark `image_check`: a server that shows pictures passes every check, each planted fault has its cause."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks.image_check import test_image_check as page
from benchmarks.image_check.advice import ADVICE
from benchmarks.image_check.drawings import draw
from benchmarks.image_check.rows import rows
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.images.references import images_in
from pytest_modeleval.records import Kind, Request, Response, Sample, Usage
from tests.support.samples import declaration, samples_of

SPECS = {
    draw(part).sha256: part for found in rows().values() for row in found for ask in row["asks"] for part in ask
    if not isinstance(part, str)
}  # fmt: skip


class SeeingModel:
    """A model that sees what the pictures show, behind a server with a fault."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    async def ask(self, request: Request) -> Response:
        """The right answer to what reaches the model."""
        content = request.messages[-1]["content"]
        parts: list[Any] = [{"type": "text", "text": content}] if isinstance(content, str) else content
        text = " ".join(part["text"] for part in parts if part["type"] == "text")
        images = [carried.image for carried in images_in(request.messages)]
        assert len(images) == sum(part["type"] == "image_url" for part in parts)
        if self.fault == "small_cache" and any(image.width > 1024 for image in images):
            raise Ungraded("encoder cache size", kind=Kind.SERVER_ERROR, cause="image_too_large")
        seen = self._seen([SPECS[image.sha256] for image in images])
        tokens = None if self.fault == "counts_nothing" else len(text.split()) + 64 * len(seen)
        return Response(self._answer(text, seen), usage=Usage(prompt_tokens=tokens))

    def _seen(self, specs: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        kept = {"drops_pictures": specs[:0], "keeps_one": specs[:1], "reverses": specs[::-1]}
        return kept.get(self.fault, specs)

    def _answer(self, text: str, seen: list[Mapping[str, Any]]) -> str:
        if self.fault == "says_nothing":
            return ""
        if "the first or the second" in text or "A or B" in text:
            words = ("A", "B") if "A or B" in text else ("first", "second")
            wanted = [spec for spec in seen if _is_wanted(text, spec)]
            return f"It is the {words[seen.index(wanted[0]) if wanted else 0]}."
        if not seen:
            return "red 1 000"
        (spec,) = seen[:1]
        if "colour" in text:
            return f"The disc is {spec['colour']}."
        shown = "0" if self.fault == "blurs_large" and spec["size"] > 1024 else spec.get("text", "yes")
        return f"There are {spec['count']}" if spec["shape"] == "discs" else f"**{shown}**"


def _is_wanted(text: str, spec: Mapping[str, Any]) -> bool:
    if "number 58" in text:
        return spec.get("text") == "58"
    return spec["shape"] == "disc" and ("red" not in text or spec["colour"] == "red")


@pytest.fixture(scope="module")
def image_samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """All samples, in the order of the table."""
    cache = tmp_path_factory.mktemp("cache")
    subsets = [subset.name for subset in declaration(page.test_image_check).subsets]
    return [
        sample for name in subsets for sample in samples_of(page.test_image_check, name, data_dir=None, cache_dir=cache)
    ]


def lost(samples: list[Sample], fault: str) -> dict[str, set[str]]:
    """Cause -> subsets, of every grade without full credit."""

    async def run() -> dict[str, set[str]]:
        model: Any = SeeingModel(fault)
        found: dict[str, set[str]] = {}
        for sample in samples:
            grade = page.grade_answers(sample, await page.solve(sample, model))
            if not grade:
                assert grade.explanation
                found.setdefault(grade.cause, set()).add(sample.subset)
        return found

    return asyncio.run(run())


FAULTS: dict[str, dict[str, set[str]]] = {
    "": {},
    "drops_pictures": {
        "picture_left_out": {"reached"}, "wrong_colour": {"colour"}, "wrong_count": {"count"},
        "wrong_digits": {"digits", "size"}, "pictures_alike": {"order"},
    },
    "keeps_one": {"picture_left_out": {"reached"}, "pictures_alike": {"order"}},
    "reverses": {"order_reversed": {"order"}},
    "small_cache": {"refused_image_too_large": {"size"}},
    "blurs_large": {"wrong_digits": {"size"}},
    "counts_nothing": {"not_counted": {"reached"}},
    "says_nothing": {"empty": {"colour", "count", "digits", "order", "size"}},
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_under_its_name(image_samples: list[Sample], fault: str) -> None:
    """A server without a fault loses nothing."""
    assert lost(image_samples, fault) == FAULTS[fault]


def test_size_and_ids(image_samples: list[Sample]) -> None:
    """25 checks, ids unique and led by their subset; every subset has its advice; the pictures are drawn alike."""
    assert len(image_samples) == 25
    assert len({sample.id for sample in image_samples}) == 25
    assert all(sample.id.startswith(f"{sample.subset}-") for sample in image_samples)
    assert set(ADVICE) == {subset.name for subset in declaration(page.test_image_check).subsets}
    assert rows() == rows()
    largest = max((draw(spec) for spec in SPECS.values()), key=lambda image: image.width)
    assert (largest.width, largest.height, largest.media_type) == (4096, 4096, "image/png")
    assert largest.size_bytes < 300_000
