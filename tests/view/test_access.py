"""Requests that `modeleval view` refuses: of other hosts, sites and methods, without the token, outside of the list."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.view.access import GuardedApp, access_for, is_own_host, refusal
from tests.support.run_folders import quiz_run

TOKEN = "a-token"
HOST = "127.0.0.1:7861"


@pytest.fixture
def served(tmp_path: Path) -> Any:
    """A client of the guarded application over one run, without token."""
    return client(tmp_path)


def client(tmp_path: Path, token: str = "") -> Any:
    """A client that sends what a browser sends for a typed address."""
    testing = pytest.importorskip("starlette.testclient", reason="starlette (the extra view) is not installed")
    from pytest_modeleval.view.app import make_app

    quiz_run(tmp_path / "runs" / "one")
    app = GuardedApp(make_app(tmp_path / "runs"), access_for("127.0.0.1", 7861, token))
    return testing.TestClient(app, base_url=f"http://{HOST}", follow_redirects=False)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example:7861"}, 421),
        ({"Host": "127.0.0.1.evil.example:7861"}, 421),
        ({"Host": "127.0.0.1:80"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": "192.168.1.5:7861"}, 421),
        ({"Host": ""}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "localhost:7861"}, 200),
        ({"Host": "LOCALHOST:7861"}, 200),
        ({"Host": "[::1]:7861"}, 200),
        ({"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_only_requests_of_its_own_pages_are_answered(served: Any, headers: dict[str, str], status: int) -> None:
    """A rebound name, another origin and another site are refused, and get no byte of a run."""
    answer = served.get("/api/runs", headers=headers)
    assert answer.status_code == status
    assert ("quiz" in answer.text) is (status == 200)


def test_nothing_but_reading_is_possible(served: Any) -> None:
    """Every other method is refused, a preflight too; no header allows another origin."""
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = served.request(method, "/api/runs")
        assert answer.status_code == 405
    assert "access-control-allow-origin" not in served.get("/api/runs", headers={"Origin": f"http://{HOST}"}).headers


def test_every_response_is_inert_and_not_kept(served: Any) -> None:
    """Pages, data, mistakes and refusals alike: no sniffing, no cache, no frame, a policy without inline scripts."""
    for path in ("/", "/compare", "/api/runs", "/nothing", "/assets/dom.js", "/runs/0000/", f"/{'x' * 300}"):
        headers = served.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
    refused = served.get("/", headers={"Host": "evil.example"}).headers
    assert (refused["x-content-type-options"], refused["cache-control"]) == ("nosniff", "no-store")


def test_the_token_goes_from_the_address_into_a_cookie(tmp_path: Path) -> None:
    """Without it nothing is answered; with it the address loses it, and the cookie is for this server's pages only."""
    served = client(tmp_path, TOKEN)
    assert served.get("/api/runs").status_code == 401
    assert served.get("/?token=wrong").status_code == 401
    assert served.get("/", headers={"Cookie": "modeleval_view_7861=wrong"}).status_code == 401
    assert served.get("/", headers={"Cookie": 'modeleval_view_7861="\\"'}).status_code == 401
    entered = served.get(f"/compare?run=a&token={TOKEN}")
    assert (entered.status_code, entered.headers["location"]) == (303, "/compare?run=a")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert served.get("/api/runs", headers={"Cookie": cookie.split(";")[0]}).status_code == 200
    away = served.get(f"http://{HOST}//evil.example/?token={TOKEN}")
    assert away.headers["location"].startswith("/evil.example")


def test_a_server_on_all_addresses_takes_numbers_and_its_own_name() -> None:
    """A site can rebind a name of its own, and no numeric address."""
    everywhere = access_for("0.0.0.0", 7861, TOKEN)
    assert is_own_host(everywhere, "192.168.1.5:7861")
    assert is_own_host(everywhere, "[2001:db8::1]:7861")
    assert not is_own_host(everywhere, "evil.example:7861")
    assert not is_own_host(everywhere, "1.2.3.4.nip.io:7861")
    one = access_for("192.168.1.5", 7861, TOKEN)
    assert is_own_host(one, "192.168.1.5:7861")
    assert not is_own_host(one, "127.0.0.1:7861")
    assert not is_own_host(access_for("::1", 80), "evil.example")
    assert is_own_host(access_for("::1", 80), "localhost")


def test_two_host_headers_and_long_queries_are_refused(served: Any) -> None:
    """Neither of two names is believed; a query is bounded."""
    assert served.get(f"/api/runs?{'x' * 9000}").status_code == 414
    assert refusal(access_for("127.0.0.1", 7861), "GET", {"host": HOST}, b"x" * 9000) is not None
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    async def app(*_: Any) -> None:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", HOST.encode()), (b"host", b"evil")]}
    asyncio.run(GuardedApp(app, access_for("127.0.0.1", 7861))(scope, receive, send))
    assert sent[0]["status"] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/runs/..%2f..%2fetc%2fpasswd/",
        "/runs/%2e%2e/data/index.json",
        "/runs/one/",
        "/runs//etc/",
        "/runs/one%00/data/index.json",
        "/assets/..%2fapp.py",
        "/assets/%2e%2e%2f%2e%2e%2fcli.py",
        "/assets//etc/passwd",
        "/assets/__init__.py",
        "/runs/one/data/chunks/../../../../etc/passwd",
        "/api/compare?run=one&run=..%2f..",
    ],
)
def test_addresses_are_keys_and_never_paths(served: Any, path: str) -> None:
    """Neither a name nor a path of a folder opens anything, only a key of the list; assets are a fixed table."""
    answer = served.get(path)
    assert answer.status_code == 404
    assert "root:" not in answer.text
