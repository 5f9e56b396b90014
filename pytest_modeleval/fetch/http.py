"""One file over plain HTTP to a path, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_modeleval._support.retry import RetryLater, retry
from pytest_modeleval.fetch.cache import cache_file, unwritable
from pytest_modeleval.fetch.source import FetchError, Progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Seconds between attempts after 429, 5xx or a broken connection.
PAUSES_S = (1.0, 3.0)
TIMEOUT_S = 30.0
MAX_JSON_BYTES = 16_000_000
T = TypeVar("T")


class HttpStatusError(FetchError):
    """The server answered with a status that is no file. status: the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def download(
    url: str, target: Path, *, progress: Progress, pause: Callable[[float], None] = time.sleep
) -> tuple[str, dict[str, str]]:
    """Fetch url to target; gives the sha256 of what came and the headers of the first answer (redirects followed).

    Raises HttpStatusError (404, 401, ...), FetchError (out of reach, cut off), after retries where those help.
    """
    import httpx  # noqa: PLC0415 (not before something is fetched)

    def attempt(temporary: Path) -> tuple[str, dict[str, str]]:
        digest, received = hashlib.sha256(), 0
        # Without encodings of the transport, so that the announced length is the file's.
        with (
            httpx.Client(follow_redirects=True, timeout=TIMEOUT_S, headers={"Accept-Encoding": "identity"}) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                raise HttpStatusError(f"HTTP {response.status_code} at {response.url}", response.status_code)
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdigit() else None
            try:
                stream = temporary.open("wb")
            except OSError as error:
                raise unwritable(target, error) from error
            with stream:
                for piece in response.iter_bytes(1 << 16):
                    try:
                        stream.write(piece)
                    except OSError as error:
                        raise unwritable(target, error) from error
                    digest.update(piece)
                    received += len(piece)
                    progress.received(received, total)
            headers = dict(response.headers)
            for earlier in reversed(response.history):
                headers |= dict(earlier.headers)
        return digest.hexdigest(), headers

    with cache_file(target) as temporary:
        return _retried(lambda: attempt(temporary), pause)


def get_json(url: str, *, pause: Callable[[float], None] = time.sleep) -> Any:
    """The JSON at url, at most MAX_JSON_BYTES. Raises HttpStatusError or FetchError like `download`."""
    import httpx  # noqa: PLC0415

    def attempt() -> Any:
        content = bytearray()
        with (
            httpx.Client(follow_redirects=True, timeout=TIMEOUT_S) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                raise HttpStatusError(f"HTTP {response.status_code} at {response.url}", response.status_code)
            for piece in response.iter_bytes(1 << 16):
                content += piece
                if len(content) > MAX_JSON_BYTES:
                    raise FetchError(f"a listing of more than {MAX_JSON_BYTES:,} bytes at {response.url}")
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise FetchError(f"no JSON at {response.url}") from error

    return _retried(attempt, pause)


def _retried(attempt: Callable[[], T], pause: Callable[[float], None]) -> T:
    import httpx  # noqa: PLC0415

    def mapped() -> T:
        try:
            return attempt()
        except HttpStatusError as refusal:
            if refusal.status != 429 and refusal.status < 500:
                raise
            raise RetryLater(str(refusal), failure=refusal) from None
        except httpx.HTTPError as error:
            failure = FetchError(f"out of reach ({type(error).__name__}: {error})")
            failure.__cause__ = error
            # A refused connection stays refused; a broken one may not.
            if isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol):
                raise failure from error
            raise RetryLater(str(error), failure=failure) from None

    return retry(mapped, PAUSES_S, sleep=pause)
