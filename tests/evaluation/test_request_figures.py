"""Times, rates and tokens of requests, from the lines of a journal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.evaluation.request_figures import quantiles, request_figures
from pytest_modeleval.store.contents import Contents, JournalOffset
from pytest_modeleval.store.journal import apply_line
from pytest_modeleval.store.journal_line import encode_line

OFFSET = JournalOffset(Path("journal.jsonl"), 0, 1)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_quantiles_are_those_of_numpy(values: list[float]) -> None:
    """Linear between two values, whatever the order of the values."""
    found = quantiles(values)
    assert found is not None
    assert [found.p50, found.p95] == pytest.approx(np.quantile(values, [0.5, 0.95]))


def _line(key: str, **more: object) -> bytes:
    reply = {"content": "A", "total_s": 2.0, "first_token_s": 0.5, "usage": {"completion_tokens": 10}}
    return encode_line({"type": "response", "key": key, "benchmark": "quiz", "attempts": 1, "reply": reply, **more})


def test_a_request_counts_once_and_judges_do_not_count() -> None:
    """Two replies under one key are one request; what another role answered is no request to the model under test."""
    contents = Contents()
    for line in (_line("a"), _line("a"), _line("b", attempts=3), _line("c", role="judge")):
        assert apply_line(contents, line, OFFSET)
    (found,) = request_figures(["other", "quiz"], contents.requests)
    assert (found.count, found.repeated, found.tokens_out, found.tokens_in) == (2, 1, 20, None)
    assert found.tokens_per_s is not None
    assert found.tokens_per_s.p95 == 5.0


def test_a_reply_without_times_or_with_damaged_counts_is_counted() -> None:
    """No division by zero, no sum of texts."""
    contents = Contents()
    damaged = {"content": "A", "total_s": 0, "usage": {"completion_tokens": "many", "prompt_tokens": None}}
    assert apply_line(contents, _line("a", reply=damaged, attempts="2"), OFFSET)
    (found,) = request_figures(["quiz"], contents.requests)
    assert (found.count, found.repeated, found.tokens_out, found.total_s) == (1, 0, None, None)
