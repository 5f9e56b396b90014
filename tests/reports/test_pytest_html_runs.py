"""pytest-html's page of whole runs: transcripts, what a long page leaves out, hostile answers in a real browser."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support.browsers import Site, has_dialog
from tests.support.loopback import Answer, LoopbackServer
from tests.support.page_cases import Document, hostile_answers
from tests.support.suites import Suite

GATES = """
[[gate]]
name = "half is right"
kind = "floor"
benchmark = "quiz"
floor = 0.5
test = "point"

[[gate]]
name = "nearly all is right"
kind = "floor"
benchmark = "quiz"
floor = 0.99
test = "point"
"""
SMALL = """
from pytest_modeleval.pytest_plugin import pytest_html as html_page
html_page.MOST_ROWS = 20
html_page.MOST_SHOWN = 6
"""
OURS = ("--html", "page.html", "--self-contained-html")

both_ways = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])


@pytest.fixture(autouse=True)
def _needs_pytest_html() -> None:
    pytest.importorskip("pytest_html", reason="pytest-html is not installed")


def written_page(suite: Suite) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """The page, and its rows by node id."""
    html = (suite.path / "page.html").read_text(encoding="utf-8")
    (blob,) = [attrs["data-jsonblob"] for _, attrs in Document(html).tags if "data-jsonblob" in attrs]
    tests: dict[str, list[dict[str, Any]]] = json.loads(blob or "")["tests"]
    return html, tests


def folds(tests: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """Node id -> the text of its transcript."""
    return {
        nodeid: Document(extra["content"]).text
        for nodeid, entries in tests.items()
        for entry in entries
        for extra in entry["extras"]
        if extra["name"] == "transcript"
    }


@both_ways
def test_every_wrong_row_has_its_transcript(suite: Suite, server: LoopbackServer, workers: tuple[str, ...]) -> None:
    """Gates stand above the scores, all rows are there, and those that are not right show question and reply."""
    suite.write_rows(12)
    (suite.path / "gates.toml").write_text(GATES)
    result = suite.run(server.url, *OURS, "--eval-gates", "gates.toml", *workers)
    assert result.status == 1, result.out + result.err
    html, tests = written_page(suite)
    assert len(tests) == 14
    assert html.index("gate failed: nearly all") < html.index('<table class="modeleval">')
    found = folds(tests)
    assert sorted(found) == [f"test_quiz.py::test_quiz[part-{number:04}]" for number in (0, 4, 8)]
    text = found["test_quiz.py::test_quiz[part-0004]"]
    assert "Question 4 of part" in text
    assert "ANSWER: D" in text
    assert "left out" not in html
    kinds = [entry[0]["kind"] for nodeid, entry in tests.items() if "gate[" in nodeid]
    assert sorted(kinds) == ["gate failed", "gate passed"]


@both_ways
def test_a_long_page_shows_gates_and_wrong_ones_and_says_so(
    suite: Suite, server: LoopbackServer, workers: tuple[str, ...]
) -> None:
    """Right rows go, wrong ones are shared out between the subsets, and the counts stay those of the run."""
    suite.pytester.makeconftest(SMALL)
    suite.write_benchmark(subsets=("one", "two"))
    suite.write_rows(36, subset="one")
    suite.write_rows(12, subset="two")
    (suite.path / "gates.toml").write_text(GATES)
    suite.run(server.url, *OURS, "--eval-gates", "gates.toml", *workers)
    html, tests = written_page(suite)
    samples = [nodeid for nodeid in tests if "test_quiz" in nodeid]
    assert len(samples) == 6
    assert sum("[two-" in nodeid for nodeid in samples) == 3
    assert len(tests) == 8
    assert sorted(folds(tests)) == sorted(samples)
    text = Document(html).text
    assert "48 samples are more than this page could draw" in text
    assert "6 of the 12 samples that are not right" in text
    assert "36 right ones are left out; all are in the journal of run." in text
    assert re.search(r"37 Passed, .*12 wrong, 0 Unexpected passes", text), text[:1500]
    assert {tests[nodeid][0]["resultsTableRow"][0] for nodeid in samples} == {'<td class="col-result">wrong</td>'}


@pytest.mark.parametrize("options", [(), ("--eval-strict", "-n", "2")], ids=["one process", "strict under xdist"])
def test_hostile_answers_run_nothing(
    suite: Suite, server: LoopbackServer, site: Site, browser: Any, options: tuple[str, ...]
) -> None:
    """Asked for and answered with, in every fold and opened: no dialog, no request, no other title, no other page.

    On a phone, too: nothing is wider than the screen, and the run's own report is linked.
    """
    answers = hostile_answers(site.url)
    assert len(answers) >= 100
    asked = [text.encode("utf-8", "replace").decode() for text in answers]
    suite.write_raw(
        "".join(
            json.dumps({"question": f"{number} {text}", "choices": [text, "two"], "answer": "A"}) + "\n"
            for number, text in enumerate(asked)
        )
    )
    server.script = lambda body, attempt: Answer(
        text=answers[int(str(body["messages"][-1]["content"]).split()[0])], reasoning=answers[attempt]
    )
    suite.run(server.url, *OURS, *options)
    site.page, tests = written_page(suite)
    assert len(folds(tests)) == len(answers)
    browser.get(f"{site.url}/report.html")
    assert not has_dialog(browser)
    title = browser.title
    browser.find_element("css selector", "#show_all_details").click()
    opened = browser.execute_script(
        "const folds = [...document.querySelectorAll('details')]; folds.forEach(fold => fold.open = true);"
        "document.body.offsetHeight; return folds.length"
    )
    assert opened == len(answers)
    assert not has_dialog(browser)
    assert browser.title == title == "page.html"
    assert browser.execute_script("return document.scripts.length") == 1
    assert browser.current_url.startswith(f"{site.url}/report.html")
    assert set(site.asked) <= {"/favicon.ico", *(path for path in site.asked if path.startswith("/report.html"))}
    link = browser.find_element("css selector", "p.modeleval a")
    assert link.get_attribute("href") == f"{site.url}/run/report.html"
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    assert browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [360, 360]
