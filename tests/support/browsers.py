"""Headless Chromium and a site with one page, for tests of HTML reports."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Thread
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Site:
    """Serves one page on the loopback address and writes down everything that is asked of it."""

    def __init__(self) -> None:
        self.page = ""
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                body = site.page.encode() if self.path == "/report.html" else b""
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - the name that http.server calls

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Headless Chromium."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if found is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = selenium.ChromeOptions()
    options.binary_location = found
    options.unhandled_prompt_behavior = "ignore"
    # The sandbox of Chromium needs rights that a container does not give; what is loaded here is our own page.
    for switch in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900"):
        options.add_argument(switch)
    running = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    running.set_page_load_timeout(60)
    try:
        yield running
    finally:
        running.quit()


def serious_faults(browser: Any) -> list[tuple[str, list[str]]]:
    """What axe-core finds on the page and calls serious or critical: (rule, the first elements)."""
    source = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    if browser.execute_script("return !window.axe"):
        browser.execute_script(source)
    found = browser.execute_async_script(
        "axe.run({resultTypes: ['violations']}).then(arguments[0], error => arguments[0](String(error)))"
    )
    return [
        (entry["id"], [node["html"][:120] for node in entry["nodes"][:3]])
        for entry in found["violations"]
        if entry["impact"] in ("serious", "critical")
    ]


def has_dialog(browser: Any) -> bool:
    """True if the page opened an alert; it is closed."""
    from selenium.common.exceptions import NoAlertPresentException

    try:
        browser.switch_to.alert.dismiss()
    except NoAlertPresentException:
        return False
    return True
