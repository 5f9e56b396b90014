"""The report page in a real browser: a hundred hostile answers run nothing and ask for nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from page_cases import RUN, hostile_answers, hostile_views
from report_cases import full_summary

from pytest_modeleval.reports.page import report_page

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


@pytest.fixture
def site() -> Iterator[Site]:
    """A site without a page yet."""
    running = Site()
    yield running
    running.close()


@pytest.fixture
def browser() -> Iterator[Any]:
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
    yield running
    running.quit()


def has_dialog(browser: Any) -> bool:
    """True if the page opened an alert; it is closed."""
    from selenium.common.exceptions import NoAlertPresentException

    try:
        browser.switch_to.alert.dismiss()
    except NoAlertPresentException:
        return False
    return True


def test_hundred_hostile_answers_run_nothing(site: Site, browser: Any) -> None:
    """Every fold opened, every filter clicked: the title stays, no dialog opens, nothing but the page is asked for."""
    views = hostile_views(site.url)
    assert len(views) == 100
    site.page = report_page(full_summary(), run=RUN, samples=views, title="the title")
    browser.get(f"{site.url}/report.html")
    assert not has_dialog(browser)
    opened = browser.execute_script(
        "const folds = [...document.querySelectorAll('details')]; folds.forEach(fold => fold.open = true);"
        "document.body.offsetHeight; return folds.length"
    )
    assert opened > 100
    for label in browser.find_elements("css selector", ".filter label"):
        label.click()
    assert not has_dialog(browser)
    assert browser.title == "the title"
    assert browser.execute_script("return document.scripts.length") == 0
    assert browser.current_url == f"{site.url}/report.html"
    assert set(site.asked) <= {"/report.html", "/favicon.ico"}


def test_filter_shows_one_kind_without_any_script(site: Site, browser: Any) -> None:
    """Choosing a kind hides all items of other kinds."""
    site.page = report_page(full_summary(), run=RUN, samples=hostile_views(site.url), title="t")
    browser.get(f"{site.url}/report.html")
    browser.find_element("css selector", "label:has(#f-no_answer)").click()
    shown = browser.execute_script(
        "return [...document.querySelectorAll('.item')].filter(item => getComputedStyle(item).display !== 'none')"
        ".map(item => item.classList[1])"
    )
    assert shown == ["k-no_answer"] * 50


def test_long_words_do_not_widen_the_page_on_a_phone(site: Site, browser: Any) -> None:
    """At 390 pixels nothing reaches beyond the right edge, whatever the answers hold."""
    site.page = report_page(full_summary(), run=RUN, samples=hostile_views("http://" + "w" * 300), title="t" * 200)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    browser.get(f"{site.url}/report.html")
    width = browser.execute_script(
        "document.querySelectorAll('details').forEach(fold => fold.open = true);"
        "return document.documentElement.scrollWidth"
    )
    assert width <= 390


def test_same_answers_do_harm_where_nothing_guards(site: Site, browser: Any) -> None:
    """The proof above can fail: put into a page as they are, these answers run and ask."""
    site.page = f"<!doctype html><title>the title</title><body>{''.join(hostile_answers(site.url)[:9])}".replace(
        "\ud800", ""
    )
    browser.get(f"{site.url}/report.html")
    assert has_dialog(browser)
    assert "/img" in site.asked
