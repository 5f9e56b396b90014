"""The report page in a real browser: opened from disk, every view works, and hostile answers run nothing."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.gate_evidence import ChangedQuestion, GateEvidence
from pytest_modeleval.results import RunSummary
from tests.support.browsers import Site, chromium, has_dialog, serious_faults
from tests.support.page_cases import hostile_answers, hostile_samples, many_samples, report_page
from tests.support.point_cases import a_point
from tests.support.report_cases import full_summary
from tests.support.waiting import until


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, one for all tests here."""
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Page]:
    """A page of 300 samples, opened from disk; no test may leave an error in the console."""
    opened = Page(browser, tmp_path / "report.html")
    opened.write(report_page(summary_with_evidence(), samples=many_samples(300), title="the title"))
    opened.open()
    yield opened
    assert opened.errors() == []


def summary_with_evidence() -> RunSummary:
    """Two questions became wrong and one right since the baseline of its first gate; and operating points."""
    wrong = tuple(
        ChangedQuestion("iquiz", "IQ", f"IQ-000{number}", "right 'A'", "wrong 'B'") for number in ("05", "10")
    )
    right = (ChangedQuestion("iquiz", "IQ", "IQ-00006", "wrong 'B'", "right 'A'"),)
    evidence = GateEvidence(wrong, right, compare="modeleval compare base.json run")
    summary = full_summary()
    tested = dataclasses.replace(summary.gates[0], adjusted_p=0.002, alpha=0.01, limit=0.02, detectable=0.051)
    seen = dataclasses.replace(tested, score=0.7119, low=0.613, high=0.775, n=118, drop=0.0921)
    gate = dataclasses.replace(seen, kind="regression", newly_wrong=2, newly_right=1, evidence=evidence)
    return dataclasses.replace(with_points(summary), gates=(gate, *summary.gates[1:]))


def with_points(summary: RunSummary) -> RunSummary:
    """The summary with a sweep of three points and one that cannot be judged."""
    points = (
        *(a_point(f"c{busy}", busy=busy) for busy in (1, 16, 64)),
        a_point("c99", busy=99, unjudged="slow client"),
    )
    first, *others = summary.benchmarks
    return dataclasses.replace(summary, benchmarks=(dataclasses.replace(first, points=points), *others))


class Page:
    """A report that is open in the browser."""

    def __init__(self, browser: Any, path: Path) -> None:
        self.browser = browser
        self.path = path

    def write(self, html: str) -> None:
        """Store the page."""
        self.path.write_text(html, encoding="utf-8")

    def open(self, address: str = "") -> None:
        """Open it from disk, at an address inside of it, and wait until its data is there."""
        self.browser.get("about:blank")
        self.errors()
        self.browser.get(self.path.as_uri() + address)
        until(lambda: self.js("return document.getElementById('sample-count').textContent.length > 0"))

    def go(self, address: str) -> None:
        """Follow an address inside of the page."""
        self.js(f"location.hash = {address!r}")

    def js(self, code: str) -> Any:
        """Run a line of script, as the browser's own console does."""
        return self.browser.execute_script(code)

    def texts(self, selector: str) -> list[str]:
        """The text of every element."""
        found = self.js(f"return [...document.querySelectorAll({selector!r})].map(node => node.textContent)")
        return [str(text) for text in found]

    def waits_for(self, selector: str, text: str) -> None:
        """Wait until the first such element has a text."""
        until(lambda: text in " ".join(self.texts(selector)))

    def waits_for_sample(self, name: str) -> None:
        """Wait until a sample is open with all of its texts; its title is there before its chunk has been read."""
        self.waits_for("#sample-title", name)
        until(lambda: self.js("return document.querySelector('#sample .transcript') !== null"))

    def press(self, keys: str) -> None:
        """Press keys."""
        from selenium.webdriver import ActionChains

        ActionChains(self.browser).send_keys(keys).perform()

    def errors(self) -> list[str]:
        """What the console has got since it was last asked."""
        return [entry["message"] for entry in self.browser.get_log("browser") if "favicon" not in entry["message"]]


def test_search_filters_and_sorting_choose_samples(page: Page) -> None:
    """A word of a reply, one of the thinking, kinds, a range of tokens and a flip; sorted by a column."""
    page.go("#samples")
    page.waits_for("#sample-count", "300 of 300")
    box = page.browser.find_element("id", "search")
    box.send_keys("reply123")
    page.waits_for("#sample-count", "1 of 300")
    assert page.texts(".list-row .c-id") == ["IQ-00123"]
    page.go("#samples?q=THOUGHT77")
    page.waits_for(".list-row .c-id", "IQ-00077")
    page.go("#samples?kind=wrong&sort=-tokens&tokens=20..")
    wanted = [one for one in many_samples(300) if one["kind"] == "wrong" and one["completion_tokens"] >= 20]
    page.waits_for("#sample-count", f"{len(wanted)} of 300")
    shown = [int(text) for text in page.texts(".list-row .c-tokens")]
    assert shown == sorted(shown, reverse=True)
    assert set(page.texts(".list-row .c-kind")) == {"wrong"}
    page.go("#samples?flip=wrong")
    page.waits_for("#sample-count", "2 of 300")
    assert page.texts(".list-row .c-id") == ["IQ-00005", "IQ-00010"]
    page.go("#samples?q=nothing+like+this")
    page.waits_for("#sample-count", "0 of 300")
    assert page.js("return !document.getElementById('sample-none').hidden")


