"""The default transport, over real sockets against a server that answers with scripted bytes."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.client.chat import ChatClient
from pytest_modeleval.client.http1 import Http1Transport
from pytest_modeleval.client.http1_connection import LARGE_BODY_BYTES, MAX_HEAD_BYTES
from pytest_modeleval.client.httpx_transport import HttpxTransport, transport_for
from pytest_modeleval.client.transport import post
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind
from tests.support.chat_replies import complete, delta

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


class Taken:
    """A receiver that keeps what it is given."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ends = 0

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Keep status and header fields."""
        self.status, self.headers = status, dict(headers)

    def on_data(self, piece: bytes) -> None:
        """Keep the piece."""
        self.body += piece

    def on_cut(self) -> bool:
        """A body that breaks off is never whole."""
        return False

    def on_end(self) -> None:
        """Count the end."""
        self.ends += 1


class Server:
    """Answers every request with the next of some scripts: pieces of bytes; None closes the connection."""

    def __init__(self, *answers: list[bytes | None], tls: ssl.SSLContext | None = None) -> None:
        self._answers = list(answers)
        self._tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self.gone = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []
        self.url = ""

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://localhost:{port}/v1/chat?q=1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:"))
                self.requests.append(head + await reader.readexactly(length))
                if not self._answers:
                    await reader.read()
                    return
                for piece in self._answers.pop(0):
                    if piece is None:
                        return
                    writer.write(piece)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self.gone.set()
            writer.close()


def _run(
    server: Callable[[], Server], act: Callable[[Http1Transport, Server], Awaitable[None]]
) -> tuple[Server, Http1Transport]:
    async def run() -> tuple[Server, Http1Transport]:
        async with server() as there:
            transport = Http1Transport()
            try:
                await act(transport, there)
            finally:
                await transport.close()
            return there, transport

    return asyncio.run(run())


def _ask(*pieces: bytes | None) -> Taken:
    taken = Taken()

    async def act(transport: Http1Transport, server: Server) -> None:
        await post(transport, server.url, b"{}", {}, taken, request_id="r1")

    _run(lambda: Server(list(pieces)), act)
    return taken


def _fails(*pieces: bytes | None) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught:
        _ask(*pieces)
    return caught.value


def test_what_is_sent() -> None:
    """One POST with the path and query of the URL, its host and port, the header fields given, and the body."""

    async def act(transport: Http1Transport, server: Server) -> None:
        fields = {"Content-Type": "application/json"}
        await post(transport, server.url, '{"a":"ü"}'.encode(), fields, Taken(), request_id="r1")

    server, _ = _run(lambda: Server([OK + b"Content-Length: 0\r\n\r\n"]), act)
    host = server.url.split("/")[2].encode()
    assert server.requests == [
        b"POST /v1/chat?q=1 HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\nX-Request-Id: r1\r\n"
        b"Content-Length: 10\r\n\r\n"
        b'{"a":"\xc3\xbc"}' % host
    ]


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        ([OK + b"Content-Length: 5\r\nX-A: b\r\n\r\nhello"], b"hello"),
        (
            [OK + CHUNKED + b"5\r\nhello\r\n3;x=y\r\n wo\r\n0\r\nTrailer: t\r\n\r\n"],
            b"hello wo",
        ),
        ([OK + b"\r\nhel", b"lo", None], b"hello"),
        ([b"HTTP/1.0 200 OK\r\n\r\nhello", None], b"hello"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi"], b"hi"),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
        ([b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy"], b"busy"),
    ],
    ids=["length", "chunks", "until it closes", "HTTP/1.0", "informational", "no body", "a refusal"],
)
def test_every_form_of_a_body_is_read(answer: list[bytes | None], body: bytes) -> None:
    """Lengths, chunks, and bodies that end with the connection."""
    assert _ask(*answer).body == body


def test_status_and_header_fields_come_first() -> None:
    """Names in lower case, values as they are."""
    taken = _ask(b"HTTP/1.1 429 Slow down\r\nRETRY-After: 7\r\nContent-Length: 0\r\n\r\n")
    assert (taken.status, taken.headers["retry-after"]) == (429, "7")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 200), max_size=12), st.binary(min_size=1, max_size=300))
def test_the_borders_of_pieces_do_not_matter(cuts: list[int], body: bytes) -> None:
    """The same bytes give the same response, however they are cut."""
    whole = OK + CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    assert _ask(*(whole[start:end] for start, end in pairwise(edges))).body == body


def test_a_connection_is_used_again_unless_the_server_forbids_it() -> None:
    """Five requests: two share a connection, the next three each need their own."""
    answers: list[list[bytes | None]] = [
        [OK + b"Content-Length: 1\r\n\r\na"],
        [OK + b"Content-Length: 1\r\nConnection: close\r\n\r\nb"],
        [OK + b"\r\nc", None],
        [OK + b"Content-Length: 1\r\n\r\nd-and-more-than-announced"],
        [OK + b"Content-Length: 1\r\n\r\ne"],
    ]
    bodies = []

    async def act(transport: Http1Transport, server: Server) -> None:
        for _ in range(5):
            taken = Taken()
            await post(transport, server.url, b"{}", {}, taken)
            bodies.append(taken.body)

    server, _ = _run(lambda: Server(*answers), act)
    assert bodies == [b"a", b"b", b"c", b"d", b"e"]
    assert server.connections == 4


def test_a_connection_that_the_server_closed_meanwhile_is_not_used() -> None:
    """The second request opens another one instead of failing."""

    async def act(transport: Http1Transport, server: Server) -> None:
        await post(transport, server.url, b"{}", {}, Taken())
        await server.gone.wait()
        # The other end's close has been sent; the loop turns until it is seen here.
        for endpoint in transport._endpoints.values():
            while endpoint.idle:
                await asyncio.sleep(0)
        await post(transport, server.url, b"{}", {}, Taken())

    answer: list[bytes | None] = [OK + b"Content-Length: 1\r\n\r\na"]
    server, _ = _run(lambda: Server([*answer, None], answer), act)
    assert server.connections == 2


def test_a_kept_connection_that_ends_without_an_answer_is_no_failure() -> None:
    """llama.cpp closes after a stream although it announced keep-alive: the request goes out again, on a new one."""
    taken = [Taken(), Taken()]

    async def act(transport: Http1Transport, server: Server) -> None:
        for one in taken:
            await post(transport, server.url, b"{}", {}, one)

    # The server takes the second request and closes, without a byte.
    server, _ = _run(
        lambda: Server([OK + b"Content-Length: 1\r\n\r\na"], [None], [OK + b"Content-Length: 1\r\n\r\nb"]), act
    )
    assert [each.body for each in taken] == [b"a", b"b"]
    assert server.connections == 2


@pytest.mark.parametrize("second", [[None], [OK + b"Content-Length: 5\r\n\r\nha", None]], ids=["new", "begun"])
def test_a_new_or_half_read_connection_that_closes_is_a_failure(second: list[bytes | None]) -> None:
    """Only a kept connection that gave no byte is replaced silently."""
    taken = Taken()

    async def act(transport: Http1Transport, server: Server) -> None:
        await post(transport, server.url, b"{}", {}, Taken())
        with pytest.raises(AttemptFailed):
            await post(transport, server.url, b"{}", {}, taken)

    server, _ = _run(lambda: Server([OK + b"Content-Length: 1\r\n\r\na"], second, [None], [OK + b"\r\n"]), act)
    assert len(server.requests) == (3 if second == [None] else 2)


@pytest.mark.parametrize(
    "answer",
    [
        [None],
        [OK + b"Content-Length: 50\r\n\r\nhalf", None],
        [OK + CHUNKED + b"5\r\nhello\r\n", None],
        [OK + b"Content-Le", None],
        [b"nonsense\r\n\r\n"],
        [OK + b"Content-Length: five\r\n\r\nhello"],
        [OK + CHUNKED + b"zz\r\n"],
        [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx", None],
        [OK + b"X: " + b"a" * MAX_HEAD_BYTES + b"\r\n"],
    ],
    ids=["none", "half a body", "half the chunks", "half a head", "no HTTP", "length", "chunk", "upgrade", "long head"],
)
def test_broken_answers_are_failures_of_the_connection(answer: list[bytes | None]) -> None:
    """Each can be asked again, and none is an answer."""
    failure = _fails(*answer)
    assert (failure.kind, failure.cause, failure.is_retryable) == (Kind.SERVER_ERROR, "connection_lost", True)


def test_an_exception_of_the_receiver_ends_the_exchange() -> None:
    """It comes out as it is, and the connection is closed."""

    class Fussy(Taken):
        def on_data(self, piece: bytes) -> None:
            raise AttemptFailed("too long", kind=Kind.BAD_RESPONSE, cause="too_large")

    async def act(transport: Http1Transport, server: Server) -> None:
        with pytest.raises(AttemptFailed, match="too long"):
            await post(transport, server.url, b"{}", {}, Fussy())
        await server.gone.wait()

    _run(lambda: Server([OK + b"Content-Length: 50\r\n\r\nhalf"]), act)


def test_a_cancelled_request_closes_its_connection() -> None:
    """That is how the server learns to stop."""

    async def act(transport: Http1Transport, server: Server) -> None:
        task = asyncio.ensure_future(post(transport, server.url, b"{}", {}, Taken()))
        while not server.requests:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.gone.wait()

    _run(Server, act)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "schlüssel"])
def test_a_key_that_would_break_the_head_is_refused_without_being_shown(value: str) -> None:
    """Before anything is sent."""

    async def act(transport: Http1Transport, server: Server) -> None:
        with pytest.raises(AttemptFailed) as caught:
            await post(transport, server.url, b"{}", {"Authorization": value}, Taken())
        assert value not in str(caught.value)
        assert not caught.value.is_retryable

    server, _ = _run(Server, act)
    assert server.connections == 0


def test_a_refused_connection_can_be_tried_again() -> None:
    """No program listens there; it may be starting."""

    async def act(transport: Http1Transport, server: Server) -> None:
        await server.__aexit__()
        with pytest.raises(AttemptFailed) as caught:
            await post(transport, server.url, b"{}", {}, Taken())
        assert caught.value.cause == "connection_lost"

    _run(Server, act)


def test_certificates_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Https works with the authority in SSL_CERT_FILE, and fails without it."""
    authority = trustme.CA()
    there = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(there)
    answer: list[bytes | None] = [OK + b"Content-Length: 2\r\n\r\nhi"]

    async def strange(transport: Http1Transport, server: Server) -> None:
        with pytest.raises(AttemptFailed, match="certificate"):
            await post(transport, server.url, b"{}", {}, Taken())

    _run(lambda: Server(answer, tls=there), strange)
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    taken = Taken()

    async def act(transport: Http1Transport, server: Server) -> None:
        await post(transport, server.url, b"{}", {}, taken)

    _run(lambda: Server(answer, tls=there), act)
    assert taken.body == b"hi"


