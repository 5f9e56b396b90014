"""Pages that a model asks for: what may be fetched, how much of it, and what the model is told otherwise."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.web_search import pages, web_request
from pytest_modeleval.web_search.pages import fetch_page
from pytest_modeleval.web_search.provider import MAX_PAGE_BYTES, Page
from pytest_modeleval.web_search.public_addresses import AddressForbidden, addresses_of, is_private_literal, is_public
from pytest_modeleval.web_search.web_request import Unreachable, get
from tests.support.web_imitation import Reply, Seen, WebImitation, page, web

# IANA special-purpose registries (RFC 6890 and later): private, shared, link-local, loopback, multicast, reserved.
PRIVATE = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
    "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "::1/128", "::/128", "fc00::/7", "fe80::/10", "ff00::/8",
]  # fmt: skip


@given(st.sampled_from(PRIVATE).flatmap(lambda net: st.ip_addresses(network=net)))
def test_no_address_of_a_special_network_is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Nor when an IPv4 address is wrapped in an IPv6 one: mapped, 6to4, NAT64."""
    assert not is_public(str(address))
    if isinstance(address, ipaddress.IPv4Address):
        number = int(address)
        wrapped = [(0xFFFF << 32) | number, (0x2002 << 112) | (number << 80), (0x64FF9B << 96) | number]
        assert not any(is_public(str(ipaddress.IPv6Address(value))) for value in wrapped)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    """What a page may come from."""
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST.", "a.localhost", "printer.local", "metadata.google.internal", "127.1", "0x7f000001",
     "2130706433", "017700000001", "[::1]", "::ffff:10.0.0.1", "169.254.169.254", "10.1", "fe80::1%eth0"],
)  # fmt: skip
def test_private_hosts_are_known_without_resolving(host: str) -> None:
    """All ways to write them; behind a proxy nothing else can be looked at."""
    assert is_private_literal(host)


@pytest.mark.parametrize("host", ["example.org", "1.1.1.1", "localhost.example.org", "", "internal.example.org"])
def test_other_hosts_are_not(host: str) -> None:
    """A public address or a name that has to be resolved."""
    assert not is_private_literal(host)


def test_a_name_with_private_addresses_only_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """And of several addresses the private ones are left out."""
    known = {"inside.example": ["10.0.0.1", "::1"], "both.example": ["10.0.0.1", "1.1.1.1"]}

    def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert asyncio.run(addresses_of("both.example", 80)) == ["1.1.1.1"]
    assert asyncio.run(addresses_of("inside.example", 80, allow_private=True)) == ["10.0.0.1", "::1"]
    with pytest.raises(AddressForbidden):
        asyncio.run(addresses_of("inside.example", 80))


@pytest.fixture
def pages_web() -> Iterator[WebImitation]:
    """An imitation of a site."""
    with web(lambda _seen: page("<h1>Tea</h1>")) as running:
        yield running


def fetch(url: str, *, allow_private: bool = True) -> Page:
    """One page."""
    return asyncio.run(fetch_page(url, allow_private=allow_private))


def test_a_page_of_this_machine_is_refused_without_a_request(pages_web: WebImitation) -> None:
    """The address is the model's choice; only with leave is it fetched."""
    for url in (pages_web.url, f"http://localhost:{pages_web.port}", f"http://0x7f000001:{pages_web.port}/"):
        assert fetch(url, allow_private=False) == Page(error="the address is not a public one")
    assert pages_web.seen == []
    assert fetch(pages_web.url) == Page(text="<h1>Tea</h1>", is_html=True)