def test_a_sample_is_opened_by_its_address_and_walked_by_keys(page: Page) -> None:
    """The address of a sample opens it; j and k walk the chosen ones, r shows the text as it came, Escape closes."""
    page.open("#samples?kind=wrong&s=iquiz/IQ/IQ-00005")
    page.waits_for_sample("IQ-00005")
    assert "newly wrong" in page.texts("#sample .flip")[0]
    assert page.texts("#sample .markup strong") == ["Bold"]
    assert page.js("return document.querySelectorAll('#sample math').length") == 1
    page.press("j")
    page.waits_for_sample("IQ-00010")
    page.press("r")
    page.waits_for("#sample .r-reply pre", "**Bold** reply10")
    page.press("k")
    page.waits_for_sample("IQ-00005")
    assert page.js("return location.hash") == "#samples?kind=wrong&s=iquiz/IQ/IQ-00005"
    page.press("r")
    page.waits_for("#sample .markup strong", "Bold")
    page.press("\ue00c")
    until(lambda: page.js("return document.getElementById('sample').hidden"))


def test_the_exact_request_and_a_command_that_repeats_it(browser: Any, tmp_path: Path) -> None:
    """The command, run by a shell, sends the body as it was sent, to the address, and a key only where one is set."""
    (sample,) = many_samples(1)
    text = 'it\'s "quoted" $HOME `id` \\\nBODY\n\u202e\u4e2d\U0001f600\x1b'
    sample["exchanges"][0]["messages"][0]["content"] = text
    opened = Page(browser, tmp_path / "report.html")
    url = "http://127.0.0.1:9/it's/v1"
    opened.write(report_page(full_summary(), samples=[sample], run={"urls": [url]}))
    opened.open("#samples?s=iquiz/EQ/EQ-00000")
    opened.waits_for_sample("EQ-00000")
    opened.js("document.querySelectorAll('#sample .p-request details').forEach(fold => fold.open = true)")
    opened.waits_for("#sample .p-request", "<<'BODY'")
    command = opened.texts("#sample .p-request pre")[-1]
    assert command.replace("\n", "").isascii()
    for key in ("", "k 1"):
        stub = f"curl() {{ printf '%s\\n' \"$@\"; cat; }}\nAPI_KEY='{key}'\n{command}\n"
        said = subprocess.run(["sh", "-c", stub], capture_output=True, text=True, check=True).stdout.splitlines()
        assert f"{url}/chat/completions" in said
        assert (f"Authorization: Bearer {key}" in said) is bool(key)
        sent = {"model": "m", "temperature": 0, "messages": [{"role": "user", "content": text}]}
        assert json.loads(said[-1]) == sent
    assert opened.errors() == []


def test_two_clicks_lead_to_a_reason_a_raw_reply_and_what_became_wrong(page: Page) -> None:
    """Counted from the opened report, with a mouse: why a sample is wrong, its reply as it came, a gate's questions."""
    clicks: list[str] = []

    def click(path: str) -> None:
        until(lambda: bool(page.browser.find_elements("xpath", path)))
        page.browser.find_element("xpath", path).click()
        clicks.append(path)

    click("//section[@id='counts']//li[contains(@class, 'k-wrong')]//a")
    page.waits_for("#sample .facts", "wrong_letter")
    page.waits_for("#sample .pair", "B")
    assert page.js("return location.hash").startswith("#samples?kind=wrong&s=iquiz/EQ/")
    assert len(clicks) == 1
    click("//*[@id='sample']//button[. = 'Raw']")
    page.waits_for("#sample .r-reply pre", "**Bold** reply")
    assert len(clicks) == 2
    click("//*[@id='sample']//button[. = 'Raw']")

    clicks.clear()
    page.open()
    assert page.texts("#gates .evidence code") == ["modeleval compare base.json run"]
    assert page.texts("#gates .evidence details[open] li a") == ["IQ-00005", "IQ-00010"]
    click("//*[@id='gates']//a[. = 'IQ-00010']")
    page.waits_for_sample("IQ-00010")
    assert page.texts("#sample .flip dd") == ["right 'A'", "wrong 'B'"]
    page.waits_for("#sample .r-reply", "reply10")
    page.waits_for("#sample-count", "2 of 300")
    click("//*[contains(@class, 'list-row')]//a[. = 'IQ-00005']")
    page.waits_for_sample("IQ-00005")
    page.waits_for("#sample .flip", "right 'A'")
    assert len(clicks) == 2