def test_behind_a_proxy_httpx_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only there: a server on this machine is asked directly whatever the environment says."""
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert isinstance(transport_for(["http://server/v1"]), HttpxTransport)
    assert isinstance(transport_for(["http://127.0.0.1:8000/v1"]), Http1Transport)


@pytest.mark.parametrize("size", [1, LARGE_BODY_BYTES + 1], ids=["small", "large"])
def test_a_connection_is_free_when_its_response_ends(size: int) -> None:
    """A request sent from within `on_end` uses the same connection at once, and gets its own response."""
    second = Taken()

    class First(Taken):
        """Sends another request when its own response ends."""

        def on_end(self) -> None:
            """Send the second request."""
            super().on_end()
            transport_of[0].send(url_of[0], b"[]", {}, second, done_of[0])

    first = First()
    transport_of: list[Http1Transport] = []
    url_of: list[str] = []
    done_of: list[asyncio.Future[None]] = []

    async def act(transport: Http1Transport, server: Server) -> None:
        transport_of.append(transport)
        url_of.append(server.url)
        done_of.append(asyncio.get_running_loop().create_future())
        await post(transport, server.url, b"{}", {}, first)
        await done_of[0]

    one, two = (OK + b"Content-Length: %d\r\n\r\n" % size + size * letter for letter in (b"1", b"2"))
    server, _ = _run(lambda: Server([one], [two]), act)
    assert (first.body, second.body) == (size * b"1", size * b"2")
    assert (first.ends, second.ends) == (1, 1)
    assert server.connections == 1


def test_data_after_a_response_reaches_no_request() -> None:
    """A connection on which more than one response came is not used again, and the surplus is discarded."""
    taken, other = Taken(), Taken()

    async def act(transport: Http1Transport, server: Server) -> None:
        await post(transport, server.url, b"{}", {}, taken)
        await post(transport, server.url, b"{}", {}, other)

    one, two = (OK + b"Content-Length: 1\r\n\r\n" + letter for letter in (b"1", b"2"))
    for stray in (two, b"garbage", OK + CHUNKED + b"1\r\n"):
        server, _ = _run(lambda stray=stray: Server([one + stray], [two]), act)  # type: ignore[misc]
        assert (taken.body, other.body) == (b"1", b"2")
        assert server.connections == 2
        taken.body = other.body = b""


def test_a_cancelled_exchange_closes_its_connection() -> None:
    """The server sees the end of the connection; cancelling a finished exchange changes nothing."""

    async def act(transport: Http1Transport, server: Server) -> None:
        await post(transport, server.url, b"{}", {}, Taken())
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        cancel = transport.send(server.url, b"{}", {}, Taken(), done)
        done.cancel()
        cancel()
        await asyncio.wait_for(server.gone.wait(), 5)

    server, _ = _run(lambda: Server([OK + b"Content-Length: 1\r\n\r\n1"]), act)
    assert len(server.requests) == 2


LETTER = OK + b"Content-Length: 1\r\n\r\n"


@pytest.mark.parametrize("is_read", [True, False], ids=["already read", "still in the socket"])
def test_an_unasked_second_response_is_not_the_next_request_s(is_read: bool) -> None:
    """It comes late, on a kept connection: the next request goes out on another one, and none is kept any more."""
    taken = [Taken() for _ in range(3)]

    async def act(transport: Http1Transport, server: Server) -> None:
        await post(transport, server.url, b"{}", {}, taken[0])
        server.writers[0].write(LETTER + b"x")
        while is_read and next(iter(transport._endpoints.values())).idle:
            await asyncio.sleep(0)
        await post(transport, server.url, b"{}", {}, taken[1])
        await post(transport, server.url, b"{}", {}, taken[2])

    server, _ = _run(lambda: Server([LETTER + b"a"], [LETTER + b"b"], [LETTER + b"c"]), act)
    assert [each.body for each in taken] == [b"a", b"b", b"c"]
    assert server.connections == (3 if is_read else 2)


def test_a_timeout_of_the_server_is_no_unasked_response() -> None:
    """Servers send 408 before they close an idle connection; connections are still kept afterwards."""

    async def act(transport: Http1Transport, server: Server) -> None:
        for number in range(3):
            await post(transport, server.url, b"{}", {}, Taken())
            if number == 0:
                server.writers[0].write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")

    answers: list[list[bytes | None]] = [[LETTER + b"a"] for _ in range(3)]
    server, _ = _run(lambda: Server(*answers), act)
    assert server.connections == 2


@pytest.mark.parametrize("size", [1, LARGE_BODY_BYTES + 1], ids=["small", "large"])
def test_a_response_that_is_refused_ends_its_connection(size: int) -> None:
    """It may be another request's, and so may be what follows on that connection, even while it waits for its turn."""

    class Refusing(Taken):
        def on_end(self) -> None:
            raise AttemptFailed("another request's", kind=Kind.BAD_RESPONSE, cause="other_request")

    async def act(transport: Http1Transport, server: Server) -> None:
        with pytest.raises(AttemptFailed, match="another"):
            await post(transport, server.url, b"{}", {}, Refusing())
        await post(transport, server.url, b"{}", {}, Taken())

    answer = OK + b"Content-Length: %d\r\n\r\n" % size + size * b"a"
    server, _ = _run(lambda: Server([answer], [LETTER + b"b"]), act)
    assert server.connections == 2


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_body_that_breaks_off_may_be_whole(is_whole: bool) -> None:
    """F35: the receiver knows whether everything was sent; the connection is not used again."""

    class Knowing(Taken):
        def on_cut(self) -> bool:
            return is_whole

    taken = Knowing()

    async def act(transport: Http1Transport, server: Server) -> None:
        await post(transport, server.url, b"{}", {}, taken)

    answer: list[bytes | None] = [OK + CHUNKED + b"5\r\nhello\r\n", None]
    if not is_whole:
        with pytest.raises(AttemptFailed):
            _run(lambda: Server(answer), act)
    else:
        _run(lambda: Server(answer), act)
    assert (taken.body, taken.ends) == (b"hello", int(is_whole))


@pytest.mark.parametrize(("end", "is_whole"), [(b"data: [DONE]\n\n", True), (b"", False)], ids=["done", "not done"])
def test_a_stream_whose_last_chunk_is_missing_is_whole_after_done(end: bytes, is_whole: bool) -> None:
    """F35: with [DONE] everything has been said; without it more could have come."""
    events = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in (delta(content="A"), delta("stop")))
    body = events + end
    head = OK + b"Content-Type: text/event-stream\r\n" + CHUNKED
    replies: list[dict[str, Any]] = []

    async def act(transport: Http1Transport, server: Server) -> None:
        base = server.url.partition("/v1")[0] + "/v1"
        replies.append(await complete(ChatClient(transport), base))

    if is_whole:
        _run(lambda: Server([head + b"%x\r\n%b\r\n" % (len(body), body), None]), act)
        assert replies[0]["content"] == "A"
    else:
        with pytest.raises(AttemptFailed):
            _run(lambda: Server([head + b"%x\r\n%b\r\n" % (len(body), body), None]), act)
