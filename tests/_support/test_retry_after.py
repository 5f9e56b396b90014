"""The Retry-After field in its two forms, and what servers write there instead."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval._support.retry_after import MAX_RETRY_AFTER_S, parse_retry_after

NOW = datetime(2026, 11, 24, 6, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-2", 0.0),
        ("1e99", MAX_RETRY_AFTER_S),
        ("nan", None),
        ("Tue, 24 Nov 2026 06:00:10 GMT", 10.0),
        ("Tue, 24 Nov 2026 05:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_S),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Tue, 24 Nov 2026 06:00:10 +99999999999999999", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_both_forms_are_read(text: str | None, seconds: float | None) -> None:
    """A number of seconds or a date; None for anything else."""
    assert parse_retry_after(text, now=NOW) == seconds


@given(st.text(max_size=40))
def test_no_text_raises(text: str) -> None:
    """The result is None or within the bounds."""
    seconds = parse_retry_after(text, now=NOW)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_S