def test_benchmarks_have_sortable_subsets_and_charts_with_their_numbers(page: Page) -> None:
    """A head sorts the subsets; every chart is drawn, named, and has its numbers; a subset opens its samples."""
    page.go("#benchmarks")
    page.waits_for(".benchmark h2", "iquiz")
    assert page.texts(".benchmark:first-child tbody th[scope=row] a") == ["IQ", "EQ"]
    page.js("document.querySelector('[data-sort=\"wrong\"]').click()")
    page.waits_for(".benchmark:first-child tbody tr:first-child", "EQ")
    captions = page.texts(".benchmark:first-child figcaption")
    assert captions == ["Scores with 95 % intervals", "Length of replies"]
    until(lambda: page.js("return [...document.querySelectorAll('canvas')].every(canvas => canvas.width > 100)"))
    sums = page.js(
        "return [...document.querySelectorAll('.benchmark:first-child figure')[1].querySelectorAll('tbody td')]"
        ".reduce((sum, cell) => sum + Number(cell.textContent), 0)"
    )
    assert sums == 300
    page.js("document.querySelector('.benchmark tbody a[href*=\"subset=EQ\"]').click()")
    page.waits_for("#sample-count", "3 of 300")


def test_a_reply_of_a_megabyte_is_shown_in_part_and_whole_on_demand(browser: Any, tmp_path: Path) -> None:
    """One line of a million characters: its beginning, its end and a button for the rest."""
    (sample,) = many_samples(1)
    sample["exchanges"][0]["reply"]["content"] = f"start{'x' * 1_000_000}the end"
    opened = Page(browser, tmp_path / "report.html")
    opened.write(report_page(full_summary(), samples=[sample]))
    opened.open("#samples?s=iquiz/EQ/EQ-00000")
    opened.waits_for("#sample .r-reply pre", "the end")
    assert len(opened.texts("#sample .r-reply pre")[0]) < 60_000
    opened.js("document.querySelector('#sample .more-text').click()")
    until(lambda: len(opened.texts("#sample .r-reply pre")[0]) == 1_000_012)
    assert opened.errors() == []


def test_no_view_has_a_serious_fault_of_accessibility(page: Page) -> None:
    """The rules of axe-core, in every view, light and dark; only minor and moderate findings are allowed."""
    for theme in ("light", "dark"):
        page.js(f"document.documentElement.dataset.theme = {theme!r}")
        for address in ("#overview", "#benchmarks", "#samples?kind=wrong&s=iquiz/IQ/IQ-00005"):
            page.go(address)
            if "s=" in address:
                page.waits_for("#sample .transcript", "reply5")
            assert serious_faults(page.browser) == [], (theme, address)


def test_only_rows_that_can_be_seen_are_elements(page: Page) -> None:
    """300 samples, and no more rows than the window has room for; scrolling brings the others."""
    page.go("#samples")
    page.waits_for("#sample-count", "300 of 300")
    until(lambda: 10 < len(page.texts(".list-row")) < 60)
    page.js("document.querySelector('.list-viewport').scrollTop = 1e6")
    page.waits_for(".list-row .c-id", "IQ-00299")
    assert len(page.texts(".list-row")) < 60


def test_chinese_texts_and_themes_are_switched_in_the_page(page: Page) -> None:
    """The whole page changes its language; the theme goes from the system's to light to dark."""
    page.go("#samples")
    page.waits_for("#sample-count", "300 of 300")
    page.js("document.querySelector('[data-language-switch]').click()")
    page.waits_for("nav", "样本")
    page.waits_for("#sample-count", "300 个样本")
    assert page.js("return document.documentElement.lang") == "zh-Hans"
    assert page.texts("#gates .chip") == ["未通过", "通过", "无法判断"]
    reasons = page.texts("#gates [data-gate-reason]")
    assert reasons[0].split("；") == [
        "数值 0.7119（95 % 区间 0.6130 至 0.7750，n=118）",
        "比基线低 9.2 个百分点",
        "2 题新错，1 题新对",
        "超出允许的 2.0 个百分点",
        "单侧 p 0.002（Holm 校正后），α 0.01",
        "5.1 个百分点的下降五次中能发现四次。",
    ]
    assert reasons[2].startswith("bfcl has no baseline")
    assert "is below its floor" in page.texts("#gates .gate:first-of-type details p[lang=en]")[0]
    page.js("document.querySelector('[data-language-switch]').click()")
    page.waits_for("#sample-count", "300 of 300")
    assert page.texts("#gates .chip")[0] == "failed"
    for theme in ("light", "dark", "auto"):
        page.js("document.querySelector('[data-theme-switch]').click()")
        assert page.js("return document.documentElement.dataset.theme") == theme


