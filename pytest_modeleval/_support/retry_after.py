"""The Retry-After field (RFC 9110, section 10.2.3). Pure: the time is passed in."""

from __future__ import annotations

import email.utils
import math
from datetime import UTC, datetime

MAX_RETRY_AFTER_S = 86_400.0


def parse_retry_after(field: str | None, *, now: datetime | None = None) -> float | None:
    """Seconds to wait, 0 to MAX_RETRY_AFTER_S, from a number or a date; None if absent or unreadable."""
    text = (field or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (email.utils.parsedate_to_datetime(text) - (now or datetime.now(UTC))).total_seconds()
        except (ValueError, TypeError, OverflowError):
            # A date without a time zone, of year 10^17, or no date at all.
            return None
    return None if math.isnan(seconds) else min(max(0.0, seconds), MAX_RETRY_AFTER_S)