def as_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make "public.example" a public name whose server is this machine; all others stay what they are."""

    async def addresses(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "public.example" else await addresses_of(host, port)

    monkeypatch.setattr(web_request, "addresses_of", addresses)


def test_the_checked_address_is_the_one_connected_to(pages_web: WebImitation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is resolved once, by us; the server is asked for by name all the same."""
    as_public(monkeypatch)
    found = fetch(f"http://public.example:{pages_web.port}/tea?x=1", allow_private=False)
    assert found.text == "<h1>Tea</h1>"
    (seen,) = pages_web.seen
    assert seen.headers["host"] == f"public.example:{pages_web.port}"
    assert (seen.path, seen.query) == ("/tea", {"x": "1"})
    assert "authorization" not in seen.headers


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{port}/in", "http://169.254.169.254/latest", "//localhost:{port}/"]
)
def test_a_redirect_to_a_private_address_is_refused(
    pages_web: WebImitation, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """Every address on the way is checked, not the first alone."""
    as_public(monkeypatch)
    onward = (("Location", target.format(port=pages_web.port)),)
    pages_web.script = lambda _seen: Reply(status=302, headers=onward)
    found = fetch(f"http://public.example:{pages_web.port}/", allow_private=False)
    assert found.error == "the address is not a public one"
    assert len(pages_web.seen) == 1


@pytest.mark.parametrize(
    "target", ["ftp://example.org/x", "file:///etc/passwd", "gopher://x", "http://[::1", "http://x:99999/"]
)
def test_a_redirect_to_anything_else_is_no_address(pages_web: WebImitation, target: str) -> None:
    """Http and https, with a host that can be read; nothing else is opened."""
    pages_web.script = lambda _seen: Reply(status=301, headers=(("Location", target),))
    assert fetch(pages_web.url).error.startswith("Invalid URL")


def test_redirects_are_followed_and_end(pages_web: WebImitation) -> None:
    """A relative one is; a circle ends."""

    def script(seen: Seen) -> Reply:
        return page("there") if seen.path == "/b" else Reply(status=308, headers=(("Location", "b"),))

    pages_web.script = script
    assert fetch(f"{pages_web.url}/a").text == "there"
    pages_web.script = lambda _seen: Reply(status=302, headers=(("Location", "/again"),))
    pages_web.seen.clear()
    assert fetch(pages_web.url).error == "Exceeded 10 redirects."
    assert len(pages_web.seen) == 11


@pytest.mark.parametrize(
    ("status", "words"), [(404, "404 Client Error: Not Found"), (503, "503 Server Error: Service Unavailable"),
                          (499, "499 Client Error: Unknown")],
)  # fmt: skip
def test_a_status_is_told_in_upstreams_words(pages_web: WebImitation, status: int, words: str) -> None:
    """A site that answers so was reached."""
    pages_web.script = lambda _seen: page("oh", status=status)
    assert fetch(pages_web.url) == Page(error=f"{words} for url: {pages_web.url}")


@pytest.mark.parametrize(
    ("kind", "body", "text", "is_html"),
    [
        ("text/html; charset=iso-8859-1", "<p>é".encode("latin-1"), "<p>é", True),
        ("text/html", '<meta charset="windows-1252"><p>é'.encode("cp1252"), '<meta charset="windows-1252"><p>é', True),
        ("text/html; charset=nonsense", "<p>é".encode(), "<p>é", True),
        ("text/html; charset=zip", b"<p>x", "<p>x", True),
        ("text/html; charset=utf-8", b"\xff<p>", "\ufffd<p>", True),
        ("text/plain", b"plain", "plain", False),
        ("application/json", b"{}", "{}", False),
        ("application/atom+xml", b"<feed/>", "<feed/>", False),
        ("", b" <html>", " <html>", True),
    ],
)
def test_text_is_decoded_as_the_page_says(
    pages_web: WebImitation, kind: str, body: bytes, text: str, is_html: bool
) -> None:
    """By the header, else by the page itself, else as UTF-8; what is damaged is replaced."""
    pages_web.script = lambda _seen: Reply(body, kind=kind)
    assert fetch(pages_web.url) == Page(text=text, is_html=is_html)


@pytest.mark.parametrize("kind", ["application/pdf", "image/png", "application/octet-stream", "video/mp4"])
def test_what_is_no_text_is_told_so(pages_web: WebImitation, kind: str) -> None:
    """Upstream would hand the bytes to the model."""
    pages_web.script = lambda _seen: Reply(b"%PDF", kind=kind)
    assert fetch(pages_web.url).error == f"its content is {kind}, which is no text"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_page_is_cut_at_its_bound(pages_web: WebImitation, packed: bool) -> None:
    """Also one that is small on the wire and huge when it is unpacked."""
    body = b"x" * (40 * MAX_PAGE_BYTES if packed else 2 * MAX_PAGE_BYTES)
    headers = (("Content-Encoding", "gzip"),) if packed else ()
    reply = Reply(gzip.compress(body) if packed else body, kind="text/plain", headers=headers)
    pages_web.script = lambda _seen: reply
    assert len(fetch(pages_web.url).text) == MAX_PAGE_BYTES


def test_silence_and_a_torn_answer_mean_unreached(pages_web: WebImitation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there, no answer in time, no such name, bytes that are no gzip: told to the model, and marked."""
    with web(lambda _seen: Reply()) as gone:
        pass
    assert fetch(gone.url).is_unreached
    pages_web.script = lambda _seen: Reply(b"no gzip", headers=(("Content-Encoding", "gzip"),))
    assert fetch(pages_web.url).is_unreached
    monkeypatch.setattr(pages, "TIMEOUT_S", 0.1)
    pages_web.script = lambda _seen: Reply(hangs=True)
    assert fetch(pages_web.url) == Page(error="no whole answer within 0.1 s", is_unreached=True)


def test_an_unknown_name_is_unreached(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver's failure is no failure of ours."""

    async def nothing(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(web_request, "addresses_of", nothing)
    found = fetch("http://no-such-name.example/", allow_private=False)
    assert found == Page(error="the name of its server is not known", is_unreached=True)


def test_behind_a_proxy_the_name_goes_to_the_proxy(pages_web: WebImitation, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not resolved here; private addresses are refused all the same, as far as they can be seen."""
    monkeypatch.setenv("http_proxy", pages_web.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert fetch("http://somewhere.example/tea", allow_private=False).text == "<h1>Tea</h1>"
    assert [one.headers["host"] for one in pages_web.seen] == ["somewhere.example"]
    assert fetch("http://10.0.0.1/", allow_private=False).error == "the address is not a public one"
    assert len(pages_web.seen) == 1


def test_errors_hold_no_address() -> None:
    """What is raised may be shown: a URL may hold a key."""
    with web(lambda _seen: Reply()) as gone:
        pass
    with pytest.raises(Unreachable) as caught:
        asyncio.run(get(f"{gone.url}/?api_key=secret", headers={}, most_bytes=10, timeout_s=5))
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
