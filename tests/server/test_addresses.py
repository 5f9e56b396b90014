"""Addresses as people write them become the one form that the client uses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval._support.proxies import is_loopback
from pytest_modeleval.errors import ConnectError
from pytest_modeleval.server.addresses import normalise_url, root_of


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:8000/", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/chat/completions", "http://localhost:8000/v1"),
        (" https://api.example.com/compatible-mode/v1 ", "https://api.example.com/compatible-mode/v1"),
        ("https://ark.example.com/api/v3/", "https://ark.example.com/api/v3"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
    ],
)
def test_address_is_completed(written: str, meant: str) -> None:
    """A missing scheme, version path or slash is mended; a given path is kept."""
    assert normalise_url(written) == meant
    assert normalise_url(meant) == meant


@pytest.mark.parametrize(
    "written", ["", "http://", "ftp://host/v1", "http://host:99999", "http://host:0", "http://host:x", "a b", "?x=1"]
)
def test_unusable_address_is_refused(written: str) -> None:
    """What is no address is refused, with the accepted form."""
    with pytest.raises(ConnectError, match="http://localhost:8000/v1"):
        normalise_url(written)


def test_key_in_address_is_refused_and_not_repeated() -> None:
    """A key put before the @ appears in no message."""
    with pytest.raises(ConnectError) as caught:
        normalise_url("http://user:sk-secret@host:8000/v1")
    assert "sk-secret" not in str(caught.value)
    assert "--model-key-env" in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_connect_error(text: str) -> None:
    """No text raises anything but ConnectError."""
    try:
        found = normalise_url(text)
    except ConnectError:
        return
    assert found.startswith(("http://", "https://"))
    assert not found.endswith("/")


def test_root_is_where_the_servers_own_endpoints_are() -> None:
    """The version path is cut, another path is kept."""
    assert root_of("http://localhost:8000/v1") == "http://localhost:8000"
    assert root_of("http://gateway/team/v1") == "http://gateway/team"


def test_only_this_machine_is_loopback() -> None:
    """No proxy is used for this machine; one may be for others."""
    assert all(is_loopback(f"http://{host}:1/v1") for host in ("localhost", "127.0.0.1", "127.9.9.9", "[::1]"))
    assert not any(is_loopback(f"http://{host}/v1") for host in ("10.0.0.1", "api.example.com", "localhost.evil.com"))