def test_paper_is_white_and_holds_what_the_screen_scrolls(page: Page) -> None:
    """Printed from the dark theme: light colours, charts too; no scroll box at the width of A4; the list's rows."""
    page.js("document.documentElement.dataset.theme = 'dark'")
    page.go("#benchmarks")
    page.waits_for(".benchmark h2", "iquiz")
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    size = {"width": 718, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        paper = "return getComputedStyle(document.body).backgroundColor"
        assert page.js(paper) == "rgb(251, 251, 249)"
        page.js("window.dispatchEvent(new Event('beforeprint'))")
        assert page.js("return getComputedStyle(document.documentElement).getPropertyValue('--ink')") == "#1c1e21"
        for address in ("#benchmarks", "#overview", "#samples", "#samples?s=iquiz/IQ/IQ-00005"):
            page.go(address)
            view = address[1:].split("?")[0]
            until(partial(page.js, f"return document.documentElement.dataset.view === '{view}'"))
            wide = (
                "return [...document.querySelectorAll('.wide, .list-viewport, html')]"
                ".filter(node => node.scrollWidth > node.clientWidth).map(node => node.className)"
            )
            assert page.js(wide) == [], address
            assert page.js("return document.querySelector('nav').offsetHeight") == 0
        page.waits_for("#sample .transcript", "reply5")
        page.go("#samples")
        until(lambda: page.js("return document.getElementById('sample').hidden"))
        assert len(page.texts(".list-row")) == 300
        assert page.js("return document.querySelector('.list-viewport').clientHeight") > 300 * 12
        page.js("window.dispatchEvent(new Event('afterprint'))")
        assert page.js("return document.documentElement.dataset.theme") == "dark"
        assert len(page.texts(".list-row")) < 300
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_hostile_answers_run_nothing(site: Site, browser: Any) -> None:
    """Every sample opened, rendered and raw, every fold too: no dialog, no request, no element but ours, one title."""
    samples = hostile_samples(site.url)
    site.page = report_page(full_summary(), samples=samples, title="the title")
    browser.get(f"{site.url}/report.html")
    opened = Page(browser, Path())
    until(lambda: opened.js("return document.getElementById('sample-count').textContent.length > 0"))
    opened.go("#samples")
    opened.waits_for("#sample-count", f"{len(samples)} of {len(samples)}")
    before = opened.js("return document.scripts.length")
    opened.errors()
    browser.set_script_timeout(120)
    for turn in range(2):
        opened.js("document.querySelector('.list-viewport').scrollTop = 0")
        opened.press("r" if turn else "")
        browser.execute_async_script(
            """
            const done = arguments[1];
            const wait = (test) => new Promise((resolve) => {
              const look = () => (test() ? resolve() : setTimeout(look, 2));
              look();
            });
            const count = arguments[0];
            (async () => {
              document.querySelector('.list-row a').click();
              for (let number = 0; number < count; number++) {
                await wait(() => document.querySelector('#sample .transcript'));
                for (const fold of document.querySelectorAll('#sample details')) fold.open = true;
                await new Promise((resolve) => setTimeout(resolve, 5));
                document.querySelectorAll('#sample .buttons button')[1].click();
                await new Promise((resolve) => setTimeout(resolve, 5));
              }
              done();
            })();
            """,
            10 if turn else len(samples),
        )
        assert not has_dialog(browser)
    assert browser.title == "the title"
    assert opened.js("return document.scripts.length") == before
    assert opened.js("return document.querySelectorAll('main img, main iframe, main object, main form').length") == 0
    assert opened.js("return document.querySelectorAll('#sample a, #sample [style], #sample [onclick]').length") == 0
    assert opened.errors() == []
    assert set(site.asked) <= {"/report.html", "/favicon.ico"}
    width = opened.js("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width[0] <= width[1]


def test_long_words_do_not_widen_the_page_on_a_phone(browser: Any, tmp_path: Path) -> None:
    """At 360 pixels nothing reaches beyond the right edge, in any view, whatever the answers hold."""
    opened = Page(browser, tmp_path / "report.html")
    samples = hostile_samples("http://" + "w" * 300)
    opened.write(report_page(with_points(full_summary()), samples=samples, title="t" * 200))
    size = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for address in ("", "#samples", "#benchmarks"):
            opened.open(address)
            assert opened.js("return document.documentElement.scrollWidth") <= 360, address
        opened.go("#samples")
        opened.js("document.querySelector('.list-row a').click()")
        until(lambda: opened.js("return document.querySelector('#sample .transcript') !== null"))
        assert opened.js("return document.documentElement.scrollWidth") <= 360
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


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
