"""A web on loopback, for tests: SerpAPI, SearXNG and pages, scripted by the test."""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One answer. body: text, bytes, or a value that becomes JSON. hangs: nothing comes until the client leaves."""

    body: Any = ""
    status: int = 200
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    hangs: bool = False

    def data(self) -> bytes:
        """The bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@dataclass
class Seen:
    """One request. query: the parameters; headers: names in lower case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


Script = Callable[[Seen], Reply]


@dataclass
class WebImitation:
    """A running server. script decides every answer and may be replaced; seen is what came."""

    script: Script
    port: int = 0
    seen: list[Seen] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def searches(self) -> list[str]:
        """The keywords that were searched for."""
        return [one.query["q"] for one in self.seen if one.path.startswith("/search")]


def serpapi_results(*hits: tuple[str, str, str]) -> Reply:
    """What SerpAPI's DuckDuckGo engine answers, as far as it matters here."""
    results = [
        {"position": place + 1, "title": title, "link": link, "snippet": snippet}
        for place, (title, link, snippet) in enumerate(hits)
    ]
    return Reply({"search_metadata": {"status": "Success"}, "organic_results": results})


def searxng_results(*hits: tuple[str, str, str], silent: tuple[str, ...] = ()) -> Reply:
    """What SearXNG answers, as far as it matters here."""
    results = [{"title": title, "url": url, "content": content, "engine": "duckduckgo"} for title, url, content in hits]
    return Reply({"query": "q", "results": results, "unresponsive_engines": [[name, "timeout"] for name in silent]})


def page(html: str, **more: Any) -> Reply:
    """A page of HTML."""
    return Reply(html, kind="text/html; charset=utf-8", **more)


@contextlib.contextmanager
def web(script: Script) -> Iterator[WebImitation]:
    """A running imitation."""
    imitation = WebImitation(script)
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urllib.parse.urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(parts.path, dict(urllib.parse.parse_qsl(parts.query)), headers)
            imitation.seen.append(seen)
            reply = imitation.script(seen)
            if reply.hangs:
                ended.wait(30)
                return
            data = reply.data()
            self.send_response(reply.status)
            if reply.kind:
                self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(data)))
            for name, value in reply.headers:
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(data)

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    imitation.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield imitation
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
