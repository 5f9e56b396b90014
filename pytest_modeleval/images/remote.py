"""Fetches a picture from an http address that a row names, where the user allowed it."""

from __future__ import annotations

import time

from pytest_modeleval._support.shorten import printable
from pytest_modeleval.images.headers import NotAnImage

TIMEOUT_S = 30.0
"""For the whole picture."""
_PIECE_BYTES = 1 << 16


def fetch(url: str, max_bytes: int) -> bytes:
    """The bytes at an address, at most max_bytes; redirects are followed. Raises NotAnImage."""
    import httpx  # noqa: PLC0415 (not before something is fetched)

    shown = printable(url, 80)
    end_s, data = time.monotonic() + TIMEOUT_S, bytearray()
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=TIMEOUT_S) as response:
            if response.status_code != 200:
                raise NotAnImage(f"found status {response.status_code} at {shown!r}")
            for piece in response.iter_bytes(_PIECE_BYTES):
                data += piece
                if len(data) > max_bytes:
                    raise NotAnImage(f"found more than {max_bytes:,} bytes at {shown!r}")
                if time.monotonic() > end_s:
                    raise NotAnImage(f"found no whole picture within {TIMEOUT_S:.0f} s at {shown!r}")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        if isinstance(error, NotAnImage):
            raise
        raise NotAnImage(f"found {shown!r} out of reach ({type(error).__name__})") from None
    return bytes(data)
