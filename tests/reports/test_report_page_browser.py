"""The report page in a real browser: a hundred hostile answers run nothing and ask for nothing."""

from __future__ import annotations

from typing import Any

from pytest_modeleval.reports.page import report_page
from tests.support.browsers import Site, has_dialog
from tests.support.page_cases import RUN, hostile_answers, hostile_views
from tests.support.report_cases import full_summary
from tests.support.waiting import until


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

    def has_asked() -> bool:
        # Each alert stops the page until it is closed.
        has_dialog(browser)
        return "/img" in site.asked

    until(has_asked)
