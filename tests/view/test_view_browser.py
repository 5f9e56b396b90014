"""`modeleval view` in a real browser: from the list to a run, a sample, a comparison, and a run under way."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.records import ItemKey, Kind
from pytest_modeleval.store.journal import JournalWriter
from tests.support.browsers import chromium, serious_faults
from tests.support.run_folders import RUN, grade, plan, quiz_run, response, write_run
from tests.support.waiting import until

LATER = {"started": "2026-11-28T08:00:00.000Z", "finished": "2026-11-28T08:10:00.000Z"}
LIVE: dict[str, Any] = {"finished": None, "complete": False, "started": "2026-11-29T08:00:00.000Z"}


class Viewer:
    """A browser at a `modeleval view` that runs as a user starts it."""

    def __init__(self, browser: Any, url: str) -> None:
        self.browser = browser
        self.url = url

    def open(self, path: str) -> None:
        """Open an address of the server."""
        self.browser.get(self.url + path)

    def js(self, code: str) -> Any:
        """Run a line of script, as the browser's own console does."""
        return self.browser.execute_script(code)

    def text(self, selector: str) -> str:
        """The text of all such elements."""
        return str(
            self.js(f"return [...document.querySelectorAll({selector!r})].map(node => node.textContent).join('|')")
        )

    def waits_for(self, selector: str, text: str) -> None:
        """Wait until an element has a text."""
        until(lambda: text in self.text(selector))

    def changes(self, selector: str, before: str) -> None:
        """Wait until the text of the elements is another one."""
        until(lambda: self.text(selector) != before)

    def click(self, selector: str) -> None:
        """Click on the first such element."""
        self.js(f"document.querySelector({selector!r}).click()")

    def errors(self) -> list[str]:
        """What the console has got since it was last asked."""
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs to compare, one of hostile names, and one under way."""
    folder = tmp_path / "runs"
    quiz_run(folder / "one", wrong=[1, 3])
    quiz_run(folder / "two", wrong=[1, 2, 7], **LATER)
    quiz_run(folder / "<img src=x onerror=document.title='owned'>", model="<script>document.title='owned'</script>")
    write_run(folder / "live", [plan({"easy": [f"easy-{n}" for n in range(3)]})], **LIVE)
    return folder


@pytest.fixture
def viewer(runs: Path) -> Iterator[Viewer]:
    """The command on a free port, and the browser."""
    pytest.importorskip("starlette", reason="starlette (the extra view) is not installed")
    pytest.importorskip("uvicorn", reason="uvicorn (the extra view) is not installed")
    command = [sys.executable, "-m", "pytest_modeleval.cli", "view", str(runs), "--port", "0"]
    with chromium() as browser, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
            assert found is not None
            yield Viewer(browser, found.group())
        finally:
            server.terminate()


def answer(writer: JournalWriter, sample: str) -> None:
    """Write a reply and its grade, as a run does."""
    item = ItemKey("quiz", "easy", sample)
    writer.write(response(item, "ANSWER: A"))
    writer.write(grade(item, Kind.RIGHT))


def test_from_the_list_to_a_run_a_sample_a_comparison_and_a_run_under_way(viewer: Viewer, runs: Path) -> None:
    """Every view opens with no error in the console; a run under way shows new samples and leaves the open one."""
    viewer.open("")
    viewer.waits_for("table.runs", "two")
    assert ": 4" in viewer.text("#sub")
    assert "under way" in viewer.text("tr.live")
    viewer.open("#q=hard+two")
    viewer.waits_for("#runs tbody", "two")
    viewer.click("td.change button")
    viewer.waits_for("#trend figcaption", "quiz hard on test-model")
    until(lambda: bool(viewer.js("return document.querySelector('#trend canvas').width > 100")))
    viewer.open("#q=quiz")
    for name in ("one", "two"):
        viewer.js(
            "[...document.querySelectorAll('#runs tr')].find(row => row.querySelector('td.name')?.textContent.trim() "
            f"=== {name!r}).querySelector('input').click()"
        )
    viewer.waits_for("#compare-runs", "Compare 2 runs")
    viewer.click("#compare-runs")
    viewer.waits_for("#scores", "quiz hard")
    viewer.waits_for(".changes", "easy/easy-2")
    viewer.click(".changes tbody a")
    viewer.waits_for("#answers", "Q easy-2")
    assert "ANSWER: A" in viewer.text(".side:nth-child(1)")
    assert "ANSWER: B" in viewer.text(".side:nth-child(2)")
    viewer.click(".side:nth-child(2) p:last-child a")
    viewer.waits_for("#sample", "Q easy-2")
    assert viewer.errors() == []

    viewer.open("")
    viewer.waits_for("tr.live", "live")
    viewer.click("tr.live td.name a")
    until(lambda: viewer.js("return location.pathname.startsWith('/runs/')") is True)
    viewer.js("location.hash = 'samples'")
    viewer.waits_for("#sample-count", "0 of 0")
    writer = JournalWriter(runs / "live" / "journal.jsonl")
    answer(writer, "easy-1")
    viewer.waits_for("#sample-count", "1 of 1")
    viewer.js("location.hash = 'samples?s=quiz/easy/easy-1'")
    viewer.waits_for("#sample", "Q easy-1")
    viewer.js("document.querySelector('#sample').firstElementChild.dataset.same = 'yes'")
    answer(writer, "easy-0")
    viewer.waits_for("#sample-count", "2 of 2")
    assert viewer.js("return document.querySelector('#sample').firstElementChild.dataset.same") == "yes"
    viewer.js("location.hash = 'overview'")
    viewer.waits_for(".old-note", "2 more samples since these figures were computed.")
    viewer.click(".old-note button")
    until(lambda: viewer.js("return document.querySelector('.old-note')") is None)
    viewer.waits_for("table", "2")
    viewer.js("location.hash = 'samples'")
    viewer.waits_for("#sample-count", "2 of 2")
    writer.close()
    (runs / "live" / "run.json").write_text(json.dumps({**RUN, **LIVE, "finished": "2026-11-29T09:00:00.000Z"}))
    viewer.waits_for("#sample-count", "3 of 3")
    assert viewer.js("return document.title") != "owned"
    assert viewer.errors() == []


def test_list_and_comparison_are_accessible_fit_a_phone_and_speak_chinese(viewer: Viewer) -> None:
    """No serious finding of axe-core, light and dark; 360 pixels are wide enough; the switch changes the language."""
    viewer.open("api/runs")
    keys = [
        run["key"]
        for run in json.loads(viewer.js("return document.body.innerText"))["runs"]
        if run["name"] in ("one", "two")
    ]
    for address, ready in (("", "table.runs"), (f"compare?run={keys[0]}&run={keys[1]}", "#scores")):
        viewer.open(address)
        viewer.waits_for(ready, "quiz")
        for theme in ("light", "dark"):
            viewer.js(f"document.documentElement.dataset.theme = {theme!r}")
            assert serious_faults(viewer.browser) == [], (address, theme)
        before = viewer.text("main")
        assert viewer.js("return document.querySelector('[data-language-switch]').offsetWidth") > 0
        viewer.click("[data-language-switch]")
        viewer.changes("main", before)
        viewer.click("[data-language-switch]")
        viewer.waits_for("main", "quiz")
        viewer.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True},
        )
        assert viewer.js("return document.documentElement.scrollWidth") <= 360, address
        viewer.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert viewer.errors() == []
