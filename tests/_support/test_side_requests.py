"""Side requests against a server on loopback that answers with the bytes it is given."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from pytest_modeleval._support.side_requests import HttpReply, SideRequestError, http_get, http_post

OK = b"HTTP/1.1 200 OK\r\n"


class ByteServer:
    """Answers each connection with the next answer, byte for byte; then closes it."""

    def __init__(self, *answers: bytes, tls: ssl.SSLContext | None = None, pause_s: float = 0.0) -> None:
        self.requests: list[bytes] = []
        self._answers = answers
        self._tls = tls
        self._pause_s = pause_s
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.root = f"{'https' if tls else 'http'}://localhost:{self._socket.getsockname()[1]}"

    def serve(self) -> None:
        """Runs in a thread until the listening socket is closed."""
        for answer in self._answers:
            with contextlib.suppress(OSError):
                connection, _ = self._socket.accept()
                with self._tls.wrap_socket(connection, server_side=True) if self._tls else connection as ready:
                    self._answer(ready, answer)

    def _answer(self, connection: socket.socket, answer: bytes) -> None:
        request = piece = connection.recv(65536)
        while piece and not _is_whole(request):
            request += (piece := connection.recv(65536))
        self.requests.append(request)
        for byte in (answer[i : i + 1] for i in range(len(answer))) if self._pause_s else [answer]:
            connection.sendall(byte)
            time.sleep(self._pause_s)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    lengths = [int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")]
    return bool(end) and len(body) >= sum(lengths)


@contextlib.contextmanager
def byte_server(*answers: bytes, tls: ssl.SSLContext | None = None, pause_s: float = 0.0) -> Iterator[ByteServer]:
    """A running ByteServer."""
    server = ByteServer(*answers, tls=tls, pause_s=pause_s)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()


def test_status_headers_and_body_come_back_whatever_the_status() -> None:
    """404 is an answer, not an exception; header names are in lower case."""
    with byte_server(b"HTTP/1.1 404 Nope\r\nX-Kind: a\r\nContent-Length: 7\r\n\r\n[1, 2]\n") as server:
        reply = http_get(f"{server.root}/v1/models?x=1", key="sk-1", timeout_s=5)
    assert (reply.status, reply.headers["x-kind"], reply.json(), reply.is_truncated) == (404, "a", [1, 2], False)
    assert server.requests[0].startswith(b"GET /v1/models?x=1 HTTP/1.1\r\n")
    assert b"Authorization: Bearer sk-1\r\n" in server.requests[0]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'["\\ud800", "\\ud83d\\ude00"]', ["?", "\U0001f600"]),
        (b'{"\\udfff": NaN}', {"?": None}),
        (b"[" * 100_000, None),
        (b"1" * 5_000, None),
    ],
)
def test_odd_json_can_be_written_to_a_file_or_is_none(body: bytes, value: Any) -> None:
    """Halves of surrogate pairs become question marks; what Python cannot read is no JSON."""
    read = HttpReply(200, {}, body).json()
    assert json.loads(json.dumps(read).replace("NaN", "null")) == value
    assert json.dumps(read, ensure_ascii=False).encode() is not None


def test_a_mapping_is_posted_as_json() -> None:
    """The body and its content type are those of JSON."""
    with byte_server(OK + b"Content-Length: 0\r\n\r\n") as server:
        assert http_post(f"{server.root}/abort_request", {"rid": ""}, timeout_s=5).status == 200
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /abort_request ")
    assert b"Content-Type: application/json" in head
    assert json.loads(body) == {"rid": ""}


def test_no_more_than_max_bytes_are_kept() -> None:
    """A longer body is cut and marked, and is no JSON even if the cut part would be."""
    with byte_server(OK + b"Content-Length: 5\r\n\r\n12345") as server:
        reply = http_get(server.root, timeout_s=5, max_bytes=3)
    assert (reply.body, reply.is_truncated, reply.json()) == (b"123", True, None)


def test_the_time_limit_holds_for_the_whole_exchange() -> None:
    """A server that sends one byte at a time cannot hold a request beyond its limit."""
    with (
        byte_server(OK + b"X-Long: " + b"x" * 10_000, pause_s=0.02) as server,
        pytest.raises(SideRequestError) as caught,
    ):
        http_get(server.root, timeout_s=0.3)
    assert caught.value.is_timeout
    assert caught.value.is_connected


def test_a_refused_connection_differs_from_a_broken_answer() -> None:
    """Only the first means that no program listens there."""
    with byte_server() as server:
        pass
    with pytest.raises(SideRequestError) as refused:
        http_get(server.root, timeout_s=5)
    assert not refused.value.is_connected
    assert not refused.value.is_timeout
    for answer in (OK + b"Content-Length: 9\r\n\r\nhalf", b"not HTTP\r\n\r\n", b""):
        with byte_server(answer) as server, pytest.raises(SideRequestError) as broken:
            http_get(server.root, timeout_s=5)
        assert broken.value.is_connected


def test_redirects_and_compressed_bodies_are_read() -> None:
    """Both are left to httpx, and the caller sees the final, unpacked answer."""
    import gzip

    packed = gzip.compress(b'{"a": 1}')
    answer = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed)
    redirect = b"HTTP/1.1 307 There\r\nConnection: close\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
    with byte_server(redirect, redirect, answer) as server:
        assert http_get(server.root, timeout_s=5).json() == {"a": 1}


def test_a_key_that_cannot_be_a_header_is_not_shown() -> None:
    """A key with a line break, as read from a file, fails without being repeated, on both ways."""
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    for way in (None, client):
        with pytest.raises(SideRequestError) as caught:
            http_get("http://localhost:9/", key="sk-CANARY\n", timeout_s=1, client=way)
        assert "CANARY" not in f"{caught.value!r} {caught.value.__context__!r}"


@pytest.mark.parametrize("url", ["ftp://h/", "no address", "http://[half", "http://h:port/", "http://\u0000/"])
def test_what_is_no_address_is_named_so(url: str) -> None:
    """No URL makes anything but a SideRequestError."""
    with pytest.raises(SideRequestError):
        http_get(url, timeout_s=0.2)


def test_a_certificate_of_ssl_cert_file_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the refusal names the certificate and counts as somebody there; loopback is no exception."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    answer = OK + b"Content-Length: 2\r\n\r\n{}"
    with byte_server(answer, tls=context) as server, pytest.raises(SideRequestError, match="certificate") as caught:
        http_get(server.root, timeout_s=5)
    assert caught.value.is_connected
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with byte_server(answer, tls=context) as server:
        assert http_get(server.root, timeout_s=5).json() == {}
